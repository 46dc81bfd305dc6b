"""The weights of a theorem, read off the assembled witness that runs.

Each reading says at which block of which layer a theorem's weight stands and which blocks are
fixed. A block that the theorem does not speak of, or a fixed one that is missing, is a mismatch:
then the theorem says nothing about this witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from constructions.exact import is_symbolic
from constructions.transformer import Layer, Witness

Place = tuple[str, str, str]  # (part, destination, source): ("query 0", "f", "t"), ("outer", …)


class Mismatch(ValueError):
    """The witness is not of the form that a theorem is about."""


@dataclass(frozen=True)
class Reading:
    """How to read one theorem's weights: `build` makes the claim's witness with letters for
    parameters, `read` takes the weights off it."""

    build: Callable[[Callable[..., Witness]], Witness]
    read: Callable[[Witness], Mapping[str, Any]]


def blocks(layer: Layer) -> dict[Place, Any]:
    """Every coefficient of a layer by its place; patterns are part of the place."""
    made: dict[Place, Any] = {}

    def take(part: str, slots: Any) -> None:
        for block in slots or ():
            if block.matrix is not None:
                raise Mismatch(f"layer {layer.name}: {block} is an explicit matrix")
            source = f"{block.source} {block.pattern}" if block.pattern else block.source
            place = part, block.destination, source
            value = block.coefficient
            value = value if is_symbolic(value) else sympy.Rational(
                value.numerator, value.denominator
            )
            made[place] = made.get(place, 0) + value

    for number, head in enumerate(layer.heads):
        for part in ("query", "key", "value"):
            take(f"{part} {number}", getattr(head, part))
    if layer.mlp is not None:
        if layer.mlp.activation != "identity" or layer.norm:
            raise Mismatch(f"layer {layer.name}: its MLP is not linear or bilinear")
        for part in ("inner", "gate", "outer"):
            take(part, getattr(layer.mlp, part))
    return made


def expect(layer: Layer, heads: Iterable[Mapping[str, Any]]) -> None:
    """Raises Mismatch unless the heads are of these kinds; unnamed fields are the defaults."""
    plain = {"attention": "linear", "keys": "context", "average": "", "null": False}
    wanted = [{**plain, **kind} for kind in heads]
    found = [{name: getattr(head, name) for name in plain} for head in layer.heads]
    if found != wanted:
        raise Mismatch(f"layer {layer.name}: its heads are {found}, the theorem's are {wanted}")


def weights(
    layer: Layer, places: Mapping[str, Place], fixed: Mapping[Place, Any] | None = None
) -> dict[str, Any]:
    """{weight: coefficient}, 0 where a block is absent. Raises Mismatch on anything unexplained."""
    left = blocks(layer)
    made = {name: left.pop(place, sympy.Integer(0)) for name, place in places.items()}
    for place, coefficient in (fixed or {}).items():
        if left.pop(place, None) != coefficient:
            raise Mismatch(f"layer {layer.name}: {place} is not {coefficient}")
    if left:
        place, coefficient = next(iter(left.items()))
        raise Mismatch(f"layer {layer.name}: {coefficient} at {place} is not part of the theorem")
    return made


def same(readings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The one reading that all layers of a kind share. Raises Mismatch if they differ."""
    found = [dict(reading) for reading in readings]
    if any(reading != found[0] for reading in found):
        raise Mismatch("layers of one kind have different weights")
    return found[0]


def embedding(witness: Witness, fixed: Mapping[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """The embedding's coefficients beside the fixed ones. Raises Mismatch if those differ."""
    left = {
        (b.destination, f"{b.source} {b.pattern}" if b.pattern else b.source): b.coefficient
        for b in witness.prompt.embedding
    }
    for place, coefficient in fixed.items():
        if left.pop(place, None) != coefficient:
            raise Mismatch(f"embedding: {place} is not {coefficient}")
    return left


# -- the readings -----------------------------------------------------------------------------


def _prefixed(**parts: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": v for part, named in parts.items() for name, v in named.items()}


def _newton(witness: Witness) -> dict[str, Any]:
    first, *middle, last = witness.layer_list
    for layer in witness.layer_list:
        expect(layer, [{}])
    if embedding(witness, {("x", "x"): 1, ("y", "y"): 1}) or witness.readout.slot != "p":
        raise Mismatch("newton: the embedding or the read-out is not the theorem's")
    iteration = {
        "query": ("query 0", "f", "t"), "query_x": ("query 0", "f", "x"),
        "key": ("key 0", "f", "x"), "key_t": ("key 0", "f", "t"),
        "value": ("value 0", "t", "t"), "value_x": ("value 0", "t", "x"),
        "skip": ("outer", "t", "t"), "lift": ("outer", "t", "x"),
    }  # fmt: skip

    def head(query: str, slot: str, source: str) -> dict[str, Place]:
        return {
            "query": ("query 0", "f", query),
            "key": ("key 0", "f", "x"),
            "value": ("value 0", slot, source),
        }

    return _prefixed(
        initial=weights(first, head("x", "t", "x")),
        iteration=same(weights(layer, iteration) for layer in middle),
        readout=weights(last, head("t", "p", "y")),
    )


def _gradient_descent(loss: str, ridge: bool) -> Callable[[Witness], dict[str, Any]]:
    places: dict[str, Place] = {
        "query": ("query 0", "f", "x"),
        "key": ("key 0", "f", "x"),
        "value_y": ("value 0", "fit", "y"),
        "value_fit": ("value 0", "fit", "fit"),
    }
    if ridge:
        places |= {
            "keep": ("outer", "fit", "fit"),
            "decay": ("outer", "fit", "old"),
            "copy": ("outer", "old", "fit"),
            "forget": ("outer", "old", "old"),
        }

    def read(witness: Witness) -> dict[str, Any]:
        for layer in witness.layer_list:
            expect(layer, [{"average": "examples" if loss == "mean" else ""}])
        if embedding(witness, {("x", "x"): 1, ("y", "y"): 1}) or witness.readout.slot != "fit":
            raise Mismatch("gradient_descent: the embedding or the read-out is not the theorem's")
        return same(weights(layer, places) for layer in witness.layer_list)

    return read


def _sherman_morrison_matrix(witness: Witness) -> dict[str, Any]:
    updates = witness.layer_list[:-1]
    found = []
    for i, (multiply, update) in enumerate(zip(updates[::2], updates[1::2]), start=1):
        expect(multiply, [{}])
        expect(update, [{"attention": "normalised", "null": True}])
        first = weights(
            multiply,
            {
                "u_from_Pa": ("outer", "u", "P*a i<-ij"),
                "g_from_Pa": ("outer", "g", "P*a i<-ij"),
                "e_from_wa": ("outer", "e", "w*a <-i"),
                "e_from_b": ("outer", "e", "b"),
            },
            {
                ("query 0", "f", "register"): 1,
                ("key 0", "f", f"position[{i}]"): 1,
                ("value 0", "a", "x"): 1,
                ("value 0", "b", "y"): 1,
                ("inner", "P*a", "P ij<-ij"): 1,
                ("gate", "P*a", "a ij<-j"): 1,
                ("inner", "w*a", "w"): 1,
                ("gate", "w*a", "a"): 1,
                ("inner", "b", "b"): 1,
                ("gate", "b", "one"): 1,
            },
        )
        vectors, scalars = ("a", "u", "g"), ("b", "e")
        cleared = {f"clear {slot}": ("outer", slot, f"old {slot}") for slot in vectors + scalars}
        fixed: dict[Place, Any] = {
            ("inner", "g*u", "g ij<-i"): 1,
            ("gate", "g*u", "u ij<-j"): 1,
            ("inner", "g*e", "g i<-i"): 1,
            ("gate", "g*e", "e i<-"): 1,
        }
        for slot in vectors:
            fixed[("inner", f"old {slot}", f"{slot} i<-i")] = 1
            fixed[("gate", f"old {slot}", "one i<-")] = 1
        for slot in scalars:
            fixed[("inner", f"old {slot}", slot)] = 1
            fixed[("gate", f"old {slot}", "one")] = 1
        second = weights(
            update,
            {
                "query": ("query 0", "f", "u"),
                "key": ("key 0", "f", "a"),
                "value": ("value 0", "g", "u"),
                "P_from_gu": ("outer", "P", "g*u"),
                "w_from_ge": ("outer", "w", "g*e"),
                **cleared,  # type: ignore[dict-item]
            },
            fixed,
        )
        clear = same({"clear": second.pop(name)} for name in cleared)
        found.append({**first, **second, **clear})
    return same(found)


def _sherman_morrison_tokens(witness: Witness) -> dict[str, Any]:
    gate, *updates = witness.layer_list
    n = len(updates) // 2
    copies = {"x": "gx", "z": "gz", "r": "gr"}

    def gates(i: int | None) -> tuple[dict[str, Place], dict[Place, Any]]:
        """Places of the clearing and gating weights, and the fixed products, for example i."""
        places: dict[str, Place] = {}
        fixed: dict[Place, Any] = {}
        for slot, copy in copies.items():
            keep, spread = ("", "") if slot == "r" else (" i<-i", " i<-")
            places[f"clear {slot}"] = ("outer", copy, f"old {copy}")
            fixed[("inner", f"old {copy}", copy + keep)] = 1
            fixed[("gate", f"old {copy}", "one" + spread)] = 1
            if i is not None:
                hidden = f"{slot} of {i}"
                places[f"gate {slot}"] = ("outer", copy, hidden)
                fixed[("inner", hidden, slot + keep)] = 1
                fixed[("gate", hidden, f"position[{i - 1}]" + spread)] = 1
        return places, fixed

    def one_of(read: dict[str, Any], stem: str) -> Any:
        """The weight that all places of a stem share."""
        values = [read.pop(name) for name in list(read) if name.startswith(f"{stem} ")]
        return same({stem: v} for v in values) if values else {}

    expect(gate, [])
    first = weights(gate, *gates(1))
    found = [{**one_of(first, "clear"), **one_of(first, "gate")}]
    for i, (divide, update) in enumerate(zip(updates[::2], updates[1::2]), start=1):
        expect(divide, [{"attention": "normalised", "null": True}])
        expect(update, [{}])
        divided = weights(
            divide,
            {
                "query": ("query 0", "f", "gz"),
                "key": ("key 0", "f", "gx"),
                "divide_z": ("value 0", "gz", "gz"),
                "divide_r": ("value 0", "gr", "gr"),
            },
        )
        places, fixed = gates(i + 1 if i < n else None)
        updated = weights(
            update,
            {
                "query2": ("query 0", "f", "z"),
                "key2": ("key 0", "f", "gx"),
                "value_z": ("value 0", "z", "gz"),
                "value_r": ("value 0", "r", "gr"),
                **places,
            },
            fixed,
        )
        clears, opens = one_of(updated, "clear"), one_of(updated, "gate")
        found.append({**divided, **updated, **clears, **opens})
    made: dict[str, Any] = {}
    for reading in found:
        for name, coefficient in reading.items():
            if made.setdefault(name, coefficient) != coefficient:
                raise Mismatch(f"layers of one kind have different weights {name}")
    return made


def _letters(**parameters: Any) -> Callable[[Callable[..., Witness]], Witness]:
    """Builds with small sizes and letters (positive symbols) for the named parameters."""

    def build(make: Callable[..., Witness]) -> Witness:
        made = {
            key: sympy.Symbol(value[1:]) if isinstance(value, str) and value[:1] == "$" else value
            for key, value in parameters.items()
        }
        return make(**made)

    return build


def _part(reading: Callable[[Witness], Mapping[str, Any]], *parts: str) -> Any:
    """Some parts of a reading with the prefixes kept, or one part without."""

    def read(witness: Witness) -> dict[str, Any]:
        every = reading(witness)
        if len(parts) == 1:
            start = f"{parts[0]}."
            return {k.removeprefix(start): v for k, v in every.items() if k.startswith(start)}
        return {k: v for k, v in every.items() if k.partition(".")[0] in parts}

    return read


_NEWTON = _letters(d=3, iterations=3, alpha="$alpha")

READINGS: dict[str, Reading] = {
    "newton.initial": Reading(_NEWTON, _part(_newton, "initial")),
    "newton.iteration": Reading(_NEWTON, _part(_newton, "iteration")),
    "newton.iterations": Reading(_NEWTON, _part(_newton, "initial", "iteration")),
    "newton.readout": Reading(_NEWTON, _part(_newton, "readout")),
    "newton.prediction": Reading(_NEWTON, _newton),
    "sherman_morrison.update_matrix": Reading(
        _letters(d=3, examples=3, ridge="$lam", storage="matrix"),
        _sherman_morrison_matrix,
    ),
    "sherman_morrison.update_tokens": Reading(
        _letters(d=3, examples=3, ridge="$lam", storage="tokens"),
        _sherman_morrison_tokens,
    ),
}
for _loss in ("sum", "mean"):
    for _ridge in (False, True):
        _named: dict[str, Any] = {"d": 3, "steps": 3, "step_size": "$eta", "loss": _loss}
        if _ridge:
            _named["ridge"] = "$lam"
        _suffix = f"{_loss}_ridge" if _ridge else _loss
        for _stem in ("step", "steps"):
            READINGS[f"gradient_descent.{_stem}.{_suffix}"] = Reading(
                _letters(**_named), _gradient_descent(_loss, _ridge)
            )
