"""Running error: every array of a forward pass with a bound on what rounding did to each entry.

With e = w - v (see `bounded`), E its bound and J the derivative at the value, an operation f makes
    |f(w) - f(v)| <= |J| E + q,
and adds what it rounds itself. q bounds what is of higher order, 0 where f is linear. No term is
left out, so this is a bound and not an estimate.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch

from proofs.exact import Exact, nearest_float
from proofs.slotmap import Block

from ..numbers.floats import HALF
from ..numbers.seen import Seen
from .bounded import OWN, UNSEEN, Bounded, Bounding, gamma, length, spectral

# The pass back computes sensitivities L; at each array it rounds them by r, at most 2^-53 times
# |J|^T |L| and the number of terms and of readers, below 2^16 each. With whatever L the error of
# the prediction is sum L (local + q) + sum r e, and |r| E <= 2^-36 |L| |J| E; what underflows in
# it is below SMALLEST.
BACKWARD = 2.0**-36
SMALLEST = 2.0**-1040
QUERIES_AT_ONCE = 64
LARGE = 2**16  # numbers in an array that is kept whole until the pass back
UNDERFLOWN = 2.0**-1022  # at least what float64 may have made 0


class Added(NamedTuple):
    """One operation's array, and what it adds to the error that it was given.

    `second` is of higher order in the errors before; its Frobenius norm is at most `second_norm`.
    """

    value: torch.Tensor
    first: torch.Tensor | None
    second: torch.Tensor | None
    second_norm: torch.Tensor | None

    def felt(self, size: torch.Tensor, axes: int) -> torch.Tensor:
        """What it does to predictions whose sensitivities to it are of this size, (..., of the
        array) with so many axes before it."""
        total = size.new_zeros(size.shape[:axes])
        if self.first is not None:
            total += _felt(size, self.first).flatten(axes).sum(dim=-1)
        if self.second is not None:
            second = _felt(size, self.second).flatten(axes).sum(dim=-1)
            if self.second_norm is not None:
                second = torch.fmin(second, length(size.flatten(axes)) * self.second_norm)
            total += second
        return total


def _felt(size: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """size * error; what the prediction does not depend on counts for nothing, also if infinite."""
    return torch.where(size == 0, 0.0, size * error)


Moves = list[tuple[Bounded, Callable[[torch.Tensor], torch.Tensor]]]
"""The arrays that an operation read, each with the derivative by it as a linear map."""


class EntryError(Bounding):
    """What both kinds of bounds by entry share: |J| E, q, and what an operation rounds."""

    def __init__(self, name: str, batch: tuple[int, ...] = (), device: Any = None) -> None:
        super().__init__(name, batch, device)
        # an operation notes at least u/4 of the largest magnitude on its way. What is above
        # u/4 of the largest float is made infinite, by float64's own overflow: the run may be.
        self.stretch = 2.0 ** (1024 - (math.frexp(self.most)[1] + math.frexp(self.u / 4)[1] - 1))

    @abstractmethod
    def finished(
        self,
        value: torch.Tensor,
        error: torch.Tensor,
        carried: torch.Tensor | None,
        first: torch.Tensor | None,
        second: torch.Tensor | None,
        norms: tuple[torch.Tensor | None, torch.Tensor | None],
        moves: Moves,
    ) -> Bounded:
        """The array with an error of at most `error`, which is carried + first + second or less."""

    def made(
        self,
        value: torch.Tensor,
        carried: torch.Tensor | None,
        first: torch.Tensor | None,
        second: torch.Tensor | None = None,
        norm: torch.Tensor | None = None,
        second_norm: torch.Tensor | None = None,
        terms: int = 1,
        most: torch.Tensor | None = None,
        moves: Moves | None = None,
    ) -> Bounded:
        """An operation's result, its error |J| E + local + q: carried + first + second.

        `norm` and `second_norm` bound the Frobenius norms of what is carried and of second,
        `most` the whole error in another way. `moves` is J itself.
        """
        own = 1 + OWN * (terms + 8)
        if first is not None:
            first = (first * self.stretch).mul_(own / self.stretch)
        parts = [part for part in (carried, first, second) if part is not None]
        if not parts:
            return Bounded(value, None)
        error = _sum(parts) * own
        if most is not None:
            error = torch.fmin(error, most)
        if self.name == "float16":  # its range is short: what is carried may overflow it
            beyond = torch.add(value.detach().abs(), error, alpha=2) > self.most
            error = error.masked_fill(beyond, math.inf)
            overflow = torch.where(beyond, math.inf, 0.0)
            first = overflow if first is None else first + overflow
        norms = norm, second_norm
        return self.finished(value, error, carried, first, second, norms, moves or [])

    def _largest(self, a: Bounded) -> torch.Tensor:
        return a.magnitude.flatten(len(self.batch)).amax(dim=-1)

    def _spectral(self, a: Bounded) -> torch.Tensor:
        """An upper bound on each prompt's largest spectral norm of a (tokens, size) matrix."""
        if a.spectral is None and a.transpose_of is not None:
            a.spectral = self._spectral(a.transpose_of)
        if a.spectral is None:
            norms = spectral(a.value.detach()).unsqueeze(-1)
            a.spectral = norms.flatten(len(self.batch)).amax(dim=-1)
        return a.spectral

    def _both(self, a: Bounded, b: Bounded, left: Any, right: Any) -> torch.Tensor | None:
        """left |e_b| + right |e_a| in norm, what a bilinear operation carries."""
        parts = []
        if b.norm is not None:
            parts.append(left() * b.norm)
        if a.norm is not None:
            parts.append(right() * a.norm)
        return _sum(parts) if parts else None

    # -- linear arithmetic --

    def scale(self, c: Exact, a: Bounded) -> Bounded:
        if c == 1:
            return a
        value = self.values.scale(c, a.value)
        first = self.values.scale(abs(c), a.reach) * self.of_coefficient(c)
        first = first + self.underflow(c, a.nonzero)
        if a.error is None:
            return self.made(value, None, first)
        norm = self.values.scale(abs(c), a.norm) if a.norm is not None else None
        carried = self.values.scale(abs(c), a.error)
        moves: Moves = [(a, lambda e: self.values.scale(c, e))]
        return self.made(value, carried, first, norm=norm, moves=moves)

    def combine(self, terms: list[tuple[Exact, Bounded]]) -> Bounded:
        value = self.values.combine([(c, a.value) for c, a in terms])
        moved = [(abs(c), a.error) for c, a in terms if a.error is not None]
        carried = norm = None
        if moved:
            carried = self.values.combine(moved)
            norms = [(abs(c), a.norm) for c, a in terms if a.norm is not None]
            if norms:
                norm = _sum([self.values.scale(c, one) for c, one in norms])
            carried = _shaped(carried, value)
        if len(terms) == 2 and all(c in (1, -1) for c, _ in terms):
            size = value.detach().abs()
            if carried is not None:
                size = torch.add(size, carried, alpha=2)
            # in half formats the sum is rounded to float32 first
            first = size * (self.u * (1 + 2.0**-9 if self.format.dtype in HALF else 1))
        else:
            share = max(self.of_coefficient(c) for c, _ in terms)
            share = share + gamma(len(terms), self.u) * (1 + share)
            first = self.values.combine([(abs(c), a.reach) for c, a in terms]) * share
            for c, a in terms:
                if c not in (1, -1):
                    first = first + self.underflow(c, a.nonzero)
        moves: Moves = [(a, partial(self.values.scale, c)) for c, a in terms]
        first = _shaped(first, value)
        return self.made(value, carried, first, norm=norm, terms=len(terms), moves=moves)

    def summed_products(self, a: Bounded, b: Bounded) -> Bounded:
        """a @ b, of which every term is rounded and then their sum, in any order."""
        terms = a.value.shape[-1]
        share = self.of_product(terms)
        value = self.values.product(a.value, b.value, 1)
        lost = 8 * self.least
        return self.made(value, **self._bilinear(a, b, 1, share, lost), terms=terms)

    def _bilinear(
        self, a: Bounded, b: Bounded, c: Exact, share: float, lost: float
    ) -> dict[str, Any]:
        """What |c| a @ b carries and adds, where `share` of |c| |a| @ |b| may be rounded."""
        times, product = self.values.scale, partial(self.values.product, c=1)
        first = product(a.nonzero, b.nonzero).mul_(lost)
        first = first + times(abs(c), product(a.reach, b.reach) * share)
        carried = second = second_norm = None
        if b.error is not None:
            carried = product(a.magnitude, b.error)
        if a.error is not None:
            other = product(a.error, b.magnitude)
            carried = other if carried is None else carried + other
        if a.error is not None and b.error is not None:
            second = times(abs(c), product(a.error, b.error) * 3)
            if a.norm is not None:
                second_norm = times(abs(c), a.norm * b.norm * 3)
        norm = self._both(a, b, lambda: self._spectral(a), lambda: self._spectral(b))
        return {
            "carried": None if carried is None else times(abs(c), carried),
            "first": first,
            "second": second,
            "norm": None if norm is None else times(abs(c), norm),
            "second_norm": second_norm,
            "moves": [
                (a, lambda e: times(c, product(e, b.value))),
                (b, lambda e: times(c, product(a.value, e))),
            ],
        }

    def add_product(self, c: Exact, old: Bounded, a: Bounded, b: Bounded, scale: Exact) -> Bounded:
        """Also where the terms are added to `old` one by one, in any order."""
        if a.value.shape[-1] == 1:  # a run that does not round the product is within the bound
            return self.combine([(c, old), (scale, self.product(a, b, 1))])
        if self.format.dtype in HALF:
            return super().add_product(c, old, a, b, scale)
        terms = a.value.shape[-1] + 2
        share = self.of_coefficient(c) + self.of_coefficient(scale)
        share = share + self.of_product(terms) * (1 + share)
        lost = 8 * self.least * (1 + float(abs(nearest_float(scale))))
        value = self.values.add_product(c, old.value, a.value, b.value, scale)
        made = self._bilinear(a, b, scale, share, lost + self.several(scale))
        made["first"] = made["first"] + self.values.scale(abs(c), old.reach) * share
        if c not in (1, -1):
            made["first"] = made["first"] + self.underflow(c, old.nonzero)
        if old.error is not None:
            before = self.values.scale(abs(c), old.error)
            made["carried"] = before if made["carried"] is None else made["carried"] + before
            made["moves"].append((old, lambda e: self.values.scale(c, e)))
            if old.norm is not None:
                norm = self.values.scale(abs(c), old.norm)
                made["norm"] = norm if made["norm"] is None else made["norm"] + norm
        return self.made(value, **made, terms=terms)

    def pattern(
        self, a: Bounded, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Bounded:
        left, right = block.indices()
        summed = _size(set(right) - set(left), right, source)
        value = self.values.pattern(a.value, block, destination, source)
        carried = norm = first = None
        if a.error is not None:
            carried = self.values.pattern(a.error, block, destination, source)
            if a.norm is not None:
                repeated = _size(set(left) - set(right), left, destination)
                norm = a.norm * math.sqrt(summed * repeated)
        if summed > 1:
            share = max(gamma(summed, self.u), self.u / 4)
            first = self.values.pattern(a.reach, block, destination, source) * share
        moves: Moves = [(a, lambda e: self.values.pattern(e, block, destination, source))]
        return self.made(value, carried, first, norm=norm, terms=summed, moves=moves)

    def row_sums(self, a: Bounded, extra: int) -> Bounded:
        value = self.values.row_sums(a.value, extra)
        terms = a.value.shape[-1] + 1
        first = self.values.row_sums(a.reach, abs(extra)) * gamma(terms, self.u)
        carried = norm = None
        if a.error is not None:
            carried = self.values.row_sums(a.error, 0)
            norm = None if a.norm is None else a.norm * math.sqrt(terms)
        moves: Moves = [(a, lambda e: self.values.row_sums(e, 0))]
        return self.made(value, carried, first, norm=norm, terms=terms, moves=moves)

    # -- the rest --

    def multiply(self, a: Bounded, b: Bounded) -> Bounded:
        value = a.value * b.value
        first = (a.reach * b.reach).mul_(self.u)
        first = first + (a.nonzero * b.nonzero).mul_(8 * self.least)
        carried = second = second_norm = norm = None
        if b.error is not None:
            carried = a.magnitude * b.error
        if a.error is not None:
            other = a.error * b.magnitude
            carried = other if carried is None else carried + other
        if a.error is not None and b.error is not None:
            second = (a.error * b.error).mul_(3)
            if a.norm is not None:
                second_norm = a.norm * b.norm * 3
        if carried is not None:
            norm = self._both(a, b, lambda: self._largest(a), lambda: self._largest(b))
        moves: Moves = [(a, lambda e: e * b.value), (b, lambda e: e * a.value)]
        return self.made(value, carried, first, second, norm, second_norm, moves=moves)

    def divide(self, a: Bounded, b: Bounded) -> Bounded:
        """Infinite where a divisor may be 0 in some run."""
        value = a.value / b.value
        size = b.magnitude
        at_least = size if b.error is None else torch.sub(size, b.error, alpha=2)
        at_least = torch.where(at_least > 0, at_least * (1 - OWN), 0.0)
        first = (a.reach / at_least).mul_(self.u).add_(a.nonzero * (8 * self.least))
        first = torch.where(at_least > 0, first, math.inf)
        carried = second = None
        if a.error is not None:
            carried = a.error / size
        if b.error is not None:
            quotient, share = a.magnitude / size, b.error / at_least
            other = quotient * (b.error / size)
            carried = other if carried is None else carried + other
            second = quotient * share.square() * (4 * (1 + b.error / size))
            if a.error is not None:
                second = second + (a.error / at_least) * share * 4
        moves: Moves = [(a, lambda e: e / b.value), (b, lambda e: value / b.value * -e)]
        return self.made(value, carried, first, second, moves=moves)

    def divide_rows(self, a: Bounded, divisors: list[int]) -> Bounded:
        value = self.values.divide_rows(a.value, divisors)
        low = torch.tensor(divisors, dtype=self.format.dtype, device=value.device).double()
        exact = torch.tensor(divisors, dtype=torch.float64, device=value.device)
        share = self.u * (1 + 2 * (low != exact)).unsqueeze(-1)
        share = torch.where(torch.isinf(low).unsqueeze(-1), math.inf, share)
        by = exact.unsqueeze(-1)
        first = a.reach / by * share + a.nonzero * (8 * self.least)
        carried = None if a.error is None else a.error / by
        moves: Moves = [(a, lambda e: e / by)]
        return self.made(value, carried, first, norm=a.norm, moves=moves)

    def relu(self, a: Bounded) -> Bounded:
        """Beside its kink exact; within the error of it, of slope at most 1."""
        value = self.values.relu(a.value)
        if a.error is None:
            return self.made(value, None, None)
        below = a.value.detach() < -2 * a.error  # every run is
        error = a.error.masked_fill(below, 0.0)
        above = a.value.detach() > 0
        at_kink = torch.where(a.magnitude > 2 * a.error, 0.0, a.error)
        carried = torch.where(above, a.error, 0.0)
        carried = torch.where(torch.isnan(a.value.detach()), math.nan, carried)
        moves: Moves = [(a, lambda e: e * above)]
        made = self.made(value, carried, None, at_kink, a.norm, a.norm, most=error, moves=moves)
        if made.norm is not None:
            made.norm = torch.fmin(made.norm, a.norm)
        return made

    def gelu(self, a: Bounded) -> Bounded:
        """Its slope lies in [-0.13, 1.13], its second derivative in [-0.8, 0.8]."""
        value = self.values.gelu(a.value)
        # erf to two units in the last place, its argument and 1 + erf rounded
        first = (a.reach * (8 * self.u)).add_(a.nonzero * (2 * self.tiny))
        if a.error is None:
            return self.made(value, None, first)
        x = a.value.detach()
        distribution = (1 + torch.erf(x * math.sqrt(0.5))) / 2
        density = torch.exp(x.square() / -2) / math.sqrt(2 * math.pi)
        slope = distribution + x * density
        second = torch.fmin(a.error.square() * 1.6, a.error * 2.3)
        norm = None if a.norm is None else a.norm * 1.2
        carried = (slope.abs() + 2.0**-30) * a.error
        # the slope is off by less than 2^-40
        second = second + 2.0**-40 * a.error
        moves: Moves = [(a, lambda e: slope * e)]
        return self.made(value, carried, first, second, norm, moves=moves)

    def exp(self, a: Bounded) -> Bounded:
        """With x the value, v the exact one, w a run's: |v - x| and |w - v| are at most E, so that
        exp(w) - exp(v) is exp(x) (w - v) within exp(x) (e^2E - e^E - E), at most
        exp(x) 2E (e^2E - 1). exp(x) may be below what float64 holds, and exp(v) far above."""
        value = self.values.exp(a.value)
        size = value.detach()
        if a.error is None:  # to a few units in the last place
            return self.made(value, None, size * (8 * self.u) + 2 * self.tiny)
        grown = torch.expm1(2 * a.error) * (2 + 2.0**-30)
        at_most = size + UNDERFLOWN
        largest = at_most * torch.exp(2 * a.error) * (1 + 2.0**-30)  # of any run
        first = largest * (8 * self.u) + 2 * self.tiny
        carried = size * a.error * (1 + 2.0**-40)
        second = at_most * a.error * (1 + 2.0**-40) * grown + UNDERFLOWN * a.error
        norm = None
        if a.norm is not None:
            norm = a.norm * self._largest(Bounded(size)) * (1 + 2.0**-40)
        moves: Moves = [(a, lambda e: size * e)]
        return self.made(value, carried, first, second, norm, moves=moves)

    def unbounded(self, value: torch.Tensor) -> Bounded:
        # what comes after is asked for its derivative by this array, which is not asked for its own
        value = value.detach().clone().requires_grad_(torch.is_grad_enabled())
        return self.made(value, None, torch.full_like(value.detach(), math.inf))

    def softmax(self, scores: Bounded, visible: Seen | None, null: bool) -> Bounded:
        """Every score moves by at most a row's worst error E, a weight by a factor e^(4E) - 1."""
        value = self.values.softmax(scores.value, visible, null)
        weights, keys = value.detach(), value.shape[-1]

        def seen(array: torch.Tensor) -> torch.Tensor:
            return array if visible is None else self.values.masked(array, visible)

        spread = seen(scores.reach).amax(dim=-1, keepdim=True)
        # the argument of each exponential rounded, then the exponentials, their sum, the quotient
        rounded = torch.expm1((4 * spread + (keys + 13)) * self.u) * (1 + 2.0**-30)
        small = torch.full_like(weights, self.tiny)  # the exponential of what is far below
        small = seen(small)
        if scores.error is None:
            return self.made(value, None, (weights + small) * rounded + 2 * small, terms=keys)
        error = seen(scores.error)
        worst = error.amax(dim=-1, keepdim=True)
        factor = torch.expm1(4 * worst) * (1 + 2.0**-30)
        average = (weights * error).sum(dim=-1, keepdim=True)
        carried = weights * (error + average)
        second = torch.fmin((weights + small) * (3 * worst) * factor, 1 + carried)
        upper = torch.clamp((weights + small) * (1 + factor), max=1.0)
        first = upper * rounded + 2 * small
        # a weight is between 0 and 1, unless a score overflows
        most = first * 2 + seen(torch.ones_like(weights)) + 0 * worst

        def derivative(e: torch.Tensor) -> torch.Tensor:
            e = seen(e)
            return weights * (e - (weights * e).sum(dim=-1, keepdim=True))

        return self.made(
            value, carried, first, second, scores.norm,
            terms=2 * keys, most=most, moves=[(scores, derivative)],
        )  # fmt: skip

    def layer_norm(self, a: Bounded, epsilon: Exact = 0) -> Bounded:
        return self._normed(a, epsilon, self.values.layer_norm(a.value, epsilon), centred=True)

    def rms_norm(self, a: Bounded, epsilon: Exact = 0) -> Bounded:
        return self._normed(a, epsilon, self.values.rms_norm(a.value, epsilon), centred=False)

    def _normed(self, a: Bounded, epsilon: Exact, value: torch.Tensor, centred: bool) -> Bounded:
        """u / s sqrt(L), u = a - mean (or a), s = |(u, sqrt(L epsilon))|: infinite where s may be
        0 in some run."""
        units = value.shape[-1]
        root, summed = math.sqrt(units), gamma(units, self.u)
        of_mean = a.value.detach().mean(dim=-1, keepdim=True) * centred
        u = a.value.detach() - of_mean
        error = torch.zeros_like(u) if a.error is None else a.error
        shift = error + error.mean(dim=-1, keepdim=True) * centred  # of u
        moved = length(error).unsqueeze(-1)
        more = nearest_float(epsilon)
        size = torch.linalg.vector_norm(u, dim=-1, keepdim=True)
        if more:
            size = torch.hypot(size, torch.full_like(size, math.sqrt(units * more)))
        size = size * (1 - 2.0**-30)
        at_least = torch.clamp(size - 2 * moved, min=0.0)
        carried = (shift + value.detach().abs() * (moved / root)) * (root / size)
        second = (moved / at_least).square() * (6 * root)
        # the mean and u rounded, then their squares: relative to the norm
        lost = summed * a.reach.mean(dim=-1, keepdim=True) + self.u * (u.abs() + 2 * shift)
        lost = lost * centred
        loss = length(lost).unsqueeze(-1) / at_least
        # epsilon is rounded, and the sum with it
        own, small = (4, units * self.least) if epsilon == 0 else (8, 2 * units * self.least)
        squares = summed + own * self.u + small / at_least.square()
        relative = loss + torch.where(squares < 0.25, 2 * squares, math.inf)
        relative = torch.where(relative < 0.25, 2 * relative, math.inf)
        most = value.detach().abs() + 2 * (carried + second)
        first = lost * (2 * root / at_least) + most * relative + 8 * self.least
        too_large = (u.abs().amax(-1, keepdim=True) + 2 * moved).square() * (4 * units) > self.most
        too_large |= torch.full_like(too_large, 4 * more > self.most)
        too_large |= 2 * a.reach.sum(dim=-1, keepdim=True) > self.most
        too_small = ~(size > UNSEEN * 2.0**40 * units)  # squares are lost
        first = first.masked_fill(too_large | too_small, math.inf)
        norm = None if a.norm is None else a.norm * self._worst(root / size)
        if a.error is None:
            return self.made(value, None, first, terms=units)
        unit = value.detach() / root

        def derivative(e: torch.Tensor) -> torch.Tensor:
            e = e - e.mean(dim=-1, keepdim=True) * centred
            return (e - unit * (unit * e).sum(dim=-1, keepdim=True)) * (root / size)

        # J is taken at u as computed: off by less than 2^-28 of its size
        second = second + carried * 2.0**-28
        return self.made(value, carried, first, second, norm, terms=units, moves=[(a, derivative)])

    def _worst(self, a: torch.Tensor) -> torch.Tensor:
        return a.flatten(len(self.batch)).amax(dim=-1)


class RunningError(EntryError):
    """With E the Frobenius norm of the error: through products of several matrices it grows with
    spectral norms, E with the norms of |entries|.

    `added` lists what each operation adds to the error; values stand in torch's graph.
    """

    def __init__(self, name: str, batch: tuple[int, ...] = (), device: Any = None) -> None:
        super().__init__(name, batch, device)
        self.added: list[Added] = []
        self.lost = torch.zeros(batch, dtype=torch.float64, device=device)

    @contextmanager
    def working(self) -> Iterator[None]:
        """With gradients, also where the user has turned them off."""
        with torch.inference_mode(False), torch.enable_grad():
            yield

    def given(self, value: torch.Tensor, error: torch.Tensor | None) -> Bounded:
        return self.made(value.clone() if value.is_inference() else value.detach(), None, error)

    def together(
        self, value: torch.Tensor, arrays: list[Bounded], join: Callable[[Any], Any]
    ) -> Bounded:
        if all(a.error is None for a in arrays):
            return Bounded(value)
        norms = [a.norm for a in arrays if a.norm is not None]
        return Bounded(value, join(_errors(arrays)), length(torch.stack(norms, dim=-1)))

    def finished(
        self,
        value: torch.Tensor,
        error: torch.Tensor,
        carried: torch.Tensor | None,
        first: torch.Tensor | None,
        second: torch.Tensor | None,
        norms: tuple[torch.Tensor | None, torch.Tensor | None],
        moves: Moves,
    ) -> Bounded:
        norm, second_norm = norms
        size = self._frobenius(error)
        if norm is not None or carried is None:
            total = norm if norm is not None else torch.zeros_like(size)
            if first is not None:
                total = total + self._frobenius(first)
            if second_norm is not None:
                total = total + second_norm
            elif second is not None:
                total = total + self._frobenius(second)
            size = torch.fmin(size, total * (1 + 2.0**-40))
        every = size.reshape(*self.batch, *[1] * (error.ndim - len(self.batch)))
        error = torch.fmin(error, every)
        if carried is not None:
            backward = carried * BACKWARD
            first = backward if first is None else first + backward
        self.lost = self.lost + torch.nan_to_num(size, 0.0, 0.0) * (SMALLEST * error.numel())
        if not value.requires_grad:  # nothing below it is off
            value = value.detach().requires_grad_()
        self.note(Added(value, first, second, second_norm))
        return Bounded(value, error, size)

    def note(self, added: Added) -> None:
        """Keeps what an operation adds for the pass back."""
        self.added.append(added)

    def weighed(self, predictions: torch.Tensor) -> torch.Tensor:
        """sum |S| (local + q) for each of the predictions (*batch, m), many of them at once."""
        arrays = [one.value for one in self.added]
        m, axes = predictions.shape[-1], 1 + len(self.batch)
        bounds = []
        for start in range(0, m, QUERIES_AT_ONCE):
            count = min(QUERIES_AT_ONCE, m - start)
            chosen = predictions.new_zeros(count, m)
            chosen.diagonal(start).fill_(1)
            seeds = chosen.reshape(count, *[1] * len(self.batch), m)
            sensitivities = torch.autograd.grad(
                predictions,
                arrays,
                seeds.expand(count, *predictions.shape),
                retain_graph=True,
                allow_unused=True,
                is_grads_batched=True,
            )
            total = predictions.new_zeros(count, *self.batch)
            for sensitivity, one in zip(sensitivities, self.added):
                if sensitivity is not None:
                    total += one.felt(sensitivity.abs(), axes)
            bounds.append(total * (1 + 2.0**-20) + self.lost)
        return torch.cat(bounds).movedim(0, -1)

    def _frobenius(self, a: torch.Tensor) -> torch.Tensor:
        """An upper bound on each prompt's Frobenius norm."""
        return length(a.flatten(len(self.batch)))


class StreamedError(RunningError):
    """The same where arrays are too large to be kept until the pass back: of a large one only the
    norm of what it adds is, and its sensitivity counts by its norm as soon as it is known."""

    def __init__(self, name: str, batch: tuple[int, ...] = (), device: Any = None) -> None:
        super().__init__(name, batch, device)
        self.felt: list[torch.Tensor] = []  # in the pass that is going on

    def note(self, added: Added) -> None:
        value, axes, felt = added.value, len(self.batch), self.felt
        if value.numel() > LARGE:
            parts = [self._frobenius(one) for one in (added.first, added.second) if one is not None]
            if added.second is not None and added.second_norm is not None:
                parts[-1] = torch.fmin(parts[-1], added.second_norm)
            norm = _sum(parts)
            value.register_hook(lambda s: felt.append(_felt_in_norm(s.flatten(axes), norm)))
        else:
            # of what the graph holds, or it would hold itself
            kept = added._replace(value=torch.empty(0))
            value.register_hook(lambda s: felt.append(kept.felt(s.abs(), axes)))

    def weighed(self, predictions: torch.Tensor) -> torch.Tensor:
        """The same, one prediction after the other."""
        bounds = []
        for i in range(predictions.shape[-1]):
            self.felt.clear()
            predictions[..., i].sum().backward(retain_graph=True)
            bounds.append(_sum(self.felt) * (1 + 2.0**-20) + self.lost)
        return torch.stack(bounds, dim=-1)


def _felt_in_norm(sensitivity: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """|S| |error| of each prompt, by Cauchy and Schwarz."""
    felt = (sensitivity != 0).any(dim=-1)
    return torch.where(felt, length(sensitivity) * error, 0.0)


class NoiseError(EntryError):
    """The error as a sum of noises: each entry of what an operation adds is a noise of its own, at
    most 1 in magnitude, and every array knows by how much each moves each of its entries, with
    sign. So what two arrays have in common cancels, and E is no larger than it must be.

    `noises` of an array are (noises so far, *batch, tokens, size): for few and small arrays only.
    """

    def __init__(self, name: str, batch: tuple[int, ...] = (), device: Any = None) -> None:
        super().__init__(name, batch, device)
        self.count = 0

    def working(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def given(self, value: torch.Tensor, error: torch.Tensor | None) -> Bounded:
        return self.made(value, None, error)

    def together(
        self, value: torch.Tensor, arrays: list[Bounded], join: Callable[[Any], Any]
    ) -> Bounded:
        if all(a.error is None for a in arrays):
            return Bounded(value)
        if not self.count:
            return Bounded(value, join(_errors(arrays)))
        noises = [
            a.value.new_zeros(self.count, *a.value.shape)
            if a.noises is None
            else _padded(a.noises, self.count)
            for a in arrays
        ]
        return Bounded(value, join(_errors(arrays)), noises=join(noises))

    def finished(
        self,
        value: torch.Tensor,
        error: torch.Tensor,
        carried: torch.Tensor | None,
        first: torch.Tensor | None,
        second: torch.Tensor | None,
        norms: tuple[torch.Tensor | None, torch.Tensor | None],
        moves: Moves,
    ) -> Bounded:
        new = [part for part in (first, second) if part is not None]
        if carried is not None:  # what the noises below round, and lose below float64
            lost = carried.bool() if first is None else torch.logical_or(carried, first)
            new.append(torch.add(carried * BACKWARD, lost, alpha=SMALLEST))
        added = _sum(new)
        old = [move(a.noises) for a, move in moves if a.noises is not None]
        total, noises = added, None
        if old:
            noises = _added_up(old)
            total = (noises.abs().sum(dim=0) + added).mul_(1 + 2.0**-30)
        error, total = _expanded(error, value), _expanded(total, value)
        # where another bound is much smaller, one noise says so: noises never sum to over 2E,
        # and what they round is below BACKWARD |J| E
        within = total <= 2 * error
        error = torch.fmin(error, total)
        if not bool(within.all()):
            added = torch.where(within, added, error)
            noises = None if noises is None else noises.masked_fill(~within, 0.0)
        return Bounded(value, error, noises=self._with_its_own(noises, _expanded(added, value)))

    def _with_its_own(
        self, noises: torch.Tensor | None, added: torch.Tensor
    ) -> torch.Tensor | None:
        """The noises of an array with those of what an operation adds, one for each entry where
        that is not 0 in some prompt."""
        flat = added.flatten(len(self.batch))
        own = flat.shape[-1]
        where = None
        if int(flat.count_nonzero()) < flat.numel():
            where = flat.bool().reshape(-1, own).any(dim=0).nonzero()[:, 0]
            own = len(where)
        every = flat.new_zeros(self.count + own, *added.shape)
        if noises is not None:
            every[: len(noises)].copy_(noises)
        mine = every[self.count :].flatten(1 + len(self.batch))
        if where is None:
            mine.diagonal(0, 0, -1).copy_(flat)
        else:
            mine[torch.arange(own), ..., where] = flat[..., where].movedim(-1, 0)
        self.count += own
        return every if self.count else None


def _padded(noises: torch.Tensor, count: int) -> torch.Tensor:
    """The same noises, with zeros for those that came later."""
    missing = count - len(noises)
    return torch.cat([noises, noises.new_zeros(missing, *noises.shape[1:])]) if missing else noises


def _added_up(parts: list[torch.Tensor]) -> torch.Tensor:
    """Their sum, where some know of fewer noises than others."""
    if len(parts) == 1:
        return parts[0]
    most = max(map(len, parts))
    return _sum([_padded(one, most) for one in parts])


def _expanded(a: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """a as it is, if it has that shape: to ask is far faster than to expand."""
    return a if a.shape == like.shape else a.expand(like.shape)


def _sum(parts: list[torch.Tensor]) -> torch.Tensor:
    return sum(parts[1:], parts[0])


def _errors(arrays: list[Bounded]) -> list[torch.Tensor]:
    return [torch.zeros_like(a.magnitude) if a.error is None else a.error for a in arrays]


def _shaped(a: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """a, repeated to the shape of `like` where it lacks the batch."""
    return a if a.shape == like.shape else a.expand(like.shape).clone()


def _size(letters: set[str], named: str, shape: tuple[int, ...]) -> int:
    sizes = dict(zip(named, shape))
    return math.prod(sizes[letter] for letter in letters)
