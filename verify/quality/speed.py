"""Speed, memory and size, side by side with baselines, in one run: `witness bench`.

Times are medians of interleaved rounds: every candidate runs, then every candidate again, so that
what else the machine does falls on all of them alike; a short one runs several times in its turn,
and not on what the others left in the caches. Ratios are of such medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import constructions
from constructions.convergence import not_asked
from constructions.witness import Witness

from ..inputs.progress import Say, nothing
from ..report import tables
from ..report.as_json import versions
from . import baselines, costs, growth
from .machine import last_level_cache, machine

# how a figure ends that has a goal
GOALS: dict[str, tuple[str, float]] = {
    "newton / bare algorithm": ("<=", 3.0),
    "dense weights / newton": (">=", 15.0),
    "newton, share of the matrix-product rate": (">=", 0.5),
    "one small prompt / bare algorithm": ("<=", 2.0),
    "27 iterations / 26": ("<=", 1.2),
    "gradient_descent / bare algorithm": ("<=", 3.0),
    "sherman_morrison / bare algorithm": ("<=", 5.0),
    "peak memory / tokens": ("<=", 4.0),
    "Python fractions / rational": (">=", 50.0),
    "peak GiB": ("<=", 8.0),
    "seconds / predict": ("<=", 3.0),
    "memory / table": ("<=", 4.0),
    "seconds in all": ("<=", 10.0),
    "predicted / counted - 1": ("~", 0.1),
    "measured - predicted": ("~", 0.2),
    "witness --help, seconds": ("<=", 0.3),
    "witness list, seconds": ("<=", 0.5),
    "witness check newton, seconds": ("<=", 3.0),
    "witness check --quick, seconds": ("<=", 15.0),
    "witness check, seconds": ("<=", 60.0),
}
RELATIONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "<=": ("at most", lambda value, limit: value <= limit),
    ">=": ("at least", lambda value, limit: value >= limit),
    "~": ("within", lambda value, limit: abs(value) <= limit),
}

Rows = list[dict[str, Any]]
TURN = 0.02


def interleaved(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median over rounds of each candidate's mean seconds in its turn of TURN seconds or one run.

    One round of each before the clock starts.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in candidates.items():
            start, runs, passed = clock(), 0, 0.0
            while passed < TURN:
                run()
                runs, passed = runs + 1, clock() - start
            if number:
                taken[name].append(passed / runs)
    return {name: statistics.median(times) for name, times in taken.items()}


def run(quick: bool = False, progress: Say = nothing, device: str = "cpu") -> dict[str, Any]:
    """Every figure as JSON data: machine, versions, times, and rows of goal and measured value.

    device: "cuda" runs predictions in floats and what they are compared with on a GPU; fractions,
    the cost model, large sizes and starts stay on the processor.
    quick: small sizes and few rounds, so that every figure is made in seconds; the goals are for
    the sizes of the full run.
    """
    sizes = {"B": 8, "d": 8, "n": 32, "k": 3} if quick else {"B": 64, "d": 32, "n": 128, "k": 8}
    rows: Rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        with not_asked():
            times = speed(sizes, rows, 3 if quick else 15, progress, device)
        small(rows, 3 if quick else 15, progress, device)
        with not_asked():
            memory(sizes, rows, progress, device)
            exact(quick, rows, progress)
            model(quick, rows, progress)
    if not quick:
        large(rows, progress)
    tables_run(quick, rows, progress)
    starts(quick, rows, progress)
    return {
        "schema": "witness-bench/1",
        "quick": quick,
        "sizes": sizes,
        "machine": machine() | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {}),
        "versions": versions(),
        "seconds": times,
        "rows": rows,
    }


def row(rows: Rows, what: str, value: float | None, note: str = "") -> None:
    """Adds one figure, with its goal if it has one."""
    relation, limit = next((goal for end, goal in GOALS.items() if what.endswith(end)), ("", None))
    met = None
    if value is not None and limit is not None:
        met = RELATIONS[relation][1](value, limit)
    found = {"what": what, "value": value, "relation": relation, "goal": limit, "met": met}
    rows.append(found | {"note": note})


def built(
    sizes: Mapping[str, int], what: str, progress: Say
) -> Iterator[tuple[str, str, dict[str, Any], Witness]]:
    """(label, name, parameters, witness) of the core witnesses, each said as it is built."""
    for label, (name, parameters) in baselines.witnesses(sizes).items():
        progress(f"{what}: {label}")
        yield label, name, parameters, constructions.build(name, **parameters)


def speed(
    sizes: Mapping[str, int], rows: Rows, rounds: int, progress: Say, device: str = "cpu"
) -> dict[str, dict[str, float]]:
    """Each witness against its bare algorithm, dense weights and a loop in numpy."""
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"], device=device)
    arrays = X.cpu().numpy(), y.cpu().numpy(), queries.cpu().numpy()
    side = 256 if sizes["d"] < 32 else 1024
    square = torch.randn(side, side, dtype=torch.float64, device=device)
    small = torch.randn(sizes["B"], sizes["d"], sizes["d"], dtype=torch.float64, device=device)
    products = {
        "matrix product": partial(torch.matmul, square, square),
        "small products": partial(torch.bmm, small, small),
    }
    made: dict[str, dict[str, float]] = {}
    for label, name, parameters, witness in built(sizes, "speed", progress):
        bare = {
            key: value
            for key, value in parameters.items()
            if key not in ("d", "examples", "storage")
        }
        candidates: dict[str, Callable[[], Any]] = {
            "witness": partial(witness.predict, X, y, queries),
            "bare": partial(baselines.BARE[name], X, y, queries, **bare),
            "numpy loop": partial(baselines.loop, name, *arrays, bare),
        }
        if name != "sherman_morrison":  # its dense matrices take gigabytes
            module = witness.to_torch().to(device)
            candidates["dense"] = partial(_dense, module, X, y, queries)
        made_by = [torch.as_tensor(run()).cpu().numpy() for run in candidates.values()]
        agree = [one.reshape(sizes["B"], -1) for one in made_by]
        apart = max(float(np.abs(one - agree[0]).max()) for one in agree)
        scale = float(np.abs(agree[0]).max())
        if not apart <= 1e-8 * scale:
            raise RuntimeError(
                f"{label}: the candidates differ by {apart}, predictions are {scale}"
            )
        if name == "newton":
            candidates |= products
        if device == "cuda":
            candidates = {which: partial(_ended, run) for which, run in candidates.items()}
        times = made[label] = interleaved(candidates, rounds if name != "sherman_morrison" else 3)
        row(rows, f"{label} / bare algorithm", times["witness"] / times["bare"])
        row(rows, f"numpy loop / {label}", times["numpy loop"] / times["witness"])
        if "dense" in times:
            row(rows, f"dense weights / {label}", times["dense"] / times["witness"])
        if name == "newton":
            rate = 2 * side**3 / times["matrix product"]
            needed = costs.predicted("newton", "flops", m=1, **sizes)
            alone = 2 * sizes["B"] * sizes["d"] ** 3 / times["small products"] / rate
            row(
                rows, "newton, share of the matrix-product rate", needed / times["witness"] / rate,
                f"{rate / 1e9:.1f} GFLOP/s at {side} x {side}; {needed / 1e6:.1f} MFLOP needed; "
                f"{sizes['B']} products of {sizes['d']} x {sizes['d']} at once have a share of "
                f"{alone:.2f} by themselves",
            )  # fmt: skip
    return made


def small(rows: Rows, rounds: int, progress: Say, device: str = "cpu") -> None:
    """One small prompt, where nearly all is the call, without and with what tells whether rounding
    has reached it (nothing is asked where that warning is ignored); and one iteration more, from
    where on the cheap bound of a prediction no longer tells."""
    progress("speed: one small prompt")

    def candidates(sizes: Mapping[str, int], **given: Any) -> dict[str, Callable[[], Any]]:
        X, y, queries = (part[0] for part in costs.prompt(1, sizes["d"], sizes["n"], device=device))
        witness = constructions.build("newton", d=sizes["d"], **given)
        runs: dict[str, Callable[[], Any]] = {
            "witness": partial(witness.predict, X, y, queries),
            "bare": partial(baselines.newton, X, y, queries, **given),
        }
        if device == "cuda":
            return {which: partial(_ended, run) for which, run in runs.items()}
        return runs

    times = interleaved(candidates({"d": 8, "n": 40}, iterations=8, alpha=0.125), rounds)
    row(
        rows, "newton, one small prompt / bare algorithm", times["witness"] / times["bare"],
        f"d = 8, n = 40, k = 8: {times['witness'] * 1e6:.0f} us",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        times = interleaved(candidates({"d": 8, "n": 40}, iterations=8, alpha=0.125), rounds)
    row(
        rows, "newton, one small prompt and its rounding bound / bare algorithm",
        times["witness"] / times["bare"], f"{times['witness'] * 1e6:.0f} us",
    )  # fmt: skip
    steps = {
        str(k): candidates({"d": 64, "n": 128}, iterations=k, alpha=1e-6)["witness"]
        for k in (26, 27)
    }
    times = interleaved(steps, rounds)
    row(rows, "newton, 27 iterations / 26", times["27"] / times["26"], "d = 64, n = 128")


def _ended(run: Callable[[], Any]) -> None:
    """The run, until the GPU has ended it."""
    run()
    torch.cuda.synchronize()


def _dense(module: Any, *prompt: Any) -> Any:
    with torch.no_grad():
        return module(*prompt)


def memory(sizes: Mapping[str, int], rows: Rows, progress: Say, device: str = "cpu") -> None:
    """The most bytes that a prediction holds at once, beside the size of the prompt's tokens."""
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"], device=device)
    tokens = 8 * sizes["B"] * (sizes["n"] + 1) * (sizes["d"] + 1)
    for label, _, _, witness in built(sizes, "memory", progress):
        predict = partial(witness.predict, X, y, queries)
        on_gpu = device == "cuda"
        peak = costs.memory_of_gpu(predict) if on_gpu else costs.memory(predict)["peak"]
        row(
            rows, f"{label}: peak memory / tokens", peak / tokens,
            f"{peak / 2**20:.2f} MiB beside tokens (x, y) of {tokens / 2**20:.2f} MiB",
        )  # fmt: skip


def exact(quick: bool, rows: Rows, progress: Say) -> None:
    """Rational arithmetic against the same forward pass over Python's fractions."""
    sizes = {"d": 2, "n": 4, "k": 2} if quick else {"d": 32, "n": 128, "k": 8}
    rng = np.random.default_rng(0)
    d, n = sizes["d"], sizes["n"]
    for label, _, parameters, witness in built(sizes, "fractions", progress):
        X, y, queries = (_sevenths(rng, *shape) for shape in ((n, d), (n,), (1, d)))
        numbers = {"rational": "rational", "Python fractions": baselines.PythonFractions()}
        found: dict[str, list[Fraction]] = {}
        candidates = {
            which: partial(_keep, found, which, partial(witness.predict, X, y, queries, system))
            for which, system in numbers.items()
        }
        times = interleaved(candidates, 3)
        if found["rational"] != found["Python fractions"]:
            raise RuntimeError(f"{label}: rational and Python's fractions differ")
        size = f"d = {d}, n = {n}" + ("" if "examples" in parameters else f", k = {sizes['k']}")
        row(
            rows, f"{label}: Python fractions / rational",
            times["Python fractions"] / times["rational"],
            f"{size}, {times['rational'] * 1e3:.2g} ms",
        )  # fmt: skip


def _keep(found: dict[str, list[Fraction]], which: str, run: Callable[[], Any]) -> None:
    found[which] = list(run())


def _sevenths(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random fractions with denominator 7."""
    return np.vectorize(lambda v: Fraction(int(v), 7), otypes=[object])(rng.integers(-9, 10, shape))


def model(quick: bool, rows: Rows, progress: Say) -> None:
    """The cost model against what a profiler counts, and against how time grows."""
    sizes = {"B": 2, "d": 8, "n": 32, "k": 3} if quick else {"B": 8, "d": 32, "n": 128, "k": 8}
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"])
    for label, _, _, witness in built(sizes, "cost model", progress):
        if label not in costs.COSTS:
            continue
        run = partial(witness.predict, X, y, queries)
        counted = {"flops": costs.flops(run), "bytes": costs.memory(run)["made"]}
        for quantity, count in counted.items():
            formula = getattr(costs.COSTS[label], quantity)
            off = costs.predicted(label, quantity, m=1, **sizes) / count - 1
            row(rows, f"{label}: {quantity}, predicted / counted - 1", off, formula)
    for one in growth.QUICK if quick else growth.full(last_level_cache()):
        progress(f"growth of {one.witness} in {one.variable}")
        timer = partial(interleaved, rounds=3 if quick else 7, clock=time.process_time)
        found = growth.measure(one, timer)
        variable, off = one.variable, found["measured"] - found["predicted"]
        row(
            rows, f"{one.witness}: exponent in {variable}, measured - predicted", off,
            f"{found['range']}: time grows like {variable}^{found['measured']:.2f}, "
            f"FLOPs like {variable}^{found['predicted']:.2f}",
        )  # fmt: skip
        rows[-1]["growth"] = found


# label: (what builds it, d, n, what it should predict)
LARGE = {
    "newton at d = 1024, n = 4096, k = 8": (
        "constructions.build('newton', d=1024, iterations=8, alpha=0.125)", 1024, 4096,
        "baselines.newton(*prompt, iterations=8, alpha=0.125)",
    ),
    "sherman_morrison at d = 64, n = 64": (
        "constructions.build('sherman_morrison', d=64, examples=64, ridge=1)", 64, 64,
        "baselines.sherman_morrison(*prompt, ridge=1)",
    ),
    "akyurek2022, theorem 2 in its own layers at d = 64, n = 1": (
        "constructions.build('akyurek2022_theorem2', d=64, ridge=1)", 64, 1,
        "baselines.sherman_morrison(*prompt, ridge=1)",
    ),
}  # fmt: skip


def large(rows: Rows, progress: Say) -> None:
    """Large sizes, each in a process of its own, whose highest memory use is asked for."""
    for what, (build, d, n, algorithm) in LARGE.items():
        progress(what)
        code = (
            "import time, warnings, constructions; from verify.quality import baselines, costs\n"
            "warnings.simplefilter('ignore')\n"
            f"prompt = costs.prompt(1, {d}, {n}); start = time.perf_counter()\n"
            f"witness = {build}; got = witness.predict(*prompt)\n"
            "seconds = time.perf_counter() - start\n"
            "peak = costs.highest_memory()\n"
            f"error = float((got / {algorithm} - 1).abs().max())\n"
            "print(seconds, peak, error, witness.width)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        figure = f"{what}: peak GiB"
        if done.returncode:
            row(rows, figure, None, done.stderr.strip().split("\n")[-1])
            continue
        seconds, peak, error, width = map(float, done.stdout.split())
        took = f"{seconds:.1f} s, building included; off by a relative {error:.1g}"
        row(rows, figure, peak / 2**30, f"width {width:.0f}; {took}")


RUN = ((400, 400), (300, 2000), (2500, 2000))  # rows and columns of tables
TALL = (10**6, 6)
TIMED_RUN = """
import sys, time, warnings
from verify.command.cli import main
from verify.quality.costs import highest_memory
from verify.tables import compare

run, ran = compare.run, []

def kept(*given, **named):
    ran.append((given[2], run(*given, **named)))
    return ran[0][1]

compare.run = kept
status = main(["run", *sys.argv[1:]])
peak, ((problem, result),) = highest_memory(), ran
warnings.simplefilter("ignore")
start = time.perf_counter()
result.witness.predict(problem.X, problem.y, problem.queries)
print(time.perf_counter() - start, peak)
sys.exit(status)
"""


def tables_run(quick: bool, rows: Rows, progress: Say) -> None:
    """`witness run` on tables of random numbers: what it takes beyond a table of 30 rows, against
    its prediction alone and against the table as floats."""
    usual, usual_peak, _ = _table_run("newton", 30, 3)
    for n, d in ((80, 8),) if quick else RUN:
        what = f"witness run newton, {n} x {d}"
        progress(what)
        seconds, peak, predicted = _table_run("newton", n, d)
        took = f"{seconds:.1f} s, {usual:.1f} s of them for any table; predict {predicted:.2g} s"
        row(rows, f"{what}: beyond any table's, seconds / predict", (seconds - usual) / predicted,
            took)  # fmt: skip
        row(rows, f"{what}: beyond any table's, memory / table",
            (peak - usual_peak) / (8 * n * (d + 1)), f"{peak / 2**20:.0f} MiB in all")  # fmt: skip
    n, d = (800, 6) if quick else TALL
    what = f"witness run gradient_descent, {n} x {d}: seconds in all"
    progress(what)
    seconds, _, predicted = _table_run("gradient_descent", n, d)
    row(rows, what, seconds, f"predict {predicted:.2g} s")


def _table_run(name: str, n: int, d: int) -> tuple[float, float, float]:
    """Seconds of the command in a process of its own, the most bytes that it holds, and the seconds
    of its prediction."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "table.csv"
        table = np.random.default_rng(0).standard_normal((n, d + 1))
        names = [*(f"x{i}" for i in range(d)), "y"]
        np.savetxt(data, table, "%.9g", ",", header=",".join(names), comments="")
        call = [sys.executable, "-c", TIMED_RUN, name, "--data", str(data), "--target", "y"]
        start = time.perf_counter()
        done = subprocess.run(call, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"witness run {name}, {n} x {d}: {done.stderr.strip()}")
    predicted, peak = map(float, done.stdout.splitlines()[-1].split())
    return seconds, peak, predicted


def starts(quick: bool, rows: Rows, progress: Say) -> None:
    """How long the command takes to start; and in a full run, to check everything."""
    rounds = 3 if quick else 7
    calls: list[tuple[tuple[str, ...], int]] = [(("--help",), rounds), (("list",), rounds)]
    if not quick:
        calls += [(("check", "newton"), 3), (("check", "--quick"), 1), (("check",), 1)]
    for arguments, times in calls:
        what = f"witness {' '.join(arguments)}, seconds"
        progress(what)
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "verify", *arguments], capture_output=True)
            taken.append(time.perf_counter() - start)
        note = "" if done.returncode == 0 else f"exit status {done.returncode}"
        row(rows, what, statistics.median(taken), note)


HEADS = ("figure", "measured", "goal", "", "note")


def _cells(one: Mapping[str, Any], missed: Any) -> list[Any]:
    """One figure beside its goal."""
    value = "failed" if one["value"] is None else f"{one['value']:.3g}"
    goal = "" if one["goal"] is None else f"{RELATIONS[one['relation']][0]} {one['goal']:g}"
    met = {True: "met", False: missed, None: ""}[one["met"]]
    return [one["what"], value, goal, met, one["note"]]


def table(result: Mapping[str, Any]) -> Any:
    """A rich table of every figure beside its goal; the goals are for the full sizes."""
    from rich.text import Text

    missed = Text("missed", style="red")
    rows = [
        _cells(one | {"met": None} if result["quick"] else one, missed) for one in result["rows"]
    ]
    made = tables.grid(HEADS, rows, overflow="fold")
    sizes = ", ".join(f"{name} = {value}" for name, value in result["sizes"].items())
    made.title, made.title_justify = f"{sizes}, float64", "left"
    return made


def markdown(result: Mapping[str, Any]) -> str:
    """One report, for README."""
    rows = [_cells(one, "**missed**") for one in result["rows"]]
    on = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    return f"{tables.markdown(HEADS, rows)}\n{on}.\n"


def plot(result: Mapping[str, Any], path: str) -> None:
    """Time against d, n, k and B beside the cost model's lines, as a picture."""
    growth.plot([one["growth"] for one in result["rows"] if "growth" in one], path)
