"""Builders of a claim that are right for some parameters and wrong for the others.

`exact`, `proof` and the kernel are run on the whole claim, as `witness check` runs them, and may
let pass only what they do not speak of: cases that were not drawn, sizes that they do not name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import wraps
from typing import Any

from constructions.numbers import Unsupported
from constructions.witness import Witness
from proofs.slotmap import SlotMap

from ..checks import equal, proof
from ..checks.case import build, reference
from ..checks.coq import bearing
from ..claim import Budget, CheckResult, Claim
from ..hunt import hunt
from ..strategies import Case
from .mutant_sites import sites

BUILDERS = "builders"
KINDS = ("exact", "proof", "kernel")
CASES = 60  # cases drawn, as `witness check` draws them
REPEATS = ("steps", "iterations", "layers", "examples")
FROM = (3, 4, 5, 6)  # dimensions from which on a builder is wrong

Parameters = Mapping[str, Any]
Change = Callable[[Witness], Witness]


@dataclass(frozen=True)
class Fault:
    """A builder that is wrong where `wrong` says so of the parameters, and as `change` says.

    `size`, `sizes`: the parameter that decides, if it is a size, and where it is wrong.
    """

    where: str
    wrong: Callable[[Parameters], bool]
    change: Change
    size: str = ""
    sizes: Callable[[int], bool] = lambda value: True

    def built(self, make: Callable[..., Witness]) -> Callable[..., Witness]:
        """The builder with the fault."""

        @wraps(make)
        def faulty(**parameters: Any) -> Witness:
            witness = make(**parameters)
            return self.change(witness) if self.wrong(parameters) else witness

        return faulty


@dataclass(frozen=True)
class Said:
    """Of each kind whether it notices; `outside` are those that let pass what they do not cover."""

    notices: Mapping[str, bool | None]
    outside: frozenset[str]
    why: Mapping[str, str]


# -- what is wrong ----------------------------------------------------------------------------


def read_out_doubled(witness: Witness) -> Witness:
    """Predictions twice as large."""
    out = witness.readout
    return replace(witness, readout=replace(out, coefficient=out.coefficient * 2))


def weight_off(witness: Witness) -> Witness:
    """The last block that writes to the slot of the read-out off by one part in a million."""
    writing = [
        (site, block)
        for site in sites(witness)
        for block in site.slots
        if site.part in ("value", "outer") and block.destination == witness.readout.slot
    ]
    if not writing:
        return read_out_doubled(witness)
    site, block = writing[-1]
    return site.with_added(replace(block, coefficient=block.coefficient * Fraction(1, 10**6)))


def x_of_examples_only(witness: Witness) -> Witness:
    """The embedding reads x_example where it read x: the query's own x is gone."""
    prompt = witness.prompt
    blocks = tuple(
        replace(block, source="x_example") if block.source == "x" else block
        for block in prompt.embedding
    )
    return replace(witness, prompt=replace(prompt, embedding=SlotMap(blocks)))


CHANGES: dict[str, Change] = {
    "read-out doubled": read_out_doubled,
    "a weight off by 1e-6": weight_off,
    "x_example for x": x_of_examples_only,
}


# -- where it is wrong ------------------------------------------------------------------------


def faults(claim: Claim, seed: int = 0) -> Iterator[Fault]:
    """Faults that the claim's own parameters suggest, each with one of CHANGES in turn."""
    turns = list(CHANGES.items())
    conditions = list(_conditions(drawn(claim, seed)))
    if claim.assembled is not None:  # or nothing ever calls the builder with letters
        conditions.append(("some parameter is a letter", _in_letters, "", _any_size))
    for number, (where, wrong, size, sizes) in enumerate(conditions):
        what, change = turns[number % len(turns)]
        yield Fault(f"{where}: {what}", wrong, change, size, sizes)


Condition = tuple[str, Callable[[Parameters], bool], str, Callable[[int], bool]]


def _conditions(cases: Sequence[Case]) -> Iterator[Condition]:
    values: dict[str, list[Any]] = {}
    for case in cases:
        for name, value in case.parameters.items():
            values.setdefault(name, []).append(value)
    for least in FROM:
        yield _from("d", least)
    yield _only("d", FROM[-1])
    for name in REPEATS:
        if name in values:
            most = max(values[name])
            yield from (_from(name, least) for least in dict.fromkeys((2, most, most + 4)))
    for name, seen in values.items():
        words = sorted({value for value in seen if isinstance(value, str)})
        for word in words if len(words) > 1 else ():
            yield _where(f"{name} = {word}", name, word.__eq__)
        if None in seen:
            yield _where(f"{name} given", name, lambda value: value is not None)
        numbers = sorted({value for value in seen if isinstance(value, Fraction)})
        if 0 in numbers and len(numbers) > 1:
            yield _where(f"{name} = 0", name, lambda value: value == 0)
            yield _where(f"{name} not 0", name, lambda value: value != 0)
        if len(numbers) > 2 and name == min(_numeric(values)):
            middle, most = numbers[len(numbers) // 2], numbers[-1]
            yield _where(f"{name} >= {middle}", name, _at_least(middle))
            yield _where(f"{name} > {most}, which is not drawn", name, _at_least(most + 1))
    yield "every parameter is a number", lambda p: not _in_letters(p), "", _any_size


def _numeric(values: Mapping[str, list[Any]]) -> list[str]:
    """The parameters of which more than two numbers are drawn."""
    fractions = {
        name: {value for value in seen if isinstance(value, Fraction)}
        for name, seen in values.items()
    }
    return [name for name, found in fractions.items() if len(found) > 2]


def _from(name: str, least: int) -> Condition:
    def enough(value: int) -> bool:
        return value >= least

    return f"{name} >= {least}", lambda p: enough(p[name]), name, enough


def _only(name: str, size: int) -> Condition:
    return f"{name} = {size}", lambda p: p[name] == size, name, size.__eq__


def _where(text: str, name: str, holds: Callable[[Any], bool]) -> Condition:
    return text, lambda p: bool(holds(p[name])) if name in p else False, "", _any_size


def _at_least(least: Fraction) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, Fraction)) and value >= least


def _any_size(value: int) -> bool:
    return True


def _in_letters(parameters: Parameters) -> bool:
    def letters(value: Any) -> bool:
        if isinstance(value, (tuple, list)):
            return any(map(letters, value))
        return isinstance(value, (proof.Vector, proof.Matrix)) or bool(
            getattr(value, "free_symbols", None)
        )

    return any(map(letters, parameters.values()))


def drawn(claim: Claim, seed: int) -> list[Case]:
    """The cases that the exact check draws."""
    found: list[Case] = []
    assert claim.cases is not None
    hunt(claim.cases(), found.append, Budget(seed=seed, cases=CASES), claim.domain)
    return found


# -- what the checks say ----------------------------------------------------------------------


def judge(claim: Claim, fault: Fault, seed: int = 0) -> Said:
    """Every kind of check on the claim with the faulty builder in the place of its own."""
    assert claim.witness is not None
    wrong = replace(claim, witness=fault.built(claim.witness))
    budget = Budget(seed=seed, cases=CASES)
    notices: dict[str, bool | None] = {}
    outside, why = set(), {}
    for kind in KINDS:
        if (missing := _not_run(claim, kind, seed)) is not None:
            notices[kind], why[kind] = None, missing
            continue
        result = _result(wrong, kind, budget)
        notices[kind] = result.passed is not True
        if notices[kind]:
            continue
        why[kind] = result.detail
        if not _covers(kind, wrong, fault, result, seed):
            outside.add(kind)
    return Said(notices, frozenset(outside), why)


def _result(claim: Claim, kind: str, budget: Budget) -> CheckResult:
    """What one check says of the claim; a builder that fails is noticed."""
    try:
        if kind == "exact":
            return equal.in_fractions(claim).run(budget)
        if kind == "proof":
            return proof.run(claim, budget)
        return _borne(claim)
    except (ValueError, TypeError, ArithmeticError, Unsupported) as error:
        return CheckResult(False, detail=f"{type(error).__name__}: {error}")


def _borne(claim: Claim) -> CheckResult:
    """Whether Coq's theorems about transformers are evidence for the claim; Coq itself is not run.

    What it says of their weights is another question: see `mutant_kernel`.
    """
    found = [one for one in bearing.of(claim) if one.about is not None and one.about.witness]
    if not found:
        return CheckResult(None, detail="no theorem speaks of these transformers")
    return CheckResult(True, detail=f"borne out by {', '.join(found[0].names)}{found[0].said}")


_of_right_builders: dict[Any, str | None] = {}  # kept: one claim has many faulty builders


def _not_run(claim: Claim, kind: str, seed: int) -> str | None:
    """Why the check says nothing of the claim as it is, so that it can notice nothing."""
    if kind != "exact" and claim.assembled is None:
        return "not run: the claim has no transformer in letters"
    key = claim.key, claim.witness, kind, seed
    if key not in _of_right_builders:
        result = _result(claim, kind, Budget(seed=seed, cases=CASES))
        said = f"not run: of the right builder it says: {result.detail}"
        _of_right_builders[key] = None if result.passed else said
    return _of_right_builders[key]


def _covers(kind: str, wrong: Claim, fault: Fault, result: CheckResult, seed: int) -> bool:
    """Whether the check, which let the fault pass, speaks of it.

    exact: some case that it drew tells the two apart. proof and kernel: the words of the result
    name a size at which the builder is wrong, or name none; a fault in no size is spoken of where
    a drawn case, or the transformer in letters, has it.
    """
    cases = drawn(wrong, seed)
    if kind == "exact":
        return any(_differs(wrong, case) for case in cases)
    if fault.size:
        named = sizes_named(result.detail).get(fault.size)
        return named is None or any(map(fault.sizes, named))
    assert wrong.assembled is not None
    given = [case.parameters for case in cases] if kind == "proof" else []
    return any(map(fault.wrong, (*given, *wrong.assembled())))


def _differs(claim: Claim, case: Case) -> bool:
    assert claim.witness is not None and claim.algorithm is not None
    witness = build(claim.witness, case.parameters)
    got = witness.predict(case.X, case.y, case.queries, "rational")
    return list(got) != list(reference(claim.algorithm, case, Fraction))


_NAMED = re.compile(r"\b([A-Za-z_]\w*) = (\d+(?: to \d+)?(?:, \d+(?: to \d+)?)*)")


def sizes_named(text: str) -> dict[str, list[int]]:
    """The sizes in a result's words: {"d": [1, 2, …, 24]} of "d = 1 to 24"."""
    found: dict[str, list[int]] = {}
    for name, ranges in _NAMED.findall(text):
        sizes = found.setdefault(name, [])
        for part in ranges.split(", "):
            least, _, most = part.partition(" to ")
            sizes += range(int(least), int(most or least) + 1)
    return found
