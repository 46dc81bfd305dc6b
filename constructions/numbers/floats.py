"""float64, float32, bfloat16, float16: torch, batched over prompts, on any device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from proofs.exact import Exact, nearest_float
from proofs.slotmap import Block
from proofs.vocabulary import Entrywise

from .base import Numbers, Prompts, check_shapes, completed
from .given import array_of
from .seen import Seen

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
HALF = (torch.bfloat16, torch.float16)
TURNED = 2**13  # numbers in the matrices of all prompts from which on columns are turned
# inner size up to which c old + s a b is one call: its terms may be added to `old` one by one, and
# each time be rounded as that is
ONE_CALL = 128
# numbers in a matrix, of so many rows and columns, from which on sums are made in pieces of so many
LARGE, WIDE, PIECE = 2**20, 128, 2**18


SYSTEMS = ("float64", "float32", "bfloat16", "float16")


def bmm(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """torch.bmm; a column of each prompt as a row, (b^T a^T)^T, which MKL multiplies in a half to
    a fifteenth of the time, where that is more than turning takes."""
    if b.shape[-1] == 1 and a.numel() > TURNED:
        return torch.bmm(b.mT, a.mT).mT
    return torch.bmm(a, b)


def baddbmm(
    old: torch.Tensor, a: torch.Tensor, b: torch.Tensor, *, beta: float, alpha: float
) -> torch.Tensor:
    """torch.baddbmm, columns as in `bmm`."""
    if b.shape[-1] == 1 and a.numel() > TURNED:
        return torch.baddbmm(old.mT, b.mT, a.mT, beta=beta, alpha=alpha).mT
    return torch.baddbmm(old, a, b, beta=beta, alpha=alpha)


# a b, and c old + s a b at once, by how many axes the arrays have
PRODUCT: dict[int, Callable[..., torch.Tensor]] = {2: torch.mm, 3: bmm}
FUSED: dict[int, Callable[..., torch.Tensor]] = {2: torch.addmm, 3: baddbmm}


class Floats(Numbers):
    """Arrays are tensors (…, tokens, size); constants may lack the batch axes."""

    decides_with = "rational"

    def __init__(self, name: str = "float64", device: Any = None) -> None:
        self.name = name
        self.dtype = DTYPES[name]
        self.device = device

    @property
    def unit_roundoff(self) -> float:
        """Half the distance from 1 to the next float."""
        return torch.finfo(self.dtype).eps / 2

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> FloatPrompts:
        return FloatPrompts(self, X, y, queries, witness)

    def constant(self, rows: Sequence[Sequence[Exact]]) -> torch.Tensor:
        values = [[nearest_float(entry) for entry in row] for row in rows]
        size = len(rows[0]) if rows else 0
        return torch.tensor(values, dtype=self.dtype, device=self.device).reshape(len(rows), size)

    def of_token_numbers(self, total: int, row: Callable[[Any], list[Any]]) -> torch.Tensor:
        if not isinstance(total, torch.SymInt):
            return super().of_token_numbers(total, row)
        t = torch.arange(total, device=self.device)  # a graph for any number of tokens
        return torch.stack([torch.zeros_like(t) + entry for entry in row(t)], -1).to(self.dtype)

    def zeros(self, tokens: int, size: int) -> torch.Tensor:
        return torch.zeros(tokens, size, dtype=self.dtype, device=self.device)

    def assemble(self, total: int, parts: list[tuple[range, torch.Tensor]]) -> torch.Tensor:
        if any(array.shape[:-2] != parts[0][1].shape[:-2] for _, array in parts):
            batch = torch.broadcast_shapes(*(array.shape[:-2] for _, array in parts))
            parts = [(r, array.expand(*batch, *array.shape[-2:])) for r, array in parts]
        ends = [tokens for tokens, _ in parts]
        if all(r.step == 1 for r in ends) and [r.start for r in ends] == [0] + [
            r.stop for r in ends[:-1]
        ]:
            arrays = [array for _, array in parts]
            missing = total - ends[-1].stop
            if missing:
                first = arrays[0]
                arrays.append(first.new_zeros(*first.shape[:-2], missing, first.shape[-1]))
            return torch.cat(arrays, dim=-2)
        first = parts[0][1]
        made = first.new_zeros(*first.shape[:-2], total, first.shape[-1])
        for tokens, array in parts:
            made[..., tokens.start : tokens.stop : tokens.step, :] = array
        return made

    def rows(self, a: torch.Tensor, tokens: range) -> torch.Tensor:
        return a[..., tokens.start : tokens.stop : tokens.step, :]

    def columns(self, a: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        return a[..., start:stop]

    def concatenate(self, arrays: list[torch.Tensor]) -> torch.Tensor:
        shape = torch.broadcast_shapes(*(a.shape[:-1] for a in arrays))
        return torch.cat([a.expand(*shape, a.shape[-1]) for a in arrays], dim=-1)

    def place(self, a: torch.Tensor, index: int, size: int) -> torch.Tensor:
        return torch.nn.functional.pad(a, (index, size - index - 1))

    def transpose(self, a: torch.Tensor) -> torch.Tensor:
        return a.transpose(-1, -2)

    def masked(self, scores: torch.Tensor, seen: Seen) -> torch.Tensor:
        if seen.table is None and seen.diagonal is not None:
            return scores.tril(seen.diagonal)
        return scores.masked_fill(seen.hidden(scores.device), 0.0)

    def scale(self, c: Exact, a: torch.Tensor) -> torch.Tensor:
        if c == 1:
            return a
        if self.dtype in HALF:  # in float32, rounded once
            return _times(a.float(), c, torch.float32).to(self.dtype)
        return _times(a, c, self.dtype)

    def combine(self, terms: list[tuple[Exact, torch.Tensor]]) -> torch.Tensor:
        if self.dtype in HALF:
            parts = [_times(array.float(), c, torch.float32) for c, array in terms]
            return sum(parts[1:], parts[0]).to(self.dtype)
        (first, total), *rest = terms
        total = self.scale(first, total)
        for c, array in rest:
            if c == 1:
                total = total + array
            elif c == -1:
                total = total - array
            elif len(factors := _factors(c, self.dtype)) == 1:
                total = torch.add(total, array, alpha=factors[0])
            else:
                total = total + self.scale(c, array)
        return total

    def product(self, a: torch.Tensor, b: torch.Tensor, c: Exact) -> torch.Tensor:
        if a.shape[-1] == 1:  # an outer product: nothing is summed
            return self.scale(c, a * b)
        if self.dtype in HALF:  # products are accumulated in float32, rounded once
            return self.scale(c, (a.float() @ b.float()).to(self.dtype))
        multiply = PRODUCT.get(a.ndim, torch.matmul) if a.ndim == b.ndim else torch.matmul
        made = multiply(a, b)
        return made if c == 1 else self.scale(c, made)

    def add_product(
        self, c: Exact, old: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: Exact
    ) -> torch.Tensor:
        if _are_large(old, a, b):
            return self._in_pieces(torch.empty_like(old), c, old, a, b, scale)
        return self._sum_of(c, old, a, b, scale)

    def _sum_of(
        self, c: Exact, old: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: Exact
    ) -> torch.Tensor:
        if a.shape[-1] == 1:
            # entry by entry; the product is rounded before the sum or, in one operation of the
            # processor, is not: no more than what bounds count for two operations
            if c == 1 and scale in (1, -1) and self.dtype not in HALF:
                return torch.addcmul(old, a, b, value=scale)
            return self.combine([(c, old), (scale, a * b)])
        fused = FUSED.get(old.ndim)
        alike = old.ndim == a.ndim == b.ndim
        if self.dtype in HALF or fused is None or not alike or a.shape[-1] > ONE_CALL:
            return super().add_product(c, old, a, b, scale)
        beta, alpha = _factors(c, self.dtype), _factors(scale, self.dtype)
        if len(beta) + len(alpha) > 2:
            return super().add_product(c, old, a, b, scale)
        return fused(old, a, b, beta=beta[0], alpha=alpha[0])

    def add_product_over(
        self, c: Exact, old: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: Exact
    ) -> torch.Tensor:
        if (a is old and b is old) or not _are_large(old, a, b):
            return self.add_product(c, old, a, b, scale)
        return self._in_pieces(old, c, old, a, b, scale)

    def _in_pieces(
        self,
        into: torch.Tensor,
        c: Exact,
        old: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: Exact,
    ) -> torch.Tensor:
        """By rows, or by columns where b is `old`: none of them reads another one of `old`."""
        axis = int(b is old)
        size = max(1, PIECE // old.shape[1 - axis])
        pieces = (array.split(size, axis) for array in (into, old, (a, b)[axis]))
        for made, piece, factor in zip(*pieces):
            left, right = (a, factor) if axis else (factor, b)
            made.copy_(self._sum_of(c, piece, left, right, scale))
        return into

    def contract(
        self,
        a: torch.Tensor,
        left: str,
        b: torch.Tensor,
        right: str,
        out: str,
        sizes: dict[str, int],
    ) -> torch.Tensor:
        if (straight := _straight(left, right, out, tuple(sizes.items()))) is not None:
            height, inner, width = straight
            # one token needs no axis of its own: products of three axes are the fastest
            tokens = () if a.shape[-2] == b.shape[-2] == 1 else (a.shape[-2],)
            made = self.product(
                a.reshape(*a.shape[:-2], *tokens, height, inner),
                b.reshape(*b.shape[:-2], *tokens, inner, width),
                1,
            )
            return made.reshape(*made.shape[: -2 - len(tokens)], *(tokens or (1,)), height * width)
        summed = [letter for letter in left if letter in right]
        ours = [letter for letter in left if letter not in right]
        theirs = [letter for letter in right if letter not in left]
        first = as_matrix(a, left, ours, summed, sizes)
        second = as_matrix(b, right, summed, theirs, sizes)
        made = self.product(first, second, 1)
        made = made.reshape(*made.shape[:-2], *(sizes[letter] for letter in (*ours, *theirs)))
        made = permuted(made, [*ours, *theirs], list(out))
        return made.reshape(*made.shape[: made.ndim - len(out)], math.prod(sizes[i] for i in out))

    def times_matrix(self, a: torch.Tensor, matrix: tuple[tuple[Exact, ...], ...]) -> torch.Tensor:
        return self.product(a, self.transpose(self.constant(matrix)), 1)

    def pattern(
        self,
        a: torch.Tensor,
        block: Block,
        destination: tuple[int, ...],
        source: tuple[int, ...],
    ) -> torch.Tensor:
        left, right = block.indices()
        a = a.reshape(*a.shape[:-1], *source)
        if len(set(left)) < len(left):  # a diagonal is written: scattered, and summed if need be
            made = a.new_zeros(*a.shape[: a.ndim - len(source)], math.prod(destination))
            flat = a.reshape(*a.shape[: a.ndim - len(source)], -1)
            to, read = (
                torch.tensor(indices, device=a.device)
                for indices in _scattered(block, destination, source)
            )
            return made.index_add_(-1, to, flat.index_select(-1, read))
        kept = [letter for letter in left if letter in right]
        a = torch.einsum(f"...{right}->...{''.join(kept)}", a)
        batch = a.ndim - len(kept)
        for axis, letter in enumerate(left):
            if letter not in right:
                a = a.unsqueeze(batch + axis)
        sizes = dict(zip(right, source)) | dict(zip(left, destination))
        repeated = (sizes[letter] for letter in left)
        return a.expand(*a.shape[:batch], *repeated).reshape(
            *a.shape[:batch], math.prod(destination)
        )

    def row_sums(self, a: torch.Tensor, extra: int) -> torch.Tensor:
        return a.sum(dim=-1, keepdim=True) + extra

    def multiply(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * b

    def divide(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if bool((b == 0).any()):
            raise ZeroDivisionError("normalised attention: the scores of a token sum to 0")
        return a / b

    def divide_rows(self, a: torch.Tensor, divisors: list[int]) -> torch.Tensor:
        return a / torch.tensor(divisors, dtype=self.dtype, device=a.device).unsqueeze(-1)

    def relu(self, a: torch.Tensor) -> torch.Tensor:
        return torch.relu(a)

    def gelu(self, a: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(a)

    def exp(self, a: torch.Tensor) -> torch.Tensor:
        return torch.exp(a)

    def applied(self, a: torch.Tensor, function: Entrywise) -> torch.Tensor:
        if function.floats is None:
            return super().applied(a, function)
        made = function.floats(a)
        if not isinstance(made, torch.Tensor) or made.shape != a.shape:
            raise TypeError(f"{function.name} of a tensor {tuple(a.shape)} is {made!r}")
        return made.to(a.dtype)

    def softmax(self, scores: torch.Tensor, seen: Seen | None, null: bool) -> torch.Tensor:
        if seen is not None:
            scores = scores.masked_fill(seen.hidden(scores.device), -math.inf)
        if not null:
            return torch.softmax(scores, dim=-1)
        with_null = torch.nn.functional.pad(scores, (0, 1))
        return torch.softmax(with_null, dim=-1)[..., :-1]

    def layer_norm(self, a: torch.Tensor, epsilon: Exact = 0) -> torch.Tensor:
        return self.rms_norm(a - a.mean(dim=-1, keepdim=True), epsilon)

    def rms_norm(self, a: torch.Tensor, epsilon: Exact = 0) -> torch.Tensor:
        square = a.square().mean(dim=-1, keepdim=True)
        return a / (square if epsilon == 0 else square + nearest_float(epsilon)).sqrt()


class FloatPrompts(Prompts):
    """One torch batch; the whole of it is one run."""

    floats = True

    def __init__(self, system: Floats, X: Any, y: Any, queries: Any, witness: Any) -> None:
        X, y, queries = completed(X, y, queries, witness)
        self.torch_in = any(isinstance(part, torch.Tensor) for part in (X, y, queries))
        device = next((p.device for p in (X, y, queries) if isinstance(p, torch.Tensor)), None)
        self.system = Floats(system.name, system.device or device)
        given = [array_of(part, name) for part, name in ((X, "X"), (y, "y"), (queries, "queries"))]
        shapes = [tuple(part.shape) for part in given]
        self.batch = check_shapes(shapes[0], shapes[1], shapes[2], witness)
        if witness.prompt.targets == 1:
            given[1] = given[1][..., None]
        self.given = tuple(given)  # what the user gave, not yet rounded to the format
        self.X, self.y, self.queries = (
            self._take(part, name) for part, name in zip(given, ("X", "y", "queries"))
        )
        self.n, self.m = self.X.shape[-2], self.queries.shape[-2]
        self.predicted = witness.prediction_shape(self.n, self.m)
        for name, part in (("X", self.X), ("y", self.y), ("queries", self.queries)):
            if not all_finite(part):
                raise ValueError(f"{name} has values that are not finite in {system.name}")

    def _take(self, part: Any, name: str) -> torch.Tensor:
        if not isinstance(part, torch.Tensor):
            array = part
            if array.dtype == object:
                try:
                    array = array.astype(np.float64)
                except OverflowError:
                    raise ValueError(f"{name} has values that are not finite in float64") from None
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{name} is not an array of numbers: {error}") from None
            if array.dtype.kind not in "fiub":
                raise ValueError(f"{name} is not an array of numbers but of {array.dtype}")
            part = torch.from_numpy(np.ascontiguousarray(array))
        return part.to(dtype=self.system.dtype, device=self.system.device)

    def each(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        X, y, queries = (
            part if part.shape[:-2] == self.batch else part.expand(*self.batch, *part.shape[-2:])
            for part in (self.X, self.y, self.queries)
        )
        yield X, y, queries

    def working(self) -> AbstractContextManager[Any]:
        """Without torch's gradients of what is not torch's."""
        return nullcontext() if self.torch_in else torch.no_grad()

    def outside(self, part: torch.Tensor, low: int, high: int) -> float | None:
        beyond = part[(part < low) | (part > high)]
        return float(beyond[0]) if len(beyond) else None

    def join(self, made: list[torch.Tensor]) -> torch.Tensor:
        return made[0]

    def give(self, result: torch.Tensor) -> Any:
        if result.shape[:-2] != self.batch:
            result = result.expand(*self.batch, *result.shape[-2:])
        result = result.reshape(*self.batch, *self.predicted)
        return result if self.torch_in else _to_numpy(result)

    def give_slot(self, array: torch.Tensor, tokens: int, shape: tuple[int, ...]) -> Any:
        array = array.expand(*self.batch, tokens, array.shape[-1])
        array = array.reshape(*self.batch, tokens, *shape)
        return array if self.torch_in else _to_numpy(array)


def _are_large(old: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether a large matrix is added to, of plain numbers, which neither gradients nor graphs
    follow."""
    return (
        old.ndim == a.ndim == b.ndim == 2
        and old.numel() >= LARGE
        and min(old.shape) >= WIDE
        and not (torch.is_grad_enabled() or torch.compiler.is_compiling())
        and not torch._C._functorch.is_functorch_wrapped_tensor(old)
    )


def _times(a: torch.Tensor, c: Exact, dtype: torch.dtype) -> torch.Tensor:
    """c * a, also where c itself is too large or too small for the format."""
    for factor in () if c == 1 else _factors(c, dtype):
        a = a * factor
    return a


@lru_cache(maxsize=4096)
def _factors(c: Exact, dtype: torch.dtype) -> tuple[float, ...]:
    """Floats inside the format's range whose product is c, rounded once."""
    nearest = nearest_float(c)
    limits = torch.finfo(dtype)
    if c == 0 or limits.smallest_normal <= abs(nearest) <= limits.max:
        return (nearest,)
    fraction = Fraction(c) if isinstance(c, (int, Fraction)) else Fraction(str(c.evalf(30)))
    power = fraction.numerator.bit_length() - fraction.denominator.bit_length()
    made = [float(fraction / Fraction(2) ** power)]
    most = int(math.log2(limits.max)) - 1
    while power:
        step = max(-most, min(most, power))
        made.append(2.0**step)
        power -= step
    return tuple(made)


def all_finite(a: torch.Tensor) -> bool:
    """Whether every entry is finite; nothing of the size of `a` is made for it."""
    if torch.compiler.is_compiling():  # an exported graph has no values yet that could be asked
        return True
    if math.isfinite(a.sum().item()):  # one reading is the cheapest
        return True
    least, most = torch.aminmax(a.detach())  # a NaN is both
    return math.isfinite(float(least)) and math.isfinite(float(most))


@lru_cache(maxsize=256)
def _scattered(
    block: Block, destination: tuple[int, ...], source: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The entries that a pattern writes, and those that it reads for them."""
    where = [(i, j) for i, j, _ in block.entries(destination, source)]
    return np.array([i for i, _ in where], int), np.array([j for _, j in where], int)


@lru_cache(maxsize=256)
def _straight(
    left: str, right: str, out: str, known: tuple[tuple[str, int], ...]
) -> tuple[int, int, int] | None:
    """(height, inner, width) of the matrices that are multiplied, if nothing has to be moved."""
    sizes = dict(known)
    summed = [letter for letter in left if letter in right]
    ours = [letter for letter in left if letter not in right]
    theirs = [letter for letter in right if letter not in left]
    if [*left] != ours + summed or [*right] != summed + theirs or [*out] != ours + theirs:
        return None
    height, inner, width = (
        math.prod(sizes[letter] for letter in letters) for letters in (ours, summed, theirs)
    )
    return height, inner, width


def as_matrix(
    a: torch.Tensor, letters: str, rows: list[str], columns: list[str], sizes: dict[str, int]
) -> torch.Tensor:
    """(…, tokens, rows, columns) of (…, tokens, letters)."""
    a = a.reshape(*a.shape[:-1], *(sizes[letter] for letter in letters))
    a = permuted(a, list(letters), [*rows, *columns])
    height = math.prod(sizes[letter] for letter in rows)
    width = math.prod(sizes[letter] for letter in columns)
    return a.reshape(*a.shape[: a.ndim - len(letters)], height, width)


def permuted(a: torch.Tensor, letters: list[str], wanted: list[str]) -> torch.Tensor:
    """The last axes, named `letters`, in the order `wanted`."""
    if letters == wanted:
        return a
    batch = a.ndim - len(letters)
    return a.permute(*range(batch), *(batch + letters.index(letter) for letter in wanted))


def _to_numpy(a: torch.Tensor) -> np.ndarray:
    if a.dtype in HALF:  # numpy has no bfloat16; float32 holds every half exactly
        a = a.float()
    return a.detach().cpu().numpy()


def system(name: str) -> Floats:
    """The format of this name."""
    return Floats(name)
