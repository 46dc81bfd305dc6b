"""Rules in the calculus: the number that a mask or a mix has for the tokens of two groups.

A group of one token has one number, or the query's, whose place is a letter. Of a group that is
not told apart every token has to give the same: with i for its place, n is i + 1 + k, k >= 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.calculus.tokens import PLACE, Group, OutsideCalculusError
from proofs.rule import Rule, UndecidedError, is_zero

OTHER = sympy.Symbol("p", integer=True, nonnegative=True)  # the place of another query
_I, _J, _K = (sympy.Symbol(name, integer=True, nonnegative=True) for name in ("i_", "j_", "k_"))


class Pairs:
    """The numbers of rules for the tokens of one prompt: n examples, `end` tokens, m queries."""

    def __init__(self, n: Any, end: Any, m: Any) -> None:
        self.n, self.end, self.m = n, end, m

    def value(
        self,
        rule: Rule,
        names: tuple[str, str],
        first: Group,
        second: Group,
        before: int | None = None,
    ) -> Any:
        """The number for every token of the one with every token of the other, in sympy. Of two
        queries, given `before`, those alone where the second is at least so many before.

        Raises OutsideCalculusError where it is not the same for all, or is not known.
        """
        if rule.matrix is not None:
            return self._entry(rule, first, second)
        if first is second and first.rows != 1:
            one, other = self.on_and_off(rule, names, first)
            if one != other:
                raise OutsideCalculusError(f"the rule {rule} on tokens not told apart")
            return other
        both = not first.context and not second.context
        place = PLACE if not both or before is None else OTHER + before + _K
        numbers = {names[0]: self._number(first, place, _I)}
        numbers[names[1]] = self._number(second, OTHER if both else PLACE, _J)
        return self._agreed(rule, numbers, [(first, _I), (second, _J)])

    def on_and_off(self, rule: Rule, names: tuple[str, str], group: Group) -> tuple[Any, Any]:
        """The number for a token of a group with itself, and with any other of the group."""
        if rule.matrix is not None:
            raise OutsideCalculusError(f"the rule is {rule}, and tokens are not told apart")
        first, second = names

        def at(place: Any) -> Any:
            return group.first + group.step * place

        same = self._agreed(rule, {first: at(_I), second: at(_I)}, [(group, _I)])
        later, earlier = _I + 1 + _J, _I
        others = {
            self._agreed(rule, {first: at(one), second: at(other)}, [(group, later)])
            for one, other in ((later, earlier), (earlier, later))
        }
        if len(others) > 1:
            raise OutsideCalculusError(f"the rule {rule} on tokens not told apart")
        return same, others.pop()

    def _number(self, group: Group, place: Any, index: Any) -> Any:
        if not group.context:
            return self.end + place
        return group.first if group.rows == 1 else group.first + group.step * index

    def _agreed(self, rule: Rule, numbers: Mapping[str, Any], within: list[Any]) -> Any:
        """The value, with what is known of a place in a group: that n is beyond it."""
        free = [(group, place) for group, place in within if group.context and group.rows != 1]
        wrong: Exception | None = None
        for group, place in [*reversed(free), (None, None)]:
            bound: dict[Any, Any] = {}
            if group is not None and group.rows == self.n:
                bound = {self.n: place + 1 + _K}
            at = {
                name: sympy.expand(sympy.sympify(number).subs(bound))
                for name, number in (*numbers.items(), ("n", self.n), ("N", self.end + self.m))
            }
            try:
                made = sympy.sympify(rule.value(**at))
            except UndecidedError as error:
                wrong = error
                continue
            if group is not None:
                made = sympy.expand(made.subs(_K, self.n - 1 - place))
            if made.free_symbols & {_I, _J, _K}:
                raise OutsideCalculusError(f"the rule {rule} on tokens not told apart")
            if made.free_symbols and made.atoms(sympy.Function, sympy.Min, sympy.Max):
                raise OutsideCalculusError(f"the rule {rule} is {made}")
            return made
        raise OutsideCalculusError(f"the rule {rule}: {wrong}")

    def _entry(self, rule: Rule, first: Group, second: Group) -> Any:
        assert rule.matrix is not None
        size = len(rule.matrix), len(rule.matrix[0])
        places = [self._places(group, count) for group, count in zip((first, second), size)]
        found = {sympy.sympify(rule.matrix[i][j]) for i in places[0] for j in places[1]}
        if len(found) != 1:
            raise OutsideCalculusError(f"the rule is {rule}, not the same for all queries")
        return found.pop()

    def _places(self, group: Group, count: int) -> range:
        """The rows or columns of a matrix that are the group's."""
        if group.rows != 1 or not sympy.sympify(self.end).is_Integer:
            raise OutsideCalculusError("the rule is a matrix, and tokens are not told apart")
        made = range(int(group.first), int(group.first) + 1) if group.context else None
        made = range(int(self.end), count) if made is None else made
        if not made or made.stop > count:
            raise OutsideCalculusError(f"the rule is a matrix with no place for {group.name}")
        return made


def zero(value: Any) -> bool:
    """Whether a number is 0. Raises OutsideCalculusError of letters that may be."""
    known = is_zero(value)
    if known is None:
        raise OutsideCalculusError(f"whether {value} is 0 is not known")
    return known
