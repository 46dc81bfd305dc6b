"""Draws that follow from the seed and the strategy alone.

Hypothesis also draws constants that stand in the source of whatever modules are loaded. A case
would then depend on what else is checked, and on whether Witness is installed; and each of these
modules is parsed, in each process, and what is found is kept in the folder of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .inputs.errors import WrongCall

TO_CHANGE = "_maybe_draw_constant"  # Hypothesis's own, and no promise of its authors


def provider() -> Any:
    """The class of Hypothesis that draws. Raises WrongCall where it is another one than is known
    here: what it drew would not follow from the seed."""
    from importlib.metadata import version

    try:
        from hypothesis.internal.conjecture.providers import HypothesisProvider

        getattr(HypothesisProvider, TO_CHANGE)
    except (ImportError, AttributeError):
        raise WrongCall(
            f"Hypothesis {version('hypothesis')} draws in a way that is not known here, and cases "
            "would not follow from the seed; an older one is needed: "
            "pip install 'hypothesis>=6.140,<=6.170.17'"
        ) from None
    return HypothesisProvider


@contextmanager
def by_the_seed_alone() -> Iterator[None]:
    """Hypothesis, while this lasts, draws without constants, and nothing else otherwise. Raises
    WrongCall where that cannot be had."""
    drawing = provider()
    ordinary = getattr(drawing, TO_CHANGE)

    def never(self: Any, *kind: Any, **chance: Any) -> Any:
        return ordinary(self, *kind, **{**chance, "p": -1.0})

    setattr(drawing, TO_CHANGE, never)
    try:
        yield
    finally:
        setattr(drawing, TO_CHANGE, ordinary)
