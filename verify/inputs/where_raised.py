"""Where in somebody's file an exception arose, and what it said, each in a few words."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .mends import mend, named_line

LONGEST = 400  # characters of a message that are kept
PACKAGES = ("constructions", "proofs", "verify")
TOP = Path(__file__).parents[2]  # the folder of these packages
OF_CLAIMS = ("verify/claims", "constructions/algorithms", "constructions/papers")


def said(error: BaseException) -> str:
    """ "ZeroDivisionError: division by zero", in one line."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(f"{type(error).__name__}: {message}".split()).removesuffix(":")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def line_in(error: BaseException, holds: Callable[[str], bool]) -> tuple[str, int] | None:
    """(file, line) of the innermost frame whose file `holds`; None if it passed through none.

    Exceptions that it was raised from, or while handling, are looked into too: a library may
    raise its own in their place.
    """
    for one in _chain(error):
        frames = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(one.__traceback__)
            if holds(frame.f_code.co_filename)
        ]
        if isinstance(one, SyntaxError) and one.lineno and holds(one.filename or ""):
            frames.append((one.filename or "", one.lineno))
        if frames:
            return frames[-1]
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        following = following.__cause__ or following.__context__


def refusal(path: str | Path, error: BaseException, function: Any = None) -> str:
    """One line for what was raised in a file, or in what it imports from beside it.

    The innermost line in that folder is named, and of an import from there the line that asked;
    where no line of it was running, that in which the `function` of the file is defined.
    """
    own = line_in(error, _same(path))
    found = line_in(error, _beside(path)) or own
    found = found or _defined(error, function)
    found = _named(found, error) if found is not None else None
    where = str(path)
    if found is not None and _same(path)(found[0]):
        where = f"{path}, line {found[1]}"
    elif found is not None:
        asked = f" (from {Path(path).name}, line {own[1]})" if own is not None else ""
        where = f"{Path(path).parent / Path(found[0]).name}, line {found[1]}{asked}"
    return f"{where}: {explained(error, _beside(path)).removeprefix('SyntaxError: ')}"


def explained(error: BaseException, holds: Callable[[str], bool]) -> str:
    """What was raised, and how to mend it where more is known of that."""
    more = mend(error, holds)
    return f"{said(error)}; {more}" if more else said(error)


Line = tuple[str, int]


def _named(found: Line, error: BaseException) -> Line:
    """The line of the same file that writes what these packages refused; else the line itself."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or not _ours(frames[-1]):
        return found
    return found[0], named_line(found[0], str(error)) or found[1]


def _defined(error: BaseException, function: Any) -> tuple[str, int] | None:
    """Where the function is defined that the error, or else the caller, is about."""
    function = getattr(error, "function", function)
    code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
    return (code.co_filename, code.co_firstlineno) if code is not None else None


def place(function: Any, file: str | Path | None, error: BaseException) -> str:
    """ "claims.py, line 12": where a claim's code raised; where it is defined if none of it did.

    `function` is the claim's builder, or what makes its checks; `file` is the user's file, and
    built-in claims are looked for in their own modules, and in those of what they build.
    """
    found = line_in(error, _beside(file) if file is not None else _of_claims)
    found = found or _defined(error, function)
    if found is None:
        return Path(file).name if file is not None else getattr(function, "__module__", "the claim")
    if file is not None:
        found = _named(found, error)
    return f"{_short(found[0])}, line {found[1]}"


def why(error: BaseException, file: str | Path | None) -> str:
    """What a claim's code raised, and how to mend it where that is known."""
    return explained(error, _beside(file)) if file is not None else said(error)


_of_users: set[str] = set()  # files of claims that were loaded, as real paths


def of_user(path: str | Path) -> None:
    """From now on, what is raised in this file or beside it is the user's to mend."""
    _of_users.add(os.path.realpath(path))


def user_refusal(error: BaseException) -> str | None:
    """One line for what was raised in a user's file; None where no line of one was running."""
    for path in _of_users:
        if line_in(error, _beside(path)) is not None:
            return refusal(path, error)
    return None


def _same(path: str | Path) -> Callable[[str], bool]:
    wanted = os.path.realpath(path)
    return lambda name: os.path.realpath(name) == wanted


def _beside(path: str | Path) -> Callable[[str], bool]:
    """Python files of the same folder, but for those of the packages."""
    folder = os.path.realpath(Path(path).parent)
    return lambda name: (
        name.endswith(".py")  # not "<string>"
        and os.path.dirname(os.path.realpath(name)) == folder
        and not _ours(name)
    )


def _of_claims(name: str) -> bool:
    return any(Path(name).is_relative_to(TOP / folder) for folder in OF_CLAIMS)


def _short(name: str | Path) -> str:
    """The files of the packages from their top on, a user's by its name alone."""
    return Path(name).relative_to(TOP).as_posix() if _ours(name) else Path(name).name


def _ours(name: str | Path) -> bool:
    return any(Path(name).is_relative_to(TOP / package) for package in PACKAGES)
