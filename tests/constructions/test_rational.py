"""Integers over one denominator are the fractions that they stand for."""

from __future__ import annotations

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
from examples import examples
from flint import fmpz, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.numbers import common_denominator, get
from constructions.numbers.base import Numbers
from constructions.numbers.common_denominator import WORTH, CommonDenominator, reduced
from constructions.numbers.flint import ExactPrompts
from constructions.numbers.seen import Seen
from proofs.slotmap import Block
from verify.checks.symbolic import shapes_of
from verify.quality.baselines import PythonFractions

RATIONAL, PYTHON = get("rational"), PythonFractions()
UNIT = fmpz_mat(1, 1, [1])
SMALL = st.fractions(-9, 9, max_denominator=12)
SCALES = [Fraction(1), Fraction(10**40), Fraction(1, 10**40), Fraction(1, 2**200)]
NUMBERS = st.one_of(
    st.just(Fraction(0)), st.integers(-9, 9).map(Fraction), SMALL,
    st.builds(lambda a, b: a * b, SMALL, st.sampled_from(SCALES)),
    st.floats(-1e150, 1e150).map(Fraction),
)  # fmt: skip
COEFFICIENTS = st.one_of(st.sampled_from([1, -1, 2]), st.integers(-9, 9), NUMBERS)
SIZES, BIT = st.integers(1, 4), st.integers(0, 1)
METHODS = ("assemble", "rows", "columns", "concatenate", "place", "transpose", "masked", "scale",
           "combine", "product", "add_product", "add_product_over", "contract", "times_matrix",
           "pattern", "row_sums", "multiply", "divide", "divide_rows", "relu", "constant", "zeros",
           "normalised", "added_up", "of_token_numbers")  # fmt: skip


def tables(rows: int, columns: int, numbers=NUMBERS):
    """Matrices (rows, columns) as lists of rows."""
    row = st.lists(numbers, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


def values(system, a) -> list:
    return [a.nrows(), a.ncols(), *system.given(a)]


def agree(method: str, build) -> None:
    """method(*build(system)) is the same in both arithmetics, and changes no argument."""
    results = []
    for system in (RATIONAL, PYTHON):
        args = build(system)
        arrays = [a for a in args if hasattr(a, "nrows")]
        before = [values(system, a) for a in arrays]
        results.append(values(system, getattr(system, method)(*args)))
        assert [values(system, a) for a in arrays] == before
    assert results[0] == results[1]


def table(pool: list[Fraction], start: int, rows: int, columns: int) -> list[list[Fraction]]:
    """A matrix of numbers of the pool, in an order that depends on where it starts."""
    return [
        [pool[(start + 5 * i + 3 * j + i * j) % len(pool)] for j in range(columns)]
        for i in range(rows)
    ]


@st.composite
def calls(draw, method: str):
    """A function that makes the arguments of a method in a number system."""
    n, d, k = draw(SIZES), draw(SIZES), draw(SIZES)
    pool = draw(st.lists(NUMBERS, min_size=2, max_size=7))
    a, same, right = table(pool, 0, n, d), table(pool, 1, n, d), table(pool, 2, d, k)
    long, row = table(pool, 3, n, d * k), table(pool, 4, n, k)
    column = table([number or Fraction(5, 3) for number in pool], 0, n, 1)
    c, e = draw(COEFFICIENTS), draw(COEFFICIENTS)
    index, first, extra = draw(st.integers(0, d - 1)), draw(st.integers(0, n - 1)), draw(BIT)
    repeat, summed = Block("u", "v", 1, "ij<-j"), Block("u", "v", 1, "i<-ij")
    return {
        "assemble": lambda s: (
            2 * n, [(range(n), s.constant(a)), (range(n + first, 2 * n), s.constant(same[first:]))]
        ),
        "rows": lambda s: (s.constant(a), range(first, n)),
        "columns": lambda s: (s.constant(a), index, d),
        "concatenate": lambda s: ([s.constant(a), s.constant(row), s.constant(a)],),
        "place": lambda s: (s.constant(column), index, d),
        "transpose": lambda s: (s.constant(a),),
        "masked": lambda s: (s.constant(a), Seen(n, d, extra, None)),
        "scale": lambda s: (c, s.constant(a)),
        "combine": lambda s: ([(c, s.constant(a)), (e, s.constant(same)), (-1, s.constant(a))],),
        "product": lambda s: (s.constant(a), s.constant(right), c),
        "add_product": lambda s: (c, s.constant(row), s.constant(a), s.constant(right), e),
        "add_product_over": lambda s: (c, s.constant(row), s.constant(a), s.constant(right), e),
        "contract": lambda s: (
            s.constant(long), "ij", s.constant(a), "i", "j", {"i": d, "j": k}
        ),
        "times_matrix": lambda s: (s.constant(a), tuple(map(tuple, table(pool, 5, k, d)))),
        "pattern": lambda s: (
            (s.constant(long), summed, (d,), (d, k)) if extra
            else (s.constant(a), repeat, (k, d), (d,))
        ),
        "row_sums": lambda s: (s.constant(a), extra),
        "multiply": lambda s: (s.constant(a), s.constant(same)),
        "divide": lambda s: (s.constant(a), s.constant(column)),
        "divide_rows": lambda s: (s.constant(a), [t + 1 for t in range(n)]),
        "relu": lambda s: (s.constant(a),),
        "constant": lambda s: (a,),
        "zeros": lambda s: (n, d),
        "normalised": lambda s: (s.constant([[abs(v) + 1 for v in one] for one in a]), bool(extra)),
        "added_up": lambda s: (s.constant(a),),
        "of_token_numbers": lambda s: (n, lambda t: [t, 2 * t - d, t >= first]),
    }[method]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_operation_is_that_of_pythons_fractions(method):
    @settings(max_examples=50, derandomize=True)
    @given(calls(method))
    def holds(build):
        agree(method, build)

    holds()


def test_no_operation_is_left_out():
    """The property above draws from all methods that fractions have."""
    irrational = {"prompts", "gelu", "exp", "softmax", "layer_norm", "rms_norm"}
    methods = {name for name, made in vars(Numbers).items() if inspect.isfunction(made)}
    assert methods - irrational == set(METHODS) | {"working", "applied"}


@given(st.data())
def test_a_row_that_holds_a_matrix_is_the_row(data):
    """Outer products of one token stay matrices; sums, scales and products do not notice."""
    d, k, c = data.draw(SIZES), data.draw(SIZES), data.draw(COEFFICIENTS)
    u, v, w = data.draw(tables(1, d)), data.draw(tables(1, k)), data.draw(tables(1, k))
    row, sizes = data.draw(tables(1, d * k)), {"a": d, "b": k}
    found = []
    for s in (RATIONAL, PYTHON):
        outer = s.contract(s.constant(u), "a", s.constant(v), "b", "ab", sizes)
        total = s.combine([(c, outer), (1, s.constant(row)), (-2, outer)])
        after = s.contract(total, "ab", s.constant(w), "b", "a", sizes)
        turned = s.contract(s.constant(v), "b", total, "ab", "a", sizes)
        both = s.concatenate([total, s.scale(c, outer)])
        product = s.product(s.transpose(total), total, c)
        found.append([values(s, a) for a in (outer, total, after, turned, both, product)])
    assert found[0] == found[1]


# -- one prompt through every witness --


@pytest.mark.parametrize("label", examples(2))
@settings(max_examples=3)
@given(data=st.data())
def test_predictions_are_those_of_pythons_fractions(label, data):
    name, parameters = examples(2)[label]
    witness = constructions.get(name)(**parameters)
    of_x, _, of_queries = shapes_of(witness.prompt, 4, 2)
    prompt = data.draw(tables(*of_x)), data.draw(tables(1, 4))[0], data.draw(tables(*of_queries))
    found = []
    for numbers in ("rational", PYTHON):
        try:
            found.append(list(witness.predict(*prompt, numbers)))
        except ZeroDivisionError as refused:
            found.append([str(refused)])
    assert found[0] == found[1]


# -- lowest terms --


def test_what_all_entries_share_with_the_denominator_is_divided_out():
    made = reduced(fmpz_mat(2, 10, [7**20 * i for i in range(1, 21)]), fmpz(7**21))
    assert made.denominator == 7 and made.entries() == list(range(1, 21))


def test_a_factor_of_a_few_entries_is_not_divided_out():
    """Every entry that is looked at first has the factor, one of the others has not."""
    entries = [7**20] * 40
    entries[1] = 1
    made = reduced(fmpz_mat(4, 10, entries), fmpz(7**21))
    assert made == CommonDenominator(fmpz_mat(4, 10, entries), fmpz(7**21))
    entries[1] = 7**5
    made = reduced(fmpz_mat(4, 10, entries), fmpz(7**21))
    assert made.denominator == 7**16 and made.entries() == [7**15, 1, *[7**15] * 38]


@pytest.mark.parametrize("power, left", [(20, 7**20), (4000, 1)])
def test_of_a_short_product_of_few_the_sum_finds_what_is_in_common(power, left):
    """7^power / 1 times 1 / 7^power: a gcd would take longer than a hundred such products."""
    a, b = CommonDenominator(fmpz_mat(1, 1, [7**power])), CommonDenominator(UNIT, fmpz(7**power))
    assert a * b == CommonDenominator(UNIT) and (a * b).denominator == left
    assert (a * b + a * b).denominator == 1


@given(st.lists(st.integers(-(10**30), 10**30).filter(bool), max_size=4))
def test_a_common_multiple_is_the_least_and_positive(numbers):
    found = common_denominator.common_multiple(fmpz(number) for number in numbers)
    assert found == math.lcm(*numbers) > 0


def test_zeros_have_denominator_one():
    assert reduced(fmpz_mat(3, 5), fmpz(7**21)).denominator == 1


@given(st.integers(1, 10**6), st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.data())
def test_a_factor_that_stays_is_small(common, entries, data):
    denominator = common * data.draw(st.integers(1, 10**40))
    made = reduced(fmpz_mat(1, len(entries), [common * e for e in entries]), fmpz(denominator))
    assert made.fractions() == [Fraction(common * e, denominator) for e in entries]
    left = int(np.gcd.reduce([int(made.denominator), *map(int, made.entries())], dtype=object))
    assert left == 1 or WORTH * (left.bit_length() - 1) < int(made.denominator).bit_length()


def largest(monkeypatch) -> int:
    """Bits of the largest denominator in a run of Sherman-Morrison over 12 examples."""
    seen, right = [], common_denominator.reduced

    def noted(numerators, denominator):
        made = right(numerators, denominator)
        seen.append(made.denominator.bit_length())
        return made

    for module in (common_denominator, inspect.getmodule(type(RATIONAL))):
        monkeypatch.setattr(module, "reduced", noted)
    rng = np.random.default_rng(0)
    witness = constructions.build("sherman_morrison", d=2, examples=12, ridge=1)
    prompt = (rng.integers(-9, 10, shape) for shape in ((12, 2), (12,), (1, 2)))
    witness.predict(*prompt, "rational")
    return max(seen)


def test_denominators_grow_with_the_answer_and_not_with_the_steps(monkeypatch):
    assert largest(monkeypatch) < 100


def test_without_reduction_they_would_explode(monkeypatch):
    monkeypatch.setattr(
        common_denominator, "reduced", lambda numerators, by: CommonDenominator(numerators, by)
    )
    with pytest.raises(ValueError, match="grow beyond 78,913 digits"):
        largest(monkeypatch)


def test_numbers_that_double_with_every_layer_are_refused_before_they_are_made(monkeypatch):
    X, y, queries = np.array([[1, 2], [2, 1], [0, 1]]), np.array([1, 2, 3]), np.array([[1, 1]])

    def predicted(iterations: int):
        witness = constructions.build("newton", d=2, iterations=iterations, alpha=Fraction(1, 50))
        return witness.predict(X, y, queries, numbers="rational")

    (held,) = predicted(12)
    assert held.denominator.bit_length() > 10_000
    with pytest.raises(ValueError, match="longer with every layer"):
        predicted(10_000)
    monkeypatch.setattr(common_denominator, "LONGEST", 1_000)
    with pytest.raises(ValueError, match="grow beyond 301 digits"):
        predicted(12)


@pytest.mark.parametrize("method", ["product", "multiply"])
def test_a_product_of_numbers_is_refused_by_the_length_of_both(method, monkeypatch):
    monkeypatch.setattr(common_denominator, "LONGEST", 100)
    for over in (Fraction(2**49), Fraction(1, 2**49)):
        a = RATIONAL.take_up(1, 1, [over])
        arguments = (a, a, 1) if method == "product" else (a, a)
        assert RATIONAL.given(getattr(RATIONAL, method)(*arguments)) == [over * over]
        longer = RATIONAL.take_up(1, 1, [over * over])
        arguments = (a, longer, 1) if method == "product" else (a, longer)
        with pytest.raises(ValueError, match="grow beyond 30 digits"):
            getattr(RATIONAL, method)(*arguments)


# -- a scale or a reduction that is wrong is seen by the tests above --


@pytest.mark.parametrize("method", ["product", "combine", "multiply", "divide"])
def test_a_reduction_that_forgets_the_denominator_is_seen(method, monkeypatch):
    monkeypatch.setattr(common_denominator, "FEW", 0)
    right = common_denominator.reduced
    for module in (common_denominator, inspect.getmodule(type(RATIONAL))):
        monkeypatch.setattr(
            module, "reduced",
            lambda numerators, by: CommonDenominator(right(numerators, by).numerators, by),
        )  # fmt: skip
    with pytest.raises(AssertionError):
        test_every_operation_is_that_of_pythons_fractions(method)


@pytest.mark.parametrize("method", ["combine", "add_product"])
def test_a_sum_that_forgets_its_scales_is_seen(method, monkeypatch):
    monkeypatch.setattr(common_denominator, "common_multiple", lambda numbers: list(numbers)[0])
    with pytest.raises(AssertionError):
        test_every_operation_is_that_of_pythons_fractions(method)


# -- what users give --


def taken(*entries) -> list[Fraction]:
    return RATIONAL.given(RATIONAL.take_up(1, len(entries), list(entries), "X"))


def test_every_kind_of_number_is_taken_exactly():
    given_numbers = (1, Fraction(1, 3), 0.1, "2/7", "0.5", True, np.int64(-3), np.float32(0.1),
                     np.float64(1e-150), 1e150, 10**400)  # fmt: skip
    assert taken(*given_numbers) == [
        1, Fraction(1, 3), Fraction(0.1), Fraction(2, 7), Fraction(1, 2), 1, -3,
        Fraction(float(np.float32(0.1))), Fraction(1e-150), int(1e150), 10**400,
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "x", None, "1/0", 1j])
def test_what_is_no_rational_number_is_refused_by_name(bad):
    with pytest.raises(ValueError, match="X has .*no finite rational number"):
        taken(1, Fraction(1, 2), bad)


def test_predictions_are_fractions_in_lowest_terms():
    (value,) = RATIONAL.given(CommonDenominator(fmpz_mat(1, 1, [6]), fmpz(-4 * -1)))
    assert type(value) is Fraction and (value.numerator, value.denominator) == (3, 2)
    assert hash(value) == hash(Fraction(3, 2)) and type(value.numerator) is int


def test_the_prompt_is_what_the_witness_sees():
    witness = constructions.build("gradient_descent", d=2, steps=1, step_size=1)
    X = np.array([[0.5, 1e-150], [1e150, -3]])
    prompts = RATIONAL.prompts(X, [1, 2], [[1, 1]], witness)
    assert isinstance(prompts, ExactPrompts)
    ((got, *_),) = prompts.each()
    assert RATIONAL.given(got) == [Fraction(value) for value in X.ravel().tolist()]
