"""The error of every array of a forward pass, in the Frobenius norm: one number per prompt.

Much cheaper than `running_error`, and sharp enough where an error is carried by products of
matrices of one scale: |A E| <= |A| |E|, the spectral norm of A. Where it is not, for columns of
very different scales or behind a layer norm, it is large or infinite.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from proofs.exact import Exact, nearest_float
from proofs.slotmap import Block

from ..numbers.floats import HALF
from ..numbers.seen import Seen
from .bounded import (
    OWN,
    UNSEEN,
    WIDE,
    Bounded,
    Bounding,
    asymmetry,
    certified_shifted,
    gamma,
    gram,
    is_large,
    length,
    spectral,
)

Norm = Any  # a number, or a tensor (*batch) where there is a batch
SCALARS = 2.0**-44  # more than the arithmetic of one operation's norms rounds


class NormError(Bounding):
    """Arrays keep no error by entry; `norm` bounds the whole, None where there is none."""

    def working(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def given(self, value: torch.Tensor, error: torch.Tensor | None) -> Bounded:
        return Bounded(value, None, None if error is None else self._length(error))

    def together(
        self, value: torch.Tensor, arrays: list[Bounded], join: Callable[[Any], Any]
    ) -> Bounded:
        norms = [a.norm for a in arrays if a.norm is not None]
        return Bounded(value, None, sum(norms[1:], norms[0]) if norms else None)

    def _made(self, value: torch.Tensor, carried: Norm, added: Norm) -> Bounded:
        """An operation's result; `added` is at least u/4 of the largest magnitude on its way."""
        limit = self.most * self.u / 4
        norm = (carried + added) * (1 + SCALARS)
        if self.name == "float16":  # its range is short
            added, limit = self._length(value) + 2 * norm, self.most
        if self.batch:
            norm = torch.where(added <= limit, norm, math.inf)
        elif not added <= limit:
            norm = math.inf
        return Bounded(value, None, norm)

    # -- norms --

    def _length(self, a: torch.Tensor) -> Norm:
        """An upper bound on the Frobenius norm."""
        norm = length(a.flatten(len(self.batch)))
        return norm if self.batch else float(norm)

    def _size(self, a: Bounded) -> Norm:
        """The Frobenius norm of the values."""
        if a.size is None:
            a.size = self._length(a.value)
        return a.size

    def _reach(self, a: Bounded) -> Norm:
        """The Frobenius norm of any run."""
        return self._size(a) if a.norm is None else self._size(a) + 2 * a.norm

    def _spectral(self, a: Bounded) -> Norm:
        if 1 in a.value.shape[-2:] and a.value.ndim == len(self.batch) + 2:
            return self._size(a)
        if a.transpose_of is not None:
            return self._spectral(a.transpose_of)
        if a.spectral is None:
            off = None if self.batch else self._asymmetry(a)
            norms = spectral(a.value, a.gram, off).unsqueeze(-1).flatten(len(self.batch))
            norms = norms.amax(dim=-1)
            a.spectral = norms if self.batch else float(norms)
        return a.spectral

    def _asymmetry(self, a: Bounded) -> float | None:
        """That of one large matrix."""
        if a.asymmetry is None and is_large(a.value):
            a.asymmetry = asymmetry(a.value)
        return a.asymmetry

    def _extreme(self, a: torch.Tensor, take: Any) -> Norm:
        value = take(a.flatten(len(self.batch)), dim=-1)
        return value if self.batch else float(value)

    # -- linear arithmetic --

    def scale(self, c: Exact, a: Bounded) -> Bounded:
        if c == 1:
            return a
        value, size = self.values.scale(c, a.value), abs(nearest_float(c))
        added = size * self.of_coefficient(c) * self._reach(a) + self._lost(c, value)
        return self._made(value, size * _or0(a), added)

    def combine(self, terms: list[tuple[Exact, Bounded]]) -> Bounded:
        return self._combined(terms, self.values.combine([(c, a.value) for c, a in terms]))

    def _combined(self, terms: list[tuple[Exact, Bounded]], value: torch.Tensor) -> Bounded:
        """A sum of terms as `value`."""
        carried = sum(abs(nearest_float(c)) * _or0(a) for c, a in terms)
        size = None
        if len(terms) == 2 and all(c in (1, -1) for c, _ in terms):
            size = self._length(value)
            share = self.u * (1 + 2.0**-9 if self.format.dtype in HALF else 1)
            added = share * (size + 2 * carried)
        else:
            share = max(self.of_coefficient(c) for c, _ in terms)
            share = share + gamma(len(terms), self.u) * (1 + share)
            added = sum(abs(nearest_float(c)) * self._reach(a) for c, a in terms) * share
            added = added + sum(self._lost(c, value) for c, _ in terms)
        made = self._made(value, carried, added)
        made.size = size
        return made

    def summed_products(self, a: Bounded, b: Bounded) -> Bounded:
        value = self.values.product(a.value, b.value, 1)
        terms = a.value.shape[-1]
        carried = self._carried(a, b)
        added = self.of_product(terms) * self._reach(a) * self._reach(b)
        added = added + 8 * self.least * terms * self._entries(value)
        made = self._made(value, carried, added)
        if a.norm is not None or b.norm is not None:
            square = value.shape[-1] == value.shape[-2]
            first = (lambda: a) if square else weakref.ref(a)  # which may be large
            made.product_of = first, b, added + made.norm * 0  # no number where it is infinite
            if square and not self.batch:
                a.beside = b, value, {}
        return made

    def _carried(self, a: Bounded, b: Bounded) -> Norm:
        """What a product carries."""
        if not self.batch and not _or0(a) + _or0(b) < math.inf:
            return math.inf  # for which no norm is worth computing
        carried: Norm = 0.0
        if b.norm is not None:
            carried = carried + self._spectral(a) * b.norm
        if a.norm is not None:
            carried = carried + self._spectral(b) * a.norm
        if a.norm is not None and b.norm is not None:
            carried = carried + 3 * a.norm * b.norm
        return carried

    def add_product(self, c: Exact, old: Bounded, a: Bounded, b: Bounded, scale: Exact) -> Bounded:
        if a.value.shape[-1] == 1 < old.value.shape[-2:].numel():
            value = self.values.add_product(c, old.value, a.value, b.value, scale)
            return self._combined([(c, old), (scale, self.product(a, b, 1))], value)
        if self.format.dtype in HALF:
            return super().add_product(c, old, a, b, scale)
        return self._plus(self.values.add_product, c, old, a, b, scale)

    def add_product_over(
        self, c: Exact, old: Bounded, a: Bounded, b: Bounded, scale: Exact
    ) -> Bounded:
        if self.format.dtype in HALF:
            return super().add_product_over(c, old, a, b, scale)
        return self._plus(self.values.add_product_over, c, old, a, b, scale)

    def _plus(
        self, add: Any, c: Exact, old: Bounded, a: Bounded, b: Bounded, scale: Exact
    ) -> Bounded:
        """The value by `add`, which is done when all is known of the array that it may change."""
        terms = a.value.shape[-1] + 2
        share = self.of_coefficient(c) + self.of_coefficient(scale)
        share = share + self.of_product(terms) * (1 + share)
        of_old, of_product = abs(nearest_float(c)), abs(nearest_float(scale))
        added = share * self._reach(a) * self._reach(b)
        carried = self._of_one(c, old, a, b, scale)
        if self.batch or not carried < math.inf:  # else no term by itself says less
            terms_alone = of_product * self._carried(a, b) + of_old * _or0(old)
            carried = _least(terms_alone, carried)
        added = of_product * added + of_old * share * self._reach(old)
        value = add(c, old.value, a.value, b.value, scale)
        if value is old.value:
            del old.value  # it holds another one now
        lost = 8 * self.least * terms * (1 + of_product) * self._entries(value)
        return self._made(
            value, carried, added + lost + self._lost(c, value) + self._lost(scale, value)
        )

    def _of_one(self, c: Exact, old: Bounded, a: Bounded, b: Bounded, scale: Exact) -> Norm:
        """What c M + s M (P M), c M + s (M P) M or c V + s (V P) M carries; infinite of all else.
        With e the error of M it is, to first order,
            (c/2 + s M P) e + e (c/2 + s P M) + s M (what P M has of its own),
        far less than term by term where M is nearly what the step leaves as it is; with e and f
        those of V and M, e (c + s P M) + s V P f + s (what V P has of its own) M."""
        if a is old and b.product_of is not None and b.product_of[1] is old:
            product, other, own = b, b.product_of[0](), b.product_of[2]
            other.beside = None  # which would hold the product until there is another one
        elif not self.batch and a.product_of is not None and a.product_of[0]() is old:
            product, other, own = a, a.product_of[1], a.product_of[2]
        else:
            return math.inf
        if old.norm is None or (not self.batch and not old.norm + own < math.inf):
            return math.inf
        half, s = nearest_float(c) / 2, nearest_float(scale)
        if product is a:  # of b and what `old` was multiplied by, which may be b too
            matrix, sides = b, self._sides(half, s, b, other)
        else:
            matrix, turned = old, self._turned(half, s, product.value)
            sides = (
                None
                if turned is None
                else (turned, self._other_way(half, s, other, old, product.value, turned))
            )
        if sides is None:
            return math.inf
        if other.norm is not None:
            own = own + (self._spectral(old) + 3 * old.norm) * other.norm
        second = 3 * product.norm * _or0(b if product is a else old) + self._spectral(matrix) * own
        if matrix is old:
            factor = sides[0] + sides[1]
        else:
            factor = abs(half) + sides[1]
            second = second + self._spectral(product) * _or0(b)
        # both sides are rounded, a product of theirs and the halves, relative to these sizes
        sizes = 2 * abs(s) * self._size(matrix) * self._size(other)
        sizes = sizes + 2 * abs(half) * math.sqrt(sum(matrix.value.shape[-2:]))
        lost = 8 * gamma(max(matrix.value.shape[-2:]) + 8, 2.0**-53) * sizes + UNSEEN
        return ((factor + lost) * old.norm + abs(s) * second) * (1 + SCALARS)

    def _sides(self, half: float, s: float, a: Bounded, b: Bounded) -> tuple[Norm, Norm] | None:
        """|half I + s A B| and |half I + s B A|, where A B was made; None where it was not."""
        if a.beside is None or a.beside[0] is not b:
            return None
        _, value, known = a.beside
        if (half, s) not in known:
            turned = self._turned(half, s, value)
            known[half, s] = (
                None if turned is None else (turned, self._other_way(half, s, a, b, value, turned))
            )
        return known[half, s]

    def _other_way(
        self, half: float, s: float, a: Bounded, b: Bounded, product: torch.Tensor, turned: Norm
    ) -> Norm:
        """|half I + s B A| where that of the product A B is `turned`."""
        if not self.batch and len(product) >= WIDE:
            if len(product) < len(b.value):
                return max(abs(half), turned) + abs(s) * self._departure(a, b, product)
            if (apart := self._turned_around(a, b)) is not None:
                return turned + abs(s) * apart
        return self._turned(half, s, b.value @ a.value)

    def _departure(self, a: Bounded, b: Bounded, product: torch.Tensor) -> float:
        """Henrici's departure from normality of B A where the product A B is smaller, and known.

        Their eigenvalues m are the same but for zeros. B A is turned into a triangular matrix, so
        that |h + s B A| is at most the largest |h + s m|, and |s| times what is above the diagonal:
        the root of |B A|^2 - sum |m|^2, at most that of <A A^T, B^T B> - tr(A B A B).
        """
        squares = _inner(self._gram(a), self._gram(b)) - _inner(product, product.mT)
        terms = 2 * len(a.value) + len(b.value) + 8
        lost = 8 * gamma(terms, 2.0**-53) * (self._size(a) * self._size(b)) ** 2
        return math.sqrt(max(0.0, squares) + lost + UNSEEN) * (1 + SCALARS)

    def _gram(self, a: Bounded) -> torch.Tensor:
        """The smaller one of A A^T and A^T A."""
        if a.transpose_of is not None:
            return self._gram(a.transpose_of)
        if a.gram is None:
            a.gram = gram(a.value)
        return a.gram

    def _turned(self, half: float, s: float, side: torch.Tensor) -> Norm | None:
        """|half I + s A|; None where A has more axes than a matrix."""
        if side.ndim != len(self.batch) + 2:
            return None
        if is_large(side) and (off := asymmetry(side)) is not None:
            if (found := certified_shifted(side, off, half, s)) is not None:
                return found
        turned = s * side
        turned.diagonal(dim1=-2, dim2=-1).add_(half)
        norm = spectral(turned)
        return norm if self.batch else float(norm)

    def _turned_around(self, a: Bounded, b: Bounded) -> float | None:
        """A bound on |B A - (A B)^T| = |(B - B^T) A + B^T (A - A^T)| of two large matrices that are
        nearly symmetric, which spares a product; None of others."""
        ours, theirs = self._asymmetry(a), self._asymmetry(b)
        if ours is None or theirs is None:
            return None
        return 2 * (ours * self._spectral(b) + self._spectral(a) * theirs) * (1 + SCALARS)

    def pattern(
        self, a: Bounded, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Bounded:
        value = self.values.pattern(a.value, block, destination, source)
        left, right = block.indices()
        summed = _count(set(right) - set(left), right, source)
        factor = math.sqrt(summed * _count(set(left) - set(right), left, destination))
        if summed == 1:
            return Bounded(value, None, None if a.norm is None else factor * a.norm)
        return self._made(value, factor * _or0(a), factor * gamma(summed, self.u) * self._reach(a))

    def row_sums(self, a: Bounded, extra: int) -> Bounded:
        value = self.values.row_sums(a.value, extra)
        terms = a.value.shape[-1] + 1
        reach = math.sqrt(terms) * self._reach(a) + abs(extra) * self._entries(value)
        return self._made(value, math.sqrt(terms) * _or0(a), gamma(terms, self.u) * reach)

    # -- the rest --

    def multiply(self, a: Bounded, b: Bounded) -> Bounded:
        value = a.value * b.value
        mine, theirs = _or0(a), _or0(b)
        carried = self._size(a) * theirs + self._size(b) * mine + 3 * mine * theirs
        added = self.u * self._reach(a) * self._reach(b)
        return self._made(value, carried, added + 8 * self.least * self._entries(value))

    def divide(self, a: Bounded, b: Bounded) -> Bounded:
        value = a.value / b.value
        at_least = self._extreme(b.magnitude, torch.amin) - 2 * _or0(b)
        if self.batch:
            at_least = torch.where(at_least > 0, at_least, 0.0)
        elif not at_least > 0:
            return Bounded(value, None, math.inf)
        at_least = at_least * (1 - OWN)
        # of b's rows each is repeated in every column
        moved = (self._size(a) + _or0(a)) / at_least * (_or0(b) / at_least)
        carried = _or0(a) / at_least + moved
        added = self.u * self._reach(a) / at_least + 8 * self.least * self._entries(value)
        return self._made(value, carried, added)

    def divide_rows(self, a: Bounded, divisors: list[int]) -> Bounded:
        value = self.values.divide_rows(a.value, divisors)
        if max(divisors) > min(1 / self.u, self.most):
            return Bounded(value, None, self._size(a) * math.inf)
        added = self.u * self._reach(a) + 8 * self.least * self._entries(value)
        return self._made(value, _or0(a), added)

    def relu(self, a: Bounded) -> Bounded:
        return Bounded(self.values.relu(a.value), None, a.norm)

    def gelu(self, a: Bounded) -> Bounded:
        value = self.values.gelu(a.value)
        added = 8 * self.u * self._reach(a) + 8 * self.tiny * self._entries(value)
        return self._made(value, 1.2 * _or0(a), added)

    def exp(self, a: Bounded) -> Bounded:
        """|exp(x + e) - exp(x)| <= exp(x + |e|) |e|"""
        value = self.values.exp(a.value)
        moved = _or0(a)
        top = self._extreme(a.value, torch.amax) + 2 * moved  # of any run, and of the exact one
        grown = torch.exp(top) if self.batch else _exp(top)
        factor = torch.exp(2 * moved) if self.batch else _exp(2 * moved)
        added = 8 * self.u * self._length(value) * factor + 2 * self.tiny * self._entries(value)
        return self._made(value, grown * moved * (1 + 2.0**-40), added)

    def unbounded(self, value: torch.Tensor) -> Bounded:
        norm = torch.full(self.batch, math.inf, dtype=torch.float64, device=value.device)
        return Bounded(value, None, norm if self.batch else math.inf)

    def softmax(self, scores: Bounded, seen: Seen | None, null: bool) -> Bounded:
        """Softmax is a contraction in the Euclidean norm."""
        value = self.values.softmax(scores.value, seen, null)
        spread = self._extreme(scores.magnitude, torch.amax) + 2 * _or0(scores)
        exponent = (4 * spread + (value.shape[-1] + 13)) * self.u
        grown = torch.expm1(exponent) if self.batch else _expm1(exponent)
        # each row of weights sums to at most 1
        added = grown * 2 * math.sqrt(value.shape[-2]) + 8 * self.tiny * self._entries(value)
        return self._made(value, _or0(scores), added)

    def layer_norm(self, a: Bounded, epsilon: Exact = 0) -> Bounded:
        return self.unbounded(self.values.layer_norm(a.value, epsilon))

    def rms_norm(self, a: Bounded, epsilon: Exact = 0) -> Bounded:
        return self.unbounded(self.values.rms_norm(a.value, epsilon))

    def _lost(self, c: Exact, value: torch.Tensor) -> float:
        """What a multiplication by c may lose below the format's smallest number."""
        return (8 * self.least + self.several(c)) * self._entries(value)

    def _entries(self, value: torch.Tensor) -> int:
        """At least the square root of the number of entries of one prompt."""
        return math.prod(value.shape[len(self.batch) :])


def _least(a: Norm, b: Norm) -> Norm:
    """The smaller one; that which is a number, where one is none."""
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return torch.fmin(torch.as_tensor(a), torch.as_tensor(b))
    return a if math.isnan(b) else b if math.isnan(a) else min(a, b)


def _inner(a: torch.Tensor, b: torch.Tensor) -> float:
    """The sum of the products of their entries, row by row."""
    return float(torch.linalg.vecdot(a, b).sum())


def _or0(a: Bounded) -> Norm:
    return 0.0 if a.norm is None else a.norm


def _expm1(exponent: float) -> float:
    return math.expm1(exponent) if exponent < 700 else math.inf


def _exp(exponent: float) -> float:
    return math.exp(exponent) if exponent < 700 else math.inf


def _count(letters: set[str], named: str, shape: tuple[int, ...]) -> int:
    sizes = dict(zip(named, shape))
    return math.prod(sizes[letter] for letter in letters)
