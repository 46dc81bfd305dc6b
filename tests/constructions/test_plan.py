"""A plan does what the forward pass does, in less arithmetic and less memory."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.numbers import floats, get
from constructions.rounding import bounded as norms
from constructions.rounding.bounds import predicted_and_bound
from constructions.run import forward, products
from constructions.run import plan as plans
from constructions.run.plan import Plan
from constructions.run.steps import Array, Recorder, Step
from verify.quality import costs


def test_a_plan_predicts_what_the_layers_predict(witness, prompt):
    forward.plan(witness, 4, 2)
    once = forward.run_once(witness, *prompt, "rational")
    assert list(witness.predict(*prompt, "rational")) == list(once)


def test_a_pass_that_is_run_once_takes_the_prompt_up_in_the_balls_that_it_is_asked_for():
    witness = constructions.build("gradient_descent", d=1, steps=1, step_size=Fraction(1, 3))
    prompt = [[Fraction(1, 3)]], [Fraction(1, 7)], [[Fraction(1, 11)]]
    (once,) = forward.run_once(witness, *prompt, get("ball").__class__(300))
    (exactly,) = witness.predict(*prompt, "rational")
    assert once.rad() < 1e-80 and (once * exactly.denominator).contains(exactly.numerator)


def test_a_small_prompt_of_fractions_is_planned_when_its_size_comes_a_third_time(monkeypatch):
    planned = []
    run = Plan.results
    monkeypatch.setattr(Plan, "results", lambda self, *of: planned.append(of) or run(self, *of))
    X, y, queries = [[1], [2]], [3, 4], [[5]]

    def is_planned(w, numbers="rational", *prompt):
        del planned[:]
        w.predict(*(prompt or (X, y, queries)), numbers)
        return bool(planned)

    def fresh(**given):
        return constructions.build("gradient_descent", d=1, steps=1, step_size=1, **given)

    w = fresh()
    assert [is_planned(w) for _ in range(4)] == [False, False, True, True]
    w = fresh()
    del planned[:]
    w.trace(X, y, queries, "rational")
    assert [bool(planned), is_planned(w), is_planned(w)] == [False, False, True]
    w = fresh()
    assert [is_planned(w), is_planned(w, "float64"), is_planned(w)] == [False, True, True]
    assert is_planned(fresh(), "float64") and is_planned(fresh(), "ball")
    assert is_planned(fresh(), "rational", [X, X], [y, y], [queries, queries])
    many = forward.SMALL
    assert is_planned(fresh(), "rational", [[1]] * many, [1] * many, queries)


@pytest.mark.parametrize("attention", ["softmax", "exponential"])
def test_what_nothing_reads_keeps_no_prompt_from_being_predicted(attention):
    """A plan leaves it out; what runs without one, where fractions have no exponential, gives way
    to the plan."""
    features = slot_map(("f", "x"))
    dead = Head(features, features, slot_map(("dead", "y")), attention=attention)
    alive = Head(features, features, slot_map(("y", "y")))
    made = Witness(
        "two heads",
        layout(x=(1,), y=(), dead=()),
        Prompt(1, slot_map(("x", "x"), ("y", "y"))),
        (Layer("both", (dead, alive)),),
        Readout("y"),
    )
    X, y, queries = [[1], [2]], [3, 4], [[5]]
    assert [made.predict(X, y, queries, "rational")[0] for _ in range(4)] == [5 * 3 + 10 * 4] * 4


def test_one_plan_serves_every_prompt_of_its_size_and_every_arithmetic(witness, prompt, batch):
    made = forward.plan(witness, 4, 2)
    for system in ("float32", "rational", "ball"):
        witness.predict(*prompt, system)
    witness.predict(*batch)
    assert forward.plan(witness, 4, 2) is made
    assert forward.plan(witness, 4, 3) is not made


def test_one_plan_serves_every_trace_of_the_same_slots(witness, prompt, monkeypatch):
    made, begin = [], Plan.__init__
    monkeypatch.setattr(Plan, "__init__", lambda self, *of: made.append(self) or begin(self, *of))

    def plans(asked):
        del made[:]
        asked()
        return len(made)

    def of_the_last():
        forward.trace(witness, *prompt, "float64", {(witness.layers, witness.readout.slot)})

    assert [plans(lambda: witness.trace(*prompt)) for _ in range(2)] == [1, 0]
    assert [plans(of_the_last) for _ in range(2)] == [1, 0]
    assert [plans(lambda: witness.predict(*prompt)) for _ in range(2)] == [1, 0]


def test_every_step_is_needed(witness):
    made = forward.plan(witness, 4, 2)
    read = {array for step in made.steps for array in step.arrays}
    *before, last = made.steps
    assert all(step.made in read for step in before) and last.made not in read


def test_nothing_is_held_longer_than_it_is_read():
    """Newton's iterates are d x d, and three of them are enough at any time."""
    witness = constructions.build("newton", d=3, iterations=9, alpha=Fraction(1, 7))
    made, held, most = forward.plan(witness, 8, 1), set(range(3)), 0
    for *_, number, done in made._numbered:
        held = (held | {number}) - set(done)
        most = max(most, len(held))
    assert most <= 3 + 4 and held == set(made._results)


def matrices(draw, rows, columns):
    entries = st.integers(-3, 3)
    return np.array(
        [[Fraction(draw(entries)) for _ in range(columns)] for _ in range(rows)], dtype=object
    )


@st.composite
def chains(draw):
    """A product of matrices, some with something added, bracketed at random; and its value."""
    length = draw(st.integers(2, 5))
    sizes = [draw(st.integers(1, 4)) for _ in range(length + 1)]
    given_arrays = [matrices(draw, *sizes[i : i + 2]) for i in range(length)]
    record, values = Recorder(), list(given_arrays)
    names = [Array(*value.shape) for value in values]
    given_names = list(names)
    while len(names) > 1:
        at = draw(st.integers(0, len(names) - 2))
        scale = Fraction(draw(st.integers(1, 3)), 2)
        made = record("product", names[at], names[at + 1], known=(scale,))
        value = scale * (values[at] @ values[at + 1])

        def own(shape):
            given_arrays.append(matrices(draw, *shape))
            given_names.append(Array(*shape))
            return given_names[-1], given_arrays[-1]

        if draw(st.booleans()):  # c old + scale a b, with old an input of its own
            (name, old), c = own(value.shape), draw(st.integers(1, 3))
            arrays = name, names[at], names[at + 1]
            made = record("add_product", *arrays, known=(c, scale))
            value = c * old + value
        for _ in range(draw(st.integers(0, 2))):  # and more products, with a or with b
            pair, factors = names[at : at + 2], values[at : at + 2]
            which, c = draw(st.integers(0, 1)), draw(st.integers(1, 3))
            pair[which], factors[which] = own(factors[which].shape)
            made = record("add_product", made, *pair, known=(c, scale))
            value = c * value + scale * factors[0] @ factors[1]
        names[at : at + 2], values[at : at + 2] = [made], [value]
    return given_names, record.steps, names[0], given_arrays, values[0]


def run(chain):
    names, steps, result, arrays, _ = chain
    system = get("rational")
    taken = [system.constant(array.tolist()) for array in arrays]
    got = Plan(names, steps, [result]).run(system, *taken)
    return np.array(system.given(got)).reshape(got.nrows(), got.ncols()).tolist()


@settings(max_examples=500)
@given(chains())
def test_products_in_another_order_are_the_same_products(chain):
    assert run(chain) == chain[-1].tolist()


@pytest.mark.parametrize("change", ["_taken_apart", "_gathered"])
def test_a_scale_that_is_lost_on_the_way_is_seen(change, monkeypatch):
    """The test above, with the order changed wrongly."""
    right = getattr(products, change)

    def wrong(step, before):
        return [one._replace(known=(*one.known[:-1], 1)) for one in right(step, before)]

    monkeypatch.setattr(products, change, wrong)
    with pytest.raises(AssertionError):
        test_products_in_another_order_are_the_same_products()


def test_a_thousand_layers_are_planned():
    witness = constructions.build("gradient_descent", d=1, steps=1500, step_size=Fraction(1, 8))
    assert len(forward.plan(witness, 1, 1).steps) < 10 * 1500


def test_the_last_iterate_is_applied_to_one_vector_and_never_made():
    """k iterations take 2 (k - 1) products of d x d matrices, not 2 k."""
    for k in (1, 2, 5):
        made = forward.plan(
            constructions.build("newton", d=4, iterations=k, alpha=Fraction(1, 7)), 9, 1
        )
        square = [s for s in made.steps if (s.made.rows, s.made.columns) == (4, 4)]
        gram, *products = (s for s in square if s.method in ("product", "add_product"))
        assert gram.arrays[0].columns == 9 and len(products) == 2 * (k - 1)


def test_two_products_with_one_vector_are_added_as_one():
    """An example's token and the register's both add a multiple of one row to Sherman-Morrison's
    matrix, which the last layer reads and does not make."""
    for n in (3, 5):
        given_by = {"d": 3, "examples": n, "ridge": 1, "storage": "tokens"}
        steps = forward.plan(constructions.build("sherman_morrison", **given_by), n, 1).steps
        square = [s for s in steps if s.method in ("product", "add_product")]
        assert len([s for s in square if (s.made.rows, s.made.columns) == (3, 3)]) == n - 1


def two_sums_of_two_products():
    """old + c (a + p) r of two olds and two r, the products added one after the other."""
    record, sums = Recorder(), []
    shapes = (2, 3), (2, 1), (1, 3)
    olds, columns, rows = ([Array(*shape), Array(*shape)] for shape in shapes)
    for old, row in zip(olds, rows):
        for column in columns:
            old = record("add_product", old, column, row, known=(1, Fraction(1, 2)))
        sums.append(old)
    return (*olds, *columns, *rows), record.steps, sums


def test_what_two_products_add_to_two_sums_is_made_once():
    given_arrays, steps, sums = two_sums_of_two_products()
    made = Plan(given_arrays, steps, sums)
    assert [step.method for step in made.steps] == ["combine", "add_product", "add_product"]
    values = [np.arange(6 + i).reshape(-1)[i:].reshape(2, 3) for i in (0, 1)]
    values += [np.array([[2], [-1]]), np.array([[5], [7]])]
    values += [np.array([[1, 2, 3]]), np.array([[-4, 0, 9]])]
    system = get("rational")
    found = made.results(system, *(system.constant(value.tolist()) for value in values))
    first, second, a, p, r, other = values
    for array, expected in zip(found, (first + (a + p) @ r / 2, second + (a + p) @ other / 2)):
        assert system.given(array) == expected.ravel().tolist()


def test_a_step_is_repeated_that_differs_in_what_is_known_or_is_asked_for():
    a, b = Array(2, 2), Array(2, 2)
    once, again, twice = (Step("product", (a, b), (c,), Array(2, 2)) for c in (1, 1, 2))
    total = Step("combine", (again.made, twice.made), (1, 1), Array(2, 2))
    steps = [once, again, twice, total]
    short = products.unrepeated(steps, [total.made])
    assert [step.made for step in short] == [once.made, twice.made, total.made]
    assert short[-1].arrays == (once.made, twice.made)
    assert products.unrepeated(steps, [again.made, total.made]) == steps


def test_a_sum_of_products_that_is_read_again_is_made():
    record, old, row = Recorder(), Array(3, 3), Array(1, 3)
    columns = Array(3, 1), Array(3, 1)
    inner = record("add_product", old, columns[0], row, known=(1, 1))
    outer = record("add_product", inner, columns[1], row, known=(1, 1))
    given_arrays = old, *columns, row
    assert len(Plan(given_arrays, record.steps, [outer]).steps) == 2
    both = Plan(given_arrays, record.steps, [inner, outer]).steps
    assert [step.method for step in both] == ["add_product", "add_product"]


def products_of_prompts(*shape: int) -> None:
    """a b and 2 c - a b / 2 in floats are off by at most what each order of the sums may round."""
    B, rows, inner, columns = shape
    rng = np.random.default_rng(sum(shape))
    a, b, c = (
        torch.from_numpy(rng.normal(size=(B, *size)))
        for size in ((rows, inner), (inner, columns), (rows, columns))
    )
    system = get("float64")
    made = system.product(a, b, 1), system.add_product(2, c, a, b, Fraction(-1, 2))
    exactly = [two.astype(np.longdouble) for two in (a.numpy(), b.numpy(), c.numpy())]
    wanted = exactly[0] @ exactly[1], 2 * exactly[2] - exactly[0] @ exactly[1] / 2
    sizes = a.abs() @ b.abs(), 2 * c.abs() + a.abs() @ b.abs() / 2
    for found, want, size in zip(made, wanted, sizes):
        assert found.shape == (B, rows, columns)
        assert (abs(found.numpy() - want) <= (inner + 3) * 2.0**-52 * size.numpy()).all()


SHAPES = [(64, 32, 128, 1), (64, 128, 32, 1), (3, 8, 8, 1), (9, 32, 32, 1), (2, 80, 90, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_of_many_prompts_are_multiplied_as_rows(shape, monkeypatch):
    products_of_prompts(*shape)
    turned = []
    monkeypatch.setattr(torch, "bmm", lambda a, b: turned.append(a.shape[1] == 1) or a @ b)
    products_of_prompts(*shape)
    B, rows, inner, columns = shape
    assert turned == [columns == 1 and B * rows * inner > floats.TURNED]


def test_columns_that_are_turned_and_not_turned_back_are_seen(monkeypatch):
    monkeypatch.setitem(floats.PRODUCT, 3, lambda a, b: torch.bmm(b.mT, a.mT))
    with pytest.raises(AssertionError):
        products_of_prompts(64, 32, 128, 1)


# -- what is written over -----------------------------------------------------------------------


def everything_is_large(monkeypatch):
    """Sums of products of any size are made in pieces, over what they are added to."""
    for name in ("LARGE", "WIDE", "PIECE"):
        monkeypatch.setattr(floats, name, 1)


def is_the_same_over(monkeypatch, name) -> bool:
    """Whether predictions are the same where arrays are written over, and the prompt is left."""
    witness = constructions.build(name, d=3, **STEPS[name])
    rng = np.random.default_rng(0)
    prompt = rng.uniform(0, 1, (4, 3)), rng.uniform(0, 1, 4), rng.uniform(0, 1, (2, 3))
    before = [array.copy() for array in prompt]
    with costs.unwarned():
        apart = witness.predict(*prompt)
        everything_is_large(monkeypatch)
        close = np.allclose(witness.predict(*prompt), apart, rtol=1e-12, atol=1e-14)
    return close and all(map(np.array_equal, before, prompt))


STEPS = {
    "newton": {"iterations": 5, "alpha": 0.05},
    "hyperpower": {"iterations": 3, "alpha": 0.05},
    "newton_carried": {"iterations": 4, "alpha": 0.05},
    "gradient_descent": {"steps": 4, "step_size": 0.05},
    "momentum": {"steps": 4, "step_size": 0.05, "momentum": 0.5},
    "deep_descent": {"layers": 3, "alpha": 0.05},
    "gd_plus_plus": {"steps": 3, "step_size": 0.05, "gamma": 0.05},
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_written_over_is_read_no_more(name, monkeypatch):
    assert is_the_same_over(monkeypatch, name)


def test_what_is_written_over_and_read_again_is_seen(monkeypatch):
    def every(steps, results):
        return {step.made for step in steps if step.method == "add_product"}

    monkeypatch.setattr(plans, "written_over", every)
    same = []
    for name in STEPS:
        with monkeypatch.context() as small:
            same.append(is_the_same_over(small, name))
    assert not all(same)


@pytest.mark.parametrize("where", ["old", "left", "right", "both"])
def test_a_product_is_added_in_pieces_over_what_it_is_added_to(where, monkeypatch):
    everything_is_large(monkeypatch)
    made = torch.arange(48.0, dtype=torch.float64).reshape(3, 4, 4) % 7
    old, a, b = made
    a, b = old if where in ("left", "both") else a, old if where in ("right", "both") else b
    system, want = get("float64"), 2 * old - (a @ b) / 2
    with torch.no_grad():
        assert torch.equal(system.add_product(2, old, a, b, Fraction(-1, 2)), want)
        over = system.add_product_over(2, old, a, b, Fraction(-1, 2))
    assert torch.equal(over, want) and (over is old) == (where != "both")


def test_what_gradients_follow_is_not_written_over(monkeypatch):
    witness = constructions.build("newton", d=3, **STEPS["newton"])
    rng = np.random.default_rng(0)
    X, y, queries = (torch.from_numpy(rng.uniform(0, 1, size)) for size in ((4, 3), 4, (2, 3)))

    def slopes() -> list[torch.Tensor]:
        """Of the predictions' sum by X: by a tape, and by torch.func in either direction."""
        tracked = X.clone().requires_grad_()
        witness.predict(tracked, y, queries).sum().backward()

        def of(x: torch.Tensor) -> torch.Tensor:
            return witness.predict(x, y, queries).sum()

        return [tracked.grad, torch.func.grad(of)(X), torch.func.jacfwd(of)(X)]

    apart = slopes()
    everything_is_large(monkeypatch)
    assert all(torch.allclose(*pair, rtol=1e-10) for pair in zip(apart, slopes(), strict=True))


@pytest.mark.parametrize("bounded", [False, True])
def test_a_large_iterate_is_held_three_times(bounded, monkeypatch):
    """S, M and S M; with a bound a quarter of one more, of which nothing is told twice."""
    size = 400
    for name, value in (("LARGE", size**2), ("PIECE", size * 16)):
        monkeypatch.setattr(floats, name, value)
    monkeypatch.setattr(norms, "COLUMNS", 16)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((size, size)) / 40
    prompt = X, rng.standard_normal(size), rng.standard_normal((2, size))
    witness = constructions.build("newton", d=size, iterations=6, alpha=0.5)
    run = predicted_and_bound if bounded else Witness.predict
    peak = costs.memory(lambda: run(witness, *prompt))["peak"] / (8 * size**2)
    assert peak < 3.25 + 0.5 * bounded
