"""The single statements of fu2023's appendix B, each on tokens that already hold what it needs.

T (d, d) and w (d,) are given numbers here; the layers are those of `fu2023`, of which theorem 5.1
is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.layer import Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ...parameters import number, whole
from ...parts import linear_mlp
from ...witness import Witness
from .layers import (
    initial_layers,
    iteration_layer,
    prediction_layers,
    relu_pair,
    sum_of_tokens,
    weights_layers,
)

Matrix = tuple[tuple[Any, ...], ...]


def eq21(d: int, printed: bool = True) -> Witness:
    """Eq. 21: slot `score` of a query h_t holds sum_m ReLU(<Q_m h_t, K_m h_1>), for one example."""
    pair = relu_pair(("x", 1), "x", ("score", "one", 1), printed, "context")
    return Witness(
        name="fu2023.eq21",
        layout=layout(x=(d,), one=(), score=()),
        prompt=Prompt(whole("d", d), slot_map(("x", "x"), ("one", "one"))),
        layer_list=(Layer("two heads", pair, holds=(Holds("score", "x1.T*x_t"),)),),
        readout=Readout("score"),
        parameters={"d": d, "printed": printed},
        examples=1,
        source="fu2023, eq. 21",
    )


def lemma_b3(d: int, examples: int) -> Witness:
    """Lemma B.3 on h' = [h; 1; 0_d]: afterwards the last d units of every token hold sum_j h_j.

    The tokens h_1, ..., h_n are the prompt's x_j; a query is one more token, with h = 0.
    """
    d, n = whole("d", d), whole("examples", examples)
    total = " + ".join(f"x{j}" for j in range(1, n + 1))
    heads = sum_of_tokens("sum", "h", n)
    return Witness(
        name="fu2023.lemmaB3",
        layout=layout(h=(d,), one=(), sum=(d,)),
        prompt=Prompt(d, slot_map(("h", "x_example"), ("one", "one"))),
        layer_list=(Layer("sum of tokens", heads, holds=(Holds("sum", total),)),),
        readout=Readout("sum[0]"),
        parameters={"d": d, "examples": n},
        examples=n,
        source="fu2023, lemma B.3",
    )


def eq24(d: int, examples: int, alpha: Any, printed: bool = True) -> Witness:
    """Eq. 24, three layers: the tokens x_1, ..., x_n become [T0 x_t; x_t] with T0 = alpha S.

    Full attention: a query, if there is one, is a token like any other.
    """
    d, n, alpha = whole("d", d), whole("examples", examples), number("alpha", alpha)
    layers = initial_layers(n, alpha, printed)
    held = (
        (Holds("top", "x_t", "context"), Holds("x", "x_t", "context")),
        (Holds("top", "x_t + M0*x_t", "context"), Holds("x", "x_t", "context")),
        (Holds("top", "M0*x_t", "context"), Holds("x", "x_t", "context")),
    )
    return Witness(
        name="fu2023.eq24",
        layout=layout(top=(d,), x=(d,), one=(), index=()),
        prompt=Prompt(d, slot_map(("top", "x"), ("one", "one"), ("index", "index"))),
        layer_list=tuple(replace(layer, holds=h) for layer, h in zip(layers, held, strict=True)),
        readout=Readout("top[0]"),
        parameters={"d": d, "examples": n, "alpha": alpha, "printed": printed},
        definitions=(("S", "X.T*X"), ("M0", "alpha*S")),
        examples=n,
        source="fu2023, eq. 24",
    )


def eq30(T: Matrix, examples: int, printed: bool = True) -> Witness:
    """Eq. 30 on tokens [T x_t; x_t] for a given T (d, d): [(2T - T S T^T) x_t; x_t] after it."""
    n = whole("examples", examples)
    held = (Holds("top", "2*T*x_t - T*S*T.T*x_t", "context"), Holds("x", "x_t", "context"))
    layer = replace(iteration_layer(n, printed), holds=held)
    return _on_given("fu2023.eq30", T, n, (layer,), printed)


def remark_b6(T: Matrix, examples: int, printed: bool = True, iterations: int = 0) -> Witness:
    """Remark B.6: the causal attention of eq. 30, -1/2 for -n/2 and weights 1/t, without the MLP.

    Token t > d of [T x_t; x_t] becomes [(T - T C_t T^T / 2) x_t; x_t], C_t = (1/t) sum_{j<=t}
    x_j x_j^T. `iterations` > 0: that many whole iterations instead, each with the doubling MLP of
    eq. 30; token t should then hold its own T_t, from T_t' = 2 T_t - T_t C_t T_t^T.
    """
    d, n, k = len(T), whole("examples", examples), whole("iterations", iterations, 0)
    pair = relu_pair(("x", Fraction(-1, 2)), "top", ("top", "top", 1), printed, "causal")
    mlp = linear_mlp(("top", "top", 1)) if k else None
    late = range(d + 1, n + 1)  # t > d, counted from 1
    definitions = []
    for t in late:
        seen = " + ".join(f"x{j}*x{j}.T" for j in range(1, t + 1))
        definitions += [(f"C{t}", f"({seen})/{t}"), (f"T{t}_0", "T")]
        for i in range(1, k + 1):
            before = f"T{t}_{i - 1}"
            definitions.append((f"T{t}_{i}", f"2*{before} - {before}*C{t}*{before}.T"))
    layers = []
    for i in range(1, max(k, 1) + 1):
        after = f"T{{t}}_{i}" if k else "(T - T*C{t}*T.T/2)"
        held = tuple(Holds("top", f"{after.format(t=t)}*x{t}", t - 1) for t in late)
        layers.append(Layer("causal attention", pair, mlp, holds=held))
    return _on_given("fu2023.remarkB6", T, n, tuple(layers), printed, tuple(definitions))


def _on_given(
    name: str,
    T: Matrix,
    n: int,
    layers: tuple[Layer, ...],
    printed: bool,
    definitions: tuple[tuple[str, str], ...] = (("S", "X.T*X"),),
) -> Witness:
    """Layers on tokens that already hold [T x_t; x_t]."""
    d = len(T)
    return Witness(
        name=name,
        layout=layout(top=(d,), x=(d,)),
        prompt=Prompt(d, slot_map(Block("top", "x", matrix=T), ("x", "x"))),
        layer_list=layers,
        readout=Readout("top[0]"),
        parameters={"T": T, "examples": n, "printed": printed},
        definitions=definitions,
        examples=n,
        source=name.replace(".", ", ", 1),
    )


def eq34(T: Matrix, examples: int) -> Witness:
    """Eq. 34 on tokens [T x_j; x_j] and y_j: mov, mul and lemma B.3 leave T X^T y everywhere."""
    d, n = len(T), whole("examples", examples)
    xs = [(j, 2 * j - 1) for j in range(1, n + 1)]  # j and the token of y_j
    held = (
        tuple(Holds("moved", f"T*x{j}", t) for j, t in xs),
        tuple(Holds("product", f"T*x{j}*y{j}", t) for j, t in xs),
        (Holds("w", "T*X.T*y"), *(Holds("w", "T*X.T*y", t) for _, t in xs)),
    )
    layers = weights_layers(d, n, "y")
    return Witness(
        name="fu2023.eq34",
        layout=layout(top=(d,), x=(d,), y=(), one=(), index=(), moved=(d,), product=(d,), w=(d,)),
        prompt=Prompt(
            d,
            slot_map(
                Block("top", "x_example", matrix=T),
                ("x", "x_example"),
                *((name, name) for name in ("y", "one", "index")),
            ),
            form="interleaved",
        ),
        layer_list=tuple(replace(layer, holds=h) for layer, h in zip(layers, held, strict=True)),
        readout=Readout("w[0]"),
        parameters={"T": T, "examples": n},
        examples=n,
        source="fu2023, eq. 34",
    )


def eq35(w: Sequence[Any], examples: int) -> Witness:
    """Eq. 35: w, held by the token of y_n alone, is copied to x_test; <w, x_test> is made there."""
    d, n = len(w), whole("examples", examples)
    layers = prediction_layers(d, n, "x")
    held = ((Holds("fetched", "w_n", "query"),), (Holds("prediction", "w_n.T*x_t", "query"),))
    given = Block("w", f"position[{2 * n - 1}]", matrix=tuple((entry,) for entry in w))
    return Witness(
        name="fu2023.eq35",
        layout=layout(x=(d,), one=(), index=(), w=(d,), fetched=(d,), prediction=()),
        prompt=Prompt(
            d,
            slot_map(("x", "x"), ("one", "one"), ("index", "index"), given),
            form="interleaved",
            positions=2 * n,
        ),
        layer_list=tuple(replace(layer, holds=h) for layer, h in zip(layers, held, strict=True)),
        readout=Readout("prediction"),
        parameters={"w_n": tuple(w), "examples": n},
        examples=n,
        source="fu2023, eq. 35",
    )
