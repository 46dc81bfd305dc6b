"""Proofs that two witnesses of different weights predict the same on every prompt of a size.

Three ways, each sound: the parts that are reached and read are the same up to the order of heads;
or the prediction is the algorithm's rational function of the prompt; or it is so in the algebra
in which relu(u) is a letter r_u with relu(-u) = r_u - u and relu(c u) = c r_u for c > 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from constructions.numbers.symbolic import Symbolic
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer
from proofs.slotmap import SlotMap
from proofs.stream import split_entry

from ..checks.case import reference
from ..checks.symbolic import letters
from ..claim import Claim
from ..strategies import Case

SPARE = 96  # letters for ReLUs
BITS = 128  # of balls


def same_where_read(a: Witness, b: Witness) -> bool:
    """Whether what can reach the read-out is the same in both."""
    return _read_part(a) == _read_part(b)


def _read_part(witness: Witness) -> str:
    """The weights that something reaches and that a later one reads, as JSON text.

    Forwards, a slot that nothing has written to is 0, and so is what is read from it; backwards,
    what no later layer reads does not matter. Heads have no names and stand in one order.
    """
    prompt = witness.prompt
    everything = {slot.name for slot in witness.layout.slots}
    written = _destinations(prompt.embedding)
    reached: list[Layer] = []
    for layer in witness.layer_list:
        known = everything if layer.attention_norm else written
        heads = tuple(head for head in (_reached(h, known) for h in layer.heads) if head)
        for head in heads:
            written = written | _destinations(head.value)
        if layer.after_attention or layer.norm:
            written = everything
        mlp = layer.mlp and _reached_mlp(layer.mlp, written)
        if mlp is not None:
            written = written | _destinations(mlp.outer)
        if layer.after_mlp:
            written = everything
        reached.append(_with(layer, heads, mlp))

    live = {split_entry(witness.readout.slot)[0]}
    kept: list[Layer] = []
    for layer in reversed(reached):
        live = everything if layer.after_mlp else live
        mlp = layer.mlp and _read_mlp(layer.mlp, live)
        if mlp is not None:  # without inner the hidden units are the slots themselves
            live = live | _sources(mlp.outer if mlp.inner is None else mlp.inner)
            live = live | (set() if mlp.gate is None else _sources(mlp.gate))
            live = everything if layer.norm else live
        live = everything if layer.after_attention else live
        values = [(head, _to(head.value, live)) for head in layer.heads]
        heads = tuple(replace(head, name="", value=value) for head, value in values if value)
        for head in heads:
            live = live | _sources(head.query) | _sources(head.key) | _sources(head.value)
        live = everything if heads and layer.attention_norm else live
        made = _with(layer, tuple(sorted(heads, key=repr)), mlp)
        if made.heads or made.mlp is not None or made.norms():
            kept.append(made)
    read = replace(prompt, embedding=_to(prompt.embedding, live))
    return json.dumps(
        replace(witness, prompt=read, layer_list=tuple(reversed(kept))).to_json(), sort_keys=True
    )


def _with(layer: Layer, heads: tuple[Head, ...], mlp: MLP | None) -> Layer:
    """The layer with these parts alone, and the norms that are read or stand on the stream."""
    norm, read = (layer.norm if mlp else False), (layer.attention_norm if heads else None)
    return replace(layer, name="", heads=heads, mlp=mlp, norm=norm, attention_norm=read, holds=())


def _reached(head: Head, written: set[str]) -> Head | None:
    """The head without what reads from slots that are 0; None if it adds nothing."""
    value = _from(head.value, written)
    scored = all(_sources(side) & written for side in (head.query, head.key))
    nothing = not value or (not scored and (head.attention in ("linear", "relu") or head.null))
    return None if nothing and head.attention != "softmax" else replace(head, value=value)


def _reached_mlp(mlp: MLP, written: set[str]) -> MLP | None:
    """The MLP without hidden units that are 0, as activations of 0 are; None if all are."""
    if mlp.activation not in ("identity", "relu", "gelu"):  # of 0 it may be anything
        return mlp
    units = written if mlp.inner is None else _destinations(_from(mlp.inner, written))
    if mlp.gate is not None:
        units = units & _destinations(_from(mlp.gate, written))
    outer = _from(mlp.outer, units)
    return replace(mlp, outer=outer) if outer else None


def _read_mlp(mlp: MLP, live: set[str]) -> MLP | None:
    """The MLP without what it writes in vain, and the hidden units of that; None if it is all."""
    outer = _to(mlp.outer, live)
    units = _sources(outer)
    inner, gate = (side and _to(side, units) for side in (mlp.inner, mlp.gate))
    return replace(mlp, outer=outer, inner=inner, gate=gate) if outer else None


def _to(slots: SlotMap, names: set[str]) -> SlotMap:
    """The blocks that write to these slots."""
    return SlotMap(tuple(b for b in slots if split_entry(b.destination)[0] in names))


def _from(slots: SlotMap, names: set[str]) -> SlotMap:
    """The blocks that read these slots."""
    return SlotMap(tuple(b for b in slots if split_entry(b.source)[0] in names))


def _destinations(slots: SlotMap) -> set[str]:
    return {split_entry(block.destination)[0] for block in slots}


def _sources(slots: SlotMap) -> set[str]:
    return {split_entry(block.source)[0] for block in slots}


def predicts_the_algorithm(claim: Claim, witness: Witness, parameters: Any, n: int) -> bool | None:
    """Whether the prediction is the algorithm's rational function of n examples and a query.

    False: it is not, in that algebra; None: the algebra does not know an operation.
    """
    assert claim.algorithm is not None
    X, y, queries = letters(witness.d, n, 1, witness.prompt)
    system = WithReLU()
    try:
        got = system.field_elements(witness, X, y, queries)
        case = Case(parameters, X, y, queries, witness.prompt.fields)
        shape = witness.prediction_shape(n, len(queries))
        want = reference(claim.algorithm, case, system.element, shape).ravel()
        return all(ours == theirs for ours, theirs in zip(got, want, strict=True))
    except Unsupported:
        return None


def predicts_the_same(one: Witness, other: Witness, n: int) -> bool | None:
    """Whether two witnesses predict the same rational function of n examples and a query.

    False: they do not, in that algebra; None: the algebra does not know an operation.
    """
    X, y, queries = letters(one.d, n, 1, one.prompt)
    system = WithReLU()
    try:
        pair = [system.field_elements(witness, X, y, queries) for witness in (one, other)]
    except Unsupported:
        return None
    return all(a == b for a, b in zip(*pair, strict=True))


def apart(one: Witness, other: Witness, cases: Iterable[Case], state: Sequence[str] = ()) -> bool:
    """Whether balls say of some prompt that they predict other numbers, or leave others in these
    slots of the last query."""

    def left(witness: Witness, case: Case) -> np.ndarray:
        prompt = case.X, case.y, case.queries
        held = [witness.predict(*prompt, Ball(BITS))]
        if state:
            last = witness.trace(*prompt, Ball(BITS))[-1]
            held += [last[slot][-1] for slot in state]
        return np.concatenate([np.ravel(part) for part in held])

    for case in cases:
        try:
            pair = [left(witness, case) for witness in (one, other)]
        except (ZeroDivisionError, ValueError, KeyError):  # of the other: it has none there
            return True
        if any(not a.overlaps(b) for a, b in zip(*pair, strict=True)):
            return True
    return False


class WithReLU(Symbolic):
    """Rational functions of the prompt's letters and of r_u, one for each u under a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, Any] = {}
        self._spare: list[Any] = []

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> Any:
        from sympy import QQ, symbols

        made = super().prompts(X, y, queries, witness)
        uses = any(head.attention == "relu" for layer in witness.layer_list for head in layer.heads)
        uses |= any(layer.mlp and layer.mlp.activation == "relu" for layer in witness.layer_list)
        if uses:
            spare = symbols(f"relu:{SPARE}")
            self.field = QQ.frac_field(*self.field.symbols, *spare)
            self._spare = [self.field.from_sympy(letter) for letter in spare]
        return made

    def field_elements(self, witness: Witness, X: Any, y: Any, queries: Any) -> list[Any]:
        """The predictions as elements of the field."""
        return [self.element(value) for value in witness.predict(X, y, queries, self).ravel()]

    def _relu(self, entry: Any) -> Any:
        if entry == self.field.zero:
            return entry
        lead = entry.numer.LC / entry.denom.LC
        sign = 1 if lead > 0 else -1
        scale = Fraction(int(lead.numerator), int(lead.denominator)) * sign
        unit = entry / self.element(scale * sign)  # leading coefficient 1
        if unit == self.field.one:
            return entry if sign > 0 else self.field.zero
        if unit not in self._known:
            if not self._spare:
                raise Unsupported(f"more than {SPARE} ReLUs")
            self._known[unit] = self._spare.pop()
        positive = self._known[unit] * self.element(scale)
        return positive if sign > 0 else positive + entry
