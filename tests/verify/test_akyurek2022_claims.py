"""The claims of akyurek2022: every verdict from the evidence, every refutation by hand too."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction as F

import pytest

from constructions.papers.akyurek2022 import chains as paper
from verify import algorithms, check
from verify.checks import search
from verify.checks.bounds import balls, chains, operations
from verify.claim import Budget, builtin
from verify.claims.akyurek2022 import approximations, equations, precision, primitives
from verify.claims.akyurek2022 import theorems as claims

QUICK = Budget(quick=True, cases=20)
OURS = [c for c in builtin() if c.id.startswith("akyurek2022.")]
LISTED = (
    "lemma1.mov lemma1.mul lemma1.div lemma1.aff lemma1.sizes raw lemma2 lemma3 lemma4 lemma5 "
    "lemma6 lemma7 lemma8 eq11 eq14 eq19 theorem1 theorem1.resources theorem1.multistep theorem2 "
    "theorem2.resources theorem2.multistep precision"
).split()


@pytest.mark.parametrize("made", OURS, ids=lambda c: f"{c.id}-{c.variant}")
def test_the_evidence_says_what_the_claim_expects(made):
    assert check(made, quick=True).verdict.name == made.expected


def test_every_statement_of_the_paper_has_its_printed_version():
    printed = {c.id for c in OURS if c.variant == "printed"}
    assert {f"akyurek2022.{name}" for name in LISTED} <= printed


def test_every_listed_failure_has_its_repair():
    repaired = {c.id: c for c in OURS if c.variant == "repaired"}
    for made in OURS:
        listed = made.id.removeprefix("akyurek2022.") in LISTED
        if made.variant == "printed" and made.expected in ("refuted", "ill-posed") and listed:
            assert repaired[made.id].expected in ("holds", "approximates")
            assert repaired[made.id].repair


# -- refutations, recomputed with plain fractions ---------------------------------------------


def numbers(report):
    """The counterexample's numbers."""
    found = report.verdict.counterexample

    def read(value):
        return [read(v) for v in value] if isinstance(value, list) else F(value)

    given = {name: read(value) for name, value in found["parameters"].items()}
    return given, *(read(found[name]) for name in ("X", "y", "queries", "prediction", "algorithm"))


def dot(u, v):
    return sum((p * q for p, q in zip(u, v)), start=F(0))


@pytest.mark.parametrize(("part", "factor"), [("sign", -1), ("check", -2)])
def test_step_6_subtracts_the_ridge_term_by_hand(part, factor):
    given, X, y, queries, prediction, algorithm = numbers(
        check(f"akyurek2022.theorem1.{part}", quick=True)
    )
    (x,), (target,), (query,) = X, y, queries
    w, a, lam = given["w0"], given["step_size"], given["ridge"]
    residual = dot(w, x) - target
    printed = [wi - 2 * a * (xi * residual + factor * lam * wi) for wi, xi in zip(w, x)]
    eq11 = [wi - 2 * a * (xi * residual + lam * wi) for wi, xi in zip(w, x)]
    assert dot(printed, query) == prediction != algorithm == dot(eq11, query)
    assert given["d"] == 1


def test_the_refutation_of_the_sign_names_step_6():
    difference = check("akyurek2022.theorem1.sign", quick=True).verdict.first_difference
    assert (difference["layer"], difference["slot"], difference["token"]) == (6, "gradient", 1)


def test_the_last_unit_holds_the_gradient_by_hand():
    given, X, y, queries, prediction, _ = numbers(check("akyurek2022.theorem1.unit", quick=True))
    assert given["d"] == 2
    # column 2 carries x_2 and y = 0: what step 6 leaves there, in its last row
    x, w, lam = queries[0], given["w0"], given["ridge"]
    assert prediction == x[-1] * dot(w, x) + lam * w[-1]


def test_word_by_word_repetition_starts_again_by_hand():
    given, X, y, queries, prediction, algorithm = numbers(
        check("akyurek2022.theorem1.multistep.repetition", quick=True)
    )
    a, lam, w = given["step_size"], given["ridge"], given["w0"]

    def step(w, x, target):
        return [wi - 2 * a * (xi * (dot(w, x) - target) + lam * wi) for wi, xi in zip(w, x)]

    assert dot(step(w, X[1], y[1]), queries[0]) == prediction
    assert dot(step(step(w, X[0], y[0]), X[1], y[1]), queries[0]) == algorithm != prediction


def test_word_by_word_repetition_of_theorem_2_sees_one_example_by_hand():
    given, X, y, queries, prediction, algorithm = numbers(
        check("akyurek2022.theorem2.multistep.repetition", quick=True)
    )
    assert given["d"] == 1
    lam = given["ridge"]
    assert prediction == queries[0][0] * X[1][0] * y[1] / (lam + X[1][0] ** 2)
    both = sum(x[0] * t for x, t in zip(X, y)) / (lam + sum(x[0] ** 2 for x in X))
    assert algorithm == queries[0][0] * both != prediction


def test_a_product_of_numbers_has_one_entry_whatever_d_is():
    found = check("akyurek2022.lemma1.sizes", quick=True).verdict.counterexample
    a, c, d = (int(found[name]) for name in "acd")
    assert int(found["rows of A1 A2"]) == a * c != c * d


def test_a_column_that_reads_nothing_would_be_cleared_by_hand():
    report = check("akyurek2022.lemma2.empty", quick=True)
    at, H = report.verdict.first_difference, report.verdict.counterexample["H"]
    assert at["token"] != 2  # mov writes column 2 alone
    row = int(at["slot"].split()[-1])
    assert F(at["should"]) == F(H[at["token"]][row]) != 0 == F(at["is"])


def test_an_aff_without_its_shift_is_off_by_it_by_hand():
    report = check("akyurek2022.lemma2.shift", quick=True)
    at = report.verdict.first_difference
    shift = [F(b) - F(a) for a, b in zip(at["is"], at["should"])]
    assert shift == [F(b) for b in report.verdict.counterexample["b"]]


def test_the_signed_bound_of_lemma_4_fails_on_the_antidiagonal_by_hand():
    found = check("akyurek2022.lemma4.signed", quick=True).verdict.counterexample
    x, y = float(found["x"]), float(found["y"])
    assert x**3 + y**3 == 0

    def gelu(z):
        return z / 2 * (1 + math.erf(z / math.sqrt(2)))

    error = math.sqrt(math.pi / 2) * (gelu(x + y) - gelu(x) - gelu(y)) - x * y
    assert abs(error) > 0.1


def test_the_pad_of_lemma_6_is_off_by_half_the_sum_by_hand():
    N, x, L = 10.0**6, 1.0, 4
    entries = [N, -N - x, x, 0.0]
    variance = sum(e * e for e in entries) / L - (sum(entries) / L) ** 2
    assert math.sqrt(2 / L) * N * entries[0] / math.sqrt(variance) - N == pytest.approx(
        -x / 2, abs=1e-3
    )


# -- the checks can fail ----------------------------------------------------------------------


def test_a_wrong_coefficient_in_eq11_is_refuted():
    cases = claims.descents(d=1)
    wrong = equations._identity(
        lambda case: equations._eq11(case) + case.X[0][0], equations._eq11, cases
    )
    assert wrong.run(QUICK).passed is False


def test_a_wrong_algorithm_is_refuted_by_the_enclosure():
    def sizes(budget):
        return [{"d": 2, "examples": 1, "ridge": F(1, 2)}]

    def doubled(X, y, queries, ridge):
        return algorithms.ridge(X, y, queries, 2 * ridge)

    right = chains.enclosure(paper.theorem2_chain, algorithms.ridge, sizes).run(QUICK)
    wrong = chains.enclosure(paper.theorem2_chain, doubled, sizes).run(QUICK)
    assert (right.passed, wrong.passed) == (True, False)


def test_the_enclosure_finds_the_printed_sign():
    def printed(**parameters):
        return paper.theorem1_chain(**parameters, as_printed=("sign",))

    def sizes(budget):
        return claims.descent_sizes((1,), budget)[:1]

    result = chains.enclosure(printed, algorithms.one_pass_sgd, sizes).run(QUICK)
    assert result.passed is False
    assert result.first_difference["layer"] == 6


def test_a_wrong_constant_in_lemma_4_leaves_the_bound():
    def wrong(x, y):
        return approximations.product_error(x, y) + x * y / 1000

    assert approximations._order(4, wrong).run(QUICK).passed is False


def test_a_wrong_leading_term_leaves_the_sixth_order():
    def wrong(x, y):
        return approximations.product_error(x, y) - approximations.leading(x, y) * 1.01

    assert approximations._order(6, wrong).run(QUICK).passed is False


def test_lemma_6_needs_the_factor_with_l(monkeypatch):
    right = approximations.literal

    def without_one(N, M, c, y, zeros):  # sqrt(2/(L-1)) in place of sqrt(2/L)
        L = len(y) + zeros + 2
        return [entry * (F(L) / (L - 1) + 1) / 2 for entry in map(float, right(N, M, c, y, zeros))]

    check_ = approximations._norm_check(1, F(1), F(1), 4)
    assert check_.run(QUICK).passed
    monkeypatch.setattr(approximations, "literal", without_one)
    assert approximations._norm_check(1, F(1), F(1), 4).run(QUICK).passed is False


@pytest.mark.parametrize(
    "operation",
    [
        primitives.Mov(0, 1, (1, 3), (3, 5)),
        primitives.Aff((1, 3), (0, 1), (7, 8), W1=((2, F(-1, 3)),), W2=5, b=F(1, 2)),
        primitives.Mul(1, 2, 1, (1, 3), (3, 5), (7, 8)),
        primitives.Div((1, 3), 0, (3, 5)),
    ],
    ids=str,
)
def test_bounds_of_single_layers_are_not_idle(operation):
    stream, draw = primitives.STREAM, random.Random(0)
    limit = operations.bound(operation, stream, 3, chains.COARSE, primitives.LEAST)
    away = getattr(operation, "by", None)
    worst = max(
        operations.worst_point(
            operation,
            stream,
            operations.draw_box(draw, stream, 3, away, primitives.LEAST),
            chains.COARSE,
        )
        for _ in range(20)
    )
    assert limit / 4 < worst <= limit


def test_a_bound_of_a_mov_is_reached_at_a_corner():
    operation = primitives.Mov(0, 1, (1, 3), (3, 5))
    limit = operations.bound(operation, primitives.STREAM, 2, chains.COARSE)
    corners = [[1 if row in (1, 2) else s for row in range(8)] for s in (1, -1)]
    worst = operations.worst_point(operation, primitives.STREAM, corners, chains.COARSE)
    assert limit / 4 < worst <= limit


def test_supremum_encloses_a_known_one():
    with balls.precision(100):
        bound = balls.supremum(lambda x, y: x * y - x, [(-1, 2), (-1, 1)], tolerance=0.01)
    assert bound.low <= 4 <= bound.high <= 4.05


def test_golden_sections_find_the_least_error():
    found = search.minimise(
        lambda at: abs(at["a"] - 3.3) + (at["b"] + 5) ** 2,
        {"a": search.Axis(0, 10, 3), "b": search.Axis(-8, 0, 4)},
        sections=8,
    )
    assert found.at["a"] == pytest.approx(3.3, abs=0.1)
    assert found.at["b"] == pytest.approx(-5, abs=0.3)


# -- precision --------------------------------------------------------------------------------


def test_the_best_error_is_the_constructions_and_roundings():
    for row in precision.precision_table(quick=True):
        assert 0 < row.error <= (row.construction + row.rounding) * (1 + 1e-9)


def test_layer_norm_costs_half_the_digits():
    rows = {(r.name, r.format): r for r in precision.precision_table(quick=True)}
    for format, bits in precision.FORMATS.items():
        unit = 2.0**-bits
        assert unit**0.5 / 8 < rows["lemma 6", format].error < unit**0.5 * 8
        assert rows["lemma 5", format].error < 64 * unit


def test_a_row_that_is_no_optimum_is_found(monkeypatch):
    rows = precision.precision_table(quick=True)
    spoiled = tuple(
        replace(r, error=r.error * 100, construction=r.error * 100) if r.what == "lemma 6" else r
        for r in rows
    )
    assert precision._attained(QUICK).passed
    monkeypatch.setattr(precision, "precision_table", lambda quick=False: spoiled)
    assert precision._attained(QUICK).passed is False


def test_the_table_has_a_line_per_subject_and_the_plot_is_a_file(tmp_path):
    text = precision.precision_markdown(quick=True)
    assert len(text.splitlines()) == 2 + 4
    precision.precision_plot(tmp_path / "plot.png", quick=True)
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
