"""symbolic: at one small size the prediction is the algorithm's rational function of the prompt."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import Unsupported
from proofs.exact import is_symbolic

from ..claim import Budget, CheckResult, Claim, Differs, check
from ..strategies import Case, as_text
from .case import build, left_open, reference


def letters(d: int, n: int, m: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A prompt of sympy symbols: X (n, d), y (n,), queries (m, d)."""
    import sympy

    def array(stem: str, *shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            made[at] = sympy.Symbol(f"{stem}_{''.join(str(i + 1) for i in at)}")
        return made

    return array("x", n, d), array("y", n), array("q", m, d)


def in_a_field(*given: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The field of rational functions in all letters of these values, and the way into it."""
    from sympy import QQ, Rational

    flat = (one for value in given for one in np.asarray(value, dtype=object).ravel())
    symbols = {symbol for one in flat if is_symbolic(one) for symbol in one.free_symbols}
    field = QQ.frac_field(*sorted(symbols, key=str))

    def element(value: Any) -> Any:
        if field.of_type(value):
            return value
        if is_symbolic(value):
            return field.from_sympy(value)
        value = Fraction(value)
        return field.from_sympy(Rational(value.numerator, value.denominator))

    return field, element


def _differs(
    claim: Claim, witness: Any, parameters: dict[str, Any], n: int
) -> dict[str, Any] | None:
    """A prompt of fractions where the functions differ, which is seen faster than with letters."""
    assert claim.algorithm is not None
    rng = random.Random(n)

    def array(*shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            made[at] = Fraction(rng.randint(1, 99), rng.randint(1, 99))
        return made

    d = parameters["d"]
    case = Case(parameters, array(n, d), array(n), array(2, d))
    try:
        got = witness.predict(case.X, case.y, case.queries, "rational")
        want = reference(claim.algorithm, case, Fraction)
    except (Unsupported, ZeroDivisionError):
        return None
    if list(got) == list(want):
        return None
    texts = {"prediction": got, "algorithm": want}
    return case.to_json() | {name: [as_text(v) for v in values] for name, values in texts.items()}


@check("symbolic", "exact")
@left_open
def in_letters(budget: Budget, claim: Claim) -> CheckResult:
    """Both as elements of one field of rational functions, where equality is decided."""
    assert claim.witness is not None and claim.algorithm is not None and claim.symbolic is not None
    parameters = dict(claim.symbolic)
    n = parameters.pop("n")
    X, y, queries = letters(parameters["d"], n)
    field, element = in_a_field(X, y, queries, *parameters.values())
    size = f"d = {parameters['d']}, n = {n}"
    witness = build(claim.witness, parameters)
    if point := _differs(claim, witness, parameters, n):
        raise Differs(f"at {size} two rational functions that differ at a point", point)
    got = witness.predict(X, y, queries, "symbolic")
    want = reference(claim.algorithm, Case(parameters, X, y, queries), element)
    for ours, theirs in zip(got, want):
        if element(ours) != theirs:
            difference = str(field.to_sympy(element(ours) - theirs))
            raise Differs(
                f"at {size} the prediction is off by {difference}",
                {"d": parameters["d"], "n": n, "difference": difference},
            )
    return CheckResult(True, 1, 0.0, 0.0, f"one rational function of the prompt at {size}")
