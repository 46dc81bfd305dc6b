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
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from . import PrecisionWarning
from .bounded import Bounded, Bounding, length
from .exact import nearest_float
from .norm_error import NormError
from .numbers.base import Prompts
from .numbers.floats import FloatPrompts, Floats, all_finite
from .running_error import NoiseError, RunningError
from .transformer import Witness

QUERIES_AT_ONCE = 64
# numbers of noises squared, times prompts: up to FEW the cheapest way, beyond MANY too dear
FEW, MANY = 2**20, 2**25
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Parts = list[tuple[torch.Tensor, "torch.Tensor | None"]]  # X, y, queries, each with its error


def rounding_bound(witness: Witness, X: Any, y: Any, queries: Any, numbers: str) -> Any:
    """Bound (…, m) on |prediction in `numbers` - exact prediction|, whatever the order in which
    sums are added up. Includes rounding X, y, queries to the format."""
    prompts = Floats(numbers).prompts(X, y, queries, witness)
    bound = full_bound(witness, prompts, taken(prompts))
    return bound if prompts.torch_in else bound.cpu().numpy()


def taken(prompts: FloatPrompts) -> Parts:
    """X, y, queries as the user gave them, (*batch, tokens, size) in float64, and what taking
    them up into the format has rounded (None: nothing)."""
    parts = []
    for given, low in zip(prompts.given, (prompts.X, prompts.y, prompts.queries)):
        value, error = _exactly(given, low.device)
        if low.dtype != torch.float64:
            moved = (low.double() - value).abs()
            error = moved if error is None else moved + error
        if given is prompts.given[1]:
            value = value.unsqueeze(-1)
            error = None if error is None else error.unsqueeze(-1)
        shape = (*prompts.batch, *value.shape[-2:])
        if error is not None:
            error = error.expand(shape) if bool((error != 0).any()) else None
        parts.append((value.detach().expand(shape), error))
    return parts


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


def norm_bound(witness: Witness, prompts: FloatPrompts, parts: Parts) -> torch.Tensor:
    """A cheap bound (…, m), the same for all queries of a prompt, and often large or infinite."""
    system = NormError(prompts.system.name, _batch(parts), prompts.X.device)
    made = _run(witness, system, parts)
    norm = torch.as_tensor(0.0 if made.norm is None else made.norm, dtype=torch.float64)
    return _finished(norm.to(prompts.X.device).unsqueeze(-1).expand(parts[2][0].shape[:-1]))


def full_bound(witness: Witness, prompts: FloatPrompts, parts: Parts) -> torch.Tensor:
    """The best bound, (…, m): with every noise by itself where these are few, else by the pass
    back, and by both where the pass back cannot tell and the noises are not too many."""
    plan = witness.plan(prompts.n, prompts.m)
    count = sum(step.made.rows * step.made.columns for step in plan.steps)
    work = math.prod(_batch(parts)) * count**2
    if work <= FEW:
        return noise_bound(witness, prompts, parts)
    bound, size = back_bound(witness, prompts, parts)
    if work > MANY or bool((bound <= size * math.sqrt(prompts.system.unit_roundoff)).all()):
        return bound
    return torch.minimum(bound, noise_bound(witness, prompts, parts))


def noise_bound(witness: Witness, prompts: FloatPrompts, parts: Parts) -> torch.Tensor:
    """The error carried forward, noise by noise."""
    system = NoiseError(prompts.system.name, _batch(parts), prompts.X.device)
    made = _run(witness, system, parts)
    if made.error is None:
        return made.value.new_zeros(parts[2][0].shape[:-1])
    return _finished(made.error[..., 0])


def back_bound(
    witness: Witness, prompts: FloatPrompts, parts: Parts
) -> tuple[torch.Tensor, torch.Tensor]:
    """The smaller of the error carried forward and of the one from the pass back, and the size of
    each prompt's predictions."""
    system = RunningError(prompts.system.name, _batch(parts), prompts.X.device)
    made = _run(witness, system, parts)
    predictions = made.value[..., 0]
    size = predictions.detach().abs().amax(dim=-1, keepdim=True)
    if made.error is None:
        return torch.zeros_like(predictions), size
    bound = _finished(made.error[..., 0])
    if made.value.requires_grad:
        bound = torch.minimum(bound, _finished(passed_back(system, predictions)))
    return bound, size


def passed_back(system: RunningError, predictions: torch.Tensor) -> torch.Tensor:
    """sum |S| (local + q) for each of the predictions (*batch, m)."""
    added = [one for one in system.added if one.value.requires_grad]
    arrays = [one.value for one in added]
    m = predictions.shape[-1]
    bounds = []
    for start in range(0, m, QUERIES_AT_ONCE):
        chosen = torch.eye(m, dtype=torch.float64, device=predictions.device)
        chosen = chosen[start : start + QUERIES_AT_ONCE]
        seeds = chosen.reshape(len(chosen), *[1] * len(system.batch), m)
        sensitivities = torch.autograd.grad(
            predictions,
            arrays,
            seeds.expand(len(chosen), *predictions.shape),
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=True,
        )
        total = predictions.new_zeros(len(chosen), *system.batch)
        axes = 1 + len(system.batch)
        for sensitivity, one in zip(sensitivities, added):
            if sensitivity is None:
                continue
            size = sensitivity.abs()
            if one.first is not None:
                total += _felt(size, one.first).flatten(axes).sum(dim=-1)
            if one.second is not None:
                second = _felt(size, one.second).flatten(axes).sum(dim=-1)
                if one.second_norm is not None:
                    norm = length(size.flatten(axes)) * one.second_norm
                    second = torch.fmin(second, norm)
                total += second
        bounds.append(total * (1 + 2.0**-20) + system.lost)
    return torch.cat(bounds).movedim(0, -1)


def _felt(size: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """size * error; what the prediction does not depend on counts for nothing, also if infinite."""
    return torch.where(size == 0, 0.0, size * error)


def _run(witness: Witness, system: Bounding, parts: Parts) -> Bounded:
    n, m = parts[0][0].shape[-2], parts[2][0].shape[-2]
    with system.working():
        given = [system.given(value, error) for value, error in parts]
        return witness.plan(n, m).run(system, *given)


def _batch(parts: Parts) -> tuple[int, ...]:
    return tuple(parts[0][0].shape[:-2])


def _finished(bound: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(bound.detach(), nan=math.inf, posinf=math.inf)


# -- the warning ------------------------------------------------------------------------------


def warn_if_lost(witness: Witness, prompts: Prompts, result: torch.Tensor) -> None:
    """Warns PrecisionWarning, with the bound, where rounding may have reached a prediction.

    That is where the bound exceeds sqrt(u) times the largest prediction of the prompt, and where
    a prediction is 0 that need not be. Computes nothing where the warning would be ignored.
    """
    assert isinstance(prompts, FloatPrompts)
    if ignored(PrecisionWarning):
        return
    told = lost(witness, prompts, result.detach())
    if told is not None:
        warnings.warn(f"{witness.name}: {told}", PrecisionWarning, stacklevel=4)


def lost(witness: Witness, prompts: FloatPrompts, result: torch.Tensor) -> str | None:
    """What is to be said of rounding in these predictions; None if it has not reached them."""
    name = prompts.system.name
    can_tell = "numbers='rational' or 'ball'" if rational(witness) else "numbers='ball'"
    if not all_finite(result):
        return f"a prediction overflowed in {name}; {can_tell} can hold it"
    parts = taken(prompts)
    shape = (*prompts.batch, prompts.m)
    predictions = result[..., 0].abs().double().expand(shape).reshape(-1, prompts.m)
    parts = [
        (value.flatten(0, -3) if value.ndim > 3 else value.reshape(-1, *value.shape[-2:]),
         None if error is None else error.reshape(-1, *error.shape[-2:]))
        for value, error in parts
    ]  # fmt: skip
    open_prompts = unsettled(norm_bound(witness, prompts, parts), predictions, prompts)
    if not bool(open_prompts.any()):
        return None
    parts = [
        (value[open_prompts], None if error is None else error[open_prompts])
        for value, error in parts
    ]
    bound = full_bound(witness, prompts, parts)
    reached = unsettled(bound, predictions[open_prompts], prompts)
    if not bool(reached.any()):
        return None
    worst = float(bound[reached].max())
    return f"rounding in {name} may have moved a prediction by {worst:.2g}; {can_tell} can tell"


def unsettled(
    bound: torch.Tensor, predictions: torch.Tensor, prompts: FloatPrompts
) -> torch.Tensor:
    """Which prompts (batch,) have a prediction that rounding may have reached."""
    size = predictions.amax(dim=-1, keepdim=True)
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
    for layer in witness.layer_list:
        if layer.norm or (layer.mlp is not None and layer.mlp.activation == "gelu"):
            return False
        if any(head.attention == "softmax" for head in layer.heads):
            return False
    coefficients = [witness.readout.coefficient]
    for slots in witness.slot_maps():
        for block in slots:
            coefficients += [block.coefficient, *(e for row in block.matrix or () for e in row)]
    return all(isinstance(c, (int, Fraction)) for c in coefficients)
