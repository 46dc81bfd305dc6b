"""Draws that follow from the seed and the strategy alone.

Hypothesis also draws constants that stand in the source of whatever modules are loaded. A case
would then depend on what else is checked, and on whether Witness is installed; and each of these
modules is parsed, in each process, and what is found is kept in the folder of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from typing import Any
from unittest.mock import patch

from .inputs.errors import WrongCall

# Hypothesis's own, of which its authors promise nothing
CHANGED = (
    ("hypothesis.internal.conjecture.providers", "HypothesisProvider._maybe_draw_constant"),
    ("hypothesis.internal.entropy", "RANDOMS_TO_MANAGE"),
    ("hypothesis.internal.entropy", "deterministic_PRNG"),
    ("hypothesis.core", "deterministic_PRNG"),
    ("hypothesis.internal.conjecture.data", "gc_cumulative_time"),
    ("hypothesis.control", "deprecate_random_in_strategy"),
)


def refuse_unknown() -> None:
    """Raises WrongCall where Hypothesis draws in another way than is known here: what it drew would
    not follow from the seed."""
    for module, name in CHANGED:
        try:
            attrgetter(name)(import_module(module))
        except (ImportError, AttributeError):
            raise WrongCall(
                f"Hypothesis {version('hypothesis')} has no {name}, and without it cases would not "
                "follow from the seed; an older one is needed: "
                "pip install 'hypothesis>=6.140,<=6.170.17'"
            ) from None


@contextmanager
def by_the_seed_alone() -> Iterator[None]:
    """Hypothesis, while this lasts, draws without constants, and nothing else otherwise. Raises
    WrongCall where that cannot be had."""
    refuse_unknown()
    from hypothesis.internal.conjecture.providers import HypothesisProvider

    ordinary = HypothesisProvider._maybe_draw_constant

    def never(self: Any, *kind: Any, **chance: Any) -> Any:
        return ordinary(self, *kind, **{**chance, "p": -1.0})

    with (
        patch.object(HypothesisProvider, "_maybe_draw_constant", never),
        _garbage_not_timed(),
        _random_numbers_kept_once(),
    ):
        yield


@contextmanager
def _garbage_not_timed() -> Iterator[None]:
    """The time of collecting garbage, which is taken off deadlines, is not asked for: there is no
    deadline, and Ctrl-C during a collection would reach the function that measures it, where Python
    ignores what is raised."""
    from hypothesis.internal.conjecture import data

    with patch.object(data, "gc_cumulative_time", lambda: 0.0):
        yield


@contextmanager
def _random_numbers_kept_once() -> Iterator[None]:
    """Python's and numpy's random numbers begin anew with every case, as Hypothesis has it. But
    what they were is kept and given back once, not around each case, and nobody compares it before
    and after a draw: that took longer than many a case."""
    from hypothesis import control, core
    from hypothesis.internal.entropy import RANDOMS_TO_MANAGE, deterministic_PRNG

    managed = list(RANDOMS_TO_MANAGE.values())

    @contextmanager
    def anew(seed: int = 0) -> Iterator[None]:
        if len(managed) != len(RANDOMS_TO_MANAGE):  # a library was loaded meanwhile
            managed[:] = RANDOMS_TO_MANAGE.values()
        for numbers in managed:
            numbers.seed(seed)
        yield

    with (
        deterministic_PRNG(),
        patch.object(core, "deterministic_PRNG", anew),
        patch.object(control, "deprecate_random_in_strategy", lambda *said: nullcontext()),
    ):
        yield
