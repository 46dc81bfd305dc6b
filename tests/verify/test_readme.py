"""README is the first that a stranger reads: it is short, and what it shows does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify import engine
from verify.claim import Budget, Claim, load_file

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
(FILE,) = re.findall(r"```python\n(# my_claim\.py\n.*?)```", TEXT, re.DOTALL)


def test_it_is_read_in_five_minutes() -> None:
    assert len(TEXT.splitlines()) <= 200 and len(TEXT.encode()) <= 12_000


def claimed(folder: Path, text: str) -> Claim:
    (folder / "my_claim.py").write_text(text, encoding="utf-8")
    (found,) = load_file(folder / "my_claim.py")
    return found


def test_its_first_lines_predict_what_they_say() -> None:
    (lines,) = re.findall(r"```python\n((?:from|import) .*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(lines, "README.md", "exec"), names)
    made = names["w"].predict(names["X"], names["y"], names["queries"])
    assert 0 < np.abs(made - [2, 2]).max() < 1e-9 and "# [2, 2], but for 1e-9" in lines


def test_its_claim_is_derived(tmp_path: Path) -> None:
    report = engine.run(claimed(tmp_path, FILE), Budget(quick=True))
    assert report.verdict.name == "holds" and "derived" in report.evidence


def test_its_claim_with_another_sign_is_refuted(tmp_path: Path) -> None:
    text = FILE.replace('("p", "p", -eta)', '("p", "p", eta)')
    assert text != FILE
    assert engine.run(claimed(tmp_path, text), Budget(quick=True)).verdict.name == "refuted"


def test_the_commits_that_show_how_to_add_are_there() -> None:
    (table,) = re.findall(r"^\| to add \|.*?\n\n", TEXT, re.DOTALL | re.MULTILINE)
    commits = re.findall(r"\| (\w{7}) \|$", table, re.MULTILINE)
    assert len(commits) == 4
    if not (ROOT / ".git").exists() or git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("no history here")
    assert {git("cat-file", "-t", commit) for commit in commits} == {"commit"}


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()
