"""Arrays of a forward pass that carry a bound on their error, and what a float format rounds.

An array holds a value in float64 and bounds |w - v|: v is what exact arithmetic makes, w what any
run of the plan in the float format makes, in whatever order it adds up, on whatever device. The
value itself is such a run, for float64 rounds no more than the format does. So with a bound E a
run's magnitudes are at most |value| + 2E, exact ones at most |value| + E.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from proofs.exact import Exact, nearest_float
from proofs.vocabulary import Entrywise

from ..numbers.base import Numbers, Prompts
from ..numbers.floats import HALF, Floats, as_matrix, permuted
from ..numbers.seen import Seen

OWN = 2.0**-50  # more than this arithmetic, float64's, rounds in one operation of a bound
SUBNORMAL = 5e-324
UNSEEN = 2.0**-500  # more than an entry whose square float64 does not hold
WIDE = 128  # rows and columns from which a decomposition is the cheaper bound
COLUMNS = 128  # of a matrix that are decomposed at once
ROUNDS = 8  # of Lanczos: its estimates are then some per cent too small
LARGER = (1.03, 1.1, 1.3, 2.0)  # than the estimate: what may be large enough
SYMMETRIC = 2.0**-20  # of a matrix's size: what it may differ from its transpose
FLOAT32 = 2.0**-24
BFLOAT16 = 2.0**-8


class Bounded:
    """A value (…, tokens, size), a bound E on its error entry by entry, and one on the Frobenius
    norm of the error, one number per prompt; None where every run has the exact value."""

    __slots__ = (
        "__weakref__", "_magnitude", "_nonzero", "_reach", "asymmetry", "beside", "error", "gram",
        "noises", "norm", "product_of", "size", "spectral", "transpose_of", "value",
    )  # fmt: skip

    def __init__(
        self,
        value: torch.Tensor,
        error: torch.Tensor | None = None,
        norm: Any = None,
        noises: torch.Tensor | None = None,
    ) -> None:
        self.value, self.error, self.norm, self.noises = value, error, norm, noises
        self.size: Any = None  # norms of the value, once they are known
        self.spectral: Any = None
        self.gram: torch.Tensor | None = None
        self.asymmetry: float | None = None
        self.beside: Any = None  # what it was multiplied by to a square
        self.product_of: Any = None  # how a product's error comes about (`norm_error`)
        self.transpose_of: Bounded | None = None
        self._magnitude: torch.Tensor | None = None
        self._reach: torch.Tensor | None = None
        self._nonzero: torch.Tensor | None = None

    @property
    def magnitude(self) -> torch.Tensor:
        """|value|"""
        if self._magnitude is None:
            of = self.transpose_of
            self._magnitude = self.value.detach().abs() if of is None else of.magnitude.mT
        return self._magnitude

    @property
    def reach(self) -> torch.Tensor:
        """What no run exceeds in magnitude."""
        if self._reach is None:
            self._reach = (
                self.magnitude
                if self.error is None
                else torch.add(self.magnitude, self.error, alpha=2)
            )
        return self._reach

    @property
    def nonzero(self) -> torch.Tensor:
        """1 where some run may differ from 0, else 0: only there can anything underflow."""
        if self._nonzero is None:
            of = self.transpose_of
            self._nonzero = self.reach.bool().double() if of is None else of.nonzero.mT
        return self._nonzero

    def moved(self, move: Any) -> Bounded:
        """The same entries elsewhere."""
        error, noises = (None if one is None else move(one) for one in (self.error, self.noises))
        return Bounded(move(self.value), error, self.norm, noises)


class Bounding(Numbers):
    """A number system of `Bounded` arrays: what runs in the float format `name` may be off by."""

    def __init__(self, name: str, batch: tuple[int, ...] = (), device: Any = None) -> None:
        self.name, self.batch, self.device = name, batch, device
        self.values = Floats("float64", device)
        self.format = Floats(name, device)
        limits = torch.finfo(self.format.dtype)
        self.u, self.most, self.tiny = limits.eps / 2, limits.max, limits.smallest_normal
        self.least = smallest(self.format.dtype)
        self.accumulated = _product_roundoff(self.format.dtype)

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> Prompts:
        raise TypeError("bounds start from `given` arrays, not from a user's")

    @abstractmethod
    def given(self, value: torch.Tensor, error: torch.Tensor | None) -> Bounded:
        """An array (*batch, tokens, size) that the format holds with that error."""

    @abstractmethod
    def together(
        self, value: torch.Tensor, arrays: list[Bounded], join: Callable[[Any], Any]
    ) -> Bounded:
        """An array made by `join` of the arrays, each entry one of theirs or 0."""

    @abstractmethod
    def summed_products(self, a: Bounded, b: Bounded) -> Bounded:
        """a @ b, every product rounded and then their sum, in any order."""

    def constant(self, rows: Sequence[Sequence[Exact]]) -> Bounded:
        value = self.values.constant(rows)
        error = (value.to(self.format.dtype).double() - value).abs()
        inexact = [[not _is_float(entry) for entry in row] for row in rows]
        if any(any(row) for row in inexact):
            off = torch.tensor(inexact, device=self.device)
            error = error + off * (value.abs() * 2.0**-52 + self.least)
        whole = (*self.batch, *value.shape)
        return self.given(
            value.expand(whole), error.expand(whole) if bool((error != 0).any()) else None
        )

    def zeros(self, tokens: int, size: int) -> Bounded:
        return Bounded(self.values.zeros(tokens, size).expand(*self.batch, tokens, size))

    # -- moving --

    def assemble(self, total: int, parts: list[tuple[range, Bounded]]) -> Bounded:
        value = self.values.assemble(total, [(tokens, a.value) for tokens, a in parts])
        return self.together(
            value,
            [a for _, a in parts],
            lambda errors: self.values.assemble(
                total, [(tokens, error) for (tokens, _), error in zip(parts, errors)]
            ),
        )

    def concatenate(self, arrays: list[Bounded]) -> Bounded:
        value = self.values.concatenate([a.value for a in arrays])
        return self.together(value, arrays, self.values.concatenate)

    def rows(self, a: Bounded, tokens: range) -> Bounded:
        return a.moved(lambda array: self.values.rows(array, tokens))

    def columns(self, a: Bounded, start: int, stop: int) -> Bounded:
        return a.moved(lambda array: self.values.columns(array, start, stop))

    def place(self, a: Bounded, index: int, size: int) -> Bounded:
        return a.moved(lambda array: self.values.place(array, index, size))

    def transpose(self, a: Bounded) -> Bounded:
        made = a.moved(self.values.transpose)
        made.transpose_of = a  # what is known of one is known of the other, and held once
        return made

    def masked(self, scores: Bounded, seen: Seen) -> Bounded:
        return scores.moved(lambda array: self.values.masked(array, seen))

    # -- products --

    def product(self, a: Bounded, b: Bounded, c: Exact) -> Bounded:
        return self.scale(c, self.summed_products(a, b))

    def contract(
        self, a: Bounded, left: str, b: Bounded, right: str, out: str, sizes: dict[str, int]
    ) -> Bounded:
        summed = [letter for letter in left if letter in right]
        ours = [letter for letter in left if letter not in right]
        theirs = [letter for letter in right if letter not in left]
        made = self.summed_products(
            a.moved(lambda array: as_matrix(array, left, ours, summed, sizes)),
            b.moved(lambda array: as_matrix(array, right, summed, theirs, sizes)),
        )
        kept = [*ours, *theirs]

        def back(array: torch.Tensor) -> torch.Tensor:
            array = array.reshape(*array.shape[:-2], *(sizes[letter] for letter in kept))
            array = permuted(array, kept, list(out))
            size = math.prod(sizes[letter] for letter in out)
            return array.reshape(*array.shape[: array.ndim - len(out)], size)

        return made.moved(back)

    def times_matrix(self, a: Bounded, matrix: tuple[tuple[Exact, ...], ...]) -> Bounded:
        return self.product(a, self.transpose(self.constant(matrix)), 1)

    # -- what there is no rule for --

    def applied(self, a: Bounded, function: Entrywise) -> Bounded:
        """Nothing is known of a user's function, how it carries an error or rounds."""
        return self.unbounded(self.values.applied(a.value, function))

    @abstractmethod
    def unbounded(self, value: torch.Tensor) -> Bounded:
        """An array whose error may be anything."""

    # -- what the format rounds --

    def of_product(self, terms: int) -> float:
        """Relative error of a sum of that many products, rounded one by one and in any order."""
        summed = gamma(terms, self.accumulated)
        return summed if self.format.dtype not in HALF else summed + self.u * (1 + summed)

    def of_coefficient(self, c: Exact) -> float:
        """Relative error of a multiplication by an exact coefficient, at least u/4."""
        if isinstance(c, (int, Fraction)):
            bits = abs(c.numerator).bit_length() - _twos(c.numerator)
            if c.denominator & (c.denominator - 1) == 0 and bits <= -math.log2(self.u):
                rounded = self.u * (1 + 2.0**-9) if self.format.dtype in HALF else self.u
                return rounded if bits > 1 else self.u / 4
        return 2 * self.u * (1 + 2 * self.u) + (2.0**-52 if self.u > 2.0**-53 else 0.0)

    def several(self, c: Exact) -> float:
        """What is lost below the format where c is multiplied in several steps."""
        nearest = abs(nearest_float(c))
        inside = c == 0 or self.tiny <= nearest <= self.most
        return 0.0 if inside else 4 * self.least * nearest

    def underflow(self, c: Exact, nonzero: torch.Tensor) -> torch.Tensor:
        """What a multiplication by c may lose below the format's smallest number."""
        return nonzero * (8 * self.least + self.several(c))


def spectral(
    a: torch.Tensor, known: torch.Tensor | None = None, off: float | None = None
) -> torch.Tensor:
    """An upper bound on the spectral norm of each matrix (…, rows, columns); `known` is its `gram`,
    `off` its `asymmetry`.

    |A|^8 = |(A A^T)^4| <= |(A A^T)^4|_F, within the 16th root of the rank; of one large matrix by
    what is both cheaper and closer, `certified`.
    """
    if 1 in a.shape[-2:]:
        return length(a.flatten(-2))
    if is_large(a):
        found = certified(a, known, off)
        if found is not None:
            return torch.as_tensor(found, dtype=a.dtype, device=a.device)
    top, inside = _range(a)
    scaled = a if inside else a / top
    power = scaled @ scaled.mT if a.shape[-2] <= a.shape[-1] else scaled.mT @ scaled
    power = power / top.square() if inside else power
    power = power @ power
    power = power @ power
    # every product rounds relative to a Frobenius norm, at most the spectral one times sqrt(size)
    own = 1 + 2.0**-44 * max(a.shape[-2:]) ** 2
    return torch.linalg.matrix_norm(power) ** 0.125 * top[..., 0, 0] * own


def _range(a: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """The largest |entry| of each matrix, and whether it is far from the limits of the floats, so
    that a large array need not be copied for its squares."""
    # |a| itself would be another array as large
    ends = a.amin(dim=(-1, -2), keepdim=True).abs(), a.amax(dim=(-1, -2), keepdim=True).abs()
    top = torch.maximum(*ends).clamp_min(SUBNORMAL)
    return top, bool(((top > 2.0**-200) & (top < 2.0**200)).all())


def is_large(a: torch.Tensor) -> bool:
    """Whether it is one matrix of which a decomposition is worth it, of entries whose squares
    float64 holds; a decomposition on a GPU may invert blocks, of which the theorem says nothing."""
    return a.ndim == 2 and min(a.shape) >= WIDE and a.device.type == "cpu" and _range(a)[1]


def certified(
    a: torch.Tensor, known: torch.Tensor | None = None, off: float | None = None
) -> float | None:
    """An upper bound on the spectral norm of a large matrix, a few per cent above it; None where
    none was found. Of entries whose squares float64 holds.

    A few of Lanczos's steps estimate it; that the estimate, once it is taken larger, is large
    enough is decided by a Cholesky decomposition, a sixth of the arithmetic of a product (Rump,
    Verification of positive definiteness, BIT 46, 2006).
    """
    off = asymmetry(a) if off is None else off
    if off is not None:
        return certified_shifted(a, off, 0.0, 1.0)
    square = _largest_eigenvalue(gram(a) if known is None else known, 0.0, 1.0, (1,))
    if square is None:
        return None
    size = float(length(a.flatten()))
    return math.sqrt(square + gamma(max(a.shape) + 2, 2.0**-53) * size**2) * (1 + OWN)


def certified_shifted(a: torch.Tensor, off: float, shift: float, c: float) -> float | None:
    """The same of shift I + c A, A of that `asymmetry`, which is not made."""
    largest = _largest_eigenvalue(a, shift, c, (1, -1))
    return None if largest is None else (largest + abs(c) * off) * (1 + OWN)


def gram(a: torch.Tensor) -> torch.Tensor:
    """The smaller one of A A^T and A^T A, symmetric."""
    made = a.mT @ a if a.shape[0] > a.shape[1] else a @ a.mT
    return (made + made.mT).div_(2)


def asymmetry(a: torch.Tensor) -> float | None:
    """A bound on |A - (A + A^T) / 2| in the Frobenius norm, half of |A - A^T|, and on what the
    mean of both and a multiple of it round; None where that is not small, or A not square."""
    if a.shape[-2] != a.shape[-1]:
        return None
    squares, size = 0.0, float(length(a.flatten()))
    for start in range(0, len(a), COLUMNS):  # a block of rows and of columns at a time
        apart = a[start : start + COLUMNS, start:] - a[start:, start : start + COLUMNS].mT
        here, there = apart.split([len(apart), apart.shape[1] - len(apart)], dim=1)
        squares += float(length(here.flatten())) ** 2 + 2 * float(length(there.flatten())) ** 2
    off = math.sqrt(squares) * (1 + OWN) / 2 + OWN * size
    return off if off <= SYMMETRIC * size else None


def _largest_eigenvalue(
    a: torch.Tensor, shift: float, c: float, signs: tuple[int, ...]
) -> float | None:
    """An upper bound on the eigenvalues of shift I + c (A + A^T) / 2 times each of the signs."""
    estimate, size = _estimated(a, shift, c), a.shape[-1]
    diagonal = float(a.diagonal().sum()) * c + size * shift
    for larger in LARGER if math.isfinite(estimate) else ():
        bound = estimate * larger
        if all(_is_positive(a, bound - sign * shift, -sign * c) for sign in signs):
            # the decomposition, in any order of its sums, and the diagonal, which was rounded
            trace = 2 * size * bound + size * abs(shift) + max(-sign * diagonal for sign in signs)
            lost = gamma(4 * (size + 8), 2.0**-53) * trace * (1 + OWN * size)
            return bound + lost + UNSEEN * size
    return None


def _is_positive(a: torch.Tensor, shift: float, c: float) -> bool:
    """Whether shift I + c (A + A^T) / 2 has a Cholesky decomposition.

    Made by blocks of columns, each from A and from those before, of which the rows that are still
    to be read are held: a quarter of A.
    """
    made: list[torch.Tensor] = []
    for start in range(0, len(a), COLUMNS):
        stop = min(start + COLUMNS, len(a))
        column = a[start:, start:stop] + a[start:stop, start:].mT
        column *= c / 2
        column.diagonal().add_(shift)
        for i, before in enumerate(made):
            column.addmm_(before, before[: stop - start].mT, alpha=-1)
            made[i] = before[stop - start :].clone()
        square, rest = column[: stop - start], column[stop - start :]
        triangle, failed = torch.linalg.cholesky_ex(square)
        if int(failed):
            return False
        made.append(torch.linalg.solve_triangular(triangle.mT, rest, upper=True, left=False))
    return True


def _estimated(a: torch.Tensor, shift: float, c: float) -> float:
    """Nearly the largest |eigenvalue| of shift I + c A, A nearly symmetric, by Lanczos."""
    size = a.shape[-1]
    vector = torch.arange(size, dtype=a.dtype, device=a.device).square().cos()  # one of no pattern
    before, beta = torch.zeros_like(vector), 0.0
    made = np.zeros((ROUNDS, ROUNDS))  # in the basis of the vectors, tridiagonal
    for i in range(ROUNDS):
        norm = float(torch.linalg.vector_norm(vector))
        if i:
            made[i - 1, i] = made[i, i - 1] = beta = norm
        if not norm > 0:  # they span all that is made of the first
            break
        vector = vector / norm
        moved = (a @ vector).mul_(c).add_(vector, alpha=shift)
        made[i, i] = float(vector @ moved)
        vector, before = moved - made[i, i] * vector - beta * before, vector
    if not np.isfinite(made).all():
        return math.nan
    return float(np.abs(np.linalg.eigvalsh(made)).max())


def length(a: torch.Tensor) -> torch.Tensor:
    """An upper bound on the Euclidean norm along the last axis: what squares lose below float64's
    range is added."""
    size = a.shape[-1]
    norm = torch.linalg.vector_norm(a, dim=-1)
    return norm * (1 + OWN * (size + 8)) + UNSEEN * size


def smallest(dtype: torch.dtype) -> float:
    """The distance of a format's numbers next to 0; its least normal one where torch rounds
    what is below that to 0."""
    limits = torch.finfo(dtype)
    half = torch.full((), limits.smallest_normal, dtype=torch.float32 if dtype in HALF else dtype)
    flushes = not bool(half * 0.5 != 0)
    return limits.smallest_normal * (1 if flushes else limits.eps)


def _product_roundoff(dtype: torch.dtype) -> float:
    """The unit roundoff of torch's matrix products: a setting of float32's."""
    if dtype == torch.float64:
        return 2.0**-53
    return FLOAT32 if torch.get_float32_matmul_precision() == "highest" else 4 * BFLOAT16


def gamma(terms: int, u: float) -> float:
    product = terms * u
    return product / (1 - product) if product < 1 else math.inf


def _is_float(c: Exact) -> bool:
    """Whether the nearest float64 is the number itself."""
    if type(c) is int and abs(c) <= 2**53:
        return True
    nearest = nearest_float(c)
    return isinstance(c, (int, Fraction)) and math.isfinite(nearest) and Fraction(nearest) == c


def _twos(numerator: int) -> int:
    """How often 2 divides it."""
    return (numerator & -numerator).bit_length() - 1 if numerator else 0


def _size(letters: set[str], named: str, shape: tuple[int, ...]) -> int:
    sizes = dict(zip(named, shape))
    return math.prod(sizes[letter] for letter in letters)
