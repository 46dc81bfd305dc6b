"""Kinds of attention and activations of one's own: one call each, and every reading that can knows.

    attention("squared", "squared attention", weigh=lambda numbers, s: numbers.multiply(s, s))
    activation("tanh", "tanh", floats=torch.tanh, balls=lambda x: x.tanh())

A function is written in the methods of a number system, of which `relu`, `multiply`, `combine`,
`exp` are some: then it runs in each that has them, and bounds on rounding are derived. Or it is
given to each number system that is to have it, entry by entry: then a bound on rounding is made
beside balls, and a number system that has none refuses by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from proofs.vocabulary import ACTIVATIONS, ATTENTION, Activation, Attention, Entrywise, boolean

# what is built in is nobody's to change
_OWN = {id(table): frozenset(table) for table in (ATTENTION, ACTIVATIONS)}


def attention(
    name: str,
    words: str,
    *,
    weigh: Callable[[Any, Any], Any] | None = None,
    floats: Callable[[Any], Any] | None = None,
    balls: Callable[[Any], Any] | None = None,
    rational: Callable[[Any], Any] | None = None,
    shares: bool = False,
) -> None:
    """Adds a kind of attention: what becomes of a score, as `weigh(numbers, scores)` or as a
    function of one number for floats (of a torch tensor), balls (of a flint.arb) and fractions.

    shares: weights are divided by their sum. `words` are for people. Raises ValueError for a name
    that is taken by another kind.
    """
    boolean(shares, "shares")
    function = _function(name, words, weigh, floats, balls, rational)
    irrational = _irrational(function)
    _add(ATTENTION, name, Attention(words, function, shares, irrational=irrational))


def activation(
    name: str,
    words: str,
    *,
    apply: Callable[[Any, Any], Any] | None = None,
    floats: Callable[[Any], Any] | None = None,
    balls: Callable[[Any], Any] | None = None,
    rational: Callable[[Any], Any] | None = None,
) -> None:
    """Adds an activation: `apply(numbers, units)`, or a function of one number as for `attention`.

    Raises ValueError for a name that is taken by another one.
    """
    function = _function(name, words, apply, floats, balls, rational)
    irrational = _irrational(function)
    _add(ACTIVATIONS, name, Activation(words, function, irrational))


def _function(
    name: Any,
    words: Any,
    methods: Callable[[Any, Any], Any] | None,
    floats: Callable[[Any], Any] | None,
    balls: Callable[[Any], Any] | None,
    rational: Callable[[Any], Any] | None,
) -> Callable[[Any, Any], Any]:
    """What is asked of a number system."""
    for what, text in (("name", name), ("words", words)):
        if not (isinstance(text, str) and text):
            raise ValueError(f"the {what} of a kernel must be text, not {text!r}")
    entrywise = (floats, balls, rational)
    given = [one for one in (methods, *entrywise) if one is not None]
    if not given or not all(map(callable, given)) or (methods is not None and len(given) > 1):
        raise ValueError(
            f"{name}: give one function of a number system and an array, or functions of one "
            "number: floats=, balls=, rational="
        )
    if methods is not None:
        return methods
    return _Applied(Entrywise(name, floats, balls, rational))


def _irrational(function: Callable[[Any, Any], Any]) -> bool:
    """Whether fractions refuse it, seen on some."""
    from .numbers import Unsupported, get

    fractions = get("rational")
    try:
        function(fractions, fractions.constant([[1, 2], [-1, 3]]))
    except Unsupported:
        return True
    except ArithmeticError:
        return False
    return False


class _Applied(partial):
    """numbers.applied of a function of one number."""

    def __new__(cls, function: Entrywise) -> _Applied:
        return super().__new__(cls, _applied, function)


def _applied(function: Entrywise, numbers: Any, values: Any) -> Any:
    return numbers.applied(values, function)


def _add(table: dict[str, Any], name: str, made: Any) -> None:
    there = table.get(name)
    if there is not None and (name in _OWN[id(table)] or not _same(there, made)):
        what = "attention" if table is ATTENTION else "activation"
        raise ValueError(f"there is an {what} {name!r} already, {there.words}")
    table[name] = made


def _same(one: Any, other: Any, met: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Whether two kernels are the same text about the same values, as when a file is loaded twice.

    `met` are the pairs that are being compared: functions may name each other.
    """
    pair = id(one), id(other)
    if one is other or pair in met:
        return True
    if type(one) is not type(other):
        return False
    same = partial(_same, met=met | {pair})
    if isinstance(one, _Applied):
        return same(one.args[0], other.args[0])
    if isinstance(one, (Attention, Activation, Entrywise)):
        return all(same(getattr(one, field), getattr(other, field)) for field in vars(one))
    if not isinstance(one, FunctionType):
        try:
            return bool(one == other)
        except (ValueError, RuntimeError):  # arrays of several numbers
            return False
    ours, theirs = _read_by(one), _read_by(other)
    return (
        one.__code__ == other.__code__
        and len(ours) == len(theirs)
        and all(name in theirs and same(ours[name], theirs[name]) for name in ours)
    )


def _read_by(function: FunctionType) -> dict[str, Any]:
    """Every value that a function takes from outside of its text: defaults, cells, globals."""
    made = {f"default {i}": value for i, value in enumerate(function.__defaults__ or ())}
    made |= {f"default {name}": value for name, value in (function.__kwdefaults__ or {}).items()}
    for i, cell in enumerate(function.__closure__ or ()):
        made[f"cell {i}"] = cell.cell_contents
    return made | {
        name: function.__globals__[name]
        for name in _named(function.__code__)
        if name in function.__globals__
    }


def _named(code: CodeType) -> set[str]:
    """The names in a text that may be globals, those of functions inside it included."""
    inner = (_named(one) for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*inner)
