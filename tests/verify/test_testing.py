"""A user's tests of a witness, in a fresh process, with Hypothesis as it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verify.kept import ROOT

MINE = """\
import constructions
from hypothesis import given, strategies as st
from verify import algorithms, strategies


@given(strategies.prompts(iterations=st.integers(0, 3), alpha=strategies.positive()))
def test_newton(case):
    parameters = dict(case.parameters)
    witness = constructions.build("newton", **parameters)
    del parameters["d"]
    prompt = case.X, case.y, case.queries
    assert (witness.predict(*prompt, "rational") == algorithms.newton(*prompt, **parameters)).all()
    assert witness.predict(*(part.astype(float) for part in prompt)).shape == (len(case.queries),)
"""


@pytest.mark.parametrize(
    "conftest, status", [("import verify.testing\n", 0), ("", 1)], ids=["with the line", "without"]
)
def test_the_first_example_is_no_slower_than_the_others(
    conftest: str, status: int, tmp_path: Path
) -> None:
    (tmp_path / "test_mine.py").write_text(MINE)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_mine.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout
    assert status == 0 or "DeadlineExceeded" in done.stdout
