"""Running many claims, on one process or on several; the results do not depend on which."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from . import engine
from .claim import Budget, CheckResult, Claim, Verdict, builtin, load_file
from .engine import Report
from .errors import WrongCall
from .subjects import Chosen

WORTH_IT = 8  # claims; below that, starting a process costs more than it saves

# started first, so that nobody waits for them in the end; only the time depends on it
LONG = ("akyurek2022.precision",)

Outcome = tuple[int, Verdict, tuple[CheckResult, ...], str | None]


def run(
    chosen: Sequence[Chosen],
    budget: Budget,
    workers: int = 1,
    progress: Callable[[str], None] = lambda what: None,
) -> Iterator[tuple[int, Report]]:
    """(place in `chosen`, report) of each, as they come."""
    if workers == 1 or len(chosen) < WORTH_IT:
        with one_thread():
            for place, one in enumerate(chosen):
                yield place, _checked(one.claim, one.file, budget, progress)
        return
    from joblib import Parallel, delayed

    order = sorted(range(len(chosen)), key=lambda i: chosen[i].claim.id not in LONG)
    jobs = (delayed(_outcome)(i, chosen[i].claim.key, chosen[i].file, budget) for i in order)
    parallel = Parallel(
        n_jobs=min(workers, len(chosen)),
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="all",
    )
    threading.excepthook = _say_unless_ending
    with _workers_ignore_ctrl_c():
        outcomes = parallel(jobs)
    for place, verdict, checks, digest in outcomes:
        yield place, Report(chosen[place].claim, verdict, checks, digest)


def _checked(
    claim: Claim,
    file: str | None,
    budget: Budget,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """engine.run; what a user's own file raises is the user's to mend: WrongCall, in one line."""
    try:
        return engine.run(claim, budget, progress)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        if file is None:
            raise RuntimeError(f"claim {claim.id} ({claim.variant}): {said}") from error
        raise WrongCall(f"{file}, claim {claim.id}: {said}") from None


def _outcome(place: int, key: tuple[str, str], file: str | None, budget: Budget) -> Outcome:
    """One claim, found again in a worker: claims hold functions, which do not travel."""
    claims = builtin() if file is None else load_file(file)
    found = next(c for c in claims if c.key == key)
    with one_thread():
        report = _checked(found, file, budget)
    return place, _plain(report.verdict), tuple(_plain(c) for c in report.checks), report.digest


def _plain(result: Any) -> Any:
    """The same with mapping proxies as dicts, so that it can travel."""
    from dataclasses import fields, replace

    changed = {
        field.name: dict(value)
        for field in fields(result)
        if isinstance(value := getattr(result, field.name), Mapping)
    }
    return replace(result, **changed) if changed else result


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """torch on one thread: small matrices are faster so, and sums always add in one order."""
    if not wanted:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _workers_ignore_ctrl_c() -> Iterator[None]:
    """Processes started here inherit it; Ctrl-C then ends the command, and that ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say_unless_ending(failed: threading.ExceptHookArgs) -> None:
    """joblib's manager thread stumbles over its own work list when a run is cut short."""
    if getattr(failed.thread, "name", "") != "ExecutorManagerThread":
        threading.__excepthook__(failed)
