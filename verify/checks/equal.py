"""exact: the witness's predictions equal the algorithm's, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from constructions.witness import Witness

from ..claim import Budget, CheckResult, Claim, Differs, check
from ..hunt import hunt_drawn
from ..strategies import Case, as_text
from .case import both, build, first_difference, left_open

OTHER_SIGN = "it is the algorithm's with the other sign"


@dataclass
class Drawn:
    """What the cases of a search were like, so that a domain that shows nothing is seen."""

    count: int = 0
    sizes: dict[str, set[int]] = field(default_factory=dict)
    distinct: set[str] = field(default_factory=set)
    nonzero: dict[str, bool] = field(default_factory=dict)
    predictions: set[Any] = field(default_factory=set)
    hints: set[str] = field(default_factory=set)

    def add(self, case: Case) -> None:
        """Takes in a case."""
        self.count += 1
        n = len(case.X)
        for name, size in (("d", case.d), ("n", n), ("queries", len(case.queries))):
            self.sizes.setdefault(name, set()).add(size)
        for name in ("X", "y", "queries"):
            array = getattr(case, name)
            self.nonzero[name] = self.nonzero.get(name, False) or any(v != 0 for v in array.ravel())
        if len(self.distinct) < 1000:
            self.distinct.add(str(case.to_json()))

    def predicted(self, predictions: Any) -> None:
        """Takes in what the algorithm says of it."""
        if len(self.predictions) < 2:
            self.predictions.update(predictions.ravel())

    def explains(self, hint: str) -> bool:
        """Whether a hint fits all cases that were run, where they differed and where not."""
        if not hint.startswith(OTHER_SIGN):
            return True
        alike = all(one.startswith(OTHER_SIGN) for one in self.hints)
        return alike and not any(value != 0 for value in self.predictions)

    def words(self) -> str:
        """ "60 cases, 57 distinct; d = 1 to 4, n = 1 to 4, queries = 1 to 2"."""
        distinct = f"{self.count} cases, {len(self.distinct)} distinct"
        sizes = ", ".join(
            f"{name} = {min(seen)}" + (f" to {max(seen)}" if len(seen) > 1 else "")
            for name, seen in self.sizes.items()
        )
        zeros = [name for name, seen in self.nonzero.items() if not seen]
        zero = f"; zero in all of them: {', '.join(zeros)}" if zeros else ""
        return f"{distinct}; {sizes}{zero}"

    def degenerate(self) -> str:
        """Why these cases cannot show anything; "" if they can."""
        if len(self.distinct) < 2:
            return "all cases drawn are one and the same"
        zeros = [name for name, seen in self.nonzero.items() if not seen]
        if zeros and len(self.predictions) < 2:
            return f"{' and '.join(zeros)} are zero in every case, and every prediction is the same"
        return ""


@check("exact", "exact")
@left_open
def in_fractions(budget: Budget, claim: Claim) -> CheckResult:
    """Hunts for a prompt on which the two differ; reports the smallest one found."""
    assert claim.cases is not None
    drawn = Drawn()

    def test(case: Case) -> None:
        drawn.add(case)
        try:
            drawn.predicted(compare(claim, case))
        except Differs as failure:
            drawn.hints.add(_hint_of(failure.found))
            raise

    def words() -> str:
        said = drawn.words()
        return f"{claim.domain.words}: {said}" if claim.domain else said

    try:
        cases = hunt_drawn(claim.cases, test, budget, claim.domain)
    except Differs as failure:
        # those too among which a smaller one was looked for
        found = failure.found.named(cases=drawn.count, domain=words())
        if found.first_difference and not drawn.explains(_hint_of(found)):
            others = {k: v for k, v in found.first_difference.items() if k != "hint"}
            found = found.named(first_difference=others)
        failure.found = found
        raise
    if why := drawn.degenerate():
        detail = f"equal, but the domain is degenerate: {why}"
        return CheckResult(None, cases, 0.0, 0.0, detail, domain=words())
    reach = ", ".join(
        f"{name} = {min(seen)} to {max(seen)}" for name, seen in drawn.sizes.items() if seen
    )
    return CheckResult(True, cases, 0.0, 0.0, f"equal in fractions; {reach}", domain=words())


def _hint_of(found: CheckResult) -> str:
    return str((found.first_difference or {}).get("hint", ""))


def compare(claim: Claim, case: Case) -> Any:
    """What both predict. Raises Differs if the witness and the algorithm differ on this case."""
    assert claim.witness is not None and claim.algorithm is not None
    witness = build(claim.witness, case.parameters)
    got, want = both(claim.algorithm, witness, case)
    pairs = list(zip(got.ravel(), want.ravel(), strict=True))
    if all(a == b for a, b in pairs):
        return want
    difference = _first(witness, case)
    if difference is None:
        q = next(i for i, (a, b) in enumerate(pairs) if a != b)
        tokens = witness.prompt.tokens(len(case.X), len(case.queries))
        at, entry = divmod(q, witness.prediction_size)
        several = witness.prediction_size > 1
        difference = {
            "layer": witness.layers,
            "name": "read-out",
            "slot": f"{witness.readout.slot}[{entry}]" if several else witness.readout.slot,
            "token": tokens.read_out(witness.readout.tokens)[at],
            "is": as_text(pairs[q][0]),
            "should": as_text(pairs[q][1]),
        }
    if hint := _hint(witness, got.ravel().tolist(), want.ravel().tolist()):
        difference |= {"hint": hint}
    counterexample = case.to_json() | {
        "prediction": as_text(got.tolist()),
        "algorithm": as_text(want.tolist()),
    }
    worst = max(abs(a - b) for a, b in pairs)
    raise Differs(
        f"layer {difference['layer']} ({difference['name']}), slot {difference['slot']}",
        counterexample,
        difference,
        float(worst),
        0.0,
    )


def _hint(witness: Witness, got: Sequence[Any], want: Sequence[Any]) -> str:
    """What may be the mistake, in words that say how to mend it; "" where nothing is known."""
    if got == [-value for value in want] and any(want):
        return f"{OTHER_SIGN}: is the read-out's coefficient {-witness.readout.coefficient}?"
    rounded = next((value for value in _numbers(witness) if _was_float(value)), None)
    if rounded is not None:
        near = rounded.limit_denominator(1000)
        return f"the weight {float(rounded)!r} is a float, taken as it is; write Fraction({near})"
    return ""


def _numbers(witness: Witness) -> Iterator[Any]:
    yield witness.readout.coefficient
    for slots in witness.slot_maps():
        for block in slots:
            yield block.coefficient
            for row in block.matrix or ():
                yield from row


def _was_float(value: Any) -> bool:
    """Whether it is a float near a fraction that nobody would write as one: 0.1, not 0.25."""
    if not isinstance(value, Fraction) or value.denominator < 2**30:
        return False
    near = value.limit_denominator(1000)
    power_of_two = value.denominator & (value.denominator - 1) == 0
    return power_of_two and near != value and abs(near - value) <= abs(value) / 2**50


def _first(witness: Any, case: Case) -> dict[str, Any] | None:
    """The first slot that is not what the witness says; None too where it says what fails."""
    try:
        return first_difference(witness, case)
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError):
        return None  # an annotation that cannot be evaluated: the annotations' own check says so
