"""The chains of theorems 1 and 2: their rows, what each step leaves, and their architecture.

That they do what is claimed of them is checked with the claims.
"""

from __future__ import annotations

import random
from fractions import Fraction as F

import numpy as np
import pytest

from constructions.papers.akyurek2022 import chains as paper
from constructions.papers.akyurek2022.operations import Aff, Div, Mov, Mul, Program, Raw
from proofs.stream import layout
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


def some_operation(rng, columns):
    """Any kind of operation on five rows."""

    def rows(size):
        start = rng.randint(0, 5 - size)
        return start, start + size

    def read(t):
        return tuple(j for j in range(t) if rng.random() < 0.5)

    kind = rng.choice([Mov, Mul, Div, Aff, Raw])
    if kind is Mov:
        s = rng.randrange(columns)
        return Mov(s, rng.randrange(s, columns), rows(2), rows(2))
    if kind is Mul:
        return Mul(1, 2, 1, rows(2), rows(2), rows(1))
    if kind is Div:
        return Div(rows(2), rng.randrange(5), rows(2))
    if kind is Aff:
        return Aff(rows(2), rows(1), rows(2), W1=F(1, 2), W2=((1,), (-2,)), b=3)
    kept = rng.choice(["keep", "zero"])
    return Raw(rng.choice("+⊙"), rows(2), rows(2), rows(2), tuple(map(read, range(columns))),
               empty=kept)  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_a_result_is_what_the_whole_run_leaves_in_the_last_column(seed):
    rng, columns = random.Random(seed), 4
    operations = tuple(some_operation(rng, columns) for _ in range(8))
    program = Program(operations, layout(x=(5,)), columns)
    start = [[F(rng.randint(1, 9)) for _ in range(5)] for _ in range(columns)]
    try:
        last = program.run(start)[-1][-1]
    except ZeroDivisionError:
        return  # a divisor is 0
    assert [program.result(start, row) for row in range(5)] == last


def test_what_a_result_is_not_made_of_is_not_computed():
    chain, done = paper.theorem2_chain(2, RIDGE, 2), []

    def do(operation, columns):
        done.append(len(columns))
        return operation.apply(columns)

    X, y, queries, _ = drawn(2, 2)
    program = chain.program
    made = program.result(program.prompt(X, y, queries), program.rows(chain.readout)[0], do)
    assert made == chain.predict(X, y, queries)
    alone = [n for n, one in zip(done, program.operations, strict=True) if not isinstance(one, Mov)]
    assert max(alone) <= 2 and sum(alone) < len(alone) * 3 / 2  # of five columns


# -- as printed -------------------------------------------------------------------------------


def test_exchanging_the_columns_is_all_that_the_movs_need():
    chain = paper.theorem1_chain(2, STEP, RIDGE)
    assert [(o.source, o.target) for o in chain.program.operations if isinstance(o, Mov)] == [
        (0, 1),
        (1, 2),
    ]


def test_an_unknown_reading_is_named():
    with pytest.raises(ValueError, match="nothing printed is called 'signs'"):
        paper.theorem1_chain(2, STEP, as_printed=("signs",))


# -- transformers -----------------------------------------------------------------------------


def test_every_slot_after_every_layer_is_what_its_operation_leaves():
    parameters = {"d": 2, "examples": 2, "ridge": F(1, 2)}
    case = programs.prompt(2, parameters)
    chain = paper.theorem2_chain(**parameters)
    assert programs.first_layer(chain, chain.transformer, case) is None


def test_a_layer_left_out_is_found():
    parameters = {"d": 2, "examples": 1, "ridge": F(1, 2)}
    case = programs.prompt(2, parameters)
    chain = paper.theorem2_chain(**parameters)

    def without(constants):
        whole = chain.transformer(constants)
        empty = type(whole.layer_list[0])("nothing")
        return whole.with_layers((*whole.layer_list[:5], empty, *whole.layer_list[6:]))

    found = programs.first_layer(chain, without, case)
    assert (found["layer"], found["slot"]) == (6, "outer")


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
