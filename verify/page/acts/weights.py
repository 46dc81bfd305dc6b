"""The witnesses that the story runs, exported: nothing on the page is worked out in another way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..export import Export, construction
from ..pages import of_witness
from ..pairs import pair_of

CLAIM = "fu2023.theorem5.1"  # printed with one sign wrong
DEEPEST = 24  # layers of the race
STEPS = 9  # of gradient descent outside the race: eight are shown, and what one more would add
ITERATIONS = 6  # of Newton outside the race
X = (-2.6, -1.8, -1, -0.3, 0.5, 1.3)
Y = (-0.9, 0.7, 0.9, -0.3, 1.9, 2.2)
QUERY = 0.9
PROMPT = {"x": X, "y": Y, "query": QUERY}
# a construction each: its sizes, its words, and any positive number for what the page chooses
RACERS: Mapping[str, Mapping[str, Any]] = {
    "gradient_descent": {"steps": DEEPEST, "step_size": 1},
    "newton_carried": {"iterations": DEEPEST - 1, "alpha": 1, "start": "identity"},
    "newton": {"iterations": DEEPEST - 2, "alpha": 1},
    "hyperpower": {"iterations": DEEPEST - 1, "alpha": 1},
    "sherman_morrison": {"examples": len(X), "ridge": 1, "storage": "tokens"},
}
COUNTED = ("steps", "iterations", "examples")
SHORTER = {"gradient_descent": (STEPS,), "newton": (ITERATIONS,)}


def weights() -> dict[str, Any]:
    """Families of all that the story runs, over shared pools, and the prompt it starts from."""
    export = Export()
    families = {}
    for name, parameters in RACERS.items():
        sizes: dict[str, tuple[int, ...]] = {"d": (2,)}
        sizes |= {count: SHORTER.get(name, ()) for count in COUNTED if count in parameters}
        families[name] = construction(export, name, {"d": 2, **parameters}, sizes)
    pair = pair_of(CLAIM)
    assert pair is not None and pair.repaired is not None
    axes = {"d": (2,), "examples": (len(X),), "iterations": tuple(range(ITERATIONS + 1))}
    for side, build in (("printed", pair.printed), ("repaired", pair.repaired)):
        families[side] = export.family(of_witness(export, build), axes, pair.scalars)
    return {"families": families, "pools": export.pools(), "prompt": PROMPT, "deepest": DEEPEST}
