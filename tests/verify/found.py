"""What checks find of built-in claims, run once each, and their counterexamples as fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

from verify.claim import Budget, Claim, Verdict, builtin
from verify.engine import run

FEW = Budget(cases=40)


def claims_of(paper: str) -> dict[tuple[str, str], Claim]:
    """{(id, variant): claim} of a paper."""
    return {one.key: one for one in builtin() if one.id.startswith(f"{paper}.")}


def verdict(name: str, variant: str = "printed", **changed: Any) -> Verdict:
    """The verdict on a claim, or on the claim with other fields."""
    if not changed:
        return _verdict(name, variant)
    return run(replace(_claim(name, variant), **changed), FEW).verdict


@cache
def _verdict(name: str, variant: str) -> Verdict:
    return run(_claim(name, variant), FEW).verdict


def _claim(name: str, variant: str) -> Claim:
    (claim,) = (one for one in builtin() if one.key == (name, variant))
    return claim


def numbers(value: Any) -> Any:
    """Texts of fractions as fractions, in lists too."""
    return [numbers(one) for one in value] if isinstance(value, list) else Fraction(value)


def dot(u: Sequence[Any], v: Sequence[Any]) -> Any:
    """The inner product, exactly."""
    return sum((a * b for a, b in zip(u, v, strict=True)), start=Fraction(0))
