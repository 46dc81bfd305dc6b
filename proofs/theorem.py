"""What a theorem and its proof are.

A theorem's argument is a function that states its lines to an `Argument`, which decides each one.
Nothing is taken on trust: the proof stands if every line does, and what it takes from elsewhere is
listed in `Proof.assumes`. Weights and exponents are inputs of the argument, the solved ones by
default, so that the coefficients of an assembled witness, or wrong ones, can be put in their place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sympy

from proofs.argument import Argument, Line

Kind = Literal["identity", "induction on k", "impossibility", "negation", "analysis"]
Variant = Literal["printed", "repaired", "improved"]


def _no_weights() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Proof:
    """The outcome of one theorem's argument.

    `failed` is the first line that is not true. `assumes` is part of the statement: what the
    argument takes from elsewhere, as LaTeX.
    """

    id: str
    statement: str
    kind: Kind
    proved: bool
    lines: tuple[Line, ...]
    seconds: float
    claims: tuple[str, ...] = ()
    variant: Variant = "improved"
    failed: str | None = None
    assumes: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """The lines, in LaTeX."""
        return tuple(map(str, self.lines))


@dataclass(frozen=True)
class Theorem:
    """A statement for all n and d (and k, where it occurs) with its argument.

    `claims` are the claims that it is about, in the given `variant`; a theorem of kind `negation`
    shows that the printed statement is false. `weights` gives the solved
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
            lines=tuple(argument.lines),
            seconds=time.perf_counter() - start,
            claims=self.claims,
            variant=self.variant,
            failed=argument.failed,
            assumes=tuple(argument.assumes),
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
