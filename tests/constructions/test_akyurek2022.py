"""The chains of theorems 1 and 2: operations in fractions, transformers in floats and balls."""

from __future__ import annotations

import random
from fractions import Fraction as F

import numpy as np
import pytest

import constructions
from constructions.papers.akyurek2022 import chains as paper
from constructions.papers.akyurek2022.layers import Constants
from constructions.papers.akyurek2022.operations import IllPosed, Mov
from verify import algorithms
from verify.checks.bounds import chains as programs

STEP, RIDGE = F(1, 7), F(1, 3)


def drawn(n, d, seed=0):
    """X (n, d), y (n,), queries (1, d), w0 (d,)."""
    rng = random.Random(seed)

    def row(size):
        return [F(rng.randint(-6, 6), rng.randint(1, 4)) for _ in range(size)]

    X, y, query = [row(d) for _ in range(n)], row(n), row(d)
    return (*(np.array(part, dtype=object) for part in (X, y, [query])), tuple(row(d)))


# -- operations, exactly ----------------------------------------------------------------------


@pytest.mark.parametrize("d", range(1, 9))
@pytest.mark.parametrize("n", [1, 2, 4])
def test_theorem_1_takes_one_step_per_example(d, n):
    X, y, queries, w0 = drawn(n, d)
    chain = paper.theorem1_chain(d, STEP, RIDGE, w0, n)
    want = algorithms.one_pass_sgd(X, y, queries, STEP, RIDGE, np.array(w0))
    assert chain.predict(X, y, queries) == want[0]


@pytest.mark.parametrize("d", range(1, 7))
@pytest.mark.parametrize("n", [1, 2, 4])
def test_theorem_2_is_ridge_regression(d, n):
    X, y, queries, _ = drawn(n, d)
    chain = paper.theorem2_chain(d, RIDGE, n)
    assert chain.predict(X, y, queries) == algorithms.ridge(X, y, queries, RIDGE)[0]
    assert chain.predict(X, y, queries) == algorithms.sherman_morrison(X, y, queries, RIDGE)[0]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_printed_rows_are_those_of_the_paper(d):
    D = d * d
    one = paper.theorem1_chain(d, STEP, RIDGE, as_printed=("unit",))
    slots = ("y", "x", "fit", "residual", "product", "w", "gradient")
    assert [one.program.rows(slot) for slot in slots] == [
        (0, 1), (1, 1 + d), (1 + d, 2 + d), (2 + d, 3 + d), (3 + d, 3 + 2 * d),
        (3 + 2 * d, 3 + 3 * d), (3 + 3 * d, 3 + 4 * d),
    ]  # fmt: skip
    assert one.program.operations[8].to == (3 + 3 * d, 4 + 3 * d)
    two = paper.theorem2_chain(d, RIDGE)
    assert two.program.rows("quotient") == (2 + 4 * d + 2 * D, 2 + 4 * d + 3 * D)
    assert two.program.rows("prediction") == (2 + 5 * d + 3 * D, 3 + 5 * d + 3 * D)
    assert two.program.rows("prediction")[1] == two.program.stream.width  # the last unit


def test_what_each_operation_leaves_is_what_the_chain_says():
    from verify.strategies import Case

    for chain, names in (
        (paper.theorem1_chain(3, STEP, RIDGE, (1, 2, 3), 2), ("step_size", "ridge", "w0")),
        (paper.theorem2_chain(3, RIDGE, 2), ("ridge",)),
    ):
        X, y, queries, _ = drawn(2, 3)
        case = Case({name: chain.parameters[name] for name in names}, X, y, queries)
        assert programs.first_operation(chain, case) is None


# -- as printed -------------------------------------------------------------------------------


def test_the_printed_movs_go_to_earlier_columns():
    for build in (
        lambda: paper.theorem1_chain(2, STEP, RIDGE, as_printed=paper.THEOREM1),
        lambda: paper.theorem2_chain(2, RIDGE, as_printed=paper.THEOREM2),
    ):
        with pytest.raises(IllPosed, match=r"operation 1, mov\(; 1, 0, .*t >= s"):
            build()


def test_step_14_of_theorem_2_fits_at_d_1_alone():
    paper.theorem2_chain(1, RIDGE, as_printed=("sizes",))
    for d in (2, 3):
        with pytest.raises(IllPosed, match="operation 14, mul"):
            paper.theorem2_chain(d, RIDGE, as_printed=("sizes",))


def test_exchanging_the_columns_is_all_that_the_movs_need():
    chain = paper.theorem1_chain(2, STEP, RIDGE)
    assert [(o.source, o.target) for o in chain.program.operations if isinstance(o, Mov)] == [
        (0, 1),
        (1, 2),
    ]


def test_the_sign_of_step_6_decides():
    X, y, queries, w0 = drawn(1, 2)
    want = algorithms.one_pass_sgd(X, y, queries, STEP, RIDGE, np.array(w0))[0]
    gap = 4 * STEP * RIDGE * np.dot(w0, queries[0])  # the term is subtracted instead of added
    assert (
        paper.theorem1_chain(2, STEP, RIDGE, w0, as_printed=("sign",)).predict(X, y, queries)
        == want + gap
    )
    without = paper.theorem1_chain(2, STEP, 0, w0, as_printed=("sign",)).predict(X, y, queries)
    assert without == algorithms.one_pass_sgd(X, y, queries, STEP, 0, np.array(w0))[0]


def test_word_by_word_repetition_forgets_the_first_example():
    X, y, queries, w0 = drawn(2, 2)
    chain = paper.theorem1_chain(2, STEP, RIDGE, w0, 2, as_printed=("repetition",))
    last = algorithms.one_pass_sgd(X[1:], y[1:], queries, STEP, RIDGE, np.array(w0))
    assert chain.predict(X, y, queries) == last[0]
    chain = paper.theorem2_chain(2, RIDGE, 2, as_printed=("repetition",))
    assert chain.predict(X, y, queries) == algorithms.ridge(X[1:], y[1:], queries, RIDGE)[0]


def test_an_unknown_reading_is_named():
    with pytest.raises(ValueError, match="nothing printed is called 'signs'"):
        paper.theorem1_chain(2, STEP, as_printed=("signs",))


# -- transformers -----------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n"), [(1, 1), (2, 2), (5, 1), (8, 3)])
def test_the_transformer_of_theorem_1_ends_where_the_operations_do(d, n):
    parameters = {"d": d, "examples": n, "step_size": F(1, 8), "ridge": RIDGE}
    case = programs.prompt(1, parameters)
    chain = paper.theorem1_chain(**parameters)
    want = F(algorithms.one_pass_sgd(case.X, case.y, case.queries, F(1, 8), RIDGE)[0])
    assert programs.error(chain.transformer, case, want, Constants()) < 1e-16


@pytest.mark.parametrize(("d", "n"), [(1, 1), (2, 2), (6, 1), (3, 3)])
def test_the_transformer_of_theorem_2_ends_where_the_operations_do(d, n):
    parameters = {"d": d, "examples": n, "ridge": F(1, 2)}
    case = programs.prompt(1, parameters)
    chain = paper.theorem2_chain(**parameters)
    want = F(algorithms.ridge(case.X, case.y, case.queries, F(1, 2))[0])
    assert programs.error(chain.transformer, case, want, Constants()) < 1e-16


def test_every_slot_after_every_layer_is_what_its_operation_leaves():
    parameters = {"d": 2, "examples": 2, "ridge": F(1, 2)}
    case = programs.prompt(2, parameters)
    assert programs.first_layer(paper.theorem2_chain(**parameters), case) is None


def test_a_layer_left_out_is_found():
    parameters = {"d": 2, "examples": 1, "ridge": F(1, 2)}
    case = programs.prompt(2, parameters)
    chain = paper.theorem2_chain(**parameters)

    class Without:
        program = chain.program

        def transformer(self, constants):
            whole = chain.transformer(constants)
            empty = type(whole.layer_list[0])("nothing")
            return whole.with_layers((*whole.layer_list[:5], empty, *whole.layer_list[6:]))

    found = programs.first_layer(Without(), case)
    assert (found["layer"], found["slot"]) == (6, "outer")


def test_the_built_witnesses_are_good_in_float64():
    X, y, queries, w0 = drawn(1, 3)
    X, y, queries = X / 8, y / 8, queries / 8
    one = constructions.build("akyurek2022_theorem1", d=3, step_size=STEP, ridge=RIDGE, w0=w0)
    want = algorithms.one_pass_sgd(X, y, queries, STEP, RIDGE, np.array(w0))[0]
    assert one.trace(X, y, queries)[-1]["gradient"][-1, 2] == pytest.approx(float(want), abs=1e-4)
    two = constructions.build("akyurek2022_theorem2", d=3, ridge=1)
    want = algorithms.ridge(X, y, queries, F(1))[0]
    assert two.trace(X, y, queries)[-1]["prediction"][-1] == pytest.approx(float(want), abs=1e-4)


def test_the_stream_is_added_up_after_each_layer_in_floats():
    # kept apart, the GeLUs of a product would meet `large` before they cancel
    parameters = {"d": 2, "examples": 1, "ridge": F(1, 2)}
    case = programs.prompt(3, parameters)
    chain = paper.theorem2_chain(**parameters)
    states = chain.program.run(chain.program.prompt(case.X, case.y, case.queries))
    trace = paper.akyurek2022_theorem2(2, F(1, 2)).trace(case.X, case.y, case.queries, "float64")
    for stream, state in zip(trace, states):
        assert max(programs.slot_errors(chain.program, stream, state).values()) < 1e-6


def test_the_architecture_is_the_printed_one():
    for witness in (paper.akyurek2022_theorem1(2, STEP), paper.akyurek2022_theorem2(2, 1)):
        assert witness.prompt.form == "interleaved"
        for layer in witness.layer_list:
            for head in layer.heads:
                assert (head.attention, head.keys, head.null) == ("softmax", "causal", True)
            assert layer.norm == (layer.mlp is not None)
            assert layer.mlp is None or (layer.mlp.activation == "gelu" and layer.mlp.gate is None)
