"""Which writer a witness is for, and its free constants from and to plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..weights import Weights
from . import gpt2, one_by_one
from .gpt2 import Checkpoint
from .sigmoids import Sigmoids

Constants = gpt2.Constants | one_by_one.Constants


def checkpoint(
    weights: Weights, constants: Constants, *, kind: type[np.floating[Any]] = np.float32
) -> Checkpoint:
    """The GPT-2 that runs the witness, by the writer whose constants these are.

    Raises NoExport where it cannot.
    """
    if isinstance(constants, one_by_one.Constants):
        return one_by_one.checkpoint(weights, constants, kind=kind)
    return gpt2.checkpoint(weights, constants, kind=kind)


def constants_from(said: Mapping[str, Any]) -> Constants:
    """Constants from the fields of theirs. Raises KeyError, TypeError or ValueError."""
    if "attention" not in said:
        scales = tuple(tuple(row) for row in said["scales"])
        return gpt2.Constants(said["pairs"], said["sink"], said["unit"], scales)
    attention = {
        kind: Sigmoids(*(tuple(one[key]) for key in ("slopes", "offsets", "weights")))
        for kind, one in said["attention"].items()
    }
    return one_by_one.Constants(said["unit"], attention)
