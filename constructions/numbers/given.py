"""A user's arrays as they come: numbers are taken exactly, what is no number is refused by name."""

from __future__ import annotations

from fractions import Fraction
from operator import attrgetter
from typing import Any

import numpy as np

from proofs.exact import exact, is_symbolic

PYTHON = (int, float, bool, str)  # what every number system reads as it is


def array_of(part: Any, name: str, kind: Any = None) -> Any:
    """A dense real torch tensor as it is; anything else as a numpy array of numbers or of objects,
    of the `kind` (dtype) where it is no array yet.

    Among objects numbers are Python's own, Fractions, or sympy expressions: a longdouble, which
    float64 cannot hold, is a Fraction. Raises ValueError for masked, sparse and complex arrays, and
    for rows that differ in length.
    """
    if hasattr(part, "detach"):
        if part.is_complex():
            raise ValueError(f"{name} has complex numbers ({part.dtype}); they must be real")
        if str(part.layout) != "torch.strided":
            raise ValueError(f"{name} is a sparse tensor; {name}.to_dense() is taken")
        return part
    if isinstance(part, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is a masked array; put numbers in, {name}.filled(…), or leave those rows out"
        )
    try:
        array = np.asarray(part, dtype=None if hasattr(part, "dtype") else kind)
    except ValueError as error:
        message = f"{name} is not a rectangular array of numbers: {error}"
        raise ValueError(" ".join(message.split())) from None
    if array.dtype.kind == "c":
        raise ValueError(f"{name} has complex numbers ({array.dtype}); they must be real")
    if array.dtype == object or array.dtype == np.longdouble != np.float64:
        return _of_objects(array, name)
    return array


def _of_objects(array: np.ndarray, name: str) -> np.ndarray:
    """The same with every number as Python or sympy has it."""
    entries = array.ravel().tolist() if array.dtype == object else list(array.ravel())
    kinds = set(map(type, entries))
    if any(issubclass(kind, (list, tuple)) for kind in kinds):
        raise ValueError(f"{name} is not a rectangular array of numbers: its rows differ in length")
    if kinds <= {*PYTHON, Fraction}:
        fractions = entries if kinds == {Fraction} else [e for e in entries if type(e) is Fraction]
        if set(map(type, map(attrgetter("numerator"), fractions))) <= {int}:
            return array
    made = np.empty(len(entries), dtype=object)
    made[:] = [_plain(entry, name) for entry in entries]
    return made.reshape(array.shape)


def _plain(entry: Any, name: str) -> Any:
    if entry is np.ma.masked:
        raise ValueError(f"{name} has a masked entry; leave its row out")
    if isinstance(entry, np.longdouble):
        return Fraction(*entry.as_integer_ratio()) if np.isfinite(entry) else float(entry)
    if isinstance(entry, np.generic) or (hasattr(entry, "detach") and entry.ndim == 0):
        entry = entry.item()
    if isinstance(entry, complex):
        raise ValueError(f"{name} has {entry}, which is complex; numbers must be real")
    if isinstance(entry, Fraction):  # Fraction(numpy's 1, numpy's 3) keeps integers that overflow
        return Fraction(int(entry.numerator), int(entry.denominator))
    if is_symbolic(entry):
        from sympy import Rational

        return exact(Rational(entry) if entry.is_Float else entry, name)
    return entry
