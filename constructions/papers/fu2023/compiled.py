"""fu2023, theorem 5.1, with mov, aff and mul as the layers that akyurek2022 gives for them.

The paper takes these three from there: mov and aff are causal softmax heads over one-hot
positions, mul is a GeLU MLP behind a layer norm. So the prediction is approximate, and the width
grows with n; `fu2023.theorem51` does the same operations exactly.
"""

from __future__ import annotations

from typing import Any

from proofs.layer import Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ...parameters import number, whole
from ...witness import Witness
from ..akyurek2022.layers import Constants, layer, workspace
from ..akyurek2022.operations import Aff, Mov, Mul, Operation
from .layers import initial_layers, iteration_layer, sum_of_tokens


def theorem51_compiled(
    d: int,
    examples: int,
    iterations: int,
    alpha: Any,
    printed: bool = True,
    constants: Constants | None = None,
) -> Witness:
    """k + 8 layers on the whole prompt; x_test and y have units of their own."""
    d, n, k = whole("d", d), whole("examples", examples), whole("iterations", iterations, 0)
    alpha = number("alpha", alpha)
    stream = layout(
        top=(d,), x=(d,), y=(), test=(d,), one=(), moved=(d,), product=(d,), w=(d,),
        fetched=(d,), prediction=(),
    )  # fmt: skip
    rows = {slot.name: _range(stream.rows(slot.name)) for slot in stream.slots}
    every, xs, ys = (tuple(range(*r)) for r in ((2 * n + 1,), (0, 2 * n, 2), (1, 2 * n, 2)))
    operations: list[Operation] = [
        Mov(every, every, rows["top"], rows["x"]),
        Aff(rows["top"], rows["x"], rows["top"], W1=1, W2=-1),
        Mov(xs, ys, rows["top"], rows["moved"]),
        Mul(d, 1, 1, rows["moved"], rows["y"], rows["product"]),
        Mov(2 * n - 1, 2 * n, rows["w"], rows["fetched"]),
        Mul(1, d, 1, rows["fetched"], rows["test"], rows["prediction"]),
    ]
    for operation in operations:
        operation.check()
    whole_stream = workspace(stream, 2 * n + 1, operations)
    below, minus, move, times, fetch, multiply = (
        layer(operation, whole_stream, constants or Constants()) for operation in operations
    )
    embedding = [("top", "x_example"), ("test", "x_query")]
    embedding += [(name, name) for name in ("y", "one", "position")]
    return Witness(
        name="fu2023.theorem5.1, compiled",
        layout=whole_stream,
        prompt=Prompt(d, slot_map(*embedding), form="interleaved", positions=2 * n + 1),
        layer_list=(
            below,
            initial_layers(n, alpha, printed)[1],
            minus,
            *(iteration_layer(n, printed),) * k,
            move,
            times,
            Layer("lemma B.3: w", sum_of_tokens("w", "product", n)),
            fetch,
            multiply,
        ),
        readout=Readout("prediction"),
        parameters={"d": d, "examples": n, "iterations": k, "alpha": alpha, "printed": printed},
        examples=n,
        source="fu2023, theorem 5.1; akyurek2022, lemma 1",
    )


def _range(rows: range) -> tuple[int, int]:
    return rows.start, rows.stop
