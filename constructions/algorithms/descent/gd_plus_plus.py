"""GD++: gradient descent that transforms the data as it goes, one linear head per step.

Statement (vonoswald2022, GD++): tokens carry u (at first x) and r (at first y), and one layer
makes r_t - eta sum_j r_j <u_j, u_t> and u_t - gamma sum_j u_j <u_j, u_t> of them: a gradient step
on the transformed data, and u = (I - gamma U^T U) u. Width d + 1. With u = Q x, Q = q(S), s an
eigenvalue of S and rho what is left of the gradient X^T (y - X w), the loss of the transformed
data is a loss of w whose gradient is mapped back by Q: rho' = rho (1 - eta s q^2).

`minimax_descent` is GD++ with the best step sizes, 4 * 9^(k-1) / (3 largest) in layer k: for
eigenvalues s of S up to `largest` the error is multiplied by T_(3^k)(z) / (3^k z), z =
sqrt(s / largest), T the Chebyshev polynomial, so that sqrt(s) times it is at most
sqrt(largest) / 3^k. No linear-attention transformer of k layers has a smaller bound.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.template import as_sympy

from ... import notation as n

query, key, value_r, value_u = n.letters("query key value_r value_u")
descend = n.head(
    "gradient and data", {"u": query}, {"u": key}, {"r": {"r": value_r}, "u": {"u": value_u}}
)


def _multiplied(argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any]) -> None:
    """The step multiplies the gradient, in the direction of s, by 1 - eta s q^2."""
    w, Q, eta = c.letter("w", c.d, 1), c.letter("Q", c.d, c.d, commuting=True), sympy.Symbol("eta")
    before = c.X.T @ (c.y - c.X @ w)
    after = c.X.T @ (c.y - c.X @ (w + eta * (Q @ Q @ before)))
    argument.equal(r"\rho' = ", after, (c.identity(c.d) - eta * (c.S @ Q @ Q)) @ before)


STEP = n.Template(
    "gd_plus_plus.layer",
    n.stage({"u": "x", "r": "y"}, u="d", r=""),
    states=r"\rho' = \rho(1 - \eta s q^2),\ q' = q(1 - \gamma s q^2)",
    layers=(n.Layer("w_{k}", (descend,)),),
    before={"u": "Q*x_t", "r": "y_t - w.T*x_t"},
    becomes={"w": "w + eta*Q*Q*X.T*(y - X*w)", "Q": "Q - gamma*Q*Q*S*Q"},
    letters={"w": "vector", "Q": "commuting"},
    parameters=("eta", "gamma"),
    also=_multiplied,
)
NAMES = {"w": "w{k}", "Q": "Q{k}"}


def _of_step(rate: Any, k: int) -> Any:
    """What a rate is in step k = 1, 2, …"""
    return rate[k - 1] if isinstance(rate, tuple) else rate


def _left(values: Any) -> Any:
    """Each step multiplies what is left by 1 - eta s, and transforms the eigenvalue s."""
    left, s = 1, values["s"]
    for k in range(1, values["steps"] + 1):
        left = left * (1 - _of_step(values["step_size"], k) * s)
        s = s * (1 - _of_step(values["gamma"], k) * s) ** 2
    return left


def _best(values: Any) -> Any:
    """T_m(z) / (m z) up to its sign, z = sqrt(s / largest), m = 3^layers."""
    m, share = 3 ** values["layers"], values["s"] / values["largest"]
    if isinstance(share, float) and 0 < share <= 1:  # of which the coefficients leave nothing
        root = math.sqrt(share)
        return math.sin(m * math.asin(root)) / (m * root)
    z = sympy.Symbol("z")
    odd = sympy.cancel(sympy.chebyshevt(m, z) / z)
    terms = sympy.Poly(odd / odd.subs(z, 0), z).terms()
    return sum(c * share ** (power // 2) for (power,), c in terms)


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.NumberPerStep(
            steps="steps", above=0, example=Fraction(1, 8), unit="1/(2*top)"
        ),
        "gamma": n.NumberPerStep(steps="steps", least=0, example=Fraction(1, 8), unit="1/(2*top)"),
    },
    suited={"step_size": "1/(2*top)", "gamma": "1/(2*top)"},
    left=_left,
    rate="step_size",
    states=r"\text{one head: } r \leftarrow r - \eta UU^\top r,\; U \leftarrow U(I - \gamma "
    r"U^\top U), \text{ from } U = X,\ r = y",
    computes="k steps of GD++",
    paper="vonoswald2022: k layers, two heads",
    proved=(STEP,),
    source="vonoswald2022, GD++",
    tends_to="least_squares",
)
def gd_plus_plus(step_size: Any, gamma: Any) -> n.Parts:
    """GD++ with one head instead of two: gradient step and data transformation share its scores.

    k = `steps` of GD++ on 1/2 sum (w^T x - y)^2 from w = 0; gamma = 0 is gradient descent. Each of
    the two rates is one number, or one for each step: then these are all layers of linear
    self-attention whose P and Q have a multiple of the identity for x and a number for y, one head
    each (the last gamma moves no prediction).
    """

    def step(k: int) -> tuple[n.Layer, ...]:
        return STEP.at(eta=_of_step(step_size, k), gamma=_of_step(gamma, k))

    several = isinstance(step_size, tuple) or isinstance(gamma, tuple)
    return n.Parts(STEP.stage, n.Readout("r", -1), step=step if several else step(1), names=NAMES)


@n.construction(
    parameters={"layers": n.Whole(example=2, tried=2), "largest": n.Number(above=0, example=3)},
    region="largest >= top",
    suited={"largest": "top"},
    source="vonoswald2022, GD++",
    left=_best,
    states=r"L \text{ layers of GD++ leave } \rho(s) = \pm T_{3^L}(z)/(3^L z),\ z = "
    r"\sqrt{s/\ell}: \ \sqrt{s}|\rho(s)| \leq \sqrt{\ell}/3^L \text{ on } [0, \ell], "
    r"\text{ and no linear-attention transformer of } L \text{ layers has a smaller bound}",
    computes="GD++ with the best step sizes",
    paper="vonoswald2022: k layers, two heads",
    related=("minimax_descent", "depth.degree"),
    tends_to="least_squares",
)
def minimax_descent(largest: Any) -> n.Parts:
    """GD++ with the step sizes 4 * 9^(k-1) / (3 largest): the best that L layers can guarantee.

    `layers` of GD++ with the step sizes that are best for all S with |S|_2 <= `largest`.
    """

    def step(k: int) -> tuple[n.Layer, ...]:
        rate = sympy.Rational(4 * 9 ** (k - 1), 3) / as_sympy(largest)
        return STEP.at(eta=rate, gamma=rate)

    return n.Parts(STEP.stage, n.Readout("r", -1), step=step, names=NAMES)
