"""What is changed in a mutant: every kind occurs, and is noticed where it makes a difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from constructions.parts import linear_mlp
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import SlotMap, slot_map
from proofs.stream import layout, split_entry
from verify.quality import equality, mutants, sensitivity
from verify.quality.judges import Finding, Trial, judge
from verify.quality.mutants import POSITION, Mutant, sites
from verify.quality.trials import TRIALS, trial


@pytest.fixture(scope="module")
def descent() -> Trial:
    return trial("gradient_descent")


def found(name: str, change: str, text: str) -> tuple[Trial, Mutant]:
    """The first mutant of a kind whose place contains the text."""
    one = trial(name)
    return one, next(m for m in mutants.of(one.witness) if m.change == change and text in m.where)


# -- weights ------------------------------------------------------------------------------------


def test_every_block_and_the_read_out_have_a_mutant_of_each_change(descent):
    made = list(mutants.weights(descent.witness))
    blocks = sum(len(site.slots.blocks) for site in sites(descent.witness)) + 1
    for change in mutants.CHANGES:
        whole = [m for m in made if m.change == change and not m.where.endswith("]")]
        assert len(whole) == blocks


def test_every_entry_of_a_block_with_several_is_changed_once(descent):
    made = [m for m in mutants.weights(descent.witness) if m.where.endswith("]")]
    several = 0
    for site in sites(descent.witness):
        for block in site.slots:
            shapes = site.destination.shape(block.destination), site.source.shape(block.source)
            entries = len(list(block.entries(*shapes)))
            several += entries if entries > 1 else 0
    assert len(made) == several > 0


def test_what_a_change_leaves_of_a_weight_is_exact(descent):
    first = next(m for m in mutants.weights(descent.witness) if m.change == "1e-9")
    (before,) = [w for w in _entries(descent.witness) if w not in _entries(first.witness)][:1]
    assert before[1] * (1 + Fraction(1, 10**9)) in [w[1] for w in _entries(first.witness)]


def test_a_dropped_block_is_gone_from_the_matrices(descent):
    first = next(m for m in mutants.weights(descent.witness) if m.change == "dropped")
    assert first.where == "embedding: x <- 1 x"
    assert first.witness.weights == descent.witness.weights - descent.witness.d


def _entries(witness: Witness) -> list[Any]:
    embedding = witness.prompt.embedding.entries(witness.layout, witness.prompt.features)
    return list(embedding.items())


# -- kinds --------------------------------------------------------------------------------------


def test_no_two_mutants_are_the_same_and_none_is_the_witness(descent):
    digests = [m.witness.digest for m in mutants.of(descent.witness) if m.witness is not None]
    assert len(set(digests)) == len(digests)
    assert descent.witness.digest not in digests


def test_every_kind_of_change_occurs():
    kinds = set()
    for name in ("gradient_descent", "sherman_morrison tokens", "newton relu"):
        kinds |= {m.change for m in mutants.of(trial(name).witness) if m.witness}
    assert kinds == set(mutants.ORDER)


NOTICED = [
    ("newton", "embedding", "x <- 1 x_example for x <- 1 x"),
    ("newton", "embedding", "x <- 1 x_query for x <- 1 x"),
    ("newton", "embedding", "y <- 1 one for y"),
    ("newton", "embedding", "y <- 1 x[0] for y"),
    ("newton", "embedding", "y <- 1 index for y"),
    ("newton", "embedding", "t <- 1 x_query added"),
    ("newton", "embedding", "p <- 1 x[0] added"),
    ("newton", "embedding", "p <- 1 query added"),
    ("newton", "embedding", "t[0] <- 1 one added"),
    ("newton", "embedding", "t <- 1 query [i<-] added"),
    ("sherman_morrison", "embedding", "register <- 1 query for register"),
    ("sherman_morrison", "embedding", "P <- 2 query [ii<-] for P"),
    ("sherman_morrison tokens", "embedding", "one <- 1 position[1] for one"),
    ("sherman_morrison tokens", "embedding", "position <- 1 x_query for position"),
    ("newton", "patterns", "x <- 1 x [i<-j] for x <- 1 x"),
    ("sherman_morrison", "patterns", "P <- 2 register [ij<-] for P"),
    ("sherman_morrison", "patterns", "layer 3, MLP inner: P*a <- 1 P [ii<-ii] for"),
    ("sherman_morrison", "patterns", "layer 3, MLP gate: P*a <- 1 a [ij<-i] for"),
    ("sherman_morrison", "patterns", "layer 3, MLP outer: u <- 1 P*a [i<-ji] for"),
    ("sherman_morrison", "patterns", "layer 2, MLP inner: g*u <- 1 g [ij<-j] for"),
    ("sherman_morrison", "patterns", "layer 2, MLP gate: g*u <- 1 u [ii<-i] for"),
    ("sherman_morrison", "patterns", "layer 2, MLP outer: P <- -1 g*u [ij<-jj] for"),
    ("sherman_morrison", "gates", "gate dropped"),
    ("sherman_morrison", "gates", "inner in place of the gate"),
    ("sherman_morrison", "gates", "gate in place of inner"),
    ("sherman_morrison", "gates", "P*a <- 1 x [ij<-j] for P*a <- 1 a [ij<-j]"),
    ("gradient_descent", "gates", "gated by the slots themselves"),
    ("gradient_descent", "gates", "fit alone gated, by itself"),
    ("gradient_descent", "gates", "fit gated by y"),
    ("gradient_descent", "gates", "MLP dropped"),
    ("gradient_descent", "activation", "relu"),
    ("logistic", "activation", "identity"),
    ("lasso", "gates", "gated by its inner units"),
    ("sherman_morrison tokens", "positions", "position[1] [i<-] for"),
    ("sherman_morrison tokens", "positions", "every position read one too late"),
    ("recursive_least_squares twice", "positions", "every position read one too early"),
    ("sherman_morrison", "prompt", "register False"),
    ("newton", "prompt", "form interleaved"),
    ("newton relu", "prompt", "form joint"),
    ("newton", "masks", "keys full, average ''"),
    ("newton", "masks", "keys full, average 'keys'"),
    ("newton", "masks", "keys causal, average ''"),
    ("newton", "masks", "keys context, average 'examples'"),
    ("gradient_descent mean", "masks", "keys full, average 'keys'"),
    ("gradient_descent mean", "masks", "keys context, average ''"),
    ("newton relu", "heads", "layer 1: values"),
    # token n = 1 is the first query, and its index is 1: only a second query tells
    ("recursive_least_squares", "embedding", "one <- 1 index for one <- 1 one"),
    ("sherman_morrison", "normalisation", "null False"),
    ("sherman_morrison", "normalisation", "head 1: linear"),
]


@pytest.mark.parametrize("name, change, text", NOTICED)
def test_what_makes_a_difference_is_noticed_in_fractions(name: str, change: str, text: str):
    one, mutant = found(name, change, text)
    assert mutant.witness is not None
    said = judge(one, mutant.witness)
    assert said.refutes["exact"] is True and said.equal is False
    assert said.refutes["proof"] is not False


EQUAL = [
    ("sherman_morrison", "gates", "inner and gate exchanged"),  # where nothing is activated
    ("newton relu", "heads", "layer 1: head 1 and 2 exchanged"),
]


@pytest.mark.parametrize("name, change, text", EQUAL)
def test_what_makes_no_difference_is_proved_equal(name: str, change: str, text: str):
    one, mutant = found(name, change, text)
    assert mutant.witness is not None and judge(one, mutant.witness).equal is True


@pytest.mark.parametrize("name", TRIALS)
def test_the_unchanged_witness_is_refuted_by_nothing(name):
    one = trial(name)
    said = judge(one, one.witness)
    assert not any(said.refutes.values())
    assert said.refutes["numeric" if one.every else "exact"] is False
    assert (said.refutes["proof"] is False) == (one.proof is not None)
    assert said.equal is True


REFUSED = [
    ("sherman_morrison", "layer 2: head 1: keys context, average 'keys'", "average"),
    ("newton", "null True", "null"),
    ("newton", "norm True", "norm"),
    ("sherman_morrison", "inner dropped", ""),
    ("sherman_morrison", "2 positions instead of 3", ""),
    ("newton", "one position", None),
]


@pytest.mark.parametrize("name, text, why", REFUSED)
def test_what_the_vocabulary_refuses_is_listed_with_its_reason(name, text, why):
    one = trial(name)
    mutant = next(m for m in mutants.of(one.witness) if text in m.where)
    if why is None:  # a position that nothing reads is no fault
        assert mutant.witness is not None
        return
    assert mutant.witness is None and why in mutant.refused and mutant.refused


def test_what_is_refused_is_counted_and_judged_by_nothing(descent):
    refused = Finding({}, None, {}, refused="a reason")
    row = sensitivity.counted(descent, [("masks", "layer 1", refused)])["changes"]["masks"]
    assert row["mutants"] == row["refused when made"] == 1
    assert row["open"] == 0 and row["exact"]["of"] == 0


def test_a_fault_inside_a_mutant_is_no_refusal(monkeypatch):
    one = trial("newton")
    monkeypatch.setattr(Witness, "with_layers", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(mutants.of(one.witness))


def test_positions_that_are_shifted_are_those_of_the_one_hot_slot():
    one, mutant = found("sherman_morrison tokens", "positions", "one too late")
    before, after = (
        {
            split_entry(b.source)[1]
            for slots in w.slot_maps() for b in slots if split_entry(b.source)[0] == POSITION
        } - {None}
        for w in (one.witness, mutant.witness)
    )  # fmt: skip
    assert after == {index + 1 for index in before}
    assert mutant.witness.prompt.positions == one.witness.prompt.positions + 1


# -- equal where nothing reads or reaches -------------------------------------------------------


def small(mlp: MLP | None, *embedding: tuple, heads: tuple[Head, ...] = ()) -> Witness:
    return Witness(
        name="small",
        layout=layout(x=(2,), y=(), a=(), b=(), out=()),
        prompt=Prompt(2, slot_map(("x", "x"), ("y", "y"), *embedding)),
        layer_list=(Layer("only", heads, mlp),),
        readout=Readout("out"),
    )


def predictions(witness: Witness) -> list[Fraction]:
    X = np.array([[Fraction(2), Fraction(-3)]], dtype=object)
    queries = np.array([[Fraction(5), Fraction(7)], [Fraction(-1), Fraction(1, 2)]], dtype=object)
    y = np.array([Fraction(4)], dtype=object)
    return list(witness.predict(X, y, queries, "rational"))


COPY = slot_map(("out", "x[0]"))


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "relu"},
        {"gate": slot_map(("x", "x"))},
        {"gate": slot_map(("a", "a"))},
        {"activation": "relu", "gate": slot_map(("x", "x"))},
    ],
)
def test_without_inner_units_activation_and_gate_are_not_the_same_as_none(fields):
    plain, other = small(MLP(COPY)), small(MLP(COPY, **fields))
    assert predictions(plain) != predictions(other)
    assert not equality.same_where_read(plain, other)


def test_what_the_gate_alone_reads_is_read():
    gated = MLP(slot_map(("out", "a")), gate=slot_map(("a", "b")))
    one = small(gated, ("a", "one"), ("b", "one"))
    other = small(gated, ("a", "one"), ("b", "one", 2))
    assert predictions(one) != predictions(other)
    assert not equality.same_where_read(one, other)


@pytest.mark.parametrize(
    "one, other",
    [
        (small(linear_mlp(("out", "a", 3))), small(None)),
        (small(MLP(slot_map(("out", "y")), gate=slot_map(("y", "a")))), small(None)),
        (small(linear_mlp(("out", "x[0]"), ("a", "y"))), small(linear_mlp(("out", "x[0]")))),
        (small(None, ("a", "one")), small(None, ("b", "query", 3))),
        (
            small(None, heads=(Head(slot_map(("f", "y")), slot_map(("f", "a")), COPY),)),
            small(None),
        ),
        (
            small(MLP(slot_map(("out", "h")), slot_map(("h", "a"), ("k", "y")), activation="relu")),
            small(None),
        ),
    ],
)
def test_what_nothing_reaches_or_reads_makes_no_difference(one, other):
    assert predictions(one) == predictions(other)
    assert equality.same_where_read(one, other)


@pytest.mark.parametrize("attention", ["softmax", "normalised"])
def test_a_head_whose_scores_are_zero_may_still_say_something(attention):
    silent = Head(slot_map(("f", "a")), slot_map(("f", "a")), COPY, attention=attention, null=True)
    heads = (silent,)
    if attention == "softmax":
        assert not equality.same_where_read(small(None, heads=heads), small(None))
    else:
        assert predictions(small(None, heads=heads)) == predictions(small(None))
        assert equality.same_where_read(small(None, heads=heads), small(None))


def test_wherever_two_witnesses_are_called_the_same_they_predict_the_same():
    tried = 0
    for name in ("gradient_descent", "sherman_morrison", "newton relu", "recursive_least_squares"):
        one = trial(name)
        case = one.exact[0]
        want = list(one.witness.predict(case.X, case.y, case.queries, "rational"))
        for mutant in list(mutants.of(one.witness))[::3]:
            if mutant.witness and equality.same_where_read(one.witness, mutant.witness):
                tried += 1
                got = mutant.witness.predict(case.X, case.y, case.queries, "rational")
                assert list(got) == want, mutant.where
    assert tried > 50


# -- a check that has a fault is seen to let something through ------------------------------------


@pytest.fixture
def careless_calculus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A calculus that drops what the embedding reads of single entries."""
    from proofs import prove_witness
    from proofs.calculus.run import Run

    class Careless(Run):
        def __init__(self, witness: Any, *arguments: Any) -> None:
            kept = tuple(b for b in witness.prompt.embedding if split_entry(b.source)[1] is None)
            prompt = replace(witness.prompt, embedding=SlotMap(kept))
            super().__init__(replace(witness, prompt=prompt), *arguments)

    monkeypatch.setattr(prove_witness, "Run", Careless)
    yield


def counted(name: str, change: str, text: str) -> dict[str, Any]:
    one, mutant = found(name, change, text)
    return sensitivity.counted(
        one, [(mutant.change, mutant.where, sensitivity.judge_mutant(one, mutant))]
    )


def test_a_calculus_that_drops_single_entries_lets_a_mutant_through(careless_calculus):
    witness = counted("newton", "embedding", "p <- 1 x[0] added")
    row = witness["changes"]["embedding"]
    assert row["exact"] == {"refuted": 1, "of": 1, "outside": 0}
    assert row["proof"] == {"refuted": 0, "of": 1, "outside": 0}
    (miss,) = sensitivity.missed([witness])
    assert miss["kind"] == "proof" and "p <- 1 x[0] added" in miss["where"]
    report = {
        "witnesses": [witness], "weights": mutants.WEIGHTS, "sampled": sensitivity.SAMPLED,
        "missed": sensitivity.missed([witness]),
    }  # fmt: skip
    shown = sensitivity.table(report)
    assert "missed by proof: newton, embedding, embedding: p <- 1 x[0] added" in shown.caption
    assert list(shown.columns[-2].cells) == ["0 of 1"]


def test_without_that_fault_nothing_is_missed():
    witness = counted("newton", "embedding", "p <- 1 x[0] added")
    assert witness["changes"]["embedding"]["proof"] == {"refuted": 1, "of": 1, "outside": 0}
    assert sensitivity.missed([witness]) == []


def test_a_comparison_that_sees_nothing_is_seen_in_the_table(monkeypatch):
    from verify.quality import judges

    monkeypatch.setattr(judges, "differs", lambda *_: False)
    witness = counted("newton", "masks", "keys full, average ''")
    assert {miss["kind"] for miss in sensitivity.missed([witness])} == {"exact"}


def test_all_constructions_have_mutants_of_their_embedding():
    for name in TRIALS:
        witness = trial(name).witness
        kinds = {m.change for m in (*mutants.wiring(witness), *mutants.structure(witness))}
        assert {"embedding", "masks", "patterns", "positions", "prompt"} <= kinds, name
