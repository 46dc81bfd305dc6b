"""Does `witness check` refute what is wrong? Every mutant of a witness, set before its checks.

Counted are the mutants that differ: that some prompt or rational function tells from the
algorithm. Those proved equal are counted apart, and so are those that are neither, `open`, and
those that cannot be made. Of builders the checks are those of the whole claim; what they let pass
is counted as missed where they claim to cover it, and as outside where they do not.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache, partial
from typing import Any

from ..inputs.progress import Say, nothing
from ..pool import each
from ..report import tables
from ..report.as_json import versions
from . import builders, mutants
from .judges import CLAIMED, KINDS, THEOREMS, Finding, Trial, judge, judge_builder, judge_in_coq
from .trials import CORE, FEW_MUTANTS, TRIALS, left_out, not_judged, of_papers, trial

FEW, FEW_BUILDERS = 8, 3  # mutants of each witness and of its builder in a quick run
MOST_WEIGHTS, MOST = 40, 80  # of each change of one witness, evenly spread
MOST_OF_PAPERS = 6  # the same of one claim of a paper
SAMPLED = (
    f"of each witness at most {MOST_WEIGHTS} mutants for each change of weights and {MOST} for "
    f"each other change, of claims of papers and of `subleq` {MOST_OF_PAPERS}, evenly spread over "
    "its parts"
)
WITNESS, BUILDERS, IN_COQ = "witness", "builders", "written in Coq"
CHUNKS = {WITNESS: 24, BUILDERS: 4, IN_COQ: 1}  # what a worker judges in one go
ORDER = (*mutants.ORDER, BUILDERS, IN_COQ)
COUNTED = (
    "mutants", "refused when made", "equal, proved", "equal for every size", "open", "false alarms",
)  # fmt: skip

Task = tuple[str, str, list[int], int]  # trial, what is judged of it, their numbers, seed
Found = tuple[str, str, Finding]  # change, where, what is said


def run(
    names: Iterable[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: Say = nothing,
    workers: int | None = None,
) -> dict[str, Any]:
    """How many mutants of each kind of change every check refutes, as JSON data.

    quick: the core witnesses, if none are named, only a few mutants of each, evenly spread, and
    nothing in Coq. workers: processes; as many as cores, but one for a quick run, if not given.
    """
    chosen = list(names or (CORE if quick else (*TRIALS, *of_papers())))
    workers = workers or (1 if quick else os.cpu_count() or 1)
    tasks: list[Task] = []
    for name in chosen:
        said = judge(trial(name, seed), trial(name, seed).witness)
        if any(said.refutes.values()):
            raise RuntimeError(f"{name} is refuted as it is: {dict(said.refutes)}")
        tasks += _chunks(name, WITNESS, _sampled(name, quick, seed), seed)
    whole = (one for one in chosen if one not in of_papers() and one not in FEW_MUTANTS)
    for name in _first_of_each_claim(whole):
        faulty = range(len(judgements(name, BUILDERS, seed)))
        few = faulty[:: _ceiling(len(faulty), FEW_BUILDERS)] if quick else faulty
        tasks += _chunks(name, BUILDERS, few, seed)
        if not quick:
            in_coq = range(len(judgements(name, IN_COQ, seed)))
            tasks += _chunks(name, IN_COQ, in_coq, seed)
    findings: dict[str, list[Found]] = {name: [] for name in chosen}
    total = sum(len(numbers) for _, _, numbers, _ in tasks)
    with closing(each(_task, tasks, workers)) as outcomes:
        for (name, *_), found in zip(tasks, outcomes):
            findings[name] += found
            progress(f"{name}: {sum(map(len, findings.values()))} of {total} mutants")
    made = [counted(trial(name, seed), found) for name, found in findings.items()]
    return {
        "schema": "witness-sensitivity/3",
        "seed": seed,
        "quick": quick,
        "weights": mutants.WEIGHTS,
        "sampled": SAMPLED,
        "witnesses": made,
        "not judged": not_judged() | left_out(),
        "shares": shares(made),
        "missed": missed(made),
        "versions": versions(),
    }


# -- what is judged ---------------------------------------------------------------------------


@lru_cache(maxsize=6)
def judgements(
    name: str, what: str, seed: int
) -> tuple[tuple[str, str, Callable[[], Finding]], ...]:
    """(change, where, how it is judged) of every mutant of a witness, of every fault of its
    claim's builder, or of every one that is written down for Coq."""
    one = trial(name, seed)
    if what == WITNESS:
        found = mutants.of(one.witness)
        return tuple((m.change, m.where, partial(judge_mutant, one, m)) for m in found)
    if what == BUILDERS:
        faults = builders.faults(one.claim, seed)
        return tuple((what, f.where, partial(judge_builder, one.claim, f, seed)) for f in faults)
    given = builders.IN_COQ if one.claim.id in THEOREMS else ()
    return tuple((what, f.where, partial(judge_in_coq, one.claim.id, f)) for f in given)


def judge_mutant(one: Trial, mutant: mutants.Mutant) -> Finding:
    """What is said of a mutant; nothing of one that the vocabulary refused."""
    if mutant.witness is None:
        return Finding(dict.fromkeys(KINDS), None, {}, refused=mutant.refused)
    return judge(one, mutant.witness)


def _task(name: str, what: str, numbers: list[int], seed: int) -> list[Found]:
    """What is said of the mutants with these numbers."""
    every = judgements(name, what, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return [
            (change, where, judged())
            for change, where, judged in (every[number] for number in numbers)
        ]


def _sampled(name: str, quick: bool, seed: int) -> list[int]:
    """The numbers of those mutants of a witness that are judged."""
    by_change: dict[str, list[int]] = {}
    for number, (change, *_) in enumerate(judgements(name, WITNESS, seed)):
        by_change.setdefault(change, []).append(number)
    numbers: list[int] = []
    for change, found in by_change.items():
        most = MOST_WEIGHTS if change in mutants.CHANGES else MOST
        few = name in of_papers() or name in FEW_MUTANTS
        most = min(len(found), MOST_OF_PAPERS if few else most)
        numbers += (found[i * len(found) // most] for i in range(most))
    return sorted(numbers)[:: _step(len(numbers)) if quick else 1]


def _step(count: int) -> int:
    """Every so many mutants, a FEW in all, and not always of the same change."""
    step = _ceiling(count, FEW)
    return step + 1 if step % len(mutants.CHANGES) == 0 else step


def _ceiling(count: int, parts: int) -> int:
    return max(1, -(-count // parts))


def _chunks(name: str, what: str, numbers: Sequence[int], seed: int) -> list[Task]:
    size = CHUNKS[what]
    starts = range(0, len(numbers), size)
    return [(name, what, list(numbers[start : start + size]), seed) for start in starts]


def _first_of_each_claim(names: Iterable[str]) -> list[str]:
    """One trial for each claim: its builders are those of the claim."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(TRIALS[name][0] if name in TRIALS else name, name)
    return list(first.values())


# -- what is counted --------------------------------------------------------------------------


def counted(one: Trial, found: Iterable[Found]) -> dict[str, Any]:
    """The mutants of one witness by their change, and what was let pass."""
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
            outside_of = [kind for kind in KINDS if kind in said.outside]
            passed.append(
                {
                    "change": change,
                    "where": where,
                    "differs": True,
                    "by": let_pass,
                    "outside": outside_of,
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


# -- tables -----------------------------------------------------------------------------------

HEADS = ("change", "mutants", "refused when made", "equal, proved", *KINDS)


def _row(change: str, row: Mapping[str, Any], nothing_there: str) -> list[str]:
    numbers = [str(row[name]) for name in HEADS[1:4]]
    return [change, *numbers, *(_share(row[kind], nothing_there) for kind in KINDS)]


def _share(counts: Mapping[str, int], nothing_there: str) -> str:
    """ "3 of 4", "3 of 4 (2 outside)"; `nothing_there` where there was none to refute."""
    outside = f"{counts['outside']} outside" if counts["outside"] else ""
    if not counts["of"]:
        return outside or nothing_there
    said = f"{counts['refuted']} of {counts['of']}"
    return f"{said} ({outside})" if outside else said


def _missed_lines(result: Mapping[str, Any]) -> list[str]:
    """A line for each mutant that a check missed though it claims to cover it."""
    return [
        f"{one['kind']}: {one['witness']}, {one['change']}, {one['where']}: {one['says']}"
        for one in result["missed"]
    ]


def table(result: Mapping[str, Any]) -> Any:
    """A rich table, one row per witness and change; under it what is missed."""
    rows = [
        [witness["witness"], *_row(change, row, "")]
        for witness in result["witnesses"]
        for change, row in witness["changes"].items()
    ]
    made = tables.grid(("witness", *HEADS), rows)
    made.title = "mutants noticed, of those that differ and that a check claims to cover"
    under = [f"Changed is {result['weights']}; {result['sampled']}."]
    made.caption = "\n".join((*under, *(f"missed by {line}" for line in _missed_lines(result))))
    return made


def markdown(result: Mapping[str, Any]) -> str:
    """One report, added up over the witnesses, for README."""
    added = totals(result["witnesses"])
    sums = {name: sum(row[name] for row in added.values()) for name in COUNTED}
    trials = ", ".join(f"`{witness['witness']}`" for witness in result["witnesses"])
    lines = (
        tables.markdown(HEADS, [_row(change, row, "-") for change, row in added.items()]),
        f"Changed is {result['weights']}; {result['sampled']}.",
        f"Of the equal ones {sums['equal for every size']} are proved equal for every size by "
        f"`proof`. False alarms: {sums['false alarms']}. Neither proved equal nor told apart: "
        f"{sums['open']}.",
        "Missed of what they claim to cover, by `exact`, `proof` and `kernel`: "
        f"{len(result['missed'])}.",
        *(f"- {line}" for line in _missed_lines(result)),
        f"Judged: {trials}. Not judged: {', '.join(f'`{name}`' for name in result['not judged'])}.",
        "",
    )
    return "\n".join(lines)
