"""Witnesses: transformers whose weights are derived, assembled and run.

    w = constructions.build("newton", d=4, iterations=3, alpha=0.01)
    w.predict(X, y, queries, numbers="rational")

Neither torch nor sympy is loaded before a witness is built or run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .transformer import Witness

# name -> module in this package; the function has the witness's own name
_WITNESSES = {
    "gradient_descent": "gradient_descent",
    "sherman_morrison": "sherman_morrison",
    "newton": "newton",
    "newton_carried": "newton_carried",
    "hyperpower": "hyperpower",
    "deep_descent": "deep_descent",
    "recursive_least_squares": "recursive_least_squares",
    "paired_least_squares": "paired_least_squares",
    "momentum": "momentum",
    "chebyshev": "chebyshev",
    "preconditioned": "preconditioned",
    "gd_plus_plus": "gd_plus_plus",
    "minimax_descent": "gd_plus_plus",
    "lasso": "lasso",
    "logistic": "logistic",
    "kernel_regression": "kernel_regression",
    "bayes_ridge": "bayes_ridge",
    "selection": "selection",
    "gelu_product": "gelu_product",
    "spline_regression": "features",
    "akyurek2022_theorem1": "papers.akyurek2022",
    "akyurek2022_theorem2": "papers.akyurek2022",
}

__all__ = ["PrecisionWarning", "build", "function", "names", "signature"]


class PrecisionWarning(UserWarning):
    """Rounding may have reached a prediction; the message has the bound."""


def names() -> tuple[str, ...]:
    """Every witness that `build` knows."""
    return tuple(_WITNESSES)


def function(name: str) -> Callable[..., Witness]:
    """The function that builds the witness `name`. Raises ValueError on an unknown name."""
    if name not in _WITNESSES:
        from difflib import get_close_matches

        close = get_close_matches(str(name), _WITNESSES, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(_WITNESSES)}"
        raise ValueError(f"unknown witness {name!r}{hint}")
    return getattr(import_module(f".{_WITNESSES[name]}", __name__), name)


def signature(name: str) -> inspect.Signature:
    """The parameters of a witness, with defaults."""
    return inspect.signature(function(name))


def build(name: str, **parameters: Any) -> Witness:
    """The witness `name` with these parameters.

    Raises ValueError on an unknown name or value, TypeError on a missing, unknown or ill-typed
    parameter.
    """
    make = function(name)
    try:
        inspect.signature(make).bind(**parameters)
    except TypeError as error:
        takes = ", ".join(str(p) for p in signature(name).parameters)
        raise TypeError(f"{name}: {error}; it takes {takes}") from None
    return make(**parameters)
