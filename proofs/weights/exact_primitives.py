r"""Which operations the printed transformer of akyurek2022 does exactly, with finite weights.

Its layer: causal softmax heads with one extra logit 0 (value 0), positions one-hot in the stream;
then h ← W₁ σ(W₂ λ(a + h)) + a + h, σ = GeLU, λ = layer norm.

Possible. Softmax weights that depend on positions alone can be any table W with positive entries
and row sums below 1: the scores are s_tj = log(W_tj / (1 − Σ_i W_ti)). For a causal table M of
T × T numbers ≥ 0 and ε (T + max_t Σ_j M_tj) < 1 let one head have the weights ε(1 + M) and another
the weights ε (both on j ≤ t), with values V/ε and −V/ε. Together they add Σ_j M_tj V h_j to h_t:
exactly, for every input. So every causal linear map of tokens is one layer; mov (a copy and a
clearing), aff (M = I, the bias read from the position units, whose sum is 1) and RAW with + are
such maps, with three, two and three heads. W₁ = 0: the layer norm is not met. And the bypass of
GeLU is exact, with both signs: σ(x) − σ(−x) = x.

Impossible. Σ_i λ_i² = L for L hidden units, so the MLP's output is bounded by a constant C of the
weights, whatever its input; attention adds means of values, at most B max_j ‖h_j‖. So a layer's
output is at most C + B max_j ‖h_j‖ away from h_t. A product grows faster than that, a quotient
y/|c| is unbounded while y and c stay bounded, and the layer norm's output cannot be x for large x:
mul, div and the bypass of layer norm are exact for no finite weights.

Best order found. mul: order 2m for any m (`gelu_product`). Bypass of layer norm: with the units
N, −N, x, −x the mean is 0 and the variance 2(N² + ‖x‖²)/L, so that what comes out is
x (1 + ‖x‖²/N²)^(−1/2): the relative error is at most ‖x‖²/(2N²), order 2, where the printed
[N, −N − Σx, x, 0] has variance (2N² + 2NΣx + …)/L and the relative error −Σx/(2N), order 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy

Table = Sequence[Sequence[Fraction]]


def spread(*tables: Table) -> Fraction:
    """An ε with ε (T + the largest row sum) < 1 for all the tables."""
    largest = max((sum(row, Fraction(0)) for table in tables for row in table), default=Fraction(0))
    return 1 / (Fraction(len(tables[0])) + largest + 1)


def scores(weights: Table) -> tuple[tuple[Any, ...], ...]:
    """log(W_tj / (1 − Σ_i W_ti)) for j ≤ t, 0 after; rows are queries.

    Raises ValueError unless all W_tj, j ≤ t, are positive and their sum is below 1.
    """
    made = []
    for t, row in enumerate(weights):
        seen = row[: t + 1]
        left = 1 - sum(seen, Fraction(0))
        if left <= 0 or any(w <= 0 for w in seen):
            raise ValueError(f"row {t} is no row of softmax weights: {[str(w) for w in seen]}")
        ratios = [sympy.Rational(w.numerator, w.denominator) for w in seen]
        rest = sympy.Rational(left.numerator, left.denominator)
        made.append((*(sympy.log(w / rest) for w in ratios), *(0,) * (len(row) - t - 1)))
    return tuple(made)


def softmax(row: Sequence[Any]) -> tuple[Fraction, ...]:
    """Softmax with an extra logit 0 of scores that are logarithms of rationals, exactly."""
    powers = [sympy.exp(score) for score in row]
    total = 1 + sympy.Add(*powers)
    shares = [p / total for p in powers]
    if not all(share.is_Rational for share in shares):
        raise ValueError("a score is no logarithm of a rational number")
    return tuple(Fraction(int(share.p), int(share.q)) for share in shares)
