"""The Bayes predictor of linear regression: posterior mean or variance at every query.

Statement (akyurek2022, eq. 19): with w ~ N(0, prior I) and y = w^T x + N(0, noise), both
variances, the posterior mean of w^T x is ridge regression with lambda = noise / prior; its
posterior variance is noise * x^T P_n x with P_n = (lambda I + X^T X)^-1, and recursive least
squares carries P_n x at every token already: one more layer multiplies it by x. 2n + 1 layers.
"""

from typing import Any

from ... import notation as n
from ...parts import inverse
from .recursive_least_squares import absorb, stage


@n.construction(
    parameters={
        "examples": n.Examples(example=2),
        "noise": n.Number(above=0, example=1),
        "prior": n.Number(above=0, example=1),
        "output": n.OneOf(of=("mean", "variance"), default="mean"),
    },
    source="akyurek2022, eq. 19",
    states=r"w \sim N(0, \tau^2 I),\ y = w^\top x + N(0, \sigma^2): \text{ posterior mean and "
    r"variance of } w^\top x,\ \lambda = \sigma^2/\tau^2",
    computes="posterior mean or variance",
    paper="akyurek2022, eq. 19: no construction",
    related=("recursive_least_squares",),
    tends_to=lambda values: (
        {"mean": "ridge", "variance": "variance"}[values["output"]] + ": noise/prior"
    ),
)
def bayes_ridge(examples: int, noise: Any, prior: Any, output: str) -> n.Parts:
    """The Bayes predictor and its uncertainty, by recursive least squares.

    noise, prior: the variances of a target's noise and of an entry of w.
    """
    variance = n.Layer(
        "variance",
        mlp=n.bilinear({"x*z": ("x", "z")}, ("u", "x*z", 1, "<-i")),
        holds=(
            n.Holds("u", f"x_t.T*P{examples}*x_t", "query"),
            n.Holds("r", f"-w{examples}.T*x_t", "query"),
        ),
    )
    return n.Parts(
        stage(examples, {"": noise * inverse(prior)}, u=""),
        n.Readout("r", -1) if output == "mean" else n.Readout("u", noise),
        step=lambda i: absorb(i, examples),
        end=(variance,),
    )
