r"""The lines of a proof: each is decided from the objects that it names, or decides nothing.

A line that states a relation is made by the method that decides it, from the two sides: text and
truth cannot come apart. What a theorem takes from elsewhere it says by `assume`, and its proof
lists it. A note explains; one that states a relation is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sympy

from proofs import signs
from proofs.calculus.form import Form, is_polynomial_in_s, is_zero
from proofs.solve import Solution, impossible

RELATIONS = (
    "eq", "ne", "neq", "le", "leq", "leqslant", "ge", "geq", "geqslant", "lt", "gt", "ll", "gg",
    "to", "mapsto", "longmapsto", "rightarrow", "leftarrow", "longrightarrow", "Rightarrow",
    "Leftarrow", "Longrightarrow", "implies", "impliedby", "iff", "Leftrightarrow",
    "leftrightarrow", "Longleftrightarrow", "in", "ni", "notin", "subset", "subseteq", "supset",
    "supseteq", "sim", "simeq", "approx", "equiv", "cong", "propto", "prec", "preceq", "succ",
    "succeq", "vdash", "models", "perp", "parallel", "mid", "nmid", "not", "asymp", "doteq",
)  # fmt: skip
_RELATION = re.compile(rf"[=<>≠≤≥→⇒⇔↦∈∉⊂⊆≈≡∼∝]|\\(?:{'|'.join(RELATIONS)})(?![A-Za-z])")
_CONCLUSION = re.compile(
    r"\b(hence|therefore|thus|consequently|implies|equals?|at most|at least|less than|more than|"
    r"greater|contradiction|converges?|tends|vanish\w*)\b",
    re.IGNORECASE,
)


def relation_in(text: str) -> str | None:
    """The first relation that a text states, in symbols or in words."""
    found = _RELATION.search(text) or _CONCLUSION.search(text)
    return found[0] if found else None


def vanishes(expression: Any) -> bool:
    """Whether a scalar expression is identically zero (rational in its powers)."""
    expression = sympy.sympify(expression)
    if (known := is_zero(expression)) is not None:
        return known
    plain = sympy.powsimp(sympy.expand(expression, power_exp=False))
    if plain == 0:
        return True
    reduced = sympy.cancel(sympy.together(sympy.expand(plain)))
    return bool(reduced == 0 or sympy.simplify(reduced) == 0)


def same(left: Any, right: Any) -> bool:
    """left = right: by normal form (forms), as rational functions (scalars), entry by entry."""
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Form) or isinstance(right, Form):
        return bool(left == right)
    return vanishes(sympy.sympify(left) - sympy.sympify(right))


def _shown(side: Any) -> str:
    return side.latex() if isinstance(side, Form) else sympy.latex(sympy.sympify(side))


@dataclass(frozen=True)
class Relation:
    """A line that relates two sides. It is written out when it is read, which takes longer than to
    decide it."""

    text: str
    left: Any
    relation: str
    right: Any

    def __str__(self) -> str:
        return f"{self.text}{_shown(self.left)} {self.relation} {_shown(self.right)}"


Line: TypeAlias = str | Relation


@dataclass
class Argument:
    """Collects the lines of one proof; the first line that fails is kept."""

    lines: list[Line] = field(default_factory=list)
    assumes: list[str] = field(default_factory=list)
    failed: str | None = None
    decided: int = 0

    # -- lines that decide nothing ----------------------------------------------------------------

    def note(self, text: str) -> None:
        """A line of explanation. Raises ValueError where it states a relation."""
        found = relation_in(text)
        if found is not None:
            raise ValueError(f"a note decides nothing, but this one states {found!r}: {text}")
        self.lines.append(text)

    def let(self, name: str, meaning: Any) -> None:
        """A name for an expression, or for something in words. Raises ValueError on a relation."""
        shown = meaning if isinstance(meaning, str) else _shown(meaning)
        for part in (name, shown):
            found = relation_in(part)
            if found is not None:
                raise ValueError(f"a name is given, but {part} states {found!r}")
        self.lines.append(rf"{name} := {shown}")

    def assume(self, text: str) -> None:
        """What the theorem takes for granted: part of its statement, shown wherever that is."""
        if text not in self.assumes:
            self.assumes.append(text)
            self.lines.append(rf"\text{{assumed: }} {text}")

    # -- lines that are decided -------------------------------------------------------------------

    def _decide(self, line: Line, truth: bool) -> bool:
        self.decided += 1
        self.lines.append(line)
        if not truth and self.failed is None:
            self.failed = str(line)
        return truth

    def equal(self, text: str, left: Any, right: Any) -> bool:
        """left = right."""
        truth = same(left, right)
        relation = "=" if truth else r"\neq"
        return self._decide(Relation(text, left, relation, right), truth)

    def differ(self, text: str, left: Any, right: Any) -> bool:
        """left ≠ right as forms or rational functions."""
        truth = not same(left, right)
        relation = r"\neq" if truth else "="
        return self._decide(Relation(text, left, relation, right), truth)

    def polynomial_in_s(self, text: str, form: Form) -> bool:
        """Every word of the form is a product of S = XᵀX and of letters that commute with it."""
        truth = is_polynomial_in_s(form)
        relation = r"\in" if truth else r"\notin"
        return self._decide(rf"{text} = {form.latex()} {relation} \mathbb{{R}}[S]", truth)

    def at_least(self, text: str, left: Any, right: Any) -> bool:
        """left ≥ right for all values of their symbols."""
        truth = signs.nonnegative(sympy.sympify(left) - sympy.sympify(right))
        return self._compared(text, left, r"\geq", right, truth)

    def greater(self, text: str, left: Any, right: Any) -> bool:
        """left > right for all values of their symbols."""
        truth = signs.positive(sympy.sympify(left) - sympy.sympify(right))
        return self._compared(text, left, ">", right, truth)

    def _compared(self, text: str, left: Any, relation: str, right: Any, truth: bool) -> bool:
        shown = relation if truth else rf"\not{relation}"
        return self._decide(Relation(text, left, shown, right), truth)

    def grows_from(self, text: str, left: Any, right: Any, variable: Any) -> bool:
        """left ≥ right for every variable ≥ 0: equal at 0, and the difference does not fall."""
        gap = sympy.sympify(left) - sympy.sympify(right)
        shown = sympy.latex(variable)
        start = self.equal(rf"{text}{shown} = 0:\ ", gap.subs(variable, 0), 0)
        slope = rf"\tfrac{{d}}{{d{shown}}}\left({_shown(gap)}\right):\ "
        rises = self.at_least(slope, sympy.diff(gap, variable), 0)
        return self._compared(text, left, r"\geq", right, start and rises)

    def limit(self, text: str, expression: Any, variable: Any, to: Any, value: Any) -> bool:
        """The limit of the expression, from the right at a finite point, is `value`."""
        found = sympy.limit(sympy.sympify(expression), variable, sympy.sympify(to), "+")
        truth = found == sympy.sympify(value)
        relation = "=" if truth else r"\neq"
        place = rf"{sympy.latex(variable)} \to {sympy.latex(sympy.sympify(to))}"
        left = rf"\lim_{{{place}}} {_shown(expression)}"
        return self._decide(rf"{text}{left} {relation} {_shown(value)}", truth)

    def recurrence(
        self, text: str, closed: Any, index: Any, start: Any, step: Any, first: int = 0
    ) -> bool:
        """`closed`, a formula in `index`, is `start` at the first one and follows the step.

        This is induction: the step is decided for a symbol in place of the index.
        """
        shown = sympy.latex(index)
        base = self.equal(rf"{text}{shown} = {first}:\ ", closed.subs(index, first), start)
        return base & self.equal(
            rf"{text}{shown} \to {shown} + 1:\ ", step(closed), closed.subs(index, index + 1)
        )

    def no_other_root(self, text: str, polynomial: Any, variable: Any) -> bool:
        """The polynomial is not 0 for any real value of the variable but 0."""
        form = sympy.Poly(sympy.expand(polynomial), variable)
        alone = form.as_expr().free_symbols <= {variable}
        truth = alone and not form.is_zero and set(sympy.real_roots(form)) <= {0}
        shown, name = sympy.latex(form.as_expr()), sympy.latex(variable)
        relation = r"\neq" if truth else r"\not\neq"
        return self._decide(rf"{text}{name} \neq 0 \Rightarrow {shown} {relation} 0", truth)

    def unsolvable(self, text: str, equations: Sequence[Any], unknowns: Sequence[Any]) -> bool:
        """Polynomial equations without a common zero, over any field: the Gröbner basis is {1}."""
        return self._system(text, equations, unknowns, impossible(equations, unknowns))

    def solvable(self, text: str, equations: Sequence[Any], unknowns: Sequence[Any]) -> bool:
        """Polynomial equations with a common zero, perhaps over the complex numbers."""
        truth = not impossible(equations, unknowns)
        return self._system(text, equations, unknowns, not truth, wanted=False)

    def _system(
        self, text: str, equations: Sequence[Any], unknowns: Sequence[Any], empty: bool,
        wanted: bool = True,
    ) -> bool:  # fmt: skip
        shown = r",\ ".join(f"{sympy.latex(e)} = 0" for e in equations)
        names = ", ".join(map(sympy.latex, unknowns))
        quantifier = r"\nexists" if empty else r"\exists"
        return self._decide(rf"{text}{quantifier}\,{names}:\ {shown}", empty is wanted)

    def solved(
        self, text: str, solution: Solution, weights: Mapping[str, Any] | None = None
    ) -> bool:
        """The weights (by default the solution's own) satisfy the solution's equations."""
        found = solution.residuals(weights)
        return self.equal(text, found, (sympy.Integer(0),) * len(found))
