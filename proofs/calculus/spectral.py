r"""An assembled linear transformer as polynomials in one eigenvalue s of S = XᵀX.

If all attention is linear over the examples, scores only compare vector slots, and all weights
are multiples of the identity, then by induction on the layers a vector slot of the token of x is
P(S) x and a scalar slot is c·y_t + xᵀ Q(S) Xᵀy, y_t = 0 at a query: with query A(S)x_t, key B(S)x_j

    value V(S) x_j:                  Σ_j V x_j ⟨B x_j, A x_t⟩ = V S B A x_t
    value c y_j + x_jᵀ Q Xᵀy:        Σ_j … ⟨B x_j, A x_t⟩     = x_tᵀ A B (c + S Q) Xᵀy

since polynomials in the symmetric matrix S commute. `run` reads P, c and Q off the witness object;
that they are equal to what an algorithm makes is then true for every n, d and prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy

from proofs.calculus.tokens import OutsideCalculusError

s = sympy.Symbol("s")
ZERO = sympy.Integer(0)


@dataclass(frozen=True)
class Slot:
    """What a slot holds: P(S) x for a vector; c·y_t + xᵀQ(S)Xᵀy for a scalar, c = `own`."""

    polynomial: Any
    own: Any = None  # None marks a vector

    def plus(self, other: Slot, scale: Any) -> Slot:
        if (self.own is None) != (other.own is None):
            raise OutsideCalculusError("a vector slot and a scalar slot are added")
        own = None if self.own is None else sympy.expand(self.own + scale * other.own)
        return Slot(sympy.expand(self.polynomial + scale * other.polynomial), own)


State = dict[str, Slot]


def run(witness: Any) -> list[State]:
    """The slots after the embedding and after every layer. Raises OutsideCalculusError."""
    prompt = witness.prompt
    if prompt.form != "joint" or prompt.register:
        raise OutsideCalculusError("only joint prompts are polynomials in S")
    features = {"x": Slot(sympy.Integer(1)), "y": Slot(ZERO, sympy.Integer(1))}
    state: State = {}
    for block in prompt.embedding:
        if block.source not in features:
            raise OutsideCalculusError(f"the embedding reads {block.source}")
        _write(state, block, features[block.source], 1, witness)
    states = [state]
    for layer in witness.layer_list:
        after = dict(state)
        if layer.norm:
            raise OutsideCalculusError(f"{layer.name}: layer norm")
        for head in layer.heads:
            _attend(head, state, after, witness)
        if layer.mlp is not None:
            _linear(layer.mlp, after, witness)
        state = after
        states.append(state)
    return states


def prediction(witness: Any) -> Any:
    """Q(s): the prediction at x is xᵀ Q(S) Xᵀy."""
    return predictions(witness)[-1]


def predictions(witness: Any) -> list[Any]:
    """Q(s) after the embedding and after every layer."""
    scale = sympy.sympify(witness.readout.coefficient)
    empty = Slot(ZERO, ZERO)
    return [
        sympy.expand(scale * state.get(witness.readout.slot, empty).polynomial)
        for state in run(witness)
    ]


def residual(witness: Any) -> Any:
    """1 − s Q(s): what is left of the error of the weights, per eigenvalue."""
    return sympy.expand(1 - s * prediction(witness))


def _plain(block: Any, witness: Any) -> Any:
    """The coefficient of a block that is a multiple of the identity."""
    if block.pattern is not None or block.matrix is not None or "[" in block.source:
        raise OutsideCalculusError(f"block {block} is no multiple of the identity")
    return sympy.sympify(block.coefficient)


def _write(state: State, block: Any, value: Slot, scale: Any, witness: Any) -> None:
    scale = scale * _plain(block, witness)
    vector = bool(witness.layout.shape(block.destination))
    if vector != (value.own is None):
        raise OutsideCalculusError(f"block {block} mixes a vector and a scalar")
    empty = Slot(ZERO, None if vector else ZERO)
    state[block.destination] = state.get(block.destination, empty).plus(value, scale)


def _attend(head: Any, before: State, after: State, witness: Any) -> None:
    if head.attention != "linear" or head.keys != "context" or head.average:
        raise OutsideCalculusError(f"head {head.name} is not plain linear attention")
    score = ZERO
    for feature in head.query.destinations:
        sides = [_feature(side, feature, before, witness) for side in (head.query, head.key)]
        score += sides[0] * sides[1]
    score = sympy.expand(score)
    for block in head.value:
        value = before.get(block.source)
        if value is None:
            continue
        if value.own is None:
            read = Slot(sympy.expand(score * s * value.polynomial))
        else:
            read = Slot(sympy.expand(score * (value.own + s * value.polynomial)), ZERO)
        _write(after, block, read, 1, witness)


def _feature(slots: Any, feature: str, state: State, witness: Any) -> Any:
    total = ZERO
    for block in slots:
        if block.destination == feature and block.source in state:
            if state[block.source].own is not None:
                raise OutsideCalculusError(f"block {block}: a score compares scalar slots")
            total += _plain(block, witness) * state[block.source].polynomial
    return total


def _linear(mlp: Any, state: State, witness: Any) -> None:
    if mlp.inner is not None or mlp.gate is not None:
        raise OutsideCalculusError("an MLP that is not linear")
    before = dict(state)
    for block in mlp.outer:
        if block.source in before:
            _write(state, block, before[block.source], 1, witness)


def degree(slots: Iterable[Slot]) -> int:
    """The largest degree in the prompt: 2 deg P + 1 of P(S)x, 2 deg Q + 3 of xᵀQ(S)Xᵀy."""
    found = 1
    for slot in slots:
        if slot.polynomial != 0:
            d = int(sympy.degree(slot.polynomial, s)) if slot.polynomial.has(s) else 0
            found = max(found, 2 * d + (1 if slot.own is None else 3))
    return found
