"""How time grows in d, n, k and B, beside how the FLOPs of the cost model do.

One variable grows, the others stay. The ranges are those in which the arithmetic takes the time,
not the calling; and the arrays that are made in one range are all below, or all above, the 32 MiB
from which on the system's allocator asks for fresh pages each time. Where an array takes part in
products with vectors alone the time is that of reading it, and a cache gives it several times as
fast as the memory: where it grows it is 2, 4 and 8 times the last-level cache of the machine. It is
processor time, of torch on one thread: two threads wait for each other at small sizes and not at
large ones, which would be an exponent of the waiting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import constructions

from ..pool import one_thread
from . import costs
from .baselines import witnesses

VARIABLES = ("d", "n", "k", "B")
FRESH = 32 * 2**20  # bytes of an array for which the allocator asks for fresh pages


@dataclass(frozen=True)
class Range:
    """Sizes of one variable; `fixed` are the others, n as a number or as "2 d"."""

    witness: str
    variable: str
    values: tuple[int, ...]
    fixed: Mapping[str, int | str]

    def sizes(self, value: int) -> dict[str, int]:
        """d, n, k and B where the variable is `value`."""
        made: dict[str, Any] = {"k": 1, **self.fixed, self.variable: value}
        if made["n"] == "2 d":
            made["n"] = 2 * made["d"]
        return made

    def __str__(self) -> str:
        fixed = ", ".join(f"{name} = {value}" for name, value in self.fixed.items())
        return f"{self.variable} = {self.values[0]} to {self.values[-1]}, {fixed}"


def full(cache: int) -> tuple[Range, ...]:
    """The ranges on a machine with a last-level cache of so many bytes."""

    def beyond(size: int, power: int = 1) -> tuple[int, ...]:
        """Where size * value**power bytes are 2, 4 and 8 caches, and arrays above FRESH."""
        bytes_ = (times * max(cache, FRESH // 2) for times in (2, 4, 8))
        return tuple(math.ceil((one / size) ** (1 / power)) for one in bytes_)

    return (
        Range("newton", "d", (640, 896, 1280, 1792), {"n": "2 d", "k": 2, "B": 1}),
        Range("newton", "n", (2048, 4096, 8192, 16384), {"d": 256, "k": 1, "B": 1}),
        Range("newton", "k", (4, 8, 16, 32), {"d": 384, "n": 384, "B": 1}),
        Range("newton", "B", (1, 2, 4, 8, 16), {"d": 256, "n": 512, "k": 4}),
        # X has 8 B n d bytes
        Range("gradient_descent", "d", beyond(8 * 2, 2), {"n": "2 d", "k": 4, "B": 1}),
        Range("gradient_descent", "n", beyond(8 * 512), {"d": 512, "k": 4, "B": 1}),
        Range("gradient_descent", "k", (8, 16, 32, 64), {"d": 512, "n": 1024, "B": 1}),
        Range("gradient_descent", "B", beyond(8 * 1024 * 256), {"d": 256, "n": 1024, "k": 4}),
        # P has 8 B d^2 bytes
        Range("sherman_morrison", "d", beyond(8, 2), {"n": 2, "B": 1}),
        Range("sherman_morrison", "n", (8, 16, 32, 64), {"d": 512, "B": 1}),
        Range("sherman_morrison", "B", beyond(8 * 1024**2), {"d": 1024, "n": 2}),
    )


QUICK = (
    Range("newton", "d", (16, 32), {"n": "2 d", "k": 2, "B": 1}),
    Range("newton", "n", (32, 64), {"d": 16, "k": 1, "B": 1}),
    Range("newton", "k", (2, 4), {"d": 16, "n": 32, "B": 1}),
    Range("newton", "B", (2, 4), {"d": 16, "n": 32, "k": 2}),
)


def measure(
    one: Range, timer: Callable[[Mapping[str, Callable[[], Any]]], Mapping[str, float]]
) -> dict[str, Any]:
    """{"witness", "variable", "range", "measured", "predicted", "points"}: both exponents.

    `timer` gives the seconds of each of several runs.
    """
    candidates, flops = {}, {}
    for value in one.values:
        sizes = one.sizes(value)
        name, parameters = witnesses(sizes)[one.witness]
        witness = constructions.build(name, **parameters)
        prompt = costs.prompt(sizes["B"], sizes["d"], sizes["n"])
        candidates[str(value)] = partial(witness.predict, *prompt)
        flops[value] = costs.predicted(one.witness, "flops", m=1, **sizes)
    with one_thread():
        times = timer(candidates)
    seconds = {value: times[str(value)] for value in one.values}
    return {
        "witness": one.witness,
        "variable": one.variable,
        "range": str(one),
        "measured": costs.exponent(seconds),
        "predicted": costs.exponent(flops),
        "points": [
            {one.variable: value, "seconds": seconds[value], "flops": flops[value]}
            for value in one.values
        ],
    }


def plot(measured: Iterable[Mapping[str, Any]], path: str) -> None:
    """Four panels, one per variable: seconds, and the cost model's FLOPs at the same rate."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

    panels: dict[str, list[Mapping[str, Any]]] = {name: [] for name in VARIABLES}
    for one in measured:
        panels[one["variable"]].append(one)
    colours = {
        name: f"C{number}"
        for number, name in enumerate(
            dict.fromkeys(one["witness"] for some in panels.values() for one in some)
        )
    }
    figure, grid = pyplot.subplots(2, 2, figsize=(10, 9), layout="constrained")
    for axes, (variable, ranges) in zip(grid.flat, panels.items()):
        for one in ranges:
            at = [point[variable] for point in one["points"]]
            seconds = [point["seconds"] for point in one["points"]]
            flops = [point["flops"] for point in one["points"]]
            rate = seconds[-1] / flops[-1]
            fixed = one["range"].split(", ", 1)[1]
            label = (
                f"{one['witness']}, {fixed}:\n"
                f"{variable}^{one['measured']:.2f}, model {variable}^{one['predicted']:.2f}"
            )
            axes.loglog(at, seconds, "o", color=colours[one["witness"]], label=label)
            axes.loglog(at, [rate * f for f in flops], "--", color=colours[one["witness"]])
        ticks = sorted({point[variable] for one in ranges for point in one["points"]})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", labelsize=8, labelrotation=45 if len(ticks) > 5 else 0)
        axes.set(
            xlabel=variable,
            ylabel="processor seconds, one thread",
            title=f"time against {variable}",
        )
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.24), frameon=False)
    figure.suptitle("points: measured; dashed: FLOPs of the cost model, scaled to the last point")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
