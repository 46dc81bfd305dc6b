"""The run itself, beside the same run in balls: how far each of its arrays really is from exact.

A bound on the error of an array grows through many layers as if nothing cancelled, and where it
exceeds a divisor nothing is left of it. Here it is capped by the distance to an enclosure, so that
what is of higher order stays small; what each operation rounds is bounded as everywhere. The result
is a bound for the run that is made here, operation by operation as `predict` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from flint import arb, arb_mat

from ..numbers.ball import Ball
from ..numbers.floats import Floats
from .bounded import Bounded, length
from .running_error import RunningError

MOVING = {"assemble", "columns", "concatenate", "masked", "place", "rows", "transpose", "zeros"}


class Beside(NamedTuple):
    """An array of the run, with its bound; the format's own; and one of balls for each prompt."""

    bounded: Bounded
    low: torch.Tensor
    balls: tuple[Any, ...]


class BesideBalls:
    """A number system for a plan: each operation in the format, with its error, and in balls."""

    def __init__(self, errors: RunningError, bits: int) -> None:
        self.errors, self.balls = errors, Ball(bits)
        self.format = Floats(errors.name, errors.device)

    def given(
        self, value: torch.Tensor, error: torch.Tensor | None, off: torch.Tensor | None
    ) -> Beside:
        """An array (*batch, tokens, size), that the format holds with that error; the exact one is
        `off` the value."""
        around = [None] * len(_prompts(value)) if off is None else _prompts(off)
        balls = [matrix(one, None, by) for one, by in zip(_prompts(value), around)]
        low = value.to(self.format.dtype)
        return self._capped(self.errors.given(value, error), low, tuple(balls))

    def __getattr__(self, method: str) -> Callable[..., Beside]:
        def operation(*args: Any) -> Beside:
            bounded = getattr(self.errors, method)(*_only(args, lambda a: a.bounded))
            low = getattr(self.format, method)(*_only(args, lambda a: a.low))
            run = getattr(self.balls, method)
            count = max(1, bounded.value[..., 0, 0].numel())
            balls = tuple(run(*_only(args, _ball_of(i))) for i in range(count))
            if method in MOVING:
                return Beside(bounded, low, balls)
            return self._capped(bounded, low, balls)

        return operation

    def _capped(self, bounded: Bounded, low: torch.Tensor, balls: tuple[Any, ...]) -> Beside:
        value = low.double().expand(bounded.value.shape)
        value = value + (bounded.value - bounded.value.detach())  # of this value, that derivative
        if bounded.error is None:
            return Beside(Bounded(value), low, balls)
        found = [_distances(one, ball) for one, ball in zip(_prompts(value.detach()), balls)]
        distance = torch.tensor(found, dtype=torch.float64, device=value.device)
        distance = distance.reshape(value.shape)
        norm = length(distance.flatten(len(self.errors.batch)))
        made = Bounded(
            value,
            torch.fmin(bounded.error, distance),
            norm if bounded.norm is None else torch.fmin(bounded.norm, norm),
        )
        return Beside(made, low, balls)


def _prompts(a: torch.Tensor) -> torch.Tensor:
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])  # of no numbers there may be any


def matrix(value: torch.Tensor, error: Any, off: torch.Tensor | None) -> arb_mat:
    """A user's array of two axes in balls, `off` around the value; `error` is the format's."""
    values = value.flatten().tolist()
    around = [0.0] * len(values) if off is None else off.flatten().tolist()
    entries = [arb(middle, radius) for middle, radius in zip(values, around)]
    return arb_mat(value.shape[0], value.shape[1], entries)


def _distances(run: torch.Tensor, balls: Any) -> list[float]:
    """Upper bounds on |run - exact|, entry by entry."""
    return [distance(*pair) for pair in zip(run.flatten().tolist(), balls.entries())]


def distance(value: float, ball: arb) -> float:
    """An upper bound on |value - exact|; not finite if the value is not."""
    if not math.isfinite(value):
        return math.inf
    apart = abs(ball - value)
    if apart.is_zero():
        return 0.0
    return float(apart.abs_upper()) * (1 + 2.0**-50) + 5e-324


def _ball_of(prompt: int) -> Callable[[Beside], Any]:
    return lambda a: a.balls[prompt]


def _only(args: Any, part: Callable[[Beside], Any]) -> Any:
    """Arguments with one part of each array in them."""
    if isinstance(args, Beside):
        return part(args)
    if type(args) is list or type(args) is tuple:
        return type(args)(_only(one, part) for one in args)
    return args
