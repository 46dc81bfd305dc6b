"""The tutorial is run as it stands: its files are written, its commands print what it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis.strategies import SearchStrategy
from sympy import Symbol

import constructions
import verify
from constructions import slot_map
from proofs.prompt import binary, sinusoidal
from proofs.vocabulary import ACTIVATIONS, ATTENTION
from verify.command import cli

TUTORIAL = Path(__file__).parents[2] / "verify" / "TUTORIAL.md"
TEXT = TUTORIAL.read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = "…"


def parts(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each part of a tutorial: its title and its fenced blocks (language, body) in order."""
    _, *pieces = re.split(r"^## ", text, flags=re.MULTILINE)
    made = ((piece.partition("\n")[0], FENCE.findall(piece)) for piece in pieces)
    return [(title, blocks) for title, blocks in made if blocks]


def named(body: str) -> tuple[str, str]:
    """The file that the block's first line names, and the block."""
    (name,) = re.findall(r"\A# ([\w.]+\.py)\n", body)
    return name, body


def changed(before: str, diff: str) -> str:
    """A file after a block of changes: hunks, apart by a line …, whose old lines occur once."""
    _, _, hunks = diff.partition("\n")
    for hunk in re.split(rf"^ *{LEFT_OUT}\n", hunks, flags=re.MULTILINE):
        lines = hunk.splitlines()
        assert all(line[:1] in ("+", "-", " ", "") for line in lines), hunk
        old, new = (
            "".join(f"{line[1:]}\n" for line in lines if line[:1] != other) for other in "+-"
        )
        assert before.count(old) == 1, f"not once in the file:\n{old}"
        before = before.replace(old, new)
    return before


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that it shows."""
    for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, *shown = piece.splitlines()
        yield command, [line for line in shown if line.strip()]


def fits(shown: str, printed: str) -> bool:
    """Whether a printed line is what is shown, … standing for anything and spaces for spaces."""
    pattern = r".*".join(re.escape(" ".join(part.split())) for part in shown.split(LEFT_OUT))
    return re.fullmatch(pattern.replace(r"\ ", " ?"), " ".join(printed.split())) is not None


def occur(shown: list[str], printed: list[str]) -> str | None:
    """The first line shown that does not follow, in order; lines next to each other stay so."""
    at, gap = 0, True
    for line in shown:
        if line.strip() == LEFT_OUT:
            gap = True
            continue
        while gap and at < len(printed) and not fits(line, printed[at]):
            at += 1
        if at == len(printed) or not fits(line, printed[at]):
            return line
        at, gap = at + 1, False
    return None


@pytest.mark.parametrize(("title", "blocks"), parts(TEXT), ids=[t for t, _ in parts(TEXT)])
def test_a_reader_gets_what_is_shown(
    title: str,
    blocks: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    ran = 0
    for language, body in blocks:
        if language in ("python", "diff"):
            name, body = named(body)
            file = tmp_path / name
            file.write_text(changed(file.read_text(), body) if language == "diff" else body)
        elif language == "console":
            for command, shown in commands(body):
                program, *arguments = shlex.split(command)
                assert program == "witness"
                capsys.readouterr()
                cli.main(tuple(arguments))
                out, err = capsys.readouterr()
                printed = [line for line in (err + out).splitlines() if line.strip()]
                missing = occur(shown, printed)
                assert missing is None, f"{command}: not printed\n{missing}\n{out}{err}"
                ran += 1
        else:
            raise AssertionError(f"{title}: a block of {language} is run by nothing")
    assert ran > 1


SHOWN = ["a  1", "…", "b … 3"]


@pytest.mark.parametrize(
    ("printed", "missing"),
    [
        (["a 1", "x", "b 2 3"], None),
        (["a 1", "b 2 3"], None),
        (["a 2", "b 2 3"], "a  1"),
        (["b 2 3", "a 1"], "b … 3"),
        (["a 1", "b 2 4"], "b … 3"),
    ],
)
def test_lines_are_looked_for_in_order(printed: list[str], missing: Any) -> None:
    assert occur(SHOWN, printed) == missing


def words(readme: Path) -> list[str]:
    """What its table of words says to write, row by row."""
    (table,) = re.findall(r"<!-- words -->\n(.*?)<!-- /words -->", readme.read_text("utf-8"), re.S)
    _, _, *rows = table.splitlines()
    return [re.findall(r"\| `([^|]+)` \|$", row)[0] for row in rows]


ROOT = TUTORIAL.parents[1]
READMES = [ROOT / folder / "README.md" for folder in ("constructions", "verify")]
EXAMPLES = [example for readme in READMES for example in words(readme)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_word_is_said_as_its_table_writes_it(example: str) -> None:
    score = slot_map(("score", "x"))
    w = constructions.build("gradient_descent", d=2, steps=1, step_size=Fraction(1, 8))
    before = dict(ATTENTION), dict(ACTIVATIONS)
    scope = {name: getattr(constructions, name) for name in constructions.__all__}
    scope |= {name: getattr(verify, name) for name in verify.__all__}
    scope |= dict(binary=binary, sinusoidal=sinusoidal, Fraction=Fraction, Symbol=Symbol)
    scope |= dict(query=score, key=score, value=slot_map(("y", "y")), torch=torch, d=2, w=w)
    scope |= dict(
        X=[[1.0, 2.0]], y=[1.0], queries=[[1.0, 0.0], [0.0, 1.0]], embedding=slot_map(("x", "x"))
    )
    scope["head"] = constructions.Head(score, score, scope["value"])
    try:
        made = eval(example, scope)
        if isinstance(made, constructions.Prompt):
            assert made.features.width > 0
        if isinstance(made, SearchStrategy):
            made.validate()
    finally:
        for table, known in zip((ATTENTION, ACTIVATIONS), before):
            for name in set(table) - set(known):
                del table[name]


def test_lines_next_to_each_other_are_printed_so() -> None:
    assert occur(["a", "b"], ["a", "x", "b"]) == "b"


def test_a_change_of_lines_that_are_not_there_is_seen() -> None:
    assert changed("a\nb\nc\n", "# f.py\n a\n-b\n+d\n…\n-c\n") == "a\nd\n"
    for wrong in ("-d\n", "-a\n…\n-a\n"):
        with pytest.raises(AssertionError, match="not once"):
            changed("a\nb\nc\n", "# f.py\n" + wrong)
