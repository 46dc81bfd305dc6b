"""akyurek2022, lemmas 4, 5, 6 and 8: what GeLU and layer norm approximate, certified.

Each is an enclosure over a whole box of inputs, in balls with bisection, and the leading error
term derived by sympy. `precision` says how far floats can follow.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from math import factorial
from typing import Any

from flint import arb, arb_mat, fmpq, fmpq_poly

from constructions.numbers.ball import Ball

from ...checks.bounds.balls import Bound, at_most, ball, precision, supremum, top
from ...checks.statements import theorem
from ...claim import Budget, Check, CheckResult, Differs, check, claim
from ...strategies import as_text
from . import PAPER

BITS = 200
BOXES = 3000


def gelu(x: arb) -> arb:
    """x/2 (1 + erf(x / sqrt 2))."""
    return x / 2 * (1 + (x / arb(2).sqrt()).erf())


def density(x: arb) -> arb:
    """The normal density."""
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


# -- lemma 4 ----------------------------------------------------------------------------------


def product_error(x: arb, y: arb) -> arb:
    """sqrt(pi/2) (gelu(x+y) - gelu(x) - gelu(y)) - x y."""
    return (arb.pi() / 2).sqrt() * (gelu(x + y) - gelu(x) - gelu(y)) - x * y


def leading(x: arb, y: arb) -> arb:
    """The error's leading term, -xy (2x^2 + 3xy + 2y^2) / 6 (sympy)."""
    return -x * y * (2 * x * x + 3 * x * y + 2 * y * y) / 6


def derivative(order: int) -> tuple[Fraction, ...]:
    """Coefficients of p, lowest first: sqrt(pi/2) gelu has the derivative p(z) exp(-z^2/2).

    It is 1 - z^2/2 of the second, the first that is of this form, and p' - z p of the next.
    """
    p, z = fmpq_poly([1, 0, fmpq(-1, 2)]), fmpq_poly([0, 1])
    for _ in range(order - 2):
        p = p.derivative() - z * p
    return tuple(Fraction(int(c.p), int(c.q)) for c in p.coeffs())


@check("enclosure", "enclosed", transformer=False)
def _order(budget: Budget, order: int, error: Callable[[arb, arb], arb]) -> CheckResult:
    """|error| <= C/(order-2)! |xy| (|x|+|y|)^(order-2) wherever |x| + |y| <= 2, C certified.

    With F = sqrt(pi/2) gelu - its Taylor polynomial below `order`, the error is
    F(x+y) - F(x) - F(y), the integral of F'' over [0, x] x [0, y]; C = sup |F^(order)| on [-2, 2].
    """
    p = derivative(order)
    draw = random.Random(budget.seed)
    largest = seen = 0.0
    cases = 30 if budget.quick else 300
    with precision(BITS):

        def of(z: arb) -> arb:
            return sum((ball(c) * z**k for k, c in enumerate(p)), arb(0)) * (-z * z / 2).exp()

        C = supremum(of, [(-2, 2)], tolerance=0.01, boxes=BOXES).high
        factor = top(ball(C) / factorial(order - 2))
        for case in range(cases):
            scale = Fraction(1, 2 ** draw.randint(0, 20))
            x, y = (Fraction(draw.randint(-64, 64), 64) * scale for _ in range(2))
            off = top(error(ball(x), ball(y)))
            limit = top(ball(factor) * ball(abs(x * y) * (abs(x) + abs(y)) ** (order - 2)))
            seen = max(seen, off)
            if not off <= limit + 2.0 ** (16 - BITS):  # the balls' own width
                shown = {"x": str(x), "y": str(y), "error": f"{off:.3e}"}
                raise Differs("the error leaves its bound", shown, None, off, limit, case + 1)
            if limit:
                largest = max(largest, off / limit)
        at_one = top(ball(factor) * 2 ** (order - 2))  # |xy| <= 1 in the box
    detail = (
        f"at most {at_most(factor, 4)} |xy| (|x|+|y|)^{order - 2} for |x|+|y| <= 2, of which "
        f"up to {largest:.0%} is seen"
    )
    return CheckResult(True, cases, seen, at_one, detail, box="|x| + |y| <= 2")


LEMMA4 = r"\sqrt{\pi/2}\,(\mathrm{GeLU}(x+y) - \mathrm{GeLU}(x) - \mathrm{GeLU}(y)) = xy "


@claim(
    "akyurek2022.lemma4",
    source=f"{PAPER}, lemma 4",
    statement=LEMMA4 + r"+ O(x^3 + y^3)",
    summary="a product out of three GeLUs, with an error of third order or higher",
    note="read as O(|x|^3 + |y|^3) near 0; |xy| (|x|+|y|)^2 is at most 4 max(|x|, |y|) times that",
)
def lemma4() -> tuple[Check, ...]:
    return _order(4, product_error), theorem("akyurek2022.lemma4")


@claim(
    "akyurek2022.lemma4",
    variant="improved",
    source=f"{PAPER}, lemma 4",
    statement=LEMMA4 + r"- \tfrac16 xy(2x^2 + 3xy + 2y^2) + O(6)",
    summary="the product's leading error term is of fourth order, the next of sixth",
)
def lemma4_improved() -> tuple[Check, ...]:
    def rest(x: arb, y: arb) -> arb:
        return product_error(x, y) - leading(x, y)

    return _order(6, rest), theorem("akyurek2022.lemma4")


@claim(
    "akyurek2022.lemma4.signed",
    source=f"{PAPER}, lemma 4",
    reading="with x^3 + y^3 to the letter, without absolute values",
    statement=LEMMA4 + r"+ O(x^3 + y^3) \text{ with the sum's sign}",
    summary="lemma 4 with x^3 + y^3 taken literally, without absolute values",
    expected="refuted",
)
@check("enclosure", "enclosed", transformer=False)
def lemma4_signed(budget: Budget) -> CheckResult:
    """No error where x^3 + y^3 = 0, on y = -x."""
    with precision(BITS):
        for cases, k in enumerate(range(0, 40), start=1):
            x, y = Fraction(1, 2**k), -Fraction(1, 2**k)
            bound, off = abs(x**3 + y**3), product_error(ball(x), ball(y))
            if bound == 0 and not off.contains(0):
                shown = {"x": str(x), "y": str(y), "x^3 + y^3": "0", "error": off.str(10)}
                detail = "on y = -x the printed bound is 0 and the error t^4/6 + O(t^6)"
                raise Differs(detail, shown, None, top(off), 0.0, cases)
    return CheckResult(True, cases, detail="no error where x^3 + y^3 = 0")


# -- lemma 5 ----------------------------------------------------------------------------------


def bypass_error(N: Any, x: arb) -> arb:
    """gelu(N + x) - N - x = -(N + x)/2 erfc((N + x)/sqrt 2)."""
    z = ball(N) + x
    return -z / 2 * (z / arb(2).sqrt()).erfc()


@claim(
    "akyurek2022.lemma5",
    source=f"{PAPER}, lemma 5",
    statement=r"\mathrm{GeLU}(N + x) - N \approx x \text{ for large } N",
    summary="GeLU lets a number pass when it is raised by N before and lowered after",
    expected="approximates",
    note="for |x| <= 1; the error is at most phi(N - 1), the normal density",
)
@check("enclosure", "enclosed", transformer=False)
def lemma5(budget: Budget) -> CheckResult:
    """|gelu(N + x) - N - x| over |x| <= 1 for growing N, against the normal density at N - 1."""
    found: list[tuple[int, Bound]] = []
    with precision(BITS):
        for N in (4, 6, 8, 12, 16):
            bound = supremum(partial(bypass_error, N), [(-1, 1)], tolerance=0.01, boxes=BOXES)
            limit = density(ball(N - 1))
            corner = top(gelu(ball(N) + ball(-1)) - N + 1)  # the formula itself, where it is worst
            if not (ball(bound.high) <= limit and bound.low <= corner <= bound.high):
                shown = {"N": str(N), "x": as_text(bound.where[0])}
                raise Differs(f"N = {N}", shown, None, bound.high, top(limit), len(found))
            found.append((N, bound))
    text = ", ".join(f"{at_most(bound.high)} (N = {N})" for N, bound in found)
    N, last = found[-1]
    detail = f"|x| <= 1: at most {text}, below phi(N - 1)"
    return CheckResult(True, len(found), last.low, last.high, detail, box=f"|x| <= 1, N = {N}")


# -- lemmas 6 and 8 ---------------------------------------------------------------------------


def off_by(N: Any, c: arb, s: arb, q: arb) -> arb:
    """sqrt(2/L) N / sqrt(Var) - 1/c for pads N c, -N c - s, a rest of sum s, sum of squares q.

    The mean is 0, so L cancels: N sqrt 2 / sqrt((N c)^2 + (N c + s)^2 + q) - 1/c, c > 0.
    """
    s, q = s / (ball(N) * c), q / (ball(N) * c) ** 2
    return (arb(2).sqrt() / (1 + (1 + s) ** 2 + q).sqrt() - 1) / c


def literal(N: Any, M: Any, c: Fraction, y: list[Fraction], zeros: int) -> list[arb]:
    """sqrt(2/L) N M norm([N c, -N c - sum(y)/M, y/M, 0]), layer norm by the forward pass's."""
    rest = [value / Fraction(M) for value in y]
    entries = [N * c, -N * c - sum(rest), *rest, *([Fraction(0)] * zeros)]
    L = len(entries)
    normed = Ball(BITS).layer_norm(arb_mat([[ball(entry) for entry in entries]]))
    scale = (arb(2) / L).sqrt() * ball(N) * ball(M)
    return [scale * entry for entry in normed.entries()]


@check("enclosure", "enclosed", transformer=False)
def _norm_check(budget: Budget, M: Any, low: Fraction, high: Fraction, size: int) -> CheckResult:
    """|out - y/|c|| over |y_i| <= 1 (size of them), low <= |c| <= high, for growing N.

    The bound is that of `off_by`; the literal formula stays inside it on a few drawn rows.
    """
    derived, stated = first_order()
    if derived != stated:
        shown = {"derived": str(derived), "stated": str(stated)}
        raise Differs(f"the leading term is {derived}", shown)
    draw = random.Random(budget.seed)
    found: list[tuple[int, float]] = []
    reach = Fraction(size) / M
    with precision(BITS):
        for power in (10, 20, 30, 40):
            N = 2**power
            box = [(low, high), (-reach, reach), (Fraction(0), reach / M)]
            bound = supremum(partial(off_by, N), box, boxes=BOXES)
            first = float(reach / (2 * N * low**2))  # `first_order` with |y| = 1, |s| = reach
            if not (0.9 * first <= bound.low and bound.high <= 1.1 * first):
                detail = f"N = {N}: first order {first:.1e}"
                raise Differs(detail, {"N": str(N)}, None, bound.high, first, len(found))
            seen = 0.0  # at this N
            for _ in range(3):
                c = draw.choice((-1, 1)) * draw.choice((low, high))
                y = [Fraction(draw.choice((-8, 8, draw.randint(-8, 8))), 8) for _ in range(size)]
                zeros = draw.randint(0, 20)
                wanted = [value / abs(c) for value in y] + [Fraction(0)] * zeros
                made = literal(N, M, c, y, zeros)[2:]
                off = max(top(got - ball(want)) for got, want in zip(made, wanted))
                if not off <= bound.high:
                    shown = {"N": str(N), "M": str(M), "c": str(c), "y": as_text(y)}
                    shown["L"] = str(zeros + size + 2)
                    raise Differs(f"it leaves {bound.high:.1e}", shown, cases=len(found))
                seen = max(seen, off)
            found.append((power, bound.high))
    text = ", ".join(f"{at_most(worst)} (N = 2^{power})" for power, worst in found)
    power, worst = found[-1]
    divisor = "" if low == high == 1 else f", {low} <= |c| <= {high}"
    detail = f"|x| <= 1, {size} of them, M = {M}: at most {text}"
    words = f"|x_i| <= 1, {size} of them, any number of zeros{divisor}, N = 2^{power}, M = {M}"
    return CheckResult(True, 3 * len(found), seen, worst, detail, box=words)


@claim(
    "akyurek2022.lemma6",
    source=f"{PAPER}, lemma 6",
    statement=r"\sqrt{2/L}\,N\,\lambda([N, -N - \Sigma x, x, 0]) \approx [N, -N - \Sigma x, x, 0]",
    summary="two large units undo the layer norm for all others",
    expected="approximates",
    note="for x and the zeros; of the pads only the relative error vanishes, see lemma6.pads",
)
def lemma6() -> tuple[Check, ...]:
    return (_norm_check(1, Fraction(1), Fraction(1), 4),)


@claim(
    "akyurek2022.lemma6.pads",
    source=f"{PAPER}, lemma 6",
    reading="with an absolute error, and of the two pads too",
    statement=r"\sqrt{2/L}\, N\, \lambda([N, \ldots])_0 \to N",
    summary="lemma 6 for the pads themselves, absolutely",
    expected="refuted",
    note="the first unit is off by sum(x)/2 in the limit",
)
@check("enclosure", "enclosed", transformer=False)
def lemma6_pads(budget: Budget) -> CheckResult:
    """The error of the first pad falls as N grows."""
    with precision(BITS):
        powers = (10, 20, 40, 80)
        off = [literal(2**k, 1, Fraction(1), [Fraction(1)], 1)[0] - 2**k for k in powers]
    if float(off[-1].abs_lower()) > float(off[0].abs_upper()) / 2:
        shown = {f"error at N = 2^{k}": error.str(6) for k, error in zip(powers, off)}
        detail = "the error of N stays near sum(x)/2"
        shown = {"x": ["1"], "L": "4", **shown}
        raise Differs(detail, shown, None, top(off[-1]), 0.0, len(off))
    return CheckResult(True, len(off), top(off[-1]), top(off[-1]))


@claim(
    "akyurek2022.lemma8",
    source=f"{PAPER}, lemma 8",
    statement=r"\sqrt{2/L}\, N M\, \lambda([Nc, -Nc - \Sigma y/M, y/M, 0]) \approx "
    r"[\cdot, \cdot, y/|c|, 0]",
    summary="the layer norm divides by |c|, which the two large units carry",
    expected="approximates",
    note="for 1/2 <= |c| <= 2 and |y| <= 1; the error is |y sum(y)| / (2 N M c^2) at first order",
)
def lemma8() -> tuple[Check, ...]:
    return (
        _norm_check(1, Fraction(1, 2), Fraction(2), 3),
        _norm_check(2**10, Fraction(1, 2), Fraction(2), 3),
    )


@cache
def first_order() -> tuple[Any, Any]:
    """(derived by sympy, as stated above) leading term of lemma 8's error, in 1/N."""
    import sympy

    N, M, c = sympy.symbols("N M c", positive=True)
    y, s, q, e = sympy.symbols("y s q epsilon")  # s = sum(y), q = sum(y^2), epsilon = 1/N
    out = y * sympy.sqrt(2) / sympy.sqrt(c**2 + (c + e * s / M) ** 2 + e**2 * q / M**2)
    derived = sympy.diff(out, e).subs(e, 0) / N
    return derived, -y * s / (2 * N * M * c**2)
