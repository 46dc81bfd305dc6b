"""A certificate bounds every difference on its box, and says how near the bound is attained."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout
from verify import Between, Box, Claim, Undecided, algorithms, check
from verify.checks.boxes import bernstein, enclose, jets, separate, softmax
from verify.checks.boxes.bernstein import Polynomial
from verify.checks.boxes.certificate import certify
from verify.checks.boxes.difference import Programs
from verify.checks.boxes.forms import Letters
from verify.claim import Budget
from verify.engine import run
from verify.page.report_page import claim_row
from verify.page.site.index_table import verdict_html
from verify.quality import certificates

HALF = Fraction(1, 2)
QUICK = Budget(quick=True)


# -- two programs that are near each other -------------------------------------------------------


def fractions(rng: np.random.Generator, *shape: int) -> Any:
    made = np.empty(shape, dtype=object)
    made.ravel()[:] = [Fraction(int(k), 8) for k in rng.integers(-8, 9, made.size)]
    return made


def rows(matrix: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, matrix))


def layer(P: Any, Q: Any, d: int, attention: str, keys: str, null: bool, activation: str) -> Any:
    """A builder: one head with full matrices on (x, y), and an MLP on top where it has one."""
    head = Head(
        query=SlotMap((Block("f", "e", 1, matrix=rows(Q)),)),
        key=slot_map(("f", "e")),
        value=SlotMap((Block("e", "e", 1, matrix=rows(P)),)),
        attention=attention,
        keys=keys,
        null=null,
    )
    mlp = None
    if activation:
        mlp = MLP(
            outer=slot_map((f"e[{d}]", "h", HALF)), inner=slot_map(("h", f"e[{d}]")),
            activation=activation,
        )  # fmt: skip

    def build(d: int) -> Witness:
        units = tuple(tuple(int(i == j) for j in range(d)) for i in range(d + 1))
        embedding = SlotMap((Block("e", "x", 1, matrix=units), Block(f"e[{d}]", "y")))
        return Witness(
            name="one layer", layout=layout(e=(d + 1,)), prompt=Prompt(d, embedding),
            layer_list=(Layer("", (head,), mlp),), readout=Readout(f"e[{d}]"),
        )  # fmt: skip

    return build


def plain(P: Any, Q: Any, attention: str, keys: str, null: bool, activation: str) -> Any:
    """The same layer, at the query alone, as an algorithm in plain Python."""

    def positive(value: Any) -> Any:
        return value.max(value * 0) if hasattr(value, "max") else max(value, value * 0)

    def predict(X: Any, y: Any, queries: Any) -> Any:
        Z = np.concatenate([X, np.reshape(y, (-1, 1))], axis=1)
        made = np.empty(len(queries), dtype=object)
        for q, query in enumerate(queries):
            asked = np.append(query, query[0] * 0)
            seen = Z if keys == "context" else np.vstack([Z, asked])
            weights = list(seen @ (Q @ asked))
            if attention == "relu":
                weights = [positive(weight) for weight in weights]
            if attention == "softmax":
                powers = [weight.exp() for weight in weights]
                total = sum(powers, powers[0] * 0 + int(null))
                weights = [power / total for power in powers]
            value = sum((w * v for w, v in zip(weights, seen @ P[-1])), query[0] * 0)
            if activation == "relu":
                value = value + positive(value) * HALF
            made[q] = value
        return made

    return predict


PAIRS = [
    ("linear", "context", False, ""),
    ("linear", "causal", False, ""),
    ("linear", "context", False, "relu"),
    ("relu", "context", False, ""),
    ("softmax", "context", False, ""),
    ("softmax", "causal", False, ""),
    ("softmax", "context", True, ""),
    ("softmax", "context", False, "relu"),
]


def pair(kind: tuple[str, str, bool, str], d: int, seed: int) -> tuple[Any, Any]:
    """A layer, and an algorithm whose weights are a little off."""
    rng = np.random.default_rng(seed)
    P, Q = fractions(rng, d + 1, d + 1), fractions(rng, d + 1, d + 1)
    off = [fractions(rng, d + 1, d + 1) / 64 for _ in range(2)]
    return layer(P, Q, d, *kind), plain(P + off[0], Q + off[1], *kind)


def sampled(programs: Programs, count: int, seed: int) -> float:
    """The largest difference at points of the box, corners not rare; both run in floats."""
    rng = np.random.default_rng(seed)
    lows, highs = np.array([[float(end) for end in side] for side in programs.ranges.values()]).T
    points = rng.uniform(lows, highs, (count, len(lows)))
    corners = np.where(rng.integers(0, 2, points.shape).astype(bool), highs, lows)
    mixed = rng.uniform(0, 1, points.shape) < rng.choice([0, 0.5, 0.9, 1], (count, 1))
    points = np.where(mixed, corners, points)
    n, d = programs.box.n, programs.box.d
    X, y, queries = points[:, : n * d], points[:, n * d : n * d + n], points[:, n * d + n :]
    X, queries = X.reshape(count, n, d), queries.reshape(count, 1, d)
    ours = programs.witness.predict(X, y, queries)[:, 0]
    theirs = np.array(
        [programs.algorithm(*map(_numbers, prompt))[0] for prompt in zip(X, y, queries)]
    )
    return float(abs(ours - theirs.astype(float)).max())


class Number(float):
    """A float with the functions that the algorithms above ask of numbers."""

    def exp(self) -> Number:
        return Number(np.exp(float(self)))

    def max(self, other: float) -> Number:
        return Number(max(float(self), float(other)))

    def __add__(self, other: Any) -> Number:
        return Number(float(self) + float(other))

    def __mul__(self, other: Any) -> Number:
        return Number(float(self) * float(other))

    def __truediv__(self, other: Any) -> Number:
        return Number(float(self) / float(other))

    __radd__ = __add__
    __rmul__ = __mul__


def _numbers(array: Any) -> Any:
    made = np.empty(array.shape, dtype=object)
    made.ravel()[:] = [Number(value) for value in array.ravel()]
    return made


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize(("d", "n", "seed"), [(1, 2, 0), (2, 3, 1)])
def test_no_difference_on_the_box_is_above_the_bound(kind, d, n, seed):
    make, algorithm = pair(kind, d, seed)
    box = Box(d, n, x=(-HALF, 1), y=1, query=(-1, Fraction(3, 4)))
    found = certify(make, algorithm, box, seed, effort=0.2)
    assert found.enclosure is not None, found.why
    assert 0 < found.found <= found.enclosure.high
    worst = sampled(Programs(make, algorithm, box), 2000, seed)
    assert worst <= found.enclosure.high * (1 + 1e-12)
    assert found.found >= worst * (1 - 1e-9)  # the search is no worse than chance


# -- polynomials ---------------------------------------------------------------------------------


@st.composite
def polynomials(draw: Any) -> tuple[Polynomial, dict[str, Any]]:
    count = draw(st.integers(1, 4))
    names = [f"v{i}" for i in range(count)]
    exponents = st.tuples(*[st.integers(0, 3)] * count)
    numbers = st.fractions(-9, 9, max_denominator=7)
    terms = draw(st.dictionaries(exponents, numbers.filter(bool), min_size=1, max_size=6))
    ends = [sorted((draw(numbers), draw(numbers))) for _ in names]
    return Polynomial.of(terms, names), {name: (a, b) for name, (a, b) in zip(names, ends)}


@settings(max_examples=60)
@given(drawn=polynomials())
def test_the_maximum_of_a_polynomial_is_between_what_is_attained_and_the_bound(drawn):
    polynomial, ranges = drawn
    found = bernstein.maximum(polynomial, ranges, work=3e5)
    sides = [ranges[name] for name in polynomial.variables]
    grid = itertools.product(*[[a + (b - a) * Fraction(k, 4) for k in range(5)] for a, b in sides])
    values = [polynomial.at(dict(zip(polynomial.variables, point))) for point in grid]
    assert Fraction(found.low) <= Fraction(found.high)
    assert max(values) <= Fraction(found.high)
    assert all(ranges[name][0] <= at <= ranges[name][1] for name, at in found.at.items())
    assert Fraction(found.low) <= polynomial.at(found.at)
    if all(degree <= 1 for degree in polynomial.degrees):  # nothing is lost
        assert found.high - found.low <= 1e-12 * polynomial.size(sides) + 1e-300


def test_rounding_is_outward(monkeypatch):
    third = Polynomial.of({(1,): Fraction(1, 3)}, ["v"])
    box = [(Fraction(0), Fraction(1))]
    assert Fraction(bernstein.bound(third, box)[0]) >= Fraction(1, 3)
    monkeypatch.setattr(bernstein, "_rounding", lambda polynomial, box: 0.0)
    assert Fraction(bernstein.bound(third, box)[0]) < Fraction(1, 3)  # so it is needed


def test_terms_are_shared_out_where_the_table_would_be_too_large(monkeypatch):
    rng = np.random.default_rng(0)
    terms = {tuple(map(int, rng.integers(0, 2, 6))): Fraction(int(rng.integers(-9, 10)))
             for _ in range(30)}  # fmt: skip
    polynomial, ranges = Polynomial.of(terms, "abcdef"), dict.fromkeys("abcdef", (-1, 1))
    whole = bernstein.maximum(polynomial, ranges)
    monkeypatch.setattr(bernstein, "LARGEST_TABLE", 16)
    monkeypatch.setattr(bernstein, "LARGEST_PART", 16)
    parts = Polynomial.of(terms, "abcdef").parts
    assert len(parts) > 1
    rest = bernstein.maximum(Polynomial.of(terms, "abcdef"), ranges, tolerance=0)
    assert whole.high <= rest.high + 1e-9
    assert rest.high <= whole.high * 1.001  # cut along variables until nothing is lost


def test_examples_that_are_alike_are_bounded_once():
    box = Box(2, 4)
    programs = Programs(None, None, box)
    letters = Letters(programs.ranges)
    x = [letters.letter(f"x{j + 1}_1") * letters.letter("q_1") for j in range(4)]
    y = [letters.letter(f"y{j + 1}") for j in range(4)]
    names = letters.context.names()

    def kinds(form: Any) -> list[int]:
        polynomial = Polynomial.of(form.polynomial.to_dict(), names)
        parts = separate.kinds(polynomial, programs.owners, programs.ranges)
        return sorted(len(part.groups) for part in parts)

    assert kinds(sum((a * b for a, b in zip(x, y)), letters.constant(0))) == [4]
    assert kinds(x[0] * y[0] + x[1] * y[1] * 2) == [1, 1]
    assert kinds(x[0] * y[1] + x[2] * y[3]) == [2]
    total = sum((a * b for a, b in zip(x, y)), letters.letter("q_2"))
    found = separate.magnitude(
        Polynomial.of(total.polynomial.to_dict(), names), programs.owners, programs.ranges
    )
    assert found.low == pytest.approx(5) and found.high == pytest.approx(5)


@pytest.mark.parametrize("coefficients", [(1, -2, 3), (1, 1, -1)])
def test_examples_that_are_not_alike_meet_in_one_query(coefficients):
    # sum_j c_j (q_1 - 1/4 c_j) x_j: the best query of one example is not that of another
    box = Box(1, len(coefficients))
    programs = Programs(None, None, box)
    letters = Letters(programs.ranges)
    q = letters.letter("q_1")
    form = letters.constant(0)
    for j, c in enumerate(coefficients):
        form = form + (q * q * c - q + Fraction(c, 4)) * letters.letter(f"x{j + 1}_1")
    polynomial = Polynomial.of(form.polynomial.to_dict(), letters.context.names())
    found = separate.magnitude(polynomial, programs.owners, programs.ranges, 0.01)
    grid = np.linspace(-1, 1, 4001)
    true = max(sum(abs(c * g * g - g + c / 4) for c in coefficients) for g in grid)
    assert found.low <= true * (1 + 1e-6) and true <= found.high * (1 + 1e-12)
    assert found.high <= 1.02 * found.low


# -- softmax -------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    n=st.integers(2, 12), length=st.floats(0.1, 8), seed=st.integers(0, 10**6),
    kappa=st.floats(-2, 0.9),
)  # fmt: skip
def test_the_covariance_with_the_scores_is_within_its_bound(n, length, seed, kappa):
    rng = np.random.default_rng(seed)
    scores = rng.choice([0, length], (500, n)) if seed % 2 else rng.uniform(0, length, (500, n))
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    values = rng.choice([-1.0, 1.0], (500, n))
    covariance = (shares * scores * values).sum(1) - (shares * scores).sum(1) * (
        shares * values
    ).sum(1)
    assert abs(covariance).max() <= 2 * float(softmax.spread(n, Fraction(length))) + 1e-12


def test_one_score_apart_from_the_others_attains_it():
    gap = np.linspace(0, 20, 20001)
    for n in (2, 3, 10):
        share = np.exp(gap) / (np.exp(gap) + n - 1)
        attained = (share * (1 - share) * gap).max()
        assert attained <= float(softmax.spread(n, Fraction(20))) <= 1.002 * attained


def smoother(temperature: Any = 1, steps: int = 1) -> Any:
    def build(d: int, tau: Any = temperature) -> Witness:
        made: Witness = constructions.build(
            "kernel_regression", d=d, steps=steps, step_size=1, kernel="exponential",
            temperature=tau,
        )  # fmt: skip
        return made

    return build


def nadaraya_watson(temperature: Any = 1, steps: int = 1) -> Any:
    def predict(X: Any, y: Any, queries: Any, tau: Any = temperature) -> Any:
        return algorithms.kernel_regression(X, y, queries, steps, 1, "exponential", temperature=tau)

    return predict


@pytest.mark.parametrize(("d", "n", "steps"), [(1, 1, 1), (3, 4, 1), (5, 10, 1), (2, 3, 2)])
def test_softmax_attention_is_nadaraya_and_watsons_estimate(d, n, steps):
    found = certify(smoother(2, steps), nadaraya_watson(2, steps), Box(d, n))
    assert found.enclosure is not None and found.enclosure.zero and found.found == 0


def test_at_every_temperature_of_a_range():
    box = Box(2, 3, parameters={"tau": Between(HALF, 2)})
    found = certify(smoother(), nadaraya_watson(), box)
    assert found.enclosure is not None and found.enclosure.zero
    other = certify(smoother(), lambda X, y, q, tau: nadaraya_watson()(X, y, q, tau * 2), box)
    assert other.enclosure is not None and not other.enclosure.zero
    assert other.enclosure.high <= 2 * other.found


@pytest.mark.parametrize(("d", "n"), [(1, 2), (5, 2), (3, 6)])
def test_another_temperature_is_bounded_closely(d, n):
    found = certify(smoother(Fraction(101, 100)), nadaraya_watson(), Box(d, n), effort=0.5)
    assert found.enclosure is not None
    assert found.found <= found.enclosure.high <= 1.2 * found.found


@pytest.mark.parametrize("row", certificates.ROWS[:1] + certificates.ROWS[2:])
def test_the_goals_of_the_table_are_met(row):
    found = certify(*row.pair(), row.box, effort=0.2)
    assert found.enclosure is not None
    assert found.enclosure.zero or found.enclosure.high <= row.goal * found.found


def test_a_trained_layer_is_near_a_gradient_step():
    found = certify(*certificates.trained(60), Box(5, 10))
    assert found.enclosure is not None
    assert found.found <= found.enclosure.high <= 2 * found.found


# -- faults that are planted are seen -------------------------------------------------------------


def certified_wrongly(make: Any, algorithm: Any, box: Box) -> bool:
    """Whether the search finds more than the bound, which stops the certificate."""
    try:
        certify(make, algorithm, box, effort=0.3)
    except AssertionError as error:
        return "was found where" in str(error)
    return False


LINEAR = pair(PAIRS[0], 2, 5)
NEAR = smoother(Fraction(101, 100)), nadaraya_watson()


def a_term_is_dropped(monkeypatch: Any) -> tuple[Any, Any]:
    largest = separate.magnitude

    def without_one(polynomial: Polynomial, *given: Any) -> Any:
        keep = np.argsort([-abs(c) for c in polynomial.coefficients])[1:]
        terms = {polynomial.exponents[t]: polynomial.coefficients[t] for t in keep}
        return largest(Polynomial.of(terms, polynomial.variables), *given)

    monkeypatch.setattr(separate, "magnitude", without_one)
    return LINEAR


def a_sign_is_wrong(monkeypatch: Any) -> tuple[Any, Any]:
    largest = separate.largest
    monkeypatch.setattr(separate, "largest", lambda p, *given: largest(-p, *given))
    monkeypatch.setattr(
        separate, "magnitude",
        lambda p, owners, ranges, *given: bernstein.Maximum(
            0.0, separate.largest(p, owners, ranges).high, {}
        ),
    )  # fmt: skip
    make, algorithm = LINEAR
    return make, lambda X, y, q: algorithm(X, y, q) - 1


def one_example_is_not_counted(monkeypatch: Any) -> tuple[Any, Any]:
    up = separate.up
    monkeypatch.setattr(separate, "up", lambda value: up(value * 2 / 3))
    return LINEAR


def the_spread_of_the_values_is_halved(monkeypatch: Any) -> tuple[Any, Any]:
    spread = softmax.spread
    monkeypatch.setattr(softmax, "spread", lambda n, length: spread(n, length) / 2)
    return NEAR


def points_are_miscounted(monkeypatch: Any) -> tuple[Any, Any]:
    spread = softmax.spread
    monkeypatch.setattr(softmax, "spread", lambda n, length: spread(n - 1, length))
    return NEAR


def values_are_not_compared(monkeypatch: Any) -> tuple[Any, Any]:
    difference = softmax.difference

    def of_scores(ours: Any, theirs: Any, bound: Any) -> Any:
        return difference(softmax.Smoother(ours.scores, ours.weights, theirs.values), theirs, bound)

    monkeypatch.setattr(softmax, "difference", of_scores)
    make, algorithm = NEAR
    return make, lambda X, y, q: algorithm(X, y * 2, q)


def slopes_are_lost(monkeypatch: Any) -> tuple[Any, Any]:
    def refuse(*given: Any) -> Any:
        raise enclose.NotBounded("not here")

    def nothing(a: Any, b: Any) -> Any:
        return None if a is b is None else (b if a is None else a) * 0

    monkeypatch.setattr(enclose, "_of_forms", refuse)
    monkeypatch.setattr(jets, "_sum", nothing)
    return LINEAR


@pytest.mark.parametrize(
    "plant",
    [
        a_term_is_dropped,
        a_sign_is_wrong,
        one_example_is_not_counted,
        the_spread_of_the_values_is_halved,
        points_are_miscounted,
        values_are_not_compared,
        slopes_are_lost,
    ],
)
def test_a_fault_in_the_bound_is_seen(plant, monkeypatch):
    make, algorithm = plant(monkeypatch)
    assert certified_wrongly(make, algorithm, Box(2, 3))


# -- algorithms that compare, divide, and are outside --------------------------------------------


def descent(X: Any, y: Any, queries: Any, step_size: Any) -> Any:
    return algorithms.gradient_descent(X, y, queries, 1, step_size)


def one_step(d: int, step_size: Any) -> Witness:
    made: Witness = constructions.build("gradient_descent", d=d, steps=1, step_size=step_size)
    return made


def test_every_answer_to_a_comparison_is_tried():
    def clipped(X: Any, y: Any, queries: Any) -> Any:
        made = descent(X, y, queries, HALF)
        return np.array([one if one < 1 else one * 0 + 1 for one in made], dtype=object)

    found = certify(lambda d: one_step(d, HALF), clipped, Box(1, 2))
    assert found.enclosure is not None
    assert found.found == 1  # the prediction 2, clipped to 1
    assert 3 <= found.enclosure.high <= 3.1  # 1 + 2: where nothing is clipped is not asked

    def shifted(X: Any, y: Any, queries: Any) -> Any:
        scores = queries @ X.T
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers @ y / powers.sum(axis=1)

    same = certify(smoother(1), shifted, Box(2, 3))
    assert same.enclosure is not None and same.enclosure.zero
    assert certify(smoother(1), shifted, Box(2, 9), effort=0.05).enclosure is None


@pytest.mark.parametrize(("low", "bounded"), [(HALF, True), (Fraction(-1, 8), False)])
def test_a_divisor_that_may_be_zero_leaves_it_open(low, bounded):
    def ratio(X: Any, y: Any, queries: Any, scale: Any) -> Any:
        return descent(X, y, queries, HALF) * scale / scale

    box = Box(1, 2, parameters={"scale": Between(low, 1)})
    found = certify(lambda d, scale: one_step(d, HALF), ratio, box)
    assert (found.enclosure is not None) == bounded
    assert bounded or "may be 0" in found.why


def test_a_quotient_of_polynomials_is_bounded_closely():
    def damped(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
        return descent(X, y, queries, 1) / (ridge * 2 + X[0, 0] * X[0, 0])

    box = Box(1, 2, parameters={"ridge": Between(1, 2)})
    found = certify(lambda d, ridge: one_step(d, HALF / ridge), damped, box)
    assert found.enclosure is not None
    assert found.found <= found.enclosure.high <= 1.3 * found.found


# -- claims --------------------------------------------------------------------------------------


def claim(within: Any = None, off: Any = Fraction(1, 100), **more: Any) -> Claim:
    def build(d: int) -> Witness:
        return one_step(d, HALF + off)

    return Claim(
        "of a box", witness=build, algorithm=lambda X, y, q: descent(X, y, q, HALF),
        box=more.pop("box", Box(2, 3)), within=within, **more,
    )  # fmt: skip


def test_a_bound_makes_a_verdict_with_its_box():
    made = run(claim(expected="approximates"), QUICK)
    # 2 * off * sum_j y_j <x_j, q> is at most 2 * 1/100 * 3 * 2
    assert made.verdict.name == "approximates" and made.as_expected
    assert made.evidence == ("enclosed",)
    assert made.verdict.bound == pytest.approx(0.12)
    assert made.verdict.box == "|x| <= 1, |y| <= 1, |query| <= 1; d = 2, n = 3, one query"
    assert "largest difference found 0.12" in made.finding
    assert made.to_json()["checks"][1]["max_error"] == pytest.approx(0.12)


def test_where_they_are_one_function_the_claim_holds():
    made = run(claim(off=0), QUICK)
    assert made.verdict.name == "holds" and made.evidence == ("exact", "enclosed")
    assert "at d = 2, n = 3" in made.checks[0].detail


@pytest.mark.parametrize(
    ("within", "verdict"),
    [(Fraction(1, 8), "approximates"), (0.12000001, "approximates"), (0.11, "refuted"),
     (0, "refuted")],
)  # fmt: skip
def test_an_error_that_is_claimed_is_proved_or_refuted(within, verdict):
    made = run(claim(within), QUICK)
    assert made.verdict.name == verdict
    if verdict == "refuted":
        shown = made.verdict.counterexample
        off = Fraction(shown["prediction"][0]) - Fraction(shown["algorithm"][0])
        assert abs(off) > Fraction(within) and len(shown["X"]) == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"within": 1}, "approximates"),
        ({}, "holds"),
        ({"within": 0}, "holds"),
        ({"cases": lambda: None}, "holds"),
        ({"within": 1, "expected": "refuted"}, "refuted"),
    ],
)
def test_a_bound_is_expected_where_an_error_is_claimed(fields, expected):
    assert claim(**fields).expected == expected


def test_to_be_equal_is_more_than_to_be_near():
    near, equal = run(claim(within=1), QUICK), run(claim(within=1, off=0), QUICK)
    assert [made.verdict.name for made in (near, equal)] == ["approximates", "holds"]
    assert near.as_expected and equal.as_expected
    assert not run(claim(within=1, expected="holds"), QUICK).as_expected
    assert not run(claim(Fraction(1, 10)), QUICK).as_expected  # refuted
    for page in (claim_row, lambda entry, _: verdict_html(entry)):
        assert "<b>expected" not in page(equal.to_json(), 1)
        assert "<b>expected" in page(near.to_json() | {"expected": "holds"}, 1)


def test_between_what_is_found_and_what_is_proved_it_stays_open():
    make, algorithm = pair(PAIRS[3], 1, 0)
    found = certify(make, algorithm, Box(1, 2), 0, 0.25)
    assert found.enclosure is not None and found.found < found.enclosure.high
    middle = (found.found + found.enclosure.high) / 2
    of = Claim("open", witness=make, algorithm=algorithm, box=Box(1, 2), within=middle)
    verdict = run(of, QUICK).verdict
    assert verdict.name == "undecided" and "is proved where" in verdict.why


def test_a_claim_of_equality_is_refuted_by_its_box():
    # equal on the cases that are drawn, which are all y = 0, and not on the box
    from verify.strategies import prompts

    zero = prompts(st.just(2), st.just(3), entries=st.just(Fraction(0)))
    made = run(claim(cases=lambda: zero), QUICK)
    assert made.verdict.name == "refuted" and made.verdict.counterexample["X"]


def test_several_boxes_are_bounded_each():
    made = run(claim(box=(Box(1, 1), Box(2, 2, y=2))), QUICK)
    assert made.verdict.bound == pytest.approx(0.16)
    assert "d = 1, n = 1" in made.verdict.box and "|y| <= 2" in made.verdict.box


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"within": -1}, "within must be a number from 0 on"),
        ({"within": 1, "cases": lambda: None}, "cases claim equality"),
        ({"box": "all"}, "box must be a Box"),
        ({"box": None}, "cases or a box"),
        ({"floats": lambda: None}, "floats is about equality"),
    ],
)
def test_what_no_check_would_look_at_is_refused(fields, refused):
    with pytest.raises(ValueError, match=refused):
        claim(**fields)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"x": (1, 0)}, "the range of x is empty"),
        ({"y": "all"}, "the range of y must be"),
        ({"query": [(0, 1)] * 3}, "3 ranges for d = 2"),
        ({"d": 0}, "d must be a whole number"),
        ({"parameters": {"y1": Between(0, 1)}}, "has the name of an input"),
    ],
)
def test_a_box_that_is_none_is_refused(fields, refused):
    with pytest.raises(ValueError, match=refused):
        Box(**{"d": 2, "n": 1, **fields})


def test_a_box_of_parameters_ranges_over_their_entries():
    box = Box(1, 1, parameters={"w0": (Between(0, 1), 3), "steps": 2})
    assert [name for name, _ in box.varying()] == ["w0_1"]
    assert box.lettered(sympy.Symbol)["w0"] == (sympy.Symbol("w0_1"), 3)
    assert "0 <= w0_1 <= 1" in box.words and "steps = 2" in box.words


def test_a_certificate_is_the_same_again():
    make, algorithm = pair(PAIRS[4], 1, 2)
    first, again = (certify(make, algorithm, Box(1, 2), 3, 0.3) for _ in range(2))
    assert (first.found, first.enclosure) == (again.found, again.enclosure)


def test_check_is_open_where_nothing_bounds_it():
    def hopeless(X: Any, y: Any, queries: Any) -> Any:
        return np.array([float(descent(X, y, queries, HALF)[0])])

    of = Claim("hopeless", witness=lambda d: one_step(d, HALF), algorithm=hopeless, box=Box(1, 1))
    assert isinstance(check(of, quick=True).verdict, Undecided)


def test_the_name_of_what_bounds_it_is_said():
    found = certify(*LINEAR, Box(2, 3))
    assert found.enclosure is not None and "Bernstein" in found.enclosure.how


# -- programs that do something else with letters than with numbers ------------------


def summed(d: int, scale: Any = 1) -> Witness:
    """scale sum_j y_j <x_j, x>."""
    head = Head(slot_map(("f", "x")), slot_map(Block("f", "x", scale)), slot_map(("p", "y")))
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("summed", layout(x=(d,), y=(), p=()), prompt,
                   (Layer("sum", (head,)),), Readout("p"))  # fmt: skip


def off_where(asked: Any) -> Any:
    """The same sum, and 1 more where the query is asked for something."""
    return lambda X, y, queries: [y @ X @ q + (1 if asked(q[0]) else 0) for q in queries]


@pytest.mark.parametrize(
    "asked",
    [
        lambda value: isinstance(value, (Fraction, float)),
        lambda value: len({value, 0}) == 1,
        lambda value: {0: True}.get(value, False),
        lambda value: value == 0,
        lambda value: round(value) == 1,
    ],
    ids=["its type", "a set", "a key", "equality", "rounded"],
)
def test_an_algorithm_that_looks_at_its_letters_is_not_one_function_with_the_network(asked):
    found = certify(summed, off_where(asked), Box(1, 1), effort=0.2)
    assert found.enclosure is None or not found.enclosure.zero
    assert found.enclosure is None or found.enclosure.high >= 1


@pytest.mark.parametrize(
    "other",
    [lambda a: a == 0, lambda a: a == 1, lambda a: isinstance(a, Fraction)],
    ids=["at 0", "at an end", "for fractions"],
)
def test_a_builder_that_looks_at_its_letter_is_not_one_function_with_the_algorithm(other):
    def build(d: int, a: Any) -> Witness:
        return summed(d, a + 1 if other(a) else a)

    found = certify(build, lambda X, y, queries, a: a * (queries @ X.T @ y),
                    Box(1, 1, parameters={"a": Between(-1, 1)}))  # fmt: skip
    assert found.enclosure is None and found.found > 0 and "run in numbers" in found.why


def test_a_box_too_large_for_floats_has_no_bound():
    found = certify(
        summed, lambda X, y, queries: 2 * (queries @ X.T @ y), Box(1, 1, 10**200, 10**200)
    )
    assert found.enclosure is None
