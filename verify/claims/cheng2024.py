"""cheng2024: attention with any function of the scores as functional gradient descent.

Text read: of arXiv:2312.06528 the abstract, and a digest that names equations 3.1, 3.2 and
propositions 1 and 2; the displayed weights were not at hand. V = diag(0, -r) and B = C = I are
restated, L(f) = 1/2 sum_i (f(x_i) - y_i)^2. Proposition 1 is about an h that is a kernel; whether a
function of the scores is one is asked of each on its own, and where it is not, the claim is a
reading of the proposition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any, TypeAlias

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from constructions.papers import cheng2024
from constructions.witness import Witness
from proofs.letters import count, each, is_positive_definite

from .. import algorithms, strategies
from ..box import Between, Box
from ..checks.bounds.balls import ball, precision
from ..checks.statements import balls_meet
from ..checks.statements import formula as formula_check
from ..claim import Check, claim, repair
from ..formulas import Formula
from ..papers import Paper
from ..strategies import as_text

PAPER = Paper(
    "cheng2024",
    title="Transformers Implement Functional Gradient Descent to Learn Non-Linear "
    "Functions In Context",
    authors="Xiang Cheng, Yuxin Chen, Suvrit Sra",
    arxiv="2312.06528",
)

SOURCE = f"{PAPER}, proposition 1, eqs. 3.1 and 3.2"
LAYER = r"Z \leftarrow Z + V Z M\, h(X, X),\; V = \mathrm{diag}(0, -r_\ell),\; "
STEP = (
    r"f_{\ell+1} = f_\ell - r_\ell \nabla L(f_\ell) = f_\ell + r_\ell \textstyle\sum_j "
    r"(y_j - f_\ell(x_j))\, k(x_j, \cdot),\; k(x, x') = "
)
IN_THE_SPACE = r" \text{ in the RKHS of the kernel } k"


def steps() -> dict[str, Any]:
    return {"steps": st.integers(0, 3), "rate": strategies.positive()}


# -- is it a kernel? -------------------------------------------------------------------------------


Build: TypeAlias = Callable[..., Witness]  # of d, steps and rate


def layer_kernel(build: Build, X: Any, query: Any, numbers: str) -> Any:
    """k(x_j, x_t), (n, n), as the layer has it: what one layer with r = 1 takes from y = e_j."""
    n, d = X.shape
    unit = np.eye(n, dtype=int).astype(object)
    before, after = build(d=d, steps=1, rate=1).trace(X, unit, query, numbers)
    return (before["y"] - after["y"]).reshape(n, -1)[:, :n]


def printed_layer(attention: str) -> Build:
    """The paper's layers with this function of the scores."""
    return partial(cheng2024.descent, attention=attention)


PLACES = [
    tuple(map(Fraction, place))
    for place in ((1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (1, -1), (-1, 1), (-1, -1))
]


@st.composite
def combinations(draw: Any, build: Build, d: int = 2) -> dict[str, Any]:
    """Some places, their K by a layer, and the combination c whose c^T K c is nearest its least."""
    if d == 1:
        places = [
            (value,) for value in draw(st.lists(strategies.fractions(), min_size=1, max_size=4))
        ]
    else:
        places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=5, unique=True))
    X = np.array(places, dtype=object)
    K = layer_kernel(build, X, X[:1], "rational")
    values, vectors = np.linalg.eigh(K.astype(float))
    c = np.array([Fraction(round(8 * entry)) for entry in vectors[:, 0]], dtype=object)
    return {"X": X, "K": K, "c": c}


def not_positive(build: Build, case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where a combination c has c^T K c < 0: then no step, of any size, lowers the loss at y = c.

    That it does not is run, at r = 1, 1/2, ..., 1/64.
    """
    X, K, c = case["X"], case["K"], case["c"]
    if (K != K.T).any():
        raise AssertionError("this kernel is symmetric")
    form = c @ K @ c
    if form >= 0:
        return None
    rates = [Fraction(1, 2**k) for k in range(7)]
    losses = []
    for rate in rates:
        layer = build(d=X.shape[1], steps=1, rate=rate)
        left = layer.trace(X, c, X[:1], "rational")[-1]["y"].ravel()[: len(X)]
        losses.append(left @ left)
    if min(losses) <= c @ c:
        raise AssertionError("a step lowers the loss along a negative direction")
    return {
        "X": as_text([list(row) for row in X]),
        "K": as_text([list(row) for row in K]),
        "c": as_text(list(c)),
        "c^T K c": str(form),
        "2 L at f = 0, y = c": str(c @ c),
        "after a step of 1/64": str(losses[-1]),
    }


def not_squares(
    squares: Callable[[Any, Any], Any], case: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Where c^T K c is not the sum of squares(X, c), by which it would not be negative."""
    X, K, c = case["X"], case["K"], case["c"]
    if c @ K @ c == squares(X, c):
        return None
    rows = as_text([list(row) for row in X])
    return {"X": rows, "c": as_text(list(c)), "c^T K c": str(c @ K @ c)}


# -- the scores themselves -------------------------------------------------------------------------


def of_each_step(given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """w_k = w_{k-1} + r_k sum_j (y_j - <w_{k-1}, x_j>) x_j from 0."""
    made = {"w0": "O"}
    for k in range(1, given["steps"] + 1):
        made[f"w{k}"] = f"w{k - 1} + rate{k}*X.T*(y - X*w{k - 1})"
    return made, f"w{given['steps']}.T*x_t"


def first_rates(given: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """As many of the rates as there are steps."""
    return {"rate": given["rate"][: given["steps"]]}


def of_the_sum(X: Any, c: Any) -> Any:
    """|X^T c|^2: c^T K c for the linear kernel."""
    return (X.T @ c) @ (X.T @ c)


@claim(
    "cheng2024.prop1",
    source=SOURCE,
    statement=LAYER + STEP + r"h(x, x') = \langle x, x' \rangle" + IN_THE_SPACE,
    algorithm=Formula("functional gradient descent, linear kernel", of_each_step),
    cases=lambda: strategies.prompts(
        steps=st.integers(0, 3), rate=st.tuples(*[strategies.positive()] * 3), build=first_rates
    ),
    assembled=lambda: [{"d": 3, "steps": count("steps"), "rate": each("rate", "steps")}],
    checks=lambda build: (
        formula_check(
            lambda: combinations(build),
            partial(not_squares, of_the_sum),
            "c^T K c = |X^T c|^2 >= 0",
        ),
    ),
    note="with L without the factor 1/2 the step is of size r/2",
)
def linear(d: int, steps: int, rate: Any) -> Witness:
    """Linear attention is functional gradient descent in the space of the linear kernel."""
    return cheng2024.descent(d, steps, rate)


# -- ReLU ------------------------------------------------------------------------------------------


def relu_descent(X: Any, y: Any, queries: Any, steps: int, rate: Any) -> Any:
    """f <- f + r sum_j (y_j - f(x_j)) relu<x_j, .> from 0."""
    positive = np.vectorize(lambda score: max(score, 0), otypes=[object])
    return descended(positive(X @ X.T), positive(queries @ X.T), y, steps, rate)


def descended(here: Any, there: Any, y: Any, steps: int, rate: Any) -> Any:
    """The predictions of functional descent with weights (n, n) at examples, (m, n) at queries."""
    fit, prediction = 0 * y, there @ (0 * y)
    for _ in range(steps):
        error = y - fit
        fit, prediction = fit + rate * (here @ error), prediction + rate * (there @ error)
    return prediction


@claim(
    "cheng2024.prop1.relu",
    source=SOURCE + ", for an h that is no kernel: the ReLU",
    reading="for an h that is no kernel: the ReLU",
    expected="refuted",
    statement=LAYER + STEP + r"\mathrm{relu}\langle x, x' \rangle" + IN_THE_SPACE,
    note="the proposition is about a kernel: what fails is its hypothesis, not the proposition. "
    "The layer is the sum on the right; k has no RKHS, and the sum is no gradient of L",
)
def relu() -> tuple[Check, ...]:
    """ReLU attention is a gradient step in a space of functions, relu<x, x'> the kernel."""
    layer = printed_layer("relu")
    cases = lambda: combinations(layer)  # noqa: E731
    return (formula_check(cases, partial(not_positive, layer), "c^T K c >= 0"),)


def of_two_sides(X: Any, c: Any) -> Any:
    """(sum c relu(x))^2 + (sum c relu(-x))^2: c^T K c for relu(x x'), d = 1."""
    x = X[:, 0]
    return sum(sum(a * max(side * b, 0) for a, b in zip(c, x)) ** 2 for side in (1, -1))


@repair(
    "cheng2024.prop1.relu",
    "the sum, without a space of functions; for numbers x, d = 1, k is a kernel",
    statement=LAYER + r"f_{\ell+1} = f_\ell + r_\ell \textstyle\sum_j (y_j - f_\ell(x_j))\, "
    r"\mathrm{relu}\langle x_j, \cdot \rangle",
    algorithm=relu_descent,
    cases=lambda: strategies.prompts(**steps()),
    checks=lambda build: (
        formula_check(
            lambda: combinations(build, 1), partial(not_squares, of_two_sides), "d = 1: two squares"
        ),
    ),
)
def relu_sum(d: int, steps: int, rate: Any) -> Witness:
    """ReLU attention adds the residuals, weighted by relu<x_j, x>."""
    return cheng2024.descent(d, steps, rate, "relu")


# -- exponential -----------------------------------------------------------------------------------


def exponential_descent(X: Any, y: Any, queries: Any, steps: int, rate: Any) -> Any:
    """f <- f + r sum_j (y_j - f(x_j)) exp<x_j, .> from 0."""
    return descended(algorithms.exp(X @ X.T), algorithms.exp(queries @ X.T), y, steps, rate)


def boxes(most: int) -> list[Box]:
    return [
        Box(d=2, n=2, parameters={"steps": k, "rate": Between(0, 1)}) for k in range(1, most + 1)
    ]


ORDERS = 16  # of the exponential series


@st.composite
def series(draw: Any) -> dict[str, Any]:
    """X (n, d) with entries in [-1, 1], and c (n,)."""
    d, n = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    entry = st.builds(Fraction, st.integers(-4, 4), st.just(4))
    rows = [draw(st.tuples(*[entry] * d)) for _ in range(n)]
    c = draw(st.tuples(*[strategies.fractions()] * n))
    return {"X": np.array(rows, dtype=object), "c": np.array(c, dtype=object)}


def squares_of_order(k: int, X: Any, c: Any) -> Fraction:
    """The sum of (sum_i c_i x_i^a)^2 / a! over |a| = k: c^T (<x_i, x_j>^k)_ij c / k!."""
    squares = Fraction(0)
    for chosen in combinations_with_replacement(range(X.shape[1]), k):
        value = c @ X[:, list(chosen)].prod(axis=1)
        squares += value**2 / prod(factorial(chosen.count(axis)) for axis in set(chosen))
    return squares


def not_all_squares(build: Build, case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where c^T K c, K by the layer, is apart from the sum of the squares of all orders, by which
    it would not be negative: those up to ORDERS, and what the others can add up to."""
    X, c = case["X"], case["c"]
    K = layer_kernel(build, X, X[:1], "ball")
    with precision(128):
        chosen = np.vectorize(ball, otypes=[object])(c)
        form = chosen @ K @ chosen
        squares = ball(sum(squares_of_order(k, X, c) for k in range(ORDERS + 1)))
        score = max(abs(s) for s in (X @ X.T).ravel())
        beyond = ball(score ** (ORDERS + 1) / factorial(ORDERS + 1)) * ball(score).exp()
        rest = beyond * ball(sum(map(abs, c)) ** 2)
        if (form - squares).overlaps(rest.union(arb(0))):
            return None
    return {"X": as_text(X.tolist()), "c": as_text(list(c)), "c^T K c": str(form)}


@claim(
    "cheng2024.prop1.exponential",
    source=SOURCE + ", h the exponential",
    statement=LAYER + STEP + r"e^{\langle x, x' \rangle}" + IN_THE_SPACE,
    algorithm=exponential_descent,
    box=boxes(2),
    within=0,
    checks=lambda build: (
        balls_meet(series, partial(not_all_squares, build), "c^T K c is a sum of squares"),
    ),
)
def exponential(d: int, steps: int, rate: Any) -> Witness:
    """Exponential attention is functional gradient descent in the space of exp<x, x'>."""
    return cheng2024.descent(d, steps, rate, "exponential")


# -- softmax ---------------------------------------------------------------------------------------


@st.composite
def places_on_a_line(draw: Any) -> dict[str, Any]:
    n = draw(st.integers(2, 3))
    whole = strategies.fractions(2, 1)
    return {"X": tuple((draw(whole),) for _ in range(n)), "query": (draw(whole),)}


def not_symmetric(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Two examples with k(x_i, x_j) apart from k(x_j, x_i), in intervals that do not meet."""
    X, query = (np.array(rows, dtype=object) for rows in (case["X"], (case["query"],)))
    K = layer_kernel(printed_layer("softmax"), X, query, "ball")
    for i in range(len(X)):
        for j in range(i):
            if not K[i, j].overlaps(K[j, i]):
                return {
                    "x": as_text([row[0] for row in case["X"]]),
                    "query": str(case["query"][0]),
                    f"k(x_{j + 1}, x_{i + 1})": K[j, i].str(6, radius=False),
                    f"k(x_{i + 1}, x_{j + 1})": K[i, j].str(6, radius=False),
                }
    return None


@claim(
    "cheng2024.prop1.softmax",
    source=SOURCE + ", for an h that is no kernel: the softmax",
    reading="for an h that is no kernel: the softmax",
    expected="refuted",
    statement=LAYER
    + STEP
    + r"e^{\langle x, x' \rangle} / \textstyle\sum_i e^{\langle x_i, x' \rangle}"
    + IN_THE_SPACE,
    note="the proposition is about a kernel: what fails is its hypothesis, not the proposition. M "
    "stands behind h, so that the sum is over all tokens; over the examples it is not symmetric "
    "either",
)
def softmax() -> tuple[Check, ...]:
    """Softmax attention is a gradient step in a space of functions, its weights the kernel."""
    return (formula_check(places_on_a_line, not_symmetric, "k is symmetric"),)


def smoothed_descent(X: Any, y: Any, queries: Any, steps: int, rate: Any) -> Any:
    """The step with the kernel exp<x, x'>, divided at each token by its sum over all tokens."""
    tokens = np.vstack([X, queries])
    weights = algorithms.exp(tokens @ tokens.T)
    n = len(X)
    shares = np.array([[one / sum(row) for one in row[:n]] for row in weights], dtype=object)
    return descended(shares[:n], shares[n:], y, steps, rate)


@repair(
    "cheng2024.prop1.softmax",
    "the step with the kernel exp<x, x'>, divided at each token x by sum_i exp<x_i, x>",
    statement=LAYER + r"f_{\ell+1}(x) = f_\ell(x) + r_\ell \textstyle\sum_j (y_j - f_\ell(x_j))\, "
    r"e^{\langle x_j, x \rangle} / \textstyle\sum_i e^{\langle x_i, x \rangle}",
    algorithm=smoothed_descent,
    box=boxes(2),
    within=0,
)
def softmax_shares(d: int, steps: int, rate: Any) -> Witness:
    """Softmax attention is the exponential kernel's step, divided by each token's sum."""
    return cheng2024.descent(d, steps, rate, "softmax")


# -- proposition 2: the limit over layers ----------------------------------------------------------

LIMIT = (
    r"y, y_{\mathrm{test}} \sim \mathcal{N}(0, k),\; h = k: "
    r"\lim_\ell f_\ell(x) = \operatorname{E}[y_{\mathrm{test}} \mid y] = \kappa^\top K^{-1} y"
)
LAYERS = 4


def powers(K: Any, rate: Any, start: Any) -> list[Any]:
    """(I - rate K)^l start for l = 0, ..., LAYERS."""
    made = [start]
    for _ in range(LAYERS):
        made.append(made[-1] - rate * (K @ made[-1]))
    return made


@st.composite
def consistent(draw: Any, bounded: bool = False) -> dict[str, Any]:
    """Targets y = X w as the linear kernel's process makes them, and r < 2/lambda_max."""
    d, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    entries = [strategies.fractions()] * d
    X = np.array([draw(st.tuples(*entries)) for _ in range(n)], dtype=object)
    if bounded:  # |x| <= 1
        X = np.array([row / max(1, sum(abs(e) for e in row)) for row in X], dtype=object)
    w, query = (np.array(draw(st.tuples(*entries)), dtype=object) for _ in range(2))
    trace = sum(e * e for e in X.ravel())  # at least lambda_max
    share = draw(st.builds(Fraction, st.integers(1, 7), st.just(4)))
    rate = share / (n if bounded else trace or 1)
    return {"X": X, "w": w, "query": query, "rate": rate}


def other_limit(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where f_l differs from mu - <(I - rS)^l w*, x>, S = X^T X, or (I - rS)^l does not vanish on
    w*, the least w with Xw = y, which gives the posterior mean mu = <w*, x>.

    It vanishes as w* is in the span of the examples, where 0 < rS, and rS < 2 I is asked.
    """
    X, query, rate = case["X"], case["query"], case["rate"]
    y = X @ case["w"]
    d = X.shape[1]
    unit = np.array([[Fraction(int(i == j)) for j in range(d)] for i in range(d)], dtype=object)
    S = X.T @ X
    least = np.array(algorithms.least_squares(X, y, unit), dtype=object)
    if (X @ least != y).any():
        raise AssertionError("the targets are not the process's")
    shrinks = is_positive_definite(tuple(map(tuple, 2 * unit - rate * S)))
    expected = [query @ (least - left) for left in powers(S, rate, least)]
    made = [
        cheng2024.descent(d, layers, rate).predict(X, y, query[None], "rational")[0]
        for layers in range(LAYERS + 1)
    ]
    if shrinks and made == expected:
        return None
    return {
        "X": as_text(X.tolist()),
        "y": as_text(list(y)),
        "query": as_text(list(query)),
        "r": str(rate),
        "layers give": as_text(made),
        "posterior mean": str(query @ least),
    }


@st.composite
def processes(draw: Any) -> dict[str, Any]:
    """Different places on a line, any targets, and r below 2/trace K <= 2/lambda_max."""
    whole = strategies.fractions(2, 1)
    x = draw(st.lists(whole, min_size=1, max_size=3, unique=True))
    y = [draw(whole) for _ in x]
    above = sum(Fraction(3) ** int(value * value) for value in x)  # e < 3
    share = draw(st.sampled_from((Fraction(1, 2), Fraction(1), Fraction(3, 2))))
    return {"x": x, "y": y, "query": draw(whole), "rate": share / above}


def other_exponential_limit(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where f_l is apart from kappa^T K^-1 (y - (I - rK)^l y), k = exp<x, x'>, in intervals; that K
    is positive definite and rK < 2I is certified first."""
    x, y, rate = case["x"], case["y"], case["rate"]
    n = len(x)
    K = arb_mat([[ball(a * b).exp() for b in x] for a in x])
    leading = [
        arb_mat([[K[i, j] for j in range(k)] for i in range(k)]).det() for k in range(1, n + 1)
    ]
    if not all(minor > 0 for minor in leading):
        return {"x": as_text(x), "leading minors of K": [str(minor) for minor in leading]}
    if not sum((K[i, i] for i in range(n)), arb(0)) * ball(rate) < 2:
        raise AssertionError("r is not below 2/trace K")
    at = arb_mat([[ball(case["query"] * a).exp() for a in x]])
    targets = arb_mat([[ball(value)] for value in y])
    left = targets
    X = np.array([[value] for value in x], dtype=object)
    for layers in range(LAYERS + 1):
        expected = (at * K.solve(targets - left))[0, 0]
        layer = cheng2024.descent(1, layers, rate, "exponential")
        asked = np.array([[case["query"]]], dtype=object)
        made = layer.predict(X, np.array(y, dtype=object), asked, "ball")[0]
        if not made.overlaps(expected):
            return {"x": as_text(x), "y": as_text(y), "layers": layers, "is": str(made)}
        left = left - ball(rate) * (K * left)
    return None


@claim(
    "cheng2024.prop2",
    source=f"{PAPER}, proposition 2",
    statement=LIMIT + r",\; 0 < r < 2/\lambda_{\max}(K)",
    note="f_l = kappa^T K^-1 (y - (I - rK)^l y) for every kernel and l; run with the linear "
    "kernel, K singular too, in fractions, and with the exponential one in intervals",
)
def posterior() -> tuple[Check, ...]:
    """With the kernel of the process the limit over layers is the posterior mean."""
    return (
        formula_check(consistent, other_limit, "linear kernel: the error is (I - rS)^l of w*"),
        balls_meet(
            processes, other_exponential_limit, "exponential kernel: the error is (I - rK)^l of y"
        ),
    )


def errors_stay(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """One example with r |x|^2 >= 2: the error of the posterior mean is (1 - r |x|^2)^l of it."""
    X, y, query, rate = case["X"], case["y"], case["query"], case["rate"]
    K = X[0] @ X[0]
    if K == 0:
        return None
    mean = (query @ X[0]) * y / K
    errors = [
        cheng2024.descent(X.shape[1], layers, rate).predict(
            X, np.array([y], dtype=object), query[None], "rational"
        )[0]
        - mean
        for layers in range(LAYERS + 1)
    ]
    if any(after != (1 - rate * K) * before for before, after in zip(errors, errors[1:])):
        raise AssertionError("the error is another one")
    if mean == 0 or abs(1 - rate * K) < 1:
        return None
    return {
        "X": as_text(X.tolist()),
        "y": str(y),
        "query": as_text(list(query)),
        "r": str(rate),
        "posterior mean": str(mean),
        "errors": as_text(errors),
        "each is": f"{1 - rate * K} times the one before",
    }


@st.composite
def single_examples(draw: Any) -> dict[str, Any]:
    d = draw(st.integers(1, 2))
    row = st.tuples(*[strategies.fractions()] * d)
    return {
        "X": np.array([draw(row)], dtype=object),
        "y": draw(strategies.fractions()),
        "query": np.array(draw(row), dtype=object),
        "rate": draw(strategies.positive()),
    }


@claim(
    "cheng2024.prop2.rate",
    source=f"{PAPER}, proposition 2, with one r for all prompts",
    reading="with one r for all prompts",
    expected="refuted",
    statement=LIMIT + r" \text{ for every } r > 0 \text{ and every prompt}",
    note="for every r there is such a prompt: one example with r |x|^2 >= 2",
)
def any_rate() -> tuple[Check, ...]:
    """The limit is the posterior mean, whatever the step size."""
    return (formula_check(single_examples, errors_stay, "the error vanishes"),)


@repair(
    "cheng2024.prop2.rate",
    "r < 2/n for inputs with |x_i| <= 1, on which lambda_max(K) <= n",
    statement=LIMIT + r",\; k = \langle \cdot, \cdot \rangle,\; \|x_i\| \leq 1,\; 0 < r < 2/n",
)
def bounded_inputs() -> tuple[Check, ...]:
    """On the unit ball one step size serves every prompt of n examples."""
    return (formula_check(lambda: consistent(True), other_limit, "the error is (I - rS)^l of w*"),)
