"""The claims of akyurek2022: every verdict from the evidence, every refutation by hand too."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction as F

import pytest

from constructions.papers.akyurek2022 import chains as paper
from verify import algorithms
from verify.checks import search
from verify.checks.bounds import balls, chains, operations
from verify.claim import Budget
from verify.claims.akyurek2022 import approximations, equations, precision, primitives
from verify.claims.akyurek2022 import theorems as claims

QUICK = Budget(quick=True, cases=20)


# -- refutations, recomputed with plain fractions ---------------------------------------------


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
