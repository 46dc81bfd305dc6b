"""Number systems: the arithmetics in which a witness can run.

A module here that has SYSTEMS, the names of its systems, and system(name) is found by looking.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .base import Numbers, Unsupported

FLOATS = ("float64", "float32", "bfloat16", "float16")

__all__ = ["FLOATS", "Numbers", "Unsupported", "get", "names", "register"]

_registered: dict[str, Callable[[], Numbers]] = {}


def register(name: str, make: Callable[[], Numbers]) -> None:
    """Adds a number system of one's own. Raises ValueError for a name that is taken."""
    if name in names():
        raise ValueError(f"there is a number system {name!r} already")
    _registered[name] = make


def names() -> tuple[str, ...]:
    """Every number system: floats first."""
    return tuple(dict.fromkeys((*FLOATS, *_modules(), *_registered)))


@cache
def _modules() -> dict[str, str]:
    """{number system: module}, read off the files."""
    made: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SYSTEMS":
                made |= dict.fromkeys(ast.literal_eval(node.value), path.stem)
    return made


def get(numbers: Any) -> Numbers:
    """The number system of a name (or itself); "ball:512" are balls of 512 bits. Raises ValueError
    on an unknown name."""
    if isinstance(numbers, Numbers):
        return numbers
    if numbers in _registered:
        return _registered[numbers]()
    module = _modules().get(without_bits(numbers)) if isinstance(numbers, str) else None
    if module is None:
        raise ValueError(f"unknown number system {numbers!r}; there are {', '.join(names())}")
    return _maker(module)(numbers)


def without_bits(name: str) -> str:
    """The system of which a name is, "ball" of "ball:512"."""
    return "ball" if name.startswith("ball:") else name


@cache
def _maker(module: str) -> Callable[[str], Numbers]:
    """`system` of a module here."""
    made: Callable[[str], Numbers] = import_module(f".{module}", __name__).system
    return made
