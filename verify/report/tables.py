"""Tables, in Markdown and for the terminal, and the texts that stand in their cells."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from numbers import Rational, Real
from typing import IO, Any, cast

# code, which stands as it is, or the stars of a product or a power
STARS = re.compile(r"(?P<code>`[^`]*`)|(?<=[\w)])\*+(?=[\w(])")
# what Python and sympy write otherwise than people do: powers, transposes, products, indices, flags
PROGRAMMED = re.compile(
    r"(?P<code>`[^`]*`)"
    r"|(?P<power>(?<=[\w)\]])\*\*(?=[\w(]))"
    r"|(?P<transposed>(?:(?<=[\d)\]])|(?<=\b[A-Za-z]))\.T\b)"
    r"|(?P<product>(?<=[^\W_]|[)\]'])\*(?=[\w(\[]))"
    r"|\b(?!x86_64)(?P<letter>[A-Za-z]+)(?P<row>\d+)_(?P<column>\d+)\b"
    r"|(?P<flag>(?<== )(?:True|False)\b|^(?:True|False)$)"
)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; what would end a cell or a line is escaped, and the stars of products,
    which would begin italics."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    said = " ".join(str(text).split()).replace("|", "\\|")
    return STARS.sub(lambda found: found["code"] or found[0].replace("*", "\\*"), said)


def grid(heads: Iterable[str], rows: Iterable[Sequence[Any]] = (), **columns: Any) -> Any:
    """A rich table with a line under its heads; `columns` is said of every column."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        made.add_column(head, **columns)
    for row in rows:
        made.add_row(*row)
    return made


def console(stream: Any = None) -> Any:
    """A console that is wide where nobody's terminal limits it, so that no id is cut.

    What it prints stands as it is: in a user's names :m: is no emoji and [a] no style.
    """
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which means something else here

    stream = stream or sys.stdout
    tty = stream.isatty()
    file, width = (stream, None) if tty else (cast(IO[str], _Trimmed(stream)), 180)
    return Quiet(file=file, width=width, highlight=False, markup=False, emoji=False)


class _Trimmed:
    """A stream that no blanks are written to before the end of a line, with which rich fills
    tables."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(re.sub(r" +(?=\n)", "", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def print_whole(out: Any, table: Any) -> None:
    """Prints a table of numbers, none of which is cut or broken in two, on a narrow terminal as
    wide as it has to be."""
    from rich.measure import Measurement

    needed = Measurement.get(out, out.options.update(width=10**4), table).maximum
    width, out.width = out.width, max(out.width, needed)
    try:
        out.print(table, crop=False)
    finally:
        out.width = width


# -- cells ------------------------------------------------------------------------------------


def short(value: Any, limit: int = 48) -> str:
    """Numbers as text, cut where they grow long."""
    several = isinstance(value, (list, tuple))
    if isinstance(value, Rational) and _bits(value) > 4 * limit:
        return number(value, 10, limit)
    text = "(" + ", ".join(short(one, limit) for one in value) + ")" if several else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def told(values: Mapping[str, Any], limit: int = 48) -> str:
    """ "d = 2, X = ((1, 0), (0, 1))": named values in one line, those inside of values too."""
    return ", ".join(
        told(value, limit) if isinstance(value, Mapping) else f"{name} = {short(value, limit)}"
        for name, value in values.items()
    )


def number(value: Any, digits: int, widest: int) -> str:
    """Floats to so many digits; exact numbers as they are, or marked ≈ where they grow wide."""
    if isinstance(value, Real) and not isinstance(value, Rational):  # numpy's floats too
        return f"{float(value):.{digits}g}"
    long = isinstance(value, Rational) and _bits(value) > 4 * widest  # without its digits, which
    exact = "" if long else str(value)  # Python refuses to write of very long numbers
    if not isinstance(value, Rational) or not long and len(exact) <= widest:
        return exact
    try:
        return f"≈{float(value):.{digits}g}"
    except OverflowError:
        return short(exact, widest) if exact else "below -1e308" if value < 0 else "above 1e308"


def _bits(value: Rational) -> int:
    return max(int(value.numerator).bit_length(), int(value.denominator).bit_length())


def readable(name: str) -> str:
    """A name that lists Python's tuples, as it is read: () is none, (1,) is (1)."""
    return re.sub(r"(?<!\w)\(\)", "none", name).replace(",)", ")")


def in_print(text: str) -> str:
    """The text with its formulas as people write them: x1_2**2*y as x_(1,2)^2·y, X.T*y as X^T·y,
    "skip = False" as "skip = no". Code in backticks stays."""
    return PROGRAMMED.sub(_written, text)


def _written(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"]
    if found["letter"]:
        return f"{found['letter']}_({found['row']},{found['column']})"
    if found["flag"]:
        return "yes" if found["flag"] == "True" else "no"
    return "^" if found["power"] else "^T" if found["transposed"] else "·"


def plural(count: int, noun: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
