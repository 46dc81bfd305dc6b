"""Does `witness check` refute what is wrong? Every mutant of a witness, set before its checks.

Counted are the mutants that differ: that some prompt or rational function tells from the
algorithm. Those proved equal are counted apart, and so are those that are neither, `open`, and
those that cannot be made. Of builders the checks are those of the whole claim; what they let pass
is counted as missed where they claim to cover it, and as outside where they do not.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from . import mutant_builders, mutant_kernel, mutants
from .mutant_builders import BUILDERS
from .mutant_checks import CLAIMED, KINDS, Finding, Subject, judge
from .mutant_kernel import IN_COQ
from .mutant_sites import Mutant
from .mutant_subjects import CORE, SUBJECTS, not_judged, subject

FEW, FEW_BUILDERS = 8, 3  # mutants of each witness and of its builder in a quick run
MOST_WEIGHTS, MOST = 40, 80  # of each change of one witness, evenly spread
SAMPLED = (
    f"of each witness at most {MOST_WEIGHTS} mutants for each change of weights and {MOST} for "
    "each other change, evenly spread over its parts"
)
CHUNK = 24  # mutants that a worker judges in one go
CHUNKS = {"witness": CHUNK, BUILDERS: 4, IN_COQ: 1}
ORDER = (*mutants.ORDER, BUILDERS, IN_COQ)
COUNTED = ("mutants", "refused when made", "equal, proved", "equal for every size", "open",
           "false alarms")  # fmt: skip

Task = tuple[str, str, list[int]]  # subject, family of mutants, their numbers
Found = tuple[str, str, Finding]  # change, where, what is said


def run(
    names: Iterable[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
    workers: int | None = None,
) -> dict[str, Any]:
    """How many mutants of each kind of change every check refutes, as JSON data.

    quick: the core witnesses, if none are named, only a few mutants of each, evenly spread, and
    nothing in Coq. workers: processes; as many as cores, but one for a quick run, if not given.
    """
    from ..report.text import versions

    chosen = list(names or (CORE if quick else SUBJECTS))
    workers = workers or (1 if quick else os.cpu_count() or 1)
    tasks: list[Task] = []
    for name in chosen:
        said = judge(subject(name, seed), subject(name, seed).witness)
        if any(said.refutes.values()):
            raise RuntimeError(f"{name} is refuted as it is: {dict(said.refutes)}")
        tasks += _tasks(name, quick, seed)
    for name in _first_of_each_claim(chosen):
        tasks += _builder_tasks(name, quick, seed)
    findings: dict[str, list[Found]] = {name: [] for name in chosen}
    total = sum(len(numbers) for *_, numbers in tasks)
    for (name, *_), found in zip(tasks, _judged(tasks, seed, workers)):
        findings[name] += found
        progress(f"{name}: {sum(map(len, findings.values()))} of {total} mutants")
    made = [_counted(subject(name, seed), found) for name, found in findings.items()]
    return {
        "schema": "witness-sensitivity/3",
        "seed": seed,
        "quick": quick,
        "weights": mutants.WEIGHTS,
        "sampled": SAMPLED,
        "witnesses": made,
        "not judged": not_judged(),
        "shares": shares(made),
        "missed": missed(made),
        "versions": versions(),
    }


def _tasks(name: str, quick: bool, seed: int) -> list[Task]:
    """The mutants of one witness that are judged, in chunks."""
    by_change: dict[str, list[int]] = {}
    for number, mutant in enumerate(_mutants(name, seed)):
        by_change.setdefault(mutant.change, []).append(number)
    numbers: list[int] = []
    for change, found in by_change.items():
        most = MOST_WEIGHTS if change in mutants.CHANGES else MOST
        numbers += (
            (found[i * len(found) // most] for i in range(most)) if len(found) > most else found
        )
    return _chunks(name, "witness", sorted(numbers)[:: _step(len(numbers)) if quick else 1])


def _builder_tasks(name: str, quick: bool, seed: int) -> list[Task]:
    """The faulty builders of a subject's claim, and those that are written in Coq."""
    claim = subject(name, seed).claim
    numbers = range(sum(1 for _ in mutant_builders.faults(claim, seed)))
    few = numbers[:: max(1, -(-len(numbers) // FEW_BUILDERS))] if quick else numbers
    made = _chunks(name, BUILDERS, list(few))
    if claim.id in mutant_kernel.THEOREMS and not quick:
        made += _chunks(name, IN_COQ, list(range(len(mutant_kernel.FAULTS))))
    return made


def _chunks(name: str, family: str, numbers: list[int]) -> list[Task]:
    size = CHUNKS[family]
    return [(name, family, numbers[i : i + size]) for i in range(0, len(numbers), size)]


def _first_of_each_claim(names: Iterable[str]) -> list[str]:
    """One subject for each claim: its builders are those of the claim."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(SUBJECTS[name][0] if name in SUBJECTS else name, name)
    return list(first.values())


@lru_cache(maxsize=2)
def _mutants(name: str, seed: int) -> tuple[Mutant, ...]:
    return tuple(mutants.of(subject(name, seed).witness))


def _step(count: int) -> int:
    """Every so many mutants, a FEW in all, and not always of the same change."""
    step = max(1, -(-count // FEW))
    return step + 1 if step % len(mutants.CHANGES) == 0 else step


def _judged(tasks: Sequence[Task], seed: int, workers: int) -> Iterator[list[Found]]:
    """The findings of each task, in order; they do not depend on the number of workers."""
    if workers == 1:
        yield from (_task(*task, seed) for task in tasks)
        return
    from joblib import Parallel, delayed

    jobs = (delayed(_task)(*task, seed) for task in tasks)
    yield from Parallel(n_jobs=workers, return_as="generator", batch_size=1)(jobs)


def _task(name: str, family: str, numbers: list[int], seed: int) -> list[Found]:
    """What is said of the mutants with these numbers."""
    from ..pool import one_thread

    one = subject(name, seed)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if family == BUILDERS:
            faults = list(mutant_builders.faults(one.claim, seed))
            return [_builder(one, faults[number], seed) for number in numbers]
        if family == IN_COQ:
            return [_in_coq(one, mutant_kernel.FAULTS[number]) for number in numbers]
        made = _mutants(name, seed)
        return [_mutant(one, made[number]) for number in numbers]


NOT_RUN: Mapping[str, bool | None] = dict.fromkeys(KINDS)


def _mutant(one: Subject, mutant: Mutant) -> Found:
    if mutant.witness is None:
        refused = Finding(NOT_RUN, None, {}, refused=mutant.refused)
        return mutant.change, mutant.where, refused
    return mutant.change, mutant.where, judge(one, mutant.witness)


def _builder(one: Subject, fault: mutant_builders.Fault, seed: int) -> Found:
    said = mutant_builders.judge(one.claim, fault, seed)
    finding = Finding({**NOT_RUN, **said.notices}, False, said.why, said.outside)
    return BUILDERS, fault.where, finding


def _in_coq(one: Subject, fault: mutant_builders.Fault) -> Found:
    noticed, why = mutant_kernel.judge(one.claim.id, fault)
    finding = Finding({**NOT_RUN, "kernel": noticed}, False, {"kernel": why})
    return IN_COQ, fault.where, finding


def _counted(one: Subject, found: Iterable[Found]) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {}
    passed: list[dict[str, Any]] = []
    for change, where, said in found:
        row = rows.setdefault(change, _empty())
        row["mutants"] += 1
        if said.refused:
            row["refused when made"] += 1
            continue
        row["equal, proved"] += said.equal is True
        row["equal for every size"] += said.equal is True and said.refutes["proof"] is False
        row["open"] += said.equal is None
        row["false alarms"] += said.equal is True and said.refutes["numeric"] is True
        if said.equal is None:
            passed.append({"change": change, "where": where, "differs": None, "by": said.why})
        if said.equal is not False:
            continue
        for kind in KINDS:
            outside = kind in said.outside
            row[kind]["refuted"] += said.refutes[kind] is True
            row[kind]["of"] += said.refutes[kind] is not None and not outside
            row[kind]["outside"] += outside
        let_pass = {kind: said.why[kind] for kind in KINDS if said.refutes[kind] is False}
        if let_pass:
            passed.append(
                {
                    "change": change,
                    "where": where,
                    "differs": True,
                    "by": let_pass,
                    "outside": [kind for kind in KINDS if kind in said.outside],
                }
            )
    return {
        "witness": one.name,
        "claim": one.claim.id,
        "parameters": {"n": str(one.n), **{k: str(v) for k, v in one.parameters.items()}},
        "digest": one.witness.digest,
        "changes": rows,
        "missed": passed,
    }


def _empty() -> dict[str, Any]:
    kinds = {kind: {"refuted": 0, "of": 0, "outside": 0} for kind in KINDS}
    return dict.fromkeys(COUNTED, 0) | kinds


def missed(made: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What `exact`, `proof` and `kernel` let pass of what they claim to cover: nothing may be."""
    return [
        {
            "witness": witness["witness"],
            "change": one["change"],
            "where": one["where"],
            "kind": kind,
            "says": one["by"][kind],
        }
        for witness in made
        for one in witness["missed"]
        if one["differs"]
        for kind in CLAIMED
        if kind in one["by"] and kind not in one["outside"]
    ]


def totals(made: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows of all witnesses added up: {change: row}."""
    added: dict[str, dict[str, Any]] = {}
    for witness in made:
        for change, row in witness["changes"].items():
            total = added.setdefault(change, _empty())
            for name, value in row.items():
                if name in KINDS:
                    total[name] = {part: total[name][part] + value[part] for part in value}
                else:
                    total[name] += value
    return {change: added[change] for change in ORDER if change in added}


def shares(made: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """{change: {kind: share refuted}} of the mutants that differ and that the kind can run on."""
    return {
        change: {
            kind: row[kind]["refuted"] / row[kind]["of"] if row[kind]["of"] else None
            for kind in KINDS
        }
        for change, row in totals(made).items()
    }


def table(result: Mapping[str, Any]) -> Any:
    """A rich table, one row per witness and change; under it what is missed."""
    from rich.table import Table

    title = "mutants noticed, of those that differ and that a check claims to cover"
    under = [f"Changed is {result['weights']}; {result['sampled']}."]
    under += (f"missed by {line}" for line in missed_lines(result))
    made = Table(title=title, caption="\n".join(under))
    for column in ("witness", "change", "mutants", "refused when made", "equal (proved)", *KINDS):
        made.add_column(column)
    for witness in result["witnesses"]:
        for change, row in witness["changes"].items():
            made.add_row(
                witness["witness"], change, str(row["mutants"]), str(row["refused when made"]),
                str(row["equal, proved"]), *(share(row[kind], "") for kind in KINDS),
            )  # fmt: skip
    return made


def missed_lines(result: Mapping[str, Any]) -> list[str]:
    """A line for each mutant that a check missed though it claims to cover it."""
    return [
        f"{one['kind']}: {one['witness']}, {one['change']}, {one['where']}: {one['says']}"
        for one in result["missed"]
    ]


def share(counts: Mapping[str, int], nothing: str = "-") -> str:
    """ "3 of 4", "3 of 4 (2 outside)"; `nothing` where there was none to refute."""
    outside = f"{counts['outside']} outside" if counts["outside"] else ""
    if not counts["of"]:
        return outside or nothing
    said = f"{counts['refuted']} of {counts['of']}"
    return f"{said} ({outside})" if outside else said
