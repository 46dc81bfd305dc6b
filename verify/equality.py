"""Proofs that two witnesses of different weights predict the same on every prompt of a size.

Three ways, each sound: the parts that reach the read-out are the same up to the order of heads;
or the prediction is the algorithm's rational function of the prompt; or it is so in the algebra
in which relu(u) is a letter r_u with relu(-u) = r_u - u and relu(c u) = c r_u for c > 0.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

from constructions.numbers import Unsupported
from constructions.numbers.symbolic import Symbolic
from constructions.slotmap import SlotMap
from constructions.stream import split_entry
from constructions.transformer import Layer, Witness

from .checks.running import reference
from .checks.symbolic import letters
from .claim import Claim
from .strategies import Case

SPARE = 96  # letters for ReLUs


def same_where_read(a: Witness, b: Witness) -> bool:
    """Whether what can reach the read-out is the same in both."""
    return _read_part(a) == _read_part(b)


def _read_part(witness: Witness) -> str:
    """The layers without what no later layer reads, heads in one order, as JSON text."""
    live = {split_entry(witness.readout.slot)[0]}
    layers: list[Layer] = []
    for layer in reversed(witness.layer_list):
        mlp, norm = layer.mlp, layer.norm
        if mlp is None or not _writes(mlp.outer, live):
            mlp, norm = None, False
        elif norm:
            live |= {slot.name for slot in witness.layout.slots}
        elif mlp.inner is None:
            mlp = replace(mlp, activation="identity")  # without inner nothing is activated
            live |= _sources(mlp.outer)
        else:
            live |= _sources(mlp.inner) | (_sources(mlp.gate) if mlp.gate is not None else set())
        heads = [head for head in layer.heads if _writes(head.value, live)]
        for head in heads:
            live |= _sources(head.query) | _sources(head.key) | _sources(head.value)
        heads.sort(key=lambda head: repr(replace(head, name="")))
        heads = [replace(head, name="") for head in heads]
        if heads or mlp is not None:
            layers.append(Layer("", tuple(heads), mlp, norm))
    kept = replace(witness, layer_list=tuple(reversed(layers)))
    return json.dumps(kept.to_json(), sort_keys=True)


def _writes(slots: SlotMap, live: set[str]) -> bool:
    return any(split_entry(block.destination)[0] in live for block in slots)


def _sources(slots: SlotMap) -> set[str]:
    return {split_entry(block.source)[0] for block in slots}


def predicts_the_algorithm(claim: Claim, witness: Witness, parameters: Any, n: int) -> bool | None:
    """Whether the prediction is the algorithm's rational function of n examples and a query.

    False: it is not, in that algebra; None: the algebra does not know an operation.
    """
    assert claim.algorithm is not None
    X, y, queries = letters(parameters["d"], n)
    system = WithReLU()
    try:
        got = system.field_elements(witness, X, y, queries)
        want = reference(claim.algorithm, Case(parameters, X, y, queries), system.element)
        return all(ours == theirs for ours, theirs in zip(got, want, strict=True))
    except Unsupported:
        return None


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
        return [self.element(value) for value in witness.predict(X, y, queries, self)]

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
