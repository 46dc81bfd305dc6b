"""Random witnesses over the whole vocabulary, with small exact prompts to run them on.

Every slot map is drawn so that its shapes fit, and nothing else is asked of it: patterns repeat
letters, blocks read and write single entries, coefficients are 0, gates stand without inner units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

from hypothesis import strategies as st

from constructions.heads import read_offset, scaled
from constructions.prompt import Prompt
from constructions.slotmap import Block, SlotMap, slot_map
from constructions.stream import Layout, Slot
from constructions.transformer import MLP, Head, Layer, Readout, Witness

Shape = tuple[int, ...]

ATTENTION = ("linear", "relu", "normalised", "softmax")
KEYS = ("context", "full", "causal")
AVERAGES = ("", "keys", "examples")
ACTIVATIONS = ("identity", "relu", "gelu")
FORMS = ("joint", "interleaved")
IRRATIONAL = {"softmax", "gelu", "norm"}
LETTERS = "ijkl"

# powers of 2 and small: sums and products of a few are exact in floats too
COEFFICIENTS = st.sampled_from(
    [1, 1, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), Fraction(3, 4), 0]
)
ENTRIES = st.sampled_from([0, 0, 1, -1, 2, Fraction(1, 2)])
NUMBERS = st.sampled_from([0, 1, -1, 2, -2, 3, Fraction(1, 2), Fraction(-1, 4)])


@dataclass(frozen=True)
class Case:
    """A witness with a prompt that fits it, as lists of exact numbers."""

    witness: Witness
    X: list[list[Fraction]]
    y: list[Fraction]
    queries: list[list[Fraction]]

    @property
    def prompt(self) -> tuple[Any, Any, Any]:
        return self.X, self.y, self.queries


def words(witness: Witness) -> set[str]:
    """The words of the vocabulary that a witness uses, one for each field and value."""
    prompt = witness.prompt
    used = {f"form={prompt.form}", f"register={prompt.register}"}
    used.add(f"positions={bool(prompt.positions)}")
    used |= {f"feature={_name(block.source)}" for block in prompt.embedding}
    used.add(f"readout entry={_is_entry(witness.readout.slot)}")
    for slots in witness.slot_maps():
        used |= {word for block in slots for word in _block_words(block)}
    for layer in witness.layer_list:
        used.add(f"norm={layer.norm}")
        for head in layer.heads:
            used |= {f"attention={head.attention}", f"keys={head.keys}", f"null={head.null}"}
            used.add(f"average={head.average}")
        if (mlp := layer.mlp) is not None:
            inner, gate = mlp.inner is not None, mlp.gate is not None
            used.add(f"activation={mlp.activation}, inner={inner}, gate={gate}")
            used.add(f"letters={bool(mlp.letters)}")
    return used


def _block_words(block: Block) -> set[str]:
    used = {
        f"reads entry={_is_entry(block.source)}",
        f"writes entry={_is_entry(block.destination)}",
    }
    if block.coefficient == 0:
        used.add("coefficient=0")
    if block.matrix is not None:
        used.add("matrix")
    if block.pattern is not None:
        left, right = block.pattern.split("<-")
        used.add("pattern")
        for side, letters in (("left", left), ("right", right)):
            if len(set(letters)) < len(letters):
                used.add(f"pattern repeats {side}")
        if set(left) - set(right):
            used.add("pattern with new letters")
    return used


VOCABULARY = frozenset(
    {f"attention={word}" for word in ATTENTION}
    | {f"keys={word}" for word in KEYS}
    | {f"average={word}" for word in AVERAGES}
    | {f"form={word}" for word in FORMS}
    | {
        f"activation={word}, inner={inner}, gate={gate}"
        for word in ACTIVATIONS
        for inner in (False, True)
        for gate in (False, True)
    }
    | {
        f"{what}={there}"
        for what in (
            "register", "positions", "null", "norm", "letters", "readout entry", "reads entry",
            "writes entry",
        )
        for there in (False, True)
    }
    | {
        f"feature={name}"
        for name in (
            "x", "y", "one", "index", "position", "query", "register", "x_example", "x_query",
        )
    }
    | {
        "coefficient=0", "matrix", "pattern", "pattern repeats left", "pattern repeats right",
        "pattern with new letters",
    }
)  # fmt: skip


# -- the strategies ---------------------------------------------------------------------------


@st.composite
def cases(
    draw: Any,
    without: frozenset[str] | set[str] = frozenset(),
    most_layers: int = 3,
    most_d: int = 3,
    most_n: int = 3,
    most_m: int = 3,
    fixed: Mapping[str, Any] | None = None,
) -> Case:
    """Witnesses that use no word of `without` ("softmax", "norm", "causal", …), with prompts."""
    witness = draw(witnesses(without, most_layers, most_d, fixed))
    n = draw(st.integers(1, most_n)) if witness.examples is None else witness.examples
    m = draw(st.integers(1, most_m))
    return draw(prompts(witness, n, m))


@st.composite
def prompts(draw: Any, witness: Witness, n: int, m: int) -> Case:
    """A prompt of n examples and m queries for a witness."""
    rows = st.lists(NUMBERS, min_size=witness.d, max_size=witness.d)
    X, y, queries = (
        draw(st.lists(entries, min_size=count, max_size=count))
        for entries, count in ((rows, n), (NUMBERS, n), (rows, m))
    )
    return Case(
        witness,
        [[Fraction(value) for value in row] for row in X],
        [Fraction(value) for value in y],
        [[Fraction(value) for value in row] for row in queries],
    )


@st.composite
def witnesses(
    draw: Any,
    without: frozenset[str] | set[str] = frozenset(),
    most_layers: int = 3,
    most_d: int = 3,
    fixed: Mapping[str, Any] | None = None,
) -> Witness:
    """One witness; `fixed` sets d or fields of the prompt ("form", "register", "positions")."""
    fixed = dict(fixed or {})
    d = fixed["d"] if "d" in fixed else draw(st.integers(1, most_d))
    positions = fixed.get("positions")
    if positions is None:
        # positions beyond the tokens, and fewer than there are
        positions = draw(st.sampled_from([0, 0, 0, 1, 3, 5]))
    shapes: dict[str, Shape] = {"a": (), "u": (d,)}
    more: dict[str, Shape] = {"b": (), "v": (d,), "A": (d, d), "B": (d, d)}
    for name, shape in more.items():
        if draw(st.booleans()):
            shapes[name] = shape
    if positions:
        shapes["position"] = (positions,)
    if draw(st.integers(0, 2)) == 0 and not {"one", "index"} & set(without):
        shapes |= {"one": (), "index": ()}
    names = draw(st.permutations(list(shapes)))
    layout = Layout(tuple(Slot(name, shapes[name]) for name in names))
    prompt = draw(_prompts(d, layout, positions, without, fixed))
    letters = {letter: d for letter in LETTERS}
    layers = tuple(
        draw(_layers(f"layer {number}", layout, letters, without))
        for number in range(1, draw(st.sampled_from(range(most_layers + 1))) + 1)
    )
    readout = draw(_one_number(layout))
    coefficient = draw(st.sampled_from([1, 1, -1, 2, Fraction(1, 2), 0]))
    examples = draw(st.sampled_from([None, None, None, 1, 2]))
    return Witness(
        "drawn", layout, prompt, layers, Readout(readout, coefficient), examples=examples
    )


@st.composite
def _prompts(
    draw: Any, d: int, layout: Layout, positions: int, without: Any, fixed: Mapping[str, Any]
) -> Prompt:
    form = fixed.get("form") or draw(_allowed(FORMS, without))
    register = fixed["register"] if "register" in fixed else draw(st.booleans())
    features = Prompt(d, SlotMap(), form, register, positions).features
    names = [
        slot.name
        for slot in features.slots
        if slot.size and slot.name not in without and not (slot.name == "register" and not register)
    ]
    blocks = [
        *(("u", name, 1) for name in ("x",) if draw(st.integers(0, 4)) and name not in without),
        *(("a", name, 1) for name in ("y",) if draw(st.integers(0, 4)) and name not in without),
    ]
    if positions and draw(st.booleans()) and "position" in names:
        blocks.append(("position", "position", 1))
    if "one" in layout and draw(st.integers(0, 4)):
        blocks += [("one", "one", 1), ("index", "index", 1)]
    more = draw(_blocks(layout, features, names, 0, 4, without))
    return Prompt(d, slot_map(*blocks, *more), form, register, positions)


@st.composite
def _layers(
    draw: Any, name: str, layout: Layout, letters: Mapping[str, int], without: Any
) -> Layer:
    heads: tuple[Head, ...] = ()
    for number in range(1, draw(st.sampled_from([0, 1, 1, 2])) + 1):
        head = draw(_heads(f"head {number}", layout, without))
        heads += draw(_with_partners(head, layout))
    mlp = draw(st.none() | _mlps(layout, letters, without)) if heads else None
    if not heads:
        mlp = draw(_mlps(layout, letters, without))
    norm = mlp is not None and "norm" not in without and draw(st.integers(0, 5)) == 0
    return Layer(name, heads, mlp, norm)


@st.composite
def _with_partners(draw: Any, head: Head, layout: Layout) -> tuple[Head, ...]:
    """The head; with one of ReLU now and then others that together are linear or select tokens,
    or almost are and do not.
    """
    if head.attention != "relu" or draw(st.integers(0, 2)):
        return (head,)
    if "one" in layout and draw(st.booleans()):
        three = read_offset(draw(st.sampled_from([-1, 0, 1])), head.value)
        shifts = [draw(st.sampled_from([1, 1, 1, 1, 2])) for _ in three]
        return tuple(
            replace(one, keys=head.keys, average=head.average, value=scaled(one.value, by))
            for one, by in zip(three, shifts)
        )
    by = draw(st.sampled_from([1, 2, Fraction(1, 2)]))
    back = draw(st.sampled_from([1 / Fraction(by)] * 3 + [Fraction(1, 4)]))
    sent = scaled(head.value, -back)
    partner = replace(head, query=scaled(head.query, -by), value=sent, name=f"{head.name}, minus")
    return head, partner


@st.composite
def _heads(draw: Any, name: str, layout: Layout, without: Any) -> Head:
    attention = draw(_allowed(ATTENTION, without))
    linear = attention in ("linear", "relu")
    query, key = draw(_feature_maps(layout, None, without, ("f", "g")))
    return Head(
        query=query,
        key=key,
        value=slot_map(*draw(_blocks(layout, layout, list(_names(layout)), 1, 3, without))),
        attention=attention,
        keys=draw(_allowed(KEYS, without)),
        average=draw(_allowed(AVERAGES, without)) if linear else "",
        null=draw(st.sampled_from([True, True, False])) if not linear else False,
        name=name,
    )


@st.composite
def _mlps(draw: Any, layout: Layout, letters: Mapping[str, int], without: Any) -> MLP:
    activation = draw(_allowed(ACTIVATIONS, without))
    with_gate = "gate" not in without and draw(st.booleans())
    if "no inner" not in without and draw(st.integers(0, 2)) == 0:
        gate = None
        if with_gate:
            sizes = {slot.name: slot.size for slot in layout.slots if slot.size}
            chosen = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, unique=True))
            gate = SlotMap(
                tuple(
                    draw(_block_of_size(name, sizes[name], layout.shape(name), layout, {}, without))
                    for name in chosen
                )
            )
        outer = draw(_blocks(layout, layout, list(_names(layout)), 1, 3, without))
        return MLP(slot_map(*outer), gate=gate, activation=activation)
    used = dict(letters) if "letters" not in without and draw(st.booleans()) else {}
    inner, gate = draw(_feature_maps(layout, used, without, ("h", "k")))
    hidden = inner.features(layout, used)
    outer = draw(_blocks(layout, hidden, list(_names(hidden)), 1, 3, without))
    return MLP(
        slot_map(*outer), inner, gate if with_gate else None, activation, tuple(used.items())
    )


@st.composite
def _feature_maps(
    draw: Any, layout: Layout, letters: Mapping[str, int] | None, without: Any, names: Sequence[str]
) -> tuple[SlotMap, SlotMap]:
    """Two maps from the stream to the same features."""
    letters = letters or {}
    ours: list[Block] = []
    theirs: list[Block] = []
    chosen = names[: draw(st.integers(1, len(names)))]
    for name in chosen:
        shape = draw(st.sampled_from([slot.shape for slot in layout.slots if slot.size]))
        first = draw(_block_of_size(name, prod(shape), None, layout, letters, without))
        shape = first.output_shape(layout.shape(first.source), dict(letters))
        more = st.lists(
            _block_of_size(name, prod(shape), shape, layout, letters, without), max_size=1
        )
        further = draw(more)
        if further:  # a first block of coefficient 0 would be left out, and the shape be another's
            first = replace(first, coefficient=first.coefficient or 1)
        ours += [first, *further]
        theirs.append(draw(_block_of_size(name, prod(shape), shape, layout, letters, without)))
        theirs += draw(more)
    if draw(st.booleans()):
        theirs.reverse()  # the features come in another order
    return slot_map(*ours), slot_map(*theirs)


# -- blocks -----------------------------------------------------------------------------------


@st.composite
def _blocks(
    draw: Any, to: Layout, source: Layout, names: list[str], least: int, most: int, without: Any
) -> list[Block]:
    """Blocks between slots that are given, each by a way that fits."""
    made = []
    for _ in range(draw(st.integers(least, most))):
        destination = draw(_reference(to, list(_names(to)), "writes entry" in without))
        read = draw(_reference(source, names, "reads entry" in without))
        shape, before = to.shape(destination), source.shape(read)
        ways = ["pattern", "matrix"] + (["plain", "plain"] if prod(shape) == prod(before) else [])
        way = draw(_allowed(ways, without)) if set(ways) - set(without) else None
        if way is None:
            continue
        coefficient = draw(COEFFICIENTS)
        if way == "pattern":
            block = Block(destination, read, coefficient, draw(_pattern(shape, before, without)))
        elif way == "matrix":
            block = Block(destination, read, coefficient, None, draw(_matrix(shape, before)))
        else:
            block = Block(destination, read, coefficient)
        made.append(block)
    return made


@st.composite
def _block_of_size(
    draw: Any,
    name: str,
    size: int,
    shape: Shape | None,
    layout: Layout,
    letters: Mapping[str, int],
    without: Any,
) -> Block:
    """A block that makes `size` units of a feature, which has a `shape` if it is known already."""
    read = draw(_reference(layout, list(_names(layout)), "reads entry" in without))
    before = layout.shape(read)
    ways: list[Any] = [(None, None)] * 3 if prod(before) == size else []
    if "pattern" not in without:
        right = draw(_letters_of(before, without))
        own = dict(zip(right, before))
        known = {**letters, **own}
        sides = ["", *known, *(a + b for a in known for b in known)]
        if "repeated letters" in without:
            sides = [side for side in sides if len(set(side)) == len(side)]
        ways += [
            (f"{left}<-{right}", None)
            for left in sides
            if prod(known[letter] for letter in left) == size
            and (set(left) <= set(own) or shape in (None, tuple(known[one] for one in left)))
        ]
    if "matrix" not in without or not ways:
        ways.append((None, draw(_matrix((size,), before))))
    pattern, matrix = draw(st.sampled_from(ways))
    return Block(name, read, draw(COEFFICIENTS), pattern, matrix)


@st.composite
def _pattern(draw: Any, shape: Shape, before: Shape, without: Any) -> str:
    """An index pattern: each axis takes a letter of its size, an old one or a new one."""
    right = draw(_letters_of(before, without))
    sizes = dict(zip(right, before))
    left = ""
    for size in shape:
        known = [letter for letter, axis in sizes.items() if axis == size]
        if "repeated letters" in without:
            known = [letter for letter in known if letter not in left]
        new = next(letter for letter in LETTERS if letter not in sizes)
        letter = draw(st.sampled_from([*known, *known, new]))
        sizes[letter] = size
        left += letter
    return f"{left}<-{right}"


@st.composite
def _letters_of(draw: Any, shape: Shape, without: Any) -> str:
    letters = LETTERS[: len(shape)]
    repeated = len(shape) == 2 and shape[0] == shape[1] and "repeated letters" not in without
    return "ii" if repeated and draw(st.integers(0, 3)) == 0 else letters


@st.composite
def _matrix(draw: Any, shape: Shape, before: Shape) -> tuple[tuple[Any, ...], ...]:
    columns = st.tuples(*[ENTRIES] * prod(before))
    return tuple(draw(columns) for _ in range(prod(shape)))


@st.composite
def _reference(draw: Any, layout: Layout, names: list[str], whole: bool) -> str:
    """A slot of the layout, or an entry of one."""
    name = draw(st.sampled_from(names))
    size = layout[name].size
    if whole or layout[name].shape == () or draw(st.integers(0, 2)):
        return name
    return f"{name}[{draw(st.integers(0, size - 1))}]"


@st.composite
def _one_number(draw: Any, layout: Layout) -> str:
    name = draw(st.sampled_from(list(_names(layout))))
    if layout[name].shape == ():
        return name
    return f"{name}[{draw(st.integers(0, layout[name].size - 1))}]"


def _allowed(values: Sequence[str], without: Any) -> Any:
    return st.sampled_from([value for value in values if value not in without])


def _names(layout: Layout) -> tuple[str, ...]:
    return tuple(slot.name for slot in layout.slots if slot.size)


def _name(reference: str) -> str:
    return reference.partition("[")[0]


def _is_entry(reference: str) -> bool:
    return reference.endswith("]")
