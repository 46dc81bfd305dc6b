"""proof: the theorems of `proofs` that support a claim, about the weights of its own witness.

A theorem that is about weights gets those of the assembled witness, read off block by block
(see readoff), so that a witness changed anywhere fails its theorem.
"""

from __future__ import annotations

from typing import Any

from ..claim import Budget, CheckResult, Claim
from .readoff import READINGS, Mismatch


def supporting(claim: Claim) -> tuple[Any, ...]:
    """The theorems named by the claim, by their own id or by the claim that they support."""
    from proofs import theorems

    return tuple(
        t for t in theorems()
        if t.id in claim.theorems or (set(t.claims) & set(claim.theorems) and
                                      t.variant == claim.variant)
    )  # fmt: skip


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Every supporting theorem has to stand, for all dimensions."""
    found = supporting(claim)
    if not found:
        return CheckResult(None, detail=f"no theorem supports {', '.join(claim.theorems)}")
    read_off = 0
    for theorem in found:
        reading = READINGS.get(theorem.id)
        try:
            if reading is not None and claim.witness is not None:
                proof = theorem.prove(weights=reading.read(reading.build(claim.witness)))
                read_off += 1
            else:
                proof = theorem.prove()
        except (Mismatch, ValueError) as error:
            return CheckResult(False, read_off, detail=f"{theorem.id}: {error}")
        if not proof.proved:
            return CheckResult(False, read_off, detail=f"{theorem.id} fails at {proof.failed}")
        if theorem.kind == "negation":
            return CheckResult(False, 1, detail=f"{theorem.id}: the negation is proved")
    detail = f"{len(found)} theorems for all n, d, k"
    if read_off:
        detail += f", {read_off} of them on the weights of this witness"
    return CheckResult(True, len(found), detail=detail)
