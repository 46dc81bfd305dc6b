"""Draws that follow from the seed and the strategy alone.

Hypothesis also draws constants that stand in the source of whatever modules are loaded. A case
would then depend on what else is checked, and on whether Witness is installed; and each of these
modules is parsed, in each process, and what is found is kept in the folder of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis.internal.conjecture.providers import HypothesisProvider


@contextmanager
def by_the_seed_alone() -> Iterator[None]:
    """Hypothesis, while this lasts, draws without constants, and nothing else otherwise."""
    ordinary = HypothesisProvider._maybe_draw_constant

    def never(self: Any, *kind: Any, **chance: Any) -> Any:
        return ordinary(self, *kind, **{**chance, "p": -1.0})

    HypothesisProvider._maybe_draw_constant = never  # type: ignore[method-assign]
    try:
        yield
    finally:
        HypothesisProvider._maybe_draw_constant = ordinary  # type: ignore[method-assign]
