"""Statements of giannou2023: what a softmax over addresses reads, adders of ReLUs, the clamp, and
how far one loop is off before it is clamped.

Addresses are vectors of k bits -1 and 1, so that two that differ in h bits have the product
k - 2h. q = exp(-2 temperature) is what a differing bit costs, W = (1 + q)^k.
"""

from __future__ import annotations

from typing import Any

import sympy

from proofs import signs
from proofs.argument import Argument
from proofs.theorem import theorem

q = sympy.Symbol("q", positive=True)
k = sympy.Symbol("k", integer=True, positive=True)
ABOVE = sympy.Symbol("w", positive=True)  # W - 1


def relu(value: Any) -> Any:
    """relu(value), whose sign the assumptions of its symbols decide. Raises ValueError if not."""
    value = sympy.expand(value)
    if signs.nonnegative(value):
        return value
    if signs.nonnegative(-value):
        return sympy.Integer(0)
    raise ValueError(f"nothing says which sign {value} has")


# -- reading --------------------------------------------------------------------------------------


def _shares(argument: Argument, bit: Any) -> None:
    """The exponentials of all 2^k columns, that of the column in question being 1, add up to W."""
    argument.recurrence(
        r"\textstyle\sum_j q^{h_j},\ \text{one bit more is the same or not: }",
        (1 + q) ** k, k, 1 + q, lambda total: total * 1 + total * bit, first=1,
    )  # fmt: skip


def _read(argument: Argument, factor: Any = 2) -> None:
    """The worst content is 1 in both best columns and -1 in all others, or the other way round."""
    _shares(argument, q)
    W = 1 + ABOVE
    share = 1 / (1 + W)  # of the column and of the scratchpad, which has the same score
    argument.equal(r"\text{the others together: }", 1 - 2 * share, ABOVE / (2 + ABOVE))
    kept, source, rest = sympy.symbols("o v r", real=True)  # r: the others' mean
    buffer = share * (kept + source) + (1 - 2 * share) * rest
    off = kept + factor * buffer - factor * kept - source
    argument.equal(r"o + 2 b - 2 o - v = ", off, (1 - 2 * share) * (2 * rest - kept - source))
    worst = 4 * (W - 1) / (W + 1)
    argument.equal(r"\text{at } r = 1,\ o = v = -1:\ ",
                   off.subs({rest: 1, kept: -1, source: -1}), worst)  # fmt: skip
    argument.equal(r"\text{all signs changed: }", off.subs(
        {rest: -rest, kept: -kept, source: -source}, simultaneous=True), -off)  # fmt: skip
    gap = sympy.symbols("a b c", nonnegative=True)
    within = {rest: 1 - gap[0], kept: -1 + gap[1], source: -1 + gap[2]}
    argument.at_least(r"\text{elsewhere in the box: }", worst, off.subs(within))


def _temperature(argument: Argument, numerator: Any = 4) -> None:
    """4 (W - 1)/(W + 1) = delta at W = rho, and it rises with q, which falls with lambda."""
    ratio = sympy.Symbol("s", positive=True)  # delta = 4 s/(1 + s) < 4
    delta = 4 * ratio / (1 + ratio)
    rho = (numerator + delta) / (numerator - delta)
    argument.greater(r"\delta < 4:\ \rho = ", rho, 1)
    argument.equal(r"\tfrac{4 (\rho - 1)}{\rho + 1} = ", 4 * (rho - 1) / (rho + 1), delta)
    wide = sympy.Symbol("rho", positive=True)
    smallest = -sympy.log(wide ** (1 / k) - 1) / 2
    argument.equal(r"(1 + e^{-2\lambda})^k = ", (1 + sympy.exp(-2 * smallest)) ** k, wide)
    W = 1 + ABOVE
    argument.greater(r"\tfrac{d}{dW}:\ ", sympy.diff(4 * (W - 1) / (W + 1), ABOVE), 0)
    argument.greater(r"\tfrac{d}{dq}:\ ", sympy.diff((1 + q) ** k, q) / (1 + q) ** k, 0)
    argument.greater(r"-\tfrac{d}{d\lambda}e^{-2\lambda}, q = e^{-2\lambda}:\ ", 2 * q, 0)


# -- subtraction ----------------------------------------------------------------------------------


def bit(s: Any, M: Any, bias: Any = 3) -> Any:
    """The six ReLUs of a bit, of the sum s of the lowest bits, M = 2^(i - 1)."""
    made = relu(s - M + 1) - relu(s - M) + relu(2 * M - s) - relu(2 * M - 1 - s)
    return 2 * (made + relu(s - 3 * M + 1) - relu(s - 3 * M)) - bias


def _subtract(argument: Argument, bias: Any = 3) -> None:
    rest, room, high = sympy.symbols("r w H", integer=True, nonnegative=True)
    M = 1 + rest + room  # r <= M - 1
    for t in range(4):
        argument.equal(
            rf"s = {t} M + r,\ 0 \leq r < M:\ ", bit(t * M + rest, M, bias), (-1) ** (t + 1)
        )
    argument.equal(
        r"\text{higher bits leave } \lfloor s/M \rfloor \text{ mod } 2:\ ",
        (2 * M * high + M * 3 + rest - rest) / M, 2 * high + 3,
    )  # fmt: skip
    i = sympy.Symbol("i", integer=True, positive=True)
    argument.recurrence(
        r"\textstyle\sum_j (2^{j-1} + 2^{j-1}):\ ", 2 * (2**i - 1), i, 2,
        lambda total: total + 2 * 2**i, first=1,
    )  # fmt: skip
    argument.greater(r"s < 4 M:\ 4 \cdot 2^{i-1} = ", 4 * 2**i / 2, 2 * (2**i - 1))
    r, s = sympy.symbols("r s", integer=True)
    argument.recurrence(r"\text{flipped: }", 2**i - 1, i, 1, lambda total: total + 2**i, first=1)
    argument.equal(r"s + ((2^N - 1 - r) + 1) = ", s + (2**i - 1 - r) + 1, (s - r) + 2**i)


# -- the clamp ------------------------------------------------------------------------------------


def _clamp(argument: Argument, slope: Any = 2) -> None:
    """x = t + u, |u| < e < 1/2: u = e v/(1 + v), and minus that."""
    more, small = sympy.Symbol("p", positive=True), sympy.Symbol("v", nonnegative=True)
    e = 1 / (2 + more)
    for t in (-1, 0, 1):
        for sign in (1, -1):
            x = t + sign * e * small / (1 + small)
            ramps = relu(x + 1 - e) - relu(x + e) + relu(x - e) - relu(x - 1 + e)
            made = ramps / (1 - slope * e) - 1
            shown = "+" if sign > 0 else "-"
            argument.equal(rf"x = {t} {shown} u:\ ", made, t)
    x = sympy.Symbol("x", positive=True)
    argument.equal(r"x - \mathrm{relu}(x) + \mathrm{relu}(-x) = ", x - relu(x) + relu(-x), 0)
    argument.equal(r"-x + \ldots = ", -x - relu(-x) + relu(x), 0)


# -- one loop -------------------------------------------------------------------------------------


def _loop(argument: Argument, spread: Any = 3) -> None:
    """How shares and adders pass errors on; the chain itself is `errors` of
    verify/claims/giannou2023/subleq.py, which is compared with what the layers that are built do.

    Of exponentials 1 (the column that is meant), c (the scratchpad) between 1/T and T, and others
    that add up to at most s: T = 1 + u.
    """
    s = sympy.Symbol("s", nonnegative=True)
    x = sympy.Symbol("x", nonnegative=True)
    room = sympy.Symbol("y", nonnegative=True)  # T = 1 + x + y
    for name, c in (("1 + x", 1 + x), ("1/(1 + x)", 1 / (1 + x))):
        wide = 1 + x + room
        bound = ((wide - 1) + spread * s) / (1 + 1 / wide)
        total = 1 + c + s
        for way in (1, -1):
            off = (way * (2 - total) + 2 * s) / total  # |2/total - 1| + 2 s/total
            argument.at_least(rf"\text{{read, }} c = {name}:\ ", bound, off)
        written = (2 * (wide - 1) + (spread + 1) * s) / (1 + 1 / wide)
        for way, other in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            off = (way * (2 - total) + other * (2 * c - total) + 2 * s) / total
            argument.at_least(rf"\text{{write, }} c = {name}:\ ", written, off)
    i = sympy.Symbol("i", integer=True, positive=True)
    half = sympy.Rational(1, 2)
    argument.recurrence(
        r"\textstyle\sum_j 2^{j-2}:\ ", (2**i - 1) * half, i, half,
        lambda total: total + half * 2**i, first=1,
    )  # fmt: skip
    argument.recurrence(
        r"2\textstyle\sum_j 2^{j-2}(2(2^j - 1) + 1):\ ",
        sympy.Rational(4, 3) * (4**i - 1) - (2**i - 1), i, 3,
        lambda total: total + 2 * (2 ** (i + 1) * half * half) * (2 * (2 ** (i + 1) - 1) + 1),
        first=1,
    )  # fmt: skip
    argument.greater(r"\text{rises with } i, \text{ by } 2^i(4 \cdot 2^i - 1):\ ", 4 * 2**i, 1)
    argument.assume(
        r"\text{a sum of ramps on disjoint pieces, of slopes } \pm 2 \text{, passes on twice an "
        r"error at most}"
    )


THEOREMS = (
    theorem(
        "giannou2023.read",
        "giannou2023.read",
        r"\text{columns at all } 2^k \text{ addresses, contents in } [-1, 1]: \text{ the error of "
        r"reading is at most } 4\tfrac{W - 1}{W + 1},\ W = (1 + e^{-2\lambda})^k, \text{ and that "
        r"is attained}",
        _read, "printed", inputs={"factor": 2},
    ),
    theorem(
        "giannou2023.temperature",
        "giannou2023.read.temperature",
        r"\lambda(n, \delta) = -\tfrac12 \log(\rho^{1/\log_2 n} - 1),\ \rho = "
        r"\tfrac{4 + \delta}{4 - \delta}, \text{ is the smallest with error at most } \delta",
        _temperature, "improved", inputs={"numerator": 4},
    ),
    theorem(
        "giannou2023.subtract",
        "giannou2023.subtract",
        r"\text{the three ReLU layers give } b - a \text{ modulo } 2^N, \text{ for every } N",
        _subtract, "printed", inputs={"bias": 3},
    ),
    theorem(
        "giannou2023.clamp",
        "giannou2023.subleq",
        r"|x - t| < \varepsilon < \tfrac12,\ t \in \{-1, 0, 1\}: \text{ the clamp gives } t",
        _clamp, "printed", inputs={"slope": 2},
    ),
    theorem(
        "giannou2023.loop",
        "giannou2023.subleq.states",
        r"\text{shares } 1, c, s_j \text{ with } 1/T \leq c \leq T: \text{ reading is off by at "
        r"most } \tfrac{T - 1 + 3s}{1 + 1/T}, \text{ writing by } \tfrac{2(T - 1) + 4s}{1 + 1/T},"
        r"\text{ subtracting multiplies by } \tfrac43(4^N - 1) - (2^N - 1)",
        _loop, "improved", inputs={"spread": 3},
    ),
)  # fmt: skip
