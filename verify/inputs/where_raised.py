"""Where in somebody's file an exception arose, and what it said, each in a few words."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LONGEST = 400  # characters of a message that are kept
PACKAGES = ("constructions", "proofs", "verify")
TOP = Path(__file__).parents[2]  # the folder of these packages


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


def refusal(path: str | Path, error: BaseException) -> str:
    """One line for a file that could not be loaded: file, line and what was raised."""
    found = line_in(error, _same(path))
    where = f"{path}, line {found[1]}" if found else f"{path}"
    return f"{where}: {said(error).removeprefix('SyntaxError: ')}"


def place(function: Any, file: str | Path | None, error: BaseException) -> str:
    """ "claims.py, line 12": where a claim's code raised; where it is defined if none of it did.

    `function` is the claim's builder, or what makes its checks; `file` is the user's file, and
    built-in claims are looked for in their own modules.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    found = line_in(error, _same(file) if file is not None else _of_claims)
    if found is None and code is not None:
        found = code.co_filename, code.co_firstlineno
    if found is None:
        return Path(file).name if file is not None else getattr(function, "__module__", "the claim")
    return f"{_short(found[0])}, line {found[1]}"


def _same(path: str | Path) -> Callable[[str], bool]:
    wanted = os.path.realpath(path)
    return lambda name: os.path.realpath(name) == wanted


def _of_claims(name: str) -> bool:
    return Path(name).is_relative_to(TOP / "verify" / "claims")


def _short(name: str | Path) -> str:
    """The files of the packages from their top on, a user's by its name alone."""
    path = Path(name)
    inside = any(path.is_relative_to(TOP / package) for package in PACKAGES)
    return path.relative_to(TOP).as_posix() if inside else path.name
