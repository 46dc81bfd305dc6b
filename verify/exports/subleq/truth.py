"""What the tokens of a GPT-2 that runs SUBLEQ hold, and where its heads look.

slots       name: directions of the residual stream, a row for each number of the slot; the slot is
            directions @ hidden state
means       of each slot, what it holds
heads       of each block, for each of GPT-2's heads: which slot it writes, and whom it looks at
example     a text; for each head, the position that each token looks at (null: no key is meant);
            what each slot holds at every token after the embedding and after every block
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import constructions
from constructions.exports.language_model import LanguageModel
from constructions.exports.subleq import KINDS, PARTS, WANTS, Token, decoder, token_units

from ..truth import slots
from .listing import example, written

COMMANDS = 3  # of the example
MEANS = {
    "kind": f"what the token is, of {', '.join(KINDS)}; after the last block, what comes next",
    "address": "its number, as bits -1 and 1; after the last block, that of what comes next",
    "word": "the same of a word",
    "place": "the position / 1024",
    "owner": "the latest address @ or label: whose the word, or the part of a command, is",
    "counter": "the latest >: the command that is executed",
    "source": "the latest -: the address of what is taken off",
    "flag": "1 where the word is at most 0, else -1",
    "next": "counter + 1",
    "operand": "of the command at the counter: after > its a, after - its b, after a word its c",
    "first": "after @: the latest word at the source",
    "second": "after @: the latest word at the address",
}
LOOKS = (
    {"owner": "the latest @ or label", "counter": "the latest >", "source": "the latest -"},
    {
        "operand": "the part that its kind wants of the command whose label is the counter",
        "first": "the latest word whose owner is the source",
        "second": "the latest word whose owner is its own",
    },
)


def truth(d: int, address: int, model: LanguageModel) -> dict[str, Any]:
    """The file's content, but for the certificate."""
    program = example(d, address)
    tokens = [*program.tokens(), *program.run(COMMANDS)]
    return {
        "slots": {name: one for name, one in slots(model.witness, model).items() if name in MEANS},
        "means": MEANS,
        "heads": [[{"writes": slot, "looks_at": words} for slot, words in one.items()]
                  for one in LOOKS],
        "example": {
            "text": written(tokens),
            "looks_at": looks_at(tokens),
            "slots_after_embedding_and_blocks": _held(model, tokens),
        },
    }  # fmt: skip


def looks_at(tokens: Sequence[Token]) -> list[dict[str, list[int | None]]]:
    """Of each block, of the head that writes a slot: the position that each token looks at."""

    def latest(i: int, *kinds: str) -> int | None:
        return next((j for j in range(i, -1, -1) if tokens[j][0] in kinds), None)

    every = range(len(tokens))
    owner = [latest(i, "write", "label") for i in every]
    counter = [latest(i, "goto") for i in every]
    source = [latest(i, "take") for i in every]

    def owned(i: int, kind: str, pointer: int | None) -> int | None:
        """The latest token of a kind whose owner has the number of the pointer."""
        number = None if pointer is None else tokens[pointer][1]
        return next(
            (j for j in range(i, -1, -1)
             if tokens[j][0] == kind and (at := owner[j]) is not None and tokens[at][1] == number),
            None,
        )  # fmt: skip

    running = [i if counter[i] is not None else None for i in every]
    asks = [i is not None and tokens[i][0] == "write" for i in running]
    return [
        {
            name: [i if j is None else j for i, j in enumerate(seen)]  # else itself
            for name, seen in (("owner", owner), ("counter", counter), ("source", source))
        },
        {
            "operand": [
                owned(i, WANTS[tokens[i][0]], counter[i])
                if running[i] is not None and tokens[i][0] in WANTS else None
                for i in every
            ],
            "first": [owned(i, "word", source[i]) if asks[i] else None for i in every],
            "second": [owned(i, "word", i) if asks[i] else None for i in every],
        },
    ]  # fmt: skip


def _held(model: LanguageModel, tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """What the witness's slots hold, in float64."""
    witness = decoder(*(model.witness.layout[name].size for name in ("word", "address")))
    stream = witness.layout
    rows = token_units(tokens, witness)[:, [u for name in PARTS for u in stream.rows(name)]]
    with warnings.catch_warnings():
        # rounding reaches only units that nobody reads
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        trace = witness.trace(rows[:-1], None, rows[-1:])
    return [
        {name: np.asarray(one).tolist() for name, one in held.items() if name in MEANS}
        for held in trace
    ]
