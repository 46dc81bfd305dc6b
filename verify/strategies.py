"""Hypothesis strategies for prompts: sizes are drawn too, and the awkward ones are not rare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .claim import Domain
from .drawn import Sized, simpler, without
from .drawn import fractions as fractions
from .drawn import matrix as matrix
from .drawn import positive as positive
from .drawn import vector as vector

SearchStrategy = st.SearchStrategy


@dataclass(frozen=True)
class Case:
    """One prompt and the parameters of the witness that shall run on it.

    X (n, d), y (n,), queries (m, d): numpy arrays of Fractions or of floats.
    """

    parameters: Mapping[str, Any]
    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Exact numbers as text."""
        return {
            "parameters": {name: as_text(value) for name, value in self.parameters.items()},
            "X": [[as_text(entry) for entry in row] for row in self.X],
            "y": [as_text(entry) for entry in self.y],
            "queries": [[as_text(entry) for entry in row] for row in self.queries],
        }

    def smaller(self) -> Iterator[Case]:
        """Cases with one example, query or coordinate less, or with one entry made 0 or 1.

        Parameters that are sizes, vectors or matrices follow (`drawn.without`), and matrices become
        the identity, as far as they stay what they are (`drawn.simpler`).
        """
        n, d = self.X.shape
        for j in range(n if n > 1 else 0):
            for fewer in without(self.parameters, j, d, n, "n"):
                if fewer.get("examples") == n:
                    fewer["examples"] = n - 1
                yield Case(fewer, np.delete(self.X, j, 0), np.delete(self.y, j, 0), self.queries)
        for q in range(len(self.queries) if len(self.queries) > 1 else 0):
            yield Case(self.parameters, self.X, self.y, np.delete(self.queries, q, 0))
        for i in range(d if d > 1 else 0):
            for narrow in without(self.parameters, i, d, n, "d"):
                if "d" in narrow:
                    narrow["d"] = d - 1
                yield Case(narrow, np.delete(self.X, i, 1), self.y, np.delete(self.queries, i, 1))
        for name in ("X", "y", "queries"):
            array = getattr(self, name)
            for at in np.ndindex(array.shape):
                for simple in (0, 1):
                    if array[at] in (0, simple):
                        break
                    other = array.copy()
                    other[at] = array[at] * 0 + simple
                    yield replace(self, **{name: other})
        for parameters in simpler(self.parameters):
            yield replace(self, parameters=parameters)

    def __repr__(self) -> str:
        return f"Case({self.to_json()})"


def as_text(value: Any) -> Any:
    """Exact text of a number, also inside sequences; other things as they are."""
    if isinstance(value, (tuple, list)):
        return [as_text(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return str(Fraction(float(value)))
    if isinstance(value, (bool, str)) or value is None:
        return value
    return str(value)


ANY = Domain("every prompt, and all parameters that the builder takes", lambda case: True)
NO_QUERY = Domain("every prompt x_1, …, x_n, the query zero", lambda case: not case.queries.any())


def prompts(
    d: SearchStrategy[int] | None = None,
    n: SearchStrategy[int] | None = None,
    m: SearchStrategy[int] | None = None,
    entries: SearchStrategy[Any] | None = None,
    build: Any = None,
    **parameters: Any,
) -> SearchStrategy[Case]:
    """Cases with d, n, m drawn and `parameters` drawn from strategies (or fixed values).

    `matrix` and `vector` take the d, or the n, that is drawn.
    build: function (parameters, d, n) -> more parameters, for those that depend on sizes, such
    as examples = n. Rows are at times zero, repeated or collinear, and targets all equal.
    """
    dims = st.integers(1, 4) if d is None else d
    sizes = st.integers(1, 4) if n is None else n
    counts = st.integers(1, 2) if m is None else m
    values = fractions() if entries is None else entries
    awkward = st.sampled_from(("plain", "plain", "plain", "zero row", "equal", "collinear", "flat"))

    @st.composite
    def draw_case(draw: Any) -> Case:
        chosen = {
            name: draw(value) if isinstance(value, SearchStrategy) else value
            for name, value in parameters.items()
        }
        kind = draw(awkward)
        dim, size, count = draw(dims), draw(sizes), draw(counts)
        queries = [[draw(values) for _ in range(dim)] for _ in range(count)]
        rows = [[draw(values) for _ in range(dim)] for _ in range(size)]
        targets = [draw(values) for _ in range(size)]
        if kind == "zero row":
            rows[-1] = [entry * 0 for entry in rows[-1]]
        elif kind == "equal":
            rows[-1], targets[-1] = list(rows[0]), targets[0]
        elif kind == "collinear":
            rows = [[entry * (i + 1) for entry in rows[0]] for i in range(size)]
        elif kind == "flat":
            targets = [targets[0]] * size
        by_size = {"d": dim, "n": size}
        sized = {k: v for k, v in chosen.items() if isinstance(v, Sized)}
        chosen |= {name: draw(value.at(by_size[value.size])) for name, value in sized.items()}
        if build is not None:
            chosen |= build(chosen, dim, size)
        return Case(
            MappingProxyType({"d": dim, **chosen}), _array(rows), _array(targets), _array(queries)
        )

    return draw_case()


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


def _array(values: list) -> np.ndarray:
    made = np.array(values, dtype=object)
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
