"""`--set name=value`: values read by what the builder's signature takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from .errors import WrongCall

# sizes that are small enough to read, for show and trace
DEFAULTS: dict[str, Any] = {
    "d": 2, "n": 2, "m": 1, "examples": 2, "iterations": 2, "steps": 2,
    "layers": 2, "alpha": Fraction(1, 16), "step_size": Fraction(1, 8), "ridge": Fraction(1),
    "momentum": Fraction(1, 2), "gamma": Fraction(1, 8), "penalty": Fraction(1, 8),
    "noise": Fraction(1, 2),
}  # fmt: skip


def choices(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The words that a Literal parameter takes; () for any other."""
    text = _annotation(parameter)
    return tuple(re.findall(r"'([^']*)'", text.replace('"', "'"))) if "Literal" in text else ()


def takes(parameter: inspect.Parameter) -> str:
    """What a parameter takes, in words."""
    text = _annotation(parameter)
    if allowed := choices(parameter):
        return " or ".join(allowed)
    if text.startswith("int"):
        return "a whole number"
    if text.startswith("bool"):
        return "true or false"
    if "Sequence" in text or "tuple" in text or "list" in text:
        return "numbers separated by commas"
    if text.startswith("str"):
        return "a word"
    return "a number, such as 1/3 or 0.01"


def _annotation(parameter: inspect.Parameter) -> str:
    given = parameter.annotation
    if given is inspect.Parameter.empty:
        return ""
    return given if isinstance(given, str) else getattr(given, "__name__", str(given))


def describe(name: str, signature: inspect.Signature) -> str:
    """ "newton takes d, iterations, …"."""
    return f"{name} takes {', '.join(signature.parameters)}"


def parse(name: str, signature: inspect.Signature, settings: Iterable[str]) -> dict[str, Any]:
    """{parameter: value} of "parameter=value" texts. Raises WrongCall with one line."""
    made: dict[str, Any] = {}
    for setting in settings:
        for key, text in split(setting):
            if key in made:
                raise WrongCall(f"--set {key} is given twice")
            made[key] = convert(name, signature, key, text)
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
    wanted = takes(parameter)
    try:
        if allowed := choices(parameter):
            if value not in allowed:
                raise ValueError
            return value
        if wanted == "a word":
            return str(value)
        if wanted == "true or false":
            return {"true": True, "false": False}[str(value).lower()]
        if wanted.startswith("numbers"):
            if value is None:
                return None
            return _entries(value)
        number = exact_number(_stripped(value))
        if wanted == "a whole number":
            if number.denominator != 1:
                raise ValueError
            return number.numerator
        return _plain(number)
    except (ValueError, KeyError):
        raise WrongCall(f"{key} of {name} must be {wanted}, not {value!r}") from None


def _entries(value: Any) -> tuple[Any, ...]:
    """ "1,2" as (1, 2); "1,0;0,1" and lists of lists as rows of a matrix."""
    if isinstance(value, str):
        rows = [row.split(",") for row in value.strip("[]()").split(";")]
        value = rows if len(rows) > 1 else rows[0]
    if not isinstance(value, list):
        raise ValueError
    return tuple(
        _entries(entry) if isinstance(entry, list) else _plain(exact_number(_stripped(entry)))
        for entry in value
    )


def _stripped(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > 400 or re.search(r"[eE][+-]?\d{5,}", value):
            raise ValueError  # a number that nobody means, and that would fill the memory
        return value.strip()
    return value


def _plain(number: Fraction) -> int | Fraction:
    return number.numerator if number.denominator == 1 else number


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
    """Values for the parameters that are needed: from `defaults`, else small ones.

    With `letters`, real numbers stay sympy letters, so that weights can be read as formulas.
    """
    made: dict[str, Any] = {}
    for key in needed(signature, given):
        parameter = signature.parameters[key]
        wanted = takes(parameter)
        if letters and wanted.startswith("a number"):
            import sympy

            made[key] = sympy.Symbol(key, positive=True)
        elif key in defaults:
            made[key] = defaults[key]
        elif key in DEFAULTS:
            made[key] = DEFAULTS[key]
        elif allowed := choices(parameter):
            made[key] = allowed[0]
        else:
            raise WrongCall(f"give {key} ({wanted}) with --set {key}=…")
    return made


def text(value: Any) -> str:
    """A parameter's value as it would be typed."""
    if isinstance(value, (tuple, list)):
        rows = any(isinstance(entry, (tuple, list)) for entry in value)
        return (";" if rows else ",").join(map(text, value))
    return str(value)


def call(parameters: Mapping[str, Any]) -> str:
    """ "d=2 iterations=3 alpha=1/16"."""
    return " ".join(f"{key}={text(value)}" for key, value in parameters.items())


def exact_number(value: Any) -> Fraction:
    """A JSON number or text such as "1/3" or "0.01", exactly as typed. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is no number")
    try:
        # repr of a float is its shortest decimal: what was typed
        return Fraction(repr(value) if isinstance(value, float) else value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{value!r} is no finite number") from None
