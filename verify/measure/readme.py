"""The tables of README.md, written between their markers from what was run.

    python -m verify.measure.readme [BLOCK[=REPORT.json] …]   rewrites blocks of ./README.md

`verdicts`, `theorems` and `witnesses` (the default) are exact and held to README by a test;
`precision`, `speed`, `sensitivity` and `soundness` are measurements, as this machine makes them,
the last three by `witness bench`, whose JSON report may be given instead of measuring again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..claim import Budget


def verdicts() -> str:
    """Every built-in claim with its verdicts, from a full run, Coq's kernel included."""
    import os

    from .. import pool
    from ..inputs.names import choose
    from ..report import text as report

    return report.markdown(pool.reports(choose(()), Budget(coq=True), os.cpu_count() or 1))


def theorems() -> str:
    """The theorems of sympy and of Coq's kernel, by the claims that they are related to.

    What is evidence for a claim stands in `verdicts` and nowhere else.
    """
    from constructions import theorems as derived

    from ..checks.coq import kernel

    rows: dict[str, tuple[list[str], list[str]]] = {}
    for theorem in derived():
        for claim in theorem.claims:
            rows.setdefault(claim, ([], []))[0].append(theorem.id)
    for proved in kernel.theorems():
        for claim in (*proved.supports, *proved.refutes):
            negated = "¬ " if claim in proved.refutes else ""
            rows.setdefault(claim, ([], []))[1].append(negated + proved.id)
    lines = [
        (f"`{claim}`", _listed(by_sympy, claim), _listed(by_coq, claim))
        for claim, (by_sympy, by_coq) in sorted(rows.items())
    ]
    return markdown_table(("related to", "in sympy", "in Coq"), lines)


def _listed(ids: Sequence[str], claim: str) -> str:
    """The theorems' names; one that begins like the claim's id is cut to the rest."""
    return ", ".join(
        f"¬ `{one[2:]}`" if one[0] == "¬" else f"`{one.removeprefix(f'{claim}.')}`" for one in ids
    )


def witnesses() -> str:
    """Layers, width, heads and non-zero weights of the constructions, the papers' first."""
    from . import resources_table

    return resources_table.markdown()


def precision() -> str:
    """Best attainable error of the printed approximations, searched for."""
    from ..claims.akyurek2022.precision import precision_markdown

    return precision_markdown() + "\n"


def speed() -> str:
    """Every figure of `witness bench` beside its goal."""
    from . import speed as bench

    return speed_table(bench.run(False, lambda what: None))


def speed_table(result: Mapping[str, Any]) -> str:
    """The figures of one report of `witness bench`."""
    words = {"<=": "at most ", ">=": "at least ", "~": "within "}
    rows = []
    for one in result["rows"]:
        value = "failed" if one["value"] is None else f"{one['value']:.3g}"
        goal = "" if one["goal"] is None else f"{words[one['relation']]}{one['goal']:g}"
        met = {True: "met", False: "**missed**", None: ""}[one["met"]]
        rows.append((one["what"], value, goal, met, one["note"]))
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    return markdown_table(("figure", "measured", "goal", "", "note"), rows) + f"\n{machine}.\n"


def sensitivity() -> str:
    """Mutants refuted of those that differ, by change and kind of check, over all witnesses."""
    from . import sensitivity as measured

    return sensitivity_table(measured.run())


def sensitivity_table(result: Mapping[str, Any]) -> str:
    """One report of `witness bench --sensitivity`, added up over the witnesses."""
    from . import sensitivity as measured

    totals = measured.totals(result["witnesses"])
    counted = ("mutants", "refused when made", "equal, proved")
    rows = [
        (
            change,
            *(str(row[name]) for name in counted),
            *(measured.share(row[kind]) for kind in measured.KINDS),
        )
        for change, row in totals.items()
    ]
    table = markdown_table(("change", *counted, *measured.KINDS), rows)
    sums = {
        name: sum(row[name] for row in totals.values())
        for name in ("equal, proved", "equal for every size", "open", "false alarms")
    }
    subjects = ", ".join(f"`{witness['witness']}`" for witness in result["witnesses"])
    missed = [f"- {line}" for line in measured.missed_lines(result)]
    return "\n".join(
        (
            table,
            f"Changed is {result['weights']}; {result['sampled']}.",
            f"Of the equal ones {sums['equal for every size']} are proved equal for every size by "
            f"`proof`. False alarms: {sums['false alarms']}. Neither proved equal nor told apart: "
            f"{sums['open']}.",
            "Missed of what they claim to cover, by `exact`, `proof` and `kernel`: "
            f"{len(result['missed'])}.",
            *missed,
            f"Judged: {subjects}. Not judged: "
            f"{', '.join(f'`{name}`' for name in result['not judged'])}.",
            "",
        )
    )


def soundness() -> str:
    """What is said of sound cases, per number system."""
    import os

    from . import soundness as measured

    return soundness_table(measured.run(workers=os.cpu_count() or 1))


def soundness_table(result: Mapping[str, Any]) -> str:
    """One report of `witness bench --soundness`, added up over the witnesses."""
    from .soundness import NUMBERS, OUTCOMES

    counts = dict.fromkeys(((system, outcome) for system in NUMBERS for outcome in OUTCOMES), 0)
    for one in result["outcomes"]:
        counts[one["numbers"], one["outcome"]] += one["count"]
    rows = [(system, *(str(counts[system, outcome]) for outcome in OUTCOMES)) for system in NUMBERS]
    table = markdown_table(("number system", *OUTCOMES), rows)
    return (
        f"{table}\n{result['cases']} sound cases, seed {result['seed']}: "
        f"{len(result['refuted'])} refuted, {len(result['silent'])} off without a warning, "
        f"{len(result['undecided without a way out'])} undecided without naming a number system "
        "that decides.\n"
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "verdicts": verdicts,
    "theorems": theorems,
    "witnesses": witnesses,
    "precision": precision,
    "speed": speed,
    "sensitivity": sensitivity,
    "soundness": soundness,
}
REPORTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "speed": speed_table,
    "sensitivity": sensitivity_table,
    "soundness": soundness_table,
}
EXACT = ("verdicts", "theorems", "witnesses")


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def block(text: str, name: str) -> str:
    """What stands between the markers of a block. Raises ValueError if there are none."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"README has no block {name}")
    return found[1]


def replace(text: str, name: str, table: str) -> str:
    """The text with a block's contents replaced."""
    old = block(text, name)
    start = text.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n")
    return text[:start] + table + text[start + len(old) :]


def main(arguments: Sequence[str]) -> int:
    path = Path("README.md")
    wanted = [argument.partition("=")[::2] for argument in arguments or EXACT]
    try:
        if not path.is_file():
            raise ValueError("no README.md here")
        made = {name: _contents(name, report) for name, report in wanted}
    except (ValueError, OSError) as error:
        print(f"verify.measure.readme: {error}", file=sys.stderr)
        return 2
    text = path.read_text(encoding="utf-8")
    for name, table in made.items():
        text = replace(text, name, table)
    path.write_text(text, encoding="utf-8")
    return 0


def _contents(name: str, report: str) -> str:
    """A block's table, from a report if one is named. Raises ValueError."""
    if name not in BLOCKS:
        raise ValueError(f"no block {name}; there are {', '.join(BLOCKS)}")
    if not report:
        return BLOCKS[name]()
    if name not in REPORTS:
        raise ValueError(f"{name} is written from no report; only {', '.join(REPORTS)} are")
    try:
        return REPORTS[name](json.loads(Path(report).read_text(encoding="utf-8")))
    except (KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(
            f"{report} is no report for {name}; `witness bench --json {report}` writes one"
        ) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
