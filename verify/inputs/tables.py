"""Tables of numbers: CSV and its kin, Parquet, Excel; clear about what is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import re
import shlex
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from constructions.parameters import typed

from .errors import WrongCall
from .files import reason

if TYPE_CHECKING:
    import pandas as pd


ROWS = 2**16  # that are read at once: pandas holds them several times
BINARY = {".parquet": "pyarrow", ".pq": "pyarrow", ".xlsx": "openpyxl"}  # {suffix: its reader}
MISSING = ("", "nan", "na", "n/a", "null", "none")  # what a cell holds that holds no number
WITH_COMMAS = "(with --decimal ,)"
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([.,' ])\d{3}(?:\1\d{3})*)(?:[.,]\d+)?")
SEPARATORS = {"tab": "\t", "\\t": "\t", "space": " "}  # as they can be typed


def word(separator: str) -> str:
    """The sign as it is typed where it can be seen."""
    return next((name for name, sign in SEPARATORS.items() if sign == separator), separator)


@dataclass(frozen=True)
class Text:
    """How a text file is written: what stands between cells, and in a number; and the encoding.

    What is None is a comma (in .tsv a tab), a point, UTF-8. Of any file: index, whether the first
    column only numbers the rows, and is left out; complete, whether rows in which a cell is missing
    are left out. Raises WrongCall.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    index: bool = False
    complete: bool = False

    def __post_init__(self) -> None:
        if self.separator is not None:
            given = SEPARATORS.get(self.separator, self.separator)
            if len(given) != 1 or given.isalnum() or given in '"\n\r.-+':
                raise WrongCall(
                    f"--separator takes one sign, or tab or space, not {self.separator!r}"
                )
            object.__setattr__(self, "separator", given)
        if self.decimal not in (None, ".", ","):
            raise WrongCall(f"--decimal takes . or , and not {self.decimal!r}")
        if self.decimal == "," == self.separator:
            raise WrongCall("--decimal and --separator are both a comma")
        try:
            b"0".decode(self.encoding or "utf-8")
        except (LookupError, UnicodeError, ValueError):
            if not (self.encoding or "").lower().startswith(("utf-16", "utf-32")):
                raise WrongCall(
                    f"--encoding takes utf-8, latin-1, cp1252, utf-16, …, not {self.encoding!r}"
                ) from None

    @property
    def first(self) -> int:
        """The place of the first column that is read."""
        return int(self.index)

    def of(self, path: str | Path) -> dict[str, Any]:
        """What pandas is told for this file."""
        default = "\t" if ".tsv" in Path(path).suffixes else ","
        if self.decimal == "," and self.separator is None:
            default = ";"  # where numbers have a comma, the cells are set apart by something else
        return {
            "sep": self.separator or default,
            "decimal": self.decimal or ".",
            "encoding": self.encoding or "utf-8-sig",
            "header": None,  # so that pandas neither renames columns nor takes one as an index
        }

    def refuse(self, path: str | Path) -> None:
        """Raises WrongCall where it says of a file that is no text how its text is written."""
        given = {"separator": self.separator, "decimal": self.decimal, "encoding": self.encoding}
        for option, value in given.items():
            if value is not None:
                raise WrongCall(f"--{option} is for text files, and {path} is none")


PLAIN = Text()
Mend = Callable[[str, str], str]


@dataclass(frozen=True)
class Table:
    """Columns by name; values (rows, columns), all of them finite.

    left_out: the numbers, from 1 on, of the rows of the file that are not here.
    """

    path: str
    columns: tuple[str, ...]
    values: np.ndarray
    left_out: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numbers(self) -> np.ndarray:
        """Those of its rows (rows,) in the file, from 1 on."""
        every = np.arange(1, len(self) + len(self.left_out) + 1)
        return np.setdiff1d(every, self.left_out)

    def column(self, name: str) -> np.ndarray:
        """Values (rows,) of one column."""
        return self.values[:, self.columns.index(name)]

    def select(self, names: Sequence[str]) -> np.ndarray:
        """Values (rows, len(names))."""
        return self.values[:, _places(self.columns, names)]


def read_table(
    path: str | Path,
    wanted: Sequence[str] | None = None,
    exact: bool = False,
    how: Text = PLAIN,
    header: tuple[str, ...] | None = None,
    mend: Mend = lambda name, cell: "",
    may_lack: str | None = None,
) -> Table:
    """The table in a file with one line of column names, "-" being standard input; `wanted` columns
    only, if given. exact: values are Fractions, a cell the decimal that it is, else floats.
    `header`: the column names, where they were read before. mend: what is said of a cell that is
    no number after that, from its column and its text. may_lack: the column in which a missing
    cell is nan, and makes no row incomplete.

    Raises WrongCall, naming row and column: rows count from 1, the header not counted.
    """
    header = header_of(path, how) if header is None else header
    names = header if wanted is None else tuple(wanted)
    times = Counter(header)
    for name in names:
        if not name or times[name] != 1:
            require(path, header, name)
    places = _places(header, names)
    if not exact and (values := _at_once(path, len(header), how)) is not None:
        whole = places == list(range(values.shape[1]))
        return Table(str(path), names, values if whole else values[:, places])
    body = cells_of(path, how).iloc[1:]
    if body.empty:
        raise WrongCall(f"{said(path)} has a header but no rows")
    cells = [body.iloc[:, place].to_numpy() for place in places]
    if how.decimal is not None:
        cells = [np.array([pointed(cell, how.decimal) for cell in column]) for column in cells]
    rows = np.arange(len(body))
    if how.complete:
        needed = [column for name, column in zip(names, cells) if name != may_lack]
        rows = np.flatnonzero([not any(map(is_missing, row)) for row in zip(*needed)])
    if not len(rows):
        raise WrongCall(f"{said(path)} has no complete row: in each a cell is missing")
    left_out = tuple(int(row) + 1 for row in np.setdiff1d(np.arange(len(body)), rows))
    values = np.full((len(rows), len(names)), np.nan, dtype=object if exact else float)
    for at, (name, column) in enumerate(zip(names, cells)):
        there = rows
        if name == may_lack:
            there = rows[[not is_missing(cell) for cell in column[rows]]]
        made = _numbers(path, name, column[there], there, how, mend)
        if exact:
            made = _exactly(path, name, column[there], there)
        values[np.isin(rows, there), at] = made
    return Table(str(path), names, values, left_out)


def header_of(path: str | Path, how: Text = PLAIN) -> tuple[str, ...]:
    """The column names of a file; "" of a column that has none. Raises WrongCall."""
    written = (str(name).strip() for name in cells_of(path, how, rows=1).iloc[0])
    # pandas gives this name to a column that has none, and may have written it
    header = tuple("" if name.startswith("Unnamed: ") else name for name in written)
    if all(is_number(name) for name in header):
        raise WrongCall(f"{said(path)}: the first line holds numbers, not the column names")
    return header


def said(path: str | Path) -> str:
    """What a file is called in a sentence."""
    return "standard input" if str(path) == "-" else str(path)


# -- reading ---------------------------------------------------------------------------------------


def _places(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where the columns are, each name of which is there once; some tables have thousands."""
    number = {name: i for i, name in enumerate(header)}
    return [number[name] for name in names]


def _at_once(path: str | Path, columns: int, how: Text) -> np.ndarray | None:
    """The values where every cell is a finite number, without a text for each; else None, and what
    reads cell by cell says where it is not."""
    import pandas as pd

    try:
        if Path(path).suffix.lower() in BINARY:
            values = _frame(path).to_numpy(dtype=np.float64)
            values = values[:, how.first :]
        else:
            with warnings.catch_warnings():
                # newer pandas rounds to the nearest float as it stands, older ones are told
                warnings.simplefilter("ignore")
                with pd.read_csv(
                    _opened(path), skiprows=1, dtype=np.float64, float_precision="round_trip",
                    skip_blank_lines=columns + how.first > 1, chunksize=ROWS, **how.of(path),
                ) as chunks:  # fmt: skip
                    values = np.concatenate([chunk.to_numpy()[:, how.first :] for chunk in chunks])
    except (OSError, ValueError, TypeError):  # pandas' own are ValueErrors
        return None
    if not len(values) or values.shape[1] != columns or not np.isfinite(values).all():
        return None
    return values


def cells_of(path: str | Path, how: Text, rows: int | None = None) -> pd.DataFrame:
    """The cells of the first rows (or of all) as text, the header's among them."""
    if Path(path).suffix.lower() in BINARY:
        how.refuse(path)
        made = _as_text(_frame(path), rows)
    else:
        made = _text(path, how, rows)
    if how.index and made.shape[1] < 2:
        raise WrongCall(f"{said(path)} has one column alone; --index would leave none")
    return made.iloc[:, how.first :] if how.first else made


def _text(path: str | Path, how: Text, rows: int | None) -> pd.DataFrame:
    """The cells of a text file."""
    import pandas as pd

    told = {**how.of(path), "dtype": str, "keep_default_na": False}
    try:
        first = pd.read_csv(_opened(path), nrows=1, **told)
        if rows == 1:
            return first
        if first.shape[1] > 1:
            return pd.read_csv(_opened(path), **told)
        # a blank line in one column is an empty cell; at the end it is none
        made = pd.read_csv(_opened(path), skip_blank_lines=False, **told).fillna("")
    except pd.errors.EmptyDataError:
        raise WrongCall(
            f"{said(path)} is empty; it needs a header line and rows of numbers"
        ) from None
    except pd.errors.ParserError as error:
        text = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise WrongCall(f"{said(path)} is no CSV table: {text}") from None
    except UnicodeError as error:
        raise WrongCall(f"{said(path)} is no CSV table: {_undecoded(path, error)}") from None
    except (OSError, ValueError) as error:
        raise WrongCall(f"{said(path)}: cannot be read: {reason(error)}") from None
    filled = np.flatnonzero(made.iloc[:, 0].str.strip() != "")
    return made.iloc[: filled[-1] + 1] if len(filled) else made


def _undecoded(path: str | Path, error: UnicodeError) -> str:
    """Why the bytes are not the text that they should be, and what they may be."""
    if not isinstance(error, UnicodeDecodeError):
        return f"it is not text in the encoding that was named: {reason(error)}"
    head = _head(path)
    where = f"byte {error.start} is not {_named(error.encoding)} text"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[1::2].count(0) > 8:
        return f"{where}; it looks like UTF-16: --encoding utf-16"
    windows = any(0x80 <= byte < 0xA0 for byte in error.object[:65536])
    likely = "cp1252" if windows else "latin-1"
    return f"{where}; an older program's text may be read with --encoding {likely}"


def _named(encoding: str) -> str:
    return {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(encoding, encoding)


def _head(path: str | Path) -> bytes:
    """The first bytes of a file; none of one that cannot be read."""
    try:
        return _stdin()[:64] if str(path) == "-" else Path(path).open("rb").read(64)
    except OSError:
        return b""


def _opened(path: str | Path) -> Any:
    """What pandas reads: a path, or the bytes of standard input, which can be read only once."""
    return io.BytesIO(_stdin()) if str(path) == "-" else path


@cache
def _stdin() -> bytes:
    return sys.stdin.buffer.read()


def _frame(path: str | Path) -> pd.DataFrame:
    """The frame in a Parquet or Excel file, the names of its columns in the first row of the
    latter. Raises WrongCall."""
    import pandas as pd

    try:
        if Path(path).suffix.lower() == ".xlsx":
            return pd.read_excel(path, header=None, dtype=object)
        return pd.read_parquet(path)
    except ImportError:
        engine = BINARY[Path(path).suffix.lower()]
        raise WrongCall(
            f"{path} needs the package {engine}: pip install {engine}, or icl-witness[tables]"
        ) from None
    except Exception as error:  # the engines' own kinds, which are not known here
        raise WrongCall(f"{path}: cannot be read: {reason(error)}") from None


def _as_text(frame: pd.DataFrame, rows: int | None) -> pd.DataFrame:
    """The cells of a frame as they would be typed, names in the first row."""
    import pandas as pd

    cells = frame.head(rows) if rows is not None else frame
    made = cells.astype(object).where(cells.notna(), "").map(str)
    if all(isinstance(name, int) for name in frame.columns):  # Excel's, where they are in the cells
        return made
    return pd.concat(
        [
            pd.DataFrame([list(map(str, frame.columns))]),
            made.set_axis(range(made.shape[1]), axis=1),
        ],
        ignore_index=True,
    )


def pointed(cell: str, decimal: str | None) -> str:
    """A cell with a decimal comma as with a point; what has a point already is then no number."""
    if decimal != ",":
        return cell
    return f"{cell} {WITH_COMMAS}" if "." in cell else cell.replace(",", ".")


# -- columns ---------------------------------------------------------------------------------------


def chosen(path: str | Path, header: Sequence[str], name: str) -> str:
    """The column that a name, or a position from 1 on, stands for. Raises WrongCall."""
    if name not in header and name.isdecimal() and 1 <= int(name) <= len(header):
        name = header[int(name) - 1]
    require(path, header, name)
    return name


def listed(text: str) -> tuple[str, ...]:
    """The names of "a, b" or of 'a,"b, c"', each once: quoted as in the header of a CSV file."""
    (row,) = csv.reader([text], skipinitialspace=True)
    return tuple(dict.fromkeys(part.strip() for part in row if part.strip()))


def listing(names: Sequence[str]) -> str:
    """Names as --features takes them, each in quotes that holds a comma."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(names)
    return out.getvalue()


def quoted(names: Sequence[str], more: str = "") -> str:
    """Names, and what is put behind them, as a shell takes them after --features."""
    made = listing(names)
    return made + more if shlex.quote(made) == made else shlex.quote(made + more)


def require(path: str | Path, header: Sequence[str], name: str) -> None:
    """Raises WrongCall unless there is one column `name`, and it has a name."""
    if not name:
        place = header.index(name) + 1
        hint = "; --index leaves it out if it numbers the rows" if place == 1 else ""
        raise WrongCall(f"{said(path)}: column {place} has no name{hint}")
    if header.count(name) > 1:
        raise WrongCall(
            f"{said(path)} has two columns named {name!r}; names must be unique, and --features "
            "names the columns to use"
        )
    if name not in header:
        shown = ", ".join(header[:12]) + (", …" if len(header) > 12 else "")
        hint = ""
        if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), "")):
            sign = shlex.quote(word(mark))
            hint = f"; columns must be separated by commas; or --separator {sign}"
        elif len(header) == 1 and "," in header[0] and name in listed(header[0]):
            hint = "; its columns are separated by commas: leave --separator out"
        elif any("," in one and name in listed(one) for one in header):
            hint = "; a name that holds a comma is put in quotes, as in the file"
        elif close := closest(name, header):
            hint = f"; did you mean {close}?"
        raise WrongCall(f"{said(path)} has no column {name!r}; it has {shown}{hint}")


def closest(name: str, header: Sequence[str]) -> str:
    """The name that was meant, whatever its capitals; "" where none is close."""
    lower = {one.lower(): one for one in header if one}
    return next((lower[one] for one in get_close_matches(name.lower(), lower, n=1)), "")


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_missing(cell: Any) -> bool:
    return not isinstance(cell, str) or cell.strip().lower() in MISSING


def _numbers(
    path: str | Path, name: str, cells: np.ndarray, rows: np.ndarray, how: Text, mend: Mend
) -> np.ndarray:
    """A column's cells, in these rows, from 0 on, as finite floats."""
    try:
        values = np.array([float(cell) for cell in cells])
        if np.isfinite(values).all():
            return values
    except (TypeError, ValueError):
        pass
    for row, cell in zip(rows, cells):
        text = cell.strip() if isinstance(cell, str) else ""
        where = f"{said(path)}, row {row + 1}, column {name!r}"
        if is_missing(cell):
            raise WrongCall(
                f"{where} is {text or 'empty'}; every cell must be a number{mend(name, text)}; "
                "--drop-incomplete leaves such rows out"
            )
        if not is_number(text):
            comma = how.decimal is None and is_number(text.replace(",", "."))
            more = "; --decimal , if that is its point" if comma else mend(name, text)
            if not comma and (
                grouped := THOUSANDS.fullmatch(text.removesuffix(WITH_COMMAS).strip())
            ):
                more = f"; no sign stands between thousands: write {_ungrouped(grouped)}"
            raise WrongCall(f"{where} has {_short(text)}, which is no number{more}")
        if not np.isfinite(float(text)):
            raise WrongCall(f"{where} has {_short(text)}, which is not finite in float64")
    raise AssertionError("a column was refused for no reason")


def _exactly(path: str | Path, name: str, cells: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A column's cells, in these rows, from 0 on, as the decimals that they are."""
    made = np.empty(len(cells), dtype=object)
    for at, (row, cell) in enumerate(zip(rows, cells)):
        try:
            made[at] = typed(cell.strip())
        except ValueError as error:
            raise WrongCall(f"{said(path)}, row {row + 1}, column {name!r}: {error}") from None
    return made


def _ungrouped(number: re.Match[str]) -> str:
    """The number without its sign between thousands."""
    return number[0].replace(number[1], "")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
