"""vonoswald2022: gradient descent by linear self-attention on joint tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from sympy import Symbol

from constructions.papers import vonoswald2022
from constructions.witness import Witness
from proofs.letters import vector

from .. import algorithms, strategies
from ..checks.statements import formula
from ..claim import Builder, Check, claim, repair
from ..formulas import Formula
from ..papers import Paper
from ..strategies import Case, as_text, float_prompts, positive

PAPER = Paper(
    "vonoswald2022",
    title="Transformers Learn In-Context by Gradient Descent",
    authors="Johannes von Oswald, Eyvind Niklasson, Ettore Randazzo, João Sacramento, "
    "Alexander Mordvintsev, Andrey Zhmoginov, Max Vladymyrov",
    arxiv="2212.07677",
)
LOSS = r"L(W) = \tfrac{1}{2n} \textstyle\sum_i \|W x_i - y_i\|^2"


def whole_prompt(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """n, and starting weights of size d from the one number that is drawn."""
    first = parameters["w0"]
    return {"examples": n, "w0": tuple(first * (i + 1) - i for i in range(d))}


def small_first(build: Any, **parameters: Any) -> tuple[st.SearchStrategy[Case], ...]:
    """Prompts, d = n = 1 first."""
    sizes = st.just(1), st.integers(1, 4)
    return tuple(strategies.prompts(size, size, build=build, **parameters) for size in sizes)


def prompts(**parameters: Any) -> tuple[st.SearchStrategy[Case], ...]:
    """Prompts with a step size and starting weights; d = n = 1 first."""
    w0 = strategies.fractions()
    return small_first(whole_prompt, step_size=positive(), w0=w0, **parameters)


def descend(X: Any, y: Any, queries: Any, step_size: Any, w0: Any = None, steps: int = 1) -> Any:
    """`steps` gradient steps of L from w0."""
    return algorithms.gradient_descent(X, y, queries, steps, step_size, w0=w0, loss="mean")


# -- proposition 1 ----------------------------------------------------------------------------


@claim(
    "vonoswald2022.prop1",
    source=f"{PAPER}, proposition 1",
    statement=r"(x_j, y_j) \mapsto (x_j, y_j - \Delta W x_j),\; "
    r"(x, -W_0 x) \mapsto (x, -(W_0 + \Delta W) x),\; \Delta W = -\eta \nabla L(W_0),\; " + LOSS,
    algorithm=descend,
    formula=Formula(
        "one step", lambda given: ({"w1": "w0 - step_size*X.T*(X*w0 - y)/n"}, "w1.T*x_t")
    ),
    assembled=lambda: [
        {"d": 3, "examples": 4, "step_size": Symbol("step_size"), "w0": vector("w0")}
    ],
    cases=prompts,
    sizes=lambda: [{"d": d, "examples": 2, "step_size": 1, "w0": (1,) * d} for d in (1, 3)],
    checks=lambda build: (_tokens(build),),
    theorems=("vonoswald2022.prop1",),
    note="a number y_j in the first checks, y_j of dimension 1 to 3 in the check of all tokens: "
    "the layer that is built, for each of its numbers, and the printed blocks for all at once",
)
def prop1(**parameters: Any) -> Witness:
    """One layer with one head is one gradient step, at the examples and at the query."""
    return vonoswald2022.prop1(**parameters)


def _tokens(build: Builder) -> Check:
    @st.composite
    def cases(draw: Any) -> dict[str, Any]:
        dx, dy, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))

        def array(*shape: int) -> Any:
            made = np.empty(shape, dtype=object)
            made.ravel()[:] = [draw(strategies.fractions()) for _ in range(made.size)]
            return made

        shapes = {"X": (n, dx), "Y": (n, dy), "W0": (dy, dx), "query": (dx,)}
        drawn = {name: array(*shape) for name, shape in shapes.items()}
        return drawn | {"step_size": draw(positive())}

    detail = "all tokens, y of dimension 1 to 3: by the printed blocks, and row by row of W_0"
    return formula(cases, partial(token_difference, build), detail)


def token_difference(build: Builder, case: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tokens that the printed block matrices, or what is built for a row of W_0, get wrong.

    Case: X (n, d_x), Y (n, d_y), W0 (d_y, d_x), query (d_x,), step_size.
    """
    X, Y, W0, query = case["X"], case["Y"], case["W0"], case["query"]
    n, eta = len(X), case["step_size"]
    change = -(eta / n) * (X @ W0.T - Y).T @ X  # -eta times the gradient of L at W0
    should = np.vstack(
        [np.hstack([X, Y - X @ change.T]), np.concatenate([query, -((W0 + change) @ query)])]
    )
    d, every = X.shape[1], list(range(should.shape[1]))
    blocks = vonoswald2022.prop1_blocks(tuple(map(tuple, W0)), n, eta)
    entered = np.concatenate([query, -(W0 @ query)])
    left = blocks.trace(np.hstack([X, Y]), [0] * n, [entered], "rational")[-1]["e"]
    found = [("the printed blocks", every, left)]
    for i, row in enumerate(W0):
        one = build(d=d, examples=n, step_size=eta, w0=tuple(row))
        last = one.trace(X, Y[:, i], [query], "rational")[-1]
        left = np.column_stack([last["x"], last["y"]])
        found.append((f"row {i + 1} of W_0", [*every[:d], d + i], left))
    for by, rows, left in found:
        wrong = np.flatnonzero((left != should[:, rows]).any(axis=1))
        if len(wrong):
            token = int(wrong[0])
            return {
                **{name: as_text(np.asarray(value).tolist()) for name, value in case.items()},
                "by": by,
                "token": token + 1,
                "is": as_text(left[token].tolist()),
                "should": as_text(should[token, rows].tolist()),
            }
    return None


@claim(
    "vonoswald2022.ksteps",
    source=f"{PAPER}, after proposition 1",
    statement=r"k \text{ copies of the layer, all with } W_0, \text{ are } k "
    r"\text{ gradient steps of } " + LOSS,
    algorithm=descend,
    cases=lambda: prompts(steps=st.integers(0, 4)),
    floats=lambda: float_prompts(
        lambda X, drawn: {
            "examples": len(X),
            "step_size": len(X) / float(np.linalg.norm(X)) ** 2,
        },
        steps=st.integers(1, 6),
    ),
    sizes=lambda: [
        {"d": d, "examples": 2, "steps": k, "step_size": 1, "w0": (1,) * d}
        for d in (1, 3)
        for k in (1, 3)
    ],
    theorems=("vonoswald2022.ksteps",),
    note="every layer has the weights of the first, W_0 in W_V included: y_j carries what W_k adds",
)
def ksteps(w0: Any = None, **parameters: Any) -> Witness:
    """k layers are k gradient steps."""
    return vonoswald2022.ksteps(w0=w0, **parameters)


# -- GD++ -------------------------------------------------------------------------------------


def transforming_descent(
    X: Any, y: Any, queries: Any, layers: int, step_size: Any, gamma: Any, w0: Any
) -> Any:
    """Per layer: a gradient step at w0 on the data (X, y) as it now is, then the data transformed.

    The prediction is w0.x plus what every step adds at the query, transformed like the data.
    """
    predictions = queries @ w0
    for _ in range(layers):
        change = -step_size * algorithms.gradient(X, y, w0, loss="mean")
        predictions = predictions + queries @ change
        y = y - X @ change
        contract = gamma * (X.T @ X)
        X, queries = X - X @ contract, queries - queries @ contract
    return predictions


@claim(
    "vonoswald2022.gdpp",
    source=f"{PAPER}, GD++",
    statement=r"\text{each layer is one gradient step at } W_0 \text{ on the data } (X, y) "
    r"\text{ that its tokens hold, and maps every } x \text{ to } (I - \gamma X^\top X)\, x",
    algorithm=transforming_descent,
    cases=lambda: prompts(layers=st.integers(0, 3), gamma=positive()),
    sizes=lambda: [
        {"d": d, "examples": 2, "layers": 2, "step_size": 1, "gamma": 1, "w0": (1,) * d}
        for d in (1, 3)
    ],
    theorems=("vonoswald2022.gdpp",),
    note="read layer by layer: the data are transformed anew in each, and the targets are what the "
    "layers before have left of y; over all layers see vonoswald2022.gdpp.ksteps",
)
def gdpp(**parameters: Any) -> Witness:
    """Each layer of GD++ makes a gradient step on the transformed data, and transforms them."""
    return vonoswald2022.gdpp(**parameters)


def from_zero(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """W_0 = 0."""
    return {"examples": n, "w0": (0,) * d}


def zero_prompts() -> tuple[st.SearchStrategy[Case], ...]:
    """Prompts for k layers from W_0 = 0; d = n = 1 first."""
    layers = st.integers(0, 3)
    return small_first(from_zero, layers=layers, step_size=positive(), gamma=positive())


def asked_at_the_example() -> tuple[st.SearchStrategy[Case], ...]:
    """One example whose x is the query, and k layers from W_0 = 0; first 1 at a step of 1/2."""
    one, layers = st.just(1), st.integers(0, 3)
    drawn = strategies.prompts(
        st.integers(1, 3), one, one,
        build=from_zero, layers=layers, step_size=positive(), gamma=positive(),
    )  # fmt: skip
    given = {"d": 1, "layers": 2, "step_size": Fraction(1, 2)} | from_zero({}, 1, 1)
    x, y = np.array([[1]], dtype=object), np.array([1], dtype=object)
    units = [Case({**given, "gamma": Fraction(gamma)}, x, y, x) for gamma in range(1, 5)]
    return st.sampled_from(units), drawn.map(lambda case: replace(case, queries=case.X))


def within_reach(share: Any, k: int) -> bool:
    """Whether `share` is 1 - (1 - t)^k for some t >= 0."""
    if k == 0:
        return bool(share == 0)
    return bool(share >= 0 if k % 2 else share <= 1)


def of_no_map(case: Case) -> dict[str, Any] | None:
    """The prediction of GD++ if k gradient steps from 0 on no map of x make it.

    The case has one example, asked at its own x. Whatever the map, linear or not, into whatever
    dimension, the example and the query have one image z. So k steps predict y (1 - (1 - t)^k),
    t = eta |z|^2: for an even k nothing beyond y, for an odd one nothing on the other side of 0.
    """
    k, (y,) = case.parameters["layers"], case.y
    witness = vonoswald2022.gdpp(**case.parameters)
    (made,) = witness.predict(case.X, case.y, case.queries, "rational")
    if made == 0 if y == 0 else within_reach(made / y, k):
        return None
    end = f"{'at least 0' if k % 2 else 'at most 1'} times y"
    return case.to_json() | {"prediction": as_text(made), "k steps on any map of x": end}


@claim(
    "vonoswald2022.gdpp.ksteps",
    source=f"{PAPER}, GD++, over all layers",
    reading="over all layers",
    statement=r"k \text{ layers are } k \text{ gradient steps on } (\varphi(x_j), y_j), \text{ "
    r"read at } \varphi(x), \text{ for a map } \varphi,\; W_0 = 0",
    expected="refuted",
    note="any map, linear or not, which may be another one for every prompt; the targets are as "
    "they were",
)
def gdpp_ksteps() -> tuple[Check, ...]:
    """k layers of GD++ are k gradient steps on the data, transformed once."""
    return (formula(asked_at_the_example, of_no_map, "some map of x fits, one example"),)


def preconditioned_descent(
    X: Any, y: Any, queries: Any, layers: int, step_size: Any, gamma: Any
) -> Any:
    """w <- w - step_size A^T A grad L(w) from 0, A <- (I - gamma A X^T X A^T) A from I."""
    d = X.shape[1]
    A = np.array([[1 if i == j else 0 for j in range(d)] for i in range(d)], dtype=object)
    w = X[0] * 0
    for _ in range(layers):
        w = w - step_size * (A.T @ (A @ algorithms.gradient(X, y, w, loss="mean")))
        A = A - gamma * (A @ (X.T @ X) @ A.T) @ A
    return queries @ w


@repair(
    "vonoswald2022.gdpp.ksteps",
    "gradient descent on the data as they are, preconditioned by A^T A",
    statement=r"k \text{ layers are } k \text{ steps } w \leftarrow w - \eta A^\top A \nabla L(w), "
    r"A \leftarrow (I - \gamma A X^\top X A^\top) A,\; W_0 = 0",
    algorithm=preconditioned_descent,
    cases=zero_prompts,
)
def gdpp_preconditioned(**parameters: Any) -> Witness:
    """k layers of GD++ are k steps of preconditioned gradient descent."""
    return vonoswald2022.gdpp(**parameters)
