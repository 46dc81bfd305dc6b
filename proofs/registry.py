"""The list of all theorems; a new module of theorems is added to `MODULES`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from proofs.theorem import Proof, Theorem

MODULES = (
    "theorems_descent",
    "theorems_newton",
    "theorems_polynomials",
    "theorems_convergence",
    "theorems_hyperpower",
    "theorems_depth",
    "theorems_improved",
    "theorems_algorithms",
    "theorems_exact",
    "theorems_ridge",
    "theorems_fu",
    "theorems_vonoswald",
    "theorems_akyurek",
)


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem. Raises ValueError when two share an id."""
    found: list[Theorem] = []
    for module in MODULES:
        found += import_module(f"proofs.{module}").THEOREMS
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
