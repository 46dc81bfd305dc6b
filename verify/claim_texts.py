"""The papers and their claims as the files say them: read, not loaded.

A claims module loads numpy and sympy; who only wants to know what there is need not wait for that.
Whatever is not said in plain text (an id that a function makes, a claim made in a loop) is taken
from the module itself, which is loaded then.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .papers import Paper

MAKERS = ("claim", "repair", "register")  # whoever calls one of these makes claims
SAID = ("id", "variant", "source", "reading", "summary", "expected", "repair")


class _Unread(Exception):
    """An expression that says nothing until it is run."""


@dataclass(frozen=True)
class _Module:
    """A module of claims, and what its top level says."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def papers() -> dict[str, Paper]:
    """{name: paper} of the built-in papers: the `PAPER` of each file or package of claims."""
    found = filter(None, map(_paper, _modules().values()))
    return {paper.name: paper for paper in found}


def claims_of_papers() -> list[dict[str, Any]]:
    """What the papers' claims say, in the order of `claim.builtin`: id, variant, source, summary,
    its reading, the verdict that is expected, the repair, and the paper."""
    made: list[dict[str, Any]] = []
    for module in _modules().values():
        if (paper := _paper(module)) is None or module.path.name == "__init__.py":
            continue
        try:
            found = _claims(module)
        except _Unread:
            found = _loaded(module.name)
        of_it = (one for one in found if one["id"].partition(".")[0] == paper.name)
        made += (one | {"paper": paper.to_json()} for one in of_it)
    return made


def _paper(module: _Module) -> Paper | None:
    """The paper that a module names, or imports from a neighbour."""
    try:
        found = _value_in(module, "PAPER")
    except _Unread:
        return None
    return found if isinstance(found, Paper) else None


@cache
def _loaded(name: str) -> list[dict[str, Any]]:
    from .claim import builtin

    import_module(name)
    return [
        {field: getattr(one, field) for field in SAID}
        for one in builtin()
        if getattr(one.witness or one.checks, "__module__", "") == name
    ]


# -- reading --------------------------------------------------------------------------------------


def _modules() -> dict[str, _Module]:
    """{name: module} of the packages and files of claims, by name."""
    from . import claims

    return _below(claims.__name__, tuple(claims.__path__))


@cache
def _below(package: str, roots: tuple[str, ...]) -> dict[str, _Module]:
    found = {}
    for root in map(Path, roots):
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = ".".join((package, *parts))
            found[name] = _Module(name, path, tree)
    return dict(sorted(found.items()))


def _claims(module: _Module) -> list[dict[str, Any]]:
    """The claims that decorators of the module's functions register. Raises _Unread."""
    made: list[dict[str, Any]] = []
    read = 0
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in reversed(node.decorator_list):  # the lowest is the first to run
                if isinstance(decorator, ast.Call) and _called(decorator) in ("claim", "repair"):
                    made.append(_claim(module, decorator, ast.get_docstring(node) or "", made))
                    read += 1
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    if sum(_called(call) in MAKERS for call in calls) != read:
        raise _Unread
    return made


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _claim(
    module: _Module, call: ast.Call, doc: str, before: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a decorator says; a repair says the rest as what it repairs. Raises _Unread."""
    names = ["id", "repair"] if _called(call) == "repair" else ["id"]
    if len(call.args) > len(names):
        raise _Unread
    given = dict(zip(names, call.args))
    for one in call.keywords:
        given |= {one.arg: one.value} if one.arg else _entries(module, one.value)
    if "by" in given:
        given["repair"] = given.pop("by")
    said = {name: _value(module, given[name]) for name in SAID if name in given}
    summary = inspect.cleandoc(doc).split("\n")[0]
    if _called(call) == "claim":
        start = dict.fromkeys(SAID, "") | {"variant": "printed", "expected": "holds"}
        return start | {"summary": summary} | said
    printed = next(
        (one for one in before if (one["id"], one["variant"]) == (said["id"], "printed")), None
    )
    if printed is None:
        raise _Unread
    own = {"variant": "repaired", "expected": "holds", "summary": summary or printed["summary"]}
    own |= {"reading": ""}  # is of what is printed
    return printed | own | said


def _entries(module: _Module, node: ast.expr) -> dict[str, ast.expr]:
    """{key: expression} of a dict, or of the name of one. Raises _Unread."""
    if isinstance(node, ast.Name):
        node = _assigned(module).get(node.id, node)
    if not isinstance(node, ast.Dict):
        raise _Unread
    return {_value(module, key): value for key, value in zip(node.keys, node.values) if key}


def _value_in(module: _Module, name: str) -> Any:
    """The value of a name of a module's top level. Raises _Unread."""
    assigned = _assigned(module)
    if name in assigned:
        return _value(module, assigned[name])
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            original = {a.asname or a.name: a.name for a in node.names}.get(name)
            parts = module.package.split(".")
            base = [*parts[: len(parts) - node.level + 1], *filter(None, [node.module])]
            there = _modules().get(".".join(base))
            if original is not None and there is not None:
                return _value_in(there, original)
    raise _Unread


@cache
def _assigned(module: _Module) -> Mapping[str, ast.expr]:
    """{name: expression} of what the top level assigns to a name, once."""
    return {name: value for name, value in _assignments(module)}


def _assignments(module: _Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _value(module: _Module, node: ast.expr) -> Any:
    """The value of text, f-text, sums of them, names of such, and papers. Raises _Unread."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _value_in(module, node.id)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(str, (_value(module, part) for part in node.values)))
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return _value(module, node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _value(module, node.left) + _value(module, node.right)
    if isinstance(node, ast.Call) and _called(node) == "Paper":
        given = {one.arg: _value(module, one.value) for one in node.keywords if one.arg}
        return Paper(*(_value(module, argument) for argument in node.args), **given)
    raise _Unread
