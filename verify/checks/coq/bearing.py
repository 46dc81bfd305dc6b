"""Which of Coq's theorems speak of a claim, and of what.

Some theorems say that a transformer predicts a formula, both written down for Coq, the one from
its builder, the other from proofs.references. Such a theorem is evidence for every claim, whatever
its name, whose formula that is and whose own builder makes those transformers: seen at the sizes at
which they are written, with the claim's letters for the theory's. All other theorems are about
layers, matrices and formulas; a built-in claim whose identifier they carry shows them, as
statements of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ...claim import CheckResult, Claim, Object, builtin
from .. import proof
from . import kernel
from .sources import SOURCES, STEPS, WRITTEN, Source, letters_of, statement_of, witness_of


@dataclass(frozen=True)
class Bearing:
    """Theorems about one object. `negated`: the first of them shows that the claim is wrong."""

    names: tuple[str, ...]
    about: Object | None
    negated: bool = False
    said: str = ""

    def result(self, outcomes: Mapping[str, Any]) -> CheckResult:
        """What the kernel said of them, as the result of one check."""
        made = CheckResult(None, kind="kernel", strength="proved", about=self.about)
        results = [outcomes[name] for name in self.names]
        made = made.named(cases=len(results), seconds=sum(result.seconds for result in results))
        not_run = next((result for result in results if result.status == "not run"), None)
        if not_run is not None:
            return made.named(detail=not_run.log)
        broken = next((result for result in results if result.status != "proved"), None)
        if broken is not None:
            last = broken.log.strip().splitlines()[-1:] or ["no reason given"]
            return made.named(passed=False, detail=f"{broken.name} is not proved: {last[0]}")
        names = ", ".join(self.names)
        if self.negated:
            return made.named(
                passed=False,
                detail=f"the negation is proved: {names}",
                counterexample={"theorem": self.names[0]},
            )
        detail = f"closed under the global context: {names}{self.said}"
        return made.named(passed=True, detail=detail)


def of(claim: Claim) -> list[Bearing]:
    """The theorems about the claim's transformers, else those that carry a built-in claim's id."""
    try:
        about = proof.object_of(claim)
    except Exception:  # a builder that fails is seen by the checks that call it
        return []
    if about is not None:
        found = _about_its_transformers(claim)
        if found:
            names, sizes = found
            reach = ", ".join((f"d = {WRITTEN[0]} to {WRITTEN[-1]}", *sizes))
            return [Bearing(names, about, said=f"; weights written at {reach}, where they are one")]
    if not any(one is claim for one in builtin(claim.id)):
        return []
    return list(_statements(claim))


def _about_its_transformers(claim: Claim) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """A theorem for each set of `claim.assembled`, and at which numbers of steps; None unless
    every set has one."""
    assert claim.assembled is not None
    found: dict[str, None] = {}
    sizes: dict[str, None] = {}
    for given in claim.assembled():
        match = next(
            (
                (theorem, source)
                for theorem in kernel.theorems()
                for source in SOURCES
                if source.name == theorem.predicts and _same(claim, given, source)
            ),
            None,
        )
        if match is None:
            return None
        theorem, source = match
        found[theorem.id] = None
        steps = (source.least + STEPS[0], source.least + STEPS[-1])
        sizes[f"{source.repeat} = {steps[0]} to {steps[1]}"] = None
    return tuple(found), tuple(sizes)


def _same(claim: Claim, given: Mapping[str, Any], source: Source) -> bool:
    """Whether the claim's builder and formula at these parameters are those of the source."""
    import sympy

    assert claim.witness is not None and claim.formula is not None
    sizes = {*proof.counts(given), *proof.counted(given)}
    if source.repeat is None or sizes != {source.repeat}:
        return False
    open_names = {
        name
        for name, value in given.items()
        if isinstance(value, (sympy.Basic, proof.Vector, proof.Matrix))
    }
    if open_names != {*source.symbols, *filter(None, (source.vector,))}:
        return False
    for d, extra in product(WRITTEN, STEPS):
        repeats = source.least + extra
        values = {**proof.opened(given, d), source.repeat: repeats, **letters_of(source, d)}
        try:
            ours = claim.witness(**values)
        except (TypeError, ValueError):
            return False
        theirs = witness_of(source, None, d, repeats)
        if not _equal(ours, theirs):
            return False
        stated = statement_of(source, {**theirs.parameters, **values}, repeats)
        if claim.formula.at({**ours.parameters, **values}) != stated:
            return False
    return True


def _equal(ours: Any, theirs: Any) -> bool:
    """Whether two witnesses are the same but for their names."""
    a, b = ours.to_json(), theirs.to_json()
    return {**a, "name": ""} == {**b, "name": ""}


def _statements(claim: Claim) -> Iterator[Bearing]:
    """Theorems about no transformer, tagged with the claim's id and variant."""
    every = kernel.theorems()
    if claim.variant == "repaired":
        yield from _stated([t for t in every if claim.id in t.repairs])
        return
    yield from _stated([t for t in every if claim.id in t.supports])
    if claim.variant == "printed":
        yield from _stated([t for t in every if claim.id in t.refutes], negated=True)


def _stated(theorems: Sequence[Any], negated: bool = False) -> Iterator[Bearing]:
    if theorems:
        text = "; ".join(theorem.statement for theorem in theorems)
        names = tuple(theorem.id for theorem in theorems)
        yield Bearing(names, Object(statement=text), negated, " (statements of their own)")
