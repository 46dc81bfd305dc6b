"""What `witness prove` found is kept, and not used where anything that it comes from is another."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from changes import built_as

import proofs.theorem
from constructions.witness import Witness
from verify import formula, kept
from verify.checks import proof
from verify.claim import Claim, builtin
from verify.command import prove
from verify.command.cli import main

CLAIM = next(claim for claim in builtin() if claim.id == "newton")
THEOREM = "newton.residual"


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is proved from here on; what was kept before is not there."""
    monkeypatch.setenv("WITNESS_CACHE", str(tmp_path))
    found: list[str] = []
    transformer, theorem = proof.prove, proofs.theorem.Theorem.prove

    def prove_transformer(claim: Claim, given: Any) -> Any:
        found.append(claim.id)
        return transformer(claim, given)

    def prove_theorem(self: Any) -> Any:
        found.append(self.id)
        return theorem(self)

    monkeypatch.setattr(proof, "prove", prove_transformer)
    monkeypatch.setattr(proofs.theorem.Theorem, "prove", prove_theorem)
    return found


def outcomes(claim: Claim = CLAIM) -> list[dict[str, Any]]:
    """Of one transformer of the claim, and of one theorem."""
    (theorem,) = prove.choose([THEOREM], False)[0]
    return [make() for _, make in prove.proofs_of([(claim, claim.assembled()[0])], [theorem])]


def test_what_was_proved_is_said_again_without_proving_it(proved: list[str]) -> None:
    first = outcomes()
    assert [one["status"] for one in first] == ["proved", "proved"]
    assert proved == ["newton", THEOREM]
    assert outcomes() == first and proved == ["newton", THEOREM]


def test_other_sources_are_proved_anew(proved: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes()
    monkeypatch.setattr(kept, "made_from", lambda: "f" * 64)
    outcomes()
    assert proved == ["newton", THEOREM] * 2


def read_out_negated(witness: Witness) -> Witness:
    return replace(witness, readout=replace(witness.readout, coefficient=-1))


@pytest.mark.parametrize(
    "other",
    [
        {"witness": built_as(CLAIM.witness, read_out_negated)},
        {"formula": formula("2*x_t.T*alpha*X.T*y", start={"M": "alpha*I"}, step={"M": "M"},
                            repeat="iterations")},
    ],
    ids=["weights", "formula"],
)  # fmt: skip
def test_other_weights_and_another_formula_are_proved_anew(
    other: dict[str, Any], proved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes()
    changed = replace(CLAIM, **other)
    monkeypatch.setattr(prove, "builtin", lambda: (changed,))
    transformer, theorem = outcomes(changed)
    assert proved == ["newton", THEOREM, "newton"]
    assert transformer["status"] == "failed" and theorem["status"] == "proved"


def test_a_claim_of_a_file_is_proved_each_time(proved: list[str]) -> None:
    mine = replace(CLAIM, witness=built_as(CLAIM.witness, lambda witness: witness))
    assert outcomes(mine)[0]["status"] == outcomes(mine)[0]["status"] == "proved"
    assert proved == ["newton", THEOREM, "newton"]


def test_what_a_claim_that_is_wrong_as_printed_differs_in_is_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(("prove", "ahn2023.lemma1")) == 0
    said = capsys.readouterr().out
    assert (
        len(re.findall(r"^differs +sympy", said, re.M)) == 2
        and "as its claim is known to: " in said
    )
    assert "2 differ, whose claims are known to be wrong" in said


def test_a_proof_that_does_not_succeed_is_not_proved_and_says_where_it_stops(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = {
        "status": "failed", "by": "sympy", "seconds": 1.0, "id": "mine", "kind": "",
        "statement": "a = b", "assumes": ["c"], "detail": "outside the calculus: an MLP",
    }  # fmt: skip
    prove._say(outcome)
    first, assumes, stops = capsys.readouterr().out.splitlines()
    assert first.startswith("not proved  sympy") and "failed" not in first
    assert assumes.strip() == "assumes: c"
    assert stops.strip() == "stops at: outside the calculus: an MLP"
