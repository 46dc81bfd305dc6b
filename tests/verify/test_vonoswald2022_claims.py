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
