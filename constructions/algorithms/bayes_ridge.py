"""The Bayes predictor of linear regression: posterior mean or variance at every query.

Statement (akyurek2022, eq. 19): with w ~ N(0, prior I) and y = w^T x + N(0, noise), both
variances, the posterior mean of w^T x is ridge regression with lambda = noise / prior; its
posterior variance is noise * x^T P_n x with P_n = (lambda I + X^T X)^-1, and recursive least
squares carries P_n x at every token already: one more layer multiplies it by x. 2n + 1 layers.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from proofs.layer import Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.stream import layout

from ..parameters import choice, number, whole
from ..parts import bilinear
from ..witness import Witness
from .recursive_least_squares import absorb, definitions, embedding, slots


def bayes_ridge(
    d: int, examples: int, noise: Any, prior: Any, output: Literal["mean", "variance"] = "mean"
) -> Witness:
    """The posterior of w^T x at every query after exactly `examples` examples.

    noise, prior: the variances of a target's noise and of an entry of w, both > 0.
    """
    d, examples = whole("d", d), whole("examples", examples)
    noise, prior = number("noise", noise, above=0), number("prior", prior, above=0)
    choice("output", output, ("mean", "variance"))
    ridge = Fraction(noise) / prior if isinstance(noise, int) else noise / prior
    n = examples
    last = Layer(
        "variance",
        mlp=bilinear({"x*z": ("x", "z")}, ("u", "x*z", 1, "<-i"), d=d),
        holds=(Holds("u", f"x_t.T*P{n}*x_t", "query"), Holds("r", f"-w{n}.T*x_t", "query")),
    )
    return Witness(
        name="bayes_ridge",
        layout=layout(**slots(d, n), u=()),
        prompt=Prompt(d, embedding({"": ridge}), positions=n),
        layer_list=(*absorb(d, n, ("",)), last),
        readout=Readout("r", -1) if output == "mean" else Readout("u", noise),
        parameters={
            "d": d, "examples": n, "noise": noise, "prior": prior, "output": output,
        },
        definitions=(("ridge", "noise/prior"), *definitions(n, "ridge")),
        examples=n,
        source="akyurek2022, eq. 19",
    )  # fmt: skip
