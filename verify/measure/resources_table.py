"""What each construction costs, counted on what was assembled and fitted; the papers' first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import constructions

from ..report import tables

QUANTITIES = ("layers", "width", "heads", "weights")
DIMENSIONS = (1, 2, 3, 4, 5)
# what is n or k in the table: the parameter of each construction that counts examples or steps
COUNTS = ("examples", "iterations", "steps", "layers")
# of every other parameter one value, at which no weight happens to vanish
VALUES: Mapping[str, Any] = {
    "alpha": Fraction(1, 3), "step_size": Fraction(1, 3), "gamma": Fraction(1, 5),
    "momentum": Fraction(1, 2), "ridge": 2, "penalty": 2, "noise": 2, "prior": 3,
    "lowest": 1, "highest": 7, "largest": 5, "validation": 1, "ridges": (1, 2),
}  # fmt: skip

Sizes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Row:
    """One construction: what it computes, and what the paper promises.

    given: parameters that are not those of VALUES, or not counted from 1 to 4. make: the builder,
    where it is none of the registry; then `given` has all but d.
    """

    witness: str
    computes: str
    printed: str = ""
    given: Sizes = field(default_factory=dict)
    make: Callable[..., Any] | None = None

    @property
    def sizes(self) -> Sizes:
        """The values of every parameter but d over which the row is counted."""
        if self.make is not None:
            return self.given
        found: dict[str, Sequence[Any]] = {}
        for name, parameter in constructions.signature(self.witness).parameters.items():
            required = parameter.default is parameter.empty
            if name in self.given:
                found[name] = self.given[name]
            elif name in COUNTS and required:
                found[name] = (1, 2, 3, 4)
            elif name in VALUES and required:
                found[name] = (VALUES[name],)
        return found


def _theorem51(d: int, examples: int, iterations: int) -> Any:
    from constructions.papers.fu2023.layers import theorem51

    return theorem51(d, examples, iterations, Fraction(1, 3), printed=False)


def _preconditioned(d: int, steps: int) -> Any:
    full = tuple(tuple(Fraction(1, 1 + i + j) for j in range(d)) for i in range(d))
    return constructions.build(
        "preconditioned", d=d, steps=steps, step_size=VALUES["step_size"], preconditioner=full
    )


def _splines(d: int, layers: int) -> Any:
    return constructions.build(
        "spline_regression", basis=d + 2, layers=layers, alpha=VALUES["alpha"], degree=2
    )


FOUR, FIVE = (1, 2, 3, 4), (2, 3, 4, 5, 6)
RIDGE, NEWTON = "akyurek2022, theorem 2: above", "fu2023, theorem 5.1: above"
TWO_HEADS = "vonoswald2022: k layers, two heads"

PAPERS = (
    Row(
        "fu2023.theorem5.1", "k Newton iterations from alpha S, repaired",
        "k + 8 layers, O(d) units", {"examples": FOUR, "iterations": FOUR}, _theorem51,
    ),
    Row(
        "akyurek2022_theorem1", "a gradient step on each of n examples, repaired",
        "O(n) layers, O(n + d) units", {"examples": FIVE, "ridge": (2,)},
    ),
    Row(
        "akyurek2022_theorem2", "ridge over n examples, repaired",
        "O(n) layers, O(d^2) units", {"examples": FIVE},
    ),
)  # fmt: skip
OURS = (
    Row(
        "gradient_descent", "k gradient steps",
        "vonoswald2022: k layers; akyurek2022: O(k) layers, O(d) units",
    ),
    Row("newton", "k Newton iterations from alpha S", NEWTON),
    Row("newton", "the same by ReLU heads", NEWTON, {"attention": ("relu",)}),
    Row(
        "newton", "the same on tokens x_1, y_1, x_2, y_2, …", NEWTON,
        {"prompt": ("interleaved",)},
    ),
    Row("newton_carried", "the same, the prediction carried along", NEWTON),
    Row("newton_carried", "2^k gradient steps", given={"start": ("identity",)}),
    Row("hyperpower", "3^k gradient steps"),
    Row("deep_descent", "(3^k - 1)/2 gradient steps"),
    Row("gd_plus_plus", "k steps of GD++", TWO_HEADS),
    Row("minimax_descent", "GD++ with the best step sizes", TWO_HEADS),
    Row("sherman_morrison", "ridge after n examples, P stored", RIDGE),
    Row("sherman_morrison", "the same, P stored nowhere", RIDGE, {"storage": ("tokens",)}),
    Row("recursive_least_squares", "ridge after every prefix", RIDGE),
    Row(
        "paired_least_squares", "ridge after n examples, n even", RIDGE,
        {"examples": (2, 4, 6, 8)},
    ),
    Row("momentum", "k steps of the heavy ball"),
    Row("chebyshev", "k steps of the Chebyshev semi-iteration", given={"steps": (2, 3, 4, 5)}),
    Row(
        "preconditioned", "k gradient steps preconditioned by a full matrix",
        given={"steps": FOUR}, make=_preconditioned,
    ),
    Row(
        "kernel_regression", "k functional gradient steps, exponential kernel",
        given={"kernel": ("exponential",)},
    ),
    Row("lasso", "k steps of proximal gradient descent"),
    Row("logistic", "k steps of logistic regression, 33 knots"),
    Row("bayes_ridge", "posterior mean or variance", "akyurek2022, eq. 19: no construction"),
    Row("selection", "the better of two ridges on the last example", given={"examples": FIVE}),
    Row(
        "spline_regression", "least squares on d + 2 quadratic B-splines of a number",
        given={"layers": (2, 3, 4, 5)}, make=_splines,
    ),
)  # fmt: skip
ROWS = (*PAPERS, *OURS)


def built(row: Row, **parameters: Any) -> Any:
    """The row's witness at one size."""
    make = row.make or partial(constructions.build, row.witness)
    return make(**parameters)


def costs(row: Row) -> dict[str, str]:
    """The four quantities as polynomials in d, n and k, fitted exactly to counted values.

    Raises ValueError where no polynomial of degree 3 has the values.
    """
    from ..checks.resources import fit, variables

    varied = {"d": DIMENSIONS, **row.sizes}
    sizes = [dict(zip(varied, values)) for values in product(*varied.values())]
    witnesses = [built(row, **given) for given in sizes]
    points = [variables(given) for given in sizes]
    made = {}
    for quantity in QUANTITIES:
        counts = [getattr(witness, quantity) for witness in witnesses]
        found = fit(points, counts)
        if found is None:
            at = ", ".join(f"{p}: {c}" for p, c in list(zip(points, counts))[:4])
            raise ValueError(f"{row.witness}: {quantity} is no polynomial of the sizes ({at}, …)")
        made[quantity] = str(found).replace("**", "^").replace("*", " ")
    return made


def markdown(rows: Sequence[Row] = ROWS) -> str:
    """The table; README's copy is held equal to it."""
    heads = ("construction", "computes", "layers", "width", "heads", "non-zero weights",
             "the paper's")  # fmt: skip
    return tables.markdown(
        heads,
        [(f"`{row.witness}`", row.computes, *costs(row).values(), row.printed) for row in rows],
    )
