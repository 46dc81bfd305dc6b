"""Draws that follow from the seed and the strategy alone.

Hypothesis also draws constants that stand in the source of whatever modules are loaded. A case
would then depend on what else is checked, and on whether Witness is installed; and each of these
modules is parsed, in each process, and what is found is kept in the folder of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Any
from unittest.mock import patch

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

    with patch.object(drawing, TO_CHANGE, never), _random_numbers_kept_once():
        yield


@contextmanager
def _random_numbers_kept_once() -> Iterator[None]:
    """Python's and numpy's random numbers begin anew with every case, as Hypothesis has it. But
    what they were is kept and given back once, not around each case, and nobody compares it before
    and after a draw: that took longer than many a case. A Hypothesis that does it in another way is
    left as it is."""
    from hypothesis import control, core
    from hypothesis.internal import entropy

    if not (
        hasattr(core, "deterministic_PRNG")
        and hasattr(control, "deprecate_random_in_strategy")
        and hasattr(entropy, "deterministic_PRNG")
        and hasattr(entropy, "RANDOMS_TO_MANAGE")
    ):
        yield
        return
    beginning = Random(0).getstate()

    @contextmanager
    def anew(seed: int = 0) -> Iterator[None]:
        for numbers in list(entropy.RANDOMS_TO_MANAGE.values()):
            if type(numbers) is Random:
                numbers.setstate(beginning)
            else:
                numbers.seed(seed)
        yield

    with (
        entropy.deterministic_PRNG(),
        patch.object(core, "deterministic_PRNG", anew),
        patch.object(control, "deprecate_random_in_strategy", lambda *said: nullcontext()),
    ):
        yield
