"""One compiled operation against its exact meaning, over a whole box of streams.

mov and aff are affine in the stream, so that the error over a box is the sum of the errors of
its units. For mul and div the error is bounded by formulas in balls, derived below from lemmas
4, 5, 6 and 8; every layer that is run has to stay inside them.
"""

from __future__ import annotations

import random
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb

from constructions.numbers.ball import Ball
from constructions.primitive_layers import Constants, layer, workspace
from constructions.primitives import Columns, Div, Mul, Operation
from constructions.prompt import Prompt
from constructions.slotmap import Block, slot_map
from constructions.stream import Layout
from constructions.transformer import Layer, Readout, Witness

from .boxes import ball, interval, precision, top


def alone(made: Layer, whole: Layout, stream: Layout, columns: int) -> Witness:
    """One layer as a witness whose tokens carry the program rows of `stream`, all of them."""
    width = stream.width
    blocks = [Block("position", "position")]
    for slot in stream.slots:
        rows = stream.rows(slot.name)
        chosen = tuple(tuple(int(row == k) for k in range(width)) for row in rows)
        blocks.append(Block(slot.name, "x", matrix=chosen))
    return Witness(
        name="one layer",
        layout=whole,
        prompt=Prompt(width, slot_map(*blocks), positions=columns),
        layer_list=(made,),
        readout=Readout("pad"),
        examples=columns - 1,
    )


@lru_cache(maxsize=256)
def compiled(operation: Operation, stream: Layout, columns: int, constants: Constants) -> Witness:
    """The layer of one operation, as such a witness."""
    whole = workspace(stream, columns, [operation])
    return alone(layer(operation, whole, constants), whole, stream, columns)


def run(witness: Witness, stream: Layout, H: Columns) -> list[list[arb]]:
    """What such a witness makes of H, as columns of balls, in the precision that is set."""
    import flint

    *context, query = H
    after = witness.trace(context, [0] * len(context), [query], Ball(flint.ctx.prec))[-1]
    result: list[list[arb]] = [[] for _ in H]
    for slot in stream.slots:
        entries = np.asarray(after[slot.name], dtype=object).reshape(len(H), -1)
        for column, row in zip(result, entries, strict=True):
            column += [ball(entry) for entry in row]
    return result


def error(operation: Operation, stream: Layout, H: Columns, constants: Constants) -> list[arb]:
    """Every entry's layer - exact meaning."""
    got = run(compiled(operation, stream, len(H), constants), stream, H)
    want = operation.apply(H)
    return [g - ball(w) for gs, ws in zip(got, want) for g, w in zip(gs, ws, strict=True)]


def affine_bound(operation: Operation, stream: Layout, columns: int, constants: Constants) -> float:
    """sup |layer - operation| over all entries and all |h| <= 1, for a layer without an MLP.

    The error is affine: its value at 0, and what each unit of each column adds at most.
    """
    width = stream.width
    zero = [[0] * width for _ in range(columns)]
    with precision(constants.bits(2)):
        at_zero = error(operation, stream, zero, constants)
        total = [abs(e) for e in at_zero]
        for t in range(columns):
            for row in range(width):
                H = [list(column) for column in zero]
                H[t][row] = 1
                moved = error(operation, stream, H, constants)
                total = [
                    whole + abs(e - base)
                    for whole, e, base in zip(total, moved, at_zero, strict=True)
                ]
        return max(map(top, total))


def mul_bound(mul: Mul, stream: Layout, columns: int, constants: Constants) -> float:
    """sup |layer - mul| over all |h| <= 1.

    With s the weight that a head gives to other columns and to the null key, the column sum is
    off by at most 4 s (N + W), so the mean by mu = that over W. The MLP sees (h - mu) rho,
    rho = sqrt(2/L) N / sqrt(Var); a product is rho^2 (a - mu)(b - mu) up to lemma 4's
    e^2 |xy| (|x| + |y|)^2. Cleared units keep 2 s, or, when lemma 5 clears them,
    |rho - 1| + rho mu + 2 phi(K - |z|).
    """
    with precision(constants.bits(2)):
        W = workspace(stream, columns, [mul]).width
        N = ball(constants.large)
        s = _leak(columns, constants)
        off = 4 * s * (N + W)
        mu = off / W
        rho = _undone(N, W, s, off)
        seen = rho * (1 + mu)
        one = (
            abs(rho * rho - 1)
            + rho * rho * (2 * mu + mu * mu)
            + ball(constants.scale) ** 2 * seen**2 * (2 * seen) ** 2
        )
        K = ball(constants.bypass) * (1 - _leak(columns, constants)) * rho
        clear = 2 * s + abs(rho - 1) + rho * mu + 2 * _density(K - seen)
        return top(mul.b * one + clear)


def div_bound(
    div: Div, stream: Layout, columns: int, constants: Constants, least: Fraction
) -> float:
    """sup |layer - div| over all |h| <= 1 with |h[by]| >= least.

    As `mul_bound`; the pads hold N c, so rho |c| - 1 is what the layer norm is off by, and the
    mean and the head's leak are scaled up by M.
    """
    with precision(constants.bits(2)):
        W = workspace(stream, columns, [div]).width
        N, M, c = ball(constants.large), ball(constants.very_large), ball(least)
        s = _leak(columns, constants)
        off = 4 * s * (N + W)
        mu = off / W
        relative = _undone(N * c, W, s / c, off)  # rho |c|
        rho = relative / c
        z = rho * (1 + M * mu + M * s)
        K = ball(constants.bypass) * relative * (1 - s / c)
        return top(abs(relative - 1) / c + rho * M * (mu + s) + 4 * _density(K - z) + 2 * s)


def _leak(columns: int, constants: Constants) -> arb:
    return (columns + 1) * (-ball(constants.sharpness)).exp()


def _undone(pad: arb, W: int, s: arb, off: arb) -> arb:
    """pad sqrt(2) / sqrt(sum of squares), the pads off by s (relative) and `off`, rest <= 1."""
    first = 1 + interval(-1, 1) * s
    second = 1 + interval(-1, 1) * ((W + off) / pad)
    rest = interval(0, 1) * W / pad**2 + interval(-1, 1) * (off / pad) ** 2
    return arb(2).sqrt() / (first**2 + second**2 + rest).sqrt()


def _density(z: arb) -> arb:
    """The normal density, a bound on |z| (1 - Phi(z)) for z > 0."""
    return (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def draw_box(
    draw: random.Random, stream: Layout, columns: int, away: int | None, least: Any
) -> Columns:
    """Entries of the box in eighths, corners not rare; row `away` keeps `least` from 0."""
    made = []
    for _ in range(columns):
        column: list[Any] = [
            Fraction(draw.choice((-8, 8, draw.randint(-8, 8))), 8) for _ in range(stream.width)
        ]
        if away is not None and abs(column[away]) < least:
            column[away] = draw.choice((-1, 1)) * least
        made.append(column)
    return made


def worst_point(operation: Operation, stream: Layout, H: Columns, constants: Constants) -> float:
    """The largest certified |layer - operation| of any entry, on one stream."""
    with precision(constants.bits(2)):
        return max(map(top, error(operation, stream, H, constants)))
