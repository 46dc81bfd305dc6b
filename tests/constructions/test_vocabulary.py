"""The vocabulary is closed: what no reading knows is refused where it is made, by name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch

import constructions
from constructions.run import forward
from constructions.witness import Witness
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Slot, layout

X_TO_F, Y = slot_map(("f", "x")), slot_map(("y", "y"))
MAPS = {"query": X_TO_F, "key": X_TO_F, "value": Y}
STREAM = layout(x=(2,), y=(), p=(3,), A=(2, 2))
EMBEDDING = slot_map(("x", "x"), ("y", "y"))


def witness(*layers: Layer, **fields: Any) -> Witness:
    given = {"name": "w", "layout": STREAM, "prompt": Prompt(2, EMBEDDING, positions=3)}
    return Witness(**{**given, "layer_list": layers, "readout": Readout("y"), **fields})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Head(**MAPS, attention="Softmax"),
         "unknown attention 'Softmax'; there are linear, relu, softmax, normalised"),
        (lambda: Head(**MAPS, keys="all"), "unknown keys 'all'; there are context, full, causal"),
        (lambda: Head(**MAPS, average="n"), "unknown average 'n'; there are '', keys, examples"),
        (lambda: Head(**MAPS, attention=None), "unknown attention None"),
        (lambda: Head(**MAPS, null=1), "null must be True or False, not 1"),
        (lambda: Head(**MAPS, attention="softmax", average="keys"),
         "average 'keys' with softmax attention: only linear and relu"),
        (lambda: Head(**MAPS, attention="normalised", average="examples"), "average 'examples'"),
        (lambda: Head(**MAPS, null=True), "null with linear attention"),
        (lambda: Head(**MAPS, attention="relu", null=True), "null with relu attention"),
        (lambda: Head(slot_map(("f[0]", "y")), slot_map(("f[0]", "y")), Y),
         r"'f\[0\]' is no name of a feature"),
        (lambda: MLP(Y, activation="Relu"), "unknown activation 'Relu'; there are identity, relu"),
        (lambda: MLP(Y, letters=(("ij", 2),)), "'ij' is no letter"),
        (lambda: MLP(Y, letters=(("i", 0),)), "the size of i must be a whole number of at least 1"),
        (lambda: Prompt(2, Y, form="stacked"),
         "unknown form of the prompt 'stacked'; there are joint, interleaved"),
        (lambda: Prompt(2, Y, register=1), "register must be True or False"),
        (lambda: Prompt(2, Y, positions=-1), "positions must be a whole number of at least 0"),
        (lambda: Prompt(2, Y, positions=True), "positions must be a whole number"),
        (lambda: Prompt(0, Y), "d must be a whole number of at least 1, not 0"),
        (lambda: Prompt(2, slot_map(("y", "z"))), "unknown feature of a token 'z'; there are x, y"),
        (lambda: Holds("y", "0", "queries"), "unknown tokens 'queries'; there are all, context"),
        (lambda: Holds("y", "0", -1), "tokens of y must be a whole number"),
        (lambda: Holds("y", "0", True), "tokens of y must be a whole number"),
        (lambda: Layer("l", norm=True), "norm without an MLP"),
        (lambda: Layer("l", mlp=MLP(Y), norm=1), "norm must be True or False"),
        (lambda: Block("y", "x", 1, "i,j->ij"), "a pattern is letters<-letters, not 'i,j->ij'"),
        (lambda: Block("y", "x", 1, "i"), "a pattern is letters<-letters, not 'i'"),
        (lambda: Slot("x[0]", (2,)), r"'x\[0\]' is no name of a slot"),
        (lambda: Slot("x", (-1,)), "an axis of slot 'x' must be a whole number"),
    ],
)  # fmt: skip
def test_an_unknown_word_is_refused_with_the_words_there_are(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: witness(Layer("l", mlp=MLP(slot_map(("A", "x", 1, "ij<-"))))),
         r"layer 1 \(l\): .* the pattern does not fit \(2, 2\), \(2,\)"),
        (lambda: witness(Layer("l", mlp=MLP(slot_map(("p", "x", 1, "i<-i"))))),
         "index i is both 3, 2"),
        (lambda: witness(Layer("l", mlp=MLP(slot_map(("x", "A", 1, "i<-ii"), ("p", "p", 1, "j<-i"),
                                                     ("x", "p", 1, "i<-i"))))), "index i is both"),
        (lambda: witness(Layer("l", (Head(slot_map(("f", "y", 1, "i<-")), X_TO_F, Y),))),
         "nothing says how many values i has"),
        (lambda: witness(Layer("l", (Head(X_TO_F, slot_map(("g", "x")), Y),))),
         "query features .* are not the key's"),
        (lambda: witness(Layer("l", mlp=MLP(Y, gate=slot_map(("h", "x"))))), "no slot 'h'"),
        (lambda: witness(Layer("l", mlp=MLP(Y, gate=slot_map(("y", "x"))))),
         "gate features .* are not the hidden units"),
        (lambda: witness(Layer("l", mlp=MLP(slot_map(("y", "h")), slot_map(("h", "y")),
                                            slot_map(("h", "y"), ("k", "y"))))), "gate features"),
        (lambda: witness(Layer("l", holds=(Holds("z", "0"),))), "no slot 'z'"),
        (lambda: witness(Layer("l", holds=(Holds("x[2]", "0"),))), "has only 2 entries"),
        (lambda: witness(readout=Readout("x", tokens="context")),
             "unknown tokens of a read-out 'context'; there are query, examples, all"),
        (lambda: witness(prompt=Prompt(2, slot_map(("y", "position[3]")), positions=3)),
         "has only 3 entries"),
        (lambda: witness(examples=0), "examples must be a whole number of at least 1"),
        (lambda: witness(definitions=(("y1", "X"),)), "definition 'y1': the name is reserved"),
        (lambda: witness(definitions=(("X", "X"),)), "definition 'X': the name is reserved"),
        (lambda: witness(definitions=(("relu", "X"),)), "definition 'relu': the name is reserved"),
        (lambda: witness(definitions=(("2M", "X"),)), "definition '2M': this is no name"),
        (lambda: witness(definitions=(("if", "X"),)), "definition 'if': this is no name"),
        (lambda: witness(definitions=(("M", "X"), ("M", "X"))),
         "definition 'M': a definition has this name already"),
        (lambda: witness(definitions=(("eta", "1"),), parameters={"eta": 2}),
         "definition 'eta': a parameter has this name already"),
        (lambda: witness(parameters={"n": 2}), "parameter 'n': the name is reserved"),
        (lambda: witness(parameters={"x12": 2}), "parameter 'x12': the name is reserved"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_head_that_fits_one_stream_is_refused_by_each_witness_of_another():
    head = Head(slot_map(("f", "A", 1, "i<-ii")), slot_map(("f", "x")), Y)
    assert witness(Layer("l", (head,))).layers == witness(Layer("m", (head,))).layers == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="query features .* are not the key's"):
            witness(Layer("l", (head,)), layout=layout(x=(2,), y=(), p=(3,), A=(3, 3)))


# -- zero coefficients ------------------------------------------------------------------------


def test_zero_coefficients_are_no_weights():
    assert slot_map(("f", "x", 0), ("f", "y")).blocks == slot_map(("f", "y")).blocks
    head = Head(X_TO_F, X_TO_F, slot_map(("y", "y", 0), ("x", "x")))
    assert head.value == slot_map(("x", "x"))
    assert MLP(slot_map(("y", "y", 0))).outer == SlotMap()
    assert Prompt(2, slot_map(("x", "x"), ("y", "y", 0))).embedding == slot_map(("x", "x"))


# -- JSON -------------------------------------------------------------------------------------


def data() -> Any:
    mlp = MLP(slot_map(("y", "h")), slot_map(("h", "y")), slot_map(("h", "y")))
    return witness(Layer("l", (Head(**MAPS),), mlp)).to_json()


def parts(made: Any) -> dict[str, Any]:
    """The objects of the data that have fixed keys, with their names in messages."""
    (layer,) = made["layers"]
    return {
        "the witness": made,
        "the prompt": made["prompt"],
        "the embedding, block 1": made["prompt"]["embedding"][0],
        "the readout": made["readout"],
        "layer 1": layer,
        "layer 1, head 1": layer["heads"][0],
        "layer 1, head 1, value, block 1": layer["heads"][0]["value"][0],
        "layer 1, mlp": layer["mlp"],
        "layer 1, mlp, inner, block 1": layer["mlp"]["inner"][0],
    }


@pytest.mark.parametrize("where", parts(data()))
def test_json_with_an_unknown_or_a_missing_key_is_refused_by_name(where):
    made = data()
    parts(made)[where]["rotary"] = True
    with pytest.raises(ValueError, match=f"{where} has an unknown key 'rotary'; there are"):
        Witness.from_json(made)
    for key in parts(data())[where]:
        made = data()
        del parts(made)[where][key]
        with pytest.raises(ValueError, match=f"{where} has no '{key}'"):
            Witness.from_json(made)


@pytest.mark.parametrize("made", [None, [], "newton", 3])
def test_json_that_is_no_object_is_refused(made):
    with pytest.raises(ValueError, match="this is no witness"):
        Witness.from_json(made)


# -- readings meet a word that they have no rule for -------------------------------------------


def smuggled(part: Any, **fields: Any) -> Any:
    """The part with fields that its class would refuse."""
    made = replace(part)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


HEAD, PERCEPTRON = Head(**MAPS), MLP(slot_map(("y", "h")), slot_map(("h", "y")))
SMUGGLED = {
    "attention": Layer("l", (smuggled(HEAD, attention="Softmax"),)),
    "keys": Layer("l", (smuggled(HEAD, keys="all"),)),
    "average": Layer("l", (smuggled(HEAD, average="n"),)),
    "activation": Layer("l", mlp=smuggled(PERCEPTRON, activation="Relu")),
}
PROMPT = [[Fraction(1), 2], [0, 1]], [1, 2], [[1, 1]]


@pytest.mark.parametrize("field", SMUGGLED)
def test_no_reading_runs_an_unknown_word_as_its_default(field):
    from proofs.calculus.run import Run
    from proofs.calculus.tokens import OutsideCalculusError

    made = witness(SMUGGLED[field])
    with pytest.raises(ValueError, match=f"the forward pass does not know {field}"):
        made.predict(*PROMPT, "rational")
    with pytest.raises(ValueError, match=f"the dense module does not know {field}"):
        made.to_torch()(*(torch.tensor([[float(v) for v in row] for row in part])
                          for part in (PROMPT[0], [PROMPT[1]], PROMPT[2])))  # fmt: skip
    with pytest.raises(OutsideCalculusError):
        Run(made, None).layer(made.layer_list[0])


# -- a reference runs no witness ---------------------------------------------------------------


def test_no_witness_runs_while_a_reference_is_evaluated():
    newton = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 7))
    module = newton.to_torch()
    tensors = [torch.tensor([[float(v) for v in row] for row in part])
               for part in (PROMPT[0], [PROMPT[1]], PROMPT[2])]  # fmt: skip
    token = forward.NO_WITNESS.set(True)
    try:
        for run in (
            lambda: newton.predict(*PROMPT, "rational"),
            lambda: newton.trace(*PROMPT),
            lambda: module(*tensors),
        ):
            with pytest.raises(ValueError, match="the algorithm runs a witness; a reference must"):
                run()
    finally:
        forward.NO_WITNESS.reset(token)
    assert len(newton.predict(*PROMPT, "rational")) == 1
