"""fu2023, theorem 5.1: the whole network on the whole prompt, in the readings left open by print.

`theorem5.1` is the reading in the paper's favour: x_test and y have units of their own in the
embedding. `test-token` and `labels` are the other readings, with the sign already put right, and
`compiled` has the layers of akyurek2022 for mov, aff and mul.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers.akyurek2022.layers import Constants
from constructions.papers.fu2023 import compiled
from constructions.papers.fu2023.layers import theorem51
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks import floats
from ...checks.bounds import chains
from ...checks.statements import counts
from ...claim import Budget, Builder, Check, CheckResult, Claim, Promise, check, claim, repair
from ...strategies import Case, grid, positive
from . import PAPER
from .layers import SIGN, SIZES_FIRST, whole_prompt

THEOREM = r"\text{the prediction is } x_{\mathrm{test}}^\top \hat w_k,\; \hat w_k = M_k X^\top y"
SIZES = grid(d=(1, 2, 3, 5), examples=(1, 2, 4), iterations=(1, 2, 4), alpha=(Fraction(1, 4),))


def theorem_cases(top: int = 3) -> tuple[st.SearchStrategy[Case], ...]:
    """Whole prompts, one x_test each; d up to `top`."""
    return tuple(
        strategies.prompts(
            d=d,
            n=n,
            m=st.just(1),
            build=whole_prompt,
            iterations=st.integers(0, 3),
            alpha=positive(2, 16),
        )
        for d, n in (SIZES_FIRST[0], (st.integers(1, top), st.integers(1, 4)))
    )


@st.composite
def small_floats(draw: Any) -> Case:
    """Whole prompts of floats, alpha inside the region of convergence."""
    d, n = draw(st.sampled_from((1, 2, 3))), draw(st.sampled_from((1, 2, 4)))
    X, y, queries = draw(strategies.floats_with_condition(d, n))
    alpha = float(np.linalg.norm(X)) ** -4
    parameters = {"d": d, "examples": n, "iterations": draw(st.integers(0, 3)), "alpha": alpha}
    return Case(parameters, X, y, queries)


ON_THE_WHOLE_PROMPT: dict[str, Any] = {
    "algorithm": algorithms.newton,
    "domain": strategies.ANY,
    "cases": theorem_cases,
    "sizes": lambda: SIZES,
}


@check("numeric", "tested")
def in_floats(budget: Budget, build: Builder) -> CheckResult:
    """What is built, in float64 and float32, on a quarter of the cases: it is slow there."""
    ours = Claim(
        "theorem5.1",
        witness=build,
        algorithm=algorithms.newton,
        cases=theorem_cases,
        floats=small_floats,
    )
    return floats.in_floats(ours).run(replace(budget, cases=max(4, budget.cases // 4)))


@claim(
    "fu2023.theorem5.1",
    source=f"{PAPER}, theorem 5.1",
    statement=THEOREM,
    expected="refuted",
    **ON_THE_WHOLE_PROMPT,
    note="read in its favour: x_test and y have units of their own in the embedding, and mov and "
    "mul are exact, by ReLU heads on two position units and by a bilinear MLP",
)
def theorem51_printed(**parameters: Any) -> Witness:
    """The printed layers, end to end on the whole prompt, predict with k Newton iterations."""
    return theorem51(**parameters)


@repair(
    "fu2023.theorem5.1",
    SIGN + " (in eqs. 24 and 30)",
    domain=None,
    cases=lambda: theorem_cases(8),
    checks=lambda build: (in_floats(build),),
    note="x_test and y have units of their own in the embedding: full attention needs no mask; "
    "mov and mul are exact, for those of akyurek2022 see fu2023.theorem5.1.compiled",
)
def theorem51_repaired(**parameters: Any) -> Witness:
    """With one sign changed, the whole prompt gives k Newton iterations in k + 8 layers."""
    return theorem51(printed=False, **parameters)


@claim(
    "fu2023.theorem5.1.test-token",
    source=f"{PAPER}, theorem 5.1, on the printed prompt",
    reading="with x_test in the units of the x_j",
    statement=THEOREM
    + r"\text{ where } x_{\mathrm{test}} \text{ is held by the units of the } x_j",
    expected="refuted",
    **ON_THE_WHOLE_PROMPT,
    note="V_2 = -V_1 already; full attention makes x_test a key, and what is computed is Newton's "
    "iteration on S + x_test x_test^T",
)
def test_token_printed(**parameters: Any) -> Witness:
    """The sign put right and x_test a token like the x_j, the prediction is the same."""
    return theorem51(printed=False, test="units of x", **parameters)


@repair(
    "fu2023.theorem5.1.test-token",
    "the sum over j runs over the tokens of the examples: x_test is no key",
)
def test_token_repaired(**parameters: Any) -> Witness:
    """With x_test left out of the keys, it may be a token like the x_j."""
    return theorem51(printed=False, test="units of x", keys="context", **parameters)


@claim(
    "fu2023.theorem5.1.labels",
    source=f"{PAPER}, theorem 5.1, on the printed prompt",
    reading="with y_j in the first unit of x",
    statement=THEOREM + r"\text{ where } y_j \text{ is held by the first unit of } x",
    expected="refuted",
    **ON_THE_WHOLE_PROMPT,
    note="V_2 = -V_1 already; every y_j is a key, and adds y_j^2 to the first entry of S",
)
def labels_printed(**parameters: Any) -> Witness:
    """The sign put right and y_j written as (y_j, 0, ..., 0), the prediction is the same."""
    return theorem51(printed=False, labels="units of x", **parameters)


@repair(
    "fu2023.theorem5.1.labels",
    "the first unit of x -> a unit of its own for y_j",
    statement=THEOREM + r"\text{ where } y_j \text{ is held by a unit of its own}",
    domain=None,
    cases=lambda: theorem_cases()[-1],
)
def labels_repaired(**parameters: Any) -> Witness:
    """With y_j in a unit of its own, its token is a key of no weight."""
    return theorem51(printed=False, labels="own units", **parameters)


def promised(width: str) -> tuple[Promise, ...]:
    """k + 8 layers, O(width) units and O(d) units in each MLP."""
    return Promise("layers", "k + 8"), Promise("width", width, "O"), Promise("hidden", "d", "O")


@claim(
    "fu2023.theorem5.1.resources",
    source=f"{PAPER}, theorem 5.1",
    statement=r"k + 8 \text{ layers } (3 + k + 5),\; O(d) \text{ hidden units}",
    note="mov reads positions from two units (index, 1); one-hot positions, as in akyurek2022, "
    "would take 2n + 1. The weights depend on n: n alpha, n/2 and n occur in them",
)
def theorem51_resources() -> tuple[Check, ...]:
    """Layers and units counted on the assembled transformer."""
    return (counts(theorem51_printed, promised("d"), lambda: SIZES),)


# -- with the layers of akyurek2022 -------------------------------------------------------------


@claim(
    "fu2023.theorem5.1.compiled",
    variant="repaired",
    source=f"{PAPER}, theorem 5.1, with akyurek2022, lemma 1",
    statement=THEOREM,
    summary="With softmax heads for mov and aff and a GeLU MLP for mul, k + 8 layers come close.",
    expected="approximates",
    repair=SIGN + " (in eqs. 24 and 30)",
)
@check("enclosure", "tested")
def compiled_errors(budget: Budget, printed: bool = False) -> CheckResult:
    """On drawn prompts, at two settings of the free constants: the error shrinks with them."""
    worst = 0.0
    found: list[str] = []
    sizes = [(1, 1, 1), (2, 2, 2), (3, 2, 3), (8, 4, 2)]
    for d, n, k in sizes[: 2 if budget.quick else None]:
        parameters = {"d": d, "examples": n, "iterations": k, "alpha": Fraction(1, 8)}
        case = chains.prompt(budget.seed, parameters)
        (want,) = algorithms.newton(case.X, case.y, case.queries, k, Fraction(1, 8))
        given = {**parameters, "printed": printed}

        def build(constants: Constants, given: Any = given) -> Witness:
            return compiled.theorem51_compiled(**given, constants=constants)

        fine = chains.falling_error(build, case, want, len(found) + 1)
        worst = max(worst, fine)
        found.append(f"d = {d}, n = {n}, k = {k}: {fine:.0e}")
    detail = "at scale 2^-40, one drawn prompt each: " + "; ".join(found)
    return CheckResult(True, len(found), worst, None, detail)


def compiled_counts(width: str) -> Check:
    """Layers, units and MLP units of the compiled network."""
    sizes = grid(d=(1, 2, 3), examples=(1, 2, 3), iterations=(0, 1, 2), alpha=(Fraction(1, 4),))
    return counts(compiled.theorem51_compiled, promised(width), lambda: sizes)


@claim(
    "fu2023.theorem5.1.compiled.resources",
    source=f"{PAPER}, theorem 5.1, with akyurek2022, lemma 1",
    reading="with akyurek2022, lemma 1",
    statement=r"k + 8 \text{ layers},\; O(d) \text{ hidden units, mov as in akyurek2022}",
    expected="refuted",
    note="the one-hot positions that mov attends by take 2n + 1 units of 7d + 2n + 6",
)
def compiled_resources() -> tuple[Check, ...]:
    """The units of the network with the printed mov do not grow with n."""
    return (compiled_counts("d"),)


@repair(
    "fu2023.theorem5.1.compiled.resources",
    "O(d) -> O(n + d); or mov by two units (index, 1), see fu2023.theorem5.1.resources",
    statement=r"k + 8 \text{ layers},\; O(n + d) \text{ hidden units, mov as in akyurek2022}",
)
def compiled_resources_repaired() -> tuple[Check, ...]:
    """The units of the network with the printed mov grow with n + d."""
    return (compiled_counts("n + d"),)
