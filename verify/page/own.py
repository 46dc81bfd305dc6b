"""A page for somebody's own claim: its transformer, its algorithm, what was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

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
from .build import WIDEST
from .pairs import Pair

MEMBERS = 48  # choices of sizes and words, at most, of which a page holds the weights
OFFERED = {"d": (1, 2, 3, 4)}  # sizes on offer beside the one that is started from
COUNTS = (0, 1, 2, 3, 4, 5, 6)
SMALL: dict[str, Any] = {"X": ((1, 1), (-1, 1), (0, 1)), "y": (3, -1, 2), "query": (0.5, 1)}


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
    chosen = fill(subject.signature, given, subject.defaults(needed(subject.signature, given)))
    prompt = SMALL
    if refutes and not given and (shown := _prompt(refutes)) is not None:
        drawn = refutes["parameters"].items()
        chosen |= {
            name: convert(subject.name, subject.signature, name, value)
            for name, value in drawn
            if name in subject.signature.parameters
        }
        prompt = shown
    values = {**chosen, **given}
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
        predicts=True,
        layers={},
        exercises=(),
        fixed=own.fixed,
        **prompt,
    )
    return pair, repaired


def _prompt(counterexample: Mapping[str, Any]) -> dict[str, Any] | None:
    """X, y and the first query predicted wrongly; None where floats cannot say it."""
    if not {"X", "y", "queries", "prediction", "algorithm"} <= counterexample.keys():
        return None
    pairs = zip(counterexample["prediction"], counterexample["algorithm"])
    wrong = next((q for q, (is_, should) in enumerate(pairs) if is_ != should), 0)
    X, y, query = counterexample["X"], counterexample["y"], counterexample["queries"][wrong]
    entries = [Fraction(entry) for row in (*X, y, query) for entry in row]
    if any(Fraction(nearest_float(entry)) != entry for entry in entries):
        return None

    def floats(row: Any) -> tuple[float, ...]:
        return tuple(float(Fraction(entry)) for entry in row)

    return {"X": tuple(map(floats, X)), "y": floats(y), "query": floats(query)}


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
            _widen(own, name, taken, subject, values)
    return own


def _widen(
    own: Own, name: str, taken: Parameter, subject: Subject, values: Mapping[str, Any]
) -> None:
    """More values of one size, of those that the builder takes, as far as the page stays small."""
    others = math.prod(len(of) for key, of in own.axes.items() if key != name)
    for size in OFFERED.get(name, COUNTS):
        if (len(own.axes[name]) + 1) * others > MEMBERS:
            break
        if size in own.axes[name]:
            continue
        try:
            witness = subject.function(**{**values, name: size})
        except Exception:  # not a size of this builder
            continue
        if isinstance(witness, Witness) and witness.width <= WIDEST:
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
    definitions, prediction = claim.formula.at(known)
    own = dict(witness.definitions)
    new = {
        name: "{}_a{}".format(*split_index(name))
        for name, text in definitions.items()
        if own.get(name, text) != text
    }
    added = {new.get(name, name): rename(text, new) for name, text in definitions.items()}
    text = _before(rename(prediction, new), witness.readout.coefficient)
    if text is None:
        return witness
    *layers, last = witness.layer_list
    slot = witness.readout.slot
    kept = tuple(held for held in last.holds if (held.slot, held.tokens) != (slot, "query"))
    last = replace(last, holds=(Holds(slot, text, "query"), *kept))
    witness = replace(
        witness, layer_list=(*layers, last), definitions=tuple({**own, **added}.items())
    )
    return _in_parameters(witness, values)


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
    from ..strategies import Case

    assert claim.algorithm is not None and claim.witness is not None
    numbers = arithmetic(build(claim.witness, parameters))
    try:
        return reference(claim.algorithm, Case(parameters, *prompt), numbers)
    except (ArithmeticError, ValueError):
        return None


def checked(claim: Claim, file: str | None) -> dict[str, Any]:
    """The claim's entry in a report, by its own checks, now."""
    from .. import pool

    return pool.checked(claim, file, Budget(quick=True)).to_json()
