"""An induction head: find the token that came before, and copy what followed it.

Tokens are x_1, y_1, x_2, y_2, …, the x distinct one-hot words. The first head writes into every
token the word before it; the second one matches that with the query and copies y.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import Head, Holds, Layer, Prompt, Readout, Witness, layout, rule, slot_map
from verify import Domain, claim, strategies


def what_followed(X, y, queries):
    """The y that came after the x that is the query."""
    return np.array([y[(X == query).all(axis=1)][0] for query in queries])


def said_before(case):
    return sorted(case.X.sum(axis=1)) == [1] * len(case.X) == sorted(case.X.max(axis=1)) and all(
        any((x == query).all() for x in case.X) for query in case.queries
    )


@st.composite
def conversations(draw):
    """d words, n of them said, each followed by a number; m of these are asked for."""
    d = draw(st.integers(1, 5))
    said = draw(st.permutations(range(d)))[: draw(st.integers(1, d))]
    asked = draw(st.lists(st.sampled_from(said), min_size=1, max_size=2))
    words, y = np.eye(d, dtype=int).astype(object), [draw(strategies.fractions()) for _ in said]
    return strategies.Case({"d": d}, words[said], np.array(y, dtype=object), words[asked])


@claim(
    "induction_head",
    source="the induction head, by two linear heads",
    algorithm=what_followed,
    cases=conversations,
    domain=Domain("distinct one-hot words; a query is one of them", said_before),
)
def transformer(d):
    """Two layers copy what followed the word that is asked for."""
    before = Head(
        slot_map(("any", "one")), slot_map(("any", "one")), slot_map(("before", "x")),
        keys="full", mask=rule("j == t - 1"),
    )  # fmt: skip
    copy = Head(slot_map(("word", "x")), slot_map(("word", "before")), slot_map(("p", "y")))
    stream = layout(x=(d,), y=(), one=(), before=(d,), p=())
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y"), ("one", "one")), form="interleaved")
    layers = [Layer("look back", (before,)), Layer("match and copy", (copy,))]
    return Witness("induction_head", stream, prompt, layers, Readout("p"))
