"""The kinds of evidence. `standard` is what follows from a witness, an algorithm and cases."""

from __future__ import annotations

from collections.abc import Iterator

from ..claim import Check, Claim


def standard(claim: Claim) -> Iterator[Check]:
    """The checks that every witness claim gets; the claim's fields decide which apply."""
    from . import equal, proof, resources, steps, symbolic
    from . import floats as numeric

    yield Check("exact", lambda budget: equal.run(claim, budget), "exact")
    yield Check("annotations", lambda budget: steps.of_witness(claim, budget), "exact")
    if claim.symbolic is not None:
        yield Check("symbolic", lambda budget: symbolic.run(claim, budget), "exact")
    if claim.floats is not None:
        yield Check("numeric", lambda budget: numeric.run(claim, budget), "tested")
    if claim.promises:
        yield Check("resources", lambda budget: resources.run(claim, budget), "exact")
    if claim.assembled is not None:
        yield Check("proof", lambda budget: proof.run(claim, budget), "derived")
