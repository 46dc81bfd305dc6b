"""What all tests share: prompts, and the core witnesses at a small size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import constructions

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "gradient_descent": [
        {"d": 3, "steps": 2, "step_size": Fraction(1, 50)},
        {"d": 3, "steps": 3, "step_size": Fraction(1, 50), "ridge": Fraction(1, 3),
         "w0": (1, -2, 3)},
        {"d": 3, "steps": 2, "step_size": Fraction(1, 9), "ridge": Fraction(1, 3), "loss": "mean"},
    ],
    "sherman_morrison": [
        {"d": 3, "examples": 4, "ridge": Fraction(1, 2)},
        {"d": 3, "examples": 4, "ridge": Fraction(1, 2), "storage": "tokens"},
    ],
    "newton": [
        {"d": 3, "iterations": 3, "alpha": Fraction(1, 900)},
        {"d": 3, "iterations": 2, "alpha": Fraction(1, 900), "attention": "relu"},
        {"d": 3, "iterations": 2, "alpha": Fraction(1, 900), "prompt": "interleaved"},
        {"d": 3, "iterations": 1, "alpha": Fraction(1, 900), "attention": "relu",
         "prompt": "interleaved"},
    ],
}  # fmt: skip

CORE = [(name, parameters) for name, many in EXAMPLES.items() for parameters in many]


def label(value: Any) -> str:
    return value if isinstance(value, str) else "-".join(map(str, value.values()))


@pytest.fixture(params=CORE, ids=lambda p: f"{p[0]}-{label(p[1])}")
def witness(request: pytest.FixtureRequest) -> Any:
    """Each core witness at a small size, for d = 3 and n = 4."""
    name, parameters = request.param
    return constructions.build(name, **parameters)


@pytest.fixture
def prompt() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (4, 3), y (4,), queries (2, 3) of small integers."""
    rng = np.random.default_rng(1)
    return rng.integers(-3, 4, (4, 3)), rng.integers(-3, 4, 4), rng.integers(-3, 4, (2, 3))


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (5, 4, 3), y (5, 4), queries (5, 2, 3) of floats."""
    rng = np.random.default_rng(2)
    return (
        rng.standard_normal((5, 4, 3)),
        rng.standard_normal((5, 4)),
        rng.standard_normal((5, 2, 3)),
    )
