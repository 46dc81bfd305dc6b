"""Primitives of the printed transformer: those exact, those that cannot be, accurate products."""

from __future__ import annotations

from typing import Any

import constructions
from constructions.witness import Witness

from ...checks.bounds import exact_operations, gelu
from ...checks.statements import theorem
from ...claim import claim


def product(**parameters: Any) -> Witness:
    """One GeLU MLP that multiplies the two halves of a query."""
    return constructions.build("gelu_product", **parameters)


def exact_operation(kind: str, heads: str, name: str, summary: str) -> None:
    """The claim that an operation is one layer of softmax heads, exactly."""
    claim(
        f"exact.{kind}",
        variant="improved",
        source="witness",
        statement=rf"\text{{{name} is one layer of {heads} causal softmax heads with finite "
        r"weights, exactly, for every input}",
        summary=f"{summary}, in one layer, with finite weights.",
    )(
        lambda: (
            exact_operations.in_fractions(kind),
            exact_operations.in_balls(kind),
            theorem("exact.softmax"),
        )
    )


exact_operation("mov", "three", "mov", "mov of akyurek2022 exactly")
exact_operation("aff", "two", "aff", "aff of akyurek2022 exactly, bias included")
exact_operation("raw", "three", r"RAW with } + \text{", "RAW (+) of akyurek2022 exactly")


@claim(
    "exact.gelu_bypass",
    variant="improved",
    source="witness",
    statement=r"\sigma(x) - \sigma(-x) = x",
)
def gelu_bypass() -> Any:
    """A number passes a GeLU exactly, with both signs; no large constant is needed."""
    return (theorem("exact.gelu_bypass"),)


@claim(
    "exact.impossible",
    variant="improved",
    source="witness",
    statement=r"\text{mul, div and the bypass of layer norm are exact for no finite weights}",
)
def impossible() -> Any:
    """No finite weights make mul, div or the bypass of layer norm exact for every input."""
    return (theorem("exact.growth"),)


@claim(
    "exact.norm_bypass",
    variant="improved",
    source="witness",
    statement=r"\sqrt{2/L}\,N\lambda([N, -N, x, -x, 0]): \text{ relative error at most } "
    r"\|x\|^2/(2N^2), \text{ printed: of order } 1/N",
)
def norm_bypass() -> Any:
    """The bypass of layer norm to second order in 1/N, where the printed one is of first order."""
    return gelu.norm_bypass(), theorem("exact.norm_bypass")


@claim(
    "gelu_product",
    variant="improved",
    source="witness",
    statement=r"xy = \tfrac14\sqrt{\pi/2}\textstyle\sum_{i \leq m} \frac{a_i}{(ic)^2}"
    r"(E(ic(x+y)) - E(ic(x-y))) + O(c^{2m}),\ E(u) = \sigma(u) + \sigma(-u)",
    expected="approximates",
)
def gelu_product() -> Any:
    """Products of any order from one GeLU MLP, within a proved bound."""
    return (
        gelu.product_bound(product),
        gelu.product_digits(product),
        theorem("gelu_product.weights", "gelu_product.bound"),
    )
