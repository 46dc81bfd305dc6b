"""The kinds of evidence. `standard` is what follows from a witness, an algorithm and cases."""

from __future__ import annotations

from collections.abc import Iterator

from ..claim import Check, Claim


def standard(claim: Claim) -> Iterator[Check]:
    """The checks that every witness claim gets; the claim's fields decide which apply."""
    from . import equal, floats, proof, resources, steps, symbolic

    if claim.cases is not None:
        yield equal.in_fractions(claim)
        yield steps.as_annotated(claim)
    if claim.boxes:
        from .boxes import certificate

        equality = claim.cases is not None
        yield from certificate.checks(
            claim.witness, claim.algorithm, claim.boxes, claim.within, equality
        )
    if claim.symbolic is not None:
        yield symbolic.in_letters(claim)
    if claim.floats is not None:
        yield floats.in_floats(claim)
    if claim.promises:
        assert claim.witness is not None and claim.sizes is not None
        yield resources.counts(claim.witness, claim.promises, claim.sizes)
    if claim.assembled is not None:
        yield Check("proof", lambda budget: proof.run(claim, budget), "derived")
