"""ReLU heads that stay in the calculus, together with others: as a linear head or a selection.

Two with opposite scores and opposite values are one linear head (theorem newton.relu_pair).
Three with the scores u + 1, u, u - 1 and the values v, -2v, v add up to v where u = 0 and to
nothing at any other integer u (theorem newton.hat): a selection, if every score is an integer.
Heads are recognised by their blocks and by their scores, never by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.calculus.tokens import OutsideCalculusError, ones, places
from proofs.weights.relu import hat

ZERO = sympy.Integer(0)


class Linear:
    """A ReLU head's maps with linear attention: what the pair of it and its partner computes."""

    attention = "linear"

    def __init__(self, head: Any) -> None:
        self.query, self.key, self.value = head.query, head.key, head.value
        self.keys, self.average, self.null = head.keys, head.average, head.null
        self.mask, self.mix = head.mask, head.mix
        self.name = head.name


class Selection(Linear):
    """The value of `above` with weight 1 where the score of `middle` is 0, else with weight 0.

    What three ReLU heads compute if the scores of the other two are one more and one less, and
    all scores are integers: `weights` makes sure of it.
    """

    attention = "selection"

    def __init__(self, above: Any, middle: Any, below: Any) -> None:
        super().__init__(above)
        self.parts = (above, middle, below)

    def weights(self, above: Form, middle: Form, below: Form) -> Form:
        """[u = 0] for the three heads' scores u ± 1, u, u ∓ 1. Raises OutsideCalculusError."""
        unit = ones(middle.rows) @ ones(middle.columns).T
        step = above - middle
        if step != middle - below or not (step == unit or step == -unit):
            raise OutsideCalculusError("scores that are not one apart")
        return where_zero(middle)


def combined(heads: Iterable[Any]) -> list[Any]:
    """The heads, with each pair and each three of ReLU heads replaced by what it computes."""
    waiting, made = list(heads), []
    while waiting:
        head = waiting.pop(0)
        used, instead = _together(head, waiting) if head.attention == "relu" else ((), head)
        for other in used:
            waiting.remove(other)
        made.append(instead)
    return made


def _together(head: Any, others: Sequence[Any]) -> tuple[Sequence[Any], Any]:
    """The heads that `head` computes something with, and that; none and itself without them."""
    for other in others:
        if is_pair(head, other):
            return (other,), Linear(head)
    for a, b in combinations(others, 2):
        for three in ((head, a, b), (a, head, b), (head, b, a)):
            if is_three(*three):
                return (a, b), Selection(*three)
    return (), head


def is_pair(head: Any, other: Any) -> bool:
    """Whether relu(u)·v and the other's relu(k u)·r v, k < 0, add up to u v: k r = 1."""
    if not _alike(head, other):
        return False
    query, key = _ratio(head.query, other.query), _ratio(head.key, other.key)
    value = _ratio(head.value, other.value)
    if query is None or key is None or value is None:
        return False
    flip = query * key
    return bool(flip.is_negative) and flip * value == 1


def is_three(above: Any, middle: Any, below: Any) -> bool:
    """Whether one query meets keys that go up by the same multiple of one slot, and the values
    are those of `hat`: v, -2v, v.
    """
    if not (_alike(above, middle) and _alike(middle, below)):
        return False
    if any(_difference(above.query, other.query) for other in (middle, below)):
        return False
    values = hat().weights
    for other, part in ((middle, "value_zero"), (below, "value_minus")):
        if _ratio(above.value, other.value) != values[part] / values["value_plus"]:
            return False
    step = _difference(middle.key, above.key)
    return len(step) == 1 and step == _difference(below.key, middle.key)


def where_zero(score: Form) -> Form:
    """The matrix [u_ij = 0] of a score u_ij = a i + b j + e, where it is 0 or the identity.

    Raises OutsideCalculusError for any other, and unless a, b and e are integers.
    """
    rows, columns = score.rows, score.columns
    left = score.normal()

    def coefficient(i: Form, j: Form) -> Any:
        """That of the matrix i jᵀ in the score."""
        return sum((left.pop(word, ZERO) for word in (i @ j.T).normal()), ZERO)

    a = coefficient(places(rows), ones(columns))
    b = coefficient(ones(rows), places(columns))
    e = coefficient(ones(rows), ones(columns))
    if left:
        raise OutsideCalculusError("ReLU of a score that depends on the prompt")
    if not (a.is_integer and b.is_integer and e.is_integer):
        raise OutsideCalculusError("a selection by scores that are not integers")
    # the largest and the smallest score are in corners
    corners = [sympy.expand(e + a * i + b * j) for i in (0, rows - 1) for j in (0, columns - 1)]
    divisor = sympy.gcd(a, b)
    if (
        all(u.is_positive for u in corners)
        or all(u.is_negative for u in corners)
        or (divisor.is_positive and (e / divisor).is_integer is False)
    ):
        return c.zero(rows, columns)
    if rows == columns and (rows == 1 or a != 0) and a == -b and e == 0:
        return c.identity(rows)
    raise OutsideCalculusError("a selection that is neither none nor one to one")


def relu(value: Any) -> Any:
    return sympy.Max(0, value)


def _alike(head: Any, other: Any) -> bool:
    return all(
        getattr(head, name) == getattr(other, name)
        for name in ("attention", "keys", "average", "null", "mask", "mix")
    )


def _entries(slots: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for b in slots:
        at = (b.destination, b.source, b.pattern, b.matrix)
        made[at] = made.get(at, 0) + sympy.sympify(b.coefficient)
    return {at: value for at, value in made.items() if value != 0}


def _ratio(one: Any, other: Any) -> Any:
    """r with other = r · one, None if there is none."""
    a, b = _entries(one), _entries(other)
    if set(a) != set(b):
        return None
    ratios = {sympy.cancel(b[at] / a[at]) for at in a}
    return ratios.pop() if len(ratios) == 1 else None


def _difference(one: Any, other: Any) -> dict[Any, Any]:
    """The entries of other - one that are not zero."""
    a, b = _entries(one), _entries(other)
    apart = {at: sympy.cancel(b.get(at, ZERO) - a.get(at, ZERO)) for at in {**a, **b}}
    return {at: value for at, value in apart.items() if value != 0}
