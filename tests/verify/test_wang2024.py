"""Claims of wang2024: what is planted in the layers is refuted, and not proved."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
import sympy
from changes import built_as, every_head, without_layer

from constructions.papers import wang2024 as paper
from constructions.witness import Witness
from proofs.letters import each
from proofs.rule import Rule
from proofs.slotmap import SlotMap
from verify import engine
from verify.checks import proof
from verify.checks.case import both
from verify.claim import Budget, Claim, builtin
from verify.drawn import without

CLAIMS = {c.id.removeprefix("wang2024."): c for c in builtin() if c.id.startswith("wang2024.")}
FEW = Budget(cases=30, quick=True)


def maps(witness: Witness, part: str, change: Any, head: int = 0) -> Witness:
    """Blocks of the query, key or value of one head of every layer changed."""
    layers = []
    for layer in witness.layer_list:
        heads = list(layer.heads)
        blocks = tuple(change(b) for b in getattr(heads[head], part))
        heads[head] = replace(heads[head], **{part: SlotMap(blocks)})
        layers.append(replace(layer, heads=tuple(heads)))
    return witness.with_layers(tuple(layers))


def turned(block: Any) -> Any:
    return replace(block, matrix=block.matrix and tuple(zip(*block.matrix)))


def negated(block: Any, source: str = "") -> Any:
    other = block.source if source == "" else source
    return replace(block, coefficient=-block.coefficient if block.source == other else
                   block.coefficient)  # fmt: skip


def mixed(witness: Witness, change: Any, head: int = 0) -> Witness:
    layers = []
    for layer in witness.layer_list:
        heads = list(layer.heads)
        heads[head] = replace(heads[head], mix=Rule(matrix=change(heads[head].mix.matrix)))
        layers.append(replace(layer, heads=tuple(heads)))
    return witness.with_layers(tuple(layers))


def doubled(rows: Any) -> Any:
    return tuple(tuple(2 * e for e in row) for row in rows)


PLANTED = {
    "C in place of its transpose": ("td0", lambda w: maps(w, "query", turned)),
    "the sign of C": ("td0", lambda w: maps(w, "query", negated)),
    "the sign of phi' in Q": ("td0", lambda w: maps(w, "query", lambda b: negated(b, "next"))),
    "the sign of P": ("td0", lambda w: maps(w, "value", negated)),
    "no 1/n": ("td0", lambda w: every_head(w, average="")),
    "1/(n + 1), the query's token counted": (
        "td0", lambda w: every_head(w, average="keys", keys="full")),
    "the query is read": ("td0", lambda w: every_head(w, keys="full")),
    "a layer less": ("td0", lambda w: without_layer(w, 0) if w.layer_list else w),
    "M is transposed": ("tdlambda", lambda w: mixed(w, lambda rows: tuple(zip(*rows)))),
    "M is the identity": ("tdlambda", lambda w: every_head(w, mix=None)),
    "one block row of Q": ("residual", lambda w: maps(maps(w, "query", lambda b: replace(
        b, coefficient=0 if b.destination == "next" else b.coefficient)), "key", lambda b: b)),
    "the second block row's sign": ("residual", lambda w: maps(w, "query", lambda b: replace(
        b, coefficient=b.coefficient * (-1 if b.destination == "next" else 1)))),
    "no mean is taken off": ("average", lambda w: mixed(w, lambda rows: tuple(
        tuple(-int(i == j) for j in range(len(rows))) for i in range(len(rows))))),
    "the sign of the reward's head": ("average", lambda w: maps(w, "value", negated)),
    "the sign of the other head": ("average", lambda w: maps(w, "value", negated, 1)),
    "twice the mix": ("average", lambda w: mixed(w, doubled)),
}  # fmt: skip


def wrong(fault: str) -> Claim:
    name, change = PLANTED[fault]
    claim = CLAIMS[name]
    return replace(claim, witness=built_as(claim.witness, change), promises=(), sizes=None)


@pytest.mark.parametrize("fault", PLANTED)
def test_what_is_planted_is_not_proved_and_differs_on_a_drawn_prompt(fault):
    claim = wrong(fault)
    assert not proof.run(claim, FEW).passed
    drawn = proof.cases(claim, Budget(cases=40))
    assert any(not np.array_equal(*both(claim.algorithm, claim.witness(**case.parameters), case))
               for case in drawn)  # fmt: skip


@pytest.mark.parametrize("fault", ["the sign of P", "no mean is taken off"])
def test_what_is_planted_is_refuted(fault):
    found = engine.run(replace(wrong(fault), assembled=None), FEW).verdict
    assert found.name == "refuted"
    slot = {"td0": "y", "average": "v"}[PLANTED[fault][0]]
    assert (found.first_difference["layer"], found.first_difference["slot"]) == (1, slot)


def test_its_smallest_counterexample_is_one_in_plain_fractions_too():
    """One transition, one layer, and w = -C r phi where it should be C r phi."""
    case = engine.run(replace(wrong("the sign of C"), assembled=None), FEW).verdict.counterexample
    (phi, _), r, (query,) = (case[name][0] for name in ("X", "y", "queries"))
    ((C,),) = case["parameters"]["C"][0]
    assert case["parameters"]["layers"] == "1"
    value = F(C) * F(r) * F(phi) * F(query)
    assert value != -value


# -- a matrix for each step ------------------------------------------------------------------------


def of_steps(change: Any) -> Claim:
    """TD(0) whose matrices are changed: C -> change(C), one for each layer."""
    claim = CLAIMS["td0"]

    def build(**given: Any) -> Witness:
        return paper.td0(**{**given, "C": change(given["C"])})

    return replace(claim, witness=build, promises=(), sizes=None)


SECOND_IS_FIRST = lambda C: (C[0], C[0], *C[2:]) if len(C) > 1 else C  # noqa: E731


@pytest.mark.parametrize(
    "change", [SECOND_IS_FIRST, lambda C: C[::-1], lambda C: tuple(tuple(zip(*one)) for one in C)],
    ids=["the first again", "in reverse", "transposed"],
)  # fmt: skip
def test_a_matrix_of_each_step_is_that_of_its_step(change):
    claim = of_steps(change)
    assert not proof.prove(claim, claim.assembled()[0]).proved


def test_a_fixed_number_of_layers_has_as_many_matrices():
    claim = replace(
        CLAIMS["td0"], promises=(), sizes=None,
        assembled=lambda: [{"d": 3, "layers": 2, "C": each("C", "layers", "d"),
                            "gamma": sympy.Symbol("gamma")}],
    )  # fmt: skip
    made = proof.prove(claim, claim.assembled()[0])
    assert made.proved, made.failed
    wrong = replace(claim, witness=of_steps(SECOND_IS_FIRST).witness)
    assert not proof.prove(wrong, wrong.assembled()[0]).proved


def test_what_each_step_has_says_what_it_is():
    C = each("C", "layers", "d")
    assert (repr(C), C.words) == (
        "Each(name='C', steps='layers', size='d')", "C of each step (d × d)")  # fmt: skip
    assert repr(each("eta", "k")) == "Each(name='eta', steps='k')"
    ones = (((1,),), ((2,),))
    assert C.why_not(ones, {"layers": 2}) == ""
    assert C.why_not(ones, {"layers": 3}) == "C is not one matrix for each of layers"
    assert C.why_not((1, 2), {"layers": 2}) == "C is not one matrix for each of layers"
    with pytest.raises(ValueError, match='a step has a number, or a matrix of size "d"'):
        each("C", "layers", "n")
    with pytest.raises(ValueError, match="which is no open number"):
        proof.per_step({"C": C, "layers": 2})


def test_smaller_cases_have_smaller_matrices_in_every_step():
    two = (((1, 2), (3, 4)), ((5, 6), (7, 8)))
    assert list(without({"C": two}, 0, 2, 3, "d")) == [{"C": (((4,),), ((8,),))}]
    assert list(without({"C": two}, 0, 2, 3, "n")) == [{"C": two}]


@pytest.mark.parametrize(
    ("C", "layers", "why"),
    [((((1, 0), (0, 1)),), 2, "C must have a matrix for each of layers = 2, not 1"),
     (((1,),), 1, "C must have 2 x 2 matrices, one for each layer"),
     ((((1,),),), 1, "C must have 2 x 2 matrices, one for each layer")],
)  # fmt: skip
def test_matrices_that_do_not_fit_are_refused(C, layers, why):
    with pytest.raises(ValueError, match=why):
        paper.td0(d=2, layers=layers, gamma=1, C=C)
