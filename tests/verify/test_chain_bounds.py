"""Bounds for every input of a box: true at every point of it, and about the weights that run."""

from __future__ import annotations

import inspect
import random
from dataclasses import replace
from fractions import Fraction as F
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy
from changes import built_as, every_value, times
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions.papers.akyurek2022 import chains as paper
from constructions.papers.akyurek2022.layers import FLOAT64, Constants, layer, workspace
from constructions.papers.akyurek2022.operations import Aff, Div, Mov, Mul, Program, Raw
from constructions.witness import Witness
from proofs.layer import Readout
from proofs.slotmap import SlotMap
from proofs.stream import layout
from verify import algorithms, engine
from verify.checks.bounds import (
    chain_bounds,
    operation_bounds,
)
from verify.checks.bounds import (
    chains as programs,
)
from verify.checks.bounds import (
    operations as layers,
)
from verify.checks.bounds.balls import at_most, ball, interval, precision, top
from verify.checks.bounds.operation_bounds import NotCovered
from verify.checks.bounds.polynomials import Ranges
from verify.claim import Budget, builtin
from verify.claims.akyurek2022 import theorems as claims
from verify.quality.mutants import with_head, with_layer, with_mlp
from verify.strategies import Case

QUICK = Budget(quick=True, cases=20)
MILD = Constants(40, 2**40, 2**4, F(1, 2**14), 2**8)
ROUGH = Constants(8, 2**10, 2, F(1, 2**4), 2**4)  # every part of a layer's error shows
THEOREMS: dict[int, tuple[Any, Any, Any, Any, tuple[str, ...]]] = {
    1: (paper.theorem1_chain, algorithms.one_pass_sgd, claims.DESCENT, None, ("w0",)),
    2: (
        paper.theorem2_chain,
        algorithms.ridge,
        claims.RIDGES,
        chain_bounds.sherman_morrison,
        (),
    ),
}


def fraction(end: Any) -> F:
    """An end of a ball, exactly."""
    mantissa, exponent = end.man_exp()
    return F(int(mantissa)) * F(2) ** int(exponent)


def lettered(theorem: int, d: int, n: int) -> Any:
    make, _, inputs, _, vectors = THEOREMS[theorem]
    return make(**chain_bounds.lettered(inputs, d, n, vectors))


@cache
def bound(theorem: int, d: int, n: int, constants: Constants) -> float:
    return bound_of(lettered(theorem, d, n), theorem, constants)


def bound_of(chain: Any, theorem: int, constants: Constants) -> float:
    _, _, inputs, known, _ = THEOREMS[theorem]
    found = known(chain, inputs) if known else {}
    return top(
        chain_bounds.prompt_error(chain, chain.transformer(constants), constants, inputs, found)
    )


eighths = st.one_of(st.sampled_from((F(-1), F(1), F(0))), st.integers(-8, 8).map(lambda k: F(k, 8)))


@st.composite
def inside(draw: Any, theorem: int) -> Case:
    """A prompt and parameters in the box, corners not rare."""
    _, _, inputs, _, vectors = THEOREMS[theorem]
    d, n = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    parameters = inputs.draw(random.Random(draw(st.integers(0, 10**6))), d, n, vectors)
    X = np.array([[draw(eighths) for _ in range(d)] for _ in range(n)], dtype=object)
    y = np.array([draw(eighths) for _ in range(n)], dtype=object)
    return Case(parameters, X, y, np.array([[draw(eighths) for _ in range(d)]], dtype=object))


def error(theorem: int, case: Case, constants: Constants, chain: Any = None) -> float:
    make, algorithm, *_ = THEOREMS[theorem]
    want = F(programs.reference(algorithm, case, F)[0])
    chain = chain or make(**case.parameters)
    return programs.error(chain.transformer, case, want, constants)


# -- whole chains -------------------------------------------------------------------------------


@pytest.mark.parametrize("theorem", [1, 2])
@settings(max_examples=40)
@given(st.data(), st.sampled_from((Constants(), FLOAT64, MILD)))
def test_every_prompt_of_the_box_is_within_the_bound(theorem, data, constants):
    case = data.draw(inside(theorem))
    assert THEOREMS[theorem][2].contains(case)
    d, n = case.parameters["d"], case.parameters["examples"]
    assert error(theorem, case, constants) <= bound(theorem, d, n, constants)


@pytest.mark.parametrize("theorem", [1, 2])
def test_bounds_are_small_and_shrink_with_the_constants(theorem):
    coarse, fine = (bound(theorem, 2, 1, c) for c in (programs.COARSE, Constants()))
    assert fine < 1e-20
    assert fine <= coarse * programs.SHRINKS


@pytest.mark.parametrize("theorem", [1, 2])
def test_a_prompt_far_outside_of_the_box_exceeds_the_bound(theorem):
    parameters = THEOREMS[theorem][2].draw(random.Random(0), 1, 1, THEOREMS[theorem][4])
    parameters = {**parameters, "w0": (F(1),)} if theorem == 1 else parameters
    parameters |= {"step_size": F(1, 4)} if theorem == 1 else {"ridge": F(1, 2)}
    far = np.array([[F(1000)]], dtype=object)
    case = Case(parameters, far, np.array([F(1000)], dtype=object), far)
    assert not THEOREMS[theorem][2].contains(case)
    assert error(theorem, case, Constants()) > bound(theorem, 1, 1, Constants())


@pytest.mark.parametrize("theorem", [1, 2])
@settings(max_examples=10)
@given(st.data())
def test_the_chain_in_letters_has_the_weights_of_the_chain_in_numbers(theorem, data):
    case = data.draw(inside(theorem))
    parameters = case.parameters
    values = {
        sympy.Symbol(name if one is value else f"{name}_{i}"): sympy.Rational(str(one))
        for name, value in parameters.items()
        for i, one in enumerate(value if isinstance(value, tuple) else (value,))
    }
    chain = lettered(theorem, parameters["d"], parameters["examples"])
    letters = chain.transformer(Constants())
    numbers = THEOREMS[theorem][0](**parameters).transformer(Constants())
    given_ = dict(numbers.matrices())
    for where, entries in letters.matrices():
        put_in = {at: sympy.sympify(value).subs(values) for at, value in entries.items()}
        there = {at: value for at, value in put_in.items() if value != 0}
        assert there == {at: sympy.sympify(v) for at, v in given_.get(where, {}).items()}


# -- a chain that is broken ---------------------------------------------------------------------


class Broken:
    """A chain whose transformer is changed."""

    def __init__(self, chain: Any, change: Any) -> None:
        self.chain, self.change = chain, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)

    def transformer(self, constants: Constants) -> Witness:
        return self.change(self.chain.transformer(constants), self.chain)


def built_of(make: Any, change: Any) -> Any:
    """A builder of the chain's transformer, changed."""
    names = tuple(vars(Constants()))

    def build(**given: Any) -> Witness:
        constants = Constants(*(given.pop(name) for name in names))
        return Broken(make(**given), change).transformer(constants)

    return build


def wrong_mlp(witness: Witness, chain: Any) -> Witness:
    """One outer weight of the last MLP is off by a millionth."""
    number = max(i for i, one in enumerate(witness.layer_list) if one.mlp is not None)
    made = witness.layer_list[number]
    outer = times(1 + F(1, 10**6), made.mlp.outer)
    return with_layer(witness, number, with_mlp(made, outer=outer))


def wrong_value(witness: Witness, chain: Any) -> Witness:
    """The last head of the chain writes a thousandth too much."""
    number = max(i for i, one in enumerate(witness.layer_list) if one.mlp is None)
    made = witness.layer_list[number]
    value = times(F(1001, 1000), made.heads[0].value)
    return with_layer(witness, number, with_head(made, 0, value=value))


def coarser(witness: Witness, chain: Any) -> Witness:
    return chain.transformer(programs.COARSE)


@pytest.mark.parametrize("theorem", [1, 2])
@pytest.mark.parametrize("change", [wrong_mlp, wrong_value, coarser])
def test_the_bound_of_a_broken_chain_is_as_large_as_its_error(theorem, change):
    make, _, inputs, _, vectors = THEOREMS[theorem]
    found = bound_of(Broken(lettered(theorem, 2, 1), change), theorem, Constants())
    assert found > 1e6 * bound(theorem, 2, 1, Constants())
    for seed in range(5):
        parameters = inputs.draw(random.Random(seed), 2, 1, vectors)
        case = programs.prompt(seed, parameters)
        off = error(theorem, case, Constants(), Broken(make(**parameters), change))
        assert off <= found
    assert off > bound(theorem, 2, 1, Constants())


@pytest.mark.parametrize("theorem", [1, 2])
def test_a_chain_with_a_wrong_layer_is_refuted_and_the_layer_named(theorem):
    make, algorithm, inputs, known, vectors = THEOREMS[theorem]

    build = built_of(make, wrong_mlp)
    sizes = [inputs.draw(random.Random(3), 2, 1, vectors)]
    boxes = programs.Boxes(inputs, [(2, 1)], vectors)
    result = programs.enclosure(build, make, algorithm, lambda budget: sizes, boxes).run(QUICK)
    assert result.passed is False
    assert result.bound is None or result.bound < result.max_error
    assert result.first_difference["layer"] >= 1
    assert not result.box


def test_coarser_constants_that_do_not_shrink_give_no_box():
    def stuck(**parameters: Any) -> Any:
        return Broken(paper.theorem1_chain(**parameters), coarser)

    chain = stuck(**chain_bounds.lettered(claims.DESCENT, 1, 1, ("w0",)))
    coarse = bound_of(chain, 1, programs.COARSE)
    assert bound_of(chain, 1, Constants()) == pytest.approx(coarse, rel=1e-6)
    tested = programs.CheckResult(True, 1, 0.0)
    boxes = programs.Boxes(claims.DESCENT, [(1, 1)], ("w0",))
    build = built_of(paper.theorem1_chain, coarser)
    found = programs._bounded(
        tested, build, paper.theorem1_chain, algorithms.one_pass_sgd, boxes, QUICK
    )
    assert not found.box
    assert found.bound is None
    assert "does not shrink" in found.detail


def test_an_algorithm_that_differs_only_off_the_drawn_parameters_is_refuted():
    def other(X: Any, y: Any, queries: Any, step_size: Any, ridge: Any = 0, w0: Any = None) -> Any:
        same = algorithms.one_pass_sgd(X, y, queries, step_size, ridge, w0)
        return same + (step_size - F(1, 8)) * y[0]

    sizes = [claims.descent_sizes((1,), QUICK)[0]]
    assert sizes[0]["step_size"] == F(1, 8)
    given_ = claims.theorem1_repaired, paper.theorem1_chain, other, lambda budget: sizes
    without = programs.enclosure(*given_).run(QUICK)
    result = programs.enclosure(*given_, claims.descent_boxes((1, 1))).run(QUICK)
    assert without.passed is True
    assert not without.box
    assert result.passed is False
    assert F(result.counterexample["prediction"]) != F(result.counterexample["algorithm"])


# -- the claims' own builders -------------------------------------------------------------------

CLAIMS = [
    "akyurek2022.theorem1", "akyurek2022.theorem1.multistep",
    "akyurek2022.theorem2", "akyurek2022.theorem2.multistep",
]  # fmt: skip


def verdict_of(id: str, change: Any) -> Any:
    """Of the repaired claim, its builder changed."""
    (made,) = (one for one in builtin(id) if one.key == (id, "repaired"))
    return engine.run(replace(made, witness=change(made.witness)), Budget(quick=True)).verdict


def off_by_a_hundredth(own: Any) -> Any:
    return built_as(own, lambda made: every_value(made, F(101, 100)))


def adding_nothing(own: Any) -> Any:
    return built_as(own, lambda made: every_value(made, 0))


def of_another_algorithm(own: Any) -> Any:
    """Builds the chain that ascends, or that of twice the ridge."""

    def build(**given: Any) -> Witness:
        free = {name: given.pop(name, value) for name, value in vars(FLOAT64).items()}
        if "step_size" in given:
            given["step_size"] = -given["step_size"]
            return paper.theorem1_chain(**given).transformer(Constants(**free))
        given["ridge"] = 2 * given["ridge"]
        return paper.theorem2_chain(**given).transformer(Constants(**free))

    return build


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_of_a_chain_approximates_by_its_own_builder(id):
    found = verdict_of(id, lambda own: own)
    assert found.name == "approximates"
    assert found.strength == "enclosed"


@pytest.mark.parametrize("id", CLAIMS)
@pytest.mark.parametrize("fault", [off_by_a_hundredth, adding_nothing, of_another_algorithm])
def test_a_claim_of_a_chain_is_refuted_by_a_fault_of_its_builder(id, fault):
    assert verdict_of(id, fault).name == "refuted"


# -- what is not covered ------------------------------------------------------------------------


def linear_head(witness: Witness, chain: Any) -> Witness:
    first = witness.layer_list[0]
    heads = tuple(replace(head, attention="linear", null=False) for head in first.heads)
    return with_layer(witness, 0, replace(first, heads=heads))


def reads_the_prompt(witness: Witness, chain: Any) -> Witness:
    first = witness.layer_list[0]
    (block,) = first.heads[0].key.blocks
    column = ((1,),) * witness.prompt.positions
    key = SlotMap((block, replace(block, source="y", matrix=column)))
    return with_layer(witness, 0, with_head(replace(first, heads=first.heads[:1]), 0, key=key))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (linear_head, "no causal softmax"),
        (reads_the_prompt, "depend on the prompt"),
        (lambda w, c: replace(w, readout=Readout(w.readout.slot, 2)), "read-out"),
        (lambda w, c: w.with_layers(w.layer_list[:-1]), "8 layers do 9 operations"),
        (
            lambda w, c: replace(w, prompt=replace(w.prompt, register=True)),
            "embedding is not the printed prompt",
        ),
        (
            lambda w, c: with_layer(w, 1, replace(c.transformer(MILD).layer_list[3], norm=False)),
            "without the layer norm",
        ),
    ],
)
def test_what_is_not_covered_is_refused_by_name(change, why):
    with pytest.raises(NotCovered, match=why):
        bound_of(Broken(lettered(1, 1, 1), change), 1, Constants())


def test_a_letter_without_a_range_is_refused():
    chain = paper.theorem1_chain(1, sympy.Symbol("eta"), 0, (0,))
    with pytest.raises(NotCovered, match="eta has no range"):
        bound_of(chain, 1, Constants())


def test_a_divisor_that_may_vanish_gives_no_bound():
    program = Program((Div((1, 2), 0, (2, 3)),), layout(y=(), x=(1,), out=()), 3)
    chain = paper.Chain("one", program, (), (), "out", {"d": 1, "examples": 1})
    witness = chain.transformer(Constants())
    found = chain_bounds.prompt_error(chain, witness, Constants(), claims.RIDGES, {})
    assert top(found) == float("inf")


def test_an_update_that_is_not_sherman_and_morrisons_is_refused():
    chain = lettered(2, 2, 1)
    *before, _, after = (i for i, o in enumerate(chain.program.operations) if isinstance(o, Aff))
    for number, operation in enumerate(chain.program.operations):
        if isinstance(operation, Aff) and operation.second:
            changed = replace(operation, W2=-2)
        elif isinstance(operation, Aff) and operation.first:
            changed = replace(operation, b=2)
        elif isinstance(operation, Aff):
            changed = replace(operation, b=(1, 1, 0, 1))
        elif isinstance(operation, Div):
            changed = replace(operation, by=0)
        else:
            continue
        operations = chain.program.operations
        operations = (*operations[:number], changed, *operations[number + 1 :])
        wrong = replace(chain, program=replace(chain.program, operations=operations))
        with pytest.raises(NotCovered):
            chain_bounds.sherman_morrison(wrong, claims.RIDGES)


@settings(max_examples=30)
@given(inside(2))
def test_the_ranges_from_sherman_and_morrison_hold_in_every_column(case):
    chain = paper.theorem2_chain(**case.parameters)
    d, n = case.parameters["d"], case.parameters["examples"]
    known = chain_bounds.sherman_morrison(lettered(2, d, n), claims.RIDGES)
    states = chain.program.run(chain.program.prompt(case.X, case.y, case.queries))
    assert known
    for number, ranges in known.items():
        for column in states[number]:
            for row, low, high in ranges:
                assert low <= column[row]
                assert high is None or column[row] <= high


@pytest.mark.parametrize("theorem", [1, 2])
def test_operations_are_the_algorithm_in_letters_and_no_other(theorem):
    make, algorithm, *_ = THEOREMS[theorem]
    chain = lettered(theorem, 2, 2)
    assert chain_bounds.equal_in_letters(chain, algorithm)

    def other(X: Any, y: Any, queries: Any, **parameters: Any) -> Any:
        return algorithm(X, y, queries, **parameters) + X[0, 0] * y[1] / 1000

    other.__signature__ = inspect.signature(algorithm)  # type: ignore[attr-defined]
    assert not chain_bounds.equal_in_letters(chain, other)


# -- single layers ------------------------------------------------------------------------------


@st.composite
def operations(draw: Any, width: int = 5, columns: int = 3) -> Any:
    """Any operation on five rows and three columns, ranges overlapping as they like."""

    def rows(size: int) -> tuple[int, int]:
        start = draw(st.integers(0, width - size))
        return start, start + size

    def weights(m: int, k: int) -> Any:
        return tuple(tuple(draw(eighths) * 2 for _ in range(k)) for _ in range(m))

    kind = draw(st.sampled_from(("mov", "aff", "mul", "div", "raw +", "raw ⊙")))
    size = draw(st.integers(1, 2))
    if kind == "mov":
        t = draw(st.integers(0, columns - 1))
        return Mov(draw(st.integers(0, t)), t, rows(size), rows(size))
    if kind == "aff":
        k, m = draw(st.integers(1, 2)), draw(st.integers(1, 2))
        return Aff(
            rows(k), rows(m), rows(size), W1=weights(size, k), W2=weights(size, m),
            b=tuple(draw(eighths) for _ in range(size)),
        )  # fmt: skip
    if kind == "mul":
        a, b, c = draw(st.sampled_from(((1, 1, 1), (1, 2, 1), (2, 1, 1), (1, 1, 2), (2, 1, 2))))
        return Mul(a, b, c, rows(a * b), rows(b * c), rows(a * c))
    if kind == "div":
        return Div(rows(size), draw(st.integers(0, width - 1)), rows(size))
    K = tuple(tuple(j for j in range(i + 1) if draw(st.booleans())) for i in range(columns))
    return Raw(
        kind[-1], rows(size), rows(size), rows(size), K, weights(size, size), weights(size, size),
        weights(size, size), strict=False,
    )  # fmt: skip


FIVE = layout(y=(), x=(2,), a=(2,))
LEAST = F(1, 4)


@settings(max_examples=150)
@given(operations(), st.sampled_from((Constants(), programs.COARSE, MILD, ROUGH)), st.data())
def test_a_layer_stays_within_its_bound_at_every_stream(operation, constants, data):
    limit = layers.bound(operation, FIVE, 3, constants, LEAST)
    away = getattr(operation, "by", None)
    draw = random.Random(data.draw(st.integers(0, 10**6)))
    for _ in range(3):
        H = layers.draw_box(draw, FIVE, 3, away, LEAST)
        assert layers.worst_point(operation, FIVE, H, constants) <= limit


@settings(max_examples=25)
@given(operations(), st.integers(0, 10**6))
def test_a_layer_whose_weights_are_off_has_a_bound_that_says_so(operation, seed):
    whole = workspace(FIVE, 3, [operation])
    made = layer(operation, whole, MILD)
    head = made.heads[-1]
    if not head.value.blocks:
        return
    value = times(F(11, 10), head.value)
    wrong = with_head(made, len(made.heads) - 1, value=value)
    H = layers.draw_box(random.Random(seed), FIVE, 3, getattr(operation, "by", None), LEAST)
    with precision(MILD.bits(2)):
        limit = top(operation_bounds.operation_error(operation, wrong, whole, 5, LEAST))
        got = layers.run(layers.alone(wrong, whole, FIVE, 3), FIVE, H)
        assert all(
            (g - ball(w)).abs_upper() <= ball(limit)
            for gs, ws in zip(got, operation.apply(H))
            for g, w in zip(gs, ws, strict=True)
        )


# -- polynomials on ranges, and numbers in print ------------------------------------------------


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=3), st.data()
)
def test_polynomials_enclose_their_values(ends, data):
    with precision(128):
        ranges = Ranges(interval(low, low + F(width, 2)) for low, width in ends)
        points = [low + F(width * data.draw(st.integers(0, 4)), 8) for low, width in ends]
        variables = [ranges.variable(i) for i in range(len(ends))]

        def grow(depth: int) -> tuple[Any, F]:
            kind = data.draw(st.sampled_from("+-*c" if depth < 4 else "v"))
            if kind == "v":
                i = data.draw(st.integers(0, len(ends) - 1))
                return variables[i], points[i]
            left, a = grow(depth + 1)
            if kind == "c":
                c = data.draw(st.sampled_from((F(-2), F(1, 3), F(1, 2**130))))
                return (left * c).pruned(), a * c
            right, b = grow(depth + 1)
            if kind == "*":
                return left * right, a * b
            return (left + right, a + b) if kind == "+" else (left - right, a - b)

        polynomial, at = grow(1)
        value = polynomial.value()
        assert fraction(value.lower()) <= at <= fraction(value.upper())
        assert abs(at) <= fraction(polynomial.size().upper())


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False), st.integers(1, 5))
def test_a_printed_bound_is_no_smaller_than_the_bound(value, digits):
    assert F(at_most(value, digits)) >= F(value)


def test_what_may_be_zero_is_not_taken_for_zero():
    """Of (1/3 - q) x all is in the rest, a ball that contains 0: times y it is not."""
    with precision(256):
        over = Ranges([arb(0, 1), arb(0, 1) * arb(2) ** 300])
        x, y = over.variable(0), over.variable(1)
        q = F(2**257 // 3, 2**257)
        rest = (x * ball(F(1, 3)) - x * q).pruned()
        assert not rest.terms and rest.rest.contains(0)
        at = ball((F(1, 3) - q) * 2**300)  # at x = 1, y = 2^300
        assert (rest * y).value().contains(at) and (y * rest).value().contains(at)
        assert chain_bounds.Near(arb(1), arb(0, 1)).range.contains(arb(2))
