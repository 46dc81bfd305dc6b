"""Parameters that suit the data: where a construction converges, and what to take inside."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

import constructions
from constructions.construction import Construction
from constructions.convergence import Limit, Spectrum, limit_of, value_of
from constructions.parameters import Number, typed

from ..report.tables import plural
from .errors import WrongCall
from .settings import takes

PLAIN = {"ridge": 1, "momentum": Fraction(1, 2), "penalty": 1}
# how many rounds are chosen at most: more iterations only move rounding errors, more steps or
# layers take long
MOST = {"iterations": 40, "layers": 6, "steps": 100}
FARTHEST = {
    "iterations": 200,
    "layers": 40,
    "steps": 10**7,
}  # up to which it is said what is needed
BITS = 1024  # of a share that is left, to a power of up to 3^200
BLOCK = 2**18  # numbers of X that are taken at once
TARGET = 1e-12  # what is left of the slowest component when their number is chosen


def triangle(X: np.ndarray) -> np.ndarray:
    """R of X = Q R, X (n, d): X itself of few rows, of many from the triangles of their blocks, so
    that no copy of X is made."""
    n, d = X.shape
    rows = max(4 * d, BLOCK // d)
    made: Any = np.empty((0, d))
    for start in range(0, n, rows):
        block: Any = np.asarray(X[start : start + rows], dtype=float)
        if n > rows:
            block = np.linalg.qr(np.vstack([made, block]), mode="r")
        made = block
    return made


def singular_values(X: np.ndarray) -> np.ndarray:
    """Those of X (n, d) that are not 0 within rounding, the largest first."""
    values = np.linalg.svd(triangle(X), compute_uv=False)
    return values[values > values[0] * max(X.shape) * np.finfo(float).eps]


def spectrum(X: np.ndarray) -> Spectrum:
    """From the singular values of X (n, d)."""
    return spectrum_of(singular_values(X), len(X))


def spectrum_of(values: np.ndarray, n: int) -> Spectrum:
    """That of n examples with these singular values."""
    top, least = (float(values[i]) if len(values) else 0.0 for i in (0, -1))
    return Spectrum(top * top, least * least, n)


def limit(name: str, parameters: Mapping[str, Any], s: Spectrum) -> Limit | None:
    """The limit that a construction states, on this data; None where it states none."""
    known = _construction(name)
    if known is None:
        return None
    parameters = _completed(known, parameters)
    region = known.converges(parameters)
    return limit_of(region, parameters, s) if region else None


def suit(
    name: str,
    signature: inspect.Signature,
    given: Mapping[str, Any],
    X: np.ndarray,
    cases: Mapping[str, Any] | None = None,
    s: Spectrum | None = None,
    own: Mapping[str, tuple[Any, str]] | None = None,
    on: str | None = "on this data",
) -> tuple[dict[str, Any], dict[str, str]]:
    """(all parameters for data X (n, d), {parameter: why} for those chosen here).

    `cases` are those of a case of a user's claim, of which nobody knows what would suit the data.
    s: of another matrix than X^T X, where the steps are made with another; own: {parameter: (value,
    why)}, taken before what is known here. on: what X is, in words; None where it only helps to
    choose, and another prompt may follow.

    Raises WrongCall on a value that does not fit the data or, unless `on` is None, lies outside the
    region where the algorithm converges.
    """
    n, d = X.shape
    made, why = dict(given), {}
    for key, size, what in (("d", d, "column"), ("examples", n, "example"), ("n", n, "example")):
        if key not in signature.parameters:
            continue
        if given.get(key, size) != size:
            raise WrongCall(f"{key} is {given[key]}, but the data has {plural(size, what)}")
        made[key] = size
        if key not in given:
            why[key] = f"the data has {plural(size, what)}"
    s = spectrum(X) if s is None else s

    def open_(key: str) -> bool:
        parameter = signature.parameters.get(key)
        return parameter is not None and key not in made and parameter.default is parameter.empty

    def choose(key: str, value: Any, reason: str) -> None:
        if open_(key):
            made[key], why[key] = value, reason

    for key, (value, reason) in (own or {}).items():
        choose(key, value, reason)
    for key, value in (cases or {}).items():
        choose(key, value, "as in a case of the claim")
    for key, formula in _suited(name).items():
        up, shown = formula == "top", formula.replace("top", "|X^T X|")
        choose(key, _short_decimal(value_of(formula, made, s), up=up), f"{shown} of the data")
    for key, value in PLAIN.items():
        choose(key, value, "a default")
    if (bound := limit(name, made, s)) is not None:
        if math.isfinite(bound.value):
            half = _short_decimal(bound.value / 2)
            shown = f"{bound.formula} = {bound.value:.3g}, below which it converges"
            choose(bound.parameter, half, f"half of {shown}")
        else:
            choose(bound.parameter, 1, "any converges, for X is 0")
        if on is not None and not bound.holds(float(made[bound.parameter])):
            said = bound.refusal(float(made[bound.parameter]))
            where = (" it converges on this data", f" {name} converges {on}")
            raise WrongCall(said.replace(*where))
    known = _construction(name)
    for key, kind in known.parameters.items() if known is not None and known.is_regression else ():
        if isinstance(kind, Number) and kind.unit and open_(key):
            scale = typed(f"{value_of(kind.unit, made, s):.3g}")
            choose(key, scale, f"{kind.unit.replace('top', '|X^T X|')} of the data")
    for key, most in MOST.items():
        if open_(key):
            choose(key, *rounds(name, made, s, key, most))
    for key, parameter in signature.parameters.items():
        if key not in made and parameter.default is parameter.empty:
            raise WrongCall(f"{name} needs {key} ({takes(parameter)}); give it with --set {key}=…")
    return {key: made[key] for key in signature.parameters if key in made}, why


def rounds(
    name: str, parameters: Mapping[str, Any], s: Spectrum, key: str, most: int
) -> tuple[int, str]:
    """(how often to take the step, why): so that TARGET is left of the slowest component, at most
    `most` times."""
    needed, left = needed_rounds(name, parameters, s, key)
    if needed is not None and needed <= most:
        said = f"after these the slowest component is off by at most {TARGET:g} of its size"
        return max(needed, 1), said
    if left is None:
        return most, "a default; how much it leaves is not known beforehand"
    return most, f"the most that is chosen; {what_is_left(name, parameters, s, key, most)}"


def what_is_left(
    name: str, parameters: Mapping[str, Any], s: Spectrum, key: str, count: int
) -> str:
    """ "leaves 13 % of the slowest component, 44 would leave 1e-12"."""
    needed, left = needed_rounds(name, parameters, s, key)
    if left is None:
        return f"more {key} come closer"
    many = f"{needed:,}" if needed else f"more than {_farthest(name, parameters, key):,}"
    kept = share(left(count))
    return f"leaves {kept} of the slowest component, {many} would leave {TARGET:g}"


def share(left: float) -> str:
    """ "92 %", in digits that do not say 100 of what is less; "4200 %" of what is more."""
    if left < 0.995:
        return f"{100 * left:.2g} %"
    digits = f"{100 * left:.6g}"
    return "more than 99.9999 %" if digits == "100" and left <= 1 else f"{digits} %"


def needed_rounds(
    name: str, parameters: Mapping[str, Any], s: Spectrum, key: str
) -> tuple[int | None, Callable[[int], float] | None]:
    """(the least number of rounds that leaves TARGET of the slowest component, what a number of
    them leaves): None where no number up to FARTHEST does, and where nothing is known."""
    left = _left(name, parameters, s, key)
    if s.top <= 0:
        return 1, left
    if left is None or s.least <= 0:  # the slowest component is not known
        return None, None
    known = left

    def enough(k: int) -> bool:  # what swings through 0 is not there yet
        return max(known(k), known(k + 1), known(k + 2)) <= TARGET

    farthest = _farthest(name, parameters, key)
    high = 1
    while not enough(high):
        if high >= farthest:
            return None, left
        high = min(2 * high, farthest)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high, left


def _left(
    name: str, parameters: Mapping[str, Any], s: Spectrum, key: str
) -> Callable[[int], float] | None:
    """What is left after so many rounds; infinite where floats do not hold it, and of parameters
    that the construction refuses. None where nothing is known."""
    known = _left_unless_refused(name, parameters, s, key)

    def left(k: int) -> float:
        assert known is not None
        try:
            return known(k)
        except (OverflowError, ValueError):
            return math.inf

    return None if known is None else left


def _left_unless_refused(
    name: str, parameters: Mapping[str, Any], s: Spectrum, key: str
) -> Callable[[int], float] | None:
    """What is left of the slowest component after so many rounds: as the construction says it, or
    as its region does, where its steps are linear and the region is where a step turns the largest
    component around."""
    known = _construction(name)
    if known is None:
        return None
    values = _floats({**_completed(known, parameters), "s": s.least})
    if known.left and _is_text(name, parameters, key):
        text = known.leaves({**_completed(known, parameters), key: 1})
        return lambda k: _kept(text, {**values, key: k}, s)
    if known.left and key == "steps":
        return lambda k: abs(complex(known.leaves({**values, key: k})))
    bound = limit(name, values, s)
    of_least = limit(name, values, s._replace(top=s.least))
    linear = known.limit(values).partition(":")[0] in ("least_squares", "ridge")
    if key != "steps" or not linear or bound is None or bound.from_below or of_least is None:
        return None
    kept = abs(1 - 2 * float(values[bound.parameter]) / of_least.value)
    return lambda k: float(kept**k)


def _kept(text: str, values: Mapping[str, Any], s: Spectrum) -> float:
    """What is left, (1 - alpha s)^(2^k): in as many bits as it takes that 1 - 10^-40 is not 1."""
    from flint import arb

    from constructions.numbers.ball import Ball

    with Ball(BITS).working():
        return abs(value_of(text, values, s, arb))


def _is_text(name: str, parameters: Mapping[str, Any], key: str) -> bool:
    """Whether what is left is a formula in the number of rounds, cheap for any number of them; of
    steps in a row it is computed step by step."""
    known = _construction(name)
    if known is None or not known.left:
        return known is not None
    if isinstance(known.left, str):
        return True
    return key == "iterations"


def _farthest(name: str, parameters: Mapping[str, Any], key: str) -> int:
    return FARTHEST[key] if _is_text(name, parameters, key) else 10 * MOST[key]


def _floats(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with floats in the place of fractions."""
    return {k: float(v) if isinstance(v, Fraction) else v for k, v in values.items()}


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


def _short_decimal(value: float, up: bool = False) -> Any:
    """Three digits, rounded down or up, exactly: what is printed can be typed again."""
    if value <= 0:
        return 1
    exponent = math.floor(math.log10(value)) - 2
    digits = math.floor(value / 10.0**exponent) + up
    return typed(f"{digits}e{exponent}")
