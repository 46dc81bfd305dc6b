"""What rounding does to a prediction: a bound, computed from the run itself.

`running_error` carries through the run how far every array may be from its exact value. That
forgets signs: through many layers |J| |J| … is far larger than |J J …|. So a second bound is made
at the same values. With S the derivative of a prediction by an array, one pass back,
    |error| <= sum over arrays of |S| (local + q),
where the forward bound enters only in q, which is of second order in it. The smaller of the two
is the bound; it is infinite where floats cannot tell, and 0 where nothing can have been rounded.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import torch

from proofs.exact import nearest_float

from .. import PrecisionWarning
from ..numbers.ball import Ball
from ..numbers.base import Prompts, Unsupported
from ..numbers.floats import FloatPrompts, Floats, all_finite
from ..run.forward import plan, prompts_of
from ..weights import Weights
from .bounded import Bounded, Bounding
from .norm_error import NormError
from .running_error import LARGE, NoiseError, RunningError, StreamedError

# numbers of noises squared, times prompts: up to FEW the cheapest way, beyond MANY too dear
FEW, MANY = 2**20, 2**25
ENTRIES, BITS = 2**20, (256, 1024)  # of arrays of balls, a few microseconds each
HELD = 2**23  # numbers that a warning may hold, several times over, for a pass back
DEAR = 2**32  # products of numbers that a prediction takes, beyond which norms alone bound it
NORMS = 2**28  # products from which a bound by norms that tells something is enough for a table
PASSES = 2**35  # products that a pass back for each prediction may take, some ten seconds
IN_BALLS = 2**27  # products that balls may take, near half a minute
CHEAP_BALLS = 50  # balls in the time of one step of a bound
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Part(NamedTuple):
    """X, y or queries (*batch, tokens, size) as the user gave them, in float64.

    `error` bounds what taking it up into the format has rounded, `off` what float64 had, None
    where nothing.
    """

    value: torch.Tensor
    error: torch.Tensor | None
    off: torch.Tensor | None

    def shaped(self, shape: Callable[[torch.Tensor], torch.Tensor]) -> Part:
        """The same numbers in another shape, or some of them."""
        return Part(*(None if one is None else shape(one) for one in self))  # type: ignore[arg-type]


Parts = list[Part]


def rounding_bound(witness: Weights, X: Any, y: Any, queries: Any, numbers: str) -> Any:
    """Bound on |prediction in `numbers` - exact prediction|, of the predictions' shape, whatever
    the order in which sums are added up. Includes rounding X, y, queries to the format."""
    prompts = Floats(numbers).prompts(X, y, queries, witness)
    if 0 in prompts.predicted:
        bound = torch.zeros(*prompts.batch, *prompts.predicted, dtype=torch.float64)
    else:
        bound = full_bound(witness, prompts, taken(prompts))
    bound = bound.reshape(*prompts.batch, *prompts.predicted)
    return bound if prompts.torch_in else bound.cpu().numpy()


def taken(prompts: FloatPrompts) -> Parts:
    """X, y, queries."""
    parts = []
    for name, given in zip(("X", "y", "queries"), prompts.given):
        low = getattr(prompts, name)
        value, off = _exactly(given, low.device)
        error = off
        if low.dtype != torch.float64:
            moved = (low.double() - value).abs()
            error = moved if off is None else moved + off
        if error is not None and not bool((error != 0).any()):
            error = off = None
        part = Part(value, error, off)
        parts.append(part.shaped(partial(_repeated, batch=prompts.batch)))
    return parts


def _repeated(array: torch.Tensor, batch: tuple[int, ...]) -> torch.Tensor:
    return array.expand(*batch, *array.shape[-2:])


def _exactly(given: Any, device: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """A user's array in float64, and a bound on what that rounds."""
    if isinstance(given, torch.Tensor):
        value = given.detach().to(device=device, dtype=torch.float64)
        if given.dtype in FLOATING:
            return value, None
        return value, value.abs() * 2.0**-53 * (value.abs() >= 2**53)
    value = torch.from_numpy(np.ascontiguousarray(given, dtype=np.float64)).to(device)
    if given.dtype == object:
        off = [_off(exact, float(near)) for exact, near in zip(given.ravel(), value.ravel())]
        return value, torch.tensor(off, dtype=torch.float64, device=device).reshape(value.shape)
    if given.dtype.kind == "f":
        return value, None
    return value, value.abs() * 2.0**-53 * (value.abs() >= 2**53)


def _off(exact: Any, near: float) -> float:
    """A bound on the distance of a user's number from the float taken for it."""
    try:
        distance = abs(Fraction(exact) - Fraction(near))
    except (TypeError, ValueError):  # a number of another kind, rounded to the nearest float
        return abs(near) * 2.0**-53 + 5e-324
    return nearest_float(distance) * (1 + 2.0**-50) + 5e-324 if distance else 0.0


def predicted_and_bound(witness: Weights, X: Any, y: Any, queries: Any) -> tuple[Any, float] | None:
    """Predictions of one prompt, the very floats of `predict`, and a bound by norms on what float64
    rounded in any of them, from one pass; None where that is no large part of what a better bound
    takes: of few products, and of some more where it tells nothing, not being below the largest
    prediction."""
    prompts = prompts_of(witness, X, y, queries, Floats("float64"))
    assert isinstance(prompts, FloatPrompts)
    products = _products(witness, prompts)
    if products <= NORMS or prompts.batch or _applies(witness, prompts):
        return None
    made = _by_norms(witness, prompts, taken(prompts))
    bound, result = float(made.norm or 0.0), made.value
    told = bound <= float(result.abs().max())
    return (prompts.give(result), bound) if told or products > DEAR else None


def norm_bound(witness: Weights, prompts: FloatPrompts, parts: Parts) -> torch.Tensor:
    """A cheap bound (…, predictions), the same for all of a prompt, and often large or infinite."""
    made = _by_norms(witness, prompts, parts)
    norm = torch.as_tensor(0.0 if made.norm is None else made.norm, dtype=torch.float64)
    every = (*_batch(parts), math.prod(prompts.predicted))
    return _finished(norm.to(prompts.X.device).unsqueeze(-1).expand(every))


def _by_norms(witness: Weights, prompts: FloatPrompts, parts: Parts) -> Bounded:
    system = NormError(prompts.system.name, _batch(parts), prompts.X.device)
    return _run(witness, system, parts)


def full_bound(witness: Weights, prompts: FloatPrompts, parts: Parts) -> torch.Tensor:
    """The best bound, (…, predictions), by the cheapest way that tells: every noise by itself where
    these are few; else the pass back; then whatever of noises and balls is not too dear. Where the
    prediction alone takes long, a bound by norms, in little more time. Infinite
    where a user's function is applied: nothing says how it carries the rounding of another order of
    its sums."""
    count, many = _entries(witness, prompts), math.prod(_batch(parts))
    products = many * _products(witness, prompts)
    if _applies(witness, prompts):
        every = (*_batch(parts), math.prod(prompts.predicted))
        return torch.full(every, math.inf, device=prompts.X.device)
    if products > DEAR:
        return norm_bound(witness, prompts, parts)
    bound, size = quick_bound(witness, prompts, parts)
    enough = size * math.sqrt(prompts.system.unit_roundoff)
    if many * count**2 <= FEW or bool((bound <= enough).all()):
        return bound
    if many * count**2 <= MANY:
        return torch.minimum(bound, noise_bound(witness, prompts, parts)[0])
    for bits in BITS if many * count <= ENTRIES and products <= IN_BALLS else ():
        bound = torch.minimum(bound, beside_bound(witness, prompts, parts, bits))
        if bool((bound <= enough).all()):
            break
    return bound


def quick_bound(
    witness: Weights, prompts: FloatPrompts, parts: Parts
) -> tuple[torch.Tensor, torch.Tensor]:
    """A bound (…, predictions) by noises where these are few, else by the pass back; and the size
    of each prompt's predictions."""
    few = math.prod(_batch(parts)) * _entries(witness, prompts) ** 2 <= FEW
    return (noise_bound if few else back_bound)(witness, prompts, parts)


def _entries(witness: Weights, prompts: FloatPrompts) -> int:
    """How many numbers the operations of one prompt make."""
    steps = plan(witness, prompts.n, prompts.m).steps
    return sum(step.made.rows * step.made.columns for step in steps)


def _products(witness: Weights, prompts: FloatPrompts) -> int:
    """How many products of two numbers the matrix products of one prompt take."""
    steps = plan(witness, prompts.n, prompts.m).steps
    pairs = (step.arrays[-2:] for step in steps if step.method in ("product", "add_product"))
    return sum(a.rows * a.columns * b.columns for a, b in pairs)


def _applies(witness: Weights, prompts: FloatPrompts) -> bool:
    """Whether a function is applied that has no rule for its errors."""
    steps = plan(witness, prompts.n, prompts.m).steps
    return any(step.method == "applied" for step in steps)


def beside_bound(witness: Weights, prompts: FloatPrompts, parts: Parts, bits: int) -> torch.Tensor:
    """The pass back at a run beside which balls of so many bits run."""
    from .beside_balls import BesideBalls

    system = RunningError(prompts.system.name, _batch(parts), prompts.X.device)
    beside = BesideBalls(system, bits)
    try:
        with beside.balls.working(), system.working():
            given = [beside.given(*part) for part in parts]
            made = plan(witness, prompts.n, prompts.m).run(beside, *given)  # type: ignore[arg-type]
    except (ZeroDivisionError, Unsupported):
        every = (*_batch(parts), math.prod(prompts.predicted))
        return torch.full(every, math.inf, device=prompts.X.device)
    # not the distance at the end, which is that of this one order of the sums
    return passed_back(system, made.bounded.value)


def noise_bound(
    witness: Weights, prompts: FloatPrompts, parts: Parts
) -> tuple[torch.Tensor, torch.Tensor]:
    """The error carried forward, noise by noise; and the size of each prompt's predictions."""
    system = NoiseError(prompts.system.name, _batch(parts), prompts.X.device)
    made = _run(witness, system, parts)
    size = made.magnitude.flatten(-2).amax(dim=-1, keepdim=True)
    if made.error is None:
        return torch.zeros_like(made.value.flatten(-2)), size
    return _finished(made.error.flatten(-2)), size


def back_bound(
    witness: Weights, prompts: FloatPrompts, parts: Parts
) -> tuple[torch.Tensor, torch.Tensor]:
    """The smaller of the error carried forward and of the one from the pass back, and the size of
    each prompt's predictions."""
    steps = plan(witness, prompts.n, prompts.m).steps
    largest = max((step.made.rows * step.made.columns for step in steps), default=0)
    kind = StreamedError if largest * math.prod(_batch(parts)) > LARGE else RunningError
    system = kind(prompts.system.name, _batch(parts), prompts.X.device)
    made = _run(witness, system, parts)
    size = made.magnitude.flatten(-2).amax(dim=-1, keepdim=True)
    if made.error is None:
        return torch.zeros_like(made.magnitude.flatten(-2)), size
    bound = _finished(made.error.flatten(-2))
    if made.value.requires_grad:
        bound = torch.minimum(bound, passed_back(system, made.value))
    return bound, size


def passed_back(system: RunningError, read_out: torch.Tensor) -> torch.Tensor:
    """sum |S| (local + q) for each of the predictions, a read-out (*batch, tokens, size)."""
    with system.working():
        return _finished(system.weighed(read_out.flatten(-2)))


def _run(witness: Weights, system: Bounding, parts: Parts) -> Bounded:
    n, m = parts[0].value.shape[-2], parts[2].value.shape[-2]
    with system.working():
        given = [system.given(part.value, part.error) for part in parts]
        return plan(witness, n, m).run(system, *given)


def _batch(parts: Parts) -> tuple[int, ...]:
    return tuple(parts[0].value.shape[:-2])


def _finished(bound: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(bound.detach(), nan=math.inf, posinf=math.inf)


# -- the warning ------------------------------------------------------------------------------


def warn_if_lost(witness: Weights, prompts: Prompts, result: torch.Tensor) -> None:
    """Warns PrecisionWarning, with the bound, where rounding may have reached a prediction.

    That is where the bound exceeds sqrt(u) times the largest prediction of the prompt, and where
    a prediction is 0 that need not be. Computes nothing where the warning would be ignored.
    """
    assert isinstance(prompts, FloatPrompts)
    if ignored(PrecisionWarning):
        return
    told = lost(witness, prompts, result.detach())
    if told is not None:
        warnings.warn(f"{witness.name}: {told}", PrecisionWarning, stacklevel=3)


def lost(witness: Weights, prompts: FloatPrompts, result: torch.Tensor) -> str | None:
    """What is to be said of rounding in these predictions; None if it has not reached them."""
    if result.numel() == 0:
        return None
    if not all_finite(result):
        return f"a prediction overflowed in {prompts.system.name}; {_others(witness)} can hold it"
    predictions = result.double().expand(*prompts.batch, *result.shape[-2:]).flatten(-2)
    parts = taken(prompts)
    bound = norm_bound(witness, prompts, parts)
    still = unsettled(bound, predictions, prompts)
    if not bool(still.any()):
        return None
    # prompts in one row from here, and only those that are open
    still, predictions = still.reshape(-1), predictions.reshape(-1, predictions.shape[-1])
    count = len(still)  # said, as -1 is no number for arrays of no targets
    parts = [part.shaped(lambda array: array.reshape(count, *array.shape[-2:])) for part in parts]
    bound = bound.reshape(predictions.shape)[still]
    predictions, parts = predictions[still], [part.shaped(itemgetter(still)) for part in parts]
    steps, entries = len(plan(witness, prompts.n, prompts.m).steps), _entries(witness, prompts)
    passes = predictions.numel() * _products(witness, prompts)
    # of fewer entries balls are faster
    if CHEAP_BALLS * steps < len(predictions) * entries <= HELD and passes <= PASSES:
        bound = torch.minimum(bound, quick_bound(witness, prompts, parts)[0])
    still = unsettled(bound, predictions, prompts)
    if bool(still.any()) and int(still.sum()) * entries <= ENTRIES:
        parts = [part.shaped(itemgetter(still)) for part in parts]
        exactly = distances(witness, prompts, parts, predictions[still])
        bound[still] = torch.minimum(bound[still], exactly)
        still = unsettled(bound, predictions, prompts)
    if not bool(still.any()):
        return None
    worst = float(bound[still].max())
    what = f"may have moved a prediction by {worst:.2g}"
    if math.isinf(worst):
        what = "may have moved a prediction by any amount"
    return f"rounding in {prompts.system.name} {what}; {_others(witness)} can tell"


def _others(witness: Weights) -> str:
    """The number systems that hold what floats do not."""
    return "numbers='rational' or 'ball'" if rational(witness) else "numbers='ball'"


def distances(
    witness: Weights, prompts: FloatPrompts, parts: Parts, predictions: torch.Tensor
) -> torch.Tensor:
    """How far predictions (batch, m) at most are from enclosures of the exact ones."""
    from .beside_balls import distance, matrix

    steps = plan(witness, prompts.n, prompts.m)
    made = torch.full_like(predictions, math.inf)
    for i in range(len(made)):
        one = [part.shaped(itemgetter(i)) for part in parts]
        for bits in BITS:
            balls = Ball(bits)
            with balls.working():
                try:
                    enclosures = steps.run(balls, *(matrix(*part) for part in one)).entries()
                except (ZeroDivisionError, Unsupported):
                    continue
                pairs = list(zip(predictions[i].tolist(), enclosures, strict=True))
                found = [distance(value, enclosure) for value, enclosure in pairs]
                wide = any(2 * float(e.rad()) > off for (_, e), off in zip(pairs, found))
            made[i] = torch.tensor(found, dtype=torch.float64)
            if not wide:
                break
    return made


def unsettled(
    bound: torch.Tensor, predictions: torch.Tensor, prompts: FloatPrompts
) -> torch.Tensor:
    """Which prompts (…) have one of their predictions that rounding may have reached."""
    size = predictions.abs().amax(dim=-1, keepdim=True)
    settled = bound <= size * math.sqrt(prompts.system.unit_roundoff)
    settled &= (predictions != 0) | (bound == 0)
    return ~settled.all(dim=-1)


def ignored(category: type[Warning]) -> bool:
    """Whether the filters that are set ignore every warning of that category."""
    for action, message, of, module, line in warnings.filters:
        if issubclass(category, of):
            if message is None and module is None and line == 0:
                return action == "ignore"
            if action != "ignore":  # it may be for this one
                return False
    return False


@lru_cache(maxsize=256)
def rational(witness: Any) -> bool:
    """Whether it runs in fractions: nothing in it is irrational."""
    if witness.irrational:
        return False
    coefficients = [witness.readout.coefficient]
    heads = [head for layer in witness.layer_list for head in layer.heads]
    rules = [one for head in heads for one in (head.mask, head.mix) if one is not None]
    for one in (*rules, *(one for _, encoding in witness.prompt.encodings for one in encoding)):
        if one.uses("pi", "sin", "cos"):
            return False
        coefficients += [*dict(one.constants).values()]
        coefficients += [entry for row in one.matrix or () for entry in row]
    for slots in witness.slot_maps():
        for block in slots:
            coefficients += [block.coefficient, *(e for row in block.matrix or () for e in row)]
    return all(isinstance(c, (int, Fraction)) for c in coefficients)
