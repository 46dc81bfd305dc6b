"""Logistic regression by gradient descent, one layer per step.

Statement: w_k = w_{k-1} - eta X^T (s(X w_{k-1}) - y) from zero, targets y in [0, 1], prediction
s(w_k^T x). Tokens carry x, y, m = w^T x and p = s(m): one linear head moves m, a ReLU MLP makes p.
s is the sigmoid interpolated at 2 `pieces` + 1 knots on [-reach, reach] (proofs.piecewise_linear):
exactly that algorithm, and within `logistic_bound` of the one with the true sigmoid. k layers,
width d + 4.
"""

from __future__ import annotations

from typing import Any

from proofs.exact import as_text
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..witness import Witness


def logistic(d: int, steps: int, step_size: Any, pieces: int = 16, reach: int = 8) -> Witness:
    """The probability s(w_k^T x) after k = `steps`, at every query.

    Converges for 0 < step_size < 8 / |S|_2.
    """
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    pieces, reach = whole("pieces", pieces), whole("reach", reach)
    from proofs.weights.logistic import step
    from proofs.weights.piecewise_linear import relu_form, sigmoid_table

    c = substitute(step().weights, eta=step_size)
    floor, relus = relu_form(sigmoid_table(pieces, reach))
    descend = Head(
        query=slot_map(("f", "x", c["query"])),
        key=slot_map(("f", "x", c["key"])),
        value=slot_map(("m", "y", c["value_y"]), ("m", "p", c["value_p"])),
        name="gradient",
    )
    sigmoid = MLP(
        inner=slot_map(
            ("old", "p"),  # p >= 0, so relu(p) = p
            ("floor", "one"),
            *((f"knot {i}", "m") for i in range(len(relus))),
            *((f"knot {i}", "one", -knot) for i, (_, knot) in enumerate(relus)),
        ),
        outer=slot_map(
            ("p", "old", -1),
            ("p", "floor", floor),
            *(("p", f"knot {i}", change) for i, (change, _) in enumerate(relus)),
        ),
        activation="relu",
    )

    def interpolated(argument: str) -> str:
        terms = (
            f"({as_text(change)})*relu({argument} - ({as_text(knot)}))" for change, knot in relus
        )
        return f"({as_text(floor)}) + " + " + ".join(terms)

    layers, definitions = [], [("w0", "O"), ("p0", interpolated("X*w0"))]
    for k in range(1, steps + 1):
        held = (
            Holds("x", "x_t"), Holds("m", f"w{k}.T*x_t"), Holds("p", interpolated(f"w{k}.T*x_t")),
        )  # fmt: skip
        layers.append(Layer(f"w_{k}", (descend,), sigmoid, holds=held))
        definitions += [
            (f"w{k}", f"w{k - 1} - step_size*X.T*(p{k - 1} - y)"),
            (f"p{k}", interpolated(f"X*w{k}")),
        ]
    from fractions import Fraction

    embedding = slot_map(("x", "x"), ("y", "y"), ("one", "one"), ("p", "one", Fraction(1, 2)))
    return Witness(
        name="logistic",
        layout=layout(x=(d,), y=(), m=(), p=(), one=()),
        prompt=Prompt(d, embedding),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters={
            "d": d, "steps": steps, "step_size": step_size, "pieces": pieces, "reach": reach,
        },
        definitions=tuple(definitions),
        source="logistic regression",
    )  # fmt: skip


def logistic_bound(
    X: Any, queries: Any, steps: int, step_size: Any, pieces: int, reach: int
) -> Any:
    """What the interpolation can do to the predictions (m,) of `logistic`, as upper bounds.

    X (n, d), queries (m, d) floats. Where step_size <= 8 / |S|_2 the true step does not increase
    distances (0 <= s' <= 1/4), so that k steps move w by at most k * eta * e * sqrt(n) * |X|, e the
    sigmoid's error. Raises ValueError for larger step sizes.
    """
    import numpy as np

    from proofs.weights.piecewise_linear import sigmoid_error, sigmoid_table

    X, queries = np.asarray(X, dtype=float), np.asarray(queries, dtype=float)
    norm = float(np.linalg.norm(X))  # the Frobenius norm: at least |X|_2
    if float(step_size) * norm**2 > 8:
        raise ValueError(f"step_size must be at most 8/|X|^2 = {8 / norm**2:g}, not {step_size}")
    error = sigmoid_error(sigmoid_table(pieces, reach))
    moved = steps * float(step_size) * error * np.sqrt(len(X)) * norm
    return (error + moved * np.linalg.norm(queries, axis=-1) / 4) * (1 + 1e-12)
