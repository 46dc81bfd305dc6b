"""Who judges: what each check of `witness check` says of a mutant, or of a builder with a fault.

A mutant is equal where it is proved to predict what the algorithm does, on every prompt of the
trial's size: as one rational function (the symbolic check), by a gauge freedom of the weights or
because nothing reads what was changed (`equality`), or with letters for its ReLUs.

Of a builder, `exact`, `proof` and the kernel are asked of the whole claim, as `witness check` runs
them, and may let pass only what they do not speak of: cases that were not drawn, sizes that they
do not name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import constructions
from constructions.numbers import Unsupported
from constructions.witness import Witness

from ..checks import equal, proof, symbolic
from ..checks import floats as numeric
from ..checks.case import both, build, first_difference
from ..checks.coq import bearing, kernel
from ..checks.coq.weights import weights_files
from ..claim import Budget, CheckResult, Claim, Differs
from ..strategies import Case
from . import equality
from .builders import CASES, Fault, drawn

# proof: not proved for every d (and n); of an equal mutant too, if it is equal at one size only.
# kernel: of builders only.
KINDS = ("exact", "steps", "symbolic", "numeric", "proof", "kernel")
# these miss nothing of what they claim to cover
CLAIMED = ("exact", "proof", "kernel")

# what the kernel proves of each witness here, and the source of its weights
THEOREMS = {
    "newton": ("Newton.newton_predicts", "newton"),
    "gradient_descent": ("GradientDescent.sum_predicts", "gradient_descent_sum"),
    "sherman_morrison": ("TokenRidge.tokens_predict_ridge", "sherman_morrison_tokens"),
    "hyperpower": ("Hyperpower.hyperpower_predicts", "hyperpower"),
}
NOT_ABOUT_THE_WEIGHTS = ("out of time", "Stack overflow", "Out of memory")


@dataclass(frozen=True)
class Trial:
    """A witness at one size, its claim, and the prompts on which its mutants are judged.

    `proof`: arguments of proofs.prove_witness, the claim's formula among them; None where the
    claim has none, no assembled witness of this kind, or where the unchanged witness is not
    proved. `letters`: whether `equality` proves the unchanged witness; not where the algorithm
    compares its numbers. `few`: whether letters for a whole prompt are few enough to try. `every`:
    whether `exact` are all prompts of that size of which the claim speaks. `state`: slots of the
    query that the claim speaks of beside the prediction.
    """

    name: str
    claim: Claim
    parameters: Mapping[str, Any]
    witness: Witness
    exact: tuple[Case, ...]
    floats: tuple[Case, ...]
    proof: Mapping[str, Any] | None = None
    letters: bool = True
    few: bool = True
    every: bool = False
    state: tuple[str, ...] = ()

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


def differs(claim: Claim, case: Case) -> bool:
    """Whether, in fractions, the claim's witness and algorithm are told apart by the case."""
    assert claim.witness is not None and claim.algorithm is not None
    witness = build(claim.witness, case.parameters)
    got, want = both(claim.algorithm, witness, case)
    return bool(got.tolist() != want.tolist())


# -- mutants of a witness ---------------------------------------------------------------------


def judge(one: Trial, witness: Witness) -> Finding:
    """Every kind on one mutant of the trial; letters only where reading it leaves it open."""
    claim = replace(one.claim, witness=lambda **parameters: witness)
    why: dict[str, str] = {"kernel": "not run: Coq is asked about builders"}
    exact = _any(one.exact, lambda case: differs(claim, case), why, "exact")
    refutes: dict[str, bool | None] = {
        "exact": exact,
        "steps": _steps(one, witness, why),
        "symbolic": None,
        "numeric": _numeric(one, claim, witness, why),
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


def _equal(one: Trial, witness: Witness, refutes: Mapping[str, bool | None]) -> bool | None:
    """True: by proof; False: a prompt or a rational function says otherwise; None: open."""
    if refutes["exact"]:  # letters stand for one query: a prompt with two can tell more
        return False
    if refutes["symbolic"] is False:
        return True
    if refutes["symbolic"] or refutes["numeric"]:
        return False
    if witness.digest == one.witness.digest or (one.every and refutes["numeric"] is False):
        return True
    # with ReLUs, letters that differ do not prove that the functions do
    if one.letters and equal_in_letters(one, witness):
        return True
    return True if one.few and not one.letters and _same_in_letters(one, witness) else None


def _same_in_letters(one: Trial, witness: Witness) -> bool:
    """Whether letters prove that the witness predicts what the unchanged one does."""
    try:
        return equality.predicts_the_same(one.witness, witness, one.n) is True
    except (ZeroDivisionError, ValueError, TypeError):
        return False


def equal_in_letters(one: Trial, witness: Witness) -> bool:
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


def _steps(one: Trial, witness: Witness, why: dict[str, str]) -> bool | None:
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


def _symbolic(one: Trial, claim: Claim, why: dict[str, str]) -> bool | None:
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


def _numeric(one: Trial, claim: Claim, witness: Witness, why: dict[str, str]) -> bool | None:
    """float64, with the tolerance that rounding explains; balls, where there are no floats."""
    if claim.floats is None and not one.floats and witness.irrational:
        why["numeric"] = "balls on the prompts of fractions do not tell it apart"
        return equality.apart(one.witness, witness, one.exact, one.state)
    if claim.floats is None:
        why["numeric"] = "not run: the claim has no prompts of floats"
        return None
    worst: tuple[float, float] | None = None

    def too_far(case: Case) -> bool:
        nonlocal worst
        try:
            compared = numeric.compare(claim, case, "float64")
        except Differs:
            return True
        if compared is not None and (worst is None or compared[0] > worst[0]):
            worst = compared
        return False

    said = _any(one.floats, too_far, why, "numeric")
    if said is not False:
        return said
    if worst is None:
        why["numeric"] = "floats cannot decide: rounding may take half of the digits"
        return None
    why["numeric"] = f"off by {worst[0]:.1e} where rounding explains {worst[1]:.1e}"
    return False


def _not_proved(one: Trial, witness: Witness, why: dict[str, str]) -> bool | None:
    from proofs.prove_witness import prove_witness

    if one.proof is None:
        why["proof"] = "not run: the claim has no proof of the assembled witness, or a slow one"
        return None
    proved = prove_witness(witness, **one.proof).proved
    if proved:
        why["proof"] = "proved for every d"
    return not proved


# -- builders with a fault --------------------------------------------------------------------


def judge_builder(claim: Claim, fault: Fault, seed: int = 0) -> Finding:
    """Every kind of CLAIMED on the claim with the faulty builder in the place of its own."""
    assert claim.witness is not None
    wrong = replace(claim, witness=fault.built(claim.witness))
    budget = Budget(seed=seed, cases=CASES)
    notices: dict[str, bool | None] = dict.fromkeys(KINDS)
    outside, why = set(), {}
    for kind in CLAIMED:
        if (missing := _not_run(claim, kind, seed)) is not None:
            why[kind] = missing
            continue
        result = _result(wrong, kind, budget)
        notices[kind] = result.passed is not True
        if notices[kind]:
            continue
        why[kind] = result.detail
        if not _covers(kind, wrong, fault, result, seed):
            outside.add(kind)
    return Finding(notices, False, why, frozenset(outside))


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

    What it says of their weights is another question: see `judge_in_coq`.
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
        return any(differs(wrong, case) for case in cases)
    if fault.is_size:
        named = sizes_named(result.detail).get(fault.name)
        return named is None or any(map(fault.holds, named))
    assert wrong.assembled is not None
    given = [case.parameters for case in cases] if kind == "proof" else []
    return any(map(fault.wrong, (*given, *wrong.assembled())))


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


# -- builders, written down for Coq -----------------------------------------------------------


def judge_in_coq(name: str, fault: Fault) -> Finding:
    """Whether the kernel leaves the theorem of a witness unproved, and why if it does not.

    A builder whose weights cannot be written down, because they are not one term for every d, or
    have no form in Coq, is noticed before Coq is run; any other has to leave its theorem unproved.
    """
    noticed, why = _unproved(name, fault)
    return Finding({**dict.fromkeys(KINDS), "kernel": noticed}, False, {"kernel": why})


def _unproved(name: str, fault: Fault) -> tuple[bool | None, str]:
    theorem, _ = THEOREMS[name]
    if reason := kernel.why_not():
        return None, reason
    if (wrong := unwritten(name, fault)) is not None:
        return True, wrong
    (result,) = kernel.run([theorem], {name: fault.built(constructions.get(name))}, jobs=1)
    if result.status == "proved":
        return False, f"{theorem} is proved of it"
    if result.status == "not run" or any(said in result.log for said in NOT_ABOUT_THE_WEIGHTS):
        return None, result.log or "not run"
    return True, result.log


def unwritten(name: str, fault: Fault) -> str | None:
    """Why its weights cannot be written down for Coq; None if they can."""
    _, source = THEOREMS[name]
    _, problems = weights_files({name: fault.built(constructions.get(name))})
    return problems.get(source)
