"""What an exported induction head holds, in a file that machines read.

slots    name: directions of the residual stream, a row for each number of the slot; the slot is
         directions @ hidden state
layers   after the block, what each slot holds at token t; `heads`: which of GPT-2's heads is which,
         and the token that it attends to from t; other heads write nothing
example  a text, what follows, the tokens that both heads attend to, and what each slot holds at
         every token, after the embedding and after every block
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructions.exports.text_model import LanguageModel
from constructions.witness import Witness

from .certificate import Retrieval
from .model import answers, drawn
from .scores import attended

HEADS = {
    "previous token": {"attends_to": "t - 1, and 0 from 0", "writes": {"before": "word[t - 1]"}},
    "induction": {
        "attends_to": "the last j <= t whose before is word[t], or 0",
        "writes": {"next": "word[j], after a first number that is 1 for none"},
    },
}


def truth(witness: Witness, found: Retrieval, made: LanguageModel) -> dict[str, Any]:
    """The file's content, but for the certificate."""
    return {
        "slots": {slot.name: _directions(witness, made, slot.name)
                  for slot in witness.layout.slots},
        "layers": [
            {
                "name": layer.name,
                "heads": [
                    {"head": number, "of": head.name, **HEADS[head.name]}
                    for number, head in enumerate(layer.heads)
                ],
            }
            for layer in witness.layer_list
        ],
        "example": _example(witness, found),
    }  # fmt: skip


def _directions(witness: Witness, made: LanguageModel, name: str) -> list[list[float]]:
    rows = np.zeros((len(witness.layout.rows(name)), made.width))
    for row, unit in zip(rows, witness.layout.rows(name)):
        row[unit], row[unit + made.width // 2] = 0.5, -0.5
    written: list[list[float]] = rows.tolist()
    return written


def _example(witness: Witness, found: Retrieval) -> dict[str, Any]:
    (ids,) = drawn(found.texts, 1, 0)
    ids = ids[: min(found.texts.length, 2 * found.texts.d + 4)]
    words = np.eye(found.texts.d)[ids[1:] - 1]
    trace = witness.trace(words[:-1], None, words[-1:])
    return {
        "input_ids": ids.tolist(),
        "next": answers(ids[None])[0].tolist(),
        "attends_to": attended(found.choices, ids.tolist()),
        "slots_after_embedding_and_blocks": [
            {name: np.asarray(value).tolist() for name, value in slots.items()} for slots in trace
        ],
    }
