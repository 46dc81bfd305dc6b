"""What a theorem and its proof are.

A theorem's argument is a function that states equalities to an `Argument`, which decides
each one in the calculus (or as rational functions) and keeps the line. Nothing is taken
on trust: the proof stands if every line does. Weights and exponents are inputs of the
argument, the solved ones by default, so that the coefficients of an assembled witness, or
wrong ones, can be put in their place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sympy

from proofs.calculus import Form

Kind = Literal["identity", "induction on k", "impossibility", "negation", "analysis"]
Variant = Literal["printed", "repaired", "improved"]


def _no_weights() -> Mapping[str, Any]:
    return {}


def vanishes(expression: Any) -> bool:
    """Whether a scalar expression is identically zero (rational in its powers)."""
    plain = sympy.powsimp(sympy.expand(sympy.sympify(expression), power_exp=False))
    if plain == 0:
        return True
    reduced = sympy.cancel(sympy.together(sympy.expand(plain)))
    return bool(reduced == 0 or sympy.simplify(reduced) == 0)


def _shown(side: Any) -> str:
    return side.latex() if isinstance(side, Form) else sympy.latex(sympy.sympify(side))


@dataclass
class Argument:
    """Collects the lines of one proof; the first line that fails is kept."""

    lines: list[str] = field(default_factory=list)
    failed: str | None = None
    decided: int = 0

    def note(self, text: str) -> None:
        """A line of explanation, which decides nothing."""
        self.lines.append(text)

    def holds(self, text: str, truth: Any) -> bool:
        """A line whose truth was decided elsewhere, by a computation."""
        self.decided += 1
        self.lines.append(text)
        if not bool(truth) and self.failed is None:
            self.failed = text
        return bool(truth)

    def equal(self, text: str, left: Any, right: Any) -> bool:
        """left = right, decided by normal form (forms) or as rational functions (scalars)."""
        if isinstance(left, Form) or isinstance(right, Form):
            truth = left == right
        else:
            truth = vanishes(sympy.sympify(left) - sympy.sympify(right))
        relation = "=" if truth else r"\neq"
        return self.holds(rf"{text}{_shown(left)} {relation} {_shown(right)}", truth)

    def differ(self, text: str, left: Any, right: Any) -> bool:
        """left ≠ right as forms or rational functions."""
        if isinstance(left, Form) or isinstance(right, Form):
            truth = not left == right
        else:
            truth = not vanishes(sympy.sympify(left) - sympy.sympify(right))
        relation = r"\neq" if truth else "="
        return self.holds(rf"{text}{_shown(left)} {relation} {_shown(right)}", truth)


@dataclass(frozen=True)
class Proof:
    """The outcome of one theorem's argument; `failed` is the first line that is not true."""

    id: str
    statement: str
    kind: Kind
    proved: bool
    steps: tuple[str, ...]
    seconds: float
    claims: tuple[str, ...] = ()
    variant: Variant = "improved"
    failed: str | None = None


@dataclass(frozen=True)
class Theorem:
    """A statement for all n and d (and k, where it occurs) with its argument.

    `claims` are the identifiers that it supports in the given `variant`; a theorem of kind
    `negation` shows that the printed statement is false. `weights` gives the solved
    weights that the statement is about, `inputs` the exponents and coefficients beside
    them that `prove` can replace.
    """

    id: str
    claims: tuple[str, ...]
    statement: str
    kind: Kind
    argue: Callable[..., None]
    weights: Callable[[], Mapping[str, Any]] = _no_weights
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variant: Variant = "improved"

    def prove(
        self,
        weights: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Proof:
        """Run the argument.

        `weights` replace solved ones of the same name; `parameters` give named parameters
        (eta, lam, alpha) values, in the solved weights and in the statement. Further
        keywords replace `inputs`. Raises ValueError for names that the theorem lacks.
        """
        start = time.perf_counter()
        solved = dict(self.weights())
        for given, known in ((weights or {}, solved), (changes, self.inputs)):
            strange = sorted(set(given) - set(known))
            if strange:
                raise ValueError(f"{self.id} has no {', '.join(strange)}; it has {sorted(known)}")
        at = {sympy.Symbol(k): sympy.sympify(v) for k, v in (parameters or {}).items()}
        chosen = {**solved, **(weights or {})}
        values = {k: sympy.sympify(v).subs(at) for k, v in chosen.items()}
        arguments: dict[str, Any] = {**self.inputs, **changes}
        if solved:
            arguments["weights"] = values
        if at:
            arguments["at"] = at
        argument = Argument()
        self.argue(argument, **arguments)
        return Proof(
            id=self.id,
            statement=self.statement,
            kind=self.kind,
            proved=argument.failed is None and argument.decided > 0,
            steps=tuple(argument.lines),
            seconds=time.perf_counter() - start,
            claims=self.claims,
            variant=self.variant,
            failed=argument.failed,
        )


def theorem(
    name: str,
    claim: str,
    statement: str,
    argue: Callable[..., None],
    variant: Variant,
    kind: Kind = "identity",
    weights: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Theorem:
    """A theorem on one claim, its weights given as they are printed."""
    return Theorem(
        id=name,
        claims=(claim,),
        statement=statement,
        kind=kind,
        argue=argue,
        weights=lambda: weights or {},
        inputs=inputs or {},
        variant=variant,
    )
