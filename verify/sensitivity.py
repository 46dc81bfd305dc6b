"""Does `witness check` refute what is wrong? Every mutant of a witness, set before its checks.

A mutant that every exact case lets pass is put to `equality`: a proof that it predicts the same
on every prompt of this size, by a gauge freedom of the weights or because nothing reads what was
changed, counts it as equal. Without a proof it was missed.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import Unsupported
from constructions.transformer import Witness

from . import equality, mutants
from .checks import numeric
from .checks.running import first_difference, reference
from .claim import Claim, builtin
from .engine import Differs
from .errors import WrongCall
from .strategies import Case

KINDS = ("exact", "steps", "numeric", "symbolic")
CASES = 6  # prompts per kind

# sizes at which two examples, two steps and two dimensions can be told apart
SUBJECTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "gradient_descent": (
        "gradient_descent",
        {"d": 2, "n": 2, "steps": 2, "step_size": Fraction(1, 3), "ridge": Fraction(1, 2),
         "loss": "sum"},
    ),
    "gradient_descent mean": (
        "gradient_descent",
        {"d": 2, "n": 2, "steps": 2, "step_size": Fraction(1, 3), "w0": (1, -2), "loss": "mean"},
    ),
    "sherman_morrison": (
        "sherman_morrison", {"d": 2, "n": 2, "examples": 2, "ridge": Fraction(1, 2)},
    ),
    "sherman_morrison tokens": (
        "sherman_morrison",
        {"d": 2, "n": 2, "examples": 2, "ridge": Fraction(1, 2), "storage": "tokens"},
    ),
    "newton": ("newton", {"d": 2, "n": 2, "iterations": 2, "alpha": Fraction(1, 3)}),
    "newton relu": (
        "newton",
        {"d": 2, "n": 2, "iterations": 1, "alpha": Fraction(1, 3), "attention": "relu",
         "prompt": "interleaved"},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A witness at one size, its claim, and the prompts on which its mutants are judged."""

    name: str
    claim: Claim
    parameters: Mapping[str, Any]
    witness: Witness
    exact: tuple[Case, ...]
    floats: tuple[Case, ...]


def subject(name: str, seed: int = 0) -> Subject:
    """A subject of SUBJECTS, or any witness claim that has a size for the symbolic check."""
    claims = {made.id: made for made in builtin() if made.witness is not None}
    if name in SUBJECTS:
        id, settings = SUBJECTS[name]
    elif name in claims and claims[name].symbolic is not None:
        id, settings = name, claims[name].symbolic or {}
    else:
        known = ", ".join(
            [*SUBJECTS, *(k for k, c in claims.items() if c.symbolic and k not in SUBJECTS)]
        )
        raise WrongCall(f"{name!r} has no mutants to judge; there are {known}")
    claim, parameters = claims[id], dict(settings)
    n, d = parameters.pop("n"), parameters["d"]
    assert claim.witness is not None
    rng, noise = random.Random(seed), np.random.default_rng(seed)

    def fractions(*shape: int) -> np.ndarray:
        made = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            made[at] = Fraction(rng.choice([i for i in range(-9, 10) if i]), rng.randint(1, 3))
        return made

    exact = tuple(
        Case(parameters, fractions(n, d), fractions(n), fractions(2, d)) for _ in range(CASES)
    )
    floats = []
    for _ in range(CASES):
        X = noise.standard_normal((n, d))
        X /= np.linalg.norm(X, 2)  # the step sizes above are for prompts of norm 1
        floats.append(Case(parameters, X, noise.standard_normal(n), noise.standard_normal((2, d))))
    return Subject(name, claim, parameters, claim.witness(**parameters), exact, tuple(floats))


def judge(one: Subject, witness: Witness) -> dict[str, bool | None]:
    """For each kind whether it refutes the witness; None where it was not run or cannot say.

    symbolic runs only on what exact lets pass.
    """
    claim = replace(one.claim, witness=lambda **parameters: witness)
    found: dict[str, bool | None] = {
        "exact": _any(one.exact, lambda case: _differs(one, witness, case)),
        "steps": _any(one.exact, lambda case: first_difference(witness, case) is not None),
        "numeric": _any(one.floats, lambda case: _off(claim, case)),
        "symbolic": None,
    }
    if found["exact"] is not True:
        same: bool | None = equality.same_where_read(one.witness, witness)
        if not same:
            try:
                n = len(one.exact[0].X)
                proved = equality.predicts_the_algorithm(one.claim, witness, one.parameters, n)
            except ZeroDivisionError:
                proved = False
            # with ReLUs, letters that differ do not prove that the functions do
            same = None if proved is False and found["exact"] is False else proved
        found["symbolic"] = None if same is None else not same
    return found


def _any(cases: Iterable[Case], refutes: Callable[[Case], bool | None]) -> bool | None:
    """Whether one of the cases refutes; None if none could say. What cannot run is refuted."""
    said: bool | None = None
    for case in cases:
        try:
            outcome = refutes(case)
        except Unsupported:
            return None
        except (ZeroDivisionError, ValueError):
            return True
        if outcome:
            return True
        said = said if outcome is None else False
    return said


def _differs(one: Subject, witness: Witness, case: Case) -> bool:
    assert one.claim.algorithm is not None
    got = witness.predict(case.X, case.y, case.queries, "rational")
    return list(got) != list(reference(one.claim.algorithm, case, Fraction))


def _off(claim: Claim, case: Case) -> bool | None:
    try:
        return None if numeric.compare(claim, case, "float64") is None else False
    except Differs:
        return True


def run(
    names: Iterable[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """How many mutants of each kind of change every check refutes, as JSON data.

    quick: every 17th mutant only.
    """
    from .report import versions

    made = []
    for name in names or SUBJECTS:
        one = subject(name, seed)
        if any(judge(one, one.witness)[kind] for kind in KINDS):
            raise RuntimeError(f"{name} is refuted as it is")
        rows: dict[str, dict[str, Any]] = {}
        missed = []
        for number, mutant in enumerate(mutants.of(one.witness)):
            if quick and number % 17:
                continue
            progress(f"{name}: {mutant.change}, {mutant.where}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                found = judge(one, mutant.witness)
            row = rows.setdefault(mutant.change, _empty())
            equal = found["symbolic"] is False
            row["mutants"] += 1
            row["equal, proved"] += equal
            for kind in KINDS:
                if not equal:
                    row[kind]["refuted"] += found[kind] is True
                    row[kind]["of"] += found[kind] is not None
                elif found[kind] is True and kind in ("exact", "numeric"):
                    row["false alarms"] += 1
            if not equal and True not in found.values():
                missed.append({"change": mutant.change, "where": mutant.where})
        made.append(
            {
                "witness": name,
                "parameters": {key: str(value) for key, value in one.parameters.items()},
                "digest": one.witness.digest,
                "changes": rows,
                "missed": missed,
            }
        )
    return {
        "schema": "witness-sensitivity/1",
        "seed": seed,
        "quick": quick,
        "witnesses": made,
        "shares": shares(made),
        "versions": versions(),
    }


def _empty() -> dict[str, Any]:
    counts: dict[str, Any] = {"mutants": 0, "equal, proved": 0, "false alarms": 0}
    return counts | {kind: {"refuted": 0, "of": 0} for kind in KINDS}


def shares(made: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """{change: {kind: share refuted}} of the mutants that differ and that the kind can run on."""
    totals: dict[str, dict[str, float | None]] = {}
    for change in (*mutants.CHANGES, *mutants.STRUCTURE):
        rows = [w["changes"][change] for w in made if change in w["changes"]]
        totals[change] = {}
        for kind in ("exact", "numeric"):
            refuted, of = (sum(row[kind][what] for row in rows) for what in ("refuted", "of"))
            totals[change][kind] = refuted / of if of else None
    return totals


def table(result: Mapping[str, Any]) -> Any:
    """A rich table, one row per witness and change."""
    from rich.table import Table

    made = Table(title="mutants refuted, of those that differ")
    for column in ("witness", "change", "mutants", "equal (proved)", *KINDS):
        made.add_column(column)
    for witness in result["witnesses"]:
        for change, row in witness["changes"].items():
            counts = [
                f"{row[kind]['refuted']} of {row[kind]['of']}" if row[kind]["of"] else ""
                for kind in KINDS
            ]
            made.add_row(
                witness["witness"], change, str(row["mutants"]), str(row["equal, proved"]), *counts
            )
    return made
