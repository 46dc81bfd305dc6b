"""Claims in the papers' notation get the verdicts that they expect; planted errors are refuted."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify import check
from verify.claim import load_file

FOLDER = Path(__file__).parents[1] / "from_papers"
FILES = sorted(path.name for path in FOLDER.glob("*.py"))

# what is planted: file and claim, the printed text, another in its place
PLANTED = {
    "the sign of Q": ("ahn2023.lemma1.transposed", "-np.array(A)", "np.array(A)"),
    "A transposed": ("ahn2023.lemma1.transposed", "-np.array(A)", "-np.array(A).T"),
    "1/(n + 1)": ("ahn2023.lemma1.transposed", '"1/n"', '"1/(n + 1)"'),
    "the query is a key": ("ahn2023.lemma1.transposed", '"M": "examples"', '"M": "all"'),
    "the sign of the prediction": ("ahn2023.lemma1.transposed", '{"y": -1}', '{"y": 1}'),
    "P moves x too": (
        "ahn2023.lemma1.transposed",
        '("y", "y"): 1}',
        '("y", "y"): 1, ("x", "x"): 1}',
    ),
    "the sign of C": ("wang2024.td0", ": -C.T", ": C.T"),
    "C transposed": ("wang2024.td0", "C = np.array(C)", "C = np.array(C).T"),
    "phi' not subtracted": ("wang2024.td0", ', ("phi", "next"): C.T', ""),
    "the query has a phi'": ("wang2024.td0", "x_example", "x"),
    "a query among the keys": ("wang2024.td0", '"M": "examples"', '"M": "all"'),
    "1/(n + 1) of TD": ("wang2024.td0", '"1/n"', '"1/(n + 1)"'),
    "sees itself": ("online_descent", '"strictly causal"', '"causal"'),
    "sees the future": ("online_descent", '"strictly causal"', '"j > t"'),
    "sees all but itself": ("online_descent", '"strictly causal"', '"j != t"'),
    "the sign of e": ("online_descent", '("e", "e"): -eta', '("e", "e"): eta'),
    "one layer less": ("online_descent", "* examples", "* (examples - 1)"),
}


def of(claim: str) -> Path:
    name = {"online_descent": "online"}.get(claim, claim.partition(".")[0])
    return FOLDER / f"{name}.py"


@pytest.mark.parametrize("name", FILES)
def test_a_claim_in_the_papers_notation_gets_its_verdict(name: str) -> None:
    claims = load_file(FOLDER / name)
    assert (FOLDER / name).read_text().count("\n") <= 45
    for claim in claims:
        assert check(claim, quick=True).verdict.name == claim.expected, claim.id


def test_the_lemma_is_derived_for_every_prompt() -> None:
    (claim,) = [c for c in load_file(FOLDER / "ahn2023.py") if c.id == "ahn2023.lemma1.transposed"]
    assert "derived" in check(claim, quick=True).verdict.strengths


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
