"""Exercises that several lessons ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..lesson import Exercise

# A line through three points, and a loss whose contours are long and slanted: κ = 8.5.
SLOPE: Mapping[str, Any] = {
    "X": ((0, 1), (1, 1), (2, 1)),
    "y": (3, 2, 0.5),
    "queries": ((1.5, 1),),
}
ONE_STEP = Exercise(
    "Work out by hand what the first step alone predicts at the query.",
    "All weights are 0 before it, so every residual is the target itself.",
    "η Σ ⟨x, {x_j}⟩ {y_j}: a vote of the targets, weighted by similarity.",
    answer="step_size*x_q.T*X.T*y",
)
RUNS_AWAY = Exercise(
    "Choose a step size for which the predictions run away.",
    "The limit is shown beside the controls.",
    "The transformer still does exactly what it should: the algorithm diverges.",
    state=("diverges",),
)
CLOSE = Exercise(
    "Choose the parameters so that the prediction is within one hundredth of least squares.",
    "The regularisation pulls the solution towards zero.",
    "Without regularisation the ridge solution is least squares.",
    state=("close", 0.01),
)

FIRST_UPDATE = Exercise(
    "How large is {x1.T*P0*x1}?", "{P0 = I/ridge}.", "|{x1}|²/λ.", answer="x1.T*x1/ridge"
)
GENERAL = (
    Exercise(
        "Break it: change one weight so that the verdict is refuted.",
        "Not every weight matters on every prompt.",
        "Where a slot is 0, the weight that reads it cannot be seen.",
        state=("refuted",),
    ),
    Exercise(
        "Break it late: change one weight so that nothing differs before the last layer.",
        "Weights that are equal in every layer are still separate numbers.",
        "What the layers before the last made is still right.",
        state=("last",),
    ),
    Exercise(
        "Leave the weights alone and change the prompt so that the prediction is exactly 0.",
        "What would you predict if every target were the same?",
        "With all targets 0 there is nothing to learn but 0.",
        state=("zero",),
    ),
)


def broken(
    layer: int,
    slot: str,
    hint: str = "Open that layer and look for the blocks that write into the slot.",
    reason: str = "Everything before the changed weight is still right, so the first difference "
    "names it.",
) -> Exercise:
    """Makes `slot` after `layer` the first to differ."""
    question = f"Break it. Change one weight so that the first slot to differ is {slot} after layer"
    return Exercise(f"{question} {layer}.", hint, reason, state=("first", layer, slot))
