"""How near certificates on boxes come to what is attained, and how long they take.

    python -m verify.quality.readme certificates

Each row is a network against an algorithm on |x|, |y|, |query| <= 1. Beside the bound stands the
largest difference that a search found, and the bound of interval arithmetic, which encloses network
and algorithm apart. Everything is seeded; the trained model is trained here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

import constructions
from constructions.witness import Witness
from proofs.layer import Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from .. import algorithms
from ..box import Box
from ..checks.bounds.balls import at_most, interval, precision, top
from ..checks.boxes.certificate import Certificate, certify
from ..checks.boxes.difference import Programs
from ..report import tables
from ..report.as_json import versions
from . import machine

D, N = 5, 10
SECONDS = 10.0  # what a certificate may take
OFF = 0.00075  # standard deviation by which weights are moved

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Row:
    """A pair, and the factor between bound and attained that is asked for."""

    name: str
    pair: Callable[[], tuple[Any, Any]]
    goal: float
    box: Box = Box(D, N)


# -- one layer with full matrices ---------------------------------------------------------------


def exactly(matrix: Any) -> Matrix:
    """Floats as the fractions that they are."""
    return tuple(tuple(map(Fraction, row)) for row in np.asarray(matrix, dtype=float).tolist())


def attention(P: Matrix, Q: Matrix, kind: Literal["linear", "softmax"] = "linear") -> Any:
    """A builder of Z + P Z M (Z^T Q Z) on columns (x_j, y_j), (x, 0), read at the query's last row.

    The query is no key. With softmax the columns of Z^T Q Z are normalised instead of divided by n.
    """

    def build(d: int) -> Witness:
        head = Head(
            query=SlotMap((Block("f", "e", 1, matrix=Q),)),
            key=slot_map(("f", "e")),
            value=SlotMap((Block("e", "e", 1, matrix=P),)),
            attention=kind,
            average="examples" if kind == "linear" else "",
        )
        rows = tuple(tuple(int(i == j) for j in range(d)) for i in range(d + 1))
        embedding = SlotMap((Block("e", "x", 1, matrix=rows), Block(f"e[{d}]", "y")))
        return Witness(
            name="one layer of attention",
            layout=layout(e=(d + 1,)),
            prompt=Prompt(d, embedding),
            layer_list=(Layer("", (head,)),),
            readout=Readout(f"e[{d}]"),
        )

    return build


def attended(P: Matrix, Q: Matrix) -> Any:
    """The same of linear attention as an algorithm: 1/n sum_j (p.z_j) (z_j^T Q z)."""
    p, Q_ = np.array(P[-1], dtype=object), np.array(Q, dtype=object)

    def predict(X: Any, y: Any, queries: Any) -> Any:
        Z = np.concatenate([X, np.reshape(y, (-1, 1))], axis=1)
        asked = np.concatenate([queries, queries[:, :1] * 0], axis=1)
        return ((asked @ Q_.T) @ Z.T @ (Z @ p)) / len(X)

    return predict


def smoothed(temperature: Any) -> Any:
    """Nadaraya and Watson's estimate with the kernel exp(<x, x'>/temperature)."""

    def predict(X: Any, y: Any, queries: Any) -> Any:
        return algorithms.kernel_regression(
            X, y, queries, 1, 1, "exponential", temperature=temperature
        )

    return predict


# -- the pairs ----------------------------------------------------------------------------------


def _matrices(rng: np.random.Generator) -> Any:
    return rng.standard_normal((2, D + 1, D + 1)) / np.sqrt(D + 1)


def two_linear() -> tuple[Any, Any]:
    """Full P and Q, and the same moved by Gaussian OFF."""
    rng = np.random.default_rng(0)
    weights = _matrices(rng)
    moved = weights + OFF * rng.standard_normal(weights.shape)
    P, Q = map(exactly, weights)
    return attention(P, Q), attended(*map(exactly, moved))


def trained(steps: int = 800) -> tuple[Any, Any]:
    """P and Q trained on linear regression, against the gradient step that they are nearest to."""
    import torch

    generator = torch.Generator().manual_seed(0)
    P, Q = (
        (0.2 * torch.randn(D + 1, D + 1, generator=generator)).requires_grad_() for _ in range(2)
    )
    optimiser = torch.optim.Adam([P, Q], lr=0.02)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / steps)
        X = torch.rand(512, N + 1, D, generator=generator) * 2 - 1
        y = torch.einsum("bnd,bd->bn", X, torch.randn(512, D, generator=generator))
        Z = torch.cat([X, y[..., None]], dim=2)
        asked = torch.cat([X[:, -1], torch.zeros(512, 1)], dim=1)
        scores = torch.einsum("bnf,fg,bg->bn", Z[:, :N], Q, asked)
        made = (scores * (Z[:, :N] @ P[-1])).mean(dim=1)
        loss = ((made - y[:, -1]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    rate = float((P[-1, -1] * Q.diagonal()[:D].mean()).detach())
    size = Fraction(rate).limit_denominator(1000)

    def descend(X: Any, y: Any, queries: Any) -> Any:
        return algorithms.gradient_descent(X, y, queries, 1, size, loss="mean")

    learned = [exactly(one.detach().double().numpy()) for one in (P, Q)]
    return attention(learned[0], learned[1]), descend


def softmax(temperature: Any = 1) -> Any:
    """The construction, whose one layer is the estimate with the kernel exp(<x, x'>/tau)."""

    def build(d: int) -> Witness:
        made: Witness = constructions.build(
            "kernel_regression", d=d, steps=1, step_size=1, kernel="exponential",
            temperature=temperature,
        )  # fmt: skip
        return made

    return build


def softmax_moved() -> tuple[Any, Any]:
    """Softmax attention with the weights of the estimate, all moved by Gaussian OFF."""
    rng = np.random.default_rng(0)
    P, Q = np.zeros((2, D + 1, D + 1))
    P[-1, -1], Q[:D, :D] = 1, np.eye(D)
    moved = np.array([P, Q]) + OFF * rng.standard_normal((2, D + 1, D + 1))
    return attention(exactly(moved[0]), exactly(moved[1]), "softmax"), smoothed(1)


ROWS = (
    Row(f"two linear attentions, weights {OFF} apart", two_linear, 2),
    Row("a trained linear attention, one gradient step", trained, 2),
    Row(
        "softmax at temperature 1.01, Nadaraya-Watson at 1",
        lambda: (softmax(Fraction(101, 100)), smoothed(1)),
        10,
    ),
    Row(f"softmax, all weights {OFF} apart, Nadaraya-Watson", softmax_moved, 10),
    Row("softmax, Nadaraya-Watson", lambda: (softmax(), smoothed(1)), 1),
    Row(
        "softmax at temperature 1.01, Nadaraya-Watson at 1",
        lambda: (softmax(Fraction(101, 100)), smoothed(1)),
        10,
        Box(D, 2),
    ),
)


def run(rows: Sequence[Row] = ROWS) -> dict[str, Any]:
    """A certificate for each row, as JSON data."""
    return {
        "rows": [_measured(row) for row in rows],
        "machine": machine.machine(),
        "versions": versions(),
    }


def _measured(row: Row) -> dict[str, Any]:
    make, algorithm = row.pair()
    found = certify(make, algorithm, row.box)
    assert found.enclosure is not None
    return {
        "pair": row.name,
        "box": row.box.words,
        "d": row.box.d,
        "n": row.box.n,
        "attained": found.found,
        "bound": found.enclosure.high,
        "apart": apart(make, algorithm, row.box),
        "how": found.enclosure.how,
        "seconds": found.seconds,
        "goal": row.goal,
        "met": _met(found, row.goal),
    }


def _met(found: Certificate, goal: float) -> bool:
    assert found.enclosure is not None
    near = found.enclosure.zero or found.enclosure.high <= goal * found.found
    return near and found.seconds <= SECONDS


def apart(make: Any, algorithm: Any, box: Box) -> float:
    """The bound of interval arithmetic on the whole box; infinite where it has none."""
    programs = Programs(make, algorithm, box)
    with precision(96):
        sides = {name: interval(*side) for name, side in programs.ranges.items()}
        try:
            return top(programs.apart(sides).value)
        except ZeroDivisionError:
            return math.inf


def markdown(result: Mapping[str, Any]) -> str:
    """The table for README."""
    rows = []
    for row in result["rows"]:
        attained, bound = row["attained"], row["bound"]
        ratio = f"{bound / attained:.3f}" if attained else "equal"
        intervals = f"{row['apart'] / attained:.3g}" if attained else at_most(row["apart"])
        rows.append(
            (
                row["pair"], str(row["d"]), str(row["n"]), f"{attained:.4g}", at_most(bound, 4),
                ratio, intervals, f"{row['seconds']:.1f}", "met" if row["met"] else "**missed**",
            )
        )  # fmt: skip
    heads = (
        "network, algorithm", "d", "n", "attained", "bound", "bound / attained",
        "intervals / attained", "seconds", "goal",
    )  # fmt: skip
    return (
        f"{tables.markdown(heads, rows)}\n"
        "Box: |x|, |y|, |query| <= 1, one query. Goals: at most 2 times what is attained for "
        "linear attention, 10 times for softmax, equal where the two are one function, in "
        f"{SECONDS:g} seconds.\n"
    )
