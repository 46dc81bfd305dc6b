"""What a learner is and how it was trained: the settings that are kept with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, Literal, get_args

Architecture = Literal["linear_attention", "gpt", "lstm"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)


class NoLearnerError(ValueError):
    """Settings of no learner, or a file that holds none. The message is one line."""


@dataclass(frozen=True)
class Settings:
    """Prompts have n examples with d inputs, x ~ N(0, I), w ~ N(0, I), y = w.x + N(0, noise^2).

    width, heads: of the residual stream and its attention (gpt), or of the hidden state (lstm, no
    heads); 0 where d says it (linear_attention). steps of Adam, each on `batch` prompts, the rate
    of which rises to `rate` and falls to 0.
    """

    architecture: Architecture
    d: int
    n: int
    layers: int
    steps: int
    noise: float = 0.0
    seed: int = 0
    width: int = 0
    heads: int = 0
    batch: int = 64
    rate: float = 0.001

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise NoLearnerError(
                f"there is no learner {self.architecture!r}; there are {', '.join(ARCHITECTURES)}"
            )
        linear, gpt = self.architecture == "linear_attention", self.architecture == "gpt"
        least = {"d": 1, "n": 1, "layers": 1, "steps": 0, "seed": 0, "batch": 1}
        least |= {"width": 0 if linear else 1, "heads": 1 if gpt else 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
                raise NoLearnerError(f"{name} must be a whole number from {lowest} on, not {value}")
        for name, value in (("noise", self.noise), ("rate", self.rate)):
            real = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not real or not isfinite(value) or value < 0:
                raise NoLearnerError(f"{name} must be a number from 0 on, not {value}")
        if linear and (self.width or self.heads):
            raise NoLearnerError("width and heads are not of linear_attention: d says its width")
        if self.architecture == "lstm" and self.heads:
            raise NoLearnerError("heads are not of an lstm")
        if gpt and self.width % self.heads:
            raise NoLearnerError(f"width {self.width} is not {self.heads} equal heads")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: Any) -> Settings:
        """Raises NoLearnerError, where a setting is missing, unknown or out of its range."""
        if not isinstance(given, Mapping):
            raise NoLearnerError("the settings are no mapping")
        known = {one.name for one in fields(cls)}
        if wrong := sorted(known ^ set(given)):
            what = "missing" if wrong[0] in known else "unknown"
            raise NoLearnerError(f"the setting {wrong[0]!r} is {what}")
        return cls(**given)
