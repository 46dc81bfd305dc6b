"""giannou2024: what is slightly wrong is seen, and counterexamples are so in plain fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction as F
from math import factorial
from typing import Any

import pytest
from found import claims_of, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions.papers import giannou2024 as paper
from proofs.slotmap import SlotMap
from verify.claim import Budget, Promise
from verify.claims import giannou2024 as claims

CLAIMS = claims_of("giannou2024")
FEW = Budget(cases=30)
Blocks = dict[str, list[list[F]]]


# -- the layers, once more, in plain lists --------------------------------------------------------


def added(H: Blocks, to: str, value: str, key: str, query: str, factor: Any = 1) -> Blocks:
    """What a head adds to the rows `to`: factor value (key^T query)."""
    tokens = range(len(H[value][0]))
    scores = [[sum(k[j] * q[t] for k, q in zip(H[key], H[query])) for t in tokens] for j in tokens]
    return {
        to: [
            [factor * sum(row[j] * scores[j][t] for j in tokens) for t in tokens]
            for row in H[value]
        ]
    }


def layer(H: Blocks, *heads: Sequence[Any]) -> Blocks:
    made = {name: [list(row) for row in rows] for name, rows in H.items()}
    for head in heads:
        for name, rows in added(H, *head).items():
            for row, more in zip(made[name], rows):
                row[:] = [a + b for a, b in zip(row, more)]
    return made


STEP = (("X", "X", "I", "I"), ("X", "X", "R", "X", -1))


def predicted(A: Any, y: Any, test: Any, iterations: int, epsilon: F) -> F:
    """Theorem 4.2 for one test: tokens are the examples and then the test."""
    n, d = len(A), len(test)
    zeros = [[F(0)] * (n + 1) for _ in range(d)]
    H: Blocks = {
        "A": [[row[i] for row in A] + [F(0)] for i in range(d)],
        "I": [[F(int(i == t)) for t in range(n + 1)] for i in range(d)],
        "X": zeros,
        "R": [[F(0)] * n + [test[i]] for i in range(d)],
        "y": [[*y, F(0)]],
        "u": [[F(0)] * (n + 1)],
        "out": [[F(0)] * (n + 1)],
    }
    H = layer(H, ("R", "A", "A", "I"), ("X", "A", "A", "I", epsilon))
    for _ in range(iterations):
        H = layer(H, *STEP)
    H = layer(H, ("u", "y", "A", "X"))
    return layer(H, ("out", "u", "I", "R"), ("u", "u", "I", "I", -1))["out"][0][-1]


@settings(max_examples=15)
@given(st.data())
def test_the_witness_is_these_layers(data):
    d, n, T = (data.draw(st.integers(1, 3)) for _ in range(3))
    numbers = st.integers(-2, 2).map(F)
    A = [[data.draw(numbers) for _ in range(d)] for _ in range(n)]
    y, test = [data.draw(numbers) for _ in range(n)], [data.draw(numbers) for _ in range(d)]
    witness = paper.least_squares(d, T, F(1, 3))
    assert witness.predict(A, y, [test], "rational")[0] == predicted(A, y, test, T, F(1, 3))


@pytest.mark.recomputes("giannou2024.theorem4.2.few")
def test_with_fewer_examples_than_dimensions_theorem_4_2_gives_something_else():
    found = verdict("giannou2024.theorem4.2.few").counterexample
    assert found["parameters"] == {"d": "2", "iterations": "1", "epsilon": "1"}  # T > 0
    (row,), (y,), (test,) = found["X"], found["y"], found["queries"]
    a, test, y = [F(e) for e in row], [F(e) for e in test], F(y)
    made = predicted([a], [y], test, 1, F(1))
    square = sum(p * p for p in a)  # A^T A = a a^T, X_0 = A^T A, and X_1 = (2 - |a|^4) a a^T
    should = y * (2 - square**2) * square * sum(p * q for p, q in zip(a, test))
    assert made != should and [str(made)] == found["prediction"]
    assert [str(should)] == found["algorithm"]


@pytest.mark.recomputes("giannou2024.lemma4.1.alone")
def test_the_order_of_columns_is_needed():
    """X_0 = A = diag(1, 0): with the columns of both exchanged, other columns than those of X_1."""

    def newton(X: Any, A: Any) -> Any:
        def times(P: Any, Q: Any) -> Any:
            return [[sum(p * q for p, q in zip(row, column)) for column in zip(*Q)] for row in P]

        return [[2 * x - e for x, e in zip(*rows)] for rows in zip(X, times(times(X, A), X))]

    found = verdict("giannou2024.lemma4.1.alone").counterexample
    X, A = ([[F(e) for e in row] for row in found[name]] for name in ("X_0", "A"))
    exchanged = newton([row[::-1] for row in X], [row[::-1] for row in A])
    assert newton(X, A) == [[F(e) for e in row] for row in found["X_1"]]
    assert [row[::-1] for row in exchanged] == [
        [F(e) for e in row] for row in found["columns exchanged"]
    ]
    assert found["X_1"] != found["columns exchanged"]


# -- planted errors -------------------------------------------------------------------------------


def changed(witness: Any, layer: int, head: int, field: str, factor: int) -> Any:
    """A witness with one map of one head multiplied."""
    layers = list(witness.layer_list)
    heads = list(layers[layer].heads)
    blocks = tuple(
        replace(one, coefficient=factor * one.coefficient) for one in getattr(heads[head], field)
    )
    heads[head] = replace(heads[head], **{field: SlotMap(blocks)})
    layers[layer] = replace(layers[layer], heads=tuple(heads))
    return witness.with_layers(tuple(layers))


PLACES = [(0, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize("factor", [-1, 0, 2])
@pytest.mark.parametrize("layer, head", PLACES)
def test_a_changed_head_is_no_iteration(layer, head, factor):
    def wrong(d: int) -> Any:
        return changed(paper.newton_step(d), layer, head, "value", factor)

    assert verdict("giannou2024.lemma4.1", witness=wrong, symbolic=None).name == "refuted"


def test_one_layer_does_it_for_symmetric_matrices_alone():
    found = verdict(
        "giannou2024.lemma4.1", witness=paper.symmetric_step, promises=(), symbolic=None
    )
    assert found.name == "refuted" and found.first_difference["layer"] == 1


def test_a_block_that_is_not_as_it_was_is_seen():
    """Without the part that takes A^T away again."""

    def left(d: int) -> Any:
        made = paper.newton_step(d)
        (first, second) = made.layer_list
        head, other = second.heads
        value = SlotMap(tuple(one for one in head.value if one.destination == "inverse"))
        heads = (replace(head, value=value), other)
        return made.with_layers((first, replace(second, heads=heads)))

    case = claims.in_tokens(claims.array([[F(1)]]), claims.array([[F(3)]]))
    assert claims.blocks_differ(paper.newton_step, case) is None
    assert claims.blocks_differ(left, case)["rows"] == "transposed"


@pytest.mark.parametrize("id", ["giannou2024.theorem4.2", "giannou2024.theorem4.2.few"])
def test_another_start_iteration_or_count_is_refuted(id):
    variant = "repaired" if id.endswith("few") else "printed"
    build = CLAIMS[id, variant].witness

    def doubled(d: int, iterations: int, epsilon: Any) -> Any:
        return build(d, iterations, 2 * epsilon)

    def one_more(d: int, iterations: int, epsilon: Any) -> Any:
        return build(d, iterations + 1, epsilon)

    for wrong in (doubled, one_more):
        plain = {"assembled": None, "symbolic": None, "promises": (), "sizes": None}
        assert verdict(id, variant, witness=wrong, **plain).name == "refuted"
    for promise in (Promise("layers", "iterations + 1", "<="), Promise("width", "3*d", "<=")):
        assert verdict(id, variant, promises=(promise,)).name == "refuted"


def test_the_examples_must_not_hold_the_test():
    """Keys that read it add a_test a_test^T to A^T A."""

    def leaking(d: int, iterations: int, epsilon: Any) -> Any:
        made = paper.least_squares(d, iterations, epsilon)
        blocks = tuple(
            replace(one, source="x") if one.destination == "a" else one
            for one in made.prompt.embedding
        )
        return replace(made, prompt=replace(made.prompt, embedding=SlotMap(blocks)))

    assert verdict("giannou2024.theorem4.2", witness=leaking, symbolic=None).name == "refuted"


# -- logistic regression --------------------------------------------------------------------------


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("start", [F(k, 8) for k in (1, 4, 20, 24, 60, 121, 200)] + [F(800, 53)])
def test_one_iteration_leaves_a_quarter_of_the_direction(power, start):
    """X_1 = X_0 (2 - B X_0) for B = diag(7/20, 1/10), X_0 = start B^(power - 1), in numbers."""
    missed = []
    for b in (F(7, 20), F(1, 10)):
        x = start * b ** (power - 1)
        missed.append(abs(x * (2 - b * x) * b - 1))
    assert max(missed) >= {1: F(25, 81), 2: F(45, 53) ** 2}[power] > F(1, 4)
    of = {1: "identity", 2: "matrix"}[power]
    assert claims.far_from_newton({"start": start, "of": of})


def test_the_hessian_and_the_gradient_are_those_of_the_loss():
    """f = log(1 + exp(-x_1)) + |x|^2/20 at (0, 10/7): p = 1/2."""
    p, mu, x = F(1, 2), F(1, 10), (F(0), F(10, 7))
    assert claims.HESSIAN == ((p * (1 - p) + mu, 0), (0, mu))
    assert claims.GRADIENT == (-p + mu * x[0], mu * x[1])


@pytest.mark.recomputes("giannou2024.logistic.depth")
def test_natural_logarithms_give_too_few_iterations():
    """kappa = 3/2, 10^-24: k = 5 by the formula, and (1/5)^32 is more."""
    found = verdict("giannou2024.logistic.depth").counterexample
    kappa, accuracy, k = F(found["kappa"]), F(found["accuracy"]), found["k"]
    digits = len(str(accuracy.denominator)) - 1
    assert accuracy == F(1, 10**digits)
    assert ((kappa - 1) / (kappa + 1)) ** (2**k) > accuracy
    # kappa^2 ln(1/accuracy) < e^k, as ln 10 < 2.303 and e > 2.718: the formula, rounded up, is <= k
    assert sum(F(2303, 1000) ** i / factorial(i) for i in range(20)) > 10
    assert sum(F(1, factorial(i)) for i in range(9)) > F(2718, 1000)
    assert kappa**2 * digits * F(2303, 1000) < F(2718, 1000) ** k


@pytest.mark.parametrize("off", [-1, 1])
def test_a_wrong_count_of_iterations_is_seen(off, monkeypatch):
    right = claims.enough
    monkeypatch.setattr(claims, "enough", lambda *given: max(0, right(*given) + off))
    assert verdict("giannou2024.logistic", "repaired").name == "refuted"
    assert claims.binary_is_too_few({"kappa": F(4), "accuracy": F(1, 100), "of": "matrix"}) is None


@pytest.mark.recomputes("giannou2024.logistic.width", "giannou2024.logistic.width.epsilon")
def test_widths_are_of_one_order_or_not():
    """(1 + mu)^8/mu^10 over (1 + mu)^6/mu^8 is above C at mu = 1/C, and so on."""
    found = verdict("giannou2024.logistic.width").counterexample
    mu, C = F(found["mu"]), F(found["C"])
    ratio = ((1 + mu) ** 8 / mu**10) / ((1 + mu) ** 6 / mu**8)
    assert ratio == F(found["ratio there"]) > C
    found = verdict("giannou2024.logistic.width.epsilon").counterexample
    eps, C = F(found["epsilon"]), F(found["C"])
    assert (1 / eps**8) / (2**6 / eps**4) == F(found["ratio there"]) > C


def test_a_width_of_another_exponent_is_seen():
    mu, C = claims.mu, claims.constant
    assert claims.bounded(mu**-2, mu**-2, mu, 1 / C).run(FEW).passed is True
    assert claims.bounded(mu**-3, mu**-2, mu, 1 / (C + 1)).run(FEW).passed is False
    assert claims.bounded(mu, 1 + 0 * mu, mu, 1 / C).run(FEW).passed is None  # grows with mu
    assert claims.bounded(claims.d * mu, mu, mu, 1 / C).run(FEW).passed is None  # and with d
    assert claims.bounded(claims.d * mu, mu, mu, 1 / C, {claims.d}).run(FEW).passed is True


def test_only_these_starts_converge():
    at = {"largest": F(2), "share": F(1, 2)}
    for epsilon in (F(1, 4), F(1, 2), F(5, 8)):
        assert claims.range_of_starts({**at, "epsilon": epsilon}) is None
