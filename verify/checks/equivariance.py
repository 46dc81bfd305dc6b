"""Whether the order of the examples can reach a prediction: layers are read, nothing is run.

To exchange examples is to permute their tokens; the register and the queries stay where they are.
A slot is *even* at a kind of token (the register, examples, queries) if there what it holds goes
with its token, whatever the permutation: x is, a one-hot position is not. A layer keeps even what
it makes of even slots alone: an MLP works token by token, a sum over all examples does not know
their order, and a causal head sees at a query all of them, at an example only some. What is not
seen to be even may still be: the reading proves that the order has no effect, never that it has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from constructions.masks import context_size
from constructions.numbers import Unsupported
from constructions.weights import Weights
from proofs.layer import MLP, Head, Layer, Norm, Readout
from proofs.prompt import Prompt
from proofs.rule import Rule
from proofs.slotmap import SlotMap
from proofs.stream import Layout, split_entry
from proofs.vocabulary import DIAGONALS, unread

KINDS = REGISTER, EXAMPLES, QUERIES = "register", "examples", "queries"
PLACES = ("index", "position")  # features of a token that tell where it is
# every field of which this reading knows what it does, or that it does nothing
KNOWN: dict[type, frozenset[str]] = {
    Head: frozenset(
        "query key value attention keys average null name mask mix".split()
    ),
    MLP: frozenset("outer inner gate activation letters".split()),
    Layer: frozenset(
        "name heads mlp norm holds attention_norm after_attention after_mlp".split()
    ),
    Prompt: frozenset(
        "d embedding form register positions parts query_parts targets encodings".split()
    ),
    Readout: frozenset("slot coefficient tokens".split()),
}  # fmt: skip


class Uneven(dict[tuple[str, str], str]):
    """{(kind of token, slot): why}: where the order of the examples may have come to."""

    def mark(self, kind: str, slot: str, why: str) -> None:
        """Adds a slot; the first reason is kept."""
        self.setdefault((kind, split_entry(slot)[0]), why)

    def why(self, kinds: tuple[str, ...], slots: Iterator[str] | tuple[str, ...]) -> str | None:
        """Why one of these slots is uneven at one of these kinds of token; None if none is."""
        for slot in slots:
            for kind in kinds:
                if (found := self.get((kind, split_entry(slot)[0]))) is not None:
                    return found
        return None

    def normed(self, norm: Norm | bool | None, stream: Layout) -> Uneven:
        """The same after a norm, which divides every slot of a token by something of all."""
        if norm is None or norm is False:
            return self
        made = Uneven(self)
        for (kind, _), why in self.items():
            for slot in stream.slots:
                made.mark(kind, slot.name, why)
        return made


def order_reaches(witness: Weights) -> str | None:
    """How the order of the examples may reach the prediction; None if it is proved that it does
    not: then a prediction is the same for every permutation of every number of examples.

    Raises Unsupported for a part with a field of which nothing is known here.
    """
    refuse_unknown(witness.prompt, witness.readout, *witness.layer_list)
    if witness.readout.tokens != "query":
        return f"it predicts at {witness.readout.tokens} tokens, whose places are the order"
    uneven = _embedded(witness.prompt)
    for number, layer in enumerate(witness.layer_list, start=1):
        uneven = _after(layer, f"layer {number} ({layer.name})", uneven, witness)
    return uneven.why((QUERIES,), (witness.readout.slot,))


def refuse_unknown(*parts: Any) -> None:
    """Raises Unsupported where a part has a field that this reading has no rule for."""
    for part in parts:
        for field in fields(part):
            if field.name not in KNOWN[type(part)]:
                raise Unsupported(
                    f"the reading of the order of examples does not know {field.name} of a "
                    f"{type(part).__name__}"
                )
        if isinstance(part, Layer):
            refuse_unknown(*part.heads, *((part.mlp,) if part.mlp is not None else ()))


def _embedded(prompt: Prompt) -> Uneven:
    """After the embedding. A query's place is after all examples, in whatever order they are."""
    placed = {
        *PLACES,
        *(
            name
            for name, rules in prompt.encodings
            if any(one.matrix is not None or _varies(one, ("t",), prompt) for one in rules)
        ),
    }
    made = Uneven()
    for block in prompt.embedding:
        feature = split_entry(block.source)[0]
        if feature in placed:
            made.mark(EXAMPLES, block.destination, f"the embedding reads a token's {feature}")
    return made


def _after(layer: Layer, where: str, uneven: Uneven, witness: Weights) -> Uneven:
    """After one more layer."""
    stream = witness.layout
    read, made = uneven.normed(layer.attention_norm, stream), Uneven(uneven)
    for number, head in enumerate(layer.heads, start=1):
        at = f"{where}, head {head.name or number}"
        for kind in KINDS:
            for slot, why in _received(head, kind, at, read, witness.prompt):
                made.mark(kind, slot, why)
    made = made.normed(layer.after_attention, stream)
    if layer.mlp is not None:
        read = made.normed(layer.norm, stream)
        added = [(kind, *one) for kind in KINDS for one in _transformed(layer.mlp, kind, read)]
        made = Uneven(made)
        for kind, slot, why in added:
            made.mark(kind, slot, why)
    return made.normed(layer.after_mlp, stream)


def _received(
    head: Head, reader: str, where: str, read: Uneven, prompt: Prompt
) -> Iterator[tuple[str, str]]:
    """The slots of one kind of token to which a head may bring the order, and why."""
    keys = _seen(head, reader)
    shared = set(head.query.destinations) & set(head.key.destinations)  # others are in no score
    why = _ordered_keys(head, reader, prompt)
    why = f"{where}: {why}" if why is not None else None
    why = why or read.why((reader,), _sources(head.query, shared))
    why = why or read.why(keys, _sources(head.key, shared))
    # a mix takes values of tokens that are not seen
    valued = KINDS if head.mix is not None else keys
    for block in head.value:
        one = why or read.why(valued, (block.source,))
        if one is not None:
            yield block.destination, one


def _seen(head: Head, reader: str) -> tuple[str, ...]:
    """The kinds of token that one kind may see."""
    if head.keys == "context":
        return (REGISTER, EXAMPLES)
    if head.keys == "full":
        return KINDS
    if head.keys in DIAGONALS:  # those before it: the register is the first, queries come last
        return KINDS[: KINDS.index(reader) + 1]
    unread(head.keys, "keys", "the order of examples")


def _ordered_keys(head: Head, reader: str, prompt: Prompt) -> str | None:
    """Why a head of even slots would tell the examples apart by their places; None if not."""
    if head.keys in DIAGONALS and reader == EXAMPLES:
        return f"of the examples a token sees those that come earlier ({head.keys})"
    if head.mask is not None:
        # the reader's own place: that of a query does not depend on the order
        names = ("t", "j") if reader == EXAMPLES else ("j",)
        if head.mask.matrix is not None or _varies(head.mask, names, prompt):
            return f"its mask tells keys apart by their places: {head.mask}"
    if head.mix is not None:
        if head.mix.matrix is not None or _varies(head.mix, ("r", "c"), prompt):
            return f"its mix tells keys apart by their places: {head.mix}"
    return None


def _varies(rule: Rule, names: tuple[str, ...], prompt: Prompt) -> bool:
    """Whether a rule may depend on where these tokens are, beyond whether they are one token and
    whether they are queries."""
    constants = {name for name, _ in rule.constants}
    tree = _Even(context_size(prompt)).visit(ast.parse(rule.text, mode="eval"))
    left = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - constants
    return bool(left & set(names))


class _Even(ast.NodeTransformer):
    """Takes out of a rule the comparisons that every permutation of the examples leaves as they
    are: of two tokens for equality, and of a token's number with that of the first query."""

    def __init__(self, queries_from: str) -> None:
        self.queries_from = ast.unparse(ast.parse(queries_from, mode="eval"))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
        if len(sides) == 2:
            tokens, sign = {"t", "j", "r", "c"}, type(node.ops[0])
            same = set(sides) <= tokens and sign in (ast.Eq, ast.NotEq)
            below = sides[0] in tokens and sides[1] == self.queries_from
            above = sides[1] in tokens and sides[0] == self.queries_from
            if (
                same
                or (below and sign in (ast.Lt, ast.GtE))
                or (above and sign in (ast.Gt, ast.LtE))
            ):
                return ast.Constant(1)
        return self.generic_visit(node)


def _transformed(mlp: MLP, kind: str, read: Uneven) -> Iterator[tuple[str, str]]:
    """The slots to which an MLP may bring the order at one kind of token, and why."""
    for block in mlp.outer:
        hidden = split_entry(block.source)[0]
        sources = _sources(mlp.inner, {hidden}) if mlp.inner is not None else (hidden,)
        gates = _sources(mlp.gate, {hidden}) if mlp.gate is not None else ()
        why = read.why((kind,), (*sources, *gates))
        if why is not None:
            yield block.destination, why


def _sources(slots: SlotMap, names: set[str]) -> tuple[str, ...]:
    """The slots out of which a map makes these features."""
    return tuple(block.source for block in slots if split_entry(block.destination)[0] in names)
