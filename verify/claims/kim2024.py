"""kim2024: one layer of linear attention on features, as a plug-in estimator, and its rate.

Text read: the abstract of arXiv:2408.12186v2, which names a deep network and one linear attention
layer, the Besov space and the minimax risk. The body was not at hand: the layer and the choice of
Gamma are as they are commonly quoted from it, and where that leaves a reading open each reading is
a claim of its own. Features are phi(x) in R^N; Phi has the rows phi(x_1), ..., phi(x_n).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat
from hypothesis import strategies as st

from constructions.papers import kim2024
from constructions.witness import Witness
from proofs.letters import matrix
from proofs.stream import layout

from .. import algorithms, strategies
from ..checks.statements import formula as formula_check
from ..claim import Check, Domain, claim, repair
from ..formulas import formula
from ..papers import Paper
from ..strategies import Case, as_text

PAPER = Paper(
    "kim2024",
    title="Transformers are Minimax Optimal Nonparametric In-Context Learners",
    authors="Juno Kim, Tai Nakamaki, Taiji Suzuki",
    arxiv="2408.12186",
    version=2,
)
FEATURES: dict[str, Any] = {"parts": layout(phi="d")}
HEAD = r"\big\langle \tfrac1n \textstyle\sum_i y_i \phi(x_i),\; \Gamma \phi(x) \big\rangle"
LEAST_SQUARES = r"\arg\min_\theta \textstyle\sum_i (\theta^\top \phi(x_i) - y_i)^2"
Matrix = tuple[tuple[Any, ...], ...]


# -- what the layer computes ----------------------------------------------------------------------


@claim(
    "kim2024.head",
    source=f"{PAPER}, the linear attention layer",
    statement=HEAD + r" \text{ for every } n, N \text{ and } \Gamma",
    algorithm=formula("(phi.T*y).T*gamma*phi_t/n", name="plug-in", **FEATURES),
    cases=lambda: strategies.prompts(gamma=strategies.matrix(), **FEATURES),
    assembled=lambda: [{"d": 3, "gamma": matrix("gamma")}],
)
def head(d: int, gamma: Sequence[Sequence[Any]]) -> Witness:
    """One layer of linear attention on N features is the plug-in estimator, for any Gamma."""
    return kim2024.head(d, gamma)


def splines_at(Z: Any, basis: int, degree: int) -> Any:
    """The B-splines at numbers Z (m, 1): (m, basis), in the arithmetic of Z."""
    made = np.empty((len(Z), basis), dtype=np.asarray(Z).dtype)
    for t, i in np.ndindex(*made.shape):
        made[t, i] = algorithms.b_spline(Z[t, 0], i, degree, basis)
    return made


def spline_plug_in(X: Any, y: Any, queries: Any, basis: int, gamma: Any, degree: int = 1) -> Any:
    """<1/n sum y_i phi(x_i), Gamma phi(x)> with B-splines by Cox and de Boor's recursion."""
    Phi, asked = splines_at(X, basis, degree), splines_at(queries, basis, degree)
    return asked @ (np.asarray(gamma, dtype=object).T @ (Phi.T @ y)) / len(X)


@st.composite
def spline_cases(draw: Any) -> Case:
    """Prompts of numbers in [0, 1], with N splines and any Gamma, which need not be symmetric."""
    basis, degree = draw(st.integers(3, 5)), draw(st.sampled_from((1, 2)))
    case = draw(
        strategies.prompts(d=st.just(1), entries=st.builds(Fraction, st.integers(0, 7), st.just(8)))
    )
    rows = st.tuples(*[st.tuples(*[strategies.fractions()] * basis)] * basis)
    given = {"basis": basis, "degree": degree, "gamma": draw(rows), "d": 1}
    return Case(given, case.X, case.y, case.queries)


@claim(
    "kim2024.head.splines",
    variant="improved",
    source=f"{PAPER}, a deep network and the layer",
    statement=HEAD + r" \text{ with } \phi \text{ the } N \text{ B-splines of a number, made by "
    r"one ReLU MLP}",
    algorithm=spline_plug_in,
    cases=spline_cases,
)
def splines(basis: int, degree: int, gamma: Sequence[Sequence[Any]], d: int = 1) -> Witness:
    """With the features made of x by an MLP, two layers are the plug-in estimator, exactly."""
    return kim2024.spline_head(basis, gamma, degree, d)


# -- is it least squares? -------------------------------------------------------------------------


def inverse(rows: Any) -> Matrix:
    """The inverse of a matrix of fractions."""
    size = len(rows)
    unit = [[Fraction(int(i == j)) for j in range(size)] for i in range(size)]
    A = np.array([[Fraction(entry) for entry in row] for row in rows], dtype=object)
    columns = [algorithms.solve(A, np.array(column, dtype=object)) for column in unit]
    return tuple(tuple(columns[j][i] for j in range(size)) for i in range(size))


def least_squares(X: Any, y: Any, queries: Any, **_: Any) -> Any:
    """Least squares on the features, of least norm where several are."""
    return algorithms.least_squares(X, y, queries)


@claim(
    "kim2024.head.population",
    source=f"{PAPER}, Gamma the inverse of the features' covariance in the population",
    reading="of every prompt, not on average",
    expected="refuted",
    statement=HEAD + r" = \hat\theta^\top \phi(x),\; \Gamma = \Sigma^{-1},\; "
    r"\Sigma = \operatorname{E}\, \phi(x)\phi(x)^\top,\; \hat\theta = " + LEAST_SQUARES,
    algorithm=least_squares,
    domain=Domain("as many examples as features, independent", lambda case: independent(case.X)),
    cases=lambda: tuple(
        strategies.prompts(d, m=st.just(1), covariance=covariances())
        for d in (st.just(1), st.integers(1, 3))
    ),
    note="1/n Phi^T Phi of the examples is replaced by what it is on average",
)
def population(d: int, covariance: Sequence[Sequence[Any]]) -> Witness:
    """With the population's covariance the layer is the least-squares plug-in."""
    return plug_in_on_x(d, inverse(covariance))


def covariances() -> Any:
    return strategies.matrix(symmetric=True, positive_definite=True)


def independent(X: Any) -> bool:
    """Whether the features' covariance on the prompt can be inverted."""
    S = np.asarray(X).T @ np.asarray(X)
    rows = [[fmpq(int(e.numerator), int(e.denominator)) for e in row] for row in S]
    return bool(fmpq_mat(rows).det() != 0)


def plug_in_on_x(d: int, gamma: Matrix) -> Witness:
    """The layer on features that are called x."""
    return kim2024.head(d, gamma, "x")


@cache
def independent_examples(d: int, least: int) -> st.SearchStrategy[Case]:
    """Prompts of independent examples, d + least to d + 2 of them."""
    prompts = strategies.prompts(st.just(d), st.integers(d + least, d + 2))
    return prompts.filter(lambda case: independent(case.X))


@st.composite
def matching(draw: Any, least: int = 0) -> Case:
    """A prompt of independent examples, with its own 1/n Phi^T Phi for the covariance."""
    d = draw(st.integers(1, 3))
    case = draw(independent_examples(d, least))
    S = case.X.T @ case.X / Fraction(len(case.X))
    return Case({"d": d, "covariance": tuple(map(tuple, S))}, case.X, case.y, case.queries)


@repair(
    "kim2024.head.population",
    "on prompts whose 1/n Phi^T Phi is the covariance, as it is with orthonormal examples",
    domain=Domain(
        "1/n Phi^T Phi = Sigma, invertible",
        lambda case: (
            independent(case.X)
            and tuple(map(tuple, case.X.T @ case.X / Fraction(len(case.X))))
            == case.parameters["covariance"]
        ),
    ),
    cases=matching,
)
def population_on_its_prompts(d: int, covariance: Sequence[Sequence[Any]]) -> Witness:
    """Where the prompt has the population's covariance, the layer is least squares."""
    return plug_in_on_x(d, inverse(covariance))


def no_gamma(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Two prompts of one feature and one example, on which least squares asks for two Gammas.

    On x = a, y = 1, query 1 least squares gives 1/a, the layer Gamma a: Gamma = 1/a^2.
    """
    a, b = case["first"], case["second"]
    wanted = [least_squares(*one_feature(x)) for x in (a, b)]
    gammas = [(value / x).item() for value, (x,) in zip(wanted, ((a,), (b,)))]
    made = [plug_in_on_x(1, ((gammas[0],),)).predict(*one_feature(x), "rational") for x in (a, b)]
    if made[0][0] != wanted[0][0]:
        raise AssertionError("the layer of the first prompt's Gamma is not least squares there")
    if made[1][0] == wanted[1][0]:
        return None
    return {
        "X": as_text([a]),
        "needs": f"Gamma = {gammas[0]}",
        "other X": as_text([b]),
        "there": as_text(made[1][0]),
        "least squares": as_text(wanted[1][0]),
    }


def one_feature(x: Fraction) -> tuple[Any, Any, Any]:
    one = np.array([Fraction(1)], dtype=object)
    return np.array([[x]], dtype=object), one, one.reshape(1, 1)


@claim(
    "kim2024.head.fixed",
    source=f"{PAPER}, some Gamma",
    reading="with one Gamma for every prompt",
    expected="refuted",
    statement=r"\text{there is } \Gamma \text{ with } "
    + HEAD
    + r" = \hat\theta^\top \phi(x),\; \hat\theta = "
    + LEAST_SQUARES
    + r", \text{ for every prompt}",
)
def fixed() -> tuple[Check, ...]:
    """One Gamma makes the layer least squares on every prompt."""
    nonzero = strategies.positive(3, 1)
    cases = lambda: st.fixed_dictionaries({"first": nonzero, "second": nonzero})  # noqa: E731
    return (formula_check(cases, no_gamma, "one Gamma serves both prompts"),)


@repair(
    "kim2024.head.fixed",
    "Gamma = (1/n Phi^T Phi)^-1, which every prompt has anew: no weights of a transformer",
    statement=HEAD + r" = \hat\theta^\top \phi(x),\; \Gamma = (\tfrac1n \Phi^\top\Phi)^{-1},\; "
    r"\hat\theta = " + LEAST_SQUARES,
    algorithm=least_squares,
    cases=lambda: matching(),
)
def empirical(d: int, covariance: Sequence[Sequence[Any]]) -> Witness:
    """With the prompt's own covariance the layer is least squares."""
    return plug_in_on_x(d, inverse(covariance))
