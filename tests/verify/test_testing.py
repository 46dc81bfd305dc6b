"""A user's tests of a witness, in a fresh process, with Hypothesis as it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from verify.kept import ROOT

MINE = """\
import sys

import constructions
from hypothesis import given, strategies as st
from verify import algorithms, strategies

LOADED = set(sys.modules)


@given(strategies.prompts(iterations=st.integers(0, 3), alpha=strategies.positive()))
def test_newton(case):
    parameters = dict(case.parameters)
    witness = constructions.build("newton", **parameters)
    del parameters["d"]
    prompt = case.X, case.y, case.queries
    assert (witness.predict(*prompt, "rational") == algorithms.newton(*prompt, **parameters)).all()
    assert witness.predict(*(part.astype(float) for part in prompt)).shape == (len(case.queries),)


def test_nothing_was_loaded_while_the_clock_ran():
    assert not {"torch", "sympy", "flint"} & (set(sys.modules) - LOADED)
"""


def _run(folder: Path, conftest: str) -> str:
    (folder / "test_mine.py").write_text(MINE)
    (folder / "conftest.py").write_text(conftest)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_mine.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    ).stdout


def test_with_the_line_no_example_waits_for_what_is_loaded(tmp_path: Path) -> None:
    assert "2 passed" in (said := _run(tmp_path, "import verify.testing\n")), said


def test_without_it_the_first_example_does(tmp_path: Path) -> None:
    # whether it meets its deadline then is a matter of the machine
    said = _run(tmp_path, "")
    assert "FAILED test_mine.py::test_nothing_was_loaded_while_the_clock_ran" in said, said
