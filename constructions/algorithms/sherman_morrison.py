"""Ridge regression by Sherman-Morrison, one example after the other.

Statement (akyurek2022, theorem 2, eq. 14): with P_0 = I/lambda, the i-th example gives
P_i = P - P x_i x_i^T P / (1 + x_i^T P x_i) and w_i = w + P_i x_i (y_i - x_i^T w), so w_n is the
ridge solution. Products are a bilinear MLP, the division is normalised attention with a null
key. The weights are those of proofs.sherman_morrison. Two storages:

"matrix"  one token, the register, carries P (d, d) and w; O(d^2) units.
"tokens"  P is never stored: token t carries P x_t and y_t - w^T x_t; O(d + n) units.

Both take 2n + 1 layers.
"""

from __future__ import annotations

from typing import Any, Literal

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import choice, number, substitute, whole
from ..parts import bilinear
from ..witness import Witness


def sherman_morrison(
    d: int,
    examples: int,
    ridge: Any,
    storage: Literal["matrix", "tokens"] = "matrix",
) -> Witness:
    """The whole pass over a prompt of exactly `examples` examples, at every query.

    The loss is sum of (w^T x - y)^2 + ridge |w|^2, ridge > 0. examples=1 is one update.
    """
    d, examples = whole("d", d), whole("examples", examples)
    ridge = number("ridge", ridge, above=0)
    choice("storage", storage, ("matrix", "tokens"))
    parameters = {"d": d, "examples": examples, "ridge": ridge, "storage": storage}
    build = _with_matrix if storage == "matrix" else _with_tokens
    return build(d, examples, ridge, parameters)


def _definitions(n: int) -> tuple[tuple[str, str], ...]:
    """P_i and w_i; x_i (d, 1) and y_i are the i-th example, I the identity, O the zero vector."""
    made = [("P0", "I/ridge"), ("w0", "O")]
    for i in range(1, n + 1):
        p, x = f"P{i - 1}", f"x{i}"
        made.append((f"P{i}", f"{p} - {p}*{x}*{x}.T*{p}/(1 + {x}.T*{p}*{x})"))
        made.append((f"w{i}", f"w{i - 1} + P{i}*{x}*(y{i} - {x}.T*w{i - 1})"))
    return tuple(made)


def _with_matrix(d: int, n: int, ridge: Any, parameters: dict[str, Any]) -> Witness:
    from proofs.weights.sherman_morrison import update_matrix

    c = substitute(update_matrix().weights)
    stream = layout(
        x=(d,), y=(), position=(n + 1,), one=(), query=(), register=(),
        P=(d, d), w=(d,), a=(d,), b=(), u=(d,), g=(d,), e=(), p=(),
    )  # fmt: skip
    embedding = slot_map(
        *((name, name) for name in ("x", "y", "position", "one", "query", "register")),
        ("P", "register", 1 / _fraction(ridge), "ii<-"),
    )
    multiply = bilinear(
        {
            "P*a": ("P", "ij<-ij", "a", "ij<-j"),
            "w*a": ("w", "a"),
            "b": ("b", "one"),
        },
        ("u", "P*a", c["u_from_Pa"], "i<-ij"),
        ("g", "P*a", c["g_from_Pa"], "i<-ij"),
        ("e", "w*a", c["e_from_wa"], "<-i"),
        ("e", "b", c["e_from_b"]),
        d=d,
    )
    divide = Head(
        query=slot_map(("f", "u", c["query"])),
        key=slot_map(("f", "a", c["key"])),
        value=slot_map(("g", "u", c["value"])),
        attention="normalised",
        null=True,
        name="divide by 1 + a^T P a",
    )
    workspace = ("a", "b", "u", "g", "e")
    update = bilinear(
        {
            "g*u": ("g", "ij<-i", "u", "ij<-j"),
            "g*e": ("g", "i<-i", "e", "i<-"),
            **{f"old {name}": (name, _repeat(name), "one", _spread(name)) for name in workspace},
        },
        ("P", "g*u", c["P_from_gu"]),
        ("w", "g*e", c["w_from_ge"]),
        *((name, f"old {name}", c["clear"]) for name in workspace),
        d=d,
    )
    layers = []
    for i in range(1, n + 1):
        fetch = Head(  # the register's query meets the key of token i, the i-th example
            query=slot_map(("f", "register")),
            key=slot_map(("f", f"position[{i}]")),
            value=slot_map(("a", "x"), ("b", "y")),
            name=f"read example {i}",
        )
        before = f"P{i - 1}"
        layers.append(
            Layer(
                f"multiply {i}",
                (fetch,),
                multiply,
                holds=(
                    Holds("P", before, 0),
                    Holds("w", f"w{i - 1}", 0),
                    Holds("a", f"x{i}", 0),
                    Holds("b", f"y{i}", 0),
                    Holds("u", f"{before}*x{i}", 0),
                    Holds("g", f"{before}*x{i}", 0),
                    Holds("e", f"y{i} - w{i - 1}.T*x{i}", 0),
                ),
            )
        )
        cleared = tuple(Holds(name, "0", 0) for name in workspace)
        layers.append(
            Layer(
                f"update {i}",
                (divide,),
                update,
                holds=(Holds("P", f"P{i}", 0), Holds("w", f"w{i}", 0), *cleared),
            )
        )
    read = Head(
        query=slot_map(("f", "query")),
        key=slot_map(("f", "register")),
        value=slot_map(("a", "w")),
        name="read w",
    )
    layers.append(
        Layer(
            "read-out",
            (read,),
            bilinear({"w*x": ("a", "x")}, ("p", "w*x", 1, "<-i"), d=d),
            holds=(Holds("a", f"w{n}", "query"), Holds("p", f"w{n}.T*x_t", "query")),
        )
    )
    return Witness(
        name="sherman_morrison",
        layout=stream,
        prompt=Prompt(d, embedding, register=True, positions=n + 1),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters=parameters,
        definitions=_definitions(n),
        examples=n,
        source="akyurek2022, theorem 2",
    )


def _with_tokens(d: int, n: int, ridge: Any, parameters: dict[str, Any]) -> Witness:
    from proofs.weights.sherman_morrison import update_tokens

    c = substitute(update_tokens().weights)
    stream = layout(x=(d,), z=(d,), r=(), gx=(d,), gz=(d,), gr=(), position=(n,), one=())
    embedding = slot_map(
        ("x", "x"),
        ("z", "x", 1 / _fraction(ridge)),
        ("r", "y"),
        ("position", "position"),
        ("one", "one"),
    )
    gated = {"x": "gx", "z": "gz", "r": "gr"}
    repeat = {"x": "i<-i", "z": "i<-i", "r": None}
    spread = {"x": "i<-", "z": "i<-", "r": None}

    def gate(i: int | None) -> Any:
        """Clear the gated copies, then copy x, z, r at example i alone (None: only clear)."""
        hidden = {
            f"old {to}": (to, repeat[name], "one", spread[name]) for name, to in gated.items()
        }
        out = [(to, f"old {to}", c["clear"]) for to in gated.values()]
        if i is not None:
            for name, to in gated.items():
                hidden[f"{name} of {i}"] = (name, repeat[name], f"position[{i - 1}]", spread[name])
                out.append((to, f"{name} of {i}", c["gate"]))
        return bilinear(hidden, *out, d=d)

    divide = Head(
        query=slot_map(("f", "gz", c["query"])),
        key=slot_map(("f", "gx", c["key"])),
        value=slot_map(("gz", "gz", c["divide_z"]), ("gr", "gr", c["divide_r"])),
        attention="normalised",
        null=True,
        name="divide by 1 + x^T P x",
    )
    update = Head(
        query=slot_map(("f", "z", c["query2"])),
        key=slot_map(("f", "gx", c["key2"])),
        value=slot_map(("z", "gz", c["value_z"]), ("r", "gr", c["value_r"])),
        name="update every token",
    )

    def state(i: int) -> tuple[Holds, ...]:
        return Holds("x", "x_t"), Holds("z", f"P{i}*x_t"), Holds("r", f"y_t - w{i}.T*x_t")

    def copies(i: int, divided: bool) -> tuple[Holds, ...]:
        by = f"/(1 + x{i}.T*P{i - 1}*x{i})" if divided else ""
        return (
            Holds("gx", f"x{i}", i - 1),
            Holds("gz", f"P{i - 1}*x{i}{by}", i - 1),
            Holds("gr", f"(y{i} - w{i - 1}.T*x{i}){by}", i - 1),
            *(Holds(name, "0", "query") for name in gated.values()),
        )

    layers = [Layer("gate 1", mlp=gate(1), holds=(*state(0), *copies(1, False)))]
    for i in range(1, n + 1):
        layers.append(Layer(f"divide {i}", (divide,), holds=(*state(i - 1), *copies(i, True))))
        following = copies(i + 1, False) if i < n else ()
        layers.append(
            Layer(
                f"update {i}",
                (update,),
                gate(i + 1 if i < n else None),
                holds=(*state(i), *following),
            )
        )
    return Witness(
        name="sherman_morrison",
        layout=stream,
        prompt=Prompt(d, embedding, positions=n),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters=parameters,
        definitions=_definitions(n),
        examples=n,
        source="akyurek2022, theorem 2, without the matrix",
    )


def _fraction(ridge: Any) -> Any:
    """An int as a Fraction, so that 1 / ridge stays exact."""
    from fractions import Fraction

    return Fraction(ridge) if isinstance(ridge, int) else ridge


def _repeat(slot: str) -> str | None:
    return "i<-i" if slot in ("a", "u", "g") else None


def _spread(slot: str) -> str | None:
    return "i<-" if slot in ("a", "u", "g") else None
