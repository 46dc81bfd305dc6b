"""Ridge regression by Sherman-Morrison, one example after the other.

Statement (akyurek2022, theorem 2, eq. 14): with P_0 = I/lambda, the i-th example gives
P_i = P - P x_i x_i^T P / (1 + x_i^T P x_i) and w_i = w + P_i x_i (y_i - x_i^T w), so w_n is the
ridge solution. Products are a bilinear MLP, the division is normalised attention with a null
key. Two storages:

"matrix"  one token, the register, carries P (d, d) and w; O(d^2) units.
"tokens"  P is never stored: token t carries P x_t and y_t - w^T x_t; O(d + n) units.

Both take 2n + 1 layers.
"""

from typing import Any

from proofs.formula import rename
from proofs.statements.ridge import DEFINED, INVERTIBLE

from ... import notation as n
from ...parts import inverse

u_from_Pa, g_from_Pa, e_from_wa, e_from_b = n.letters("u_from_Pa g_from_Pa e_from_wa e_from_b")
query, key, value, P_from_gu, w_from_ge, clear = n.letters(
    "query key value P_from_gu w_from_ge clear"
)
divide_z, divide_r, query2, key2 = n.letters("divide_z divide_r query2 key2")
value_z, value_r, gate = n.letters("value_z value_r gate")


def absorbs(i: int) -> dict[str, Any]:
    """What the reference makes of P and w, letters for what came before, at the i-th example."""
    made, _ = n.references.sherman_morrison({"examples": i})
    names = {f"P{i - 1}": "P", f"w{i - 1}": "w", f"P{i}": "next"}
    return {
        "letters": {"P": "symmetric", "w": "vector"},
        "let": {"next": rename(made[f"P{i}"], names)},
        "becomes": {"P": "next", "w": rename(made[f"w{i}"], names)},
    }


# -- P and w in the register ----------------------------------------------------------------------

WORKSPACE = {"a": "d", "b": "", "u": "d", "g": "d", "e": ""}
MULTIPLY = n.bilinear(
    {"P*a": ("P", "ij<-ij", "a", "ij<-j"), "w*a": ("w", "a"), "b": ("b", "one")},
    ("u", "P*a", u_from_Pa, "i<-ij"),
    ("g", "P*a", g_from_Pa, "i<-ij"),
    ("e", "w*a", e_from_wa, "<-i"),
    ("e", "b", e_from_b),
)
DIVIDE = n.head(
    "divide by 1 + a^T P a", {"u": query}, {"a": key}, {"g": {"u": value}},
    attention="normalised", null=True,
)  # fmt: skip
RENEW = n.bilinear(
    {
        "g*u": ("g", "ij<-i", "u", "ij<-j"),
        "g*e": ("g", "i<-i", "e", "i<-"),
        **{
            f"old {slot}": (slot, "i<-i" if axes else None, "one", "i<-" if axes else None)
            for slot, axes in WORKSPACE.items()
        },
    },
    ("P", "g*u", P_from_gu),
    ("w", "g*e", w_from_ge),
    *((slot, f"old {slot}", clear) for slot in WORKSPACE),
)


def _register_stage(examples: int, ridge: Any) -> n.Stage:
    stream = n.layout(
        x="d", y="", position=(examples + 1,), one="", query="", register="",
        P="dd", w="d", **WORKSPACE, p="",
    )  # fmt: skip
    copied = ("x", "y", "position", "one", "query", "register")
    embedding = n.slot_map(
        *((name, name) for name in copied), ("P", "register", inverse(ridge), "ii<-")
    )
    return n.Stage(stream, embedding, register=True, positions=examples + 1, examples=examples)


def _in_register(p: str, w: str) -> tuple[n.Holds, ...]:
    return n.Holds("P", p, 0), n.Holds("w", w, 0)


def _absorb_in_register(i: int) -> tuple[n.Layer, n.Layer]:
    """The two layers of the i-th example."""
    fetch = n.Head(  # the register's query meets the key of token i, the i-th example
        query=n.slot_map(("f", "register")),
        key=n.slot_map(("f", f"position[{i}]")),
        value=n.slot_map(("a", "x"), ("b", "y")),
        name=f"read example {i}",
    )
    before, w = f"P{i - 1}", f"w{i - 1}"
    products = {
        "a": f"x{i}", "b": f"y{i}",
        "u": f"{before}*x{i}", "g": f"{before}*x{i}", "e": f"y{i} - {w}.T*x{i}",
    }  # fmt: skip
    held = (n.Holds(slot, text, 0) for slot, text in products.items())
    return (
        n.Layer(f"multiply {i}", (fetch,), MULTIPLY, holds=(*_in_register(before, w), *held)),
        n.Layer(f"update {i}", (DIVIDE,), RENEW, holds=_in_register(f"P{i}", f"w{i}") + CLEARED),
    )


CLEARED = tuple(n.Holds(slot, "0", 0) for slot in WORKSPACE)
IN_REGISTER = n.Template(
    "sherman_morrison.update_matrix",
    _register_stage(1, 1),
    _absorb_in_register(1),
    r"\text{two layers: } P \mapsto (P^{-1} + aa^\top)^{-1},\ "
    r"w \mapsto w + P'a(b - a^\top w), \text{ workspace empty again}",
    before=_in_register("P", "w"),
    after=_in_register("P", "w") + CLEARED,
    inverse_grows={"P": "x1*x1.T"},
    fix=(
        n.Gauge(u_from_Pa, 1, "the scale of the workspace u"),
        n.Gauge(g_from_Pa, 1, "the scale of the workspace g"),
        n.Gauge(e_from_b, 1, "the scale of the workspace e"),
        n.Gauge(query, 1, "a query scaled up and its key scaled down"),
    ),
    assumes=(INVERTIBLE,),
    **absorbs(1),
)


def _with_matrix(examples: int, ridge: Any) -> n.Parts:
    read = n.head("read w", {"query": 1}, {"register": 1}, {"a": {"w": 1}})
    answer = n.Layer(
        "read-out",
        (read,),
        n.bilinear({"w*x": ("a", "x")}, ("p", "w*x", 1, "<-i")),
        holds=(n.Holds("a", f"w{examples}", "query"), n.Holds("p", f"w{examples}.T*x_t", "query")),
    )
    return n.Parts(
        _register_stage(examples, ridge),
        n.Readout("p"),
        step=lambda i: IN_REGISTER.put(_absorb_in_register(i)),
        end=(answer,),
    )


# -- P x_t and y_t - w^T x_t in every token -------------------------------------------------------

GATED = {"x": "gx", "z": "gz", "r": "gr"}
DIVIDE_COPIES = n.head(
    "divide by 1 + x^T P x", {"gz": query}, {"gx": key},
    {"gz": {"gz": divide_z}, "gr": {"gr": divide_r}}, attention="normalised", null=True,
)  # fmt: skip
UPDATE_TOKENS = n.head(
    "update every token", {"z": query2}, {"gx": key2}, {"z": {"gz": value_z}, "r": {"gr": value_r}}
)


def token_stage(examples: int, ridge: Any, **shapes: Any) -> n.Stage:
    """Every token carries z = x/ridge and r = y."""
    embedding = n.slot_map(
        ("x", "x"), ("z", "x", inverse(ridge)), ("r", "y"), ("position", "position"), ("one", "one")
    )
    return n.Stage(n.layout(**shapes), embedding, positions=examples, examples=examples)


def _gated_stage(examples: int, ridge: Any) -> n.Stage:
    slots = dict(x="d", z="d", r="", gx="d", gz="d", gr="", position=(examples,), one="")
    return token_stage(examples, ridge, **slots)


def _gate(i: int | None) -> n.MLP:
    """Clear the gated copies, then copy x, z, r at example i alone (None: only clear)."""
    hidden, out = {}, []
    patterns = {name: (None, None) if name == "r" else ("i<-i", "i<-") for name in GATED}
    for name, to in GATED.items():
        own, shared = patterns[name]
        hidden[f"old {to}"] = (to, own, "one", shared)
        out.append((to, f"old {to}", clear))
    if i is not None:
        for name, to in GATED.items():
            own, shared = patterns[name]
            hidden[f"{name} of {i}"] = (name, own, f"position[{i - 1}]", shared)
            out.append((to, f"{name} of {i}", gate))
    return n.bilinear(hidden, *out)


def state(p: str, w: str) -> tuple[n.Holds, ...]:
    """x, z = P x and r = y - w^T x in every token."""
    return n.Holds("x", "x_t"), n.Holds("z", f"{p}*x_t"), n.Holds("r", f"y_t - {w}.T*x_t")


def _copies(i: int, p: str, w: str, by: str = "") -> tuple[n.Holds, ...]:
    """The gated copies of example i, z and r divided `by`, at its token and nowhere else."""
    return (
        n.Holds("gx", f"x{i}", i - 1),
        n.Holds("gz", f"{p}*x{i}{by}", i - 1),
        n.Holds("gr", f"(y{i} - {w}.T*x{i}){by}", i - 1),
        *(n.Holds(name, "0", "query") for name in GATED.values()),
    )


def _absorb_in_tokens(i: int, examples: int) -> tuple[n.Layer, n.Layer]:
    """The two layers of the i-th of these examples; the second one gates the next."""
    before, after = (f"P{i - 1}", f"w{i - 1}"), (f"P{i}", f"w{i}")
    divided = _copies(i, *before, f"/(1 + x{i}.T*P{i - 1}*x{i})")
    following = i + 1 if i < examples else None
    held = state(*after) + (_copies(following, *after) if following is not None else ())
    return (
        n.Layer(f"divide {i}", (DIVIDE_COPIES,), holds=state(*before) + divided),
        n.Layer(f"update {i}", (UPDATE_TOKENS,), _gate(following), holds=held),
    )


IN_TOKENS = n.Template(
    "sherman_morrison.update_tokens",
    _gated_stage(2, 1),
    _absorb_in_tokens(1, 2),
    r"\text{two layers: } z_t = Px_t \mapsto P'x_t,\ "
    r"r_t = y_t - w^\top x_t \mapsto y_t - w'^\top x_t",
    before=state("P", "w") + _copies(1, "P", "w"),
    after=(
        *state("P", "w"), *_copies(2, "P", "w"), *(n.Holds(to, "0", 0) for to in GATED.values())
    ),
    fix=(
        n.Gauge(query, 1, "a query scaled up and its key scaled down"),
        n.Gauge(query2, 1, "a query scaled up and both values scaled down"),
        n.Gauge(key2, 1, "a key scaled up and both values scaled down"),
    ),
    assumes=(DEFINED,),
    **absorbs(1),
)  # fmt: skip


def _with_tokens(examples: int, ridge: Any) -> n.Parts:
    first = n.Layer("gate 1", mlp=_gate(1), holds=state("P0", "w0") + _copies(1, "P0", "w0"))
    return n.Parts(
        _gated_stage(examples, ridge),
        n.Readout("r", -1),
        start=IN_TOKENS.put((first,)),
        step=lambda i: IN_TOKENS.put(_absorb_in_tokens(i, examples)),
    )


@n.construction(
    parameters={
        "examples": n.Examples(example=2),
        "ridge": n.Number(above=0, example=1, unit="top"),
        "storage": n.OneOf(of={"matrix": "", "tokens": "the same, P stored nowhere"}),
    },
    source="akyurek2022, theorem 2",
    states=r"\text{after } n \text{ examples the prediction is } "
    r"x^\top (\lambda I + X^\top X)^{-1} X^\top y",
    equals="ridge",
    proved=(IN_REGISTER, IN_TOKENS),
    computes="ridge after n examples, P stored",
    paper="akyurek2022, theorem 2: above",
    tends_to="ridge: ridge",
)
def sherman_morrison(examples: int, ridge: Any, storage: str) -> n.Parts:
    """The pass over the prompt, example by example, equals ridge regression.

    The loss is sum of (w^T x - y)^2 + ridge |w|^2. examples=1 is one update.
    """
    return (_with_matrix if storage == "matrix" else _with_tokens)(examples, ridge)
