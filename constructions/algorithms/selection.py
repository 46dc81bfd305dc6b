"""In-context selection between two ridge strengths by their error on held-out examples.

Statement: both ridge regressions are fitted to the first n - v examples, side by side; the one
with the smaller sum of squared errors on the last v examples predicts. The choice is exact: with
D the difference of the two sums, normalised attention gives relu(-D) / (relu(D) + relu(-D)), which
is 1 or 0. A tie has no answer, and is refused (ZeroDivisionError) in every arithmetic.

2(n - v) + 3 layers: 2 per fitted example (proofs.recursive_least_squares), then the validation
errors, their sums, the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofs.exact import as_text
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, whole
from ..parts import bilinear
from ..witness import Witness
from .recursive_least_squares import absorb, definitions, embedding, slots


def selection(d: int, examples: int, validation: int, ridges: Sequence[Any]) -> Witness:
    """The better of two `ridges` on the last `validation` of the `examples`, at every query."""
    d, examples = whole("d", d), whole("examples", examples, 2)
    validation = whole("validation", validation)
    if validation >= examples:
        raise ValueError(f"validation must be less than examples = {examples}, not {validation}")
    if isinstance(ridges, str) or not hasattr(ridges, "__len__") or len(ridges) != 2:
        raise ValueError(f"ridges must be two numbers, not {ridges!r}")
    first, second = (number("a ridge", ridge, above=0) for ridge in ridges)
    fitted = examples - validation
    held_out = range(fitted, examples)

    mask = bilinear(
        {f"{r}*{t}": (r, f"position[{t}]") for r in ("rA", "rB") for t in held_out},
        *((f"v{k}", f"r{k}*{t}", 1) for k in "AB" for t in held_out),
        d=d,
    )
    sums = tuple(
        Head(
            query=slot_map(("f", "one")),
            key=slot_map(("f", f"v{k}")),
            value=slot_map(("D", f"v{k}", sign)),
            name=f"validation error {k}",
        )
        for k, sign in (("A", 1), ("B", -1))
    )
    split = MLP(
        inner=slot_map(("A worse", "D"), ("A better", "D", -1)),
        outer=slot_map(("lose", "A worse"), ("win", "A better")),
        activation="relu",
    )
    choose = Head(
        query=slot_map(("win", "win"), ("lose", "lose")),
        key=slot_map(("win", "position[0]"), ("lose", f"position[{fitted}]")),
        value=slot_map(("A", "position[0]")),  # one there: the weight of the winner A
        attention="normalised",
        name="winner",
    )
    final = bilinear(
        {"A*rA": ("A", "rA"), "A*rB": ("A", "rB"), "rB": ("one", "rB")},
        ("p", "A*rA", -1), ("p", "A*rB", 1), ("p", "rB", -1),
        d=d,
    )  # fmt: skip
    n = fitted
    loss = "+".join(
        f"(y{t + 1} - wA{n}.T*x{t + 1})*(y{t + 1} - wA{n}.T*x{t + 1})"
        f" - (y{t + 1} - wB{n}.T*x{t + 1})*(y{t + 1} - wB{n}.T*x{t + 1})"
        for t in held_out
    )
    query = (
        Holds("rA", f"-wA{n}.T*x_t", "query"),
        Holds("rB", f"-wB{n}.T*x_t", "query"),
    )
    layers = (
        *absorb(d, n, ("A", "B")),
        Layer("validation", mlp=mask, holds=query),
        Layer("sums", sums, split, holds=(*query, Holds("D", "D", "query"))),
        Layer("choice", (choose,), final, holds=query),
    )
    return Witness(
        name="selection",
        layout=layout(
            **slots(d, examples, ("A", "B")), vA=(), vB=(), D=(), win=(), lose=(), A=(), p=()
        ),
        prompt=Prompt(d, embedding({"A": first, "B": second}), positions=examples),
        layer_list=layers,
        readout=Readout("p"),
        parameters={
            "d": d, "examples": examples, "validation": validation, "ridges": (first, second),
        },
        definitions=(
            *definitions(n, f"({as_text(first)})", "A"),
            *definitions(n, f"({as_text(second)})", "B"),
            ("D", loss),
        ),
        examples=examples,
        source="ridge selected by held-out error",
    )  # fmt: skip
