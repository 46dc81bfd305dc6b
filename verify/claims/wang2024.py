"""wang2024: temporal differences in context, as the paper's matrices compute them.

Wang, Blaser, Daneshmand, Zhang, "Transformers can learn temporal difference methods for in-context
reinforcement learning", arXiv:2405.13861. Of the average reward the paper's own matrices were not
to be had; they are those of its authors' code (InContextTD, verification/model.py, AVGREWTDLayer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from sympy import Symbol

from constructions.papers import wang2024
from constructions.papers.wang2024 import TRANSITIONS
from constructions.witness import Witness
from proofs.letters import count, each, matrix
from proofs.prompt import fields_of

from .. import algorithms, strategies
from ..claim import Promise, claim
from ..drawn import Sized
from ..formulas import Formula
from ..papers import Paper

PAPER = Paper(
    "wang2024",
    title="Transformers Can Learn Temporal Difference Methods for In-Context "
    "Reinforcement Learning",
    authors="Jiuqi Wang, Ethan Blaser, Hadi Daneshmand, Shangtong Zhang",
    arxiv="2405.13861",
)

MOST = 3  # layers of the cases that are drawn
DELTA = r"\delta_i = r_i + \gamma w_\ell^\top\phi'_i - w_\ell^\top\phi_i"
STEP = r"w_{\ell+1} = w_\ell + \tfrac1n C_\ell \textstyle\sum_i "
LAYER = r"Z + \tfrac1n P Z M Z^\top Q Z,\ P = e e^\top,\ "
VALUE = r"-[Z_\ell]_{2d+1, n+1} = \langle w_\ell, \phi_q \rangle,\ w_0 = 0,\ "
SAME_Q = r"Q = \begin{bmatrix} -C^\top & C^\top & 0 \\ 0 & 0 & 0 \\ 0 & 0 & 0 \end{bmatrix},\ "
BY_CODE = "the printed theorem was not to be had: weights as in the authors' code, "


def stepwise(step: str) -> Formula:
    """A formula of w, {w} and {C} being those of the step, whose value is w^T phi."""

    def state(given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        made, last = {"w0": "O"}, given["layers"]
        for k in range(1, last + 1):
            made[f"w{k}"] = step.format(w=f"w{k - 1}", C=f"C{k}")
        return made, f"w{last}.T*phi_t"

    return Formula("temporal differences", state, fields_of(**TRANSITIONS))


def prompts(
    more: Callable[[Mapping[str, Any], int], dict[str, Any]] = lambda given, n: {}, **drawn: Any
) -> tuple[Any, ...]:
    """Transitions with a matrix for each of 0 to MOST layers; at first d = n = 1 and at most one
    layer. `more`: what depends on n."""

    def build(given: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
        return {"C": given["C"][: given["layers"]], **more(given, n)}

    matrices = Sized("d", lambda d: st.tuples(*[strategies.matrix(d)] * MOST))
    parameters: dict[str, Any] = {"C": matrices, **drawn, **TRANSITIONS}
    one, some = st.just(1), st.integers(2, 3)
    few, more_layers = st.integers(0, 1), st.integers(1, MOST)
    return tuple(
        strategies.prompts(size, size, build=build, layers=layers, **parameters)
        for size, layers in ((one, few), (some, more_layers))
    )


def discounted(more: Any = lambda given, n: {}, **drawn: Any) -> tuple[Any, ...]:
    return prompts(more, gamma=strategies.positive(), **drawn)


def in_letters(**more: Any) -> list[dict[str, Any]]:
    """Any number of layers, each with any matrix of its own."""
    return [{"d": 3, "layers": count("layers"), "C": each("C", "layers", "d"), **more}]


def sizes(**more: Any) -> list[dict[str, Any]]:
    identity = {d: tuple(tuple(int(i == j) for j in range(d)) for i in range(d)) for d in (1, 2, 4)}
    return [
        {"d": d, "layers": k, "C": (identity[d],) * k, **more} for d in identity for k in (1, 2, 5)
    ]


def td0_code(X: Any, y: Any, queries: Any, C: Any, gamma: Any) -> Any:
    return algorithms.temporal_differences(X, y, queries, C, gamma)


@claim(
    "wang2024.td0",
    source=f"{PAPER}, theorem 1",
    statement=LAYER + SAME_Q + r"M = \mathrm{diag}(I_n, 0):\ " + VALUE + STEP
    + r"\delta_i \phi_i,\ " + DELTA,
    algorithm=td0_code,
    formula=stepwise("{w} + {C}*phi.T*(y + gamma*phi_next*{w} - phi*{w})/n"),
    assembled=lambda: in_letters(gamma=Symbol("gamma")),
    cases=discounted,
    promises=(Promise("layers", "k"), Promise("width", "2*d + 1"), Promise("heads", "1")),
    sizes=lambda: sizes(gamma=1),
    theorems=("wang2024.td0",),
)  # fmt: skip
def td0(**parameters: Any) -> Witness:
    """Layers of linear attention are steps of TD(0), each preconditioned by a matrix of its own."""
    return wang2024.td0(**parameters)


def tdlambda_code(X: Any, y: Any, queries: Any, C: Any, gamma: Any, decay: Any) -> Any:
    return algorithms.temporal_differences(X, y, queries, C, gamma, decay)


@claim(
    "wang2024.tdlambda",
    source=f"{PAPER}, TD(lambda)",
    statement=LAYER + SAME_Q + r"M_{rc} = \lambda^{r-c} \text{ for } 1 \leq c \leq r \leq n, "
    r"0 \text{ elsewhere}:\ " + VALUE + STEP + r"\delta_i e_i,\ e_i = \textstyle\sum_{j \leq i} "
    r"\lambda^{i-j}\phi_j,\ " + DELTA,
    algorithm=tdlambda_code,
    formula=stepwise("{w} + {C}*(M*phi).T*(y + gamma*phi_next*{w} - phi*{w})/n"),
    assembled=lambda: in_letters(gamma=Symbol("gamma"), M=matrix("M", "n")),
    cases=lambda: discounted(
        lambda given, n: {"M": wang2024.traces(given["decay"], n)},
        decay=strategies.positive(),
    ),
    theorems=("wang2024.tdlambda",),
    note="M's last row and column are 0: it mixes the examples. Proved for any M (n × n); that the "
    "trace is M times the features is seen on the prompts tried, and is the theorem beside it",
)
def tdlambda(decay: Any = None, **parameters: Any) -> Witness:
    """The same with M of powers of lambda are steps of TD(lambda)."""
    return wang2024.tdlambda(**parameters)


def residual_code(X: Any, y: Any, queries: Any, C: Any, gamma: Any) -> Any:
    return algorithms.temporal_differences(X, y, queries, C, gamma, method="residual")


@claim(
    "wang2024.residual",
    source=f"{PAPER}, residual gradient",
    statement=LAYER + r"Q = \begin{bmatrix} -C^\top & C^\top & 0 \\ C^\top & -C^\top & 0 \\ 0 & 0"
    r" & 0 \end{bmatrix},\ M = \mathrm{diag}(I_n, 0):\ " + VALUE + STEP
    + r"\delta_i (\phi_i - \gamma\phi'_i),\ " + DELTA,
    algorithm=residual_code,
    formula=stepwise(
        "{w} + {C}*(phi - gamma*phi_next).T*(y + gamma*phi_next*{w} - phi*{w})/n"
    ),
    assembled=lambda: in_letters(gamma=Symbol("gamma")),
    cases=discounted,
    promises=(Promise("layers", "k"), Promise("width", "2*d + 1"), Promise("heads", "1")),
    sizes=lambda: sizes(gamma=1),
    theorems=("wang2024.residual",),
)  # fmt: skip
def residual(**parameters: Any) -> Witness:
    """Four blocks in Q make it residual gradient."""
    return wang2024.residual(**parameters)


def average_code(X: Any, y: Any, queries: Any, C: Any) -> Any:
    return algorithms.temporal_differences(X, y, queries, C, centred=True)


@claim(
    "wang2024.average",
    source=f"{PAPER}, average reward; InContextTD, verification/model.py",
    statement=r"Z_0 = [\phi; \phi'; r; 0],\ Z + \tfrac1n(e_{2d+2}e_{2d+1}^\top Z (U D - I) M + "
    r"e_{2d+2}e_{2d+2}^\top Z M) Z^\top Q Z,\ U \text{ upper triangular of ones},\ D = "
    r"\mathrm{diag}(1, \tfrac12, \tfrac13, …),\ " + SAME_Q
    + r"M = \mathrm{diag}(I_n, 0):\ [Z_\ell]_{2d+2, n+1} = \langle w_\ell, \phi_q \rangle,\ " + STEP
    + r"(r_i - \bar r_i + w_\ell^\top\phi'_i - w_\ell^\top\phi_i)\phi_i,\ "
    r"\bar r_i = \tfrac1i\textstyle\sum_{j \leq i} r_j",
    algorithm=average_code,
    formula=stepwise("{w} - {C}*phi.T*(R.T*y - phi_next*{w} + phi*{w})/n"),
    assembled=lambda: in_letters(R=matrix("R", "n")),
    cases=lambda: prompts(lambda given, n: {"R": wang2024.centred(n)}),
    theorems=("wang2024.average",),
    note=BY_CODE + "whose value is read with + and whose head 1 has r-bar - r. Proved for any "
    "matrix in the place of (U D - I) M",
)  # fmt: skip
def average(**parameters: Any) -> Witness:
    """Two heads take the rewards' running mean off: differential TD(0)."""
    return wang2024.average(**parameters)
