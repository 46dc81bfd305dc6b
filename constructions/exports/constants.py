"""The free constants of an export, by whichever writer, from plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import gpt2, one_by_one
from .sigmoids import Sigmoids

Constants = gpt2.Constants | one_by_one.Constants


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
