"""vonoswald2022, as printed: gradient descent by linear self-attention on tokens (x_j, y_j).

The layer: e_j += sum_h P_h V_h K_h^T q_{h,j} without a softmax, keys and values over the n context
tokens. Block matrices are written as slot maps: W_K = [[I_x, 0], [0, 0]] is the block `f <- x`,
P W_V = (eta/n) [[0, 0], [W_0, -I_y]] the blocks `y <- (eta/n) W_0 x` and `y <- -(eta/n) y`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ..parameters import number, vector, whole
from ..witness import Witness

Matrix = tuple[tuple[Any, ...], ...]


def gradient_head(W0: Matrix, step_size: Any, n: int) -> Head:
    """Proposition 1: W_K = W_Q = [[I_x, 0], [0, 0]], W_V = [[0, 0], [W_0, -I_y]], P = (eta/n) I."""
    rate = step_size * Fraction(1, n)
    return Head(
        query=slot_map(("f", "x")),
        key=slot_map(("f", "x")),
        value=SlotMap((Block("y", "x", rate, matrix=W0), Block("y", "y", -rate))),
        name="gradient",
    )


def curvature_head(gamma: Any) -> Head:
    """GD++: x_j - gamma X^T X x_j, by the value -gamma x_i."""
    return Head(
        query=slot_map(("f", "x")),
        key=slot_map(("f", "x")),
        value=slot_map(("x", "x", -gamma)),
        name="x minus gamma X^T X x",
    )


def ksteps(
    d: int, examples: int, steps: int, step_size: Any, w0: Sequence[Any] | None = None
) -> Witness:
    """k = `steps` copies of the layer of proposition 1; y_j is a number, W_0 = w0^T.

    A query enters as (x, -w0^T x) and is never a key; after layer k its y is -w_k^T x.
    """
    d, n, k = whole("d", d), whole("examples", examples), whole("steps", steps, 0)
    step_size = number("step_size", step_size)
    start = vector("w0", w0, d) or (0,) * d
    layer = Layer("gradient step", (gradient_head((start,), step_size, n),))
    layers, definitions = [], []
    for i in range(1, k + 1):
        before = f"w{i - 1}"
        definitions.append((f"w{i}", f"{before} - step_size/n*X.T*(X*{before} - y)"))
        held = [Holds("x", "x_t"), Holds("y", f"-w{i}.T*x_t", "query")]
        held += [Holds("y", f"y{j} - (w{i} - w0).T*x{j}", j - 1) for j in range(1, n + 1)]
        layers.append(replace(layer, holds=tuple(held)))
    return Witness(
        name="vonoswald2022.prop1" if k == 1 else "vonoswald2022.ksteps",
        layout=layout(x=(d,), y=()),
        prompt=Prompt(d, SlotMap(_embedding(start))),
        layer_list=tuple(layers),
        readout=Readout("y", -1),
        parameters={"d": d, "examples": n, "steps": k, "step_size": step_size, "w0": start},
        definitions=tuple(definitions),
        examples=n,
        source="vonoswald2022, proposition 1",
    )


def prop1(d: int, examples: int, step_size: Any, w0: Sequence[Any] | None = None) -> Witness:
    """Proposition 1: one layer, one head, one gradient step of 1/(2n) sum (w^T x_i - y_i)^2."""
    return ksteps(d, examples, 1, step_size, w0)


def gdpp(
    d: int,
    examples: int,
    layers: int,
    step_size: Any,
    gamma: Any,
    w0: Sequence[Any] | None = None,
) -> Witness:
    """GD++: each layer has the head of proposition 1 and one that takes gamma X^T X x_j off x_j.

    Both heads read the tokens as they are before the layer. After layer l token j holds A_l x_j;
    D_l = Delta W^T is the gradient step of layer l, at W_0 and on the data that it finds.
    """
    d, n, k = whole("d", d), whole("examples", examples), whole("layers", layers, 0)
    step_size, gamma = number("step_size", step_size), number("gamma", gamma)
    start = vector("w0", w0, d) or (0,) * d
    layer = Layer("GD++", (gradient_head((start,), step_size, n), curvature_head(gamma)))
    made, definitions = [], [("A0", "I"), ("X0", "X"), ("Y0", "y")]
    added = ""  # what the layers so far have added up to, at a token x
    for i in range(1, k + 1):
        b = i - 1
        definitions += [
            (f"D{i}", f"-step_size/n*X{b}.T*(X{b}*w0 - Y{b})"),
            (f"Y{i}", f"Y{b} - X{b}*D{i}"),
            (f"A{i}", f"A{b} - gamma*X{b}.T*X{b}*A{b}"),
            (f"X{i}", f"X*A{i}.T"),
        ]
        added += f" - D{i}.T*A{b}*{{x}}"
        held = [Holds("x", f"A{i}*x_t"), Holds("y", "-w0.T*x_t" + added.format(x="x_t"), "query")]
        held += [Holds("y", f"y{j}" + added.format(x=f"x{j}"), j - 1) for j in range(1, n + 1)]
        made.append(replace(layer, holds=tuple(held)))
    return Witness(
        name="vonoswald2022.gdpp",
        layout=layout(x=(d,), y=()),
        prompt=Prompt(d, SlotMap(_embedding(start))),
        layer_list=tuple(made),
        readout=Readout("y", -1),
        parameters={
            "d": d,
            "examples": n,
            "layers": k,
            "step_size": step_size,
            "gamma": gamma,
            "w0": start,
        },
        definitions=tuple(definitions),
        examples=n,
        source="vonoswald2022, GD++",
    )


def prop1_blocks(W0: Sequence[Sequence[Any]], examples: int, step_size: Any) -> Witness:
    """Proposition 1 for y of any dimension, its block matrices dense on the token e = (x, y).

    W0 (d_y, d_x). The prompt hands in whole tokens (d_x + d_y numbers) as its x; its y is unused.
    """
    dy, dx, n = len(W0), len(W0[0]), whole("examples", examples)
    size = dx + dy

    def block(rows: int, columns: int, corner: Any) -> Matrix:
        return tuple(tuple(corner(i, j) for j in range(columns)) for i in range(rows))

    W_K = block(size, size, lambda i, j: int(i == j < dx))
    W_V = block(size, size, lambda i, j: 0 if i < dx else W0[i - dx][j] if j < dx else -int(i == j))
    rate = number("step_size", step_size) * Fraction(1, n)
    head = Head(
        query=SlotMap((Block("f", "e", matrix=W_K),)),
        key=SlotMap((Block("f", "e", matrix=W_K),)),
        value=SlotMap((Block("e", "e", rate, matrix=W_V),)),
        name="gradient",
    )
    return Witness(
        name="vonoswald2022.prop1, blocks",
        layout=layout(e=(size,)),
        prompt=Prompt(size, slot_map(("e", "x"))),
        layer_list=(Layer("gradient step", (head,)),),
        readout=Readout(f"e[{size - 1}]", -1),
        parameters={"examples": n, "step_size": step_size},
        examples=n,
        source="vonoswald2022, proposition 1",
    )


def _embedding(start: tuple[Any, ...]) -> tuple[Block, ...]:
    """(x_j, y_j) for an example, (x, -w0^T x) for a query."""
    return (
        Block("x", "x"),
        Block("y", "y"),
        Block("y", "x_query", -1, matrix=(start,)),
    )
