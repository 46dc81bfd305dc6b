"""What a newcomer's mistake is, where the exception alone does not say how to mend it."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Callable
from pathlib import Path


def mend(error: BaseException, holds: Callable[[str], bool]) -> str:
    """How to mend it, in a few words; "" where nothing more is known.

    `holds` says which files are the user's.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.partition(".")[0]
        return (
            f"{name} is not installed, and there is no {name}.py beside the file; neighbours are "
            "imported at the top of a file"
        )
    if drawn := _undrawn(error, holds):
        return (
            f"{drawn} is a strategy, not a number: strategies are drawn in the claim's `cases`, "
            f"strategies.prompts({drawn}=…), and the builder takes {drawn} as a parameter"
        )
    if isinstance(error, NameError) and error.name in ("n", "N", "X", "y"):
        return (
            "weights do not depend on the prompt: Head(…, average='examples') divides by n, and a "
            "parameter `examples` fixes the number of examples"
        )
    return ""


def _undrawn(error: BaseException, holds: Callable[[str], bool]) -> str:
    """The name of a Hypothesis strategy among the values of the user's innermost lines."""
    from hypothesis.strategies import SearchStrategy

    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed([one for one in frames if holds(one.f_code.co_filename)]):
        if frame.f_code.co_name == "<module>":
            continue
        for name, value in frame.f_locals.items():
            if isinstance(value, SearchStrategy):
                return name
    return ""


def named_line(path: str | Path, message: str) -> int | None:
    """The line on which a file writes what the message quotes first, if it is one line.

    An object is refused where it is put together; the word that is wrong stands where a part of it
    was made.
    """
    quoted = re.findall(r"'([^']+)'", message)
    if not quoted:
        return None
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    lines = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == quoted[0]
    }
    return lines.pop() if len(lines) == 1 else None
