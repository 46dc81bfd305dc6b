"""Which picture a page opens with, where its lesson does not say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.witness import Witness
from proofs.stream import split_entry

from ..checks.case import objects
from .lesson import Lesson, Picture

CAPTIONS: Mapping[str, str] = {
    "descent": "Each layer moves w one step further down the loss, towards the cross. The step is "
    "a sum over the examples: how alike each is to the query, times how wrong it was.",
    "inverse": "S stretches a direction by s and M by m; every layer makes the bars longer by the "
    "same factor, and with them the correct digits, until M·S leaves the unit circle alone.",
    "examples": "The example in orange is being read: the fit turns towards it, and of the weights "
    "that are likely those stay that lie near its own line of weights that fit. Drag the points.",
    "kernel": "Every example raises a bump where inputs are like its own, as high as it was "
    "missed by; the bumps add up to what the curve moves by. Drag the points.",
    "basis": "Splines stand side by side; how much of each is taken makes the curve, and every "
    "layer takes better amounts. Drag the points.",
    "selection": "Both lines are fitted to the round examples; the one that misses the square ones "
    "by less gets all the weight. Drag any of them.",
    "threshold": "A coefficient comes in from below, meets the bent line and leaves to the left: "
    "it loses the same amount whatever its size, and what is smaller becomes exactly 0.",
    "product": "Two heights of a parabola differ by a product; GeLU bends almost like one, and "
    "the closer its arguments are to 0 the less the curve misses. Drag the dot.",
    "words": "First every word notes after which word it stands. Then the last word looks for its "
    "own letter in these notes: the word above the last such note followed it before, and is "
    "copied. Click a word to change it.",
    "written": "Each column is a layer and each row a slot of the stream: filled where the layer "
    "writes. Beside it are the numbers that the layer moves most.",
}


def picture_of(lesson: Lesson, witness: Witness) -> Picture:
    """The picture of a construction: its lesson's, else that of what its annotations say it does.

    Where weights for so many examples carry an inverse P, it reads one example at a time; where
    they carry one for any prompt, M x_t, it is an iteration for the inverse; where what is read is
    the fit of some weights, y_t - w.T x_t, on the way to a solution, it descends. Any other shows
    which slot every layer writes.
    """
    chosen = lesson.picture or told_by(lesson, witness)
    return replace(chosen, caption=chosen.caption or CAPTIONS[chosen.kind])


def told_by(lesson: Lesson, witness: Witness) -> Picture:
    """What the annotations of the layers make of it."""
    if not lesson.predicts or lesson.goal != "solution":
        return Picture("written")
    inverses = _slots(witness, r"[A-Z]\d*(\*x_t)?")
    if inverses and witness.examples is not None:
        return Picture("examples", amount=lesson.shift or "1", options={"inverse": inverses})
    moved = [slot for slot in inverses if _every_layer(witness, slot)]
    if moved:
        return Picture("inverse", options={"slot": moved[0]})
    fits = _slots(witness, r"(y_t - |-)?\w+\.T\*x_t")
    if witness.readout.slot in fits and _every_layer(witness, witness.readout.slot):
        return Picture("descent")
    return Picture("written")


# what is drawn, and no word of what ought to happen there: a claim may be wrong
OF_CLAIMS: Mapping[str, str] = {
    "descent": "The prediction is linear in the query: after every layer it is some w, drawn where "
    "it stands on the squared error of the examples. The step of a layer is a sum over them.",
    "inverse": "What the layers make of a matrix M: how far M·S is from 1 in every direction of S, "
    "and what it makes of the unit circle.",
    "kernel": "Every example adds a bump to the curve, its weight for a query there times what it "
    "hands over; the bumps add up to what the curve moves by.",
}


def picture_of_claim(lesson: Lesson, witness: Witness) -> Picture:
    """The picture of a claim's transformer, by what that does.

    An inverse that all layers carry on is drawn as one. A prediction that is linear in the query
    after every layer, tried in fractions on the lesson's prompt, is a path of weights, as long as
    half of the layers move it; one that a head makes of examples by weights that are not linear is
    a sum of bumps. Any other shows which slot every layer writes.
    """
    kind = "written"
    options: dict[str, Any] = {}
    readout = split_entry(witness.readout.slot)[0]
    if lesson.predicts and witness.layout.shape(readout) == ():
        inputs = [b.destination for b in witness.prompt.embedding if b.source == "x"]
        found = _slots(witness, r"[A-Z]\d*\*x_t")
        inverses = [s for s in found if [s] != inputs and _every_layer(witness, s)]
        if inverses:
            kind, options = "inverse", {"slot": inverses[0]}
        elif _is_path(lesson, witness):
            kind = "descent"
        elif _makes_bumps(witness):
            kind = "kernel"
    return Picture(kind, caption=OF_CLAIMS.get(kind, CAPTIONS[kind]), options=options)


def _is_path(lesson: Lesson, witness: Witness) -> bool:
    """Whether predictions are linear in the query after every layer, and at least half move."""
    units = np.eye(witness.prompt.inputs, dtype=int)
    queries = [*units, units.sum(axis=0), -2 * units[0]]
    X, y = objects(lesson.X, Fraction), objects(lesson.y, Fraction)
    before, moved = np.zeros(len(queries), dtype=object), 0
    for k in range(1, witness.layers + 1):
        part = replace(witness, layer_list=witness.layer_list[:k])
        try:
            rows = [
                part.predict(X, y, objects([q], Fraction), numbers="rational")[0] for q in queries
            ]
        except (ValueError, TypeError, ZeroDivisionError):
            return False
        *single, together, doubled = rows
        if together != sum(single) or doubled != -2 * single[0]:
            return False
        moved += bool((np.array(rows, dtype=object) != before).any())
        before = np.array(rows, dtype=object)
    return 2 * moved >= witness.layers


def _makes_bumps(witness: Witness) -> bool:
    """Whether every head hands the read-out, by weights that are not linear, what examples hold."""
    name, _ = split_entry(witness.readout.slot)
    heads = [head for layer in witness.layer_list for head in layer.heads]
    return bool(heads) and all(
        head.attention != "linear"
        and {split_entry(block.destination)[0] for block in head.value} == {name}
        for head in heads
    )


def _slots(witness: Witness, pattern: str) -> tuple[str, ...]:
    """Slots that are annotated like this somewhere, in the order of the stream."""
    held = {
        one.slot
        for layer in witness.layer_list
        for one in layer.holds
        if re.fullmatch(pattern, one.expression)
    }
    return tuple(slot for slot in _names(witness) if slot in held)


def _every_layer(witness: Witness, slot: str) -> bool:
    """Whether every layer says what this slot holds, and so the picture can follow it."""
    return all(any(one.slot == slot for one in layer.holds) for layer in witness.layer_list)


def _names(witness: Witness) -> Iterable[str]:
    return (slot.name for slot in witness.layout.slots)
