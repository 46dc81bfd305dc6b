"""What the house said before it was rebuilt: witnesses, claims and theorems stay what they were."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import sympy

import constructions
from constructions import theorems
from verify.claim import builtin

RECORD = Path(__file__).with_name("record.json")
THIRD, FIFTH = Fraction(1, 3), Fraction(1, 5)
RIDGES = (Fraction(1), Fraction(1, 4))
MATRIX = ((THIRD, Fraction(0)), (FIFTH, Fraction(1, 2)))
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "gradient_descent": {
        "d": (1, 2, 4), "steps": (0, 1, 3), "step_size": (THIRD,), "ridge": (0, FIFTH),
        "loss": ("sum", "mean"),
    },
    "sherman_morrison": {
        "d": (1, 2, 4), "examples": (1, 3), "ridge": (THIRD,), "storage": ("matrix", "tokens"),
    },
    "newton": {
        "d": (1, 2, 4), "iterations": (0, 1, 3), "alpha": (THIRD,),
        "attention": ("linear", "relu"), "prompt": ("joint", "interleaved"),
    },
    "newton_carried": {
        "d": (1, 2, 4), "iterations": (0, 1, 3), "alpha": (THIRD,), "start": ("gram", "identity"),
    },
    "hyperpower": {"d": (1, 2, 4), "iterations": (0, 1, 3), "alpha": (THIRD,)},
    "deep_descent": {"d": (1, 2, 4), "layers": (1, 2, 3), "alpha": (THIRD,)},
    "recursive_least_squares": {"d": (1, 2, 4), "examples": (1, 3), "ridge": (THIRD,)},
    "paired_least_squares": {"d": (1, 2, 4), "examples": (1, 2, 3, 4), "ridge": (THIRD,)},
    "momentum": {"d": (1, 3), "steps": (1, 3), "step_size": (THIRD,), "momentum": (FIFTH,)},
    "chebyshev": {"d": (1, 3), "steps": (1, 2, 4), "lowest": (1,), "highest": (Fraction(7, 2),)},
    "preconditioned": {
        "d": (2,), "steps": (1, 3), "step_size": (THIRD,), "preconditioner": (MATRIX,),
    },
    "gd_plus_plus": {"d": (1, 3), "steps": (1, 3), "step_size": (THIRD,), "gamma": (0, FIFTH)},
    "minimax_descent": {"d": (1, 3), "layers": (1, 3), "largest": (Fraction(7, 2),)},
    "lasso": {"d": (1, 3), "steps": (1, 3), "step_size": (THIRD,), "penalty": (FIFTH,)},
    "logistic": {"d": (1, 3), "steps": (1, 2), "step_size": (THIRD,)},
    "kernel_regression": {
        "d": (1, 3), "steps": (1, 3), "step_size": (THIRD,),
        "kernel": ("linear", "exponential"),
    },
    "bayes_ridge": {
        "d": (1, 3), "examples": (1, 3), "noise": (THIRD,), "prior": (FIFTH,),
        "output": ("mean", "variance"),
    },
    "selection": {"d": (1, 3), "examples": (2, 4), "validation": (1,), "ridges": (RIDGES,)},
    "gelu_product": {
        "d": (2, 3, 4), "order": (1, 2), "scale": (Fraction(1, 16),),
        "form": ("richardson", "printed"),
    },
    "spline_regression": {"basis": (3, 5), "layers": (2, 3), "alpha": (THIRD,), "degree": (1, 2)},
    "akyurek2022_theorem1": {
        "d": (1, 3), "examples": (1, 2), "step_size": (THIRD,), "ridge": (FIFTH,),
    },
    "akyurek2022_theorem2": {"d": (1, 2), "examples": (1, 2), "ridge": (THIRD,)},
}  # fmt: skip
# options that the grids leave at their defaults, letters for numbers, and what is refused
LETTERS = sympy.symbols("a b")
OPTIONS: tuple[tuple[str, dict[str, tuple[Any, ...]]], ...] = (
    ("gradient_descent", {
        "d": (2,), "steps": (0, 2), "step_size": (THIRD, LETTERS[0]), "ridge": (0, 1, LETTERS[1]),
        "w0": ((1, 0), (0, 0), (1,), LETTERS), "loss": ("sum", "mean", "most"),
    }),
    ("momentum", {
        "d": (2,), "steps": (0, 2), "step_size": (THIRD, LETTERS[0]),
        "momentum": (0, 1, LETTERS[1]),
    }),
    ("chebyshev", {
        "d": (2,), "steps": (3,), "lowest": (1, 5, LETTERS[0]), "highest": (4, LETTERS[1]),
    }),
    ("preconditioned", {
        "d": (2, 3), "steps": (2,), "step_size": (LETTERS[0],),
        "preconditioner": (MATRIX, (LETTERS, LETTERS), "ab", 3),
    }),
    ("gd_plus_plus", {
        "d": (2,), "steps": (0, 2), "step_size": (LETTERS[0],), "gamma": (LETTERS[1], -1),
    }),
    ("gd_plus_plus", {
        "d": (2,), "steps": (2, 3), "step_size": (THIRD, LETTERS), "gamma": ((0, -FIFTH), (1,)),
    }),
    ("minimax_descent", {"d": (2,), "layers": (0, 2), "largest": (0, LETTERS[0])}),
    ("lasso", {"d": (2,), "steps": (0, 2), "step_size": (LETTERS[0],), "penalty": (-1, 0, THIRD)}),
    ("logistic", {
        "d": (2,), "steps": (2,), "step_size": (1, LETTERS[0]), "pieces": (1, 4), "reach": (0, 2),
    }),
    ("kernel_regression", {
        "d": (2,), "steps": (2,), "step_size": (THIRD,),
        "kernel": ("linear", "relu", "exponential"),
        "features": (None, (), MATRIX, (*MATRIX, (1, 1)), ((1,),)),
        "offsets": (None, (0, 0), (1, FIFTH)), "temperature": (0, 1, Fraction(7, 2)),
    }),
)  # fmt: skip


def _text(parameters: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(parameters.items()))


def _digest(make: Any, parameters: Any) -> str:
    try:
        return make(**parameters).digest[:16]
    except (TypeError, ValueError) as error:
        return type(error).__name__


def witnesses() -> dict[str, str]:
    """Digests of the constructions over their sizes, and of what the claims build."""
    made = {}
    for name, grid in (*GRIDS.items(), *OPTIONS):
        for values in product(*grid.values()):
            parameters = dict(zip(grid, values))
            made[f"{name}({_text(parameters)})"] = _digest(constructions.get(name), parameters)
    for claim in builtin():
        for kind in ("sizes", "assembled"):
            sizes = getattr(claim, kind)
            for given in sizes() if sizes is not None else ():
                given = {key: value for key, value in given.items() if key != "expand"}
                where = f"{claim.id}, {claim.variant}, {kind}: {_text(given)}"
                made[where] = _digest(claim.witness, given)
    return made


def record() -> dict[str, dict[str, Any]]:
    def sha(*texts: str) -> str:
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]

    return {
        "witnesses": witnesses(),
        "claims": {
            f"{claim.id}, {claim.variant}": [claim.expected, sha(claim.statement, claim.source)]
            for claim in builtin()
        },
        "theorems": {
            theorem.id: [theorem.kind, sha(theorem.statement, *theorem.claims)]
            for theorem in theorems()
        },
    }


def test_witnesses_claims_and_theorems_are_what_they_were():
    was, now = json.loads(RECORD.read_text()), json.loads(json.dumps(record()))
    for part in was:
        differ = {name: (text, now[part].get(name)) for name, text in was[part].items()
                  if now[part].get(name) != text}  # fmt: skip
        assert not differ, part


if __name__ == "__main__":  # PYTHONPATH=. python tests/test_record.py
    RECORD.write_text(json.dumps(record(), indent=0, sort_keys=True) + "\n")
