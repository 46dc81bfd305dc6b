"""FILE.py and FILE.py:CLAIM: how they are written, and what a file may import."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<claim>.*))?", re.DOTALL)


def split(name: str) -> tuple[str, str | None] | None:
    """("a.py", "mine") of "a.py:mine", ("a.py", None) of "a.py"; None for no Python file.

    A file whose own name has a colon is taken as it is.
    """
    found = _FILE.fullmatch(name)
    if found is None:
        return None
    if name.endswith(".py") and (":" not in os.path.basename(name) or Path(name).is_file()):
        return name, None
    return found["file"], found["claim"]


def file_of(name: str) -> str | None:
    """The Python file that a name is of, as it was written; None for other names."""
    found = split(name)
    return found[0] if found is not None else None


@contextmanager
def neighbours(path: Path) -> Iterator[None]:
    """The folder of a file is where its imports are looked for first, as if it were run by itself.

    What was imported from there is forgotten afterwards: a file of another folder may have
    neighbours of the same names, and a file that is loaded again gets them as they are then.
    """
    folder = os.path.realpath(path.parent)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if name.partition(".")[0] not in before and _stands_in(folder, name.partition(".")[0]):
                del sys.modules[name]


def _stands_in(folder: str, name: str) -> bool:
    """Whether a module is a file, or a package a folder, of this very folder."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is None:
        return False
    places = [os.path.dirname(place) for place in spec.submodule_search_locations or ()]
    if not places and spec.origin:
        places = [os.path.dirname(spec.origin)]
    return any(os.path.realpath(place) == folder for place in places)
