"""An induction head: find where the last word came before, and copy the word that followed it.

Statement: tokens t = 0, 1, …, a beginning without a word, then words, one-hot. At token t the
prediction is the word that followed the last earlier occurrence of the word of t, or "nothing"
where there is none: d + 1 numbers, the first of which is for nothing.

Two layers of one causal softmax head, whose scores are whole numbers times the sharpness beta.

look back       score j - (-1)^(t + j): odd distances gain what even ones lose. Token t - 1 scores
                t, and the others, t, t - 2, t - 3, …, score t - 1, t - 3, t - 2, ….
match and copy  score j, and `length` more if the word before j is that of t; `length` at the
                beginning. Of several that match the last scores highest; of none, the beginning.

No two keys that a token sees have one score, as long as there are at most `length` tokens. So
what is off the highest is at most sum_{k > 0} exp(-beta k) = 1/(exp(beta) - 1) of the softmax.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs.prompt import Fields, Prompt
from proofs.rule import rule

from ... import notation as n
from ...witness import Witness

WORDS = Fields(n.layout(word="d"), ("word",))
SOURCE = "olsson2022 (arXiv:2209.11895), induction heads; the weights are ours"


def look_back(beta: Any) -> n.Layer:
    """The word of the token before, into every token."""
    head = n.Head(
        query=n.slot_map(("near", "one", beta), ("parity", "parity", -beta)),
        key=n.slot_map(("near", "place"), ("parity", "parity")),
        value=n.slot_map(("before", "word")),
        attention="softmax",
        keys="causal",
        name="previous token",
    )
    return n.Layer("look back", (head,))


def match_and_copy(d: int, length: int, beta: Any) -> n.Layer:
    """What is where the word before is the same: the last such place, or the beginning."""
    words = tuple(tuple(int(i == j + 1) for j in range(d)) for i in range(d + 1))
    head = n.Head(
        query=n.slot_map(
            ("near", "one", beta), ("start", "one", length * beta), ("same", "word", length * beta)
        ),
        key=n.slot_map(("near", "place"), ("start", "start"), ("same", "before")),
        value=n.slot_map(("next[0]", "start"), n.Block("next", "word", matrix=words)),
        attention="softmax",
        keys="causal",
        name="induction",
    )
    return n.Layer("match and copy", (head,))


def text(values: Mapping[str, Any], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, d), no y, queries (1, d): the first word between all others; another seed, other words.

    The last word came before.
    """
    d, rng = values["d"], random.Random(seed)
    said = [word for other in range(1, max(d, 2)) for word in (0, other % d)]
    if seed:
        said = [rng.randrange(d) for _ in said]
    said = said[: values["length"] - 2]
    words = np.eye(d, dtype=int)[[*said, said[0]]].astype(object)
    return words[:-1], np.zeros((len(said), 0), dtype=object), words[-1:]


@n.construction(
    parameters={
        "d": n.Whole(example=3),
        "length": n.Whole(least=3, default=64),
        "sharpness": n.Number(above=0, default=20),
    },
    steps=lambda values: 0,
    fields=WORDS,
    targets=0,
    sample=text,
    claim="induction_head",
    computes="the word that followed the last earlier occurrence of a word",
    paper="olsson2022: two attention-only layers",
    source=SOURCE,
)
def induction_head(d: int, length: int, sharpness: Any) -> Witness:
    """The word that followed the last earlier occurrence of the word of a token, or nothing.

    X (n, d) and queries (m, d) are one-hot words, the tokens 1, …, n + m of which the queries are
    the last; a query sees those before it. Predicted are d + 1 numbers, near 1 for the answer and
    near 0 for the others; the first is for "nothing". For n + m + 1 tokens of at most `length`, the
    beginning being one.
    """
    stream = n.layout(word=(d,), start=(), one=(), place=(), parity=(), before=(d,), next=(d + 1,))
    prompt = Prompt(
        d,
        n.slot_map(
            ("word", "word"), ("start", "register"), ("one", "one"), ("place", "index"),
            ("parity", "parity"),
        ),
        register=True,
        parts=WORDS.parts,
        targets=0,
        encodings=(("parity", (rule("(-1)**t"),)),),
    )  # fmt: skip
    return Witness(
        name="induction_head",
        layout=stream,
        prompt=prompt,
        layer_list=(look_back(sharpness), match_and_copy(d, length, sharpness)),
        readout=n.Readout("next"),
        parameters={"d": d, "length": length, "sharpness": sharpness},
        source=SOURCE,
    )
