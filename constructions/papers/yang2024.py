"""yang2024: one layer of multi-head softmax attention on tokens of a fixed dictionary.

Tokens v_1, ..., v_K; a prompt labels some of them, and the layer predicts at every token v_k

    <y, sum_h w_{h,k} softmax(V^T Q_h v_k)>,   V the labelled tokens, eq. 8:

(W^K_h)^T W^Q_h = Q_h on the tokens, W^V_h = (0, w_h), W^O = (I ... I), and the prediction of v_k is
entry k of what its column holds. Here x is the one-hot number of a token and the embedding looks
v_k up; a bilinear MLP reads the diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy

from proofs.exact import exact
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ..parameters import whole
from ..witness import Witness

Matrix = Sequence[Sequence[Any]]
SOURCE = "yang2024, eqs. 5-8"


def transformer(tokens: Matrix, heads: Sequence[tuple[Matrix, Sequence[Any]]]) -> Witness:
    """The layer: tokens (K, p), of each head Q (p, p) and w (K,)."""
    K, p = len(tokens), len(tokens[0])
    made = tuple(
        Head(
            query=SlotMap((Block("f", "v", matrix=_rows(Q)),)),
            key=slot_map(("f", "v")),
            value=SlotMap((Block("out", "y", matrix=tuple((entry,) for entry in w)),)),
            attention="softmax",
            name=f"head {h}",
        )
        for h, (Q, w) in enumerate(heads, start=1)
    )
    diagonal = MLP(
        outer=SlotMap((Block("fit", "product", matrix=((1,) * K,)),)),
        inner=slot_map(("product", "out")),
        gate=slot_map(("product", "place")),
    )
    look_up = Block("v", "x", matrix=tuple(zip(*tokens)))
    return Witness(
        name="yang2024, one layer",
        layout=layout(v=(p,), place=(K,), y=(), out=(K,), fit=()),
        prompt=Prompt(K, SlotMap((look_up, Block("place", "x"), Block("y", "y")))),
        layer_list=(Layer("attention", made, diagonal),),
        readout=Readout("fit"),
        parameters={"tokens": _rows(tokens)},
        source=SOURCE,
    )


def memorised(features: Matrix, labelled: int, noise: Any) -> tuple[tuple[Any, ...], ...]:
    """A of eq. 26, which training approaches: (Z^T Z + m tau I)^-1 (Z^T (Z, Z_Q) + m tau (I, 0)).

    (N, K). features: the rows f(v_k), (K, m); the first N = `labelled` tokens have labels.
    """
    rows = sympy.Matrix([[exact_number(entry) for entry in row] for row in features])
    N, m, tau = labelled, rows.shape[1], exact_number(noise)
    gram = rows[:N, :] * rows[:N, :].T + m * tau * sympy.eye(N)
    right = rows[:N, :] * rows.T
    right[:, :N] += m * tau * sympy.eye(N)
    A = gram.LUsolve(right)
    return tuple(tuple(exact(A[i, k]) for k in range(rows.shape[0])) for i in range(N))


def one_head_a_token(
    d: int, tokens: Matrix, features: Matrix, labelled: int, noise: Any, beta: Any
) -> Witness:
    """H = N heads, Q_h = beta v_h (1 ... 1) and w_h row h of A: head h looks for token h.

    The entries of every token add up to something positive, so that its scores are largest at v_h.
    """
    N, K = whole("labelled", labelled), whole("d", d)
    if len(tokens) != K or len(features) != K or K < N:
        raise ValueError(f"d = {K} tokens have {len(tokens)} vectors and {len(features)} features")
    if len(set(map(tuple, tokens))) < K or any(sum(token) <= 0 for token in tokens):
        raise ValueError("tokens are distinct, and the entries of each have a positive sum")
    A = memorised(features, N, noise)
    heads = [([[beta * entry] * len(tokens[h]) for entry in tokens[h]], A[h]) for h in range(N)]
    return transformer(tokens, heads)


def one_head_a_direction(d: int, rates: Sequence[Any], eps: Any) -> Witness:
    """m = d heads on features x: head i has the scores eps x_i x'_i and values y rates_i / eps.

    One more head, all of its scores 0, takes off what all labels have in common.
    """
    d = whole("d", d)
    made = [
        Head(
            query=slot_map(("f", f"x[{i}]", eps)),
            key=slot_map(("f", f"x[{i}]")),
            value=slot_map(("fit", "y", rates[i] / eps)),
            attention="softmax",
            name=f"direction {i + 1}",
        )
        for i in range(d)
    ]
    mean = Head(
        query=slot_map(("f", "x[0]", 0)),
        key=slot_map(("f", "x[0]")),
        value=slot_map(("fit", "y", -sum(rates) / eps)),
        attention="softmax",
        name="mean",
    )
    return Witness(
        name="yang2024, one head a direction",
        layout=layout(x=(d,), y=(), fit=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("y", "y"))),
        layer_list=(Layer("attention", (*made, mean)),),
        readout=Readout("fit"),
        parameters={"rates": tuple(rates)},
        source=SOURCE,
    )


def exact_number(value: Any) -> Any:
    """A fraction as one of sympy's numbers."""
    value = exact(value)
    return (
        sympy.Rational(value.numerator, value.denominator) if isinstance(value, Fraction) else value
    )


def _rows(matrix: Matrix) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in matrix)
