"""The one exception that the command turns into a line on standard error."""

from __future__ import annotations

from fractions import Fraction

from proofs.exact import MOST_WHOLE, written_out


class WrongCall(ValueError):
    """The call or its input is wrong. The message is one line: what, where, what would be right."""


MOST_SEED, MOST_WORKERS = 2**63 - 1, 1024


def at_least(option: str, value: int, least: int = 0, most: int = MOST_WHOLE) -> None:
    """Raises WrongCall where the value of an option is smaller, or too large to ever end."""
    if value < least:
        wanted = f"at least {least}" if least else "0 or more"
        raise WrongCall(f"--{option} must be {wanted}, not {value}")
    if value > most:
        raise WrongCall(f"--{option} must be at most {most}, not {value}")


def positive(option: str, given: str) -> Fraction:
    """The number above 0 that an option gives, such as "1/2". Raises WrongCall where it is none."""
    try:
        value = written_out(given)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise WrongCall(f"--{option} is a number above 0, such as 1/2, not {given!r}")
    return value
