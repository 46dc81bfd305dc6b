"""A third-order iteration for the inverse: M_k = M (3I - 3SM + (SM)^2), S = X^T X, M_0 = alpha I.

Statement: after the first layer and k more the token of x holds t = M_k x, s = S M_k x and the
prediction p = x^T M_k X^T y; I - S M_k = (I - alpha S)^(3^k), so this is what 3^k gradient steps
of size alpha leave. The weights are those of proofs.hyperpower; p is one more column of the same
head (proofs.carried), so that nothing is spent on reading it: k + 1 layers, one head each, width
3d + 2. No linear-attention transformer makes 3^k gradient steps in fewer layers
(proofs.statements.depth). In floats, s drifts away from S t once M_k has converged: more iterations
than needed lose digits again (`deep_descent` does not).
"""

from __future__ import annotations

from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import linear_mlp
from ..witness import Witness


def hyperpower(d: int, iterations: int, alpha: Any) -> Witness:
    """k = `iterations` of the third-order iteration from M_0 = alpha I, at every query.

    Converges for 0 < alpha < 2 / |S|_2.
    """
    d, iterations = whole("d", d), whole("iterations", iterations, 0)
    alpha = number("alpha", alpha, above=0)
    from proofs.weights import hyperpower as derived
    from proofs.weights import newton_carried

    first = substitute(
        {**derived.initial("identity").weights, **newton_carried.initial().weights}, alpha=alpha
    )
    step = substitute({**derived.iteration().weights, **newton_carried.prediction().weights})

    start = Head(
        query=slot_map(("f", "t", first["query"])),
        key=slot_map(("f", "x", first["key"])),
        value=slot_map(("s", "x", first["value"]), ("p", "y", first["value_p"])),
        name="alpha S x",
    )
    iterate = Head(
        query=slot_map(*_given(step, "query")),
        key=slot_map(*_given(step, "key")),
        value=slot_map(*((slot, slot, step[f"value_{slot}"]) for slot in ("t", "s", "p"))),
        name="T (ST/3 - I) S T x",
    )
    skip = linear_mlp(*((slot, slot, step[f"skip_{slot}"]) for slot in ("t", "s", "p")))

    def holds(k: int) -> tuple[Holds, ...]:
        return (
            Holds("x", "x_t"),
            Holds("t", f"M{k}*x_t"),
            Holds("s", f"S*M{k}*x_t"),
            Holds("p", f"w{k}.T*x_t"),
        )

    layers = [Layer("M_0", (start,), holds=holds(0))]
    definitions = [("S", "X.T*X"), ("M0", "alpha*I"), ("w0", "M0*X.T*y")]
    for k in range(1, iterations + 1):
        layers.append(Layer(f"M_{k}", (iterate,), skip, holds=holds(k)))
        before = f"M{k - 1}"
        definitions += [
            (f"M{k}", f"3*{before} - 3*{before}*S*{before} + {before}*S*{before}*S*{before}"),
            (f"w{k}", f"M{k}*X.T*y"),
        ]
    return Witness(
        name="hyperpower",
        layout=layout(x=(d,), y=(), t=(d,), s=(d,), p=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("y", "y"), ("t", "x", first["embed"]))),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters={"d": d, "iterations": iterations, "alpha": alpha},
        definitions=tuple(definitions),
        source="third-order hyperpower iteration",
    )


def _given(weights: dict[str, Any], role: str) -> list[tuple[str, str, Any]]:
    """The blocks of one role on the slots x, t, s that are not zero."""
    found = ((slot, weights[f"{role}_{slot}"]) for slot in ("x", "t", "s"))
    return [("f", slot, weight) for slot, weight in found if weight != 0]
