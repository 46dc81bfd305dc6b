"""GD++: gradient descent that transforms the data as it goes, one linear head per step.

Statement (vonoswald2022, GD++): tokens carry u (at first x) and r (at first y), and one layer
makes r_t - eta sum_j r_j <u_j, u_t> and u_t - gamma sum_j u_j <u_j, u_t> of them: a gradient step
on the transformed data, and u = (I - gamma U^T U) u. Width d + 1. The weights are those of
proofs.gd_plus_plus.

`minimax_descent` is GD++ with the best step sizes, 4 * 9^(k-1) / (3 largest) in layer k: for
eigenvalues s of S up to `largest` the error is multiplied by T_(3^k)(z) / (3^k z), z =
sqrt(s / largest), T the Chebyshev polynomial, so that sqrt(s) times it is at most
sqrt(largest) / 3^k. No linear-attention transformer of k layers has a smaller bound.
"""

from __future__ import annotations

from typing import Any

from proofs.exact import exact
from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..witness import Witness


def gd_plus_plus(d: int, steps: int, step_size: Any, gamma: Any) -> Witness:
    """k = `steps` of GD++ on 1/2 sum (w^T x - y)^2 from w = 0; gamma = 0 is gradient descent."""
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    gamma = number("gamma", gamma, least=0)
    given = {"d": d, "steps": steps, "step_size": step_size, "gamma": gamma}
    return _witness("gd_plus_plus", d, [("step_size", step_size, "gamma", gamma)] * steps, given)


def minimax_descent(d: int, layers: int, largest: Any) -> Witness:
    """`layers` of GD++ with the step sizes that are best for all S with |S|_2 <= `largest`."""
    d, layers = whole("d", d), whole("layers", layers)
    largest = number("largest", largest, above=0)
    from proofs.weights.gd_plus_plus import best_step, ell

    rates = []
    for k in range(1, layers + 1):
        c = substitute({"c": best_step(k, ell)}, ell=largest)["c"]
        formula = f"{4 * 9 ** (k - 1)}/(3*largest)"
        rates.append((formula, c, formula, c))
    given = {"d": d, "layers": layers, "largest": largest}
    return _witness("minimax_descent", d, rates, given)


def _witness(
    name: str, d: int, rates: list[tuple[str, Any, str, Any]], parameters: dict[str, Any]
) -> Witness:
    """One layer per (eta as text, eta, gamma as text, gamma)."""
    from proofs.weights.gd_plus_plus import step

    layers = []
    definitions = [("w0", "O"), ("Q0", "I"), ("U0", "X")]
    for k, (eta_text, eta, gamma_text, gamma) in enumerate(rates, start=1):
        c = substitute(step().weights, eta=exact(eta), gamma=exact(gamma))
        values = [("r", "r", c["value_r"])]
        if gamma != 0:
            values.append(("u", "u", c["value_u"]))
        head = Head(
            query=slot_map(("f", "u", c["query"])),
            key=slot_map(("f", "u", c["key"])),
            value=slot_map(*values),
            name="gradient and data",
        )
        held = (Holds("u", f"Q{k}.T*x_t"), Holds("r", f"y_t - w{k}.T*x_t"))
        layers.append(Layer(f"w_{k}", (head,), holds=held))
        before, data = f"w{k - 1}", f"U{k - 1}"
        # the loss of transformed data is a loss of w: its gradient is mapped back by Q
        definitions += [
            (f"w{k}", f"{before} - {eta_text}*Q{k - 1}*{data}.T*(X*{before} - y)"),
            (f"Q{k}", f"Q{k - 1} - {gamma_text}*Q{k - 1}*{data}.T*{data}"),
            (f"U{k}", f"X*Q{k}"),
        ]
    return Witness(
        name=name,
        layout=layout(u=(d,), r=()),
        prompt=Prompt(d, slot_map(("u", "x"), ("r", "y"))),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters=parameters,
        definitions=tuple(definitions),
        source="vonoswald2022, GD++",
    )
