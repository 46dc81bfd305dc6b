"""The best rates that layers of linear self-attention can have on Gaussian data, exactly.

x_1 … x_n, x_q ~ N(0, I_d), w ~ N(0, I), y_i = w·x_i + N(0, noise), the loss is E (prediction -
w·x_q)². After layers of GD++ the prediction is x_qᵀ r(S) Xᵀ y, S = XᵀX, r a polynomial, so

    loss = E tr (I - S r(S))² + noise E tr S r(S)²

and asks for the moments E tr S^k alone, which are known in fractions. What a learner reaches is
compared with this; nothing is sampled.

Rates are those of `gd_plus_plus`: steps on 1/2 sum_i (w·x_i - y_i)². On sum_i (w·x_i - y_i)², as in
`gradient_descent`, a step size is half of it; where a layer averages over its examples, n times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from flint import arb, fmpq, fmpq_mat

from proofs.exact import exact
from proofs.flint_precision import precision

from ..checks.analysis.wishart import trace_moment
from .fit import Residual, nearest

# by how many rates there are: points along each, and the best of them from which steps are taken;
# with fewer, three and four layers stay in a worse minimum
GRID = {1: (41, 2), 2: (13, 4), 3: (13, 8), 5: (6, 40), 7: (4, 40)}
MOST = 4  # layers: as many as the grid is for
STEPS = 400  # at most
BITS, NEWTON = 256, 6  # of the quadrature: steps from near a zero to all of its bits

Law: TypeAlias = tuple[np.ndarray, np.ndarray]  # eigenvalues and their weights


@dataclass(frozen=True)
class OptimalRates:
    """The best rates of every layer, and the expected loss that they have.

    gammas: the last is 0, as it moves no prediction. at_least: what no rates of as many layers fall
    below, from `least_of_steps`. slope: the largest derivative of the loss by a
    rate, in units of its layer's eigenvalues; 0 at a minimum, but for rounding.
    """

    step_sizes: tuple[float, ...]
    gammas: tuple[float, ...]
    loss: float
    at_least: float
    slope: float

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def optimal_rate(d: int, n: int, noise: Any = 0) -> Fraction:
    """The best rate of one layer, 1/(n + d + 1 + noise): the claim `optimal_rate`."""
    return 1 / (n + d + 1 + Fraction(noise))


def least_loss(d: int, n: int, noise: Any = 0) -> Fraction:
    """The expected loss of the best layer of linear self-attention, of the claim `optimal_rate`."""
    return d * (d + 1 + Fraction(noise)) * optimal_rate(d, n, noise)


def expected_loss(
    step_sizes: Sequence[Any], gammas: Sequence[Any], d: int, n: int, noise: Any = 0
) -> Fraction:
    """The expected loss of GD++ with a rate for each layer, as a fraction.

    Raises ValueError where there are not as many of both.
    """
    if len(step_sizes) != len(gammas):
        raise ValueError(f"{len(step_sizes)} step sizes and {len(gammas)} gammas")
    moved, left, made = _Polynomial([1]), _Polynomial([1]), _Polynomial([0])
    s = _Polynomial([0, 1])
    for eta, gamma in zip(map(_fraction, step_sizes), map(_fraction, gammas)):
        now = s * moved * moved
        made = made + moved * moved * left * eta
        left = left + now * left * -eta
        moved = moved + moved * now * -gamma
    square = left * left + s * made * made * Fraction(noise)
    return sum(
        (c * trace_moment(k, n, d) for k, c in enumerate(square.coefficients) if c), Fraction(0)
    )


def least_of_steps(steps: int, d: int, n: int, noise: Any = 0) -> Fraction:
    """The least expected loss of a prediction x_qᵀ r(S) Xᵀ y, r of degree below `steps`, as a
    fraction: no so many steps of gradient descent do better, whatever their rates and momentum; nor
    do L layers of GD++ better than (3^L - 1)/2 of them.

    The loss is quadratic in r's coefficients c: A c = b at the least one.
    """
    m = [Fraction(trace_moment(k, n, d)) for k in range(2 * steps + 1)]
    extra = Fraction(noise)
    normal = [[_flint(m[i + j + 2] + extra * m[i + j + 1]) for j in range(steps)]
              for i in range(steps)]  # fmt: skip
    pull = fmpq_mat([[_flint(m[j + 1])] for j in range(steps)])
    gained = (pull.transpose() * fmpq_mat(normal).solve(pull))[0, 0]
    return m[0] - Fraction(int(gained.p), int(gained.q))


def optimal_rates(
    layers: int, d: int, n: int, noise: float = 0.0, transforming: bool = True
) -> OptimalRates:
    """The rates of so many layers of GD++ with the least expected loss; plain gradient descent with
    a step size for each step where they are not `transforming` the data.

    The loss is that of the quadrature with the exact moments (`spectral_law`). Its minimum is
    looked for from a grid of rates: that no lower one lies elsewhere is not proved, but for one
    layer. Raises ValueError for more than 4 layers, or none.
    """
    if not 1 <= layers <= MOST:
        raise ValueError(f"layers must be 1 to {MOST}, not {layers}")
    law = spectral_law(n, d, (3**layers - 1) // 2 + 1)  # left and r have such degrees

    def whole(point: Any) -> tuple[Any, Any]:
        gammas = point[layers:] if transforming else [0.0] * (layers - 1)
        return point[:layers], [*gammas, 0.0]

    def residual(point: Sequence[np.ndarray]) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.nan_to_num(_errors(law, *whole(point), float(noise))[0], nan=1e9)

    count = 2 * layers - 1 if transforming else layers
    points, kept = GRID[min(e for e in GRID if e >= count)]
    lines = [np.linspace(0.1, 2, points)] * layers + [np.linspace(0, 0.9, points)] * (
        count - layers
    )
    grid = np.array([axis.ravel() for axis in np.meshgrid(*lines, indexing="ij")])
    sizes = (residual([*grid[:, None]]) ** 2).sum(axis=0)
    _, point = nearest(residual, grid.T[np.argsort(sizes)[:kept]], STEPS)
    here = np.array(point)
    errors, step_sizes, gammas = _errors(law, *whole(here[:, None]), float(noise))
    return OptimalRates(
        tuple(float(rate[0]) for rate in step_sizes),
        tuple(float(np.squeeze(rate)) for rate in gammas),
        float((errors**2).sum()),
        float(least_of_steps((3**layers - 1) // 2 if transforming else layers, d, n, noise)),
        _slope(residual, here),
    )


def _errors(law: Law, steps: Any, transforms: Any, noise: float) -> tuple[np.ndarray, Any, Any]:
    """(terms (2 nodes, G) whose squares add up to the loss, step sizes, gammas), from rates in
    units of each layer: there the mean of the eigenvalues that its data have, large ones counting
    more, is 1."""
    s, weights = (values[:, None] for values in law)
    now, moved, left, made = s, np.ones_like(s), np.ones_like(s), np.zeros_like(s)
    step_sizes, gammas = [], []
    for step, transform in zip(steps, transforms):
        unit = (weights * now).sum(axis=0) / (weights * now**2).sum(axis=0)
        step_sizes.append(step * unit)
        gammas.append(transform * unit)
        made = made + step_sizes[-1] * moved**2 * left
        left = left * (1 - step_sizes[-1] * now)
        kept = 1 - gammas[-1] * now
        moved, now = moved * kept, now * kept**2
    terms = [np.sqrt(weights) * left, np.sqrt(weights * s.clip(0) * noise) * made]
    return np.concatenate(terms), step_sizes, gammas


def _slope(residual: Residual, point: np.ndarray, h: float = 1e-5) -> float:
    """The largest derivative of the sum of squares."""
    moved = np.concatenate([h * np.eye(len(point)), -h * np.eye(len(point))], axis=1)
    values = (residual([row[None] for row in point[:, None] + moved]) ** 2).sum(axis=0)
    up, down = np.split(values, 2)
    return float(np.abs(up - down).max() / (2 * h))


@lru_cache(maxsize=64)
def spectral_law(n: int, d: int, points: int) -> Law:
    """(nodes, weights) with sum weight f(node) = E tr f(S) for polynomials f of degree < 2 points.

    The Gauss quadrature of the mean eigenvalues' law: the recurrence of its orthogonal polynomials
    in fractions, from the moments (Chebyshev's algorithm), the eigenvalues of their matrix, and
    from these the zeros and weights in as many digits as leave all of a float's.
    """
    moments = [_flint(Fraction(trace_moment(k, n, d))) for k in range(2 * points)]
    before, row = [fmpq(0)] * len(moments), moments
    diagonal, squares = [moments[1] / moments[0]], [moments[0]]
    for k in range(1, points):
        following = [fmpq(0)] * len(moments)
        for j in range(k, len(moments) - k):
            following[j] = row[j + 1] - diagonal[-1] * row[j] - squares[-1] * before[j] * (k > 1)
        squares.append(following[k] / row[k - 1])
        diagonal.append(following[k + 1] / following[k] - row[k] / row[k - 1])
        before, row = row, following
    jacobi = np.diag([_float(a) for a in diagonal])
    beside = np.sqrt([_float(b) for b in squares[1:]])
    jacobi += np.diag(beside, 1) + np.diag(beside, -1)
    with precision(BITS):
        made = [_node(start, [*map(arb, diagonal)], [*map(arb, squares)])
                for start in np.linalg.eigvalsh(jacobi)]  # fmt: skip
    nodes, weights = zip(*made)
    return np.array(nodes), np.array(weights)


def _node(start: float, diagonal: Sequence[arb], squares: Sequence[arb]) -> tuple[float, float]:
    """A zero of the last monic orthogonal polynomial, by Newton's method, and its weight."""
    node = arb(start)
    for _ in range(NEWTON):
        before, now, before_slope, slope = arb(0), arb(1), arb(0), arb(0)
        total, norm = arb(0), arb(1)
        for a, b in zip(diagonal, squares):
            norm = norm * b  # the mean square of the polynomial here
            total += now**2 / norm
            after = (node - a) * now - b * before
            after_slope = now + (node - a) * slope - b * before_slope
            before, now, before_slope, slope = now, after, slope, after_slope
        node = (node - now / slope).mid()
    return float(node), float(1 / total)


def _flint(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def _float(value: fmpq) -> float:
    return float(Fraction(int(value.p), int(value.q)))


def _fraction(value: Any) -> Fraction:
    return Fraction(exact(value))


@dataclass(frozen=True)
class _Polynomial:
    """In s, with fractions."""

    coefficients: Sequence[Any]

    def __add__(self, other: _Polynomial) -> _Polynomial:
        longer = max(len(self.coefficients), len(other.coefficients))
        a, b = ([*p.coefficients, *[0] * (longer - len(p.coefficients))] for p in (self, other))
        return _Polynomial([x + y for x, y in zip(a, b)])

    def __mul__(self, other: Any) -> _Polynomial:
        if not isinstance(other, _Polynomial):
            return _Polynomial([c * other for c in self.coefficients])
        made = [Fraction(0)] * (len(self.coefficients) + len(other.coefficients) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                made[i + j] += a * b
        return _Polynomial(made)
