"""Learners are trained by Adam on fresh prompts in every step, from a seed, on one thread.

The gradient is clipped; the rate rises over the first steps and falls to 0 along half a cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Any

import torch

from .gpt import GPT
from .linear_attention import LinearAttention
from .lstm import LSTM
from .prompts import Drawn, draw
from .settings import Settings

LEARNERS: dict[str, type[Any]] = {"linear_attention": LinearAttention, "gpt": GPT, "lstm": LSTM}
QUERIES = {"linear_attention": 4, "gpt": 1, "lstm": 1}  # of a prompt: those of examples count too
CLIP = 1.0  # largest norm of a gradient
PILOT = 150  # steps for which each of several starts is trained, at most
RISE = 0.05  # share of the steps in which the rate rises
HELD_OUT = 512  # prompts on which the curve is measured
POINTS = 50  # of the curve, with its start

Say = Callable[[int, float], None]  # steps done, loss


@dataclass(frozen=True)
class Curve:
    """Mean squared errors on the same held-out prompts, at the steps.

    nothing, bayes: of the prediction 0, and of the Bayes predictor, ridge with noise^2.
    """

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    nothing: float
    bayes: float

    def to_json(self) -> dict[str, Any]:
        return {
            "steps": list(self.steps),
            "losses": list(self.losses),
            "nothing": self.nothing,
            "bayes": self.bayes,
        }


def untrained(settings: Settings) -> Any:
    """The learner at its first start, which the seed says."""
    return _starts(settings)[0]


def train(
    settings: Settings, say: Say = lambda steps, loss: None, begin: Say = lambda steps, loss: None
) -> tuple[Any, Curve]:
    """The trained learner and the curve of its training; the same for the same seed.

    say: is told of every step, begin: of those of the starts that are tried before.
    """
    with _one_thread():
        return _train(settings, _best_start(settings, begin), say)


def all_steps(settings: Settings) -> int:
    """Those of the starts that are tried, and of the one that goes on."""
    tried = settings.starts if settings.starts > 1 else 0
    return settings.steps + tried * _pilot(settings).steps


def _pilot(settings: Settings) -> Settings:
    return replace(settings, steps=min(settings.steps, PILOT))


def _starts(settings: Settings) -> list[Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return [LEARNERS[settings.architecture](settings) for _ in range(settings.starts)]


def _best_start(settings: Settings, say: Say) -> Any:
    """Where there are several, each trained for some steps; the one that errs least."""
    starts = _starts(settings)
    if len(starts) == 1:
        return starts[0]
    tried = [_train(_pilot(settings), start, say) for start in starts]
    return min(tried, key=lambda one: one[1].losses[-1])[0]


def _train(settings: Settings, learner: Any, say: Say) -> tuple[Any, Curve]:
    fresh, aside = (torch.Generator().manual_seed(2 * settings.seed + k) for k in (0, 1))
    held_out = _drawn(settings, aside, HELD_OUT, 4, learner.kind)
    optimiser = torch.optim.Adam(learner.parameters(), lr=settings.rate)
    measured = {round(k * settings.steps / (POINTS - 1)) for k in range(POINTS)}
    curve = [(0, _error(learner, held_out))]
    queries = QUERIES[settings.architecture]
    for step in range(1, settings.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * _share(step / settings.steps)
        optimiser.zero_grad(set_to_none=True)
        learner.loss(*_drawn(settings, fresh, settings.batch, queries, learner.kind)).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), CLIP)
        optimiser.step()
        if step in measured:
            curve.append((step, _error(learner, held_out)))
        say(step, curve[-1][1])
    steps, losses = zip(*curve, strict=True)
    return learner.eval(), Curve(
        steps, losses, float((held_out.targets**2).mean()), _bayes(settings, held_out)
    )


def _share(done: float) -> float:
    """Of the rate, when this share of the steps is done."""
    return done / RISE if done < RISE else (1 + cos(pi * (done - RISE) / (1 - RISE))) / 2


def _drawn(
    settings: Settings, generator: torch.Generator, count: int, m: int, kind: torch.dtype
) -> Drawn:
    return draw(generator, count, settings.n, settings.d, m, settings.noise, kind)


@torch.no_grad()
def _error(learner: Any, prompts: Drawn) -> float:
    made = learner(prompts.X, prompts.y, prompts.queries)
    return float(((made - prompts.targets) ** 2).mean())


def _bayes(settings: Settings, prompts: Drawn) -> float:
    """The error of w = X^T (X X^T + noise^2 I)^+ y."""
    X, y = prompts.X.double(), prompts.y.double()[..., None]
    S = X.mT @ X + settings.noise**2 * torch.eye(settings.d, dtype=X.dtype)
    w = torch.linalg.pinv(S, hermitian=True) @ X.mT @ y
    made = (prompts.queries.double() @ w)[..., 0]
    return float(((made - prompts.targets) ** 2).mean())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums are made in one order, so that a seed says every bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
