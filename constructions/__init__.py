"""Witnesses: transformers whose weights are derived, assembled and run.

    w = constructions.build("newton", d=4, iterations=3, alpha=0.01)
    w.predict(X, y, queries, numbers="rational")

Neither torch nor sympy is loaded before a witness is built or run.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofs.layer import MLP, Head, Holds, Layer, Norm, Readout
    from proofs.prompt import Prompt
    from proofs.rule import Rule, rule
    from proofs.slotmap import Block, slot_map
    from proofs.stream import layout
    from proofs.theorem import Proof, Theorem

    from .construction import Construction
    from .kernels import activation, attention
    from .matrices import from_matrices
    from .parameters import Parameter
    from .state_dict import layers_from
    from .witness import Witness

# what a witness is built from, and where each of it is
_PARTS = {
    "Witness": "constructions.witness",
    "Head": "proofs.layer",
    "Holds": "proofs.layer",
    "Layer": "proofs.layer",
    "MLP": "proofs.layer",
    "Norm": "proofs.layer",
    "Readout": "proofs.layer",
    "Prompt": "proofs.prompt",
    "Rule": "proofs.rule",
    "rule": "proofs.rule",
    "activation": "constructions.kernels",
    "attention": "constructions.kernels",
    "Block": "proofs.slotmap",
    "slot_map": "proofs.slotmap",
    "layout": "proofs.stream",
    "from_matrices": "constructions.matrices",
    "layers_from": "constructions.state_dict",
}

__all__ = [
    "Block",
    "DivergenceWarning",
    "Head",
    "Holds",
    "Layer",
    "MLP",
    "Norm",
    "PrecisionWarning",
    "Prompt",
    "Readout",
    "Rule",
    "Witness",
    "activation",
    "attention",
    "build",
    "from_matrices",
    "get",
    "layers_from",
    "layout",
    "names",
    "prove",
    "rule",
    "signature",
    "slot_map",
    "theorems",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return getattr(import_module(_PARTS[name]), name)
    raise AttributeError(f"module 'constructions' has no attribute {name!r}")


class PrecisionWarning(UserWarning):
    """Rounding may have reached a prediction; the message has the bound."""


class DivergenceWarning(UserWarning):
    """The algorithm does not converge on this prompt; the message has the step size that would."""


def names() -> tuple[str, ...]:
    """Every construction: those of `algorithms` and `papers`, by looking, and registered ones."""
    return tuple(dict.fromkeys((*_modules(), *_registered())))


def get(name: str) -> Construction:
    """The construction of this name. Raises ValueError on an unknown name."""
    if name in (modules := _modules()):
        return getattr(import_module(modules[name]), name)
    if name in (registered := _registered()):
        return registered[name]
    from difflib import get_close_matches

    close = get_close_matches(str(name), names(), n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names())}"
    raise ValueError(f"unknown witness {name!r}{hint}")


def _modules() -> dict[str, str]:
    """{construction: module}, read off the files."""
    return {name: module for name, (module, _) in _decorated().items()}


@cache
def _decorated() -> dict[str, tuple[str, ast.FunctionDef]]:
    """{construction: (module, its text)}: the functions that `construction` decorates."""
    root, made = Path(__file__).parent, {}
    for folder in ("algorithms", "papers"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "construction(" not in text:
                continue
            module = path.relative_to(root.parent).with_suffix("").as_posix().replace("/", ".")
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and any(map(_decorates, node.decorator_list)):
                    made[node.name] = module, node
    return made


def _decorates(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "attr", getattr(called, "id", "")) == "construction"


def _registered() -> dict[str, Construction]:
    module = sys.modules.get("constructions.construction")
    return module.REGISTERED if module is not None else {}


def theorems() -> tuple[Theorem, ...]:
    """Every theorem: those about constructions' layers, then those of `proofs`.

    Raises ValueError when two share an id.
    """
    from proofs.registry import listed, theorems

    own = [theorem for name in names() for theorem in get(name).theorems()]
    return listed(own, theorems())


def prove(ids: Sequence[str] | None = None) -> tuple[Proof, ...]:
    """Proves the theorems with these ids or supporting these claims; all for None.

    Raises KeyError for a name that is neither.
    """
    from proofs.registry import prove

    return prove(ids, theorems())


def signature(name: str) -> inspect.Signature:
    """The parameters of a witness, with defaults."""
    return get(name).signature


def listed() -> Iterator[tuple[str, Mapping[str, Parameter], str]]:
    """(name, parameters, what it is) of every construction, read off the files.

    Only what is said of the parameters is evaluated, as it stands; a module is loaded where that
    needs more than the kinds of parameters and fractions.
    """
    for name in names():
        said = _said_of_parameters(name)
        if said is None:
            made = get(name)
            yield name, made.parameters, made.__doc__
        else:
            text = ast.get_docstring(_decorated()[name][1])
            yield name, said, inspect.cleandoc(text or "")


def _said_of_parameters(name: str) -> dict[str, Parameter] | None:
    """The parameters of a construction, from its text; None where that names anything else."""
    from . import parameters as kinds

    module, function = _decorated().get(name, ("", None))
    said = _keyword(function, "parameters") if function is not None else None
    if said is None:
        return None
    code = compile(ast.Expression(said), module, "eval")
    try:
        return kinds.with_dimension(eval(code, {"n": kinds, **vars(kinds)}))
    except (NameError, AttributeError):
        return None


def _keyword(function: ast.FunctionDef, name: str) -> ast.expr | None:
    """What the construction's decorator is given under this name."""
    calls = (one for one in function.decorator_list if isinstance(one, ast.Call))
    return next(
        (k.value for call in calls if _decorates(call) for k in call.keywords if k.arg == name),
        None,
    )


def build(name: str, **parameters: Any) -> Witness:
    """The witness `name` with these parameters. It refuses prompts whose algorithm it is not, and
    warns of those on which that does not converge.

    Raises ValueError on an unknown name or value, TypeError on a missing, unknown or ill-typed
    parameter.
    """
    make = get(name)
    try:
        signature(name).bind(**parameters)
    except TypeError as error:
        takes = ", ".join(str(p) for p in signature(name).parameters)
        raise TypeError(f"{name}: {error}; it takes {takes}") from None
    made = make(**parameters)
    region = make.converges(make.values(**parameters)) if make.is_regression else ""
    if make.inputs is None and make.outputs is None and not region:
        return made
    return replace(made, inputs=make.inputs, outputs=make.outputs, region=region)
