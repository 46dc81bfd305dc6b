"""What each construction costs: counted on the witnesses, and fitted exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import constructions
from constructions.construction import Construction
from constructions.parameters import Examples, OneOf, Rows, Whole

from ..checks.resources import fit, variables
from ..report import tables

QUANTITIES = ("layers", "width", "heads", "weights")
DIMENSIONS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    It is fitted to the witnesses of `build` over `sizes`. paper: what a paper takes for it.
    """

    construction: str
    computes: str
    build: Callable[..., Any]
    sizes: Mapping[str, Sequence[Any]]
    paper: str = ""


def theorem51(d: int, examples: int, iterations: int) -> Any:
    """Theorem 5.1 of fu2023, repaired."""
    from constructions.papers.fu2023.layers import theorem51

    return theorem51(d, examples, iterations, Fraction(1, 3), printed=False)


def subleq(d: int, steps: int) -> Any:
    """Commands of SUBLEQ on words and addresses of d bits."""
    return constructions.build("subleq", d=d, address=d, temperature=10, loops=steps)


def splines(d: int, layers: int) -> Any:
    """Least squares on d + 2 quadratic B-splines of a number."""
    return constructions.build(
        "spline_regression", basis=d + 2, layers=layers, alpha=Fraction(1, 3), degree=2
    )


def papers() -> Iterator[Row]:
    """What the papers print, repaired."""
    four, five = (1, 2, 3, 4), (2, 3, 4, 5, 6)
    yield Row(
        "fu2023.theorem5.1",
        "k Newton iterations from alpha S, repaired",
        theorem51,
        {"d": DIMENSIONS, "examples": four, "iterations": four},
        "k + 8 layers, O(d) units",
    )
    chains = (
        ("theorem1", "a gradient step on each of n examples, repaired", "O(n + d) units"),
        ("theorem2", "ridge over n examples, repaired", "O(d^2) units"),
    )
    for theorem, computes, units in chains:
        made = constructions.get(f"akyurek2022_{theorem}")
        ridge = made.parameters["ridge"].example or 1
        sizes = {"d": DIMENSIONS, "examples": five, "ridge": (ridge,), **examples_of(made)}
        yield Row(made.name, computes, made, sizes, f"O(n) layers, {units}")

    yield Row(
        "subleq",
        "k commands of SUBLEQ, words and addresses of d bits",
        subleq,
        {"d": (2, 3, 4, 5, 6), "steps": four},
        "giannou2023's code: 10 layers a command",
    )


def examples_of(made: Construction) -> dict[str, Sequence[Any]]:
    """Example values of what has no default and is no size."""
    return {
        name: (kind.small,)
        for name, kind in made.parameters.items()
        if not isinstance(kind, Whole) and kind.default is kind.REQUIRED
    }


def ours() -> Iterator[Row]:
    """Every construction that says what it computes, with each word of which that is said."""
    for made in map(constructions.get, constructions.names()):
        if made.computes:
            sizes = {"d": DIMENSIONS, **sizes_of(made)}
            yield Row(made.name, made.computes, made, sizes, made.paper)
            choices = {k: v for k, v in made.parameters.items() if isinstance(v, OneOf)}
            for name, kind in choices.items():
                for word, computes in zip(kind.of, kind.computes):
                    paper = made.paper if computes.startswith("the same") else ""
                    if computes:
                        yield Row(made.name, computes, made, sizes | {name: (word,)}, paper)
    yield Row(
        "spline_regression",
        "least squares on d + 2 quadratic B-splines of a number",
        splines,
        {"d": DIMENSIONS, "layers": (2, 3, 4, 5)},
    )


def sizes_of(made: Construction) -> dict[str, Sequence[Any]]:
    """Numbers of steps and of examples, and example values of what has no default."""
    found = examples_of(made)
    for name, kind in made.parameters.items():
        if isinstance(kind, Examples):
            found[name] = tuple(kind.small * count for count in (1, 2, 3, 4))
        elif name == made.steps and isinstance(kind, Whole):
            first = max(2, kind.least)  # the first step may lack weights that are zero there
            found[name] = tuple(range(first, first + 4))
        elif isinstance(kind, Whole) and name != "d" and kind.default is kind.REQUIRED:
            found[name] = (kind.small,)
    return found


def rows() -> list[Row]:
    """The papers' lines, then ours."""
    return [*papers(), *ours()]


def costs(row: Row) -> dict[str, str]:
    """The four quantities as polynomials in d, n and k.

    Raises ValueError where no polynomial of degree 3 has the values.
    """
    sizes = [dict(zip(row.sizes, values)) for values in product(*row.sizes.values())]
    witnesses = [row.build(**at_size(row, given)) for given in sizes]
    points = [variables(given) for given in sizes]
    made = {}
    for quantity in QUANTITIES:
        counts = [getattr(witness, quantity) for witness in witnesses]
        found = fit(points, counts)
        if found is None:
            at = ", ".join(f"{p}: {c}" for p, c in list(zip(points, counts))[:4])
            raise ValueError(
                f"{row.construction}: {quantity} is no polynomial of the sizes ({at}, …)"
            )
        made[quantity] = str(found)
    return made


def at_size(row: Row, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one size: matrices of d rows have the d of that size."""
    kinds = getattr(row.build, "parameters", {})
    return {
        name: full(given["d"]) if isinstance(kinds.get(name), Rows) else value
        for name, value in given.items()
    }


def full(d: int) -> tuple[tuple[Fraction, ...], ...]:
    """A matrix (d, d) without zeros."""
    return tuple(tuple(Fraction(1, 1 + i + j) for j in range(d)) for i in range(d))


def written(formula: str) -> str:
    """A formula as the table has it."""
    return formula.replace("**", "^").replace("*", " ")


def markdown(chosen: Sequence[Row] | None = None) -> str:
    """The table; README's copy is held equal to it."""
    heads = (
        "construction", "computes", "layers", "width", "heads", "non-zero weights", "the paper's",
    )  # fmt: skip
    lines = [
        (f"`{row.construction}`", row.computes, *map(written, costs(row).values()), row.paper)
        for row in (rows() if chosen is None else chosen)
    ]
    return tables.markdown(heads, lines)
