"""Random witnesses over the whole vocabulary, with small exact prompts to run them on.

Every slot map is drawn so that its shapes fit, and nothing else is asked of it: patterns repeat
letters, blocks read and write single entries, coefficients are 0, gates stand without inner units.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from constructions.parts import read_offset, scaled
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Norm, Readout
from proofs.prompt import Prompt, binary, sinusoidal
from proofs.rule import Rule, rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Layout, Slot
from proofs.stream import layout as layout_of

Shape = tuple[int, ...]

ATTENTION = ("linear", "relu", "normalised", "softmax", "exponential")
KEYS = ("context", "full", "causal", "strictly causal")
AVERAGES = ("", "keys", "examples")
ACTIVATIONS = ("identity", "relu", "gelu")
FORMS = ("joint", "interleaved")
IRRATIONAL = {"softmax", "exponential", "gelu", "norm", "irrational rule"}
NORMS = ("attention_norm", "after_attention", "norm", "after_mlp")
HALF = {"half": Fraction(1, 2)}
# of t (mix: r) and j (c): what tokens see, and by how much
RULES = (
    rule("j <= t"),
    rule("j < t or j == 0"),
    rule("j < n"),
    rule("j < n and t > 0"),
    rule("t == j"),
    rule("not t == j"),
    rule("1"),
    rule("half**(t - j) * (j <= t)", **HALF),
    rule("half**abs(t - j)", **HALF),
    rule("(t + j) % 2 + half", **HALF),
    rule("(t - 2 * j) // 3 + 0.25 * (0 <= j < N - 1)"),
    rule("min(t, j + 1, 2) - max(0, j - t)"),
    rule("-2**(1 + (j != t)) / (1 + n)"),
)
IRRATIONAL_RULES = (
    rule("cos(pi * (t - j) / 5)"),
    rule("(j <= t) * sin(pi / 7 + scale * t) * (1 + j)", scale=Fraction(1, 3)),
)
LETTERS = "ijkl"
_PARTS = re.compile("[A-Za-z]+|[^A-Za-z]+")

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
    y: list[Any]  # numbers, or lists of them
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
    used |= field_words(witness)
    for slots in witness.slot_maps():
        used |= {word for block in slots for word in _block_words(block)}
    for layer in witness.layer_list:
        used |= _norm_words(layer)
        for head in layer.heads:
            used |= {f"attention={head.attention}", f"keys={head.keys}", f"null={head.null}"}
            used |= {f"average={head.average}", f"mask={head.mask is not None}"}
            used.add(f"mix={head.mix is not None}")
            for one in filter(None, (head.mask, head.mix)):
                if one.matrix is not None:
                    used.add("rule that is a matrix")
                elif one.uses("sin", "cos", "pi"):
                    used.add("irrational rule")
                elif one.constants:
                    used.add("rule with constants")
        if (mlp := layer.mlp) is not None:
            inner, gate = mlp.inner is not None, mlp.gate is not None
            used.add(f"activation={mlp.activation}, inner={inner}, gate={gate}")
            used.add(f"letters={bool(mlp.letters)}")
    return used


def _norm_words(layer: Layer) -> set[str]:
    used = {f"norm={bool(layer.norm)}"}
    for place in NORMS:
        one = getattr(layer, place)
        if one:
            used |= {f"norm=True, {place}", f"norm=True, {'layer' if one is True else one.kind}"}
        if isinstance(one, Norm):
            for field in ("epsilon", "gain", "bias"):
                if getattr(one, field):
                    used.add(f"norm=True, {field}")
            if any(isinstance(value, tuple) for _, value in (*one.gain, *one.bias)):
                used.add("norm=True, one number for each entry")
    return used


def field_words(witness: Witness) -> set[str]:
    """What a witness uses beside x of d numbers, one target and one number at each query."""
    prompt, readout = witness.prompt, witness.readout
    used = set()
    if prompt.parts is not None:
        used.add("parts")
    if set(prompt.fields.query_parts) < {part.name for part in prompt.fields.parts.slots}:
        used.add("parts of examples only")
    if prompt.targets != 1:
        used.add(f"targets={'d' if prompt.targets == 'd' else min(prompt.targets, 2)}")
    if len(witness.layout.rows(readout.slot)) > 1:
        used.add("several numbers")
    if readout.tokens != "query":
        used.add(f"read-out at {readout.tokens}")
    read = {_name(block.source) for block in prompt.embedding}
    return used | {f"encoding {name}" for name, _ in prompt.encodings if name in read}


FIELDS = frozenset(
    {
        "parts", "parts of examples only", "targets=d", "targets=0", "targets=2",
        "several numbers", "read-out at examples", "read-out at all", "encoding bits",
    }
)  # fmt: skip


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
            "writes entry", "mask", "mix",
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
        "pattern with new letters", "rule that is a matrix", "rule with constants",
        "irrational rule", "norm=True, layer", "norm=True, rms", "norm=True, epsilon",
        "norm=True, gain", "norm=True, bias", "norm=True, one number for each entry",
    }
    | {f"norm=True, {place}" for place in NORMS}
)  # fmt: skip
RATIONAL = frozenset(
    word
    for word in VOCABULARY
    if not any(one in word for one in ("softmax", "exponential", "gelu", "norm=True", "irrational"))
)


# Hypothesis goes on to change each case after the tenth five times before it draws a new one
INDEPENDENT = 10


def on_each(
    check: Callable[[Case], Any], examples: int, shrink: bool = False, **options: Any
) -> None:
    """Run a check on that many cases, the same ones each time; `options` are those of `cases`.

    They are drawn a few at a time, so that each is drawn anew.
    """
    for first in range(0, examples, INDEPENDENT):

        @seed(first)
        @settings(
            max_examples=min(INDEPENDENT, examples - first),
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        )
        @given(cases(**options))
        def run(case: Case) -> None:
            check(case)

        run()


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
    least_layers: int = 0,
    fields: bool = False,
) -> Case:
    """Witnesses that use no word of `without` ("softmax", "norm", "causal", …), with prompts.

    fields: also parts of x, targets other than one, and other read-outs than a number of a query.
    """
    witness = draw(witnesses(without, most_layers, most_d, fixed, least_layers, fields))
    n = draw(st.integers(1, most_n)) if witness.examples is None else witness.examples
    m = draw(st.integers(1, most_m))
    if "rule that is a matrix" not in without:
        witness = draw(with_matrices(witness, n, m))
    return draw(prompts(witness, n, m))


@st.composite
def with_matrices(draw: Any, witness: Witness, n: int, m: int) -> Witness:
    """The witness with some of its rules as matrices, which fit that many tokens alone."""
    tokens = witness.prompt.tokens(n, m)

    def drawn(one: Rule | None, rows: int, columns: int) -> Rule | None:
        if one is None or not draw(st.integers(0, 3)) == 0:
            return one
        row = st.tuples(*[st.sampled_from([0, 1, 1, 1, 2, -1, Fraction(1, 2)])] * columns)
        return Rule(matrix=tuple(draw(row) for _ in range(rows)))

    layers = []
    for layer in witness.layer_list:
        heads = []
        for head in layer.heads:
            keys = len(tokens.context) if head.keys == "context" else tokens.total
            mask, mix = drawn(head.mask, tokens.total, keys), drawn(head.mix, keys, keys)
            heads.append(replace(head, mask=mask, mix=mix))
        layers.append(replace(layer, heads=tuple(heads)))
    return witness.with_layers(tuple(layers))


@st.composite
def prompts(draw: Any, witness: Witness, n: int, m: int) -> Case:
    """A prompt of n examples and m queries for a witness."""
    prompt = witness.prompt
    targets = prompt.d if prompt.targets == "d" else prompt.targets

    def rows(size: int) -> Any:
        return st.lists(NUMBERS.map(Fraction), min_size=size, max_size=size)

    X, y, queries = (
        draw(st.lists(entries, min_size=count, max_size=count))
        for entries, count in (
            (rows(prompt.inputs), n),
            (NUMBERS.map(Fraction) if prompt.targets == 1 else rows(targets), n),
            (rows(prompt.query_inputs), m),
        )
    )
    return Case(witness, X, y, queries)


@st.composite
def witnesses(
    draw: Any,
    without: frozenset[str] | set[str] = frozenset(),
    most_layers: int = 3,
    most_d: int = 3,
    fixed: Mapping[str, Any] | None = None,
    least_layers: int = 0,
    fields: bool = False,
) -> Witness:
    """One witness; `fixed` sets d or fields of the prompt ("form", "register", "positions"), and
    has most heads mask or mix by some of `RULES` ("rules")."""
    fixed = dict(fixed or {})
    d = fixed["d"] if "d" in fixed else draw(st.sampled_from([*range(1, most_d + 1), most_d]))
    positions = fixed.get("positions")
    if positions is None:
        # positions beyond the tokens, and fewer than there are
        positions = draw(st.sampled_from([0, 0, 0, 1, 3, 5]))
    shapes: dict[str, Shape] = {"a": (), "u": (d,)}
    more: dict[str, Shape] = {"b": (), "v": (d,), "A": (d, d), "B": (d, d)}
    for name, shape in more.items():
        if draw(st.integers(0, 2)):
            shapes[name] = shape
    if positions:
        shapes["position"] = (positions,)
    if draw(st.integers(0, 2)) == 0 and not {"one", "index"} & set(without):
        shapes |= {"one": (), "index": ()}
    carried: dict[str, Any] = {}
    if fields:
        carried = draw(fields_of_a_prompt(frozenset(without)))
        targets = carried["targets"]
        if targets not in (0, 1, "d"):
            shapes |= {"w": (targets,), "W": (targets, d)}
    names = draw(st.permutations(list(shapes)))
    slots = Layout(tuple(Slot(name, shapes[name]) for name in names))
    drawing = _Drawing(draw, d, slots, without, fixed.get("rules", ()))
    prompt = drawing.prompt(positions, fixed, carried)
    count = draw(st.integers(least_layers, most_layers))
    layers = tuple(drawing.layer(f"layer {number}") for number in range(1, count + 1))
    slot = drawing.one_number()
    if fields and drawing.chance(1, 2):
        slot = drawing.pick(drawing.sources())
    tokens = drawing.pick(["query", "query", "examples", "all"]) if fields else "query"
    return Witness(
        "drawn",
        drawing.layout,
        prompt,
        layers,
        Readout(slot, drawing.pick([1, 1, 1, -1, 2, Fraction(1, 2), 0]), tokens),
        examples=drawing.pick([None, None, None, 1, 2]),
    )


@st.composite
def fields_of_a_prompt(draw: Any, without: frozenset[str]) -> dict[str, Any]:
    """Parts of x, which of them queries have, in any order, how many targets there are, and
    encodings."""
    made: dict[str, Any] = {"targets": draw(st.sampled_from([1, 2, 0, "d", 3]))}
    encodings = {"bits": (*binary(2), rule("(N - t) / (1 + n)")), "wave": sinusoidal(2, 100)}
    names = ["bits"] if "irrational rule" in without else ["bits", "wave"]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names)))
    chosen = [] if "encodings" in without else chosen
    made["encodings"] = tuple((name, encodings[name]) for name in chosen)
    shapes = {"x": "d", "z": "d", "r": "", "s": ""}
    names = draw(st.permutations([*shapes]))[: draw(st.integers(1, 3))]
    if draw(st.integers(0, 3)):
        made["parts"] = layout_of(**{name: shapes[name] for name in names})
        if draw(st.booleans()):
            asked = draw(st.permutations(names))
            made["query_parts"] = tuple(asked[: draw(st.integers(0, len(asked)))])
    return made


class _Drawing:
    """Draws the parts of one witness; `filled` has the slots that may hold something by now,
    `unasked` those of them that hold nothing in a query.

    Mostly those are read: a part that reads zeros says little.
    """

    def __init__(
        self, draw: Any, d: int, layout: Layout, without: Any, rules: Sequence[Rule] = ()
    ) -> None:
        self.shares_with_rules, self.rules = ((3, 4), rules) if rules else ((1, 4), RULES)
        self.draw, self.d, self.layout, self.without = draw, d, layout, frozenset(without)
        self.letters = {letter: d for letter in LETTERS}
        self.filled: set[str] = set()
        self.unasked: set[str] = set()
        self.patterns = not {"pattern", "pattern outside gates"} & self.without
        self.matrices = "matrix" not in self.without
        self.any_matrix = (
            "other matrices" not in self.without
        )  # than of vectors to numbers, vectors
        self.mixed = "mixed shapes" not in self.without  # such as (d, d) to (3,) where d = 1

    def pick(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def chance(self, shares: int, of: int) -> bool:
        return self.draw(st.integers(1, of)) <= shares

    def word(self, values: Sequence[str], field: str = "") -> str:
        """One of the words, without those that `without` names alone or as "field=word"."""
        return self.pick([v for v in values if not {v, f"{field}={v}"} & self.without])

    # -- parts --

    def prompt(
        self, positions: int, fixed: Mapping[str, Any], carried: Mapping[str, Any]
    ) -> Prompt:
        form = fixed.get("form") or self.word(FORMS)
        if carried.get("targets") == 0:
            form = "joint"
        register = fixed["register"] if "register" in fixed else self.draw(st.booleans())
        bare = Prompt(self.d, SlotMap(), form, register, positions, **carried)
        features = bare.features
        names = [
            slot.name
            for slot in features.slots
            if slot.size
            and slot.name not in self.without
            and not (slot.name == "register" and not register)
        ]
        usual = {
            "a": ["y", "y", "y", "one"],
            "b": ["one", "one", "query", "index", "register"],
            "u": ["x", "x", "x", "x_example"],
            "v": ["x_example", "x_query", "x"],
            "position": ["position"],
            "one": ["one"],
            "index": ["index"],
        }
        blocks_of_encodings: list[Block] = []
        if carried:
            for part in bare.fields.parts.slots:
                own = [name for name in names if name.partition("_")[0] == part.name]
                usual["u" if part.shape else "a"] += own
            usual |= {"a": [a for a in usual["a"] if a in names and not features[a].shape]}
            usual["w"] = ["y"]
            for name, rules in bare.encodings:
                entry = f"{name}[{self.draw(st.integers(0, len(rules) - 1))}]"
                if self.chance(2, 3):
                    blocks_of_encodings.append(Block(self.pick(["a", "u[0]"]), entry))
            usual["v"] += ["y"] if carried["targets"] == "d" else []
        blocks = []
        for slot in _names(self.layout):
            known = [name for name in usual.get(slot, ()) if name in names]
            if known and self.chance(5, 6):
                blocks.append(Block(slot, self.pick(known), self.pick([1, 1, 1, -1, 2])))
        if self.patterns and "x" in names:
            spread = ["ij<-i", "ij<-j", "jj<-j"] if "repeated letters" not in self.without else []
            for slot in _names(self.layout):
                if slot in "AB" and self.chance(2, 3):
                    blocks.append(Block(slot, "x", 1, self.pick([*spread, "ij<-i"])))
        more = self.blocks(self.layout, features, names, self.pick([0, 0, 1, 1, 2, 3]))
        embedding = slot_map(*blocks, *more, *blocks_of_encodings)
        self._fill(embedding)
        elsewhere = {"y", "register", "position"}
        elsewhere |= {name for name in names if name.endswith("_example")}
        elsewhere |= {part.name for part in bare.fields.parts.slots} - {*bare.fields.query_parts}
        asked = {_name(b.destination) for b in embedding if _name(b.source) not in elsewhere}
        self.unasked = self.filled - asked
        return replace(bare, embedding=embedding)

    def layer(self, name: str) -> Layer:
        heads: tuple[Head, ...] = ()
        most = [0] if "heads" in self.without else [0, 1, 1, 2]
        for number in range(1, self.pick(most) + 1):
            heads += self.with_partners(self.head(f"head {number}"))
        for head in heads:
            self._fill(head.value)
        mlp = None if heads and self.chance(1, 2) else self.mlp()
        if mlp is not None:
            self._fill(mlp.outer)
        return Layer(name, heads, mlp, **self.norms(heads, mlp))

    def norms(self, heads: tuple[Head, ...], mlp: MLP | None) -> dict[str, Any]:
        places = [] if "norm" in self.without else list(NORMS)
        if not heads and places:
            places.remove("attention_norm")
        if mlp is None and places:
            places.remove("norm")
        if not places or self.chance(2, 3):
            return {}
        return {place: self.norm() for place in places if self.chance(1, 2)}

    def norm(self) -> Norm:
        """A norm: now and then none of its numbers."""
        if self.chance(1, 3):
            return Norm()
        numbers = [1, 2, -1, Fraction(1, 2)]

        def given() -> tuple[tuple[str, Any], ...]:
            names = [name for name in _names(self.layout) if self.chance(1, 3)]
            return tuple(
                (
                    name,
                    self.pick(numbers)
                    if self.draw(st.booleans())
                    else tuple(self.pick(numbers) for _ in range(self.layout[name].size)),
                )
                for name in names
            )

        kind, epsilon = self.pick(["layer", "rms"]), self.pick([0, 1, Fraction(1, 8)])
        return Norm(kind, epsilon, given(), given())

    def rule(self, word: str, names: str) -> Rule | None:
        """A mask ("tj") or a mix ("rc"), mostly none."""
        if word in self.without or not self.chance(*self.shares_with_rules):
            return None
        more = () if "irrational rule" in self.without else IRRATIONAL_RULES
        one = self.pick((*self.rules, *more))
        return one if names == "tj" else mix_of(one)

    def _fill(self, slots: SlotMap) -> None:
        written = {_name(block.destination) for block in slots if block.coefficient != 0}
        self.filled |= written
        self.unasked -= written

    def head(self, name: str) -> Head:
        attention = self.word(ATTENTION)
        linear = attention not in ("softmax", "normalised")
        keys, mask = self.word(KEYS), self.rule("mask", "tj")
        if keys == "strictly causal" or mask is not None:  # else a token may see nothing
            null = self.chance(9, 10)
        else:
            null = self.chance(2, 3)
        query, key = self.feature_maps({}, ("f", "g"))
        sent = sorted(self.unasked) if self.unasked and self.chance(1, 2) else self.sources()
        value = self.blocks(self.layout, self.layout, sent, self.pick([1, 1, 2, 3]))
        return Head(
            query=query,
            key=key,
            value=slot_map(*value),
            attention=attention,
            keys=keys,
            average=self.word(AVERAGES) if linear else "",
            null=not linear and null,
            name=name,
            mask=mask,
            mix=self.rule("mix", "rc"),
        )

    def with_partners(self, head: Head) -> tuple[Head, ...]:
        """The head; with one of ReLU now and then others that together are linear or select
        tokens, or almost are and do not.
        """
        if head.attention != "relu" or self.chance(1, 3):
            return (head,)
        if "one" in self.layout and self.chance(1, 2):
            three = read_offset(self.pick([-1, 0, 1]), head.value)
            return tuple(
                replace(
                    one,
                    keys=head.keys,
                    average=head.average,
                    mask=head.mask,
                    mix=head.mix,
                    value=scaled(one.value, self.pick([1, 1, 1, 1, 2])),
                )
                for one in three
            )
        by = self.pick([1, 2, Fraction(1, 2)])
        back = self.pick([1 / Fraction(by), 1 / Fraction(by), Fraction(1, 4)])
        partner = replace(
            head,
            query=scaled(head.query, -by),
            value=scaled(head.value, -back),
            name=f"{head.name}, minus",
        )
        return head, partner

    def mlp(self) -> MLP:
        activation = self.word(ACTIVATIONS, "activation")
        gated = "gate" not in self.without and self.pick([False, True])
        count = self.pick([1, 1, 2, 3])
        if "no inner" not in self.without and self.pick([False, False, False, True, True]):
            gate = None
            if gated:
                slots = [self.layout[name] for name in _names(self.layout)]
                chosen = self.draw(st.lists(st.sampled_from(slots), min_size=1, unique=True))
                gate = SlotMap(
                    tuple(
                        self.block_of_size(slot.name, slot.size, slot.shape, {}) for slot in chosen
                    )
                )
                names = [slot.name for slot in chosen]
            read = names if gated and self.chance(3, 4) else self.sources()
            outer = self.blocks(self.layout, self.layout, read, count)
            return MLP(slot_map(*outer), gate=gate, activation=activation)
        if gated and "letters" not in self.without and self.chance(1, 2):
            return self.products(activation)
        letters = self.letters if "letters" not in self.without and self.chance(1, 2) else {}
        inner, gate = self.feature_maps(letters, ("h", "k"))
        hidden = inner.features(self.layout, letters)
        outer = self.blocks(self.layout, hidden, list(_names(hidden)), count)
        return MLP(
            slot_map(*outer), inner, gate if gated else None, activation, tuple(letters.items())
        )

    def products(self, activation: str) -> MLP:
        """Products of two slots, spread along the axes of hidden units and summed over some."""
        ranks: dict[int, list[str]] = {
            rank: [slot.name for slot in self.layout.slots if slot.shape == (self.d,) * rank]
            for rank in range(3)
        }
        axes = self.pick(["", "i", "ij", "ij"])
        parts = [
            part
            for part in ("", "i", "j", "ij", "ji")
            if set(part) <= set(axes) and ranks[len(part)]
        ]
        sides = []
        for _ in range(2):
            part = self.pick(parts)
            slots = ranks[len(part)]
            held = [name for name in slots if name in self.filled]
            read = self.pick(held if held and self.chance(7, 8) else slots)
            sides.append(Block("h", read, self.draw(COEFFICIENTS), f"{axes}<-{part}"))
        outer = []
        for _ in range(self.pick([1, 1, 2])):
            out = self.pick(parts)
            destination = self.pick(ranks[len(out)])
            read = "h[0]" if self.chance(1, 8) and "reads entry" not in self.without else "h"
            if read == "h":
                outer.append(Block(destination, read, self.draw(COEFFICIENTS), f"{out}<-{axes}"))
            else:
                outer += self.blocks(self.layout, layout_of(h=(self.d,) * len(axes)), ["h"], 1)
        to, columns = self.pick(_names(self.layout)), (self.d,) * len(axes)
        if self.has_matrix(self.layout.shape(to), columns) and self.chance(1, 4):
            outer.append(Block(to, "h", 1, None, self.matrix(self.layout.shape(to), columns)))
        inner, gate = (slot_map(side) for side in sides)
        return MLP(slot_map(*outer), inner, gate, activation, tuple(self.letters.items()))

    def feature_maps(
        self, letters: Mapping[str, int], names: Sequence[str]
    ) -> tuple[SlotMap, SlotMap]:
        """Two maps from the stream to the same features."""
        ours: list[Block] = []
        theirs: list[Block] = []
        for name in names[: self.pick([1, 1, len(names)])]:
            rare = sorted(self.unasked) if self.unasked and self.chance(1, 4) else self.sources()
            like = self.layout[self.pick(rare)]
            size = like.size
            wanted = None if self.mixed else like.shape
            first = self.block_of_size(name, size, wanted, letters, rare)
            shape = first.output_shape(self.layout.shape(first.source), dict(letters))
            count = self.pick([0, 0, 0, 1])
            further = [self.block_of_size(name, size, shape, letters) for _ in range(count)]
            if further:  # a first block of coefficient 0 is left out: the shape is another's then
                first = replace(first, coefficient=first.coefficient or 1)
            ours += [first, *further]
            for _ in range(self.pick([1, 1, 1, 2])):
                theirs.append(self.block_of_size(name, size, shape, letters))
        if self.draw(st.booleans()):
            theirs.reverse()  # the features come in another order
        return slot_map(*ours), slot_map(*theirs)

    # -- blocks --

    def sources(self) -> list[str]:
        """Slots to read: mostly those that hold something."""
        held = [name for name in _names(self.layout) if name in self.filled]
        return held if held and self.chance(7, 8) else list(_names(self.layout))

    def blocks(self, to: Layout, source: Layout, names: list[str], count: int) -> list[Block]:
        """Blocks between slots that are given, each by a way that fits."""
        made = []
        for _ in range(count):
            read = self.reference(source, names, "reads entry")
            before = source.shape(read)
            targets = list(_names(to))
            if not (self.patterns or self.any_matrix and self.matrices):
                targets = [
                    name
                    for name in targets
                    if self.alike(to[name].shape, before) or self.has_matrix(to[name].shape, before)
                ]
                if not targets:
                    continue
            destination = self.reference(to, targets, "writes entry")
            shape = to.shape(destination)
            ways = ["plain"] * 3 if self.alike(shape, before) else []
            ways += ["pattern"] * self.patterns + ["matrix"] * self.has_matrix(shape, before)
            if not ways:  # an entry was drawn where only whole slots fit
                continue
            way = self.pick(ways)
            pattern = self.pattern(shape, before) if way == "pattern" else None
            matrix = self.matrix(shape, before) if way == "matrix" else None
            made.append(Block(destination, read, self.draw(COEFFICIENTS), pattern, matrix))
        return made

    def block_of_size(
        self,
        name: str,
        size: int,
        shape: Shape | None,
        letters: Mapping[str, int],
        names: Sequence[str] = (),
    ) -> Block:
        """A block that makes `size` units of a feature, of a `shape` if that is known already."""
        patterns = self.patterns or ("pattern" not in self.without and letters)
        names = list(names) or self.sources()
        if not (self.matrices and self.any_matrix):  # there has to be a way
            wanted = (size,) if shape is None else shape
            names, every = (
                [one for one in some if self.alike(self.layout[one].shape, wanted)]
                for some in (names, _names(self.layout))
            )
            names = names or every or list(_names(self.layout))
        read = self.reference(self.layout, names, "reads entry" if self.matrices else "")
        before = self.layout.shape(read)
        fits = prod(before) == size if shape is None else self.alike(before, shape)
        ways: list[Any] = [(None, None)] * 3 if fits else []
        if patterns:
            right = self.axes(before)
            own = dict(zip(right, before))
            known = {**letters, **own}
            sides = ["", *known, *(a + b for a in known for b in known)]
            if "repeated letters" in self.without:
                sides = [side for side in sides if len(set(side)) == len(side)]
            ways += [
                (f"{left}<-{right}", None)
                for left in sides
                if prod(known[letter] for letter in left) == size
                and (
                    shape in (None, tuple(known[one] for one in left))
                    or (set(left) <= set(own) and len({*own.values()}) == 1)
                )
            ]
        if self.has_matrix(shape or (size,), before) or not ways:
            ways.append((None, self.matrix((size,), before)))
        pattern, matrix = self.pick(ways)
        return Block(name, read, self.draw(COEFFICIENTS), pattern, matrix)

    def has_matrix(self, shape: Shape, before: Shape) -> bool:
        """Whether an explicit matrix from one to the other may be drawn."""
        of_vectors = before == (self.d,) and shape in ((), (1,), (self.d,))
        return self.matrices and (self.any_matrix or of_vectors)

    def alike(self, shape: Shape, other: Shape) -> bool:
        """Whether a block without a pattern goes from one to the other."""
        return prod(shape) == prod(other) if self.mixed else shape == other

    def pattern(self, shape: Shape, before: Shape) -> str:
        """An index pattern: each axis takes a letter of its size, an old one or a new one."""
        repeats = "repeated letters" not in self.without
        if repeats and len(shape) == len(before) == 2 and len({*shape, *before}) == 1:
            if self.chance(1, 2):
                return self.pick(["ii<-ii", "ii<-ij", "ij<-ii", "ij<-ji", "ii<-jj"])
        right = self.axes(before)
        sizes = dict(zip(right, before))
        left = ""
        for size in shape:
            known = [letter for letter, axis in sizes.items() if axis == size]
            if "repeated letters" in self.without:
                known = [letter for letter in known if letter not in left]
            new = next(letter for letter in LETTERS if letter not in sizes)
            letter = self.pick([*known, *known, new])
            sizes[letter] = size
            left += letter
        return f"{left}<-{right}"

    def axes(self, shape: Shape) -> str:
        letters = LETTERS[: len(shape)]
        square = len(shape) == 2 and shape[0] == shape[1]
        repeats = square and "repeated letters" not in self.without
        return "ii" if repeats and self.chance(1, 4) else letters

    def matrix(self, shape: Shape, before: Shape) -> tuple[tuple[Any, ...], ...]:
        columns = st.tuples(*[ENTRIES] * prod(before))
        return tuple(self.draw(columns) for _ in range(prod(shape)))

    def reference(self, layout: Layout, names: Sequence[str], word: str) -> str:
        """A slot of the layout, or an entry of one where `word` is allowed."""
        name = self.pick(names)
        if not word or word in self.without or layout[name].shape == ():
            return name
        if self.chance(1, 4) if name == "position" else self.chance(2, 3):
            return name
        return f"{name}[{self.draw(st.integers(0, layout[name].size - 1))}]"

    def one_number(self) -> str:
        """What may be read out: a number, or an entry."""
        whole = "reads entry" in self.without
        numbers = [name for name in self.sources() if not (whole and self.layout[name].shape)]
        name = self.pick(numbers or ["a"])
        if self.layout[name].shape == ():
            return name
        return f"{name}[{self.draw(st.integers(0, self.layout[name].size - 1))}]"


def mix_of(one: Rule) -> Rule:
    """The same rule in row and column of a mix."""
    text = "".join({"t": "r", "j": "c"}.get(part, part) for part in _PARTS.findall(one.text))
    return Rule(text, one.constants)


def _names(layout: Layout) -> tuple[str, ...]:
    return tuple(slot.name for slot in layout.slots if slot.size)


def _name(reference: str) -> str:
    return reference.partition("[")[0]


def _is_entry(reference: str) -> bool:
    return reference.endswith("]")
