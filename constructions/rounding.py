"""What rounding does to a prediction: a first-order bound, computed from the run itself.

The witness runs once more in its float format while every operation notes how much it may have
rounded (|error| <= gamma_K |a||b| for a product over K terms, and so on). One backward pass
gives how each of those errors moves the prediction; the bound is the sum of
|sensitivity| * |error|. So the tolerance of a check comes from the problem: its sizes, its
conditioning, and the format's unit roundoff.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from . import PrecisionWarning
from .exact import Exact, nearest_float
from .numbers.base import Numbers, Prompts
from .numbers.floats import HALF, FloatPrompts, Floats, all_finite
from .slotmap import Block
from .transformer import Witness

LEAST, MOST = torch.finfo(torch.float64).smallest_normal, torch.finfo(torch.float64).max


def rounding_bound(witness: Witness, X: Any, y: Any, queries: Any, numbers: str) -> Any:
    """Bound (…, m) on |prediction in `numbers` - exact prediction|, to first order in the
    unit roundoff. Includes rounding X, y, queries to the format. Infinite where a coefficient is
    beyond float64's range."""
    system = Recorded(numbers)
    prompts = system.prompts(X, y, queries, witness)
    (one,) = prompts.each()
    predictions = witness.plan(prompts.n, prompts.m).run(system, *one)[..., 0]
    predictions = predictions.expand(*prompts.batch, prompts.m)
    bound = torch.zeros_like(predictions)
    if predictions.requires_grad:
        # only zeros have no gradient: everything that was read or is a constant has one
        records = [(array, error) for array, error in system.records if array.requires_grad]
        arrays = [array for array, _ in records]
        for q in range(prompts.m):
            sensitivities = torch.autograd.grad(
                predictions[..., q].sum(), arrays, retain_graph=True, allow_unused=True
            )
            for sensitivity, (_, error) in zip(sensitivities, records):
                if sensitivity is not None:
                    moved = (sensitivity.abs() * error).flatten(len(prompts.batch))
                    bound[..., q] += moved.sum(dim=-1)
    bound = bound.detach()
    if system.beyond:
        bound = torch.full_like(bound, math.inf)
    return bound if prompts.torch_in else bound.cpu().numpy()


class Recorded(Floats):
    """The format `name`, its values held in float64, every rounding noted in `records`.

    Each operation runs in the format and in float64; the result has the format's value and
    float64's derivative.
    """

    def __init__(self, name: str) -> None:
        super().__init__("float64")
        self.format = Floats(name)
        self.u = self.format.unit_roundoff
        self.least = torch.finfo(self.format.dtype).smallest_normal * 2 * self.u
        self.records: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.batch: tuple[int, ...] = ()
        self.beyond = False  # a coefficient, and so a derivative, is beyond float64's range

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> FloatPrompts:
        prompts = FloatPrompts(self, X, y, queries, witness)
        self.batch = prompts.batch
        for name, given in (("X", X), ("y", y), ("queries", queries)):
            exact = getattr(prompts, name)
            shape = exact.shape[-1:] if name == "y" else exact.shape[-2:]
            exact = exact.expand(*self.batch, *shape).clone().requires_grad_()
            low = exact.detach().to(self.format.dtype).double()
            error = (low - exact.detach()).abs()
            if not isinstance(given, torch.Tensor) and np.asarray(given).dtype == object:
                error = error + low.abs() * 2.0**-53
            taken = exact + (low - exact).detach()
            if name == "y":  # noted as (n, 1), the shape in which it is read
                taken, error = taken.unsqueeze(-1), error.unsqueeze(-1)
                self.records.append((taken, error))
                taken = taken.squeeze(-1)
            else:
                self.records.append((taken, error))
            setattr(prompts, name, taken)
        return prompts

    def constant(self, rows: Sequence[Sequence[Exact]]) -> torch.Tensor:
        exact = super().constant(rows)
        low = exact.to(self.format.dtype).double()
        size = exact.shape[-1]
        made = low.expand(*self.batch, len(rows), size).clone().requires_grad_()
        whole = bool((low == low.round()).all()) and bool((low == exact).all())
        if not whole:
            self.records.append((made, (made * 2 * self.u).abs().detach()))
        return made

    def zeros(self, tokens: int, size: int) -> torch.Tensor:
        return super().zeros(tokens, size).expand(*self.batch, tokens, size)

    def _note(self, name: str, error: torch.Tensor, *args: Any) -> torch.Tensor:
        """Runs an operation in both formats; `error` bounds what the low one rounded."""
        high = getattr(Floats, name)(self, *args)
        low = getattr(self.format, name)(*_lowered(args, self.format.dtype))
        made = high + (low.double() - high).detach()
        self.records.append((made, error.detach() + self.least))
        return made

    def _gamma(self, terms: int) -> float:
        """Relative error of a sum of `terms` products, each product rounded, in any order."""
        if self.format.dtype in HALF:
            return _gamma(terms, 2.0**-24) + self.u
        return _gamma(terms, self.u)

    def _of_coefficient(self, c: Exact) -> float:
        """Relative error of a multiplication by an exact coefficient."""
        if c != 0 and not LEAST <= abs(nearest_float(c)) <= MOST:
            self.beyond = True
        return 0.0 if _is_power_of_two(c) else 2 * self.u

    def scale(self, c: Exact, a: torch.Tensor) -> torch.Tensor:
        if c == 1:
            return a
        error = super().scale(c, a).abs() * self._of_coefficient(c)
        return self._note("scale", error, c, a)

    def combine(self, terms: list[tuple[Exact, torch.Tensor]]) -> torch.Tensor:
        total = sum((Floats.scale(self, c, array).abs() for c, array in terms), torch.zeros(()))
        worst = max(self._of_coefficient(c) for c, _ in terms)
        if len(terms) == 2 and worst == 0:
            total, share = super().combine(terms).abs(), self.u
        else:
            share = worst + _gamma(len(terms), self.u)
        return self._note("combine", total * share, terms)

    def product(self, a: torch.Tensor, b: torch.Tensor, c: Exact) -> torch.Tensor:
        share = self._gamma(a.shape[-1]) + self._of_coefficient(c)
        with torch.no_grad():
            error = Floats.scale(self, c, a.abs() @ b.abs()).abs() * share
            lost = torch.full((), self.least * (a.shape[-1] + 1), dtype=torch.float64)
            error = error + lost + Floats.scale(self, c, lost).abs()  # underflow before scaling
        return self._note("product", error, a, b, c)

    add_product = Numbers.add_product  # its two roundings are noted one by one

    def pattern(
        self,
        a: torch.Tensor,
        block: Block,
        destination: tuple[int, ...],
        source: tuple[int, ...],
    ) -> torch.Tensor:
        magnitude = Floats.pattern(self, a.detach().abs(), block, destination, source)
        summed = max(1, math.prod(source) // max(1, math.prod(destination)))
        share = _gamma(summed, self.u) if summed > 1 else 0.0
        return self._note("pattern", magnitude * share, a, block, destination, source)

    def row_sums(self, a: torch.Tensor, extra: int) -> torch.Tensor:
        magnitude = a.detach().abs().sum(dim=-1, keepdim=True) + extra
        error = magnitude * _gamma(a.shape[-1] + 1, self.u)
        return self._note("row_sums", error, a, extra)

    def multiply(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self._note("multiply", (a * b).abs() * self.u, a, b)

    def divide(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self._note("divide", super().divide(a, b).abs() * self.u, a, b)

    def divide_rows(self, a: torch.Tensor, divisors: list[int]) -> torch.Tensor:
        return self._note("divide_rows", a.abs() * self.u, a, divisors)

    def gelu(self, a: torch.Tensor) -> torch.Tensor:
        # erf to two units in the last place, its argument and 1 + erf rounded
        return self._note("gelu", a.abs() * 8 * self.u, a)

    def softmax(self, scores: torch.Tensor, causal: bool, null: bool) -> torch.Tensor:
        weights = Floats.softmax(self, scores.detach(), causal, null)
        spread = scores.detach().abs().amax(dim=-1, keepdim=True)
        error = weights * self.u * (4 * spread + scores.shape[-1] + 8)
        return self._note("softmax", error, scores, causal, null)

    def layer_norm(self, a: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            gamma = _gamma(a.shape[-1], self.u)
            normed = Floats.layer_norm(self, a)
            mean = a.mean(dim=-1, keepdim=True)
            deviation = (a - mean).square().mean(dim=-1, keepdim=True).sqrt()
            centring = gamma * a.abs().mean(dim=-1, keepdim=True) + self.u * (a - mean).abs()
            lost = centring.square().mean(dim=-1, keepdim=True).sqrt() / deviation
            error = centring / deviation + normed.abs() * (lost + gamma + 4 * self.u)
        return self._note("layer_norm", error, a)


def warn_if_lost(witness: Witness, prompts: Prompts, result: torch.Tensor) -> None:
    """Warns PrecisionWarning where rounding, multiplied layer by layer, reached a prediction.

    Only witnesses whose layers multiply their stream can do that (Newton's doubles it, so an
    error in the null space of X is doubled too), or that build products out of GeLUs; for the
    others nothing is computed.
    """
    assert isinstance(prompts, FloatPrompts)
    if not all_finite(result):
        warnings.warn(
            f"{witness.name}: a prediction overflowed in {prompts.system.name}; "
            "numbers='rational' or 'ball' can hold it",
            PrecisionWarning,
            stacklevel=4,
        )
        return
    u = prompts.system.unit_roundoff
    half_the_digits = math.sqrt(u)
    factor = growth(witness)
    if u * factor < half_the_digits:
        return
    bound = rounding_bound(witness, prompts.X, prompts.y, prompts.queries, prompts.system.name)
    size = result[..., 0].abs().double().amax(dim=-1, keepdim=True).expand(bound.shape)
    lost = ~(bound <= half_the_digits * size)
    if bool(lost.any()):
        worst = float(bound[lost].max())
        warnings.warn(
            f"{witness.name}: rounding in {prompts.system.name} may have moved a prediction by "
            f"{worst:.2g}; numbers={'' if math.isinf(factor) else repr('rational') + ' or '}'ball' "
            "can tell",
            PrecisionWarning,
            stacklevel=4,
        )


@lru_cache(maxsize=256)
def growth(witness: Any) -> float:
    """The product over layers of how much a linear MLP multiplies a slot of the stream.

    Infinite where a layer has a layer norm or a GeLU: products made of those cancel large numbers.
    """
    total = 1.0
    for layer in witness.layer_list:
        mlp = layer.mlp
        if layer.norm or (mlp is not None and mlp.activation == "gelu"):
            return math.inf
        if mlp is None or mlp.inner is not None:
            continue
        gains = [
            abs(1 + nearest_float(block.coefficient))
            for block in mlp.outer
            if block.destination == block.source and block.matrix is None and block.pattern is None
        ]
        total *= max((1.0, *gains))
    return total


def _gamma(terms: int, u: float) -> float:
    product = terms * u
    return product / (1 - product) if product < 1 else math.inf


def _is_power_of_two(c: Exact) -> bool:
    if not isinstance(c, (int, Fraction)):
        return False
    return all(part & (part - 1) == 0 for part in (abs(c.numerator), c.denominator))


def _lowered(args: Any, dtype: torch.dtype) -> Any:
    if isinstance(args, torch.Tensor):
        return args.detach().to(dtype)
    if isinstance(args, (list, tuple)) and any(
        isinstance(part, (torch.Tensor, list, tuple)) for part in args
    ):
        return type(args)(_lowered(part, dtype) for part in args)
    return args
