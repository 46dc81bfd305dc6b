"""Which units the prediction still depends on, of which tokens, after every block.

The way of `copies.py` backwards: from the read-out at the queries, through MLPs at the same token,
and through heads to the same token, as a query, and to the copy that the layer reads, as a key.
What is not named here may be changed in the export, and the prediction stays as it is.
"""

from __future__ import annotations

from typing import Any

from proofs.layer import Head, Layer

from ..weights import Weights
from .copies import Copies
from .one_by_one import LINEAR, gated, one_of, schedule

Needed = dict[int, set[int]]  # units of the tokens of each copy; `Copies.count`: of the queries


def needed(weights: Weights, order: Copies) -> list[Needed]:
    """After the embedding, and after each block."""
    now: Needed = {place: set() for place in range(order.count + 1)}
    now[order.count] |= set(weights.layout.rows(weights.readout.slot))
    found = [now]
    for layer, copy in reversed(list(zip(weights.layer_list, order.reads))):
        between = {place: units | _computed(weights, layer, units) for place, units in now.items()}
        now = {place: set(units) for place, units in between.items()}
        for place, units in between.items():
            for head in layer.heads:
                own, keys = _attended(weights, head, units)
                now[place] |= own
                now[copy] |= keys
        found.append(now)
    return found[::-1]


def needed_one_by_one(weights: Weights) -> list[Needed]:
    """The same where heads read one example: units of every example, and last of the queries.

    A gate is shut at every example but its own, and open there.
    """
    plan = schedule(weights)
    now: Needed = {place: set() for place in range(plan.examples + 1)}
    now[plan.examples] |= set(weights.layout.rows(weights.readout.slot))
    found = [now]
    for layer, read in reversed(list(zip(weights.layer_list, plan.reads))):
        if layer.mlp is not None:
            entries = gated(weights, layer.mlp)
            now = {place: _before(entries, place, units) for place, units in now.items()}
        before = {place: set(units) for place, units in now.items()}
        for place, units in now.items():
            if read is None or read > place:  # an example does not see those after it
                continue
            for head in layer.heads:
                own, keys = _attended(weights, head, units)
                before[place] |= own
                before[read] |= keys | ({one_of(weights)} if keys else set())
        now = before
        found.append(now)
    return found[::-1]


def _before(
    entries: list[tuple[tuple[int, int], int, Any]], place: int, wanted: set[int]
) -> set[int]:
    """What an MLP reads at this token for these units, and those that it does not clear."""
    cleared = {row for (unit, gate), row, weight in entries
               if unit == row and gate == LINEAR and weight == -1}  # fmt: skip
    read = {unit for (unit, gate), row, _ in entries
            if row in wanted and gate in (LINEAR, place) and row != unit}  # fmt: skip
    return (wanted - cleared) | read


def _computed(weights: Weights, layer: Layer, wanted: set[int]) -> set[int]:
    """What an MLP reads for these units."""
    if layer.mlp is None:
        return set()
    hidden, inner = layer.mlp.hidden(weights.layout), layer.mlp.inner
    sources = {c for r, c in layer.mlp.outer.entries(weights.layout, hidden) if r in wanted}
    if inner is None:
        return sources
    return {c for r, c in inner.entries(hidden, weights.layout) if r in sources}


def _attended(weights: Weights, head: Head, wanted: set[int]) -> tuple[set[int], set[int]]:
    """What a head reads for these units: at the token itself, and at its keys."""
    stream = weights.layout
    read = {c for r, c in head.value.entries(stream, stream) if r in wanted}
    if not read:
        return set(), set()
    query = head.query.entries(head.query.features(stream, {}), stream)
    key = head.key.entries(head.key.features(stream, {}), stream)
    return {c for _, c in query}, read | {c for _, c in key}
