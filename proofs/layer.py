"""Heads, MLPs and layers as immutable data: the twin of coq/Layer.v."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from proofs.exact import Exact, exact, is_symbolic
from proofs.rule import Rule
from proofs.slotmap import SlotMap
from proofs.stream import DIMENSION, Layout
from proofs.vocabulary import (
    ACTIVATIONS,
    ATTENTION,
    AVERAGES,
    KEYS,
    NORMS,
    READOUTS,
    TOKENS,
    Average,
    Keys,
    boolean,
    one_of,
    several,
    whole,
)


def kinds(shares: bool) -> str:
    """The kinds of attention whose weights are (not) divided by their sum, in words."""
    return " and ".join(name for name, kind in ATTENTION.items() if kind.shares == shares)


@dataclass(frozen=True)
class Head:
    """token t receives sum_j weight(<query_t, key_j>) * value_j, added to the stream.

    `query` and `key` map the stream to features of one naming, `value` maps the key's stream to
    slots of the reader's (the output matrix included).
    attention: "linear" weight = score; "relu" weight = max(score, 0); "softmax" over the keys;
    "normalised" weight = score / sum of the scores. `null` adds one more key with value 0, whose
    exponential or score is 1: the softmax with an extra zero logit, and its linear counterpart.
    keys: "context" the tokens of the examples, never a query; "full" all; "causal" j <= t;
    "strictly causal" j < t.
    mask: the weight of key j for token t, the share of 1 where weights are shares, is multiplied
    by mask(t, j); where that is 0 the key is not seen. Its rows are all tokens, its columns those
    that `keys` names ("causal": all).
    mix: the value of key c is sum_r mix(r, c) value_r over those tokens, seen or not: the papers'
    M in Z + P Z M (Z^T Q Z).
    average: divide weights that are no shares by the number of "keys" seen or of "examples".
    """

    query: SlotMap
    key: SlotMap
    value: SlotMap
    attention: str = "linear"
    keys: Keys = "context"
    average: Average = ""
    null: bool = False
    name: str = ""
    mask: Rule | None = None
    mix: Rule | None = None

    def __post_init__(self) -> None:
        for part in ("query", "key", "value"):
            _is_slot_map(getattr(self, part), f"the {part} of a head")
        one_of(self.attention, ATTENTION, "attention")
        one_of(self.keys, KEYS, "keys")
        one_of(self.average, AVERAGES, "average")
        boolean(self.null, "null")
        shares = ATTENTION[self.attention].shares
        if shares and self.average:
            raise ValueError(
                f"average {self.average!r} with {self.attention} attention: "
                f"only {kinds(shares=False)} weights are divided"
            )
        if self.null and not shares:
            raise ValueError(
                f"null with {self.attention} attention: only {kinds(shares=True)} have a null key"
            )
        for what, names in (("mask", ("t", "j", "n", "N")), ("mix", ("r", "c", "n", "N"))):
            one = getattr(self, what)
            if one is not None and not isinstance(one, Rule):
                raise ValueError(f"the {what} of a head is a Rule, not {one!r}")
            if one is not None:
                one.check(names, f"the {what} of a head")
        self.query.check_names()
        self.key.check_names()
        object.__setattr__(self, "value", self.value.without_zeros())


def _is_slot_map(given: Any, what: str) -> None:
    """Raises ValueError where it is none."""
    if not isinstance(given, SlotMap):
        raise ValueError(f"{what} is a slot_map((destination, source), …), not {given!r}")


@dataclass(frozen=True)
class MLP:
    """stream += outer(activation(inner(stream)) * gate(stream)), position by position.

    Without `inner` the hidden units are activation(stream) * gate(stream), by the names of the
    slots: a slot that the gate does not write is multiplied by 0. Without `gate` nothing
    multiplies. `letters` gives the sizes of pattern letters in `inner` and `gate` that no source
    fixes.
    """

    outer: SlotMap
    inner: SlotMap | None = None
    gate: SlotMap | None = None
    activation: str = "identity"
    letters: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        one_of(self.activation, ACTIVATIONS, "activation")
        for letter, size in self.letters:
            if not (isinstance(letter, str) and len(letter) == 1 and letter.isalpha()):
                raise ValueError(f"letters: {letter!r} is no letter")
            if size != DIMENSION:
                whole(size, 1, f"letters: the size of {letter}")
        for slots in (self.inner, self.gate):
            if slots is not None:
                slots.check_names()
        object.__setattr__(self, "outer", self.outer.without_zeros())

    def at(self, d: int) -> MLP:
        """The same for inputs of dimension d; one object for the layers that have it in common."""
        return _sized(self, d)

    def hidden(self, stream: Layout) -> Layout:
        """Layout of the hidden units."""
        if self.inner is None:
            return stream
        return self.inner.features(stream, dict(self.letters))


@lru_cache(maxsize=1024)
def _sized(mlp: MLP, d: int) -> MLP:
    letters = tuple((name, d if size == DIMENSION else size) for name, size in mlp.letters)
    return mlp if letters == mlp.letters else replace(mlp, letters=letters)


@dataclass(frozen=True)
class Holds:
    """What a slot holds after a layer, as an expression of the prompt, in the form "T2*x".

    Names are those of Witness.definitions and, per token, x (d, 1) and y (1, 1).
    tokens: for which tokens this is so: "all", "context", "query", or one token's number.
    """

    slot: str
    expression: str
    tokens: str | int = "all"

    def __post_init__(self) -> None:
        if isinstance(self.tokens, str):
            one_of(self.tokens, TOKENS, "tokens")
        else:
            whole(self.tokens, 0, f"tokens of {self.slot}")


@dataclass(frozen=True)
class Norm:
    """gain * u / sqrt(mean(u^2) + epsilon) + bias of each token, over all units of the stream.

    kind: "layer" u = h - mean(h); "rms" u = h. `gain` and `bias` give a slot a number, or as many
    as it has entries; a slot that is not named has gain 1 and bias 0.
    """

    kind: str = "layer"
    epsilon: Exact = 0
    gain: tuple[tuple[str, Any], ...] = ()
    bias: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        one_of(self.kind, NORMS, "norm")
        epsilon = exact(self.epsilon, "the epsilon of a norm")
        if not is_symbolic(epsilon) and epsilon < 0:
            raise ValueError(f"the epsilon of a norm must be at least 0, not {epsilon}")
        object.__setattr__(self, "epsilon", epsilon)
        for what in ("gain", "bias"):
            given = tuple(
                (slot, _of_slot(value, f"the {what} of {slot}"))
                for slot, value in getattr(self, what)
            )
            if len(dict(given)) < len(given):
                raise ValueError(f"the {what} of a norm names a slot twice")
            object.__setattr__(self, what, given)

    @property
    def free_symbols(self) -> frozenset[Any]:
        """Letters among its numbers."""
        found: set[Any] = set(getattr(self.epsilon, "free_symbols", ()))
        for _, value in (*self.gain, *self.bias):
            for entry in value if isinstance(value, tuple) else (value,):
                found |= getattr(entry, "free_symbols", set())
        return frozenset(found)

    def entries(self, what: str, stream: Layout) -> dict[tuple[int, int], Exact]:
        """The "gain" or "bias" of the whole stream, as a sparse row {(0, unit): number}."""
        given, rest = dict(getattr(self, what)), 1 if what == "gain" else 0
        made: dict[tuple[int, int], Exact] = {}
        for slot in stream.slots:
            value = given.get(slot.name, rest)
            row = value if isinstance(value, tuple) else (value,) * slot.size
            made |= {(0, unit): entry for unit, entry in zip(stream.rows(slot.name), row)}
        return {at: entry for at, entry in made.items() if entry != 0}

    def mapped(self, number: Callable[[Exact], Exact]) -> Norm:
        """The same norm with other numbers: numbers for letters, say."""

        def of(given: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
            return tuple(
                (slot, tuple(map(number, value)) if isinstance(value, tuple) else number(value))
                for slot, value in given
            )

        return Norm(self.kind, number(self.epsilon), of(self.gain), of(self.bias))

    def check(self, stream: Layout) -> None:
        """Raises KeyError or ValueError where gain and bias do not fit the stream."""
        for what, given in (("gain", self.gain), ("bias", self.bias)):
            for name, value in given:
                size = stream[name].size
                if isinstance(value, tuple) and len(value) != size:
                    raise ValueError(f"the {what} of {name} has {len(value)} numbers, not {size}")


def _of_slot(value: Any, what: str) -> Any:
    """A number, or a tuple of them."""
    if isinstance(value, (tuple, list)):
        return tuple(exact(entry, what) for entry in value)
    return exact(value, what)


@dataclass(frozen=True)
class Layer:
    """stream += heads(attention_norm(stream)); stream = after_attention(stream); then
    stream += mlp(norm(stream)); stream = after_mlp(stream). No norm where none is given.

    norm: True is Norm(), the layer norm without gain, bias and epsilon.
    """

    name: str
    heads: tuple[Head, ...] = ()
    mlp: MLP | None = None
    norm: bool | Norm = False
    holds: tuple[Holds, ...] = ()
    attention_norm: Norm | None = None
    after_attention: Norm | None = None
    after_mlp: Norm | None = None

    def at(self, d: int) -> Layer:
        """The same layer for inputs of dimension d."""
        mlp = self.mlp and self.mlp.at(d)
        return self if mlp is self.mlp else replace(self, mlp=mlp)

    def __post_init__(self) -> None:
        for name, kind in (("heads", Head), ("holds", Holds)):
            given = several(getattr(self, name), kind, f"layer {self.name!r}: {name}")
            object.__setattr__(self, name, given)
        if not isinstance(self.norm, Norm):
            boolean(self.norm, "norm")
        elif self.norm == Norm():  # one spelling of each layer
            object.__setattr__(self, "norm", True)
        for field in OTHER_NORMS:
            one = getattr(self, field)
            if one is not None and not isinstance(one, Norm):
                raise ValueError(f"layer {self.name!r}: {field} is a Norm or None, not {one!r}")
        if self.norm and self.mlp is None:
            raise ValueError(f"layer {self.name!r}: norm without an MLP, which alone reads it")
        if self.attention_norm is not None and not self.heads:
            raise ValueError(
                f"layer {self.name!r}: attention_norm without heads, which alone read it"
            )

    def with_numbers(self, number: Callable[[Exact], Exact]) -> Layer:
        """Other numbers in its masks, mixes and norms; the slot maps stay."""
        heads = tuple(
            replace(
                head,
                mask=head.mask and head.mask.mapped(number),
                mix=head.mix and head.mix.mapped(number),
            )
            if head.mask is not None or head.mix is not None
            else head
            for head in self.heads
        )
        norms: dict[str, Any] = {place: one.mapped(number) for place, one in self.norms().items()}
        return replace(self, heads=heads, **norms) if norms or heads != self.heads else self

    @property
    def before_mlp(self) -> Norm | None:
        """The norm that the MLP reads through."""
        return self.norm if isinstance(self.norm, Norm) else Norm() if self.norm else None

    def norms(self) -> dict[str, Norm]:
        """Every norm that it has, by field."""
        made = {"norm": self.before_mlp} | {field: getattr(self, field) for field in OTHER_NORMS}
        return {field: one for field, one in made.items() if one is not None}


# beside `norm`, which there was first and which may be True
OTHER_NORMS = ("attention_norm", "after_attention", "after_mlp")


@dataclass(frozen=True)
class Readout:
    """The prediction of each token: coefficient * slot, as many numbers as the slot has.

    tokens: the queries, the tokens of x_1 … x_n ("examples"), or "all" tokens of the prompt.
    """

    slot: str
    coefficient: Exact = 1
    tokens: str = "query"

    def __post_init__(self) -> None:
        one_of(self.tokens, READOUTS, "tokens of a read-out")
        object.__setattr__(self, "coefficient", exact(self.coefficient))


def validate_part(part: Head | MLP, stream: Layout) -> None:
    """Raises ValueError or KeyError where slots and features of a part do not fit the stream."""
    if isinstance(part, Head):
        query = part.query.features(stream, {})
        key = part.key.features(stream, {})
        sizes = [{slot.name: slot.size for slot in side.slots} for side in (query, key)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"query features {sizes[0]} are not the key's {sizes[1]}: both have the "
                "same names and sizes, as a score is their product"
            )
        part.query.check(query, stream)
        part.key.check(query, stream)
        part.value.check(stream, stream)
        return
    hidden = part.hidden(stream)
    if part.inner is not None:
        part.inner.check(hidden, stream)
    if part.gate is not None:
        gate = part.gate.features(stream, dict(part.letters))
        made = {slot.name: slot.size for slot in gate.slots}
        units = {slot.name: slot.size for slot in hidden.slots}
        if part.inner is None:  # slots that the gate does not write are multiplied by 0
            units = {name: hidden[name].size for name in made}
        if made != units:
            raise ValueError(f"gate features {made} are not the hidden units {units}")
        part.gate.check(hidden, stream)
    part.outer.check(stream, hidden)
