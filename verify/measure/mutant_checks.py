"""What each check of `witness check` says of a mutant, and whether the mutant is equal after all.

A mutant is equal where it is proved to predict what the algorithm does, on every prompt of the
subject's size: as one rational function (the symbolic check), by a gauge freedom of the weights or
because nothing reads what was changed (`equality`), or with letters for its ReLUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from constructions.numbers import Unsupported
from constructions.witness import Witness

from ..checks import floats as numeric
from ..checks import symbolic
from ..checks.case import first_difference, reference
from ..claim import Budget, Claim
from ..hunt import Differs
from ..strategies import Case
from . import equality

# proof: not proved for every d (and n); of an equal mutant too, if it is equal at one size only.
# kernel: of builders only (mutant_builders, mutant_kernel).
KINDS = ("exact", "steps", "symbolic", "numeric", "proof", "kernel")
# these miss nothing of what they claim to cover
CLAIMED = ("exact", "proof", "kernel")


@dataclass(frozen=True)
class Subject:
    """A witness at one size, its claim, and the prompts on which its mutants are judged.

    `proof`: arguments of proofs.holds.prove_witness, the claim's formula among them; None where
    the claim has none, no assembled witness of this kind, or where the unchanged witness is not
    proved. `letters`: whether
    `equality` proves the unchanged witness; not where the algorithm compares its numbers.
    """

    name: str
    claim: Claim
    parameters: Mapping[str, Any]
    witness: Witness
    exact: tuple[Case, ...]
    floats: tuple[Case, ...]
    proof: Mapping[str, Any] | None = None
    letters: bool = True

    @property
    def n(self) -> int:
        """Examples in each prompt."""
        return len(self.exact[0].X)


@dataclass(frozen=True)
class Finding:
    """For each kind whether it refutes (None: not run, or cannot say), and if not, why not.

    `equal`: True where the mutant is proved equal, False where it is told apart, None where
    neither is so. `outside`: the kinds that let it pass and do not claim to cover it. `refused`:
    why it cannot be made at all.
    """

    refutes: Mapping[str, bool | None]
    equal: bool | None
    why: Mapping[str, str]
    outside: frozenset[str] = frozenset()
    refused: str = ""


def judge(one: Subject, witness: Witness) -> Finding:
    """Every kind on one mutant of the subject; letters only where reading it leaves it open."""
    claim = replace(one.claim, witness=lambda **parameters: witness)
    why: dict[str, str] = {"kernel": "not run: Coq is asked about builders"}
    exact = _any(one.exact, lambda case: _differs(claim, witness, case), why, "exact")
    refutes: dict[str, bool | None] = {
        "exact": exact,
        "steps": _steps(one, witness, why),
        "symbolic": None,
        "numeric": _numeric(one, claim, why),
        "proof": None,
        "kernel": None,
    }
    changed = witness.digest != one.witness.digest
    if changed and not exact and equality.same_where_read(one.witness, witness):
        why["symbolic"] = why["proof"] = "not run: nothing that reaches the read-out is changed"
        return Finding(refutes, True, why)
    refutes["symbolic"] = _symbolic(one, claim, why)
    refutes["proof"] = _not_proved(one, witness, why)
    return Finding(refutes, _equal(one, witness, refutes), why)


def _equal(one: Subject, witness: Witness, refutes: Mapping[str, bool | None]) -> bool | None:
    """True: by proof; False: a prompt or a rational function says otherwise; None: open."""
    if refutes["exact"]:  # letters stand for one query: a prompt with two can tell more
        return False
    if refutes["symbolic"] is False:
        return True
    if refutes["symbolic"] or refutes["numeric"]:
        return False
    if witness.digest == one.witness.digest:
        return True
    # with ReLUs, letters that differ do not prove that the functions do
    return True if one.letters and in_letters(one, witness) else None


def in_letters(one: Subject, witness: Witness) -> bool:
    """Whether letters prove that the witness predicts what the algorithm does."""
    try:
        proved = equality.predicts_the_algorithm(one.claim, witness, one.parameters, one.n)
    except (ZeroDivisionError, ValueError, TypeError):
        return False
    return proved is True


def _any(
    cases: Iterable[Case],
    refutes: Callable[[Case], bool],
    why: dict[str, str],
    kind: str,
) -> bool | None:
    """Whether one of the cases refutes; None if none could say. What cannot run is refuted."""
    tried = 0
    for case in cases:
        tried += 1
        try:
            if refutes(case):
                return True
        except Unsupported as error:
            why[kind] = f"not run: {error}"
            return None
        except (ZeroDivisionError, ValueError):
            return True
    why[kind] = f"equal on {tried} prompts"
    return False


def _differs(claim: Claim, witness: Witness, case: Case) -> bool:
    assert claim.algorithm is not None
    got = witness.predict(case.X, case.y, case.queries, "rational")
    return list(got) != list(reference(claim.algorithm, case, Fraction))


def _steps(one: Subject, witness: Witness, why: dict[str, str]) -> bool | None:
    if not any(layer.holds for layer in witness.layer_list):
        why["steps"] = "not run: the witness says of no slot what it holds"
        return None

    def speaks_wrong(case: Case) -> bool:
        try:
            return first_difference(witness, case) is not None
        except (KeyError, IndexError):  # of a token, an example or a slot that is not there
            return True

    said = _any(one.exact, speaks_wrong, why, "steps")
    if said is False:
        why["steps"] = "every slot that a layer speaks of holds what it should"
    return said


def _symbolic(one: Subject, claim: Claim, why: dict[str, str]) -> bool | None:
    if claim.symbolic is None:
        why["symbolic"] = "not run: the claim has no size for letters"
        return None
    try:
        size = {**one.parameters, "n": one.n}
        result = symbolic.in_letters(replace(claim, symbolic=size)).run(Budget())
    except (ZeroDivisionError, ValueError):
        return True
    if result.passed is not False:
        why["symbolic"] = result.detail
    return None if result.passed is None else not result.passed


def _numeric(one: Subject, claim: Claim, why: dict[str, str]) -> bool | None:
    """float64, with the tolerance that rounding explains."""
    if claim.floats is None:
        why["numeric"] = "not run: the claim has no prompts of floats"
        return None
    worst: tuple[float, float] | None = None
    for case in one.floats:
        try:
            compared = numeric.compare(claim, case, "float64")
        except Differs:
            return True
        except Unsupported as error:
            why["numeric"] = f"not run: {error}"
            return None
        except (ZeroDivisionError, ValueError):
            return True
        if compared is not None and (worst is None or compared[0] > worst[0]):
            worst = compared
    if worst is None:
        why["numeric"] = "floats cannot decide: rounding may take half of the digits"
        return None
    why["numeric"] = f"off by {worst[0]:.1e} where rounding explains {worst[1]:.1e}"
    return False


def _not_proved(one: Subject, witness: Witness, why: dict[str, str]) -> bool | None:
    from proofs.prove_witness import prove_witness

    if one.proof is None:
        why["proof"] = "not run: the claim has no proof of the assembled witness, or a slow one"
        return None
    proof = prove_witness(witness, **one.proof)
    if proof.proved:
        why["proof"] = "proved for every d"
    return not proof.proved
