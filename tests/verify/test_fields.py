"""Claims about prompts with parts of x, targets that are vectors, predictions at examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from sympy import Symbol

from constructions import Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.numbers import Unsupported
from proofs.prompt import Fields
from verify import Claim, engine, formula, strategies
from verify.checks import floats as numeric
from verify.checks.case import of_plain_prompts
from verify.claim import Budget, Differs, Domain, Refuted
from verify.claim import Holds as HoldsVerdict
from verify.strategies import Case

PARTS = layout(phi="d", r="", phi_next="d")


def td(d, steps, alpha, gamma, sign=-1, discount=None, value="delta"):
    """TD(0) on one batch: delta_j = r_j + gamma w.phi'_j - w.phi_j after every layer."""
    discount = gamma if discount is None else discount
    head = Head(
        query=slot_map(("f", "next", discount), ("f", "phi", -1)),
        key=slot_map(("f", "phi")),
        value=slot_map(("delta", value, alpha)),
        name="descend",
    )
    holds = "r_t + gamma*w{k}.T*phi_next_t - w{k}.T*phi_t"
    layers = tuple(
        Layer(f"step {k}", (head,), holds=(Holds("delta", holds.replace("{k}", str(k))),))
        for k in range(1, steps + 1)
    )
    known = {"w0": "O"} | {
        f"w{k}": f"w{k - 1} + alpha*phi.T*(r + gamma*phi_next*w{k - 1} - phi*w{k - 1})"
        for k in range(1, steps + 1)
    }
    return Witness(
        "td",
        layout(phi=(d,), next=(d,), delta=()),
        Prompt(
            d,
            slot_map(("phi", "phi"), ("next", "phi_next"), ("delta", "r")),
            parts=PARTS,
            query_parts=("phi",),
            targets=0,
        ),
        layers,
        Readout("delta", sign),
        parameters={"steps": steps, "alpha": alpha, "gamma": gamma},
        definitions=tuple(known.items()),
    )


def td_code(X, y, queries, d, steps, alpha, gamma):
    """The same in numpy."""
    phi, r, after = X[:, :d], X[:, d], X[:, d + 1 :]
    w = X[0, :d] * 0
    for _ in range(steps):
        w = w + phi.T @ (r + after @ w * gamma - phi @ w) * alpha
    return queries @ w


def descent(d, q, steps, eta, turned=False):
    """Gradient descent on vectors y: e = y - W x, with W = sum of eta e_j x_j^T."""
    value = slot_map(("e", "e", -eta))
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), value, name="descend")
    return Witness(
        "descent",
        layout(x=(d,), e=(q,)),
        Prompt(d, slot_map(("x", "x"), ("e", "y")), targets=q),
        (Layer("step", (head,)),) * steps,
        Readout("e", 1 if turned else -1),
        parameters={"steps": steps, "eta": eta},
    )


def descent_code(X, y, queries, steps, eta):
    W = X.T @ y * 0
    for _ in range(steps):
        W = W + X.T @ (y - X @ W) * eta
    return queries @ W


def smoothed(d, tokens="examples", average="examples"):
    """At each example the average of y_j <x_j, x_t>."""
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("s", "y")), average=average)
    return Witness(
        "smoothed",
        layout(x=(d,), y=(), s=()),
        Prompt(d, slot_map(("x", "x"), ("y", "y"))),
        (Layer("smooth", (head,), holds=(Holds("s", "x_t.T*X.T*y/n"),)),),
        Readout("s", 1, tokens),
    )


def moments(d, value="x"):
    """At each query X^T y: as many numbers as x has."""
    head = Head(slot_map(("f", "one")), slot_map(("f", "y")), slot_map(("v", value)))
    return Witness(
        "moments",
        layout(x=(d,), y=(), one=(), v=(d,), u=(d,)),
        Prompt(d, slot_map(("x", "x"), ("u", "x", -1), ("y", "y"), ("one", "one"))),
        (Layer("moments", (head,), holds=(Holds("v", "X.T*y"),)),),
        Readout("v"),
    )


SMALL = st.integers(0, 2)
HALVES = strategies.fractions(1, 2)
CLAIMS: dict[str, dict[str, Any]] = {
    "td": {
        "witness": td,
        "algorithm": td_code,
        "formula": formula(
            "phi_t.T*w",
            start={"w": "O"},
            step={"w": "w + alpha*phi.T*(r + gamma*phi_next*w - phi*w)"},
            repeat="steps",
            parts=PARTS,
            query_parts=("phi",),
        ),
        "cases": lambda: strategies.prompts(
            d=st.integers(1, 3),
            parts=PARTS,
            query_parts=("phi",),
            targets=0,
            steps=SMALL,
            alpha=HALVES,
            gamma=HALVES,
        ),
        "assembled": lambda: [
            {"d": 3, "steps": 2, "alpha": Symbol("alpha"), "gamma": Symbol("gamma")}
        ],
        "symbolic": {"d": 1, "n": 2, "steps": 2, "alpha": Fraction(1, 2), "gamma": Fraction(1, 3)},
    },
    "descent": {
        "witness": descent,
        "algorithm": descent_code,
        "formula": formula(
            "W.T*x_t",
            start={"W": "0*X.T*y"},
            step={"W": "W + eta*X.T*(y - X*W)"},
            repeat="steps",
        ),
        "cases": lambda: strategies.prompts(
            d=st.integers(1, 3), targets="q", q=st.integers(1, 3), steps=SMALL, eta=HALVES
        ),
        "assembled": lambda: [{"d": 5, "q": 3, "steps": 2, "eta": Symbol("eta")}],
        "symbolic": {"d": 2, "n": 2, "q": 2, "steps": 1, "eta": Fraction(1, 2)},
    },
    "smoothed": {
        "witness": smoothed,
        "algorithm": formula("x_t.T*X.T*y/n", tokens="examples"),
        "cases": lambda: strategies.prompts(m=st.integers(0, 1)),
        "assembled": lambda: [{"d": 2}],
        "symbolic": {"d": 2, "n": 2},
    },
    "everywhere": {
        "witness": lambda d: smoothed(d, "all"),
        "algorithm": formula("x_t.T*X.T*y/n", tokens="all"),
        "cases": lambda: strategies.prompts(m=st.integers(0, 2)),
        "assembled": lambda: [{"d": 2}],
    },
    "moments": {
        "witness": moments,
        "algorithm": lambda X, y, queries: np.array([X.T @ y] * len(queries), dtype=object),
        "formula": formula("X.T*y"),
        "cases": lambda: strategies.prompts(),
        "assembled": lambda: [{"d": 2}],
        "symbolic": {"d": 2, "n": 2},
    },
}
# what is changed in a witness, and how: a sign, a discount, the number that is divided by, a part
FAULTS: dict[str, tuple[str, Callable[..., Witness]]] = {
    "the sign of a prediction": ("td", lambda **p: td(**p, sign=1)),
    "a discount that is forgotten": ("td", lambda **p: td(**p, discount=1)),
    "another part of x": (
        "td",
        lambda **p: with_embedding(td(**p), ("phi", "phi"), ("next", "phi"), ("delta", "r")),
    ),
    "the sign of vectors": ("descent", lambda **p: descent(**p, turned=True)),
    "the value of other inputs": ("moments", lambda **p: moments(**p, value="u")),
    "a sum for a mean": ("smoothed", lambda **p: smoothed(**p, average="")),
    "a sum for a mean, everywhere": (
        "everywhere",
        lambda **p: smoothed(**p, tokens="all", average=""),
    ),
}


def with_embedding(witness, *blocks):
    return replace(witness, prompt=replace(witness.prompt, embedding=slot_map(*blocks)))


def made(name: str, **changed: Any) -> Claim:
    return Claim(**{"id": name, **CLAIMS[name], **changed})


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_about_such_prompts_holds_and_is_derived(name):
    report = engine.run(made(name), Budget(cases=30))
    assert report.verdict == HoldsVerdict(("derived", "exact")), report.to_json()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refuted_with_what_was_wrong(fault):
    name, builder = FAULTS[fault]
    report = engine.run(made(name, witness=builder), Budget(cases=60))
    assert isinstance(report.verdict, Refuted), report.to_json()
    found = report.verdict.counterexample
    assert found["prediction"] != found["algorithm"]
    assert report.verdict.first_difference["is"] != report.verdict.first_difference["should"]
    failed = [one.kind for one in report.checks if one.passed is False]
    assert {"exact", "proof"} <= set(failed)


def test_a_counterexample_is_made_small_in_every_part_and_target():
    everything = Domain("every prompt", lambda case: True)
    wrong = made("td", witness=FAULTS["the sign of a prediction"][1], domain=everything)
    found = engine.run(wrong, Budget(cases=60)).verdict.counterexample
    assert found["parts"] == {"phi": 1, "r": 1, "phi_next": 1} and found["query_parts"] == {
        "phi": 1
    }
    assert found["parameters"]["d"] == "1" and found["parameters"]["steps"] == "1"
    assert len(found["X"]) == 1 and len(found["X"][0]) == 3 and len(found["queries"][0]) == 1
    wrong = made("descent", witness=FAULTS["the sign of vectors"][1], domain=everything)
    found = engine.run(wrong, Budget(cases=60)).verdict.counterexample
    assert found["parameters"]["q"] == found["parameters"]["d"] == "1"
    assert found["y"] == ["1"] and found["prediction"] == ["-1/2"] or len(found["y"]) == 1


def test_a_coordinate_is_dropped_from_all_parts_that_have_it_and_a_target_from_all():
    case = Case(
        {"d": 2, "q": 2}, np.array([[1, 2, 9, 3, 4]]), np.array([[5, 6]]), np.array([[7, 8]]),
        Fields(PARTS, ("phi",)), "q",
    )  # fmt: skip
    rows = {(*(c.X.tolist()[0]), *c.queries.tolist()[0]) for c in case.smaller() if c.d == 1}
    assert rows == {(2, 9, 4, 8), (1, 9, 3, 7)}
    targets = [c.y.tolist() for c in case.smaller() if c.parameters["q"] == 1]
    assert targets == [[6], [5]]


def test_floats_are_held_against_their_bound_in_every_number():
    case = Case(
        {"d": 2, "q": 2, "steps": 2, "eta": Fraction(1, 8)},
        *(np.array(part) for part in ([[0.1, 0.3], [0.7, 1.1]], [[0.1, 0.2], [3, 4]], [[0.3, 1]])),
        targets="q",
    )
    assert numeric.compare(made("descent"), case, "float32") is not None
    off = made("descent", witness=lambda **p: scaled_readout(descent(**p)))
    with pytest.raises(Differs, match="off by"):
        numeric.compare(off, case, "float32")


def scaled_readout(witness):
    last = witness.readout
    return replace(witness, readout=replace(last, coefficient=last.coefficient * Fraction(9, 8)))


def test_prompts_of_other_parts_are_refused_by_name():
    given = {"steps": 1, "alpha": 1, "gamma": 1}
    other = made("td", algorithm=lambda X, y, queries: queries[:, 0],
                 cases=lambda: strategies.prompts(d=st.just(3), **given))  # fmt: skip
    with pytest.raises(ValueError, match="other parts of x"):
        engine.run(other, Budget(cases=5))
    elsewhere = made("smoothed", algorithm=formula("x_t.T*X.T*y/n"))
    with pytest.raises(ValueError, match="predicts at query tokens, the witness at examples"):
        engine.run(elsewhere, Budget(cases=5))
    with pytest.raises(ValueError, match="phi_next_t is not defined"):
        formula("phi_next_t.T*r", parts=PARTS, query_parts=("phi",)).at({})
    with pytest.raises(ValueError, match="X is not defined"):
        formula("X.T*y", parts=PARTS).at({})


@pytest.mark.parametrize(
    "witness, what",
    [
        (td(2, 1, 1, 1), "parts of x"),
        (descent(2, 3, 1, 1), "targets = 3"),
        (moments(2), "a prediction of 2 numbers"),
        (smoothed(2), "a read-out at examples tokens"),
    ],
)
def test_statements_about_numbers_at_queries_refuse_others_by_name(witness, what):
    with pytest.raises(Unsupported, match=f"a certificate on a box does not know {what}"):
        of_plain_prompts(witness, "a certificate on a box")
