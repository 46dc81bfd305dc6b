"""The witnesses whose mutants `sensitivity` judges: their claims, sizes and prompts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from constructions.witness import Witness

from ..claim import Claim, builtin
from ..inputs.errors import WrongCall
from ..strategies import Case
from .mutant_checks import Subject, in_letters

CASES = 6  # prompts of floats
EXACT = 24  # prompts of fractions, large and small ones in turn

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)

# Claim and size. Two examples, two steps and two dimensions can be told apart; where letters for
# all of it would take hours (Newton), two sizes share the task.
SUBJECTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "gradient_descent": (
        "gradient_descent",
        {"d": 2, "n": 2, "steps": 2, "step_size": THIRD, "ridge": HALF, "loss": "sum"},
    ),
    "gradient_descent mean": (
        "gradient_descent",
        {"d": 2, "n": 2, "steps": 2, "step_size": THIRD, "w0": (1, -2), "loss": "mean"},
    ),
    "sherman_morrison": ("sherman_morrison", {"d": 2, "n": 2, "examples": 2, "ridge": HALF}),
    "sherman_morrison tokens": (
        "sherman_morrison", {"d": 2, "n": 2, "examples": 2, "ridge": HALF, "storage": "tokens"},
    ),
    "newton": ("newton", {"d": 2, "n": 2, "iterations": 1, "alpha": THIRD}),
    "newton twice": ("newton", {"d": 2, "n": 1, "iterations": 2, "alpha": THIRD}),
    "newton relu": (
        "newton",
        {"d": 2, "n": 2, "iterations": 1, "alpha": THIRD, "attention": "relu",
         "prompt": "interleaved"},
    ),
    "hyperpower": ("hyperpower", {"d": 2, "n": 2, "iterations": 1, "alpha": HALF}),
    "newton_carried": (
        "newton_carried", {"d": 2, "n": 1, "iterations": 2, "alpha": HALF, "start": "gram"},
    ),
    "newton_carried identity": (
        "newton_carried", {"d": 2, "n": 2, "iterations": 1, "alpha": HALF, "start": "identity"},
    ),
    "deep_descent": ("deep_descent", {"d": 2, "n": 2, "layers": 2, "alpha": HALF}),
    "gd_plus_plus": (
        "gd_plus_plus", {"d": 2, "n": 2, "steps": 2, "step_size": HALF, "gamma": THIRD},
    ),
    "minimax_descent": ("minimax_descent", {"d": 2, "n": 2, "layers": 2, "largest": 7 * HALF}),
    "momentum": ("momentum", {"d": 2, "n": 2, "steps": 2, "step_size": HALF, "momentum": THIRD}),
    "chebyshev": ("chebyshev", {"d": 2, "n": 2, "steps": 3, "lowest": HALF, "highest": 9 * HALF}),
    "recursive_least_squares": (
        "recursive_least_squares", {"d": 2, "n": 1, "examples": 1, "ridge": HALF},
    ),
    "recursive_least_squares twice": (
        "recursive_least_squares", {"d": 1, "n": 2, "examples": 2, "ridge": HALF},
    ),
    "paired_least_squares": (
        "paired_least_squares", {"d": 1, "n": 2, "examples": 2, "ridge": HALF},
    ),
    "preconditioned": (
        "preconditioned",
        {"d": 2, "n": 2, "steps": 2, "step_size": THIRD, "preconditioner": ((2, 1), (-1, 3))},
    ),
    "lasso": ("lasso", {"d": 2, "n": 2, "steps": 2, "step_size": THIRD / 8, "penalty": HALF}),
    "logistic": (
        "logistic", {"d": 1, "n": 2, "steps": 2, "step_size": HALF / 2, "pieces": 1, "reach": 2},
    ),
    "kernel_regression": (
        "kernel_regression",
        {"d": 2, "n": 2, "steps": 2, "step_size": THIRD, "kernel": "relu",
         "features": ((1, 2), (-1, 1)), "offsets": (1, HALF)},
    ),
    "bayes_ridge": (
        "bayes_ridge", {"d": 1, "n": 2, "examples": 2, "noise": HALF, "prior": 2, "output": "mean"},
    ),
    "bayes_ridge variance": (
        "bayes_ridge",
        {"d": 2, "n": 1, "examples": 1, "noise": HALF, "prior": 2, "output": "variance"},
    ),
    "selection": (
        "selection",
        {"d": 1, "n": 2, "examples": 2, "validation": 1, "ridges": (HALF, 9 * HALF)},
    ),
    "spline_regression": (
        "spline_regression",
        {"d": 1, "n": 2, "basis": 3, "layers": 2, "alpha": HALF / 2, "degree": 1},
    ),
}  # fmt: skip


IN_UNIT_INTERVAL = ("spline_regression",)  # elsewhere the splines are 0

SLOW_PROOF = ("paired_least_squares",)  # seconds for each of 2288 mutants

CORE = tuple(
    name for name, (id, _) in SUBJECTS.items()
    if id in ("gradient_descent", "sherman_morrison", "newton")
)  # fmt: skip


@lru_cache(maxsize=4)
def subject(name: str, seed: int = 0) -> Subject:
    """A subject of SUBJECTS, or any witness claim that has a size for the symbolic check."""
    claims = {made.id: made for made in builtin() if made.witness is not None}
    if name in SUBJECTS:
        id, settings = SUBJECTS[name]
    elif name in claims and claims[name].symbolic is not None:
        id, settings = name, claims[name].symbolic or {}
    else:
        known = ", ".join(
            [*SUBJECTS, *(k for k, c in claims.items() if c.symbolic and k not in SUBJECTS)]
        )
        raise WrongCall(f"{name!r} has no mutants to judge; there are {known}")
    claim, parameters = claims[id], dict(settings)
    n, d = parameters.pop("n"), parameters["d"]
    assert claim.witness is not None
    rng, noise = random.Random(seed), np.random.default_rng(seed)

    def entry() -> Fraction:
        if claim.id in IN_UNIT_INTERVAL:
            return Fraction(rng.randint(0, 24), 25)
        return Fraction(rng.choice([i for i in range(-9, 10) if i]), rng.randint(1, 3))

    def fractions(*shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            made[at] = entry()
        return made

    scales = (Fraction(1), Fraction(1) if claim.id in IN_UNIT_INTERVAL else Fraction(1, 8))
    exact = tuple(
        Case(parameters, fractions(n, d) * scale, fractions(n) * scale, fractions(2, d))
        for scale in scales * (EXACT // 2)
    )
    floats = []
    for number in range(CASES):
        X = noise.standard_normal((n, d))
        # the step sizes above are for prompts of norm 1; small and large targets in turn
        X *= noise.uniform(0.6, 1) / np.linalg.norm(X, 2)
        y = noise.standard_normal(n) * (1, 8)[number % 2]
        floats.append(Case(parameters, X, y, noise.standard_normal((2, d))))
    witness = claim.witness(**parameters)
    proof = _proof(claim, witness)
    one = Subject(name, claim, parameters, witness, exact, tuple(floats), proof)
    return replace(one, letters=in_letters(one, witness))


def _proof(claim: Claim, witness: Witness) -> Mapping[str, Any] | None:
    """How the claim proves an assembled witness of this kind, if it does."""
    from proofs.prove_witness import prove_witness

    formula: Any = claim.formula
    if claim.assembled is None or formula is None or claim.id in SLOW_PROOF:
        return None
    statement = formula.at(witness.parameters)
    for given in claim.assembled():
        words = {name: value for name, value in given.items() if isinstance(value, str)}
        if any(witness.parameters.get(name, value) != value for name, value in words.items()):
            continue
        how = {"expand": given.get("expand", False), "statement": statement}
        if prove_witness(witness, **how).proved:
            return how
    return None


def not_judged() -> dict[str, str]:
    """{construction: why it has no mutants here}."""
    import constructions

    judged = {id for id, _ in SUBJECTS.values()}
    claims = {made.id for made in builtin() if made.witness is not None}
    return {
        name: "its claims compare with its algorithm within a bound, not exactly"
        if name not in claims
        else "no size is set for it"
        for name in constructions.names()
        if name not in judged
    }
