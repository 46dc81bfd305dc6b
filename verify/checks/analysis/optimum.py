"""Whether stated weights are a global minimum, or a stationary point, of an expected loss.

A prediction is a combination of features of the data, the monomials of the weights being its
coefficients. Where the error of the stated weights is orthogonal to every one of them, E[error
feature] = 0, no combination has a lower expected square, and so no weights have: the identities are
checked in rational functions of n, the noise and the covariances. Where it is not, weights of lower
loss are looked for, and named as fractions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import sympy
from flint import fmpq, fmpq_mpoly

from ...claim import Budget, CheckResult, Differs, check
from ..case import left_open
from .evidence import about_its_own, some
from .losses import SHARE, Loss, Regression, n, plain

Stated = Callable[[int], Mapping[str, Any]]  # of d: {letter, or name of a matrix: value}
Numbers = dict[str, Fraction]  # for letters

SMALL = tuple(map(Fraction, ("1", "2", "0", "1/2")))
TRIES = 256  # numbers for the letters of the data that are tried
STARTS = 12  # places from which a lower loss is looked for
SWEEPS = 60


@check("proof", "derived")
@left_open
@about_its_own
def optimum(
    budget: Budget,
    build: Callable[[int], Any],
    weights: Stated,
    data: Regression,
    sizes: Sequence[int] = (1, 2, 3),
    examples: int | None = None,
    least: Callable[[int], Any] | None = None,
) -> CheckResult:
    """No weights of build(d) have a lower expected loss than weights(d), for d in `sizes`.

    build: of d, a witness with letters for its weights. weights: their values, in the letters of
    the data and n; a matrix stands for letters such as Q11, Q12, … `least`: the loss there, where
    the theorem says it. `examples`: their number, where n cannot be a letter. A refutation names
    numbers for all letters, and weights that have a lower loss.
    """
    told, conditions = [], 0
    for d in some(sizes):
        loss = Loss(build(d), data, examples)
        stated = written_out(weights(d), loss)
        field = fractions_in(loss)
        error = loss.error.without([name for name, value in stated.items() if value == 0])
        inner = {name: loss.at(loss.product(feature, error), field, stated)
                 for name, feature in loss.features.items()}  # fmt: skip
        conditions += len(inner)
        wrong = {name: field.to_sympy(value) for name, value in inner.items() if value != 0}
        if wrong:
            return refuted(loss, stated, wrong, conditions, budget)
        value = field.to_sympy(loss.at(loss.product(error, error), field, stated))
        stated_loss = value if least is None else in_the_datas_letters(least(d), loss)
        if sympy.cancel(value - stated_loss) != 0:
            raise Differs(f"the least loss for d = {d} is {sympy.factor(value)}",
                          {"d": d, "least loss": str(value), "stated": str(stated_loss)},
                          cases=conditions)  # fmt: skip
        told.append(f"d = {d}: {sympy.factor(value)}")
    detail = (
        f"E[error * feature] = 0 for each of {conditions} features of which every prediction of "
        f"the layers is a combination, {_every(examples)}, {data.words(max(sizes))}: so no weights "
        f"have a lower expected loss. Shown for d in {list(sizes)} alone. Least loss, "
        f"{'; '.join(told)}"
    )
    return CheckResult(True, conditions, 0.0, 0.0, detail)


@check("proof", "derived")
@left_open
@about_its_own
def stationary(
    budget: Budget,
    build: Callable[[int], Any],
    weights: Stated,
    data: Regression,
    sizes: Sequence[int] = (1, 2),
    examples: int | None = None,
) -> CheckResult:
    """The expected loss has gradient 0 at weights(d), for d in `sizes`: a weaker statement."""
    partials = 0
    for d in some(sizes):
        loss = Loss(build(d), data, examples)
        stated = written_out(weights(d), loss)
        field = fractions_in(loss)
        for name in loss.weights:
            slope = loss.at(loss.value.derivative(name), field, stated)
            partials += 1
            if slope != 0:
                slope = sympy.factor(field.to_sympy(slope))
                raise Differs(f"d = {d}: the loss's derivative by {name} is {slope}, not 0",
                              {"d": d, "weight": name, "derivative": str(slope)},
                              cases=partials)  # fmt: skip
    detail = (
        f"all {partials} partial derivatives of the expected loss are 0, {_every(examples)}, d in "
        f"{list(sizes)}, {data.words(max(sizes))}; whether it is a minimum is not said"
    )
    return CheckResult(True, partials, 0.0, 0.0, detail)


def _every(examples: int | None) -> str:
    return "for every n" if examples is None else f"for n = {examples}"


def written_out(given: Mapping[str, Any], loss: Loss, known: Sequence[str] = ()) -> dict[str, Any]:
    """{weight: value}, matrices written out, n being the loss's number if it has one.

    `known` are letters that values may have besides those of the data.

    Raises ValueError for a weight without a value, a value without a weight, but for 0, and for one
    in letters that mean nothing.
    """
    if not loss.weights:
        raise ValueError(
            f"{loss.witness.name} has no letters for its weights: nothing is optimised"
        )
    made = {}
    for name, value in given.items():
        if isinstance(value, (sympy.MatrixBase, list, tuple)):
            matrix = sympy.Matrix(value)
            for i, j in product(*map(range, matrix.shape)):
                made[f"{name}{i + 1}{j + 1}"] = matrix[i, j]
        else:
            made[name] = sympy.sympify(value)
    missing = [letter for letter in loss.weights if letter not in made]
    if missing:
        raise ValueError(f"no value is stated for the weights {', '.join(missing)}")
    for letter, value in made.items():
        if letter not in loss.weights and value != 0:
            raise ValueError(f"{letter} = {value} is stated, but no weight is the letter {letter}")
    count = {} if loss.examples is None else {n: loss.examples}
    stated = {letter: plain(made[letter]).subs(count) for letter in loss.weights}
    for letter, value in stated.items():
        for other in sorted(map(str, value.free_symbols)):
            if other not in (*loss.letters, *known):
                there = ", ".join((*loss.letters, *known))
                raise ValueError(f"{letter} = {value}: {other} is no letter of the data: {there}")
    return stated


def in_the_datas_letters(value: Any, loss: Loss) -> Any:
    """A stated value, letters known by their names and n the loss's number if it has one.

    Raises ValueError for a letter that is none of the data.
    """
    made = plain(value).subs({} if loss.examples is None else {n: loss.examples})
    unknown = sorted(str(e) for e in made.free_symbols if str(e) not in loss.letters)
    if unknown:
        raise ValueError(f"the least loss {value}: {unknown[0]} is no letter of the data")
    return made


def fractions_in(loss: Loss) -> Any:
    """The rational functions in the letters of the data and n."""
    return sympy.QQ.frac_field(*map(sympy.Symbol, loss.letters))


# -- refutations -----------------------------------------------------------------------------------


def refuted(
    loss: Loss, stated: Mapping[str, Any], wrong: Mapping[str, Any], conditions: int, budget: Budget
) -> CheckResult:
    """Raises Differs with weights of lower loss; decides nothing if none are found."""
    met: list[tuple[Numbers, Numbers, fmpq_mpoly]] = []
    for place in not_orthogonal(loss, stated, wrong):
        met.append(place)
        numbers, at, polynomial = place
        if (lower := one_changed(polynomial, at)) is not None:
            raise _found(loss, numbers, polynomial, at, lower, conditions)
    for numbers, at, polynomial in met:
        if (lower := descended(polynomial, at, budget.seed)) is not None:
            raise _found(loss, numbers, polynomial, at, lower, conditions)
    detail = (
        f"d = {loss.witness.d}: the error of the stated weights is not orthogonal to "
        f"{', '.join([*wrong][:3])}, but no weights of lower loss were found"
    )
    return CheckResult(None, conditions, detail=detail)


def not_orthogonal(
    loss: Loss, stated: Mapping[str, Any], wrong: Mapping[str, Any]
) -> Iterator[tuple[Numbers, Numbers, fmpq_mpoly]]:
    """Numbers for the letters at which one of the conditions fails, the stated weights there, and
    the loss as a polynomial in weights."""
    for numbers in instances(loss):
        try:
            at = {name: fraction(value.subs(numbers)) for name, value in stated.items()}
            failed = any(fraction(value.subs(numbers)) for value in wrong.values())
        except ValueError:
            continue  # the statement has no value there
        if failed:
            yield numbers, at, in_numbers(loss, numbers)


def _found(
    loss: Loss, numbers: Numbers, polynomial: fmpq_mpoly, at: Numbers, lower: Numbers, cases: int
) -> Differs:
    here, there = evaluated(polynomial, at), evaluated(polynomial, lower)
    moved = {name: value for name, value in lower.items() if value != at[name]}
    shown = {
        "d": loss.witness.d,
        **{name: str(value) for name, value in numbers.items()},
        "weights": {name: str(value) for name, value in at.items() if value},
        "loss": str(here),
        "lower with": {name: str(value) for name, value in moved.items()},
        "lower loss": str(there),
    }
    where = ", ".join(f"{name} = {value}" for name, value in numbers.items())
    changes = ", ".join(f"{name} = {value} in place of {at[name]}" for name, value in moved.items())
    detail = f"d = {loss.witness.d}, {where}: with {changes} the expected loss is {there} < {here}"
    return Differs(detail, shown, cases=cases)


def instances(loss: Loss) -> Iterator[dict[str, Fraction]]:
    """Numbers for n and the letters of the data, the covariances positive definite."""
    d, data = loss.witness.d, loss.data
    matrices = [sympy.Matrix(matrix(d)).applyfunc(plain)
                for matrix in (data.covariance, data.prior)]  # fmt: skip
    letters = [name for name in loss.letters if name != "n"]
    counts = (loss.examples,) if loss.examples else (1, 2, 3)
    tried = 0
    for values in product(SMALL, repeat=len(letters)):
        numbers = dict(zip(letters, values))
        at = {name: sympy.Rational(v.numerator, v.denominator) for name, v in numbers.items()}
        tried += 1
        if tried > TRIES:
            return
        if all(matrix.subs(at).is_positive_definite for matrix in matrices):
            yield from ({"n": Fraction(number), **numbers} for number in counts)


def in_numbers(loss: Loss, numbers: Numbers, value: fmpq_mpoly | None = None) -> fmpq_mpoly:
    """The loss, or another expectation, as a polynomial in the weights alone."""
    value = loss.value if value is None else value
    put = {SHARE: 1 / numbers["n"], **numbers}
    put |= {name: fraction(one.subs(numbers)) for name, one in loss._quotients.items()}
    return value.subs({name: fmpq(v.numerator, v.denominator) for name, v in put.items()})


def one_changed(polynomial: fmpq_mpoly, at: Numbers) -> Numbers | None:
    """Weights of lower loss of which one is changed, to a fraction as simple as will do."""
    changed = (best_value(polynomial, at, name) for name in at)
    found = [(evaluated(polynomial, one), name, one) for name, one in zip(at, changed) if one]
    if not found:
        return None
    _, name, lower = min(found, key=lambda one: one[:2])
    return rounded(polynomial, at, lower, [name])


def descended(polynomial: fmpq_mpoly, at: Numbers, seed: int) -> Numbers | None:
    """Weights of lower loss, found by changing one after the other from places near by."""
    draw = random.Random(seed)
    for _ in range(STARTS):
        place = {name: value + Fraction(draw.randint(-8, 8), 8) for name, value in at.items()}
        for _ in range(SWEEPS):
            for name in place:
                place = best_value(polynomial, place, name) or place
                place[name] = place[name].limit_denominator(2**24)
            if evaluated(polynomial, place) < evaluated(polynomial, at):
                return rounded(polynomial, at, place, list(at))
    return None


def best_value(polynomial: fmpq_mpoly, at: Numbers, name: str) -> Numbers | None:
    """The weights with a better value of one of them; None where its slope is 0."""
    rest = {other: value for other, value in at.items() if other != name}
    line = polynomial.subs(_flint(rest))
    slope = evaluated(line.derivative(name), at)
    if slope == 0:
        return None
    bend, here = evaluated(line.derivative(name).derivative(name), at), evaluated(line, at)
    steps = ([slope / bend] if bend > 0 else []) + [slope / 2**k for k in range(64)]
    for step in steps:  # a small one against the slope lowers any polynomial
        moved = {**at, name: at[name] - step}
        if evaluated(line, moved) < here:
            return moved
    return None


def rounded(polynomial: fmpq_mpoly, at: Numbers, lower: Numbers, names: Sequence[str]) -> Numbers:
    """The same change with the smallest denominators that still lower the loss."""
    for denominator in (*range(1, 17), *(2**k for k in range(5, 24))):
        moved = dict(lower)
        for name in names:
            moved[name] = lower[name].limit_denominator(denominator)
        if evaluated(polynomial, moved) < evaluated(polynomial, at):
            return moved
    return lower


def evaluated(polynomial: fmpq_mpoly, at: Numbers) -> Fraction:
    """The value at numbers for all of its letters."""
    value = polynomial.subs(_flint(at))
    if value.is_zero():
        return Fraction(0)
    coefficient = value.leading_coefficient()
    return Fraction(int(coefficient.p), int(coefficient.q))


def _flint(numbers: Mapping[str, Fraction]) -> dict[Any, fmpq]:
    return {name: fmpq(v.numerator, v.denominator) for name, v in numbers.items()}


def fraction(value: Any) -> Fraction:
    """A constant of sympy's. Raises ValueError where it is no fraction."""
    if not value.is_Rational:
        raise ValueError(f"{value} is no fraction")
    return Fraction(int(value.p), int(value.q))
