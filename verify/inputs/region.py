"""Parameters that suit the data: where a construction converges, and what to take inside."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import constructions
from constructions.construction import Construction
from constructions.parameters import typed
from proofs.formula import PYTHON, SCALARS, evaluate, parse

from .errors import WrongCall
from .settings import takes

ITERATIONS = 40  # more of them only move rounding errors
STEPS = 100
PLAIN = {"ridge": 1, "layers": 6, "momentum": Fraction(1, 2), "penalty": 1}
TARGET = 1e-12  # what is left of the smallest component when iterations are chosen


@dataclass(frozen=True)
class Spectrum:
    """Largest and smallest non-zero eigenvalue of X^T X, and the number of examples n."""

    top: float
    least: float
    n: int


def spectrum(X: np.ndarray) -> Spectrum:
    """From the singular values of X (n, d)."""
    values = np.linalg.svd(X, compute_uv=False) ** 2
    top = float(values[0])
    kept = values[values > top * (max(X.shape) * np.finfo(float).eps) ** 2]
    return Spectrum(top, float(kept[-1]) if top > 0 else 0.0, len(X))


@dataclass(frozen=True)
class Limit:
    """Where an algorithm converges: the parameter below (or, `from_below`, at least) a value."""

    parameter: str
    value: float
    formula: str
    from_below: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.value if self.from_below else value < self.value


def limit(name: str, parameters: Mapping[str, Any], s: Spectrum) -> Limit | None:
    """The limit that a construction states, on this data; None where it states none."""
    known = _construction(name)
    if known is None:
        return None
    parameters = _completed(known, parameters)
    text = known.converges(parameters)
    if not text:
        return None
    from_below = ">=" in text
    parameter, _, formula = text.partition(">=" if from_below else "<")
    formula = formula.strip()
    shown = formula.replace("top", "|X^T X|").replace("**", "^").replace("*", " ")
    shown = shown.replace("/", " / ")
    return Limit(parameter.strip(), value_of(formula, parameters, s), shown, from_below)


def suit(
    name: str,
    signature: inspect.Signature,
    given: Mapping[str, Any],
    X: np.ndarray,
    cases: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """(all parameters for data X (n, d), {parameter: why} for those chosen here).

    `cases` are those of a case of a user's claim, of which nobody knows what would suit the data.

    Raises WrongCall on a value that does not fit the data or lies outside the region where the
    algorithm converges.
    """
    n, d = X.shape
    made, why = dict(given), {}
    for key, size, what in (("d", d, "columns"), ("examples", n, "examples"), ("n", n, "examples")):
        if key not in signature.parameters:
            continue
        if given.get(key, size) != size:
            raise WrongCall(f"{key} is {given[key]}, but the data has {size} {what}")
        made[key] = size
        if key not in given:
            why[key] = f"the data has {size} {what}"
    s = spectrum(X)

    def choose(key: str, value: Any, reason: str) -> None:
        parameter = signature.parameters.get(key)
        if parameter is not None and key not in made and parameter.default is parameter.empty:
            made[key], why[key] = value, reason

    for key, value in (cases or {}).items():
        choose(key, value, "as in a case of the claim")
    for key, formula in _suited(name).items():
        up, shown = formula == "top", formula.replace("top", "|X^T X|")
        choose(key, _short_decimal(value_of(formula, made, s), up=up), f"{shown} of the data")
    for key, value in PLAIN.items():
        choose(key, value, "a default")
    if (bound := limit(name, made, s)) is not None:
        half = _short_decimal(bound.value / 2) if math.isfinite(bound.value) else 1
        shown = f"{bound.formula} = {bound.value:.3g}, below which it converges"
        choose(bound.parameter, half, f"half of {shown}")
        if not bound.holds(float(made[bound.parameter])):
            relation = "at least" if bound.from_below else "below"
            raise WrongCall(
                f"{bound.parameter} = {float(made[bound.parameter]):g} is outside the region where "
                f"{name} converges on this data; it must be {relation} {bound.formula} = "
                f"{bound.value:.6g}"
            )
    if "iterations" in signature.parameters:
        left = f"leaves {TARGET:g} of the slowest component"
        choose("iterations", _iterations(name, made, s), left)
    choose("steps", STEPS, "a default; more come closer")
    for key, parameter in signature.parameters.items():
        if key not in made and parameter.default is parameter.empty:
            raise WrongCall(f"{name} needs {key} ({takes(parameter)}); give it with --set {key}=…")
    return {key: made[key] for key in signature.parameters if key in made}, why


def _iterations(name: str, parameters: Mapping[str, Any], s: Spectrum) -> int:
    """Iterations after which no more than TARGET is left of the slowest non-zero component."""
    if s.least <= 0:
        return 1
    for k, left in enumerate(_left(name, parameters, s), start=1):
        if left <= TARGET:
            return k
    return ITERATIONS


def _left(name: str, parameters: Mapping[str, Any], s: Spectrum) -> Iterator[float]:
    """What is left of the slowest component after 1, 2, … iterations, as the construction says."""
    known = _construction(name)
    given = parameters if known is None else _completed(known, parameters)
    for k in range(1, ITERATIONS + 1):
        values = {**given, "iterations": k, "s": s.least}
        text = known.leaves(values) if known is not None else ""
        yield abs(value_of(text, values, s)) if text else math.inf


def _completed(known: Construction, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the construction's defaults."""
    defaults = {
        key: kind.default
        for key, kind in known.parameters.items()
        if kind.default is not kind.REQUIRED
    }
    return {**defaults, **parameters}


def _construction(name: str) -> Construction | None:
    found = constructions.get(name) if name in constructions.names() else None
    return found if isinstance(found, Construction) else None


def _suited(name: str) -> Mapping[str, str]:
    known = _construction(name)
    return known.suited if known is not None else {}


def value_of(formula: str, parameters: Mapping[str, Any], s: Spectrum) -> float:
    """A formula in the spectrum and the parameters; infinite where it divides by 0."""
    numbers = {k: float(v) for k, v in parameters.items() if isinstance(v, (int, float, Fraction))}
    try:
        return float(evaluate(parse(formula, SCALARS), {**numbers, **asdict(s)}, PYTHON))
    except (ZeroDivisionError, OverflowError):
        return math.inf


def _short_decimal(value: float, up: bool = False) -> Any:
    """Three digits, rounded down or up, exactly: what is printed can be typed again."""
    if value <= 0:
        return 1
    exponent = math.floor(math.log10(value)) - 2
    digits = math.floor(value / 10.0**exponent) + up
    return typed(f"{digits}e{exponent}")
