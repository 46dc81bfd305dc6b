"""akyurek2022: the chains of theorems 1 and 2.

A chain is decided twice: its operations in fractions (`….chain`, `….sign`, …), where equality
means equality, and its transformer in balls, which can only approximate. What the printed chains
get wrong is looked at one symbol at a time: each such claim leaves one thing as printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import strategies as st

from constructions.papers.akyurek2022 import chains as paper
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks.bounds import chain_bounds
from ...checks.bounds import chains as programs
from ...checks.bounds.balls import at_most
from ...checks.statements import theorem
from ...claim import Budget, Check, claim, repair
from ...strategies import positive
from . import PAPER

HALF = Fraction(1, 2)


# -- boxes on which the transformers are bounded ----------------------------------------------

# the constants of eq. 11 are letters of the weights, and range over the box as the prompt does
DESCENT = chain_bounds.Inputs(
    {"step_size": (0, Fraction(1, 4)), "ridge": (0, 1), "w0": (-1, 1)},
    "|x_i|, |y|, |w0_i| <= 1, 0 <= step_size <= 1/4, 0 <= ridge <= 1",
)
RIDGES = chain_bounds.Inputs({"1/ridge": (0, 2)}, "|x_i|, |y| <= 1, ridge >= 1/2")


def descent_boxes(*sizes: tuple[int, int]) -> programs.Boxes:
    """Theorem 1's chain at these (d, n)."""
    return programs.Boxes(DESCENT, sizes, vectors=("w0",))


def ridge_boxes(*sizes: tuple[int, int]) -> programs.Boxes:
    """Theorem 2's chain at these (d, n)."""
    return programs.Boxes(RIDGES, sizes, known=chain_bounds.sherman_morrison)


# -- theorem 1 --------------------------------------------------------------------------------


def _starts(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    first = parameters["w0"]
    return {"w0": tuple(1 + first + i for i in range(d)), "examples": n}


def _prompts(n: Any, d: int | None, build: Any, **parameters: Any) -> Any:
    """Prompts with one query and, if nothing else is said, one example."""
    return strategies.prompts(
        d=None if d is None else st.just(d),
        n=st.just(1) if n is None else n,
        m=st.just(1),
        build=build,
        **parameters,
    )


def descents(n: Any = None, d: int | None = None) -> Any:
    """Prompts with a step size, a ridge term and starting weights."""
    some = strategies.fractions()
    return _prompts(n, d, _starts, step_size=positive(), ridge=some, w0=some)


def descent_sizes(examples: Sequence[int], budget: Budget) -> list[dict[str, Any]]:
    dims = (1, 2, 3) if budget.quick else range(1, 9)
    given = {"step_size": Fraction(1, 8), "ridge": Fraction(1, 4)}
    w0 = [Fraction((-1) ** i, i + 1) for i in range(max(dims))]
    return [{"d": d, "examples": n, **given, "w0": tuple(w0[:d])} for d in dims for n in examples]


def _theorem1(*as_printed: str, last: bool = False, n: Any = None) -> tuple[Check, ...]:
    """The chain's operations against one step per example. last: read the last unit."""

    def make(**parameters: Any) -> paper.Chain:
        chain = paper.theorem1_chain(**parameters, as_printed=as_printed)
        return replace(chain, readout=f"gradient[{chain.parameters['d'] - 1}]") if last else chain

    return (programs.exact(make, algorithms.one_pass_sgd, partial(descents, n)),)


THEOREM1 = r"\text{the chain leaves } w'^\top x_2 \text{ (eq. 11) in the last unit of column 2}"
SWAP = "mov: columns s and t exchanged"


@claim(
    "akyurek2022.theorem1",
    source=f"{PAPER}, theorem 1",
    statement=THEOREM1,
    summary="the nine printed operations do one gradient step",
    expected="ill-posed",
    note="w, as the matrix W1 of step 2, is read as the row w^T",
)
def theorem1() -> tuple[Check, ...]:
    return _theorem1(*paper.THEOREM1, last=True)


@repair(
    "akyurek2022.theorem1",
    f"{SWAP}; step 6: W2 = lambda, not -lambda; step 9 writes (2+4d, 3+4d)",
    summary="nine layers do one gradient step",
    expected="approximates",
    algorithm=algorithms.one_pass_sgd,
    cases=descents,
    sizes=lambda: descent_sizes((1,), Budget()),
    checks=lambda build: (
        programs.enclosure(
            build,
            paper.theorem1_chain,
            algorithms.one_pass_sgd,
            partial(descent_sizes, (1,)),
            descent_boxes((1, 1), (2, 1), (3, 1), (4, 1)),
        ),
    ),
)
def theorem1_repaired(very_large: Any = 1, **parameters: Any) -> Witness:
    """M of lemma 8, `very_large`, is in none of its layers: nothing is divided."""
    return paper.akyurek2022_theorem1(**parameters)


@claim(
    "akyurek2022.theorem1.chain",
    variant="repaired",
    source=f"{PAPER}, theorem 1",
    statement=THEOREM1,
    summary="the nine operations of theorem 1, done exactly",
    repair=f"{SWAP}; step 6: W2 = lambda, not -lambda; step 9 writes (2+4d, 3+4d)",
)
def theorem1_operations() -> tuple[Check, ...]:
    return *_theorem1(last=True), theorem("akyurek2022.theorem1.repaired")


@claim(
    "akyurek2022.theorem1.sign",
    source=f"{PAPER}, theorem 1, step 6",
    statement=r"\text{step 6 with } W_2 = -\lambda",
    summary="theorem 1 with only step 6 as printed",
    expected="refuted",
)
def theorem1_sign() -> tuple[Check, ...]:
    return _theorem1("sign")


@claim(
    "akyurek2022.theorem1.check",
    source=f"{PAPER}, theorem 1, the paper's own walk through the chain",
    statement=r"\text{step 6 with } W_2 = -2\lambda",
    summary="theorem 1 with only step 6 as in the paper's step-by-step check",
    expected="refuted",
)
def theorem1_check() -> tuple[Check, ...]:
    return _theorem1("check")


@claim(
    "akyurek2022.theorem1.unit",
    source=f"{PAPER}, theorem 1, step 9",
    statement=r"\text{step 9 writes rows } (3+3d, 4+3d), \text{ the last unit}",
    summary="theorem 1 with only step 9's destination as printed, read in the last unit",
    expected="refuted",
    note="Taken as the unit that step 9 writes, whatever its place, the statement holds; the last "
    "of the chain's 3+4d units it is only at d = 1.",
)
def theorem1_unit() -> tuple[Check, ...]:
    return _theorem1("unit", last=True)


@claim(
    "akyurek2022.theorem1.multistep",
    source=f"{PAPER}, theorem 1",
    statement=r"\text{repeating the chain gives } n \text{ consecutive steps}",
    summary="the printed chain, repeated two columns further each time",
    expected="ill-posed",
)
def theorem1_multistep() -> tuple[Check, ...]:
    return _theorem1(*paper.THEOREM1, "repetition", n=st.just(2))


@claim(
    "akyurek2022.theorem1.multistep.repetition",
    source=f"{PAPER}, theorem 1",
    statement=r"\text{repeating the chain gives } n \text{ consecutive steps}",
    summary="the repaired chain, repeated word by word: w is a constant in steps 2 and 5",
    expected="refuted",
)
def theorem1_repetition() -> tuple[Check, ...]:
    return _theorem1("repetition", n=st.just(2))


def _growth(found: Sequence[tuple[dict[str, Any], float]]) -> str:
    """How the error of one drawn prompt grows with the chain, at d = 2, as it gets longer."""
    d = 2
    grown = sorted((p["examples"], at_most(error, 1)) for p, error in found if p["d"] == d)
    return f"d = {d}: " + ", ".join(f"{error} after {n}" for n, error in grown)


def _chains(
    sizes: Callable[..., list[dict[str, Any]]], longer: Sequence[int], budget: Budget
) -> list[dict[str, Any]]:
    """Every d with two examples, and at d = 2 one example and `longer` prompts."""
    further = sizes((1,) if budget.quick else (1, *longer), budget)
    return sizes((2,), budget) + [one for one in further if one["d"] == 2]


MULTISTEP = (
    f"{SWAP}; step 6: W2 = lambda; step 2 reads w from the rows where step 5 wrote it, as mul(; 1, "
    "d, 1, (3+2d, 3+3d), (1, 1+d), …), so step 5 comes first, once; step 8 moves w' to the next y"
)


@repair(
    "akyurek2022.theorem1.multistep",
    MULTISTEP,
    statement=r"7n + 2 \text{ layers do } n \text{ consecutive steps}",
    summary="n examples, one step each, in 7n + 2 layers",
    expected="approximates",
    algorithm=algorithms.one_pass_sgd,
    cases=lambda: descents(st.integers(1, 3)),
    sizes=lambda: descent_sizes((2, 3), Budget(quick=True)),
    checks=lambda build: (
        programs.enclosure(
            build,
            paper.theorem1_chain,
            algorithms.one_pass_sgd,
            partial(_chains, descent_sizes, (3, 4, 8)),
            descent_boxes((1, 2), (2, 2), (3, 2), (1, 3)),
            _growth,
        ),
    ),
)
def theorem1_multistep_repaired(very_large: Any = 1, **parameters: Any) -> Witness:
    """M of lemma 8, `very_large`, is in none of its layers: nothing is divided."""
    return paper.akyurek2022_theorem1(**parameters)


@repair(
    "akyurek2022.theorem1.multistep.repetition",
    MULTISTEP,
    statement=r"7n + 2 \text{ operations do } n \text{ consecutive steps}",
    summary="the operations of n steps, done exactly",
)
def theorem1_steps() -> tuple[Check, ...]:
    return _theorem1(n=st.integers(1, 4))


@repair(
    "akyurek2022.theorem1.unit",
    "step 9 writes (2+4d, 3+4d), not (3+3d, 4+3d)",
    source=f"{PAPER}, theorem 1",
    statement=THEOREM1,
)
@repair(
    "akyurek2022.theorem1.check",
    "W2 = lambda in step 6, not -2 lambda",
    source=f"{PAPER}, theorem 1",
    statement=THEOREM1,
)
@repair(
    "akyurek2022.theorem1.sign",
    "W2 = lambda in step 6, not -lambda",
    source=f"{PAPER}, theorem 1",
    statement=THEOREM1,
)
def theorem1_of_right_symbols() -> tuple[Check, ...]:
    """Theorem 1 with that symbol repaired."""
    return _theorem1(last=True)


# -- theorem 2 --------------------------------------------------------------------------------


def ridges(n: Any = None, d: int | None = None) -> Any:
    """Prompts with a ridge term."""
    return _prompts(n, d, lambda parameters, d, n: {"examples": n}, ridge=positive())


def ridge_sizes(examples: Sequence[int], budget: Budget) -> list[dict[str, Any]]:
    dims = (1, 2, 3) if budget.quick else range(1, 7)
    return [{"d": d, "examples": n, "ridge": HALF} for d in dims for n in examples]


def _theorem2(*as_printed: str, n: Any = None) -> tuple[Check, ...]:
    make = partial(paper.theorem2_chain, as_printed=as_printed)
    return (programs.exact(make, algorithms.ridge, partial(ridges, n)),)


THEOREM2 = r"\text{the chain leaves } w'^\top x_2 \text{ (eq. 14) in the last unit of column 2}"


@claim(
    "akyurek2022.theorem2",
    source=f"{PAPER}, theorem 2",
    statement=THEOREM2,
    summary="the fourteen printed operations do ridge regression on one example",
    expected="ill-posed",
)
def theorem2() -> tuple[Check, ...]:
    return _theorem2(*paper.THEOREM2)


@repair(
    "akyurek2022.theorem2",
    f"{SWAP}; step 14: mul(; 1, d, 1, …), not mul(; d, 1, 1, …)",
    summary="fourteen layers do ridge regression on one example",
    expected="approximates",
    algorithm=algorithms.ridge,
    cases=ridges,
    sizes=lambda: ridge_sizes((1,), Budget(quick=True)),
    checks=lambda build: (
        programs.enclosure(
            build,
            paper.theorem2_chain,
            algorithms.ridge,
            partial(ridge_sizes, (1,)),
            ridge_boxes((1, 1), (2, 1), (3, 1)),
        ),
    ),
)
def theorem2_repaired(**parameters: Any) -> Witness:
    return paper.akyurek2022_theorem2(**parameters)


@claim(
    "akyurek2022.theorem2.chain",
    variant="repaired",
    source=f"{PAPER}, theorem 2",
    statement=THEOREM2,
    summary="the fourteen operations of theorem 2, done exactly",
    repair=f"{SWAP}; step 14: mul(; 1, d, 1, …), not mul(; d, 1, 1, …)",
)
def theorem2_operations() -> tuple[Check, ...]:
    return *_theorem2(), theorem("akyurek2022.theorem2.formula")


@claim(
    "akyurek2022.theorem2.sizes",
    source=f"{PAPER}, theorem 2, step 14",
    statement=r"\text{step 14: } d \times 1 \text{ by } 1 \times 1 \text{ is } w'^\top x_2",
    summary="theorem 2 with only step 14 as printed: fits at d = 1 alone",
    expected="ill-posed",
)
def theorem2_sizes() -> tuple[Check, ...]:
    return _theorem2("sizes")


@repair(
    "akyurek2022.theorem2.sizes",
    "mul(; 1, d, 1, …), not mul(; d, 1, 1, …)",
    statement=THEOREM2,
    summary="theorem 2 with step 14 repaired",
)
def theorem2_sizes_repaired() -> tuple[Check, ...]:
    return _theorem2()


@claim(
    "akyurek2022.theorem2.multistep",
    source=f"{PAPER}, theorem 2",
    statement=r"\text{repeating the chain over } n \text{ examples gives ridge regression}",
    summary="the printed chain, repeated two columns further each time",
    expected="ill-posed",
)
def theorem2_multistep() -> tuple[Check, ...]:
    return _theorem2(*paper.THEOREM2, "repetition", n=st.just(2))


@claim(
    "akyurek2022.theorem2.multistep.repetition",
    source=f"{PAPER}, theorem 2",
    statement=r"\text{repeating the chain over } n \text{ examples gives ridge regression}",
    summary="the repaired chain, repeated word by word: step 3 resets the inverse each time",
    expected="refuted",
)
def theorem2_repetition() -> tuple[Check, ...]:
    return _theorem2("repetition", n=st.just(2))


RIDGE = (
    f"{SWAP}; step 14: 1, d, 1; step 3 comes first and once; step 2 adds x y to rows (1+d, 1+2d); "
    "step 11 multiplies the inverse by those rows, step 12 falls away; both move to the next y"
)


@repair(
    "akyurek2022.theorem2.multistep",
    RIDGE,
    statement=r"11n + 3 \text{ layers do ridge regression on } n \text{ examples}",
    summary="n examples, one Sherman-Morrison update each, in 11n + 3 layers",
    expected="approximates",
    algorithm=algorithms.ridge,
    cases=lambda: ridges(st.integers(1, 3)),
    sizes=lambda: ridge_sizes((2, 3), Budget(quick=True)),
    checks=lambda build: (
        programs.enclosure(
            build,
            paper.theorem2_chain,
            algorithms.ridge,
            partial(_chains, ridge_sizes, (3, 4)),
            ridge_boxes((1, 2), (2, 2), (1, 3)),
            _growth,
        ),
    ),
)
def theorem2_multistep_repaired(**parameters: Any) -> Witness:
    return paper.akyurek2022_theorem2(**parameters)


@repair(
    "akyurek2022.theorem2.multistep.repetition",
    RIDGE,
    statement=r"11n + 3 \text{ operations do ridge regression on } n \text{ examples}",
    summary="the operations of ridge regression on n examples, done exactly",
)
def theorem2_steps() -> tuple[Check, ...]:
    return _theorem2(n=st.integers(1, 4))
