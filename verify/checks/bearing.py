"""Which of Coq's theorems speak of a claim, and of what.

A theorem [predicts newton] says that the transformer whose weights were written into Weights.v
predicts the formula `newton` of proofs.references. It is evidence for every claim, whatever its
name, whose formula that is and whose own builder makes those transformers: seen at the sizes in
WRITTEN and STEPS, with the claim's letters for the theory's. All other theorems are about matrices
and formulas; a built-in claim whose identifier they carry shows them, as statements of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..claim import CheckResult, Claim, Object, builtin
from . import kernel, proof
from .weights_coq import SOURCES, WRITTEN, Source, letters_of, witness_of

STEPS = 4  # numbers of repeated layers at which builders are compared


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
            return made.named(passed=False, detail=f"{broken.name} does not compile: {last[0]}")
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
        names = _about_its_transformers(claim)
        if names:
            reach = f"d = {WRITTEN[0]} to {WRITTEN[-1]}"
            return [Bearing(names, about, said=f"; weights written at {reach}, where they are one")]
    if not any(one is claim for one in builtin()):
        return []
    return list(_statements(claim))


def _about_its_transformers(claim: Claim) -> tuple[str, ...]:
    """One theorem for each set of `claim.assembled`; none unless every set has one."""
    assert claim.assembled is not None
    found = []
    for given in claim.assembled():
        theorem = next(
            (
                theorem
                for theorem in kernel.theorems()
                for source in SOURCES
                if source.name in theorem.transformers and _same(claim, given, source, theorem)
            ),
            None,
        )
        if theorem is None:
            return ()
        found.append(theorem.id)
    return tuple(dict.fromkeys(found))


def _same(claim: Claim, given: Mapping[str, Any], source: Source, theorem: Any) -> bool:
    """Whether the claim's builder and formula at these parameters are those of the theorem."""
    import sympy

    from proofs.references import REFERENCES

    assert claim.witness is not None and claim.formula is not None
    sizes = proof.counts(given)
    if set(sizes) != {source.repeat} or not theorem.predicts:
        return False
    open_names = {
        name
        for name, value in given.items()
        if isinstance(value, (sympy.Basic, proof.Vector, proof.Matrix))
    }
    if open_names != {*source.symbols, *filter(None, (source.vector,))}:
        return False
    for d in (WRITTEN[0], WRITTEN[-1]):
        for extra in range(STEPS):
            repeats = source.least + extra
            letters = letters_of(source, d)
            values = {**proof.opened(given, d), source.repeat: repeats, **letters}
            try:
                ours = claim.witness(**values)
            except (TypeError, ValueError):
                return False
            theirs = witness_of(source, None, d, repeats)
            if not _equal(ours, theirs):
                return False
            known = {**ours.parameters, **values}
            stated = REFERENCES[theorem.predicts[0]]({**theirs.parameters, **values})
            if claim.formula.at(known) != stated:
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
