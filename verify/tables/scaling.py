"""Columns on one scale, as a part of the transformer: what its embedding reads of x."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.parameters import typed
from constructions.witness import Witness
from proofs.slotmap import Block, SlotMap
from proofs.stream import split_entry

from ..inputs.errors import WrongCall

ILL = 10.0  # condition number from which columns on one scale are worth it
X_PARTS = ("x", "x_example", "x_query")


@dataclass(frozen=True)
class Scaling:
    """Of column i of x is read (x_i - centre_i) / unit_i, all numbers exact.

    ones: the column of an intercept, which stays as it is; a centre other than 0 takes it.
    """

    centre: tuple[Fraction, ...]
    unit: tuple[Fraction, ...]
    ones: int | None = None

    def of(self, X: np.ndarray) -> np.ndarray:
        """What is read of X (n, d): exactly of fractions, else in floats."""
        kind = object if X.dtype == object else float
        return (X - np.array(self.centre, dtype=kind)) / np.array(self.unit, dtype=kind)

    def embedded(self, witness: Witness) -> Witness:
        """The witness that reads x so. Raises WrongCall where its prompt has no place for it."""
        prompt = witness.prompt
        if self.ones is None and any(self.centre) and (prompt.form != "joint" or prompt.register):
            raise WrongCall(f"{witness.name}: its prompt has tokens without x; columns keep zero")
        embedding = SlotMap(
            tuple(made for block in prompt.embedding for made in self._read(witness, block))
        )
        return replace(witness, prompt=replace(prompt, embedding=embedding))

    def _read(self, witness: Witness, block: Block) -> Iterator[Block]:
        """A block of the embedding, and what the centre takes off."""
        name, index = split_entry(block.source)
        if name not in X_PARTS:
            yield block
            return
        columns = range(len(self.unit)) if index is None else [index]
        entries = SlotMap((block,)).entries(witness.layout, witness.prompt.features)
        first = witness.prompt.features.rows(name).start
        start = witness.layout.rows(block.destination).start
        height = len(witness.layout.rows(block.destination))
        read = [[Fraction(0)] * len(columns) for _ in range(height)]
        taken = [Fraction(0)] * height
        for (row, column), value in entries.items():
            i = column - first
            read[row - start][columns.index(i)] = Fraction(value) / self.unit[i]
            taken[row - start] -= Fraction(value) * self.centre[i] / self.unit[i]
        yield Block(block.destination, block.source, matrix=_rows(read))
        if any(taken):
            one = "one" if self.ones is None else f"{name}[{self.ones}]"
            yield Block(block.destination, one, matrix=_rows([[entry] for entry in taken]))


def _rows(matrix: Any) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(row) for row in matrix)


def standardising(X: np.ndarray, intercept: bool) -> Scaling:
    """Every column of X (n, d) less its mean, divided by its deviation; without an intercept, which
    is the last column, divided by its root mean square and no more, so that 0 stays 0.

    Three digits of each, so that what is read can be typed.
    """
    data = X[:, :-1] if intercept else X
    middle = data.mean(axis=0) if intercept else np.zeros(data.shape[1])
    far = data - middle
    most = np.maximum(np.abs(far).max(axis=0), np.finfo(float).tiny)  # whose square may overflow
    far /= most
    spread = most * np.sqrt(np.einsum("ij,ij->j", far, far) / len(far))
    made = [_column(float(c), float(u)) for c, u in zip(middle, spread)]
    made += [(Fraction(0), Fraction(1))] if intercept else []
    last = X.shape[1] - 1 if intercept else None
    return Scaling(tuple(c for c, _ in made), tuple(u for _, u in made), last)


def _column(centre: float, unit: float) -> tuple[Fraction, Fraction]:
    if not unit > abs(centre) * 2.0**-40:  # one number all along: nothing to divide by
        return Fraction(0), Fraction(1)
    step = 10 ** (math.floor(math.log10(unit)) - 2)
    digit = typed(f"1e{math.floor(math.log10(unit)) - 2}")
    return round(centre / step) * digit, round(unit / step) * digit


def into(low: int, high: int, rows: np.ndarray) -> Scaling | None:
    """Every column of the rows (n, d), exact or floats, into [low, high]; None where all lie."""
    least, most = rows.min(axis=0), rows.max(axis=0)
    if (least >= low).all() and (most <= high).all():
        return None
    made: list[tuple[Fraction, Fraction]] = []
    for a, b in zip(map(_exact, least), map(_exact, most)):
        unit = (b - a) / (high - low) if b > a else Fraction(1)
        made.append((a - low * unit, unit))
    return Scaling(tuple(c for c, _ in made), tuple(u for _, u in made))


def _exact(value: Any) -> Fraction:
    return value if isinstance(value, Fraction) else typed(repr(float(value)))
