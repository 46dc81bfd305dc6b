"""A page for somebody's own claim: its transformer, its algorithm, what was found."""

from __future__ import annotations

import inspect
import math
from ast import dump
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from textwrap import dedent
from typing import Any

import numpy as np

from constructions.parameters import Flag, Parameter, Whole
from constructions.witness import Witness
from proofs.exact import as_text, exact, is_symbolic, nearest_float
from proofs.formula import names, parse, rename, split_index
from proofs.layer import Holds

from ..claim import Budget, Claim
from ..formulas import EXAMPLE, PROMPT
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..inputs.settings import convert, fill, kind, needed
from ..strategies import Case
from .build import WIDEST
from .mathml import plain
from .pairs import Pair
from .story import ALGORITHM, formulas, is_regression, predicts_y

MEMBERS = 48  # choices of sizes and words, at most, of which a page holds the weights
OFFERED = {"d": (1, 2, 3, 4)}  # sizes on offer beside the one that is started from
COUNTS = (0, 1, 2, 3, 4, 5, 6)
SMALL: dict[str, Any] = {"X": ((1, 1), (-1, 1), (0, 1)), "y": (3, -1, 2), "queries": ((0.5, 1),)}
CASES = 24  # of a claim, from which one is taken where not any numbers are its prompt
MOST_COLUMNS = 8  # examples of it, if possible
WEIGHTS = 5_000  # non-zero weights of all members together, at most


@dataclass(frozen=True)
class Own:
    """What a page holds of a claim: sizes and words on offer, letters, fixed numbers."""

    axes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    scalars: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)


def pair_of_own(
    subject: Subject, given: Mapping[str, Any], refutes: Mapping[str, Any] | None
) -> tuple[Pair, Claim | None]:
    """The claim's transformer, beside the repaired one if the file has it; and that claim.

    It starts from `given` and from a case of the claim: that which refutes it, where one does.
    Raises WrongCall where the builder refuses the parameters that the page would start from.
    """
    claim = subject.claim
    assert claim is not None
    values, prompt = start_of(subject, given, refutes)
    witness = subject.build(values)
    if witness.width > WIDEST:
        raise WrongCall(
            f"a page shows up to {WIDEST} numbers per token, and {subject.name} has "
            f"{witness.width} at this size: choose a smaller d"
        )
    own = offered(subject, values, witness)
    repaired = next((c for c in subject.alike if c.variant == "repaired" and c is not claim), None)
    if claim.variant != "printed" or (repaired is not None and repaired.witness is None):
        repaired = None
    pair = Pair(
        compared(claim, own),
        compared(repaired, own) if repaired is not None else None,
        own.axes,
        own.start,
        own.scalars,
        predicts=predicts_y(witness) or claim.formula is not None,
        layers={},
        exercises=(),
        fixed=own.fixed,
        apart=claim.formula is not None,
        **prompt,
    )
    return pair, repaired


def start_of(
    subject: Subject, given: Mapping[str, Any], refutes: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and the prompt that a page starts from: those that refute the claim; one of its
    own cases, where not any numbers are its prompt; else small numbers."""
    filled = {**given}
    try:
        missing = subject.defaults(needed(subject.signature, given))
        filled |= fill(subject.signature, given, missing)
        any_numbers = is_regression(subject.build(filled).prompt)
    except WrongCall:
        if given or subject.claim is None:
            raise
        any_numbers = False  # parameters go together only as the claim draws them
    if given:
        return filled, SMALL
    taken = subject.signature.parameters
    if refutes and (prompt := _prompt(refutes)) is not None:
        drawn = {name: text for name, text in refutes["parameters"].items() if name in taken}
        read = {n: convert(subject.name, subject.signature, n, text) for n, text in drawn.items()}
        return {**filled, **read}, prompt
    case = None if any_numbers else _told(subject.claim)
    if case is not None and (prompt := _prompt(case.to_json())) is not None:
        return {**filled, **{n: v for n, v in case.parameters.items() if n in taken}}, prompt
    return filled, SMALL


def _prompt(shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """X, y and the first query predicted wrongly of a counterexample, else the first that there
    is; None where floats cannot say them."""
    if not {"X", "y", "queries"} <= shown.keys():
        return None
    X, y, queries = shown["X"], shown["y"], shown["queries"]
    pairs = zip(shown.get("prediction", ()), shown.get("algorithm", ()))
    wrong = next((q for q, (is_, should) in enumerate(pairs) if is_ != should), 0)
    queries = queries[wrong : wrong + 1] or queries[:1]
    entries = map(Fraction, np.concatenate([np.ravel(part) for part in (X, y, queries)]))
    if any(Fraction(nearest_float(entry)) != entry for entry in entries):
        return None

    def floats(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return tuple(map(floats, part))
        return float(Fraction(part))

    return {"X": floats(X), "y": floats(y), "queries": floats(queries)}


def _told(claim: Claim | None) -> Case | None:
    """One of the claim's own cases: small, and with few zeros."""
    from ..hunt import drawn

    if claim is None or claim.cases is None:
        return None

    def awkward(case: Case) -> tuple[bool, bool, int, int]:
        zeros = -sum(x != 0 for x in case.X.flat)
        return case.d != 2, len(case.X) > MOST_COLUMNS, -len(case.parameters), zeros

    cases = drawn(claim.cases, Budget(cases=CASES), claim.domain)
    return min(cases, key=awkward, default=None)


def offered(subject: Subject, values: Mapping[str, Any], witness: Witness) -> Own:
    """What of the parameters a reader may choose: sizes, words, and numbers that can be letters."""
    own = Own()
    for name, value in values.items():
        taken = kind(subject.signature.parameters[name])
        if isinstance(value, bool) or value is None or isinstance(taken, Flag):
            own.fixed[name] = value
        elif isinstance(value, (tuple, list)):
            own.fixed[name] = tuple(value)
        elif isinstance(taken, Whole) or isinstance(value, int) and not taken.may_be_letter:
            own.start[name], own.axes[name] = value, (value,)
        elif hasattr(taken, "of"):
            own.start[name], own.axes[name] = value, tuple(dict.fromkeys((value, *taken.of)))
        elif isinstance(value, str):
            own.start[name], own.axes[name] = value, (value,)
        elif taken.may_be_letter and _takes_letter(subject, values, name):
            own.scalars[name] = exact(value)
        else:
            own.fixed[name] = exact(value)
    vectors = any(isinstance(value, tuple) for value in own.fixed.values())
    for name in sorted(own.axes, key=lambda name: name != "d"):
        taken = kind(subject.signature.parameters[name])
        if isinstance(own.start[name], int) and not (vectors and name == "d"):
            _widen(own, name, taken, subject, values, witness)
    return own


def _widen(
    own: Own, name: str, taken: Parameter, subject: Subject, values: Mapping[str, Any],
    witness: Witness,
) -> None:  # fmt: skip
    """More values of one size, of those that the builder takes, as far as the page stays small."""
    others = math.prod(len(of) for key, of in own.axes.items() if key != name)
    most = min(MEMBERS, WEIGHTS // max(1, witness.weights))
    for size in OFFERED.get(name, COUNTS):
        if (len(own.axes[name]) + 1) * others > most:
            break
        if size in own.axes[name]:
            continue
        try:
            made = subject.function(**{**values, name: size})
        except Exception:  # not a size of this builder
            continue
        if isinstance(made, Witness) and made.width <= WIDEST:
            own.axes[name] = tuple(sorted((*own.axes[name], size)))


def _takes_letter(subject: Subject, values: Mapping[str, Any], name: str) -> bool:
    from sympy import Symbol

    try:
        subject.function(**{**values, name: Symbol(name)})
    except Exception:
        return False
    return True


# -- what the algorithm says, on the page ----------------------------------------------------------


def compared(claim: Claim, own: Own) -> Callable[..., Witness]:
    """A builder of what a page shows: choices -> the witness, its last layer saying what the
    claim's formula predicts. Raises ValueError where the choices do not go together."""
    assert claim.witness is not None
    make = claim.witness

    def build(**chosen: Any) -> Witness:
        values = {**own.fixed, **chosen}
        try:
            witness = make(**values)
            return with_formula(witness, claim, values)
        except Exception as error:
            raise ValueError(str(error)) from None

    return build


def with_formula(witness: Witness, claim: Claim, values: Mapping[str, Any]) -> Witness:
    """The witness with the claim's formula for what its read-out slot holds in the end.

    Where the algorithm is code, which a page cannot run, it says what it said. What it says is
    written in the builder's parameters, which the page knows; what cannot be, is left out.
    """
    known = {**values, **witness.parameters}
    witness = _in_parameters(replace(witness, parameters=known), values)
    if claim.formula is None or not witness.layer_list:
        return witness
    own = dict(witness.definitions)
    added, prediction = algorithm_of(claim, witness)
    text = _before(prediction, witness.readout.coefficient)
    if text is None:
        return witness
    *layers, last = witness.layer_list
    slot = witness.readout.slot
    held = (Holds(slot, text, "query"), *_elsewhere(last.holds, slot))
    last = replace(last, holds=held)
    witness = replace(
        witness, layer_list=(*layers, last), definitions=tuple({**own, **added}.items())
    )
    return _in_parameters(witness, values)


def _elsewhere(holds: Iterable[Holds], slot: str) -> Iterator[Holds]:
    """What is held anywhere but in this slot of the queries."""
    for held in holds:
        if held.slot != slot:
            yield held
        elif held.tokens == "all":
            yield replace(held, tokens="context")
        elif held.tokens != "query":
            yield held


def algorithm_of(claim: Claim, witness: Witness) -> tuple[dict[str, str], str]:
    """The claim's formula with the witness's parameters: definitions, and the prediction.

    A quantity that the witness defines otherwise gets another name.
    """
    assert claim.formula is not None
    definitions, prediction = claim.formula.at(witness.parameters)
    own = dict(witness.definitions)
    new = {
        name: "{}_a{}".format(*split_index(name))
        for name, text in definitions.items()
        if name in own and dump(parse(own[name])) != dump(parse(text))
    }
    added = {new.get(name, name): rename(text, new) for name, text in definitions.items()}
    return added, rename(prediction, new)


def algorithm_html(claim: Claim, parameters: Mapping[str, Any]) -> str:
    """The claim's algorithm as it stands there: its formula, else its code; "" of code that
    cannot be read."""
    assert claim.witness is not None
    if claim.formula is not None:
        witness = claim.witness(**parameters)
        known = {**parameters, **witness.parameters}
        witness = _in_parameters(replace(witness, parameters=known), parameters)
        definitions, prediction = algorithm_of(claim, witness)
        return formulas(ALGORITHM, definitions.items(), known, prediction)
    try:
        code = inspect.getsource(claim.algorithm)  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
    return f'<section class="panel"><h3>{ALGORITHM}</h3><pre>{plain(dedent(code))}</pre></section>'


def _in_parameters(witness: Witness, values: Mapping[str, Any]) -> Witness:
    """The same, its formulas in the builder's parameters where it calls them otherwise."""
    others = {
        name: f"({as_text(value)})"
        for name, value in witness.parameters.items()
        if name not in values and (is_symbolic(value) or isinstance(value, (int, Fraction)))
    }
    named = {*PROMPT, "y_t", *values}
    named |= {name for name, value in witness.parameters.items() if isinstance(value, tuple)}

    def said(text: str) -> str | None:
        """The text with their values; None where a name of it is known to nobody."""
        text = rename(text, others)
        return text if all(one in named or EXAMPLE.match(one) for one in names(text)) else None

    definitions = {}
    for name, text in witness.definitions:
        if (new := said(text)) is not None:
            definitions[name] = new
            named.add(name)
    layers = []
    for layer in witness.layer_list:
        holds = [(held, said(held.expression)) for held in layer.holds]
        kept = tuple(replace(held, expression=text) for held, text in holds if text is not None)
        layers.append(replace(layer, holds=kept))
    return replace(witness, layer_list=tuple(layers), definitions=tuple(definitions.items()))


def _before(prediction: str, coefficient: Any) -> str | None:
    """What a slot holds whose multiple is the prediction; None if it cannot be said."""
    if coefficient == 1:
        return prediction
    if coefficient == -1:
        return f"-({prediction})"
    if is_symbolic(coefficient):
        text = f"({prediction})/({as_text(coefficient)})"
        try:
            parse(text)
        except ValueError:
            return None
        return text
    c = Fraction(coefficient)
    return f"({prediction})*{c.denominator}/({c.numerator})" if c else None


def answers(claim: Claim, parameters: Mapping[str, Any], prompt: tuple[Any, Any, Any]) -> Any:
    """What the algorithm predicts at the queries of a prompt of fractions; None if it cannot."""
    from ..checks.case import arithmetic, build, reference

    assert claim.algorithm is not None and claim.witness is not None
    numbers = arithmetic(build(claim.witness, parameters))
    try:
        return reference(claim.algorithm, Case(parameters, *prompt), numbers)
    except (ArithmeticError, ValueError):
        return None


def checked(claim: Claim, file: str | None) -> dict[str, Any]:
    """The claim's entry in a report, by its own checks, now."""
    from .. import pool

    return pool.checked(claim, file, budget_of(claim)).to_json()


def budget_of(claim: Claim) -> Budget:
    """Of what a page runs: quickly, but for a box, of which less effort would find another prompt
    than `witness check` shows."""
    return Budget(quick=not claim.boxes)
