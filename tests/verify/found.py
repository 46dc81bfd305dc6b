"""What checks find of built-in claims, run once each, and their counterexamples as fractions."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from verify.claim import Budget, Claim, Verdict, builtin
from verify.engine import run


def claims_of(paper: str) -> dict[tuple[str, str], Claim]:
    """{(id, variant): claim} of a paper."""
    return {one.key: one for one in builtin() if one.id.startswith(f"{paper}.")}


@cache
def verdict(name: str, variant: str = "printed") -> Verdict:
    (claim,) = (one for one in builtin() if one.key == (name, variant))
    return run(claim, Budget(cases=40)).verdict


def numbers(value: Any) -> Any:
    """Texts of fractions as fractions, in lists too."""
    return [numbers(one) for one in value] if isinstance(value, list) else Fraction(value)
