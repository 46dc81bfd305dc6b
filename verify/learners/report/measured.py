"""Measures a model, and gives what was found as text, as data and as a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data import Batch, gaussian
from ..fingerprint import WITHIN, fingerprint, one_query
from ..layers import Layers
from ..layers import layers as read_layers
from ..likeness.released import PAPERS, measured_as
from ..likeness.similarity import Likeness, Say, likeness
from ..model import NoModelError, Predict, model
from ..sensitivity import sensitivity
from .result import Result
from .words import to_text, verdict

SCHEMA = "witness-measure/1"
PROMPTS = 64
ASKED = 8  # prompts that a model is asked again
CHANCE = 0.1  # of what is accepted, to which answers to the same prompts may differ


@dataclass(frozen=True, repr=False)
class Measured(Result):
    """What was found of a model; `print` it, or see `to_json` and `to_html`."""

    def __repr__(self) -> str:
        return f"<{self.model}: {verdict(self.fingerprint)}>"

    def __str__(self) -> str:
        return to_text(self)

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        return to_json(self)

    def to_html(self) -> str:
        """The report as one page that needs nothing else."""
        from .page import page

        return page(self)


def measure(
    predict: Any, hidden: Any = None, *, d: int, n: int, prompts: int | None = None,
    noise: float = 0.0, seed: int = 0, within: float = WITHIN, as_: str | None = None,
    layers: bool = True, inputs: tuple[float, float] | None = None, name: str = "",
    say: Say = lambda what: None,
) -> Measured:  # fmt: skip
    """Which algorithm a model follows, and how alike it is to every other.

    predict: a witness, a torch module, or a function (X, y, queries) -> predictions, of batches or
    of single prompts; or what `learners.model.model`, `joint` or `interleaved` make. hidden: its
    states (B, layers + 1, tokens, width), a function of the same arguments; where they are known,
    `layers` says whether they are read. d, n: how many numbers an input has, and how many examples
    a prompt. prompts (64, or as many as a released code takes), noise: of the papers' measures.
    within: relative error up to which an algorithm is accepted. as_: "fu2023" or "akyurek2022"
    measures as the paper's released code does. inputs: (low, high) where the fingerprint's inputs
    have to lie. name: of the model, in the report. say: is told of the progress. Raises ValueError
    on wrong arguments, NoModelError (a ValueError) on what does not predict, or answers the same
    prompts otherwise when it is asked again, at the end too.
    """
    _check(d=d, n=n, prompts=prompts, noise=noise, seed=seed, within=within, as_=as_)
    given = model(predict, hidden)
    settings = {
        "d": d, "n": n, "prompts": prompts or _prompts_of(as_), "noise": noise, "seed": seed,
        "within": within, "as": as_,
    }  # fmt: skip
    asked = gaussian(np.random.default_rng(seed), ASKED, n, d, 4)
    answers = given.predict(*asked)
    _refuse_chance(given.predict, asked, answers, within)
    first_given = given.predict
    say("fingerprint")
    found = fingerprint(given, d, n, seed=seed, within=within, inputs=inputs)
    if found.alone:
        given = replace(given, predict=one_query(given.predict))
    alike, released = Likeness((), ()), None
    if as_ is None:
        alike = likeness(given, d, n, prompts=prompts or PROMPTS, noise=noise, seed=seed, say=say)
    else:
        released = measured_as(as_, given, d, n, prompts=prompts, noise=noise, seed=seed, say=say)
    say("sensitivity")
    reacts = sensitivity(given, d, n, seed=seed)
    seen = None
    if layers and given.hidden is not None:
        say("layers")
        seen = read_layers(given, d, n, seed=seed)
    _refuse_chance(first_given, asked, answers, within)
    return Measured(name or _name_of(predict), settings, found, alike, reacts, released, seen)


def _prompts_of(paper: str | None) -> int:
    return PROMPTS if paper is None else PAPERS[paper][1].prompts


def _check(**given: Any) -> None:
    """Raises ValueError with one line about the first argument that is wrong."""
    for name, least in (("d", 1), ("n", 1), ("prompts", 2), ("seed", 0)):
        value = given[name]
        if value is None and name == "prompts":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is a whole number from {least} on, not {value!r}")
    if not 0 <= given["noise"] < float("inf"):
        raise ValueError(f"noise is a standard deviation from 0 on, not {given['noise']!r}")
    if not 0 < given["within"] < float("inf"):
        raise ValueError(f"within is a relative error above 0, not {given['within']!r}")
    if given["as_"] is not None and given["as_"] not in PAPERS:
        raise ValueError(f"as_ is one of {', '.join(PAPERS)}, not {given['as_']!r}")


def _refuse_chance(predict: Predict, asked: Batch, answers: np.ndarray, within: float) -> None:
    """Raises NoModelError where answers to the same prompts are other ones than they were."""
    again = predict(*asked)
    size = max(np.abs(answers).max(), np.abs(again).max())
    if size == 0:
        return
    moved = float(np.sqrt((((again - answers) / size) ** 2).mean()))
    moved /= float(np.sqrt(((answers / size) ** 2).mean())) or 1.0
    if moved > CHANCE * within:
        raise NoModelError(
            f"the model answers the same prompts otherwise when asked again, by {moved:.2g} of its "
            "answers: it draws at random, or keeps something from call to call"
        )


def _name_of(given: Any) -> str:
    return str(getattr(given, "name", "") or getattr(given, "__name__", type(given).__name__))


# -- as data ------------------------------------------------------------------------------------


def to_json(result: Result) -> dict[str, Any]:
    """Plain values. `rejected` says whether every algorithm is; which ones are not accepted, and by
    how much, is in `candidates`."""  # fmt: skip
    found = result.fingerprint
    return {
        "schema": SCHEMA,
        "model": result.model,
        "settings": {
            **result.settings,
            "lengths": list(result.likeness.lengths),
            "refused": result.likeness.refused,
        },
        "fingerprint": {
            **found.to_json(),
            "response": {
                key: getattr(found.response, key).tolist()
                for key in ("eigenvalues", "r", "low", "high", "unexplained")
            },
        },
        "measures": [ranking.to_json() for ranking in result.rankings],
        "layers": [] if result.layers is None else of_layers(result.layers),
        "hidden": None if result.layers is None else _of_states(result.layers),
        "sensitivity": result.sensitivity.to_json(),
        "released": None if result.released is None else result.released.to_json(),
    }


def of_layers(seen: Layers) -> list[dict[str, Any]]:
    """For each layer, the embedding first: what is read there by which read-out, and by probes."""
    whole = seen.to_json()
    return [
        {
            "layer": layer,
            "readings": [one for one in whole["exits"] if one["layer"] == layer],
            "similarity": [
                {
                    "name": one.name,
                    "reading": one.reading,
                    "parameters": dict(one.reals),
                    "steps": list(one.steps),
                    "SimE": list(one.similarity[layer]),
                    "best": one.best[layer],
                }
                for one in seen.maps
            ],
            "probes": [one for one in whole["probes"] if one["layer"] == layer],
        }
        for layer in range(seen.layers + 1)
    ]


def _of_states(seen: Layers) -> dict[str, Any]:
    """What is said of the states as a whole."""
    return {
        name: one for name, one in seen.to_json().items() if name not in ("exits", "probes", "maps")
    }
