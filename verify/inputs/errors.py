"""The one exception that the command turns into a line on standard error."""

from __future__ import annotations


class WrongCall(ValueError):
    """The call or its input is wrong. The message is one line: what, where, what would be right."""
