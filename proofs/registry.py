"""The list of all theorems; a new module of theorems is added to `MODULES`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from proofs.theorem import Proof, Theorem

MODULES = (
    "descent",
    "newton",
    "polynomials",
    "convergence",
    "hyperpower",
    "depth",
    "improved",
    "algorithms",
    "exact",
    "ridge",
    "fu2023",
    "vonoswald2022",
    "akyurek2022",
)


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem. Raises ValueError when two share an id."""
    found: list[Theorem] = []
    for module in MODULES:
        found += import_module(f"proofs.statements.{module}").THEOREMS
    ids = [theorem.id for theorem in found]
    doubled = sorted({i for i in ids if ids.count(i) > 1})
    if doubled:
        raise ValueError(f"theorem ids used twice: {doubled}")
    return tuple(found)


def prove(ids: Sequence[str] | None = None) -> tuple[Proof, ...]:
    """Prove the theorems with these ids or supporting these claims; all for None.

    Raises KeyError for a name that is neither.
    """
    chosen = theorems()
    if ids is not None:
        wanted = set(ids)
        known = {name for t in chosen for name in (t.id, *t.claims)}
        if wanted - known:
            raise KeyError(f"no theorem named or supporting {sorted(wanted - known)}")
        chosen = tuple(t for t in chosen if wanted & {t.id, *t.claims})
    return tuple(theorem.prove() for theorem in chosen)
