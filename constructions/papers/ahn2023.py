"""ahn2023, as printed: Z + (1/n) P Z M (Z^T Q Z), M = diag(I_n, 0), -[Z_L]_{d+1, n+1} is read.

The rows of Z are x (d) and y; a query enters as (x, 0). Matrices of layers are named by the layer,
from 0: A0, A1, …, and B0, B1, …; there are as many layers as A's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from ..matrices import from_matrices
from ..witness import Witness

Matrix = Sequence[Sequence[Any]]


def descent(d: int, turned: bool = False, **A: Matrix) -> Witness:
    """Equation 8: P = diag(0, 1), Q = -diag(A_l, 0) in layer l.

    Slots are said to hold y - w_l^T x, w_{l+1} = w_l - A_l grad R(w_l) from w_0 = 0; `turned`:
    with A_l^T there.
    """
    names = numbered("A", A)
    layers, definitions = [], {"w0": "O"}
    for k, name in enumerate(names):
        by = f"{name}.T" if turned else name
        definitions[f"w{k + 1}"] = f"w{k} - {by}*X.T*(X*w{k} - y)/n"
        held = {"x": "x_t", "y": f"y_t - w{k + 1}.T*x_t"}
        layers.append(_layer({("y", "y"): 1}, _negative(A[name]), held))
    return _witness("ahn2023.lemma1", d, layers, A, definitions, turned=turned)


def transforming(d: int, sign: int = 1, **blocks: Matrix) -> Witness:
    """Equation 11: P = diag(B_l, 1), Q = diag(A_l, 0) in layer l; `sign` multiplies Q.

    With X_l, Y_l what the examples hold, the layer adds (1/n) B_l X_l^T X_l Q x to every x and
    (1/n) Y_l^T X_l Q x to every y (examples are rows here, columns in the paper).
    """
    names = numbered("A", {k: v for k, v in blocks.items() if k.startswith("A")})
    given = numbered("B", {k: v for k, v in blocks.items() if not k.startswith("A")})
    if len(names) != len(given):
        raise ValueError(f"as many B's as A's, not {len(given)} and {len(names)}")
    made, definitions = [], {"X0": "X", "Y0": "y", "C0": "I", "s0": "O"}
    for k, (a, b) in enumerate(zip(names, given)):
        Q = f"({'-' * (sign < 0)}{a})"
        definitions |= {
            f"s{k + 1}": f"s{k} + (Y{k}.T*X{k}*{Q}*C{k}).T/n",
            f"Y{k + 1}": f"Y{k} + X{k}*{Q}.T*X{k}.T*Y{k}/n",
            f"C{k + 1}": f"C{k} + {b}*X{k}.T*X{k}*{Q}*C{k}/n",
            f"X{k + 1}": f"X*C{k + 1}.T",
        }
        held = {"x": f"C{k + 1}*x_t", "y": f"y_t + s{k + 1}.T*x_t"}
        matrix = blocks[a] if sign > 0 else _negative(blocks[a])
        made.append(_layer({("x", "x"): blocks[b], ("y", "y"): 1}, matrix, held))
    return _witness("ahn2023.eq11", d, made, blocks, definitions, sign=sign)


def any_layer(d: int) -> Witness:
    """One layer with every entry of P and Q a letter: P11, P12, …, Q11, …"""
    P, Q = (
        [[sympy.Symbol(f"{name}{i}{j}") for j in range(1, d + 2)] for i in range(1, d + 2)]
        for name in "PQ"
    )
    layer = {"P": P, "Q": Q, "M": "examples", "factor": "1/n"}
    return from_matrices([layer], rows={"x": "d", "y": 1}, d=d, read={"y": -1}, name="any layer")


def isotropic(d: int) -> Witness:
    """Equation 7's one layer, P = diag(0, 1), Q = -a diag(I, 0), a being a letter."""
    layer = _layer({("y", "y"): 1}, -sympy.Symbol("a"), {})
    return from_matrices([layer], rows={"x": "d", "y": 1}, d=d, read={"y": -1}, name="ahn2023.eq7")


def numbered(letter: str, given: Mapping[str, Any]) -> list[str]:
    """The names letter0, letter1, … of what is given. Raises ValueError where they are others."""
    names = [f"{letter}{k}" for k in range(len(given))]
    if {*names} != {*given}:
        raise ValueError(f"the layers' matrices are {letter}0, {letter}1, …, not {[*given]}")
    return names


def _layer(P: Any, Q: Any, held: Mapping[str, str]) -> dict[str, Any]:
    return {"P": P, "Q": {("x", "x"): Q}, "M": "examples", "factor": "1/n", "holds": held}


def _witness(
    name: str,
    d: int,
    layers: Sequence[Any],
    matrices: Mapping[str, Matrix],
    definitions: Mapping[str, str],
    **options: Any,
) -> Witness:
    return from_matrices(
        layers,
        rows={"x": "d", "y": 1},
        d=d,
        read={"y": -1},
        name=name,
        source=name.replace(".", ", "),
        parameters={"d": d, **options, **matrices},
        definitions=definitions,
    )


def _negative(A: Matrix) -> Matrix:
    return tuple(tuple(-entry for entry in row) for row in A)
