"""Prompts with parts of x, matrices as input, encodings; what a reading does not know of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from constructions.witness import Witness
from proofs.layer import Head, Layer, Readout
from proofs.prompt import Fields, Prompt, binary, sinusoidal
from proofs.rule import rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout
from verify.checks.coq.terms import NotUniformError, Writer

A = np.array([[1, 2], [0, -1], [3, 1]], dtype=object)


def gram() -> Witness:
    """At every token of a matrix of rows x_j: A A^T A, which is sum_j <x_t, x_j> x_j."""
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("out", "x")))
    return Witness(
        "gram",
        layout(x=(2,), out=(2,)),
        Prompt(2, slot_map(("x", "x")), targets=0),
        (Layer("multiply", (head,)),),
        Readout("out", 1, "examples"),
    )


def test_a_matrix_goes_in_by_rows_or_columns_and_comes_out():
    wanted = A @ A.T @ A
    assert gram().predict(A, numbers="rational").tolist() == wanted.tolist()
    batch = torch.tensor(np.stack([A, 2 * A]).astype(float))
    made = gram().predict(batch)
    assert made.shape == (2, 3, 2) and torch.equal(made[1], 8 * made[0])
    assert np.array_equal(gram().to_torch()(batch).detach(), made)
    assert gram().rounding_bound(A.astype(float)).shape == (3, 2)
    columns = gram().predict(A.T[:, :2].T, numbers="rational").T
    assert columns.tolist() == (A[:2] @ A[:2].T @ A[:2]).T.tolist()


def located(encodings, *blocks) -> Witness:
    embedding = slot_map(*blocks)
    return Witness(
        "located",
        layout(x=(1,), code=(3,), wave=(4,)),
        Prompt(1, embedding, encodings=encodings, targets=0),
        (),
        Readout("code", 1, "all"),
    )


def test_encodings_are_functions_of_a_tokens_number():
    digits = located((("bits", binary(3)),), ("code", "bits"))
    found = digits.predict(np.zeros((6, 1), dtype=int), queries=[[0]] * 2, numbers="rational")
    assert found.tolist() == [[t % 2, t // 2 % 2, t // 4] for t in range(8)]
    again = Witness.from_json(digits.to_json())
    assert again.digest == digits.digest and again.prompt == digits.prompt
    waves = located((("wave", sinusoidal(2, 100)), ("code", ("t", "n", "N"))), ("wave", "wave"))
    made = waves.trace(np.zeros((3, 1)))[0]["wave"]
    t = np.arange(3)
    wanted = np.stack([np.sin(t), np.cos(t), np.sin(t / 10), np.cos(t / 10)], axis=1)
    assert np.abs(made - wanted).max() < 1e-15
    with pytest.raises(ValueError, match="rational numbers cannot hold"):
        waves.trace(np.zeros((3, 1), dtype=int), numbers="rational")


def prompt(**fields):
    return Prompt(2, SlotMap(), **fields)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: prompt(parts=layout(n="d")), "'n' is no name of a part of x"),
        (lambda: prompt(parts=layout(a="d", a_t="")), "is not named 'a_t'"),
        (lambda: prompt(parts=layout(y="d")), "no name of a part|laid out twice"),
        (lambda: prompt(query_parts=("z",)), "unknown part of a query 'z'; there are x"),
        (lambda: prompt(query_parts=("x", "x")), "a query has each part once"),
        (lambda: prompt(targets=-1), "targets must be a whole number of at least 0"),
        (lambda: prompt(targets=0, form="interleaved"), "here are no targets"),
        (lambda: Prompt(2, slot_map(("y", "y")), targets=0), "unknown feature of a token 'y'"),
        (lambda: Prompt(2, slot_map(("x", "x")), parts=layout(z="d")), "unknown feature of a"),
        (lambda: prompt(encodings=(("one", binary(1)),)), "'one' is laid out twice"),
        (lambda: prompt(encodings=(("a", "t - j"),)), "encoding a, rule 't - j': there is no 'j'"),
        (lambda: prompt(encodings=(("a", rule([[1]])),)), "not a matrix"),
        (lambda: Fields(layout(a="")).dimension(2), "no part of x depends on d|unknown part"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "given, message",
    [
        ({"X": A[:, :1]}, "X has d = 1 columns, the witness was built for d = 2"),
        ({"X": A, "y": [1, 2, 3]}, r"y must have shape \(..., n, 0\), not \(3,\)"),
        ({"X": A, "queries": [[1]]}, "queries have d = 1 columns"),
    ],
)
def test_arrays_of_other_shapes_are_refused(given, message):
    for numbers in ("rational", "float64"):
        with pytest.raises(ValueError, match=message):
            gram().predict(**given, numbers=numbers)


def test_columns_are_counted_by_the_parts():
    parts = Prompt(
        2, slot_map(("x", "phi")), parts=layout(phi="d", r=""), query_parts=("phi",), targets=2
    )
    witness = Witness("parts", layout(x=(2,)), parts, (), Readout("x[0]"))
    y, queries = np.ones((3, 2)), np.ones((1, 2))
    assert witness.predict(np.ones((3, 3)), y, queries).tolist() == [1]
    with pytest.raises(ValueError, match=r"X has 2 columns, the witness reads 3 \(phi: 2, r: 1\)"):
        witness.predict(np.ones((3, 2)), y, queries)
    with pytest.raises(ValueError, match=r"queries have 3 columns, .* 2 \(phi: 2\)"):
        witness.predict(np.ones((3, 3)), y, np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"y must have shape \(..., n, 2\)"):
        witness.predict(np.ones((3, 3)), np.ones(3), queries)
    with pytest.raises(ValueError, match="needs queries"):
        witness.predict(np.ones((3, 3)), y)


UNKNOWN = {
    "parts": {"parts": layout(x="d", z="d")},
    "query_parts": {"query_parts": ()},
    "targets": {"targets": 2},
    "encodings": {"encodings": (("code", binary(2)),)},
}


@pytest.mark.parametrize("word", [*UNKNOWN, "tokens"])
def test_coq_refuses_by_name_what_it_does_not_know(word):
    fields = UNKNOWN.get(word, {})
    tokens = "all" if word == "tokens" else "query"
    witness = Witness(
        "new", layout(x=(2,), a=()), Prompt(2, slot_map(("x", "x")), **fields), (),
        Readout("a", 1, tokens),
    )  # fmt: skip
    with pytest.raises(NotUniformError, match=word if word != "tokens" else "at all tokens"):
        Writer("new", {}, 2).witness(witness)


def test_coq_refuses_a_prediction_of_several_numbers():
    witness = Witness("new", layout(x=(2,)), Prompt(2, slot_map(("x", "x"))), (), Readout("x"))
    with pytest.raises(NotUniformError, match="not a scalar slot"):
        Writer("new", {}, 2).witness(witness)


def test_the_calculus_tells_targets_from_d_or_refuses():
    from proofs.calculus.run import Run
    from proofs.calculus.tokens import OutsideCalculusError

    def made(d, targets):
        block = Block("e", "y", Fraction(1, 2))
        return Witness(
            "new", layout(e=(3,)), Prompt(d, slot_map(block), targets=targets), (), Readout("e")
        )

    for d, targets in ((2, 3), (3, "d")):
        ((_, held),) = Run(made(d, targets), None).predictions()
        assert held.columns == (3 if targets == 3 else Run(made(d, targets), None).sizes.axis(3))
    with pytest.raises(OutsideCalculusError, match="told apart at another d"):
        Run(made(3, 3), None)


@pytest.mark.parametrize("d", [3.0, Fraction(3), True])
def test_a_dimension_that_is_no_whole_number_is_refused_after_one_that_is(d) -> None:
    parts = layout(x="d", y="")
    assert parts.at(3).width == 4 and parts.at(1).width == 2
    with pytest.raises(ValueError, match="whole number"):
        parts.at(d)
