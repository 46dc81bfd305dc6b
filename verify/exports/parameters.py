"""What witness.json of an export says: its schema, and parameters, of which fractions are text."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

SCHEMA = "witness-export/1"


def as_json(value: Any) -> Any:
    """What `from_json` reads."""
    if isinstance(value, (tuple, list)):
        return [as_json(entry) for entry in value]
    return value if value is None or isinstance(value, (str, bool, int)) else str(value)


def from_json(value: Any) -> Any:
    """A parameter."""
    if isinstance(value, list):
        return tuple(from_json(entry) for entry in value)
    if isinstance(value, str):
        try:
            return number(value)
        except ValueError:
            return value
    return value


def number(text: Any) -> Fraction:
    """A fraction from its text. Raises ValueError."""
    return Fraction(str(text))
