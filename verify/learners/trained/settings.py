"""What a learner is and how it was trained: the settings that are kept with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

# where nobody says it: one layer of linear attention takes seconds, the others minutes
LINEAR = {"layers": 1, "steps": 2000, "batch": 512, "rate": 0.02, "starts": 8}
DEFAULTS: dict[str, dict[str, Any]] = {
    "linear_attention": LINEAR,
    "gpt": {"layers": 3, "steps": 3000, "width": 64, "heads": 4, "batch": 64, "rate": 0.002},
    "lstm": {"layers": 2, "steps": 6000, "width": 97, "batch": 64, "rate": 0.003},
}
# small learners, trained on one machine: what is larger takes days, or more memory than there is
MOST = {
    "d": 100, "n": 1000, "layers": 24, "width": 1024, "heads": 64, "steps": 10**6, "batch": 2**14,
    "starts": 1000,
}  # fmt: skip


class NoLearnerError(ValueError):
    """Settings of no learner, or a file that holds none. The message is one line."""


@dataclass(frozen=True)
class Settings:
    """Prompts have n examples with d inputs, x ~ N(0, I), w ~ N(0, I), y = w.x + N(0, noise^2).

    width, heads: of the residual stream and its attention (gpt), or of the hidden state (lstm, no
    heads); 0 where d says it (linear_attention). steps of Adam, each on `batch` prompts, the rate
    of which rises to `rate` and falls to 0. Of several `starts`, each trained for a few steps, the
    one that errs least goes on: some lead linear attention with few inputs to a worse minimum.
    """

    architecture: str
    d: int
    n: int
    layers: int
    steps: int
    noise: float = 0.0
    seed: int = 0
    width: int = 0
    heads: int = 0
    batch: int = 64
    rate: float = 0.001  # the largest, in steps of Adam
    starts: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.architecture, str) or self.architecture not in DEFAULTS:
            known = ", ".join(DEFAULTS)
            raise NoLearnerError(f"there is no learner {self.architecture!r}; there are {known}")
        linear, gpt = self.architecture == "linear_attention", self.architecture == "gpt"
        least = {"d": 1, "n": 1, "layers": 1, "steps": 0, "seed": 0, "batch": 1, "starts": 1}
        least |= {"width": 0 if linear else 1, "heads": 1 if gpt else 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            most = MOST.get(name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or value < lowest or (most is not None and value > most):
                upto = "on" if most is None else f"to {most}"
                raise NoLearnerError(
                    f"{name} must be a whole number from {lowest} {upto}, not {value}"
                )
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

    @classmethod
    def of(cls, architecture: str, **given: Any) -> Settings:
        """With this learner's defaults for what is not given. Raises NoLearnerError."""
        return cls(**{**DEFAULTS.get(architecture, LINEAR), "architecture": architecture, **given})

    def refuse(self, X: Any, y: Any, queries: Any) -> None:
        """Raises NoLearnerError for prompts that have not the shapes (B, n, d), (B, n), (B, m, d).

        The number of examples may differ from that of the training.
        """
        shapes = tuple(tuple(one.shape) for one in (X, y, queries))
        fit = [len(shape) for shape in shapes] == [3, 2, 3] and shapes[0][:2] == shapes[1]
        if not fit or len(queries) != len(X) or {X.shape[2], queries.shape[2]} != {self.d}:
            raise NoLearnerError(
                f"prompts are X (B, n, {self.d}), y (B, n), queries (B, m, {self.d}), not "
                f"{', '.join(map(str, shapes))}"
            )

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
