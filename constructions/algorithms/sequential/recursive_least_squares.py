"""Recursive least squares: ridge regression after every prefix, two layers per example.

Statement (akyurek2022, theorem 2, eq. 14): with P_0 = I/lambda, w_0 = 0, the i-th example gives
P_i = P - P x_i x_i^T P / (1 + x_i^T P x_i) and w_i = w + P_i x_i (y_i - x_i^T w). P is stored
nowhere: token t carries z = P x_t and r = y_t - w^T x_t. Attention is causal, so the token of
example t ends with z = P_t x_t, r = y_t - w_t^T x_t and f = w_{t-1}^T x_t, the prediction from the
examples before it; a query ends with r = -w_n^T x. 2n layers of one head, width 4d + n + 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofs.statements.ridge import INVERTIBLE

from ... import notation as n
from ...parts import Product, inverse
from .sherman_morrison import absorbs

c, s, query, key = n.letters("c s query key")
divide_b, divide_e, update_z, update_r, clear = n.letters(
    "divide_b divide_e update_z update_r clear"
)


def stage(
    examples: int, ridges: dict[str, Any], positions: int | None = None, **more: str
) -> n.Stage:
    """The stream of one pass per name, with its ridge; x, a, f, position and one are shared."""
    positions = examples if positions is None else positions
    shapes: dict[str, Any] = {"x": "d", "a": "d", "f": "", "position": (positions,), "one": ""}
    blocks: list[Any] = [("x", "x"), ("f", "y"), ("position", "position"), ("one", "one")]
    for name, ridge in ridges.items():
        shapes |= {f"{slot}{name}": "d" if slot in "zb" else "" for slot in "zrbecs"}
        blocks += [(f"z{name}", "x", inverse(ridge)), (f"r{name}", "y")]
    stream = n.layout(**shapes, **more)
    return n.Stage(stream, n.slot_map(*blocks), positions=positions, examples=positions)


def absorb(i: int, examples: int, names: Sequence[str] = ("",)) -> tuple[n.Layer, ...]:
    """Two layers that absorb the i-th of these examples, one pass per name side by side."""
    return UPDATE.put(_absorb(i, examples, names))


def _absorb(i: int, examples: int, names: Sequence[str]) -> tuple[n.Layer, n.Layer]:
    """The same with letters for the weights."""
    here = f"position[{i - 1}]"
    read = n.Head(
        query=n.slot_map(("f", "one")),
        key=n.slot_map(("f", here)),
        value=n.slot_map(
            ("a", "x"),
            *((to + k, of + k) for k in names for to, of in (("b", "z"), ("e", "r"))),
        ),
        keys="causal",
        name=f"read example {i}",
    )
    products: dict[str, Product] = {f"e*here{i}": (f"e{names[0]}", here)}
    written: list[Any] = [("f", f"e*here{i}", -1)]
    for k in names:
        products |= {f"a*z{k}": ("a", f"z{k}"), f"a*b{k}": ("a", f"b{k}")}
        written += [(f"c{k}", f"a*z{k}", c, "<-i"), (f"s{k}", f"a*b{k}", s, "<-i")]
    first = n.Layer(
        f"read {i}",
        (read,),
        n.bilinear(products, *written),
        holds=_states(examples, i - 1, names) + _predictions(i, names[0]),
    )
    divide = tuple(
        n.head(
            f"divide by 1 + x P{k} x",
            {f"s{k}": query},
            {here: key},
            {f"b{k}": {f"z{k}": divide_b}, f"e{k}": {f"r{k}": divide_e}},
            attention="normalised",
            keys="causal",
            null=True,
        )
        for k in names
    )
    products = {"old a": ("a", "i<-i", "one", "i<-")}
    written = [("a", "old a", clear)]
    for k in names:
        products |= {
            f"b*c{k}": (f"b{k}", "i<-i", f"c{k}", "i<-"),
            f"e*c{k}": (f"e{k}", f"c{k}"),
            f"old b{k}": (f"b{k}", "i<-i", "one", "i<-"),
            **{f"old {slot}{k}": (f"{slot}{k}", "one") for slot in ("e", "c", "s")},
        }
        written += [
            (f"z{k}", f"b*c{k}", update_z),
            (f"r{k}", f"e*c{k}", update_r),
            *((f"{slot}{k}", f"old {slot}{k}", clear) for slot in ("b", "e", "c", "s")),
        ]
    held = _states(examples, i, names) + _predictions(i, names[0]) + _cleared(names)
    return first, n.Layer(f"update {i}", divide, n.bilinear(products, *written), holds=held)


def _cleared(names: Sequence[str]) -> tuple[n.Holds, ...]:
    slots = ("a", *(f"{slot}{k}" for k in names for slot in ("b", "e", "c", "s")))
    return tuple(n.Holds(slot, "0") for slot in slots)


def _state(name: str, p: str, w: str, t: int | str) -> tuple[n.Holds, n.Holds]:
    """z and r of a pass at a token."""
    target = "-" if t == "query" else "y_t - "
    return n.Holds(f"z{name}", f"{p}*x_t", t), n.Holds(f"r{name}", f"{target}{w}.T*x_t", t)


def _states(examples: int, absorbed: int, names: Sequence[str]) -> tuple[n.Holds, ...]:
    """z and r at examples and queries after some examples: no token looks ahead."""
    made: list[n.Holds] = []
    for k in names:
        for t in range(examples):
            i = min(absorbed, t + 1)
            made += _state(k, f"P{k}{i}", f"w{k}{i}", t)
        made += _state(k, f"P{k}{absorbed}", f"w{k}{absorbed}", "query")
    return tuple(made)


def _predictions(i: int, name: str) -> tuple[n.Holds, ...]:
    """f at the examples read so far: each predicted from those before it."""
    return tuple(n.Holds("f", f"w{name}{t}.T*x_t", t) for t in range(i))


# the second of three examples: the first does not see it, the third and the query do
TOKENS: tuple[int | str, ...] = (1, 2, "query")
BEFORE = tuple(held for t in TOKENS for held in _state("", "P", "w", t))
FIRST = _state("", "Q", "v", 0)
SECOND = absorbs(2)
UPDATE = n.Template(
    "recursive_least_squares.layers",
    stage(3, {"": 1}),
    _absorb(2, 3, ("",)),
    r"\text{two layers: } P' = (P^{-1} + aa^\top)^{-1},\ w' = w + P'a(b - a^\top w)",
    before=FIRST + BEFORE,
    after=FIRST + BEFORE + _cleared(("",)) + (n.Holds("f", "before.T*x_t", 1),),
    letters=SECOND["letters"] | {"Q": "symmetric", "v": "vector", "before": "vector"},
    let=SECOND["let"],
    becomes=SECOND["becomes"] | {"before": "w"},
    inverse_grows={"P": "x2*x2.T"},
    fix=(
        n.Gauge(c, 1, "the scale of the slot c"),
        n.Gauge(s, 1, "the scale of the slot s"),
        n.Gauge(query, 1, "a query scaled up and its key scaled down"),
    ),
    assumes=(INVERTIBLE,),
)


@n.construction(
    parameters={
        "examples": n.Examples(example=2),
        "ridge": n.Number(above=0, example=1, unit="top"),
    },
    reference=n.references.sherman_morrison,
    source="akyurek2022, theorem 2, after every prefix",
    states=r"2n \text{ layers of width } 4d + n + 6 \text{ leave } w_n^\top x,\ w_n = "
    r"(\lambda I + X^\top X)^{-1} X^\top y, \text{ and at example } t \text{ the prediction } "
    r"w_{t-1}^\top x_t \text{ from those before it}",
    equals="ridge",
    proved=(UPDATE,),
    computes="ridge after every prefix",
    paper="akyurek2022, theorem 2: above",
    tends_to="ridge: ridge",
)
def recursive_least_squares(examples: int, ridge: Any) -> n.Parts:
    """Ridge regression after every prefix, two layers per example, O(d + n) hidden units.

    The loss is sum of (w^T x - y)^2 + ridge |w|^2; attention is causal.
    """
    made = stage(examples, {"": ridge})
    return n.Parts(made, n.Readout("r", -1), step=lambda i: absorb(i, examples))
