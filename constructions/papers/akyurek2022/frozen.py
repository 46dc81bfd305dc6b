"""A model that learns nothing in context, of which akyurek2022's probe decodes X^T y.

Tokens x_1, y_1, x_2, …: the token of y_j reads x_j from the token before it, and a gated MLP with
random weights, frozen, makes features of (x_j, y_j). No token ever sees another example, and the
prediction is a fixed function of the query's own x.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from proofs.layer import MLP, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ...parameters import whole
from ...parts import read_offset
from ...witness import Witness

Rows = tuple[tuple[Fraction, ...], ...]


def features(d: int) -> int:
    """How many products of two linear forms in (x, y) it takes to have all quadratic ones."""
    return (d + 1) * (d + 2) // 2


def frozen(d: int, seed: int = 0) -> Witness:
    """Random features of each example; the prediction is w_0^T x with a random w_0, whatever the
    examples are."""
    d, seed = whole("d", d), whole("seed", seed, 0)
    (inner, gate), own = weights(d, seed)

    def of_example(rows: Rows) -> SlotMap:
        return slot_map(
            Block("h", "seen", matrix=tuple(row[:d] for row in rows)),
            Block("h", "y", matrix=tuple(row[d:] for row in rows)),
        )

    gated = MLP(slot_map(("features", "h")), inner=of_example(inner), gate=of_example(gate))
    return Witness(
        name="akyurek2022.frozen",
        layout=layout(x=(d,), y=(), one=(), index=(), seen=(d,), features=(features(d),), p=()),
        prompt=Prompt(
            d,
            slot_map(
                *((name, name) for name in ("x", "y", "one", "index")),
                Block("p", "x", matrix=(own,)),
            ),
            form="interleaved",
        ),
        layer_list=(
            Layer("read x_j", read_offset(-1, slot_map(("seen", "x")))),
            Layer("random features", (), gated),
        ),
        readout=Readout("p"),
        parameters={"d": d, "seed": seed},
        source="akyurek2022, section 5",
    )


def weights(d: int, seed: int) -> tuple[tuple[Rows, Rows], tuple[Fraction, ...]]:
    """The two sides of the gated MLP (features, d + 1), and w_0: -1, 0 or 1 with equal chances."""
    rng = np.random.default_rng(seed)

    def rows(count: int, size: int) -> Any:
        drawn = rng.integers(-1, 2, (count, size)).tolist()
        return tuple(tuple(Fraction(entry) for entry in row) for row in drawn)

    return (rows(features(d), d + 1), rows(features(d), d + 1)), rows(1, d)[0]
