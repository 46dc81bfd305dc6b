"""order: whether a prediction depends on the order in which the examples stand.

That it does not is proved in one of two ways. The layers tell no example from another by its place
(`equivariance`), for every number of examples. Or the transformer is proved to predict a formula
(`proof`), and the formula's value is the same in every order: it names no single example, so that
it is built of X, y and what they make; or it takes one example after the other, and two neighbours
can be exchanged whatever came before them, in letters. That it does is shown by a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from constructions.witness import Witness
from proofs.flint_precision import precision
from proofs.formula import Names, names, rename, split_index
from proofs.formula import evaluate as value_of
from proofs.letters import Matrix, Vector

from ..claim import Budget, CheckResult, Claim, Differs, check
from ..formulas import EXAMPLE, Statement
from ..report import latex_text
from ..report.tables import short, told
from ..strategies import Case, as_text
from . import proof
from .analysis.evidence import about_its_own, some
from .case import build as built
from .case import left_open, objects, of_plain_prompts, reference
from .equivariance import order_reaches

Parameters = Mapping[str, Any]
ENTRIES = (0, 1, 2)  # of the prompts on which a difference is looked for
MOST = 200  # prompts of one size, the smallest ones
ENUMERATED = 10**5  # where there are more, some are drawn
BITS = 1024


@check("proof", "derived")
@left_open
@about_its_own
def independent_of_order(
    budget: Budget, build: Callable[..., Witness], sizes: Callable[[], Sequence[Parameters]]
) -> CheckResult:
    """The prediction of build(**parameters) at a query is the same in every order of the examples.

    For each of the parameter sets, letters among them, every number of examples and every prompt:
    the layers are read. Where they might tell examples apart a prompt is looked for on which the
    prediction changes; without one the claim stays open.
    """
    chosen = some(list(sizes()))
    for given in chosen:
        witness = built(build, given)
        reached = order_reaches(witness)
        if reached is None:
            continue
        shown = None if witness.free_symbols else exchanged(witness)
        if shown is not None:
            raise Differs(f"{words(shown)}; {reached}", {**_as_json(given), **shown})
        return CheckResult(None, detail=f"{witness.name}, {_said(given)}: {reached}")
    return CheckResult(
        True,
        len(chosen),
        detail=f"{len(chosen)} transformers: no layer tells one example from another by its place, "
        "for every number of examples",
    )


@check("exact", "exact")
@left_open
@about_its_own
def depends_on_order(
    budget: Budget,
    build: Callable[..., Witness],
    sizes: Callable[[], Sequence[Parameters]],
    algorithm: Callable[..., Any] | None = None,
) -> CheckResult:
    """For each of the parameter sets there is a prompt on which exchanging two examples changes the
    prediction of build(**parameters); the smallest is shown.

    With an algorithm both predictions have to be its own: then it is one that depends on the order.
    """
    chosen, found = some(list(sizes())), []
    for given in chosen:
        witness = built(build, given)
        if order_reaches(witness) is None:
            raise Differs(
                f"{witness.name}, {_said(given)}: no prompt can, its layers tell no example from "
                "another",
                {**_as_json(given), "order": "has no effect on any prompt"},
            )
        shown = exchanged(witness)
        if shown is None:
            return CheckResult(None, detail=f"{witness.name}, {_said(given)}: no prompt was found")
        if algorithm is not None:
            _predicts(algorithm, given, shown)
        found.append(f"{_said(given)}: {words(shown)}")
    return CheckResult(True, len(found), 0.0, 0.0, "; ".join(found))


@check("proof", "derived")
@about_its_own
def independent_by_formula(budget: Budget, claim: Callable[[], Claim]) -> CheckResult:
    """The transformers of a claim predict its formula, and that is the same in every order.

    At the numbers of examples at which the claim proves its transformers.
    """
    one = claim()
    assert one.assembled is not None
    sets = some(list(one.assembled()))
    for given in sets:
        why = formula_depends(one, given) or _unproved(one, given)
        if why is not None:
            return CheckResult(None, detail=f"{one.id}, {proof.described(given)}: {why}")
    said = "; ".join(proof.described(given) for given in sets)
    return CheckResult(
        True,
        len(sets),
        detail=f"{one.id}: proved to predict its formula, which is the same in every order; {said}",
    )


@check("proof", "derived")
@about_its_own
def dependent_by_formula(budget: Budget, claim: Callable[[], Claim]) -> CheckResult:
    """That the prediction of a claim's transformers depends on the order: refuted where it is
    proved (`independent_by_formula`) that it does not; else left open."""
    one = claim()
    found = independent_by_formula(claim).run(budget)
    if not found.passed:
        return CheckResult(None, detail=found.detail)
    raise Differs(
        f"it does not: {found.detail}",
        {
            "claim": one.id,
            "proved": "its prediction is the same in every order",
            "for": found.detail,
        },
    )


def _unproved(claim: Claim, given: Parameters) -> str | None:
    found = proof.prove(claim, given)
    return None if found.proved else f"not proved: {latex_text.text(found.failed or '')}"


# -- prompts on which it matters ------------------------------------------------------------------


def exchanged(witness: Witness) -> dict[str, Any] | None:
    """A prompt on which two examples, exchanged, change the prediction; None if none was found.

    {"X", "y", "query", "exchanged", "prediction", "after"}: the smallest, of fewest examples, then
    of the least sum of entries; of an irrational witness, in whose error every place may have a
    part, the one of the largest change, seen in balls.
    """
    of_plain_prompts(witness, "the order of examples")
    exact = not witness.irrational and _in_fractions(witness)
    largest, shown = 0, None
    for X, y, query, i, j in _exchanges(witness):
        other = list(range(len(X)))
        other[i], other[j] = j, i
        try:
            before = _predicted(witness, exact, X, y, query)
            after = _predicted(witness, exact, X[other], y[other], query)
        except ZeroDivisionError:
            continue
        change = _at_least(before, after)
        if change > largest:
            largest, shown = (
                change,
                {
                    "X": as_text(X.tolist()),
                    "y": as_text(y.tolist()),
                    "query": as_text(query[0].tolist()),
                    "exchanged": f"{i + 1} and {j + 1}",
                    "prediction": _text(before),
                    "after": _text(after),
                },
            )
            if exact:
                return shown
    return shown


def _exchanges(witness: Witness) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int, int]]:
    """Prompts, and two of their examples."""
    for n in (witness.examples,) if witness.examples is not None else (2, 3):
        for prompt in _prompts(n, witness.d):
            for i, j in combinations(range(n), 2):
                yield *prompt, i, j


def _prompts(n: int, d: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """X (n, d), y (n,), not 0, and one query (1, d) of ones, small entries first."""
    count = n * d + n
    if len(ENTRIES) ** count > ENUMERATED:  # the same ones each time
        drawn = np.random.default_rng(0).choice(ENTRIES, (MOST, count)).tolist()
    else:
        drawn = product(ENTRIES, repeat=count)
    entries = sorted(map(tuple, drawn), key=lambda one: (sum(one), one[::-1]))
    for one in [one for one in entries if any(one[n * d :])][:MOST]:
        values = np.array([Fraction(entry) for entry in one], dtype=object)
        query = np.array([[Fraction(1)] * d], dtype=object)
        yield values[: n * d].reshape(n, d), values[n * d :], query


def _in_fractions(witness: Witness) -> bool:
    """Whether it runs in fractions: no encoding or rule takes it out of them."""
    try:
        X, y, query = next(_prompts(witness.examples or 2, witness.d))
        witness.predict(X, y, query, "rational")
    except Unsupported:
        return False
    except ZeroDivisionError:
        pass
    return True


def _predicted(
    witness: Witness, exact: bool, X: np.ndarray, y: np.ndarray, query: np.ndarray
) -> Any:
    if exact:
        return witness.predict(X, y, query, "rational").ravel()[0]
    with precision(BITS):
        return witness.predict(X, y, query, Ball(BITS)).ravel()[0]


def _at_least(before: Any, after: Any) -> Any:
    """A number that they are apart by for certain: 0 where that is not certain."""
    if isinstance(before, Fraction):
        return abs(before - after)
    with precision(BITS):
        return float(abs(before - after).abs_lower())


def _text(value: Any) -> str:
    return as_text(value) if isinstance(value, Fraction) else value.str(12, radius=False)


def words(shown: Mapping[str, Any]) -> str:
    """A prompt with its two predictions in one line."""
    return (
        f"X = {short(shown['X'])}, y = {short(shown['y'])}, query {short(shown['query'])}: "
        f"{shown['prediction']}, with examples {shown['exchanged']} exchanged {shown['after']}"
    )


def _predicts(algorithm: Callable[..., Any], given: Parameters, shown: Mapping[str, Any]) -> None:
    """Raises Differs where one of the two predictions that are shown is not the algorithm's."""
    X, y, query = (objects(shown[name], Fraction) for name in ("X", "y", "query"))
    i, j = (int(number) - 1 for number in shown["exchanged"].split(" and "))
    for name in ("prediction", "after"):
        case = Case(given, X, y, query[None])
        (should,) = reference(algorithm, case, Fraction)
        if shown[name] != as_text(should):
            raise Differs(
                f"{words(shown)}; the algorithm's {name} is {should}",
                {**_as_json(given), **shown, "algorithm": as_text(should)},
            )
        X[[i, j]], y[[i, j]] = X[[j, i]], y[[j, i]]


def _said(given: Parameters) -> str:
    return told(given)


def _as_json(given: Parameters) -> dict[str, Any]:
    return {name: as_text(value) for name, value in given.items()}


# -- formulas ---------------------------------------------------------------------------------


def formula_depends(claim: Claim, given: Parameters) -> str | None:
    """Why a claim's formula, with these parameters, may depend on the order; None if it does not.

    None is a proof: of names of X and y alone, sums, products, transposes and functions entry by
    entry make what permutes with the examples, or does not change; and where one example comes
    after another, `_neighbours` shows that they can be exchanged.
    """
    assert claim.formula is not None and claim.witness is not None
    if claim.formula.tokens != "query":
        return f"it predicts at {claim.formula.tokens} tokens"
    for name, value in given.items():
        if isinstance(value, (Vector, Matrix)) and getattr(value, "size", "d") == "n":
            return f"{name} gives every example a number of its own"
    values = proof.opened(given, given["d"])
    witness = built(claim.witness, values)
    known = {**witness.parameters, **values}
    statement = _used(claim.formula.at(known))
    if not any(EXAMPLE.match(name) for text in _texts(statement) for name in names(text)):
        return None
    return _neighbours(statement, known, witness.examples)


def _texts(statement: Statement) -> list[str]:
    return [*statement[0].values(), statement[1]]


def _used(statement: Statement) -> Statement:
    """The statement without the definitions that its prediction does not need."""
    definitions, prediction = statement
    wanted, open_names = set[str](), list(names(prediction))
    while open_names:
        name = open_names.pop()
        if name in definitions and name not in wanted:
            wanted.add(name)
            open_names += names(definitions[name])
    return {k: v for k, v in definitions.items() if k in wanted}, prediction


OLD, NEW = "_old", "_new"


def _neighbours(statement: Statement, known: Parameters, examples: int | None) -> str | None:
    """Why two neighbouring examples may not be exchanged; None if they can be.

    The formula is to be a start, one step for each of its examples in turn, the same for all, and
    a prediction from the last. Then the step is taken for two examples in letters, in both orders,
    from a state in letters: for every state, every d and every two examples, as far as what is
    divided by is not 0. Matrices of the state are letters that are symmetric where the start is and
    the step keeps that.
    """
    definitions, prediction = statement
    stems = {split_index(name)[0] for name in definitions if split_index(name)[1]}
    steps: dict[int, list[tuple[str, str]]] = {}
    start: dict[str, str] = {}
    for name, text in definitions.items():
        stem, index = split_index(name)
        if not index or int(index) == 0:
            start[name] = text
            continue
        i = int(index)
        turned = {f"x{i}": "x_step", f"y{i}": "y_step"}
        turned |= {f"{s}{i}": s + NEW for s in stems} | {f"{s}{i - 1}": s + OLD for s in stems}
        steps.setdefault(i, []).append((stem, rename(text, turned)))
    n = max(steps, default=0)
    if n != examples:
        return f"it takes {n} of {examples} examples one after the other"
    if {stem for stem, _ in steps[1]} != stems:
        return "its step does not renew all that it starts from"
    if sorted(steps) != list(range(1, n + 1)) or any(one != steps[1] for one in steps.values()):
        return "it is not one step for each example in turn"
    ends = {f"{stem}{n}" for stem in stems}
    outside = [*start.values(), prediction, *(text for _, text in steps[1])]
    allowed = {"x_step", "y_step", *(s + end for s in stems for end in (OLD, NEW))}
    for text in outside:
        for name in names(text) - allowed:
            single = EXAMPLE.match(name)
            counted = split_index(name)[0] in stems and name not in start and name not in ends
            if single or counted:
                return f"{name} is used outside the step of its example"
    return _exchange(start, steps[1], stems, known)


def _exchange(
    start: Mapping[str, str],
    step: Sequence[tuple[str, str]],
    stems: set[str],
    known: Parameters,
) -> str | None:
    import sympy

    from proofs.calculus import form as c
    from proofs.calculus.scope import FORMS, plain

    fixed: dict[str, Any] = {"I": c.identity(c.d), "O": c.zero(c.d, 1)}
    for name, value in known.items():
        fixed[name] = sympy.Symbol(f"{name}_") if not isinstance(value, (tuple, str)) else None

    def no(name: str) -> Any:
        raise ValueError(f"{name} has no value in letters")

    def evaluated(text: str, local: Mapping[str, Any]) -> Any:
        return plain(value_of(text, Names({**fixed, **local}, no), FORMS))

    def letter(stem: str, value: Any, symmetric: bool) -> Any:
        if not isinstance(value, c.Form):
            return sympy.Symbol(f"{stem}_0")
        return c.letter(f"{stem}_0", value.rows, value.columns, symmetric)

    try:
        first: dict[str, Any] = {}
        for name, text in start.items():
            first[name] = evaluated(text, first)
        begun = {stem: first.get(f"{stem}0") for stem in stems}
        if any(value is None for value in begun.values()):
            return "its step starts from nothing"
        square = {
            stem
            for stem, value in begun.items()
            if isinstance(value, c.Form) and value.rows == value.columns and value == value.T
        }

        def taken(state: Mapping[str, Any], i: int) -> dict[str, Any]:
            local = {f"{stem}{OLD}": value for stem, value in state.items()}
            local |= {k: v for k, v in first.items() if not split_index(k)[1]}
            local["x_step"] = c.letter(f"x_{i}", c.d, 1)
            local["y_step"] = sympy.Symbol(f"y_{i}")
            made: dict[str, Any] = {}
            for stem, text in step:
                made[stem] = local[stem + NEW] = evaluated(text, local)
            return made

        state = {stem: letter(stem, value, stem in square) for stem, value in begun.items()}
        after = taken(state, 1)
        if any(after[stem] != after[stem].T for stem in square):
            return "its step does not keep a matrix symmetric"
        one, other = taken(after, 2), taken(taken(state, 2), 1)
    except (ValueError, TypeError, AttributeError) as error:
        return f"outside the calculus: {error}"
    for stem in sorted(stems):
        difference = one[stem] - other[stem]
        same = (
            difference.vanishes
            if isinstance(difference, c.Form)
            else sympy.simplify(difference) == 0
        )
        if not same:
            return f"{stem} after two examples depends on which came first"
    return None
