"""Ridge regression at one layer per example: two examples are absorbed in two layers.

Statement: with P_0 = I/lambda, w_0 = 0, a pair of examples gives (P^-1 + sum of x x^T)^-1 and the
w that belongs to it. P is stored nowhere: token t carries z = P x_t and r = y_t - w^T x_t. The
two-by-two system of a pair is solved in place: its determinant is the score of a normalised head,
its adjugate two linear heads (proofs.paired_least_squares). n layers for even n; for odd n one
more, the last example being absorbed alone. Width 8d + n + 14. Attention is over all examples, so
there are no predictions after prefixes (recursive_least_squares has them, at two layers each).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import Product, bilinear
from ..witness import Witness

SCALARS = ("c1", "c2", "d1", "d2", "e1", "e2", "s11", "s12", "s22", "n11", "n12", "n22")
VECTORS = ("a1", "b1", "a2", "b2", "l1", "l2")


def paired_least_squares(d: int, examples: int, ridge: Any) -> Witness:
    """Ridge on a prompt of exactly `examples` examples, at every query; ridge > 0."""
    d, n = whole("d", d), whole("examples", examples)
    ridge = number("ridge", ridge, above=0)
    from proofs.weights.paired_least_squares import update

    c = substitute(update().weights)
    layers: list[Layer] = []
    for first in range(0, n, 2):
        layers += _pair(c, d, first, first + 1 if first + 1 < n else None)
    definitions = [("P0", "I/ridge"), ("w0", "O")]
    for i in range(1, n + 1):
        p, x = f"P{i - 1}", f"x{i}"
        definitions.append((f"P{i}", f"{p} - {p}*{x}*{x}.T*{p}/(1 + {x}.T*{p}*{x})"))
        definitions.append((f"w{i}", f"w{i - 1} + P{i}*{x}*(y{i} - {x}.T*w{i - 1})"))
    inverse = 1 / (Fraction(ridge) if isinstance(ridge, int) else ridge)
    embedding = slot_map(
        ("x", "x"), ("z", "x", inverse), ("r", "y"), ("position", "position"), ("one", "one")
    )
    return Witness(
        name="paired_least_squares",
        layout=layout(
            x=(d,), z=(d,), r=(), one=(), position=(n,),
            **dict.fromkeys(VECTORS, (d,)), **dict.fromkeys(SCALARS, ()),
        ),
        prompt=Prompt(d, embedding, positions=n),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters={"d": d, "examples": n, "ridge": ridge},
        definitions=tuple(definitions),
        examples=n,
        source="akyurek2022, theorem 2, two examples at a time",
    )  # fmt: skip


def _pair(c: dict[str, Any], d: int, first: int, second: int | None) -> tuple[Layer, Layer]:
    """The two layers that absorb the examples of tokens `first` and, unless None, `second`."""
    here = f"position[{first}]"
    tokens = {1: first} if second is None else {1: first, 2: second}
    reads = [
        Head(
            query=slot_map(("f", "one")),
            key=slot_map(("f", f"position[{token}]")),
            value=slot_map((f"a{k}", "x"), (f"b{k}", "z"), (f"e{k}", "r")),
            name=f"read example {token + 1}",
        )
        for k, token in tokens.items()
    ]
    reads += [
        Head(  # only the pair's first token reads: what is made of it there is zero elsewhere
            query=slot_map(("f", here)),
            key=slot_map(("f", f"position[{token}]")),
            value=slot_map((f"l{k}", "x")),
            name=f"read example {token + 1} at token {first}",
        )
        for k, token in tokens.items()
        if second is not None
    ]
    products: dict[str, Product] = {}
    for k in tokens:
        products |= {f"c{k}": (f"a{k}", "z"), f"s{k}{k}": (f"a{k}", f"b{k}")}
    if second is not None:
        products |= {"n11": ("l1", "b1"), "n22": ("l2", "b2")}
        products |= {"s12": ("a1", "b2"), "n12": ("l1", "b2")}
    before = _state(first)
    read = Layer(
        f"read {', '.join(str(t + 1) for t in tokens.values())}",
        tuple(reads),
        bilinear(
            {f"{name} of": pair for name, pair in products.items()},
            *((name, f"{name} of", 1, "<-i") for name in products),
            d=d,
        ),
        holds=before,
    )
    # δ as a score: slots of the reader times slots of the pair's first token
    scores = [("s11", here, c["k11"])]
    if second is not None:
        scores += [("s22", here, c["k22"]), ("s11", "n22", c["k1122"]), ("s12", "n12", c["k1212"])]
    divided = [slot for k in tokens for slot in (f"b{k}", f"e{k}")]
    solve = [
        Head(
            query=slot_map(*((f"f{i}", mine) for i, (mine, _, _) in enumerate(scores))),
            key=slot_map(*((f"f{i}", its, w) for i, (_, its, w) in enumerate(scores))),
            value=slot_map(*((slot, slot, c["divide"]) for slot in divided)),
            attention="normalised",
            null=True,
            name="divide by the determinant",
        )
    ]
    if second is not None:
        for to, own, other, near in (("1", "c1", "c2", "n22"), ("2", "c2", "c1", "n11")):
            solve.append(
                Head(
                    query=slot_map(("own", own), ("other", other)),
                    key=slot_map(("own", near, c[f"p{to}"]), ("other", "n12", c[f"q{to}"])),
                    value=slot_map((f"d{to}", "one")),
                    name="adjugate",
                )
            )
    hidden: dict[str, Product] = {}
    written: list[Any] = []
    for k in tokens:
        for slot in (f"c{k}", f"d{k}") if second is not None else (f"c{k}",):
            hidden |= {
                f"b{k}*{slot}": (f"b{k}", "i<-i", slot, "i<-"),
                f"e{k}*{slot}": (f"e{k}", slot),
            }
            written += [
                ("z", f"b{k}*{slot}", c["update_z"]),
                ("r", f"e{k}*{slot}", c["update_r"]),
            ]
    used = {f"{slot}{k}" for k in tokens for slot in ("a", "b", "e")} | set(products)
    used |= {"l1", "l2", "d1", "d2"} if second is not None else set()
    for slot in sorted(used):
        vector = slot in VECTORS
        hidden[f"old {slot}"] = (slot, "i<-i", "one", "i<-") if vector else (slot, "one")
        written.append((slot, f"old {slot}", -1))
    cleared = tuple(Holds(slot, "0") for slot in sorted(used))
    last = max(tokens.values()) + 1
    update = Layer(
        f"update {last}",
        tuple(solve),
        bilinear(hidden, *written, d=d),
        holds=_state(last) + cleared,
    )
    return read, update


def _state(absorbed: int) -> tuple[Holds, ...]:
    return (
        Holds("x", "x_t"),
        Holds("z", f"P{absorbed}*x_t"),
        Holds("r", f"y_t - w{absorbed}.T*x_t"),
    )
