"""symbolic: the assembled witness, read as a polynomial in an eigenvalue of S, is the algorithm's.

The calculus runs the witness once per parameter set; the result is true for every n, d and prompt,
at these numbers of layers. The residual that an algorithm leaves is given as a formula of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..claim import Budget, CheckResult, Differs, check

Parameters = Mapping[str, Any]


@check("symbolic", "exact")
def leaves(
    budget: Budget,
    build: Callable[..., Any],
    residual: Callable[..., Any],
    parameters: Callable[[], Sequence[Parameters]],
) -> CheckResult:
    """The error is multiplied by `residual(s, **parameters)`, for every S at once.

    Decides nothing of a witness that is outside the calculus.
    """
    import sympy

    from proofs.argument import same
    from proofs.calculus import spectral

    cases = list(parameters())
    for given in cases:
        witness = build(d=2, **given)
        wanted = residual(spectral.s, **given)
        try:
            found = spectral.residual(witness)
        except spectral.OutsideCalculusError as error:
            return CheckResult(None, detail=f"decides nothing: {witness.name}: {error}")
        if not same(found, wanted):
            named = {name: str(value) for name, value in given.items()}
            is_, should = (str(sympy.factor(one)) for one in (found, wanted))
            raise Differs(
                f"at {named} the error is multiplied by {is_}",
                {"parameters": named, "residual": is_, "should": should},
                cases=len(cases),
            )
    return CheckResult(True, len(cases), detail="the same polynomial in S, for all n and d")
