"""The list of all theorems; a new module of theorems is added to `MODULES`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    "papers.fu2023",
    "matching",
    "papers.vonoswald2022",
    "papers.wang2024",
    "papers.vladymyrov2024",
    "papers.akyurek2022",
    "papers.giannou2023",
    "papers.giannou2024",
    "papers.cheng2024",
    "papers.ahn2023",
    "papers.dherin2025",
    "papers.bai2023",
)


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem of `statements`. Raises ValueError when two share an id."""
    return listed(*(import_module(f"proofs.statements.{module}").THEOREMS for module in MODULES))


def listed(*parts: Iterable[Theorem]) -> tuple[Theorem, ...]:
    """All of them in one list. Raises ValueError when two share an id."""
    found = tuple(theorem for part in parts for theorem in part)
    ids = [theorem.id for theorem in found]
    doubled = sorted({i for i in ids if ids.count(i) > 1})
    if doubled:
        raise ValueError(f"theorem ids used twice: {doubled}")
    return found


def prove(
    ids: Sequence[str] | None = None, of: Sequence[Theorem] | None = None
) -> tuple[Proof, ...]:
    """Proves the theorems (of this list, default all of `proofs`) with these ids or supporting

    these claims; all for None. Raises KeyError for a name that is neither.
    """
    chosen = theorems() if of is None else tuple(of)
    if ids is not None:
        wanted = set(ids)
        known = {name for t in chosen for name in (t.id, *t.claims)}
        if wanted - known:
            raise KeyError(f"no theorem named or supporting {sorted(wanted - known)}")
        chosen = tuple(t for t in chosen if wanted & {t.id, *t.claims})
    return tuple(theorem.prove() for theorem in chosen)
