"""Check a witness against its algorithm, and say so.

    from verify import Claim, claim, check, algorithms, strategies

A claim is one statement of a paper; `check` runs its checks and returns a Report with a verdict.
`measure(model, d=…, n=…)` says which algorithm a model follows that was not built but trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .box import Between, Box
from .claim import (
    Approximates,
    Broken,
    Budget,
    Check,
    CheckResult,
    Claim,
    Domain,
    Holds,
    IllPosed,
    Promise,
    Refuted,
    Undecided,
    Verdict,
    claim,
    tied,
)
from .papers import Paper

if TYPE_CHECKING:
    from proofs.letters import count, diagonal, each, matrix, vector

    from . import algorithms, statements, strategies
    from .formulas import formula
    from .learners.report.measured import measure
    from .report.report import Report

__all__ = [
    "Approximates",
    "Between",
    "Box",
    "Broken",
    "Budget",
    "Check",
    "CheckResult",
    "Claim",
    "Domain",
    "Holds",
    "IllPosed",
    "Paper",
    "Promise",
    "Refuted",
    "Undecided",
    "Verdict",
    "algorithms",
    "check",
    "claim",
    "count",
    "diagonal",
    "each",
    "formula",
    "matrix",
    "measure",
    "statements",
    "strategies",
    "tied",
    "vector",
]


def check(
    which: Claim | str, variant: str | None = None, *, seed: int = 0, quick: bool = False
) -> Report:
    """The report on one claim, given itself or by its id and variant: "printed", "repaired" or
    "improved", by default the first of these that it has.

    Raises ValueError on an unknown claim.
    """
    from . import engine

    if isinstance(which, str):
        which = _named(which, variant)
    return engine.run(which, Budget(seed=seed, quick=quick))


def _named(name: str, variant: str | None) -> Claim:
    from difflib import get_close_matches

    from .claim import builtin, registered

    known = {one.key: one for one in (*builtin(), *registered())}
    variants = [one for one in ("printed", "repaired", "improved") if (name, one) in known]
    if not variants:
        close = get_close_matches(name, [one for one, _ in known], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"there is no claim {name!r}{hint}")
    if variant is not None and variant not in variants:
        raise ValueError(f"{name} has no variant {variant!r}; it has {', '.join(variants)}")
    return known[name, variant or variants[0]]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # numpy and hypothesis are loaded when first used, not by `import verify`
    if name == "formula":
        from .formulas import formula

        return formula
    if name == "measure":
        from .learners.report.measured import measure

        return measure
    if name in ("count", "diagonal", "each", "matrix", "vector"):
        from proofs import letters

        return getattr(letters, name)
    if name in ("algorithms", "statements", "strategies"):
        from importlib import import_module

        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
