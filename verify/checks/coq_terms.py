"""The parts of a transformer as terms of `Layer.v`: slot maps, heads, MLPs, coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from constructions.stream import Layout, split_entry

if TYPE_CHECKING:
    from constructions.slotmap import Block, SlotMap
    from constructions.transformer import MLP, Head, Layer

PATTERNS = {
    ("ij", "j"): "RepeatRows",
    ("ij", "i"): "RepeatColumns",
    ("i", "ij"): "SumColumns",
    ("j", "ij"): "SumRows",
    ("ij", "ji"): "Transpose",
    ("ii", ""): "Diagonal",
    ("i", ""): "Repeat",
    ("", "i"): "Sum",
}
FIELDS = ("Scalar", "Vector", "Matrix", "Positions")  # in the order of Coq's SlotMap
POSITIONS = "position"


class NotUniformError(ValueError):
    """The witness is not one term for every d and every number of repeated layers."""


@dataclass(frozen=True)
class Writer:
    """Coq terms of the parts of a witness `name` of dimension d; positions count from `base`.

    An explicit row with these `entries` is written as the Coq vector `vector`.
    """

    name: str
    vector: str | None
    entries: tuple[Any, ...]
    d: int

    def layers(self, layers: Sequence[Layer], layout: Layout, base: int) -> str:
        return coq_list([self.layer(layer, layout, base) for layer in layers], ";\n    ")

    def layer(self, layer: Layer, layout: Layout, base: int) -> str:
        if layer.norm:
            raise NotUniformError(f"{self.name}: layer norm is not written down")
        heads = coq_list([self.head(head, layout, base) for head in layer.heads], ";\n      ")
        mlp = "None" if layer.mlp is None else f"(Some {self.mlp(layer.mlp, layout, base)})"
        return f"Layer {heads}\n      {mlp}"

    def head(self, head: Head, layout: Layout, base: int) -> str:
        kinds = {
            "linear": "Linear",
            "relu": "Relu",
            "normalised": f"(Normalised {str(head.null).lower()})",
        }
        sees = {"context": "Context", "full": "Full"}
        averages = {"": "false", "examples": "true"}
        try:
            kind, seen = kinds[head.attention], sees[head.keys]
            average = averages[head.average]
        except KeyError as error:
            raise NotUniformError(f"{self.name}: attention {error} is not written down") from None
        maps = (
            self.slotmap(head.query, layout, None, base),
            self.slotmap(head.key, layout, None, base),
            self.slotmap(head.value, layout, layout, base),
        )
        written = "\n        ".join(f"({m})" for m in maps)
        return f"Head {written}\n        {kind} {seen} {average}"

    def mlp(self, mlp: MLP, layout: Layout, base: int) -> str:
        mlp = _without_numbers(mlp)
        hidden = mlp.hidden(layout)
        outer = f"({self.slotmap(mlp.outer, hidden, layout, base)})"
        inner, gate = (
            "None" if m is None else f"(Some ({self.slotmap(m, layout, hidden, base)}))"
            for m in (mlp.inner, mlp.gate)
        )
        activations = {"identity": "Identity", "relu": "Rectified"}
        if mlp.activation not in activations:
            raise NotUniformError(f"{self.name}: no {mlp.activation} is written down")
        return f"(Mlp {outer}\n        {inner}\n        {gate} {activations[mlp.activation]})"

    def slotmap(self, slots: SlotMap, source: Layout, destination: Layout | None, base: int) -> str:
        """SlotMap, its blocks sorted by the shape of what they write."""
        sorted_blocks: dict[str, list[str]] = {shape: [] for shape in FIELDS}
        for block in slots:
            shape, text = self.block(block, source, destination, base)
            sorted_blocks[shape].append(text)
        return "SlotMap " + " ".join(coq_list(blocks) for blocks in sorted_blocks.values())

    def block(
        self, block: Block, source: Layout, destination: Layout | None, base: int
    ) -> tuple[str, str]:
        """(shape of the destination, the Coq block)."""
        name, index = split_entry(block.source)
        if split_entry(block.destination)[1] is not None:
            raise NotUniformError(f"{self.name}: {block} writes one entry of a slot")
        before = self.shape(name, source)
        if index is not None:
            if name != POSITIONS:
                raise NotUniformError(f"{self.name}: {block} reads one entry of a slot")
            if index < base:
                raise NotUniformError(f"{self.name}: {block} reads an earlier position")
            readings = {None: ("Pick", "Scalar"), "i<-": ("Spread", "Vector")}
            reading, made = readings[block.pattern]
            pattern = f"({reading} (i + {index - base})%N)"
        elif block.matrix is not None:
            rows = block.matrix
            if len(rows) != 1 or tuple(rows[0]) != tuple(self.entries):
                raise NotUniformError(f"{self.name}: {block} is an explicit matrix")
            pattern, made = f"(Row {self.vector})", "Scalar"
        elif block.pattern is None or block.indices()[0] == block.indices()[1]:
            pattern, made = None, before
        else:
            pattern = PATTERNS.get(block.indices())
            if pattern is None:
                raise NotUniformError(f"{self.name}: pattern of {block} is not written down")
            letters = block.indices()[0]
            made = {0: "Scalar", 1: "Vector", 2: "Matrix"}[len(letters)]
        if destination is not None and self.shape(block.destination, destination) != made:
            raise NotUniformError(f"{self.name}: {block} does not fit its destination")
        c = coefficient(block.coefficient)
        if pattern is None:
            return made, f'move "{block.destination}" {c} "{name}"'
        return made, f'Block "{block.destination}" {c} {pattern} "{name}"'

    def shape(self, name: str, layout: Layout) -> str:
        shape = layout[name].shape
        if name == POSITIONS:
            return "Positions"
        if any(axis != self.d for axis in shape) or len(shape) > 2:
            raise NotUniformError(f"{self.name}: slot {name} has shape {shape}")
        return FIELDS[len(shape)]


def _without_numbers(mlp: MLP) -> MLP:
    """The MLP with hidden features named the same in every layer: "x of 3" becomes "x of"."""
    if mlp.inner is None:
        return mlp
    names = {name: name.rstrip("0123456789 ") for name in mlp.inner.destinations}
    if len(set(names.values())) < len(names):
        return mlp

    def renamed(slots: SlotMap | None, end: str) -> SlotMap | None:
        if slots is None:
            return None
        blocks = (
            replace(block, **{end: names.get(getattr(block, end), getattr(block, end))})
            for block in slots
        )
        return type(slots)(tuple(blocks))

    outer = renamed(mlp.outer, "source") or mlp.outer
    return replace(
        mlp,
        outer=outer,
        inner=renamed(mlp.inner, "destination"),
        gate=renamed(mlp.gate, "destination"),
    )


def coefficient(value: Any) -> str:
    """An exact scalar as a term of a Coq field."""
    import sympy

    value = sympy.sympify(value)
    if value.is_Integer:
        number = int(value)
        plain = str(abs(number)) if abs(number) < 2 else f"{abs(number)}%:R"
        return plain if number >= 0 else f"(- {plain})"
    if value.is_Rational:
        sign = "- " if value.p < 0 else ""
        return f"({sign}({abs(value.p)}%:R / {value.q}%:R))"
    if value.is_Symbol:
        return str(value.name)
    if value.is_Add or value.is_Mul:
        mark = " + " if value.is_Add else " * "
        return "(" + mark.join(coefficient(part) for part in value.args) + ")"
    if value.is_Pow and value.exp.is_Integer:
        power = f"({coefficient(value.base)} ^+ {abs(int(value.exp))})"
        return power if value.exp > 0 else f"{power}^-1"
    raise NotUniformError(f"coefficient {value} has no form in a field")


def coq_list(items: Sequence[str], mark: str = "; ") -> str:
    return "[:: " + mark.join(items) + "]" if items else "[::]"
