"""Names of the code as people read them: entries from 1, operations as words.

Tokens that have a name, a query, have it. A finding counts from one already, as in the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..report.tables import in_print
from .mathml import plain

OPERATIONS = {"mov": "move", "mul": "multiply", "div": "divide", "aff": "add"}


def titled(name: str) -> str:
    """A layer's name as HTML: M_2 is M with index 2, an operation its word; "" where it says no
    more than the number of the layer."""
    if re.fullmatch(r"layer[ _]?\d*", name, re.IGNORECASE):
        return ""
    name = re.sub(r"^\d+: ", "", name)
    if operation := re.fullmatch(r"(mov|mul|div|aff)\(.*\)", name, re.S):
        return OPERATIONS[operation[1]]
    return re.sub(r"\b([A-Za-z])_(\w+)", r"<i>\1</i><sub>\2</sub>", plain(name))


# a letter with an index, x_t, x_* or W_{i-1}; a power, x^2, 2^(k + 1) or A^T. step_size has none
INDEXED = re.compile(
    r"(?<![A-Za-z0-9_.])([A-Za-zα-ωΑ-Ω])_(?:\{([^{}]*)\}|\(([^()]*)\)|([A-Za-z0-9*]))(?![A-Za-z0-9_])"
)
# of n^-1/2 nobody can say whether the power is -1 or -1/2
POWER = re.compile(r"\^(?:\{([^{}]*)\}|\(([^()]*)\)|(\d+|-\d+(?!/)|[A-Za-z]))(?!\w)")


def typeset(text: Any) -> str:
    """Plain words as HTML, in which indices and powers stand where they do in print."""
    text = in_print(str(text)).replace("<=", "≤").replace(">=", "≥").replace("->", "→")
    html = plain(text)
    html = INDEXED.sub(
        lambda found: f"{found[1]}<sub>{found[2] or found[3] or found[4]}</sub>", html
    )
    return POWER.sub(lambda found: f"<sup>{found[1] or found[2] or found[3]}</sup>", html)


def counted(text: str) -> str:
    """Slots, parts and heads as people read them: entries and tokens from 1, products with a dot,
    letters as letters, no underscores."""
    text = re.sub(r"\btoken (\d+)", lambda found: f"token {int(found[1]) + 1}", text)
    text = re.sub(r"\[(\d+)\]", lambda found: f"[{int(found[1]) + 1}]", text)
    text = re.sub(r"\balpha\b", "α", text.replace("*", "·"))
    text = re.sub(r"\bphi(?![a-z])", "φ", text)
    text = re.sub(r"(?<=[a-zφ])_next\b", "′", text)
    text = re.sub(r"(?<=[a-zφ])_(?=[a-z])", " ", text)
    return re.sub(r"\^T\b", "ᵀ", text)


def pattern_words(pattern: str | None) -> str:
    """What a block's pattern, such as "i<-ij", does with the entries, in words."""
    if pattern is None or pattern == "<-":
        return ""  # as it is: a number, or every entry in its place
    to, source = pattern.split("<-")
    if len(set(to)) < len(to):
        return "on the diagonal"
    if set(to) == set(source):
        return "entry by entry" if to == source else "transposed"
    summed = [i for i, letter in enumerate(source) if letter not in to]
    repeated = [i for i, letter in enumerate(to) if letter not in source]
    over = f" over the {('first', 'second')[summed[0]]} index" if summed and to else ""
    every = f" in every {('row', 'column')[repeated[0]]}" if repeated and source else ""
    words = [f"summed{over}"] * bool(summed) + [f"repeated{every}"] * bool(repeated)
    return ", ".join(words)


def ranges(names: Iterable[str]) -> str:
    """ "example 1", "example 2", "query" as "example 1–2, query"."""
    made: list[tuple[str, int, int]] = []  # a name without its number, the first, the last number
    for name in names:
        found = re.fullmatch(r"(.*\D)(\d+)", name)
        kind, at = (found[1], int(found[2])) if found else (name, 0)
        if made and found and made[-1][0] == kind and made[-1][2] + 1 == at:
            made[-1] = (kind, made[-1][1], at)
        else:
            made.append((kind, at, at))
    return ", ".join(
        f"{kind}{first or ''}{f'–{last}' if last > first else ''}" for kind, first, last in made
    )


def finding(entry: Mapping[str, Any]) -> str:
    """What a check found, of a claim's entry in a report; where a slot is wrong, readable."""
    text = str(entry.get("finding") or "")
    if not text.startswith("first wrong in layer"):
        return text
    text = re.sub(
        r" \((mov|mul|div|aff)\(.*?\)\), slot",
        lambda found: f" ({OPERATIONS[found[1]]}), slot",
        text.replace(" ()", ""),
    )
    slot, *after = text.partition(", token ")
    return counted(slot) + "".join(after)
