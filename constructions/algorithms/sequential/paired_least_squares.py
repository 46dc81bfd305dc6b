"""Ridge regression at one layer per example: two examples are absorbed in two layers.

Statement: with P_0 = I/lambda, w_0 = 0, a pair of examples gives (P^-1 + sum of x x^T)^-1 and the
w that belongs to it. P is stored nowhere: token t carries z = P x_t and r = y_t - w^T x_t. The
two-by-two system of a pair is solved in place: its determinant is the score of a normalised head,
its adjugate two linear heads. n layers for even n; for odd n one
more, the last example being absorbed alone. Width 8d + n + 14. Attention is over all examples, so
there are no predictions after prefixes (recursive_least_squares has them, at two layers each).
"""

from collections.abc import Iterable
from typing import Any

from ... import notation as n
from ...parts import Product
from .sherman_morrison import state, token_stage

k11, k22, k1122, k1212, divide = n.letters("k11 k22 k1122 k1212 divide")
p1, q1, p2, q2, update_z, update_r = n.letters("p1 q1 p2 q2 update_z update_r")
SCALARS = ("c1", "c2", "d1", "d2", "e1", "e2", "s11", "s12", "s22", "n11", "n12", "n22")
VECTORS = ("a1", "b1", "a2", "b2", "l1", "l2")


def _pair(first: int, second: int | None) -> tuple[n.Layer, n.Layer]:
    """The two layers that absorb the examples of tokens `first` and, unless None, `second`."""
    here = f"position[{first}]"
    tokens = {1: first} if second is None else {1: first, 2: second}
    reads = [
        n.Head(
            query=n.slot_map(("f", "one")),
            key=n.slot_map(("f", f"position[{token}]")),
            value=n.slot_map((f"a{k}", "x"), (f"b{k}", "z"), (f"e{k}", "r")),
            name=f"read example {token + 1}",
        )
        for k, token in tokens.items()
    ]
    reads += [
        n.Head(  # only the pair's first token reads: what is made of it there is zero elsewhere
            query=n.slot_map(("f", here)),
            key=n.slot_map(("f", f"position[{token}]")),
            value=n.slot_map((f"l{k}", "x")),
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
    before = state(f"P{first}", f"w{first}")
    read = n.Layer(
        f"read {', '.join(str(t + 1) for t in tokens.values())}",
        tuple(reads),
        n.bilinear(
            {f"{name} of": pair for name, pair in products.items()},
            *((name, f"{name} of", 1, "<-i") for name in products),
        ),
        holds=before,
    )
    # δ as a score: slots of the reader times slots of the pair's first token
    scores = [("s11", here, k11)]
    if second is not None:
        scores += [("s22", here, k22), ("s11", "n22", k1122), ("s12", "n12", k1212)]
    divided = [slot for k in tokens for slot in (f"b{k}", f"e{k}")]
    solve = [
        n.Head(
            query=n.slot_map(*((f"f{i}", mine) for i, (mine, _, _) in enumerate(scores))),
            key=n.slot_map(*((f"f{i}", its, w) for i, (_, its, w) in enumerate(scores))),
            value=n.slot_map(*((slot, slot, divide) for slot in divided)),
            attention="normalised",
            null=True,
            name="divide by the determinant",
        )
    ]
    if second is not None:
        for to, own, other, near, own_weight, other_weight in (
            ("1", "c1", "c2", "n22", p1, q1),
            ("2", "c2", "c1", "n11", p2, q2),
        ):
            solve.append(
                n.Head(
                    query=n.slot_map(("own", own), ("other", other)),
                    key=n.slot_map(("own", near, own_weight), ("other", "n12", other_weight)),
                    value=n.slot_map((f"d{to}", "one")),
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
                ("z", f"b{k}*{slot}", update_z),
                ("r", f"e{k}*{slot}", update_r),
            ]
    used = {f"{slot}{k}" for k in tokens for slot in ("a", "b", "e")} | set(products)
    used |= {"l1", "l2", "d1", "d2"} if second is not None else set()
    for slot in sorted(used):
        vector = slot in VECTORS
        hidden[f"old {slot}"] = (slot, "i<-i", "one", "i<-") if vector else (slot, "one")
        written.append((slot, f"old {slot}", -1))
    last = max(tokens.values()) + 1
    absorb = n.Layer(
        f"update {last}",
        tuple(solve),
        n.bilinear(hidden, *written),
        holds=state(f"P{last}", f"w{last}") + _cleared(used),
    )
    return read, absorb


def _cleared(used: Iterable[str]) -> tuple[n.Holds, ...]:
    return tuple(n.Holds(slot, "0") for slot in sorted(used))


def _stage(examples: int, ridge: Any) -> n.Stage:
    slots: dict[str, Any] = {"x": "d", "z": "d", "r": "", "one": "", "position": (examples,)}
    slots |= dict.fromkeys(VECTORS, "d") | dict.fromkeys(SCALARS, "")
    return token_stage(examples, ridge, **slots)


PAIR = n.Template(
    "paired_least_squares.layers",
    _stage(2, 1),
    _pair(0, 1),
    r"\text{two layers: } P' = (P^{-1} + a_1a_1^\top + a_2a_2^\top)^{-1},\ w' = w + "
    r"P'\textstyle\sum_k a_k(b_k - a_k^\top w)",
    before=state("P", "w"),
    after=state("P", "w") + _cleared({*VECTORS, *SCALARS}),
    letters={"P": "symmetric", "w": "vector"},
    let={
        "s11": "x1.T*P*x1", "s12": "x1.T*P*x2", "s22": "x2.T*P*x2",
        "solved1": "(1 + s22)*x1.T*P - s12*x2.T*P",  # the rows of the adjugate times (x1, x2)^T P
        "solved2": "(1 + s11)*x2.T*P - s12*x1.T*P",
        "determinant": "(1 + s11)*(1 + s22) - s12*s12",
        "next": "P - (P*x1*solved1 + P*x2*solved2)/determinant",
    },
    becomes={
        "P": "next", "w": "w + next*(x1*(y1 - x1.T*w) + x2*(y2 - x2.T*w))",
    },
    inverse_grows={"P": "x1*x1.T + x2*x2.T"},
    assumes=(r"P \text{ and } I + A^\top P A \text{ are invertible},\ A = (a_1, a_2)",),
)  # fmt: skip


@n.construction(
    parameters={
        "examples": n.Examples(example=2),
        "ridge": n.Number(above=0, example=1, unit="top"),
    },
    steps=lambda values: (values["examples"] + 1) // 2,
    reference=n.references.sherman_morrison,
    source="akyurek2022, theorem 2, two examples at a time",
    states=r"\text{one layer per example: } n \text{ layers (even } n) \text{ of width } 8d + n "
    r"+ 14 \text{ leave } x^\top(\lambda I + X^\top X)^{-1}X^\top y",
    equals="ridge",
    proved=(PAIR,),
    computes="ridge after n examples, n even",
    paper="akyurek2022, theorem 2: above",
    tends_to="ridge: ridge",
)
def paired_least_squares(examples: int, ridge: Any) -> n.Parts:
    """Ridge regression at one layer per example, two examples at a time."""
    return n.Parts(
        _stage(examples, ridge),
        n.Readout("r", -1),
        step=lambda k: PAIR.put(_pair(2 * k - 2, 2 * k - 1 if 2 * k <= examples else None)),
    )
