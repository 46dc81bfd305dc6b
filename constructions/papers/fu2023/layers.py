"""fu2023, appendix B, as printed: Newton's iteration in a ReLU transformer.

The layer: h_t += (1/n) sum_m sum_j ReLU(<Q_m h_t, K_m h_j>) V_m h_j over all tokens j, then an
MLP with a skip connection. The prompt is x_1, y_1, ..., x_n, y_n, x_test, one token each. An x
token is [top; x]: `top` becomes T x. Block matrices are written as slot maps, so that
[[I, O], [O, O]] is the one block `top <- top`.

Printed: both heads of a pair have the same value, V_1 = V_2, and their scores u and -u add up
to ReLU(u) + ReLU(-u) = |u|. Repaired: V_2 = -V_1, which gives u.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout
from proofs.vocabulary import Keys

from ...parameters import choice, number, whole
from ...parts import bilinear, linear_mlp, read_offset, scaled
from ...witness import Witness

Place = Literal["own units", "units of x"]
PLACES = ("own units", "units of x")


def relu_pair(
    query: tuple[str, Any],
    key: str,
    value: tuple[str, str, Any],
    printed: bool = True,
    keys: Keys = "full",
) -> tuple[Head, Head]:
    """Eq. 21: heads 1 and 2 with Q_1^T K_1 = -Q_2^T K_2, averaged over the examples.

    query: (slot, coefficient); key: slot; value: (destination, source, coefficient). In the
    causal layer of remark B.6 the average is over the t tokens seen.
    """
    to, source, c = value
    average: Literal["keys", "examples"] = "keys" if keys == "causal" else "examples"

    def head(sign: int, weight: Any) -> Head:
        return Head(
            query=slot_map(("f", *query)),
            key=slot_map(("f", key, sign)),
            value=slot_map((to, source, weight)),
            attention="relu",
            keys=keys,
            average=average,
            name=f"head {1 if sign > 0 else 2}",
        )

    return head(1, c), head(-1, c if printed else -c)


def copy_from(offset: int, destination: str, source: str, n: int) -> tuple[Head, ...]:
    """mov, exactly and in this architecture: every token t reads from token t + offset.

    Three ReLU heads on the units `index` and `one` instead of a softmax with large keys; n undoes
    the average.
    """
    heads = read_offset(offset, slot_map((destination, source)))
    return tuple(
        replace(head, value=scaled(head.value, n), keys="full", average="examples")
        for head in heads
    )


def sum_of_tokens(destination: str, source: str, n: int) -> tuple[Head, Head]:
    """Lemma B.3: ReLU(1 * 1) + ReLU(-1 * 1) = 1 at every pair of tokens; the value is n h_j."""
    return relu_pair(("one", 1), "one", (destination, source, n))


def initial_layers(n: int, alpha: Any, printed: bool, keys: Keys = "full") -> list[Layer]:
    """Eq. 24: mov (x below itself), the pair with V = n alpha [[I, O], [O, O]], aff (minus x)."""
    pair = relu_pair(("top", 1), "top", ("top", "top", n * alpha), printed, keys)
    return [
        Layer("mov: x below itself", copy_from(0, "x", "top", n)),
        Layer("attention: plus alpha S x", pair),
        Layer("aff: minus x", mlp=linear_mlp(("top", "x", -1))),
    ]


def iteration_layer(n: int, printed: bool, keys: Keys = "full") -> Layer:
    """Eq. 30: queries -(n/2) x_t from G, keys and values T x_j from J, then the MLP doubles."""
    pair = relu_pair(("x", Fraction(-n, 2)), "top", ("top", "top", 1), printed, keys)
    return Layer("iteration", pair, linear_mlp(("top", "top", 1)))


def weights_layers(d: int, n: int, label: str) -> list[Layer]:
    """Eq. 34: mov (T x_j to the token of y_j), mul (times y_j, from unit `label`), lemma B.3."""
    times = bilinear({"v*y": ("moved", "i<-i", label, "i<-")}, ("product", "v*y"), d=d)
    return [
        Layer("mov: T x_j to the token of y_j", copy_from(-1, "moved", "top", n)),
        Layer("mul: T x_j y_j", mlp=times),
        Layer("lemma B.3: w", sum_of_tokens("w", "product", n)),
    ]


def prediction_layers(d: int, n: int, asked: str) -> list[Layer]:
    """Eq. 35: mov (w from the token before x_test), mul (with x_test in the slot `asked`)."""
    times = bilinear({"w*x": ("fetched", asked)}, ("prediction", "w*x", 1, "<-i"), d=d)
    return [
        Layer("mov: w to x_test", copy_from(-1, "fetched", "w", n)),
        Layer("mul: <w, x_test>", mlp=times),
    ]


# -- theorem 5.1, end to end ------------------------------------------------------------------


def theorem51(
    d: int,
    examples: int,
    iterations: int,
    alpha: Any,
    printed: bool = True,
    test: Place = "own units",
    labels: Place = "own units",
    keys: Literal["full", "context"] = "full",
) -> Witness:
    """Theorem 5.1 on the whole prompt x_1, y_1, ..., x_n, y_n, x_test: k + 8 layers.

    Eq. 24 (3 layers), eq. 30 (k layers), eqs. 34 and 35 (mov, mul, sum, mov, mul). Two things are
    left open in print: `test` says where the embedding puts x_test (in the units of the x_j, where
    it is a key like them, or in units of its own), `labels` where it puts y (a unit of its own, or
    the first unit of x). keys="context" leaves x_test out of the keys of eqs. 24 and 30.
    """
    d, n, k = whole("d", d), whole("examples", examples), whole("iterations", iterations, 0)
    alpha = number("alpha", alpha)
    choice("test", test, PLACES)
    choice("labels", labels, PLACES)
    stream = layout(
        top=(d,), x=(d,), y=(), test=(d,), one=(), index=(), moved=(d,), product=(d,),
        w=(d,), fetched=(d,), prediction=(),
    )  # fmt: skip
    label = "y" if labels == "own units" else "x[0]"
    asked = "test" if test == "own units" else "x"
    embedding: list[tuple[str, str]] = [("one", "one"), ("index", "index")]
    embedding += [("top", "x_example"), ("top" if asked == "x" else "test", "x_query")]
    embedding += [("y", "y") if label == "y" else ("top[0]", "y")]
    choice("keys", keys, ("full", "context"))
    layers = initial_layers(n, alpha, printed, keys) + [iteration_layer(n, printed, keys)] * k
    layers += weights_layers(d, n, label) + prediction_layers(d, n, asked)
    layers = [replace(layer, holds=_held(number, n, k)) for number, layer in enumerate(layers, 1)]
    return Witness(
        name="fu2023.theorem5.1",
        layout=stream,
        prompt=Prompt(d, slot_map(*embedding), form="interleaved"),
        layer_list=tuple(layers),
        readout=Readout("prediction"),
        parameters={
            "d": d,
            "examples": n,
            "iterations": k,
            "alpha": alpha,
            "printed": printed,
            "test": test,
            "labels": labels,
            "keys": keys,
        },
        definitions=(
            ("S", "X.T*X"),
            ("M0", "alpha*S"),
            *((f"M{i}", f"2*M{i - 1} - M{i - 1}*S*M{i - 1}") for i in range(1, k + 1)),
            (f"w{k}", f"M{k}*X.T*y"),
        ),
        examples=n,
        source="fu2023, theorem 5.1",
    )


def _held(number: int, n: int, k: int) -> tuple[Holds, ...]:
    """What tokens hold after layer `number` of theorem 5.1, if it is as the proof says.

    Tokens 2j - 2 and 2j - 1 (from 0) are those of x_j and y_j; x_test is the last.
    """
    xs = [(2 * j - 2, f"x{j}") for j in range(1, n + 1)]
    step = min(number - 3, k)
    if number == 1:
        return tuple(Holds(slot, x, t) for t, x in xs for slot in ("top", "x"))
    if number == 2:
        return tuple(Holds("top", f"{x} + M0*{x}", t) for t, x in xs)
    made = [Holds("x", x, t) for t, x in xs]
    made += [Holds("top", f"M{step}*{x}", t) for t, x in xs]
    if number >= k + 4:
        made += [Holds("moved", f"M{k}*{x}", t + 1) for t, x in xs]
    if number >= k + 5:
        made += [Holds("product", f"M{k}*x{j}*y{j}", 2 * j - 1) for j in range(1, n + 1)]
    if number >= k + 6:
        made.append(Holds("w", f"w{k}"))
    if number >= k + 7:
        made.append(Holds("fetched", f"w{k}", "query"))
    if number >= k + 8:
        made.append(Holds("prediction", f"w{k}.T*x_t", "query"))
    return tuple(made)
