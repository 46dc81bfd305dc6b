"""Recursive least squares: ridge regression after every prefix, two layers per example.

Statement (akyurek2022, theorem 2, eq. 14): with P_0 = I/lambda, w_0 = 0, the i-th example gives
P_i = P - P x_i x_i^T P / (1 + x_i^T P x_i) and w_i = w + P_i x_i (y_i - x_i^T w). P is stored
nowhere: token t carries z = P x_t and r = y_t - w^T x_t. Attention is causal, so the token of
example t ends with z = P_t x_t, r = y_t - w_t^T x_t and f = w_{t-1}^T x_t, the prediction from the
examples before it; a query ends with r = -w_n^T x. 2n layers of one head, width 4d + n + 6. The
weights are those of proofs.recursive_least_squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import SlotMap, slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import Product, bilinear
from ..witness import Witness


def recursive_least_squares(d: int, examples: int, ridge: Any) -> Witness:
    """The pass over a prompt of exactly `examples` examples, causal; predictions at every query.

    The loss is sum of (w^T x - y)^2 + ridge |w|^2, ridge > 0.
    """
    d, examples = whole("d", d), whole("examples", examples)
    ridge = number("ridge", ridge, above=0)
    return Witness(
        name="recursive_least_squares",
        layout=layout(**slots(d, examples)),
        prompt=Prompt(d, embedding({"": ridge}), positions=examples),
        layer_list=absorb(d, examples, ("",)),
        readout=Readout("r", -1),
        parameters={"d": d, "examples": examples, "ridge": ridge},
        definitions=tuple(definitions(examples, "ridge")),
        examples=examples,
        source="akyurek2022, theorem 2, after every prefix",
    )


def slots(d: int, positions: int, names: Sequence[str] = ("",)) -> dict[str, tuple[int, ...]]:
    """Shapes of the stream of one pass per name; x, a, f, position and one are shared."""
    made: dict[str, tuple[int, ...]] = {
        "x": (d,), "a": (d,), "f": (), "position": (positions,), "one": (),
    }  # fmt: skip
    for name in names:
        made |= {f"z{name}": (d,), f"r{name}": (), f"b{name}": (d,)}
        made |= {f"e{name}": (), f"c{name}": (), f"s{name}": ()}
    return made


def embedding(ridges: dict[str, Any]) -> SlotMap:
    """x, z = x/ridge and r = y for each pass; f = y."""
    from fractions import Fraction

    blocks: list[Any] = [("x", "x"), ("f", "y"), ("position", "position"), ("one", "one")]
    for name, ridge in ridges.items():
        inverse = 1 / (Fraction(ridge) if isinstance(ridge, int) else ridge)
        blocks += [(f"z{name}", "x", inverse), (f"r{name}", "y")]
    return slot_map(*blocks)


def definitions(n: int, ridge: str, name: str = "") -> list[tuple[str, str]]:
    """P_i and w_i of one pass, named P{name}i and w{name}i; x_i, y_i are the i-th example."""
    P, w = f"P{name}", f"w{name}"
    made = [(f"{P}0", f"I/{ridge}"), (f"{w}0", "O")]
    for i in range(1, n + 1):
        p, x = f"{P}{i - 1}", f"x{i}"
        made.append((f"{P}{i}", f"{p} - {p}*{x}*{x}.T*{p}/(1 + {x}.T*{p}*{x})"))
        made.append((f"{w}{i}", f"{w}{i - 1} + {P}{i}*{x}*(y{i} - {x}.T*{w}{i - 1})"))
    return made


def absorb(d: int, n: int, names: Sequence[str]) -> tuple[Layer, ...]:
    """2n layers that absorb the first n examples, one pass per name side by side."""
    from proofs.weights.recursive_least_squares import update

    c = substitute(update().weights)
    layers = []
    for i in range(1, n + 1):
        here = f"position[{i - 1}]"
        read = Head(
            query=slot_map(("f", "one")),
            key=slot_map(("f", here)),
            value=slot_map(
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
            written += [(f"c{k}", f"a*z{k}", c["c"], "<-i"), (f"s{k}", f"a*b{k}", c["s"], "<-i")]
        layers.append(
            Layer(
                f"read {i}",
                (read,),
                bilinear(products, *written, d=d),
                holds=_state(n, i - 1, names) + _predictions(i, names[0]),
            )
        )
        divide = tuple(
            Head(
                query=slot_map(("f", f"s{k}", c["query"])),
                key=slot_map(("f", here, c["key"])),
                value=slot_map(
                    (f"b{k}", f"z{k}", c["divide_b"]), (f"e{k}", f"r{k}", c["divide_e"])
                ),
                attention="normalised",
                keys="causal",
                null=True,
                name=f"divide by 1 + x P{k} x",
            )
            for k in names
        )
        products = {"old a": ("a", "i<-i", "one", "i<-")}
        written = [("a", "old a", c["clear"])]
        for k in names:
            products |= {
                f"b*c{k}": (f"b{k}", "i<-i", f"c{k}", "i<-"),
                f"e*c{k}": (f"e{k}", f"c{k}"),
                f"old b{k}": (f"b{k}", "i<-i", "one", "i<-"),
                **{f"old {slot}{k}": (f"{slot}{k}", "one") for slot in ("e", "c", "s")},
            }
            written += [
                (f"z{k}", f"b*c{k}", c["update_z"]),
                (f"r{k}", f"e*c{k}", c["update_r"]),
                *((f"{slot}{k}", f"old {slot}{k}", c["clear"]) for slot in ("b", "e", "c", "s")),
            ]
        held = _state(n, i, names) + _predictions(i, names[0])
        held += (
            Holds("a", "0"),
            *(Holds(f"{slot}{k}", "0") for k in names for slot in ("b", "e", "c", "s")),
        )
        layers.append(Layer(f"update {i}", divide, bilinear(products, *written, d=d), holds=held))
    return tuple(layers)


def _state(n: int, absorbed: int, names: Sequence[str]) -> tuple[Holds, ...]:
    """z and r at the first n tokens and the queries after some examples: no token looks ahead."""
    made = []
    for k in names:
        for t in range(n):
            i = min(absorbed, t + 1)
            made += [Holds(f"z{k}", f"P{k}{i}*x_t", t), Holds(f"r{k}", f"y_t - w{k}{i}.T*x_t", t)]
        made += [
            Holds(f"z{k}", f"P{k}{absorbed}*x_t", "query"),
            Holds(f"r{k}", f"-w{k}{absorbed}.T*x_t", "query"),
        ]
    return tuple(made)


def _predictions(i: int, name: str) -> tuple[Holds, ...]:
    """f at the examples read so far: each predicted from those before it."""
    return tuple(Holds("f", f"w{name}{t}.T*x_t", t) for t in range(i))
