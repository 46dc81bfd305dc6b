"""What an export that reads one example after the other holds: `truth.py` says in which fields.

A layer says which example its heads read, from 1, in place of a copy, and holds what it says at
the tokens of that example and those after it; `read_later` names examples in place of copies.
"""

from __future__ import annotations

from typing import Any

from constructions.exports.gpt2 import Checkpoint
from constructions.exports.needed import needed_one_by_one
from constructions.exports.one_by_one import Constants, schedule
from constructions.witness import Witness
from proofs.layer import Layer

from ..spectrum import PromptBox
from ..truth import example, slots


def truth(
    witness: Witness, constants: Constants, made: Checkpoint, box: PromptBox
) -> dict[str, Any]:
    """The file's content, but for the prompts' embedding and the certificate."""
    reads, first = schedule(witness).reads, 1
    layers = []
    for layer, read in zip(witness.layer_list, reads):
        first = first if read is None else read + 1
        layers.append({
            "name": layer.name,
            "reads_example": None if read is None else read + 1,
            "right_in": f"examples {first} to {box.n} and queries",
            "holds": [{"slot": h.slot, "formula": h.expression, "tokens": h.tokens}
                      for h in layer.holds],
            "heads": _heads(layer, constants),
        })  # fmt: skip
    return {
        "slots": slots(witness, made),
        "definitions": [list(one) for one in witness.definitions],
        "layers": layers,
        "read_later": _read_later(witness),
        "example": example(witness, box),
    }


def _heads(layer: Layer, constants: Constants) -> list[dict[str, Any]]:
    """Which of GPT-2's heads stand for which: sums of `share` times sigma of their scores."""
    found: list[dict[str, Any]] = []
    for head in layer.heads:
        made = constants.attention[head.attention]
        for slope, offset, share in zip(made.slopes, made.offsets, made.weights):
            found.append({
                "head": len(found), "of": head.name or layer.name, "score_times": slope,
                "score_plus": offset, "share": share,
            })  # fmt: skip
    return found


def _read_later(witness: Witness) -> list[dict[str, list[str]]]:
    stream = witness.layout
    count = witness.prompt.positions
    places = [*(f"example {example}" for example in range(1, count + 1)), "queries"]
    return [
        {
            place: [slot.name for slot in stream.slots if after[at] & set(stream.rows(slot.name))]
            for at, place in enumerate(places)
        }
        for after in needed_one_by_one(witness)
    ]
