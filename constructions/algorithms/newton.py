"""Newton's iteration for the inverse: M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X.

Statement (fu2023, eqs. 24-35): k iterations from M_0 = alpha S leave the prediction
x^T M_k X^T y at a query x. The weights are those of proofs.newton: one linear-attention layer
makes M_0 x at every token, one layer each makes M_j x of M_{j-1} x, one reads the prediction:
k + 2 layers, where the paper takes k + 8. Queries are never keys, so S is that of the examples.
"""

from __future__ import annotations

from typing import Any, Literal

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import choice, number, substitute, whole
from ..parts import as_attention, linear_mlp, read_offset
from ..witness import Witness


def newton(
    d: int,
    iterations: int,
    alpha: Any,
    attention: Literal["linear", "relu"] = "linear",
    prompt: Literal["joint", "interleaved"] = "joint",
) -> Witness:
    """k = `iterations` of Newton's method from M_0 = alpha S, at every query.

    Converges for 0 < alpha < 2 / |S|_2^2. attention "relu" takes two ReLU heads for each linear
    one; prompt "interleaved" has the tokens x_1, y_1, x_2, y_2, …
    """
    d, iterations = whole("d", d), whole("iterations", iterations, 0)
    alpha = number("alpha", alpha, above=0)
    choice("attention", attention, ("linear", "relu"))
    choice("prompt", prompt, ("joint", "interleaved"))
    from proofs.weights import newton as derived

    first = substitute(derived.initial().weights, alpha=alpha)
    step = substitute(derived.iteration().weights)
    last = substitute(derived.readout().weights)

    interleaved = prompt == "interleaved"
    stream = layout(x=(d,), y=(), t=(d,), p=())
    embedding = [("x", "x"), ("y", "y")]
    fetch: tuple[Head, ...] = ()
    if interleaved:
        stream = layout(x=(d,), y=(), t=(d,), p=(), one=(), index=())
        embedding += [("one", "one"), ("index", "index")]
        fetch = read_offset(1, slot_map(("y", "y")))  # x_j's token reads y_j from the next one

    initial = Head(
        query=slot_map(("f", "x", first["query"])),
        key=slot_map(("f", "x", first["key"])),
        value=slot_map(("t", "x", first["value"])),
        name="alpha S x",
    )
    iterate = Layer(
        "iteration",
        as_attention(
            Head(
                query=slot_map(("f", "t", step["query"])),
                key=slot_map(("f", "x", step["key"])),
                value=slot_map(("t", "t", step["value"])),
                name="T S T x",
            ),
            attention,
        ),
        linear_mlp(("t", "t", step["skip"])),
    )
    read = Head(
        query=slot_map(("f", "t", last["query"])),
        key=slot_map(("f", "x", last["key"])),
        value=slot_map(("p", "y", last["value"])),
        name="read-out",
    )
    x = Holds("x", "x_t")
    layers = [
        Layer("M_0", (*as_attention(initial, attention), *fetch), holds=(x, Holds("t", "M0*x_t")))
    ]
    definitions = [("S", "X.T*X"), ("M0", "alpha*S")]
    for k in range(1, iterations + 1):
        layers.append(
            Layer(f"M_{k}", iterate.heads, iterate.mlp, holds=(x, Holds("t", f"M{k}*x_t")))
        )
        definitions.append((f"M{k}", f"2*M{k - 1} - M{k - 1}*S*M{k - 1}"))
    definitions.append((f"w{iterations}", f"M{iterations}*X.T*y"))
    layers.append(
        Layer(
            "read-out",
            as_attention(read, attention),
            holds=(x, Holds("t", f"M{iterations}*x_t"), Holds("p", f"w{iterations}.T*x_t")),
        )
    )
    return Witness(
        name="newton",
        layout=stream,
        prompt=Prompt(d, slot_map(*embedding), form=prompt),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters={
            "d": d,
            "iterations": iterations,
            "alpha": alpha,
            "attention": attention,
            "prompt": prompt,
        },
        definitions=tuple(definitions),
        source="fu2023, theorem 5.1",
    )
