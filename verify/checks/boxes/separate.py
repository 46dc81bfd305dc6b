"""A polynomial in a prompt as a sum over examples that meet only in the query.

p(q, e_1, …, e_n) = p_0(q) + sum over groups g of p_g(q, e_j for j in g): of a layer of linear
attention every group is one example. Groups that are the same polynomial but for the numbers of
their examples have, at each q, the same maximum; if all are, the maximum of p is that of one of
them, as often as there are: nothing is lost. Otherwise the maxima of all kinds are added, each at
a query of its own, and the query's ranges are cut until that costs little.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

from ...box import Range
from .bernstein import WORK, Maximum, Polynomial, cost, down, fraction, halves, maximum, up

SHARE = 10  # of what may be computed, what one part of the query's ranges may take at most

Ranges = Mapping[str, Range]
Owners = Mapping[str, int | None]  # of every letter: the example that it belongs to, None: shared


@dataclass(frozen=True)
class Kind:
    """Groups that are alike: the polynomial of the first, and the examples of each."""

    polynomial: Polynomial
    groups: tuple[tuple[int, ...], ...]


def kinds(polynomial: Polynomial, owners: Owners, ranges: Ranges) -> list[Kind]:
    """Of which it is the sum, over all their groups. Terms of shared letters alone go to a kind
    whose groups are all there is, in equal parts; otherwise they are a kind of their own.
    """
    names = polynomial.variables
    groups = _joined(polynomial, owners)
    terms: dict[tuple[int, ...], dict[tuple[int, ...], Fraction]] = {g: {} for g in groups}
    alone: dict[tuple[int, ...], Fraction] = {}
    home = {j: group for group in groups for j in group}
    for exponents, coefficient in zip(polynomial.exponents, polynomial.coefficients):
        owner = next(
            (owners[n] for n, e in zip(names, exponents) if e and owners[n] is not None), None
        )
        (alone if owner is None else terms[home[owner]])[exponents] = coefficient
    alike: dict[Any, tuple[tuple[int, ...], list[tuple[int, ...]]]] = {}
    for group in groups:
        key = _renamed(terms[group], names, owners, ranges, group)
        alike.setdefault(key, (group, []))[1].append(group)
    if alone and len(alike) == 1:
        ((first, same),) = alike.values()
        for exponents, coefficient in alone.items():
            terms[first][exponents] = coefficient / len(same)
        alone = {}
    made = [Kind(Polynomial.of(terms[g], names), tuple(same)) for g, same in alike.values()]
    return [Kind(Polynomial.of(alone, names), ((),)), *made] if alone else made


def _joined(polynomial: Polynomial, owners: Owners) -> list[tuple[int, ...]]:
    """The examples, those together that occur in one term."""
    groups: list[set[int]] = []
    for exponents in polynomial.exponents:
        found = (owners[n] for n, e in zip(polynomial.variables, exponents) if e)
        seen = {owner for owner in found if owner is not None}
        if seen and not any(seen <= group for group in groups):
            meeting = [group for group in groups if group & seen]
            groups = [group for group in groups if not group & seen]
            groups.append(seen.union(*meeting))
    return sorted(tuple(sorted(group)) for group in groups)


def renaming(group: Sequence[int], other: Sequence[int], owners: Owners) -> dict[str, str]:
    """The letters of one group's examples as those of another's, in the order of the examples."""
    mine = [_letters(j, owners) for j in group]
    theirs = [_letters(j, owners) for j in other]
    return {a: b for left, right in zip(mine, theirs, strict=True) for a, b in zip(left, right)}


def _letters(example: int, owners: Owners) -> list[str]:
    return [name for name, owner in owners.items() if owner == example]


def _renamed(
    terms: Mapping[tuple[int, ...], Fraction],
    names: Sequence[str],
    owners: Owners,
    ranges: Ranges,
    group: Sequence[int],
) -> Any:
    """What is equal for groups that are alike: the terms, with places for the letters."""
    places = {}
    for at, j in enumerate(group):
        for number, name in enumerate(_letters(j, owners)):
            places[name] = at, number, ranges[name]
    return frozenset(
        (
            frozenset((places.get(name, name), e) for name, e in zip(names, exponents) if e),
            coefficient,
        )
        for exponents, coefficient in terms.items()
    )


def alike(polynomial: Polynomial, owners: Owners, ranges: Ranges) -> Any:
    """Equal for polynomials that differ by the numbers of their examples, or by their sign."""
    used = (owners[name] for name in polynomial.variables)
    group = sorted({owner for owner in used if owner is not None})
    return frozenset(
        _renamed(dict(zip(one.exponents, one.coefficients)), one.variables, owners, ranges, group)
        for one in (polynomial, -polynomial)
    ), tuple((name, ranges[name]) for name in polynomial.variables if owners[name] is None)


def largest(
    polynomial: Polynomial,
    owners: Owners,
    ranges: Ranges,
    floor: float = 0.0,
    tolerance: float = 0.02,
    work: float = WORK,
    seed: int = 0,
) -> Maximum:
    """Encloses the maximum over the box; `floor` is a value below which it need not be known."""
    if not polynomial.exponents:
        return Maximum(0.0, 0.0, {})
    parts = kinds(polynomial, owners, ranges)
    if len(parts) == 1:
        (one,) = parts
        times = len(one.groups)
        alone = maximum(one.polynomial, ranges, tolerance * floor / times, tolerance, work, seed)
        return _assembled([alone], parts, owners, polynomial, up(times * Fraction(alone.high)))
    shared = [name for name in polynomial.variables if owners[name] is None]
    best: Maximum | None = None
    number, boxes, spent = count(), 0, 0

    def node(sides: dict[str, Range]) -> tuple[float, int, dict[str, Range], list[Maximum]]:
        nonlocal best, boxes, spent
        boxes += 1
        here = {**ranges, **sides}
        found = [
            maximum(p.polynomial, here, tolerance * floor / len(polynomial.exponents),
                    tolerance / 2, work / len(parts) / SHARE, seed)
            for p in parts
        ]  # fmt: skip
        spent += sum(f.boxes * cost(p.polynomial) for p, f in zip(parts, found))
        high = up(
            sum((len(p.groups) * Fraction(f.high) for p, f in zip(parts, found)), Fraction(0))
        )
        for one in found if boxes == 1 or len(heap) < 8 else found[:1]:
            at = {name: one.at.get(name, here[name][0]) for name in shared}
            fixed = {**ranges, **{name: (value, value) for name, value in at.items()}}
            inner = [maximum(p.polynomial, fixed, 0, tolerance, 0, seed) for p in parts]
            made = _assembled(inner, parts, owners, polynomial, high, at)
            if best is None or made.low > best.low:
                best = made
        return -high, next(number), sides, found

    heap: list[tuple[float, int, dict[str, Range], list[Maximum]]] = []
    heap.append(node({name: ranges[name] for name in shared}))
    assert best is not None
    degrees = dict(zip(polynomial.variables, polynomial.degrees))
    while -heap[0][0] - best.low > tolerance * max(abs(best.low), floor) and spent < work:
        _, _, sides, found = heap[0]
        name = _to_cut(sides, found)
        if name is None:
            break
        heapq.heappop(heap)
        for half in halves(sides[name], degrees[name]):
            heapq.heappush(heap, node({**sides, name: half}))
    return Maximum(best.low, max(-heap[0][0], best.low), best.at, boxes)


def _to_cut(sides: Mapping[str, Range], found: Sequence[Maximum]) -> str | None:
    """The shared letter on whose value the kinds' maxima agree least."""
    apart = {}
    for name, (low, high) in sides.items():
        values = [one.at[name] for one in found if name in one.at]
        if high > low and values:
            apart[name] = (max(values) - min(values)) * 1000 + (high - low)
    return max(apart, key=lambda name: apart[name]) if apart else None


def _assembled(
    found: Sequence[Maximum],
    parts: Sequence[Kind],
    owners: Owners,
    polynomial: Polynomial,
    high: float,
    shared: Mapping[str, Fraction] | None = None,
) -> Maximum:
    """The point at which every group is where its kind is largest, and the value there."""
    at = dict(shared or {})
    for one, part in zip(found, parts):
        at |= {name: value for name, value in one.at.items() if owners[name] is None}
        for group in part.groups:
            names = renaming(part.groups[0], group, owners)
            at |= {names[n]: value for n, value in one.at.items() if n in names}
    if shared is not None:
        at |= shared
    low = down(polynomial.at(at))
    return Maximum(low, high, at, sum(one.boxes for one in found))


def magnitude(
    polynomial: Polynomial,
    owners: Owners,
    ranges: Ranges,
    tolerance: float = 0.02,
    work: float = WORK,
    seed: int = 0,
) -> Maximum:
    """Encloses the largest absolute value over the box."""
    over = largest(polynomial, owners, ranges, 0.0, tolerance, work, seed)
    under = largest(-polynomial, owners, ranges, max(over.low, 0.0), tolerance, work, seed)
    best = over if over.low >= under.low else under
    return Maximum(best.low, max(over.high, under.high), best.at, over.boxes + under.boxes)


def point(at: Mapping[str, Any], ranges: Ranges) -> dict[str, Fraction]:
    """A point of the box: where nothing is said, the middle."""
    return {
        name: fraction(at[name]) if name in at else (low + high) / 2
        for name, (low, high) in ranges.items()
    }
