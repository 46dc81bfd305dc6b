"""Heads, MLPs and layers as immutable data: the twin of coq/Layer.v."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from proofs.exact import Exact, exact
from proofs.slotmap import SlotMap
from proofs.stream import DIMENSION, Layout
from proofs.vocabulary import (
    ACTIVATIONS,
    ATTENTION,
    AVERAGES,
    KEYS,
    TOKENS,
    Activation,
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
    keys: "context" the tokens of the examples, never a query; "full" all; "causal" j <= t.
    average: divide "linear" and "relu" weights by the number of "keys" seen or of "examples".
    """

    query: SlotMap
    key: SlotMap
    value: SlotMap
    attention: str = "linear"
    keys: Keys = "context"
    average: Average = ""
    null: bool = False
    name: str = ""

    def __post_init__(self) -> None:
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
        self.query.check_names()
        self.key.check_names()
        object.__setattr__(self, "value", self.value.without_zeros())


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
    activation: Activation = "identity"
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
        """The same for inputs of dimension d."""
        letters = tuple((name, d if size == DIMENSION else size) for name, size in self.letters)
        return self if letters == self.letters else replace(self, letters=letters)

    def hidden(self, stream: Layout) -> Layout:
        """Layout of the hidden units."""
        if self.inner is None:
            return stream
        return self.inner.features(stream, dict(self.letters))


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
class Layer:
    """stream += heads(stream); then stream += mlp(norm(stream)), norm only if `norm`."""

    name: str
    heads: tuple[Head, ...] = ()
    mlp: MLP | None = None
    norm: bool = False
    holds: tuple[Holds, ...] = ()

    def at(self, d: int) -> Layer:
        """The same layer for inputs of dimension d."""
        mlp = self.mlp and self.mlp.at(d)
        return self if mlp is self.mlp else replace(self, mlp=mlp)

    def __post_init__(self) -> None:
        for name, kind in (("heads", Head), ("holds", Holds)):
            given = several(getattr(self, name), kind, f"layer {self.name!r}: {name}")
            object.__setattr__(self, name, given)
        boolean(self.norm, "norm")
        if self.norm and self.mlp is None:
            raise ValueError(f"layer {self.name!r}: norm without an MLP, which alone reads it")


@dataclass(frozen=True)
class Readout:
    """The prediction of each query token: coefficient * slot."""

    slot: str
    coefficient: Exact = 1

    def __post_init__(self) -> None:
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
