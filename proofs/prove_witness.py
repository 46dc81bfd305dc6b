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

import ast
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form, ShapeError
from proofs.calculus.run import Run
from proofs.calculus.tokens import OutsideCalculusError
from proofs.references import Statement
from proofs.theorem import Proof

Letters = Literal["all", "matrices", "none"]


@dataclass(frozen=True, eq=False)
class Stack:
    """A matrix given by blocks of rows: X when every example is a token of its own."""

    blocks: tuple[Form, ...]
    turned: bool = False

    def combine(self, other: Stack, sign: int) -> Stack:
        pairs = zip(self.blocks, other.blocks, strict=True)
        return Stack(tuple(a + sign * b for a, b in pairs), self.turned)


class Scope:
    """Names of one witness: the prompt, its parameters and its definitions."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        letters: Mapping[Any, Form],
        run: Run,
        definitions: Mapping[str, str],
    ) -> None:
        self.definitions = definitions
        self.known: dict[str, Any] = {
            "n": run.examples,
            "I": c.identity(c.d),
            "O": c.zero(c.d, 1),
        }
        self.letters: dict[str, Form] = {}
        self.found: dict[str, Any] = {}  # values of definitions, in the letters so far
        with_x = [g for g in run.groups if g.context and "x" in g.features]
        with_y = [g for g in run.groups if g.context and "y" in g.features]
        if with_x and with_x[0].rows == c.n:
            self.known |= {"X": c.X, "y": c.y}
        else:
            self.known["X"] = Stack(tuple(g.features["x"] for g in with_x))
            self.known["y"] = Stack(tuple(g.features["y"] for g in with_y))
            for i, (x, y) in enumerate(zip(with_x, with_y, strict=True), start=1):
                self.known |= {f"x{i}": x.features["x"].T, f"y{i}": y.features["y"].scalar()}
        for name, value in parameters.items():
            if is_vector(value) or is_matrix(value):
                zero = is_vector(value) and all(entry == 0 for entry in value)
                self.known[name] = c.zero(c.d, 1) if zero else letters[value]
            elif value is not None and not isinstance(value, (str, tuple)):
                self.known[name] = sympy.sympify(value)
        self.known["d"] = c.d  # never the number at which the witness was built

    def value(self, name: str) -> Any:
        if name in self.letters:
            return self.letters[name]
        if name in self.known:
            return self.known[name]
        if name not in self.definitions:
            raise ValueError(f"{name} is not defined")
        if name not in self.found:
            value = self.evaluate(self.definitions[name], {})
            if isinstance(value, Form):
                value = Form(value.rows, value.columns, value.normal())
            self.found[name] = value
        return self.found[name]

    def evaluate(self, text: str, local: Mapping[str, Any]) -> Any:
        return self._walk(ast.parse(text, mode="eval").body, local)

    def settle(self, text: str, vectors: bool) -> None:
        """Make an expression's defined matrices (and vectors) letters of their own."""
        for node in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(node, ast.Name) and node.id in self.definitions:
                value = self.value(node.id)
                if node.id in self.letters or not isinstance(value, Form):
                    continue
                if value.rows != value.columns and not vectors:
                    continue
                if len(value.normal()) < 2:  # S, or α S: short enough as it is
                    continue
                symmetric = value.rows == value.columns and value == value.T
                self.letters[node.id] = c.letter(
                    indexed(node.id),
                    value.rows,
                    value.columns,
                    symmetric,
                    commuting=c.is_polynomial_in_s(value),
                )
                self.found.clear()

    def _walk(self, node: ast.expr, local: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Name):
            return local[node.id] if node.id in local else self.value(node.id)
        if isinstance(node, ast.Constant):
            return sympy.Integer(node.value)
        if isinstance(node, ast.Attribute) and node.attr == "T":
            value = self._walk(node.value, local)
            if isinstance(value, Stack):
                return Stack(value.blocks, not value.turned)
            return value.T if isinstance(value, Form) else value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return _times(sympy.Integer(-1), self._walk(node.operand, local))
        if not isinstance(node, ast.BinOp):
            raise ValueError(f"{ast.unparse(node)} is not in the language")
        left, right = self._walk(node.left, local), self._walk(node.right, local)
        if isinstance(node.op, ast.Mult):
            return _times(left, right)
        if isinstance(node.op, ast.Div):
            return _times(left, 1 / _plain(right))
        return _plus(left, right, 1 if isinstance(node.op, ast.Add) else -1)


def indexed(name: str) -> str:
    """M2 as M_{2}."""
    stem = name.rstrip("0123456789")
    return f"{stem}_{{{name[len(stem) :]}}}" if stem and stem != name else name


def is_vector(value: Any) -> bool:
    """Whether a parameter is a vector: a tuple of numbers."""
    return isinstance(value, tuple) and not any(isinstance(entry, tuple) for entry in value)


def is_matrix(value: Any) -> bool:
    """Whether a parameter is a square matrix: as many rows, which are tuples, as columns."""
    return isinstance(value, tuple) and all(
        isinstance(row, tuple) and len(row) == len(value) for row in value
    )


def vector_letter(name: str) -> Form:
    """The letter of a parameter that is a vector of d numbers, such as w0."""
    return c.letter(indexed(name), c.d, 1)


def _plain(value: Any) -> Any:
    """A 1 × 1 form as a scalar."""
    if isinstance(value, Form) and (value.rows, value.columns) == (1, 1):
        return value.scalar()
    return value


def _times(left: Any, right: Any) -> Any:
    left, right = _plain(left), _plain(right)
    if isinstance(left, Stack) or isinstance(right, Stack):
        return _stack_times(left, right)
    if isinstance(left, Form) and isinstance(right, Form):
        return left @ right
    if isinstance(right, Form):
        return left * right
    return right * left if isinstance(left, Form) else left * right


def _stack_times(left: Any, right: Any) -> Any:
    if isinstance(left, Stack) and isinstance(right, Stack):
        if not left.turned or right.turned:
            raise OutsideCalculusError("a product over tokens that is not a sum over them")
        first, *rest = (a.T @ b for a, b in zip(left.blocks, right.blocks, strict=True))
        return sum(rest, first)
    if isinstance(left, Stack) and not left.turned:
        matrix = isinstance(right, Form)
        return Stack(tuple(b @ right if matrix else right * b for b in left.blocks))
    if isinstance(right, Stack) and not isinstance(left, Form):
        return Stack(tuple(left * b for b in right.blocks), right.turned)
    if isinstance(left, Form) and isinstance(right, Stack) and right.turned:
        return Stack(tuple(b @ left.T for b in right.blocks), True)
    raise OutsideCalculusError("a product with single tokens")


def _plus(left: Any, right: Any, sign: int) -> Any:
    left, right = _plain(left), _plain(right)
    if isinstance(left, Stack) and isinstance(right, Stack) and left.turned == right.turned:
        return left.combine(right, sign)
    if isinstance(left, Form) and isinstance(right, Form):
        return left + sign * right
    if isinstance(left, (Form, Stack)) or isinstance(right, (Form, Stack)):
        raise OutsideCalculusError("a sum of a matrix and a number, or of single tokens")
    return left + sign * right


def prove_witness(
    witness: Any,
    examples: int | None = None,
    expand: bool = False,
    statement: Statement | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Proof:
    """Prove every layer's `holds`, and that the prediction is the one of `statement`, for every d.

    For every n too, unless the weights depend on it or tell tokens apart by one-hot positions:
    then for the number of examples that the witness, or `examples`, fixes. `statement` gives the
    algorithm: definitions, which replace the witness's own of the same names, and the prediction;
    `parameters` the values of its names, the witness's own by default. Without it only the
    witness's own words are proved, which is no proof of any algorithm. `expand` puts every
    definition in instead of going on with letters, for few layers only. A layer that does something
    else than it says, and anything outside the calculus, make a Proof that is not proved, with the
    first such line in `failed`.
    """
    start = time.perf_counter()
    together = witness.examples is None and examples is None
    ways: tuple[Letters, ...] = ("none",) if expand else ("all", "matrices")
    for letters in ways:
        lines: list[str] = []
        try:
            failed = _prove(witness, examples, lines, letters, statement, parameters)
        except (OutsideCalculusError, ShapeError) as error:
            failed = f"outside the calculus: {error}"
        if failed is None:
            break
    every = "n, d" if together else "d"
    does = "does what its layers say"
    if statement is not None:
        does = f"predicts {plain_text(statement[1])}"
    return Proof(
        id=f"{witness.name}.assembled",
        statement=rf"\text{{the assembled {witness.name.replace('_', ' ')} {does}, for every }} "
        rf"{every}",
        kind="identity",
        proved=failed is None,
        steps=tuple(lines),
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
    lines: list[str],
    letters: Letters,
    statement: Statement | None,
    parameters: Mapping[str, Any] | None,
) -> str | None:
    """The first line that is false, None if all are true."""
    parameters = {**witness.parameters, **(parameters or {})}
    arrays = array_letters(parameters)
    matrices = {(k,) if is_vector(k) else k: v.T if is_vector(k) else v for k, v in arrays.items()}
    definitions, prediction = dict(witness.definitions), None
    if statement is not None:
        if letters == "none":  # nothing is shared: names may mean one thing here, another there
            statement = _renamed(statement)
        definitions, prediction = {**definitions, **statement[0]}, statement[1]
        parameters = {k: v for k, v in parameters.items() if k not in statement[0]}
    run = Run(witness, examples, matrices)
    scope = Scope(parameters, arrays, run, definitions)
    held: dict[tuple[str, str], str] = {}
    for number, layer in enumerate(witness.layer_list, start=1):
        run.layer(layer)
        held = {}
        for hold in layer.holds:
            for group, state in zip(run.groups, run.states, strict=True):
                if not group.matches(hold.tokens):
                    continue
                wanted = _rows(scope, hold.expression, group, hold.slot, witness)
                found = state.get(hold.slot, c.zero(wanted.rows, wanted.columns))
                where = rf"\text{{layer {number} ({layer.name}), {group.name}, {hold.slot}: }}"
                if not _decide(lines, where, found, wanted):
                    return lines[-1]
                held[group.name, hold.slot] = hold.expression
        for text in held.values() if letters != "none" else ():
            scope.settle(text, vectors=letters == "all")
        for group, state in zip(run.groups, run.states, strict=True):
            for (name, slot), text in held.items():
                if name == group.name:
                    in_letters = _rows(scope, text, group, slot, witness)
                    state[slot] = in_letters  # equal to what was found
                    if not in_letters.normal():
                        del state[slot]
    slot, query = witness.readout.slot, run.groups[-1]
    if prediction is None and ("query", slot) not in held:
        return rf"\text{{no layer says at last what {slot} holds at the query}}"
    found = sympy.sympify(witness.readout.coefficient) * run.states[-1].get(slot, c.zero(1, 1))
    if prediction is None:
        lines.append(rf"\text{{prediction: }} {found.latex()}")
    elif not _decide(
        lines, r"\text{prediction: }", found, _rows(scope, prediction, query, slot, witness)
    ):
        return lines[-1]
    return None


def array_letters(parameters: Mapping[str, Any]) -> dict[Any, Form]:
    """A letter for each vector and matrix among the parameters, whatever names it has."""
    made: dict[Any, Form] = {}
    for name, value in parameters.items():
        if is_vector(value) and any(entry != 0 for entry in value):
            made.setdefault(value, vector_letter(name))
        elif is_matrix(value):
            made.setdefault(value, c.letter(name, c.d, c.d))
    return made


def _renamed(statement: Statement) -> Statement:
    """The same algorithm under names that no witness has."""
    names = {name: f"{name}_stated" for name in statement[0]}

    def renamed(text: str) -> str:
        return re.sub(r"[A-Za-z_]\w*", lambda match: names.get(match[0], match[0]), text)

    return {names[k]: renamed(v) for k, v in statement[0].items()}, renamed(statement[1])


def _decide(lines: list[str], text: str, left: Form, right: Form) -> bool:
    same = left == right
    relation = "=" if same else r"\neq"
    lines.append(f"{text} {left.latex()} {relation} {right.latex()}")
    return same


def _rows(scope: Scope, text: str, group: Any, slot: str, witness: Any) -> Form:
    """An expression per token as the group's rows (a matrix slot as it is)."""
    rows = group.rows
    x = group.features.get("x", c.zero(rows, c.d))
    y = group.features.get("y", c.zero(rows, 1))
    value = scope.evaluate(text, {"x_t": x.T, "y_t": _plain(y.T)})
    shape = witness.layout.shape(slot)
    if not isinstance(value, Form):
        if value == 0:
            sizes = {0: (rows, 1), 1: (rows, c.d), 2: (c.d, c.d)}
            return c.zero(*sizes[len(shape)])
        value = c.number(value)
    return value if len(shape) == 2 or value.rows == rows else value.T
