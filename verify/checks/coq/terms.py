"""A transformer as terms of `Layer.v`: slot maps, heads, MLPs, tokens, coefficients.

`Layer.v` has fewer words than the vocabulary of witnesses. Whatever it has no word for, or would
read as something else, is refused by name with `NotUniformError`; nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

from proofs.stream import Layout, split_entry

if TYPE_CHECKING:
    from constructions.witness import Witness
    from proofs.layer import MLP, Head, Layer, Readout
    from proofs.prompt import Prompt
    from proofs.slotmap import Block, SlotMap

SHAPES = ("Scalar", "Vector", "Matrix", "Positions")  # in the order of Coq's SlotMap
# Index patterns, their letters in order of appearance: (pattern, shape read, shape made)
PATTERNS = {
    "<-": ("(Same _)", "Scalar", "Scalar"),
    "i<-i": ("(Same _)", "Vector", "Vector"),
    "ij<-ij": ("(Same _)", "Matrix", "Matrix"),
    "ij<-j": ("RepeatRows", "Vector", "Matrix"),
    "ij<-i": ("RepeatColumns", "Vector", "Matrix"),
    "i<-ij": ("SumColumns", "Matrix", "Vector"),
    "i<-ji": ("SumRows", "Matrix", "Vector"),
    "ij<-ji": ("Transpose", "Matrix", "Matrix"),
    "ii<-": ("Diagonal", "Scalar", "Matrix"),
    "i<-": ("Repeat", "Scalar", "Vector"),
    "<-i": ("Sum", "Vector", "Scalar"),
}
READINGS = {None: ("Pick", "Scalar"), "<-": ("Pick", "Scalar"), "i<-": ("Spread", "Vector")}
FEATURES = {
    "x": "Vector",
    "x_example": "Vector",
    "x_query": "Vector",
    "y": "Scalar",
    "one": "Scalar",
    "index": "Scalar",
    "query": "Scalar",
    "register": "Scalar",
    "position": "Positions",
}
# what Layer.v has no word for, and what it takes for granted instead
FIELDS = (("parts", None), ("query_parts", None), ("targets", 1), ("encodings", ()))
FORMS = {"joint": "Joint", "interleaved": "Interleaved"}
KEYS = {"context": "Context", "full": "Full"}
AVERAGES = {"": "false", "examples": "true"}
ACTIVATIONS = {"identity": "Identity", "relu": "Rectified"}
POSITIONS = "position"

_NAME = re.compile(r"[ !#-'*-Z^-~]+")  # printable, without quotes, brackets and parentheses

Rows = tuple[tuple[Any, ...], ...]
Space = Mapping[str, str]  # the shapes, as Coq has them, of the slots or features of a stream


class NotUniformError(ValueError):
    """The witness is not one term of Layer.v for every d and every number of repeated layers."""


@dataclass(frozen=True)
class Writer:
    """Coq terms of the parts of a witness `name` of dimension d.

    `explicit` gives the rows of each explicit matrix their pattern in Coq and what it makes of a
    vector: ("(Row w)", "Scalar") or ("(Apply A)", "Vector"). `positions` is the size of the one-hot
    feature of that name; if it is not given, the slot `position` is held against the feature where
    the embedding is written. Positions that blocks read count from `base`, as (i + 0), (i + 1), …;
    with `base` None they are numbers.
    """

    name: str
    explicit: Mapping[Rows, tuple[str, str]]
    d: int
    positions: int | None = None

    # -- the whole ----------------------------------------------------------------------------

    def witness(self, witness: Witness, base: int | None = None) -> str:
        """The term of type `witness`."""
        prompt, layout = witness.prompt, witness.layout
        if prompt.d != self.d:
            self.refuse(f"the prompt has d = {prompt.d}, not {self.d}")
        return (
            f"Witness {self.word(prompt.form, FORMS, 'form')} {self.boolean(prompt.register)}\n"
            f"    ({self.embedding(prompt, layout, base)})\n"
            f"    {self.layers(witness.layer_list, layout, base)}\n"
            f"    {self.readout(witness.readout, layout)}"
        )

    def embedding(self, prompt: Prompt, layout: Layout, base: int | None = None) -> str:
        """The slot map from the features of a token."""
        for name, default in FIELDS:
            if getattr(prompt, name) != default:
                self.refuse(f"Layer.v has no {name} of a prompt, here {getattr(prompt, name)}")
        for block in prompt.embedding:
            feature = split_entry(block.source)[0]
            if feature not in FEATURES:
                self.refuse(f"Layer.v has no feature {feature} of a token")
        return self.slotmap(prompt.embedding, prompt.features, layout, base)

    def readout(self, readout: Readout, layout: Layout) -> str:
        """The name of the read-out slot and its coefficient."""
        name, index = split_entry(readout.slot)
        if readout.tokens != "query":
            self.refuse(f"Layer.v has no read-out at {readout.tokens} tokens")
        if index is not None:
            self.refuse(f"the read-out {readout.slot} is an entry of a slot")
        if self.shape(name, layout) != "Scalar":
            self.refuse(f"the read-out {name} is not a scalar slot")
        return f"{self.quoted(name)} {coefficient(readout.coefficient)}"

    def layers(self, layers: Sequence[Layer], layout: Layout, base: int | None) -> str:
        return coq_list([self.layer(layer, layout, base) for layer in layers], ";\n    ")

    def layer(self, layer: Layer, layout: Layout, base: int | None) -> str:
        for field, norm in layer.norms().items():
            self.refuse(f"Layer.v has no {norm.kind} norm ({field})")
        heads = coq_list([self.head(head, layout, base) for head in layer.heads], ";\n      ")
        mlp = "None" if layer.mlp is None else f"(Some {self.mlp(layer.mlp, layout, base)})"
        return f"Layer {heads}\n      {mlp}"

    # -- heads and MLPs -----------------------------------------------------------------------

    def head(self, head: Head, layout: Layout, base: int | None) -> str:
        for what, rule in (("mask", head.mask), ("mix", head.mix)):
            if rule is not None:
                self.refuse(f"Layer.v has no {what} of a head ({rule})")
        null = self.boolean(head.null)
        kinds = {"linear": "Linear", "relu": "Relu", "normalised": f"(Normalised {null})"}
        kind = self.word(head.attention, kinds, "attention")
        seen = self.word(head.keys, KEYS, "keys")
        average = self.word(head.average, AVERAGES, "average")
        if null == "true" and head.attention != "normalised":
            self.refuse(f"Layer.v has no null key of {head.attention} attention")
        if average == "true" and head.attention == "normalised":
            self.refuse("average with normalised attention has no meaning")
        stream = self.space(layout)
        queries, of_query = self._written(head.query, stream, None, base)
        keys, of_key = self._written(head.key, stream, None, base)
        if of_query != of_key:
            self.refuse(f"query features {of_query} are not the key's {of_key}")
        values, _ = self._written(head.value, stream, stream, base)
        written = "\n        ".join(f"({m})" for m in (queries, keys, values))
        return f"Head {written}\n        {kind} {seen} {average}"

    def mlp(self, mlp: MLP, layout: Layout, base: int | None) -> str:
        activation = self.word(mlp.activation, ACTIVATIONS, "activation")
        mlp = _without_numbers(mlp)
        stream = hidden = self.space(layout)
        inner = gate = "None"
        if mlp.inner is not None:
            text, hidden = self._written(mlp.inner, stream, None, base)
            inner = f"(Some ({text}))"
            for slot in mlp.hidden(layout).slots:
                if slot.size != self.size(hidden[slot.name], slot.shape):
                    self.refuse(f"hidden feature {slot.name} has shape {slot.shape}")
        if mlp.gate is not None:
            text, made = self._written(mlp.gate, stream, hidden, base)
            gate = f"(Some ({text}))"
            if mlp.inner is not None and set(made) != set(hidden):
                self.refuse(f"gate features {sorted(made)} are not the hidden {sorted(hidden)}")
            known = dict(mlp.letters)
            for slot in mlp.gate.features(layout, known).slots:
                if slot.size != self.size(hidden[slot.name], slot.shape):
                    self.refuse(f"gate feature {slot.name} has shape {slot.shape}")
        outer, _ = self._written(mlp.outer, hidden, stream, base)
        return f"(Mlp ({outer})\n        {inner}\n        {gate} {activation})"

    # -- slot maps ----------------------------------------------------------------------------

    def slotmap(
        self, slots: SlotMap, source: Layout, destination: Layout | None, base: int | None
    ) -> str:
        """SlotMap, its blocks sorted by the shape of what they write."""
        if destination is not None and POSITIONS in destination and POSITIONS in source:
            shape, feature = destination[POSITIONS].shape, source[POSITIONS].shape
            if shape != feature:
                self.refuse(f"slot {POSITIONS} has shape {shape}, the feature {feature}")
        to = None if destination is None else self.space(destination)
        return self._written(slots, self.space(source), to, base)[0]

    def _written(
        self, slots: SlotMap, source: Space, destination: Space | None, base: int | None
    ) -> tuple[str, dict[str, str]]:
        """(the slot map, the shape of everything that it writes)."""
        blocks: dict[str, list[str]] = {shape: [] for shape in SHAPES}
        made: dict[str, str] = {}
        for block in slots:
            shape, text = self._block(block, source, base)
            name = block.destination
            if destination is not None and name not in destination:
                self.refuse(f"{block}: there is no slot {name} to write")
            fits = made.setdefault(name, shape) if destination is None else destination[name]
            made[name] = fits
            if shape != fits:
                self.refuse(f"{block} makes a {shape}, but its destination is a {fits}")
            blocks[shape].append(text)
        return "SlotMap " + " ".join(coq_list(of_shape) for of_shape in blocks.values()), made

    def _block(self, block: Block, source: Space, base: int | None) -> tuple[str, str]:
        """(shape of what it makes, the Coq block)."""
        if split_entry(block.destination)[1] is not None:
            self.refuse(f"{block} writes one entry of a slot")
        name, index = split_entry(block.source)
        if name not in source:
            self.refuse(f"{block}: there is no slot {name} to read")
        before = source[name]
        pattern = None if block.pattern is None else in_order(block.pattern)
        if index is not None:
            text, made = self._reading(block, before, index, pattern, base)
        elif block.matrix is not None:
            text, made = self._matrix(block, before)
        elif pattern is None:
            text, made = "(Same _)", before
        elif pattern in PATTERNS:
            text, reads, made = PATTERNS[pattern]
            if reads != before:
                self.refuse(f"the pattern of {block} reads a {reads}, but {name} is a {before}")
        else:
            self.refuse(f"Layer.v has no pattern {block.pattern} ({block})")
        destination, c = self.quoted(block.destination), coefficient(block.coefficient)
        if text == "(Same _)":
            return made, f"move {destination} {c} {self.quoted(name)}"
        return made, f"Block {destination} {c} {text} {self.quoted(name)}"

    def _reading(
        self, block: Block, before: str, index: int, pattern: str | None, base: int | None
    ) -> tuple[str, str]:
        """The pattern that reads one entry, and the shape that it makes."""
        if before != "Positions":
            self.refuse(f"{block} reads one entry of a slot")
        if block.matrix is not None or pattern not in READINGS:
            self.refuse(f"Layer.v reads one position only as it stands or repeated: {block}")
        reading, made = READINGS[pattern]
        if base is None:
            return f"({reading} {index}%N)", made
        if index < base:
            self.refuse(f"{block} reads an earlier position")
        return f"({reading} (i + {index - base})%N)", made

    def _matrix(self, block: Block, before: str) -> tuple[str, str]:
        """The pattern of an explicit matrix, and the shape that it makes."""
        if before != "Vector" or block.matrix is None or block.matrix not in self.explicit:
            self.refuse(f"Layer.v has no explicit matrix but those of given vectors: {block}")
        return self.explicit[block.matrix]

    # -- shapes, names and words --------------------------------------------------------------

    def space(self, layout: Layout) -> Space:
        return _Shapes(self, layout)

    def shape(self, name: str, layout: Layout) -> str:
        """The shape that Coq has for a slot; how many units are d must not be left to chance."""
        shape = layout[name].shape
        if name == POSITIONS:
            if len(shape) != 1 or self.positions not in (None, *shape):
                self.refuse(f"slot {name} has shape {shape}: it is not that of the feature")
            return "Positions"
        if len(shape) > 2 or any(axis != self.d for axis in shape):
            self.refuse(f"slot {name} has shape {shape}")
        return SHAPES[len(shape)]

    def size(self, shape: str, seen: tuple[int, ...]) -> int:
        """Units of a shape of Coq; those of positions are as seen."""
        return {"Scalar": 1, "Vector": self.d, "Matrix": self.d**2, "Positions": prod(seen)}[shape]

    def quoted(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            self.refuse(f"the name {name!r} cannot be written down")
        return f'"{name}"'

    def word(self, word: str, known: Mapping[str, str], what: str) -> str:
        if word not in known:
            self.refuse(f"Layer.v has no {what} {word!r}; it has {', '.join(map(repr, known))}")
        return known[word]

    def boolean(self, value: Any) -> str:
        if value is not True and value is not False:
            self.refuse(f"{value!r} is neither true nor false")
        return str(value).lower()

    def refuse(self, reason: str) -> NoReturn:
        raise NotUniformError(f"{self.name}: {reason}")


class _Shapes(Mapping[str, str]):
    """The shapes of a layout's slots; one that Coq does not have is refused when asked for."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.layout = writer, layout

    def __getitem__(self, name: str) -> str:
        if name not in self.layout:
            raise KeyError(name)
        return self.writer.shape(name, self.layout)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.layout

    def __iter__(self) -> Any:
        return (slot.name for slot in self.layout.slots)

    def __len__(self) -> int:
        return len(self.layout.slots)


def in_order(pattern: str) -> str:
    """The pattern, its letters named i, j, k in order of appearance: "ab<-b" is "ij<-j"."""
    letters = dict.fromkeys(pattern.replace("<-", ""))
    names = {letter: chr(ord("i") + number) for number, letter in enumerate(letters)}
    return "".join(names.get(mark, mark) for mark in pattern)


def _without_numbers(mlp: MLP) -> MLP:
    """The MLP with hidden features named the same in every layer: "x of 3" becomes "x of".

    Where two would get one name, all keep theirs.
    """
    if mlp.inner is None:
        return mlp
    names = {name: name.rstrip("0123456789 ") or name for name in mlp.inner.destinations}
    if len(set(names.values())) < len(names):
        return mlp

    def rename(reference: str) -> str:
        name, index = split_entry(reference)
        return names.get(name, name) + ("" if index is None else f"[{index}]")

    def renamed(slots: SlotMap, end: str) -> SlotMap:
        blocks = []
        for block in slots:
            change: dict[str, Any] = {end: rename(getattr(block, end))}
            blocks.append(replace(block, **change))
        return type(slots)(tuple(blocks))

    return replace(
        mlp,
        outer=renamed(mlp.outer, "source"),
        inner=renamed(mlp.inner, "destination"),
        gate=None if mlp.gate is None else renamed(mlp.gate, "destination"),
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
    if value.is_Symbol and value.is_integer:  # a natural number of Coq, such as n
        return f"{value.name}%:R"
    if value.is_Symbol and value.name.isascii() and value.name.isidentifier():
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
