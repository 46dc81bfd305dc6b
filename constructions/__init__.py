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
    from proofs.layer import MLP, Head, Holds, Layer, Readout
    from proofs.prompt import Prompt
    from proofs.slotmap import Block, slot_map
    from proofs.stream import layout

    from .witness import Witness

# name -> module in this package; the function has the witness's own name
_WITNESSES = {
    "gradient_descent": "algorithms.gradient_descent",
    "sherman_morrison": "algorithms.sherman_morrison",
    "newton": "algorithms.newton",
    "newton_carried": "algorithms.newton_carried",
    "hyperpower": "algorithms.hyperpower",
    "deep_descent": "algorithms.deep_descent",
    "recursive_least_squares": "algorithms.recursive_least_squares",
    "paired_least_squares": "algorithms.paired_least_squares",
    "momentum": "algorithms.momentum",
    "chebyshev": "algorithms.chebyshev",
    "preconditioned": "algorithms.preconditioned",
    "gd_plus_plus": "algorithms.gd_plus_plus",
    "minimax_descent": "algorithms.gd_plus_plus",
    "lasso": "algorithms.lasso",
    "logistic": "algorithms.logistic",
    "kernel_regression": "algorithms.kernel_regression",
    "bayes_ridge": "algorithms.bayes_ridge",
    "selection": "algorithms.selection",
    "gelu_product": "algorithms.gelu_product",
    "spline_regression": "algorithms.spline_regression",
    "akyurek2022_theorem1": "papers.akyurek2022.chains",
    "akyurek2022_theorem2": "papers.akyurek2022.chains",
}

# what a witness is built from, and where each of it is
_PARTS = {
    "Witness": "constructions.witness",
    "Head": "proofs.layer",
    "Holds": "proofs.layer",
    "Layer": "proofs.layer",
    "MLP": "proofs.layer",
    "Readout": "proofs.layer",
    "Prompt": "proofs.prompt",
    "Block": "proofs.slotmap",
    "slot_map": "proofs.slotmap",
    "layout": "proofs.stream",
}

__all__ = [
    "Block",
    "Head",
    "Holds",
    "Layer",
    "MLP",
    "PrecisionWarning",
    "Prompt",
    "Readout",
    "Witness",
    "build",
    "function",
    "layout",
    "names",
    "signature",
    "slot_map",
]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return getattr(import_module(_PARTS[name]), name)
    raise AttributeError(f"module 'constructions' has no attribute {name!r}")


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
