"""What a newcomer's mistake is, where the exception alone does not say how to mend it."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# what is said where an exponential of a fraction is asked for: by Python, by numpy, by algorithms
OF_EXPONENTIALS = ("no attribute 'exp'", "no callable exp method", "has no exponential")


def mend(error: BaseException, holds: Callable[[str], bool]) -> str:
    """How to mend it, in a few words; "" where nothing more is known.

    `holds` says which files are the user's.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(error.name.partition(".")[0], _frames(error, holds))
    if drawn := _undrawn(error, holds):
        return (
            f"{drawn} is a strategy, not a number: strategies are drawn in the claim's `cases`, "
            f"strategies.prompts({drawn}=…), and the builder takes {drawn} as a parameter"
        )
    if any(words in str(error) for words in OF_EXPONENTIALS):
        return (
            "fractions have no exponential: claim it on a box, box=Box(d=2, n=2), within=0 in "
            "place of cases, and write algorithms.exp(…)"
        )
    if isinstance(error, NameError) and error.name in ("n", "N", "X", "y"):
        return (
            "weights do not depend on the prompt: Head(…, average='examples') divides by n, and a "
            "parameter `examples` fixes the number of examples"
        )
    return ""


def _missing(name: str, frames: list[FrameType]) -> str:
    """How to mend the import of a module that is not there."""
    folder = Path(frames[-1].f_code.co_filename).parent if frames else None
    if folder is not None and any((folder / one).exists() for one in (name, f"{name}.py")):
        return f"{name} stands beside the file: import it at the top of the file, not in a function"
    return f"{name} is not installed, and there is no {name}.py beside the file"


def _frames(error: BaseException, holds: Callable[[str], bool]) -> list[FrameType]:
    """The user's frames that the error passed through, the innermost last."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [one for one in frames if holds(one.f_code.co_filename)]


def _undrawn(error: BaseException, holds: Callable[[str], bool]) -> str:
    """The name of a Hypothesis strategy among the values of the user's innermost lines."""
    from hypothesis.strategies import SearchStrategy

    for frame in reversed(_frames(error, holds)):
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
