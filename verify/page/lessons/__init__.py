"""What the pages teach: every Lesson in the modules here, found by looking."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..lesson import Lesson
from .common import GENERAL as GENERAL

Chapter = tuple[int, str]  # its number, and its title
REST: Chapter = (99, "Further constructions")  # those without a lesson of their own


@cache
def lessons() -> Mapping[str, Lesson]:
    """{construction: its lesson}."""
    return {name: lesson for name, (lesson, _) in _found().items()}


def chapter(construction: str) -> Chapter:
    """The chapter in which a construction is taught: the `CHAPTER` of its lesson's module."""
    return _found()[construction][1] if construction in _found() else REST


@cache
def _found() -> Mapping[str, tuple[Lesson, Chapter]]:
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {
        one.construction: (one, module.CHAPTER)
        for module in modules
        for one in vars(module).values()
        if isinstance(one, Lesson) and one.construction
    }
