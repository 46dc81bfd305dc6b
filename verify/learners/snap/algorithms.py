"""What trained layers of linear attention may be: algorithms, with their rates as numbers.

All of them descend on least squares, L(w) = 1/2 sum_j (w^T x_j - y_j)^2 (over n where the layers
are), from w = 0, one step a layer. As layers they are Z + P Z M (Z^T Q Z) with blocks that are
multiples of the identity, or one matrix: so they are the same for every d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from constructions import Witness, from_matrices

from ...formulas import Formula, formula
from .read import Reading, Trained

Groups = tuple[tuple[Fraction, ...], ...]  # numbers of one kind together: a rate, a matrix


@dataclass(frozen=True)
class Stated:
    """An algorithm as `formula` takes it, the parameters that are matrices, and its layers.

    layers: {"eta", "gamma"} or {"A"} of each; matrices: by name, as rows.
    """

    prediction: str
    given: Mapping[str, Any]
    layers: tuple[Mapping[str, Any], ...]
    matrices: Mapping[str, tuple[tuple[Fraction, ...], ...]] = field(default_factory=dict)

    def formula(self) -> Formula:
        return formula(self.prediction, **self.given)

    def witness(self, reading: Reading, d: int) -> Witness:
        """The algorithm as layers, run in floats or fractions as any other."""
        return from_matrices(
            self.blocks(reading), rows={"x": d, "y": 1}, d=d, read={"y": reading.read}
        )

    def blocks(self, reading: Reading) -> list[dict[str, Any]]:
        """The layers as `from_matrices` takes them."""
        sign, made = reading.read, []
        for layer in self.layers:
            if "A" in layer:  # of the score x_j^T Q x_t the A is at the example
                A = [[sign * entry for entry in row] for row in zip(*self.matrices[layer["A"]])]
                P: dict[tuple[str, str], Any] = {("y", "y"): 1}
                Q: dict[tuple[str, str], Any] = {("x", "x"): A}
            else:
                P = {("x", "x"): layer.get("gamma", 0), ("y", "y"): layer["eta"]}
                Q = {("x", "x"): sign}
            made.append({"heads": [{"P": P, "Q": Q, "M": "examples", "factor": reading.per}]})
        return made


@dataclass(frozen=True)
class Kind:
    """A family of algorithms of `steps` steps.

    name: of the construction. tied: all steps have the same numbers. matrix: each is preconditioned
    by one; transforms: the data is transformed before the next step, as in GD++.
    """

    name: str
    steps: int
    tied: bool = False
    matrix: bool = False
    transforms: bool = False

    def read_off(self, trained: Trained) -> Groups:
        """The numbers that are nearest to a trained network, coefficient by coefficient."""
        d, times = trained.d, trained.reading.times
        steps, moves = [], []
        for layer in trained.layers:
            steps.append([
                [trained.reading.read * times * layer.get((d, k, a, d), Fraction(0))
                 for a in range(d)] for k in range(d)
            ])  # fmt: skip
            moves.append([
                -times * layer.get((i, k, min(i, k), max(i, k)), Fraction(0))
                for i in range(d) for k in range(d)
            ])  # fmt: skip
        if self.matrix:
            groups = [tuple(entry for row in step for entry in row) for step in steps]
        else:
            groups = [(_mean([step[k][k] for k in range(d)]),) for step in steps]
        if self.tied:
            groups = [tuple(map(_mean, zip(*groups)))]
        if self.transforms:  # after the last step nobody reads the data
            groups += [(_mean(move),) for move in moves[:-1]]
        return tuple(groups)

    def stated(self, groups: Groups, reading: Reading, d: int) -> Stated:
        """With these numbers."""
        per = "/n" if reading.per == "1/n" else ""
        if self.matrix:
            return self._by_matrices(groups, per, d)
        rates = [group[0] for group in groups]
        etas = rates[:1] * self.steps if self.tied else rates[: self.steps]
        gammas = [*rates[self.steps :], Fraction(0)] if self.transforms else []
        layers = tuple(
            {"eta": eta} | ({"gamma": gammas[number]} if gammas else {})
            for number, eta in enumerate(etas)
        )
        if self.tied:
            step = f"w - {times(etas[0])}X.T*(X*w - y){per}"
            return Stated("w.T*x_t", _repeated(step, self.steps), layers)
        made = {"S": f"X.T*X{per}", "b": f"X.T*y{per}"}
        w, Q = "", ""
        for k, eta in enumerate(etas, start=1):
            gradient = f"(b - S*{w})" if w else "b"
            made[f"w{k}"] = f"{w} + {times(eta)}{Q}{gradient}" if w else f"{times(eta)}b"
            w = f"w{k}"
            if self.transforms and k < self.steps:
                before, square = (f"Q{k - 1}", f"{Q}S*Q{k - 1}") if Q else ("I", "S")
                made[f"Q{k}"] = f"{before} - {times(gammas[k - 1])}{square}"
                Q = f"Q{k}*Q{k}*"
        return Stated(f"{w}.T*x_t", made, layers)

    def _by_matrices(self, groups: Groups, per: str, d: int) -> Stated:
        rows = [tuple(zip(*[iter(group)] * d)) for group in groups]
        names = ["A"] if len(rows) == 1 else [f"A{k}" for k in range(1, len(rows) + 1)]
        matrices = dict(zip(names, rows))
        layers = tuple({"A": name} for name in (names * self.steps)[: self.steps])
        if len(names) == 1:
            step = f"w - A*X.T*(X*w - y){per}"
            return Stated("w.T*x_t", _repeated(step, self.steps), layers, matrices)
        made = {"w1": f"A1*X.T*y{per}"}
        for k in range(2, self.steps + 1):
            made[f"w{k}"] = f"w{k - 1} - A{k}*X.T*(X*w{k - 1} - y){per}"
        return Stated(f"w{self.steps}.T*x_t", made, layers, matrices)

    def words(self, groups: Groups) -> str:
        """ "gd_plus_plus, 2 steps, rates 3/5, 9/10, gamma 1/5" """
        counted = f"{self.name}, {self.steps} step{'s' if self.steps > 1 else ''}"
        if self.matrix:
            return f"{counted}, {'one matrix' if len(groups) == 1 else 'a matrix for each'}"
        rates = [str(group[0]) for group in groups]
        etas, gammas = (rates, []) if not self.transforms else (
            rates[: self.steps], rates[self.steps :]
        )  # fmt: skip
        said = f"{counted}, {'rate' if len(etas) == 1 else 'rates'} {', '.join(etas)}"
        return f"{said}, gamma {', '.join(gammas)}" if gammas else said


def kinds(steps: int) -> list[Kind]:
    """All that is known, those with fewer numbers first."""
    several = steps > 1
    made = [Kind("gradient_descent", steps, tied=True)]
    made += [Kind("gradient_descent", steps)] if several else []
    made += [Kind("gd_plus_plus", steps, transforms=True)] if several else []
    made += [Kind("preconditioned", steps, tied=True, matrix=True)]
    made += [Kind("preconditioned", steps, matrix=True)] if several else []
    return made


def times(number: Fraction) -> str:
    """A factor before a product: "5/7*", "" for 1, "(-1/2)*"."""
    if number == 1:
        return ""
    return f"{number}*" if number >= 0 else f"({number})*"


def _repeated(step: str, steps: int) -> dict[str, Any]:
    return {"start": {"w": "O"}, "step": {"w": step}, "repeat": steps}


def _mean(numbers: Sequence[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0)) / len(numbers)
