"""What was measured of a model, in words and as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .fingerprint import Fingerprint, fingerprint
from .fit import shown
from .similarity import Ranking, rankings

SHOWN = 5  # candidates of the fingerprint


@dataclass(frozen=True)
class Measured:
    """The fingerprint of a model, and the papers' measures."""

    fingerprint: Fingerprint
    measures: tuple[Ranking, ...]


def measured(
    given: Any, *, d: int, n: int, prompts: int = 64, noise: float = 0.0, seed: int = 0
) -> Measured:
    """Measures a model: a witness, a torch module, or a function (X, y, queries) -> predictions.

    d, n: sizes of the prompts. prompts, noise: of SPD, ILWD, SimE and SimW. Raises NoModelError (a
    ValueError) where it does not predict.
    """
    return Measured(
        fingerprint(given, d, n, seed=seed),
        rankings(given, d, n, prompts=prompts, noise=noise, seed=seed),
    )


def to_json(model: str, settings: Mapping[str, Any], result: Measured) -> dict[str, Any]:
    """As `witness measure --json` writes it."""
    measures = [
        {
            "measure": ranking.measure,
            "margin": ranking.margin,
            "matches": [
                {
                    "name": one.name,
                    "parameters": dict(one.parameters),
                    "mean": one.mean,
                    "median": one.median.value,
                    "interval": [one.median.low, one.median.high],
                    "edge": list(one.edge),
                }
                for one in ranking.matches
            ],
        }
        for ranking in result.measures
    ]
    return {
        "schema": "witness-measure/1",
        "model": model,
        "settings": dict(settings),
        "fingerprint": result.fingerprint.to_json(),
        "measures": measures,
        "layers": [],  # no hidden states are read
    }


def to_text(model: str, result: Measured) -> str:
    """For the terminal."""
    found = result.fingerprint
    lines = [f"{model}: {_verdict(found)}", ""]
    lines += ["fingerprint            median error [95 %]            at"]
    for one in found.candidates[:SHOWN]:
        interval = f"{one.error.value:.2g} [{one.error.low:.2g}, {one.error.high:.2g}]"
        note = " (the same function)" if one.same else _edge(one.edge)
        lines.append(f"  {one.name:20} {interval:30} {_parameters(one.parameters)}{note}")
    lines += ["", "measure  best match            median        runner-up             margin"]
    for ranking in result.measures:
        first, second = ranking.matches[:2]
        sign = "x" if ranking.measure in ("SPD", "ILWD") else "apart"
        lines.append(
            f"  {ranking.measure:6} {first.name:20}  {first.median.value:<12.3g}  {second.name:20}  "
            f"{ranking.margin:.3g} {sign}{_edge(first.edge)}"
        )
    lines += ["", "A best match by a measure is the nearest of those on its grid, and no proof."]
    return "\n".join(lines)


def _verdict(found: Fingerprint) -> str:
    if found.best is None:
        nearest = found.candidates[0]
        return (
            f"follows none of the {len(found.candidates)} algorithms tried within "
            f"{found.within:g}; the nearest is {nearest.name}, off by {nearest.error.value:.2g}"
        )
    given = _parameters(found.parameters)
    margin = (
        "" if found.runner_up is None else f"; {found.runner_up} is {found.margin:.2g} x as far"
    )
    return f"follows {found.best}{f' ({given})' if given else ''}, off by {found.error:.2g}{margin}"


def _parameters(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {shown(value)}" for name, value in given.items())


def _edge(names: tuple[str, ...]) -> str:
    return f" (at the edge of the grid: {', '.join(names)})" if names else ""
