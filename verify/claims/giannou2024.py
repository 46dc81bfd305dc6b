"""giannou2024: Newton's iteration on matrices in the tokens; what its logistic regression costs.

Text read: arXiv:2403.03183v1 as extracted text, sections 1-6 and appendices A-E. Its displayed
matrices were not legible there: the prompt's blocks and the order of the heads are taken from the
sentences around them, and the weights are built anew within what they promise. Where the sentences
leave it open what the prompt holds, each reading is a claim of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy
from flint import arb
from hypothesis import strategies as st

from constructions.matrices import from_matrices
from constructions.papers import giannou2024
from constructions.witness import Witness
from proofs.prompt import fields_of
from proofs.stream import layout

from .. import strategies
from ..checks.statements import formula as formula_check
from ..claim import (
    Budget,
    Builder,
    Check,
    CheckResult,
    Differs,
    Domain,
    Promise,
    check,
    claim,
    repair,
)
from ..formulas import formula
from ..papers import Paper
from ..strategies import Case, as_text

PAPER = Paper(
    "giannou2024",
    title="How Well Can Transformers Emulate In-context Newton's Method?",
    authors="Angeliki Giannou, Liu Yang, Tianhao Wang, Dimitris Papailiopoulos, Jason D. Lee",
    arxiv="2403.03183",
    version=1,
)

Rows = Sequence[Sequence[Any]]
LAYER = r"H \leftarrow H + \textstyle\sum_i V_i H (K_i H)^\top (Q_i H)"
STEP = r"X_1 = X_0(2I - AX_0)"
TWO_HEADS = Promise("heads", "2", "<=")

MATRICES = fields_of(layout(initial="d", given="d"), ())

# -- lemma 4.1: one iteration, the matrices in d tokens -------------------------------------------


def next_iterate(X0: Any, A: Any) -> Any:
    """X_1 = X_0 (2 I - A X_0)."""
    return 2 * X0 - X0 @ A @ X0


def newton_step(X: Any, y: Any, queries: Any) -> Any:
    """At token t column t of X_1; X has the columns of X_0 and of A side by side, as rows."""
    d = len(X)
    return next_iterate(X[:, :d].T, X[:, d:].T).T


def array(rows: Rows) -> Any:
    return np.array([list(row) for row in rows], dtype=object)


def in_tokens(X0: Any, A: Any) -> Case:
    """X_0 and A in d tokens, without y and without a query."""
    d = len(X0)
    none = np.zeros((0, 0), dtype=object)
    X = np.hstack([X0.T, A.T])
    return Case({"d": d}, X, none.reshape(0, 0).repeat(d, 0).reshape(d, 0), none, MATRICES, 0)


@st.composite
def matrices(draw: Any, symmetric: bool = False) -> Case:
    """X_0 and A, d × d."""
    d = draw(st.integers(1, 3))
    X0, A = draw(strategies.matrix(d)), draw(strategies.matrix(d, symmetric=symmetric))
    return in_tokens(array(X0), array(A))


BLOCKS = ("inverse", "matrix", "unit")  # X, A and I; a fourth is 0, whatever its name


def blocks_differ(build: Builder, case: Case) -> dict[str, Any] | None:
    """The block of [X_1; A; I; 0] that a step from [X_0; A; I; 0] does not leave, at some token."""
    d = case.d
    last = build(d=d).trace(case.X, case.y, case.queries, "rational")[-1]
    X0, A = case.X[:, :d].T, case.X[:, d:].T
    right = dict(zip(BLOCKS, (next_iterate(X0, A), A, np.eye(d, dtype=int))))
    for name, held in last.items():
        should = right.get(name, 0 * A).T
        if (held != should).any():
            shown = {"rows": name, "is": held.tolist(), "should": should.tolist()}
            return case.to_json() | {key: as_text(value) for key, value in shown.items()}
    return None


LEAVES = "the rows are X_1, A, I and 0"


SIZES = [{"d": d} for d in (1, 2, 4)]


@claim(
    "giannou2024.lemma4.1",
    source=f"{PAPER}, lemma 4.1",
    statement=r"[X_0; A; I; 0] \mapsto [X_1; A; I; 0],\; "
    + STEP
    + r" \text{ for any } A \in \mathbb{R}^{d \times d},\; "
    + LAYER,
    algorithm=newton_step,
    cases=matrices,
    checks=lambda build: (formula_check(matrices, partial(blocks_differ, build), LEAVES),),
    promises=(Promise("layers", "2"), TWO_HEADS, Promise("width", "4*d")),
    sizes=lambda: SIZES,
    theorems=("giannou2024.lemma4.1",),
    symbolic={"d": 2, "n": 2},
    note="the prompt's blocks restated: X_0, A, the identity, zeros",
)
def any_matrix(d: int) -> Witness:
    """Two layers of two heads make one iteration of Newton's for any square matrix."""
    return giannou2024.newton_step(d)


@claim(
    "giannou2024.lemma4.1.symmetric",
    source=f"{PAPER}, lemma 4.1, last sentence",
    statement=r"A = A^\top: [X_0; A; I; 0] \mapsto [X_1; A; I; 0] \text{ in one layer},\; " + STEP,
    algorithm=newton_step,
    cases=lambda: matrices(symmetric=True),
    checks=lambda build: (
        formula_check(lambda: matrices(symmetric=True), partial(blocks_differ, build), LEAVES),
    ),
    promises=(Promise("layers", "1"), TWO_HEADS, Promise("width", "4*d")),
    sizes=lambda: SIZES,
    theorems=("giannou2024.lemma4.1.symmetric",),
)
def symmetric(d: int) -> Witness:
    """For symmetric A one layer of two heads suffices."""
    return giannou2024.symmetric_step(d)


@st.composite
def any_weights(draw: Any) -> dict[str, Any]:
    """X_0, A, and two layers of two heads and ReLUs whose weights are drawn, all of them."""
    d = draw(st.integers(1, 2))
    rows = 2 * d + 1
    seed = draw(st.integers(0, 999))
    weights = np.random.default_rng(seed).integers(-1, 2, (2, 6, rows, rows))
    return {"X0": draw(strategies.matrix(d)), "A": draw(strategies.matrix(d)), "weights": weights}


def of_weights(d: int, weights: Any) -> Witness:
    """Layers on [X_0; A; 1] with these matrices: P, Q of two heads, W_1, W_2."""
    from proofs.layer import Readout

    layers = [
        {
            "heads": [{"P": P, "Q": Q}, {"P": other_P, "Q": other_Q}],
            "W_1": W_1,
            "W_2": W_2,
            "activation": "relu",
        }
        for P, Q, other_P, other_Q, W_1, W_2 in weights
    ]
    return from_matrices(
        layers,
        rows={"initial": "d", "given": "d", "one": 1},
        prompt=giannou2024.MATRICES,
        read=Readout("initial", tokens="examples"),
        d=d,
    )


def exchanged_columns(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """X_0 and A of which no layers can give X_1, as they do not know the order of the columns.

    Tokens in reverse are H O: layers give f(H) O, Newton's iteration X_0 O (2 I - A O X_0 O). That
    the drawn layers do is run; that any do is the theorem's.
    """
    X0, A = array(case["X0"]), array(case["A"])
    tokens, reverse = in_tokens(X0, A), in_tokens(X0[:, ::-1], A[:, ::-1])
    layers = of_weights(len(X0), case["weights"])
    made, turned = (
        layers.predict(one.X, one.y, one.queries, "rational") for one in (tokens, reverse)
    )
    if (made[::-1] != turned).any():
        raise AssertionError("layers that read all tokens alike know their order")
    here, there = next_iterate(X0, A), next_iterate(X0[:, ::-1], A[:, ::-1])
    if (here[:, ::-1] == there).all():
        return None
    return {
        "X_0": as_text(X0.tolist()),
        "A": as_text(A.tolist()),
        "X_1": as_text(here.tolist()),
        "columns exchanged": as_text(there[:, ::-1].tolist()),
    }


@claim(
    "giannou2024.lemma4.1.alone",
    source=f"{PAPER}, lemma 4.1, read of a prompt without the identity",
    reading="of a prompt without the identity",
    expected="refuted",
    statement=r"\text{there are weights with } [X_0; A; \mathbf{1}] \mapsto X_1,\; " + STEP,
    note="refuted for every number of layers and heads, and all weights",
)
def alone() -> tuple[Check, ...]:
    """The prompt holds X_0, A and constants, and no token its place."""
    return (formula_check(any_weights, exchanged_columns, "the columns may be exchanged"),)


@repair(
    "giannou2024.lemma4.1.alone",
    "the identity in the prompt, which tells the tokens apart",
    statement=r"[X_0; A; I; 0] \mapsto [X_1; A; I; 0],\; " + STEP,
    algorithm=newton_step,
    cases=matrices,
)
def with_identity(d: int) -> Witness:
    """With the identity in the prompt two layers do it."""
    return giannou2024.newton_step(d)


# -- theorem 4.2: least squares ------------------------------------------------------------------

prediction = formula(
    "x_t.T*M*X.T*y",
    name="Newton's iteration from epsilon A^T A",
    S="X.T*X",
    start={"M": "epsilon*S"},
    step={"M": "2*M - M*S*M"},
    repeat="iterations",
)
REGRESSION = (
    r"\hat y = a_{\mathrm{test}}^\top X_T A^\top y,\; X_{t+1} = X_t(2I - A^\top A X_t),\; "
    r"X_0 = \epsilon A^\top A"
)
COUNTS = [
    {"d": d, "iterations": T, "epsilon": Fraction(1, 3)} for d in (1, 2, 4) for T in (0, 1, 3)
]
PROMISED = (Promise("layers", "iterations + 3"), TWO_HEADS, Promise("width", "4*d + 3"))


def regressions(d: Any, n: Any, fewest: int = 0) -> Any:
    """Prompts with at least so many iterations; the theorem speaks of T > 0."""
    steps = st.integers(fewest, 3)
    return strategies.prompts(d, n, iterations=steps, epsilon=strategies.positive())


@claim(
    "giannou2024.theorem4.2",
    source=f"{PAPER}, theorem 4.2 and appendix A.2",
    statement=REGRESSION + r" \text{ in } 3 + T \text{ layers of two heads, width } 4d + 3",
    algorithm=prediction,
    cases=lambda: regressions(st.integers(1, 3), st.integers(3, 4)),
    domain=Domain(
        "n >= d: the first d tokens hold the columns of matrices",
        lambda case: len(case.X) >= case.X.shape[1],
    ),
    promises=PROMISED,
    sizes=lambda: COUNTS,
    theorems=("giannou2024.lemma4.1.symmetric",),
    symbolic={"d": 2, "n": 2, "iterations": 1, "epsilon": Fraction(1, 2)},
    note="exact for any epsilon; with epsilon < 2/lambda_max^2 and A^T A invertible it converges",
)
def least_squares(d: int, iterations: int, epsilon: Any) -> Witness:
    """Theorem 4.2 with its counts: one layer makes A^T A, T iterate, two read out."""
    return giannou2024.least_squares(d, iterations, epsilon)


@claim(
    "giannou2024.theorem4.2.few",
    source=f'{PAPER}, theorem 4.2, "for any dimension d, n"',
    reading="of the weights that serve n >= d, for n < d too",
    expected="refuted",
    statement=REGRESSION + r" \text{ by the same weights, for every } n \text{ and } d",
    algorithm=prediction,
    cases=lambda: (
        regressions(st.integers(1, 2), st.just(1), fewest=1),
        regressions(st.integers(1, 3), st.integers(1, 3), fewest=1),
    ),
    domain=Domain("T > 0", lambda case: case.parameters["iterations"] > 0),
    note="the theorem says that for any d, n and T there are weights, and the repair is such. What "
    "fails are those that keep the matrices in d tokens, as built here: n < d examples are too few",
)
def few(d: int, iterations: int, epsilon: Any) -> Witness:
    """The weights that keep the matrices in the first d tokens serve fewer examples too."""
    return giannou2024.least_squares(d, iterations, epsilon)


@repair(
    "giannou2024.theorem4.2.few",
    "token j holds 2^-t X_t a_j in place of a column of X_t, in layers of one head; T + 2 of them",
    statement=REGRESSION + r" \text{ for every } n \text{ and } d",
    assembled=lambda: [
        {"d": 3, "iterations": T, "epsilon": sympy.Symbol("epsilon")} for T in range(4)
    ],
    theorems=("giannou2024.theorem4.2.few",),
    promises=(
        Promise("layers", "iterations + 3", "<="),
        TWO_HEADS,
        Promise("width", "4*d + 3", "<="),
    ),
    sizes=lambda: COUNTS,
)
def by_tokens(d: int, iterations: int, epsilon: Any) -> Witness:
    """With 2^-t X_t a_j in token j T + 2 layers do it for every number of examples."""
    return giannou2024.token_least_squares(d, iterations, epsilon)


# what X_0 may be: a times the identity, or a times the matrix
STARTS = ("identity", "matrix")


def iterated(B: Any, start: Any, iterations: int, of: str) -> Any:
    """X_k from X_0 = start I or start B, by the layer of lemma 4.1 for symmetric matrices."""
    B = array(B)
    X = start * (B if of == "matrix" else array(giannou2024.identity(len(B))))
    layer = giannou2024.symmetric_step(len(B))
    for _ in range(iterations):
        case = in_tokens(X, B)
        X = layer.predict(case.X, case.y, case.queries, "rational").T
    return X


def range_of_starts(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where epsilon < 2/L^2, L the largest eigenvalue of A^T A, is not what makes X_t converge.

    I - X_0 S has 1 - epsilon s^2 for each eigenvalue s, and an iteration squares it: it converges
    where all are in (-1, 1). Run on A^T A = diag(s, L), d = 2, by the layer of lemma 4.1.
    """
    largest, share, epsilon = case["largest"], case["share"], case["epsilon"]
    spectrum = (share * largest, largest)
    S = tuple(tuple(s if i == j else Fraction(0) for j in range(2)) for i, s in enumerate(spectrum))
    left = [1 - epsilon * s**2 for s in spectrum]
    made = iterated(S, epsilon, 2, "matrix")
    if [1 - made[i, i] * s for i, s in enumerate(spectrum)] != [one**4 for one in left]:
        raise AssertionError("two iterations do not leave the fourth power")
    converges = all(abs(one) < 1 for one in left)
    if converges == (epsilon < 2 / largest**2):
        return None
    return {
        "eigenvalues": as_text(list(spectrum)),
        "epsilon": str(epsilon),
        "1 - epsilon s^2": as_text(left),
    }


@claim(
    "giannou2024.theorem4.2.start",
    source=f"{PAPER}, theorem 4.2, the range of epsilon",
    reading="as where the iteration converges",
    statement=r"\epsilon A^\top A = X_0 \text{ converges to } (A^\top A)^{-1} \Leftrightarrow "
    r"0 < \epsilon < 2/\lambda_{\max}^2(A^\top A)",
    note="for invertible A^T A",
)
def start() -> tuple[Check, ...]:
    """Newton's iteration converges from epsilon A^T A for these epsilons, and no more."""
    cases = lambda: st.fixed_dictionaries(  # noqa: E731
        {
            "largest": strategies.positive(4, 2),
            "share": st.sampled_from([Fraction(k, 4) for k in (1, 2, 3, 4)]),
            "epsilon": strategies.positive(8, 4),
        }
    )
    return (formula_check(cases, range_of_starts, "converges for these epsilons alone"),)


# -- logistic regression: layers ------------------------------------------------------------------

# a_1 = (1, 0), y_1 = 1, mu = 1/10 as in figure 7, at the point (0, 10/7): p = 1/2
HESSIAN = ((Fraction(7, 20), Fraction(0)), (Fraction(0), Fraction(1, 10)))
GRADIENT = (Fraction(-1, 2), Fraction(1, 7))
DIRECTION = tuple(g / HESSIAN[i][i] for i, g in enumerate(GRADIENT))  # 10/7 in each


def residual(kappa: Fraction, iterations: int, of: str) -> Fraction:
    """|I - X_k B| from the best X_0 = a I or a B, for eigenvalues from 1 to kappa.

    With e = 1 or 2 as X_0 B = a B^e, a = 2/(1 + kappa^e) balances 1 - a with a kappa^e - 1, which
    every other a makes larger; an iteration squares.
    """
    most = kappa ** (2 if of == "matrix" else 1)
    return ((most - 1) / (most + 1)) ** (2**iterations)


def far_from_newton(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """By how much of it one iteration misses the direction of Newton's method, over a quarter.

    The layer is run from this start; `residual` says that no start does better.
    """
    start, of = case["start"], case["of"]
    made = iterated(HESSIAN, start, 1, of) @ np.array(GRADIENT, dtype=object)
    missed = max(abs(one / wanted - 1) for one, wanted in zip(made, DIRECTION))
    least = {of: residual(Fraction(7, 2), 1, of) for of in STARTS}
    if missed < least[of]:
        raise AssertionError(f"from {start} {of} the error is {missed}, below the least there is")
    if missed <= Fraction(1, 4):
        return None
    return {
        "a_1": "(1, 0)",
        "y_1": "1",
        "mu": "1/10",
        "x": "(0, 10/7)",
        "X_0": f"{start} times the {of}",
        "direction": as_text(list(DIRECTION)),
        "13 layers give": as_text(made.tolist()),
        "from every start": f"off by at least {min(least.values())} of it",
    }


@claim(
    "giannou2024.logistic",
    source=f'{PAPER}, theorem 5.2 and section 6, "equivalent to 13 layers"',
    expected="refuted",
    statement=r"11 + 2k = 13,\; k = 1: \text{ a step of damped Newton at } \mu = 0.1 "
    r"\text{ with } (\nabla^2 f)^{-1}\nabla f \text{ within a quarter of it}",
    note="appendix C's nine steps take 1 + 1 + 2 + 2k + 1 + 1 + 1 + 2 + 2 layers, k iterations to "
    'invert; "at least 11" is k = 0. Executed are the iterations: the weights of the rest are '
    "omitted in the paper",
)
def thirteen() -> tuple[Check, ...]:
    """With the 13 layers of its experiments the construction makes a step."""
    cases = lambda: st.fixed_dictionaries(  # noqa: E731
        {"start": strategies.positive(30, 2), "of": st.sampled_from(STARTS)}
    )
    return (formula_check(cases, far_from_newton, "one iteration suffices"),)


def enough(kappa: Fraction, accuracy: Fraction, of: str) -> int:
    """The least number of iterations whose residual is within the accuracy."""
    k = 0
    while residual(kappa, k, of) > accuracy:
        k += 1
    return k


def other_than_said(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the layers, with so many iterations, are not within the accuracy, or fewer are."""
    kappa, accuracy, of = case["kappa"], case["accuracy"], case["of"]
    k = enough(kappa, accuracy, of)
    B = ((Fraction(1), Fraction(0)), (Fraction(0), kappa))
    best = 2 / (1 + kappa ** (2 if of == "matrix" else 1))
    left = []
    for iterations in (k - 1, k) if k else (k,):
        X = iterated(B, best, iterations, of)
        left.append(max(abs(1 - X[i, i] * B[i][i]) for i in range(2)))
    if left[-1] <= accuracy and all(one > accuracy for one in left[:-1]):
        return None
    return {"kappa": str(kappa), "accuracy": str(accuracy), "k": k, "left": as_text(left)}


def conditions(most: int = 4, digits: int = 3) -> Any:
    return st.fixed_dictionaries(
        {
            "kappa": st.builds(
                lambda a, b: 1 + Fraction(a, b), st.integers(0, most), st.integers(1, 3)
            ),
            "accuracy": st.builds(
                lambda a, p: Fraction(a, 10**p), st.integers(1, 3), st.integers(1, digits)
            ),
            "of": st.sampled_from(STARTS),
        }
    )


@repair(
    "giannou2024.logistic",
    "as many iterations as condition and accuracy ask for: at figure 7's 7/2, for 1/1000, k = 4 "
    "and 19 layers at the least",
    statement=r"11 + 2k,\; k = \min\{k: \big(\tfrac{\kappa^e - 1}{\kappa^e + 1}\big)^{2^k} \leq "
    r"\delta\}: \|I - X_k B\| \leq \delta \text{ from } X_0 = \tfrac{2}{1 + \kappa^e} B^{e-1},\; "
    r"1 \leq B \leq \kappa,\; e = 1, 2",
)
def as_many_as_asked() -> tuple[Check, ...]:
    """So many iterations invert the Hessian to within the accuracy, and one less does not."""
    return (formula_check(conditions, other_than_said, "k is the least, run by lemma 4.1's layer"),)


def printed_iterations(kappa: Fraction, accuracy: Fraction, base: int | None) -> arb:
    """2 log kappa + log log 1/accuracy; base None: natural logarithms."""

    def log(value: arb) -> arb:
        return value.log() if base is None else value.log() / arb(base).log()

    number = arb(kappa.numerator) / kappa.denominator
    return 2 * log(number) + log(log(arb(accuracy.denominator) / accuracy.numerator))


def whole_part(bound: arb) -> int:
    """Its whole part, at least 0; of a ball that holds a whole number the one below."""
    return max(0, int(bound.lower().floor().str(radius=False).split(".")[0]))


def natural_is_too_few(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the printed number, rounded up, leaves more than the accuracy."""
    kappa, accuracy, of = case["kappa"], case["accuracy"], case["of"]
    k = whole_part(printed_iterations(kappa, accuracy, None)) + 1
    if residual(kappa, k, of) <= accuracy:
        return None
    return {
        "kappa": str(kappa),
        "accuracy": str(accuracy),
        "k": k,
        "k needed": enough(kappa, accuracy, of),
        "X_0": f"the best multiple of the {of}",
    }


def binary_is_too_few(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the printed number, rounded down, leaves more than the accuracy."""
    kappa, accuracy, of = case["kappa"], case["accuracy"], case["of"]
    k = whole_part(printed_iterations(kappa, accuracy, 2))
    left = residual(kappa, k, of)
    if left <= accuracy:
        return None
    return {"kappa": str(kappa), "accuracy": str(accuracy), "k": k, "residual": str(left)}


DEPTH = r"\|I - X_k B\| \leq \delta \text{ after } k = "


@claim(
    "giannou2024.logistic.depth",
    source=f"{PAPER}, theorems 5.1 and 5.2, with natural logarithms",
    reading="with natural logarithms",
    expected="refuted",
    statement=DEPTH + r"\lfloor 2\ln\kappa + \ln\ln\tfrac1\delta \rfloor + 1 \text{ iterations}",
    note="the theorems write log, section 3.2.1 log2. delta stands for the printed epsilon "
    "mu^2/(1 + mu)^3; from the best multiple of I, than which a multiple of B needs no fewer",
)
def natural() -> tuple[Check, ...]:
    """The printed number of iterations suffices, its logarithms natural."""
    cases = lambda: conditions(30, 100).filter(lambda case: case["of"] == "identity")  # noqa: E731
    return (formula_check(cases, natural_is_too_few, "the printed k is enough"),)


@repair(
    "giannou2024.logistic.depth",
    "logarithms to base 2; then it is enough rounded down, and from a multiple of B too",
    statement=DEPTH
    + r"\lfloor 2\log_2\kappa + \log_2\log_2\tfrac1\delta \rfloor \text{ iterations}",
)
def binary() -> tuple[Check, ...]:
    """The printed number of iterations suffices, read with logarithms to base 2."""
    return (
        formula_check(lambda: conditions(30, 100), binary_is_too_few, "the printed k is enough"),
    )


# -- logistic regression: width -------------------------------------------------------------------

d, mu, eps, delta, constant = sympy.symbols("d mu epsilon delta C", positive=True)
WIDTHS = {
    "theorem 5.1": d * (1 + mu) ** 6 / (eps**4 * mu**8),
    "theorem 5.2": d * (1 + mu) ** 8 / (eps**4 * mu**10),
    "theorem 1.1": 1 / eps**8,
}


@check("exact", "exact", transformer=False)
def bounded(
    budget: Budget,
    left: Any,
    right: Any,
    letter: sympy.Symbol,
    below: Any,
    fixed: Collection[sympy.Symbol] = (),
) -> CheckResult:
    """left <= C right for one C and every value of the letters, C for each of the `fixed` ones:
    left/right is bounded as the letter goes to 0, else it is above C where the letter is `below`,
    an expression in C, for every C."""
    ratio = sympy.factor(sympy.cancel(left / right))
    limit = sympy.limit(ratio, letter, 0, "+")
    if limit.is_finite:
        grows = sympy.limit(ratio, letter, sympy.oo) == sympy.oo
        if grows or ratio.free_symbols - {letter, *fixed}:
            return CheckResult(None, detail=f"the ratio is {ratio}")
        return CheckResult(True, 1, 0.0, 0.0, f"the ratio is {ratio}")
    over = sympy.Poly(sympy.cancel(ratio.subs(letter, below) - constant), constant)
    if not all(coefficient > 0 for coefficient in over.coeffs()):
        return CheckResult(None, detail=f"{over.as_expr()} may be negative")
    at = {constant: 100}
    raise Differs(
        f"the ratio is {ratio}: above any C where {letter} = {below}",
        {
            "ratio": str(ratio),
            "C": "100",
            str(letter): str(below.subs(at)),
            "ratio there": str(ratio.subs(letter, below).subs(at)),
        },
    )


@claim(
    "giannou2024.logistic.width",
    source=f"{PAPER}, theorem 5.1 from theorem 5.2",
    expected="refuted",
    statement=r"O\big(d(1+\mu)^8/(\epsilon^4\mu^{10})\big) = "
    r"O\big(d(1+\mu)^6/(\epsilon^4\mu^8)\big) \text{ as the width of one step}",
    note="the proof of 5.1 says that it follows from 5.2, whose bound is larger",
)
def one_width() -> tuple[Check, ...]:
    """The width that theorem 5.1 states for a step follows from theorem 5.2's."""
    return (bounded(WIDTHS["theorem 5.2"], WIDTHS["theorem 5.1"], mu, 1 / constant),)


@repair(
    "giannou2024.logistic.width",
    "the other way round: what 5.1 states implies 5.2; from 5.2 follows 5.2's own width",
    statement=r"d(1+\mu)^6/(\epsilon^4\mu^8) = O\big(d(1+\mu)^8/(\epsilon^4\mu^{10})\big)",
)
def other_way() -> tuple[Check, ...]:
    """Theorem 5.1's width is of the order of theorem 5.2's."""
    return (bounded(WIDTHS["theorem 5.1"], WIDTHS["theorem 5.2"], mu, 1 / constant),)


@claim(
    "giannou2024.logistic.width.epsilon",
    source=f"{PAPER}, theorem 1.1 and theorem 5.1, with one epsilon",
    reading="with one epsilon",
    expected="refuted",
    statement=r"1/\epsilon^8 = O(1/\epsilon^4) \text{ as widths, for fixed } d \text{ and } \mu",
    note="theorem 1.1 is called informal",
)
def one_epsilon() -> tuple[Check, ...]:
    """The width of theorem 1.1 is that of theorem 5.1."""
    fixed = WIDTHS["theorem 5.1"].subs({d: 1, mu: 1})
    return (bounded(WIDTHS["theorem 1.1"], fixed, eps, 1 / (4 * (constant + 1))),)


@repair(
    "giannou2024.logistic.width.epsilon",
    "theorem 1.1's epsilon is the error of the output, sqrt(epsilon (1 + mu)/(4 mu)) of a step's",
    statement=r"\delta = \sqrt{\epsilon(1+\mu)/(4\mu)}: "
    r"1/\delta^8 = O(1/\epsilon^4) = O(1/\delta^8) \text{ for fixed } d \text{ and } \mu",
)
def output_error() -> tuple[Check, ...]:
    """With epsilon the error of the output the two widths are of one order."""
    of_step = 4 * mu * delta**2 / (1 + mu)  # the epsilon of a step, theorem 5.1's last sentence
    step = WIDTHS["theorem 5.1"].subs(eps, of_step)
    output = WIDTHS["theorem 1.1"].subs(eps, delta)
    below = 1 / constant
    return (
        bounded(output, step, delta, below, (d, mu)),
        bounded(step, output, delta, below, (d, mu)),
    )
