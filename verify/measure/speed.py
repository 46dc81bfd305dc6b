"""Speed, memory and size, side by side with baselines, in one run: `witness bench`.

Times are medians of interleaved rounds: every candidate runs, then every candidate again, so that
what else the machine does falls on all of them alike; a short one runs several times in its turn,
and not on what the others left in the caches. Ratios are of such medians.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch

import constructions

from . import baselines, costs, growth

GOALS: dict[str, tuple[str, float]] = {
    "newton / bare": ("<=", 3.0),
    "dense / newton": (">=", 15.0),
    "newton, share of the matrix-product rate": (">=", 0.5),
    "gradient_descent / bare": ("<=", 3.0),
    "sherman_morrison / bare": ("<=", 5.0),
    "peak memory / tokens": ("<=", 4.0),
    "Python fractions / rational": (">=", 50.0),
    "peak GiB": ("<=", 8.0),
    "predicted / counted": ("~", 0.1),
    "exponent, measured - predicted": ("~", 0.2),
    "witness --help, seconds": ("<=", 0.3),
    "witness list, seconds": ("<=", 0.5),
    "witness check --quick, seconds": ("<=", 30.0),
    "witness check, seconds": ("<=", 180.0),
}

Say = Callable[[str], None]
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


def run(quick: bool = False, progress: Say = lambda what: None) -> dict[str, Any]:
    """Every figure as JSON data: machine, versions, times, and rows of goal and measured value.

    quick: small sizes and few rounds, so that every figure is made in seconds; the goals are for
    the sizes of the full run.
    """
    from ..report.text import versions

    sizes = {"B": 8, "d": 8, "n": 32, "k": 3} if quick else {"B": 64, "d": 32, "n": 128, "k": 8}
    rows: list[dict[str, Any]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        times = speed(sizes, rows, 3 if quick else 15, progress)
        memory(sizes, rows, progress)
        exact(quick, rows, progress)
        model(quick, rows, progress)
    if not quick:
        large(rows, progress)
    starts(quick, rows, progress)
    return {
        "schema": "witness-bench/1",
        "quick": quick,
        "sizes": sizes,
        "machine": machine(),
        "versions": versions(),
        "seconds": times,
        "rows": rows,
    }


def row(
    rows: list[dict[str, Any]],
    what: str,
    value: float | None,
    goal: str | None = None,
    note: str = "",
) -> None:
    """Adds one figure; `goal` names an entry of GOALS."""
    relation, limit = GOALS[goal] if goal else ("", None)
    met = None
    if goal and value is not None and limit is not None:
        met = {
            "<=": value <= limit, ">=": value >= limit, "~": abs(value) <= limit,
        }[relation]  # fmt: skip
    rows.append(
        {
            "what": what,
            "value": value,
            "relation": relation,
            "goal": limit,
            "met": met,
            "note": note,
        }
    )


def witnesses(sizes: Mapping[str, int]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The core witnesses at these sizes: label -> (name, parameters)."""
    d, n, k = sizes["d"], sizes["n"], sizes["k"]
    return {
        "newton": ("newton", {"d": d, "iterations": k, "alpha": 0.25}),
        "gradient_descent": ("gradient_descent", {"d": d, "steps": k, "step_size": 0.125}),
        "sherman_morrison": ("sherman_morrison", {"d": d, "examples": n, "ridge": 1}),
        "sherman_morrison tokens": (
            "sherman_morrison", {"d": d, "examples": n, "ridge": 1, "storage": "tokens"},
        ),
    }  # fmt: skip


def speed(
    sizes: Mapping[str, int], rows: list[dict[str, Any]], rounds: int, progress: Say
) -> dict[str, dict[str, float]]:
    """Each witness against its bare algorithm, dense weights and a loop in numpy."""
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"])
    arrays = X.numpy(), y.numpy(), queries.numpy()
    side = 256 if sizes["d"] < 32 else 1024
    square = torch.randn(side, side, dtype=torch.float64)
    small = torch.randn(sizes["B"], sizes["d"], sizes["d"], dtype=torch.float64)
    products = {
        "matrix product": partial(torch.matmul, square, square),
        "small products": partial(torch.bmm, small, small),
    }
    made: dict[str, dict[str, float]] = {}
    for label, (name, parameters) in witnesses(sizes).items():
        progress(f"speed: {label}")
        witness = constructions.build(name, **parameters)
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
            module = witness.to_torch()
            candidates["dense"] = partial(_dense, module, X, y, queries)
        agree = [np.asarray(run()).reshape(sizes["B"], -1) for run in candidates.values()]
        apart = max(float(np.abs(one - agree[0]).max()) for one in agree)
        scale = float(np.abs(agree[0]).max())
        if not apart <= 1e-8 * scale:
            raise RuntimeError(
                f"{label}: the candidates differ by {apart}, predictions are {scale}"
            )
        if name == "newton":
            candidates |= products
        times = made[label] = interleaved(candidates, rounds if name != "sherman_morrison" else 3)
        ratio = times["witness"] / times["bare"]
        row(
            rows,
            f"{label} / bare algorithm",
            ratio,
            f"{label} / bare" if f"{label} / bare" in GOALS else None,
        )
        row(rows, f"numpy loop / {label}", times["numpy loop"] / times["witness"])
        if "dense" in times:
            goal = "dense / newton" if name == "newton" else None
            row(rows, f"dense weights / {label}", times["dense"] / times["witness"], goal)
        if name == "newton":
            rate = 2 * side**3 / times["matrix product"]
            needed = costs.predicted("newton", "flops", m=1, **sizes)
            alone = 2 * sizes["B"] * sizes["d"] ** 3 / times["small products"] / rate
            row(
                rows, "newton, share of the matrix-product rate", needed / times["witness"] / rate,
                "newton, share of the matrix-product rate",
                f"{rate / 1e9:.1f} GFLOP/s at {side} x {side}; {needed / 1e6:.1f} MFLOP needed; "
                f"{sizes['B']} products of {sizes['d']} x {sizes['d']} at once have a share of "
                f"{alone:.2f} by themselves",
            )  # fmt: skip
    return made


def _dense(module: Any, *prompt: Any) -> Any:
    with torch.no_grad():
        return module(*prompt)


def memory(sizes: Mapping[str, int], rows: list[dict[str, Any]], progress: Say) -> None:
    """The most bytes that a prediction holds at once, beside the size of the prompt's tokens."""
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"])
    tokens = 8 * sizes["B"] * (sizes["n"] + 1) * (sizes["d"] + 1)
    for label, (name, parameters) in witnesses(sizes).items():
        progress(f"memory: {label}")
        witness = constructions.build(name, **parameters)
        peak = costs.memory(partial(witness.predict, X, y, queries))["peak"]
        row(
            rows, f"{label}: peak memory / tokens", peak / tokens, "peak memory / tokens",
            f"{peak / 2**20:.2f} MiB beside tokens (x, y) of {tokens / 2**20:.2f} MiB",
        )  # fmt: skip


def exact(quick: bool, rows: list[dict[str, Any]], progress: Say) -> None:
    """Rational arithmetic against the same forward pass over Python's fractions."""
    sizes = {"d": 2, "n": 4, "k": 2} if quick else {"d": 32, "n": 128, "k": 8}
    rng = np.random.default_rng(0)
    for label, (name, parameters) in witnesses(sizes).items():
        d, n = sizes["d"], sizes["n"]
        X, y, queries = (_sevenths(rng, *shape) for shape in ((n, d), (n,), (1, d)))
        progress(f"fractions: {label}")
        witness = constructions.build(name, **parameters)
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
            times["Python fractions"] / times["rational"], "Python fractions / rational",
            f"{size}, {times['rational'] * 1e3:.2g} ms",
        )  # fmt: skip


def _keep(found: dict[str, list[Fraction]], which: str, run: Callable[[], Any]) -> None:
    found[which] = list(run())


def _sevenths(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random fractions with denominator 7."""
    return np.vectorize(lambda v: Fraction(int(v), 7), otypes=[object])(rng.integers(-9, 10, shape))


def model(quick: bool, rows: list[dict[str, Any]], progress: Say) -> None:
    """The cost model against what a profiler counts, and against how time grows."""
    sizes = {"B": 2, "d": 8, "n": 32, "k": 3} if quick else {"B": 8, "d": 32, "n": 128, "k": 8}
    X, y, queries = costs.prompt(sizes["B"], sizes["d"], sizes["n"])
    for label, (name, parameters) in witnesses(sizes).items():
        if label not in costs.COSTS:
            continue
        progress(f"cost model: {label}")
        witness = constructions.build(name, **parameters)
        run = partial(witness.predict, X, y, queries)
        counted = {"flops": costs.flops(run), "bytes": costs.memory(run)["made"]}
        for quantity, count in counted.items():
            formula = getattr(costs.COSTS[label], quantity)
            off = costs.predicted(label, quantity, m=1, **sizes) / count - 1
            row(
                rows,
                f"{label}: {quantity}, predicted / counted - 1",
                off,
                "predicted / counted",
                formula,
            )
    for one in growth.QUICK if quick else growth.FULL:
        progress(f"growth of {one.witness} in {one.variable}")
        found = growth.measure(
            one,
            witnesses,
            partial(interleaved, rounds=3 if quick else 7, clock=time.process_time),
        )
        variable, off = one.variable, found["measured"] - found["predicted"]
        row(
            rows, f"{one.witness}: exponent in {variable}, measured - predicted", off,
            "exponent, measured - predicted",
            f"{found['range']}: time grows like {variable}^{found['measured']:.2f}, "
            f"FLOPs like {variable}^{found['predicted']:.2f}",
        )  # fmt: skip
        rows[-1]["growth"] = found


# label: (what builds it, d, n, what it should predict)
LARGE = {
    "newton at d = 1024, n = 4096, k = 8": (
        "constructions.build('newton', d=1024, iterations=8, alpha=0.25)", 1024, 4096,
        "baselines.newton(*prompt, iterations=8, alpha=0.25)",
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


def large(rows: list[dict[str, Any]], progress: Say) -> None:
    """Large sizes, each in a process of its own, whose highest memory use is asked for."""
    for what, (build, d, n, algorithm) in LARGE.items():
        progress(what)
        code = (
            "import time, warnings, constructions; from verify import baselines, costs\n"
            "warnings.simplefilter('ignore')\n"
            f"prompt = costs.prompt(1, {d}, {n}); start = time.perf_counter()\n"
            f"witness = {build}; got = witness.predict(*prompt)\n"
            "seconds = time.perf_counter() - start\n"
            "peak = costs.highest_memory()\n"
            f"error = float((got / {algorithm} - 1).abs().max())\n"
            "print(seconds, peak, error, witness.width)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            row(rows, f"{what}: peak GiB", None, "peak GiB", done.stderr.strip().split("\n")[-1])
            continue
        seconds, peak, error, width = map(float, done.stdout.split())
        row(
            rows,
            f"{what}: peak GiB",
            peak / 2**30,
            "peak GiB",
            f"width {width:.0f}; {seconds:.1f} s, building included; off by a relative {error:.1g}",
        )


def starts(quick: bool, rows: list[dict[str, Any]], progress: Say) -> None:
    """How long the command takes to start; and in a full run, to check everything."""
    rounds = 3 if quick else 7
    calls: list[tuple[tuple[str, ...], int]] = [(("--help",), rounds), (("list",), rounds)]
    if not quick:
        calls += [(("check", "--quick"), 1), (("check",), 1)]
    for arguments, times in calls:
        what = f"witness {' '.join(arguments)}, seconds"
        progress(what)
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "verify", *arguments], capture_output=True)
            taken.append(time.perf_counter() - start)
        note = "" if done.returncode == 0 else f"exit status {done.returncode}"
        row(rows, what, statistics.median(taken), what, note)


def machine() -> dict[str, Any]:
    """Processor, cores, memory, threads, and how busy the machine was."""
    name = platform.processor()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(
                (x.split(":")[1].strip() for x in lines if x.startswith("model name")), name
            )
    except OSError:
        pass
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    )
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def table(result: Mapping[str, Any]) -> Any:
    """A rich table of every figure beside its goal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    sizes = ", ".join(f"{name} = {value}" for name, value in result["sizes"].items())
    made = Table(title=f"{sizes}, float64", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("figure", "measured", "goal", "", "note"):
        made.add_column(column, overflow="fold")
    words = {"<=": "at most ", ">=": "at least ", "~": "within "}
    for one in result["rows"]:
        value = "failed" if one["value"] is None else f"{one['value']:.3g}"
        goal = f"{words[one['relation']]}{one['goal']:g}" if one["goal"] is not None else ""
        met = {True: Text("met", "green"), False: Text("missed", "red"), None: Text("")}[one["met"]]
        if result["quick"]:
            met = Text("")  # the goals are for the full sizes
        made.add_row(one["what"], value, goal, met, one["note"])
    return made


def plot(result: Mapping[str, Any], path: str) -> None:
    """Time against d, n, k and B beside the cost model's lines, as a picture."""
    growth.plot([one["growth"] for one in result["rows"] if "growth" in one], path)
