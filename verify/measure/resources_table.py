"""What each construction costs, counted on what was assembled and fitted; the papers' first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

QUANTITIES = ("layers", "width", "heads", "weights")


@dataclass(frozen=True)
class Row:
    """One construction: what it computes, and its parameters over the sizes.

    printed: what the paper promises. make: the builder, where it is none of the registry.
    """

    witness: str
    computes: str
    sizes: Mapping[str, Sequence[Any]]
    printed: str = ""
    make: Callable[..., Any] | None = None


def _theorem51(d: int, examples: int, iterations: int) -> Any:
    from constructions.papers.fu2023.layers import theorem51

    return theorem51(d, examples, iterations, Fraction(1, 3), printed=False)


def _preconditioned(d: int, steps: int) -> Any:
    import constructions

    full = tuple(tuple(Fraction(1, 1 + i + j) for j in range(d)) for i in range(d))
    return constructions.build(
        "preconditioned", d=d, steps=steps, step_size=Fraction(1, 3), preconditioner=full
    )


def _splines(d: int, layers: int) -> Any:
    import constructions

    return constructions.build(
        "spline_regression", basis=d + 2, layers=layers, alpha=Fraction(1, 3), degree=2
    )


PAPERS = (
    Row(
        "fu2023.theorem5.1", "k Newton iterations from alpha S, repaired",
        {"examples": (1, 2, 3, 4), "iterations": (1, 2, 3, 4)},
        "k + 8 layers, O(d) units", _theorem51,
    ),
    Row(
        "akyurek2022_theorem1", "a gradient step on each of n examples, repaired",
        {"examples": (2, 3, 4, 5, 6), "step_size": (Fraction(1, 3),), "ridge": (2,)},
        "O(n) layers, O(n + d) units",
    ),
    Row(
        "akyurek2022_theorem2", "ridge over n examples, repaired",
        {"examples": (2, 3, 4, 5, 6), "ridge": (2,)},
        "O(n) layers, O(d^2) units",
    ),
)  # fmt: skip
OURS = (
    Row(
        "gradient_descent", "k gradient steps",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),)},
        "vonoswald2022: k layers; akyurek2022: O(k) layers, O(d) units",
    ),
    Row(
        "newton", "k Newton iterations from alpha S",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),)},
        "fu2023, theorem 5.1: above",
    ),
    Row(
        "newton", "the same by ReLU heads",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),), "attention": ("relu",)},
        "fu2023, theorem 5.1: above",
    ),
    Row(
        "newton", "the same on tokens x_1, y_1, x_2, y_2, …",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),), "prompt": ("interleaved",)},
        "fu2023, theorem 5.1: above",
    ),
    Row(
        "newton_carried", "the same, the prediction carried along",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),)},
        "fu2023, theorem 5.1: above",
    ),
    Row(
        "newton_carried", "2^k gradient steps",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),), "start": ("identity",)},
    ),
    Row(
        "hyperpower", "3^k gradient steps",
        {"iterations": (1, 2, 3, 4), "alpha": (Fraction(1, 3),)},
    ),
    Row(
        "deep_descent", "(3^k - 1)/2 gradient steps",
        {"layers": (1, 2, 3, 4), "alpha": (Fraction(1, 3),)},
    ),
    Row(
        "gd_plus_plus", "k steps of GD++",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),), "gamma": (Fraction(1, 5),)},
        "vonoswald2022: k layers, two heads",
    ),
    Row(
        "minimax_descent", "GD++ with the best step sizes",
        {"layers": (1, 2, 3, 4), "largest": (5,)},
        "vonoswald2022: k layers, two heads",
    ),
    Row(
        "sherman_morrison", "ridge after n examples, P stored",
        {"examples": (1, 2, 3, 4), "ridge": (2,)},
        "akyurek2022, theorem 2: above",
    ),
    Row(
        "sherman_morrison", "the same, P stored nowhere",
        {"examples": (1, 2, 3, 4), "ridge": (2,), "storage": ("tokens",)},
        "akyurek2022, theorem 2: above",
    ),
    Row(
        "recursive_least_squares", "ridge after every prefix",
        {"examples": (1, 2, 3, 4), "ridge": (2,)},
        "akyurek2022, theorem 2: above",
    ),
    Row(
        "paired_least_squares", "ridge after n examples, n even",
        {"examples": (2, 4, 6, 8), "ridge": (2,)},
        "akyurek2022, theorem 2: above",
    ),
    Row(
        "momentum", "k steps of the heavy ball",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),), "momentum": (Fraction(1, 2),)},
    ),
    Row(
        "chebyshev", "k steps of the Chebyshev semi-iteration",
        {"steps": (2, 3, 4, 5), "lowest": (1,), "highest": (7,)},
    ),
    Row(
        "preconditioned", "k gradient steps preconditioned by a full matrix",
        {"steps": (1, 2, 3, 4)}, "", _preconditioned,
    ),
    Row(
        "kernel_regression", "k functional gradient steps, exponential kernel",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),), "kernel": ("exponential",)},
    ),
    Row(
        "lasso", "k steps of proximal gradient descent",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),), "penalty": (2,)},
    ),
    Row(
        "logistic", "k steps of logistic regression, 33 knots",
        {"steps": (1, 2, 3, 4), "step_size": (Fraction(1, 3),)},
    ),
    Row(
        "bayes_ridge", "posterior mean or variance",
        {"examples": (1, 2, 3, 4), "noise": (2,), "prior": (3,)},
        "akyurek2022, eq. 19: no construction",
    ),
    Row(
        "selection", "the better of two ridges on the last example",
        {"examples": (2, 3, 4, 5, 6), "validation": (1,), "ridges": ((1, 2),)},
    ),
    Row(
        "spline_regression", "least squares on d + 2 quadratic B-splines of a number",
        {"layers": (2, 3, 4, 5)}, "", _splines,
    ),
)  # fmt: skip
ROWS = (*PAPERS, *OURS)
DIMENSIONS = (1, 2, 3, 4, 5)


def built(row: Row, **parameters: Any) -> Any:
    """The row's witness at one size."""
    import constructions

    return (row.make or constructions.get(row.witness))(**parameters)


def costs(row: Row) -> dict[str, str]:
    """The four quantities as polynomials in d, n and k, fitted exactly to counted values.

    Raises ValueError where no polynomial of degree 3 has the values.
    """
    from ..checks.resources import fit, variables

    names = ("d", *row.sizes)
    sizes = [dict(zip(names, values)) for values in product(DIMENSIONS, *row.sizes.values())]
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
    lines = [
        "| construction | computes | layers | width | heads | non-zero weights | the paper's |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        counted = costs(row)
        cells = [f"`{row.witness}`", row.computes, *(counted[q] for q in QUANTITIES), row.printed]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
