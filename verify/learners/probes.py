"""Probes: what a function fitted to hidden states can read off them, on prompts not fitted to.

Linear ones are ridge regressions, the penalty by leave-one-out; others have one hidden layer
(akyurek2022, section 5, has both), and are stopped where the error on prompts set aside is least.
A probe computes by itself what its form allows. So a score says little without the same probe's
scores on what holds no answer: targets of other prompts, the prompt itself, random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, ratio

PENALTIES = 10.0 ** np.arange(-12, 4)  # times the number of prompts, features being standardised
HIDDEN, STEPS, RATE, EVERY = 32, 200, 0.02, 10  # of a probe with a hidden layer
ASIDE = 4  # one in so many prompts is set aside to stop it
CONSTANT = 1e-9  # a feature that varies less, relatively, is left out
EXACT = 1e-10  # a prompt that is fitted to within this, of its own target, is fitted exactly


@dataclass(frozen=True)
class Standard:
    """Features or targets less their mean, in units of their standard deviation."""

    mean: np.ndarray
    deviation: np.ndarray  # 0 where constant

    @classmethod
    def of(cls, values: np.ndarray) -> Standard:
        """Of values (…, N, F), over N."""
        mean, deviation = values.mean(axis=-2, keepdims=True), values.std(axis=-2, keepdims=True)
        size = np.abs(values).max(axis=-2, keepdims=True)
        return cls(mean, np.where(deviation > CONSTANT * size, deviation, 0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            made = (values - self.mean) / self.deviation
        return np.where(self.deviation > 0, made, 0)

    def undo(self, values: np.ndarray) -> np.ndarray:
        return values * self.deviation + self.mean


@dataclass(frozen=True)
class Linear:
    """An affine function of features (…, F), to (…, T)."""

    features: Standard
    weights: np.ndarray
    intercept: np.ndarray
    penalty: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return self.features(features) @ self.weights + self.intercept


def linear(features: np.ndarray, targets: Sequence[np.ndarray]) -> list[Linear]:
    """A ridge regression on features (N, F) of each of the targets (N, T).

    Of the PENALTIES it takes that with the least squared error when each prompt is left out, over
    all T numbers of a target.
    """
    standard, size = Standard.of(features), len(features)
    left, sigma, right = np.linalg.svd(standard(features), full_matrices=False)
    kept = sigma > sigma.max(initial=0) * EXACT
    left, sigma, right = left[:, kept], sigma[kept], right[kept]
    penalties = PENALTIES * size
    kept_back = penalties[:, None] / (sigma**2 + penalties[:, None])  # of each direction's fit
    # what leaving a prompt out divides its residual by: 1 less the share of itself that its fit
    # has, in parts, since with as many features as prompts little is left of 1
    outside = 1 - 1 / size - (left**2).sum(axis=1)
    outside[outside < EXACT] = 0
    free = outside + kept_back @ (left**2).T  # (penalties, N)
    made = []
    for target in targets:
        mean = target.mean(axis=0)
        pulls = left.T @ (target - mean)
        unreached = np.where(outside[:, None] > 0, target - mean - left @ pulls, 0)
        residuals = unreached + left @ (kept_back[:, :, None] * pulls)  # (penalties, N, T)
        errors = ((residuals / free[:, :, None]) ** 2).sum(axis=(1, 2))
        best = int(np.argmin(errors))
        weights = right.T @ (((1 - kept_back[best]) / sigma)[:, None] * pulls)
        made.append(Linear(standard, weights, mean, float(penalties[best])))
    return made


def with_hidden_layer(
    features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Predictions (K, M, T) at held_out (K, M, F) of K nets with one hidden layer of HIDDEN units.

    Each is fitted to features (K, N, F) and targets (K, N, T), all at once, by Adam.
    """
    import torch

    of_features, of_targets = Standard.of(features), Standard.of(targets)
    x, t, asked = (
        torch.from_numpy(np.clip(part, -1e3, 1e3)).float()
        for part in (of_features(features), of_targets(targets), of_features(held_out))
    )
    aside = x.shape[1] // ASIDE
    noise = torch.Generator().manual_seed(seed)
    K, F, T = x.shape[0], x.shape[2], t.shape[2]

    def drawn(*shape: int) -> torch.Tensor:
        made = torch.randn(shape, generator=noise) * (2 / shape[1]) ** 0.5
        return made.requires_grad_()

    inner, outer = drawn(K, F, HIDDEN), drawn(K, HIDDEN, T)
    shifts = torch.zeros(K, 1, HIDDEN, requires_grad=True), torch.zeros(K, 1, T, requires_grad=True)

    def net(x: torch.Tensor) -> torch.Tensor:
        return torch.baddbmm(shifts[1], torch.baddbmm(shifts[0], x, inner).relu(), outer)

    descent = torch.optim.Adam([inner, outer, *shifts], lr=RATE)
    least = torch.full((K,), torch.inf)
    best = torch.zeros(K, asked.shape[1], T)
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                error = (net(x[:, :aside]) - t[:, :aside]).square().mean(dim=(1, 2))
                better = error < least
                least = torch.where(better, error, least)
                best[better] = net(asked)[better]
        descent.zero_grad()
        # a sum over nets: each has its own gradient
        (net(x[:, aside:]) - t[:, aside:]).square().mean(dim=(1, 2)).sum().backward()
        descent.step()
    return of_targets.undo(best.double().numpy())


def r_squared(predicted: np.ndarray, truth: np.ndarray, mean: np.ndarray) -> Interval:
    """1 - the squared error / the squared distance from `mean`, of predictions (M, T).

    mean (T,): of the prompts fitted to, so that what predicts no better has at most 0.
    """
    missed = ratio(((predicted - truth) ** 2).sum(axis=1), ((truth - mean) ** 2).sum(axis=1), 0.0)
    return Interval(1 - missed.value, 1 - missed.high, 1 - missed.low)
