"""akyurek2022: layers and hidden units of the chains, counted and fitted as polynomials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from constructions.papers.akyurek2022 import chains as paper

from ...checks.statements import counts
from ...claim import Check, Promise, claim
from . import PAPER


def _at_most(build: Any, sizes: Sequence[dict[str, Any]], **promised: str) -> Check:
    """Quantities of assembled transformers, fitted exactly and set against O(.)."""
    promises = tuple(Promise(quantity, formula, "O") for quantity, formula in promised.items())
    return counts(build, promises, lambda: sizes)


def _sizes(dims: Iterable[int], examples: Sequence[int], **given: Any) -> list[dict[str, Any]]:
    return [{"d": d, "examples": n, **given} for d in dims for n in examples]


@claim(
    "akyurek2022.theorem1.resources",
    source=f"{PAPER}, theorem 1",
    statement=r"\text{constant number of layers, } O(d) \text{ hidden units}",
    summary="one step takes a constant number of layers and O(d) units",
    note="counted on the repaired chain; positions and the two pads are counted too",
)
def theorem1_resources() -> tuple[Check, ...]:
    sizes = _sizes(range(1, 9), (1,), step_size=1, ridge=1)
    return (_at_most(paper.akyurek2022_theorem1, sizes, layers="1", width="d", hidden="d"),)


@claim(
    "akyurek2022.theorem1.multistep.resources",
    source=f"{PAPER}, theorem 1",
    statement=r"O(n) \text{ layers, } O(n + d) \text{ hidden units}",
    summary="n steps take O(n) layers and O(n + d) units",
    note="counted on the repaired chain",
)
def theorem1_multistep_resources() -> tuple[Check, ...]:
    sizes = _sizes((1, 2, 3, 5), (2, 3, 4, 6), step_size=1, ridge=1)
    build = paper.akyurek2022_theorem1
    return (_at_most(build, sizes, layers="n", width="n + d", hidden="n + d"),)


@claim(
    "akyurek2022.theorem2.resources",
    source=f"{PAPER}, theorem 2",
    statement=r"\text{constant number of layers, } O(d^2) \text{ hidden units}",
    summary="ridge regression on one example takes a constant number of layers and O(d^2) units",
    note="counted on the repaired chain; positions, pads and the scratch of div are counted too",
)
def theorem2_resources() -> tuple[Check, ...]:
    build, sizes = paper.akyurek2022_theorem2, _sizes(range(1, 8), (1,), ridge=1)
    return (
        _at_most(build, sizes, layers="1", width="d**2"),
        _at_most(build, sizes[1:], hidden="d**2"),
    )


@claim(
    "akyurek2022.theorem2.multistep.resources",
    source=f"{PAPER}, theorem 2",
    statement=r"O(n) \text{ layers}",
    summary="ridge regression on n examples takes O(n) layers",
    note="counted on the repaired chain",
)
def theorem2_multistep_resources() -> tuple[Check, ...]:
    sizes = _sizes((1, 2, 3), (2, 3, 4), ridge=1)
    return (_at_most(paper.akyurek2022_theorem2, sizes, layers="n"),)
