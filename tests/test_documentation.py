"""What the Markdown files point at is there: files, anchors, modules, commands, options."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from verify.command import cli

ROOT = Path(__file__).parents[1]
PATHS = [*ROOT.glob("*.md"), *(p for top in ("constructions", "proofs", "verify", "tests")
                               for p in (ROOT / top).rglob("*.md"))]  # fmt: skip
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


def tokens(text: str) -> list[Token]:
    """Its blocks, and what stands in their lines."""
    blocks = MarkdownIt("commonmark").enable("table").parse(text)
    return [one for block in blocks for one in (block, *(block.children or ()))]


def anchors(text: str) -> set[str]:
    """Those of its headings as GitHub makes them: a second heading of the same name is -1."""
    blocks, seen, found = MarkdownIt("commonmark").parse(text), Counter[str](), set()
    for opening, heading in zip(blocks, blocks[1:]):
        if opening.type == "heading_open":
            said = "".join(one.content for one in heading.children or ())
            slug = re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def dead_links(path: Path, text: str) -> list[str]:
    """Links and pictures of a file at `path` that lead nowhere here; the web is not asked."""
    ends = [str(one.attrs[at]) for one in tokens(text) for at in ("href", "src") if at in one.attrs]
    dead = []
    for end in ends:
        file, _, anchor = end.partition("#")
        if re.match(r"https?:", end):
            continue
        there = path.parent / file
        if not there.exists():
            dead.append(end)
        elif anchor and anchor not in anchors(there.read_text("utf-8") if file else text):
            dead.append(end)
    return dead


def calls(text: str) -> Iterator[str]:
    """Every call of `witness` or `python -m` that it shows, in a line of its own or in a text."""
    for one in tokens(text):
        if one.type in ("code_block", "fence", "code_inline"):
            for line in one.content.splitlines():
                yield from re.findall(r"^(?:\$ )?((?:witness|python -m) .*)", line)


def unknown(call: str) -> list[str]:
    """What of a call is not there: its module, its command, its options."""
    words = list(takewhile(lambda word: word not in ("&&", "|"), shlex.split(call, comments=True)))
    first, name, *arguments = words
    if first == "python":
        module = arguments[0]
        package = find_spec(module)
        inside = package and package.submodule_search_locations
        runs = find_spec(f"{module}.__main__") if inside else package
        return [] if runs else [module]
    if name.isupper() or name.startswith("-"):  # any command
        return [] if name.isupper() or name == "--help" else [name]
    if name not in COMMANDS:
        return [name]
    known = {text for one in COMMANDS[name].params for text in (*one.opts, *one.secondary_opts)}
    options = {one.partition("=")[0] for one in arguments if re.match(r"--?[a-z]", one)}
    return sorted(options - known - {"--help"})


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_points_at_what_is_there(path: Path) -> None:
    text = path.read_text("utf-8")
    assert dead_links(path, text) == []
    assert {call: missing for call in calls(text) if (missing := unknown(call))} == {}


@pytest.mark.parametrize(
    ("text", "dead", "missing"),
    [
        ("# A\n[a](#a) [b](#b)", ["#b"], []),
        ("## A `b` (c)\n\n## A `b` (c)\n[1](#a-b-c) [2](#a-b-c-1) [3](#a-b-c-2)", ["#a-b-c-2"], []),
        ("[r](README.md#five-minutes) [s](README.md#six)", ["README.md#six"], []),
        ("![p](no.png) <https://example.org>", ["no.png"], []),
        ("```\n# [a](b)\nwitness chek newton\n```", [], ["chek"]),
        ("    $ witness check newton --quik --seed=3 # --no", [], ["--quik"]),
        ("`python -m verify.no` and `python -m verify.quality.readme order`", [], ["verify.no"]),
    ],
)
def test_what_is_not_there_is_seen(text: str, dead: list[str], missing: list[str]) -> None:
    assert dead_links(ROOT / "made_up.md", text) == dead
    assert [one for call in calls(text) for one in unknown(call)] == missing


def shown_in_a_repl(block: str, names: dict[str, object]) -> dict[str, str]:
    """{expression: what a prompt of Python shows of it} of every line that is one."""
    shown = {}
    for line in ast.parse(block).body:
        text = ast.unparse(line)
        if isinstance(line, ast.Expr):
            shown[text] = repr(eval(text, names))
        else:
            exec(text, names)
    return shown


def test_the_readme_can_be_typed_line_by_line() -> None:
    """Every value is shown: Python refuses to write numbers of more than 4300 digits."""
    text = (ROOT / "README.md").read_text("utf-8")
    fences = [one.content for one in tokens(text) if one.type == "fence"]
    block = next(one for one in fences if "constructions.build(" in one)
    shown = shown_in_a_repl(block, {})
    fractions = shown["once.predict(X, y, queries, numbers='rational')"]
    assert fractions.startswith("array([Fraction(1659, 2500), Fraction(791, 1250)]")
    assert len(shown) == 5


def test_a_number_that_python_does_not_write_is_seen() -> None:
    with pytest.raises(ValueError, match="4300 digits"):
        shown_in_a_repl("from fractions import Fraction\nFraction(10**5000)", {})
