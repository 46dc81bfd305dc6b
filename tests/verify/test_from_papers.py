"""Claims in the papers' notation get the verdicts that they expect; planted errors are refuted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constructions import from_matrices
from proofs.prove_witness import prove_witness
from verify import check
from verify.checks.case import first_difference
from verify.claim import load_file
from verify.strategies import Case

FOLDER = Path(__file__).parents[1] / "from_papers"
FILES = sorted(path.name for path in FOLDER.glob("*.py"))

# what is planted: file and claim, the printed text, another in its place
PLANTED = {
    "the sign of W_0": ("vonoswald2022.dense", "[W_0, -1]", "[-W_0, -1]"),
    "the sign of y": ("vonoswald2022.dense", "[W_0, -1]", "[W_0, 1]"),
    "the query enters as 0": ("vonoswald2022.dense", ', ("y", "x_query"): -W_0', ""),
}


def of(claim: str) -> Path:
    return FOLDER / f"{claim.partition('.')[0]}.py"


@pytest.mark.parametrize("name", FILES)
def test_a_claim_in_the_papers_notation_gets_its_verdict(name: str) -> None:
    claims = load_file(FOLDER / name)
    assert (FOLDER / name).read_text().count("\n") <= 45
    for claim in claims:
        assert check(claim, quick=True).verdict.name == claim.expected, claim.id


@pytest.mark.parametrize("fault", PLANTED)
def test_what_is_planted_is_refuted(fault: str, tmp_path: Path) -> None:
    claim, printed, other = PLANTED[fault]
    text = of(claim).read_text()
    assert text.count(printed) == 1
    path = tmp_path / of(claim).name
    path.write_text(text.replace(printed, other))
    (planted,) = [made for made in load_file(path) if made.id == claim]
    found = check(planted, quick=True)
    assert found.verdict.name == "refuted"
    assert found.verdict.counterexample is not None


def described(layers: int, text: str) -> Any:
    """Two layers of descent on rows that say what they hold."""
    layer = {
        "P": {("y", "y"): -1},
        "Q": {("x", "x"): "1/3"},
        "M": "examples",
        "holds": {"x": "x_t", "y": text},
    }
    definitions = {"w0": "O"} | {
        f"w{k}": f"w{k - 1} - X.T*(X*w{k - 1} - y)/3" for k in range(1, layers + 1)
    }
    rows = {"x": "d", "y": 1}
    return from_matrices([layer] * layers, rows=rows, d=2, read="y", definitions=definitions)


def test_rows_say_what_they_hold_and_it_is_proved() -> None:
    assert prove_witness(described(3, "y_t - w{k}.T*x_t")).proved


def test_the_first_row_that_holds_something_else_is_named() -> None:
    wrong = described(3, "y_t - w1.T*x_t")
    assert "layer 2 (layer 2), examples, y" in (prove_witness(wrong).failed or "")
    X = np.array([[Fraction(1), Fraction(0)]])
    found = first_difference(wrong, Case({}, X, np.array([Fraction(1)]), X))
    assert found is not None and (found["layer"], found["slot"]) == (2, "y")
