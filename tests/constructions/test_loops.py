"""Layers run until a condition, outputs that become tokens, and layers that are tied."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

import constructions
from constructions import PrecisionWarning
from constructions.parts import bilinear
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout
from verify import Claim, Promise, engine, strategies, tied
from verify.claim import Budget, Refuted

QUARTER = Fraction(1, 4)
X = np.array([[1, 0], [1, 1], [0, 2]], dtype=object)
Y = np.array([1, 2, -1], dtype=object)
QUERIES = np.array([[1, 2], [3, -1]], dtype=object)


def step() -> Witness:
    """One step of gradient descent, to be looped."""
    return constructions.build("gradient_descent", d=2, steps=1, step_size=QUARTER / 4)


def descended(steps: int) -> Witness:
    return constructions.build("gradient_descent", d=2, steps=steps, step_size=QUARTER / 4)


def close(slots, loops):
    """The errors of the examples are below 9/4 in the sum of squares."""
    errors = slots["y"][:3] - slots["fit"][:3]
    return bool(sum(error * error for error in errors) * 4 < 9)


def loops_by_hand() -> int:
    trace = descended(20).trace(X, Y, QUERIES, "rational")
    return next(k for k, slots in enumerate(trace) if close(slots, k))


@pytest.mark.parametrize("numbers", ["rational", "ball", "float64", "float32"])
def test_a_loop_runs_until_its_condition_in_every_arithmetic(numbers):
    prompt = (X, Y, QUERIES) if numbers in ("rational", "ball") else map(to_float, (X, Y, QUERIES))
    prompt, wanted = tuple(prompt), loops_by_hand()
    found = step().run_until(*prompt, until=close, at_most=20, numbers=numbers)
    assert (type(found.loops), found.loops, found.met) == (int, wanted, True) and wanted > 2
    expected = descended(wanted).predict(*prompt, numbers)
    assert [str(one) for one in found.predictions] == [str(one) for one in expected]


def to_float(array):
    return array.astype(float)


def test_a_loop_of_letters_asks_its_condition_of_letters():
    import sympy

    x, y, q = sympy.symbols("x y q")
    one = constructions.build("gradient_descent", d=1, steps=1, step_size=QUARTER)
    prompt = [[x]], [y], [[q]]
    found = one.run_until(*prompt, until=lambda slots, k: k == 2, at_most=5, numbers="symbolic")
    twice = constructions.build("gradient_descent", d=1, steps=2, step_size=QUARTER)
    assert (found.predictions[0] - twice.predict(*prompt, "symbolic")[0]).equals(0)


@pytest.mark.parametrize("kind", ["numpy", "torch", "fractions"])
def test_each_prompt_of_a_batch_loops_by_itself(kind):
    targets = np.stack([Y, Y * 4])
    numbers = "rational" if kind == "fractions" else "float64"
    prompt = [X, targets, QUERIES]
    if kind != "fractions":
        prompt = [to_float(part) for part in prompt]
    if kind == "torch":
        prompt = [torch.from_numpy(part) for part in prompt]
    found = step().run_until(*prompt, until=close, at_most=4, numbers=numbers)
    assert found.loops.tolist() == [loops_by_hand(), 4] and found.met.tolist() == [True, False]
    for k, row, target in zip(found.loops, found.predictions, prompt[1], strict=True):
        alone = descended(int(k)).predict(prompt[0], target, prompt[2], numbers)
        assert row.tolist() == alone.tolist()


def test_layers_before_and_after_a_loop_are_run_once():
    newton = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 100))
    twice = constructions.build("newton", d=2, iterations=3, alpha=Fraction(1, 100))
    same = [
        number
        for number, layer in enumerate(twice.layer_list[:-1], start=1)
        if bare(layer) == bare(twice.layer_list[number])
    ]
    start, end = same[0], newton.layers - (twice.layers - same[-1] - 1)
    found = newton.run_until(
        X, Y, QUERIES, until=lambda slots, k: k == 3, at_most=3, numbers="rational",
        body=(start, end),
    )  # fmt: skip
    assert found.predictions.tolist() == twice.predict(X, Y, QUERIES, "rational").tolist()
    assert newton.unrolled(3, (start, end)).layers == twice.layers


def bare(layer: Layer) -> Layer:
    return replace(layer, name="", holds=())


@pytest.mark.parametrize(
    "until, at_most, body, message",
    [
        (lambda slots, k: 1, 3, None, "until has to say True or False, not 1"),
        (close, -1, None, "at_most must be a whole number of at least 0, not -1"),
        (close, 3, (1, 2), "a loop of layers 1 to 2: gradient_descent has 1"),
        (close, 3, (0, 1), "a loop of layers 0 to 1"),
    ],
)
def test_a_loop_that_makes_no_sense_is_refused(until, at_most, body, message):
    with pytest.raises(ValueError, match=message):
        step().run_until(X, Y, QUERIES, until=until, at_most=at_most, numbers="rational", body=body)


# -- outputs as tokens ----------------------------------------------------------------------------


def power(keys: str = "context") -> Witness:
    """At each query S x_t, with S = X^T X: appended, the powers S x, S^2 x, ..."""
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("u", "x")), keys=keys)
    return Witness(
        "power", layout(x=(2,), u=(2,)), Prompt(2, slot_map(("x", "x")), targets=0),
        (Layer("multiply", (head,)),), Readout("u"),
    )  # fmt: skip


@pytest.mark.parametrize("numbers", ["rational", "ball", "float64"])
def test_outputs_that_become_queries_are_powers(numbers):
    given = X if numbers != "float64" else to_float(X)
    query = QUERIES[:1] if numbers != "float64" else to_float(QUERIES[:1])
    found = power().generate(given, queries=query, tokens=4, numbers=numbers)
    S, wanted = X.T @ X, [QUERIES[0]]
    for _ in range(4):
        wanted.append(S @ wanted[-1])
    assert found.shape == (4, 2)
    assert [[int(float(v)) for v in row] for row in found] == [list(row) for row in wanted[1:]]


def test_a_token_that_is_appended_is_seen_by_those_after_it():
    seen = power("full").generate(X, queries=QUERIES[:1], tokens=2, numbers="rational")
    x = QUERIES[0]
    first = X.T @ X @ x + x * (x @ x)
    rows = np.vstack([X, x[None], first[None]])
    assert seen.tolist() == [list(first), list(rows.T @ rows @ first)]


def smoother() -> Witness:
    """At each query sum_j y_j <x_j, x_t>."""
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("s", "y")))
    return Witness(
        "smoother", layout(x=(2,), y=(), s=()), Prompt(2, slot_map(("x", "x"), ("y", "y"))),
        (Layer("sum", (head,)),), Readout("s"),
    )  # fmt: skip


@pytest.mark.parametrize("batch", [(), (2,)])
def test_outputs_that_become_examples_are_what_the_next_query_sees(batch):
    xs, ys = X, Y
    wanted = []
    for x in QUERIES:
        wanted.append(ys @ (xs @ x))
        xs, ys = np.vstack([xs, x[None]]), np.append(ys, wanted[-1])
    prompt = [np.broadcast_to(part, (*batch, *part.shape)) for part in (X, Y, QUERIES)]
    options = {"tokens": 2, "append": "example"}
    found = smoother().generate(*prompt, numbers="rational", **options)
    assert found.shape == (*batch, 2) and (found == np.array(wanted, dtype=object)).all()
    floats = [torch.tensor(part.astype(float)) for part in prompt]
    made = smoother().generate(*floats, numbers="float64", **options)
    assert isinstance(made, torch.Tensor) and (made.numpy() == found.astype(float)).all()


def test_a_function_may_say_what_is_appended():
    def halved(X, y, queries, output):
        return X, y, queries[..., -1:, :] + output / 2

    found = smoother().generate(X, Y, QUERIES, tokens=2, append=halved, numbers="rational")
    first = Y @ (X @ QUERIES[1])
    assert found.tolist() == [first, Y @ (X @ (QUERIES[1] + Fraction(first) / 2))]


@pytest.mark.parametrize(
    "make, tokens, append, message",
    [
        (power, 2, "answer", "unknown way to append an output 'answer'; there are query, example"),
        (power, 0, "query", "tokens must be a whole number of at least 1"),
        (smoother, 2, "query", "outputs of 1 numbers are no queries of 2"),
        (power, 2, "example", "outputs of 2 numbers are no y of 0"),
        (smoother, 3, "example", "no query is left for output 3 of 3"),
    ],
)
def test_what_cannot_be_appended_is_refused(make, tokens, append, message):
    y = Y if make is smoother else None
    with pytest.raises(ValueError, match=message):
        make().generate(X, y, QUERIES, tokens=tokens, append=append, numbers="rational")


def logistic() -> Witness:
    """4 x (1 - x), whose iterates floats lose."""
    square = bilinear({"h": ("x", "i<-i", "x", "i<-i")}, ("u", "h", -4), ("v", "h", 0), d=1)
    return Witness(
        "logistic", layout(x=(1,), u=(1,), v=(1,)),
        Prompt(1, slot_map(("x", "x"), ("u", "x", 4)), targets=0),
        (Layer("square", mlp=square),), Readout("u"),
    )  # fmt: skip


def test_rounding_that_reaches_an_output_is_said_of_the_whole_chain():
    prompt = {"X": [[0.0]], "queries": [[0.3]]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logistic().generate(**prompt, tokens=5)
    with pytest.warns(
        PrecisionWarning, match="logistic: rounding in float64 may have moved an out"
    ):
        logistic().generate(**prompt, tokens=80)


def total() -> Witness:
    """The sum of a query."""
    add = MLP(slot_map(Block("o", "p", 1, matrix=((1, 1, 1),))))
    return Witness(
        "total", layout(p=(3,), o=()), Prompt(3, slot_map(("p", "x")), targets=0),
        (Layer("add", mlp=add),), Readout("o"),
    )  # fmt: skip


def unchanged(X, y, queries, output):
    return X, y, queries


def test_an_output_that_is_lost_is_said_beside_another_prompt_whose_outputs_are_large():
    X, lost, large = np.zeros((1, 3)), [[1e16, 1.0, -1e16]], [[1e16, 1.0, 1e16]]
    for queries in ([lost], [lost, large], [large, lost]):
        with pytest.warns(PrecisionWarning, match="may have moved an output by 1;"):
            total().generate(X, queries=np.array(queries), tokens=2, append=unchanged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total().generate(X, queries=np.array([large]), tokens=2, append=unchanged)


def test_a_function_that_does_not_run_in_balls_leaves_the_chain_with_a_warning():
    def appended(X, y, queries, output):
        return X, y, torch.cat([queries, torch.relu(output)[..., None, :].expand(1, 3)], dim=-2)

    X, queries = torch.zeros(1, 3), torch.ones(1, 3)
    with pytest.warns(PrecisionWarning, match=r"append does not run in balls \(TypeError\)"):
        made = total().generate(X, queries=queries, tokens=3, append=appended)
    assert made.tolist() == [3, 9, 27]


def test_no_prompts_give_no_outputs_and_no_loops():
    X, queries = np.zeros((1, 3)), np.zeros((0, 2, 3))
    assert total().generate(X, queries=queries, tokens=4, append=unchanged).shape == (0, 4)
    found = total().run_until(X, queries=queries, until=lambda slots, k: True, at_most=2)
    assert [one.shape for one in found] == [(0, 2), (0,), (0,)]


# -- layers that are tied -------------------------------------------------------------------------


def untied(d, steps):
    """Three steps, of which the last has another step size."""
    made = constructions.build("gradient_descent", d=d, steps=steps, step_size=QUARTER)
    other = constructions.build("gradient_descent", d=d, steps=1, step_size=QUARTER / 2)
    return made.with_layers((*made.layer_list[:-1], *other.layer_list))


def alternating(d, steps):
    one, other = (
        constructions.build("gradient_descent", d=d, steps=1, step_size=size).layer_list
        for size in (QUARTER, QUARTER / 2)
    )
    made = constructions.build("gradient_descent", d=d, steps=1, step_size=QUARTER)
    return made.with_layers(((one + other) * steps)[:steps])


def promising(witness, *promises):
    return Claim(
        "tied", witness=witness, promises=promises, algorithm=lambda X, y, queries: queries[:, 0],
        sizes=lambda: [{"d": 2, "steps": k} for k in (3, 4, 5)],
        cases=lambda: strategies.prompts(steps=st.just(3)),
    )  # fmt: skip


def counted(claim: Claim):
    report = engine.run(claim, Budget(cases=1))
    (found,) = (one for one in report.checks if one.kind == "resources")
    return found, report


def test_tied_layers_are_a_promise_that_is_counted():
    def looped(d, steps):
        return constructions.build("gradient_descent", d=d, steps=steps, step_size=QUARTER)

    found, _ = counted(promising(looped, tied(), Promise("distinct_layers", "1")))
    assert found.passed and "period = 1, promised = 1" in found.detail
    found, _ = counted(promising(alternating, tied("2"), Promise("distinct_layers", "2")))
    assert found.passed


@pytest.mark.parametrize("witness, body", [(untied, "1"), (untied, "2"), (alternating, "1")])
def test_layers_that_are_not_tied_break_the_promise(witness, body):
    found, report = counted(promising(witness, tied(body)))
    assert found.passed is False and isinstance(report.verdict, Refuted)
    assert "period" in found.detail
