"""Searching for a case on which a claim is wrong, and making it small inside the claim's domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from .claim import Budget, Domain
from .claim import Differs as Differs

if TYPE_CHECKING:
    from .strategies import Case


def hunt(
    strategy: Any, test: Callable[[Any], None], budget: Budget, domain: Domain | None = None,
    below: float = inf,
) -> int:  # fmt: skip
    """Runs Hypothesis on `test`: seeded, without deadline, database or pytest; counts the cases.

    `test` raises Differs on a case where the claim fails; that of the smallest such case is raised.
    Any other exception is passed on. Only cases of the `domain` are tried, in the search and when
    the case that was found is made smaller. A tuple of strategies is hunted through in its order,
    at most half the cases in each but the last (or 20, which small sizes need): with small sizes
    first, what is found is of the smallest size. What fails is hunted for again among the smaller
    cases that the strategy draws. `below`: the size below which prompts are drawn.
    """
    if isinstance(strategy, tuple):
        fewer = replace(budget, cases=min(budget.cases, max(20, budget.cases // 2)))
        budgets = [fewer] * (len(strategy) - 1) + [budget]
        return hunt_each(zip(strategy, budgets), test, domain, below)
    import hypothesis
    from hypothesis import HealthCheck, Phase, Verbosity

    from .draws import by_the_seed_alone
    from .strategies import smaller_than

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
    # there is no database for which Hypothesis would read the source of `once`, each time
    searched._hypothesis_internal_database_key = None
    try:
        with by_the_seed_alone(), smaller_than(below):
            searched()
    except Differs:
        assert smallest is not None
        case, failure = minimise(*smallest, test, domain)
        failure.found = failure.found.named(cases=cases)
        raise _among_smaller(case, failure, strategy, test, budget, domain) from None
    return cases


SMALLEST = 3  # one example, one query, one coordinate
SMALLER_ONES = 60  # that are tried; where one of them fails, as many smaller ones yet


def _among_smaller(
    case: Any, failure: Differs, strategy: Any, test: Callable[[Any], None], budget: Budget,
    domain: Domain | None,
) -> Differs:  # fmt: skip
    """The failure of a smaller case that the strategy draws; the one that is known if none is.

    Hypothesis shrinks entries well, but not the sizes on which their number depends.
    """
    if getattr(case, "size", SMALLEST) <= SMALLEST:
        return failure

    others = Budget(seed=budget.seed + 1, cases=SMALLER_ONES)
    smaller_ones = strategy.filter(lambda drawn: drawn.size < case.size)
    try:
        hunt(smaller_ones, test, others, domain, case.size)
    except Differs as smaller:
        smaller.found = smaller.found.named(cases=failure.found.cases + smaller.found.cases)
        return smaller
    except Exception:  # the strategy draws none, or one is not built: what is known stays true
        pass
    return failure


def drawn(cases: Callable[[], Any], budget: Budget, domain: Domain | None = None) -> list[Case]:
    """The cases of the strategy cases() that `hunt` tries as long as none fails."""
    return [case.copy() for case in _drawn(cases, budget.seed, budget.cases, domain)]


@lru_cache(maxsize=8)
def _drawn(cases: Callable[[], Any], seed: int, count: int, domain: Domain | None) -> list[Case]:
    found: list[Case] = []
    hunt(cases(), found.append, Budget(seed=seed, cases=count), domain)
    return found


def draw_anew() -> None:
    """Forgets what was drawn: the cases are kept for the checks of one run of a claim."""
    _drawn.cache_clear()


def hunt_drawn(
    cases: Callable[[], Any], test: Callable[[Any], None], budget: Budget, domain: Domain | None
) -> int:
    """`hunt` on cases(), whose cases are drawn once for all checks that go through them."""
    tried = drawn(cases, budget, domain)
    for case in tried:
        try:
            test(case)
        except Differs as failure:
            hunt(cases(), test, budget, domain)  # comes to this case again, and makes it smaller
            raise failure
    return len(tried)


def hunt_each(
    stages: Iterable[tuple[Any, Budget]],
    test: Callable[[Any], None],
    domain: Domain | None = None,
    below: float = inf,
) -> int:
    """Hunts through one strategy after the other; counts the cases of all, those of a failure too.

    Raises Differs like `hunt`.
    """
    cases = 0
    for strategy, budget in stages:
        try:
            cases += hunt(strategy, test, budget, domain, below)
        except Differs as failure:
            failure.found = failure.found.named(cases=cases + failure.found.cases)
            raise
    return cases


def minimise(
    case: Any, failure: Differs, test: Callable[[Any], None], domain: Domain | None
) -> tuple[Any, Differs]:
    """A case of the domain from which nothing more can be taken away, and its failure.

    Whether a strategy draws a case cannot be asked, so that without a domain it stays as it is.
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
    return case, failure
