"""`--set name=value`: values read by what the builder's parameters take."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from constructions.parameters import (
    REQUIRED,
    Flag,
    Number,
    Numbers,
    OneOf,
    Parameter,
    Rows,
    Whole,
    Word,
    typed,
)
from proofs.exact import as_text

from .errors import WrongCall

exact_number = typed
LEAST, MOST = sys.float_info.min, sys.float_info.max


def kind(parameter: inspect.Parameter) -> Parameter:
    """What a parameter is: a construction says it, of other builders the annotation is read."""
    given = parameter.annotation
    if isinstance(given, Parameter):
        return given
    text = given if isinstance(given, str) else getattr(given, "__name__", str(given))
    if "Literal[" in text:
        found = re.findall(r"'([^']*)'|(\d+)", text.replace('"', "'"))
        return OneOf(of=tuple(word or int(digits) for word, digits in found))
    if text.startswith("int"):
        return Whole()
    if text.startswith("bool"):
        return Flag()
    if any(word in text for word in ("Sequence", "tuple", "list")):
        return Numbers()
    return Word() if text.startswith("str") else Number()


def kind_of(value: Any) -> Parameter:
    """What a parameter is of which only a value is known; whole by chance is no whole number."""
    if isinstance(value, bool):
        return Flag()
    if isinstance(value, int):
        return Whole()
    if isinstance(value, (tuple, list)):
        return Rows() if any(isinstance(row, (tuple, list)) for row in value) else Numbers()
    return Word() if isinstance(value, str) else Number()


def takes(parameter: inspect.Parameter) -> str:
    """What a parameter takes, in words."""
    return kind(parameter).words


def describe(name: str, signature: inspect.Signature) -> str:
    """ "newton takes d, iterations, …"."""
    return f"{name} takes {', '.join(signature.parameters)}"


def at_most(layers: int = 10_000, **sizes: int) -> dict[str, int]:
    """{parameter: what a command can take of it}: layers in number, and sizes such as d."""
    return dict.fromkeys(("iterations", "layers", "steps"), layers) | sizes


def parse(
    name: str,
    signature: inspect.Signature,
    settings: Iterable[str],
    most: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """{parameter: value} of "parameter=value" texts. Raises WrongCall with one line, also on more
    layers, or larger sizes, than the command would ever have done."""
    made: dict[str, Any] = {}
    most = at_most() if most is None else most
    for setting in settings:
        for key, text in split(setting):
            if key in made:
                raise WrongCall(f"--set {key} is given twice")
            made[key] = convert(name, signature, key, text)
            if isinstance(made[key], int) and made[key] > most.get(key, made[key]):
                raise WrongCall(f"{key} must be at most {most[key]} here, not {text}")
    return made


def split(setting: str) -> list[tuple[str, str]]:
    """("d", "4") of "d=4"; "d=4,steps=2" counts as two, "w0=1,2" as one."""
    key, mark, text = setting.partition("=")
    if not mark or not key.strip() or not text.strip():
        raise WrongCall(f"--set {setting}: write it as name=value, for example --set d=4")
    parts = re.split(r",(?=\s*[A-Za-z_]\w*\s*=)", setting)
    pairs = [part.partition("=") for part in parts]
    return [(key.strip(), text.strip()) for key, _, text in pairs]


def convert(name: str, signature: inspect.Signature, key: str, value: Any) -> Any:
    """One value, from text or from JSON, as the parameter `key` takes it."""
    parameter = signature.parameters.get(key)
    if parameter is None:
        close = get_close_matches(key, signature.parameters, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise WrongCall(f"{name} has no parameter {key!r}; {describe(name, signature)}{hint}")
    taken = kind(parameter)
    try:
        made = taken.read(value)
    except ValueError:
        raise WrongCall(f"{key} of {name} must be {taken.words}, not {value!r}") from None
    if not held_by_floats(made):
        raise WrongCall(
            f"{key} of {name}: float64 holds 0 and sizes from {LEAST:.1e} to {MOST:.1e}, "
            f"not {value}"
        )
    return made


def held_by_floats(value: Any) -> bool:
    """Whether the numbers of a value, of a tuple its entries', are of sizes that float64 holds with
    all of its digits: step sizes, regions and bounds are computed in it, whatever the weights are
    in."""
    if isinstance(value, tuple):
        return all(map(held_by_floats, value))
    if not isinstance(value, (int, Fraction)):
        return True
    size: Any = abs(value)
    return bool(size == 0 or LEAST <= size <= MOST)


def needed(signature: inspect.Signature, given: Mapping[str, Any]) -> list[str]:
    """Parameters without default that are not given."""
    return [
        key
        for key, parameter in signature.parameters.items()
        if key not in given
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def fill(
    signature: inspect.Signature,
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    letters: bool = False,
) -> dict[str, Any]:
    """Values for the parameters that are needed: from `defaults`, else their examples.

    With `letters`, real numbers stay sympy letters, so that weights can be read as formulas.
    """
    made: dict[str, Any] = {}
    for key in needed(signature, given):
        taken = kind(signature.parameters[key])
        if letters and taken.may_be_letter:
            import sympy

            made[key] = sympy.Symbol(key, positive=True)
        elif key in defaults:
            made[key] = defaults[key]
        elif taken.small is not REQUIRED:
            made[key] = taken.small
        else:
            raise WrongCall(f"give {key} ({taken.words}) with --set {key}=…")
    return made


def text(value: Any) -> str:
    """A parameter's value as it would be typed."""
    if isinstance(value, (tuple, list)):
        rows = any(isinstance(entry, (tuple, list)) for entry in value)
        return (";" if rows else ",").join(map(text, value))
    return as_text(value)


def call(parameters: Mapping[str, Any]) -> str:
    """ "d=2 iterations=3 alpha=1/16"."""
    return " ".join(f"{key}={text(value)}" for key, value in parameters.items())
