"""Layers that are run until a condition holds, and outputs that become tokens of the prompt.

Both end in ordinary predictions: of the witness with its layers repeated, and of a longer prompt.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from proofs.vocabulary import one_of, whole

from .. import PrecisionWarning
from .. import numbers as number_systems
from ..numbers.ball import Ball
from ..numbers.base import Numbers, Unsupported, completed
from ..numbers.flint import as_objects
from .forward import Pass, prompts_of, refuse_in_reference, streams

Witness: TypeAlias = Any  # constructions.witness.Witness, which runs what is here
Slots = Mapping[str, Any]
Until = Callable[[Slots, int], bool]
Arrays = tuple[Any, Any, Any]  # X, y, queries
Append = Callable[[Any, Any, Any, Any], Arrays]
BITS = 256  # of the balls that a chain of floats is held against


class Looped(NamedTuple):
    """What `run_until` found: predictions, how many loops were run, whether the condition was met.

    The last two are arrays where there are several prompts.
    """

    predictions: Any
    loops: Any
    met: Any


def unrolled(witness: Witness, loops: int, body: tuple[int, int] | None = None) -> Witness:
    """The witness with its layers number body[0] to body[1], counted from 1, run `loops` times.

    All layers by default. What layers say of their slots is left out: it was said of one loop.
    """
    whole(loops, 0, "loops")
    first, last = _checked(witness, body)
    bare = tuple(replace(layer, holds=()) for layer in witness.layer_list)
    return witness.with_layers(bare[: first - 1] + bare[first - 1 : last] * loops + bare[last:])


def _checked(witness: Witness, body: tuple[int, int] | None) -> tuple[int, int]:
    first, last = (1, witness.layers) if body is None else body
    if not 1 <= first <= last <= witness.layers:
        raise ValueError(f"a loop of layers {first} to {last}: {witness.name} has {witness.layers}")
    return first, last


def run_until(
    witness: Witness,
    X: Any,
    y: Any,
    queries: Any,
    until: Until,
    at_most: int,
    numbers: Any,
    body: tuple[int, int] | None,
) -> Looped:
    """See Witness.run_until."""
    refuse_in_reference()
    whole(at_most, 0, "at_most")
    first, last = _checked(witness, body)
    system = number_systems.get(numbers)
    X, y, queries = completed(X, y, queries, witness)
    batch = prompts_of(witness, X, y, queries, system).batch
    predictions, loops, met = [], [], []
    for prompt in _each(X, y, queries, batch, witness):
        count, ended = _count(witness, prompt, system, until, at_most, (first, last))
        predictions.append(unrolled(witness, count, (first, last)).predict(*prompt, system))
        loops.append(count)
        met.append(ended)
    if not batch:
        return Looped(predictions[0], loops[0], met[0])
    if not predictions:
        predictions = unrolled(witness, 0, (first, last)).predict(X, y, queries, system)
        return Looped(predictions, np.zeros(batch, dtype=int), np.zeros(batch, dtype=bool))
    return Looped(
        _stacked(predictions, batch),
        np.array(loops, dtype=int).reshape(batch),
        np.array(met, dtype=bool).reshape(batch),
    )


def _count(
    witness: Witness,
    prompt: Arrays,
    system: Numbers,
    until: Until,
    most: int,
    body: tuple[int, int],
) -> tuple[int, bool]:
    """After how many loops the condition holds on one prompt, and whether it ever did."""
    prompts = system.prompts(*prompt, witness)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    first, last = body
    before = witness.with_layers(witness.layer_list[: first - 1])
    layers = witness.layer_list[first - 1 : last]

    def held(stream: Any) -> Slots:
        return {
            slot.name: prompts.give_slot(
                prompts.join([stream[slot.name]]), tokens.total, slot.shape
            )
            for slot in witness.layout.slots
        }

    with system.working():
        (one,) = prompts.each()
        *_, stream = streams(before, *one, tokens, system)
        passed = Pass(witness.layout, tokens, system)
        for count in range(most + 1):
            said = until(held(stream), count)
            if not isinstance(said, (bool, np.bool_)):
                raise ValueError(f"until has to say True or False, not {said!r}")
            if said:
                return count, True
            if count < most:
                for layer in layers:
                    stream = passed.after_layer(layer, stream)
    return most, False


def generate(
    witness: Witness,
    X: Any,
    y: Any,
    queries: Any,
    tokens: int,
    append: str | Append,
    numbers: Any,
) -> Any:
    """See Witness.generate."""
    refuse_in_reference()
    whole(tokens, 1, "tokens")
    rule = append if callable(append) else _rule(witness, append)
    system = number_systems.get(numbers)
    X, y, queries = completed(X, y, queries, witness)
    prompts = prompts_of(witness, X, y, queries, system)
    prompt = tuple(_whole_batch(X, y, queries, prompts.batch, witness))
    if not prompts.floats:
        return _chain(witness, prompt, tokens, append, rule, system)
    with warnings.catch_warnings():  # of a single step, from what was rounded before
        warnings.simplefilter("ignore", PrecisionWarning)
        made = _chain(witness, prompt, tokens, append, rule, system)
    _warn_if_lost(witness, prompts, prompt, tokens, append, rule, made)
    return made


def _chain(
    witness: Witness, prompt: Any, tokens: int, append: Any, rule: Append, system: Numbers
) -> Any:
    """The outputs (…, tokens) or (…, tokens, size), each of the prompt that those before made."""
    which = 0 if append == "example" else -1
    outputs: list[Any] = []
    axis = -1 if witness.prediction_size == 1 else -2
    for _ in range(tokens):
        X, y, queries = prompt
        predictions = witness.predict(X, y, queries, system)
        if predictions.shape[axis] == 0:
            raise ValueError(f"no query is left for output {len(outputs) + 1} of {tokens}")
        output = predictions[..., which] if axis == -1 else predictions[..., which, :]
        outputs.append(output)
        if len(outputs) < tokens:
            prompt = rule(X, y, queries, output if axis == -2 else output[..., None])
    return _stack(outputs, axis)


def _rule(witness: Witness, name: str) -> Append:
    """How an output becomes a token. Raises ValueError where it cannot."""
    one_of(name, RULES, "way to append an output")
    prompt, size = witness.prompt, witness.prediction_size
    if name == "query" and size != prompt.query_inputs:
        raise ValueError(
            f"outputs of {size} numbers are no queries of {prompt.query_inputs}; a function "
            "(X, y, queries, output) -> (X, y, queries) may say what is appended"
        )
    if name == "example":
        every = tuple(part.name for part in prompt.fields.parts.slots)
        if prompt.fields.query_parts != every or witness.readout.tokens != "query":
            raise ValueError(
                "an example is made of a query that has all parts of x, and its output"
            )
        if size != prompt.target_count:
            raise ValueError(f"outputs of {size} numbers are no y of {prompt.target_count}")
    return RULES[name](witness)


def _as_query(witness: Witness) -> Append:
    """The output of the last query is one more query."""

    def append(X: Any, y: Any, queries: Any, output: Any) -> Arrays:
        return X, y, _joined(queries, output[..., None, :], -2)

    return append


def _as_example(witness: Witness) -> Append:
    """The first query, with its output, is one more example."""
    scalar = witness.prompt.targets == 1

    def append(X: Any, y: Any, queries: Any, output: Any) -> Arrays:
        target = output if scalar else output[..., None, :]
        X = _joined(X, queries[..., :1, :], -2)
        return X, _joined(y, target, -1 if scalar else -2), queries[..., 1:, :]

    return append


RULES: dict[str, Callable[[Any], Append]] = {"query": _as_query, "example": _as_example}


def _warn_if_lost(
    witness: Witness,
    prompts: Any,
    prompt: Any,
    tokens: int,
    append: Any,
    rule: Append,
    made: Any,
) -> None:
    """Warns PrecisionWarning where a chain of floats may be off by sqrt(u) of its prompt's largest
    output, where an output is 0 that need not be, and where a user's `append` hinders telling.

    The same chain is run in balls on the same prompt, so that the distance is a bound.
    """
    from ..rounding.beside_balls import distance
    from ..rounding.bounds import ignored

    if ignored(PrecisionWarning):
        return
    system = prompts.system
    given = tuple(as_objects(part, "the prompt") for part in prompt)
    values = np.asarray(as_objects(made, "the outputs"), dtype=float)
    values = values.reshape(math.prod(prompts.batch), tokens * witness.prediction_size)
    off, why = np.full(values.shape, math.inf), ""
    try:
        balls = _chain(witness, given, tokens, append, rule, Ball(BITS)).ravel()
        pairs = zip(values.ravel(), balls, strict=True)
        off = np.array([distance(*pair) for pair in pairs]).reshape(values.shape)
    except (ZeroDivisionError, Unsupported):
        pass
    except Exception as error:
        if not callable(append):
            raise
        why = f", and append does not run in balls ({type(error).__name__})"
    size = np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    settled = (off <= size * math.sqrt(system.unit_roundoff)) & ((values != 0) | (off == 0))
    if not settled.all():
        worst = float(off[~settled.all(axis=1)].max())
        by = "any amount" if math.isinf(worst) else f"{worst:.2g}"
        warnings.warn(
            f"{witness.name}: rounding in {system.name} may have moved an output by {by}{why}; "
            "numbers='rational' or 'ball' can tell",
            PrecisionWarning,
            stacklevel=4,
        )


# -- a user's arrays, of any kind -----------------------------------------------------------------


def _is_torch(*arrays: Any) -> bool:
    return any(hasattr(array, "detach") for array in arrays)


def _whole_batch(
    X: Any, y: Any, queries: Any, batch: tuple[int, ...], witness: Witness
) -> Iterator[Any]:
    """X, y, queries, each repeated to the common batch."""
    of_y = 1 if witness.prompt.targets == 1 else 2
    for array, axes in ((X, 2), (y, of_y), (queries, 2)):
        if _is_torch(X, y, queries):
            import torch

            array = torch.as_tensor(array)
            yield array.expand(*batch, *array.shape[array.ndim - axes :])
        else:
            array = np.asarray(array)
            yield np.array(np.broadcast_to(array, (*batch, *array.shape[array.ndim - axes :])))


def _each(
    X: Any, y: Any, queries: Any, batch: tuple[int, ...], witness: Witness
) -> Iterator[Arrays]:
    """One prompt after the other."""
    whole_batch = list(_whole_batch(X, y, queries, batch, witness))
    for at in np.ndindex(*batch):
        yield tuple(array[at] for array in whole_batch)


def _joined(array: Any, more: Any, axis: int) -> Any:
    """The array with more of it at its end, along an axis."""
    if _is_torch(array, more):
        import torch

        return torch.cat([torch.as_tensor(array).to(more), more], dim=axis)
    return np.concatenate([array, more], axis=axis)


def _stack(arrays: list[Any], axis: int) -> Any:
    """Along a new axis, which is then number `axis`."""
    if _is_torch(*arrays):
        import torch

        return torch.stack(arrays, dim=axis)
    return np.stack([np.asarray(array) for array in arrays], axis=axis)


def _stacked(arrays: list[Any], batch: tuple[int, ...]) -> Any:
    """One after the other, in the shape of the batch."""
    made = _stack(arrays, 0)
    return made.reshape(*batch, *made.shape[1:])
