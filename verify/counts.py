"""Parameters that a function uses as counts reach it as whole numbers, however they were drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

from constructions.parameters import Parameter, Whole


def called(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    *given: Any,
    drawn: Mapping[str, Any] | None = None,
) -> Any:
    """function(*given, **parameters), with an int for each number that the function counts by.

    What it annotates as int is a count. Of what it does not, 3 as a fraction, a float or a ball
    stays that (it may be divided) unless the function can do nothing with it: then the fewest such
    numbers are made ints with which it can. Its own TypeError where no choice helps. `drawn` are
    the parameters before they were taken into an arithmetic.
    """
    known = parameters if drawn is None else drawn
    ints = {
        name: int(known[name])
        for name, value in parameters.items()
        if name in known and type(value) is not int and _is_whole(known[name])
    }
    counts = _counts(function)
    parameters = {**parameters, **{name: n for name, n in ints.items() if name in counts}}
    ints = {name: n for name, n in ints.items() if name not in counts}
    try:
        return function(*given, **parameters)
    except TypeError:
        if not ints or not _runs(function, {**parameters, **ints}, given):
            raise
    for name in list(ints):
        fewer = {key: n for key, n in ints.items() if key != name}
        if _runs(function, {**parameters, **fewer}, given):
            ints = fewer
    return function(*given, **{**parameters, **ints})


def _runs(function: Callable[..., Any], parameters: Mapping[str, Any], given: Any) -> bool:
    try:
        function(*given, **parameters)
    except TypeError:
        return False
    return True


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """As `inspect.signature` has it, which looks for it anew with each call of a builder."""
    try:
        return _signature(function)
    except TypeError:  # a callable that is no key
        return inspect.signature(function)


_signature = lru_cache(maxsize=256)(inspect.signature)


def _counts(function: Callable[..., Any]) -> set[str]:
    """Names of the parameters that the function itself says are whole numbers."""
    try:
        takes = signature(function).parameters
    except (TypeError, ValueError):  # of a function in C
        return set()
    return {name for name, parameter in takes.items() if is_count(parameter.annotation)}


def is_count(annotation: Any) -> bool:
    """Whether a parameter is annotated as a whole number."""
    if isinstance(annotation, Parameter):
        return isinstance(annotation, Whole)
    return annotation in (int, "int")


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number: 3, Fraction(3), 3.0, numpy's."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return isinstance(value, Integral) or bool(value == value // 1)


class WrongArguments(TypeError):
    """A claim's function cannot be called as claims call it; `function` is where to mend it."""

    def __init__(self, message: str, function: Callable[..., Any]) -> None:
        super().__init__(message)
        self.function = function


def refuse_arguments(
    function: Callable[..., Any],
    what: str,
    parameters: Mapping[str, Any],
    *given: str,
    have: Iterable[str] | None = None,
) -> None:
    """Raises WrongArguments, in the words of a claim, where a function cannot be called so.

    `given` are the names of what comes before the parameters; `have` those of a case, if it has
    more than these.
    """
    try:
        takes = signature(function)
    except (TypeError, ValueError):
        return
    try:
        takes.bind(*given, **parameters)
        return
    except TypeError:
        pass
    names = [
        name
        for name, parameter in takes.parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    drawn = ", ".join(parameters if have is None else have) or "none"
    if names[: len(given)] != list(given):
        raise WrongArguments(
            f"{what} is called with {', '.join(given)} and then parameters by name; this one takes "
            f"{', '.join(names) or 'nothing'}",
            function,
        )
    missing = [
        name
        for name in names[len(given) :]
        if name not in parameters and takes.parameters[name].default is inspect.Parameter.empty
    ]
    if missing:
        raise WrongArguments(
            f"{what} needs {', '.join(missing)}, and the claim's cases give {drawn}: write "
            f"strategies.prompts({missing[0]}=…) in `cases`",
            function,
        )
    extra = ", ".join(name for name in parameters if name not in names)
    raise WrongArguments(
        f"the claim's cases give {extra}, which {what} does not take; it takes "
        f"{', '.join(names[len(given) :]) or 'no parameter'}",
        function,
    )
