"""For tests of one's own: `import verify.testing` in conftest.py.

Hypothesis allows each example 200 ms, and a first call that takes longer than the others is called
flaky. torch, sympy and flint are loaded when they are first used, which takes seconds: importing
this module uses them, before any test's clock starts.
"""

from __future__ import annotations

from fractions import Fraction

import constructions

from . import algorithms, engine, strategies

__all__ = ["algorithms", "engine", "strategies"]


def _use() -> None:
    """Builds a witness, and runs it and its reference in every kind of number."""
    witness = constructions.build("newton", d=8, iterations=1, alpha=Fraction(1, 64))
    # so many examples that the bound is made by a pass back
    prompt = [[i == j % 8 for i in range(8)] for j in range(64)], [1] * 64, [[1] * 8]
    for numbers in ("float64", "rational", "ball"):
        witness.predict(*prompt, numbers=numbers)
    witness.rounding_bound(*prompt, "float32")
    witness.trace(*prompt)


_use()
