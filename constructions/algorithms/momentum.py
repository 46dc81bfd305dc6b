"""Gradient descent with momentum (the heavy ball), one linear-attention layer per step.

Statement: v_k = beta v_{k-1} - eta grad L(w_{k-1}), w_k = w_{k-1} + v_k on 1/2 sum (w^T x - y)^2
from w_0 = v_0 = 0. Tokens carry x, r = y - w^T x and v = v^T x; r is minus the prediction at a
query. One head per layer, width d + 2. The weights are those of proofs.momentum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import linear_mlp
from ..witness import Witness


def momentum(d: int, steps: int, step_size: Any, momentum: Any) -> Witness:
    """k = `steps` of the heavy ball from zero, at every query; 0 < momentum < 1.

    Converges for 0 < step_size < 2 (1 + momentum) / |S|_2. momentum 0 is gradient_descent.
    """
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    momentum = number("momentum", momentum, above=0)
    if not hasattr(momentum, "free_symbols") and not momentum < 1:
        raise ValueError(f"momentum must be less than 1, not {float(momentum):g}")
    rates = [("step_size", step_size, "momentum", momentum)] * steps
    given = {"d": d, "steps": steps, "step_size": step_size, "momentum": momentum}
    return two_term("momentum", d, rates, given, "heavy ball (Polyak)")


def two_term(
    name: str,
    d: int,
    rates: Sequence[tuple[str, Any, str, Any]],
    parameters: dict[str, Any],
    source: str,
) -> Witness:
    """v = beta v + eta X^T (y - X w), w = w + v: one layer per rate (texts beside values)."""
    from proofs.weights.momentum import step

    layers = []
    definitions = [("w0", "O"), ("v0", "O")]
    for k, (eta_text, eta, beta_text, beta) in enumerate(rates, start=1):
        c = substitute(step().weights, eta=eta, beta=beta)
        head = Head(
            query=slot_map(("f", "x", c["query"])),
            key=slot_map(("f", "x", c["key"])),
            value=slot_map(("v", "r", c["value"])),
            name="gradient",
        )
        mlp = linear_mlp(("r", "v", c["lift"]), *((("v", "v", c["skip"]),) if c["skip"] else ()))
        held = (
            Holds("x", "x_t"), Holds("v", f"v{k}.T*x_t"), Holds("r", f"y_t - w{k}.T*x_t"),
        )  # fmt: skip
        layers.append(Layer(f"w_{k}", (head,), mlp, holds=held))
        before = f"w{k - 1}"
        definitions += [
            (f"v{k}", f"{beta_text}*v{k - 1} - {eta_text}*X.T*(X*{before} - y)"),
            (f"w{k}", f"{before} + v{k}"),
        ]
    return Witness(
        name=name,
        layout=layout(x=(d,), r=(), v=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("r", "y"))),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters=parameters,
        definitions=tuple(definitions),
        source=source,
    )
