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

from constructions.exports.language_model import LanguageModel
from constructions.witness import Witness

from ..truth import slots
from .certificate import Retrieval
from .scores import attended
from .texts import answers, drawn

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
        "slots": slots(witness, made),
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
    }


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
            {name: np.asarray(value).tolist() for name, value in held.items()} for held in trace
        ],
    }
