"""Kernel regression by functional gradient descent, one attention layer per step.

Statement: f_k(x) = f_{k-1}(x) - eta sum_j (f_{k-1}(x_j) - y_j) K(x_j, x) from f_0 = 0. Tokens carry
r = y - f(x); the attention score is the kernel.

kernel "linear"       K = <x, x'>: gradient descent on least squares; linear attention.
kernel "relu"         K = <phi(x), phi(x')>, phi = relu(A x + b), made by one ReLU MLP before the
                      steps. Linear attention.
kernel "exponential"  K = exp(<x, x'>/tau), each row divided by its sum over the examples: the
                      Nadaraya-Watson smoother W, so that f_k = f_{k-1} + eta W (y - f_{k-1}) is
                      boosting with W, the functional gradient in the metric weighted by the sums.
                      Softmax attention; where all |x| are one, K is the Gaussian kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ..parameters import choice, number, substitute, vector, whole
from ..witness import Witness


def kernel_regression(
    d: int,
    steps: int,
    step_size: Any,
    kernel: Literal["linear", "relu", "exponential"] = "linear",
    features: Sequence[Sequence[Any]] | None = None,
    offsets: Sequence[Any] | None = None,
    temperature: Any = 1,
) -> Witness:
    """k = `steps` of size eta, at every query. `features` A and `offsets` b (default 0) for "relu",
    `temperature` tau > 0 for "exponential".

    Converges for 0 < step_size < 2 / |K|_2, K the kernel matrix of the examples.
    """
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    choice("kernel", kernel, ("linear", "relu", "exponential"))
    temperature = number("temperature", temperature, above=0)
    if (features is not None) != (kernel == "relu"):
        raise ValueError('features are needed for kernel "relu", and only there')
    A = tuple(vector("a row of features", row, d) or () for row in features or ())
    if kernel == "relu" and not A:
        raise ValueError("features must have at least one row")
    b = (vector("offsets", offsets, len(A)) or (0,) * len(A)) if A else ()
    from proofs.weights.preconditioned import step

    c = substitute(step().weights, eta=step_size)
    data, own = "x", "x_t"
    shapes: dict[str, tuple[int, ...]] = {"x": (d,), "r": ()}
    embedding: list[Any] = [("x", "x"), ("r", "y")]
    layers: list[Layer] = []
    definitions = [("PHI", "X")]
    if kernel == "relu":
        data, own = "phi", "relu(features*x_t + offsets)"
        shapes |= {"phi": (len(A),), "one": ()}
        embedding.append(("one", "one"))
        definitions = [("PHI", "relu(X*features.T + offsets.T)")]
        expand = MLP(
            inner=slot_map(
                Block("h", "x", matrix=A),
                *(() if not any(b) else (Block("h", "one", matrix=tuple((e,) for e in b)),)),
            ),
            outer=slot_map(("phi", "h")),
            activation="relu",
        )
        layers.append(Layer("features", mlp=expand, holds=(Holds("phi", own), Holds("r", "y_t"))))
    head = Head(
        query=slot_map(("f", data, c["query"])),
        key=slot_map(("f", data, c["key"] * _inverse(temperature))),
        value=slot_map(("r", "r", c["value"])),
        attention="softmax" if kernel == "exponential" else "linear",
        name="functional gradient",
    )
    definitions.append(("a0", "y - y"))
    for k in range(1, steps + 1):
        held = [Holds("x", "x_t")]
        if kernel != "exponential":
            held.append(Holds("r", f"y_t - ({own}).T*PHI.T*a{k}"))
        layers.append(Layer(f"f_{k}", (head,), holds=tuple(held)))
        # f_k(x) is the sum of a_j K(x_j, x)
        definitions.append((f"a{k}", f"a{k - 1} + step_size*(y - PHI*(PHI.T*a{k - 1}))"))
    return Witness(
        name="kernel_regression",
        layout=layout(**shapes),
        prompt=Prompt(d, slot_map(*embedding)),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters={
            "d": d, "steps": steps, "step_size": step_size, "kernel": kernel,
            **({"features": A, "offsets": b} if A else {}), "temperature": temperature,
        },
        definitions=tuple(definitions) if kernel != "exponential" else (),
        source="functional gradient descent",
    )  # fmt: skip


def _inverse(value: Any) -> Any:
    from fractions import Fraction

    return 1 / (Fraction(value) if isinstance(value, int) else value)
