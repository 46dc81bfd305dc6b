"""An induction head: find where the word came before, and copy what followed it."""

import numpy as np
from hypothesis import strategies as st

from constructions import Head, Layer, Prompt, Readout, Witness, layout, rule, slot_map
from verify import Domain, claim, strategies


def what_followed(X, y, queries):
    """The y that came after the x that is the query, 0 if there was none."""
    return np.array([sum(y[(X == query).all(axis=1)]) for query in queries])


def one_hot(case):
    words, said = np.eye(case.d, dtype=int).tolist(), case.X.tolist()
    return all(words.count(x) == said.count(x) == 1 for x in said + case.queries.tolist())


@st.composite
def conversations(draw):
    """n of d words, each followed by a number; one or two of them are asked for."""
    d = draw(st.integers(1, 5))
    said = draw(st.permutations(range(d)))[: draw(st.integers(1, d))]
    asked = draw(st.lists(st.sampled_from(said), min_size=1, max_size=2))
    y = np.array([draw(strategies.fractions()) for _ in said], dtype=object)
    words = np.eye(d, dtype=int).astype(object)
    return strategies.Case({"d": d}, words[said], y, words[asked])


spoken = Domain("distinct one-hot words; a query is one of them", one_hot)


@claim("copying_head", algorithm=what_followed, cases=conversations, domain=spoken)
def transformer(d):
    """Tokens x_1, y_1, …: a head writes the word before into each; the next matches and copies."""
    any_token, word = slot_map(("any", "one")), slot_map(("before", "x"))
    look_back = Head(any_token, any_token, word, keys="full", mask=rule("j == t - 1"))
    copy = Head(slot_map(("word", "x")), slot_map(("word", "before")), slot_map(("p", "y")))
    stream = layout(x=(d,), y=(), one=(), before=(d,), p=())
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y"), ("one", "one")), form="interleaved")
    layers = [Layer("look back", (look_back,)), Layer("match and copy", (copy,))]
    return Witness("copying_head", stream, prompt, layers, Readout("p"))
