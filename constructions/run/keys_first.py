"""Linear attention with the keys meeting the values first: q (K^T V), not (q K^T) V."""

from __future__ import annotations

from typing import Any

from proofs.exact import Exact

from .token_ranges import meet
from .values import Product, Rows, Term, Value, of_rows


def moments(key: Value, value: Value, seen: range) -> list[tuple[Exact, Any]]:
    """Terms (scale, array) of K^T V over the tokens in `seen`; none where that is zero."""
    numbers = key.numbers
    if len(key.terms) > 1:
        key = key.plain(seen)
    (k,) = key.terms
    made: list[tuple[Exact, Any]] = []
    together = []  # terms whose rows are multiplied out before they meet the keys
    for v in value.terms:
        if v.matrix is None:
            together.append(v)
            continue
        inner, outer = v.rows.size, value.size
        through_gram = inner * k.rows.size * outer
        if not k.rows.has_gram(v.rows, seen):
            through_gram += v.rows.count * k.rows.size * inner
        if through_gram > v.rows.count * outer * (inner + k.rows.size):
            together.append(v)
        elif (gram := k.rows.gram(v.rows, seen)) is not None:
            made.append((v.scale, numbers.product(gram, v.matrix, 1)))
    if together:
        rest = value.of(together)
        one = rest.plain(seen) if any(v.matrix is not None for v in together) else rest
        for v in one.terms:
            if k.matrix is None and (single := _single(k.rows, v.rows, seen)):
                # one token is read: k^T v has rank 1 and is not multiplied out
                made.append(
                    (v.scale, Product(numbers.transpose(k.rows.take(single)), v.rows.take(single)))
                )
            elif (gram := k.rows.gram(v.rows, seen)) is not None:
                made.append((v.scale, gram))
    if k.matrix is not None:
        left = numbers.transpose(k.matrix)
        made = [(scale, numbers.product(left, array, 1)) for scale, array in made]
    return [(k.scale * scale, array) for scale, array in made]


def _single(key: Rows, value: Rows, seen: range) -> range | None:
    """The one token that both have, if it is one and both have several columns."""
    if min(key.size, value.size) == 1 or len(key.support) != 1 or len(value.support) != 1:
        return None
    common = meet(meet(key.support[0], value.support[0]), seen)
    return common if len(common) == 1 else None


def through(query: Value, matrix: Any, size: int, c: Exact) -> Value | None:
    """c * query @ matrix, the matrix kept apart where the query has more tokens than columns."""
    numbers = query.numbers
    total: Value | None = None
    for term in query.terms:
        rows, scale = term.rows, term.scale * c
        if rows.count > rows.size and rows.kind == "array":
            right = matrix
            if term.matrix is not None and isinstance(matrix, Product):
                right = Product(numbers.product(term.matrix, matrix.left, 1), matrix.right)
            elif term.matrix is not None:
                right = Product(term.matrix, matrix)
            made = Value(numbers, size, (Term(rows, scale, right),))
        else:
            only = query.of((term._replace(scale=1),))
            pieces = []
            for tokens in rows.support:
                if (
                    rows.kind == "ones"
                    and rows.size == 1
                    and len(tokens) == 1
                    and term.matrix is None
                ):
                    array = matrix
                elif isinstance(matrix, Product):
                    reduced = numbers.product(only.at(tokens)[1], matrix.left, 1)
                    array = numbers.product(reduced, matrix.right, 1)
                else:
                    array = numbers.product(only.at(tokens)[1], matrix, 1)
                pieces.append((tokens, array))
            made = of_rows(Rows(numbers, size, pieces), scale)
        total = made if total is None else total.plus(made)
        if total is None:
            return None
    return total
