"""ahn2023: preconditioned gradient descent by linear self-attention, and its best single layer.

Read were a text of arXiv:2306.00297 in which displayed equations are missing, sections 2 to 6 and
appendix C, and a review of its version 2 that displays equations 6, 7, 8, 9 and 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st

from constructions.papers import ahn2023
from constructions.papers.ahn2023 import numbered
from constructions.papers.akyurek2022.operations import IllPosed
from constructions.witness import Witness
from proofs.letters import matrix

from .. import algorithms, strategies
from ..checks.analysis.dimensions import best_layer
from ..checks.analysis.losses import Matrix, Regression, identity, n, symmetric
from ..checks.analysis.optimum import optimum
from ..checks.statements import formula, theorem
from ..claim import Check, claim, repair
from ..formulas import Formula
from ..papers import Paper
from ..strategies import Case, as_text

PAPER = Paper(
    "ahn2023",
    title="Transformers learn to implement preconditioned gradient descent for in-context learning",
    authors="Kwangjun Ahn, Xiang Cheng, Hadi Daneshmand, Suvrit Sra",
    arxiv="2306.00297",
    version=2,
)

MOST = 2  # layers that are tried and, with a letter for each one's matrices, proved
SHAPES = ((1, 1), (2, 1)), ((1, 3), (1, 3))  # (d, n): the smallest ones first
BOTH = "AB"

Cases = tuple[st.SearchStrategy[Case], ...]


def layered(letters: str, sizes: Any = SHAPES, **declared: Any) -> Cases:
    """Prompts with 0 to MOST layers' matrices A0, A1, … (and B0, …); small sizes first."""
    made: list[st.SearchStrategy[Case]] = []
    for (least_d, most_d), (least_n, most_n) in _ordered(sizes):
        d, count = st.integers(least_d, most_d), st.integers(least_n, most_n)
        least = int((least_d, least_n) != (1, 1))  # nothing differs without a layer
        made.append(
            st.one_of(
                *(
                    strategies.prompts(d, count, **_each(letters, L, strategies.matrix, declared))
                    for L in range(least, MOST + 1)
                )
            )
        )
    return tuple(made)


def _ordered(sizes: Any) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    (small, *others), wide = sizes
    return [((d, d), (k, k)) for d, k in (small, *others)] + [wide]


def _each(letters: str, layers: int, make: Any, declared: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{one}{k}": make(**declared) for k in range(layers) for one in letters}


def proved_with(letters: str, most: int = MOST, **declared: Any) -> list[dict[str, Any]]:
    """0 to `most` layers with a letter for each one's matrices."""
    return [
        {"d": 3}
        | {f"{one}{k}": matrix(f"{one}{k}", **declared) for k in range(L) for one in letters}
        for L in range(most + 1)
    ]


def as_array(rows: Any) -> Any:
    return np.array(rows, dtype=object)


def matrices(letter: str, given: Mapping[str, Any]) -> list[Any]:
    """The matrices letter0, letter1, … in their order."""
    mine = {name: rows for name, rows in given.items() if name[0] == letter and name != "d"}
    return [as_array(mine[name]) for name in numbered(letter, mine)]


# -- lemma 1 ----------------------------------------------------------------------------------

RISK = r"R(w) = \tfrac{1}{2n} \textstyle\sum_i (w^\top x^{(i)} - y^{(i)})^2"
LAYERS = (
    r"P_\ell = \mathrm{diag}(0, 1),\ Q_\ell = -\mathrm{diag}(A_\ell, 0):\ [Z_\ell]_{d+1, n+1} = "
    r"-\langle x^{(n+1)}, w_\ell\rangle,\ w_0 = 0"
)


def lemma(by: str = r"A_\ell", of: str = r"\text{any } d \times d \text{ matrices } A_\ell") -> str:
    """Lemma 1's statement, with another preconditioner or of other matrices."""
    step = rf"w_{{\ell+1}} = w_\ell - {by} \nabla R(w_\ell)"
    return r",\ ".join((LAYERS, step, RISK, of))


def steps_by(turned: bool) -> tuple[Any, Formula]:
    """L gradient steps from 0, preconditioned by A_l, or by A_l^T: as code and as a formula."""

    def code(X: Any, y: Any, queries: Any, **given: Any) -> Any:
        w = X[0] * 0
        for A in matrices("A", given):
            w = w - (A.T if turned else A) @ algorithms.gradient(X, y, w, loss="mean")
        return queries @ w

    def state(given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        names = [name for name in given if name[0] == "A"]
        after = {f"w{k + 1}": f"w{k} - {name}{'.T' * turned}*X.T*(X*w{k} - y)/n"
                 for k, name in enumerate(names)}  # fmt: skip
        return {"w0": "O"} | after, f"w{len(names)}.T*x_t"

    return code, Formula("preconditioned steps", state)


BY_A, BY_A_FORMULA = steps_by(turned=False)
BY_TRANSPOSE, BY_TRANSPOSE_FORMULA = steps_by(turned=True)


@claim(
    "ahn2023.lemma1",
    source=f"{PAPER}, lemma 1 with equations 8 and 9",
    statement=lemma(),
    algorithm=BY_A,
    formula=BY_A_FORMULA,
    cases=lambda: layered("A"),
    assembled=lambda: proved_with("A"),
    expected="refuted",
    theorems=("ahn2023.lemma1.negation",),
    note="equation 8 has no condition on A_l: at d = 2 one that is not symmetric comes out "
    "transposed. The range of l is read as 0 to L - 1, see ahn2023.lemma1.range",
)
def lemma1(d: int, **A: Any) -> Witness:
    """A layer of equation 8 is a gradient step preconditioned by its matrix, whatever that is."""
    return ahn2023.descent(d, **A)


@repair(
    "ahn2023.lemma1",
    "A_l^T in place of A_l in equation 9",
    statement=lemma(by=r"A_\ell^\top"),
    algorithm=BY_TRANSPOSE,
    formula=BY_TRANSPOSE_FORMULA,
    assembled=lambda: proved_with("A"),
    theorems=("ahn2023.lemma1",),
    note="proved for 0 to 2 layers with a matrix of each; the theorem, and Coq's, for any number",
)
def lemma1_transposed(d: int, **A: Any) -> Witness:
    """A layer of equation 8 is a gradient step preconditioned by its matrix's transpose."""
    return ahn2023.descent(d, turned=True, **A)


@claim(
    "ahn2023.lemma1.symmetric",
    source=f"{PAPER}, lemma 1 as theorems 1 to 3 use it",
    reading="for symmetric matrices alone",
    statement=lemma(of=r"A_\ell = A_\ell^\top"),
    algorithm=BY_A,
    formula=BY_A_FORMULA,
    cases=lambda: layered("A", symmetric=True),
    assembled=lambda: proved_with("A", symmetric=True),
    theorems=("ahn2023.lemma1",),
    note="the matrices of theorems 1 to 3 are symmetric",
)
def lemma1_symmetric(d: int, **A: Any) -> Witness:
    """A layer of equation 8 is a gradient step preconditioned by its matrix, if symmetric."""
    return ahn2023.descent(d, **A)


def recursion_difference(first: int, case: Case) -> dict[str, Any] | None:
    """Where layers are not the recursion for l = first, …, L - 1, of which w_0 = 0 is given.

    Raises IllPosed where the recursion reads what nothing defines.
    """
    A = matrices("A", case.parameters)
    w = {0: case.X[0] * 0}
    for k in range(first, len(A)):
        if k not in w:
            raise IllPosed(f"L = {len(A)}: w_{k + 1} is made of w_{k}, of which nothing is said")
        w[k + 1] = w[k] - A[k] @ algorithms.gradient(case.X, case.y, w[k], loss="mean")
    if len(A) not in w:
        raise IllPosed(f"L = {len(A)}: the lemma speaks of w_{len(A)}, of which nothing is said")
    should = case.queries @ w[len(A)]
    made = ahn2023.descent(case.d, **{f"A{k}": rows.tolist() for k, rows in enumerate(A)})
    found = made.predict(case.X, case.y, case.queries, "rational")
    if (found == should).all():
        return None
    return case.to_json() | {"prediction": as_text(list(found)), "should": as_text(list(should))}


def _recursion(first: int) -> Check:
    return formula(
        lambda: layered("A", symmetric=True),
        lambda case: recursion_difference(first, case),
        f"the recursion for l = {first} to L - 1, as it stands",
    )


@claim(
    "ahn2023.lemma1.range",
    source=f"{PAPER}, lemma 1, the range of equation 9",
    statement=r"w_0 = 0 \text{ and } w_{\ell+1} = w_\ell - A_\ell \nabla R(w_\ell) \text{ for } "
    r"\ell = 1, \dots, L - 1",
    expected="ill-posed",
    note="w_1 is defined by nothing; read for symmetric A_l, so that this alone is judged",
)
def lemma1_range() -> Check:
    """The iterates of lemma 1 are defined by their start w_0 = 0 and the recursion from l = 1."""
    return _recursion(first=1)


@repair(
    "ahn2023.lemma1.range",
    "l = 0, …, L - 1",
    statement=r"w_0 = 0 \text{ and } w_{\ell+1} = w_\ell - A_\ell \nabla R(w_\ell) \text{ for } "
    r"\ell = 0, \dots, L - 1",
)
def lemma1_range_repaired() -> Check:
    """The iterates of lemma 1 are defined by their start w_0 = 0 and the recursion from l = 0."""
    return _recursion(first=0)


# -- section 4.2: the Hessian -----------------------------------------------------------------


def hessian_difference(share: Fraction, case: Case) -> dict[str, Any] | None:
    """An entry of the Hessian of R, by its second difference, that is not share/n (X X^T)_ij.

    R is quadratic, so that the difference is exact. The case's y is not used: y = X^T w*, and the
    first query is w*.
    """
    X, star = case.X, case.queries[0]
    count, d = X.shape
    unit = [as_array([Fraction(int(i == j)) for j in range(d)]) for i in range(d)]

    def risk(w: Any) -> Any:
        return sum(((w - star) @ x) ** 2 for x in X) / (2 * count)

    for i in range(d):
        for j in range(d):
            made = risk(star + unit[i] + unit[j]) - risk(star + unit[i]) - risk(star + unit[j])
            should = share * (X.T @ X)[i, j] / count
            if made != should:
                return {"X": as_text(X.tolist()), "row": i + 1, "column": j + 1,
                        "is": str(made), "should": str(should)}  # fmt: skip
    return None


def _hessian(share: Fraction) -> Check:
    sizes = st.just(1), st.integers(1, 3)
    return formula(
        lambda: tuple(strategies.prompts(size, size, st.just(1)) for size in sizes),
        lambda case: hessian_difference(share, case),
        "second differences of R, a quadratic function",
    )


@claim(
    "ahn2023.hessian",
    source=f"{PAPER}, section 4.2",
    statement=r"R(w) = \tfrac{1}{2n}(w - w_\star)^\top X X^\top (w - w_\star):\ "
    r"\nabla^2 R(w) = \tfrac{1}{2n} X X^\top",
    expected="refuted",
    note='it is twice that for every n; "at least in the case of large n", as the text adds, does '
    "not bear on the factor",
)
def hessian() -> tuple[Check, ...]:
    """The Hessian of R is X X^T/(2n)."""
    return _hessian(Fraction(1, 2)), theorem("ahn2023.hessian.negation")


@repair(
    "ahn2023.hessian",
    "1/n in place of 1/(2n)",
    statement=r"R(w) = \tfrac{1}{2n}(w - w_\star)^\top X X^\top (w - w_\star):\ "
    r"\nabla^2 R(w) = \tfrac{1}{n} X X^\top",
)
def hessian_repaired() -> tuple[Check, ...]:
    """The Hessian of R is X X^T/n."""
    return _hessian(Fraction(1)), theorem("ahn2023.hessian")


# -- theorem 1 --------------------------------------------------------------------------------

STEP = r"P_0 = \mathrm{diag}(0, 1),\ Q_0 = -\mathrm{diag}(A, 0)"
PRINTED = (
    r"A = U\,\mathrm{diag}\!\left(1/(\tfrac{n+1}{n}\lambda_i + \tfrac1n \textstyle\sum_k "
    r"\lambda_k)\right) U^\top"
)


def step(A: Any) -> dict[str, Any]:
    """P = diag(0, 1), Q = -diag(A, 0)."""
    return {"P": sympy.diag(sympy.zeros(A.shape[0]), 1), "Q": -sympy.diag(A, 0)}


def printed_minimum(sigma: Matrix) -> Any:
    """Equation 6, without its eigenvectors: the inverse of (n+1)/n Sigma + tr(Sigma)/n I."""

    def at(d: int) -> dict[str, Any]:
        covariance = sympy.Matrix(sigma(d))
        return step(((n + 1) / n * covariance + covariance.trace() / n * sympy.eye(d)).inv())

    return at


def inverse(sigma: Matrix) -> Matrix:
    """d -> the inverse."""
    return lambda d: sympy.Matrix(sigma(d)).inv()


SIGMA = symmetric("s")


@claim(
    "ahn2023.theorem1",
    source=f"{PAPER}, theorem 1 and equation 6",
    statement=r"x^{(i)} \sim N(0, \Sigma),\ \Sigma = U \Lambda U^\top,\ w_\star \sim N(0, I_d):\ "
    r"\text{a global minimum over } P, Q \text{ of } E([Z_1]_{d+1, n+1} + w_\star^\top x^{(n+1)})^2"
    r" \text{ is } " + STEP + r",\ " + PRINTED,
    note="w* ~ N(0, I) in the theorem and in table 1; for w* ~ N(0, Sigma^-1), which theorems 3 "
    "and 4 have, see ahn2023.theorem1.prior. Every entry of P, Q and Sigma, and n, is a letter "
    "here, at d = 1 and 2; the theorem of this name is for every d, from Isserlis' moments",
)
def theorem1() -> tuple[Check, ...]:
    """The printed single layer is a global minimum of the expected loss, w* ~ N(0, I)."""
    data = Regression(SIGMA)
    best = optimum(ahn2023.any_layer, printed_minimum(SIGMA), data, sizes=(1, 2))
    return best, theorem("ahn2023.theorem1")


@claim(
    "ahn2023.theorem1.prior",
    source=f"{PAPER}, equation 6 on the data of theorems 3 and 4",
    reading="for w* ~ N(0, Sigma^-1)",
    statement=r"x^{(i)} \sim N(0, \Sigma),\ w_\star \sim N(0, \Sigma^{-1}):\ \text{a global "
    r"minimum is } " + STEP + r",\ " + PRINTED,
    expected="refuted",
    note="no theorem of the paper states equation 6 for this distribution",
)
def theorem1_prior() -> Check:
    """The printed single layer is a global minimum for w* ~ N(0, Sigma^-1) too."""
    data = Regression(SIGMA, inverse(SIGMA))
    return optimum(ahn2023.any_layer, printed_minimum(SIGMA), data, sizes=(1, 2))


@repair(
    "ahn2023.theorem1.prior",
    "A = n/(n + d + 1) Sigma^-1",
    statement=r"x^{(i)} \sim N(0, \Sigma),\ w_\star \sim N(0, \Sigma^{-1}):\ \text{a global "
    r"minimum is } " + STEP + r",\ A = \tfrac{n}{n + d + 1} \Sigma^{-1}",
)
def theorem1_prior_repaired() -> tuple[Check, ...]:
    """For w* ~ N(0, Sigma^-1) the best layer preconditions by n/(n + d + 1) Sigma^-1."""

    def at(d: int) -> dict[str, Any]:
        return step(n / (n + d + 1) * sympy.Matrix(SIGMA(d)).inv())

    best = optimum(ahn2023.any_layer, at, Regression(SIGMA, inverse(SIGMA)), sizes=(1, 2))
    return best, theorem("ahn2023.theorem1.prior")


@claim(
    "ahn2023.theorem1.isotropic",
    source=f"{PAPER}, equation 7",
    statement=r"\Sigma = I_d:\ " + STEP + r",\ A = \frac{1}{\frac{n-1}{n} + (d+2)\frac1n}\, I_d",
    note="for every d and n, and among all layers of linear self-attention, whatever their heads",
)
def theorem1_isotropic() -> Check:
    """For Sigma = I no layer of linear self-attention is better than the printed step."""
    return best_layer(
        ahn2023.isotropic,
        lambda d: {"a": 1 / ((n - 1) / n + (d + 2) / n)},
        Regression(identity),
        lambda d: d * (d + 1) / (n + d + 1),
    )


# -- equation 11 ------------------------------------------------------------------------------

ROWS = (
    r"X_{\ell+1} = X_\ell + \tfrac1n B_\ell X_\ell M X_\ell^\top A_\ell X_\ell,\ "
    r"Y_{\ell+1} = Y_\ell + \tfrac1n Y_\ell M X_\ell^\top A_\ell X_\ell"
)
BLOCKS = r"P_\ell = \mathrm{diag}(B_\ell, 1),\ Q_\ell = \mathrm{diag}(A_\ell, 0):\ "


def moved_rows(X: Any, y: Any, queries: Any, **given: Any) -> Any:
    """Minus the query's y after the rows' recurrences: tokens are rows here."""
    count, at_query = len(X), queries[:, 0] * 0
    for A, B in zip(matrices("A", given), matrices("B", given), strict=True):
        scores, query_scores = X @ A @ X.T / count, X @ A @ queries.T / count
        y, at_query = y + scores.T @ y, at_query + query_scores.T @ y
        queries, X = queries + query_scores.T @ X @ B.T, X + scores.T @ X @ B.T
    return -at_query


def _rows_formula(given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    layers = sum(name[0] == "A" for name in given)
    made, held = {"X0": "X", "Y0": "y", "C0": "I"}, []
    for k in range(layers):
        held.append(f"Y{k}.T*X{k}*A{k}*C{k}*x_t/n")
        made[f"Y{k + 1}"] = f"Y{k} + X{k}*A{k}.T*X{k}.T*Y{k}/n"
        made[f"C{k + 1}"] = f"C{k} + B{k}*X{k}.T*X{k}*A{k}*C{k}/n"
        made[f"X{k + 1}"] = f"X*C{k + 1}.T"
    return made, "-(" + " + ".join(held or ["O.T*x_t"]) + ")"


@claim(
    "ahn2023.eq11",
    source=f"{PAPER}, equation 11",
    statement=BLOCKS + ROWS,
    algorithm=moved_rows,
    formula=Formula("rows of x and of y", _rows_formula),
    cases=lambda: layered(BOTH),
    assembled=lambda: proved_with(BOTH, 2),
    theorems=("ahn2023.eq11",),
    note="the rows alone; what they are as an algorithm says ahn2023.eq11.descent",
)
def eq11(d: int, **blocks: Any) -> Witness:
    """Layers of equation 11 move x by B, A and the second moments, and y like a linear model."""
    return ahn2023.transforming(d, **blocks)


def steps_on_moved_data(sign: int, turned: bool) -> tuple[Any, Formula]:
    """Each layer: a step of R on (X_l, Y_l) from 0, by A_l or A_l^T; then the data are moved.

    Y_l is what the steps before have left of y, and X_l + sign/n B_l X_l X_l^T A_l X_l comes next.
    """

    def code(X: Any, y: Any, queries: Any, **given: Any) -> Any:
        predictions = queries[:, 0] * 0
        for A, B in zip(matrices("A", given), matrices("B", given), strict=True):
            by = A.T if turned else A
            w = -by @ algorithms.gradient(X, y, X[0] * 0, loss="mean")
            predictions, y = predictions + queries @ w, y - X @ w
            moved = sign * (B @ (X.T @ X) @ A) / len(X)
            queries, X = queries + queries @ moved.T, X + X @ moved.T
        return predictions

    def state(given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        layers = sum(name[0] == "A" for name in given)
        made, held = {"X0": "X", "Y0": "y", "C0": "I"}, []
        for k in range(layers):
            made[f"D{k}"] = f"A{k}{'.T' * turned}*X{k}.T*Y{k}/n"
            made[f"Y{k + 1}"] = f"Y{k} - X{k}*D{k}"
            made[f"C{k + 1}"] = f"C{k} {'+' if sign > 0 else '-'} B{k}*X{k}.T*X{k}*A{k}*C{k}/n"
            made[f"X{k + 1}"] = f"X*C{k + 1}.T"
            held.append(f"D{k}.T*C{k}*x_t")
        return made, " + ".join(held or ["O.T*x_t"])

    return code, Formula("steps on moved data", state)


AS_PRINTED, AS_PRINTED_FORMULA = steps_on_moved_data(sign=1, turned=False)
DOWN, DOWN_FORMULA = steps_on_moved_data(sign=-1, turned=True)


def as_steps(by: str, sign: str = "") -> str:
    """Layers of equation 11 as gradient steps, preconditioned `by`; `sign` is that of Q."""
    made = (
        rf"\text{{layer }} \ell \text{{ is a step }} -{by} \nabla R_\ell(0) \text{{ on the data }} "
    )
    made += r"(X_\ell, Y_\ell) \text{, } -[Z_L]_{d+1, n+1} \text{ the sum of what they add at } x"
    return BLOCKS.replace(r"Q_\ell = ", rf"Q_\ell = {sign}") + made


@claim(
    "ahn2023.eq11.descent",
    source=f"{PAPER}, equation 11, as the gradient steps that section 5 speaks of",
    reading="with A_l itself, whose sign the section leaves open",
    statement=as_steps(r"A_\ell"),
    algorithm=AS_PRINTED,
    formula=AS_PRINTED_FORMULA,
    cases=lambda: layered(BOTH),
    assembled=lambda: proved_with(BOTH, 2),
    expected="refuted",
    note="equation 8 has a minus sign in Q, equation 11 has none; section 5 leaves open the sign "
    "of the scalars a_i in A_i = a_i Sigma^-1, with a_i < 0 they descend",
)
def eq11_descent(d: int, **blocks: Any) -> Witness:
    """Layers of equation 11 descend, preconditioned by A, on data that B transforms."""
    return ahn2023.transforming(d, **blocks)


@repair(
    "ahn2023.eq11.descent",
    "Q_l = -diag(A_l, 0), as in equation 8, and A_l^T for A_l in the step",
    statement=as_steps(r"A_\ell^\top", "-"),
    algorithm=DOWN,
    formula=DOWN_FORMULA,
    assembled=lambda: proved_with(BOTH, 2),
    theorems=("ahn2023.eq11.descent",),
)
def eq11_descent_repaired(d: int, **blocks: Any) -> Witness:
    """With the sign of equation 8 they descend, preconditioned by A^T, on data that B moves."""
    return ahn2023.transforming(d, sign=-1, **blocks)


def moved_difference(factor: Any, case: Case) -> dict[str, Any] | None:
    """The token whose x, after one layer of equation 11, is not x + factor(n) B X^T X A x."""
    A, B = (case.parameters[name] for name in ("A0", "B0"))
    made = ahn2023.transforming(case.d, A0=A, B0=B)
    x = made.trace(case.X, case.y, case.queries, "rational")[-1]["x"]
    tokens = np.vstack([case.X, case.queries])
    moment = as_array(B) @ (case.X.T @ case.X) @ as_array(A)
    should = tokens + factor(len(case.X)) * (tokens @ moment.T)
    if (x == should).all():
        return None
    token = next(t for t in range(len(x)) if (x[t] != should[t]).any())
    return case.to_json() | {
        "token": token + 1, "is": as_text(x[token].tolist()),
        "should": as_text(should[token].tolist()),
    }  # fmt: skip


def _one_layer(factor: Any) -> Check:
    def cases() -> Cases:
        given = {"A0": strategies.matrix(), "B0": strategies.matrix()}
        sizes = (st.just(1), st.just(2)), (st.integers(1, 3), st.integers(1, 3))
        return tuple(strategies.prompts(*size, **given) for size in sizes)

    return formula(cases, lambda case: moved_difference(factor, case), "x of every token")


@claim(
    "ahn2023.eq11.update",
    source=f"{PAPER}, section 5.1, observation 1",
    statement=r"X_{k+1} = X_k + B_k X_k M X_k^\top A_k X_k",
    expected="refuted",
    note="equation 4 has the factor 1/n",
)
def eq11_update() -> Check:
    """A layer of equation 11 adds B X M X^T A X to the rows of x."""
    return _one_layer(lambda n: 1)


@repair(
    "ahn2023.eq11.update",
    "the factor 1/n of equation 4",
    statement=r"X_{k+1} = X_k + \tfrac1n B_k X_k M X_k^\top A_k X_k",
)
def eq11_update_repaired() -> Check:
    """A layer of equation 11 adds B X M X^T A X/n to the rows of x."""
    return _one_layer(lambda n: Fraction(1, n))
