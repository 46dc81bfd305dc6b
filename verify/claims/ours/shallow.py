"""Fewer layers than the papers take: how much a linear-attention layer can do.

What is optimal. After L linear-attention layers every hidden unit is a polynomial of degree at most
3^L in the prompt (depth.degree), N gradient steps from zero need degree 2N + 1. Hence, whatever the
width and the number of heads:
- no L layers make more than (3^L - 1)/2 steps; `deep_descent` makes that many, for every L;
- 3^k steps take k + 1 layers at least; `hyperpower` takes k + 1, so it is optimal for what it does;
- no L layers have a smaller bound on sqrt(s) |error left at s|, 0 < s <= largest, than
  sqrt(largest)/3^L; `minimax_descent` attains it with one head and width d + 1;
- no iteration of order above three runs in one layer each (depth.order): three is attained.

What is only rate-optimal. `hyperpower` makes 2/3 of the steps that k + 1 layers could. Newton's
2^k steps in k + 1 layers (`newton_carried`) are below the rate: k log3(2) layers or so would do.
For a known condition number K, no L layers leave less than 1/T_m((K + 1)/(K - 1)) of the error,
m = (3^L - 1)/2; `deep_descent` needs about log3(K) layers where that bound allows log3(sqrt(K)).
Whether two layers per example (or one: `paired_least_squares`) are needed is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks import residual as spectrum
from ...claim import Promise, claim
from ...formulas import Formula, reference
from ...strategies import Case, positive
from .core import ENTRIES, grid
from .core import letters as symbols

SMALL = st.integers(1, 3)


def small_floats(suited: Any, **parameters: Any) -> st.SearchStrategy[Case]:
    """Prompts of floats, d, n up to 3, condition numbers to 1e6; `suited` adds what X decides."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        d, n = draw(SMALL), draw(SMALL)
        X, y, queries = draw(strategies.floats_with_condition(d, n, max_condition=1e6))
        drawn = {
            name: draw(value) if isinstance(value, st.SearchStrategy) else value
            for name, value in parameters.items()
        }
        return Case({"d": d, **drawn, **suited(X, drawn)}, X, y, queries)

    return draw_case()


def suited(power: int = 2) -> Any:
    """alpha = |X|^-power, inside the region of convergence."""
    return lambda X, drawn: {"alpha": float(np.linalg.norm(X)) ** -power}


def letters(**values: Sequence[Any]) -> Any:
    """Every combination of the values, the step size alpha being a letter."""

    def made() -> list[dict[str, Any]]:
        import sympy

        return [{**given, "alpha": sympy.Symbol("alpha")} for given in grid(**values)]

    return made


# -- hyperpower: 3^k gradient steps in k + 1 layers ---------------------------------------------


def _hyperpower_residual(s: Any, iterations: int, alpha: Any) -> Any:
    return (1 - alpha * s) ** (3**iterations)


@claim(
    "hyperpower",
    variant="improved",
    source="witness",
    statement=r"k + 1 \text{ layers leave } x^\top M_k X^\top y,\; M_0 = \alpha I,\; "
    r"M_k = M_{k-1}(3I - 3SM_{k-1} + (SM_{k-1})^2)",
    algorithm=algorithms.hyperpower,
    formula=reference("hyperpower"),
    assembled=letters(d=(3,), iterations=(3,)),
    cases=lambda: strategies.prompts(
        entries=ENTRIES, iterations=st.integers(0, 3), alpha=positive(2, 16)
    ),
    floats=lambda: small_floats(suited(), iterations=st.integers(0, 6)),
    symbolic={"d": 2, "n": 1, "iterations": 1, "alpha": Fraction(1, 2)},
    promises=(
        Promise("layers", "k + 1"),
        Promise("width", "3*d + 2"),
        Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), iterations=(0, 1, 3), alpha=(Fraction(1, 4),)),
    theorems=("hyperpower", "carried.hyperpower"),
    checks=lambda: (
        spectrum.leaves(hyperpower, _hyperpower_residual, letters(iterations=(0, 1, 2, 3))),
    ),
)
def hyperpower(**parameters: Any) -> Witness:
    """k third-order iterations in k + 1 layers of one head: as much as Newton in k log2 3."""
    return constructions.build("hyperpower", **parameters)


def _cubed_steps(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    return algorithms.gradient_descent(X, y, queries, 3**iterations, alpha / 2)


def _cubed(parameters: Mapping[str, Any]) -> Any:
    """3^k steps of size alpha."""
    made, last = {"w0": "O"}, 3 ** parameters["iterations"]
    for k in range(1, last + 1):
        made[f"w{k}"] = f"w{k - 1} - alpha*(X.T*X*w{k - 1} - X.T*y)"
    return made, f"w{last}.T*x_t"


@claim(
    "hyperpower.steps",
    variant="improved",
    source="witness",
    statement=r"k \text{ third-order iterations from } \alpha I \text{ are exactly } 3^k "
    r"\text{ gradient steps of size } \alpha \text{ from zero}",
    algorithm=_cubed_steps,
    formula=Formula("gradient steps", _cubed),
    assembled=letters(d=(3,), iterations=(3,), expand=(True,)),
    cases=lambda: strategies.prompts(iterations=st.integers(0, 3), alpha=positive(2, 16)),
    theorems=("hyperpower.residual",),
)
def hyperpower_steps(**parameters: Any) -> Witness:
    """k third-order iterations are exactly 3^k gradient steps."""
    return constructions.build("hyperpower", **parameters)


# -- Newton, the prediction carried along -------------------------------------------------------


def _newton_residual(s: Any, iterations: int, alpha: Any, start: str) -> Any:
    first = alpha * s**2 if start == "gram" else alpha * s
    return (1 - first) ** (2**iterations)


@claim(
    "newton_carried",
    variant="improved",
    source="witness",
    statement=r"k + 1 \text{ layers leave } x^\top M_k X^\top y,\; M_k = 2M_{k-1} - "
    r"M_{k-1}SM_{k-1}; \text{ from } M_0 = \alpha I \text{ exactly } 2^k \text{ gradient steps}",
    algorithm=algorithms.newton_carried,
    formula=reference("newton_carried"),
    assembled=letters(d=(3,), iterations=(4,), start=("gram", "identity")),
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        iterations=SMALL,
        alpha=positive(2, 16),
        start=st.sampled_from(("gram", "identity")),
    ),
    floats=lambda: small_floats(suited(4), iterations=st.integers(1, 8), start="gram"),
    symbolic={"d": 2, "n": 1, "iterations": 1, "alpha": Fraction(1, 2), "start": "gram"},
    promises=(
        Promise("layers", "k + 1"),
        Promise("width", "2*d + 2"),
        Promise("heads", "3", "<="),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), iterations=(1, 2, 4), alpha=(Fraction(1, 4),)),
    theorems=("newton_carried", "newton.residual"),
    checks=lambda: (
        spectrum.leaves(
            newton_carried,
            _newton_residual,
            letters(iterations=(1, 2, 3), start=("gram", "identity")),
        ),
    ),
)
def newton_carried(**parameters: Any) -> Witness:
    """k Newton iterations in k + 1 layers; from alpha I they are exactly 2^k gradient steps."""
    return constructions.build("newton_carried", **parameters)


@claim(
    "newton_carried.identity",
    variant="improved",
    source="witness",
    statement=r"M_0 = \alpha I: \text{ the same with tokens } (x, Mx, y - \text{prediction})",
    algorithm=algorithms.newton_carried,
    formula=reference("newton_carried"),
    assembled=letters(d=(3,), iterations=(4,), start=("identity",)),
    cases=lambda: strategies.prompts(
        iterations=st.integers(0, 4), alpha=positive(2, 16), start="identity"
    ),
    floats=lambda: small_floats(suited(), iterations=st.integers(0, 8), start="identity"),
    promises=(
        Promise("layers", "k + 1"),
        Promise("width", "2*d + 1"),
        Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), iterations=(0, 1, 3), alpha=(Fraction(1, 4),)),
    theorems=("carried.residual",),
)
def newton_from_identity(start: str = "identity", **parameters: Any) -> Witness:
    """2^k gradient steps in k + 1 layers of one head and width 2d + 1."""
    return constructions.build("newton_carried", start=start, **parameters)


# -- the most gradient steps, the best step sizes -----------------------------------------------


def _descent_residual(s: Any, layers: int, alpha: Any) -> Any:
    return (1 - alpha * s) ** ((3**layers - 1) // 2)


@claim(
    "deep_descent",
    variant="improved",
    source="witness",
    statement=r"L \text{ layers make } (3^L - 1)/2 \text{ gradient steps; no linear-attention "
    r"transformer of } L \text{ layers makes more}",
    algorithm=algorithms.deep_descent,
    formula=reference("deep_descent"),
    assembled=letters(d=(3,), layers=(3,), expand=(True,)),
    cases=lambda: strategies.prompts(entries=ENTRIES, layers=SMALL, alpha=positive(2, 16)),
    floats=lambda: small_floats(suited(), layers=st.integers(1, 4)),
    symbolic={"d": 2, "n": 1, "layers": 2, "alpha": Fraction(1, 2)},
    promises=(Promise("layers", "k"), Promise("width", "3*d + 1"), Promise("heads", "2")),
    sizes=lambda: grid(d=(1, 2, 3, 5), layers=(1, 2, 3), alpha=(Fraction(1, 4),)),
    theorems=("deep_descent", "depth.degree", "depth.limit"),
    checks=lambda: (spectrum.leaves(deep_descent, _descent_residual, letters(layers=(1, 2, 3))),),
)
def deep_descent(**parameters: Any) -> Witness:
    """(3^L - 1)/2 gradient steps in L layers of two heads: optimal in the number of layers."""
    return constructions.build("deep_descent", **parameters)


def _gdpp_residual(s: Any, steps: int, step_size: Any, gamma: Any) -> Any:
    left, here = 1, s  # here: the eigenvalue of the transformed data
    for _ in range(steps):
        left, here = left * (1 - step_size * here), here * (1 - gamma * here) ** 2
    return left


def _gdpp_letters() -> list[dict[str, Any]]:
    import sympy

    eta, gamma = sympy.symbols("eta gamma")
    return [{"steps": k, "step_size": eta, "gamma": gamma} for k in (1, 2, 3)]


@claim(
    "gd_plus_plus",
    variant="improved",
    source="witness",
    statement=r"\text{one head: } r \leftarrow r - \eta UU^\top r,\; U \leftarrow U(I - \gamma "
    r"U^\top U), \text{ from } U = X,\ r = y",
    algorithm=algorithms.gd_plus_plus,
    formula=reference("gd_plus_plus"),
    assembled=lambda: grid(
        d=(3,), steps=(3,), step_size=symbols("step_size"), gamma=(0, *symbols("gamma"))
    ),
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        steps=SMALL,
        step_size=positive(2, 16),
        gamma=st.one_of(st.just(Fraction(0)), positive(2, 16)),
    ),
    floats=lambda: small_floats(
        lambda X, drawn: dict.fromkeys(("step_size", "gamma"), 0.5 / float(np.linalg.norm(X)) ** 2),
        steps=st.integers(1, 5),
    ),
    symbolic={"d": 2, "n": 1, "steps": 2, "step_size": Fraction(1, 2), "gamma": Fraction(1, 3)},
    promises=(Promise("layers", "k"), Promise("width", "d + 1"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(1,), gamma=(1,)),
    theorems=("gd_plus_plus",),
    checks=lambda: (spectrum.leaves(gd_plus_plus, _gdpp_residual, _gdpp_letters),),
)
def gd_plus_plus(**parameters: Any) -> Witness:
    """GD++ with one head instead of two: gradient step and data transformation share its scores."""
    return constructions.build("gd_plus_plus", **parameters)


def _minimax_residual(s: Any, layers: int, largest: Any) -> Any:
    import sympy

    z, m = sympy.Symbol("z"), 3**layers
    quotient = sympy.cancel(sympy.chebyshevt(m, z) / z)
    quotient = quotient / quotient.subs(z, 0)
    even = sympy.Poly(quotient, z)
    return sum(c * (s / largest) ** (power // 2) for (power,), c in even.terms())


def _minimax_letters() -> list[dict[str, Any]]:
    import sympy

    return [{"layers": k, "largest": sympy.Symbol("ell")} for k in (1, 2, 3)]


@claim(
    "minimax_descent",
    variant="improved",
    source="witness",
    statement=r"L \text{ layers of GD++ leave } \rho(s) = \pm T_{3^L}(z)/(3^L z),\ z = "
    r"\sqrt{s/\ell}: \ \sqrt{s}|\rho(s)| \leq \sqrt{\ell}/3^L \text{ on } [0, \ell], "
    r"\text{ and no linear-attention transformer of } L \text{ layers has a smaller bound}",
    algorithm=algorithms.minimax_descent,
    formula=reference("minimax_descent"),
    assembled=lambda: grid(d=(3,), layers=(3,), largest=symbols("largest")),
    cases=lambda: strategies.prompts(entries=ENTRIES, layers=SMALL, largest=positive(64, 2)),
    floats=lambda: small_floats(
        lambda X, drawn: {"largest": float(np.linalg.norm(X)) ** 2}, layers=st.integers(1, 4)
    ),
    symbolic={"d": 2, "n": 1, "layers": 2, "largest": Fraction(7, 2)},
    promises=(Promise("layers", "k"), Promise("width", "d + 1"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), layers=(1, 2, 3), largest=(1,)),
    theorems=("minimax_descent", "depth.degree"),
    checks=lambda: (spectrum.leaves(minimax_descent, _minimax_residual, _minimax_letters),),
)
def minimax_descent(**parameters: Any) -> Witness:
    """GD++ with the step sizes 4 * 9^(k-1) / (3 largest): the best that L layers can guarantee."""
    return constructions.build("minimax_descent", **parameters)
