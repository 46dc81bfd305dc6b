"""A matrix that does not fit is refused when it is made, by name and shape, with what would fit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from constructions import from_matrices

ROWS = {"x": "d", "y": 1}
FINE: dict[str, Any] = {"P": np.eye(4), "Q": np.eye(4)}
SOFTMAX: dict[str, Any] = {
    "W_V": np.eye(4),
    "W_Q": np.eye(4),
    "W_K": np.eye(4),
    "attention": "softmax",
}


def made(layers: Any, **more: Any) -> Any:
    return from_matrices(layers, **{"rows": ROWS, "d": 3, "read": "y", **more})


def without(*words: str, **changed: Any) -> dict[str, Any]:
    return {k: v for k, v in (SOFTMAX | changed).items() if k not in words}


LAYERS: dict[str, tuple[Any, str]] = {
    # shapes
    "whole": (
        FINE | {"Q": np.zeros((3, 4))},
        "layer 1: Q is 3 x 4; with the rows x (d = 3), y (1) it must be 4 x 4",
    ),
    "ragged": (FINE | {"P": [[1, 2], [3]]}, "P is no matrix: its rows have 1 and 2 entries"),
    "vector": (FINE | {"P": [1, 2, 3, 4]}, "layer 1: P must be a matrix, given by its rows"),
    "number": (FINE | {"P": 1}, "layer 1: P must be a 4 x 4 matrix, or its blocks by name, not 1"),
    "empty": (FINE | {"P": []}, "layer 1: P is no matrix: its rows have no entries"),
    "block": (
        FINE | {"Q": {("x", "x"): [[1, 2], [3, 4]]}},
        "Q[x, x] goes from x (d = 3) to x (d = 3): a 2 x 2 matrix does not fit, a 3 x 3 one would",
    ),
    "row as a column": (
        FINE | {"P": {("x", "y"): [[1, 2, 3]]}},
        "P[x, y] goes from y (1) to x (d = 3): a 1 x 3 matrix does not fit, a 3 x 1 one would",
    ),
    "vector that is too long": (
        FINE | {"P": {("y", "x"): [1, 2, 3, 4]}}, "a 1 x 4 matrix does not fit, a 1 x 3 one would"
    ),
    "vector between vectors": (
        FINE | {"P": {("x", "x"): [1, 2, 3]}}, "a vector of 3 numbers does not fit, rows are needed"
    ),
    "number between sizes": (
        FINE | {"P": {("y", "x"): 1}},
        "P[y, x] goes from x (d = 3) to y (1): the number 1 is a multiple of the identity, which "
        "needs as many rows as columns; a 1 x 3 matrix would fit",
    ),
    "W_Q and W_K": (
        SOFTMAX | {"W_Q": np.ones((2, 4)), "W_K": np.ones((3, 4))},
        "layer 1: W_Q is 2 x 4 and W_K is 3 x 4; (W_K H)ᵀ W_Q H needs as many rows in both",
    ),
    "W_K too narrow": (SOFTMAX | {"W_K": np.ones((4, 3))}, "W_K is 4 x 3; from x (d = 3), y (1)"),
    "features": (
        SOFTMAX | {"W_Q": {("f", "x"): 1}, "W_K": {("g", "x"): 1}},
        "W_Q writes f and W_K writes g; (W_K H)ᵀ W_Q H needs f in W_K too",
    ),
    "W_V alone": (SOFTMAX | {"W_V": np.ones((2, 4))}, "W_V is 2 x 4; with the rows"),
    "W_O": (
        SOFTMAX | {"W_O": np.ones((4, 3)), "W_V": np.ones((2, 4))},
        "W_O is 4 x 3; from v (2) to x (d = 3), y (1) it must be 4 x 2",
    ),
    "W_2": (
        {"W_1": np.ones((2, 4)), "W_2": np.ones((4, 3)), "activation": "relu"},
        "layer 1: W_2 is 4 x 3; from hidden (2) to x (d = 3), y (1) it must be 4 x 2",
    ),
    "the second head of the second layer": (
        [FINE, [FINE, FINE | {"Q": np.eye(3)}]], "layer 2, head 2: Q is 3 x 3"
    ),
    # names
    "row": (FINE | {"P": {("z", "x"): 1}}, "P[z, x]: there is no 'z' here, but x, y"),
    "column": (SOFTMAX | {"W_Q": {("f", "z"): 1}}, "W_Q[f, z]: there is no 'z' here, but x, y"),
    "pair": (FINE | {"P": {"yx": 1}}, "a block is named by a pair of rows, ('y', 'x'), not 'yx'"),
    "word": (FINE | {"q": 1}, "layer 1: there is no 'q'; a head has P, W_O, W_V, Q"),
    "word of a head": ({"heads": [FINE | {"q": 1}]}, "unknown word in layer 1 'q'; there are P"),
    "no scores": ({"P": np.eye(4)}, "the scores need Q, or W_Q and W_K; there is nothing"),
    "half of the scores": (without("W_K"), "the scores need Q, or W_Q and W_K; there is W_Q"),
    "both scores": (SOFTMAX | {"Q": np.eye(4)}, "there is Q and W_Q and W_K"),
    "no values": ({"Q": np.eye(4)}, "values need P, or W_V with W_O or alone; there is nothing"),
    "P and W_O": (SOFTMAX | {"P": np.eye(4), "W_O": np.eye(4)}, "there is P and W_O and W_V"),
    "W_O alone": (without("W_V", W_O=np.eye(4)), "W_O needs W_V"),
    "attention": (without("attention"), "with W_Q and W_K, say which attention; there are linear"),
    "no such attention": (FINE | {"attention": "max"}, "unknown attention in layer 1 'max'"),
    "W_1 alone": ({"W_1": np.eye(4)}, "layer 1: an MLP needs W_2, activation beside W_1"),
    "causal between": (FINE | {"M": "causal"}, "said by mask='causal'"),
    "no such mask": (FINE | {"mask": "past"}, "mask is 'all', 'examples', 'causal', "),
    "mask in rows and columns": (FINE | {"mask": "r < c"}, "there is no 'c' here, but t, j"),
    "M that is not square": (
        FINE | {"M": np.ones((3, 4))},
        "layer 1: M is 3 x 4; it must have a row and a column for each token",
    ),
    "M of a number": (FINE | {"M": 1}, "M is 'all', 'examples', a matrix, or a rule, not 1"),
    "1/n beside a matrix": (
        FINE | {"M": np.eye(4), "factor": "2/n"}, "factor 2/n with an M that is a matrix: say n"
    ),
    "scale": (FINE | {"scale": "1/n"}, "layer 1: scale: '1/n' is no finite number"),
    "1/keys of shares": (SOFTMAX | {"factor": "1/keys"}, "weights of softmax attention are shares"),
    "null": (FINE | {"null": True}, "null with linear attention"),
    "a string": ("PQ", "layers must be a list of layers, [layer] * 3 for three, not 'PQ'"),
    "heads in a string": (["PQ"], "layer 1, head 1: a head is a mapping {'P': …, 'Q': …}, not 'P'"),
    # entries
    "text": (FINE | {"P": [["a"] * 4] * 4}, "layer 1: P[0, 0]: 'a' is no finite number"),
    "zero division": (FINE | {"P": {("y", "y"): "1/0"}}, "P[y, y]: '1/0' is no finite number"),
    "nan": (FINE | {"P": np.full((4, 4), np.nan)}, "P[0, 0]: it must be finite, not nan"),
    "complex": (FINE | {"P": np.eye(4) * 1j}, "P[0, 0] must be a number, not 1j"),
    "None": (FINE | {"P": {("y", "y"): None}}, "P[y, y] must be a number, not None"),
    "factor": (FINE | {"factor": "1/m"}, "factor is a number, 1/keys, or a formula in n and N; "),
}  # fmt: skip


def refusal(call: Any) -> str:
    with pytest.raises((ValueError, TypeError)) as refused:
        call()
    said = str(refused.value)
    assert "\n" not in said and len(said) < 400
    return said


@pytest.mark.parametrize("kind", LAYERS)
def test_what_does_not_fit_is_refused_when_it_is_made(kind: str) -> None:
    layers, words = LAYERS[kind]
    said = refusal(lambda: made(layers if isinstance(layers, (list, str)) else [layers]))
    assert words in said, said


AROUND: dict[str, tuple[dict[str, Any], str]] = {
    "rows": ({"rows": {}}, "rows must name the rows of Z in order"),
    "size": ({"rows": {"x": "2d", "y": 1}}, "rows: x has '2d' rows"),
    "no rows of it": ({"rows": {"x": "d", "y": 0}}, "the number of rows of y must be at least 1"),
    "d": ({"d": None}, "d is needed: x has d rows"),
    "d of nothing": ({"d": None, "rows": {"e": 4}}, "d is needed, the number of columns of X"),
    "nothing begins": ({"rows": {"a": "d", "b": 1}}, "no row is called like a feature of a token"),
    "embedding": (
        {"embedding": {("x", "y"): 1}}, "embedding[x, y] goes from y (1) to x (d = 3): the number 1"
    ),
    "feature": ({"embedding": {("x", "z"): 1}}, "embedding[x, z]: there is no 'z' here, but x, y"),
    "read": ({"read": {"x": 1, "y": 1}}, "read must be a row, or {row: factor}"),
    "read nothing": ({"read": "z"}, "no slot 'z'"),
    "factor": ({"read": {"y": "x"}}, "the factor of the row that is read: 'x' is no finite number"),
    "prompt": ({"prompt": {"form": "tokens"}}, "unknown form of the prompt 'tokens'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", AROUND)
def test_what_is_around_the_layers_is_refused_too(kind: str) -> None:
    more, words = AROUND[kind]
    said = refusal(lambda: made([], **more))
    assert words in said, said


@pytest.mark.parametrize("d", [1, 2, 3])
def test_what_does_not_fit_for_every_d_is_refused_for_d_1(d: int) -> None:
    """A number between x (d rows) and y (one row) fits where d = 1 only."""
    layer = {"P": {("y", "x"): 1}, "Q": {("x", "x"): 1}}
    assert "multiple of the identity" in refusal(lambda: made([layer], d=d))


TENTH = Fraction(1, 10)


@pytest.mark.parametrize(
    "value, wanted",
    [
        ("0.1", TENTH),
        ("1/10", TENTH),
        (TENTH, TENTH),
        (sympy.Rational(1, 10), TENTH),
        (0.1, Fraction(0.1)),
        (np.float32(0.1), Fraction(13421773, 134217728)),
        (np.longdouble(1) / 10, Fraction(*(np.longdouble(1) / 10).as_integer_ratio())),
        (torch.tensor(0.1, dtype=torch.bfloat16), Fraction(205, 2048)),
        (np.int8(3), 3),
    ],
)
def test_entries_are_taken_exactly(value: Any, wanted: Any) -> None:
    """Floats as the binary fractions that they are, text as the decimal that it is."""
    layer = {"P": {("y", "y"): value}, "Q": {("x", "x"): 1}}
    (block,) = made([layer]).layer_list[0].heads[0].value
    assert block.coefficient == wanted


def test_letters_are_entries_too() -> None:
    eta, a = sympy.symbols("eta a")
    layer = {
        "P": {("y", "y"): -eta / 2},
        "Q": {("x", "x"): eta * sympy.Matrix([[a, 0], [1, a]]).T / 3},
    }
    assert made([layer], d=2).free_symbols == {eta, a}


def test_blocks_that_are_named_stay_blocks() -> None:
    """A number is a plain block, so that proofs hold for every d; a matrix is kept as it is."""
    A = ((1, 2), (3, 4))
    layer = {
        "P": {("y", "y"): 2},
        "Q": {("x", "x"): A, ("x", "y"): [5, 6]},
        "M": "examples",
    }
    (head,) = made([layer], d=2).layer_list[0].heads
    assert [(str(b), b.matrix) for b in head.value] == [("y <- 2 y", None)]
    assert [(str(b), b.matrix) for b in head.key] == [("x <- 1 x", None)]
    assert [(b.coefficient, b.source, b.matrix) for b in head.query] == [
        (1, "x", A), (1, "y", ((5,), (6,)))
    ]  # fmt: skip


def test_the_whole_matrix_is_read_into_blocks() -> None:
    """Zeros are no weights, and multiples of the identity are numbers."""
    P, Q = np.zeros((4, 4), dtype=int), np.zeros((4, 4), dtype=int)
    P[3, 3], Q[:3, :3] = 1, -2 * np.eye(3, dtype=int)
    (head,) = made([{"P": P, "Q": Q}]).layer_list[0].heads
    assert [str(b) for b in (*head.value, *head.query, *head.key)] == [
        "y <- 1 y", "x <- -2 x", "x <- 1 x"
    ]  # fmt: skip
