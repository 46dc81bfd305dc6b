"""Tables of numbers from CSV files; clear about what is wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from constructions.parameters import typed

from .errors import WrongCall
from .files import reason

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """Columns by name; values (rows, columns), all of them finite."""

    path: str
    columns: tuple[str, ...]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> np.ndarray:
        """Values (rows,) of one column."""
        return self.values[:, self.columns.index(name)]

    def select(self, names: Sequence[str]) -> np.ndarray:
        """Values (rows, len(names))."""
        return self.values[:, [self.columns.index(name) for name in names]]


def read_csv(path: str | Path, wanted: Sequence[str] | None = None, exact: bool = False) -> Table:
    """The table in a CSV file with one header line; `wanted` columns only, if given. exact: values
    are Fractions, a cell the decimal that it is, else floats.

    Raises WrongCall, naming row and column: rows count from 1, the header not counted.
    """
    if not exact and (table := _at_once(path, wanted)) is not None:
        return table
    raw = _read(path)
    header = _header(path, raw)
    body = raw.iloc[1:]
    if body.empty:
        raise WrongCall(f"{path} has a header but no rows")
    names = header if wanted is None else tuple(wanted)
    for name in names:
        require(path, header, name)
    cells = [body.iloc[:, header.index(name)].to_numpy() for name in names]
    columns = [_numbers(path, name, column) for name, column in zip(names, cells)]
    if exact:
        columns = [_exactly(path, name, column) for name, column in zip(names, cells)]
    return Table(str(path), names, np.column_stack(columns))


def _at_once(path: str | Path, wanted: Sequence[str] | None) -> Table | None:
    """The table where every cell is a finite number, without a text for each; else None, and what
    reads cell by cell says where it is not."""
    import pandas as pd

    header = header_of(path)
    if not set(wanted or ()) <= set(header):
        return None
    try:
        with warnings.catch_warnings():
            # newer pandas rounds to the nearest float as it stands, older ones have to be told
            warnings.simplefilter("ignore")
            cells = pd.read_csv(
                path,
                header=None,
                skiprows=1,
                dtype=np.float64,
                float_precision="round_trip",
                encoding="utf-8-sig",
            )
    except (OSError, ValueError):  # pandas' own are ValueErrors
        return None
    values = cells.to_numpy()
    if values.shape[1] != len(header) or not np.isfinite(values).all():
        return None
    names = header if wanted is None else tuple(wanted)
    if names != header:
        values = values[:, [header.index(name) for name in names]]
    return Table(str(path), names, values)


def header_of(path: str | Path) -> tuple[str, ...]:
    """The column names of a CSV file. Raises WrongCall."""
    return _header(path, _read(path, rows=1))


def _read(path: str | Path, rows: int | None = None) -> pd.DataFrame:
    """The cells of the first rows (or of all) as text, the header's among them."""
    import pandas as pd

    try:
        return pd.read_csv(
            path,
            header=None,  # so that pandas neither renames columns nor takes one as an index
            dtype=str,
            nrows=rows,
            keep_default_na=False,
            encoding="utf-8-sig",
            skip_blank_lines=True,
        )
    except pd.errors.EmptyDataError:
        raise WrongCall(f"{path} is empty; it needs a header line and rows of numbers") from None
    except pd.errors.ParserError as error:
        text = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise WrongCall(f"{path} is no CSV table: {text}") from None
    except UnicodeDecodeError as error:
        raise WrongCall(f"{path} is no CSV table: byte {error.start} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise WrongCall(f"{path}: cannot be read: {reason(error)}") from None


def require(path: str | Path, header: Sequence[str], name: str) -> None:
    """Raises WrongCall if there is no column `name`."""
    if name not in header:
        shown = ", ".join(header[:12]) + (", …" if len(header) > 12 else "")
        hint = ""
        if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
            hint = "; columns must be separated by commas"
        raise WrongCall(f"{path} has no column {name!r}; it has {shown}{hint}")


def _header(path: str | Path, raw: pd.DataFrame) -> tuple[str, ...]:
    """The column names, in the first row."""
    header = tuple(str(name).strip() for name in raw.iloc[0])
    for position, name in enumerate(header):
        if not name or name == "nan":
            raise WrongCall(f"{path}: column {position + 1} has no name")
        if header.index(name) != position:
            raise WrongCall(f"{path} has two columns named {name!r}; names must be unique")
    if all(_is_number(name) for name in header):
        raise WrongCall(f"{path}: the first line holds numbers; it must hold the column names")
    return header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: str | Path, name: str, cells: np.ndarray) -> np.ndarray:
    """A column's cells as finite floats."""
    try:
        values = np.array([float(cell) for cell in cells])
        if np.isfinite(values).all():
            return values
    except (TypeError, ValueError):
        pass
    for row, cell in enumerate(cells, start=1):
        text = cell.strip() if isinstance(cell, str) else ""
        where = f"{path}, row {row}, column {name!r}"
        if not text:
            raise WrongCall(f"{where} is empty; every cell must be a number")
        if text.lower() in ("nan", "na", "n/a", "null", "none"):
            raise WrongCall(f"{where} is {text}; every cell must be a number")
        if not _is_number(text):
            raise WrongCall(f"{where} has {_short(text)}, which is no number")
        if not np.isfinite(float(text)):
            raise WrongCall(f"{where} has {_short(text)}, which is not finite in float64")
    raise AssertionError("a column was refused for no reason")


def _exactly(path: str | Path, name: str, cells: np.ndarray) -> np.ndarray:
    """A column's cells as the decimals that they are."""
    made = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells, start=1):
        try:
            made[row - 1] = typed(cell.strip())
        except ValueError as error:
            raise WrongCall(f"{path}, row {row}, column {name!r}: {error}") from None
    return made


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
