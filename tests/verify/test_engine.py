"""The engine decides by evidence alone, and cannot be made to pass by accident."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from fractions import Fraction
from inspect import unwrap
from pathlib import Path

import numpy as np
import pytest

import constructions
import verify
from verify import (
    Approximates,
    Check,
    CheckResult,
    Claim,
    Holds,
    IllPosed,
    Refuted,
    Undecided,
    check,
    claim,
    strategies,
)  # fmt: skip
from verify.checks.case import build
from verify.claim import FIELDS, Budget, Builder, Object, Promise, builtin, load_file, registered
from verify.engine import decide, run
from verify.hunt import Differs, draw_anew, drawn, hunt, hunt_drawn
from verify.strategies import Case

STATED = Object(statement="a statement about no transformer")


def found(passed: bool | None, strength: str, **fields: object) -> CheckResult:
    return CheckResult(passed, strength=strength, **fields)  # type: ignore[arg-type]


def test_every_field_of_a_claim_is_explained_where_help_looks():
    said, shown = inspect.getdoc(verify.claim), inspect.signature(verify.claim)
    assert list(shown.parameters) == ["id", *(f for f in shown.parameters if f in FIELDS)]
    assert set(FIELDS) <= set(shown.parameters)
    assert [name for name in FIELDS if f"`{name}`" not in said] == []


def test_a_verdict_is_not_a_boolean():
    for verdict in (Holds(), Approximates(), Refuted(), IllPosed(), Undecided()):
        with pytest.raises(TypeError, match="not true or false"):
            bool(verdict)
        with pytest.raises(TypeError):
            assert verdict or True


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([found(True, "exact")], Holds),
        ([found(True, "derived", about=STATED), found(None, "exact")], Holds),
        ([found(True, "derived")], Undecided),  # of what?
        ([found(True, "exact"), found(False, "tested")], Refuted),
        ([found(True, "enclosed", bound=0.1, box="|x| <= 1")], Approximates),
        ([found(True, "enclosed", bound=0.1, max_error=0.1)], Approximates),  # tested
        ([found(True, "enclosed", bound=0.1)], Undecided),  # at most, but where?
        ([found(True, "enclosed", bound=float("nan"), box="|x| <= 1")], Undecided),
        ([found(True, "enclosed", box="|x| <= 1")], Undecided),
        ([found(True, "enclosed", bound=0.1, box="|x| <= 1"), found(False, "enclosed")], Refuted),
        ([found(True, "tested")], Undecided),  # samples alone decide nothing
        ([found(None, "exact", detail="not run")], Undecided),
        ([found(True, "exact", kind="resources")], Holds),  # all that was asked
        ([found(True, "exact", kind="resources"), found(None, "exact")], Undecided),
        ([found(True, "exact", kind="resources"), found(None, "enclosed")], Undecided),
        ([], Undecided),
    ],
)
def test_the_verdict_follows_from_the_evidence(results, verdict):
    assert isinstance(decide(results), verdict)


@pytest.mark.parametrize("strength", ["exact", "derived", "enclosed"])
def test_a_part_of_a_statement_that_is_left_open_leaves_it_open(strength):
    """Those that follow from a builder are looks at one equality, and one that passes is enough."""

    def left_open(budget: Budget) -> CheckResult:
        return CheckResult(None, detail="no prompt was found")

    def passes(budget: Budget) -> CheckResult:
        about = STATED if strength == "derived" else None
        return CheckResult(True, 1, bound=0.1, box="|x| <= 1", about=about)

    kind = {"exact": "exact", "derived": "proof", "enclosed": "enclosure"}[strength]
    both = [Check(kind, passes, strength, False), Check("exact", left_open, "exact", False)]
    verdicts = [
        run(Claim("test.parts", checks=lambda checks=checks: checks)).verdict
        for checks in (both, both[::-1], both[:1])
    ]
    assert verdicts[:2] == [Undecided("no prompt was found")] * 2
    assert isinstance(verdicts[2], Approximates if strength == "enclosed" else Holds)


def test_a_part_that_is_left_open_beside_a_builder_leaves_its_claim_open():
    def left_open(budget: Budget) -> CheckResult:
        return CheckResult(None, detail="outside the calculus")

    (sound,) = (one for one in builtin() if one.id == "gradient_descent")
    assert isinstance(run(sound, Budget(quick=True)).verdict, Holds)
    for kind, strength in (("symbolic", "exact"), ("proof", "derived"), ("resources", "exact")):
        part = Check(kind, left_open, strength)
        opened = replace(sound, checks=lambda part=part: [part])
        assert run(opened, Budget(quick=True)).verdict == Undecided("outside the calculus"), kind


def test_what_is_ill_posed_is_so_whatever_else_passed():
    unfit = IllPosed("operation 3: 2 rows into 1")
    assert decide([found(True, "exact")], unfit) == unfit


def test_what_a_claim_expects_plays_no_part():
    def wrong(budget: Budget) -> CheckResult:
        return CheckResult(False, 1, detail="no")

    for expected in ("holds", "refuted"):
        made = Claim(
            "test.expects", expected=expected, checks=lambda: [Check("exact", wrong, "exact")]
        )
        report = run(made)
        assert isinstance(report.verdict, Refuted)
        assert report.as_expected is (expected == "refuted")


def nonsense(X, y, queries):
    return [-7 * sum(y)] * len(queries)


def softmax_layer(d):
    return constructions.build("kernel_regression", d=d, steps=1, step_size=1, kernel="exponential")


def claimed(**fields: object) -> Claim:
    """That one layer of softmax attention predicts nonsense, which fractions cannot run."""
    return Claim(
        "test.nonsense", witness=softmax_layer, algorithm=nonsense, cases=strategies.prompts,
        domain=strategies.ANY, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_layer_that_is_counted_is_no_layer_that_computes_what_is_claimed():
    made = claimed(promises=(Promise("layers", "1"),), sizes=lambda: [{"d": 1}, {"d": 2}])
    report = run(made, Budget(quick=True))
    assert [one.passed for one in report.checks if one.kind == "resources"] == [True]
    assert isinstance(report.verdict, Undecided)
    assert "no softmax" in report.verdict.why


@pytest.mark.parametrize("kind, strength", [("exact", "exact"), ("enclosure", "enclosed")])
@pytest.mark.parametrize("own", [False, True])
def test_what_passes_without_the_claims_own_transformer_supports_nothing(kind, strength, own):
    def look(budget: Budget) -> CheckResult:
        (made.witness if own else softmax_layer)(d=1)
        return CheckResult(True, 1, bound=0.1, box="|x| <= 1", detail="near enough")

    made = claimed(checks=lambda: Check(kind, look, strength))
    verdict = run(made, Budget(quick=True)).verdict
    if own:
        assert isinstance(verdict, Holds if kind == "exact" else Approximates)
    else:
        assert isinstance(verdict, Undecided)
        assert "without the transformers that the claim's builder makes: near" in verdict.why


def test_what_fails_without_the_claims_own_transformer_still_refutes_what_is_claimed():
    def look(budget: Budget) -> CheckResult:
        return CheckResult(False, 1, detail="an equation of the statement is wrong")

    made = claimed(checks=lambda: Check("identity", look, "exact"))
    assert isinstance(run(made, Budget(quick=True)).verdict, Refuted)


@pytest.mark.parametrize(
    "wrong, hinted", [(lambda right: -right, True), (lambda right: abs(right), False)]
)
def test_the_other_sign_is_a_hint_where_every_prompt_has_it(wrong, hinted):
    made = Claim(
        "test.sign",
        witness=lambda d: constructions.build("gradient_descent", d=d, steps=1, step_size=1),
        algorithm=lambda X, y, queries: wrong(2 * queries @ (X.T @ y)),
        cases=strategies.prompts,
        domain=strategies.ANY,
    )
    verdict = run(made, Budget(quick=True)).verdict
    assert isinstance(verdict, Refuted)
    assert ("other sign" in str(verdict.first_difference)) is hinted


def test_a_witness_that_was_kept_counts_as_asked_for():
    asked = Builder(softmax_layer)
    before = [build(asked, {"d": 1}), asked.asked]
    assert [build(asked, {"d": 1}), asked.asked] == [before[0], before[1] + 1]


def test_checks_that_ask_for_the_builder_get_the_claims_own():
    """And another one where the claim is given another; a default is not asked for."""
    handed = []

    def look(build, more=3):
        handed.append((build, more))
        return ()

    (newton,) = (c for c in builtin("newton") if c.key == ("newton", "improved"))
    for builder in (newton.witness, lambda **given: newton.witness(**given)):
        made = replace(newton, witness=builder, checks=look)
        assert made.own_checks() == ()
        assert handed.pop() == (made.witness, 3)
        assert unwrap(made.witness) is unwrap(builder)
    assert replace(newton, checks=lambda more=(): more).own_checks() == ()
    assert replace(newton, checks=None).own_checks() == ()


def test_a_hunt_returns_the_smallest_failure():
    from hypothesis import strategies as st

    def test(value: int) -> None:
        if value > 17:
            raise Differs("too large", {"value": value})

    with pytest.raises(Differs) as failure:
        hunt(st.integers(0, 10**6), test, Budget(cases=100))
    assert failure.value.found.counterexample == {"value": 18}
    assert hunt(st.integers(0, 17), test, Budget(cases=100)) > 0


def test_smaller_cases_have_parameters_of_their_own_size():
    T = tuple(tuple(Fraction(3 * i + j) for j in range(3)) for i in range(3))
    case = Case(
        {"d": 3, "examples": 2, "T": T, "w0": T[0]},
        np.full((2, 3), Fraction(2)), np.full(2, Fraction(2)), np.full((1, 3), Fraction(2)),
    )  # fmt: skip
    for one in case.smaller():
        n, d = one.X.shape
        assert (one.parameters["d"], one.parameters["examples"]) == (d, n)
        assert np.shape(one.parameters["T"]) == (d, d) and len(one.parameters["w0"]) == d
        assert one.y.shape == (n,) and one.queries.shape == (1, d)
    narrow = next(one for one in case.smaller() if one.X.shape[1] == 2)
    assert narrow.parameters["T"] == ((4, 5), (7, 8))


def test_the_same_seed_draws_the_same_cases():
    from hypothesis import strategies as st

    def draw(seed: int) -> list[int]:
        seen: list[int] = []
        hunt(st.integers(), seen.append, Budget(seed=seed, cases=30))
        return seen

    assert draw(4) == draw(4) != draw(5)


def test_cases_are_drawn_once_for_several_checks_and_belong_to_each():
    made = 0

    def cases():
        nonlocal made
        made += 1
        return strategies.prompts()

    def spoil(case: Case) -> None:
        case.X[:] = 0
        case.parameters["d"] = None

    draw_anew()
    first = drawn(cases, Budget(cases=20))
    assert hunt_drawn(cases, spoil, Budget(cases=20), None) == len(first) and made == 1
    again = drawn(cases, Budget(cases=20))
    assert [case.to_json() for case in again] == [case.to_json() for case in first]
    draw_anew()
    drawn(cases, Budget(cases=20))
    assert made == 2


def test_a_failure_that_does_not_come_again_is_still_one():
    calls = 0

    def test(case: Case) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Differs("once only")

    with pytest.raises(Differs, match="once only"):
        hunt_drawn(strategies.prompts, test, Budget(cases=20), None)


def test_other_errors_in_a_test_are_not_swallowed():
    from hypothesis import strategies as st

    def test(value: int) -> None:
        raise RuntimeError("a bug in the checker")

    with pytest.raises(RuntimeError, match="a bug in the checker"):
        hunt(st.integers(), test, Budget(cases=5))


MINE = '''
"""Two steps of gradient descent, as I claim."""
import constructions
from hypothesis import strategies as st
from verify import algorithms, claim, strategies

@claim("mine.descent", source="my draft", statement="two steps", expected="EXPECTED",
       algorithm=algorithms.gradient_descent,
       cases=lambda: strategies.prompts(steps=2, step_size=strategies.positive()))
def mine(d, steps, step_size):
    """Two steps in two layers."""
    return constructions.build("gradient_descent", d=d, steps=STEPS, step_size=step_size)
'''


@pytest.mark.parametrize(("steps", "verdict"), [("steps", Holds), ("1", Refuted)])
def test_a_users_own_claim_works_like_a_built_in_one(tmp_path: Path, steps, verdict):
    path = tmp_path / "mine.py"
    path.write_text(MINE.replace("STEPS", steps).replace("EXPECTED", "holds"))
    (mine,) = load_file(path)
    report = check(mine, quick=True)
    assert isinstance(report.verdict, verdict)
    assert mine.summary == "Two steps in two layers."
    assert mine in registered()


def test_two_claims_cannot_share_an_id_and_variant():
    claim("test.twice")(lambda: ())
    with pytest.raises(ValueError, match="already registered"):
        claim("test.twice")(lambda: [])


@pytest.mark.parametrize(
    ("name", "variant", "words"),
    [
        ("newtn", None, "there is no claim 'newtn'; did you mean newton?"),
        ("newton", "printed", "newton has no variant 'printed'; it has improved"),
    ],
)
def test_a_claim_that_is_not_there_is_refused_with_those_that_are(name, variant, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        check(name, variant)


@pytest.mark.parametrize(
    ("name", "variant"), [("fu2023.eq38", "printed"), ("gd_plus_plus", "improved")]
)
def test_a_claim_is_checked_in_the_first_variant_that_it_has(name, variant):
    assert check(name, quick=True).claim.key == (name, variant)


@pytest.mark.parametrize("package", [constructions, verify])
def test_what_a_package_offers_is_listed_by_dir(package):
    assert dir(package) == sorted(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)
