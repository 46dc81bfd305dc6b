"""shen2023: gradient descent does not know the order of the demonstrations, other readers do.

Text read: the abstract of arXiv:2310.08540v5, which says that in-context learning and gradient
descent differ in their sensitivity to the order. What is claimed here of descent on the full batch,
of its stochastic and its causal version, is that comparison, taken at its word for transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from sympy import Symbol

import constructions
from constructions.papers import shen2023
from constructions.witness import Witness
from proofs.letters import count

from .. import algorithms, strategies
from ..checks import order
from ..claim import Check, Claim, builtin, claim, repair
from ..formulas import formula
from ..papers import Paper

PAPER = Paper(
    "shen2023",
    title="Do pretrained Transformers Learn In-Context by Gradient Descent?",
    authors="Lingfeng Shen, Aayush Mishra, Daniel Khashabi",
    arxiv="2310.08540",
    version=5,
)
STEP = Symbol("step_size")
HALF = Fraction(1, 2)
DIMENSIONS = range(1, 25)  # at which builders are read
DEEPEST = 4
# on the full batch beside gradient descent: a step of each sees all examples alike
FULL_BATCH: dict[str, dict[str, Any]] = {
    "momentum": {"step_size": STEP, "momentum": Symbol("momentum")},
    "gd_plus_plus": {"step_size": STEP, "gamma": Symbol("gamma")},
    "preconditioned": {"step_size": STEP},
    "newton": {"alpha": Symbol("alpha")},
}


def full_batches() -> Iterator[dict[str, Any]]:
    """Each of these algorithms at every dimension and depth."""
    for name, given in FULL_BATCH.items():
        repeated = "iterations" if name == "newton" else "steps"
        for d in DIMENSIONS:
            own = dict(given)
            if name == "preconditioned":  # no symmetric one, and none that commutes with anything
                own["preconditioner"] = tuple(
                    tuple(Fraction(1, 1 + i + 2 * j) for j in range(d)) for i in range(d)
                )
            for k in range(1, DEEPEST + 1 if d == 1 else 3):
                yield {"name": name, "d": d, repeated: k, **own}


def named(name: str, **parameters: Any) -> Witness:
    """A construction."""
    return constructions.build(name, **parameters)


def claim_of(id: str) -> Callable[[], Claim]:
    """What finds a claim by its id when it is asked for."""
    return lambda: next(one for one in builtin(id) if one.id == id)


@claim(
    "shen2023.order",
    source=f"{PAPER}, gradient descent",
    statement=r"w_k = w_{k-1} - \eta \nabla L(w_{k-1}): \text{ the prediction is the same in every "
    r"order of the demonstrations}",
    note="that the layers compute it is proved as in shen2023.order.full_batch; what other "
    "algorithms do is in shen2023.order.descent and in the table of constructions/README.md",
)
def full_batch_order() -> tuple[Check, ...]:
    """Gradient descent on the full batch does not depend on the order of the demonstrations."""
    own = [{"d": d, "steps": k, "step_size": STEP} for d in DIMENSIONS for k in (0, 1, 2)]
    return (
        order.independent_by_formula(claim_of("shen2023.order.full_batch")),
        order.independent_of_order(shen2023.full_batch, lambda: own),
    )


@claim(
    "shen2023.order.descent",
    variant="improved",
    source=f"{PAPER}, gradient descent, asked of its kin",
    statement=r"\text{the predictions of momentum, GD++, preconditioned descent and Newton's "
    r"iteration are the same in every order of the demonstrations}",
)
def kin_order() -> tuple[Check, ...]:
    """What else descends on the full batch does not depend on the order either."""
    return (
        *(order.independent_by_formula(claim_of(name)) for name in FULL_BATCH),
        order.independent_of_order(named, lambda: list(full_batches())),
    )


@claim(
    "shen2023.order.full_batch",
    variant="improved",
    source=f"{PAPER}, gradient descent",
    statement=r"w_k^\top x,\; w_k = w_{k-1} - \eta X^\top (X w_{k-1} - y),\; w_0 = 0",
    algorithm=formula(
        "w.T*x_t",
        start={"w": "O"},
        step={"w": "w - step_size*X.T*(X*w - y)"},
        repeat="steps",
        name="full batch",
    ),
    cases=lambda: strategies.prompts(steps=st.integers(0, 3), step_size=strategies.positive()),
    assembled=lambda: [{"d": 3, "steps": count("steps"), "step_size": STEP}],
    note="the layers of which shen2023.order speaks do compute it",
)
def full_batch(**parameters: Any) -> Witness:
    """One layer of linear attention over all examples is one step on the full batch."""
    return shen2023.full_batch(**parameters)


# -- one example after the other ------------------------------------------------------------------


def epoch(X: Any, y: Any, queries: Any, step_size: Any) -> Any:
    """One epoch of w <- w - eta (w^T x_i - y_i) x_i from zero."""
    return algorithms.one_pass_sgd(X, y, queries, step_size / 2)


@claim(
    "shen2023.order.stochastic",
    source=f"{PAPER}, stochastic gradient descent",
    statement=r"w_i = w_{i-1} - \eta\,(w_{i-1}^\top x_i - y_i)\, x_i: \text{ the prediction of an "
    r"epoch depends on the order of the demonstrations}",
    algorithm=epoch,
    cases=lambda: strategies.prompts(
        step_size=strategies.positive(), build=lambda _, d, n: {"examples": n}
    ),
    checks=lambda build: (
        order.depends_on_order(
            build,
            lambda: [
                {"d": d, "examples": n, "step_size": HALF} for d, n in ((1, 2), (1, 3), (2, 2))
            ],
            epoch,
        ),
    ),
)
def stochastic(**parameters: Any) -> Witness:
    """Stochastic descent, an example a layer, depends on the order of the demonstrations."""
    return shen2023.stochastic(**parameters)


recursive = claim_of("recursive_least_squares")  # an example after the other, causal attention


@claim(
    "shen2023.order.online",
    source=f"{PAPER}, read of every learner that takes one demonstration after the other",
    reading="of every learner that takes one demonstration after the other",
    expected="refuted",
    statement=r"\text{a transformer that takes in one demonstration after the other depends on "
    r"their order}",
    note="recursive least squares does so, with causal attention, and its prediction is ridge "
    "regression in every order",
)
def online_order() -> tuple[Check, ...]:
    """Taking in one demonstration after the other means to depend on their order."""
    return (order.dependent_by_formula(recursive),)


@repair(
    "shen2023.order.online",
    "what the steps leave decides: two neighbours can be exchanged or not",
    statement=r"P' = P - \frac{P x x^\top P}{1 + x^\top P x},\; w' = w + P' x\,(y - x^\top w): "
    r"\text{ two demonstrations leave the same } P, w \text{ in either order}",
)
def online_least_squares() -> tuple[Check, ...]:
    """Recursive least squares takes in one demonstration after the other, in any order."""
    return (order.independent_by_formula(recursive),)


# -- causal attention -----------------------------------------------------------------------------


def causal_sizes(*layers: int) -> list[dict[str, Any]]:
    return [{"d": d, "layers": k, "step_size": HALF} for d in (1, 2) for k in layers]


@claim(
    "shen2023.order.causal",
    source=f"{PAPER}, causal attention",
    reading="of every depth",
    expected="refuted",
    statement=r"k \geq 1 \text{ layers of causal attention depend on the order of the "
    r"demonstrations}",
    note="in one layer the query sees all demonstrations, and nothing that they have read of one "
    "another",
)
def causal_order() -> tuple[Check, ...]:
    """The causal version depends on the order, whatever its depth."""
    return (order.depends_on_order(shen2023.causal, lambda: causal_sizes(1, 2, 3)),)


@repair(
    "shen2023.order.causal",
    "two layers at least: one layer, without positions, does not depend on the order",
    statement=r"k \geq 2 \text{ layers of causal attention depend on the order of the "
    r"demonstrations, one layer does not}",
)
def causal_from_two_layers() -> tuple[Check, ...]:
    """The causal version depends on the order from the second layer on."""
    one = [{"d": d, "layers": 1, "step_size": STEP} for d in DIMENSIONS]
    return (
        order.depends_on_order(shen2023.causal, lambda: causal_sizes(2, 3, 4)),
        order.independent_of_order(shen2023.causal, lambda: one),
    )
