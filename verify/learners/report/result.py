"""All that is measured of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..fingerprint import Fingerprint
from ..layers import Layers
from ..likeness.released import Released
from ..likeness.similarity import Likeness, Ranking
from ..sensitivity import Sensitivity


@dataclass(frozen=True)
class Result:
    """What was found of a model.

    fingerprint: which algorithm it follows, or that it follows none. likeness: the papers' measures
    against every algorithm. released: a paper's released code instead, where that was asked for.
    sensitivity: to the order of examples, to noise, conditioning and their number. layers: what can
    be read after each, where hidden states are known.
    """

    model: str
    settings: Mapping[str, Any]
    fingerprint: Fingerprint
    likeness: Likeness
    sensitivity: Sensitivity
    released: Released | None = None
    layers: Layers | None = None

    @property
    def best(self) -> str | None:
        """The algorithm's name in `verify.algorithms`; None where none is followed."""
        return self.fingerprint.best

    @property
    def rankings(self) -> tuple[Ranking, ...]:
        """By every measure; those of a released code where that was asked for."""
        return self.likeness.rankings if self.released is None else self.released.rankings
