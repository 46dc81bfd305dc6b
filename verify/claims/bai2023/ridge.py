"""bai2023, theorem 4: ridge regression within every error, by counted layers and norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import isqrt
from typing import Any

import sympy
from flint import arb

from constructions.numbers.reals import as_ball, valued
from constructions.papers import bai2023
from constructions.witness import Witness
from proofs.calculus import form as c
from proofs.calculus import spectral
from proofs.calculus.tokens import OutsideCalculusError
from proofs.layer import Head
from proofs.slotmap import SlotMap

from ...checks.analysis.accuracy import supremum
from ...claim import Check, Promise, claim
from ...statements import Certificate, for_every
from ...strategies import grid
from . import HALF, PAPER

WHERE = {"kappa": "(beta + lam)/(alpha + lam)", "R": "max(B_x*B_w, B_y, 1)"}
LAYERS = "ceil(2*kappa*log(B_x*B_w/(2*eps))) + 1"
HALVED = "ceil(kappa*log(B_x*B_w/(2*eps))) + 1"
PROBLEMS = grid(
    d=[2], examples=[3], eps=[HALF, Fraction(1, 16)], alpha=[0, HALF], beta=[Fraction(2)],
    lam=[Fraction(1), Fraction(2)], B_x=[2], B_w=[2], B_y=[1],
) + [
    # where the norm is nearly as large as promised: one example, whose values have the largest
    # factor (N + 1)/N, and 8/(beta + lambda) far above 4 R
    {"d": 2, "examples": 1, "eps": Fraction(1, 100), "alpha": 0, "beta": Fraction(1, 100),
     "lam": Fraction(1, 100), "B_x": 1, "B_w": 1, "B_y": 1},
    # where the error is: epsilon nearly B_x B_w/2, so that there are few steps, of a large kappa
    {"d": 2, "examples": 3, "eps": Fraction(39, 20), "alpha": 0, "beta": Fraction(2),
     "lam": Fraction(1, 20), "B_x": 2, "B_w": 2, "B_y": 1},
]  # fmt: skip
PROMISES = (
    Promise("layers", LAYERS, "<="),
    Promise("heads", "3", "<="),
    Promise("norm", "4*R + 8/(beta + lam)", "<="),
)


def ridge(d: int, examples: int, lam: Any, beta: Any, layers: str = LAYERS, **constants: Any) -> (
    Witness
):  # fmt: skip
    """The transformer of theorem 4's proof, with as many layers as the formula says."""
    given = {"lam": lam, "beta": beta, **constants}
    count, R = valued(layers, given, WHERE), valued("R", given, WHERE)
    assert isinstance(count, Fraction)  # a ceiling
    return bai2023.descent(d, examples, int(count) - 1, Fraction(1) / (beta + lam), R, lam)


def ridge_halved(**constants: Any) -> Witness:
    """The same with half the steps."""
    return ridge(layers=HALVED, **constants)


def within_bounds(witness: Witness, constants: Mapping[str, Any]) -> Certificate:
    """The error on every prompt of theorem 4, by the eigenvalues of X^T X/N.

    |w| <= B_w at every step: steps from 0 do not go farther from the solution, |solution| <= B_w/2.
    """
    try:
        bound = _relative(witness, constants)
    except OutsideCalculusError:
        bound = arb("inf")
    size = as_ball(valued("B_x*B_w/2", constants))
    words = (
        f"prompt of N = {constants['examples']} examples and d = {constants['d']}, the eigenvalues "
        f"of X^T X/N in [{constants['alpha']}, {constants['beta']}], |x| <= B_x, |y| <= B_y, the "
        "ridge weights within B_w/2"
    )
    return Certificate(bound * size, as_ball(attained_error(witness, constants)), words)


def _relative(witness: Witness, constants: Mapping[str, Any]) -> arb:
    """The largest |prediction/target - 1| at an eigenvalue of X^T X/N from alpha to beta."""
    n, lam = c.n, sympy.Rational(Fraction(constants["lam"]))
    Q = spectral.prediction(open_gates(witness, constants))
    of_mean = sympy.expand(n * Q.subs(spectral.s, n * spectral.s))
    if of_mean.has(n):
        raise OutsideCalculusError("the prediction is no function of X^T X/N and X^T y/N")
    relative = sympy.Poly(of_mean * (spectral.s + lam) - 1, spectral.s)
    bound, _ = supremum(relative, as_ball(constants["alpha"]), as_ball(constants["beta"]))
    return bound


def attained_error(witness: Witness, constants: Mapping[str, Any]) -> Fraction:
    """The largest error of the transformer itself on prompts x_1 = a e_1, x_2 = a e_2, x_j = 0.

    a goes through eighths of the largest tenth for which the prompt is one of the theorem's.
    """
    n, d, lam = constants["examples"], constants["d"], Fraction(constants["lam"])
    B_x, B_y = Fraction(constants["B_x"]), Fraction(constants["B_y"])
    rows, wanted = [], []
    largest_a = min(B_x, Fraction(isqrt(int(100 * n * Fraction(constants["beta"]))), 10))
    for part in range(9):
        a = largest_a * Fraction(part, 8)
        weight = a * B_y / n / (a * a / n + lam)
        inside = constants["alpha"] <= a * a / n <= constants["beta"]
        if not inside or weight > Fraction(constants["B_w"]) / 2:
            continue
        rows.append([[a if i == j else Fraction(0) for i in range(d)] for j in range(n)])
        wanted.append(weight * B_x)
    y = [B_y, *[Fraction(0)] * (n - 1)]
    asked = [[B_x if i == 0 else Fraction(0) for i in range(d)]]
    count = len(wanted)
    if not count:
        return Fraction(0)
    made = witness.predict(rows, [y] * count, [asked] * count, "rational")
    return max(abs(made[:, 0] - wanted))


def open_gates(witness: Witness, constants: Mapping[str, Any]) -> Witness:
    """What the layers compute where |x| <= B_x and |w| <= B_w: the same with the gates left out.

    A gated score is <= 0 at the query, whose y' and t are 0, and ungated elsewhere; then these keys
    are the examples. A head that reads what all tokens share may read it from the examples alone.
    Raises ValueError for a head that is neither, and for a gate that does not close.
    """
    size, n = valued("B_x*B_w", constants), witness.examples
    assert n is not None
    share = Fraction(n, n + 1)

    def of(head: Head) -> Head:
        asked = {b.destination: b.coefficient for b in head.query if b.source == "one"}
        read = {b.source for b in (*head.query, *head.key)}
        maps, factor, attention = (head.query, head.key), Fraction(1), head.attention
        if "gate" in asked:
            a = max(abs(b.coefficient) for b in head.query if b.source == "w")
            met = {b.source: b.coefficient for b in head.key if b.destination == "gate"}
            shut = asked["gate"] * met["one"]
            if met["t"] != -met["one"] or not as_ball(a * size + asked["e"] + shut) <= 0:
                raise ValueError(f"{head.name}: the gate does not close at the query")
            maps, factor = (_ungated(maps[0]), _ungated(maps[1])), share
        elif {b.source for b in (*head.key, *head.value)} - {"one", "w"}:
            raise ValueError(f"{head.name} reads what tokens do not share")
        elif read == {"one"}:
            if min(b.coefficient for side in maps for b in side) < 0:
                raise ValueError(f"{head.name}: the relu of its score is not the score")
            attention = "linear"
        scaled = (replace(b, coefficient=b.coefficient * factor) for b in head.value)
        return replace(
            head, query=maps[0], key=maps[1], value=SlotMap(tuple(scaled)), attention=attention,
            keys="context", average="examples",
        )  # fmt: skip

    # N is in no weight any more: (N + 1)/N of the values and N/(N + 1) cancel
    opened = witness.with_layers(
        tuple(replace(layer, heads=tuple(map(of, layer.heads))) for layer in witness.layer_list)
    )
    return replace(opened, examples=None)


def _ungated(side: SlotMap) -> SlotMap:
    """Without the gate, and without the constant term where that is 0."""
    kept_blocks = (b for b in side if b.destination not in ("gate", "e"))
    return SlotMap(tuple(kept_blocks))


RIDGE = (
    r"|\hat y_{N+1} - \langle w^\lambda_{\mathrm{ridge}}, x_{N+1}\rangle| \le \varepsilon,\ L = "
    r"\lceil 2\kappa\log(B_x B_w/(2\varepsilon))\rceil + 1,\ \max_\ell M^{(\ell)} \le 3,\ "
    r"|||\theta||| \le 4R + 8(\beta + \lambda)^{-1},\ \kappa = \tfrac{\beta + \lambda}{\alpha + "
    r"\lambda},\ R = \max\{B_x B_w, B_y, 1\}"
)


@claim(
    "bai2023.theorem4",
    source=f"{PAPER}, theorem 4, eqs. 4 to 6, and appendix D.1",
    statement=RIDGE,
    expected="approximates",
    note="as its proof has it: steps of 1/(beta + lambda) from 0, the head of corollary C.1 for "
    "lambda, the read-out. alpha + lambda = 0, which it allows, leaves kappa without a value. "
    "Half as many steps do: see the improved one",
)
def theorem4() -> tuple[Check, ...]:
    """Ridge regression within eps, in the layers, heads and norm promised."""
    return for_every(ridge, PROMISES, PROBLEMS, "eps", WHERE, certificate=within_bounds)


@claim(
    "bai2023.theorem4",
    variant="improved",
    source=f"{PAPER}, theorem 4",
    statement=RIDGE.replace(r"2\kappa\log", r"\kappa\log"),
    expected="approximates",
    note="(1 - 1/kappa)^T <= exp(-T/kappa); the proof has it for the square of the distance",
)
def theorem4_halved() -> tuple[Check, ...]:
    """Half the steps are enough."""
    promises = (Promise("layers", HALVED, "<="), *PROMISES[1:])
    return for_every(ridge_halved, promises, PROBLEMS, "eps", WHERE, certificate=within_bounds)
