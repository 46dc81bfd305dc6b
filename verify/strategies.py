"""Hypothesis strategies for prompts: sizes are drawn too, and the awkward ones are not rare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import inf
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from proofs.exact import as_text as exact_text
from proofs.prompt import X_ALONE, Fields, fields_of
from proofs.stream import DIMENSION, Layout

from .claim import Domain
from .drawn import Sized, simpler, without
from .drawn import diagonal as diagonal
from .drawn import fractions as fractions
from .drawn import matrix as matrix
from .drawn import positive as positive
from .drawn import vector as vector

__all__ = [
    "ANY",
    "NO_QUERY",
    "Case",
    "as_text",
    "diagonal",
    "float_prompts",
    "floats_with_condition",
    "fractions",
    "grid",
    "matrix",
    "positive",
    "prompts",
    "smaller_than",
    "vector",
]

SearchStrategy = st.SearchStrategy


@dataclass(frozen=True)
class Case:
    """One prompt and the parameters of the witness that shall run on it.

    X (n, d), y (n,), queries (m, d): numpy arrays of Fractions or of floats. `fields` are the
    parts of x, then X has their columns, and queries those of a query's. `targets`: 1, how many
    numbers each y has, "d", or the parameter that says so; unless it is 1, y is (n, targets).
    """

    parameters: Mapping[str, Any]
    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    fields: Fields = X_ALONE
    targets: Any = 1

    @property
    def d(self) -> int:
        """The dimension of x, of its parts one that is named "d"."""
        if self.fields is X_ALONE:
            return self.X.shape[1]
        given = self.parameters.get("d")
        return self.fields.dimension(self.X.shape[1]) if given is None else given

    @property
    def size(self) -> int:
        """How many examples, queries and coordinates it has together."""
        return len(self.X) + len(self.queries) + self.d

    def copy(self) -> Case:
        """The same, in arrays of its own."""
        X, y, queries = (np.array(part) for part in (self.X, self.y, self.queries))
        return replace(self, parameters=dict(self.parameters), X=X, y=y, queries=queries)

    def to_json(self) -> dict[str, Any]:
        """Exact numbers as text."""
        return {
            "parameters": {name: as_text(value) for name, value in self.parameters.items()},
            "X": [[as_text(entry) for entry in row] for row in self.X],
            "y": as_text(self.y.tolist()),
            "queries": [[as_text(entry) for entry in row] for row in self.queries],
            **self._named_columns(),
        }

    def _named_columns(self) -> dict[str, Any]:
        """How many columns of X, and of queries, each part has; nothing where x is one part."""
        if self.fields is X_ALONE:
            return {}
        at = self.fields.at(self.d)
        return {
            name: {part.name: part.size for part in layout.slots}
            for name, layout in (("parts", at.parts), ("query_parts", at.of_query))
        }

    def smaller(self) -> Iterator[Case]:
        """Cases with one example, query, coordinate or target less, or one entry made 0 or 1.

        Parameters that are sizes, vectors or matrices follow (`drawn.without`); a coordinate is
        taken from all parts of x that have d of them. Matrices become the identity, as far as they
        stay what they are (`drawn.simpler`).
        """
        n, d = len(self.X), self.d
        for j in range(n if n > 1 else 0):
            X, y = np.delete(self.X, j, 0), np.delete(self.y, j, 0)
            for fewer in without(self.parameters, j, d, n, "n"):
                if fewer.get("examples") == n:
                    fewer["examples"] = n - 1
                yield replace(self, parameters=fewer, X=X, y=y)
        for q in range(len(self.queries) if len(self.queries) > 1 else 0):
            yield replace(self, queries=np.delete(self.queries, q, 0))
        at = self.fields.at(d)
        for i in range(d if d > 1 else 0):
            X = np.delete(self.X, _columns(self.fields.parts, at.parts, i), 1)
            y = np.delete(self.y, i, 1) if self.targets == DIMENSION else self.y
            queries = np.delete(self.queries, _columns(self.fields.of_query, at.of_query, i), 1)
            for narrow in without(self.parameters, i, d, n, "d"):
                if "d" in narrow:
                    narrow["d"] = d - 1
                yield replace(self, parameters=narrow, X=X, y=y, queries=queries)
        yield from self._fewer_targets()
        for name in ("X", "y", "queries"):
            array = getattr(self, name)
            for entry in np.ndindex(array.shape):
                for simple in (0, 1):
                    if array[entry] in (0, simple):
                        break
                    other = array.copy()
                    other[entry] = array[entry] * 0 + simple
                    yield replace(self, **{name: other})
        for parameters in simpler(self.parameters):
            yield replace(self, parameters=parameters)

    def _fewer_targets(self) -> Iterator[Case]:
        """Cases with one target less, where a parameter says how many there are."""
        if self.targets in (1, DIMENSION) or not isinstance(self.targets, str):
            return
        count = self.parameters[self.targets]
        for k in range(count if count > 1 else 0):
            y = np.delete(self.y, k, 1)
            y = y[:, 0] if count == 2 else y
            yield replace(self, parameters={**self.parameters, self.targets: count - 1}, y=y)

    def __repr__(self) -> str:
        return f"Case({self.to_json()})"


def _columns(letters: Layout, numbers: Layout, i: int) -> list[int]:
    """The columns of coordinate i: of every part, along each of its axes of d."""
    made: list[int] = []
    for part, sized in zip(letters.slots, numbers.slots, strict=True):
        at = np.indices(sized.shape).reshape(len(sized.shape), sized.size)
        chosen = np.zeros(sized.size, dtype=bool)
        for axis, places in zip(part.shape, at):
            chosen |= (places == i) & (axis == DIMENSION)
        made += [numbers.rows(sized.name)[k] for k in np.flatnonzero(chosen)]
    return made


def as_text(value: Any) -> Any:
    """Exact text of a number, also inside sequences; other things as they are."""
    if isinstance(value, (tuple, list)):
        return [as_text(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return str(Fraction(float(value)))
    if isinstance(value, (bool, str)) or value is None:
        return value
    return exact_text(value)


ANY = Domain("every prompt, and all parameters that the builder takes", lambda case: True)
NO_QUERY = Domain("every prompt x_1, …, x_n, the query zero", lambda case: not case.queries.any())


def prompts(
    d: SearchStrategy[int] | None = None,
    n: SearchStrategy[int] | None = None,
    m: SearchStrategy[int] | None = None,
    entries: SearchStrategy[Any] | None = None,
    build: Any = None,
    parts: Layout | None = None,
    query_parts: Sequence[str] | None = None,
    targets: Any = 1,
    **parameters: Any,
) -> SearchStrategy[Case]:
    """Cases with d, n, m drawn and `parameters` drawn from strategies (or fixed values).

    `matrix` and `vector` take the d, or the n, that is drawn.
    build: function (parameters, d, n) -> more parameters, for those that depend on sizes, such
    as examples = n. `parts` of x and those of a query as in Prompt; `targets` is how many numbers
    each y has, "d", or the name of the parameter that says so. Rows are at times zero, repeated or
    collinear, and targets all equal.
    """
    return _prompts(
        fields_of(parts, query_parts),
        st.integers(1, 4) if d is None else d,
        st.integers(1, 4) if n is None else n,
        st.integers(1, 2) if m is None else m,
        fractions() if entries is None else entries,
        build,
        targets,
        parameters,
    )


_below: ContextVar[float] = ContextVar("_below", default=inf)


@contextmanager
def smaller_than(size: float) -> Iterator[None]:
    """While this lasts, what `prompts` gives draws smaller cases alone: it gives up a case as soon
    as its sizes are known, so that Hypothesis does not draw these again. What a strategy makes of
    such a case afterwards is not asked for its size."""
    before = _below.set(size)
    try:
        yield
    finally:
        _below.reset(before)


AWKWARD = st.sampled_from(("plain", "plain", "plain", "zero row", "equal", "collinear", "flat"))


@st.composite  # once: Hypothesis reads the source of what it decorates, each time that it does
def _prompts(
    draw: Any,
    fields: Fields,
    dims: SearchStrategy[int],
    sizes: SearchStrategy[int],
    counts: SearchStrategy[int],
    values: SearchStrategy[Any],
    build: Any,
    targets: Any,
    parameters: Mapping[str, Any],
) -> Case:
    chosen = {
        name: draw(value) if isinstance(value, SearchStrategy) else value
        for name, value in parameters.items()
    }
    kind = draw(AWKWARD)
    dim, size, count = draw(dims), draw(sizes), draw(counts)
    if dim + size + count >= _below.get():
        reject()
    at = fields.at(dim)
    width, asked = at.parts.width, at.of_query.width
    queries = [[draw(values) for _ in range(asked)] for _ in range(count)]
    rows = [[draw(values) for _ in range(width)] for _ in range(size)]
    of_one = dim if targets == DIMENSION else chosen.get(targets, targets)
    number = targets != DIMENSION and of_one == 1

    def target() -> Any:
        return draw(values) if number else [draw(values) for _ in range(of_one)]

    ys = [target() for _ in range(size)]
    if kind == "zero row":
        rows[-1] = [entry * 0 for entry in rows[-1]]
    elif kind == "equal":
        rows[-1], ys[-1] = list(rows[0]), ys[0]
    elif kind == "collinear":
        rows = [[entry * (i + 1) for entry in rows[0]] for i in range(size)]
    elif kind == "flat":
        ys = [ys[0]] * size
    by_size = {"d": dim, "n": size}
    sized = {k: v for k, v in chosen.items() if isinstance(v, Sized)}
    chosen |= {name: draw(value.at(by_size[value.size])) for name, value in sized.items()}
    if build is not None:
        chosen |= build(chosen, dim, size)
    return Case(
        MappingProxyType({"d": dim, **chosen}),
        _array(rows, size, width),
        _array(ys, size) if number else _array(ys, size, of_one),
        _array(queries, count, asked),
        fields,
        targets,
    )


@st.composite
def floats_with_condition(
    draw: Any,
    d: int,
    n: int,
    m: int = 1,
    max_condition: float = 1e12,
    scales: tuple[int, int] = (-20, 20),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, d) with a chosen condition number and scale, y (n,), queries (m, d), in float64.

    Singular values of X are spread geometrically from s down to s / condition, s = 2^scale.
    """
    seed = draw(st.integers(0, 2**32 - 1))
    condition = 10.0 ** draw(st.floats(0, float(np.log10(max_condition))))
    scale = 2.0 ** draw(st.integers(*scales))
    rng = np.random.default_rng(seed)
    rank = min(n, d)
    left = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    spread = condition ** -np.linspace(0, 1, rank) if rank > 1 else np.ones(1)
    X = scale * (left * spread) @ right.T
    return X, scale * rng.standard_normal(n), rng.standard_normal((m, d))


def _array(values: list, *shape: int) -> np.ndarray:
    made = np.array(values, dtype=object).reshape(shape)
    if made.size and isinstance(made.flat[0], float):
        return made.astype(float)
    return made


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """Every combination of the values."""
    return [dict(zip(values, chosen)) for chosen in product(*values.values())]


def float_prompts(
    suited: Callable[[np.ndarray, Mapping[str, Any]], Mapping[str, Any]],
    d: Sequence[int] = (1, 2, 3),
    max_condition: float = 1e6,
    **parameters: Any,
) -> SearchStrategy[Case]:
    """Cases of floats; d and n are drawn from `d`; `suited(X, drawn)` adds what data decides."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        size, n = draw(st.sampled_from(d)), draw(st.sampled_from(d))
        X, y, queries = draw(floats_with_condition(size, n, max_condition=max_condition))
        drawn = {
            name: draw(value) if isinstance(value, SearchStrategy) else value
            for name, value in parameters.items()
        }
        return Case({"d": size, **drawn, **suited(X, drawn)}, X, y, queries)

    return draw_case()
