"""Running a claim on one case: the witness, its algorithm, and where they first differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache, wraps
from numbers import Integral
from typing import Any, ParamSpec

import numpy as np

from constructions.numbers import Unsupported
from constructions.run.forward import NO_WITNESS, trace
from constructions.witness import Witness
from proofs.layer import Holds
from proofs.prompt import X_ALONE, Tokens
from proofs.stream import split_entry

from ..claim import Builder, CheckResult
from ..counts import called, is_count, refuse_arguments, signature
from ..prompt_scope import Scope, evaluate, prompt_scope, token_names
from ..strategies import Case, as_text


def build(make: Callable[..., Any], parameters: Mapping[str, Any]) -> Witness:
    """The witness of a case; the last few are kept."""
    if isinstance(make, Builder):
        make.asked += 1
    try:
        return _built(make, tuple(sorted(parameters.items())))
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return witness_of(make, parameters)


@lru_cache(maxsize=128)
def _built(make: Callable[..., Any], parameters: tuple) -> Witness:
    return witness_of(make, dict(parameters))


def witness_of(make: Callable[..., Any], parameters: Mapping[str, Any]) -> Witness:
    """What the builder makes of the parameters of a case.

    Raises TypeError where it does not take them, or returns something else than a Witness.
    """
    refuse_arguments(make, "the builder", parameters)
    made = called(make, parameters)
    if not isinstance(made, Witness):
        if made is None:
            raise TypeError("the builder returns nothing; end it with `return Witness(…)`")
        raise TypeError(
            f"the builder returns a {type(made).__name__}, not a Witness; end it with "
            "`return Witness(name, layout, prompt, layers, readout)`"
        )
    return made


class InexactReference(ValueError):
    """An algorithm that was given fractions and computed in floats: it decides nothing."""


Given = ParamSpec("Given")


def left_open(look: Callable[Given, CheckResult]) -> Callable[Given, CheckResult]:
    """The same, deciding nothing of what cannot be run in its numbers, or is no exact reference."""

    @wraps(look)
    def made(*given: Given.args, **named: Given.kwargs) -> CheckResult:
        try:
            return look(*given, **named)
        except Unsupported as error:
            return CheckResult(None, detail=f"not run: {error}")
        except InexactReference as error:
            return CheckResult(None, detail=f"decides nothing: {error}")

    return made


def reference(
    algorithm: Callable[..., Any],
    case: Case,
    convert: Callable[[Any], Any] | None = None,
    shape: Any = None,
) -> np.ndarray:
    """The algorithm's predictions, given those of the case's parameters that it takes.

    `shape` is that of a witness's predictions, (m,) by default; `...` is any. `convert` takes every
    number (of the prompt and of the parameters) into an arithmetic. Raises ValueError if the result
    has another shape (an axis of one number may be there or not), or if the algorithm runs a
    witness, which is what it is to check; InexactReference if it returns floats for fractions.
    """
    takes = signature(algorithm).parameters
    every = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    parameters = {name: v for name, v in case.parameters.items() if every or name in takes}
    X, y, queries = case.X, case.y, case.queries
    if convert is not None:
        if convert is float:  # an array of floats is fast, one of objects that are floats is not
            X, y, queries = (np.asarray(array, dtype=float) for array in (X, y, queries))
        else:
            X, y, queries = (objects(array, convert) for array in (X, y, queries))
        parameters = {
            name: _converted(value, takes.get(name), convert) for name, value in parameters.items()
        }
    refuse_arguments(
        algorithm, "the algorithm", parameters, "X", "y", "queries", have=case.parameters
    )
    running = NO_WITNESS.set(True)
    try:
        made = called(algorithm, parameters, X, y, queries, drawn=case.parameters)
    finally:
        NO_WITNESS.reset(running)
    made = np.asarray(made)
    wanted = (len(queries),) if shape is None else shape
    if wanted is not ... and made.shape == (*wanted, 1):
        made = made[..., 0]
    if wanted is not ... and made.shape != wanted:
        where = f"for {len(queries)} queries" if shape is None else "as the witness's predictions"
        raise ValueError(
            f"the algorithm returns an array of shape {made.shape}; {where} it must be {wanted}"
        )
    if convert is Fraction:
        refuse_inexact(made)
    return made


def both(
    algorithm: Callable[..., Any], witness: Witness, case: Case, numbers: Any = "rational"
) -> tuple[np.ndarray, np.ndarray]:
    """What the witness predicts, and what the algorithm does in fractions, of one shape.

    Raises ValueError where they are not about prompts of the same parts.
    """
    if case.fields != witness.prompt.fields:
        raise ValueError("the cases and the witness's prompt have other parts of x")
    differs = getattr(algorithm, "differs_from", lambda witness: None)(witness)
    if differs is not None:
        raise ValueError(differs)
    shape = witness.prediction_shape(len(case.X), len(case.queries))
    want = reference(algorithm, case, Fraction, shape)
    return witness.predict(case.X, case.y, case.queries, numbers), want


def of_plain_prompts(witness: Witness, reading: str) -> Witness:
    """The witness, if it predicts a number at each query of prompts of x and a number y.

    Raises Unsupported, in the name of the reading, of what else its prompt or read-out has.
    """
    prompt, readout = witness.prompt, witness.readout
    for what, has in (
        ("parts of x", prompt.fields is not X_ALONE),
        (f"targets = {prompt.targets}", prompt.targets != 1),
        (f"a prediction of {witness.prediction_size} numbers", witness.prediction_size != 1),
        (f"a read-out at {readout.tokens} tokens", readout.tokens != "query"),
    ):
        if has:
            raise Unsupported(f"{reading} does not know {what}, which {witness.name} has")
    return witness


def arithmetic(witness: Witness) -> Callable[[Any], Any]:
    """What takes a number into the arithmetic that decides about the witness: fractions, or balls
    where its values are irrational."""
    if not witness.irrational:
        return Fraction
    from constructions.numbers.ball import Ball

    return Ball().element


def refuse_inexact(predictions: np.ndarray) -> None:
    """Raises InexactReference if there is a float among the predictions."""
    for value in predictions.ravel():
        if isinstance(value, (float, np.floating)):
            raise InexactReference(
                f"the algorithm computes in floats: it returns {value!r} for fractions; write "
                "Fraction(1, n) for 1 / n, and no float constants"
            )


def objects(array: Any, convert: Callable[[Any], Any]) -> np.ndarray:
    """The array with every entry converted."""
    array = np.asarray(array, dtype=object)
    entries = array.ravel().tolist()
    if set(map(type, entries)) == {convert}:  # they are what they would become
        return array.copy()
    made = np.empty(array.shape, dtype=object)
    made.ravel()[:] = list(map(convert, entries))
    return made


def _converted(
    value: Any, parameter: inspect.Parameter | None, convert: Callable[[Any], Any]
) -> Any:
    """A parameter in the arithmetic.

    Counts stay whole: parameters annotated as int, and whole numbers without an annotation.
    """
    if isinstance(value, (tuple, list, np.ndarray)):
        made = objects(np.asarray(value, dtype=object), convert)
        return made if parameter is not None else _tuples(made)
    bare = parameter is None or parameter.annotation is inspect.Parameter.empty
    if isinstance(value, Integral) and not isinstance(value, bool):
        if bare or is_count(parameter.annotation):  # type: ignore[union-attr]
            return int(value)
    if isinstance(value, (str, bool)) or value is None:
        return value
    return convert(value)


def _tuples(array: np.ndarray) -> Any:
    """A vector or matrix as the (nested) tuple that a formula takes."""
    return tuple(_tuples(row) if isinstance(row, np.ndarray) else row for row in array)


def first_difference(witness: Witness, case: Case) -> dict[str, Any] | None:
    """The first layer, slot and token at which a slot is not what the witness says it holds.

    Runs in exact fractions. Layers count from 1.
    """
    for held in compared(witness, case):
        if held["is"] != held["should"]:
            return held | {"is": text(held["is"]), "should": text(held["should"])}
    return None


def compared(
    witness: Witness, case: Case, numbers: str = "rational", evaluated: bool = True
) -> Iterator[dict[str, Any]]:
    """Every slot of which the witness says what it holds, layer by layer and token by token.

    {"layer", "name", "slot", "token", "holds", "is", "should"}; the last two are lists of
    numbers, "should" always exact; [] where it is not `evaluated`, which of many layers takes long.
    """
    wanted = None  # all: what floats round depends on what is computed beside it, and what
    if numbers == "rational" and not witness.irrational:  # fractions do not know is to be said
        wanted = {
            (number, split_entry(held.slot)[0])
            for number, layer in enumerate(witness.layer_list, start=1)
            for held in layer.holds
        }
    states = trace(witness, case.X, case.y, case.queries, numbers, wanted)
    n, m = len(case.X), len(case.queries)
    tokens, fields = witness.prompt.tokens(n, m), witness.prompt.fields
    X, y, queries = (objects(part, Fraction) for part in (case.X, case.y, case.queries))
    known = witness.parameters if fields is X_ALONE else {**witness.parameters, "d": witness.d}
    scope = prompt_scope(X, y, witness.definitions, known, fields)
    carried = _carried(witness, X, y, queries, tokens)
    for number, layer in enumerate(witness.layer_list, start=1):
        for held in layer.holds:
            for token in _tokens(held, witness, tokens, carried):
                try:
                    should = _should(held, scope, carried.get(token)) if evaluated else []
                except KeyError as error:
                    raise ValueError(
                        f"layer {number} ({layer.name}): {held.slot} holds {held.expression!r}: "
                        f"{error.args[0]}; a witness's parameters and definitions define names"
                    ) from None
                name, index = split_entry(held.slot)
                actual = states[number][name][token]
                if index is not None:
                    actual = np.asarray(actual, dtype=object).ravel()[index]
                size = actual.size if isinstance(actual, np.ndarray) else 1
                yield {
                    "layer": number,
                    "name": layer.name,
                    "slot": held.slot,
                    "token": int(token),
                    "holds": held.expression,
                    "is": list(np.asarray(actual, dtype=object).ravel()),
                    "should": _filled(should, size) if evaluated else [],
                }


def _carried(
    witness: Witness, X: Any, y: Any, queries: Any, tokens: Tokens
) -> dict[int, dict[str, Any]]:
    """What each token stands for, x_t and y_t: of an example the token of its x does."""
    fields, d = witness.prompt.fields, witness.d
    at = fields.at(d)
    carried = {t: token_names(X[j], at.parts, fields, d, y[j]) for j, t in enumerate(tokens.x)}
    for j, t in enumerate(tokens.queries):
        targets = witness.prompt.target_count
        carried[t] = token_names(queries[j], at.of_query, fields, d, None, targets)
    return carried


def _tokens(held: Holds, witness: Witness, tokens: Any, carried: Mapping[int, Any]) -> list[int]:
    if isinstance(held.tokens, int):
        return [held.tokens]
    if held.tokens == "query":
        return list(tokens.queries)
    if held.tokens == "context":
        return [t for t in carried if t in tokens.context]
    return sorted(carried)


def _should(held: Holds, scope: Scope, carried: dict[str, Any] | None) -> Any:
    return evaluate(held.expression, scope if carried is None else scope.at(**carried))


def _filled(value: Any, size: int) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return [value] * size  # a number stands for a slot full of it


def text(values: list[Any]) -> Any:
    """One number, or a list of them, as exact text."""
    return as_text(values[0]) if len(values) == 1 else [as_text(value) for value in values]
