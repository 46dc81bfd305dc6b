"""A proof as a check of its own, for claims without a witness."""

from __future__ import annotations

from ..claim import Budget, Check, CheckResult


def proved(*theorems: str) -> Check:
    """The theorems of `proofs` with these ids stand, for all dimensions."""

    def run(budget: Budget) -> CheckResult:
        from proofs.registry import prove

        for proof in prove(theorems):
            if not proof.proved:
                return CheckResult(
                    False, 1, detail=f"{proof.id} fails at {proof.failed}",
                    counterexample={"theorem": proof.id, "line": str(proof.failed)},
                )  # fmt: skip
        return CheckResult(True, len(theorems), detail=f"derived for all d: {', '.join(theorems)}")

    return Check("proof", run, "derived")
