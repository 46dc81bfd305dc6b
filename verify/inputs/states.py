"""States of a teaching page, as the page saves them: a witness, its parameters and a prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..quality.mutants import sites
from .errors import WrongCall
from .files import reason
from .settings import exact_number

if TYPE_CHECKING:
    from fractions import Fraction

    from constructions.witness import Witness

KEYS = ("witness", "parameters", "X", "y", "queries")


@dataclass(frozen=True)
class Saved:
    """What a page showed. X (n, d), y (n,) and queries (m, d) hold Fractions.

    variant: of a claim with two sides, which one; edits: {path: weight} of those changed by hand.
    """

    witness: str
    parameters: dict[str, Any]
    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    variant: str | None
    edits: Mapping[str, Fraction]


def read_state(path: str | Path) -> Saved:
    """The state in a JSON file that a page saved. Raises WrongCall."""
    try:
        state = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongCall(f"{path}: cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise WrongCall(f"{path} is no JSON: {reason(error)}") from None
    return checked(path, state)


def checked(path: str | Path, state: Any) -> Saved:
    """A state {"witness", "parameters", "X", "y", "queries"[, "variant", "edits"]}, from `path`.

    Raises WrongCall where it is none.
    """
    if not isinstance(state, dict) or any(key not in state for key in KEYS):
        raise WrongCall(f"{path} is no saved state; it must have {', '.join(KEYS)}")
    if not isinstance(state["witness"], str) or not isinstance(state["parameters"], dict):
        raise WrongCall(f"{path}: witness must be a name and parameters an object")
    variant, edits = state.get("variant"), state.get("edits") or {}
    if not isinstance(variant, (str, type(None))) or not isinstance(edits, dict):
        raise WrongCall(f"{path}: variant must be a name and edits an object")
    return Saved(
        state["witness"],
        state["parameters"],
        _exact(path, "X", state["X"], 2),
        _exact(path, "y", state["y"], 1),
        _exact(path, "queries", state["queries"], 2),
        variant,
        {where: _exact(path, f"edits, {where}", [value], 1)[0] for where, value in edits.items()},
    )


def _exact(path: str | Path, name: str, value: Any, axes: int) -> np.ndarray:
    """A vector (axes = 1) or a matrix of exact numbers from JSON."""
    rows = value if axes == 2 else [value]
    try:
        if not isinstance(value, list) or not value:
            raise ValueError(f"it must be a list of {'rows' if axes == 2 else 'numbers'}")
        if any(not isinstance(row, list) or not row for row in rows):
            raise ValueError("it must be a list of rows")
        if len({len(row) for row in rows}) > 1:
            raise ValueError("its rows differ in length")
        made = np.array([[exact_number(entry) for entry in row] for row in rows], dtype=object)
    except ValueError as error:
        raise WrongCall(f"{path}: {name}: {error}") from None
    return made if axes == 2 else made[0]


def changed(witness: Witness, edits: Mapping[str, Fraction]) -> Witness:
    """The witness with weights changed by hand. Raises WrongCall on a path that it does not have.

    A path is that of the page: "layers.1.heads.0.value.0" is the first block of the value of the
    first head of the second layer, "layers.0.mlp.outer.2" and "embedding.0" are others.
    """
    for path, value in edits.items():
        place, _, number = path.rpartition(".")
        found = {_path(site.where): site for site in sites(witness)}.get(place)
        if found is None or not number.isdecimal() or int(number) >= len(found.slots.blocks):
            raise WrongCall(f"{witness.name} has no weight {path!r} at this size")
        block = found.slots.blocks[int(number)]
        witness = found.with_block(int(number), replace(block, coefficient=value))
    return witness


def _path(where: str) -> str:
    """The page's name of a slot map: "layers.1.heads.0.value" for "layer 2, head 1, value"."""
    head = re.fullmatch(r"layer (\d+), head (\d+), (\w+)", where)
    if head:
        return f"layers.{int(head[1]) - 1}.heads.{int(head[2]) - 1}.{head[3]}"
    mlp = re.fullmatch(r"layer (\d+), MLP (\w+)", where)
    return f"layers.{int(mlp[1]) - 1}.mlp.{mlp[2]}" if mlp else where
