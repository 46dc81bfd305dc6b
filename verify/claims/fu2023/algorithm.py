"""fu2023: the claims about Newton's iteration itself, without a transformer.

M_0 = alpha S, M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X. Inputs are drawn as X with known
singular values where a norm is needed, so that everything stays a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, comb, log, log2
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ... import algorithms, strategies
from ...checks.statements import formula, theorem
from ...claim import Budget, Check, CheckResult, Differs, Domain, check, claim, repair
from ...strategies import Case, as_text, positive
from . import PAPER
from .layers import SIZES_FIRST

Matrix = Any  # (d, d) array of Fractions


# -- eqs. 38 to 40: the iterates as polynomials in S --------------------------------------------


def gram_cases(**parameters: Any) -> tuple[st.SearchStrategy[Case], ...]:
    """X and alpha, the smallest sizes first."""
    return tuple(strategies.prompts(*size, st.just(1), **parameters) for size in SIZES_FIRST)


def polynomial(S: Matrix, coefficients: Mapping[int, Any]) -> Matrix:
    """sum of coefficients[s] S^s over s >= 1."""
    total, power = S * 0, S
    for s in range(1, max(coefficients) + 1):
        total = total + coefficients.get(s, 0) * power
        power = power @ S
    return total


def compare_iterate(case: Case, k: int, coefficients: Mapping[int, Any]) -> dict[str, Any] | None:
    """The numbers of a case on which M_k is not the polynomial."""
    S = case.X.T @ case.X
    alpha = case.parameters["alpha"]
    iterate = algorithms.newton_matrix(S, k, alpha * S)
    claimed = polynomial(S, coefficients)
    if (iterate == claimed).all():
        return None
    return {
        "alpha": as_text(alpha),
        "k": k,
        "S": rows_as_text(S),
        "M_k": rows_as_text(iterate),
        "claimed": rows_as_text(claimed),
    }


def rows_as_text(matrix: Matrix) -> list[list[str]]:
    return [[as_text(entry) for entry in row] for row in matrix]


def _iterate_is(k: int, coefficients: tuple[int, ...]) -> Check:
    """M_k = sum_j c_j alpha^j S^(2j-1), c_1, c_2, ... given."""

    def test(case: Case) -> dict[str, Any] | None:
        alpha = case.parameters["alpha"]
        powers = enumerate(coefficients, start=1)
        return compare_iterate(case, k, {2 * j - 1: c * alpha**j for j, c in powers})

    domain = Domain("alpha > 0, every X", lambda case: case.parameters["alpha"] > 0)
    detail = f"M_{k} is this polynomial in S, exactly"
    return formula(lambda: gram_cases(alpha=positive()), test, detail, domain)


@claim(
    "fu2023.eq38",
    source=f"{PAPER}, eq. 38",
    expected="refuted",
    statement=r"M_1 = 2\alpha S - 4\alpha^2 S^3",
)
def eq38_printed() -> tuple[Check, ...]:
    """The first iterate as a polynomial in S."""
    return _iterate_is(1, (2, -4)), theorem("fu2023.eq38.negation")


@repair("fu2023.eq38", "4 -> 1", statement=r"M_1 = 2\alpha S - \alpha^2 S^3")
def eq38_repaired() -> tuple[Check, ...]:
    return _iterate_is(1, (2, -1)), theorem("fu2023.eq38.repaired")


@claim(
    "fu2023.eq39",
    source=f"{PAPER}, eq. 39",
    expected="refuted",
    statement=r"M_2 = 4\alpha S - 12\alpha^2 S^3 + 16\alpha^3 S^5 - 16\alpha^4 S^7",
    note="it is the Newton step from the printed M_1: the slip of eq. 38 again",
)
def eq39_printed() -> tuple[Check, ...]:
    """The second iterate as a polynomial in S."""
    return _iterate_is(2, (4, -12, 16, -16)), theorem("fu2023.eq39.negation")


@repair(
    "fu2023.eq39",
    "12 -> 6, 16 -> 4, 16 -> 1, as follows from 4 -> 1 in eq. 38",
    statement=r"M_2 = 4\alpha S - 6\alpha^2 S^3 + 4\alpha^3 S^5 - \alpha^4 S^7",
)
def eq39_repaired() -> tuple[Check, ...]:
    return _iterate_is(2, (4, -6, 4, -1)), theorem("fu2023.eq39.repaired")


def betas(k: int, alpha: Any) -> dict[int, Any]:
    """beta_{2j-1} = -(-alpha)^j C(2^k, j), all others 0."""
    return {2 * j - 1: -((-alpha) ** j) * comb(2**k, j) for j in range(1, 2**k + 1)}


def _has_betas(case: Case) -> dict[str, Any] | None:
    k = case.parameters["iterations"]
    coefficients = betas(k, case.parameters["alpha"])
    if not set(coefficients) <= set(range(1, 2 ** (k + 1))):
        return {"k": k, "powers": sorted(coefficients)}
    return compare_iterate(case, k, coefficients)


@claim(
    "fu2023.eq40",
    source=f"{PAPER}, eq. 40",
    statement=r"M_k = \textstyle\sum_{s=1}^{2^{k+1}-1} \beta_s S^s",
    note="only odd powers occur: beta_{2j-1} = -(-alpha)^j C(2^k, j); the top power is reached",
)
def eq40() -> tuple[Check, ...]:
    """Every iterate is a polynomial in S without a constant term, of degree 2^(k+1) - 1."""
    found = formula(
        lambda: gram_cases(alpha=positive(), iterations=st.integers(0, 4)),
        _has_betas,
        "the beta_s of the closed form give M_k, k = 0 to 4",
    )
    return found, theorem("fu2023.eq40")


# -- eq. 43: the span ---------------------------------------------------------------------------


def outside_span(case: Case) -> dict[str, Any] | None:
    """The weights of a case that are no combination of x_1, ..., x_n."""
    S = case.X.T @ case.X
    M = algorithms.newton_matrix(S, case.parameters["iterations"], case.parameters["alpha"] * S)
    w = M @ (case.X.T @ case.y)
    if rank(np.vstack([case.X, w])) == rank(case.X):
        return None
    return case.to_json() | {"w": [as_text(entry) for entry in w]}


def rank(matrix: Any) -> int:
    """Rank of a matrix of fractions, exactly."""
    from flint import fmpq, fmpq_mat

    rows = [[fmpq(value.numerator, value.denominator) for value in row] for row in matrix]
    return int(fmpq_mat(rows).rank())


@claim(
    "fu2023.eq43",
    source=f"{PAPER}, eq. 43",
    statement=r"\hat w_k \in \mathrm{span}(x_1, \dots, x_n)",
)
def eq43() -> tuple[Check, ...]:
    """The weights after k iterations are a combination of the examples, also for n < d."""
    sizes = st.integers(1, 5), st.integers(1, 4), st.just(1)
    found = formula(
        lambda: strategies.prompts(*sizes, alpha=positive(), iterations=st.integers(0, 3)),
        outside_span,
        "the rank of the examples does not grow when w is added",
    )
    return found, theorem("fu2023.eq43")


# -- eq. 5: which alpha converges ---------------------------------------------------------------


@dataclass(frozen=True)
class Spectrum:
    """X = diag(singular values) Q^T, Q a rotation by fractions, and alpha = theta / |S S^T|_2."""

    singular: tuple[Fraction, ...]  # at most two
    theta: Fraction

    @property
    def gram(self) -> Matrix:
        return self.with_eigenvalues(lambda value: value**2)

    @property
    def pseudoinverse(self) -> Matrix:
        return self.with_eigenvalues(lambda value: 1 / value**2 if value else Fraction(0))

    @property
    def alpha(self) -> Fraction:
        return self.theta / max(self.singular) ** 4

    def with_eigenvalues(self, function: Any) -> Matrix:
        turn = np.array([[Fraction(1)]], dtype=object)
        if len(self.singular) == 2:
            turn = np.array([[3, -4], [4, 3]], dtype=object) * Fraction(1, 5)
        values = np.array([function(value) for value in self.singular], dtype=object)
        return (turn * values) @ turn.T


def no_convergence(case: Spectrum, steps: int = 9) -> dict[str, Any] | None:
    """None where M_k comes within 1/100 of S^+, on the range of S; the iterates where it does not.

    A step squares the error E_k = (S^+ - M_k) S. So an error that is its own square, not 0, is
    left as it is by all later steps: that proves that M_k does not converge to S^+.
    """
    S, limit = case.gram, case.pseudoinverse
    M = case.alpha * S
    iterates, error = [M], (limit - M) @ S
    for _ in range(steps):
        M = 2 * M - M @ (S @ M)
        iterates.append(M)
        before, error = error, (limit - M) @ S
        assert (error == before @ before).all()
        if max(abs(entry) for entry in error.ravel()) <= Fraction(1, 100):
            return None
        if (error @ error == error).all():
            break
    return {
        "S": rows_as_text(S),
        "alpha": as_text(case.alpha),
        "M_k": [rows_as_text(iterate) for iterate in iterates],
        "stays": bool((error @ error == error).all()),
        "S^+": rows_as_text(limit),
    }


def spectra(theta: st.SearchStrategy[Fraction]) -> tuple[st.SearchStrategy[Spectrum], ...]:
    """One singular value first, then two, of ratio 1 to 2, or one of them 0."""
    one = st.builds(lambda s, t: Spectrum((s,), t), positive(), theta)
    shares = st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(2, 3), Fraction(1)])
    two = st.builds(lambda s, share, t: Spectrum((s, s * share), t), positive(), shares, theta)
    return one, two


@claim(
    "fu2023.eq5",
    source=f"{PAPER}, eq. 5",
    expected="refuted",
    statement=r"\alpha = 2/\|SS^\top\|_2 \;\Rightarrow\; M_k \to S^\dagger",
    note="at the top eigenvalue s, alpha s^2 = 2 and M_1 = M_2 = ... = 0",
)
def eq5_printed() -> tuple[Check, ...]:
    """Newton's iteration converges to the pseudoinverse from alpha = 2 / |S S^T|."""
    found = formula(lambda: spectra(st.just(Fraction(2))), no_convergence, "converges")
    return found, theorem("fu2023.eq5.negation")


@repair(
    "fu2023.eq5",
    "= -> <",
    statement=r"0 < \alpha < 2/\|SS^\top\|_2 \;\Rightarrow\; M_k \to S^\dagger",
)
def eq5_repaired() -> tuple[Check, ...]:
    """Newton's iteration converges to the pseudoinverse from any alpha below 2 / |S S^T|."""
    theta = st.sampled_from([Fraction(1, 4), Fraction(1), Fraction(3, 2), Fraction(15, 8)])
    found = formula(
        lambda: spectra(theta), no_convergence, "within 1/100 of the pseudoinverse in 9 steps"
    )
    return found, theorem("fu2023.eq5.repaired")


# -- rates --------------------------------------------------------------------------------------

CONDITIONS = (4, 16, 64)
ERRORS = (2, 4, 8)  # decimal digits


def _problem(kappa: int) -> tuple[Any, Any]:
    """S = diag(1, 1/kappa), and the weights (1, 1) to be found."""
    from flint import fmpq, fmpq_mat

    return fmpq_mat(2, 2, [1, 0, 0, fmpq(1, kappa)]), fmpq_mat(2, 1, [1, 1])


def newton_steps(kappa: int, digits: int, theta: Fraction = Fraction(1)) -> int:
    """Steps of Newton's iteration until |w_k - w| <= 10^-digits |w|, run in fractions.

    alpha = theta / |S S^T|_2.
    """
    from flint import fmpq

    S, goal = _problem(kappa)
    M = S * fmpq(theta.numerator, theta.denominator)
    steps = 0
    while not _close(M * (S * goal), goal, digits):
        M = M * 2 - M * S * M
        steps += 1
    return steps


def gradient_steps(kappa: int, digits: int) -> int:
    """The same for gradient descent from 0 with step 1/|S|_2."""
    S, goal = _problem(kappa)
    w, steps = goal * 0, 0
    while not _close(w, goal, digits):
        w = w - S * (w - goal)
        steps += 1
    return steps


def _close(w: Any, goal: Any, digits: int) -> bool:
    distance = sum((entry**2 for entry in (w - goal).entries()), start=0)
    return bool(distance * 10 ** (2 * digits) <= sum(entry**2 for entry in goal.entries()))


def gradient_bound(kappa: int, digits: int) -> int:
    """kappa log(1/eps) steps."""
    return ceil(kappa * digits * log(10))


def newton_bound(kappa: int, digits: int) -> int:
    """2 log2(kappa) + log2 log(1/eps) steps."""
    return ceil(2 * log2(kappa) + log2(digits * log(10)))


@check("exact", "exact", transformer=False)
def count_steps(
    budget: Budget, count: Any, bound: Any, conditions: tuple[int, ...] = CONDITIONS
) -> CheckResult:
    """Steps counted at every kappa (the first two if it has to be quick) and eps, to a bound."""
    if budget.quick:
        conditions = conditions[:2]
    steps = {at: count(*at) for at in product(conditions, ERRORS)}
    for (kappa, digits), needed in steps.items():
        most = bound(kappa, digits)
        if needed > most:
            shown = {"kappa": kappa, "eps": f"1e-{digits}", "steps": needed, "bound": most}
            detail = f"{needed} steps at kappa = {kappa}, eps = 1e-{digits}"
            raise Differs(detail, shown, None, float(needed), float(most), len(steps))
    counted = ", ".join(f"{steps[kappa, ERRORS[-1]]}" for kappa in conditions)
    detail = f"steps to 1e-{ERRORS[-1]} at kappa = {', '.join(map(str, conditions))}: {counted}"
    return CheckResult(True, len(steps), detail=detail)


@claim(
    "fu2023.rates",
    source=f"{PAPER}, eq. 5 and section 4",
    statement=r"\text{steps to error } \varepsilon:\; \text{gradient descent } "
    r"O(\kappa \log \tfrac1\varepsilon),\; \text{Newton } "
    r"O(\log\kappa + \log\log\tfrac1\varepsilon)",
    note="error of the weights, alpha = 1/|S S^T|_2 (2/|S S^T|_2 does not converge, see eq. 5); "
    "with constants: kappa log(1/eps), and 2 log2(kappa) + log2 log(1/eps)",
)
def rates() -> tuple[Check, ...]:
    """Gradient descent needs kappa log 1/eps steps, Newton log kappa + log log 1/eps."""
    return (
        count_steps(gradient_steps, gradient_bound),
        count_steps(newton_steps, newton_bound),
        theorem("fu2023.rates"),
    )
