"""What the fingerprint, and the papers' measures of likeness, say of every witness.

Numbers that another machine may round otherwise are left out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import constructions

from ..learners.calibration import Known, algorithm, known, measured, proved
from ..learners.fingerprint import Fingerprint, one_query
from ..learners.fit import EXACT, shown
from ..learners.likeness.similarity import Ranking, likeness
from ..learners.model import model
from ..report import tables

HEADS = (
    "witness", "the fingerprint says", "error", "nearest other, its error",
    "SPD", "ILWD", "SimE", "SimW",
)  # fmt: skip
SMALL = 1e-6  # errors below are said to be
WRONG, OTHER, OPEN = "✗", "≠", "?"
UNCHANGED = ("d", "examples")  # parameters that are sizes of the prompt


def markdown(names: Iterable[str] = ()) -> str:
    """The table of the witnesses that are named, or of all that predict from examples (x, y)."""
    return tables.markdown(HEADS, [row(name) for name in names or measured_names()])


def measured_names() -> list[str]:
    """The witnesses that can be measured."""
    return [name for name in constructions.names() if constructions.get(name).is_regression]


def row(name: str) -> tuple[str, ...]:
    """One witness: all cells."""
    one = known(name)
    found = measured(one)
    return (*told(one, found), *likenesses(one, found))


def told(one: Known, found: Fingerprint) -> tuple[str, ...]:
    """The cells of the fingerprint."""
    chosen = {key: value for key, value in one.parameters.items() if key not in UNCHANGED}
    witness = f"`{one.name}`{_given(chosen)}"
    if found.best is None:
        return witness, found.why, "", ""
    rival = next(c for c in found.candidates[1:] if not c.same and c.name != found.best)
    says = f"`{found.best}`{_given(found.parameters)}"
    own = algorithm(one.name)
    if own != found.best:
        exact = "proved" if proved(one, found) is not None else "within the error"
        says += f"; as `{own}` ({exact})"
    return witness, says, _size(found.error), f"`{rival.name}`, {_size(rival.error.value)}"


def likenesses(one: Known, found: Fingerprint) -> tuple[str, ...]:
    """What each measure likes best, marked where that is another function than the witness's."""
    if found.best is None or constructions.get(one.name).inputs is not None:
        return ("",) * 4
    whole = model(one.witness)
    predict = one_query(whole) if found.alone else whole.predict
    right = {found.best, *(c.name for c in found.same if not c.edge)}
    counts = {
        found.best: found.parameters, **{c.name: c.parameters for c in found.same if not c.edge}
    }  # fmt: skip
    rankings = likeness(predict, one.d, one.n).rankings
    return tuple(_cell(ranking, right, counts) for ranking in rankings)


def _cell(ranking: Ranking, right: set[str], counts: Mapping[str, Mapping[str, Any]]) -> str:
    """The winner; ✗ of another family, ≠ with another number of steps, ? if not told apart."""
    first = ranking.matches[0]
    mark = WRONG if first.name not in right else ""
    if not mark:
        whole = {
            key: value for key, value in first.parameters.items() if isinstance(value, int)
        }  # fmt: skip
        differ = any(counts[first.name].get(key) != value for key, value in whole.items())
        mark = OTHER if differ else ""
    rivals = (one for one in ranking.matches[1:] if (one.name in right) != (first.name in right))
    rival = next(rivals, None)
    if rival is not None:
        a, b = first.median, rival.median
        mark += OPEN if a.low <= b.high and b.low <= a.high else ""
    return f"`{first.name}` {mark}".rstrip()


def _given(parameters: Mapping[str, Any]) -> str:
    """ " (steps = 4, step_size = 0.005)"."""
    texts = [f"{key} = {shown(_plain(value))}" for key, value in parameters.items()]
    return f" ({', '.join(texts)})" if texts else ""


def _plain(value: Any) -> Any:
    """Fractions as floats, in rows of a matrix too."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    return value if isinstance(value, (int, str)) or value is None else float(value)


def _size(error: float) -> str:
    if error <= EXACT:
        return "rounding"
    return f"{error:.2g}" if error > SMALL else "below 1e-6"


def names_in(table: str) -> Sequence[str]:
    """The witnesses of the rows of a table."""
    return [line.split("`")[1] for line in table.splitlines()[2:]]
