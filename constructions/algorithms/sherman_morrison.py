"""Ridge regression by Sherman-Morrison, one example after the other.

Statement (akyurek2022, theorem 2, eq. 14): with P_0 = I/lambda, the i-th example gives
P_i = P - P x_i x_i^T P / (1 + x_i^T P x_i) and w_i = w + P_i x_i (y_i - x_i^T w), so w_n is the
ridge solution. Products are a bilinear MLP, the division is normalised attention with a null
key. The weights are those of proofs.sherman_morrison. Two storages:

"matrix"  one token, the register, carries P (d, d) and w; O(d^2) units.
"tokens"  P is never stored: token t carries P x_t and y_t - w^T x_t; O(d + n) units.

Both take 2n + 1 layers.
"""

from typing import Any

from .. import notation as n
from ..parameters import substitute
from ..parts import inverse


def _with_matrix(examples: int, ridge: Any) -> n.Parts:
    from proofs.weights.sherman_morrison import update_matrix

    c = substitute(update_matrix().weights)
    stream = n.layout(
        x="d", y="", position=(examples + 1,), one="", query="", register="",
        P="dd", w="d", a="d", b="", u="d", g="d", e="", p="",
    )  # fmt: skip
    embedding = n.slot_map(
        *((name, name) for name in ("x", "y", "position", "one", "query", "register")),
        ("P", "register", inverse(ridge), "ii<-"),
    )
    multiply = n.bilinear(
        {
            "P*a": ("P", "ij<-ij", "a", "ij<-j"),
            "w*a": ("w", "a"),
            "b": ("b", "one"),
        },
        ("u", "P*a", c["u_from_Pa"], "i<-ij"),
        ("g", "P*a", c["g_from_Pa"], "i<-ij"),
        ("e", "w*a", c["e_from_wa"], "<-i"),
        ("e", "b", c["e_from_b"]),
    )
    divide = n.Head(
        query=n.slot_map(("f", "u", c["query"])),
        key=n.slot_map(("f", "a", c["key"])),
        value=n.slot_map(("g", "u", c["value"])),
        attention="normalised",
        null=True,
        name="divide by 1 + a^T P a",
    )
    workspace = ("a", "b", "u", "g", "e")
    update = n.bilinear(
        {
            "g*u": ("g", "ij<-i", "u", "ij<-j"),
            "g*e": ("g", "i<-i", "e", "i<-"),
            **{f"old {name}": (name, _repeat(name), "one", _spread(name)) for name in workspace},
        },
        ("P", "g*u", c["P_from_gu"]),
        ("w", "g*e", c["w_from_ge"]),
        *((name, f"old {name}", c["clear"]) for name in workspace),
    )

    def absorb(i: int) -> tuple[n.Layer, n.Layer]:
        """The two layers of the i-th example."""
        fetch = n.Head(  # the register's query meets the key of token i, the i-th example
            query=n.slot_map(("f", "register")),
            key=n.slot_map(("f", f"position[{i}]")),
            value=n.slot_map(("a", "x"), ("b", "y")),
            name=f"read example {i}",
        )
        before = f"P{i - 1}"
        products = (
            n.Holds("P", before, 0),
            n.Holds("w", f"w{i - 1}", 0),
            n.Holds("a", f"x{i}", 0),
            n.Holds("b", f"y{i}", 0),
            n.Holds("u", f"{before}*x{i}", 0),
            n.Holds("g", f"{before}*x{i}", 0),
            n.Holds("e", f"y{i} - w{i - 1}.T*x{i}", 0),
        )
        cleared = tuple(n.Holds(name, "0", 0) for name in workspace)
        updated = (n.Holds("P", f"P{i}", 0), n.Holds("w", f"w{i}", 0), *cleared)
        return (
            n.Layer(f"multiply {i}", (fetch,), multiply, holds=products),
            n.Layer(f"update {i}", (divide,), update, holds=updated),
        )

    read = n.Head(
        query=n.slot_map(("f", "query")),
        key=n.slot_map(("f", "register")),
        value=n.slot_map(("a", "w")),
        name="read w",
    )
    answer = n.Layer(
        "read-out",
        (read,),
        n.bilinear({"w*x": ("a", "x")}, ("p", "w*x", 1, "<-i")),
        holds=(n.Holds("a", f"w{examples}", "query"), n.Holds("p", f"w{examples}.T*x_t", "query")),
    )
    made = n.Stage(stream, embedding, register=True, positions=examples + 1, examples=examples)
    return n.Parts(made, n.Readout("p"), step=absorb, end=(answer,))


def _with_tokens(examples: int, ridge: Any) -> n.Parts:
    from proofs.weights.sherman_morrison import update_tokens

    c = substitute(update_tokens().weights)
    stream = n.layout(x="d", z="d", r="", gx="d", gz="d", gr="", position=(examples,), one="")
    embedding = n.slot_map(
        ("x", "x"),
        ("z", "x", inverse(ridge)),
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
        return n.bilinear(hidden, *out)

    divide = n.Head(
        query=n.slot_map(("f", "gz", c["query"])),
        key=n.slot_map(("f", "gx", c["key"])),
        value=n.slot_map(("gz", "gz", c["divide_z"]), ("gr", "gr", c["divide_r"])),
        attention="normalised",
        null=True,
        name="divide by 1 + x^T P x",
    )
    update = n.Head(
        query=n.slot_map(("f", "z", c["query2"])),
        key=n.slot_map(("f", "gx", c["key2"])),
        value=n.slot_map(("z", "gz", c["value_z"]), ("r", "gr", c["value_r"])),
        name="update every token",
    )

    def state(i: int) -> tuple[n.Holds, ...]:
        return n.Holds("x", "x_t"), n.Holds("z", f"P{i}*x_t"), n.Holds("r", f"y_t - w{i}.T*x_t")

    def copies(i: int, divided: bool) -> tuple[n.Holds, ...]:
        by = f"/(1 + x{i}.T*P{i - 1}*x{i})" if divided else ""
        return (
            n.Holds("gx", f"x{i}", i - 1),
            n.Holds("gz", f"P{i - 1}*x{i}{by}", i - 1),
            n.Holds("gr", f"(y{i} - w{i - 1}.T*x{i}){by}", i - 1),
            *(n.Holds(name, "0", "query") for name in gated.values()),
        )

    def absorb(i: int) -> tuple[n.Layer, n.Layer]:
        """The two layers of the i-th example; the second one gates the next."""
        last = i == examples
        following = () if last else copies(i + 1, False)
        return (
            n.Layer(f"divide {i}", (divide,), holds=(*state(i - 1), *copies(i, True))),
            n.Layer(
                f"update {i}",
                (update,),
                gate(None if last else i + 1),
                holds=(*state(i), *following),
            ),
        )

    first = n.Layer("gate 1", mlp=gate(1), holds=(*state(0), *copies(1, False)))
    made = n.Stage(stream, embedding, positions=examples, examples=examples)
    return n.Parts(made, n.Readout("r", -1), start=(first,), step=absorb)


def _repeat(slot: str) -> str | None:
    return "i<-i" if slot in ("a", "u", "g") else None


def _spread(slot: str) -> str | None:
    return "i<-" if slot in ("a", "u", "g") else None


@n.construction(
    parameters={
        "examples": n.Examples(example=2),
        "ridge": n.Number(above=0, example=1, unit="top"),
        "storage": n.OneOf(of=("matrix", "tokens"), default="matrix"),
    },
    steps="examples",
    reference=n.references.sherman_morrison,
    source="akyurek2022, theorem 2",
    states=r"\text{after } n \text{ examples the prediction is } "
    r"x^\top (\lambda I + X^\top X)^{-1} X^\top y",
    equals="ridge",
    costs=(
        n.Cost(
            "ridge after n examples, P stored",
            {"layers": "2*n + 1", "width": "d**2 + 5*d + n + 8", "heads": "1"},
            "akyurek2022, theorem 2: above",
        ),
        n.Cost(
            "the same, P stored nowhere",
            {"layers": "2*n + 1", "width": "4*d + n + 3", "heads": "1"},
            "akyurek2022, theorem 2: above",
            choice={"storage": "tokens"},
        ),
    ),
)
def sherman_morrison(examples: int, ridge: Any, storage: str) -> n.Parts:
    """The pass over the prompt, example by example, equals ridge regression.

    The loss is sum of (w^T x - y)^2 + ridge |w|^2. examples=1 is one update.
    """
    return (_with_matrix if storage == "matrix" else _with_tokens)(examples, ridge)
