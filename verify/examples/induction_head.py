"""An induction head: find where the word came before, and copy what followed it.

Tokens are x_1, y_1, x_2, y_2, …, the x distinct one-hot words. The first head writes into every
token the word before it; the second one matches that with the query and copies y.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import Head, Layer, Prompt, Readout, Witness, layout, rule, slot_map
from verify import claim, strategies


def what_followed(X, y, queries):
    """The y that came after the x that is the query, 0 if there was none."""
    return np.array([sum(y[(X == query).all(axis=1)]) for query in queries])


@st.composite
def conversations(draw):
    """n of d words are said, each followed by a number; one or two of these are asked for."""
    d = draw(st.integers(1, 5))
    said = draw(st.permutations(range(d)))[: draw(st.integers(1, d))]
    asked = draw(st.lists(st.sampled_from(said), min_size=1, max_size=2))
    y = np.array([draw(strategies.fractions()) for _ in said], dtype=object)
    words = np.eye(d, dtype=int).astype(object)
    return strategies.Case({"d": d}, words[said], y, words[asked])


@claim("induction_head", algorithm=what_followed, cases=conversations)
def transformer(d):
    """Two layers copy what followed the word that is asked for."""
    look_back = Head(
        query=slot_map(("any", "one")),
        key=slot_map(("any", "one")),
        value=slot_map(("before", "x")),
        keys="full",
        mask=rule("j == t - 1"),
    )
    copy = Head(slot_map(("word", "x")), slot_map(("word", "before")), slot_map(("p", "y")))
    stream = layout(x=(d,), y=(), one=(), before=(d,), p=())
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y"), ("one", "one")), form="interleaved")
    layers = [Layer("look back", (look_back,)), Layer("match and copy", (copy,))]
    return Witness("induction_head", stream, prompt, layers, Readout("p"))
