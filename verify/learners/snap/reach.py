"""Which coefficients of the layers can reach a prediction, whatever their numbers are.

What is dead without any tolerance: rows that nothing reads after a layer, the last layer's but for
y at the query among them; what meets a number that is still 0, such as the query's y in the first
layer, or rows that nobody has written.
"""

from __future__ import annotations

from collections.abc import Sequence

from .read import Coefficients

Place = tuple[int, int, int, int]


def reaching(layers: Sequence[Coefficients], d: int) -> list[set[Place]]:
    """The coefficients of each layer that reach the y (row d) of a query."""
    examples, query = [set(range(d + 1))], [set(range(d))]  # rows that may differ from 0
    for layer in layers:
        seen = [place for place in layer if set(place[2:]) <= examples[-1]]
        query.append(query[-1] | {i for i, k, *_ in seen if k in query[-1]})
        examples.append(examples[-1] | {i for i, k, *_ in seen if k in examples[-1]})
    asked, read = {d}, set[int]()  # rows of the query, of examples, that matter from here on
    made: list[set[Place]] = []
    for number in reversed(range(len(layers))):
        seen = [place for place in layers[number] if set(place[2:]) <= examples[number]]
        of_query = {p for p in seen if p[0] in asked and p[1] in query[number]}
        of_examples = {p for p in seen if p[0] in read and p[1] in examples[number]}
        asked = asked | {k for _, k, *_ in of_query}
        read = read | {k for _, k, *_ in of_examples}
        read |= {row for place in of_query | of_examples for row in place[2:]}
        made.append(of_query | of_examples)
    return made[::-1]
