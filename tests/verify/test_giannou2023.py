"""giannou2023: reading, subtracting, SUBLEQ, and that what is slightly wrong is seen."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction as F
from itertools import islice
from typing import Any

import numpy as np
import pytest
from changes import built_as, every_value
from found import claims_of
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions import PrecisionWarning
from constructions.numbers.ball import Ball
from constructions.papers import giannou2023 as paper
from proofs.flint_precision import precision
from proofs.slotmap import Block, SlotMap
from proofs.statements.papers.giannou2023 import THEOREMS
from proofs.stream import layout
from verify import algorithms, engine
from verify.checks.bounds.balls import ball, interval
from verify.checks.steps import as_annotated
from verify.claim import Budget, Builder
from verify.claims.giannou2023 import (
    columns,
    loop,
    machines,
    reading,
    relus,
    shares,
    subleq,
    subtraction,
)

CLAIMS = claims_of("giannou2023")
FEW = Budget(cases=15)


def found(id: str, variant: str = "printed") -> Any:
    return engine.run(CLAIMS[id, variant], FEW).verdict


# -- what is changed in a layer -------------------------------------------------------------------


def with_layer(witness: Any, number: int, **changed: Any) -> Any:
    layers = list(witness.layer_list)
    layers[number] = replace(layers[number], **changed)
    return witness.with_layers(tuple(layers))


def scaled(slots: SlotMap, source: str, factor: Any) -> SlotMap:
    """What is read of one slot, times a factor."""
    return SlotMap(
        tuple(
            replace(
                block, coefficient=block.coefficient * (factor if block.source == source else 1)
            )
            for block in slots
        )
    )


def key_without(witness: Any, slot: str, layer: int = 0) -> Any:
    (head, *others) = witness.layer_list[layer].heads
    changed = replace(head, key=scaled(head.key, slot, 0))
    return with_layer(witness, layer, heads=(changed, *others))


def mlp_reading(witness: Any, layer: int, slot: str, factor: Any) -> Any:
    mlp = witness.layer_list[layer].mlp
    return with_layer(witness, layer, mlp=replace(mlp, inner=scaled(mlp.inner, slot, factor)))


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda made: key_without(made, "position"),
        lambda made: key_without(made, "counter"),
        lambda made: mlp_reading(made, 0, "kept", F(1, 2)),
        lambda made: mlp_reading(made, 0, "buffer", 1 + F(1, 2**40)),
    ],
)
def test_another_layer_does_not_read_with_that_error(change):
    assert reading.reads(built_as(paper.reader, change)).run(FEW).passed is False


def test_a_layer_that_is_a_little_cooler_does_not_read_with_that_error():
    def cooler(d: int, address: int, temperature: Any) -> Any:
        return paper.reader(d, address, temperature * (1 - F(1, 2**20)))

    assert reading.reads(cooler).run(FEW).passed is False


@pytest.mark.parametrize(
    "wrong",
    [
        lambda k, delta: reading.smallest_temperature(1, delta),
        lambda k, delta: reading.smallest_temperature(k, F(101, 100) * delta),
        lambda k, delta: 2 * reading.smallest_temperature(k, delta),
    ],
)
def test_another_formula_is_not_the_smallest_temperature(wrong):
    assert reading.smallest(reading.reading).run(FEW).passed
    assert reading.smallest(reading.reading, wrong).run(FEW).passed is False


@settings(max_examples=10)
@given(st.integers(1, 3), st.integers(1, 8), st.randoms(use_true_random=False))
def test_contents_in_the_box_are_read_within_the_formula(k, counter, random):
    """In plain floats, from the scores: no witness, no balls."""
    temperature, columns = 1.25, 2**k
    address = [[float(b) for b in machines.bits(t + 1, k)] for t in range(columns)]
    kept, *values = (random.uniform(-1, 1) for _ in range(columns + 1))
    asked = [float(b) for b in machines.bits(counter, k)]
    keys = [asked, *address]
    shares = np.exp([temperature * np.dot(asked, key) for key in keys])
    buffer = shares @ [kept, *values] / sum(shares)
    off = abs(2 * buffer - kept - values[(counter - 1) % columns])
    bound = float(reading.read_error(k, F(5, 4)).upper())
    assert off <= bound
    X = np.array([[v, *[0.0] * k] for v in values])
    made = paper.reader(1, k, F(5, 4)).predict(X, None, np.array([[*asked, kept]]))
    assert abs(made[0] - (2 * buffer - kept)) < 1e-12


@pytest.mark.recomputes("giannou2023.read.softmax")
def test_the_softmax_alone_gives_half_of_the_column():
    verdict = found("giannou2023.read.softmax")
    shown = verdict.counterexample
    (value, _), (_, kept) = shown["X"][0], shown["query"][0]
    assert (F(value) + F(0)) / 2 == F(1, 2) != F(shown["column"]) and kept == "0"
    assert float(shown["softmax"]) == 0.5


# -- subtracting ----------------------------------------------------------------------------------


def without_one(N: int) -> Any:
    """-r is the flipped bits, no 1 added."""
    made = paper.subtractor(N)
    units = paper.Units(made.layout)
    flipped = paper.rows_of("buffer", N)
    paper.add(units, [flipped], 0, paper.rows_of("buffer", N, N))
    return with_layer(made, 1, mlp=units.mlp())


def lowest_first(N: int) -> Any:
    made = paper.subtractor(N)
    first, second = paper.rows_of("first", N), paper.rows_of("second", N)
    return made.with_layers(paper.subtract(made.layout, first[::-1], second[::-1]))


@pytest.mark.parametrize(
    "wrong",
    [
        without_one,
        lowest_first,
        lambda N: mlp_reading(paper.subtractor(N), 2, "second", -1),
        lambda N: mlp_reading(paper.subtractor(N), 2, "scratchpad", F(9, 10)),
    ],
)
def test_another_adder_is_seen(wrong):
    assert subtraction.every_pair(wrong).run(Budget(quick=True)).passed is False


@pytest.mark.recomputes("giannou2023.subtract.integers")
def test_a_difference_that_does_not_fit_is_another_number_and_the_sign_is_wrong():
    shown = found("giannou2023.subtract.integers").counterexample
    N, a, b = (shown[name] for name in ("N", "a", "b"))
    assert not -(2 ** (N - 1)) <= b - a < 2 ** (N - 1)
    made = sum(2 ** (N - 1 - i) for i, e in enumerate(shown["bits"]) if F(e) > 0)
    made -= 2**N if F(shown["bits"][0]) > 0 else 0
    assert made != b - a and (made - (b - a)) % 2**N == 0 and (made > 0) != (b - a > 0)
    assert found("giannou2023.subtract.integers", "repaired").name == "holds"
    fits = subtraction.Domain("those that fit", subtraction.fits)
    assert subtraction.whole_numbers(fits, without_one).run(FEW).passed is False


# -- programs -------------------------------------------------------------------------------------


def test_the_interpreter_does_what_a_command_says():
    # 5 - 2 = 3 > 0: the next command; 3 - 3 <= 0: to 4; in 3 bits -4 - 1 is 3
    assert algorithms.subleq_command([2, 5, 3], [(1, 2, 4), (2, 3, 4)], 4, 8) == ([2, 3, 3], 5)
    assert algorithms.subleq_command([2, 3, 3], [(1, 2, 4), (2, 3, 4)], 5, 8) == ([2, 3, 0], 4)
    assert algorithms.subleq_command([1, -4], [(1, 2, 9)], 3, 3) == ([1, 3], 4)
    with pytest.raises(ValueError, match="no command at 2"):
        algorithms.subleq_command([1, 2], [(1, 2, 3)], 2, 8)
    with pytest.raises(ValueError, match="points beyond the memory"):
        algorithms.subleq_command([1, 2], [(1, 3, 3)], 3, 8)


def test_longer_programs_run_to_their_end():
    longer = (
        (machines.multiplication(7, -7, 9), {0: -63}),
        (machines.sorting(4, (2, -3, 1)), {0: -3, 1: 1, 2: 2}),
    )
    result = subleq.executes(subleq.one_loop, longer).run(FEW)
    assert result.passed and result.cases == 51, result.detail


@pytest.mark.parametrize("numbers", ["float64", Ball(1024)], ids=["floats", "balls"])
def test_the_loop_itself_runs_until_the_program_ends(numbers):
    """Loop after loop on its own output, until the counter is at the last command."""
    machine = machines.multiplication(5, 3, 4)
    states = list(machine.run())
    X, asked = machine.columns()
    if numbers == "float64":
        X, asked = X.astype(float), asked.astype(float)
    witness = paper.subleq(5, machine.address, subleq.enough(5, machine.address))
    end = states[-1].counter

    def counter(slots: Any, loops: int) -> bool:
        at = [float(bit) for bit in slots["counter"][-1]]
        bits = [float(bit) for bit in machines.bits(states[loops].counter, machine.address)]
        assert np.allclose(at, bits, atol=1e-6)  # every loop, as interpreted
        return sum(2**i for i, bit in enumerate(reversed(at)) if bit > 0) == end

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        ran = witness.run_until(X, None, asked, until=counter, at_most=40, numbers=numbers)
    assert ran.met and ran.loops == len(states) - 1
    memory = [machines.number([float(b) for b in row]) for row in ran.predictions[:7]]
    assert memory == list(states[-1].memory) and memory[0] == 12


def every_loop(made: Any, number: int, **changed: Any) -> Any:
    """Layer `number`, from 0, of every loop of ten changed."""
    for layer in range(number, made.layers, 10):
        made = with_layer(made, layer, **changed)
    return made


def without_a_layer(number: int) -> Any:
    return lambda made: every_loop(made, number, heads=(), mlp=paper.Units(made.layout).mlp())


def writing_at_a(made: Any) -> Any:
    N, k = made.layout["memory"].size, made.layout["counter"].size
    temperature = made.layer_list[5].heads[0].query.blocks[0].coefficient
    a, second = paper.rows_of("pointers", k), paper.rows_of("second", N)
    other = paper.write(made.layout, a, second, paper.rows_of("memory", N), temperature)
    return every_loop(made, 5, heads=other.heads, mlp=other.mlp)


def branching(flag: str) -> Any:
    """The flag of one of its two ReLUs alone: mem[b] < 0, or mem[b] = 0."""

    def change(made: Any) -> Any:
        mlp = made.layer_list[6].mlp
        rows = {"negative": 1, "zero": 0}
        outer = []
        for block in mlp.outer:
            if block.destination == "first":
                matrix = [list(row) for row in block.matrix]
                matrix[0][rows[flag]] = 0
                block = Block("first", "hidden", matrix=tuple(map(tuple, matrix)))
            outer.append(block)
        return every_loop(made, 6, mlp=replace(mlp, outer=SlotMap(tuple(outer))))

    return change


def clamping_the_other_way(made: Any) -> Any:
    """All that the clamp adds has its sign changed."""
    mlp = made.layer_list[9].mlp
    outer = SlotMap(tuple(replace(one, coefficient=-one.coefficient) for one in mlp.outer))
    return every_loop(made, 9, mlp=replace(mlp, outer=outer))


def values_times(factor: Any) -> Any:
    return lambda made: every_value(made, factor)


OTHER_LOOPS = [
    *(without_a_layer(layer) for layer in range(10)),
    writing_at_a, branching("negative"), branching("zero"), clamping_the_other_way,
    *(values_times(factor) for factor in (F(101, 100), 0, -1)),
]  # fmt: skip


def too_cool(d: int, address: int, temperature: Any, loops: int = 1) -> Any:
    return paper.subleq(d, address, F(1, 2), loops=loops)


@pytest.mark.parametrize("wrong", [*(built_as(paper.subleq, one) for one in OTHER_LOOPS), too_cool])
def test_another_loop_is_seen(wrong):
    budget = Budget(cases=10)
    checks = (subleq.executes(wrong), subleq.steps(wrong))  # the second where the first passes
    results = (check.run(budget) for check in checks)
    assert any(result.passed is False and result.counterexample for result in results)


LOOPS = [
    ("giannou2023.subleq", "printed"),
    ("giannou2023.subleq.unclamped", "repaired"),
    ("giannou2023.subleq.states", "improved"),
]
READS = [
    ("giannou2023.read", "printed"),
    ("giannou2023.read.temperature", "improved"),
    ("giannou2023.read.softmax", "repaired"),
]


def verdict_of(key: tuple[str, str], build: Any) -> str:
    """The verdict of a claim whose builder is this one."""
    claim = CLAIMS[key]
    made = claim if claim.witness is None else replace(claim, witness=build)
    name: str = engine.run(made, FEW).verdict.name
    return name


@pytest.mark.parametrize("factor", [F(101, 100), 0, -1])
@pytest.mark.parametrize("key", LOOPS + READS, ids=lambda key: key[0])
def test_a_claim_falls_with_what_its_builder_makes(key, factor, monkeypatch):
    module, name = (subleq, "one_loop") if key in LOOPS else (reading, "reading")
    own = getattr(module, name)
    assert verdict_of(key, own) == CLAIMS[key].expected
    wrong = Builder(built_as(own, values_times(factor)))
    monkeypatch.setattr(module, name, wrong)
    assert verdict_of(key, wrong) in ("refuted", "undecided") and wrong.asked


@pytest.mark.parametrize("key", LOOPS, ids=lambda key: key[0])
def test_a_claim_falls_with_its_clamp(key, monkeypatch):
    wrong = Builder(built_as(subleq.one_loop, clamping_the_other_way))
    monkeypatch.setattr(subleq, "one_loop", wrong)
    assert verdict_of(key, wrong) in ("refuted", "undecided") and wrong.asked


def test_that_the_softmax_gives_half_is_said_of_what_is_built(monkeypatch):
    key = "giannou2023.read.softmax", "printed"
    assert verdict_of(key, reading.reading) == "refuted"
    monkeypatch.setattr(reading, "reading", Builder(built_as(paper.reader, values_times(2))))
    assert verdict_of(key, reading.reading) == "undecided"


# -- every state ----------------------------------------------------------------------------------

QUICK = Budget(cases=8, quick=True)


def less(**factors: Any) -> Any:
    """The formula with some parts smaller."""

    def bounds(N: int, k: int, temperature: Any) -> Any:
        made = subleq.errors(N, k, temperature)
        return {name: one * ball(factors.get(name, 1)) for name, one in made.items()}

    return bounds


@pytest.mark.parametrize("factor", [F(1, 10), F(1, 2)])
@pytest.mark.parametrize("part", subleq.PARTS)
def test_a_formula_that_leaves_something_out_bounds_not_what_the_layers_pass_on(part, factor):
    assert subleq.bounded(subleq.one_loop).run(QUICK).passed
    assert not subleq.bounded(subleq.one_loop, less(**{part: factor})).run(QUICK).passed


def test_a_formula_that_is_far_too_small_is_refuted_by_a_state():
    result = subleq.bounded(subleq.one_loop, less(**dict.fromkeys(subleq.PARTS, F(1, 200))))
    found = result.run(FEW)
    assert found.passed is False and found.counterexample


@pytest.mark.parametrize("change", OTHER_LOOPS)
def test_another_loop_is_not_enclosed(change):
    with pytest.raises(columns.NotSo):
        subleq.passed_on(built_as(paper.subleq, change), 2, 2)


def test_what_the_layers_pass_on_is_more_than_any_state_is_off_and_near_the_formula():
    N, k = 2, 2
    temperature = subleq.enough(N, k)
    made = paper.subleq(N, k, temperature)
    with precision(subleq.BITS):
        found = loop.Loop(made, N, k).errors()
        formula = subleq.errors(N, k, temperature)
        for name in subleq.PARTS:
            assert found[name] <= formula[name] and formula[name] < 2 * found[name]
        for state in islice(machines.every(N, k), 0, 4000, 397):
            (off,) = subleq.off([state], made)
            assert all(off[name] <= found[name] for name in subleq.PARTS)


weights = st.integers(-2, 2)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(*[weights] * 6), min_size=1, max_size=4),
    st.tuples(weights, weights),
    st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=6),
)
def test_an_mlp_passes_on_no_more_than_its_slopes_say(units, centre, steps):
    """Units a x + b y + c into x and y, of columns within 1/4 and 1/2 of one."""
    stream = layout(x=(1,), y=(1,), one=(1,))
    made = paper.Units(stream)
    rows = [("x", 0), ("y", 0), ("one", 0)]
    for a, b, c, *writes in units:
        made.add(dict(zip(rows, (a, b, c))), dict(zip(rows, writes[:2])))
    mlp, reach = made.mlp(), (F(1, 4), F(1, 2))
    given = columns.columns(
        stream, {"x": centre[0], "y": centre[1], "one": 1}, dict(zip("xy", reach))
    )
    found = relus.slopes(mlp, stream, given)
    off = found.passed_on(given.off)

    def through(point: Any) -> list[F]:
        out = list(point)
        for a, b, c, *writes in units:
            hidden = max(F(0), a * point[0] + b * point[1] + c)
            out = [one + w * hidden for one, w in zip(out, writes)]
        return out

    at = through([F(one) for one in centre])
    assert [found.exact.at((0, row)) for row in (0, 1)] == at
    for step in steps:
        point = [c + r * F(s, 4) for c, r, s in zip(centre, reach, step)]
        for row, (one, there) in enumerate(zip(through(point), at)):
            assert ball(abs(one - there)) <= off[row] + ball(F(1, 2**40))


@given(st.fractions(F(1, 4), 4), st.fractions(1, 2), st.fractions(0, 3))
def test_shares_are_within_what_is_said_of_them(c, wide, rest):
    """Of exponentials 1, c, and two others."""
    low, high = c / wide, c * wide
    said = shares.of_two(interval(low, high), ball(rest))
    for scratchpad in (low, c, high):
        for others in (F(0), rest / 2, rest):
            total = 1 + scratchpad + others
            for share, bound in (
                (abs(1 / total - F(1, 2)), said.first),
                (abs(scratchpad / total - F(1, 2)), said.second),
                (others / total, said.others),
            ):
                assert ball(share) <= bound + ball(F(1, 2**40))
    alone = shares.of_one(ball(rest))
    assert ball(1 - 1 / (1 + rest)) <= alone.first + ball(F(1, 2**40))


def test_a_clamp_of_exchanged_rows_is_seen():
    """Of the same number in both nothing would be seen."""
    stream = paper.computer(1, 2)
    rows = ("memory", "counter", "pointers")
    flat = [row for slot in rows for row in paper.rows_of(slot, stream[slot].size)]
    right = paper.clamp(stream, flat, paper.EPSILON)
    relus.clamps(right, stream, rows, paper.EPSILON)
    outer = []
    for block in right.mlp.outer:
        matrix = block.matrix[::-1] if block.destination == "counter" else block.matrix
        outer.append(replace(block, matrix=matrix))
    wrong = replace(right, mlp=replace(right.mlp, outer=SlotMap(tuple(outer))))
    with pytest.raises(columns.NotSo, match="more than one row"):
        relus.clamps(wrong, stream, rows, paper.EPSILON)
    with pytest.raises(columns.NotSo):
        relus.clamps(right, stream, rows, F(1, 5))


def test_without_the_clamp_a_bit_is_wrong_in_the_dense_module_too():
    shown = found("giannou2023.subleq.unclamped").counterexample
    machine = machines.Machine(
        shown["bits"], 4, tuple(shown["memory"]), tuple(map(tuple, shown["commands"])), 8
    )
    state = machine
    for _ in range(shown["loops"]):
        state = state.step()
    X, asked = (part.astype(float) for part in machine.columns())
    made = {}
    for clamped in (True, False):
        loops = paper.subleq(
            machine.word, 4, F(shown["temperature"]), loops=shown["loops"], clamped=clamped
        )
        module = loops.to_torch()
        import torch

        given = [torch.as_tensor(part, dtype=torch.float64) for part in (X, asked)]
        empty = torch.zeros(len(X), 0, dtype=torch.float64)
        out = module.double()(given[0], empty, given[1]).detach().numpy()
        wanted = np.array(state.words(), dtype=float)
        made[clamped] = float(abs(out - wanted).max())
    assert made[True] < 1e-9 and made[False] > 1


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda one: one.id)
def test_theorems_stand_and_fall_with_their_numbers(theorem):
    assert theorem.prove().proved
    ((name, value),) = theorem.inputs.items()
    assert not theorem.prove(**{name: value - 1}).proved


def test_a_batch_without_targets_is_told_of_its_rounding():
    """Of several numbers predicted at examples, where a prompt has no y."""
    machine = machines.addition(4, 3, -5)
    X, asked = (part.astype(float) for part in machine.columns())
    witness = paper.subleq(4, machine.address, F(10))
    with pytest.warns(PrecisionWarning, match="may have moved"):
        made = witness.predict(np.stack([X, X]), None, np.stack([asked, asked]))
    assert made.shape == (2, len(X), 4)


def test_annotations_of_what_fractions_do_not_know_are_said_not_to_have_been_run() -> None:
    found = as_annotated(CLAIMS["giannou2023.read", "printed"]).run(Budget(cases=2))
    assert found.passed is None and found.detail.startswith("not run: rational numbers have no")
