"""The prompt of `witness run`: examples and queries, from tables or from a saved state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..checks.case import objects
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..inputs.region import singular_values
from ..inputs.settings import convert
from ..inputs.states import Saved, changed, checked, read_state
from ..inputs.tables import (
    PLAIN,
    Table,
    Text,
    chosen,
    header_of,
    listed,
    quoted,
    read_table,
    require,
    said,
)
from ..report.tables import plural
from ..strategies import Case
from .scaling import Scaling, standardising

COUNTED = 4  # rows from which on a column of 1, 2, 3, … is said to count them


@dataclass(frozen=True)
class Problem:
    """X (n, d), y (n,), queries (m, d), the queries' row numbers and true targets if known, nan
    where one is not; of floats, or all of Fractions.

    edits: weights that were changed by hand, by the paths of a page. intercept: the last column is
    one of ones. scaling: what the embedding reads in the place of x. left_out: the numbers of the
    rows of each file, {"examples" or "queries": numbers}, in which a cell is missing. names: those
    of the table's columns, without that of the intercept.
    """

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    labels: tuple[int, ...]
    truth: np.ndarray | None
    about: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    edits: Mapping[str, Fraction] = field(default_factory=dict)
    intercept: bool = False
    scaling: Scaling | None = None
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def scaled(self, scaling: Scaling) -> Problem:
        """The same, x read so."""
        return replace(self, scaling=scaling)

    def told(self, said: str) -> Problem:
        """The same, with a line about it; what is known of it is not computed again."""
        made = copy(self)
        object.__setattr__(made, "about", (*self.about, said))
        return made

    @property
    def read(self) -> np.ndarray:
        """What is read of X (n, d)."""
        return self.X if self.scaling is None else self.scaling.of(self.X)

    @cached_property
    def singular(self) -> np.ndarray:
        """The singular values of what is read that are not 0, the largest first."""
        return singular_values(self.read)

    @property
    def condition(self) -> float:
        """The condition number of what is read: the largest singular value over the least."""
        return float(self.singular[0] / self.singular[-1]) if len(self.singular) else 1.0

    @cached_property
    def standardised(self) -> Problem:
        """The same, every column on one scale."""
        return self.scaled(standardising(np.asarray(self.X, dtype=float), self.intercept))

    @cached_property
    def eased(self) -> bool:
        """Whether columns on one scale have less than half of the condition number.

        Divided by units, without a centre, they have at least that times the least over the largest
        of the units, which may tell without singular values.
        """
        scaling = self.standardised.scaling
        units = [float(unit) for unit in scaling.unit] if scaling else []
        if scaling and not any(scaling.centre) and max(units) < 1.99 * min(units):
            return False
        return self.standardised.condition < self.condition / 2

    @property
    def pairs(self) -> int:
        """Products of an entry of an example and one of a query."""
        return self.X.size * len(self.queries)

    def case(self, parameters: Mapping[str, Any]) -> Case:
        """The prompt of the algorithm: what the embedding reads."""
        scaling = self.scaling
        queries = self.queries if scaling is None else scaling.of(self.queries)
        return Case(parameters, self.read, self.y, queries)

    def exactly(self) -> Problem:
        """The same in fractions."""
        X, y, queries = (objects(a, Fraction) for a in (self.X, self.y, self.queries))
        return replace(self, X=X, y=y, queries=queries)


def state(name: str, data: str) -> Saved | None:
    """The state of a teaching page of `name`, saved as JSON or said by an address; None of a table.

    Raises WrongCall.
    """
    if "#" in data:
        from ..page.address import is_address, state_of

        if is_address(data):
            return checked(data, state_of(data, name))
    if data.lower().endswith(".html"):
        raise WrongCall(f"{data} is a page: give its address, with all after #, or a saved state")
    return read_state(data) if data.lower().endswith(".json") else None


def saved(subject: Subject, state: Saved, path: str) -> Problem:
    """The prompt and parameters of a teaching page's state, from `path`. Raises WrongCall."""
    if state.witness != subject.title:
        raise WrongCall(f"{path} is a state of {state.witness}, not of {subject.title}")
    parameters = {
        key: convert(subject.name, subject.signature, key, value)
        for key, value in state.parameters.items()
    }
    n, d = state.X.shape
    if len(state.y) != n:
        raise WrongCall(f"{path}: X has {n} rows, y {len(state.y)}")
    if state.queries.shape[1] != d:
        raise WrongCall(f"{path}: X has {d} columns, queries {state.queries.shape[1]}")
    about = [f"prompt     {plural(n, 'example')} saved in {path}"]
    if state.edits:
        listed = ", ".join(f"{where} = {value}" for where, value in state.edits.items())
        many = plural(len(state.edits), "weight")
        about.append(f"weights    {many} changed by hand: {listed}")
    labels = tuple(range(1, len(state.queries) + 1))
    return Problem(
        state.X, state.y, state.queries, labels, None, tuple(about), parameters, state.edits
    )


def built_for(subject: Subject, problem: Problem) -> Subject:
    """What builds the subject's witness with the problem's edits, and its scaling as a part."""
    made = subject
    if edits := problem.edits:
        made = replace(made, function=lambda **given: changed(subject.build(given), edits))
    if (scaling := problem.scaling) is not None:
        plain = made
        made = replace(plain, function=lambda **given: scaling.embedded(plain.build(given)))
    return made


@dataclass(frozen=True)
class Examples:
    """The rows of a table: X (n, d), of ones in a last column with an intercept, and y (n,).

    `chosen`: whether the columns were named, so that other columns may be there; `how` the file is
    written, and that of the queries too; numbers: those of its rows in the file, from 1 on, and of
    rows that are left out; notes: what else is to be said of it.
    """

    path: str
    names: tuple[str, ...]
    target: str
    intercept: bool
    chosen: bool
    X: np.ndarray
    y: np.ndarray
    how: Text
    numbers: np.ndarray
    left_out: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def problem(
        self, X: Any, y: Any, queries: Any, labels: Any, truth: Any, about: tuple[str, ...],
        of_queries: Table | None = None,
    ) -> Problem:  # fmt: skip
        """Some rows as examples, others as queries, which may be those of another table."""
        truth = None if truth is None else truth.astype(float)
        left_out = {"examples": self.left_out}
        about = (*about, *_left_out(self.path, self.left_out))
        if of_queries is not None:
            left_out["queries"] = of_queries.left_out
            about = (*about, *_left_out(of_queries.path, of_queries.left_out))
        return Problem(
            X, y, queries, tuple(map(int, labels)), truth, (*about, *self.notes),
            intercept=self.intercept, left_out=left_out, names=self.names,
        )  # fmt: skip

    @property
    def columns(self) -> str:
        return plural(len(self.names), "column") + (" and an intercept" if self.intercept else "")

    def held_out(self, share: float, seed: int) -> Problem:
        """Some rows are the queries, the others the examples."""
        kept, out = split(len(self.X), share, seed)
        of = plural(len(self.X), "complete row" if self.left_out else "row")
        labels = self.numbers[out]
        about = (
            f"examples   {len(kept)} of the {of} of {said(self.path)}, {self.columns}",
            f"queries    {plural(len(out), 'row')} held out (seed {seed}): {_first(labels)}",
        )
        return self.problem(self.X[kept], self.y[kept], self.X[out], labels, self.y[out], about)

    def queried(self, path: str) -> Problem:
        """The queries are the rows of another file; targets, if it has them, are the truth, none
        where their cell is empty."""
        header = header_of(path, self.how)
        for name in self.names:
            if name not in header:
                needed = ", ".join(self.names)
                raise WrongCall(
                    f"{said(path)} has no column {name!r}, which the data has; it needs {needed}"
                )
        extra = [name for name in header if name not in (*self.names, self.target)]
        if extra and not self.chosen:
            require(path, header, extra[0])
            raise WrongCall(f"{said(path)} has a column {extra[0]!r} that the data does not have")
        known: tuple[str, ...] = (self.target,) if self.target in header else ()
        exact = self.X.dtype == object
        table = read_table(
            path, (*self.names, *known), exact, self.how, header, may_lack=self.target
        )
        queries = _features(table.select(self.names), self.intercept)
        truth, lacking = None, ""
        if known:
            truth = table.column(self.target).astype(float)
            if unknown := int(np.isnan(truth).sum()):
                lacking = f"; {unknown} of them without a target"
            if unknown == len(truth):
                truth, lacking = None, f"; its column {self.target!r} is empty, and not read"
        about = (
            f"examples   {plural(len(self.X), 'row')} of {said(self.path)}, {self.columns}",
            f"queries    {plural(len(queries), 'row')} of {said(path)}{lacking}",
        )
        return self.problem(self.X, self.y, queries, table.numbers, truth, about, table)


def read(
    path: str,
    target: str,
    features: str | None,
    intercept: bool,
    exact: bool = False,
    how: Text = PLAIN,
) -> Examples:
    """The table in a file, all columns but the target or those named. Raises WrongCall.

    exact: in fractions, a cell as the decimal that it is.
    """
    header = header_of(path, how)
    target = chosen(path, header, target)
    names = tuple(name for name in header if name != target)
    if features is not None:
        named = (features,) if features in header else listed(features)
        names = tuple(dict.fromkeys(chosen(path, header, name) for name in named))
        if target in names:
            raise WrongCall(f"--features holds the target {target!r}")
    if not names:
        raise WrongCall(
            f"{said(path)} has no column but the target {target!r}; predictions need one"
        )

    def mend(name: str, cell: str) -> str:
        if name == target:
            return "" if cell else "; rows to predict: --query FILE"
        others = [one for one in names if one != name]
        return f"; --features {quoted(others[:2], ',…')} names the columns to use" if others else ""

    table = read_table(path, (*names, target), exact, how, header, mend)
    X, y = _features(table.select(names), intercept), table.column(target).copy()
    notes: tuple[str, ...] = ()
    if features is None and names[0] == header[0] and counts_rows(X[:, 0]):
        notes = (
            f"note       column {names[0]!r} counts the rows, and is used; --index leaves it out",
        )
    return Examples(
        path, names, target, intercept, features is not None, X, y, how, table.numbers,
        table.left_out, notes,
    )  # fmt: skip


def _left_out(path: str, numbers: tuple[int, ...]) -> Iterator[str]:
    """The line about rows that are left out, where there are any."""
    if numbers:
        rows = "row lacks" if len(numbers) == 1 else "rows lack"
        yield f"left out   {len(numbers)} {rows} a cell in {said(path)}: {_first(numbers)}"


def _first(numbers: Sequence[int]) -> str:
    """The first of them, "3, 5, …"."""
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")


def counts_rows(column: np.ndarray) -> bool:
    """Whether it is 0, 1, 2, … or 1, 2, 3, …, long enough to be no chance."""
    return (
        len(column) >= COUNTED
        and bool((column - column[0] == np.arange(len(column))).all())
        and (column[0] in (0, 1))
    )


def _features(X: np.ndarray, intercept: bool) -> np.ndarray:
    return np.column_stack([X, np.ones(len(X), dtype=X.dtype)]) if intercept else X


def split(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of the rows kept as examples, numbers of those held out), both in order.

    Raises WrongCall if one of them would be empty.
    """
    if not 0 < share < 1:
        raise WrongCall(f"--hold-out must lie between 0 and 1, not {share:g}")
    held = max(1, round(rows * share))
    if held >= rows:
        raise WrongCall(
            f"{rows} row{'s are' if rows > 1 else ' is'} too few to hold some out; "
            "give the rows to predict with --query"
        )
    chosen = np.random.default_rng(seed).permutation(rows)[:held]
    out = np.sort(chosen)
    return np.setdiff1d(np.arange(rows), out), out
