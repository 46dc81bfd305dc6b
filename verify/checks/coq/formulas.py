"""An algorithm's formula as Coq definitions: what is predicted is written, not only named.

A formula gives its quantities for one number of steps (`proofs.references`). Those of several
numbers are written and seen to be one start, one step repeated and one end; otherwise
`NotUniformError`. In Coq it is a function of that number, over any prompt X (n, d), y and any m
queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from proofs.formula import Arithmetic, Names, evaluate, split_index
from proofs.references import Statement

from .terms import NotUniformError

TAKEN = frozenset("F n m d k i t X y asked state".split())  # what the section itself calls so


@dataclass(frozen=True)
class Term:
    """A Coq term and its shape, such as ("d", "1"); () is a number of the field."""

    text: str
    shape: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its type."""
        return f"'M[F]_({', '.join(self.shape)})" if self.shape else "F"

    @property
    def number(self) -> Term:
        """A 1 x 1 matrix as a number of the field."""
        return Term(f"({self.text} 0 0)") if self.shape == ("1", "1") else self


Terms = Mapping[str, Term]

PROMPT: Terms = {
    "X": Term("X", ("n", "d")),
    "y": Term("y", ("n", "1")),
    "n": Term("n%:R"),
    "I": Term("1%:M", ("d", "d")),
    "O": Term("(0 : 'M[F]_(d, 1))", ("d", "1")),
    "x_t": Term("x_t", ("d", "1")),
}
# the example that step number i takes: x_1, y_1 at i = 0 (Matrices.v)
EXAMPLE: Terms = {"x": Term("(example_x X i)", ("d", "1")), "y": Term("(example_y y i)")}


def _sum(mark: str) -> Callable[[Term, Term], Term]:
    def made(left: Term, right: Term) -> Term:
        if left.shape != right.shape:
            left, right = left.number, right.number
        if left.shape != right.shape:
            raise NotUniformError(f"shapes in {left.text} {mark} {right.text}")
        return Term(f"({left.text} {mark} {right.text})", left.shape)

    return made


def _product(left: Term, right: Term) -> Term:
    if left.shape and right.shape and left.shape[1] == right.shape[0]:
        return Term(f"({left.text} *m {right.text})", (left.shape[0], right.shape[1]))
    left, right = left.number, right.number
    if left.shape and right.shape:
        raise NotUniformError(f"shapes in {left.text} * {right.text}")
    if not left.shape and not right.shape:
        return Term(f"({left.text} * {right.text})")
    scale, matrix = (right, left) if left.shape else (left, right)
    return Term(f"({scale.text} *: {matrix.text})", matrix.shape)


def _quotient(left: Term, right: Term) -> Term:
    divisor = right.number
    if divisor.shape:
        raise NotUniformError(f"{divisor.text} is no number to divide by")
    if left.shape:
        return Term(f"({divisor.text}^-1 *: {left.text})", left.shape)
    return Term(f"({left.text} / {divisor.text})")


def _relu(value: Term) -> Term:
    raise NotUniformError("relu has no form in a field")


# signs as those of MathComp's matrices; a 1 x 1 matrix is a number where no matrix fits
COQ: Arithmetic = {
    "number": lambda value: Term(f"{value}%:R" if value > 1 else str(value)),
    "+": _sum("+"),
    "-": _sum("-"),
    "*": _product,
    "/": _quotient,
    "neg": lambda value: Term(f"(- {value.text})", value.shape),
    "T": lambda value: Term(f"{value.text}^T", value.shape[::-1]) if value.shape else value,
    "relu": _relu,
}


def term(text: str, names: Terms) -> Term:
    """The formula as a Coq term. Raises NotUniformError where it has no form in Coq."""

    def unknown(name: str) -> Term:
        raise NotUniformError(f"{name} in {text} has no form in Coq")

    made: Term = evaluate(text, Names(names, unknown), COQ)
    return made


@dataclass(frozen=True)
class _Written:
    """A formula with a given number of steps: quantities at the start, each step, the end."""

    start: tuple[tuple[str, Term], ...]
    steps: tuple[str, ...]
    end: str


def formula(
    name: str,
    statement: Callable[[int], Statement],
    counts: Sequence[int],
    parameters: Terms,
    shift: int,
) -> str:
    """A Coq section that defines `{name}_formula`, with k + `shift` steps.

    statement: the definitions and the prediction for a number of steps, seen for `counts`;
    parameters: its parameters in Coq, those that are open as variables.
    """
    given = {one: one for one in parameters if split_index(one)[1] == "0"}  # such as w0
    statements = {count: statement(count) for count in counts}
    longest = {**given, **statements[max(counts)][0]}
    renewed = [split_index(one)[0] for one in longest if split_index(one)[1] == "0"]
    taken = TAKEN | {one.text for one in parameters.values()}
    bound = {split_index(one)[0] for one in longest}
    if not renewed or taken & bound:
        raise NotUniformError(f"{name}: its quantities {sorted(bound)} cannot be named in Coq")
    runs = [
        _written(name, {**given, **definitions}, prediction, count, parameters, renewed)
        for count, (definitions, prediction) in statements.items()
    ]
    outer = {(run.start, run.end) for run in runs}
    steps = {step for run in runs for step in run.steps}
    if len(outer) != 1 or len(steps) != 1:
        raise NotUniformError(f"{name}: the formula is not start, step repeated, end")
    ((start, end),), (step,) = outer, steps
    state = " * ".join(value.kind for _, value in start)
    quantities = _tuple([quantity for quantity, _ in start])
    letters = [one for one in parameters.values() if one.text.isidentifier()]
    variables = "".join(f"Variable {one.text} : {one.kind}.\n" for one in letters)
    return (
        f"Section {name}_formula.\n"
        f"Variables (F : fieldType) (d : nat).\n{variables}"
        f"Variables (n m : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (asked : 'M[F]_(m, d)).\n"
        f"Definition {name}_formula_start : {state} :=\n"
        f"  {_tuple([value.text for _, value in start])}.\n"
        f"Definition {name}_formula_step (i : nat) (state : {state}) : {state} :=\n"
        f"  let: {quantities} := state in\n{step}.\n"
        f"Definition {name}_formula (k : nat) : 'cV[F]_m :=\n"
        f"  let: {quantities} :=\n"
        f"    iteri k{'.+1' * shift} {name}_formula_step {name}_formula_start in\n"
        f"  at_queries (fun x_t : 'cV[F]_d =>\n{end}) asked.\n"
        f"End {name}_formula.\n" + unfolded("formulas", f"{name}_formula", ("", "_start", "_step"))
    )


def unfolded(base: str, name: str, parts: Sequence[str]) -> str:
    """The sentence by which `autounfold with base` unfolds these definitions."""
    return f"#[export] Hint Unfold {' '.join(name + part for part in parts)} : {base}.\n"


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _written(
    name: str,
    definitions: Mapping[str, str],
    prediction: str,
    count: int,
    parameters: Terms,
    renewed: Sequence[str],
) -> _Written:
    """The formula with `count` steps, each of which makes all `renewed` quantities anew."""
    known: dict[str, Term] = {**PROMPT, **parameters}
    for defined, text in definitions.items():
        if not split_index(defined)[1]:
            known[defined] = term(text, known)
    start = {quantity: term(definitions[f"{quantity}0"], known) for quantity in renewed}
    before = {quantity: Term(quantity, value.shape) for quantity, value in start.items()}
    steps = tuple(
        _step(name, definitions, i, before, {**known, **_at(EXAMPLE, i)})
        for i in range(1, count + 1)
    )
    scope, end = {**known, **_at(before, count)}, ""
    for defined, text in definitions.items():
        quantity, number = split_index(defined)
        if number and quantity not in before:
            if number != str(count):
                raise NotUniformError(f"{name}: {defined} is no quantity that a step renews")
            made = term(text, scope)
            end += f"    let {quantity} := {made.text} in\n"
            scope[defined] = Term(quantity, made.shape)
    made = _shaped(name, term(prediction, scope), ("1", "1"))
    return _Written(tuple(start.items()), steps, end + f"    {made.text}")


def _step(name: str, definitions: Mapping[str, str], i: int, before: Terms, known: Terms) -> str:
    """The quantities after step i, from those before it: M' from M."""
    scope, lines = {**known, **_at(before, i - 1)}, ""
    for quantity, old in before.items():
        new = Term(f"{quantity}'", old.shape)
        made = _shaped(name, term(definitions[f"{quantity}{i}"], scope), new.shape)
        lines += f"  let {new.text} := {made.text} in\n"
        scope[f"{quantity}{i}"] = new
    return lines + "  " + _tuple([f"{quantity}'" for quantity in before])


def _at(terms: Terms, number: int) -> dict[str, Term]:
    return {f"{name}{number}": value for name, value in terms.items()}


def _shaped(name: str, made: Term, shape: tuple[str, ...]) -> Term:
    if made.shape != shape:
        raise NotUniformError(f"{name}: {made.text} has shape {made.shape}, not {shape}")
    return made
