"""proof: for every dimension, about the statement and about the very witness that runs.

Two parts. The theorems of `proofs` that support the claim have to stand. And the assembled
witness, with letters for its parameters, is run through the calculus layer by layer
(proofs.holds): every block of it takes part, so a witness changed anywhere is not proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..claim import Budget, CheckResult, Claim
from .running import build


def supporting(claim: Claim) -> tuple[Any, ...]:
    """The theorems named by the claim: by their own id, or by the claim that they support."""
    from proofs import theorems

    named = set(claim.theorems)
    return tuple(
        theorem
        for theorem in theorems()
        if theorem.id in named or (named & set(theorem.claims) and theorem.variant == claim.variant)
    )


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Every supporting theorem and every assembled witness has to be proved."""
    theorems = supporting(claim)
    for theorem in theorems:
        proof = theorem.prove()
        if not proof.proved:
            return failed(f"{theorem.id} fails at {proof.failed}")
        if theorem.kind == "negation":
            return CheckResult(
                False, 1, detail=f"the negation is proved: {theorem.id}",
                counterexample={"theorem": theorem.id},
            )  # fmt: skip
    sets = list(claim.assembled()) if claim.assembled is not None else []
    for parameters in sets:
        fault = not_proved(claim, dict(parameters))
        if fault is not None:
            return failed(fault)
    if not theorems and not sets:
        return CheckResult(None, detail=f"no theorem supports {', '.join(claim.theorems)}")
    parts = []
    if theorems:
        parts.append(f"{len(theorems)} theorem{'s' if len(theorems) > 1 else ''}")
    if sets:
        parts.append(f"{len(sets)} assembled witness{'es' if len(sets) > 1 else ''}")
    every = "n, d" if sets and not any(fixes_examples(claim, one) for one in sets) else "d"
    return CheckResult(
        True, len(theorems) + len(sets), detail=f"{' and '.join(parts)} proved for every {every}"
    )


def failed(why: str) -> CheckResult:
    return CheckResult(False, detail=why)


def fixes_examples(claim: Claim, parameters: Mapping[str, Any]) -> bool:
    """Whether the assembled witness is proved for one number n of examples only."""
    assert claim.witness is not None
    built = {name: value for name, value in parameters.items() if name != "expand"}
    return build(claim.witness, built).examples is not None


def not_proved(claim: Claim, parameters: dict[str, Any]) -> str | None:
    """Why the assembled witness is not proved; None if it is.

    `expand` among the parameters goes to proofs.holds.prove_witness.
    """
    from proofs.holds import prove_witness

    assert claim.witness is not None
    expand = parameters.pop("expand", False)
    witness = build(claim.witness, parameters)
    wider = build(claim.witness, {**parameters, "d": parameters["d"] + 2})
    if shape_free(witness) != shape_free(wider):
        return f"the blocks of {witness.name} are not the same for every d"
    proof = prove_witness(witness, expand=expand)
    return None if proof.proved else f"{proof.id} with {described(parameters)}: {proof.failed}"


def shape_free(witness: Any) -> Any:
    """The witness as data, without the sizes of its slots: equal for every d."""
    data = witness.to_json()
    data["layout"] = list(data["layout"])
    data["prompt"].pop("d")
    for layer in data["layers"]:
        if layer["mlp"]:
            layer["mlp"].pop("letters")
    return data


def described(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items() if name != "d")
