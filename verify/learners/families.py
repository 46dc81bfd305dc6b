"""Algorithms that see the data through the eigenvalues of S = X^T X, in closed form.

Each predicts x^T r(S) X^T y at a query x: where X^T X = lambda I, that is r(lambda) x^T X^T y. The
response r is what a family is told by; r(lambda) lambda is the share of least squares that it
reaches. A family is named like its function in `verify.algorithms`, of which a test holds it to be
the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .data import Batch

# (eigenvalues, parameters) -> r; eigenvalues (L, 1) meet parameters (1, G)
Response = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Family:
    """r(s; whole numbers, reals), and where its parameters are looked for.

    whole: {parameter: numbers to try}. real: {parameter: exponent e}: it is looked for around
    top^-e, top the largest eigenvalue that was measured. of_one: reals in (0, 1); `share_of` says
    of which real one is a share, so that the parameter is their product.
    """

    name: str
    response: Response
    whole: Mapping[str, range] = field(default_factory=dict)
    real: Mapping[str, int] = field(default_factory=dict)
    of_one: tuple[str, ...] = ()
    share_of: Mapping[str, str] = field(default_factory=dict)

    def parameters(self, whole: Mapping[str, int], reals: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the algorithm."""
        shares = {name: reals[name] * reals[other] for name, other in self.share_of.items()}
        return {**whole, **reals, **shares}

    def takes(self, given: Mapping[str, Any], name: str) -> bool:
        """Whether these are an algorithm of the family with its parameters."""
        return name == self.name and {*given} == {*self.whole, *self.real, *self.of_one}

    def of(self, whole: Mapping[str, int], logarithms: Sequence[Any]) -> dict[str, Any]:
        """Those of the algorithm, the reals given by their decimal logarithms in order."""
        names = (*self.real, *self.of_one)
        reals = {name: 10.0**value for name, value in zip(names, logarithms, strict=True)}
        return self.parameters(whole, reals)


def _share(s: Any, left: Any) -> np.ndarray:
    """r of an algorithm that leaves the share `left` of the error of least squares."""
    return (1 - left) / s


def _gone(small: Any, power: int) -> Any:
    """1 - (1 - small)^power, with all its digits also where `small` is next to nothing."""
    near = np.minimum(small, 0.5)  # a logarithm of what is far from 0
    return np.where(small < 0.5, -np.expm1(power * np.log1p(-near)), 1 - (1 - small) ** power)


def _gradient_descent(s: Any, steps: int, step_size: Any) -> np.ndarray:
    return _gone(2 * step_size * s, steps) / s


def _ridge_descent(s: Any, steps: int, step_size: Any, ridge: Any) -> np.ndarray:
    return _gone(2 * step_size * (s + ridge), steps) / (s + ridge)


def _momentum(s: Any, steps: int, step_size: Any, momentum: Any) -> np.ndarray:
    before = left = np.ones(np.broadcast(s, step_size).shape)
    for _ in range(steps):
        left, before = left - step_size * s * left + momentum * (left - before), left
    return _share(s, left)


def _chebyshev(s: Any, steps: int, lowest: Any, highest: Any) -> np.ndarray:
    theta = (highest + lowest) / 2
    rho = (highest - lowest) / 2 / theta
    before = left = np.ones(np.broadcast(s, theta).shape)
    omega: Any = 1.0
    for k in range(1, steps + 1):
        if k > 1:
            omega = 2 / (2 - rho * rho) if k == 2 else 1 / (1 - rho * rho * omega / 4)
        left, before = before + omega * (left - before - s * left / theta), left
    return _share(s, left)


def _minimax_descent(s: Any, layers: int, largest: Any) -> np.ndarray:
    before = left = np.ones(np.broadcast(s, largest).shape)
    for j in range(1, 3**layers, 2):
        left, before = ((1 - 2 * s / largest) * left * (2 * j) - before * (j - 2)) / (j + 2), left
    return _share(s, left)


def _gd_plus_plus(s: Any, steps: int, step_size: Any, gamma: Any) -> np.ndarray:
    """Rates are one for all steps, or a tuple of one for each."""
    rates = (rate if isinstance(rate, tuple) else (rate,) * steps for rate in (step_size, gamma))
    now: Any = s  # the eigenvalue of the data as they are transformed
    moved = left = 1.0  # of the query; of the residual
    made: Any = 0.0
    for eta, transforming in zip(*rates, strict=True):
        made, left = made + eta * moved**2 * left, left * (1 - eta * now)
        moved, now = moved * (1 - transforming * now), now * (1 - transforming * now) ** 2
    return made


def _newton(s: Any, iterations: int, alpha: Any) -> np.ndarray:
    return _gone(alpha * s * s, 2**iterations) / s


def _hyperpower(s: Any, iterations: int, alpha: Any) -> np.ndarray:
    return _gone(alpha * s, 3**iterations) / s


def _deep_descent(s: Any, layers: int, alpha: Any) -> np.ndarray:
    return _gone(alpha * s, (3**layers - 1) // 2) / s


STEPS = range(1, 65)
SPECTRAL: tuple[Family, ...] = (
    Family("least_squares", lambda s: 1 / s),
    Family("ridge", lambda s, ridge: 1 / (s + ridge), real={"ridge": -1}),
    Family("gradient_descent", _gradient_descent, {"steps": STEPS}, {"step_size": 1}),
    Family(
        "gradient_descent", _ridge_descent, {"steps": range(1, 33)},
        {"step_size": 1, "ridge": -1},
    ),
    Family("newton", _newton, {"iterations": range(0, 9)}, {"alpha": 2}),
    Family("hyperpower", _hyperpower, {"iterations": range(1, 6)}, {"alpha": 1}),
    Family("deep_descent", _deep_descent, {"layers": range(1, 6)}, {"alpha": 1}),
    Family("minimax_descent", _minimax_descent, {"layers": range(1, 5)}, {"largest": -1}),
    Family("gd_plus_plus", _gd_plus_plus, {"steps": range(2, 9)}, {"step_size": 1, "gamma": 1}),
    Family("momentum", _momentum, {"steps": range(2, 25)}, {"step_size": 1}, ("momentum",)),
    Family(
        "chebyshev", _chebyshev, {"steps": range(2, 25)}, {"highest": -1}, ("lowest",),
        {"lowest": "highest"},
    ),
)  # fmt: skip


def choices(family: Family) -> Iterator[dict[str, int]]:
    """Every combination of a family's whole numbers."""
    made: list[dict[str, int]] = [{}]
    for name, numbers in family.whole.items():
        made = [{**chosen, name: number} for chosen in made for number in numbers]
    yield from made


@dataclass(frozen=True)
class Eigen:
    """The data of B prompts in the eigenvectors of X^T X whose eigenvalues are not 0.

    s: eigenvalues (B, r). pull: X^T y (B, r). queries (B, m, r).
    """

    s: np.ndarray
    pull: np.ndarray
    queries: np.ndarray

    @classmethod
    def of(cls, batch: Batch) -> Eigen:
        left, sigma, right = np.linalg.svd(batch.X, full_matrices=False)
        pull = sigma * (left.transpose(0, 2, 1) @ batch.y[..., None])[..., 0]
        return cls(sigma**2, pull, batch.queries @ right.transpose(0, 2, 1))

    def predictions(self, family: Family, parameters: Mapping[str, Any]) -> np.ndarray:
        """(B, m, G) of a family at parameters (1, G), or at numbers: G = 1; 1e100 for what is no
        number, or larger."""
        with np.errstate(all="ignore"):
            r = family.response(self.s.reshape(-1, 1), **parameters)
        r = np.nan_to_num(np.clip(r, -1e100, 1e100), nan=1e100)
        return self.queries @ (self.pull[..., None] * r.reshape(*self.s.shape, -1))
