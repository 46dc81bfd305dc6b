"""Every refutation of a paper's statement, computed again by hand from its counterexample."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from found import dot, numbers
from hypothesis import given
from hypothesis import strategies as st

from verify.claims import vonoswald2022
from verify.strategies import Case


class Refutation:
    """A refuted claim of the report: its counterexample's numbers, and what first differed."""

    def __init__(self, claim: dict[str, Any]) -> None:
        assert claim["verdict"] == "refuted"
        self.found, self.difference = claim["counterexample"], claim["first_difference"]

    def __getitem__(self, name: str) -> Any:
        """A parameter or a part of the prompt, in fractions."""
        return numbers(self.found.get("parameters", {}).get(name, self.found.get(name)))

    @property
    def gap(self) -> tuple[Fraction, Fraction]:
        """What a slot held, and what it should have held."""
        return Fraction(self.difference["is"]), Fraction(self.difference["should"])

    @property
    def column(self) -> tuple[list[Fraction], list[Fraction], Fraction]:
        """X, y and one query of dimension 1."""
        assert all(len(row) == 1 for row in self["X"])
        return [row[0] for row in self["X"]], self["y"], self["queries"][0][0]


@pytest.fixture
def refutation(whole):
    return lambda name: Refutation(whole.claims[name, "printed"])


def relu(value):
    return max(value, Fraction(0))


# -- fu2023 -----------------------------------------------------------------------------------


@pytest.mark.recomputes("fu2023.eq21")
def test_eq21_minus_one_times_one_is_not_one(refutation):
    made = refutation("fu2023.eq21")
    (x_j,), _, x_t = made.column
    assert (relu(x_t * x_j) + relu(-x_t * x_j), x_t * x_j) == (1, -1) == made.gap
    assert relu(x_t * x_j) - relu(-x_t * x_j) == x_t * x_j


@pytest.mark.recomputes("fu2023.eq24")
def test_eq24_two_opposite_examples_cancel(refutation):
    made = refutation("fu2023.eq24")
    X, alpha, t = made.column[0], made["alpha"], made.difference["token"]
    assert (sorted(X), alpha) == ([-1, 1], 1)
    added = sum(abs(X[t] * x) * alpha * x for x in X)
    assert made.gap == (X[t] + added, X[t] + alpha * sum(x * x for x in X) * X[t])
    assert added == 0


@pytest.mark.recomputes("fu2023.eq30")
def test_eq30_at_one_number_gives_three_for_one(refutation):
    made = refutation("fu2023.eq30")
    (x,), ((T,),) = made.column[0], made["T"]
    assert (x, T) == (1, 1)
    score = -Fraction(1, 2) * x * T * x  # G h_t against J h_j, n = 1
    top = T * x + (relu(score) + relu(-score)) * T * x
    assert (2 * top, (2 * T - T * x * x * T) * x) == (3, 1)
    top = T * x + (relu(score) - relu(-score)) * T * x
    assert 2 * top == 1


@pytest.mark.recomputes("fu2023.remarkB6")
def test_remark_b6_adds_where_it_should_subtract(refutation):
    made = refutation("fu2023.remarkB6")
    X, ((T,),) = made.column[0], made["T"]
    scores = [-Fraction(1, 2) * X[1] * T * x for x in X]
    got = T * X[1] + sum(abs(s) * T * x for s, x in zip(scores, X, strict=True)) / 2
    should = (T - T * (X[0] ** 2 + X[1] ** 2) / 2 * T / 2) * X[1]
    assert len(X) == 2 and made.gap == (got, should)


@pytest.mark.recomputes("fu2023.remarkB6.iterated")
def test_iterating_remark_b6_mixes_the_inverses_of_two_prefixes(refutation):
    made = refutation("fu2023.remarkB6.iterated")
    X, ((T,),) = made.column[0], made["T"]
    held, own = [T, T], [T, T]  # what the tokens' T are, and what they should be
    seen = [X[0] ** 2, (X[0] ** 2 + X[1] ** 2) / 2]
    for _ in range(2):
        keys = [T_j * x for T_j, x in zip(held, X, strict=True)]
        read = [
            sum(-Fraction(1, 2) * X[t] * key * key for key in keys[: t + 1]) / (t + 1)
            for t in range(2)
        ]
        held = [2 * (held[t] * X[t] + read[t]) / X[t] for t in range(2)]
        own = [2 * T_t - T_t * C * T_t for T_t, C in zip(own, seen, strict=True)]
    assert (made.difference["layer"], made.difference["token"]) == (2, 1)
    assert made.gap == (held[1] * X[1], own[1] * X[1])


@pytest.mark.recomputes("fu2023.theorem5.1")
def test_theorem_51_predicts_three_instead_of_one(refutation):
    made = refutation("fu2023.theorem5.1")
    (x,), (y,), x_test = made.column
    assert (x, y, x_test, made["alpha"], made["iterations"]) == (1, 1, 1, 1, 1)

    def network(sign):
        """d = n = 1 by hand; t = alpha S x first, then one iteration."""
        t = (relu(x * x) + sign * relu(-x * x)) * made["alpha"] * x
        score = -Fraction(1, 2) * x * t
        return 2 * (t + (relu(score) + sign * relu(-score)) * t) * y * x_test

    assert (network(+1), network(-1)) == (3, 1)  # 1 is 2 alpha - alpha^2
    assert made["prediction"] == [3] and made.difference["layer"] == 4


@pytest.mark.recomputes("fu2023.theorem5.1.labels", "fu2023.theorem5.1.test-token")
@pytest.mark.parametrize("leak", ["labels", "test-token"])
def test_a_label_or_x_test_as_a_key_doubles_the_gram_matrix(refutation, leak):
    made = refutation(f"fu2023.theorem5.1.{leak}")
    (x,), (y,), x_test = made.column
    assert (x, y, x_test, made["alpha"], made["iterations"]) == (1, 1, 1, 1, 0)
    leaked = y if leak == "labels" else x_test
    assert made["prediction"] == [x_test * (x * x + leaked * leaked) * x * y] == [2]


@pytest.mark.recomputes("fu2023.eq38", "fu2023.eq39")
@pytest.mark.parametrize(
    ("name", "k", "claimed"), [("eq38", 1, 2 - 4), ("eq39", 2, 4 - 12 + 16 - 16)]
)
def test_eq38_and_eq39_at_one_number(refutation, name, k, claimed):
    found = refutation(f"fu2023.{name}")
    M = Fraction(1)
    for _ in range(k):
        M = 2 * M - M * M
    assert (found["S"], found["alpha"]) == ([[1]], 1)
    assert (found["M_k"], found["claimed"]) == ([[M]], [[claimed]])


@pytest.mark.recomputes("fu2023.eq5")
def test_eq5_from_two_the_iteration_falls_to_zero_and_stays(refutation):
    found = refutation("fu2023.eq5")
    S, alpha = found["S"][0][0], found["alpha"]
    assert (S, alpha) == (1, 2 / abs(S * S))
    M = [alpha * S]
    for _ in range(4):
        M.append(2 * M[-1] - M[-1] * S * M[-1])
    assert M == [2, 0, 0, 0, 0]


@pytest.mark.recomputes("fu2023.theorem5.1.compiled.resources")
def test_one_hot_positions_take_two_units_per_example(refutation):
    found = refutation("fu2023.theorem5.1.compiled.resources")
    vectors = "top", "x", "test", "moved", "product", "w", "fetched"
    scalars = "y", "one", "prediction", "pad", "balance"
    assert found["width"] == len(vectors) * found["d"] + len(scalars) + (2 * found["n"] + 1)


# -- akyurek2022 ------------------------------------------------------------------------------


def descent(made, w, x, target, strength=1):
    """One step on one example, `strength` times the ridge term."""
    a, lam = made["step_size"], made["ridge"]
    residual = dot(w, x) - target
    return [wi - 2 * a * (xi * residual + strength * lam * wi) for wi, xi in zip(w, x, strict=True)]


@pytest.mark.recomputes("akyurek2022.theorem1.sign", "akyurek2022.theorem1.check")
@pytest.mark.parametrize(("part", "strength"), [("sign", -1), ("check", -2)])
def test_step_6_subtracts_the_ridge_term(refutation, part, strength):
    made = refutation(f"akyurek2022.theorem1.{part}")
    (x,), (target,), (query,) = made["X"], made["y"], made["queries"]
    printed = descent(made, made["w0"], x, target, strength)
    eq11 = descent(made, made["w0"], x, target)
    assert made["d"] == 1
    assert dot(printed, query) == made["prediction"] != made["algorithm"] == dot(eq11, query)
    if part == "sign":
        place = tuple(made.difference[name] for name in ("layer", "slot", "token"))
        assert place == (6, "gradient", 1)


@pytest.mark.recomputes("akyurek2022.theorem1.unit")
def test_the_last_unit_holds_the_gradient(refutation):
    made = refutation("akyurek2022.theorem1.unit")
    assert made["d"] == 2
    # column 2 carries x_2 and y = 0: what step 6 leaves there, in its last row
    x, w = made["queries"][0], made["w0"]
    assert made["prediction"] == x[-1] * dot(w, x) + made["ridge"] * w[-1]


@pytest.mark.recomputes("akyurek2022.theorem1.multistep.repetition")
def test_word_by_word_repetition_starts_again(refutation):
    made = refutation("akyurek2022.theorem1.multistep.repetition")
    X, y, (query,) = made["X"], made["y"], made["queries"]
    first = descent(made, made["w0"], X[0], y[0])
    assert dot(descent(made, made["w0"], X[1], y[1]), query) == made["prediction"]
    assert dot(descent(made, first, X[1], y[1]), query) == made["algorithm"] != made["prediction"]


@pytest.mark.recomputes("akyurek2022.theorem2.multistep.repetition")
def test_word_by_word_repetition_of_theorem_2_sees_one_example(refutation):
    made = refutation("akyurek2022.theorem2.multistep.repetition")
    X, y, query = made.column
    lam = made["ridge"]
    assert made["prediction"] == query * X[1] * y[1] / (lam + X[1] ** 2)
    assert made["algorithm"] == query * dot(X, y) / (lam + dot(X, X)) != made["prediction"]


@pytest.mark.recomputes("akyurek2022.lemma1.sizes")
def test_a_product_of_numbers_has_one_entry_whatever_d_is(refutation):
    found = refutation("akyurek2022.lemma1.sizes")
    assert found["rows of A1 A2"] == found["a"] * found["c"] != found["c"] * found["d"]


@pytest.mark.recomputes("akyurek2022.lemma2.empty")
def test_a_column_that_reads_nothing_would_be_cleared(refutation):
    made = refutation("akyurek2022.lemma2.empty")
    token, row = made.difference["token"], int(made.difference["slot"].split()[-1])
    assert token != 2  # mov writes column 2 alone
    assert made.gap == (0, made["H"][token][row]) and made.gap[1] != 0


@pytest.mark.recomputes("akyurek2022.lemma2.shift")
def test_an_aff_without_its_shift_is_off_by_it(refutation):
    made = refutation("akyurek2022.lemma2.shift")
    ends = numbers(made.difference["is"]), numbers(made.difference["should"])
    assert [b - a for a, b in zip(*ends, strict=True)] == made["b"]


def gelu(z):
    return z / 2 * (1 + math.erf(z / math.sqrt(2)))


@pytest.mark.recomputes("akyurek2022.lemma4.signed")
def test_the_signed_bound_of_lemma_4_fails_on_the_antidiagonal(refutation):
    found = refutation("akyurek2022.lemma4.signed").found
    x, y = float(found["x"]), float(found["y"])
    assert x**3 + y**3 == 0
    error = math.sqrt(math.pi / 2) * (gelu(x + y) - gelu(x) - gelu(y)) - x * y
    assert abs(error) > 0.1


@pytest.mark.recomputes("akyurek2022.lemma6.pads")
def test_the_pad_of_lemma_6_is_off_by_half_the_sum():
    N, x, L = 10.0**6, 1.0, 4
    entries = [N, -N - x, x, 0.0]
    variance = sum(e * e for e in entries) / L - (sum(entries) / L) ** 2
    assert math.sqrt(2 / L) * N * entries[0] / math.sqrt(variance) - N == pytest.approx(
        -x / 2, abs=1e-3
    )


# -- vonoswald2022 ----------------------------------------------------------------------------


@pytest.mark.recomputes("vonoswald2022.gdpp.ksteps")
def test_two_layers_of_gdpp_go_beyond_what_two_steps_on_any_map_of_x_reach(refutation):
    """On one example, asked at its own x: two steps leave y times a square, and stay below y."""
    made = refutation("vonoswald2022.gdpp.ksteps")
    (x,), (y,), q = made.column
    assert made["layers"] == 2 and q == x
    assert made["prediction"] == gdpp(x, y, q, 2, made["step_size"], made["gamma"])
    assert made["prediction"] / y > 1


def gdpp(x, y, q, layers, eta, gamma):
    """Per layer a gradient step from 0 on what is left of y, then x and the query transformed."""
    prediction = Fraction(0)
    for _ in range(layers):
        change = eta * y * x
        prediction, y = prediction + change * q, y - change * x
        x, q = x - gamma * x**3, q - gamma * x * x * q
    return prediction


def test_one_step_of_half_and_a_curvature_of_three_is_a_half_beyond_the_target():
    """x = y = query = 1, eta = 1/2, gamma = 3, a step at which plain descent converges."""
    assert gdpp(1, Fraction(1), 1, 2, Fraction(1, 2), 3) == Fraction(3, 2)
    case = Case(
        {"d": 1, "examples": 1, "layers": 2, "step_size": Fraction(1, 2), "gamma": 3, "w0": (0,)},
        *(np.array(one, dtype=object) for one in ([[1]], [1], [[1]])),
    )
    assert vonoswald2022.of_no_map(case)["prediction"] == "3/2"


@given(st.integers(-6, 6), st.integers(1, 6), st.integers(0, 4), st.integers(1, 4))
def test_what_descent_makes_on_a_map_is_made_by_a_map(z, y, k, eta):
    """k steps on z, whatever it is: y (1 - (1 - eta z^2)^k), which is never called out of reach."""
    w = Fraction(0)
    for _ in range(k):
        w -= eta * (w * z - y) * z
    share = w * z / y
    assert share == 1 - (1 - eta * z * z) ** k
    assert vonoswald2022.within_reach(share, k)
