"""Parameters that suit the data: where each algorithm converges, and what to take inside.

With s_1 >= … the eigenvalues of S = X^T X and lambda the ridge:
    newton            M_0 = alpha S   residual I - alpha S^2 (fu2023, eq. 5)   alpha < 2 / s_1^2
    hyperpower        M_0 = alpha I   residual I - alpha S                     alpha < 2 / s_1
    gradient_descent  Hessian 2 (S + lambda I), or S/n + lambda I for "mean"   step < 2 / its top
    deep_descent      gradient steps on Hessian S                              alpha < 2 / s_1
    momentum          heavy ball on Hessian S                       step < 2 (1 + momentum) / s_1
    lasso             proximal gradient on Hessian 2 S                         step < 1 / s_1
    chebyshev         [lowest, highest] holds the spectrum of S                highest >= s_1
    minimax_descent   (0, largest] does                                        largest >= s_1
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .errors import WrongCall
from .settings import exact_number, takes

ITERATIONS = 40  # more of them only move rounding errors
STEPS = 100
PLAIN = {"layers": 6, "momentum": Fraction(1, 2), "penalty": 1}
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


def limit(name: str, parameters: Mapping[str, Any], s: Spectrum) -> tuple[str, float, str] | None:
    """(parameter, the value below which the algorithm converges, that limit as a formula)."""
    start = parameters.get("start", "gram")
    if name == "newton" or (name == "newton_carried" and start == "gram"):
        return "alpha", _divide(2, s.top**2), "2 / |X^T X|^2"
    if name in ("hyperpower", "newton_carried", "deep_descent"):
        return "alpha", _divide(2, s.top), "2 / |X^T X|"
    if name == "gradient_descent":
        ridge = float(parameters.get("ridge") or 0)
        if parameters.get("loss", "sum") == "mean":
            return "step_size", _divide(2, s.top / s.n + ridge), "2 / (|X^T X| / n + ridge)"
        return "step_size", _divide(1, s.top + ridge), "1 / (|X^T X| + ridge)"
    if name == "momentum":
        kept = float(parameters.get("momentum", 0))
        return "step_size", _divide(2 * (1 + kept), s.top), "2 (1 + momentum) / |X^T X|"
    if name == "lasso":
        return "step_size", _divide(1, s.top), "1 / |X^T X|"
    return None


def suit(
    name: str, signature: inspect.Signature, given: Mapping[str, Any], X: np.ndarray
) -> tuple[dict[str, Any], dict[str, str]]:
    """(all parameters for data X (n, d), {parameter: why} for those chosen here).

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
    if _missing("ridge", signature, made):
        made["ridge"], why["ridge"] = 1, "a default"
    s = spectrum(X)
    for key, value, reason in (
        ("highest", _short_decimal(s.top, up=True), "the largest eigenvalue of X^T X"),
        ("largest", _short_decimal(s.top, up=True), "the largest eigenvalue of X^T X"),
        ("lowest", _short_decimal(s.least / 2), "half of its smallest one that is not 0"),
        *((key, value, "a default") for key, value in PLAIN.items()),
    ):
        if _missing(key, signature, made):
            made[key], why[key] = value, reason
    for key in ("highest", "largest"):
        if key in signature.parameters and float(made[key]) < s.top:
            raise WrongCall(
                f"{key} = {float(made[key]):g} is below the largest eigenvalue of X^T X; {name} "
                f"converges where it is at least {s.top:.6g}"
            )
    bound = limit(name, made, s)
    if bound is not None:
        key, top, formula = bound
        if key not in made:
            made[key] = _short_decimal(top / 2) if math.isfinite(top) else 1
            why[key] = f"half of {formula} = {top:.3g}, below which it converges"
        elif not float(made[key]) < top:
            raise WrongCall(
                f"{key} = {float(made[key]):g} is outside the region where {name} converges on "
                f"this data; it must be below {formula} = {top:.6g}"
            )
    for key, count, reason in (
        ("iterations", _iterations(name, made, s), f"leaves {TARGET:g} of the slowest component"),
        ("steps", STEPS, "a default; more come closer"),
    ):
        if _missing(key, signature, made):
            made[key], why[key] = count, reason
    for key, parameter in signature.parameters.items():
        if _missing(key, signature, made):
            raise WrongCall(f"{name} needs {key} ({takes(parameter)}); give it with --set {key}=…")
    ordered = {key: made[key] for key in signature.parameters if key in made}
    return ordered, why


def _missing(key: str, signature: inspect.Signature, made: Mapping[str, Any]) -> bool:
    parameter = signature.parameters.get(key)
    return parameter is not None and key not in made and parameter.default is parameter.empty


def _iterations(name: str, parameters: Mapping[str, Any], s: Spectrum) -> int:
    """Iterations after which r^(order^k) <= TARGET for the slowest non-zero component."""
    if s.least <= 0:
        return 1
    alpha = float(parameters.get("alpha", 0) or 0)
    order = 3 if name == "hyperpower" else 2
    squared = name != "hyperpower" and parameters.get("start", "gram") == "gram"
    left = abs(1 - alpha * (s.least**2 if squared else s.least))
    if not 0 < left < 1:
        return 12 if left else 1
    needed = math.log(math.log(TARGET) / math.log(left), order)
    return max(1, min(ITERATIONS, math.ceil(needed)))


def _divide(a: float, b: float) -> float:
    return a / b if b > 0 else math.inf


def _short_decimal(value: float, up: bool = False) -> Any:
    """Three digits, rounded down or up, exactly: what is printed can be typed again."""
    if value <= 0:
        return 1
    exponent = math.floor(math.log10(value)) - 2
    digits = math.floor(value / 10.0**exponent) + up
    return exact_number(f"{digits}e{exponent}")
