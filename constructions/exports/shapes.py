"""What fits into the shape that a GPT-2 has, such as the smallest one that was released."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..weights import Weights
from .copies import Copies, copies
from .gpt2 import Checkpoint, Constants, NoExport, Room, checkpoint, needs


@dataclass(frozen=True)
class Shape:
    """Layers, heads of `size` units each, hidden units of an MLP, positions."""

    layers: int
    heads: int
    size: int
    hidden: int
    positions: int

    @property
    def width(self) -> int:
        return self.heads * self.size

    def room(self, least: Room) -> Room:
        """All of this shape, for what needs less."""
        return replace(
            least, width=self.width, heads=self.heads, size=self.size, hidden=self.hidden
        )


GPT2_SMALL = Shape(layers=12, heads=12, size=64, hidden=3072, positions=1024)


def too_large(weights: Weights, order: Copies, pairs: int, n: int, shape: Shape) -> list[str]:
    """What of the witness does not fit, for n examples and one query; nothing if it fits."""
    least = needs(weights, order, pairs)
    asked = {
        "layers": (weights.layers, shape.layers),
        "units": (least.width, shape.width),
        "heads": (least.heads, shape.heads),
        "units of a head": (least.size, shape.size),
        "hidden units": (least.hidden, shape.hidden),
        "positions": (1 + order.count * n + 1, shape.positions),
    }
    return [f"{many} {what} of {most}" for what, (many, most) in asked.items() if many > most]


def fitted(weights: Weights, constants: Constants, n: int, shape: Shape) -> Checkpoint:
    """The witness as a GPT-2 of exactly this shape: other heads and layers add 0.

    Raises NoExport with what does not fit.
    """
    order = copies(weights)
    if words := too_large(weights, order, constants.pairs, n, shape):
        raise NoExport(f"{weights.name} takes {', '.join(words)}")
    room = shape.room(needs(weights, order, constants.pairs))
    made = checkpoint(weights, constants, room)
    config: dict[str, Any] = made.config | {
        "n_layer": shape.layers,
        "n_positions": shape.positions,
    }
    tensors = made.tensors | {"wpe.weight": made.tensors["wpe.weight"][: shape.positions]}
    for name, first in made.tensors.items():
        if name.startswith("h.0."):
            norm = name.removeprefix("h.0.").startswith("ln")
            idle = first if norm else np.zeros_like(first)
            for layer in range(weights.layers, shape.layers):
                tensors[f"h.{layer}.{name.removeprefix('h.0.')}"] = idle
    return replace(made, config=config, tensors=tensors)
