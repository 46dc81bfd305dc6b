"""Arrays of every kind are taken for the numbers that they hold, or refused in one line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from flint import arb

import constructions
from constructions import Prompt, Witness, slot_map
from proofs.stream import Slot

WITNESS = constructions.build("gradient_descent", d=2, steps=1, step_size=Fraction(1, 8))
X, Y, QUERIES = [[1, 2], [3, 4]], [1, 2], [[1, 1]]
LONG = np.longdouble(1) / 3  # more digits than float64 has


def objects(first: Any) -> np.ndarray:
    made = np.array(X, dtype=object)
    made[0, 0] = first
    return made


def rows(first: Any) -> list[list[Fraction]]:
    """X beginning with this number."""
    return [[Fraction(first), Fraction(2)], [Fraction(3), Fraction(4)]]


def predicted(X: list[list[Fraction]]) -> Fraction:
    """A step of size 1/8 down |X w - y|^2 from 0, at (1, 1)."""
    return sum((Fraction(1, 4) * y * sum(row) for row, y in zip(X, Y)), Fraction(0))


# {kind: (X, what it holds)}
TAKEN = {
    "longdoubles": (np.full((2, 2), LONG), [[Fraction(*LONG.as_integer_ratio())] * 2] * 2),
    "a longdouble": (objects(LONG), rows(Fraction(*LONG.as_integer_ratio()))),
    "sympy's fraction": (objects(sympy.Rational(1, 3)), rows(Fraction(1, 3))),
    "sympy's whole number": (objects(sympy.Integer(5)), rows(5)),
    "sympy's float": (objects(sympy.Float(0.5)), rows(0.5)),
    "numpy's float": (objects(np.float32(0.1)), rows(float(np.float32(0.1)))),
    "numpy's small int": (objects(np.int8(100)), rows(100)),
    "a Fraction of numpy's ints": (objects(Fraction(np.int8(100), np.int8(3))), rows("100/3")),
    "a Decimal": (objects(Decimal("0.5")), rows(0.5)),
    "a torch scalar": (objects(torch.tensor(0.25)), rows(0.25)),
    "an int beside floats": ([[2**53 + 1, 2.0], [3.0, 4.0]], rows(2**53 + 1)),
    "bool": (np.ones((2, 2), dtype=bool), [[Fraction(1)] * 2] * 2),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_a_number_of_any_library_is_taken_exactly(kind: str) -> None:
    array, held = TAKEN[kind]
    wanted = predicted(held)
    assert WITNESS.predict(array, Y, QUERIES, "rational").tolist() == [wanted]
    (ball,) = WITNESS.predict(array, Y, QUERIES, "ball")
    assert ball.overlaps(arb(wanted.numerator) / arb(wanted.denominator))
    (symbolic,) = WITNESS.predict(array, Y, QUERIES, "symbolic")
    assert Fraction(int(symbolic.p), int(symbolic.q)) == wanted
    (near,) = WITNESS.predict(array, Y, QUERIES)
    bound = WITNESS.rounding_bound(array, Y, QUERIES)[0]
    assert abs(Fraction(float(near)) - wanted) <= bound < 1e-14 * max(1, abs(wanted))


REFUSED = {
    "masked": (np.ma.masked_array(X, [[0, 1], [0, 0]]), "X is a masked array"),
    "a masked entry": (objects(np.ma.masked), "X has a masked entry"),
    "complex": (np.array(X, dtype=complex), "X has complex numbers"),
    "a complex entry": (objects(1j), "X has 1j, which is complex"),
    "torch's complex": (torch.tensor(X, dtype=torch.complex64), "X has complex numbers"),
    "sparse": (torch.tensor(X, dtype=torch.float64).to_sparse(), "X is a sparse tensor"),
    "ragged": ([[1, 2], [3]], "X is not a rectangular array of numbers"),
    "a hostile text": (objects("1e99999999"), "X has "),
    "a hostile Decimal": (objects(Decimal("1e99999999")), "X has "),
    "not a number": (objects(Decimal("nan")), "X has "),
    "a letter": (objects(sympy.Symbol("x")), "X"),
    "dates": (np.array([["2020-01-01"] * 2] * 2, dtype="datetime64[D]"), "X "),
}


@pytest.mark.parametrize("numbers", ["float64", "rational", "ball"])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_real_number_is_refused_in_one_line(kind: str, numbers: str) -> None:
    array, words = REFUSED[kind]
    with pytest.raises(ValueError) as error:
        WITNESS.predict(array, Y, QUERIES, numbers)
    said = str(error.value)
    assert words in said or "x" in said and kind == "a letter"
    assert "\n" not in said and len(said) < 200


def test_a_masked_y_and_masked_queries_are_refused_too() -> None:
    for arrays in ((X, np.ma.masked_array(Y), QUERIES), (X, Y, np.ma.masked_array(QUERIES))):
        for numbers in ("float32", "rational"):
            with pytest.raises(ValueError, match="is a masked array"):
                WITNESS.predict(*arrays, numbers=numbers)


def test_numbers_beyond_float64_are_refused_by_floats_and_taken_by_fractions() -> None:
    for first in (10**400, Fraction(10**400), -Fraction(10**400, 3)):
        with pytest.raises(ValueError, match="X has values that are not finite in float64"):
            WITNESS.predict(objects(first), Y, QUERIES)
        assert WITNESS.predict(objects(first), Y, QUERIES, "rational").tolist() == [
            predicted(rows(first))
        ]


# -- sizes and weights that nobody means --------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: constructions.build("newton", d=10**30, iterations=1, alpha=1),
        lambda: constructions.build("newton", d=1, iterations=10**12, alpha=1),
        lambda: constructions.build("sherman_morrison", d=1, examples=10**30, ridge=1),
        lambda: Prompt(10**30, slot_map(("x", "x"))),
        lambda: Slot("x", (10**30,)),
        lambda: constructions.from_matrices(
            [{"P": {("y", "y"): 1}, "Q": {("x", "x"): -1}, "M": "examples"}],
            rows={"x": "d", "y": 1}, d=10**30, read="y",
        ),
        lambda: WITNESS.unrolled(10**30),
        lambda: WITNESS.run_until(X, Y, QUERIES, until=lambda *_: False, at_most=10**30),
    ],
)  # fmt: skip
def test_sizes_that_no_memory_holds_are_refused_at_once(make: Any) -> None:
    with pytest.raises(ValueError, match="at most 1000000, not 10"):
        make()


@pytest.mark.parametrize("text", ["1e99999999", "-1e-99999999", "9**9**9"])
def test_weights_that_would_fill_the_memory_are_refused_at_once(text: str) -> None:
    stored = WITNESS.to_json()
    stored["readout"]["coefficient"] = text
    with pytest.raises(ValueError, match="fill the memory|too large"):
        Witness.from_json(stored)
    layer = {"P": {("y", "y"): text}, "Q": {("x", "x"): -1}, "M": "examples"}
    with pytest.raises(ValueError, match=r"P\[y, y\]: "):
        constructions.from_matrices([layer], rows={"x": "d", "y": 1}, d=2, read="y")
    layer = {"P": {("y", "y"): 1}, "Q": {("x", "x"): -1}, "M": "examples", "factor": text}
    with pytest.raises(ValueError, match="too large|fill the memory|factor"):
        constructions.from_matrices([layer], rows={"x": "d", "y": 1}, d=2, read="y").predict(
            X, Y, QUERIES, "rational"
        )
