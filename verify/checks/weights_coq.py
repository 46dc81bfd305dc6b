"""Witnesses as Coq definitions: the coefficients that run are the coefficients that are proved.

Nothing here is typed by hand. A witness is built with symbols for its real parameters, at several
dimensions and numbers of repeated layers; what it holds is written down as a Coq term of
`Layer.v`, once the text is seen not to depend on d, and the layers are seen to be
`start ++ step repeated ++ end`. A witness that is not of that form raises `NotUniformError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import constructions
from constructions.stream import Layout, split_entry

if TYPE_CHECKING:
    from constructions.slotmap import Block, SlotMap
    from constructions.transformer import MLP, Head, Layer, Witness

Builder = Callable[..., "Witness"]

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
class Source:
    """One witness to write down as `name`: `repeat` counts its repeated layers, from `least`.

    `fixed` are the parameters that stay, `symbols` maps the real parameters to Coq variables;
    `vector` names a parameter of d numbers, a Coq column vector.
    """

    name: str
    witness: str
    repeat: str
    least: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    vector: str | None = None


def _sources() -> tuple[Source, ...]:
    descent = [
        Source(
            f"gradient_descent_{loss}{'_ridge' * ridge}{'_zero' * (not start)}",
            "gradient_descent",
            "steps",
            fixed={"loss": loss},
            symbols={"step_size": "eta"} | ({"ridge": "lambda"} if ridge else {}),
            vector="w0" if start else None,
        )
        for loss in ("sum", "mean")
        for ridge in (False, True)
        for start in (True, False)
    ]
    newton = [
        Source(
            "newton" + suffix,
            "newton",
            "iterations",
            fixed={"attention": attention},
            symbols={"alpha": "alpha"},
        )
        for suffix, attention in (("", "linear"), ("_relu", "relu"))
    ]
    passes = [
        Source(
            f"sherman_morrison_{storage}",
            "sherman_morrison",
            "examples",
            least=1,
            fixed={"storage": storage},
            symbols={"ridge": "lambda"},
        )
        for storage in ("matrix", "tokens")
    ]
    third = Source("hyperpower", "hyperpower", "iterations", symbols={"alpha": "alpha"})
    return (*descent, *newton, *passes, third)


SOURCES = _sources()


def weights_file(builders: Mapping[str, Builder] | None = None) -> str:
    """The text of Weights.v. `builders` replaces how a named witness is built.

    Raises NotUniformError, with the witness's name, where there is no such text.
    """
    builders = dict(builders or {})
    sections = []
    for source in SOURCES:
        if source.witness in builders or source.witness in constructions.names():
            build = builders.get(source.witness) or constructions.function(source.witness)
            sections.append(section(source, build))
    return HEADER + "\n".join(sections)


HEADER = """\
(* Written from the assembled witnesses by verify/checks/weights_coq.py. *)
From Coq Require Import String.
From mathcomp Require Import all_ssreflect all_algebra.
Require Import Layer.

Set Implicit Arguments.
Unset Strict Implicit.
Import GRing.Theory.
Local Open Scope ring_scope.
Local Open Scope string_scope.

"""


def section(source: Source, build: Builder) -> str:
    """The Coq section that defines embedding, start, step, end and witness of one source."""
    texts = []
    for d in (2, 3):
        runs = [
            _parts(source, build, d, source.least + extra) for extra in range(4)
        ]
        texts.append(_uniform(source, runs))
    if texts[0] != texts[1]:
        raise NotUniformError(f"{source.name}: the weights at d = 2 and d = 3 are not one term")
    return texts[0]


@dataclass(frozen=True)
class _Parts:
    embedding: str
    layers: tuple[Layer, ...]
    layout: Layout
    readout: str
    register: str
    writer: _Writer


def _parts(source: Source, build: Builder, d: int, repeats: int) -> _Parts:
    import sympy

    given: dict[str, Any] = {name: sympy.Symbol(coq) for name, coq in source.symbols.items()}
    if source.vector:
        given[source.vector] = sympy.symbols(f"{source.vector}_:{d}")
    witness = build(d=d, **{source.repeat: repeats}, **source.fixed, **given)
    if witness.prompt.form != "joint":
        raise NotUniformError(f"{source.name}: only joint prompts are written down")
    writer = _Writer(source, given.get(source.vector or "", ()), d)
    readout = f'"{witness.readout.slot}" {coefficient(witness.readout.coefficient)}'
    if split_entry(witness.readout.slot)[1] is not None or witness.layout[witness.readout.slot].shape:
        raise NotUniformError(f"{source.name}: the read-out is not a scalar slot")
    return _Parts(
        writer.slotmap(witness.prompt.embedding, witness.prompt.features, witness.layout, 0),
        witness.layer_list,
        witness.layout,
        readout,
        str(witness.prompt.register).lower(),
        writer,
    )


def _uniform(source: Source, runs: Sequence[_Parts]) -> str:
    """Definitions of one source, from runs with least, least + 1, … repeated layers."""
    shortest = runs[0].layers
    length = len(runs[1].layers) - len(shortest)
    if {(r.embedding, r.readout, r.register) for r in runs} != {
        (runs[0].embedding, runs[0].readout, runs[0].register)
    } or length < 1:
        raise NotUniformError(f"{source.name}: no layer is repeated, or the embedding varies")
    cuts = [(split, extra) for extra in {source.least, 0} for split in range(len(shortest) + 1)]
    for split, extra in sorted(cuts, key=lambda cut: -cut[1]):
        found = _split(runs, split, length, extra)
        if found:
            break
    else:
        raise NotUniformError(f"{source.name}: the layers are not start, step repeated, end")
    start, step, end = found
    name = source.name
    indexed = {part: "(i + " in text for part, text in (("step", step), ("end", end))}
    binder = {part: " (i : nat)" if indexed[part] else "" for part in indexed}
    steps = (
        f"flatten (map {name}_step (iota 0 k))"
        if indexed["step"]
        else f"flatten (nseq k {name}_step)"
    )
    ends = f"{name}_end k" if indexed["end"] else f"{name}_end"
    parameters = "".join(f"Variable {coq} : F.\n" for coq in source.symbols.values())
    if source.vector:
        parameters += f"Variable {source.vector} : 'cV[F]_d.\n"
    return (
        f"Section {name}.\nVariables (F : fieldType) (d : nat).\n{parameters}"
        f"Definition {name}_embedding : slotmap F d :=\n  {runs[0].embedding}.\n"
        f"Definition {name}_start : seq (layer F d) :=\n  {start}.\n"
        f"Definition {name}_step{binder['step']} : seq (layer F d) :=\n  {step}.\n"
        f"Definition {name}_end{binder['end']} : seq (layer F d) :=\n  {end}.\n"
        f"Definition {name} (k : nat) : witness F d :=\n"
        f"  Witness {runs[0].register} {name}_embedding\n"
        f"    ({name}_start ++ {steps} ++ {ends})\n    {runs[0].readout}.\n"
        f"End {name}.\n"
    )


def _split(
    runs: Sequence[_Parts], split: int, length: int, extra: int
) -> tuple[str, str, str] | None:
    """(start, step, end), if every run is start, its steps, end when cut after `split` layers.

    Run number c has c + extra steps.
    """
    found: set[tuple[str, str, str]] = set()
    for count, run in enumerate(runs, start=extra):
        stop = split + count * length
        if len(run.layers) != len(runs[0].layers) + (count - extra) * length:
            return None

        def text(start: int, end: int, base: int, run: _Parts = run) -> str:
            return run.writer.layers(run.layers[start:end], run.layout, base)

        steps = [text(split + i * length, split + (i + 1) * length, i) for i in range(count)]
        found |= {(text(0, split, 0), step, text(stop, len(run.layers), count)) for step in steps}
        if len(found) > 1:
            return None
    start, step, end = found.pop()
    return (start.replace("(i + ", "(0 + "), step, end)


@dataclass(frozen=True)
class _Writer:
    """Coq terms of the parts of one witness; positions count from `base`."""

    source: Source
    entries: tuple[Any, ...]
    d: int

    def layers(self, layers: Sequence[Layer], layout: Layout, base: int) -> str:
        return _list([self.layer(layer, layout, base) for layer in layers], ";\n    ")

    def layer(self, layer: Layer, layout: Layout, base: int) -> str:
        if layer.norm:
            raise NotUniformError(f"{self.source.name}: layer norm is not written down")
        heads = _list([self.head(head, layout, base) for head in layer.heads], ";\n      ")
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
            raise NotUniformError(
                f"{self.source.name}: attention {error} is not written down"
            ) from None
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
            raise NotUniformError(f"{self.source.name}: no {mlp.activation} is written down")
        return f"(Mlp {outer}\n        {inner}\n        {gate} {activations[mlp.activation]})"

    def slotmap(
        self, slots: SlotMap, source: Layout, destination: Layout | None, base: int
    ) -> str:
        """SlotMap, its blocks sorted by the shape of what they write."""
        sorted_blocks: dict[str, list[str]] = {shape: [] for shape in FIELDS}
        for block in slots:
            shape, text = self.block(block, source, destination, base)
            sorted_blocks[shape].append(text)
        return "SlotMap " + " ".join(_list(blocks) for blocks in sorted_blocks.values())

    def block(
        self, block: Block, source: Layout, destination: Layout | None, base: int
    ) -> tuple[str, str]:
        """(shape of the destination, the Coq block)."""
        name, index = split_entry(block.source)
        if split_entry(block.destination)[1] is not None:
            raise NotUniformError(f"{self.source.name}: {block} writes one entry of a slot")
        before = self.shape(name, source)
        if index is not None:
            if name != POSITIONS:
                raise NotUniformError(f"{self.source.name}: {block} reads one entry of a slot")
            if index < base:
                raise NotUniformError(f"{self.source.name}: {block} reads an earlier position")
            readings = {None: ("Pick", "Scalar"), "i<-": ("Spread", "Vector")}
            reading, made = readings[block.pattern]
            pattern = f"({reading} (i + {index - base})%N)"
        elif block.matrix is not None:
            rows = block.matrix
            if len(rows) != 1 or tuple(rows[0]) != tuple(self.entries):
                raise NotUniformError(f"{self.source.name}: {block} is an explicit matrix")
            pattern, made = f"(Row {self.source.vector})", "Scalar"
        elif block.pattern is None or block.indices()[0] == block.indices()[1]:
            pattern, made = None, before
        else:
            pattern = PATTERNS.get(block.indices())
            if pattern is None:
                raise NotUniformError(f"{self.source.name}: pattern of {block} is not written down")
            letters = block.indices()[0]
            made = {0: "Scalar", 1: "Vector", 2: "Matrix"}[len(letters)]
        if destination is not None and self.shape(block.destination, destination) != made:
            raise NotUniformError(f"{self.source.name}: {block} does not fit its destination")
        c = coefficient(block.coefficient)
        if pattern is None:
            return made, f'move "{block.destination}" {c} "{name}"'
        return made, f'Block "{block.destination}" {c} {pattern} "{name}"'

    def shape(self, name: str, layout: Layout) -> str:
        shape = layout[name].shape
        if name == POSITIONS:
            return "Positions"
        if any(axis != self.d for axis in shape) or len(shape) > 2:
            raise NotUniformError(f"{self.source.name}: slot {name} has shape {shape}")
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


def _list(items: Sequence[str], mark: str = "; ") -> str:
    return "[:: " + mark.join(items) + "]" if items else "[::]"
