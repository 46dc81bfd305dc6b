"""yang2024: what one layer of multi-head softmax attention on a fixed dictionary does with labels.

Text read: arXiv:2408.10147, the version of 27 September 2024, sections 2 and 3: eqs. 1-8, theorem 2
with the ridge problem of eqs. 20 and 25, and the matrix A of section 3.3. Theorem 2 is about
training, of which nothing is said here; what is checked is the layer at the end of it: that there
are weights at which it does what the theorem says, and of what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st

from constructions.numbers.decaying import Decaying
from constructions.papers import yang2024

from .. import algorithms, strategies
from ..checks.analysis.evidence import about_its_own
from ..checks.statements import formula as formula_check
from ..claim import Budget, Check, CheckResult, Differs, check, claim, repair
from ..papers import Paper
from ..report.tables import short
from ..statements import limit, order
from ..strategies import Case, as_text

PAPER = Paper(
    "yang2024",
    title="In-Context Learning with Representations: "
    "Contextual Generalization of Trained Transformers",
    authors="Tong Yang, Yu Huang, Yingbin Liang, Yuejie Chi",
    arxiv="2408.10147",
)
# tokens: different unit vectors, of positive entries
UNIT = tuple(
    (Fraction(a, c), Fraction(b, c))
    for a, b, c in ((1, 0, 1), (4, 3, 5), (3, 4, 5), (0, 1, 1), (12, 5, 13), (5, 12, 13))
)
RIDGE = (
    r"\hat\lambda^\top f(v_k),\; \hat\lambda = \arg\min \tfrac{1}{2N}\textstyle\sum_{i \leq N} "
    r"(y_i - \lambda^\top f(v_i))^2 + \tfrac{m\tau}{2N}\|\lambda\|^2"
)
LAYER = (
    r"\hat y_k = \big\langle y, \textstyle\sum_h w_{h,k}\, "
    r"\mathrm{softmax}(V^\top Q_h v_k) \big\rangle"
)


def ridge_of_the_rest(
    X: Any, y: Any, queries: Any, features: Any, labelled: int, noise: Any
) -> Any:
    """Theorem 2: the given label at a token that has one, else ridge regression on the features."""
    F = np.asarray(features, dtype=object)
    known = {_token(row): target for row, target in zip(X, y, strict=True)}
    given = np.array([F[_token(row)] for row in X], dtype=object)
    penalty = F.shape[1] * noise
    fitted = algorithms.ridge(given, y, F[[_token(row) for row in queries]], penalty)
    return np.array(
        [known.get(_token(row), value) for row, value in zip(queries, fitted)], dtype=object
    )


def _token(row: Any) -> int:
    """The number of a token, of which x is one-hot."""
    return next(k for k, entry in enumerate(row) if entry != 0)


@st.composite
def prompts(draw: Any, in_order: bool = True) -> Case:
    """A dictionary of K tokens with m features each, labels of the first N, a query at each."""
    K = draw(st.integers(2, 4))
    N, m = draw(st.integers(1, K - 1)), draw(st.integers(1, 2))
    tokens = draw(st.permutations(UNIT))[:K]
    whole = strategies.fractions(3, 1)
    features = tuple(tuple(draw(whole) for _ in range(m)) for _ in range(K))
    labels = np.array([draw(strategies.fractions()) for _ in range(N)], dtype=object)
    first = list(range(N)) if in_order else draw(st.permutations(range(N)))
    unit = one_hot(K)
    given = {
        "d": K,
        "tokens": tuple(tokens),
        "features": features,
        "labelled": N,
        "noise": draw(strategies.positive()),
    }
    return Case(given, unit[first], labels, unit)


def one_hot(K: int) -> np.ndarray:
    unit = np.array([[Fraction(int(i == j)) for j in range(K)] for i in range(K)], dtype=object)
    return unit


def quantities(case: Case) -> dict[str, Any]:
    """size: the most that the labels can be multiplied by, max_k sum_h |A_hk| max |y|; gap: how far
    the score of a head's own token is above every other one, at beta = 1."""
    given, N = case.parameters, case.parameters["labelled"]
    A = yang2024.memorised(given["features"], N, given["noise"])
    tokens = given["tokens"]
    closest = max(
        (
            sum(a * b for a, b in zip(tokens[h], tokens[j]))
            for h, j in product(range(N), repeat=2)
            if h != j
        ),
        default=Fraction(0),
    )
    return {
        "size": max(sum(abs(A[h][k]) for h in range(N)) for k in range(len(tokens)))
        * max(abs(label) for label in case.y),
        "gap": min(sum(token) for token in tokens) * (1 - closest),
    }


WITHIN = ("2*(n - 1)*size", "gap")


@claim(
    "yang2024.ridge",
    source=f"{PAPER}, theorem 2 and eqs. 8, 26",
    statement=r"H = N,\; Q_h = \beta\, v_h \mathbf{1}^\top,\; w_h = A_{h,:}: \hat y_k \to y_k "
    r"\;(k \leq N),\quad \hat y_k \to " + RIDGE + r"\;(k > N),\quad \beta \to \infty",
    note="the ridge of eq. 20, with m tau, not N tau as in eq. 25; the weights know all features "
    "and which tokens have labels, the labels alone are new in a prompt",
)
def ridge() -> tuple[Check, ...]:
    """One head for each labelled token: in the limit of its weights it is ridge regression."""
    return (
        limit(
            yang2024.one_head_a_token,
            ridge_of_the_rest,
            prompts,
            "beta",
            within=WITHIN,
            quantities=quantities,
        ),
    )


# -- of which prompts? ----------------------------------------------------------------------------


@check("exact", "exact")
@about_its_own
def other_tokens(budget: Budget) -> CheckResult:
    """One labelled token: the softmax of one score is 1, so that no weights tell which it was.

    Ridge tells v_1 from v_2, of different features; that the layer does not is run, for several
    heads whose weights are a letter times fixed numbers.
    """
    tokens, tau = UNIT[:3], Fraction(1)
    features = ((Fraction(1),), (Fraction(2),), (Fraction(1),))
    beta, unit = sympy.Symbol("beta"), one_hot(3)
    label = np.array([Fraction(1)], dtype=object)
    heads = [
        ([[beta, 2 * beta], [-beta, beta]], (1, 0, 2)),
        ([[-3 * beta, 0], [beta, beta]], (0, 1, 5)),
    ]
    layer = yang2024.transformer(tokens, heads)
    wanted, made = [], []
    for k in (0, 1):
        given: dict[str, Any] = {"features": features, "labelled": 1, "noise": tau}
        wanted.append(ridge_of_the_rest(unit[[k]], label, unit[[2]], **given)[0])
        (one,) = layer.predict(unit[[k]], label, unit[[2]], Decaying("beta", 1))
        made.append((one.limit, dict(one.bounds())))
    summed = sum(w[2] for _, w in heads)
    if any(one != (summed, {}) for one in made) or wanted[0] == wanted[1]:
        return CheckResult(None, detail=f"the layer gives {made}, ridge {wanted}")
    raise Differs(
        f"N = m = 1: with v_1 labelled ridge gives {wanted[0]} at v_3, with v_2 {wanted[1]}; the "
        "layer gives y sum_h w_h3 for both",
        {
            "f(v_1)": "1", "f(v_2)": "2", "f(v_3)": "1", "tau": "1", "y": "1",
            "ridge at v_3 with v_1 labelled": as_text(wanted[0]),
            "with v_2 labelled": as_text(wanted[1]),
            "the layer": "sum_h w_h3 for both, as the softmax of one score is 1",
        },
    )  # fmt: skip


@claim(
    "yang2024.ridge.prompts",
    source=f"{PAPER}, theorem 2, read of prompts of any N tokens of the dictionary",
    reading="of prompts of any N tokens of the dictionary",
    expected="refuted",
    statement=r"\text{there are weights with which } "
    + LAYER
    + r" \text{ is the ridge of eq. 20, whichever } N \text{ tokens the prompt labels}",
    note="refuted for every number of heads and all weights",
)
def any_tokens() -> tuple[Check, ...]:
    """One set of weights is ridge regression on prompts of any labelled tokens."""
    return (other_tokens(),)


@repair(
    "yang2024.ridge.prompts",
    "the prompt labels the N tokens of which the weights know, in any order",
    statement=r"\text{the weights of yang2024.ridge give it for } v_1, \ldots, v_N "
    r"\text{ in any order},\; \beta \to \infty",
)
def any_order() -> tuple[Check, ...]:
    """With the tokens that the weights know, the layer is ridge regression in any order of them."""
    return (
        limit(
            yang2024.one_head_a_token,
            ridge_of_the_rest,
            lambda: prompts(in_order=False),
            "beta",
            within=WITHIN,
            quantities=quantities,
        ),
    )


# -- how many heads? ------------------------------------------------------------------------------


def one_head_fails(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where no single head comes to the column A_k: to entries w p_i, p >= 0 adding up to 1.

    On labels that are all 1 a head predicts w. So w = sum_i A_ik, and p_i = A_ik/w is not negative.
    """
    features, N, noise = case["features"], case["labelled"], case["noise"]
    A = yang2024.memorised(features, N, noise)
    for k in range(N, len(features)):
        column = [A[i][k] for i in range(N)]
        w = sum(column)
        if any(column) and (w == 0 or any(w * entry < 0 for entry in column)):
            return {
                "features": as_text([list(row) for row in features]),
                "noise": as_text(noise),
                "token": k + 1,
                "ridge is": " + ".join(f"({entry}) y_{i}" for i, entry in enumerate(column, 1)),
                "one head": f"w sum_i p_i y_i, w = {w}, p_i >= 0",
            }
    return None


@st.composite
def dictionaries(draw: Any) -> dict[str, Any]:
    N = draw(st.integers(2, 3))
    whole = strategies.fractions(2, 1)
    features = tuple((draw(whole),) for _ in range(N + 1))
    return {"features": features, "labelled": N, "noise": draw(strategies.positive())}


@claim(
    "yang2024.ridge.heads",
    source=f"{PAPER}, section 3.3, the necessity of several heads",
    reading="with one head, which the section says is not enough",
    expected="refuted",
    statement=r"H = 1: \text{ there are weights with which } " + LAYER + r" \text{ is the ridge of "
    r"eq. 20 for all labels}",
    note="the paper says that it is impossible in general; the repair is its proposition 1",
)
def one_head() -> tuple[Check, ...]:
    """One head suffices."""
    return (formula_check(dictionaries, one_head_fails, "one head has the column"),)


@repair(
    "yang2024.ridge.heads",
    "as many heads as there are labelled tokens",
    statement=r"H = N: \text{ the weights of yang2024.ridge give it},\; \beta \to \infty",
)
def enough_heads() -> tuple[Check, ...]:
    """As many heads as labels suffice."""
    return (limit(yang2024.one_head_a_token, ridge_of_the_rest, prompts, "beta"),)


# -- why m tau: the least expected loss ------------------------------------------------------------


@check("exact", "exact")
@about_its_own
def least_loss(budget: Budget, penalty: Any) -> CheckResult:
    """E[y (a^T y - y_k)] = 0 at the a of ridge with this penalty, on every outcome there is.

    lambda_i and the entries of the noise are +- 1 and +- sqrt(tau), each equally likely: mean 0 and
    the variances that the paper asks for, which are all that the loss depends on.
    """
    cases = 0
    for features, N, root in SMALL:
        m, tau = len(features[0]), root**2
        F = np.array(features, dtype=object)
        Z, K = F[:N], len(features)
        gram = Z @ Z.T + penalty(m, N) * tau * np.eye(N, dtype=int)
        signs = list(product((1, -1), repeat=m + m * N))
        cases += len(signs)
        for k in range(N, K):
            a = algorithms.solve(gram, Z @ F[k])
            slope = [Fraction(0)] * N
            for one in signs:
                weights = np.array(one[:m], dtype=object)
                noise = root * np.array(one[m:], dtype=object).reshape(N, m)
                y = (Z + noise) @ weights
                error = a @ y - F[k] @ weights  # the label's own noise has mean 0
                slope = [s + value * error for s, value in zip(slope, y)]
            if any(slope):
                gradient = [as_text(s / len(signs)) for s in slope]
                raise Differs(
                    f"m = {m}, N = {N}: half the gradient of the expected loss is "
                    f"{short(gradient)}",
                    {
                        "features": as_text([list(map(int, row)) for row in features]),
                        "N": N,
                        "tau": as_text(tau),
                        "token": k + 1,
                        "half the gradient": gradient,
                    },
                )
    return CheckResult(
        True, cases, 0.0, 0.0, f"the gradient is 0, over all {cases} outcomes at {len(SMALL)} sizes"
    )


# features (K, m), N, sqrt(tau)
SMALL: tuple[tuple[tuple[tuple[Fraction, ...], ...], int, Fraction], ...] = tuple(
    (tuple(tuple(map(Fraction, row)) for row in features), N, Fraction(root))
    for features, N, root in (
        (((1,), (2,)), 1, 1),
        (((1, 2), (2, -1)), 1, 2),
        (((1,), (2,), (3,)), 2, "1/2"),
        (((1, 0), (1, 1), (2, -1)), 2, 1),
    )
)


@claim(
    "yang2024.ridge.noise",
    source=f"{PAPER}, eq. 25, as what training leaves",
    reading="as what training leaves",
    expected="refuted",
    statement=r"A \text{ with } N\tau \text{ for } m\tau \text{ minimises } "
    r"\operatorname{E}\,(\hat y_k - y_k)^2",
    note="the paper says that eqs. 20 and 25 differ, and which of them training leaves",
)
def best_penalty() -> tuple[Check, ...]:
    """Training leaves the ridge regression of the true noise, N tau."""
    return (least_loss(lambda m, N: N),)


@repair(
    "yang2024.ridge.noise",
    "m tau: the noise of a label is lambda^T epsilon, of variance m tau when lambda is drawn",
    statement=r"A \text{ of eq. 26 minimises } \operatorname{E}\,(\hat y_k - y_k)^2 \text{ for "
    r"labels } y_k = \lambda^\top (f(v_k) + \epsilon_k)",
)
def training_penalty() -> tuple[Check, ...]:
    """Training leaves ridge regression with m tau."""
    return (least_loss(lambda m, N: m),)


# -- one head a feature direction -----------------------------------------------------------------


def centred_step(X: Any, y: Any, queries: Any, rates: Sequence[Any]) -> Any:
    """One step of preconditioned gradient descent from zero on examples with the mean taken off:
    sum_i rates_i x_i (1/n sum_j (x_ji - mean_i) y_j)."""
    X, queries = np.asarray(X), np.asarray(queries)
    centred = X - X.sum(axis=0) / len(X)
    return queries @ (np.array(rates, dtype=object) * ((centred.T @ y) / len(X)))


def ridge_on(penalty: Any) -> Any:
    """Ridge regression on the features of the prompt, of one dimension."""

    def predict(X: Any, y: Any, queries: Any, rates: Any = ()) -> Any:
        return queries[:, 0] * (X[:, 0] @ y) / (X[:, 0] @ X[:, 0] + penalty)

    return predict


DIRECTIONS = r"m \text{ heads of scores } \varepsilon f_i(x_j) f_i(x),\; \varepsilon \to 0: \hat y "


@claim(
    "yang2024.ridge.directions",
    source=f"{PAPER}, read of one head for each feature direction",
    reading="of one head for each feature direction",
    expected="refuted",
    statement=DIRECTIONS + r"\to \text{ ridge regression on } f(x), \text{ for every prompt}",
    note="with features in the stream the layer needs no dictionary; at one example its limit is "
    "0, whatever the weights",
)
def directions() -> tuple[Check, ...]:
    """One head for each feature direction performs ridge regression in the limit of its weights."""
    size = {"d": 1, "n": 1, "rates": (Fraction(1),)}
    return (order(yang2024.one_head_a_direction, ridge_on(Fraction(1)), 1, [size]),)


@repair(
    "yang2024.ridge.directions",
    "one step of preconditioned gradient descent on centred examples, which is no ridge regression",
    statement=DIRECTIONS + r"= f(x)^\top \mathrm{diag}(c)\, \tfrac1n \textstyle\sum_j "
    r"(f(x_j) - \bar f)\, y_j + O(\varepsilon)",
    note="of order eps exactly from three examples on; with two it is eps^2, with one nothing",
)
def centred() -> tuple[Check, ...]:
    """One head for each feature direction makes a step of gradient descent on centred examples."""
    sizes = [
        {"d": 1, "n": 3, "rates": (Fraction(1),)},
        {"d": 1, "n": 4, "rates": (Fraction(2),)},
        {"d": 2, "n": 3, "rates": (Fraction(1), Fraction(1, 3))},
    ]
    return (order(yang2024.one_head_a_direction, centred_step, 1, sizes),)
