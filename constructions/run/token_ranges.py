"""Ranges of tokens: what they have in common and what covers them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MOST_PIECES = 4  # more ranges than this are covered by one


@lru_cache(maxsize=4096)
def meet(a: range, b: range) -> range:
    """Tokens in both. Steps are equal, or one of them is 1."""
    if a == b:
        return a
    if len(b) <= 1 or (len(a) > 1 and b.step > a.step):
        a, b = b, a  # now a is the coarser one
    if len(a) > 1 and len(b) > 1 and b.step not in (1, a.step):
        raise NotImplementedError(f"tokens {a} and {b}")
    inside = [t for t in a if t in b]
    if not inside:
        return range(0)
    return range(inside[0], inside[-1] + 1, a.step if len(inside) > 1 else 1)


@lru_cache(maxsize=4096)
def within(part: range, whole: range) -> range:
    """Where `part` is inside `whole`: positions counted in `whole`."""
    if not part:
        return range(0)
    first = whole.index(part[0])
    step = whole.index(part[1]) - first if len(part) > 1 else 1
    return range(first, first + step * (len(part) - 1) + 1, step)


def hull(ranges: Iterable[range]) -> range:
    """The least range that covers them all."""
    kept = list(dict.fromkeys(r for r in ranges if r))
    if len(kept) <= 1:
        return kept[0] if kept else range(0)
    return range(min(r[0] for r in kept), max(r[-1] for r in kept) + 1)


def disjoint(ranges: Iterable[range]) -> tuple[range, ...]:
    """Ranges without a common token that cover the same tokens, perhaps more."""
    return _disjoint(tuple(dict.fromkeys(r for r in ranges if r)))


@lru_cache(maxsize=4096)
def _disjoint(ranges: tuple[range, ...]) -> tuple[range, ...]:
    apart = not any(meet(a, b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])
    return ranges if apart and len(ranges) <= MOST_PIECES else (hull(ranges),)
