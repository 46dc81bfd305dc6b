"""Of every construction whether the order of the examples matters, and how that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, product
from typing import Any

import constructions
from constructions.construction import Construction
from constructions.parameters import Examples, OneOf
from constructions.witness import Witness
from proofs.prompt import X_ALONE

from ..checks import order, proof
from ..checks.equivariance import order_reaches
from ..claim import Claim, builtin
from ..claims.ours.derived import example, own
from ..report import tables
from .resources_table import papers

EXAMPLES = 2  # of witnesses whose weights know their number
STEPS = 3
SIZE = {"d": 1, "examples": EXAMPLES, "iterations": 1}
HEADER = ("construction", "with", "the order", "how it is known")
FREE, MATTERS, OPEN = "has no effect", "matters", "has no effect that was found"
UNASKED = "was not asked"  # of prompts that are no examples (x, y)


@dataclass(frozen=True)
class Row:
    """What is known of one choice of a construction's options."""

    construction: str
    options: Mapping[str, Any]
    effect: str
    known: str


def rows() -> Iterator[Row]:
    """Every construction with every choice of its options, and what the papers print."""
    claims = {one.id: one for one in builtin() if one.variant == "improved"}
    for name in constructions.names():
        made = constructions.get(name)
        assert isinstance(made, Construction)
        for options, witness in choices(made):
            yield Row(name, options, *known(witness, options, claims.get(name)))
    for paper in papers():
        if paper.construction not in constructions.names():
            size = {name: value for name, value in SIZE.items() if name in paper.sizes}
            yield Row(paper.construction, {}, *known(paper.build(**size), {}, None))


def choices(made: Construction) -> Iterator[tuple[dict[str, Any], Witness]]:
    """Options that go together, with a small witness; those that need an array get one."""
    kinds = own(made)
    options = {name: kind.of for name, kind in kinds.items() if isinstance(kind, OneOf)}
    given: dict[str, Any] = {}
    for name, kind in kinds.items():
        if isinstance(kind, Examples):
            given[name] = max(EXAMPLES, kind.least)
        elif kind.default is kind.REQUIRED and name not in options:
            given[name] = example(kind, 1)
    if isinstance(made.steps, str) and not isinstance(kinds.get(made.steps), Examples):
        given[made.steps] = max(STEPS, kinds[made.steps].least)  # type: ignore[attr-defined]
    unset = [name for name, kind in kinds.items() if kind.default is None]
    for chosen in product(*options.values()):
        choice = dict(zip(options, chosen))
        sets = chain.from_iterable(combinations(unset, size) for size in range(len(unset) + 1))
        for filled, d in product(sets, (1, 2)):
            arrays = {name: example(kinds[name], d) for name in filled}
            try:
                yield choice, made(d=d, **given, **choice, **arrays)
            except ValueError:
                continue
            break


def known(witness: Witness, options: Mapping[str, Any], claim: Claim | None) -> tuple[str, str]:
    """(the effect of the order, how it is known)."""
    reached = order_reaches(witness)
    if reached is None:
        return FREE, "the layers, for every n"
    if witness.prompt.fields != X_ALONE:
        return UNASKED, reached
    if claim is not None and claim.assembled is not None:
        sets = [
            given
            for given in claim.assembled()
            if all(given.get(name) == value for name, value in options.items())
        ]
        fixed = sorted({given["examples"] for given in sets if "examples" in given})
        if fixed:
            counts = range(EXAMPLES, fixed[-1] + 1)
            sets = [{**given, "examples": n} for given in sets for n in counts]
        if sets and all(map(partial(_by_formula, claim), sets)):
            lengths = f"n = {EXAMPLES} to {fixed[-1]}" if fixed else "every n"
            return FREE, f"it predicts its formula, and that does not change, for {lengths}"
    shown = order.exchanged(witness)
    if shown is not None:
        return MATTERS, order.words(shown)
    return OPEN, reached


def _by_formula(claim: Claim, given: Mapping[str, Any]) -> bool:
    return order.formula_depends(claim, given) is None and proof.prove(claim, given).proved


def markdown() -> str:
    """The table; choices of a construction of which the same is known share a line."""
    lines: list[tuple[str, str, str, str]] = []
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows():
        found.setdefault((row.construction, row.effect, row.known), []).append(row.options)
    alone = {name: sum(key[0] == name for key in found) == 1 for name, *_ in found}
    for (name, effect, how), options in found.items():
        said = "" if alone[name] else "; ".join(", ".join(map(str, o.values())) for o in options)
        lines.append((f"`{name}`", said, effect, how))
    return tables.markdown(HEADER, lines)
