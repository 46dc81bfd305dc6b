"""The words in which a construction is written: what a module of `algorithms` imports."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from proofs import references
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from .construction import Parts, construction
from .parameters import (
    Examples,
    Matrix,
    MatrixPerStep,
    Number,
    NumberPerStep,
    Numbers,
    OneOf,
    Rows,
    Vector,
    Whole,
    is_per_step,
)
from .parts import beside, bilinear, head, interleaved, linear_mlp, relu_heads

if TYPE_CHECKING:
    from proofs.solve import Gauge
    from proofs.template import Induction, Stage, Template, letters, matrix_letter, scaled, stage
    from proofs.theorem import Theorem

__all__ = [
    "MLP",
    "Block",
    "Examples",
    "Gauge",
    "Head",
    "Holds",
    "Induction",
    "Layer",
    "Matrix",
    "MatrixPerStep",
    "Number",
    "NumberPerStep",
    "Numbers",
    "OneOf",
    "Parts",
    "Readout",
    "Rows",
    "SlotMap",
    "Stage",
    "Template",
    "Theorem",
    "Vector",
    "Whole",
    "beside",
    "bilinear",
    "construction",
    "head",
    "interleaved",
    "is_per_step",
    "layout",
    "letters",
    "linear_mlp",
    "matrix_letter",
    "references",
    "relu_heads",
    "scaled",
    "slot_map",
    "stage",
]

# what works with sympy is loaded with the first construction that names it
_IN_LETTERS = {
    "Gauge": "proofs.solve",
    "Theorem": "proofs.theorem",
    **dict.fromkeys(
        ("Induction", "Stage", "Template", "letters", "matrix_letter", "scaled", "stage"),
        "proofs.template",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _IN_LETTERS:
        return getattr(import_module(_IN_LETTERS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
