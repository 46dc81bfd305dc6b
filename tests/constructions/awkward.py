"""Random witnesses of every construction, and prompts on which floats have a hard time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import constructions

Prompt = tuple[np.ndarray, np.ndarray, np.ndarray]
REACH = {"float64": 150.0, "float32": 18.0, "bfloat16": 18.0, "float16": 2.0}  # decades
SUBNORMAL = {"float64": 5e-324, "float32": 1e-45, "bfloat16": 9e-41, "float16": 6e-8}


def prompt(rng: np.random.Generator, d: int, n: int, m: int, numbers: str) -> Prompt:
    """Of any scale, with columns of any scale, rank 1, zeros, equal rows, subnormals, integers."""
    reach = REACH[numbers]
    X, y, queries = (rng.standard_normal(shape) for shape in ((n, d), n, (m, d)))
    kind = rng.integers(9)
    if kind == 0:
        X, y, queries = (10.0 ** rng.uniform(-reach, reach) * part for part in (X, y, queries))
    elif kind == 1:
        scales = 10.0 ** rng.uniform(-min(7.5, reach), min(7.5, reach), d)
        X, queries = X * scales, queries * scales
    elif kind == 2:
        X = np.outer(rng.standard_normal(n), X[0])
    elif kind == 3:
        X, y, queries = (np.round(2 * part) for part in (X, y, queries))
    elif kind == 4:
        X[-1], queries[0] = X[0], 0
    elif kind == 5:
        tiny = SUBNORMAL[numbers] * rng.integers(1, 1000)
        for part in (X, y, queries):
            part.ravel()[rng.random(part.size) < 0.5] = rng.choice([tiny, -tiny, 0.0])
    elif kind == 6:
        X[rng.random(X.shape) < 0.6] = 0
        y[rng.random(n) < 0.5] = 0
    elif kind == 7:
        y = y * 10.0 ** rng.uniform(-reach, reach)
    return X, y, queries


def ridge(rng: np.random.Generator) -> Fraction:
    """Between 1e-14 and 1, half of the time above 1e-2."""
    return Fraction(1, int(10 ** rng.uniform(0, rng.choice([2, 14]))))


def kernel(rng: np.random.Generator, d: int) -> dict[str, Any]:
    """Softmax, ReLU features with kinks at small whole numbers, or linear."""
    name = str(rng.choice(["linear", "relu", "exponential"]))
    if name != "relu":
        return {"kernel": name}
    features = tuple(tuple(int(e) for e in row) for row in rng.integers(-2, 3, (3, d)))
    return {"kernel": name, "features": features, "offsets": (0, 1, -1)}


def witness(name: str, rng: np.random.Generator, n: int) -> Any:
    """The construction at a small size, for n examples."""
    d = int(rng.integers(1, 4))
    rate = Fraction(int(rng.integers(1, 20)), 40)
    steps = int(rng.integers(1, 4))
    few = {
        "gradient_descent": dict(d=d, steps=steps, step_size=rate, ridge=Fraction(1, 7)),
        "sherman_morrison": dict(
            d=d, examples=n, ridge=ridge(rng), storage=str(rng.choice(["matrix", "tokens"]))
        ),
        "newton": dict(
            d=d, iterations=steps, alpha=rate / 9,
            attention=str(rng.choice(["linear", "relu"])),
            prompt=str(rng.choice(["joint", "interleaved"])),
        ),
        "newton_carried": dict(
            d=d, iterations=steps, alpha=rate / 9, start=str(rng.choice(["gram", "identity"]))
        ),
        "hyperpower": dict(d=d, iterations=steps, alpha=rate / 5),
        "deep_descent": dict(d=d, layers=steps, alpha=rate),
        "recursive_least_squares": dict(d=d, examples=n, ridge=ridge(rng)),
        "paired_least_squares": dict(d=d, examples=n, ridge=ridge(rng)),
        "momentum": dict(d=d, steps=steps, step_size=rate, momentum=Fraction(1, 3)),
        "chebyshev": dict(d=d, steps=steps, lowest=Fraction(1, 3), highest=7),
        "preconditioned": dict(
            d=d, steps=steps, step_size=rate,
            preconditioner=[[Fraction(int(i == j) + 1, 3) for j in range(d)] for i in range(d)],
        ),
        "gd_plus_plus": dict(d=d, steps=steps, step_size=rate, gamma=Fraction(1, 9)),
        "minimax_descent": dict(d=d, layers=steps, largest=5),
        "lasso": dict(d=d, steps=steps, step_size=rate, penalty=Fraction(1, 3)),
        "logistic": dict(d=d, steps=steps, step_size=rate, pieces=3, reach=4),
        "kernel_regression": kernel(rng, d) | dict(d=d, steps=steps, step_size=rate),
        "bayes_ridge": dict(
            d=d, examples=n, noise=ridge(rng), prior=2,
            output=str(rng.choice(["mean", "variance"])),
        ),
        "gelu_product": dict(d=2 * d, order=steps, scale=Fraction(1, 2 ** int(rng.integers(1, 7)))),
        "spline_regression": dict(basis=3, layers=steps + 1, alpha=rate / 3),
    }  # fmt: skip
    if name == "selection":
        ridges = [ridge(rng), ridge(rng) + 1]
        few[name] = dict(d=d, examples=max(n, 2), validation=1, ridges=ridges)
    if name.startswith("akyurek"):
        few["akyurek2022_theorem1"] = dict(d=2, step_size=Fraction(1, 8), examples=1)
        few["akyurek2022_theorem2"] = dict(d=2, ridge=1, examples=1)
    return constructions.build(name, **few[name])
