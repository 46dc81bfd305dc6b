"""What the proof of an assembled witness accepts, and what it refuses by name."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest

import constructions
from constructions.parts import read_offset, scaled
from proofs import prove_witness as holds
from proofs import references
from proofs.slotmap import slot_map


def prove_witness(witness, **options):
    """Against the algorithm of its name.

    The iterates of deep descent satisfy relations: every definition is put in.
    """
    statement = constructions.get(witness.name).reference(witness.parameters)
    return holds.prove_witness(
        witness, expand=witness.name == "deep_descent", statement=statement, **options
    )


Y = slot_map(("y", "y"))
PROMPT = ([[1, 2, -1], [3, -1, 2]], [2, -3], [[1, -2, 4]])


def predict(witness):
    return witness.predict(*PROMPT, numbers="rational").tolist()


def test_causal_keys_need_single_tokens_and_queries_that_do_not_see_each_other():
    witness = constructions.build("recursive_least_squares", d=3, examples=2, ridge=1)
    first = witness.layer_list[0]
    (head,) = first.heads
    everywhere = replace(head, key=type(head.key)((replace(head.key.blocks[0], source="one"),)))
    changed = replace(first, heads=(everywhere,))
    proof = prove_witness(witness.with_layers((changed, *witness.layer_list[1:])))
    assert not proof.proved and "tokens that see queries" in proof.failed

    joint = constructions.build("newton", d=3, iterations=1, alpha=Fraction(1, 7))
    first = joint.layer_list[0]
    causal = replace(first, heads=(replace(first.heads[0], keys="causal"),))
    proof = prove_witness(joint.with_layers((causal, *joint.layer_list[1:])))
    assert not proof.proved and "tokens not told apart" in proof.failed


def test_positions_that_reach_the_queries_are_refused():
    """The first query would be told from the second, and one stands for all of them."""
    witness = constructions.build("sherman_morrison", d=3, examples=2, ridge=1, storage="tokens")
    slots = (replace(s, shape=(4,)) if s.name == "position" else s for s in witness.layout.slots)
    longer = replace(
        witness,
        layout=replace(witness.layout, slots=tuple(slots)),
        prompt=replace(witness.prompt, positions=4),
    )
    proof = prove_witness(longer)
    assert not proof.proved and "positions tell queries apart" in proof.failed


def test_the_first_wrong_layer_is_named():
    witness = constructions.build("newton", d=2, iterations=2, alpha=Fraction(1, 7))
    layer = witness.layer_list[2]
    head = layer.heads[0]
    wrong = replace(layer, heads=(replace(head, value=type(head.value)(())),))
    layers = (*witness.layer_list[:2], wrong, *witness.layer_list[3:])
    proof = prove_witness(witness.with_layers(layers))
    assert not proof.proved
    assert proof.failed is not None
    assert "layer 3 (M_2)" in proof.failed


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("hyperpower", {"iterations": 6, "alpha": Fraction(1, 7)}),
        (
            "gradient_descent",
            {"steps": 1, "step_size": Fraction(1, 4), "ridge": 2},
        ),  # 2 eta lam = 1
    ],
)
def test_many_layers_and_the_critical_ridge_are_proved_too(name, parameters):
    proof = prove_witness(constructions.build(name, d=3, **parameters))
    assert proof.proved, proof.failed


@pytest.mark.parametrize("attention", ["linear", "relu"])
@pytest.mark.parametrize("examples", [None, 1, 3])
def test_the_interleaved_prompt_is_proved_with_its_examples_together_or_one_by_one(
    attention, examples
):
    proof = prove_witness(interleaved(attention=attention), examples=examples)
    assert proof.proved, proof.failed
    assert proof.statement.endswith("d" if examples else "n, d")


def interleaved(**parameters):
    return constructions.build(
        "newton", d=3, iterations=1, alpha=Fraction(1, 7), prompt="interleaved", **parameters
    )


def with_readers(witness, heads):
    """The witness with other heads where its first layer reads the next token."""
    layer = witness.layer_list[0]
    kept = tuple(head for head in layer.heads if "read token" not in head.name)
    assert len(kept) == len(layer.heads) - 3
    layers = (replace(layer, heads=(*kept, *heads)), *witness.layer_list[1:])
    return witness.with_layers(layers)


@pytest.mark.parametrize("offset", [-2, -1, 0, 2, 3])
def test_reading_another_token_than_the_next_is_refused(offset):
    witness = with_readers(interleaved(), read_offset(offset, Y))
    assert not prove_witness(witness).proved
    assert predict(witness) != predict(interleaved())


def test_the_heads_that_read_a_token_are_known_by_their_weights():
    readers = [replace(head, name=f"head {h}") for h, head in enumerate(read_offset(1, Y))]
    for order in permutations(readers):
        assert prove_witness(with_readers(interleaved(), order)).proved
    shifted = [replace(r, key=s.key) for r, s in zip(readers, readers[1:] + readers[:1])]
    assert not prove_witness(with_readers(interleaved(), shifted)).proved
    for missing in range(3):
        fewer = readers[:missing] + readers[missing + 1 :]
        assert not prove_witness(with_readers(interleaved(), fewer)).proved


def test_scores_between_integers_are_no_selection():
    """relu(u + 1) - 2 relu(u) + relu(u - 1) is 1/2 at u = 1/2."""
    halved = [
        replace(
            head,
            query=scaled(head.query, Fraction(1, 2)),
            key=slot_map(("from", "index"), ("from", "one", 2 * shift - 2), ("to", "one", -1)),
        )
        for head, shift in zip(read_offset(1, Y), (1, 0, -1), strict=True)
    ]
    witness = with_readers(interleaved(), halved)
    assert "not integers" in str(prove_witness(witness).failed)
    assert predict(witness) != predict(interleaved())


def test_one_hot_positions_need_the_number_of_examples():
    witness = constructions.build("sherman_morrison", d=3, examples=2, ridge=1)
    assert prove_witness(witness).proved
    refused = prove_witness(replace(witness, examples=None))
    assert "number of examples is needed" in str(refused.failed)


def test_softmax_is_outside_the_calculus():
    witness = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 7))
    layer = witness.layer_list[1]
    soft = replace(layer, heads=(replace(layer.heads[0], attention="softmax"),))
    layers = (witness.layer_list[0], soft, *witness.layer_list[2:])
    proof = prove_witness(witness.with_layers(layers))
    assert "outside the calculus: M_1, head T S T x: softmax attention" in str(proof.failed)
    nameless = replace(soft, heads=(replace(soft.heads[0], name=""),))
    proof = prove_witness(witness.with_layers((layers[0], nameless, *layers[2:])))
    assert "outside the calculus: M_1, a head: softmax attention" in str(proof.failed)


def test_wrong_definitions_of_the_witness_do_not_help_it():
    witness = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 7))
    layer = witness.layer_list[1]
    dropped = replace(layer, mlp=None)  # t becomes (M0 − M0 S M0 / 2) x
    layers = (witness.layer_list[0], dropped, *witness.layer_list[2:])
    definitions = tuple(
        (name, "M0 - M0*S*M0/2" if name == "M1" else text) for name, text in witness.definitions
    )
    wrong = replace(witness, layer_list=layers, definitions=definitions)
    assert not prove_witness(wrong).proved
    stated = references.newton(witness.parameters)
    renamed = replace(wrong, name="half_newton")  # and its name makes no difference
    assert not holds.prove_witness(renamed, statement=stated).proved
    halved = ({**stated[0], "M1": "M0 - M0*S*M0/2"}, stated[1])
    assert holds.prove_witness(wrong, statement=halved).proved
    assert holds.prove_witness(wrong).proved  # of its own words, which are no algorithm


def test_a_formula_does_not_take_its_quantities_from_the_witness():
    witness = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 7))
    stated = references.newton(witness.parameters)
    lying = replace(witness, parameters={**witness.parameters, "alpha": Fraction(2, 7)})
    given = {"alpha": Fraction(1, 7)}
    assert not holds.prove_witness(lying, statement=stated).proved
    assert holds.prove_witness(lying, statement=stated, parameters=given).proved
    other = ({**stated[0], "M0": "2*alpha*S"}, stated[1])
    assert not holds.prove_witness(witness, statement=other, parameters=given).proved


def test_the_number_at_which_a_witness_is_built_is_not_its_dimension():
    witness = constructions.build("newton", d=3, iterations=0, alpha=Fraction(1, 3))
    by_d = ({"S": "X.T*X"}, "x_t.T*S*X.T*y/d")
    assert holds.prove_witness(witness, statement=by_d).proved is False
