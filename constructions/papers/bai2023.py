"""bai2023 (arXiv:2306.04637): in-context gradient descent by ReLU attention, as printed.

Definitions 1 to 3: h_i += sum_m 1/N' sum_j relu(<Q_m h_i, K_m h_j>) V_m h_j over all N' tokens,
then h += W_2 relu(W_1 h), no bias. The prompt (3) is h_i = [x_i; y'_i; w; 0; 1; t_i], with y' and t
zero at the query. Block matrices are written as slot maps. Displays that the text read did not show
are put together from the sentences and norm bounds around them; each choice is an argument here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout
from proofs.vocabulary import boolean

from ..parameters import choice, number, vector, whole
from ..parts import inverse
from ..witness import Witness

HALF = Fraction(1, 2)
# definition 12: (c, a, b, e) with the sum of c relu(a s + b t + e) and |a| + |b| + |e| <= 1.
# The square loss: s - t = 2 relu((s - t)/2) - 2 relu(-(s - t)/2), sum of |c| = C = 4
SQUARE = ((2, HALF, -HALF, 0), (-2, -HALF, HALF, 0))
Relus = Sequence[tuple[Any, Any, Any, Any]]
Gate = Literal["query", "key"]
GATES = ("query", "key")
Share = Literal["(N + 1)/N", "1"]
SHARES = ("(N + 1)/N", "1")


def as_relu(name: str, query: Any, key: Any, value: Any) -> Head:
    """A head of definition 1: all N' tokens are keys, and 1/N' of them is added."""
    return Head(
        slot_map(*query), slot_map(*key), slot_map(*value),
        attention="relu", keys="full", average="keys", name=name,
    )  # fmt: skip


# -- propositions C.1 and C.2, theorem 13, corollary C.1 and theorem C.1 --------------------------


def step_heads(scale: Any, R: Any, relus: Relus = SQUARE, gate: Gate = "query") -> tuple[Head, ...]:
    """Proposition C.2: head m has the score a_m <w, x_j> + b_m y'_j + e_m - R (1 - t_j) and adds
    -scale c_m x_j to w.

    gate: whether R stands in Q_m, [a_m w; b_m; e_m; -R], or in K_m, R (1 - t_j).
    """
    choice("gate", gate, GATES)
    asked, met = (-R, 1) if gate == "query" else (-1, R)
    return tuple(
        as_relu(
            f"relu {m}",
            (("s", "w", a), ("t", "one", b), ("e", "one", e), ("gate", "one", asked)),
            (("s", "x"), ("t", "y"), ("e", "one"), ("gate", "one", met), ("gate", "t", -met)),
            (("w", "x", -scale * c),),
        )
        for m, (c, a, b, e) in enumerate(relus, start=1)
    )


def decay_head(rate: Any) -> Head:
    """Corollary C.1: the score 1 and the value -eta lambda w."""
    return as_relu("regulariser", (("f", "one"),), (("f", "one"),), (("w", "w", -rate),))


def readout_layer() -> Layer:
    """Layer L + 1 of theorem 13: relu(<x_i, w>) - relu(-<x_i, w>), with the value 1, into y'."""
    return Layer(
        "read-out",
        tuple(
            as_relu(f"sign {s}", (("f", "x"),), (("f", "w", s),), (("y", "one", s),))
            for s in (1, -1)
        ),
    )


def descent(
    d: int,
    examples: int,
    steps: int,
    eta: Any,
    R: Any,
    ridge: Any = 0,
    w0: Sequence[Any] | None = None,
    prox: MLP | None = None,
    relus: Relus = SQUARE,
    gate: Gate = "query",
    share: Share = "(N + 1)/N",
    read: Literal["y", "w"] = "y",
) -> Witness:
    """`steps` layers of proposition C.2 from w0, each followed by `prox`, and the read-out layer.

    ridge > 0 adds the head of corollary C.1. share multiplies the value -eta c_m x_j of head m; the
    layer divides by N + 1 where the loss divides by N. read="w" leaves the read-out layer away, and
    reads w at every token.
    """
    d, n, k = whole("d", d), whole("examples", examples), whole("steps", steps, 0)
    eta, R, ridge = number("eta", eta), number("R", R), number("ridge", ridge)
    choice("share", share, SHARES)
    choice("read", read, ("y", "w"))
    start = vector("w0", w0, d) or (0,) * d
    factor = Fraction(n + 1, n) if share == "(N + 1)/N" else 1
    heads = step_heads(eta * factor, R, relus, gate)
    heads += (decay_head(eta * ridge),) if ridge != 0 else ()
    layers = (Layer("step", heads, prox),) * k
    return Witness(
        name="bai2023.descent",
        layout=layout(x=(d,), y=(), w=(d,), one=(), t=()),
        prompt=Prompt(d, SlotMap((*_tokens(), *_begin(start)))),
        layer_list=(*layers, readout_layer()) if read == "y" else layers,
        readout=Readout("y") if read == "y" else Readout("w", tokens="all"),
        parameters={"d": d, "examples": n, "steps": k, "eta": eta, "R": R, "ridge": ridge,
                    "w0": start, "share": share},
        examples=n,
        source="bai2023, appendix C",
    )  # fmt: skip


def step_of_all_tokens(d: int, scale: Any, R: Any) -> Witness:
    """The layer of proposition C.2 for the square loss, with the values -scale c_m x_j, where the
    examples that heads divide by are all N' tokens: as coq/Bai.v reads it.
    """
    made = descent(d, 1, 0, 1, R, read="w")
    heads = (replace(head, average="examples") for head in step_heads(scale, number("R", R)))
    return replace(made, layer_list=(Layer("step", tuple(heads)),), examples=None)


def readout(d: int, w: Sequence[Any]) -> Witness:
    """Layer L + 1 alone, on tokens that hold w."""
    return replace(descent(d, 1, 0, 1, 1, w0=w), name="bai2023.readout", examples=None)


def _tokens() -> SlotMap:
    """[x_i; y'_i; ...; 1; t_i], t_i = 0 at the query alone."""
    return slot_map(("x", "x"), ("y", "y"), ("one", "one"), ("t", "one"), ("t", "query", -1))


def _begin(w0: Sequence[Any]) -> tuple[Block, ...]:
    """Every token's w, from its constant; no block where it is 0."""
    if all(entry == 0 for entry in w0):
        return ()
    return (Block("w", "one", matrix=tuple((entry,) for entry in w0)),)


# -- proposition C.1: proximal operators as MLPs --------------------------------------------------

# unit: (factor of w_i, factor of the constant 1, factor of the unit in what is added to w_i); the
# first without a constant, as the proposition has W_1 in R^{D x d}
Units = Sequence[tuple[Any, Any, Any]]


def prox_mlp(units: Units, destination: str = "w", source: str = "w") -> MLP:
    """W_2 relu(W_1 [w; 1]), the same units for every entry of w."""
    inner: list[tuple[Any, ...]] = []
    outer: list[tuple[Any, ...]] = []
    for k, (slope, constant, out) in enumerate(units):
        inner.append((f"u{k}", source, slope))
        if constant != 0:
            inner.append((f"u{k}", "one", constant, "i<-"))
        outer.append((destination, f"u{k}", out))
    return MLP(slot_map(*outer), slot_map(*inner), activation="relu", letters=(("i", "d"),))


def soft_units(tau: Any, skip: bool = True) -> Units:
    """soft(w, tau) = relu(w - tau) - relu(-w - tau), less w where the layer adds it: 4 units."""
    kept = ((1, -tau, 1), (-1, -tau, -1))
    return (*kept, (1, 0, -1), (-1, 0, 1)) if skip else kept


def shrink_units(tau: Any, skip: bool = True) -> Units:
    """w/(1 + tau), less w where the layer adds it: 2 units, and no constant."""
    factor = inverse(1 + tau)
    factor = factor - 1 if skip else factor
    return ((1, 0, factor), (-1, 0, -factor))


def clip_units(B: Any, skip: bool = True) -> Units:
    """clip(w, -B, B) - w = relu(-w - B) - relu(w - B); without the skip 2 more units make w."""
    cut = ((1, -B, -1), (-1, -B, 1))
    return cut if skip else (*cut, (1, 0, 1), (-1, 0, -1))


def proximal(d: int, units: Units, skip: bool = True) -> Witness:
    """One MLP on tokens [w; 1]. With its skip connection it writes to w; without, to a slot that
    was 0, which is W_2 relu(W_1 w) alone.
    """
    boolean(skip, "skip")
    return Witness(
        name="bai2023.propC1",
        layout=layout(w=(d,), one=(), made=(d,)),
        prompt=Prompt(whole("d", d), slot_map(("w", "x"), ("one", "one"))),
        layer_list=(Layer("prox", mlp=prox_mlp(units, "w" if skip else "made").at(d)),),
        readout=Readout("w" if skip else "made"),
        parameters={"d": d, "units": tuple(map(tuple, units)), "skip": skip},
        source="bai2023, proposition C.1",
    )


def any_mlp(W1: Sequence[Sequence[Any]], W2: Sequence[Sequence[Any]], skip: bool = True) -> Witness:
    """An MLP of definition C.1 on w alone: W_1 (D, d), W_2 (d, D), no constant."""
    d = len(W2)
    inner = SlotMap((Block("hidden", "w", matrix=tuple(map(tuple, W1))),))
    outer = SlotMap((Block("w" if skip else "made", "hidden", matrix=tuple(map(tuple, W2))),))
    return replace(
        proximal(d, (), skip), layer_list=(Layer("MLP", mlp=MLP(outer, inner, activation="relu")),)
    )


# -- appendix B: decoders -------------------------------------------------------------------------

LIFT = 4  # what head B of the first layer multiplies; 3 is the least that does


def causal(name: str, query: Any, key: Any, value: Any) -> Head:
    """A head of definition B.1: keys j <= i, and 1/i of them is added."""
    return replace(as_relu(name, query, key, value), keys="causal")


def conversion_layers(covariate: bool = False) -> tuple[Layer, ...]:
    """Proposition B.1: the token of y_k reads x_k, exactly, for every N, with weights that do not
    depend on N.

    With c the example's number, layer 1 leaves s = k (k + 1) at the token of y_k, from the mean of
    c over the tokens so far, and more than c (c + 2) at tokens of x. So u_j = (s - c) - c c_j is
    k (k - c_j) at y_k and at least c at x, and relu(u - c) - 2 relu(u) + relu(u + c) is k where
    c_j = k, and else 0. The mean over the 2k tokens is undone by a factor of 2 in K.
    covariate: t marks the tokens of x, and the first MLP replaces it by 1 - t.
    """
    other = -1 if covariate else 1  # 1 at tokens of x and -1 at those of y, from 1 and t
    flip = None
    if covariate:  # relu(1 - t) - relu(t) = 1 - 2 t
        flip = MLP(
            slot_map(("t", "u0"), ("t", "u1", -1)),
            slot_map(("u0", "one"), ("u0", "t", -1), ("u1", "t")),
            activation="relu",
        )
    first = (
        causal("A: 2 c mean(c)", (("f", "c"),), (("f", "one"),), (("s", "c", 2),)),
        causal(
            "B: above at x",
            (("f", "c", 2),),
            (("f", "c", LIFT // 2),),
            (("s", "one", other), ("s", "t", -2 * other)),
        ),
    )
    hats = tuple(
        causal(
            f"u + ({m}) c",
            (("f", "s"), ("f", "c", m - 1), ("g", "c")),
            (("f", "one", 2), ("g", "c", -2)),
            (("x", "x", weight),),
        )
        for m, weight in ((-1, 1), (0, -2), (1, 1))
    )
    clear = MLP(slot_map(("s", "u0", -1)), slot_map(("u0", "s")), activation="relu")
    return Layer("numbers", first, flip), Layer("x_k to the token of y_k", hats, clear)


def _decoder_prompt(d: int, covariate: bool) -> Prompt:
    """(15): x_1, y_1, ..., x_N, y_N, x_{N+1}; p = [0; c; 1; t], c the example's number."""
    mark = "1 - t % 2" if covariate else "t % 2"
    embedding = [("x", "x_example"), ("x", "x_query")]
    embedding += [(name, name) for name in ("y", "one", "c", "t")]
    encodings = (("c", (rule("t // 2 + 1"),)), ("t", (rule(mark),)))
    return Prompt(d, slot_map(*embedding), form="interleaved", encodings=encodings)


def conversion(d: int, covariate: bool = False) -> Witness:
    """Proposition B.1: two layers on the prompt (15); s, which was 0, is 0 again."""
    boolean(covariate, "covariate")
    return Witness(
        name="bai2023.propB1",
        layout=layout(x=(d,), y=(), w=(d,), s=(), c=(), one=(), t=()),
        prompt=_decoder_prompt(whole("d", d), covariate),
        layer_list=conversion_layers(covariate),
        readout=Readout("x", tokens="all"),
        parameters={"d": d, "covariate": covariate},
        source="bai2023, proposition B.1",
    )


def decoder(
    d: int, examples: int, steps: int, eta: Any, R: Any, scale: Literal["(N + 1)/N", "1", "2"]
) -> Witness:
    """The conversion, then `steps` layers of proposition C.2 with 1/((i - 1) v 1) for 1/i.

    scale: what multiplies the value -eta c_m x_j: "(N + 1)/N", the very layer of the encoder.
    """
    n, k = whole("examples", examples), whole("steps", steps, 0)
    choice("scale", scale, ("(N + 1)/N", "1", "2"))
    factor = Fraction(n + 1, n) if scale == "(N + 1)/N" else int(scale)
    weight = rule("1 / max(t, 1)")  # t counts from 0: t = i - 1
    heads = tuple(
        replace(head, keys="causal", average="", mask=weight)
        for head in step_heads(number("eta", eta) * factor, number("R", R))
    )
    made = conversion(d)
    return replace(
        made,
        name="bai2023.decoder",
        layer_list=(*made.layer_list, *(Layer("step", heads),) * k),
        readout=Readout("w", tokens="all"),
        parameters={"d": d, "examples": n, "steps": k, "eta": eta, "R": R, "scale": scale},
        examples=n,
        source="bai2023, appendix B.3",
    )
