"""What a prediction tends to as a constant grows, with a bound for every value of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers.ball import Ball
from constructions.numbers.decaying import Decay, Decaying
from constructions.numbers.reals import Real, add, as_ball, largest, multiply, valued
from proofs.flint_precision import precision

from ...claim import Budget, CheckResult, Differs, Domain, check
from ...hunt import hunt
from ...strategies import Case
from ..bounds.balls import top as top_of
from ..case import build as built
from ..case import left_open, of_plain_prompts, reference
from .evidence import in_a_letter
from .exponents import Builder

MULTIPLES = (1, 2, 5, 20)  # of the start: where a promised bound that is not proved is tried
BITS = 256


@check("exact", "exact")
@left_open
def limit(
    budget: Budget,
    build: Builder,
    algorithm: Callable[..., Any],
    cases: Callable[[], Any],
    constant: str = "beta",
    start: Any = 1,
    within: tuple[str, str] | None = None,
    quantities: Callable[[Case], Mapping[str, Any]] | None = None,
    domain: Domain | None = None,
) -> CheckResult:
    """As the constant grows the prediction of build(**parameters, constant) tends to the algorithm.

    On every case the limit is taken exactly, and |prediction - limit| is bounded for every value of
    the constant from `start` on. within = (C, gap): formulas in the case's parameters, d, n and
    `quantities(case)`; then the distance is to be at most C exp(-gap constant), which is proved
    from the bound, or refuted at a value of the constant, or else left open.
    """
    smallest: Fraction | None = None
    unproved, compared = 0, 0

    def once(case: Case) -> None:
        nonlocal smallest, unproved, compared
        values = [Fraction(start) * multiple for multiple in MULTIPLES]
        witness = in_a_letter(build, case.parameters, constant, values)
        of_plain_prompts(witness, "a statement of a limit")
        got = witness.predict(case.X, case.y, case.queries, Decaying(constant, start))
        should = np.ravel(reference(algorithm, case, Fraction))
        for q, (one, target) in enumerate(zip(got, should, strict=True)):
            if one.limit != target:
                raise Differs(
                    f"query {q}: as {constant} grows the prediction tends to {one.limit}, the "
                    f"algorithm gives {target}",
                    {**case.to_json(), "limit": str(one.limit), "algorithm": str(target)},
                )
            for gap, _ in one.bounds():
                smallest = gap if smallest is None else min(smallest, gap)
            if within is not None:
                compared += 1
                size, gap = _promised(within, case, quantities)
                if not _proved(one, size, gap):
                    _tried(build, case, q, (constant, Fraction(start)), (target, size, gap))
                    unproved += 1

    count = hunt(cases(), once, budget, domain)
    if not count:
        return CheckResult(None, detail="no case was drawn")
    detail = f"the limit for {constant} -> infinity is the algorithm's, exactly"
    if smallest is not None:
        detail += (
            f"; for every {constant} >= {start} the distance is at most a sum of C exp(-gap "
            f"{constant}), proved for each prompt, gap at least {smallest}"
        )
    if within is not None:
        promised = f"({within[0]}) exp(-({within[1]}) {constant})"
        if unproved:
            detail += f"; within {promised} is not proved for {unproved} of {compared} predictions"
            return CheckResult(None, count, detail=detail)
        detail += (
            f"; within {promised} for each of {compared} predictions, decreasing in {constant}"
        )
    return CheckResult(True, count, 0.0, 0.0, detail)


def _tried(
    build: Builder,
    case: Case,
    q: int,
    growing: tuple[str, Fraction],
    promised: tuple[Fraction, Real, Real],
) -> None:
    """Raises Differs where |prediction - target| <= size exp(-gap constant) is seen to be wrong."""
    (constant, start), (target, size, gap) = growing, promised
    for multiple in MULTIPLES:
        at = start * multiple
        witness = built(build, {**case.parameters, constant: at})
        with precision(BITS):
            got = witness.predict(case.X, case.y, case.queries, Ball(BITS))[q]
            off = abs(got - as_ball(target))
            allowed = as_ball(size) * (-as_ball(gap) * as_ball(at)).exp()
            if off > allowed:
                raise Differs(
                    f"query {q}, {constant} = {at}: off by {off.str(5)}, promised is at most "
                    f"{allowed.str(5)}",
                    {**case.to_json(), constant: str(at)},
                    max_error=top_of(off),
                    bound=top_of(allowed),
                )


def _promised(
    within: tuple[str, str], case: Case, quantities: Callable[[Case], Mapping[str, Any]] | None
) -> tuple[Real, Real]:
    n, d = case.X.shape
    known = {"n": n, "d": d} | {
        name: value for name, value in case.parameters.items() if isinstance(value, (int, Fraction))
    }
    known |= quantities(case) if quantities is not None else {}
    return valued(within[0], known), valued(within[1], known)


def _proved(one: Decay, size: Real, gap: Real) -> bool:
    """Whether sum of C_i t^k exp(-gap_i t) <= size exp(-gap t) follows for every t >= start."""
    total: Real = Fraction(0)
    with precision(BITS):
        for (own, power), bound in one.bounds().items():
            rest = add(own, -gap)  # t^power exp(-rest t) is largest at power/rest
            if power == 0 and at_least_0(rest):
                total = add(total, bound)
            elif power and as_ball(rest) > 0:
                at = largest(one.over.start, as_ball(power) / as_ball(rest))
                peak = as_ball(at) ** power * (-as_ball(rest) * as_ball(at)).exp()
                total = add(total, multiply(bound, peak))
            else:
                return False
        if isinstance(total, Fraction) and isinstance(size, Fraction):
            return total <= size
        return bool(as_ball(total) <= as_ball(size))


def at_least_0(value: Real) -> bool:
    """Whether it is seen to be."""
    return value >= 0 if isinstance(value, Fraction) else bool(value >= 0)
