"""Imports run proofs, constructions, verify, and inside each one way; no folder is crowded."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("proofs", "constructions", "verify")
WIDEST = 20


def dotted(path: Path) -> str:
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


MODULES = {dotted(path): path for top in ORDER for path in (ROOT / top).rglob("*.py")}


def imports(name: str, path: Path) -> Iterator[str]:
    """Modules of ours that a module imports, wherever in it; a package's own root is none."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            found = [".".join(base), *(".".join((*base, alias.name)) for alias in node.names)]
        else:
            continue
        yield from (f for f in found if f in MODULES and not f"{name}.".startswith(f"{f}."))


GRAPH = {name: set(imports(name, path)) for name, path in MODULES.items()}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_make_no_circle():
    assert circle(GRAPH) == []


def test_a_circle_would_be_seen():
    assert circle({**GRAPH, "proofs.exact": {"verify.claim"}, "verify.claim": {"proofs.exact"}})


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_imports_run_one_way(name):
    height = ORDER.index(name.split(".")[0])
    assert all(ORDER.index(used.split(".")[0]) <= height for used in GRAPH[name])


def test_no_folder_has_more_modules_than_can_be_taken_in():
    count = Counter(path.parent for path in MODULES.values())
    assert {str(p): n for p, n in count.items() if n > WIDEST} == {}
