"""What an exported witness holds, layer by layer, in a file that machines read.

slots       name: directions of the residual stream, a row for each number of the slot; the slot
            is directions @ hidden state
layers      the copy of the examples that its heads read; `holds`: after the block, the formula
            of each slot; `heads`: which of GPT-2's heads stand for which head of the witness
definitions the quantities in these formulas, from X, y and the parameters
read_later  after the embedding and after every block, for the tokens of each copy and for queries:
            the slots that the prediction still depends on; any other can be changed without effect
example     a prompt, and what each slot holds on it, at every token, after every block
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from constructions.exports.differences import coefficients
from constructions.exports.gpt2 import Checkpoint, Constants
from constructions.exports.language_model import LanguageModel
from constructions.exports.needed import needed
from constructions.weights import Weights
from constructions.witness import Witness
from proofs.layer import Layer

from .prompts import drawn
from .spectrum import PromptBox


def truth(
    witness: Witness, constants: Constants, made: Checkpoint, box: PromptBox
) -> dict[str, Any]:
    """The file's content, but for the prompts' embedding and the certificate."""
    return {
        "slots": slots(witness, made),
        "definitions": [list(one) for one in witness.definitions],
        "layers": [
            {
                "name": layer.name,
                "reads_copy": made.copies.reads[number],
                "right_in": _right(witness, number, made),
                "holds": [
                    {"slot": h.slot, "formula": h.expression, "tokens": h.tokens}
                    for h in layer.holds
                ],
                "heads": _heads(layer, constants, number, made.places[number]),
            }
            for number, layer in enumerate(witness.layer_list)
        ],
        "read_later": _read_later(witness, made),
        "example": example(witness, box),
    }


def _read_later(witness: Witness, made: Checkpoint) -> list[dict[str, list[str]]]:
    count, stream = made.copies.count, witness.layout
    places = [*(f"copy {copy}" for copy in range(count)), "queries"]
    return [
        {
            place: [slot.name for slot in stream.slots if units & set(stream.rows(slot.name))]
            for place, units in zip(places, map(after.__getitem__, range(count + 1)))
        }
        for after in needed(witness, made.copies)
    ]


def _right(witness: Witness, number: int, made: Checkpoint) -> str:
    """At which tokens the formulas of a layer hold."""
    first, last = max(made.copies.reads[: number + 1]) + 1, made.copies.count - 1
    if first > last:
        return "queries"
    return f"{f'copy {first}' if first == last else f'copies {first} to {last}'} and queries"


def slots(witness: Weights, made: Checkpoint | LanguageModel) -> dict[str, list[list[float]]]:
    """The directions of each slot."""
    return {
        slot.name: made.directions[witness.layout.rows(slot.name)].tolist()
        for slot in witness.layout.slots
    }


def _heads(
    layer: Layer, constants: Constants, number: int, places: Sequence[int]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for head, scale in zip(layer.heads, constants.scales[number]):
        name = head.name or layer.name
        if head.attention != "linear":
            found.append({"head": places[len(found)], "of": name, "score_times": 1.0})
            continue
        for r, c in enumerate(coefficients(constants.pairs), start=1):
            for sign in (1, -1):
                found.append({
                    "head": places[len(found)], "of": name, "score_times": sign * r * scale,
                    "share": sign * float(c) / (2 * scale),
                })  # fmt: skip
    return found


def example(witness: Witness, box: PromptBox) -> dict[str, Any]:
    """A prompt of the box; what the witness's slots hold: examples first, then the query."""
    X, y, queries = (one[0] for one in drawn(box, 1, 0))
    trace = witness.trace(X, y, queries)
    return {
        "X": X.tolist(),
        "y": y.tolist(),
        "queries": queries.tolist(),
        "prediction": np.asarray(witness.predict(X, y, queries)).tolist(),
        "slots_after_embedding_and_blocks": [
            {name: np.asarray(value).tolist() for name, value in slots.items()} for slots in trace
        ],
    }
