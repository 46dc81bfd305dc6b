"""What is assumed of floating point, so that a bound on rounding is a theorem about it.

Sums, products, quotients and roots are rounded to nearest, each by at most u relatively; sums are
made in any order, with fused operations or without; the variance of D numbers whose mean is 0 is
off by D + 8 roundings, as in two passes over them. exp and GELU (relatively to its argument) are
off by at most 4 u, and exp(0) is 1: torch and onnxruntime were seen to stay within 2.3 u. What is
below the smallest normal number is lost, or off by as much. All of it in one format.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb

FUNCTION = 4  # units roundoff of exp, and of GELU relatively to its argument


@dataclass(frozen=True)
class Format:
    """bits: of the significand; tiny: the smallest positive normal number is 2^tiny; 0 bits: reals.

    largest: numbers are below 2^largest.
    """

    name: str
    bits: int
    tiny: int
    largest: int

    @cached_property
    def unit(self) -> arb:
        """The unit roundoff, and a little more: weights come through float64 and float32."""
        return arb(2) ** -self.bits * (1 + arb(2) ** -12) if self.bits else arb(0)

    @cached_property
    def least(self) -> arb:
        """What a product loses where it is not a normal number."""
        return arb(2) ** self.tiny if self.bits else arb(0)

    def gamma(self, operations: int) -> arb:
        """The relative error of a sum of products after so many roundings."""
        return (1 + self.unit) ** operations - 1

    def rounding(self, size: arb) -> arb:
        """The largest error of one rounding to nearest of a number up to `size`."""
        if not self.bits:
            return arb(0)
        power = arb(1)
        while not bool(power > size):
            power *= 2
        return power / 2 * self.unit


REALS = Format("exact arithmetic", 0, -(10**6), 10**6)
FLOAT32 = Format("float32", 24, -126, 128)
BFLOAT16 = Format("bfloat16", 8, -126, 128)
FLOAT16 = Format("float16", 11, -14, 16)
