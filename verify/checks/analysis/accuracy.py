"""For every epsilon there are weights: what a builder promises of them, and keeps.

    for_every(build, (Promise("layers", "ceil(2*kappa*log(B/eps)) + 1", "<="),), over=grid(eps=…),
              where={"kappa": "(beta + lam)/(alpha + lam)"}, certificate=…)

On a grid of epsilon and of the problem's constants the witness is built, its resources are counted
and set against the formulas, which are evaluated in balls where they are no fractions, and its
error is bounded: for a whole region by a certificate, or else tested on prompts drawn from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import sympy
from flint import arb, fmpq, fmpq_poly

from constructions.numbers.reals import Real, as_ball, at_most, resolved, valued
from constructions.witness import Witness
from proofs.flint_precision import precision
from proofs.formula import SCALARS, in_sympy, parse

from ...box import Box
from ...claim import Budget, Check, CheckResult, Differs, Promise, check
from ...hunt import hunt
from ...strategies import Case, as_text
from ..bounds.balls import at_most as rounded_up
from ..bounds.balls import top
from ..case import build as built
from ..case import left_open, of_plain_prompts, reference

Constants = Mapping[str, Any]
Builder = Callable[..., Witness]
WORKING = 192  # bits in which errors are taken
BITS_A_POWER = 8
FEWEST = 5  # prompts that are drawn at each point of the grid


@dataclass(frozen=True)
class Certificate:
    """|prediction - algorithm| <= bound for every input of `box`, where `attained` is attained."""

    bound: arb
    attained: arb
    box: str


def for_every(
    build: Builder,
    promises: Sequence[Promise],
    over: Sequence[Constants],
    error: str = "eps",
    where: Mapping[str, str] | None = None,
    certificate: Callable[[Witness, Constants], Certificate] | None = None,
    algorithm: Callable[..., Any] | None = None,
    cases: Callable[..., Any] | None = None,
) -> tuple[Check, ...]:
    """build(**constants) keeps its promises, and is within `error`, at each set of constants.

    promises and error are formulas in the constants and in what `where` defines by them; "norm" is
    bai2023's parameter norm. certificate(witness, constants) bounds the error on a region; without
    one it is tested: the witness against `algorithm` on prompts of cases(**constants).
    """
    if not over:
        raise ValueError("a grid without a point says nothing")
    if (certificate is None) == (algorithm is None) or (algorithm is None) != (cases is None):
        raise ValueError("the error needs a certificate, or an algorithm with cases")
    where = dict(where or {})
    made: list[Check] = [kept(build, promises, over, where)] if promises else []
    if certificate is not None:
        made.append(enclosed(build, over, error, where, certificate))
    else:
        assert algorithm is not None and cases is not None
        made.append(tested(build, over, error, where, algorithm, cases))
    return tuple(made)


@check("resources", "exact")
@left_open
def kept(
    budget: Budget,
    build: Builder,
    promises: Sequence[Promise],
    over: Sequence[Constants],
    where: Mapping[str, str],
) -> CheckResult:
    """What is counted on the witnesses, against formulas in the constants."""
    told = []
    for promise in promises:
        if promise.relation == "O":
            raise ValueError(f"{promise.quantity}: a promise for every epsilon has constants")
        rows: list[tuple[Real, Real, Constants]] = []
        for constants in over:
            fact = _count(built(build, constants), promise.quantity)
            limit = valued(promise.formula, constants, where)
            rows.append((fact, limit, constants))
            if not _keeps(promise, fact, limit):
                shown = f"{promise.quantity} = {_text(fact)} at {_at(constants)}"
                raise Differs(
                    f"{shown}, promised {promise.relation} {promise.formula} = {_text(limit)}",
                    {"parameters": as_json(constants), promise.quantity: _text(fact)},
                    max_error=top(as_ball(fact)),
                    bound=top(as_ball(limit)),
                    cases=len(rows),
                )
        told.append(_slack(promise, rows))
    return CheckResult(True, len(over), detail=f"{'; '.join(told)}; counted at {_grid(over)}")


def _count(witness: Witness, quantity: str) -> Real:
    count = getattr(witness, quantity)
    return count if isinstance(count, arb) else Fraction(count)


def _keeps(promise: Promise, fact: Real, limit: Real) -> bool:
    what = f"{promise.quantity} against {promise.formula}"
    below = bool(resolved(lambda: at_most(fact, limit), what))
    return below and (promise.relation != "=" or bool(resolved(lambda: at_most(limit, fact), what)))


def _slack(promise: Promise, rows: Sequence[tuple[Real, Real, Constants]]) -> str:
    """ "layers: 5 to 9 where 6 to 12 are promised; slack 0 (eps = 1/10) to 3"."""
    facts, limits = ([float(fact) for fact, _, _ in rows], [float(limit) for _, limit, _ in rows])
    slack = [limit - fact for fact, limit in zip(facts, limits)]
    # of those that balls do not tell apart the first is named
    left = [as_ball(limit) - as_ball(fact) for fact, limit, _ in rows]
    least = left[slack.index(min(slack))]
    tight = next(rows[i][2] for i, one in enumerate(left) if one.overlaps(least))
    return (
        f"{promise.quantity}: {_range(facts)} where {promise.relation} {promise.formula}, "
        f"{_range(limits)}, is promised; slack {_range(slack)}, least at {_at(tight)}"
    )


# -- errors ----------------------------------------------------------------------------------------


@check("enclosure", "enclosed")
@left_open
def enclosed(
    budget: Budget,
    build: Builder,
    over: Sequence[Constants],
    error: str,
    where: Mapping[str, str],
    certificate: Callable[[Witness, Constants], Certificate],
) -> CheckResult:
    """The error's bound on the region of each set of constants is at most what is allowed."""
    largest, share, attained, boxes, open_ends = arb(0), 0.0, 0.0, [], []
    with precision(WORKING):
        for number, constants in enumerate(over, start=1):
            found, allowed = certificate(built(build, constants), constants), None
            allowed = as_ball(valued(error, constants, where))
            if found.attained > allowed:
                raise Differs(
                    f"at {_at(constants)} an error of {found.attained.str(5)} is attained, allowed "
                    f"is {allowed.str(5)}; {found.box}",
                    {"parameters": as_json(constants), "error": found.attained.str(20)},
                    max_error=float(found.attained),
                    bound=top(allowed),
                    cases=number,
                )
            if not found.bound <= allowed:
                open_ends.append(f"{_at(constants)}: bound {rounded_up(top(found.bound))}")
            largest = largest.max(found.bound.upper())
            share = max(share, top(found.bound / allowed))
            attained = max(attained, float(found.attained))
            boxes.append(found.box)
        bound = top(largest)
    if open_ends:
        return CheckResult(None, len(over), detail=f"not within {error}: {'; '.join(open_ends)}")
    detail = (
        f"at most {rounded_up(share)} of {error} at each set of constants; the largest error that "
        f"is attained is {attained:.3g}"
    )
    box = f"{'; '.join(dict.fromkeys(boxes))}; at each of {_grid(over)}"
    return CheckResult(True, len(over), attained, bound, detail, box=box)


@check("enclosure", "tested")
@left_open
def tested(
    budget: Budget,
    build: Builder,
    over: Sequence[Constants],
    error: str,
    where: Mapping[str, str],
    algorithm: Callable[..., Any],
    cases: Callable[..., Any],
) -> CheckResult:
    """The error on prompts drawn from the region of each set of constants, exactly or in balls."""
    each = replace(budget, cases=max(FEWEST, budget.cases // len(over)))
    largest, share, count, unsure = 0.0, 0.0, 0, 0
    with precision(WORKING):
        for constants in over:
            witness = built(build, constants)
            allowed = as_ball(valued(error, constants, where))

            def once(case: Case, constants: Constants = constants,
                     witness: Witness = witness, allowed: arb = allowed) -> None:  # fmt: skip
                nonlocal largest, share, unsure
                case = replace(case, parameters={**case.parameters, **constants})
                for off in _errors(witness, case, algorithm):
                    if off > allowed:
                        raise Differs(
                            f"at {_at(constants)} the error is {off.str(5)}, allowed is "
                            f"{allowed.str(5)}",
                            case.to_json(),
                            max_error=top(off),
                            bound=top(allowed),
                        )
                    unsure += not off <= allowed
                    largest, share = max(largest, top(off)), max(share, top(off / allowed))

            count += hunt(cases(**constants), once, each)
    detail = f"at most {rounded_up(share)} of {error} on {count} drawn prompts"
    if unsure:
        detail = f"{unsure} predictions are too wide to tell"
    passed = None if unsure else True
    return CheckResult(
        passed, count, largest, None, detail, domain=f"prompts at each of {_grid(over)}"
    )


def _errors(witness: Witness, case: Case, algorithm: Callable[..., Any]) -> list[arb]:
    """|prediction - algorithm| at each query, in balls."""
    of_plain_prompts(witness, "a statement for every accuracy")
    numbers = "ball" if witness.irrational else "rational"
    convert = as_ball if numbers == "ball" else Fraction
    got = witness.predict(case.X, case.y, case.queries, numbers)
    should = reference(algorithm, case, convert)
    return [abs(as_ball(a) - as_ball(b)) for a, b in zip(got, np.ravel(should))]


# -- certificates ----------------------------------------------------------------------------------


def on_box(
    algorithm: Callable[..., Any], box: Callable[..., Box], effort: float = 1.0
) -> Callable[[Witness, Constants], Certificate]:
    """A certificate for every prompt of box(**constants), whose parameters the algorithm takes.

    The bound is that of `checks.boxes`, infinite where it finds none; what is attained was found by
    its search.
    """

    def certificate(witness: Witness, constants: Constants) -> Certificate:
        from ..boxes.certificate import certify

        inside = box(**constants)
        found = certify(lambda **parameters: witness, algorithm, inside, effort=effort)
        high = found.enclosure.high if found.enclosure is not None else inf
        return Certificate(arb(high), arb(found.found), f"prompt with {inside.words}")

    return certificate


def on_eigenvalues(
    target: str, low: str, high: str, factor: str, mean: bool = False, **where: str
) -> Callable[[Witness, Constants], Certificate]:
    """A certificate where the algorithm predicts xᵀ R(S) Xᵀy, S = XᵀX, and the witness xᵀ Q(S) Xᵀy.

    The calculus says that it does, and with which Q, for every prompt. target: R as a formula in
    the eigenvalue s; low, high: between which the eigenvalues lie; factor: a bound on
    |x| |R(S) Xᵀy|. With `mean` all is about S/n and Xᵀy/n. The error is then at most
    factor * max |Q(s)/R(s) - 1|, a polynomial's, whose largest value is at an end or at a root of
    its derivative. Raises ValueError for what is no such witness or target.
    """

    def certificate(witness: Witness, constants: Constants) -> Certificate:
        from proofs.calculus import spectral
        from proofs.calculus.tokens import OutsideCalculusError

        try:
            Q = spectral.prediction(_summed(witness) if mean else witness)
        except OutsideCalculusError as error:
            raise ValueError(f"{witness.name} is no polynomial in S: {error}") from None
        s = spectral.s
        R = in_sympy(parse(target, SCALARS)).subs(
            {name: sympy.Rational(Fraction(value)) for name, value in constants.items()
             if isinstance(value, (int, Fraction))}
        )  # fmt: skip
        relative = sympy.cancel(Q / R - 1)
        if not relative.is_polynomial(s) or relative.free_symbols - {s}:
            raise ValueError(f"prediction/target - 1 is {relative}, no polynomial in s")
        start, end, size = (valued(text, constants, where) for text in (low, high, factor))
        for what, least, most in ((f"eigenvalues from {low}", arb(0), start),
                                  (f"eigenvalues from {low} to {high}", start, end),
                                  (f"|x| |w| <= {factor}", arb(0), size)):  # fmt: skip
            if as_ball(least) > as_ball(most):
                raise ValueError(f"no prompt has {what}, at {_at(constants)}")
        bound, attained = supremum(sympy.Poly(relative, s), as_ball(start), as_ball(end))
        box = (
            f"prompt, for every n, with the eigenvalues of X^T X{'/n' * mean} in [{_text(start)}, "
            f"{_text(end)}] and |x| |w| <= {_text(size)}, w the algorithm's weights"
        )
        return Certificate(bound * as_ball(size), attained * as_ball(size), box)

    return certificate


def _summed(witness: Witness) -> Witness:
    """The same with sums for means: where S and Xᵀy stood over n in all places, they do no more."""
    layers = []
    for layer in witness.layer_list:
        if any(head.average != "examples" for head in layer.heads):
            raise ValueError(f"{witness.name}, layer {layer.name!r}: not every head takes a mean")
        heads = tuple(replace(head, average="") for head in layer.heads)
        layers.append(replace(layer, heads=heads, holds=()))
    return witness.with_layers(tuple(layers))


def supremum(polynomial: Any, low: arb, high: arb) -> tuple[arb, arb]:
    """(an upper bound, what is attained) of max |p| over [low, high], for sympy's p over QQ."""
    coefficients = [Fraction(int(c.p), int(c.q)) for c in reversed(polynomial.all_coeffs())]
    p = fmpq_poly([fmpq(c.numerator, c.denominator) for c in coefficients])
    digits = WORKING + BITS_A_POWER * p.degree()  # large coefficients cancel
    with precision(digits):
        return _supremum(coefficients, p, low, high)


def _supremum(
    coefficients: Sequence[Fraction], p: fmpq_poly, low: arb, high: arb
) -> tuple[arb, arb]:
    ends = [abs(_horner(coefficients, end)) for end in (low, high)]
    bound, attained = ends[0].max(ends[1]).upper(), ends[0].lower().max(ends[1].lower())
    slope = p.derivative()
    roots: Any = slope.numer().complex_roots() if slope.degree() > 0 else []
    side = low.union(high)
    for root, _ in roots:
        if not root.imag.contains(0) or not root.real.overlaps(side):
            continue
        value = abs(_horner(coefficients, root.real))
        bound = bound.max(value.upper())
        if root.real > low and root.real < high:  # any point of the interval will do
            attained = attained.max(abs(_horner(coefficients, root.real.mid())).lower())
    return bound, attained


def _horner(coefficients: Sequence[Fraction], x: arb) -> arb:
    total = arb(0)
    for c in reversed(coefficients):
        total = total * x + as_ball(c)
    return total


# -- text ------------------------------------------------------------------------------------------


def as_json(constants: Constants) -> dict[str, Any]:
    return {name: as_text(value) for name, value in constants.items()}


def _text(value: Real) -> str:
    return value.str(8, radius=False) if isinstance(value, arb) else str(value)


def _at(constants: Constants) -> str:
    return ", ".join(f"{name} = {as_text(value)}" for name, value in constants.items())


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.6g}", f"{max(values):.6g}"
    return low if low == high else f"{low} to {high}"


def _grid(over: Sequence[Constants]) -> str:
    """The values that each constant takes on the grid."""
    names = dict.fromkeys(name for constants in over for name in constants)
    taken = {
        name: dict.fromkeys(str(as_text(c[name])) for c in over if name in c) for name in names
    }
    listed = ", ".join(f"{name} in {{{', '.join(values)}}}" for name, values in taken.items())
    return f"{len(over)} sets of constants: {listed}"
