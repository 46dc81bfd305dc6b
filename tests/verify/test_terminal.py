"""Every command can be read on a terminal of any encoding; JSON is the same on all of them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verify.command import cli
from verify.report.signs import letters
from verify.report.tables import console, grid, print_whole

TABLE = "a,b,t\n1,2,3\n4,5,6\n7,8,1\n2,1,0\n3,3,3\n"

# {command: a call of it that ends well, with signs of mathematics in what it says if it has any}
CALLS = {
    "list": ("list", "--claims"),
    "new": ("new", "named.py"),
    "check": ("check", "fu2023.eq38", "--quick"),
    "show": ("show", "fu2023.theorem5.1"),
    "trace": ("trace", "newton"),
    "run": ("run", "newton", "--data", "data.csv", "--target", "t"),
    "prove": ("prove", "newton.prediction", "--steps", "markdown"),
    "explain": ("explain", "newton", "-o", "page.html"),
    "measure": ("measure", "newton", "--prompts", "2", "--d", "2", "--n", "4", "--no-layers"),
    "train": ("train", "linear_attention", "-o", "l.safetensors", *"--d 2 --n 4 --steps 3".split()),
    "snap": ("snap", "l.safetensors", "-o", "snapped.py"),
    "export": ("export", *"gradient_descent --to gpt2 --set d=1,steps=1 --n 2 -o gpt2".split()),
    "replay": ("replay", "report.json"),
    "sweep": ("sweep", "gradient_descent", "-o", "swept.jsonl"),
    "bench": ("bench", "--soundness", "2"),
    "doctor": ("doctor",),
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Calls the command in a folder of its own: (exit status, bytes of both outputs)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(TABLE)

    def call(encoding: str, *arguments: str) -> tuple[int, bytes]:
        made = io.BytesIO()
        with monkeypatch.context() as patched:
            stream = io.TextIOWrapper(made, encoding=encoding, errors="strict")
            patched.setattr(sys, "stdout", stream)
            patched.setattr(sys, "stderr", stream)
            status = cli.main(arguments)
            stream.flush()
        return status, made.getvalue()

    return call


def prepared(command: str, folder: Path) -> None:
    """The file that a command reads."""
    if command == "snap":
        assert cli.main(CALLS["train"]) == 0
    if command == "replay":
        assert cli.main([*CALLS["check"], "--json", str(folder / "report.json")]) == 0


def test_every_command_is_called_here() -> None:
    names = {one.name or one.callback.__name__ for one in cli.app.registered_commands}  # type: ignore[union-attr]
    assert names == set(CALLS)


@pytest.mark.parametrize("command", CALLS)
def test_a_terminal_in_ascii_reads_every_command(command: str, said: Any, tmp_path: Path) -> None:
    prepared(command, tmp_path)
    status, output = said("ascii", *CALLS[command])
    assert status in (0, 1), output
    assert output and b"defect" not in output and b"?" not in output.replace(b"which?", b"")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("command", ["show", "trace"])
def test_other_terminals_read_the_signs_that_they_have(
    encoding: str, command: str, said: Any
) -> None:
    status, output = said(encoding, *CALLS[command])
    text = output.decode(encoding)
    assert status == 0 and "?" not in text
    assert ("←" in text or "≈" in text) == (encoding == "utf-8")


def test_a_pipe_in_another_encoding_is_no_defect() -> None:
    call = [sys.executable, "-m", "verify", "show", "newton"]
    done = subprocess.run(call, capture_output=True, env=environment("ascii"))
    assert done.returncode == 0 and b"<-" in done.stdout and done.stderr == b""


def environment(encoding: str) -> dict[str, str]:
    import os

    top = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": top}


@pytest.mark.parametrize("call", [("list", "--papers", "--json"), ("show", "newton", "--json")])
def test_json_is_the_same_on_every_terminal(call: tuple[str, ...], said: Any) -> None:
    outputs = {said(encoding, *call) for encoding in ("ascii", "utf-8")}
    ((status, output),) = outputs
    assert status == 0 and json.loads(output)


def test_signs_of_mathematics_are_written_as_one_types_them() -> None:
    assert letters("‖x‖² ≤ 10⁻¹² ≈ λᵀΣ") == "||x||^2 <= 10^(-12) ~ lambda^TSigma"
    assert letters("½ − ŵ₀ᵏ⁻¹… Großes") == "1/2 - w_0^(k-1)... Grosses"


def test_every_sign_in_the_sources_can_be_written_in_ascii() -> None:
    top = Path(__file__).parents[2]
    folders = [top / name for name in ("constructions", "proofs", "verify")]
    texts = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    signs = sorted({sign for text in texts for sign in text if not sign.isascii()})
    assert len(signs) > 50
    assert [sign for sign in signs if "?" in letters(sign)] == []


def test_half_a_surrogate_pair_is_written_too(said: Any) -> None:
    status, output = said("utf-8", "show", "newton\udcff")
    assert status == 2 and output.count(b"\n") == 1


@pytest.mark.parametrize("name", [":key:.a", "m_l1.py:m follows", "[red]a[/red]", "x:a:b"])
def test_a_users_names_are_printed_as_they_are(name: str) -> None:
    out = io.StringIO()
    shown = console(out)
    shown.print(name)
    shown.print(grid((name,), [(name,)]))
    assert out.getvalue().count(name) == 3


def test_no_other_console_is_made() -> None:
    files = Path(cli.__file__).parents[1].rglob("*.py")  # but tables.console
    assert [path.name for path in files if re.search(r"\bConsole\(", path.read_text("utf-8"))] == []


def test_no_line_of_a_pipe_ends_in_blanks(said: Any) -> None:
    for call in (CALLS["check"], CALLS["run"], CALLS["trace"]):
        status, made = said("utf-8", *call)
        assert status == 0 and b" \n" not in made and b"\n" in made


@pytest.mark.parametrize("width", [20, 40, 60])
def test_no_number_of_a_table_is_cut_on_a_narrow_terminal(width: int) -> None:
    made = io.StringIO()
    out = console(made)
    out.width = width
    print_whole(
        out, grid(("row", "transformer", "least squares"), [["3"] + ["1.234567891e-10"] * 2])
    )
    assert made.getvalue().count("1.234567891e-10") == 2 and "least squares" in made.getvalue()
    assert out.width == width
