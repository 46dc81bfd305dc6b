"""What the pages teach: every Lesson in the modules here, found by looking."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..lesson import Lesson
from .common import GENERAL as GENERAL


@cache
def lessons() -> Mapping[str, Lesson]:
    """{construction: its lesson}."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    found = (one for module in modules for one in vars(module).values() if isinstance(one, Lesson))
    return {lesson.construction: lesson for lesson in found if lesson.construction}
