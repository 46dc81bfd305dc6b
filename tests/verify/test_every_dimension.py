"""Optima for every d: the polynomial in d is right, and what is no such layer is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from itertools import product

import numpy as np
import pytest
import sympy

import constructions
from constructions import Block, slot_map
from verify import engine
from verify.checks.analysis import dimensions
from verify.checks.analysis.dimensions import Kind, Layers, inner_products
from verify.checks.analysis.losses import Loss, Regression, diagonal
from verify.checks.analysis.optimum import optimum, written_out
from verify.claim import Budget, builtin
from verify.claims.ours.optimal import DATA, gradient_step, least, rate, step
from verify.statements import best_layer, n, optimum_for_every_d

QUICK = Budget(cases=20)
v, d, eta = sympy.symbols("v d eta")
CLAIMS = {one.id: one for one in builtin() if one.id.startswith("optimal_rate")}


def at_rate(value):
    return lambda d: {"eta": value(d)}


def changed(build, **parts):
    """The builder's one layer with its head's maps changed, by a function of d and the map."""

    def made(d):
        witness = build(d)
        (layer,) = witness.layer_list
        (head,) = layer.heads
        maps = {name: change(d, getattr(head, name)) for name, change in parts.items()}
        return witness.with_layers((replace(layer, heads=(replace(head, **maps),), holds=()),))

    return made


def times(factor):
    return lambda d, slots: slot_map(
        *(replace(block, coefficient=block.coefficient * factor(d)) for block in slots)
    )


# -- what is claimed -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["optimal_rate", "optimal_rate.layer"])
def test_the_claims_hold_and_are_derived(name):
    verdict = engine.run(CLAIMS[name], QUICK).verdict
    assert verdict.name == "holds" and verdict.strengths == ("derived",)


WRONG = {
    "one less": lambda d: 1 / (n + d + v),
    "one more": lambda d: 1 / (n + d + 2 + v),
    "sigma for its square": lambda d: 1 / (n + d + 1 + v**2),
    "no noise": lambda d: 1 / (n + d + 1),
    "the step on the sum of squares": lambda d: rate(d) / 2,
    "right at d = 1 alone": lambda d: 1 / (n + 2 + v),
    "right at d = 1 to 5": lambda d: rate(d) + (d - 1) * (d - 2) * (d - 3) * (d - 4) * (d - 5),
}


@pytest.mark.parametrize("check", [optimum_for_every_d, best_layer])
@pytest.mark.parametrize("wrong", WRONG)
def test_another_rate_is_refuted_with_weights_of_lower_loss(check, wrong):
    """v stands for the variance: where it is read as sigma, sigma is v² here."""
    found = check(step, at_rate(WRONG[wrong]), DATA).run(QUICK)
    if wrong == "right at d = 1 to 5":  # seen in the letter, and at no d that was tried
        assert found.passed is None and "for the letter d" in found.detail
        return
    assert found.passed is False
    shown = found.counterexample
    assert F(shown["lower loss"]) < F(shown["loss"]) and {"d", "n", "v"} <= set(shown)
    assert shown["d"] == (2 if wrong == "right at d = 1 alone" else 1)


@pytest.mark.parametrize("check", [optimum_for_every_d, best_layer])
def test_another_least_loss_is_refuted(check):
    found = check(step, at_rate(rate), DATA, lambda d: least(d) + (d - 1)).run(QUICK)
    assert found.passed is False and "least loss is d*(d + v + 1)/(d + n + v + 1)" in found.detail


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_given_dimension_agrees_with_the_letter(size):
    every = optimum_for_every_d(step, at_rate(rate), DATA, least).run(QUICK)
    one = optimum(step, at_rate(rate), DATA, (size,), least=least).run(QUICK)
    assert every.passed and one.passed


def test_a_layer_that_its_builder_cannot_make_refutes_the_best_layer():
    """-eta² sum_i y_i x_i is best at eta = 0 of its own; a step forwards is better."""
    backwards = changed(step, value=times(lambda d: -eta))
    nothing = lambda d: {"eta": 0}  # noqa: E731
    assert optimum_for_every_d(backwards, nothing, DATA).run(QUICK).passed is None
    found = best_layer(backwards, nothing, DATA).run(QUICK)
    assert found.passed is False and "sum_i x_i[0] y_i x_q[0]" in found.counterexample["added"]
    assert F(found.counterexample["lower loss"]) < F(found.counterexample["loss"])


def kind(entries):
    """A query's entry and two of an example, up to the order of these and names of coordinates."""

    def renamed(q, a, b):
        names: dict[int, int] = {}
        return [names.setdefault(e, len(names)) if isinstance(e, int) else e for e in (q, a, b)]

    query, first, second = entries
    return min(str(renamed(query, *pair)) for pair in ((first, second), (second, first)))


def test_every_product_of_entries_of_the_tokens_is_of_one_kind():
    """At d = 3, which has coordinates enough for three that differ."""
    entries = ("one", 0, 1, 2)
    drawn = {kind(e) for e in product(entries, (*entries, "y"), (*entries, "y"))}
    kinds = [one for one in Kind.all() if one.summed]
    assert sorted(kind((*one.query, *one.summed)) for one in kinds) == sorted(drawn)
    own = [str(one) for one in Kind.all() if not one.summed]
    q = ["x_q[0]", "x_q[1]", "x_q[2]"]
    cubes = [f"{q[0]} {q[0]} {q[0]}", f"{q[0]} {q[0]} {q[1]}", f"{q[0]} {q[1]} {q[2]}"]
    assert own == ["1", q[0], f"{q[0]} {q[0]}", f"{q[0]} {q[1]}", *cubes]


def test_a_condition_left_out_would_be_missed():
    """Each of the kinds has an expectation that the claim needs to be 0, and not all vanish of
    another error: where the rate is wrong, the kind of the step itself does not."""
    layers = Layers(step, DATA)
    stated = written_out({"eta": 1 / (n + d + 2 + v)}, layers.loss(1), known=("d",))
    nonzero = [
        str(kind)
        for kind in Kind.all()
        if layers.expected(
            lambda loss, kind=kind: loss.product(kind.of(loss), loss.error),
            stated, kind.inner_products + layers.error, max(1, kind.coordinates),
        ) != 0
    ]  # fmt: skip
    assert nonzero == ["sum_i x_i[0] y_i x_q[0]"]


# -- the polynomial in d ---------------------------------------------------------------------------

BUILDERS = {
    "GD++": step,
    "the sum": lambda d: gradient_step(d, "sum"),
    "the mean": lambda d: gradient_step(d, "mean"),
    "a query doubled": changed(step, query=times(lambda d: 2)),
}


@pytest.mark.parametrize("size", [7, 9])
@pytest.mark.parametrize("name", BUILDERS)
def test_the_loss_for_the_letter_d_is_the_loss_at_dimensions_never_evaluated(name, size):
    layers = Layers(BUILDERS[name], DATA)
    field = sympy.QQ.frac_field(d, n, v)
    rates = {"eta": sympy.Rational(1, 7)}
    every = layers.field.to_sympy(layers.expected(lambda one: one.value, rates, 2 * layers.error))
    assert max(layers._known) < size
    there = Loss(BUILDERS[name](size), DATA)
    direct = field.to_sympy(there.at(there.value, field, rates))
    assert sympy.cancel(every.subs(d, size) - direct) == 0


@pytest.mark.parametrize("name", BUILDERS)
def test_the_degree_is_read_off_the_layers_and_is_that_of_the_prediction(name):
    """A step multiplies y = w·x by a score: two inner products, which d = 2 shows as degree 4."""
    witness = BUILDERS[name](2)
    loss = Loss(witness, Regression())
    vectors = {k for row in (*loss._x, loss._w) for k in row}
    at = [k for k, letter in enumerate(loss.ring.letters) if letter in vectors]
    degree = max(sum(powers[k] for k in at) for powers in loss.prediction.each[0].to_dict())
    assert inner_products(witness) == 2 and degree == 4


def test_a_degree_that_is_too_small_gives_another_polynomial():
    layers = Layers(step, DATA)
    rates = {"eta": sympy.Rational(1, 7)}
    right, wrong = (layers.expected(lambda one: one.value, rates, k) for k in (4, 1))
    assert right != wrong


# -- what is refused -------------------------------------------------------------------------------


def at_23(d):
    return step(d) if d != 23 else changed(step, query=times(lambda d: 2))(d)


def first_entry(d):
    return step(d).with_layers(
        tuple(
            replace(one, heads=(replace(one.heads[0], key=slot_map(("f", "u[0]")),
                                        query=slot_map(("f", "u[0]"))),), holds=())
            for one in step(d).layer_list
        )
    )  # fmt: skip


def by_a_matrix(d):
    rows = tuple(tuple(F(i == j) for j in range(d)) for i in range(d))
    return changed(step, query=lambda d, q: slot_map(Block("f", "u", matrix=rows)))(d)


def summed(d):
    both = lambda d, q: slot_map(Block("f", "u", pattern="i<-i"))  # noqa: E731
    return changed(step, query=both)(d)


@pytest.mark.parametrize("check", [optimum_for_every_d, best_layer])
@pytest.mark.parametrize(
    ("build", "why"),
    [(changed(step, value=times(lambda d: sympy.Integer(2) ** d)), "d = 1 are others"),
     (changed(step, value=times(lambda d: F(1, d))), "d = 1 are others"),
     (changed(step, value=times(lambda d: d)), "d = 1 are others"),
     (at_23, "d = 23 are others"),
     (first_entry, "blocks are c I"),
     (by_a_matrix, "blocks are c I"),
     (summed, "blocks are c I"),
     (lambda d: constructions.build("gd_plus_plus", d=d, steps=2, step_size=eta, gamma=0),
      "2 layers, not one"),
     (lambda d: constructions.build("kernel_regression", d=d, steps=1, step_size=eta,
                                    kernel="exponential"), "attention")],
    ids=["2^d", "1/d", "d", "at one d", "an entry", "a matrix", "a pattern", "two layers", "exp"],
)  # fmt: skip
def test_a_builder_that_is_no_one_layer_for_every_d_proves_nothing(check, build, why):
    found = check(build, lambda d: {"eta": 0}, DATA).run(QUICK)
    assert found.passed is None and why in found.detail


def test_a_builder_that_changes_at_one_dimension_would_have_been_believed(monkeypatch):
    """The comparison of the layers at every d is what refuses it, not the values."""
    monkeypatch.setattr(dimensions, "REACH", 20)
    assert optimum_for_every_d(at_23, at_rate(rate), DATA).run(QUICK).passed


@pytest.mark.parametrize(
    "data", [Regression(diagonal("l"), noise=v), Regression(prior=lambda d: 2 * sympy.eye(d))]
)
def test_data_that_prefer_a_direction_are_refused(data):
    found = optimum_for_every_d(step, at_rate(rate), data).run(QUICK)
    assert found.passed is None and "x ~ N(0, I)" in found.detail


def test_d_is_the_letter_of_the_dimension_alone():
    with pytest.raises(ValueError, match="d is the dimension"):
        optimum_for_every_d(step, at_rate(rate), Regression(noise=sympy.Symbol("d"))).run(QUICK)


def test_the_rate_is_best_on_prompts_that_are_drawn():
    """A look from outside: the mean square error of sampled prompts is least at the rate."""
    draw, size, count, noise = np.random.default_rng(0), 3, 5, 0.5
    X = draw.normal(size=(200000, count, size))
    w = draw.normal(size=(200000, size))
    y = np.einsum("bnd,bd->bn", X, w) + noise**0.5 * draw.normal(size=(200000, count))
    made = np.einsum("bnd,bn->bd", X, y)
    best = np.einsum("bd,bd->", made, w) / np.einsum("bd,bd->", made, made)
    assert best == pytest.approx(1 / (count + size + 1 + noise), rel=0.01)
