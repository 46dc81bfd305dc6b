"""The claim of every construction: its transformer predicts what its algorithm does.

All of it follows from the construction: what is drawn from what its parameters are, formula and
letters from its reference, promises from the paper's, the residual from what it says is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

import constructions
from constructions.construction import Construction
from constructions.parameters import (
    Examples,
    Matrix,
    MatrixPerStep,
    Number,
    NumberPerStep,
    Numbers,
    OneOf,
    Parameter,
    Rows,
    Whole,
)
from proofs import letters
from proofs.formula import SCALARS, in_sympy, parse
from proofs.prompt import X_ALONE, Fields

from ... import algorithms, strategies
from ...checks.case import build, reference
from ...checks.residual import leaves
from ...checks.resources import counts, promised
from ...claim import Builder, Check, Claim, register, registered
from ...formulas import Formula
from ...inputs.region import Spectrum, limit, value_of
from ...strategies import Case

ENTRIES = st.one_of(strategies.fractions(), strategies.fractions(9, 1))
BELOW_ONE = (Fraction(1, 2), Fraction(1, 3), Fraction(9, 10))
DIMENSIONS = (1, 2, 3, 5)
FLOAT_SIZES = st.sampled_from((1, 2, 3, 7))
ROWS = 2  # of a matrix that may have any number of them
PROVED = {"d": 3, "steps": 4}  # sizes at which the calculus runs a witness


OfABuilder = Callable[[Builder], Check]

# further checks, by construction
BESIDE: dict[str, list[OfABuilder]] = {}


def beside(name: str) -> Callable[[OfABuilder], OfABuilder]:
    """Adds a check of what is built to the claim of a construction."""

    def decorate(make: OfABuilder) -> OfABuilder:
        BESIDE.setdefault(name, []).append(make)
        return make

    return decorate


def claim_of(made: Construction) -> Claim:
    """The claim that the construction's transformers predict what its algorithm does."""

    def build_one(**parameters: Any) -> Any:
        return made(**parameters)  # on any prompt

    build_one.__doc__ = made.__doc__
    build_one.__signature__ = made.signature  # type: ignore[attr-defined]
    witness = Builder(build_one)
    stated = made.reference is not None and made.outside_calculus is not True
    return Claim(
        made.name,
        statement=made.states,
        source="witness",
        summary=made.__doc__.strip().split("\n")[0],
        variant="improved",
        witness=witness,
        algorithm=algorithm_of(made),
        formula=(
            Formula(made.name, made.reference, fields_of(made))
            if made.reference is not None
            else None
        ),
        domain=strategies.ANY,
        cases=lambda: cases(made, witness),
        floats=(lambda: float_cases(made, witness)) if all_scaled(made) else None,
        sizes=lambda: list(sizes(made)),
        symbolic=in_letters(made) if stated else None,
        assembled=(lambda: list(assembled(made))) if stated else None,
        theorems=(*((made.name,) if made.proved else ()), *made.related),
        checks=lambda build: [
            *checks(made, build),
            *(make(build) for make in BESIDE.get(made.name, ())),
        ],
    )


def algorithm_of(made: Construction) -> Callable[..., Any]:
    """The reference that shares no code with it: of verify.algorithms, or its own.

    Without one the claim is broken, and says so when it runs; the other claims do not suffer.
    """
    if callable(made.equals):
        return made.equals
    name = made.equals or made.name

    def missing(*_: Any, **__: Any) -> Any:
        raise ValueError(
            f"{made.name} has no algorithm to be compared with: write {name} in "
            "verify/algorithms.py, or give it as equals=…"
        )

    return getattr(algorithms, name, missing)


def register_all() -> None:
    """Registers the claim of every construction that has none yet."""
    known = {claim.key for claim in registered()}
    for name in constructions.names():
        made = constructions.get(name)
        if isinstance(made, Construction) and made.states and (name, "improved") not in known:
            register(claim_of(made))


def own(made: Construction) -> dict[str, Parameter]:
    """The parameters besides the dimension."""
    return {name: parameter for name, parameter in made.parameters.items() if name != "d"}


# -- what is drawn ----------------------------------------------------------------------------


def cases(made: Construction, witness: Any) -> st.SearchStrategy[Case]:
    """Prompts of fractions, with parameters of every kind; those that do not go together are not
    drawn, nor prompts at which a sum that is divided by is zero.

    Raises what the construction does where no parameters at all would be taken, and ValueError
    where its slots hold what nothing defines.
    """
    refuse_unfinished(made)

    @st.composite
    def parameters(draw: Any, d: int, n: int) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, kind in own(made).items():
            drawn[name] = draw(per_step(kind, drawn, values(kind, d, n)))
        return drawn

    # made once: hypothesis reads their source then
    prompts = strategies.prompts(entries=ENTRIES, targets=made.targets, **parts_of_x(made))

    @st.composite
    def draw_case(draw: Any) -> Case:
        case = draw(prompts)
        d, n = case.d, len(case.X)
        return replace(case, parameters={"d": d, **draw(parameters(d, n))})

    algorithm = algorithm_of(made)

    def defined(case: Case) -> bool:
        heads = [
            head for layer in build(witness, case.parameters).layer_list for head in layer.heads
        ]
        if all(head.attention != "normalised" or head.null for head in heads):
            return True
        try:
            reference(algorithm, case, Fraction)
        except ZeroDivisionError:
            return False
        return True

    return draw_case().filter(lambda case: fits(witness, case.parameters)).filter(defined)


def parts_of_x(made: Construction) -> dict[str, Any]:
    """The parts of x in its prompts, as `strategies.prompts` takes them."""
    fields = fields_of(made)
    return {} if fields == X_ALONE else {"parts": fields.parts, "query_parts": fields.query_parts}


def fields_of(made: Construction) -> Fields:
    """The parts of x in its prompts, whatever its parameters."""
    return made.fields_at(example_values(made))


def per_step(
    kind: Parameter, chosen: Mapping[str, Any], one: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Values of a parameter, of which `one` draws one; a list of such where it may be one."""
    if not isinstance(kind, (NumberPerStep, MatrixPerStep)):
        return one
    return _one_or_so_many(one, chosen[kind.steps])


@lru_cache(maxsize=1024)
def _one_or_so_many(one: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[Any]:
    return st.one_of(one, st.tuples(*[one] * count))


def fits(witness: Any, parameters: Mapping[str, Any]) -> bool:
    """Whether the construction takes these choices together, and is exact with them."""
    made = taken(witness, parameters)
    return made is not None and not made.irrational  # those have claims of their own


def taken(witness: Any, parameters: Mapping[str, Any]) -> Any:
    """The witness with these choices; None where they do not go together."""
    try:
        return build(witness, parameters)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def values(kind: Parameter, d: int, n: int) -> st.SearchStrategy[Any]:
    """Exact values of a parameter for prompts of this size."""
    if isinstance(kind, Examples):
        return st.just(n)
    if isinstance(kind, Whole):
        return st.integers(kind.least, kind.least + kind.tried)
    if isinstance(kind, OneOf):
        return st.sampled_from(kind.of)
    if isinstance(kind, Number):
        if kind.below is not None:
            return st.sampled_from(BELOW_ONE)
        usual = {kind.least, kind.default} - {None, kind.REQUIRED}
        return st.one_of(*(st.just(Fraction(value)) for value in usual), strategies.positive(2, 16))
    entry = strategies.positive() if getattr(kind, "above", None) == 0 else strategies.fractions()
    if isinstance(kind, Numbers):
        made = st.tuples(*[entry] * (d if kind.size == "d" else kind.size or ROWS))
    elif isinstance(kind, Matrix):
        made = strategies.matrix(
            d,
            symmetric=kind.symmetric,
            invertible=kind.invertible,
            positive_definite=kind.positive_definite,
        )
    elif isinstance(kind, Rows):
        made = st.tuples(*[st.tuples(*[entry] * d)] * ROWS)
    else:
        raise TypeError(f"nothing says how {kind} is drawn")
    if kind.default is not None:
        return made
    return st.one_of(st.none(), made.filter(lambda value: any(value)))  # None stands for zeros


def all_scaled(made: Construction) -> bool:
    """Whether the construction says how every number scales with the data, of a regression."""

    def says(name: str, kind: Parameter) -> bool:
        if isinstance(kind, Number):
            known = kind.unit or kind.below is not None or name in made.suited
            return bool(known) or made.converges(example_values(made)).startswith(name)
        return isinstance(kind, (Whole, OneOf)) or kind.default is None

    return made.is_regression and all(says(name, kind) for name, kind in own(made).items())


def example_values(made: Construction) -> dict[str, Any]:
    """Small values of all parameters."""
    return {name: example(kind, 2) for name, kind in made.parameters.items()}


def refuse_unfinished(made: Construction) -> None:
    """Raises what the construction does at small values of the parameters that have no default,
    and ValueError where its slots hold iterates and there is no recurrence of them."""
    values = example_values(made)
    required = {k: v for k, v in values.items() if made.parameters[k].default is Parameter.REQUIRED}
    made(**required)
    parts = made.of(made.values(**required))
    names = getattr(parts, "names", {})  # a witness that is compiled as a whole has none
    names = names(1) if callable(names) else names
    if made.reference is None and names:
        named = ", ".join(name.replace("{k}", "1") for name in names.values())
        raise ValueError(
            f"{made.name}: its slots hold {named}, and nothing says what these are: write the "
            f"recurrence {made.name} in proofs/references.py"
        )


def float_cases(made: Construction, witness: Any) -> st.SearchStrategy[Case]:
    """Prompts of floats, condition numbers to 1e12, parameters to the scale of the data."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        d, n = draw(FLOAT_SIZES), draw(FLOAT_SIZES)
        X, y, queries = draw(strategies.floats_with_condition(d, n))
        top = float(np.linalg.norm(X)) ** 2
        spectrum = Spectrum(top, top / 8, n)
        chosen: dict[str, Any] = {"d": d}
        for name, kind in own(made).items():
            if isinstance(kind, Whole) and name == made.steps and not isinstance(kind, Examples):
                chosen[name] = draw(st.integers(kind.least, kind.least + 2 * kind.tried))
            elif not isinstance(kind, Number):
                chosen[name] = draw(values(kind, d, n))
        for name, formula in made.suited.items():
            chosen[name] = value_of(formula, chosen, spectrum)
        region = made.converges(example_values(made))
        numbers = [name for name, kind in own(made).items() if isinstance(kind, Number)]
        for name in sorted(numbers, key=region.startswith):  # its limit may need the others
            if name not in chosen:
                kind = made.parameters[name]
                assert isinstance(kind, Number)
                one = st.sampled_from(scaled(made, name, kind, chosen, spectrum))
                chosen[name] = draw(per_step(kind, chosen, one))
        return Case(chosen, X, y, queries)

    return draw_case().filter(lambda case: fits(witness, case.parameters))


def scaled(
    made: Construction, name: str, kind: Number, chosen: Mapping[str, Any], spectrum: Spectrum
) -> tuple[float, ...]:
    """Values of a number on data with this spectrum: inside its region, or in its unit."""
    inside = made.converges(chosen).startswith(name)
    bound = limit(made.name, chosen, spectrum) if inside else None
    if bound is not None:
        return bound.value / 2, bound.value / 8
    unit = value_of(kind.unit, chosen, spectrum) if kind.unit else 1.0
    zero = (0.0,) if kind.least == 0 else ()
    return (*zero, 0.5, 0.9) if kind.below is not None else (*zero, unit, unit / 1000)


# -- at which sizes it is counted, and proved -------------------------------------------------


def sizes(made: Construction) -> Iterator[dict[str, Any]]:
    """Dimensions and numbers of steps, everything else at its example or default."""
    for d in DIMENSIONS:
        axes = {name: counted(made, name, kind, d) for name, kind in own(made).items()}
        axes = {name: axis for name, axis in axes.items() if axis}
        for chosen in product(*axes.values()):
            yield {"d": d, **dict(zip(axes, chosen))}


def counted(made: Construction, name: str, kind: Parameter, d: int) -> tuple[Any, ...]:
    """Values of a parameter at which resources are counted; none where its default will do."""
    if isinstance(kind, Examples):
        return tuple(kind.small * count for count in (1, 2, 3))
    if isinstance(kind, Whole) and name == made.steps:
        return tuple(max(1, kind.least) * step for step in (1, 2, 4))
    if kind.default is kind.REQUIRED:
        return (example(kind, d),)
    return ()


def example(kind: Parameter, d: int) -> Any:
    """A value of a parameter."""
    if isinstance(kind, Rows):
        return tuple(tuple(Fraction(1, 1 + i + j) for j in range(d)) for i in range(d))
    return kind.small


def in_letters(made: Construction) -> dict[str, Any]:
    """One small size at which prediction and algorithm are compared as rational functions."""
    least = max((k.least for k in own(made).values() if isinstance(k, Examples)), default=1)
    chosen: dict[str, Any] = {"d": 2 if least == 1 else 1, "n": least}
    for name, kind in own(made).items():
        if isinstance(kind, Whole):
            chosen[name] = least if isinstance(kind, Examples) else max(1, kind.least)
        elif kind.default is kind.REQUIRED:
            chosen[name] = example(kind, chosen["d"])
    return chosen


def assembled(made: Construction) -> Iterator[dict[str, Any]]:
    """Sizes and choices, letters for numbers, at which the witness itself is proved."""
    axes: dict[str, tuple[Any, ...]] = {"d": (PROVED["d"],)}
    for name, kind in own(made).items():
        axes[name] = open_values(name, kind)
    for values in product(*axes.values()):
        chosen = dict(zip(axes, values))
        if made.runs_in_letters(chosen):
            yield chosen | ({"expand": True} if made.expand else {})


def open_values(name: str, kind: Parameter) -> tuple[Any, ...]:
    """A parameter left open for a proof: a letter, every choice, a few steps."""
    import sympy

    if isinstance(kind, Whole):
        return (min(PROVED["steps"], kind.least + kind.tried),)
    if isinstance(kind, OneOf):
        return kind.of
    if isinstance(kind, Number):
        opened_numbers: list[Any] = [0] * (kind.least == 0) + [sympy.Symbol(name)]
        if isinstance(kind, NumberPerStep):
            opened_numbers.append(letters.each(name, kind.steps))
        return tuple(opened_numbers)
    opened: letters.Open = letters.vector(name)
    if isinstance(kind, Matrix):
        opened = letters.matrix(
            name, symmetric=kind.symmetric, positive_definite=kind.positive_definite
        )
        if isinstance(kind, MatrixPerStep):
            return opened, letters.each(name, kind.steps, "d")
    elif isinstance(kind, Rows):
        opened = letters.matrix(name)
    return (None, opened) if kind.default is None else (opened,)


# -- checks that follow from what it says besides ---------------------------------------------


def checks(made: Construction, witness: Any) -> Iterator[Check]:
    """What each choice takes, and what is left of the error in every direction."""
    for choice in choices(made, witness) if made.computes else ():
        given = [{**size, **choice} for size in sizes(made)]
        said = ", ".join(f"{name} {value}" for name, value in choice.items())
        paper, counted = promised(made.paper), ("layers", "width", "heads")
        yield counts(witness, paper, partial(list, given), said, counted)
    if made.left:
        yield leaves(
            witness, lambda s, **values: residual(made, s, values), lambda: few_steps(made)
        )


def choices(made: Construction, witness: Any) -> Iterator[dict[str, Any]]:
    """The defaults, then each other word of a parameter, and 1 for what is 0 by default."""
    yield {}
    for name, kind in own(made).items():
        if isinstance(kind, OneOf):
            others = tuple(word for word in kind.of if word != kind.default)
        else:
            others = (1,) if isinstance(kind, Number) and kind.default == 0 else ()
        for value in others:
            if taken(witness, {**next(sizes(made)), name: value}) is not None:
                yield {name: value}


def residual(made: Construction, s: Any, parameters: Mapping[str, Any]) -> Any:
    """What the construction says is left of the error in the direction of s."""
    left = made.leaves({**parameters, "s": s})
    if not isinstance(left, str):
        return left
    return in_sympy(parse(left, SCALARS)).subs({**parameters, "s": s})


def few_steps(made: Construction) -> list[dict[str, Any]]:
    """One to three steps, letters for numbers, of each step its own where it may have its own."""
    import sympy

    axes: dict[str, tuple[Any, ...]] = {}
    for name, kind in own(made).items():
        if isinstance(kind, Whole):
            axes[name] = tuple(range(max(1, kind.least), 4))
        elif isinstance(kind, Number):  # ends of an interval enter as quotients, slow as letters
            axes[name] = (kind.small if name in made.suited else sympy.Symbol(name),)
        elif isinstance(kind, OneOf) and callable(made.left):
            axes[name] = kind.of
    chosen = [dict(zip(axes, given)) for given in product(*axes.values())]
    rates = {name: kind for name, kind in own(made).items() if isinstance(kind, NumberPerStep)}
    if rates:
        chosen += [
            {**one, **{k: letters.each(k, r.steps).at(one[r.steps]) for k, r in rates.items()}}
            for one in chosen
        ]
    return chosen


register_all()
