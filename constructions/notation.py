"""The words in which a construction is written: what a module of `algorithms` imports."""

from proofs import references
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.solve import Gauge
from proofs.stream import layout
from proofs.template import Induction, Stage, Template, letters, matrix_letter, scaled, stage
from proofs.theorem import Theorem

from .construction import Cost, Parts, construction
from .parameters import Examples, Matrix, Number, Numbers, OneOf, Rows, Vector, Whole
from .parts import beside, bilinear, head, interleaved, linear_mlp, relu_heads

__all__ = [
    "MLP",
    "Block",
    "Cost",
    "Examples",
    "Gauge",
    "Head",
    "Holds",
    "Induction",
    "Layer",
    "Matrix",
    "Number",
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
