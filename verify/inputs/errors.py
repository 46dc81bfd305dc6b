"""The one exception that the command turns into a line on standard error."""

from __future__ import annotations


class WrongCall(ValueError):
    """The call or its input is wrong. The message is one line: what, where, what would be right."""


def at_least(option: str, value: int, least: int = 0) -> None:
    """Raises WrongCall where the value of an option is smaller."""
    if value < least:
        wanted = f"at least {least}" if least else "0 or more"
        raise WrongCall(f"--{option} must be {wanted}, not {value}")
