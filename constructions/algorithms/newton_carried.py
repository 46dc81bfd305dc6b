"""Newton's iteration with the prediction carried along: k + 1 layers, width at most 2d + 2.

Statement: M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, prediction x^T M_k X^T y. `newton` reads the
prediction in a layer of its own; here it is one more column of the head that iterates.

start "gram"      M_0 = alpha S, as fu2023 prints it; k >= 1. Width 2d + 2.
start "identity"  M_0 = alpha I: exactly 2^k gradient steps of size alpha. Tokens carry
                  r = y - (prediction), which the first layer multiplies by I - alpha S and
                  layer j + 1 by (I - alpha S)^(2^(j-1)). Width 2d + 1.

The weights are those of proofs.newton and proofs.carried.
"""

from __future__ import annotations

from typing import Any, Literal

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import choice, number, substitute, whole
from ..parts import linear_mlp
from ..witness import Witness


def newton_carried(
    d: int, iterations: int, alpha: Any, start: Literal["gram", "identity"] = "gram"
) -> Witness:
    """k = `iterations` of Newton's method, at every query; start "gram" needs k >= 1.

    Converges for 0 < alpha < 2 / |S|_2^2 ("gram"), 0 < alpha < 2 / |S|_2 ("identity").
    """
    d = whole("d", d)
    choice("start", start, ("gram", "identity"))
    iterations = whole("iterations", iterations, 1 if start == "gram" else 0)
    alpha = number("alpha", alpha, above=0)
    given = {"d": d, "iterations": iterations, "alpha": alpha, "start": start}
    return (_from_gram if start == "gram" else _from_identity)(d, iterations, alpha, given)


def _definitions(first: str, iterations: int) -> tuple[tuple[str, str], ...]:
    made = [("S", "X.T*X"), ("M0", first), ("w0", "M0*X.T*y")]
    for k in range(1, iterations + 1):
        made += [
            (f"M{k}", f"2*M{k - 1} - M{k - 1}*S*M{k - 1}"),
            (f"w{k}", f"M{k}*X.T*y"),
        ]
    return tuple(made)


def _iterate(read: tuple[tuple[str, str, Any], ...]) -> Head:
    """t reads -T S T x / 2, and the slots of `read` what they get at the same scores."""
    from proofs.weights import newton as derived

    step = substitute(derived.iteration().weights)
    return Head(
        query=slot_map(("f", "t", step["query"])),
        key=slot_map(("f", "x", step["key"])),
        value=slot_map(("t", "t", step["value"]), *read),
        name="T S T x",
    )


def _from_gram(d: int, iterations: int, alpha: Any, parameters: dict[str, Any]) -> Witness:
    from proofs.weights import newton as derived
    from proofs.weights import newton_carried as carried

    initial = substitute(derived.initial().weights, alpha=alpha)
    step = substitute({**derived.iteration().weights, **carried.prediction("newton").weights})
    turn = substitute(carried.first_iteration().weights)
    skip = linear_mlp(("t", "t", step["skip"]), ("p", "p", step["skip_p"]))

    first = Head(
        query=slot_map(("f", "x", initial["query"])),
        key=slot_map(("f", "x", initial["key"])),
        value=slot_map(("t", "x", initial["value"]), ("p", "y", turn["first"])),
        name="alpha S x",
    )
    far = Head(
        query=slot_map(("f", "t")),
        key=slot_map(("f", "t")),
        value=slot_map(("p", "p", turn["far"])),
        name="x T S T S X^T y",
    )
    drop = Head(
        query=slot_map(("f", "x")),
        key=slot_map(("f", "x")),
        value=slot_map(("p", "y", turn["drop"])),
        name="clear p",
    )
    second = (_iterate((("p", "y", turn["near"]),)), far, drop)
    later = (_iterate((("p", "p", step["value_p"]),)),)
    x = Holds("x", "x_t")
    layers = [Layer("M_0", (first,), holds=(x, Holds("t", "M0*x_t"), Holds("p", "x_t.T*X.T*y")))]
    for k in range(1, iterations + 1):
        held = (x, Holds("t", f"M{k}*x_t"), Holds("p", f"w{k}.T*x_t"))
        layers.append(Layer(f"M_{k}", second if k == 1 else later, skip, holds=held))
    return Witness(
        name="newton_carried",
        layout=layout(x=(d,), y=(), t=(d,), p=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("y", "y"))),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters=parameters,
        definitions=_definitions("alpha*S", iterations),
        source="fu2023, theorem 5.1, the prediction carried along",
    )


def _from_identity(d: int, iterations: int, alpha: Any, parameters: dict[str, Any]) -> Witness:
    from proofs.weights import newton as derived
    from proofs.weights import newton_carried as carried

    value = substitute(carried.residual().weights)["value_r"]
    skip = linear_mlp(("t", "t", substitute(derived.iteration().weights)["skip"]))
    once = Head(
        query=slot_map(("f", "t")),
        key=slot_map(("f", "x")),
        value=slot_map(("r", "r", value)),
        name="error times I - T S",
    )
    iterate = _iterate((("r", "r", value),))
    # the error lags one iteration behind t, and the first layer makes up for it
    x = Holds("x", "x_t")
    layers = [Layer("M_0", (once,), holds=(x, Holds("t", "M0*x_t"), Holds("r", "y_t - w0.T*x_t")))]
    for k in range(1, iterations + 1):
        held = (x, Holds("t", f"M{k}*x_t"), Holds("r", f"y_t - w{k}.T*x_t"))
        layers.append(Layer(f"M_{k}", (iterate,), skip, holds=held))
    return Witness(
        name="newton_carried",
        layout=layout(x=(d,), t=(d,), r=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("t", "x", alpha), ("r", "y"))),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters=parameters,
        definitions=_definitions("alpha*I", iterations),
        source="fu2023, theorem 5.1, from alpha I, the prediction carried along",
    )
