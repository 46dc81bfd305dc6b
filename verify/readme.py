"""The tables of README.md, written between their markers from what was run.

    python -m verify.readme [BLOCK …]      rewrites those blocks of ./README.md (default: the exact ones)

`verdicts`, `theorems` and `witnesses` are exact and held to README by a test; `precision`, `speed`
and `sensitivity` are measurements, as this machine makes them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from .claim import Budget, builtin


def verdicts() -> str:
    """Every built-in claim with its verdicts, from a full run."""
    import os

    from . import pool, report
    from .subjects import choose

    made = dict(pool.run(choose(()), Budget(), os.cpu_count() or 1))
    return report.markdown([made[place] for place in sorted(made)])


def theorems() -> str:
    """What is proved for every dimension, by sympy and by Coq's kernel, and of which claims."""
    from proofs import theorems as derived

    from .checks import kernel

    rows: dict[str, tuple[list[str], list[str]]] = {}
    for theorem in derived():
        for claim in theorem.claims:
            rows.setdefault(claim, ([], []))[0].append(theorem.id)
    for proved in kernel.theorems():
        for claim in (*proved.supports, *proved.refutes):
            negated = "¬ " if claim in proved.refutes else ""
            rows.setdefault(claim, ([], []))[1].append(negated + proved.id)
    covered = {claim.id for claim in builtin()}
    tested = sorted(covered - set(rows))
    lines = [
        (f"`{claim}`", _listed(by_sympy, claim), _listed(by_coq, claim))
        for claim, (by_sympy, by_coq) in sorted(rows.items())
    ]
    table = markdown_table(("claim", "derived (sympy)", "proved (Coq)"), lines)
    only = ", ".join(f"`{claim}`" for claim in tested)
    return f"{table}\nNot proved for every dimension, only run: {only}.\n"


def _listed(ids: Sequence[str], claim: str) -> str:
    """The theorems' names; one that begins like the claim's id is cut to the rest."""
    return ", ".join(
        f"¬ `{one[2:]}`" if one[0] == "¬" else f"`{one.removeprefix(f'{claim}.')}`" for one in ids
    )


def witnesses() -> str:
    """Layers, width, heads and non-zero weights of every construction, fitted to what was counted."""
    from .checks import resources

    rows = []
    for name, what, make, sizes in compared():
        points = [resources.variables(parameters) for parameters in sizes]
        built = [make(**parameters) for parameters in sizes]
        fitted = []
        for quantity in ("layers", "width", "heads", "weights"):
            form = resources.fit(points, [getattr(one, quantity) for one in built], degree=4)
            fitted.append("—" if form is None else f"{form}".replace("**", "^").replace("*", " "))
        rows.append((name, what, *fitted))
    return markdown_table(
        ("construction", "computes", "layers", "width", "heads", "non-zero weights"), rows
    )


def compared() -> list[tuple[str, str, Callable[..., Any], list[Mapping[str, Any]]]]:
    """(name, what it computes, builder, sizes): the papers' constructions, then the project's."""
    import constructions
    from constructions.papers.fu2023 import theorem51

    from .claims.core import grid

    def fu(d: int, examples: int, iterations: int) -> Any:
        return theorem51(d, examples, iterations, Fraction(1, 4), printed=False)

    def akyurek(name: str) -> Callable[..., Any]:
        return lambda d, examples: constructions.build(
            name, d=d, examples=examples, ridge=1, **({"step_size": 1} if name[-1] == "1" else {})
        )

    several = {"d": (1, 2, 3, 4, 5, 6), "examples": (2, 3, 4, 5, 6)}
    made: list[tuple[str, str, Callable[..., Any], list[Mapping[str, Any]]]] = [
        ("fu2023, theorem 5.1, repaired", "k Newton iterations from αS", fu,
         list(grid(d=(1, 2, 3, 4, 5), examples=(1, 2, 3, 4), iterations=(1, 2, 3)))),
        ("akyurek2022, theorem 1, repaired", "one gradient step on each of n examples",
         akyurek("akyurek2022_theorem1"), list(grid(**several))),
        ("akyurek2022, theorem 2, repaired", "ridge regression over n examples",
         akyurek("akyurek2022_theorem2"), list(grid(**several))),
    ]  # fmt: skip
    for claim in builtin():
        if claim.variant == "improved" and claim.witness and claim.sizes and "." not in claim.id:
            made.append((f"`{claim.id}`", claim.summary, claim.witness, list(claim.sizes())))
    return made


def precision() -> str:
    """Best attainable error of the printed approximations, searched for."""
    from .claims.precision import precision_markdown

    return precision_markdown() + "\n"


BLOCKS: dict[str, Callable[[], str]] = {
    "verdicts": verdicts,
    "theorems": theorems,
    "witnesses": witnesses,
    "precision": precision,
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
    unknown = [name for name in arguments if name not in BLOCKS]
    if unknown or not path.is_file():
        what = f"no block {unknown[0]}; there are {', '.join(BLOCKS)}" if unknown else "no README.md here"
        print(f"verify.readme: {what}", file=sys.stderr)
        return 2
    text = path.read_text(encoding="utf-8")
    for name in arguments or EXACT:
        text = replace(text, name, BLOCKS[name]())
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
