"""witness sweep: one witness over a grid of sizes, seeds, number systems and conditioning.

Every point is judged against its algorithm and appended as one JSON line, flushed to the disk
before the next. A line is whole or (after a crash) cut off and dropped; a point whose line is
there is not done again. So a sweep may be killed at any time and goes on where it was.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from itertools import product
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..inputs.errors import MOST_WORKERS, WrongCall, at_least
from ..inputs.files import check_outputs, reason
from ..inputs.progress import Progress, Say, nothing
from ..report.as_json import plain
from .options import NAME

if TYPE_CHECKING:
    import numpy as np

    from ..inputs.names import Subject

AXES = ("d", "n", "m", "seed", "numbers", "condition", "scale")
DEFAULTS: dict[str, Any] = {
    "d": 2, "n": 4, "m": 1, "seed": 0, "numbers": "float64", "condition": 10, "scale": 1,
}  # fmt: skip
MOST = 1_000_000  # points of one sweep

Point = dict[str, Any]


def sweep(
    name: NAME,
    output: Annotated[
        str, typer.Option("-o", metavar="RESULTS", help="JSON lines; appended to, point by point.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUES", help="d=4, d=1:64, d=1:64:3 or d=2|4|8."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, for many machines.")
    ] = None,
) -> None:
    """Judge a witness at every point of a grid.

    Axes are d, n, m, seed, numbers, condition, scale and the witness's own parameters. A sweep
    that was ended goes on where it was: points whose line is in RESULTS are not done again.
    """
    at_least("workers", workers, 1, MOST_WORKERS)
    if output == "-":
        raise WrongCall("-o must be a file: a sweep goes on from what is in it")
    check_outputs({"-o": output}, (name,))
    with Progress("sweep", 1) as progress:
        done = run(name, settings or (), output, workers, dask, progress)
    before = f", {done['before']} were there" if done["before"] else ""
    print(f"{done['points']} points: {done['done']} judged{before}; {output}", file=sys.stderr)


def grid(name: str, settings: Iterable[str]) -> list[Point]:
    """The points of "--set" texts: "d=4", "d=1:64" (both ends), "d=1:64:3", "d=2|4|8".

    Axes are d, n, m, seed, numbers, condition, scale and the witness's own parameters. Raises
    WrongCall with one line.
    """
    from ..inputs.names import subject
    from ..inputs.settings import convert, split
    from ..report.report import sha256_of

    hashes = sha256_of([name])
    one = subject(name)
    own = [key for key in one.signature.parameters if key not in ("d", "n", "examples")]
    values: dict[str, list[Any]] = {}
    for setting in settings:
        for key, text in split(setting):
            if key in values:
                raise WrongCall(f"--set {key} is given twice")
            if key not in AXES and key not in own:
                raise WrongCall(f"{name} has no axis {key!r}; there are {', '.join((*AXES, *own))}")
            texts = _range(key, text)
            values[key] = [
                _axis(key, t) if key in AXES else convert(name, one.signature, key, t)
                for t in texts
            ]
    chosen = {key: values.get(key, [DEFAULTS[key]]) for key in AXES}
    chosen |= {key: values[key] for key in own if key in values}
    count = prod(map(len, chosen.values()))
    if count > MOST:
        raise WrongCall(f"the grid has {count} points, more than {MOST}")
    points = [dict(zip(chosen, combination)) for combination in product(*chosen.values())]
    # results of a file that was changed since are no results of this one
    of_file = {"file_sha256": next(iter(hashes.values()))} if hashes else {}
    return [plain({"witness": name, **of_file, **point}) for point in points]


def _range(key: str, text: str) -> list[str]:
    if key in AXES and "," in text:
        raise WrongCall(f"--set {key}={text}: write several values as {text.replace(',', '|')}")
    if "|" in text:
        return [part.strip() for part in text.split("|")]
    if ":" not in text:
        return [text]
    try:
        ends = [int(part) for part in text.split(":")]
        first, last, step = (*ends, 1) if len(ends) == 2 else ends
        if step < 1 or last < first or (last - first) // step >= MOST:
            raise ValueError
    except ValueError:
        raise WrongCall(f"--set {key}={text}: write a range as 1:64 or 1:64:3") from None
    return [str(value) for value in range(first, last + 1, step)]


def _axis(key: str, text: str) -> Any:
    from constructions.numbers import FLOATS
    from proofs.exact import MOST_WHOLE

    if key == "numbers":
        allowed = (*FLOATS, "ball", "rational")
        if text not in allowed:
            raise WrongCall(f"numbers must be one of {', '.join(allowed)}, not {text!r}")
        return text
    whole = key in ("d", "n", "m", "seed")
    least, kind = {
        "seed": (0, "a whole number from 0"),
        "condition": (1, "a number of at least 1"),
        "scale": (0, "a positive number"),
    }.get(key, (1, "a whole number from 1"))
    try:
        value: float = int(text) if whole else float(text)
        if not least <= value < inf or (key == "scale" and value == 0):
            raise ValueError
    except ValueError:
        raise WrongCall(f"{key} must be {kind}, not {text!r}") from None
    if whole and key != "seed" and value > MOST_WHOLE:
        raise WrongCall(f"{key} must be at most {MOST_WHOLE}, not {text}")
    return value


def key(point: Mapping[str, Any]) -> str:
    """What tells two points apart, as text."""
    return json.dumps(point, sort_keys=True, separators=(",", ":"))


def judge(point: Mapping[str, Any]) -> dict[str, Any]:
    """The point with its outcome, error, bound, digest and seconds."""
    from ..checks.judge import as_claim
    from ..checks.judge import judge as judged
    from ..inputs.names import subject
    from ..inputs.region import suit
    from ..inputs.settings import convert
    from ..pool import one_thread
    from ..strategies import Case

    start = time.perf_counter()
    sha256 = point.get("file_sha256")
    one = subject(point["witness"]) if sha256 is None else _of_file(point["witness"], sha256)
    X, y, queries = prompt(point)
    given = {
        name: convert(one.name, one.signature, name, value)
        for name, value in point.items()
        if name in one.signature.parameters and name not in ("d", "n", "examples")
    }
    try:
        parameters, _ = suit(one.name, one.signature, given, X, one.of_cases)
        witness = one.build(parameters)
        with one_thread():
            said = judged(as_claim(one), Case(parameters, X, y, queries), point["numbers"])
        said["digest"] = witness.digest
    except WrongCall as error:
        said = {"outcome": "not run", "error": None, "bound": None, "detail": str(error)}
    return {**point, **said, "seconds": round(time.perf_counter() - start, 4)}


@lru_cache(maxsize=8)
def _of_file(name: str, sha256: str) -> Subject:
    """A claim of a file, which is loaded once in a process and has to be the one asked for."""
    from ..inputs.names import subject
    from ..report.report import sha256_of

    if sha256 not in sha256_of([name]).values():
        raise WrongCall(f"{name} is not the file that the sweep was started with")
    return subject(name)


def prompt(point: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, d) of the point's condition number and scale, y (n,), queries (m, d)."""
    import numpy as np

    n, d, m = point["n"], point["d"], point["m"]
    rng = np.random.default_rng([point["seed"], n, d, m])
    rank = min(n, d)
    left = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    spread = float(point["condition"]) ** -np.linspace(0, 1, rank)
    X = point["scale"] * (left * spread) @ right.T
    return X, point["scale"] * rng.standard_normal(n), rng.standard_normal((m, d))


# -- running and going on ---------------------------------------------------------------------


def run(
    name: str,
    settings: Iterable[str],
    out: str | Path,
    workers: int = 1,
    dask: str | None = None,
    progress: Say = nothing,
) -> dict[str, int]:
    """Judges every point of the grid that `out` has not; {"points", "before", "done"}.

    `dask`: address of a Dask scheduler, whose workers have this package. Raises WrongCall.
    """
    points = grid(name, settings)
    with appended(Path(out)) as results:
        known = results.keys()
        left = [point for point in points if key(point) not in known]
        start, done = time.monotonic(), 0
        for record in _judged(left, workers, dask):
            results.append(record)
            done += 1
            remaining = (time.monotonic() - start) / done * (len(left) - done)
            count = len(points) - len(left) + done
            progress(f"{count} of {len(points)} points, about {_time(remaining)} left")
    return {"points": len(points), "before": len(points) - len(left), "done": done}


def read(path: str | Path) -> list[dict[str, Any]]:
    """The whole lines of a file of results, also while a sweep writes it."""
    data = Path(path).read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


class Results:
    """An open file of results: one whole JSON line per point."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        data = path.read_bytes()
        end = data.rfind(b"\n") + 1
        try:
            self.records = [json.loads(line) for line in data[:end].splitlines()]
            self._keys = {record["key"] for record in self.records}
        except (ValueError, KeyError, TypeError):
            raise WrongCall(f"{path} holds something else than results of a sweep") from None
        if end < len(data):
            if not data[end:].startswith(b"{"):
                raise WrongCall(f"{path} holds something else than results of a sweep")
            os.ftruncate(descriptor, end)  # the line that a crash cut off

    def keys(self) -> set[str]:
        return self._keys

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds a line and waits until the disk has it."""
        line = (json.dumps(plain(record)) + "\n").encode()
        size = os.fstat(self.descriptor).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(self.descriptor, line[written:])
            os.fsync(self.descriptor)
        except OSError as error:
            os.ftruncate(self.descriptor, size)
            raise WrongCall(f"{self.path}: cannot be written: {reason(error)}") from None


@contextmanager
def appended(path: Path) -> Iterator[Results]:
    """The file of results, held by this process alone. Raises WrongCall."""
    try:
        import fcntl
    except ImportError:
        raise WrongCall("sweeps need the file locks of Linux, macOS or WSL") from None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise WrongCall(f"{path}: cannot be written: {reason(error)}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WrongCall(f"{path}: another sweep is writing it") from None
        yield Results(path, descriptor)
    finally:
        os.close(descriptor)


def _judged(points: Sequence[Point], workers: int, dask: str | None) -> Iterator[dict[str, Any]]:
    if dask is not None and points:
        yield from _on_dask(points, dask)
        return
    from ..pool import each

    with closing(each(_record, ((point,) for point in points), workers, ordered=False)) as made:
        yield from made


def _on_dask(points: Sequence[Point], address: str) -> Iterator[dict[str, Any]]:
    """A few points per worker are under way at any time."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise WrongCall("--dask needs the package `distributed` (extra `cluster`)") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise WrongCall(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        ahead = 4 * max(1, len(client.scheduler_info()["workers"]))
        waiting = iter(points)
        futures = [
            client.submit(_record, point, pure=False) for _, point in zip(range(ahead), waiting)
        ]
        running = as_completed(futures)
        for future in running:
            yield future.result()
            following = next(waiting, None)
            if following is not None:
                running.add(client.submit(_record, following, pure=False))


def _record(point: Point) -> dict[str, Any]:
    return {"key": key(point), **judge(point)}


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
