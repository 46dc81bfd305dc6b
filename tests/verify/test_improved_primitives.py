"""Exact primitives and accurate products: the claims hold, and wrong constructions fail them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022.exact import exact_layer
from constructions.witness import Witness
from proofs.slotmap import SlotMap
from proofs.weights.gelu_product import bound, closed_form, weights
from verify.checks.bounds import exact_operations, gelu
from verify.claim import Budget
from verify.claims.ours import primitives as improved_primitives

QUICK = Budget(cases=8, quick=True)


def without_its_last_head(operation: Any, stream: Any) -> Any:
    layer = exact_layer(operation, stream)
    return replace(layer, heads=layer.heads[:-1])


@pytest.mark.parametrize("kind", ["mov", "aff", "raw"])
def test_one_head_fewer_is_refuted(kind: str) -> None:
    budget = replace(QUICK, cases=60)
    for check in (exact_operations.in_fractions, exact_operations.in_balls):
        result = check(kind, without_its_last_head).run(budget)
        assert result.passed is False
        assert result.counterexample is not None


@pytest.mark.parametrize("kind", ["mov", "aff", "raw"])
def test_balls_that_lost_half_of_their_bits_decide_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exact_operations.in_balls(kind).run(QUICK).passed is True
    monkeypatch.setattr(exact_operations, "Ball", lambda bits: Ball(bits // 3))
    assert exact_operations.in_balls(kind).run(QUICK).passed is None


@pytest.mark.parametrize("order", range(1, 9))
def test_solved_weights_are_the_closed_form(order: int) -> None:
    solved = [F(int(w.p), int(w.q)) for w in weights(order).weights.values()]
    assert solved == [closed_form(order, i) for i in range(1, order + 1)]


def test_a_wrong_scale_exceeds_the_proved_bound() -> None:
    def coarser(**parameters: Any) -> Witness:
        doubled = parameters | {"scale": 2 * parameters["scale"]}
        return constructions.build("gelu_product", **doubled)

    assert gelu.product_bound(improved_primitives.product).run(QUICK).passed is True
    assert gelu.product_bound(coarser).run(QUICK).passed is False


def test_a_wrong_weight_exceeds_what_rounding_explains() -> None:
    def wrong(**parameters: Any) -> Witness:
        witness = constructions.build("gelu_product", **parameters)
        (layer,) = witness.layer_list
        assert layer.mlp is not None
        first, *others = layer.mlp.outer.blocks
        off = replace(first, coefficient=first.coefficient * (1 + F(1, 10**6)))
        outer = SlotMap((off, *others))
        return witness.with_layers((replace(layer, mlp=replace(layer.mlp, outer=outer)),))

    assert gelu.product_digits(wrong).run(QUICK).passed is False


def test_products_gain_digits_over_the_printed_ones() -> None:
    queries = gelu.factors(200, 3)
    for system, gain in (("float64", 3.5), ("float32", 1.2)):
        printed, _ = gelu.best_scale(improved_primitives.product, system, 1, "printed")
        order, scale = gelu.CHOSEN[system]
        ours = improved_primitives.product(d=2, order=order, scale=scale)
        assert np.log10(printed / gelu.error_in(system, ours, queries)) > gain


def test_the_bound_falls_with_the_power_twice_the_order() -> None:
    for order in (1, 2, 5):
        ratio = bound(order, F(1, 4), F(1)) / bound(order, F(1, 8), F(1))
        assert ratio == 4**order


def test_inner_products_of_longer_halves_are_summed() -> None:
    witness = constructions.build("gelu_product", d=4, order=8, scale=F(1, 16))
    (found,) = witness.predict(np.zeros((1, 4)), [0.0], [[0.5, -1.0, 0.25, 0.75]])
    assert found == pytest.approx(0.125 - 0.75, abs=1e-13)
    assert witness.hidden == 4 * 8 * 2


def test_the_printed_bypass_of_layer_norm_misses_the_second_order_bound() -> None:
    def printed(N: Any, x: list[Any]) -> list[Any]:
        return [N, -N - sum(x[1:], x[0]), *x, N * 0]

    assert gelu.norm_bypass().run(QUICK).passed is True
    assert gelu.norm_bypass(printed).run(QUICK).passed is False
