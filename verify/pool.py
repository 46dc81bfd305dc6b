"""Running claims, and anything else of which there is much, on one process or on several.

The results do not depend on how many processes there are.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from typing import Any

from . import engine
from .beside import ends_with, in_floats
from .claim import Broken, Budget, Claim, NoClaimError, builtin, load_file, modules_of_claims
from .inputs.names import Chosen
from .inputs.progress import Say, nothing
from .inputs.where_raised import place, why
from .report.as_json import plain
from .report.report import Report

WORTH_IT = 8  # claims; below that, starting a process costs more than it saves

THREADS = "OMP_NUM_THREADS"
OTHER_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

# what workers need, whichever claim they check, or page they make, beside the claims
LOADED = (
    "verify.command.forked", "torch", "hypothesis", "verify.checks",
    "constructions.rounding.bounds",
)  # fmt: skip
LOADED_FOR_PAGES = (*LOADED, "verify.page.site.folder")

# started first, so that nobody waits for them in the end; only the time depends on it
LONG = ("akyurek2022.precision", "yang2024.ridge.directions")

# new objects between two collections of garbage, as gc has it: some 300 MB of what checks make
SELDOM = 2_000_000, 20, 20

KEPT = 2**32  # bytes that a worker may keep of what it has done

Outcome = Mapping[str, Any]  # the fields of a Report but for its claim, which does not travel


def reports(
    chosen: Sequence[Chosen],
    budget: Budget,
    workers: int = 1,
    progress: Say = nothing,
    done: Say = nothing,
) -> list[Report]:
    """The report of each, in order, with the evidence of Coq's kernel if the budget asks for it.

    `done` is told the id and the verdict of every claim that is finished.
    """
    found: dict[int, Report] = {}
    with closing(run(chosen, budget, workers, progress)) as outcomes:
        for where, made in outcomes:
            found[where] = made
            done(f"{made.claim.id}: {made.verdict.name}")
    if budget.coq:
        progress("Coq's kernel")
        whole = [where for where, made in found.items() if not isinstance(made.verdict, Broken)]
        # a claim whose own code fails builds nothing that Coq could be given
        found |= zip(whole, engine.with_kernel([found[where] for where in whole]))
    return [found[where] for where in range(len(chosen))]


def run(
    chosen: Sequence[Chosen], budget: Budget, workers: int = 1, progress: Say = nothing
) -> Generator[tuple[int, Report], None, None]:
    """(place in `chosen`, report) of each, as they come."""
    if workers == 1 or len(chosen) < WORTH_IT:
        claims = [one.claim for one in chosen]
        with one_thread(), seldom_collected(), in_floats(claims, budget, workers) as beside:
            for where, one in enumerate(chosen):
                elsewhere = beside.of_claim(where)
                yield where, checked(one.claim, one.file, budget, progress, elsewhere)
        return
    load_ahead()
    begun = set()
    with closing(_while_workers_load(chosen, budget)) as outcomes:
        for where, made in outcomes:
            begun.add(where)
            yield where, made
    left = [where for where in range(len(chosen)) if where not in begun]
    order = sorted(left, key=lambda where: chosen[where].claim.id not in LONG)
    calls = [(i, chosen[i].claim.key, chosen[i].file, budget) for i in order]
    processes = max(1, min(workers, len(left)))
    with closing(each(_outcome, calls, processes, ordered=False, ahead="all")) as outcomes:
        for where, outcome in outcomes:
            yield where, Report(claim=chosen[where].claim, **outcome)


def _while_workers_load(
    chosen: Sequence[Chosen], budget: Budget
) -> Generator[tuple[int, Report], None, None]:
    """Built-in claims that need no torch, the first ones, checked here until there are workers."""
    loading = threading.Thread(target=_until_loaded, daemon=True)
    loading.start()
    with one_thread(), seldom_collected():
        for where, one in enumerate(chosen):
            if not loading.is_alive():
                return
            if one.file is None and one.claim.floats is None:
                yield where, checked(one.claim, one.file, budget)


def each(
    function: Callable[..., Any],
    calls: Iterable[Sequence[Any]],
    workers: int,
    ordered: bool = True,
    ahead: str = "2 * n_jobs",
) -> Generator[Any, None, None]:
    """What the function returns of each of the calls, torch on one thread; in their order, or as
    they come.

    `ahead`: how many calls wait in processes, as joblib says it. Close it if it is left before its
    end, so that no process goes on.
    """
    if workers == 1:
        for call in calls:
            yield _call(function, call)
        return
    from joblib import Parallel, delayed

    _until_loaded()
    parallel = Parallel(
        n_jobs=workers,
        backend="loky",
        initializer=_begin,
        initargs=(os.getpid(),),
        return_as="generator" if ordered else "generator_unordered",
        batch_size=1,
        pre_dispatch=ahead,
    )
    with _quiet_when_cut_short():
        # what they are forks of does not hear it either
        heard = _ctrl_c_afterwards() if _loading else _workers_ignore_ctrl_c()
        results: Any = None
        try:
            with heard, _forked_where_all_is_loaded():
                results = parallel(delayed(_call)(function, call) for call in calls)
            yield from results
        finally:
            if results is not None:
                results.close()


def _begin(parent: int) -> None:
    """A worker's start. It ends when its parent has: one that was killed could not say so. It may
    keep what it has solved, which joblib would take for a leak of memory, and begin anew. What was
    loaded before is never garbage, and not gone through for it; nor is all that a claim has made
    at its end, as it would be where garbage was collected seldom only until then."""
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = KEPT
    gc.freeze()
    gc.set_threshold(*SELDOM)
    ends_with(parent)


def _call(function: Callable[..., Any], call: Sequence[Any]) -> Any:
    with one_thread(), seldom_collected():
        return function(*call)


def checked(
    claim: Claim,
    file: str | None,
    budget: Budget,
    progress: Say | None = None,
    elsewhere: engine.Elsewhere | None = None,
) -> Report:
    """engine.run; where the claim's own code raises, the report says that it is broken, and where.

    WITNESS_TRACEBACK=1 writes the whole traceback to standard error too.
    """
    try:
        return _plain(engine.run(claim, budget, progress, elsewhere=elsewhere))
    except (Exception, SystemExit) as error:
        if os.environ.get("WITNESS_TRACEBACK"):
            traceback.print_exc()
        verdict = Broken(place(claim.witness or claim.checks, file, error), why(error, file))
    return Report(claim, verdict, (), digest(claim))


def digest(claim: Claim) -> str | None:
    """Digest of what the claim builds; None where it builds nothing, or breaks."""
    try:
        return engine.digest_of(claim)
    except (Exception, SystemExit):
        return None


def _outcome(
    where: int, key: tuple[str, str], file: str | None, budget: Budget
) -> tuple[int, Outcome]:
    """One claim, found again in a worker: claims hold functions, which do not travel."""
    import torch  # noqa: F401  by the first claim: a worker that grows later is ended for a leak

    try:
        claims = builtin() if file is None else load_file(file)
        found = next((claim for claim in claims if claim.key == key), None)
        why = f"{file} registers other claims when it is loaded again"
    except NoClaimError as error:
        found, why = None, str(error)
    if found is None:
        lost = Broken(os.path.basename(file or ""), " ".join(why.split()))
        return where, {"verdict": lost, "checks": (), "digest": None}
    made = checked(found, file, budget)
    return where, {
        field.name: getattr(made, field.name) for field in fields(made) if field.name != "claim"
    }


def _plain(report: Report) -> Report:
    """The same with counterexamples as a report writes them: they can travel, and be written."""
    return replace(
        report,
        verdict=_fields_plain(report.verdict),
        checks=tuple(_fields_plain(check) for check in report.checks),
    )


def _fields_plain(result: Any) -> Any:
    changed = {
        field.name: plain(value)
        for field in fields(result)
        if isinstance(value := getattr(result, field.name), Mapping)
    }
    return replace(result, **changed) if changed else result


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: small matrices are faster so, and sums always add in one order.

    Where nothing has loaded it yet it is not loaded for this, which takes a second.
    """
    if (torch := sys.modules.get("torch")) is not None:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    asked = os.environ.get(THREADS)
    os.environ[THREADS] = "1"  # which torch reads when it is loaded
    try:
        yield
    finally:
        os.environ.pop(THREADS)
        if asked is not None:
            os.environ[THREADS] = asked
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(int(asked or os.cpu_count() or 1))


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Garbage collected seldom: what sympy, torch and the claims keep is no garbage, and to go
    through it takes a tenth of the time of a check."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def load_ahead(modules: Sequence[str] = LOADED) -> None:
    """Begins to load what workers need, the claims too, in a process of which they are then forks.

    It loads beside the caller, and each worker is there at once, though torch, sympy and the claims
    take seconds to load. For the command: a script that starts processes has to allow that its main
    module is loaded again. Only on Linux, where a process of one thread is safely forked; elsewhere
    each worker loads what it needs.
    """
    if sys.platform != "linux":
        return
    from multiprocessing import forkserver, set_forkserver_preload

    set_forkserver_preload([*modules, *modules_of_claims()])
    with _workers_ignore_ctrl_c(), _one_thread_in_processes():
        forkserver.ensure_running()
    global _loading
    _loading = True


_loading = False  # whether there is a process to fork workers from


def _until_loaded() -> None:
    """Waits for that process, if there is one: Ctrl-C ends it here."""
    if not _loading:
        return
    from multiprocessing import get_context

    first = get_context("forkserver").Process(target=int, daemon=True)
    first.start()
    first.join()


@contextmanager
def _forked_where_all_is_loaded() -> Iterator[None]:
    """Workers that start meanwhile are forked, if something was loaded ahead."""
    if not _loading:
        yield
        return
    from joblib.externals.loky.backend import context

    before = context.get_start_method()
    context.set_start_method("forkserver", force=True)
    try:
        yield
    finally:
        context.set_start_method(before, force=True)


@contextmanager
def _one_thread_in_processes() -> Iterator[None]:
    """In processes that are started meanwhile libraries for matrices have one thread."""
    asked = {name: os.environ.get(name) for name in (THREADS, *OTHER_THREADS)}
    os.environ.update(dict.fromkeys(asked, "1"))
    try:
        yield
    finally:
        for name, value in asked.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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


@contextmanager
def _ctrl_c_afterwards() -> Iterator[None]:
    """Ctrl-C that comes meanwhile is heard at the end: what is started is started whole, and on a
    busy machine that may take seconds, in which somebody presses it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _quiet_when_cut_short() -> Iterator[None]:
    """joblib's manager thread stumbles over its own work list when a run is cut short, of which
    nobody needs to hear; it has ended when joblib's generator is closed. Other threads are heard
    as before.
    """
    before = threading.excepthook

    def all_but_the_manager(failed: threading.ExceptHookArgs) -> None:
        if getattr(failed.thread, "name", "") != "ExecutorManagerThread":
            before(failed)

    threading.excepthook = all_but_the_manager
    try:
        yield
    finally:
        threading.excepthook = before
