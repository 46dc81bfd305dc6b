"""Exponents of errors: of lemma 4's product in its scale, of Newton's iteration in its start."""

import numpy as np
import sympy

import constructions
from verify import claim
from verify.statements import order


def product(d, eps):
    """x y from three GeLUs at scale eps (akyurek2022, lemma 4)."""
    return constructions.build("gelu_product", d=d, order=1, scale=eps, form="printed")


def newton(d, iterations, eps):
    """Newton's iteration from (1 - eps) times the inverse."""
    return constructions.build("newton", d=d, iterations=iterations, alpha=1 - eps)


def orthonormal(d, iterations, eps):
    """X = I, so that 1/alpha is an inverse of X^T X that is off by the factor 1 - eps."""
    return np.eye(d, dtype=int), sympy.symbols(f"y1:{d + 1}"), [sympy.symbols(f"q1:{d + 1}")]


@claim("rates.lemma4", statement="the error is -xy(2x^2 + 3xy + 2y^2)/6 eps^2 + O(eps^3)")
def lemma4():
    def leading(X, y, queries):
        ((a, b),) = queries
        return [-a * b * (2 * a**2 + 3 * a * b + 2 * b**2) / 6]

    return order(product, lambda X, y, queries: queries[:, 0] * queries[:, 1], 2, [{"d": 2}],
                 leading)  # fmt: skip


@claim("rates.newton", statement="k iterations square the error k times: eps^(2^k)")
def squared():
    sizes = [{"d": d, "iterations": k} for d, k in ((1, 0), (1, 1), (1, 2), (1, 3), (2, 2))]
    return order(newton, lambda X, y, queries: queries @ X.T @ y, "2**iterations", sizes,
                 prompt=orthonormal)  # fmt: skip
