"""wang2024, as printed: temporal differences by linear self-attention, Z + 1/n P Z M (Z^T Q Z).

Z has the rows phi (d of them), gamma phi' (d) and r; a query's column has phi alone, the rest 0. P
picks the last row. In Q = [[-C^T, C^T, 0], …] a column is what the reader holds and a row what the
key holds: the first block row is the query map `phi <- -C^T phi + C^T next`. M is diag(I_n, 0), or
a matrix with entries among the examples alone: its (n + 1)-th row and column are 0, so that it
mixes values of examples and no query is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from proofs.exact import exact
from proofs.layer import Head, Holds, Layer, Readout
from proofs.letters import is_matrices, is_square
from proofs.prompt import Prompt
from proofs.rule import Rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ..parameters import number, whole
from ..witness import Witness

Matrix = tuple[tuple[Any, ...], ...]
TRANSITIONS: dict[str, Any] = {"parts": layout(phi="d", phi_next="d"), "query_parts": ("phi",)}


def traces(decay: Any, n: int) -> Matrix:
    """M of TD(lambda): entries lambda^(r - c) for 1 <= c <= r <= n, 0 elsewhere."""
    decay = exact(decay, "decay")
    return tuple(
        tuple(decay ** (row - column) if column <= row else 0 for column in range(n))
        for row in range(n)
    )


def centred(n: int) -> Matrix:
    """U diag(1, 1/2, …, 1/n) - I, U with ones on and above the diagonal: r goes to the means of
    r_1, …, r_k minus r_k."""
    return tuple(
        tuple(Fraction(int(row <= k), k + 1) - int(row == k) for k in range(n)) for row in range(n)
    )


def td0(d: int, layers: int, gamma: Any, C: Sequence[Matrix]) -> Witness:
    """Q = [[-C^T, C^T, 0], [0, 0, 0], [0, 0, 0]], M = diag(I_n, 0); a C for each layer."""
    return _witness("wang2024.td0", d, layers, gamma, C, ("phi",), "phi")


def tdlambda(d: int, layers: int, gamma: Any, C: Sequence[Matrix], M: Matrix) -> Witness:
    """The same Q; M (n, n) in place of the identity, of TD(lambda) the matrix `traces`."""
    return _witness("wang2024.tdlambda", d, layers, gamma, C, ("phi",), "(M*phi)", M)


def residual(d: int, layers: int, gamma: Any, C: Sequence[Matrix]) -> Witness:
    """Q = [[-C^T, C^T, 0], [C^T, -C^T, 0], [0, 0, 0]], M = diag(I_n, 0)."""
    keys, features = ("phi", "next"), "(phi - gamma*phi_next)"
    return _witness("wang2024.residual", d, layers, gamma, C, keys, features)


def average(d: int, layers: int, C: Sequence[Matrix], R: Matrix) -> Witness:
    """Two heads on 2 d + 2 rows, the last one 0 at first; no discount.

    Head 1 has P = e e^T for the row r, M = R (n, n), `centred`, and writes to the last row; head 2
    is that of TD(0) on the last row. The value is read with +.
    """
    d, k, C = whole("d", d), whole("layers", layers, 0), _checked(C, layers, d)
    layer_list = tuple(
        Layer(
            f"differential TD {i}",
            (
                Head(_query(one, ("phi",)), _key(("phi",)), slot_map(("v", "r")),
                     average="examples", mix=Rule(matrix=R), name="mean reward"),
                Head(_query(one, ("phi",)), _key(("phi",)), slot_map(("v", "v")),
                     average="examples", name="TD(0)"),
            ),
            holds=(Holds("v", f"w{i}.T*phi_t - w{i}.T*phi_next_t"),),
        )
        for i, one in enumerate(C, start=1)
    )  # fmt: skip
    steps = [
        (f"w{i}", f"w{i - 1} - C{i}*phi.T*(R.T*y - phi_next*w{i - 1} + phi*w{i - 1})/n")
        for i in range(1, k + 1)
    ]
    return Witness(
        name="wang2024.average",
        layout=layout(phi=(d,), next=(d,), r=(), v=()),
        prompt=Prompt(d, slot_map(("phi", "phi"), ("next", "phi_next"), ("r", "y")), **TRANSITIONS),
        layer_list=layer_list,
        readout=Readout("v"),
        parameters={"d": d, "layers": k, "C": C, "R": R},
        definitions=(("w0", "O"), *steps),
        examples=len(R),
        source="wang2024",
    )


def _witness(
    name: str,
    d: int,
    layers: int,
    gamma: Any,
    C: Sequence[Matrix],
    keys: tuple[str, ...],
    features: str,
    M: Matrix | None = None,
) -> Witness:
    """One head a layer, its rows of Q those of `keys`; `features` (n, d) are what w moves along."""
    d, k, gamma = whole("d", d), whole("layers", layers, 0), number("gamma", gamma)
    C = _checked(C, k, d)
    mix = None if M is None else Rule(matrix=M)
    made = tuple(
        Layer(
            f"step {i}",
            (Head(_query(one, keys), _key(keys), slot_map(("y", "y")), average="examples",
                  mix=mix),),
            holds=(Holds("y", f"y_t + gamma*w{i}.T*phi_next_t - w{i}.T*phi_t"),),
        )
        for i, one in enumerate(C, start=1)
    )  # fmt: skip
    steps = [
        (f"w{i}", f"w{i - 1} + C{i}*{features}.T*(y + gamma*phi_next*w{i - 1} - phi*w{i - 1})/n")
        for i in range(1, k + 1)
    ]
    embedding = slot_map(("phi", "phi"), ("next", "phi_next", gamma), ("y", "y"))
    return Witness(
        name=name,
        layout=layout(phi=(d,), next=(d,), y=()),
        prompt=Prompt(d, embedding, **TRANSITIONS),
        layer_list=made,
        readout=Readout("y", -1),
        parameters={"d": d, "layers": k, "gamma": gamma, "C": C} | ({} if M is None else {"M": M}),
        definitions=(("w0", "O"), *steps),
        examples=None if M is None else len(M),
        source="wang2024",
    )


@lru_cache(maxsize=256)  # a C is that of many layers, or asked for at many sizes
def _query(C: Matrix, keys: tuple[str, ...]) -> SlotMap:
    """The block rows of Q: [-C^T, C^T] for phi, [C^T, -C^T] for gamma phi'."""
    turned, made = tuple(zip(*C)), []
    for row in keys:
        sign = 1 if row == "next" else -1
        made += [Block(row, "phi", sign, matrix=turned), Block(row, "next", -sign, matrix=turned)]
    return SlotMap(tuple(made))


def _key(keys: tuple[str, ...]) -> SlotMap:
    return slot_map(*((row, row) for row in keys))


def _checked(C: Any, layers: int, d: int) -> tuple[Matrix, ...]:
    """C as a d x d matrix for each layer. Raises ValueError."""
    if not is_matrices(C) or any(not is_square(one) or len(one) != d for one in C):
        raise ValueError(f"C must have {d} x {d} matrices, one for each layer")
    if len(C) != layers:
        raise ValueError(f"C must have a matrix for each of layers = {layers}, not {len(C)}")
    return tuple(C)
