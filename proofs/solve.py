"""From unknown coefficients to weights.

A layer with unknown coefficients is run through the calculus, what it computes is
matched with what it must compute word by word, and the equations are solved exactly. A
`Solution` is the family of all solutions, the freedom that is left, and the
representative that the witnesses use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, product
from types import MappingProxyType
from typing import Any

import sympy
from sympy.polys.matrices import DomainMatrix

from proofs.calculus.form import Form, cancelled, is_zero, reduced


class NoSolutionError(ValueError):
    """The ansatz cannot meet its requirement."""


@dataclass(frozen=True)
class Gauge:
    """A free unknown, the value that the representative gives it, and why it is free."""

    symbol: sympy.Symbol
    value: sympy.Expr
    reason: str
    nonzero: bool = True


@dataclass(frozen=True)
class Solution:
    """Solved weights.

    `families` are all branches of solutions, each unknown as an expression in the free
    ones; `family` is the branch of the representative; `weights` are exact numbers or
    expressions in the named parameters; `notes` are LaTeX lines that say more of the statement.
    """

    name: str
    statement: str
    unknowns: tuple[sympy.Symbol, ...]
    equations: tuple[sympy.Expr, ...]
    families: tuple[Mapping[sympy.Symbol, sympy.Expr], ...]
    family: Mapping[sympy.Symbol, sympy.Expr]
    gauge: tuple[Gauge, ...]
    weights: Mapping[str, sympy.Expr]
    notes: tuple[str, ...] = ()

    @property
    def free(self) -> tuple[sympy.Symbol, ...]:
        """The unknowns that stay free in the representative's family."""
        return tuple(g.symbol for g in self.gauge)

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """LaTeX lines from the statement to the weights, written when they are read."""
        return (self.statement, *self.notes, *_lines(self.equations, self.families, self.gauge))

    def residuals(self, weights: Mapping[str, Any] | None = None) -> tuple[sympy.Expr, ...]:
        """The equations with `weights` put in (default: the representative); all 0 if met."""
        chosen = dict(self.weights) | dict(weights or {})
        values = {u: sympy.sympify(chosen[u.name]) for u in self.unknowns if u.name in chosen}
        return tuple(reduced(e.xreplace(values)) for e in self.equations)

    def check(self, weights: Mapping[str, Any] | None = None) -> bool:
        """Whether `weights` (default: the representative) satisfy every equation."""
        return all(residual == 0 for residual in self.residuals(weights))


def equations(*pairs: tuple[Form, Form], over: Iterable[sympy.Symbol] = ()) -> tuple[Any, ...]:
    """Conditions on the coefficients for left = right, word by word, without repeats.

    Numerators are also matched monomial by monomial in `over`: scalars of the prompt such
    as aᵀPa, for which the equality must hold identically.
    """
    found: dict[sympy.Expr, None] = {}
    indeterminates = set(over)
    for left, right in pairs:
        for coefficient in (left - right).terms.values():
            for part in _numerators(coefficient, indeterminates):
                if -part not in found:
                    found[part] = None
    return tuple(found)


def _numerators(fraction: sympy.Expr, indeterminates: set[sympy.Symbol]) -> list[sympy.Expr]:
    """The coefficients, not 0, of the numerator as a polynomial in these indeterminates.

    Raises ValueError where it is none.
    """
    if not fraction.free_symbols:
        return [fraction] if fraction != 0 else []
    numerator, _ = cancelled(fraction)
    letters = numerator.ring.symbols
    if any(not s.is_Symbol and s.free_symbols & indeterminates for s in letters):
        raise ValueError(f"{fraction} is no rational function of {indeterminates}")
    apart = [symbol in indeterminates for symbol in letters]
    parts: dict[tuple[int, ...], Any] = {}
    for powers, coefficient in numerator.terms():
        here = tuple(power if out else 0 for power, out in zip(powers, apart, strict=True))
        rest = tuple(0 if out else power for power, out in zip(powers, apart, strict=True))
        parts.setdefault(here, numerator.ring.zero)[rest] = coefficient
    return [part.as_expr() for part in parts.values()]


def impossible(conditions: Sequence[Any], unknowns: Sequence[sympy.Symbol]) -> bool:
    """Whether polynomial `conditions` have no common zero, over any field extension.

    By the Nullstellensatz: exactly if the Gröbner basis over the field of the parameters
    is {1}.
    """
    conditions = [sympy.sympify(c) for c in conditions]
    zeros = {c: sympy.Integer(0) for c in conditions if c in unknowns}
    remaining = [c for c in (sympy.expand(c.xreplace(zeros)) for c in conditions) if c != 0]
    if _unmet(remaining, unknowns):
        return True
    if not remaining:
        return False
    present = [u for u in unknowns if any(u in c.free_symbols for c in remaining)]
    basis = sympy.groebner(remaining, *present, order="grevlex")
    return list(basis.exprs) == [1]


def branches(
    conditions: Iterable[Any], unknowns: Sequence[sympy.Symbol], by_cases: bool = True
) -> list[dict[sympy.Symbol, sympy.Expr]]:
    """All solutions of `conditions`, solved for `unknowns`; further symbols are parameters.

    by_cases: where a condition is a product, each factor is tried as 0 before sympy is asked.
    """
    found: dict[sympy.Symbol, sympy.Expr] = {}
    remaining = _independent(conditions)
    while forced := _forced(remaining, unknowns):
        found |= forced
        remaining = _independent(_put(remaining, forced))
    if not remaining:
        return [found]
    others = [unknown for unknown in unknowns if unknown not in found]
    if _unmet(remaining, others):  # which sympy's solve leaves out
        return []
    zeros = _one_is_zero(remaining, others) if by_cases else []
    inhabited: list[list[dict[sympy.Symbol, sympy.Expr]]] = []
    for zero in zeros:
        if len(inhabited) < 2 and (made := branches(_put(remaining, zero), others, False)):
            inhabited.append([found | zero | branch for branch in made])
    if zeros and len(inhabited) < 2:  # several may have solutions in common
        return list(chain.from_iterable(inhabited))
    return [found | branch for branch in sympy.solve(remaining, others, dict=True)]


def _put(
    conditions: Iterable[sympy.Expr], values: Mapping[sympy.Symbol, sympy.Expr]
) -> Iterator[sympy.Expr]:
    """The conditions with values for some unknowns, those left out that are then met."""
    for condition in conditions:
        yield from _numerators(condition.xreplace(values), set())


def _one_is_zero(
    conditions: Sequence[sympy.Expr], unknowns: Sequence[sympy.Symbol]
) -> list[dict[sympy.Symbol, sympy.Expr]]:
    """The unknowns of the first condition that is a product, each as 0: one of them is. None
    without such, or where something is divided by an unknown."""
    if not all(condition.is_polynomial(*unknowns) for condition in conditions):
        return []
    for condition in conditions:
        if condition.is_Mul and all(part.is_Atom for part in condition.args):
            factors = (u for u in unknowns if u in condition.args and u.is_zero is not False)
            return [{factor: sympy.Integer(0)} for factor in factors]
    return []


def _unmet(conditions: Iterable[sympy.Expr], unknowns: Sequence[sympy.Symbol]) -> bool:
    """Whether some condition has none of the unknowns and is not 0 for all parameters."""
    alone = (c for c in conditions if c.free_symbols.isdisjoint(unknowns))
    known = ((c, is_zero(c)) for c in alone)
    return any((c.equals(0) if zero is None else zero) is False for c, zero in known)


def _independent(conditions: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """Sums of conditions, as few as say the same: a matrix of them, a monomial a column, reduced.

    Words of a product give the same few conditions again and again. Monomials of high degree go
    first, so that what can be said without them is.
    """
    rows = [condition.as_coefficients_dict() for condition in conditions]
    found = dict.fromkeys(chain.from_iterable(rows))
    monomials = sorted(found, key=lambda one: (one.count_ops(), not one.is_Number), reverse=True)
    at = {monomial: column for column, monomial in enumerate(monomials)}
    entries = {
        i: {at[monomial]: sympy.QQ.from_sympy(c) for monomial, c in row.items()}
        for i, row in enumerate(rows)
    }
    matrix = DomainMatrix(entries, (len(rows), len(monomials)), sympy.QQ)
    fewest = matrix.rref()[0].to_sdm()
    return [
        sympy.Add(*(sympy.QQ.to_sympy(c) * monomials[column] for column, c in row.items()))
        for row in fewest.values()
    ]


def _forced(
    conditions: Iterable[sympy.Expr], unknowns: Sequence[sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Expr]:
    """Unknowns that a condition without any other of them is linear in, with their values."""
    found: dict[sympy.Symbol, sympy.Expr] = {}
    for condition in conditions:
        present = condition.free_symbols.intersection(unknowns)
        if len(present) == 1:
            (unknown,) = present
            slope, rest = condition.coeff(unknown, 1), condition.coeff(unknown, 0)
            if condition == sympy.expand(slope * unknown + rest):
                found.setdefault(unknown, -rest / slope)
    return found


def solve(
    name: str,
    statement: str,
    unknowns: Sequence[sympy.Symbol],
    conditions: Sequence[Any],
    gauge: Sequence[Gauge],
    notes: Sequence[str] = (),
    charts: Sequence[Sequence[sympy.Symbol]] = (),
) -> Solution:
    """Solve `conditions`, with the unknowns of `gauge` as free parameters.

    The representative is taken at the gauges' values. `charts` are further sets of
    unknowns that can serve as non-zero free parameters; with them the families are all
    solutions: that none exists where every chart with one has an unknown equal to zero is proved by
    Gröbner bases. Raises NoSolutionError when there is no solution, when one may exist
    outside the charts, or when something is left undetermined.
    """
    free = [g.symbol for g in gauge]
    own = [g.symbol for g in gauge if g.nonzero]
    elsewhere = {
        tuple(c): branches(conditions, [u for u in unknowns if u not in c]) for c in charts
    }
    inhabited = [chart for chart, found in elsewhere.items() if found]
    for outside in product(own, *inhabited) if own else ():
        if not impossible([*conditions, *outside], unknowns):
            raise NoSolutionError(f"{name}: {outside} may be zero together")
    solved = branches(conditions, [u for u in unknowns if u not in free])
    if not solved:
        letters = ", ".join(map(str, unknowns))
        raise NoSolutionError(
            f"{name}: no numbers for {letters} make it true ({len(conditions)} equations between "
            "them have no solution)"
        )
    solved += chain(*elsewhere.values())
    families = tuple(
        MappingProxyType({u: sympy.factor(b.get(u, u)) for u in unknowns}) for b in solved
    )
    at = {g.symbol: sympy.sympify(g.value) for g in gauge}
    values = {u: reduced(e.xreplace(at)) for u, e in families[0].items()}
    undetermined = [u for u in unknowns if values[u].has(*unknowns)]
    if undetermined:
        raise NoSolutionError(f"{name}: {undetermined} are free but no gauge")
    result = Solution(
        name=name,
        statement=statement,
        unknowns=tuple(unknowns),
        equations=tuple(conditions),
        families=families,
        family=families[0],
        gauge=tuple(gauge),
        weights=MappingProxyType({u.name: values[u] for u in unknowns}),
        notes=tuple(notes),
    )
    if not result.check():
        raise NoSolutionError(f"{name}: the representative does not satisfy the equations")
    return result


def _lines(
    conditions: Iterable[Any],
    families: Iterable[Mapping[sympy.Symbol, sympy.Expr]],
    gauge: Iterable[Gauge],
) -> list[str]:
    lines = [rf"{sympy.latex(condition)} = 0" for condition in conditions]
    for family in families:
        solved = (f"{sympy.latex(u)} = {sympy.latex(e)}" for u, e in family.items() if u != e)
        lines.append(r",\quad ".join(solved))
    for g in gauge:
        value = f"{sympy.latex(g.symbol)} = {sympy.latex(g.value)}"
        lines.append(rf"{value}\quad\text{{({g.reason})}}")
    return lines


def unknown(*names: str) -> tuple[sympy.Symbol, ...]:
    """Symbols for unknown coefficients."""
    return tuple(sympy.Symbol(name) for name in names)
