"""Evidence counts for the object that it is about, and for no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import constructions
from constructions.construction import Construction
from constructions.witness import Witness
from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout
from verify import algorithms, engine, formula, strategies, vector
from verify.checks import proof
from verify.checks.coq import bearing, kernel
from verify.claim import (
    Approximates,
    Budget,
    Check,
    CheckResult,
    Claim,
    Domain,
    Object,
    Promise,
    Refuted,
    Undecided,
    builtin,
)
from verify.claim import Holds as HoldsVerdict
from verify.engine import decide
from verify.formulas import reference
from verify.hunt import Differs, hunt
from verify.strategies import Case, positive

ALPHA = sympy.Symbol("alpha")
NEWTON = {c.key: c for c in builtin()}["newton", "improved"]


def newton_claim(**fields: Any) -> Claim:
    """A user's claim about Newton's iteration."""
    return Claim(
        **{
            "id": "mine",
            "witness": lambda **given: constructions.build("newton", **given),
            "algorithm": algorithms.newton,
            "formula": reference("newton"),
            "cases": lambda: strategies.prompts(iterations=st.integers(0, 2), alpha=positive()),
            "assembled": lambda: [{"d": 3, "iterations": 2, "alpha": ALPHA}],
            **fields,
        }
    )


def strengths(report: Any) -> tuple[str, ...]:
    return getattr(report.verdict, "strengths", ())


def of_kind(report: Any, kind: str) -> CheckResult:
    return next(one for one in report.checks if one.kind == kind)


# -- nothing is attached by name ----------------------------------------------------------------


def eq34_for_small_d(d: int) -> Witness:
    """The sum of the inputs, right for d < 5."""
    weight = 1 if d < 5 else 2
    head = Head(slot_map(("f", "one")), slot_map(("f", "one")), slot_map(("s", "y", weight)))
    return Witness(
        "sum",
        layout(one=(), y=(), s=()),
        Prompt(d, slot_map(("one", "one"), ("y", "y"))),
        (Layer("sum", (head,)),),
        Readout("s"),
    )


def test_a_claim_gets_no_theorem_by_its_name():
    mine = Claim(
        "fu2023.eq34",
        witness=eq34_for_small_d,
        algorithm=lambda X, y, queries: np.array([y.sum()] * len(queries)),
        cases=lambda: strategies.prompts(st.integers(1, 4)),
    )
    assert bearing.of(mine) == []
    assert engine.with_kernel([engine.run(mine)])[0].verdict.name == "holds"
    assert strengths(engine.with_kernel([engine.run(mine)])[0]) == ("exact",)


def test_a_named_theorem_is_no_evidence_for_a_transformer():
    def kernel_smoother(**given: Any) -> Witness:
        return constructions.build("kernel_regression", kernel="exponential", **given)

    mine = Claim(
        "mine",
        witness=kernel_smoother,
        algorithm=lambda X, y, queries: np.array([Fraction(17)] * len(queries)),
        cases=lambda: strategies.prompts(steps=1, step_size=positive()),
        theorems=("newton.iteration",),
    )
    report = engine.run(mine)
    assert isinstance(report.verdict, Undecided)
    assert not any(one.passed for one in report.checks)


def test_a_theorem_beside_a_transformer_is_shown_and_does_not_count():
    from verify.checks.statements import slots_hold, theorem

    mine = Claim("mine", checks=lambda: (theorem("newton.iteration"),))
    assert strengths(engine.run(mine)) == ("derived",)  # the claim is that statement
    beside = Claim(
        "mine",
        checks=lambda: (
            theorem("newton.iteration"),
            slots_hold(
                lambda **given: constructions.build("newton", **given),
                lambda: strategies.prompts(iterations=1, alpha=positive()),
            ),
        ),
    )
    assert strengths(engine.run(beside)) == ("exact",)


@given(st.sampled_from(["witness", "formula", "statement"]), st.text(min_size=1, max_size=3))
def test_no_object_but_the_claims_own_counts(field, text):
    mine = Object("w", "f")
    other = replace(mine, **{field: getattr(mine, field) + text})
    for strength in ("derived", "proved"):
        found = CheckResult(True, strength=strength, about=other)
        assert isinstance(decide([found], about=mine), Undecided)
        assert isinstance(decide([replace(found, about=mine)], about=mine), HoldsVerdict)
        refuting = replace(found, passed=False, counterexample={"theorem": "t"})
        assert not isinstance(decide([refuting], about=mine), Refuted)


def test_a_check_cannot_call_itself_stronger_than_it_is():
    with pytest.raises(ValueError, match="gives evidence of strength exact"):
        Check("exact", lambda budget: CheckResult(True), "proved")
    mine = Claim("mine", checks=lambda: (Check("proof", lambda b: CheckResult(True), "derived"),))
    assert isinstance(engine.run(mine).verdict, Undecided)


def test_a_check_without_a_bound_says_so():
    for found in (CheckResult(True), CheckResult(True, bound=float("inf"), box="|x| <= 1")):
        mine = Claim(
            "mine", checks=lambda found=found: (Check("enclosure", lambda b: found, "enclosed"),)
        )
        verdict = engine.run(mine).verdict
        assert isinstance(verdict, Undecided) and "no bound on a box" in verdict.why


@pytest.mark.skipif(kernel.available() is None, reason="no Coq")
def test_a_theorem_about_the_exact_chain_does_not_prove_the_network():
    claims = [c for c in builtin() if c.id == "akyurek2022.theorem1" and c.variant == "repaired"]
    (report,) = engine.with_kernel([engine.run(claims[0], Budget(quick=True))])
    assert of_kind(report, "kernel").passed
    assert isinstance(report.verdict, Approximates)


def test_what_refutes_is_what_a_refuted_claim_shows():
    mine = newton_claim(algorithm=lambda X, y, queries: queries @ X[0], formula=None)
    verdict = engine.run(replace(mine, formula=None, assembled=None)).verdict
    assert isinstance(verdict, Refuted) and verdict.strengths == ("exact",)


def test_a_changed_transformer_is_not_proved_by_the_command(monkeypatch, capsys):
    from verify.command.cli import main

    real = Construction.__call__

    def tripled(self: Construction, **given: Any) -> Witness:
        made = real(self, **given)
        return replace(made, readout=replace(made.readout, coefficient=3))

    monkeypatch.setattr(Construction, "__call__", tripled)
    assert main(["prove", "newton"]) == 1
    assert "0 of 4 transformers" in capsys.readouterr().out


# -- the very function ---------------------------------------------------------------------------


def test_an_algorithm_given_as_a_formula_is_proved():
    stated = formula(
        "x_t.T*M*X.T*y", start={"M": "alpha*S"}, step={"M": "2*M - M*S*M"}, repeat="iterations",
        S="X.T*X",
    )  # fmt: skip
    report = engine.run(newton_claim(algorithm=stated, formula=None))
    assert "derived" in strengths(report), of_kind(report, "proof").detail
    wrong = formula("x_t.T*X.T*y")
    report = engine.run(newton_claim(algorithm=wrong, formula=None))
    assert isinstance(report.verdict, Refuted)


def test_code_gets_two_sentences_and_the_claim_is_the_formula():
    report = engine.run(newton_claim())
    assert "derived" in strengths(report)
    assert "the code of the algorithm equals the formula on" in of_kind(report, "proof").detail


def test_nothing_is_derived_of_code_alone():
    def one_more_from_seven_on(X, y, queries, iterations, alpha):
        return algorithms.newton(X, y, queries, iterations, alpha) + int(X.shape[1] >= 7)

    report = engine.run(newton_claim(algorithm=one_more_from_seven_on, formula=None))
    assert strengths(report) == ("exact",)
    assert "given as a formula" in of_kind(report, "proof").detail
    assert "d = 1 to 4" in of_kind(report, "exact").detail


def test_code_that_is_not_the_formula_is_seen_where_it_is_tried():
    def other(X, y, queries, iterations, alpha):
        return algorithms.newton(X, y, queries, iterations, alpha) + int(iterations == 2)

    found = proof.run(newton_claim(algorithm=other), Budget())
    assert found.passed is None and "is not the formula" in found.detail


Build = Callable[..., Witness]


def wrong_from(name: str, least: int) -> Build:
    """Newton's builder, alpha doubled from some size on."""

    def build(**given: Any) -> Witness:
        if given[name] >= least:
            given = {**given, "alpha": given["alpha"] * 2}
        return constructions.build("newton", **given)

    return build


def test_a_vector_of_letters_stands_for_every_vector():
    def build(d: int, w: Any) -> Witness:
        return constructions.build("gradient_descent", d=d, steps=1, step_size=1, w0=w)

    mine = Claim(
        "mine",
        witness=build,
        algorithm=formula("w.T*x_t - 2*(X*w - y).T*X*x_t"),
        cases=lambda: strategies.prompts(
            build=lambda drawn, d, n: {"w": tuple(Fraction(i + 1) for i in range(d))}
        ),
        assembled=lambda: [{"d": 3, "w": vector("w")}],
    )
    found = proof.run(mine, Budget(cases=20))
    assert found.passed, found.detail


def test_coq_speaks_of_a_users_builder_of_any_name():
    assert bearing.of(newton_claim()) and bearing.of(newton_claim())[0].names == (
        "Newton.newton_predicts",
    )
    for other in (
        newton_claim(witness=wrong_from("d", 12)),
        newton_claim(formula=reference("hyperpower")),
        newton_claim(assembled=lambda: [{"d": 3, "iterations": 2, "alpha": ALPHA, "attention": a}
                                        for a in ("linear", "softmax")]),
    ):  # fmt: skip
        assert bearing.of(other) == []


# -- what is not the transformer's fault ----------------------------------------------------------


def test_a_reference_in_floats_decides_nothing_and_is_named():
    def mean(X, y, queries):
        return queries @ (X.T @ y * (1.0 / len(X)))

    def build(d: int) -> Witness:
        head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("p", "y")),
                    average="examples")  # fmt: skip
        return Witness(
            "mean", layout(x=(d,), y=(), p=()),
            Prompt(d, slot_map(("x", "x"), ("y", "y"))),
            (Layer("mean", (head,)),), Readout("p"),
        )  # fmt: skip

    mine = Claim("mine", witness=build, algorithm=mean, cases=strategies.prompts)
    report = engine.run(mine)
    assert isinstance(report.verdict, Undecided)
    assert "computes in floats" in report.verdict.why
    exact = replace(mine, algorithm=lambda X, y, queries: queries @ (X.T @ y) / len(X))
    assert isinstance(engine.run(exact).verdict, HoldsVerdict)


def test_a_wrong_annotation_is_a_fault_of_the_annotation():
    def build(**given: Any) -> Witness:
        made = constructions.build("newton", **given)
        first = made.layer_list[0]
        wrong = replace(first, holds=(Holds("t", "3*M0*x_t"),))
        return made.with_layers((wrong, *made.layer_list[1:]))

    report = engine.run(newton_claim(witness=build, assembled=None, formula=None))
    assert isinstance(report.verdict, HoldsVerdict)
    assert "3·M0·x_t" in report.faults[0]


def test_a_definition_with_a_reserved_name_is_refused_by_name():
    made = constructions.build("newton", d=1, iterations=0, alpha=1)
    with pytest.raises(ValueError, match="y1"):
        replace(made, definitions=(("y1", "alpha*S"), *made.definitions))


# -- domains -----------------------------------------------------------------------------------


def positive_prompts() -> Any:
    return strategies.prompts(entries=st.builds(Fraction, st.integers(2, 9)), n=st.integers(2, 4))


INSIDE = Domain(
    "entries of at least 2, two examples or more",
    lambda case: len(case.X) >= 2 and all(v >= 2 for a in (case.X, case.y) for v in a.ravel()),
)


def partial(X: Any, y: Any, queries: Any) -> Any:
    """Defined for two examples or more, of positive entries."""
    if len(X) < 2 or (X <= 0).any():
        return np.array([])
    return queries @ X[0] / X[1, 0]


@pytest.mark.parametrize("domain", [None, INSIDE])
def test_a_counterexample_stays_inside_the_domain(domain):
    mine = Claim(
        "mine", witness=eq34_for_small_d, algorithm=partial, cases=positive_prompts, domain=domain
    )
    verdict = engine.run(mine).verdict
    assert isinstance(verdict, Refuted) and verdict.counterexample is not None
    X = [[Fraction(v) for v in row] for row in verdict.counterexample["X"]]
    assert len(X) >= 2 and all(v >= 2 for row in X for v in row)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("d", "n", "least"), [(1, 1, 2), (2, 3, 4), (3, 2, 5)])
def test_no_search_leaves_its_domain(d, n, least, seed):
    domain = Domain("at least", lambda case: all(abs(v) >= least for v in case.X.ravel()))
    seen: list[Case] = []

    def test(case: Case) -> None:
        seen.append(case)
        raise Differs("always", case.to_json())

    entries = st.builds(Fraction, st.integers(-9, 9))
    drawn = strategies.prompts(st.just(d), st.just(n), entries=entries)
    with pytest.raises(Differs):
        hunt(drawn, test, Budget(seed=seed, cases=5), domain)
    assert all(domain.contains(case) for case in seen)


def test_the_report_says_what_the_domain_is():
    mine = newton_claim(domain=strategies.ANY)
    report = engine.run(mine)
    said = of_kind(report, "exact").domain
    assert said.startswith(strategies.ANY.words) and "distinct" in said and "d = 1 to 4" in said


ZERO = st.just(Fraction(0))
TWO = np.full((1, 1), Fraction(2), dtype=object)
ONE = Case({"d": 1, "iterations": 1, "alpha": 1}, TWO, TWO[0], TWO)


@pytest.mark.parametrize(
    "cases",
    [
        lambda: strategies.prompts(entries=ZERO, iterations=1, alpha=positive()),
        lambda: strategies.prompts(iterations=1, alpha=positive()).map(lambda case: ONE),
    ],
    ids=["all zero", "one case"],
)
def test_a_degenerate_domain_is_said_to_be_one_and_decides_nothing(cases):
    report = engine.run(newton_claim(cases=cases, formula=None, assembled=None))
    assert isinstance(report.verdict, Undecided) and "degenerate" in report.verdict.why


def test_an_algorithm_that_runs_the_witness_is_refused():
    def itself(X, y, queries, iterations, alpha):
        made = constructions.build("newton", d=X.shape[1], iterations=iterations, alpha=alpha)
        return made.predict(X, y, queries, "rational")

    with pytest.raises(ValueError, match="a reference must not"):
        engine.run(newton_claim(algorithm=itself, formula=None, assembled=None))


def test_what_nothing_would_check_is_refused_when_the_claim_is_made():
    with pytest.raises(ValueError, match="promises need sizes"):
        newton_claim(promises=(Promise("layers", "k + 2"),))
    with pytest.raises(ValueError, match="without a witness"):
        Claim("mine", checks=lambda: (), promises=(Promise("layers", "1"),))
    with pytest.raises(ValueError, match="a promise is about"):
        Promise("depth", "k")
    with pytest.raises(ValueError, match="relation"):
        Promise("layers", "k", "<")  # type: ignore[arg-type]


def test_an_annotation_that_no_case_looks_at_is_said_to_be_unchecked():
    def build(**given: Any) -> Witness:
        made = constructions.build("newton", **given)
        first = made.layer_list[0]
        extra = replace(first, holds=(*first.holds, Holds("t", "O", 0)))
        return made.with_layers((extra, *made.layer_list[1:]))

    mine = newton_claim(witness=build, formula=None, assembled=None)
    fault = of_kind(engine.run(mine), "annotations")
    assert fault.passed is False or fault.passed is None


def test_every_claim_has_a_digest_and_it_follows_the_weights():
    digests = {c.key: engine.digest_of(c) for c in builtin()}
    assert all(digests.values())
    mine = newton_claim()
    changed = newton_claim(witness=wrong_from("d", 1))
    assert engine.digest_of(mine) != engine.digest_of(changed)
