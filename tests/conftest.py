"""What all tests share: prompts, and every construction at a small size."""

from __future__ import annotations

import os
from typing import Any

# processes share two cores: threads of the same matrix product would only wait for each other
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np
import pytest
from examples import examples

import constructions


@pytest.fixture(params=examples())
def witness(request: pytest.FixtureRequest) -> Any:
    """Each construction that runs in fractions, in all its words, for d = 3 and n = 4."""
    name, parameters = examples()[request.param]
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
