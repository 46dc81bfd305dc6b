"""vladymyrov2024, as printed: linear self-attention on tokens e = (x, y), with any P_k and Q_k.

The layer: e_i + sum_k P_k (sum_j e_j e_j^T) Q_k e_i, j over the n examples; the query enters as
(x_t, 0), and minus its last entry is the prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ..matrices import from_matrices
from ..parameters import whole
from ..witness import Witness

Matrix = tuple[tuple[Any, ...], ...]
Heads = Sequence[tuple[Any, Any]]  # (P, Q) of each


def linear_transformer(d: int, layers: Sequence[Heads]) -> Witness:
    """Any layers of any heads, P and Q (d + 1, d + 1) or by their blocks: {("x", "y"): …}."""
    made = [[{"P": P, "Q": Q, "M": "examples"} for P, Q in heads] for heads in layers]
    return from_matrices(
        made,
        rows={"x": "d", "y": 1},
        read={"y": -1},
        d=whole("d", d),
        name="vladymyrov2024",
        source="vladymyrov2024, eq. 3",
    )


def tied(
    d: int, layers: int, P_xx: Matrix, P_xy: Sequence[Any], P_yx: Sequence[Any], P_yy: Any,
    Q_xx: Matrix, Q_xy: Sequence[Any], Q_yx: Sequence[Any], Q_yy: Any,
) -> Witness:  # fmt: skip
    """The same layer of one head `layers` times, P = [[P_xx, P_xy], [P_yx^T, P_yy]], Q likewise."""
    head = Head(
        query=_map(Q_xx, Q_xy, Q_yx, Q_yy),
        key=slot_map(("x", "x"), ("y", "y")),
        value=_map(P_xx, P_xy, P_yx, P_yy),
    )
    k = whole("layers", layers, 0)
    made = tuple(
        Layer(f"layer {i}", (head,), holds=(Holds("x", f"M{i}*x_t + u{i}*y_t"),
                                            Holds("y", f"a{i}*y_t - w{i}.T*x_t")))
        for i in range(1, k + 1)
    )  # fmt: skip
    given = {"P_xx": P_xx, "P_xy": P_xy, "P_yx": P_yx, "P_yy": P_yy,
             "Q_xx": Q_xx, "Q_xy": Q_xy, "Q_yx": Q_yx, "Q_yy": Q_yy}  # fmt: skip
    return Witness(
        name="vladymyrov2024.tied",
        layout=layout(x=(d,), y=()),
        prompt=Prompt(whole("d", d), slot_map(("x", "x"), ("y", "y"))),
        layer_list=made,
        readout=Readout("y", -1),
        parameters={"d": d, "layers": k, **given},
        definitions=tuple(lemma43(k).items()),
        source="vladymyrov2024, lemma 4.3",
    )


def lemma43(layers: int) -> dict[str, str]:
    """M, u, a, w after each layer of `tied`, from those before it and G = sum_j e_j e_j^T there.

    G = [[Gxx, Gxy], [Gxy^T, Gyy]] of the tokens (M x_j + y_j u, a y_j - <w, x_j>), and P G Q =
    [[A, b], [c^T, e]].
    """
    made = {"M0": "I", "u0": "O", "a0": "1", "w0": "O"}
    for k in range(layers + 1):
        i = k - 1
        if k:
            made |= {
                f"M{k}": f"M{i} + A{i}*M{i} - b{i}*w{i}.T",
                f"u{k}": f"u{i} + A{i}*u{i} + a{i}*b{i}",
                f"a{k}": f"a{i} + e{i}*a{i} + c{i}.T*u{i}",
                f"w{k}": f"w{i} + e{i}*w{i} - M{i}.T*c{i}",
            }
        made |= {
            f"X{k}": f"X*M{k}.T + y*u{k}.T",
            f"Y{k}": f"a{k}*y - X*w{k}",
            f"F{k}": f"X{k}.T*X{k}*Q_xx + X{k}.T*Y{k}*Q_yx.T",  # G Q, its blocks
            f"g{k}": f"X{k}.T*X{k}*Q_xy + X{k}.T*Y{k}*Q_yy",
            f"h{k}": f"Q_xx.T*X{k}.T*Y{k} + (Y{k}.T*Y{k})*Q_yx",
            f"s{k}": f"Y{k}.T*X{k}*Q_xy + (Y{k}.T*Y{k})*Q_yy",
            f"A{k}": f"P_xx*F{k} + P_xy*h{k}.T",
            f"b{k}": f"P_xx*g{k} + P_xy*s{k}",
            f"c{k}": f"F{k}.T*P_yx + P_yy*h{k}",
            f"e{k}": f"P_yx.T*g{k} + P_yy*s{k}",
        }
    return made


def fast_rates(reach: int, squarings: int, largest: Any) -> tuple[tuple[Any, ...], ...]:
    """(step sizes, gammas) of GD++ for theorem 5.1: gamma 1/(3 nu) in layer after layer, nu the
    largest eigenvalue then, 4/9 of the one before; in the last a step 1/nu."""
    nu, gammas = Fraction(largest), []
    for _ in range(reach + squarings):
        gammas.append(1 / (3 * nu))
        nu = nu * Fraction(4, 9)
    still = (Fraction(0),) * len(gammas)
    return (*still, 1 / nu), (*gammas, Fraction(0))


def _map(xx: Matrix, xy: Sequence[Any], yx: Sequence[Any], yy: Any) -> SlotMap:
    """[[xx, xy], [yx^T, yy]] on (x, y)."""
    column, row = tuple((entry,) for entry in xy), (tuple(yx),)
    return slot_map(Block("x", "x", matrix=xx), Block("x", "y", matrix=column),
                    Block("y", "x", matrix=row), ("y", "y", yy))  # fmt: skip
