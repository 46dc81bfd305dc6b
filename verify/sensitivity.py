"""Does `witness check` refute what is wrong? Every mutant of a witness, set before its checks.

Counted are the mutants that differ: that some prompt or rational function tells from the
algorithm. Those proved equal are counted apart, and so are those that are neither: `open`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import mutants
from .mutant_checks import KINDS, Finding, Subject, judge
from .mutant_subjects import CORE, SUBJECTS, not_judged, subject

FEW = 8  # mutants of each witness in a quick run
CHUNK = 24  # mutants that a worker judges in one go


def run(
    names: Iterable[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
    workers: int | None = None,
) -> dict[str, Any]:
    """How many mutants of each kind of change every check refutes, as JSON data.

    quick: the core witnesses, if none are named, and only a few mutants of each, evenly spread.
    workers: processes; as many as cores, but one for a quick run, if not given.
    """
    from .report import versions

    chosen = list(names or (CORE if quick else SUBJECTS))
    workers = workers or (1 if quick else os.cpu_count() or 1)
    tasks: list[tuple[str, list[int]]] = []
    for name in chosen:
        said = judge(subject(name, seed), subject(name, seed).witness)
        if any(said.refutes.values()):
            raise RuntimeError(f"{name} is refuted as it is: {dict(said.refutes)}")
        numbers = range(sum(1 for _ in mutants.of(subject(name, seed).witness)))
        taken = list(numbers[:: _step(len(numbers)) if quick else 1])
        tasks += [(name, taken[i : i + CHUNK]) for i in range(0, len(taken), CHUNK)]
    findings: dict[str, list[tuple[str, str, Finding]]] = {name: [] for name in chosen}
    total = sum(len(numbers) for _, numbers in tasks)
    for (name, _), found in zip(tasks, _judged(tasks, seed, workers)):
        findings[name] += found
        progress(f"{name}: {sum(map(len, findings.values()))} of {total} mutants")
    made = [_counted(subject(name, seed), found) for name, found in findings.items()]
    return {
        "schema": "witness-sensitivity/2",
        "seed": seed,
        "quick": quick,
        "witnesses": made,
        "not judged": not_judged(),
        "shares": shares(made),
        "versions": versions(),
    }


def _step(count: int) -> int:
    """Every so many mutants, a FEW in all, and not always of the same change."""
    step = max(1, -(-count // FEW))
    return step + 1 if step % len(mutants.CHANGES) == 0 else step


def _judged(
    tasks: Sequence[tuple[str, list[int]]], seed: int, workers: int
) -> Iterator[list[tuple[str, str, Finding]]]:
    """The findings of each task, in order; they do not depend on the number of workers."""
    if workers == 1:
        yield from (_task(name, numbers, seed) for name, numbers in tasks)
        return
    from joblib import Parallel, delayed

    jobs = (delayed(_task)(name, numbers, seed) for name, numbers in tasks)
    yield from Parallel(n_jobs=workers, return_as="generator", batch_size=1)(jobs)


def _task(name: str, numbers: list[int], seed: int) -> list[tuple[str, str, Finding]]:
    """(change, where, finding) of the mutants with these numbers."""
    from .pool import one_thread

    one, wanted, made = subject(name, seed), set(numbers), []
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for number, mutant in enumerate(mutants.of(one.witness)):
            if number in wanted:
                made.append((mutant.change, mutant.where, judge(one, mutant.witness)))
    return made


def _counted(one: Subject, found: Iterable[tuple[str, str, Finding]]) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {}
    missed: list[dict[str, Any]] = []
    for change, where, said in found:
        row = rows.setdefault(change, _empty())
        row["mutants"] += 1
        row["equal, proved"] += said.equal is True
        row["equal for every size"] += said.equal is True and said.refutes["proof"] is False
        row["open"] += said.equal is None
        row["false alarms"] += said.equal is True and said.refutes["numeric"] is True
        row["false alarms"] += said.refutes["exact"] is True and said.refutes["proof"] is False
        if said.equal is None:
            missed.append({"change": change, "where": where, "differs": None, "by": said.why})
        if said.equal is not False:
            continue
        for kind in KINDS:
            row[kind]["refuted"] += said.refutes[kind] is True
            row[kind]["of"] += said.refutes[kind] is not None
        passed = {kind: said.why[kind] for kind in KINDS if said.refutes[kind] is False}
        if passed:
            missed.append({"change": change, "where": where, "differs": True, "by": passed})
    return {
        "witness": one.name,
        "claim": one.claim.id,
        "parameters": {"n": str(one.n), **{k: str(v) for k, v in one.parameters.items()}},
        "digest": one.witness.digest,
        "changes": rows,
        "missed": missed,
    }


def _empty() -> dict[str, Any]:
    counted = ("mutants", "equal, proved", "equal for every size", "open", "false alarms")
    return dict.fromkeys(counted, 0) | {kind: {"refuted": 0, "of": 0} for kind in KINDS}


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
    order = (*mutants.CHANGES, *mutants.STRUCTURE)
    return {change: added[change] for change in order if change in added}


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
    """A rich table, one row per witness and change."""
    from rich.table import Table

    made = Table(title="mutants refuted, of those that differ; proof: not proved for every size")
    for column in ("witness", "change", "mutants", "equal (proved)", *KINDS):
        made.add_column(column)
    for witness in result["witnesses"]:
        for change, row in witness["changes"].items():
            made.add_row(
                witness["witness"], change, str(row["mutants"]), str(row["equal, proved"]),
                *(share(row[kind], "") for kind in KINDS),
            )  # fmt: skip
    return made


def share(counts: Mapping[str, int], nothing: str = "-") -> str:
    """ "3 of 4"; `nothing` where there was none to refute."""
    return f"{counts['refuted']} of {counts['of']}" if counts["of"] else nothing
