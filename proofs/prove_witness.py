"""Proof that an assembled witness does what its layers say, for every d (and n).

After each layer a witness says what its slots hold ("M2*x_t"), in the algorithm's own
quantities, each defined by those before it ("2*M1 - M1*S*M1"). Layer by layer: run the layer
in the calculus on what the slots held before, compare with what they should hold, and go on
with the quantity as a letter of its own (symmetric, if its definition is, and commuting with S
if that is a polynomial in S). So each layer is proved for any prompt and any value of the
iterate before it, which is the induction step. Letters forget relations between iterates:
where that fails, vectors (w2 = M2 Xᵀy) stay as defined.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from proofs.argument import Line, Relation
from proofs.calculus import form as c
from proofs.calculus.arrays import Arrays
from proofs.calculus.form import Form, ShapeError
from proofs.calculus.run import Run, size
from proofs.calculus.scope import Scope, plain
from proofs.calculus.tokens import OutsideCalculusError, ones
from proofs.formula import rename
from proofs.letters import Matrix, Vector
from proofs.references import Statement
from proofs.theorem import Kind, Proof

Letters = Literal["all", "matrices", "none"]


def prove_witness(
    witness: Any,
    examples: int | None = None,
    expand: bool = False,
    statement: Statement | None = None,
    parameters: Mapping[str, Any] | None = None,
    arrays: Mapping[str, Vector | Matrix] | None = None,
) -> Proof:
    """Prove every layer's `holds`, and that the prediction is the one of `statement`, for every d.

    For every n too, unless the weights depend on it or tell tokens apart by one-hot positions:
    then for the number of examples that the witness, or `examples`, fixes. `statement` gives the
    algorithm: definitions, which replace the witness's own of the same names, and the prediction;
    `parameters` the values of its names, the witness's own by default; `arrays` which of them are
    open vectors and matrices, with what is declared of them. Without a statement only the
    witness's own words are proved, which is no proof of any algorithm. `expand` puts every
    definition in instead of going on with letters, for few layers only. A layer that does something
    else than it says, and anything outside the calculus, make a Proof that is not proved, with the
    first such line in `failed`.
    """
    start = time.perf_counter()
    together = witness.examples is None and examples is None
    ways: tuple[Letters, ...] = ("none",) if expand else ("all", "matrices")
    for letters in ways:
        lines: list[Line] = []
        try:
            failed = _prove(witness, examples, lines, letters, statement, parameters, arrays)
        except (OutsideCalculusError, ShapeError) as error:
            failed = f"outside the calculus: {error}"
        if failed is None:
            break
    every = "n, d" if together else "d"
    does = "does what its layers say"
    if statement is not None:
        does = f"predicts {plain_text(statement[1])}"
    said = rf"\text{{the assembled {witness.name.replace('_', ' ')} {does}, for every }} {every}"
    return proof_of(witness, said, "identity", lines, failed, start)


def proof_of(
    witness: Any, statement: str, kind: Kind, lines: list[Line], failed: str | None, start: float
) -> Proof:
    """The proof about an assembled witness; `start` is when it began."""
    return Proof(
        id=f"{witness.name}.assembled",
        statement=statement,
        kind=kind,
        proved=failed is None,
        lines=tuple(lines),
        seconds=time.perf_counter() - start,
        claims=(witness.name,),
        failed=failed,
        assumes=(r"\text{no sum of scores that is divided by is } 0",) if divides(witness) else (),
    )


def divides(witness: Any) -> bool:
    """Whether a head divides by a sum of scores: then its prompts are those where that is not 0."""
    return any(
        head.attention == "normalised" for layer in witness.layer_list for head in layer.heads
    )


def plain_text(expression: str) -> str:
    """An expression inside LaTeX's text."""
    return expression.replace("_", r"\_")


def _prove(
    witness: Any,
    examples: int | None,
    lines: list[Line],
    letters: Letters,
    statement: Statement | None,
    parameters: Mapping[str, Any] | None,
    open_arrays: Mapping[str, Vector | Matrix] | None,
) -> str | None:
    """The first line that is false, None if all are true."""
    parameters = {**witness.parameters, **(parameters or {})}
    arrays = Arrays(open_arrays or {}, witness.d, parameters)
    definitions, prediction = dict(witness.definitions), None
    if statement is not None:
        if letters == "none":  # nothing is shared: names may mean one thing here, another there
            statement = _renamed(statement)
        definitions, prediction = {**definitions, **statement[0]}, statement[1]
        letters_of = {k for k, v in parameters.items() if isinstance(v, tuple) and any(v)}
        if twice := letters_of & set(
            definitions
        ):  # a letter would stand for the parameter in the weights, and for the other here
            raise OutsideCalculusError(f"{', '.join(sorted(twice))}: both a parameter and defined")
        parameters = {k: v for k, v in parameters.items() if k not in statement[0]}
    run = Run(witness, examples, arrays)
    scope = Scope(parameters, arrays, run, definitions)
    held: dict[tuple[str, str], str] = {}
    for number, layer in enumerate(witness.layer_list, start=1):
        run.layer(layer)
        held = {}
        for hold in layer.holds:
            for group, state in zip(run.groups, run.states, strict=True):
                if not group.matches(hold.tokens):
                    continue
                wanted = rows_of(scope, hold.expression, group, hold.slot)
                found = state.get(hold.slot, c.zero(wanted.rows, wanted.columns))
                where = rf"\text{{layer {number} ({layer.name}), {group.name}, {hold.slot}: }}"
                if not decide(lines, where, found, wanted):
                    return str(lines[-1])
                held[group.name, hold.slot] = hold.expression
        for text in held.values() if letters != "none" else ():
            scope.settle(text, vectors=letters == "all")
        for group, state in zip(run.groups, run.states, strict=True):
            for (name, slot), text in held.items():
                if name == group.name:
                    in_letters = rows_of(scope, text, group, slot)
                    state[slot] = in_letters  # equal to what was found
                    if in_letters.vanishes:
                        del state[slot]
    slot, predictions = witness.readout.slot, run.predictions()
    for group, found in predictions:
        where = r"\text{prediction: }"
        if len(predictions) > 1 or group.context:
            where = rf"\text{{prediction, {group.name}: }}"
        if prediction is None and (group.name, slot) not in held:
            return rf"\text{{no layer says at last what {slot} holds at the {group.name}}}"
        if prediction is None:
            lines.append(f"{where} {found.latex()}")
        elif not decide(lines, where, found, rows_of(scope, prediction, group, slot)):
            return str(lines[-1])
    return None


def _renamed(statement: Statement) -> Statement:
    """The same algorithm under names that no witness has."""
    new = {name: f"{name}_stated" for name in statement[0]}
    definitions = {new[name]: rename(text, new) for name, text in statement[0].items()}
    return definitions, rename(statement[1], new)


def decide(lines: list[Line], text: str, left: Form, right: Form) -> bool:
    same = left == right
    relation = "=" if same else r"\neq"
    lines.append(Relation(f"{text} ", left, relation, right))
    return same


def rows_of(scope: Scope, text: str, group: Any, slot: str) -> Form:
    """An expression per token as the group's rows (a matrix slot as it is)."""
    rows = group.rows
    of_token = {}
    for name, shape in {"y": (), **scope.carried}.items():
        column = group.columns.get(name)
        of_token[f"{name}_t"] = plain(c.zero(*size(shape, rows)).T if column is None else column)
    value = scope.evaluate(text, of_token)
    shape = scope.shapes.get(slot, ())
    if not isinstance(value, Form):
        if value == 0:
            return c.zero(*size(shape, rows))
        value = c.number(value)
    if len(shape) == 2 or value.rows == rows:
        return value
    if rows != value.columns and 1 in (value.rows, value.columns):  # the same in every token
        return ones(rows) @ (value if value.rows == 1 else value.T)
    return value.T
