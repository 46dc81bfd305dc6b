"""A small picture of a construction, drawn from its run: layers across, slots down.

A cell is as dark as what its slot holds after that layer, of all that the slot ever holds; a cell
that the layer changed has a dot. Above stands who works in the layer: heads (arcs) or an MLP
(a bend).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from constructions import PrecisionWarning
from constructions.witness import Witness
from proofs.layer import Layer

from ..lesson import Lesson
from ..mathml import plain
from ..story import as_float, exact_prompt

WIDE, HIGH = 264, 132  # of the picture
LEFT, TOP = 50, 22  # room for the slots' names, and for what works in a layer
DARKEST = 62  # percent of the colour, where a slot holds most
MOST = 12  # slots and layers that are drawn; of more the first and the last


def card(witness: Witness, lesson: Lesson) -> str:
    """The run of the lesson's example as a small picture, as SVG."""
    states = _run(witness, lesson)
    sizes = {
        slot.name: [_size(state[slot.name]) for state in states] for slot in witness.layout.slots
    }
    largest = {name: max(of) for name, of in sizes.items()}
    slots = _some([name for name in sizes if largest[name] > 0])
    layers = _some(list(range(len(states))))
    across = (WIDE - LEFT - 4) / len(layers)
    down = (HIGH - TOP - 4) / len(slots)
    parts = []
    for row, name in enumerate(slots):
        y = TOP + row * down
        if down >= 9:
            parts.append(
                f'<text class="slot" x="{LEFT - 6}" y="{y + down / 2 + 3.5:.1f}" '
                f'text-anchor="end">{plain(_short(name))}</text>'
            )
        for column, k in enumerate(layers):
            x = LEFT + column * across
            share = (sizes[name][k] / largest[name]) ** 0.5
            changed = k > 0 and bool(np.any(states[k][name] != states[k - 1][name]))
            parts.append(_cell(x, y, across, down, share, changed))
    for column, k in enumerate(layers[1:], start=1):
        parts.append(_works(witness.layer_list[k - 1], LEFT + column * across, across))
    said = _said(witness)
    return (
        f'<svg class="run" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{plain(said)}">'
        f"{''.join(parts)}</svg>"
    )


def _run(witness: Witness, lesson: Lesson) -> Sequence[Mapping[str, np.ndarray]]:
    """The slots after every layer, in floats: a picture has no digits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        states: Sequence[Mapping[str, np.ndarray]]
        states = witness.trace(*exact_prompt(witness, lesson), numbers="float64")
    return states


def _size(values: np.ndarray) -> float:
    """The largest of the entries; of what is beyond floats, the largest float."""
    entries = (abs(as_float(value)) for value in values.ravel())
    return max((min(entry, 1e300) for entry in entries if not math.isnan(entry)), default=0.0)


def _some(of: list[Any]) -> list[Any]:
    return of if len(of) <= MOST else [*of[: MOST - 1], of[-1]]


def _short(name: str) -> str:
    return name if len(name) <= 8 else f"{name[:7]}…"


def _cell(x: float, y: float, wide: float, high: float, share: float, changed: bool) -> str:
    made = (
        f'<rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{wide - 2:.1f}" height="{high - 2:.1f}" '
        f'rx="2" style="--share:{share * DARKEST:.0f}%"></rect>'
    )
    if changed:
        r = max(1.2, min(2.6, high / 4))
        made += f'<circle cx="{x + wide / 2:.1f}" cy="{y + high / 2:.1f}" r="{r:.1f}"></circle>'
    return made


def _works(layer: Layer, x: float, wide: float) -> str:
    """Arcs for heads, a bend for an MLP, above the layer's column."""
    middle = x + wide / 2
    half = min(9.0, wide / 2 - 2)
    made = ""
    if layer.heads:
        for number in range(min(len(layer.heads), 3)):
            top = TOP - 5 - 4.5 * (number + 1)
            made += (
                f'<path class="arc" d="M {middle - half:.1f} {TOP - 4} Q {middle:.1f} '
                f'{2 * top - TOP + 9:.1f} {middle + half:.1f} {TOP - 4}"></path>'
            )
    elif layer.mlp is not None:
        made += (
            f'<path class="bend" d="M {middle - half:.1f} {TOP - 5} L {middle:.1f} {TOP - 5} '
            f'L {middle + half:.1f} {TOP - 14}"></path>'
        )
    return made


def _said(witness: Witness) -> str:
    heads = sum(bool(layer.heads) for layer in witness.layer_list)
    mlps = sum(layer.mlp is not None for layer in witness.layer_list)
    return (
        f"{witness.layers} layers, {heads} with attention and {mlps} with an MLP; "
        f"{len(witness.layout.slots)} slots"
    )
