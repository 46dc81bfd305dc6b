"""The reference of the public functions: their docstrings, gathered by pdoc.

pdoc is the extra `docs`; where it is not installed there is no reference, and the index says so.
"""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PUBLIC = (
    "constructions",
    "verify",
    "verify.strategies",
    "verify.algorithms",
    "verify.statements",
    "verify.learners.trained",
    "proofs",
)
MISSING = "The reference of the functions is not here: pip install 'icl-witness[docs]' makes it."


def there() -> bool:
    """Whether the reference can be made."""
    return find_spec("pdoc") is not None


def made_by() -> str:
    """What makes the reference, and its version; nothing where that is not installed."""
    return f"pdoc {version('pdoc')}" if there() else ""


def file_of(module: str) -> str:
    """The page of a module's reference."""
    return f"reference.{module}.html"


def references() -> dict[str, str]:
    """{module: HTML} of every public module; {} without pdoc."""
    if not there():
        return {}
    from pdoc import doc, render

    render.configure(
        docformat="markdown",
        search=False,
        show_source=False,
        template_directory=Path(__file__).with_name("reference"),
    )
    modules = {name: doc.Module(_public(import_module(name))) for name in PUBLIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names in annotations that only a type checker loads
        return {
            name: _flat(render.html_module(module, modules), name)
            for name, module in modules.items()
        }


def _public(module: ModuleType) -> ModuleType:
    """What a module has to offer, what it loads only when asked included; modules have a page."""
    offered: Mapping[str, Any] = {
        name: getattr(module, name) for name in getattr(module, "__all__", _own(module))
    }
    shown = ModuleType(module.__name__, module.__doc__)
    shown.__file__ = module.__file__
    shown.__dict__.update(
        {name: one for name, one in offered.items() if not isinstance(one, ModuleType)}
    )
    shown.__dict__["__all__"] = [name for name in offered if name in shown.__dict__]
    return shown


def _own(module: ModuleType) -> list[str]:
    """The functions and classes that a module defines for others."""
    return [
        name
        for name, one in vars(module).items()
        if not name.startswith("_") and getattr(one, "__module__", "") == module.__name__
    ]


def _flat(html: str, module: str) -> str:
    """Links between the modules' folders as links between files of one folder."""
    folder = posixpath.dirname(module.replace(".", "/"))

    def flat(found: re.Match[str]) -> str:
        path, _, fragment = found[1].partition("#")
        name = posixpath.normpath(posixpath.join(folder, path)).removesuffix(".html")
        return f'href="{file_of(name.replace("/", "."))}{"#" * bool(fragment)}{fragment}"'

    html = html.replace('class="attr ', 'class="attr unglossed ')  # code, without saying so
    return re.sub(r'href="([^"#:]+\.html(?:#[^"]*)?)"', flat, html)
