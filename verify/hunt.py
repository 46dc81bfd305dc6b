"""Searching for a case on which a claim is wrong, and making it small inside the claim's domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .claim import Budget, CheckResult, Domain


class Differs(Exception):
    """Raised by a test on a case in which the claim is wrong."""

    def __init__(
        self,
        detail: str,
        counterexample: Mapping[str, Any] | None = None,
        first_difference: Mapping[str, Any] | None = None,
        max_error: float | None = None,
        bound: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.counterexample = counterexample
        self.first_difference = first_difference
        self.max_error = max_error
        self.bound = bound

    def result(self, cases: int) -> CheckResult:
        return CheckResult(
            False,
            cases,
            self.max_error,
            self.bound,
            self.detail,
            self.counterexample,
            self.first_difference,
        )


@dataclass(frozen=True)
class Hunt:
    """What a search for a counterexample found: cases run, and the shrunk failure if any."""

    cases: int
    failure: Differs | None


def hunt(
    strategy: Any, test: Callable[[Any], None], budget: Budget, domain: Domain | None = None
) -> Hunt:
    """Runs Hypothesis on `test`: seeded, without deadline, database or pytest.

    `test` raises Differs on a case where the claim fails; the smallest such case is returned.
    Any other exception is passed on. Only cases of the `domain` are tried, in the search and when
    the case that was found is made smaller. A tuple of strategies is hunted through in its order,
    at most half the cases in each but the last (or 20, which small sizes need): with small sizes
    first, what is found is of the smallest size.
    """
    if isinstance(strategy, tuple):
        cases = 0
        for number, stage in enumerate(strategy, start=1):
            fewer = min(budget.cases, max(20, budget.cases // 2))
            part = budget if number == len(strategy) else replace(budget, cases=fewer)
            found = hunt(stage, test, part, domain)
            cases += found.cases
            if found.failure is not None:
                break
        return Hunt(cases, found.failure)
    import hypothesis
    from hypothesis import HealthCheck, Phase, Verbosity

    cases = 0
    smallest: tuple[Any, Differs] | None = None

    def once(case: Any) -> None:
        nonlocal cases, smallest
        cases += 1
        try:
            test(case)
        except Differs as failure:
            smallest = case, failure  # Hypothesis ends on the smallest one it can find
            raise

    if domain is not None:
        strategy = strategy.filter(domain.contains)
    searched = hypothesis.settings(
        max_examples=budget.cases,
        deadline=None,
        database=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(hypothesis.seed(budget.seed)(hypothesis.given(strategy)(once)))
    try:
        searched()
    except Differs:
        assert smallest is not None
        return Hunt(cases, minimise(*smallest, test, domain))
    return Hunt(cases, None)


def minimise(
    case: Any, failure: Differs, test: Callable[[Any], None], domain: Domain | None
) -> Differs:
    """The failure of a case of the domain from which nothing more can be taken away.

    Hypothesis shrinks entries well but not the sizes that they depend on; where a strategy draws
    from it cannot be asked, so that without a domain the case stays as it is.
    """
    shrunk = domain is not None
    while shrunk:
        shrunk = False
        for candidate in case.smaller() if hasattr(case, "smaller") else ():
            try:
                if domain is None or not domain.contains(candidate):
                    continue
                test(candidate)
            except Differs as found:
                case, failure, shrunk = candidate, found, True
                break
            except Exception:  # the builder or the algorithm refuses it: no case of this claim
                continue
    return failure
