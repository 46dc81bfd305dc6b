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
from .case import both, build, left_open, reference


def letters(
    d: int, n: int, m: int = 1, prompt: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A prompt of sympy symbols: X (n, d), y (n,), queries (m, d), or what the prompt has."""
    import sympy

    def array(stem: str, *shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            made[at] = sympy.Symbol(f"{stem}_{''.join(str(i + 1) for i in at)}")
        return made

    shapes = ((n, d), (n,), (m, d)) if prompt is None else shapes_of(prompt, n, m)
    X, y, queries = (array(stem, *shape) for stem, shape in zip("xyq", shapes))
    return X, y, queries


def shapes_of(prompt: Any, n: int, m: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of X, y, queries in prompts of that kind."""
    y = (n,) if prompt.targets == 1 else (n, prompt.target_count)
    return (n, prompt.inputs), y, (m, prompt.query_inputs)


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

    X, y, queries = (array(*shape) for shape in shapes_of(witness.prompt, n, 2))
    case = Case(parameters, X, y, queries, witness.prompt.fields)
    try:
        got, want = both(claim.algorithm, witness, case)
    except (Unsupported, ZeroDivisionError):
        return None
    if got.tolist() == want.tolist():
        return None
    texts = {"prediction": got, "algorithm": want}
    return case.to_json() | {name: as_text(values.tolist()) for name, values in texts.items()}


@check("symbolic", "exact")
@left_open
def in_letters(budget: Budget, claim: Claim) -> CheckResult:
    """Both as elements of one field of rational functions, where equality is decided."""
    assert claim.witness is not None and claim.algorithm is not None and claim.symbolic is not None
    parameters = dict(claim.symbolic)
    n = parameters.pop("n")
    witness = build(claim.witness, parameters)
    X, y, queries = letters(parameters["d"], n, 1, witness.prompt)
    field, element = in_a_field(X, y, queries, *parameters.values())
    size = f"d = {parameters['d']}, n = {n}"
    if point := _differs(claim, witness, parameters, n):
        raise Differs(f"at {size} two rational functions that differ at a point", point)
    got = witness.predict(X, y, queries, "symbolic")
    case = Case(parameters, X, y, queries, witness.prompt.fields)
    want = reference(claim.algorithm, case, element, got.shape)
    for ours, theirs in zip(got.ravel(), want.ravel(), strict=True):
        if element(ours) != theirs:
            difference = str(field.to_sympy(element(ours) - theirs))
            raise Differs(
                f"at {size} the prediction is off by {difference}",
                {"d": parameters["d"], "n": n, "difference": difference},
            )
    return CheckResult(True, 1, 0.0, 0.0, f"one rational function of the prompt at {size}")
