"""The tables of the READMEs, written between their markers from what was run.

    python -m verify.quality.readme [BLOCK[=REPORT.json] …]   rewrites blocks of ./*/README.md

`verdicts`, `papers`, `theorems`, `witnesses`, `order`, `examples`, `capacity` and `released` (the
default) are exact, and tests hold the READMEs to them; `calibration` takes a minute, and a test
holds its fingerprints and some rows; `learners` follows from the weights that the package has, and
is held to but for rounding. A test holds `exports` to its bounds; the errors in it, `precision`,
`certificates`, `speed`, `sensitivity` and `soundness` are measurements, as this machine makes them,
the last three by `witness bench`, whose JSON report may be given instead of measuring again.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..claim import Budget
from ..inputs.files import write
from ..report import tables


def verdicts() -> str:
    """Every built-in claim with its verdicts, from a full run, Coq's kernel included."""
    from .. import pool
    from ..inputs.names import choose
    from ..report import text

    chosen, budget = choose(()), Budget(coq=True)
    return text.verdicts_in_markdown(pool.reports(chosen, budget, os.cpu_count() or 1))


def papers() -> str:
    """What of each paper stands as printed, and how many readings of it do not; verdicts are those
    that are expected, which `verdicts` and its test find anew."""
    from ..claim_texts import claims_of_papers
    from ..report import index

    lines: list[tuple[Any, ...]] = []
    for name, rows in index.by_paper(index.statements(claims_of_papers())).items():
        printed, read = index.as_printed(rows), index.readings(rows)
        found, of_read = (
            [index.verdict(row.printed) for row in some if row.printed] for some in (printed, read)
        )
        paper = index.paper_in(rows)
        assert paper is not None
        cited = f"{name}, [arXiv:{paper.identifier}]({paper.url})"
        counted = [found.count(verdict) or "" for verdict in PRINTED]
        repaired = sum(index.mended(row) for row in printed) or ""
        failing = sum(verdict in index.FAIL for verdict in of_read) or ""
        lines.append((cited, len(printed), *counted, repaired, len(read) or "", failing))
    totals: list[Any] = [sum(one or 0 for one in column) for column in list(zip(*lines))[1:]]
    heads = (
        "paper", "statements", "hold", "approximate", "refuted", "ill-posed", "repaired",
        "readings", "that fail",
    )  # fmt: skip
    return tables.markdown(heads, [*lines, ("together", *totals)])


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
    return tables.markdown(("related to", "in sympy", "in Coq"), lines)


def _listed(ids: Sequence[str], claim: str) -> str:
    """The theorems' names; one that begins like the claim's id is cut to the rest."""
    return ", ".join(
        f"¬ `{one[2:]}`" if one[0] == "¬" else f"`{one.removeprefix(f'{claim}.')}`" for one in ids
    )


def witnesses() -> str:
    """Layers, width, heads and non-zero weights of the constructions, the papers' first."""
    from . import resources_table

    return resources_table.markdown()


def order() -> str:
    """Whether the order of the examples matters to a construction, and how that is known."""
    from . import order_table

    return order_table.markdown()


def capacity() -> str:
    """How many steps of each exportable construction the smallest GPT-2 holds."""
    from ..exports import capacity

    return capacity.markdown()


def examples() -> str:
    """The claim files that `witness new` can begin as, and how much is known of each."""
    from ..claim import Claim, load_file
    from ..command import new

    def known(claim: Claim) -> str:
        if claim.assembled is not None:
            return "derived for every prompt, d and n"
        if claim.boxes:
            return "one function of every prompt of the sizes of its boxes"
        return (
            "exact on drawn prompts"
            if claim.witness is not None
            else "derived for every n, at the d named"
        )

    rows = []
    for name, path in new.examples().items():
        shows = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split(". ")
        claims = [one for one in load_file(path) if one.expected == "holds"]
        by = ", ".join(dict.fromkeys(known(one) for one in claims))
        rows.append((f"`{name}`", " ".join(shows[0].split("\n\n")[0].split()).rstrip("."), by))
    return tables.markdown(("begins as", "which shows", "what is known"), rows)


def calibration() -> str:
    """What the fingerprint and the papers' measures say of every witness."""
    from . import calibration_table

    return calibration_table.markdown()


def released() -> str:
    """Where the released codes that `witness measure --as` follows leave their papers."""
    from ..learners.likeness.released import DIFFERENCES

    rows = [
        (paper, one.item, one.paper, one.code)
        for paper, found in DIFFERENCES.items()
        for one in found
    ]
    return tables.markdown(("", "what", "the paper", "the code"), rows)


def precision() -> str:
    """Best attainable error of the printed approximations, searched for."""
    from ..claims.akyurek2022.precision import precision_markdown

    return precision_markdown()


def exports() -> str:
    """Witnesses as GPT-2: bounds, and the largest errors seen."""
    from ..claims.ours import exported

    return exported.markdown()


def disguised() -> str:
    """The same, disguised."""
    from ..claims.ours import exported

    return exported.markdown_disguised()


def learners() -> str:
    """What the learners of the package show of what papers report."""
    from . import learners as measured

    return measured.markdown()


PRINTED = ("holds", "approximates", "refuted", "ill-posed")  # verdicts, as `papers` counts them
BLOCKS: dict[str, Callable[[], str]] = {
    "verdicts": verdicts,
    "papers": papers,
    "theorems": theorems,
    "witnesses": witnesses,
    "order": order,
    "examples": examples,
    "capacity": capacity,
    "calibration": calibration,
    "released": released,
    "precision": precision,
    "learners": learners,
    "exports": exports,
    "disguised": disguised,
}
EXACT = (
    "verdicts", "papers", "theorems", "witnesses", "order", "examples", "capacity", "released",
)  # fmt: skip
# modules of this folder with run() and markdown(), and how they are run
MEASURED: dict[str, Mapping[str, Any]] = {
    "certificates": {},
    "speed": {},
    "sensitivity": {},
    "soundness": {"workers": os.cpu_count() or 1},
}


def home(name: str, root: Path) -> Path:
    """The README that has a block: that of the root or of a folder in it.

    Raises ValueError if none has it.
    """
    for path in (root / "README.md", *sorted(root.glob("*/README.md"))):
        if path.is_file() and f"<!-- {name} -->" in path.read_text(encoding="utf-8"):
            return path
    raise ValueError(f"no README here has a block {name}")


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
    """Rewrites the blocks that are named; the exit status."""
    wanted = [argument.partition("=")[::2] for argument in arguments or EXACT]
    try:
        made = {name: _contents(name, report) for name, report in wanted}
        for name, table in made.items():
            path = home(name, Path())
            write(path, replace(path.read_text(encoding="utf-8"), name, table))
    except (ValueError, OSError) as error:
        print(f"verify.quality.readme: {error}", file=sys.stderr)
        return 2
    return 0


def _contents(name: str, report: str) -> str:
    """A block's table, from a report if one is named. Raises ValueError."""
    if not report and name in BLOCKS:
        return BLOCKS[name]()
    if name not in MEASURED:
        if name in BLOCKS:
            raise ValueError(f"{name} is written from no report; only {', '.join(MEASURED)} are")
        raise ValueError(f"no block {name}; there are {', '.join((*BLOCKS, *MEASURED))}")
    module: Any = import_module(f".{name}", __package__)
    if not report:
        return module.markdown(module.run(**MEASURED[name]))
    try:
        return module.markdown(json.loads(Path(report).read_text(encoding="utf-8")))
    except (KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(
            f"{report} is no report for {name}; `witness bench --json {report}` writes one"
        ) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
