"""fu2023, appendix B: Newton's iteration in a ReLU transformer, statement by statement.

Theorem 5.1 is in `theorem`, the claims about the algorithm itself in `algorithm`.
The full attention of the paper takes every token as a key; where it prints only x_1, ..., x_n, the
prompts here have one query, zero, whose key and value vanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers.fu2023 import statements
from constructions.witness import Witness

from ... import strategies
from ...checks.statements import slots_hold as hold_on
from ...checks.statements import theorem
from ...claim import Check, Domain, claim, repair
from ...strategies import Case, positive
from . import PAPER

SIGN = "V_2 = -V_1 in place of V_1 = V_2: ReLU(u) - ReLU(-u) = u, while ReLU(u) + ReLU(-u) = |u|"


def whole_prompt(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """The weights of this paper know n."""
    return {"examples": n}


def slots_hold(build: Any, cases: Any) -> Check:
    """The layers leave what they say on prompts of x_1, ..., x_n alone."""
    return hold_on(build, cases, strategies.NO_QUERY)


Sizes = tuple[tuple[Any, Any], ...]  # strategies for (d, n); the smallest first

SMALL = st.just(1), st.just(1)
SIZES_FIRST: Sizes = (SMALL, (st.just(1), st.just(2)), (st.integers(1, 4), st.integers(1, 4)))


def examples_only(
    given: str = "", sizes: Sizes = SIZES_FIRST, **parameters: Any
) -> tuple[st.SearchStrategy[Case], ...]:
    """Prompts of x_1, ..., x_n alone: one query, zero. `given` names a d x d matrix to draw."""

    @st.composite
    def draw_case(draw: Any, prompts: st.SearchStrategy[Case]) -> Case:
        case = draw(prompts)
        n, d = case.X.shape
        made = {name: value for name, value in case.parameters.items() if name != "d" or not given}
        if given:
            made[given] = draw(strategies.matrix(d))
        return Case({**made, "examples": n}, case.X, case.y, case.queries * 0)

    one = st.just(1)
    return tuple(draw_case(strategies.prompts(*size, one, **parameters)) for size in sizes)


# -- eq. 21 and lemma B.3 ---------------------------------------------------------------------


@claim(
    "fu2023.eq21",
    source=f"{PAPER}, eq. 21",
    expected="refuted",
    statement=r"\textstyle\sum_m \mathrm{ReLU}(\langle Q_m h_t, K_m h_j\rangle) = "
    r"\mathrm{ReLU}(x_t^\top x_j) + \mathrm{ReLU}(-x_t^\top x_j) = \langle x_t, x_j\rangle",
    algorithm=lambda X, y, queries: queries @ X[0],
    domain=Domain("one example and one query", lambda case: len(case.X) == len(case.queries) == 1),
    cases=lambda: tuple(
        strategies.prompts(d, st.just(1), st.just(1)) for d in (st.just(1), st.integers(1, 4))
    ),
    theorems=("fu2023.eq21",),
    note="the sum of the two heads is the absolute value of the inner product",
)
def eq21_printed(d: int) -> Witness:
    """Two ReLU heads of opposite scores and equal values add up to the inner product."""
    return statements.eq21(d)


@repair(
    "fu2023.eq21",
    "the second sign: ReLU(u) - ReLU(-u), that is V_2 = -V_1",
    statement=r"\mathrm{ReLU}(x_t^\top x_j) - \mathrm{ReLU}(-x_t^\top x_j) = "
    r"\langle x_t, x_j\rangle",
)
def eq21_repaired(d: int) -> Witness:
    """Two ReLU heads of opposite scores and opposite values add up to the inner product."""
    return statements.eq21(d, printed=False)


@claim(
    "fu2023.lemmaB3",
    source=f"{PAPER}, lemma B.3",
    statement=r"[h_t; 1; 0_d] \mapsto [h_t; 1; \textstyle\sum_j h_j] \text{ by one layer}",
    algorithm=lambda X, y, queries: np.array([X[:, 0].sum()] * len(queries)),
    cases=lambda: strategies.prompts(build=whole_prompt),
    theorems=("fu2023.lemmaB3",),
    note="the scores are 1 and -1, so equal values are right here; the second head adds nothing",
)
def lemma_b3(d: int, examples: int) -> Witness:
    """One attention layer writes the sum of all tokens into every token."""
    return statements.lemma_b3(d, examples)


# -- eqs. 24 and 30: the two places where the sign enters ---------------------------------------


def two_or_more(**parameters: Any) -> tuple[st.SearchStrategy[Case], ...]:
    """n = 1 has no two tokens of opposite signs; it is among the larger sizes."""
    return examples_only(sizes=((st.just(1), st.integers(2, 3)), SIZES_FIRST[-1]), **parameters)


@claim(
    "fu2023.eq24",
    source=f"{PAPER}, eq. 24",
    statement=r"[x_t; 0] \mapsto [T^{(0)} x_t; x_t],\; T^{(0)} = \alpha S, \text{ in three layers}",
    expected="refuted",
    note="n alpha, mov (exact here) and aff are right; the pair of eq. 21 is not",
)
def eq24_printed() -> tuple[Check, ...]:
    """mov, two ReLU heads with V = n alpha [[I, O], [O, O]], and aff make alpha S x_t."""
    return (
        slots_hold(statements.eq24, lambda: two_or_more(alpha=positive())),
        theorem("fu2023.eq24.negation"),
    )


@repair("fu2023.eq24", SIGN)
def eq24_repaired() -> tuple[Check, ...]:
    """The same three layers with V_2 = -n alpha [[I, O], [O, O]] make alpha S x_t."""
    return (
        slots_hold(statements.eq24, lambda: two_or_more(alpha=positive(), printed=False)),
        theorem("fu2023.eq24.repaired"),
    )


@claim(
    "fu2023.eq30",
    source=f"{PAPER}, eq. 30",
    statement=r"[T x_t; x_t] \mapsto [(2T - T S T^\top) x_t; x_t] \text{ in one layer}",
    expected="refuted",
    note="G, J, -n/2 and the doubling MLP are right: only the sign of V_2 is not",
)
def eq30_printed() -> tuple[Check, ...]:
    """One layer with the printed G and J is one Newton iteration, for any T."""
    return (
        slots_hold(statements.eq30, lambda: examples_only(given="T")),
        theorem("fu2023.eq30.negation"),
    )


@repair("fu2023.eq30", SIGN)
def eq30_repaired() -> tuple[Check, ...]:
    """With V_2 = -J one layer is one Newton iteration, for any T, symmetric or not."""
    return (
        slots_hold(statements.eq30, lambda: examples_only(given="T", printed=False)),
        theorem("fu2023.eq30.repaired"),
    )


# -- eqs. 34 and 35 ---------------------------------------------------------------------------


@claim(
    "fu2023.eq34",
    source=f"{PAPER}, eq. 34",
    statement=r"\textstyle\sum_j T x_j y_j = T X^\top y \text{ at every token, in three layers}",
    note="mov stands for n moves in one layer, T x_j to y_j for each j; y has a unit of its own",
)
def eq34() -> tuple[Check, ...]:
    """mov, mul and lemma B.3 turn T x_j and y_j into T X^T y."""
    return (
        slots_hold(statements.eq34, lambda: examples_only(given="T")),
        theorem("fu2023.eq34"),
    )


@st.composite
def _with_weights(draw: Any) -> Case:
    case = draw(strategies.prompts(d=st.integers(1, 4), m=st.just(1), build=whole_prompt))
    d, n = case.parameters["d"], case.parameters["examples"]
    w = draw(st.tuples(*[strategies.fractions()] * d))
    return Case({"w": w, "examples": n}, case.X, case.y, case.queries)


def _inner_products(X: Any, y: Any, queries: Any, w: Any) -> Any:
    return queries @ np.asarray(w, dtype=object)


@claim(
    "fu2023.eq35",
    source=f"{PAPER}, eq. 35",
    statement=r"\langle \hat w, x_{\mathrm{test}}\rangle \text{ at } x_{\mathrm{test}}",
    algorithm=_inner_products,
    cases=_with_weights,
)
def eq35(w: tuple[Any, ...], examples: int) -> Witness:
    """mov copies the weights to x_test, mul makes their inner product with it."""
    return statements.eq35(w, examples)


# -- remark B.6 -------------------------------------------------------------------------------


def _causal(**fixed: Any) -> tuple[st.SearchStrategy[Case], ...]:
    """n > d, as some token t > d is needed."""
    sizes = tuple((st.just(d), st.integers(d + 1, d + 2)) for d in (1, 2, 3))
    return examples_only("T", ((st.just(1), st.just(2)), *sizes), **fixed)


@claim(
    "fu2023.remarkB6",
    source=f"{PAPER}, remark B.6",
    statement=r"[T x_t; x_t] \mapsto [(T - \tfrac12 T \hat\Sigma T^\top) x_t; x_t],\; "
    r"\hat\Sigma = \tfrac1t \textstyle\sum_{j \le t} x_j x_j^\top,\; t > d",
    expected="refuted",
    note="T is one matrix for all tokens here; see fu2023.remarkB6.iterated",
)
def remark_printed() -> tuple[Check, ...]:
    """The causal layer, with weights 1/t and -1/2 in G, is half a Newton step per token."""
    return slots_hold(statements.remark_b6, _causal), theorem("fu2023.remarkB6.negation")


@repair("fu2023.remarkB6", SIGN)
def remark_repaired() -> tuple[Check, ...]:
    """With V_2 = -J the causal layer is half a Newton step per token, for a common T."""
    return (
        slots_hold(statements.remark_b6, lambda: _causal(printed=False)),
        theorem("fu2023.remarkB6.repaired"),
    )


@claim(
    "fu2023.remarkB6.iterated",
    source=f"{PAPER}, remark B.6, as an iteration",
    reading="as an iteration",
    statement=r"T_t \mapsto 2T_t - T_t \hat\Sigma_t T_t^\top \text{ at every token } t > d, "
    r"\text{ layer after layer}",
    expected="refuted",
    note="V_2 = -V_1 already. After one layer, as after a causal eq. 24, every token has a T_t of "
    "its own, and the keys T_j x_j of earlier tokens are not T_t x_j; no repair is known",
)
def remark_iterated() -> tuple[Check, ...]:
    """Two causal layers in a row are two Newton iterations on every prefix."""
    return (slots_hold(statements.remark_b6, lambda: _causal(printed=False, iterations=2)),)
