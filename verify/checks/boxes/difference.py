"""A network and an algorithm as one function each of the letters of a box, and their difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from constructions.numbers import Unsupported
from proofs.exact import is_symbolic

from ...box import Box, Range, q_name, x_name, y_name
from ...strategies import Case
from ..bounds.balls import ball, precision
from ..case import build, of_plain_prompts, reference
from . import jets
from .forms import Comparisons, Form, Letters
from .system import Entries, from_sympy

MOST_WAYS = 64  # through an algorithm that compares letters
Builder = Callable[..., Any]


@dataclass(frozen=True)
class Programs:
    """The witness and the algorithm of a claim on the prompts of a box."""

    make: Builder
    algorithm: Builder
    box: Box

    @cached_property
    def ranges(self) -> dict[str, Range]:
        return self.box.ranges()

    @cached_property
    def owners(self) -> dict[str, int | None]:
        """The example that each letter belongs to; None: the query's, or a parameter."""
        made: dict[str, int | None] = dict.fromkeys(self.ranges)
        for j in range(self.box.n):
            made |= {x_name(j, i): j for i in range(self.box.d)} | {y_name(j): j}
        return made

    @cached_property
    def witness(self) -> Any:
        """With symbols for the parameters that have a range."""
        import sympy

        made = build(self.make, self.box.lettered(sympy.Symbol))
        return of_plain_prompts(made, "a certificate on a box")

    def prompt(self, entry: Callable[[str], Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """X (n, d), y (n,), queries (1, d) of entry(name of the letter)."""
        n, d = self.box.n, self.box.d
        X, y, queries = (np.empty(shape, dtype=object) for shape in ((n, d), (n,), (1, d)))
        for j, i in np.ndindex(n, d):
            X[j, i] = entry(x_name(j, i))
        y[:] = [entry(y_name(j)) for j in range(n)]
        queries[0, :] = [entry(q_name(i)) for i in range(d)]
        return X, y, queries

    # -- as normal forms --

    def forms(self) -> Forms:
        """Both as normal forms. Raises Unsupported where they have none."""
        letters = Letters(self.ranges)
        X, y, queries = self.prompt(letters.letter)
        system = Entries("normal form", letters.element)
        (ours,) = self.witness.predict(X, y, queries, system)
        case = Case(self.box.lettered(letters.letter), X, y, queries)

        def run() -> Form:
            (made,) = reference(self.algorithm, case, letters.element)
            return letters.element(made, "a prediction")

        return Forms(letters, ours, tuple(_every_way(letters, run)))

    # -- in balls --

    def apart(self, sides: Mapping[str, arb]) -> jets.Jet:
        """Network - algorithm over a box of balls, with slopes in the letters that vary."""
        varying = [name for name, side in sides.items() if not side.is_exact()]
        places = {name: number for number, name in enumerate(varying)}

        def entry(name: str) -> jets.Jet:
            if name in places:
                return jets.variable(sides[name], places[name], len(places))
            return jets.Jet(sides[name])

        def element(value: Any, what: str = "a value") -> jets.Jet:
            if is_symbolic(value):
                return from_sympy(value, entry, jets.element)
            return jets.element(value, what)

        X, y, queries = self.prompt(entry)
        (ours,) = self.witness.predict(X, y, queries, jets.JetEntries("ball with slopes", element))
        case = Case(self.box.lettered(entry), X, y, queries)
        (theirs,) = reference(self.algorithm, case, element)
        return ours - jets.element(theirs)

    # -- at a point --

    def case(self, point: Mapping[str, Fraction]) -> Case:
        """The prompt, and the parameters, of a point of the box."""
        X, y, queries = self.prompt(point.__getitem__)
        return Case(self.box.lettered(point.__getitem__), X, y, queries)

    def at(self, case: Case) -> tuple[Any, Any]:
        """What both predict: in fractions, or else in balls.

        Raises Unsupported where the algorithm compares balls that are too near each other.
        """
        prompt = case.X, case.y, case.queries
        witness = of_plain_prompts(build(self.make, case.parameters), "a certificate on a box")
        try:
            (ours,) = witness.predict(*prompt, "rational")
            (theirs,) = reference(self.algorithm, case, Fraction)
        except (Unsupported, TypeError):
            (ours,) = witness.predict(*prompt, "ball")
            with precision(jets.BALLS.precision):
                (theirs,) = reference(self.algorithm, case, jets.element)
            theirs = theirs.value
        return ours, theirs

    def apart_at(self, point: Mapping[str, Fraction]) -> float:
        """A float that is no more than |network - algorithm| there: both are run, exactly.

        0 where that is not decided.
        """
        try:
            ours, theirs = self.at(self.case(point))
        except (Unsupported, ZeroDivisionError):
            return 0.0
        with precision(jets.BALLS.precision):
            difference = ball(ours) - ball(theirs)
            if not difference.is_finite():
                return 0.0
            low = float(difference.abs_lower())
            return low if ball(low) <= abs(difference) else float(np.nextafter(low, 0))


@dataclass(frozen=True)
class Forms:
    """The network, and the algorithm in each way through its comparisons."""

    letters: Letters
    ours: Form
    theirs: tuple[Form, ...]

    @cached_property
    def are_one(self) -> bool:
        """Whether the difference is the zero function, whatever the comparisons say."""
        return all((self.ours - one).is_zero for one in self.theirs)


def _every_way(letters: Letters, run: Callable[[], Form]) -> Iterator[Form]:
    """What the algorithm gives, whatever its comparisons say; each result once."""
    script: tuple[bool, ...] = ()
    seen = set()
    for _ in range(MOST_WAYS):
        letters.comparisons = Comparisons(script)
        made = run()
        if made.text not in seen:
            seen.add(made.text)
            yield made
        answers = letters.comparisons.answers
        while answers and not answers[-1]:
            answers.pop()
        if not answers:
            return
        script = (*answers[:-1], False)
    raise Unsupported(f"the algorithm compares letters, in more than {MOST_WAYS} ways")
