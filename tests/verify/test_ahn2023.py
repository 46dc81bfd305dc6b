"""ahn2023: refutations computed again in plain fractions, and planted errors that are found."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import sympy
from found import claims_of, dot, numbers, verdict

from constructions import theorems
from constructions.papers import ahn2023 as paper
from verify.checks.analysis.dimensions import best_layer
from verify.checks.analysis.losses import Regression, n, symmetric
from verify.checks.analysis.optimum import optimum
from verify.claim import Budget
from verify.claims import ahn2023 as claims
from verify.engine import run

CLAIMS = claims_of("ahn2023")
THEOREMS = {one.id: one for one in theorems() if one.id.startswith("ahn2023.")}
QUICK = Budget(cases=30)


def counterexample(name):
    found = dict(verdict(name).counterexample)
    return {key: numbers(value) for key, value in (found | found.pop("parameters", {})).items()}


def times(A, v):
    return [dot(row, v) for row in A]


def product(A, B):
    return [[dot(row, column) for column in zip(*B)] for row in A]


# -- counterexamples, again -------------------------------------------------------------------


@pytest.mark.recomputes("ahn2023.lemma1")
def test_lemma_1_transposes_a_matrix_that_is_not_symmetric():
    found, first = counterexample("ahn2023.lemma1"), verdict("ahn2023.lemma1").first_difference
    (x,), (y,), (query,), A = found["X"], found["y"], found["queries"], found["A0"]
    score = dot(x, times([[-a for a in row] for row in A], query))  # x^T Q x_q
    layer = y * score  # P keeps the last row, n = 1
    step = [y * a for a in times(A, x)]  # -A grad R(0)
    assert -layer == found["prediction"][0] != dot(step, query) == found["algorithm"][0]
    assert -layer == dot([y * a for a in times(zip(*A), x)], query)
    assert (len(x), first["layer"], first["slot"]) == (2, 1, "y")
    assert (Fraction(first["is"]), Fraction(first["should"])) == (layer, -dot(step, query))


def test_the_recursion_says_nothing_of_its_first_iterate():
    assert "w_1" in verdict("ahn2023.lemma1.range").where


@pytest.mark.recomputes("ahn2023.hessian")
def test_the_hessian_of_one_example_is_twice_what_is_printed():
    ((x,),) = counterexample("ahn2023.hessian")["X"]

    def risk(w):
        return (w * x) ** 2 / 2

    second = risk(1) - 2 * risk(0) + risk(-1)
    assert (second, x * x / 2) == (1, Fraction(1, 2))


@pytest.mark.recomputes("ahn2023.theorem1.prior")
def test_equation_6_is_no_minimum_where_w_has_the_inverse_covariance():
    """n = 1: E tr (x x^T A - I)^T Sigma^-1 (x x^T A - I) Sigma, from E x x^T G x x^T."""
    found = verdict("ahn2023.theorem1.prior").counterexample
    d, S = 2, [[Fraction(found[f"s{min(i, j)}{max(i, j)}"]) for j in (1, 2)] for i in (1, 2)]
    assert (found["d"], found["n"]) == (d, "1")

    def loss(changed):
        weights = {**found["weights"], **changed}
        assert weights.pop("P33") == "1"
        A = [[-Fraction(weights[f"Q{i}{j}"]) for j in (1, 2)] for i in (1, 2)]
        AS = product(A, S)
        turned = product([*zip(*A)], S)
        square = product(turned, AS)
        return (d + 2) * (square[0][0] + square[1][1]) - 2 * (turned[0][0] + turned[1][1]) + d

    t = S[0][0] + S[1][1]
    K = [[2 * S[i][j] + t * (i == j) for j in range(d)] for i in range(d)]
    stated = [[-Fraction(found["weights"][f"Q{i}{j}"]) for j in (1, 2)] for i in (1, 2)]
    assert product(K, stated) == [[1, 0], [0, 1]]  # equation 6 at n = 1
    assert loss({}) == Fraction(found["loss"])
    assert loss(found["lower with"]) == Fraction(found["lower loss"]) < loss({})


@pytest.mark.recomputes("ahn2023.eq11.descent")
def test_equation_11_ascends():
    found = counterexample("ahn2023.eq11.descent")
    ((x,),), (y,), ((query,),), ((A,),) = (found[k] for k in ("X", "y", "queries", "A0"))
    assert -(y * x * A * query) == found["prediction"][0] == -1
    assert A * y * x * query == found["algorithm"][0] == 1


@pytest.mark.recomputes("ahn2023.eq11.update")
def test_the_update_of_x_lacks_one_over_n():
    found = counterexample("ahn2023.eq11.update")
    X, t = found["X"] + found["queries"], int(found["token"]) - 1
    ((A,),), ((B,),) = found["A0"], found["B0"]
    moment = sum(x * x for (x,) in found["X"])
    (x,) = X[t]
    assert len(found["X"]) == 2
    assert (
        found["is"] == [x + B * moment * A * x / 2] != [x + B * moment * A * x] == found["should"]
    )


# -- planted errors ---------------------------------------------------------------------------

PLANTED = {
    "the query is read": {"M": "all"},
    "no 1/n": {"factor": 1},
    "P doubles y": {"P": {("y", "y"): 2}},
    "P writes y from x": {"P": {("y", "y"): 1, ("y", "x"): ((1, 0, 0, 0, 0),)}},
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("key", [("ahn2023.lemma1", "repaired"), ("ahn2023.eq11", "printed")])
def test_a_planted_error_is_refuted(monkeypatch, key, planted):
    right = paper.from_matrices

    def wrong(layers, *, d, **given):
        change = dict(PLANTED[planted])
        if ("y", "x") in change.get("P", {}):
            change["P"] = {("y", "y"): 1, ("y", "x"): [[1] + [0] * (d - 1)]}
        return right([{**layer, **change} for layer in layers], d=d, **given)

    monkeypatch.setattr(paper, "from_matrices", wrong)
    assert run(CLAIMS[key], QUICK).verdict.name == "refuted"


@pytest.mark.parametrize("change", ["A", "sign"])
def test_a_step_by_another_matrix_is_refuted(change):
    known = CLAIMS["ahn2023.lemma1", "repaired"]

    def build(d, **A):
        turned = {k: tuple(zip(*rows)) for k, rows in A.items()}
        flipped = {k: tuple(tuple(-e for e in row) for row in rows) for k, rows in A.items()}
        return paper.descent(d, turned=True, **(turned if change == "A" else flipped))

    assert run(replace(known, witness=build), QUICK).verdict.name == "refuted"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ahn2023.lemma1", {"weights": {"sign": 1}}),
        ("ahn2023.lemma1", {"weights": {"P": 2}}),
        ("ahn2023.theorem1", {"own": (n + 2) / n}),
        ("ahn2023.theorem1", {"regular": 2 / n}),
        ("ahn2023.theorem1.prior", {"rate": 1}),
        ("ahn2023.eq11.descent", {"weights": {"sign": 1}}),
    ],
)
def test_a_theorem_fails_with_other_numbers(name, wrong):
    assert THEOREMS[name].prove().proved
    assert not THEOREMS[name].prove(**wrong).proved


def test_another_coefficient_is_no_minimum():
    sigma = symmetric("s")

    def at(d):
        covariance = sympy.Matrix(sigma(d))
        return claims.step(((n + 2) / n * covariance + covariance.trace() / n * sympy.eye(d)).inv())

    assert optimum(paper.any_layer, at, Regression(sigma), sizes=(1,)).run(QUICK).passed is False
    rate = best_layer(paper.isotropic, lambda d: {"a": n / (n + d + 2)}, Regression())
    assert rate.run(QUICK).passed is False


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(2)])
def test_another_hessian_is_refuted(share):
    assert claims._hessian(share).run(QUICK).passed is False


def test_layers_have_a_matrix_each():
    with pytest.raises(ValueError, match="A0, A1"):
        paper.descent(1, A1=((1,),))
    with pytest.raises(ValueError, match="as many B's"):
        paper.transforming(1, A0=((1,),))
