"""The witnesses whose mutants are judged: their claims, sizes and prompts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from numbers import Rational
from typing import Any

import numpy as np

import constructions
from constructions.witness import Witness

from ..checks.case import build, reference
from ..checks.symbolic import shapes_of
from ..claim import Budget, Claim, builtin
from ..hunt import drawn
from ..inputs.errors import WrongCall
from ..papers import paper_of
from ..strategies import Case
from .judges import Trial, differs, equal_in_letters

CASES = 6  # prompts of floats
EXACT = 24  # prompts of fractions, large and small ones in turn

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def at(claim: str, **size: Any) -> tuple[str, Mapping[str, Any]]:
    """A claim, and the parameters of its witness: d = 2 and n = 2 where nothing else is said."""
    return claim, {"d": 2, "n": 2, **size}


# Two examples, two steps and two dimensions can be told apart; where letters for all of it would
# take hours (Newton), two sizes share the task.
TRIALS = {
    "gradient_descent": at("gradient_descent", steps=2, step_size=THIRD, ridge=HALF, loss="sum"),
    "gradient_descent mean": at(
        "gradient_descent", steps=2, step_size=THIRD, w0=(1, -2), loss="mean"
    ),
    "sherman_morrison": at("sherman_morrison", examples=2, ridge=HALF),
    "sherman_morrison tokens": at("sherman_morrison", examples=2, ridge=HALF, storage="tokens"),
    "newton": at("newton", iterations=1, alpha=THIRD),
    "newton twice": at("newton", n=1, iterations=2, alpha=THIRD),
    "newton relu": at("newton", iterations=1, alpha=THIRD, attention="relu", prompt="interleaved"),
    "hyperpower": at("hyperpower", iterations=1, alpha=HALF),
    "newton_carried": at("newton_carried", n=1, iterations=2, alpha=HALF, start="gram"),
    "newton_carried identity": at("newton_carried", iterations=1, alpha=HALF, start="identity"),
    "deep_descent": at("deep_descent", layers=2, alpha=HALF),
    "gd_plus_plus": at("gd_plus_plus", steps=2, step_size=HALF, gamma=THIRD),
    "minimax_descent": at("minimax_descent", layers=2, largest=7 * HALF),
    "momentum": at("momentum", steps=2, step_size=HALF, momentum=THIRD),
    "chebyshev": at("chebyshev", steps=3, lowest=HALF, highest=9 * HALF),
    "recursive_least_squares": at("recursive_least_squares", n=1, examples=1, ridge=HALF),
    "recursive_least_squares twice": at("recursive_least_squares", d=1, examples=2, ridge=HALF),
    "paired_least_squares": at("paired_least_squares", d=1, examples=2, ridge=HALF),
    "preconditioned": at(
        "preconditioned", steps=2, step_size=THIRD, preconditioner=((2, 1), (-1, 3))
    ),
    "functional_descent": at("functional_descent", steps=2, rate=(HALF, THIRD)),
    "functional_descent relu": at("functional_descent", steps=2, rate=THIRD, attention="relu"),
    "temporal_differences": at(
        "temporal_differences", steps=2, gamma=HALF, C=(((1, 2), (-1, 1)), ((2, 1), (0, 1)))
    ),
    "temporal_differences residual": at(
        "temporal_differences", d=1, steps=2, gamma=THIRD, C=((2,),), method="residual"
    ),
    "lasso": at("lasso", steps=2, step_size=THIRD / 8, penalty=HALF),
    "logistic": at("logistic", d=1, steps=2, step_size=HALF / 2, pieces=1, reach=2),
    "kernel_regression": at(
        "kernel_regression",
        steps=2,
        step_size=THIRD,
        kernel="relu",
        features=((1, 2), (-1, 1)),
        offsets=(1, HALF),
    ),
    "bayes_ridge": at("bayes_ridge", d=1, examples=2, noise=HALF, prior=2, output="mean"),
    "bayes_ridge variance": at(
        "bayes_ridge", n=1, examples=1, noise=HALF, prior=2, output="variance"
    ),
    "selection": at("selection", d=1, examples=2, validation=1, ridges=(HALF, 9 * HALF)),
    "spline_regression": at("spline_regression", d=1, basis=3, layers=2, alpha=HALF / 2, degree=1),
    "subleq": at("giannou2023.subleq", n=3, address=2, temperature=Fraction(21, 4), loops=1),
}

FEW_MUTANTS = ("subleq",)  # seconds for each of 1643, of which most are what the clamp removes
# of these the proof is not tried on mutants: seconds for each of 2288, minutes for some
SLOW_PROOF = ("paired_least_squares", "vladymyrov2024.lemma4.3")
CORE = tuple(
    name
    for name, (claim, _) in TRIALS.items()
    if claim in ("gradient_descent", "sherman_morrison", "newton")
)


@lru_cache(maxsize=4)
def trial(name: str, seed: int = 0) -> Trial:
    """One of TRIALS or `of_papers`, or any witness claim that has a size for the symbolic check."""
    if name in of_papers():
        return _paper_trial(of_papers()[name], seed)
    claims = {made.id: made for made in builtin() if made.witness is not None}
    known = dict(TRIALS)
    for id, made in claims.items():
        if made.symbolic is not None:
            known.setdefault(id, (id, made.symbolic))
    if name not in known:
        raise WrongCall(f"{name!r} has no mutants to judge; there are {', '.join(known)}")
    id, settings = known[name]
    claim, parameters = claims[id], dict(settings)
    n, d = parameters.pop("n"), parameters["d"]
    assert claim.witness is not None
    witness = claim.witness(**parameters)
    if id == SUBLEQ:
        every = _every_program(parameters, seed)
        return Trial(
            name, claim, parameters, witness, every, (), letters=False, every=True,
            state=("counter",),
        )  # fmt: skip
    one = Trial(
        name,
        claim,
        parameters,
        witness,
        _exact(parameters, witness, n, seed, _inputs(id) == (0, 1)),
        _floats(parameters, n, d, seed) if claim.floats is not None else (),
        _proof(claim, witness, parameters),
    )
    return replace(one, letters=equal_in_letters(one, witness))


SUBLEQ = "giannou2023.subleq"


def _every_program(parameters: Mapping[str, Any], seed: int) -> tuple[Case, ...]:
    """Every program of this size in every state, as prompts in a random order."""
    from ..claims.giannou2023.machines import every
    from ..claims.giannou2023.subleq import case_of

    states = list(every(parameters["d"], parameters["address"]))
    random.Random(seed).shuffle(states)
    return tuple(map(case_of, states))


# -- what papers print, and its repairs ---------------------------------------------------------

SCALES = (Fraction(1), Fraction(1, 12), Fraction(1, 100))  # some claims speak of small prompts
MOST_LETTERS = 8  # layers × examples × d, beyond which letters for all of it take minutes
DRAWN = 120  # cases of a claim, of which those of one size and one set of parameters are taken


@lru_cache(maxsize=1)
def of_papers() -> Mapping[str, Claim]:
    """{label: claim} of the claims of papers that hold and are decided in fractions: found by
    looking, those that have a trial of their own left out."""
    return {
        label(claim): claim
        for claim in builtin()
        if paper_of(claim) is not None and claim.id not in judged() and not _why_not(claim)
    }


def left_out() -> dict[str, str]:
    """{label: why} of the claims of papers that hold, have layers, and are not judged here."""
    claims = [
        c
        for c in builtin()
        if paper_of(c) is not None and c.witness is not None and c.id not in judged()
    ]
    reasons = {label(claim): _why_not(claim) for claim in claims if claim.expected == "holds"}
    return {name: why for name, why in reasons.items() if why}


def label(claim: Claim) -> str:
    """ "ahn2023.lemma1, repaired"; as printed nothing is said."""
    return claim.id if claim.variant == "printed" else f"{claim.id}, {claim.variant}"


def _why_not(claim: Claim) -> str:
    """Why mutants of its layers are not judged in fractions; "" where they are."""
    if claim.expected != "holds" or claim.witness is None or claim.algorithm is None:
        return "it compares no layers with an algorithm"
    if claim.cases is None:
        return "it is compared in balls, for every prompt of a box"
    case = drawn(claim.cases, Budget(cases=1), claim.domain)[0]
    if build(claim.witness, case.parameters).irrational:
        return "it is compared in balls"
    return ""


def _cases_of(claim: Claim, seed: int) -> tuple[Case, ...]:
    """Cases of the claim that agree in their parameters and their size: of two layers or more, of
    two dimensions and two examples, without a number that is 0, as far as there are such."""
    assert claim.cases is not None and claim.witness is not None
    groups: dict[str, list[Case]] = {}
    for case in drawn(claim.cases, Budget(seed=seed, cases=DRAWN), claim.domain):
        known = (sorted(case.parameters.items(), key=str), case.X.shape, case.queries.shape)
        groups.setdefault(str(known), []).append(case)

    def suits(group: list[Case]) -> tuple[Any, ...]:
        case = group[0]
        numbers = [value for value in case.parameters.values() if isinstance(value, Rational)]
        layers = build(claim.witness, case.parameters).layers  # type: ignore[arg-type]
        small = len(case.X) <= 2 * case.d and case.d <= 2
        something = any(reference(claim.algorithm, case, Fraction, ...).ravel())  # type: ignore[arg-type]
        return (small, something, min(layers, 2), min(case.d, 2), min(len(case.X), 2),
                all(numbers), len(group))  # fmt: skip

    chosen: list[Case] = max(groups.values(), key=suits)
    return tuple(chosen)


def _paper_trial(claim: Claim, seed: int) -> Trial:
    """A claim of a paper at one size: its own cases, and random prompts of their shape on which it
    speaks and is right. Floats are not asked."""
    assert claim.witness is not None and claim.algorithm is not None
    own = _cases_of(claim, seed)
    case, rng = own[0], random.Random(seed)
    witness = build(claim.witness, case.parameters)

    def random_entry(at: Any) -> Fraction:
        return Fraction(rng.choice([i for i in range(-9, 10) if i]), rng.randint(1, 3))

    def speaks(of: Case) -> bool:
        return (claim.domain is None or claim.domain.contains(of)) and not differs(claim, of)

    further = []
    for number in range(EXACT):
        X, y, queries = (
            np.vectorize(random_entry, otypes=[object])(part) * SCALES[number % len(SCALES)]
            if part.size
            else part
            for part in (case.X, case.y, case.queries)
        )
        further.append(replace(case, X=X, y=y, queries=queries))
    exact = tuple((*own[:EXACT], *filter(speaks, further)))
    claim = replace(claim, symbolic=None)  # letters are asked below, where they are few
    proof = _proof(claim, witness, case.parameters)
    one = Trial(label(claim), claim, case.parameters, witness, exact, (), proof)
    few = witness.layers * len(case.X) * witness.d <= MOST_LETTERS
    return replace(one, letters=few and equal_in_letters(one, witness), few=few)


def _inputs(id: str) -> tuple[int, int] | None:
    """Where the entries of x have to lie for a witness to be its algorithm."""
    return constructions.get(id).inputs if id in constructions.names() else None


def _exact(
    parameters: Mapping[str, Any], witness: Witness, n: int, seed: int, in_unit_interval: bool
) -> tuple[Case, ...]:
    """Prompts of fractions, and two queries each."""
    rng = random.Random(seed)

    def entry() -> Fraction:
        if in_unit_interval:
            return Fraction(rng.randint(0, 24), 25)
        return Fraction(rng.choice([i for i in range(-9, 10) if i]), rng.randint(1, 3))

    def fractions(*shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for place in np.ndindex(*shape):
            made[place] = entry()
        return made

    scales = (Fraction(1), Fraction(1) if in_unit_interval else Fraction(1, 8))
    of_x, of_y, of_queries = shapes_of(witness.prompt, n, 2)
    return tuple(
        Case(parameters, fractions(*of_x) * scale, fractions(*of_y) * scale, fractions(*of_queries),
             witness.prompt.fields, witness.prompt.targets)
        for scale in scales * (EXACT // 2)
    )  # fmt: skip


def _floats(parameters: Mapping[str, Any], n: int, d: int, seed: int) -> tuple[Case, ...]:
    """Prompts of norm below 1, for which the step sizes above are; small and large targets."""
    noise = np.random.default_rng(seed)
    made = []
    for number in range(CASES):
        X = noise.standard_normal((n, d))
        X *= noise.uniform(0.6, 1) / np.linalg.norm(X, 2)
        y = noise.standard_normal(n) * (1, 8)[number % 2]
        made.append(Case(parameters, X, y, noise.standard_normal((2, d))))
    return tuple(made)


def _proof(
    claim: Claim, witness: Witness, parameters: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """How the claim proves an assembled witness of this kind, if it does."""
    from proofs.prove_witness import prove_witness

    formula: Any = claim.formula
    if claim.assembled is None or formula is None or claim.id in SLOW_PROOF:
        return None
    statement = formula.at({**parameters, **witness.parameters})
    for given in claim.assembled():
        words = {name: value for name, value in given.items() if isinstance(value, str)}
        if any(witness.parameters.get(name, value) != value for name, value in words.items()):
            continue
        how = {"expand": given.get("expand", False), "statement": statement}
        if prove_witness(witness, **how).proved:
            return how
    return None


def judged() -> set[str]:
    """The ids of claims that have a trial of their own."""
    return {id for id, _ in TRIALS.values()}


def not_judged() -> dict[str, str]:
    """{construction: why it has no mutants here}."""
    claims = {made.id for made in builtin() if made.witness is not None}
    return {
        name: "its claims compare with its algorithm within a bound, not exactly"
        if name not in claims
        else "no size is set for it"
        for name in constructions.names()
        if not {name, constructions.get(name).claim} & judged()
    }
