"""What all tests share: prompts, and every construction at a small size."""

from __future__ import annotations

import os
from typing import Any

# processes share two cores: threads of the same matrix product would only wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from examples import examples
from hypothesis import HealthCheck, settings

import constructions
from verify.checks.symbolic import shapes_of

# what is true does not depend on how fast a machine is
settings.register_profile("facts", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("facts")


@pytest.fixture(params=examples())
def witness(request: pytest.FixtureRequest) -> Any:
    """Each construction that runs in fractions, in all its words, for d = 3 and n = 4: its weights
    as such, which run on any prompt."""
    name, parameters = examples()[request.param]
    return constructions.get(name)(**parameters)


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (4, 3), y (4,), queries (2, 3) of small integers; as the witness's prompts have them."""
    rng = np.random.default_rng(1)
    return tuple(rng.integers(-3, 4, shape) for shape in shapes(request))


@pytest.fixture
def batch(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (5, 4, 3), y (5, 4), queries (5, 2, 3) of floats; as the witness's prompts have them."""
    rng = np.random.default_rng(2)
    return tuple(rng.standard_normal((5, *shape)) for shape in shapes(request))


def shapes(request: pytest.FixtureRequest) -> tuple[tuple[int, ...], ...]:
    """Of X, y and queries, 4 examples and 2 queries for d = 3."""
    if "witness" not in request.fixturenames:
        return (4, 3), (4,), (2, 3)
    return shapes_of(request.getfixturevalue("witness").prompt, 4, 2)
