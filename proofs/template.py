"""Layers with letters for their weights: the one text that is solved, run and proved.

A `Template` says what the slots hold before its layers and what they hold after, in the language
of formulas. The same layers, run in the calculus, give the equations for the letters; with the
solution put in they are the layers that a witness runs, and what is proved of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import chain, product
from typing import Any, TypeAlias

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.arrays import Arrays
from proofs.calculus.form import Form
from proofs.calculus.run import Run
from proofs.calculus.scope import plain
from proofs.calculus.tokens import Group, ones
from proofs.exact import exact
from proofs.formula import latex, names
from proofs.layer import MLP, Head, Holds, Layer
from proofs.prompt import Prompt
from proofs.prove_witness import Scope, rows_of
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.solve import Gauge, Solution, equations, solve
from proofs.stream import DIMENSION, Layout, layout
from proofs.theorem import Kind, Theorem

Also: TypeAlias = Callable[[Argument, Mapping[str, Any], Mapping[Any, Any]], None]
Held: TypeAlias = Mapping[str, str] | tuple[Holds, ...]
QUERY_SCALE = "a query scaled up and the value scaled down"
KEY_SCALE = "a key scaled up and the value scaled down"


@dataclass(frozen=True)
class Stage:
    """What layers work on: a stream and how tokens enter it; n examples, or a fixed number.

    `parts` of x, and those of a query, as in Prompt.
    """

    layout: Layout
    embedding: SlotMap
    register: bool = False
    positions: int = 0
    examples: int | None = None
    d: str = DIMENSION
    parts: Layout | None = None
    query_parts: tuple[str, ...] | None = None

    def at(self, values: Mapping[Any, Any]) -> Stage:
        """The same with values for letters in what a token carries."""
        read = (replace(b, coefficient=_value(b.coefficient, values)) for b in self.embedding)
        return replace(self, embedding=SlotMap(tuple(read))) if values else self

    @cached_property
    def prompt(self) -> Prompt:
        return Prompt(
            self.d,
            self.embedding,
            register=self.register,
            positions=self.positions,
            parts=self.parts,
            query_parts=self.query_parts,
        )


def stage(embedding: Mapping[str, str | tuple[str, Any]], **shapes: str) -> Stage:
    """stage({"x": "x", "y": "y", "t": ("x", alpha)}, x="d", y="", t="d"): a letter per axis.

    `embedding` gives slots what a token carries, or (that, a factor).
    """
    read = ((to, *((of,) if isinstance(of, str) else of)) for to, of in embedding.items())
    return Stage(layout(**shapes), slot_map(*read))


@dataclass(frozen=True)
class Template:
    """`layers` on a stage, before and after which the slots hold what is said.

    before, after: {slot: formula per token} over X, y, S, x_t, y_t, n, the named parameters,
    `letters` and `let`; or `Holds`, each with its own tokens. A letter is a "matrix", "symmetric",
    "commuting" (a polynomial in S) or "vector" and stands for any such value, or a "number", in
    which the equality must hold identically; a "token" p is a number per token: p (n, 1) of the
    examples, p_t. `becomes` says what the letters are after the layers (then `after` is `before` if
    it is not given), `inverse_grows` that such a letter is the inverse of its inverse before plus
    this. `let` names further formulas. `fix` are weights that stay free: the value that is taken,
    and why any other does as well; where none is named, `normalised`. `tokens` as in `Holds`.
    Alone, the theorem `assumes` what an induction shows; `also` states what the statement needs
    besides. Without layers it speaks of the embedding. Layers that another template solves are
    given by a function. `states` is the theorem in LaTeX, read off all this where none is given.
    """

    name: str
    stage: Stage
    layers: tuple[Layer, ...] | Callable[[], tuple[Layer, ...]]
    states: str = ""
    before: Held = field(default_factory=dict)
    after: Held = field(default_factory=dict)
    becomes: Mapping[str, str] = field(default_factory=dict)
    inverse_grows: Mapping[str, str] = field(default_factory=dict)
    let: Mapping[str, str] = field(default_factory=dict)
    fix: tuple[Gauge, ...] | None = None
    letters: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    tokens: str | int = "all"
    charts: tuple[tuple[sympy.Symbol, ...], ...] = ()
    kind: Kind = "identity"
    assumes: tuple[str, ...] = ()
    also: Also | None = None

    @cached_property
    def with_letters(self) -> tuple[Layer, ...]:
        """The layers, letters standing for their weights."""
        return self.layers() if callable(self.layers) else self.layers

    @property
    def leaves(self) -> tuple[Holds, ...]:
        """What the slots hold after the layers, in the letters that they make."""
        return self._holds(self.after or self.before)

    def _holds(self, held: Held) -> tuple[Holds, ...]:
        if isinstance(held, tuple):
            return held
        return tuple(Holds(slot, text, self.tokens) for slot, text in held.items())

    @cached_property
    def unknowns(self) -> tuple[sympy.Symbol, ...]:
        """The letters of the weights, in the order in which the layers have them."""
        given = {sympy.Symbol(name) for name in (*self.parameters, *self.letters)}
        found = (symbols(block.coefficient) for block in blocks(self.with_letters))
        return tuple(symbol for symbol in dict.fromkeys(chain(*found)) if symbol not in given)

    @cached_property
    def conditions(self) -> tuple[Any, ...]:
        """The equations between the unknowns: expressions that are to be 0.

        They hold identically in every scalar of the prompt: numbers that are letters, targets of
        single tokens, products such as a^T P a.
        """
        pairs = [(got, wanted) for _, got, wanted in self.compared(self.with_letters)]
        coefficients = chain(*(form.terms.values() for pair in pairs for form in pair))
        given = {*self.unknowns, *map(sympy.Symbol, self.parameters), c.n, c.d, c.m}
        scalars = set().union(*(coefficient.free_symbols for coefficient in coefficients)) - given
        return equations(*pairs, over=sorted(scalars, key=str))

    @cached_property
    def solution(self) -> Solution:
        """The weights, and the freedom that is left. Raises NoSolutionError."""
        return solve(
            self.name,
            self.statement,
            self.unknowns,
            self.conditions,
            self.normalised if self.fix is None else self.fix,
            charts=self.charts or (self.exchanged if self.fix is None else ()),
        )

    @cached_property
    def normalised(self) -> tuple[Gauge, ...]:
        """First letter of a query and of a key as 1, where letters of the value take up its scale.

        That holds of every linear head whose value and query (or key) are letters throughout.
        """
        made = {}
        for query, key in self._scales:
            for own, reason in ((query, QUERY_SCALE), (key, KEY_SCALE)):
                if own:
                    made[own[0]] = Gauge(own[0], sympy.Integer(1), reason)
        return tuple(made.values())

    @cached_property
    def exchanged(self) -> tuple[tuple[sympy.Symbol, ...], ...]:
        """Every other pair of a query's and a key's letter, that might be the free one."""
        pairs = (pair for own in self._scales for pair in list(product(*own))[1:])
        return tuple(pairs)

    @cached_property
    def _scales(self) -> tuple[tuple[tuple[sympy.Symbol, ...], ...], ...]:
        """Letters of (query, key) of each head that scale freely; none of either that does not."""
        found = []
        for head in chain(*(layer.heads for layer in self.with_letters)):
            query, key, value = map(self._own, (head.query, head.key, head.value))
            if head.attention == "linear" and value:
                found.append((query, key))
        return tuple(found)

    def _own(self, slots: SlotMap) -> tuple[sympy.Symbol, ...]:
        """The letters of its blocks; none where one of them is no letter of a weight."""
        found = tuple(block.coefficient for block in slots)
        return found if set(found) <= set(self.unknowns) else ()

    @property
    def weights(self) -> Mapping[str, Any]:
        """The solved weights: numbers, or expressions in the parameters."""
        return self.solution.weights

    def with_weights(self, weights: Mapping[str, Any]) -> tuple[Layer, ...]:
        """The layers with these weights for their letters; blocks that are zero are dropped."""
        if not self.with_letters:
            return ()
        at = {symbol: weights[symbol.name] for symbol in self.unknowns}
        *made, last = (substituted(layer, at) for layer in self.with_letters)
        return (*made, replace(last, holds=last.holds or self.leaves))

    def put(self, layers: Iterable[Layer]) -> tuple[Layer, ...]:
        """Other layers with the same letters, the solved weights put in."""
        at = {symbol: self.weights[symbol.name] for symbol in self.unknowns}
        return tuple(substituted(layer, at) for layer in layers)

    def at(self, **parameters: Any) -> tuple[Layer, ...]:
        """The solved layers, with numbers (or letters) for parameters, rows for a matrix."""
        rows = {matrix_letter(k): v for k, v in parameters.items() if isinstance(v, tuple)}
        numbers = {k: v for k, v in parameters.items() if not isinstance(v, tuple)}
        values = {sympy.Symbol(name): as_sympy(value) for name, value in numbers.items()}
        return tuple(substituted(layer, values, rows) for layer in self.solved)

    @cached_property
    def solved(self) -> tuple[Layer, ...]:
        """The layers with the solved weights."""
        return self.with_weights(self.weights)

    @property
    def statement(self) -> str:
        """The theorem in LaTeX: "t_t = T x_t ↦ t_t = T' x_t, T' = 2T - TST, every symmetric T"."""
        if self.states:
            return self.states
        new = {name: f"{name}'" for name in self.becomes}
        made = _listed([*self.changes(new), *self.recurrence({}, new)])
        entered = [one for one in self._holds(self.before) if one.expression != f"{one.slot}_t"]
        if not entered:
            return made
        spoken_of = set().union(*(names(one.expression) for one in entered))
        kinds = [
            rf"\quad\text{{for every {kind} }} {latex(name)}"
            for name, kind in self.letters.items()
            if name in spoken_of
        ]
        return rf"{_listed(map(_said, entered))} \;\mapsto\; {made}{''.join(kinds)}"

    def changes(self, new: Mapping[str, str]) -> list[str]:
        """What the slots hold after it and did not before, in the `new` names of its letters."""
        kept = [] if self.becomes else self._holds(self.before)
        made = [one for one in self.leaves if one not in kept and one.expression != f"{one.slot}_t"]
        used = set().union(*(names(one.expression) for one in made))
        let = {name: text for name, text in self.let.items() if name in used}
        return [
            *(_said(one, new) for one in made),
            *(f"{latex(name, new)} = {latex(text, new)}" for name, text in let.items()),
        ]

    def recurrence(self, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
        """What its letters become, by their `new` names, in terms of the `old` ones."""
        return [f"{latex(name, new)} = {latex(text, old)}" for name, text in self.becomes.items()]

    # -- what they do -------------------------------------------------------------------------

    def compared(
        self, layers: Sequence[Layer], at: Mapping[Any, Any] | None = None
    ) -> Iterator[tuple[str, Form, Form]]:
        """("examples, t", what the slot holds after these layers, what it should hold).

        A slot of which nothing is said should hold what it held before.
        """
        matrices = [name for name, kind in self.letters.items() if kind == "matrix"]
        named = {matrix_letter(name): c.letter(name, c.d, c.d) for name in matrices}
        run = Run(self.stage.at(at or {}), self.stage.examples, named)
        scope = self._scope(run, at or {})
        groups = list(zip(run.groups, run.states, strict=True))
        for group, state in groups:
            for held in self._holds(self.before):
                if group.matches(held.tokens):
                    state.pop(held.slot, None)
                    state.add(held.slot, self._rows(scope, held, group))
        entered = [state.copy() for state in run.states]
        for layer in layers:
            run.layer(layer)
        scope = self._after(scope)
        spoken_of = {held.slot for held in self.leaves}
        for (group, state), before in zip(groups, entered, strict=True):
            # a later template may read what this one says nothing of: it has to stay
            for slot in sorted((set(state) | set(before)) - spoken_of):
                kept = before.get(slot) or c.zero(state[slot].rows, state[slot].columns)
                zero = c.zero(kept.rows, kept.columns)
                yield f"{group.name}, {slot} is left alone", state.get(slot, zero), kept
            for held in self.leaves:
                if group.matches(held.tokens):
                    wanted = self._rows(scope, held, group)
                    zero = c.zero(wanted.rows, wanted.columns)
                    yield f"{group.name}, {held.slot}", state.get(held.slot, zero), wanted

    def _rows(self, scope: Scope, held: Holds, group: Group) -> Form:
        """The formula at the tokens of a group; one that speaks of no token is the same at all."""
        here = copy(scope)
        here.found, here.known = {}, dict(scope.known)
        for name, kind in self.letters.items():
            if kind == "token":
                own = scope.known[name].T if group.context else c.number(sympy.Symbol(f"{name}_*"))
                here.known[f"{name}_t"] = plain(own)
        rows = rows_of(here, held.expression, group, held.slot)
        per_token = len(self.stage.layout.shape(held.slot)) < 2
        return ones(group.rows) @ rows if per_token and rows.rows != group.rows else rows

    def _scope(self, run: Run, at: Mapping[Any, Any]) -> Scope:
        names = (*self.parameters, *(k for k, kind in self.letters.items() if kind == "number"))
        numbers = {name: sympy.Symbol(name) for name in names}
        values = {k: at.get(symbol, symbol) for k, symbol in numbers.items()}
        scope = Scope(values, Arrays({}, 1), run, {})
        scope.known["S"] = c.S
        scope.definitions = self.let
        for name, kind in self.letters.items():
            if kind == "vector":
                scope.known[name] = c.letter(name, c.d, 1)
            elif kind == "token":
                if self.stage.examples is not None:
                    raise ValueError(f"{self.name}: a number per token, of examples told apart")
                scope.known[name] = c.letter(name, c.n, 1)
            elif kind in ("matrix", "symmetric", "commuting"):
                scope.known[name] = c.letter(
                    name, c.d, c.d, symmetric=kind == "symmetric", commuting=kind == "commuting"
                )
        return scope

    def _after(self, before: Scope) -> Scope:
        """The scope in which the letters are what they have become."""
        made = copy(before)
        made.found = {}
        made.known = before.known | {
            name: before.evaluate(text, {}) for name, text in self.becomes.items()
        }
        return made

    # -- what is proved of them ---------------------------------------------------------------

    def argue(
        self, argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any] | None = None
    ) -> None:
        """States to the argument that layers with these weights do what the template says.

        That a letter goes on as what it stands for is part of it.
        """
        layers = (substituted(layer, at or {}) for layer in self.with_weights(weights))
        for where, got, wanted in self.compared(tuple(layers), at):
            argument.equal(rf"\text{{{where}: }}", got, wanted)
        before = self._scope(Run(self.stage, self.stage.examples), at or {})
        following = self._after(before)
        for name in self.becomes:
            if self.letters[name] == "symmetric":
                matrix = following.known[name]
                argument.equal(rf"\text{{the next {name} is symmetric: }}", matrix, matrix.T)
            elif self.letters[name] == "commuting":
                argument.polynomial_in_s(rf"\text{{the next }} {name}", following.known[name])
        for name, text in self.inverse_grows.items():
            enlarged = c.inverse_letter(before.known[name]) + before.evaluate(text, {})
            product = following.known[name] @ enlarged
            argument.equal(rf"{name}'({name}^{{-1}} + \ldots) = ", product, c.identity(c.d))
        if self.also is not None:
            self.also(argument, weights, at or {})

    def _argue_alone(
        self, argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any] | None = None
    ) -> None:
        """The same where no induction shows what is assumed."""
        for text in self.assumes:
            argument.assume(text)
        self.argue(argument, weights, at)

    def theorem(self, *claims: str) -> Theorem:
        """The template as a theorem, whose weights can be replaced."""
        return Theorem(
            id=self.name,
            claims=claims,
            statement=self.statement,
            kind=self.kind,
            argue=self._argue_alone,
            weights=lambda: self.weights,
        )


@dataclass(frozen=True)
class Induction:
    """Templates one after the other, such as a start, a step for any value before it, an end.

    `templates` by the names that their weights have here, "step.value". `names` say what their
    letters are after step k: {"T": "M{k}"}. `also` states what the induction needs besides.
    `states` is the theorem in LaTeX, read off the templates where none is given.
    """

    name: str
    templates: dict[str, Template]
    states: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    assumes: tuple[str, ...] = ()
    also: Also | None = None

    @property
    def stage(self) -> Stage:
        """What all of them work on."""
        return next(iter(self.templates.values())).stage

    def parts(self) -> tuple[tuple[Template, ...], tuple[Template, ...], tuple[Template, ...]]:
        """The templates before the step, the step, and those after it.

        The step is what turns letters into others of the same kind, for any value of them.
        """
        before: list[Template] = []
        step: list[Template] = []
        after: list[Template] = []
        for template in self.templates.values():
            if template.becomes and template.before:
                step.append(template)
            else:
                (after if step else before).append(template)
        return tuple(before), tuple(step), tuple(after)

    @property
    def statement(self) -> str:
        """The theorem in LaTeX: "k + 1 layers: t_t = M_k x_t, M_0 = αS, M_{k+1} = …"."""
        if self.states:
            return self.states
        before, step, after = self.parts()
        once, often = (
            sum(len(one.with_letters) for one in part) for part in (before + after, step)
        )
        at = {
            k: {n: _indexed(text, k) for n, text in self.names.items()} for k in ("0", "k", "k+1")
        }
        made = (after or step)[-1].changes(at["k"])
        made += chain(*(one.recurrence({}, at["0"]) for one in before))
        made += chain(*(one.recurrence(at["k"], at["k+1"]) for one in step))
        layers = f"{often} k"[2 * (often == 1) :] + f" + {once}" * bool(once)
        return rf"{layers} \text{{ layers: }} {_listed(made)}\quad\text{{for every }} k, n, d"

    def argue(
        self, argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any] | None = None
    ) -> None:
        """States to the argument that layers with these weights do what the templates say."""
        for text in self.assumes:
            argument.assume(text)
        for name, template in self.templates.items():
            argument.note(rf"\text{{{name}}}")
            own = {k.removeprefix(f"{name}."): v for k, v in weights.items()}
            template.argue(argument, own, at)
        if self.also is not None:
            self.also(argument, weights, at or {})

    def weights(self) -> Mapping[str, Any]:
        """The solved weights of all templates."""
        return {
            f"{name}.{letter}": value
            for name, template in self.templates.items()
            for letter, value in template.weights.items()
        }

    def theorem(self, *claims: str) -> Theorem:
        """The induction as a theorem, whose weights can be replaced."""
        return Theorem(
            self.name, claims, self.statement, "induction on k", self.argue, self.weights
        )


def _said(held: Holds, new: Mapping[str, str] | None = None) -> str:
    return f"{latex(held.slot)}_t = {latex(held.expression, new)}"


def _listed(said: Iterable[str]) -> str:
    return r",\ ".join(said)


def _indexed(name: str, k: str) -> str:
    """ "M{k}" as LaTeX has it: M_k, M_0, M_{k+1}."""
    return name.replace("{k}", f"_{k}" if len(k) == 1 else f"_{{{k}}}")


# -- letters in layers ------------------------------------------------------------------------


def letters(names: str) -> tuple[sympy.Symbol, ...]:
    """Letters for weights: letters("query key")."""
    return tuple(sympy.Symbol(name) for name in names.split())


def scaled(query: Any, key: Any) -> tuple[Gauge, ...]:
    """Query and key are taken as 1: their scale can go into the value."""
    one = sympy.Integer(1)
    return Gauge(query, one, QUERY_SCALE), Gauge(key, one, KEY_SCALE)


def matrix_letter(name: str) -> tuple[tuple[sympy.Symbol]]:
    """What a block of a template has for its `matrix` (d, d) that is a letter."""
    return ((sympy.Symbol(name),),)


def symbols(coefficient: Any) -> list[sympy.Symbol]:
    """The letters of a coefficient, by name."""
    found = getattr(coefficient, "free_symbols", ())
    return sorted(found, key=lambda symbol: symbol.name)


def blocks(layers: Iterable[Layer]) -> Iterator[Block]:
    """Every block of the layers, heads first."""
    for layer in layers:
        for head in layer.heads:
            yield from (*head.query, *head.key, *head.value)
        if layer.mlp is not None:
            for slots in (layer.mlp.inner, layer.mlp.gate, layer.mlp.outer):
                yield from slots or ()


Values: TypeAlias = tuple[tuple[Any, Any], ...]


def substituted(
    layer: Layer, at: Mapping[Any, Any], matrices: Mapping[Any, Any] | None = None
) -> Layer:
    """The layer with values for letters; blocks, and an MLP, that come to nothing are dropped.

    A head or MLP that layers have in common is one afterwards as well: it is made and checked once.
    """
    values = tuple(at.items()), tuple((matrices or {}).items())
    heads = tuple(_in_head(one, *values) for one in layer.heads)
    mlp = layer.mlp and _in_mlp(layer.mlp, *values)
    norm = layer.norm if mlp is not None else False
    made = replace(layer, heads=heads, mlp=mlp, norm=norm)
    return made.with_numbers(lambda number: _value(number, at))


@lru_cache(maxsize=1024)
def _in_head(one: Head, letters: Values, matrices: Values) -> Head:
    put = partial(_in, at=dict(letters), matrices=dict(matrices))
    return replace(one, query=put(one.query), key=put(one.key), value=put(one.value))


@lru_cache(maxsize=1024)
def _in_mlp(one: MLP, letters: Values, matrices: Values) -> MLP | None:
    put = partial(_in, at=dict(letters), matrices=dict(matrices))
    outer = put(one.outer).without_zeros()
    inner, gate = (slots and put(slots) for slots in (one.inner, one.gate))
    return replace(one, outer=outer, inner=inner, gate=gate) if outer else None


def _in(slots: SlotMap, at: Mapping[Any, Any], matrices: Mapping[Any, Any]) -> SlotMap:
    def put(block: Block) -> Block:
        coefficient = _value(block.coefficient, at)
        matrix = matrices.get(block.matrix, block.matrix)
        if coefficient is block.coefficient and matrix is block.matrix:
            return block
        return replace(block, coefficient=coefficient, matrix=matrix)

    return slot_map(*map(put, slots))


def _value(coefficient: Any, at: Mapping[Any, Any]) -> Any:
    if coefficient in at:
        return exact(sympy.sympify(at[coefficient]))
    free: frozenset[Any] = getattr(coefficient, "free_symbols", frozenset())
    present = {letter: sympy.sympify(at[letter]) for letter in free if letter in at}
    return exact(coefficient.xreplace(present)) if present else coefficient


def as_sympy(value: Any) -> Any:
    """An exact number for sympy; letters as they are."""
    if hasattr(value, "free_symbols"):
        return value
    return sympy.Rational(value.numerator, value.denominator)
