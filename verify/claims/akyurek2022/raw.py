"""akyurek2022: the operator RAW and lemmas 2, 3 and 7.

RAW as a definition is decided in fractions; its layers are bounded over |h| <= 1, at two settings
of the free constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers.akyurek2022.layers import Constants, layer, parallel, workspace
from constructions.papers.akyurek2022.operations import Aff, Columns, IllPosed, Mov, Mul, Raw, size
from constructions.witness import Witness
from proofs.stream import Layout

from ... import strategies
from ...checks.bounds import operations
from ...checks.bounds.chains import COARSE, FINE, SHRINKS, in_words, shrinks
from ...checks.bounds.operation_bounds import operation_error
from ...claim import Budget, Check, CheckResult, Differs, check, claim, repair
from ...hunt import hunt
from ...report.tables import readable
from ...strategies import as_text
from . import PAPER
from .primitives import STREAM

COLUMNS = 3
EARLIER = ((), (0,), (0, 1))  # the largest K with j < i
UP_TO = ((0,), (0, 1), (1,))  # some K with j <= i, nowhere empty


def streams() -> Any:
    """H as columns of small fractions."""
    column = st.lists(strategies.fractions(), min_size=STREAM.width, max_size=STREAM.width)
    return st.lists(column, min_size=COLUMNS, max_size=COLUMNS)


@check("exact", "exact")
def _agree(budget: Budget, one: Raw, other: Callable[[Columns], Columns]) -> CheckResult:
    """RAW and another operation, equal on every entry, in fractions."""

    def test(H: Columns) -> None:
        for token, (got, want) in enumerate(zip(one.apply(H), other(H))):
            for row, (is_, should) in enumerate(zip(got, want, strict=True)):
                if is_ != should:
                    shown = {"H": [as_text(column) for column in H], "RAW": str(one)}
                    place = {"layer": 1, "slot": f"row {row}", "token": token}
                    place |= {"is": as_text(is_), "should": as_text(should)}
                    raise Differs(f"column {token}, row {row}", shown, place)

    one.check()
    return CheckResult(True, hunt(streams(), test, budget), 0.0, 0.0, f"{one} equal in fractions")


def _formula(raw: Raw) -> Callable[[Columns], Columns]:
    """RAW as its formula, in numpy: h_i[w] <- W_o((W_a mean h[r]) * (W h_i[s]))."""
    Wo, Wa, W = (np.array(weight, dtype=object) for weight in raw.weights())

    def apply(H: Columns) -> Columns:
        stream = np.array(H, dtype=object)
        after = stream.copy()
        for i, read in enumerate(raw.K):
            mean = sum((stream[j][slice(*raw.r)] for j in read), start=0) * Fraction(1, len(read))
            left, right = Wa @ mean, W @ stream[i][slice(*raw.s)]
            after[i][slice(*raw.w)] = Wo @ (left + right if raw.star == "+" else left * right)
        return [list(column) for column in after]

    return apply


WEIGHTS: dict[str, Any] = {"Wo": ((1, 2), (0, -1)), "Wa": ((0, 1), (3, 1)), "W": ((1, 0), (1, 1))}


def _both_operators(K: tuple[tuple[int, ...], ...], strict: bool = True) -> tuple[Check, ...]:
    """RAW with + and with ⊙ against its formula; an empty K(i) is refused."""
    operators = [
        Raw(star, (1, 3), (3, 5), (5, 7), K, **WEIGHTS, strict=strict, empty="refuse")
        for star in ("+", "⊙")
    ]
    return tuple(_agree(operator, _formula(operator)) for operator in operators)


@claim(
    "akyurek2022.raw",
    source=f"{PAPER}, appendix",
    statement=r"h_i[w] \leftarrow W_o((\tfrac{W_a}{|K(i)|} \textstyle\sum_{j \in K(i)} h_j[r]) "
    r"\star (W h_i[s])),\ j \in K(i) \Rightarrow j < i",
    summary="RAW is defined in every column, and changes the units w alone",
    expected="ill-posed",
    note="with j < i nothing can be in K(0), so 1/|K(0)| is undefined",
)
def raw() -> tuple[Check, ...]:
    return _both_operators(EARLIER)


@repair(
    "akyurek2022.raw",
    "j <= i, not j < i",
    statement=r"j \in K(i) \Rightarrow j \leq i,\ K(i) \neq \emptyset",
)
def raw_repaired() -> tuple[Check, ...]:
    return _both_operators(UP_TO, strict=False)


# -- lemma 2 ----------------------------------------------------------------------------------

SELF = tuple((i,) for i in range(COLUMNS))
SHIFT = Aff((1, 3), (3, 5), (5, 7), W1=((1, 2), (0, 1)), W2=-1)


def _dot(strict: bool) -> Check:
    one = Raw("⊙", (3, 5), (1, 3), (7, 8), SELF, Wo=((1, 1),), strict=strict)
    return _agree(one, Mul(1, 2, 1, (1, 3), (3, 5), (7, 8)).apply)


def _aff(strict: bool) -> Check:
    one = Raw(
        "+", SHIFT.second, SHIFT.first, SHIFT.to, SELF, Wa=SHIFT.W1, W=SHIFT.W2, strict=strict
    )
    return _agree(one, SHIFT.apply)


def _mov(strict: bool, empty: Any = "keep") -> Check:
    one = Raw("+", (1, 3), (1, 3), (5, 7), ((), (), (0,)), W=0, strict=strict, empty=empty)
    return _agree(one, Mov(0, 2, (1, 3), (5, 7)).apply)


@claim(
    "akyurek2022.lemma2",
    source=f"{PAPER}, lemma 2",
    statement=r"\text{mov, aff and dot are each one RAW}",
    summary="mov, aff and dot are RAWs, with K(i) = {i} for aff and dot",
    expected="ill-posed",
    note="K(i) = {i} is not among the K that RAW allows, j < i",
)
def lemma2() -> tuple[Check, ...]:
    return _mov(strict=True), _aff(strict=True), _dot(strict=True)


@repair(
    "akyurek2022.lemma2",
    "RAW asks j <= i, not j < i; where K(i) is empty a column keeps its units",
    summary="mov, aff (b = 0) and dot are RAWs",
)
def lemma2_repaired() -> tuple[Check, ...]:
    return _mov(strict=False), _aff(strict=False), _dot(strict=False)


@claim(
    "akyurek2022.lemma2.empty",
    source=f"{PAPER}, lemma 2",
    reading="with 0 for columns that read nothing",
    statement=r"\text{mov with } K(i) = \emptyset \text{ for } i \neq t, \text{ empty means } 0",
    summary="mov as a RAW in which columns that read nothing get 0",
    expected="refuted",
    note="the other reading, that such columns keep their units, is in the repaired lemma 2",
)
def lemma2_empty() -> tuple[Check, ...]:
    return (_mov(False, "zero"),)


@check("exact", "exact")
def _shifted(budget: Budget, s: tuple[int, int], W: Any) -> CheckResult:
    """aff with b as a RAW, rows 1..2 and 3..4 to 5..6; row 7 holds 1 in every column."""
    shifted = replace(SHIFT, b=(1, 0))
    raw = Raw("+", s, (1, 3), (5, 7), SELF, Wa=SHIFT.W1, W=W, strict=False)

    def test(H: Columns) -> None:
        H = [column[:7] + [Fraction(1)] for column in H]
        for token, (got, want) in enumerate(zip(raw.apply(H), shifted.apply(H))):
            if got != want:
                shown = {"H": [as_text(column) for column in H], "b": ["1", "0"]}
                place = {"layer": 1, "slot": "rows 5, 6", "token": token}
                place |= {"is": as_text(got[5:7]), "should": as_text(want[5:7])}
                raise Differs(f"column {token}", shown, place)

    raw.check()
    cases = hunt(streams(), test, budget)
    return CheckResult(True, cases, 0.0, 0.0, "aff with b equals the RAW, in fractions")


@claim(
    "akyurek2022.lemma2.shift",
    source=f"{PAPER}, lemma 2",
    statement=r"\mathrm{aff} \text{ with } b \neq 0:\ W_a = W_1,\ W = W_2,\ W_o = I",
    summary="aff with a shift b as a RAW, which has no shift",
    expected="refuted",
)
def lemma2_shift() -> tuple[Check, ...]:
    return (_shifted((3, 5), -1),)


@repair(
    "akyurek2022.lemma2.shift",
    "s includes a unit that holds 1, and W = [W2, …, b]",
    statement=r"\mathrm{aff} \text{ with } b:\ W = [W_2, 0, b],\ s \text{ has a unit holding } 1",
    summary="aff with a shift b as a RAW that reads a unit holding 1",
)
def lemma2_shift_repaired() -> tuple[Check, ...]:
    # rows 3..7: W2, nothing of the old units, b
    return (_shifted((3, 8), ((-1, 0, 0, 0, 1), (0, -1, 0, 0, 0))),)


# -- lemmas 3 and 7 ---------------------------------------------------------------------------


def _raws() -> list[tuple[Raw, ...]]:
    plus = Raw("+", (1, 3), (3, 5), (5, 7), UP_TO, **WEIGHTS, strict=False)
    onto = Raw("⊙", (1, 3), (3, 5), (1, 3), SELF, strict=False)
    return [(plus,), (replace(plus, star="⊙"),), (onto,)]


def _together() -> list[tuple[Raw, ...]]:
    first = Raw("⊙", (1, 3), (1, 3), (5, 7), UP_TO, **WEIGHTS, strict=False)
    second = Raw("⊙", (3, 4), (1, 2), (7, 8), UP_TO, strict=False)
    third = Raw("+", (1, 2), (4, 5), (0, 1), UP_TO, Wa=2, strict=False)
    return [(first, second), (first, third), (first, second, third)]


def _compiled(raws: Sequence[Raw], scratch: int, constants: Constants) -> Witness:
    """RAWs as one layer, with `scratch` units for their products."""
    whole = workspace(STREAM, COLUMNS)
    if scratch:
        room = replace(whole["pad"], name="scratch", shape=(scratch,))
        whole = Layout((*whole.slots, room))
    if len(raws) == 1:
        made = layer(raws[0], whole, constants)
    else:
        made = parallel(raws, whole, constants)
    return operations.alone(made, whole, STREAM, COLUMNS)


@check("enclosure", "enclosed")
def _one_layer(
    budget: Budget,
    groups: Callable[[], list[tuple[Raw, ...]]],
    free: Callable[[Sequence[Raw]], int],
) -> CheckResult:
    """RAWs as one layer: two heads, at most `free` units of workspace, and a bound that falls."""
    drawn = operations.Drawn(budget, STREAM, COLUMNS)
    bounds, names = [], []
    for raws in groups():
        for one in raws:
            one.check()
        _disjoint(raws)
        shown: dict[str, Any] = {"RAWs": [str(one) for one in raws]}
        scratch = sum(2 * one.inner for one in raws if one.star == "⊙")
        used, promised = scratch + 2 if scratch else 0, free(raws)  # the two pads
        built = {c: _compiled(raws, scratch, c) for c in (COARSE, FINE)}
        heads = built[FINE].heads
        if heads > 2 or used > promised:
            shown |= {"heads": heads, "units": used, "promised": promised}
            raise Differs(f"{heads} heads, {used} units", shown, cases=drawn.cases)
        limits = {c: _bound(raws, witness, c) for c, witness in built.items()}
        coarse, fine = limits.values()
        if not shrinks(coarse, fine):
            detail = f"bounds {fine:.1e} and {coarse:.1e}"
            raise Differs(detail, shown, None, fine, coarse * SHRINKS, drawn.cases)

        def off(H: Columns, c: Constants, raws: Any = raws, built: Any = built) -> float:
            return operations.off_by(raws, built[c], STREAM, H, c.bits(2))

        drawn.stay_inside(limits, off, shown)
        bounds.append(fine)
        names.append(" with ".join(map(_in_full, raws)))
    box = (
        f"|h| <= 1, the workspace empty, {COLUMNS} columns of {STREAM.width} rows, "
        f"{'; '.join(names)}; {in_words(FINE)}; no rounding"
    )
    detail = f"one layer, two heads, {used} of {promised} units"
    return CheckResult(True, drawn.cases, drawn.largest, max(bounds), detail, box=box)


def _in_full(raw: Raw) -> str:
    """A RAW with its K and its weights."""
    weights = ", ".join(f"{name} = {getattr(raw, name)}" for name in ("K", "Wo", "Wa", "W"))
    return readable(f"{raw} of {weights}")


def _bound(raws: Sequence[Raw], witness: Witness, constants: Constants) -> float:
    """sup |layer - the RAWs done one after the other| over all entries and all |h| <= 1."""
    (made,) = witness.layer_list
    with operations.precision(constants.bits(2)):
        return operations.top(operation_error(raws, made, witness.layout, STREAM.width))


def _disjoint(raws: Sequence[Raw]) -> None:
    """Raises IllPosed if one RAW writes what another reads or writes, or their K differ."""
    for i, one in enumerate(raws):
        for other in (*raws[:i], *raws[i + 1 :]):
            if one.K != other.K:
                raise IllPosed("the RAWs do not read the same columns")
            for rows in (*other.reads(), other.w):
                if {*range(*one.w)} & {*range(*rows)}:
                    raise IllPosed(f"{one} writes rows {rows} of {other}")


@claim(
    "akyurek2022.lemma3",
    source=f"{PAPER}, lemma 3",
    statement=r"\text{one layer, two heads: RAW; } \odot \text{ uses } 4|r| \text{ units}",
    summary="RAW is one layer of two heads, with at most 4|r| units of scratch for the product",
    expected="approximates",
    note="for K(i) that is nowhere empty, j <= i; 2|r| + 2 units are enough",
)
def lemma3() -> tuple[Check, ...]:
    return (_one_layer(_raws, lambda raws: 4 * sum(size(one.r) for one in raws)),)


@claim(
    "akyurek2022.lemma7",
    source=f"{PAPER}, lemma 7",
    statement=r"k \text{ RAWs, same } K, \text{ disjoint units: one layer, } "
    r"\textstyle\sum(4|t_k| + |w_k|) \text{ free units}",
    summary="RAWs with the same K and disjoint units run in one layer",
    expected="approximates",
    note="t_k is read as the units r_k that are read",
)
def lemma7() -> tuple[Check, ...]:
    return (_one_layer(_together, lambda raws: sum(4 * size(one.r) + size(one.w) for one in raws)),)
