"""Verdicts on vonoswald2022, and its one counterexample again by hand in fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from verify import engine
from verify.claim import Budget, registered
from verify.claims import vonoswald2022

OURS = {c.key: c for c in registered() if c.id.startswith("vonoswald2022.")}
QUICK = Budget(quick=True)


@pytest.mark.parametrize("key", sorted(OURS), ids=" ".join)
def test_the_verdict_is_the_expected_one(key):
    made = engine.run(OURS[key], QUICK)
    refuted = key == ("vonoswald2022.gdpp.ksteps", "printed")
    assert made.verdict.name == OURS[key].expected == ("refuted" if refuted else "holds")


def test_two_layers_of_gdpp_are_two_gradient_steps_on_no_one_transformation():
    claim = OURS["vonoswald2022.gdpp.ksteps", "printed"]
    found = engine.run(claim, Budget()).verdict.counterexample
    values = found["parameters"]
    eta, gamma, k = (Fraction(values[name]) for name in ("step_size", "gamma", "layers"))
    prompt = found["X"][0], found["y"], found["queries"][0]
    (x,), (y,), (q,) = ([Fraction(v) for v in part] for part in prompt)
    assert (k, len(found["X"])) == (2, 1)
    given = x, y, q

    prediction = Fraction(0)
    data = [(x, q)]
    for _ in range(2):
        change = eta * y * x  # one gradient step from 0 on (x, y)
        prediction += change * q
        y -= change * x
        x, q = x - gamma * x * x * x, q - gamma * x * x * q
        data.append((x, q))
    assert prediction == Fraction(found["prediction"][0])
    x, y, q = given
    for (x_l, q_l), descent in zip(data, found["descent"], strict=True):
        w = Fraction(0)
        for _ in range(2):
            w -= eta * (w * x_l - y) * x_l
        assert w * q_l == Fraction(descent[0]) != prediction


@pytest.mark.parametrize("name", ["prop1", "ksteps", "gdpp"])
def test_the_query_as_a_key_would_be_refuted(name):
    claim = OURS[f"vonoswald2022.{name}", "printed"]

    def leaking(**parameters):
        made = claim.witness(**parameters)
        return made.with_layers(
            tuple(
                replace(layer, heads=tuple(replace(head, keys="full") for head in layer.heads))
                for layer in made.layer_list
            )
        )

    broken = replace(claim, witness=leaking, floats=None)
    assert engine.run(broken, QUICK).verdict.name == "refuted"


def test_the_blocks_check_sees_a_wrong_sign_of_the_identity(monkeypatch):
    from constructions.papers import vonoswald2022 as printed

    case = {
        "X": np.array([[Fraction(1)]], dtype=object),
        "Y": np.array([[Fraction(1)]], dtype=object),
        "W0": np.array([[Fraction(1)]], dtype=object),
        "query": np.array([Fraction(1)], dtype=object),
        "step_size": Fraction(1),
    }
    assert vonoswald2022.block_difference(case) is None
    build = printed.prop1_blocks
    monkeypatch.setattr(printed, "prop1_blocks", lambda W0, n, eta: build(W0, n, -eta))
    case["Y"][0, 0] = Fraction(3)
    assert vonoswald2022.block_difference(case)["token"] == 0
