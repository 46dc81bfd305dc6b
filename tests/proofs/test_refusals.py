"""What is true of one query only, or of slots that the calculus does not hold, is not proved."""

from __future__ import annotations

from typing import Any

import pytest

from constructions.witness import Witness
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.prove_witness import prove_witness
from proofs.slotmap import slot_map
from proofs.stream import layout

USUAL = (("x", "x"), ("y", "y"))


def witness(layer: Layer, *more: Any, readout: str = "p") -> Witness:
    stream = layout(x=(2,), y=(), p=())
    return Witness("w", stream, Prompt(2, slot_map(*USUAL, *more)), (layer,), Readout(readout))


def averaging(keys: Any, average: Any, says: str) -> Witness:
    """p of a query gets the average over what is seen of y_j <x_j, x_t>."""
    x, y = slot_map(("f", "x")), slot_map(("p", "y"))
    head = Head(x, x, y, keys=keys, average=average)
    return witness(Layer("average", (head,), holds=(Holds("p", says, "query"),)))


@pytest.mark.parametrize("keys", ["context", "full"])
@pytest.mark.parametrize(("average", "count"), [("", "1"), ("examples", "n"), ("keys", "n")])
def test_an_average_is_proved_for_every_number_of_queries_or_not_at_all(keys, average, count):
    formula = f"x_t.T*X.T*y/{count}"
    made = averaging(keys, average, formula)
    proof = prove_witness(made, statement=({}, formula))
    assert proof.proved == (not (keys == "full" and average == "keys"))


def test_an_average_over_n_plus_one_keys_is_true_of_one_query_and_not_proved():
    formula = "x_t.T*X.T*y/(n + 1)"
    made = averaging("full", "keys", formula)
    one, two = (made.predict([[1, 2]], [4], [[1, 1]] * m, "rational") for m in (1, 2))
    assert one[0] == 12 / 2 and two[0] == 12 / 3
    assert not prove_witness(made, statement=({}, formula)).proved


@pytest.mark.parametrize("extra", [("p", "x[0]"), ("p", "x", 1, None, ((1, 0),))])
def test_an_embedding_that_reads_single_entries_is_refused_and_not_dropped(extra):
    from proofs.slotmap import Block

    layer = Layer("nothing", mlp=MLP(slot_map(("p", "y"))), holds=(Holds("p", "0", "query"),))
    assert prove_witness(witness(layer), statement=({}, "0*n")).proved
    proof = prove_witness(witness(layer, Block(*extra)), statement=({}, "0*n"))
    assert not proof.proved and "outside the calculus: embedding, p <- 1 x" in str(proof.failed)


def test_an_entry_that_the_calculus_does_not_hold_is_not_zero():
    layer = Layer("nothing", mlp=MLP(slot_map(("p", "y"))), holds=(Holds("x[0]", "0", "query"),))
    proof = prove_witness(witness(layer, readout="x[0]"), statement=({}, "0*n"))
    assert not proof.proved and "x[0]: an entry of a slot" in str(proof.failed)


def test_a_gate_without_inner_units_takes_part_in_the_proof():
    gated = MLP(slot_map(("p", "y")), gate=slot_map(("y", "y")))
    says = Layer("square", mlp=gated, holds=(Holds("p", "y_t*y_t"), Holds("p", "0", "query")))
    plain = Layer("copy", mlp=gated, holds=(Holds("p", "y_t"), Holds("p", "0", "query")))
    assert prove_witness(witness(says), examples=1).proved
    assert not prove_witness(witness(plain), examples=1).proved


# -- what is no part of a layer is refused where it is written -----------------------------------

A_BLOCK = "a block is \\(destination, source\\)"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: slot_map("xy"), f"{A_BLOCK}.* not 'xy'"),
        (lambda: slot_map(("x",)), f"{A_BLOCK}.* not \\('x',\\)"),
        (lambda: slot_map(("x", "y", 1, "i<-i", 2)), A_BLOCK),
        (lambda: slot_map(5), A_BLOCK),
        (lambda: Head(1, 2, 3), "the query of a head is a slot_map.* not 1"),
        (lambda: Head(slot_map(("f", "x")), "x", 3), "the key of a head is a slot_map.* not 'x'"),
    ],
)
def test_what_is_no_block_and_no_slot_map_is_refused_with_what_is_one(made, said):
    with pytest.raises(ValueError, match=said):
        made()


def test_the_fourth_entry_of_a_block_is_told_by_help():
    assert "pattern" in (slot_map.__doc__ or "").partition("\n")[2]
