"""The learners that come with the package; `witness train --all` makes them again."""

from __future__ import annotations

from .settings import Settings

D, N = 5, 20  # inputs, examples of their prompts


def _linear(layers: int, noise: float = 0.0) -> Settings:
    return Settings.of("linear_attention", d=D, n=N, layers=layers, noise=noise, starts=1)


RECIPES: dict[str, Settings] = {
    **{f"linear_{layers}": _linear(layers) for layers in (1, 2, 3, 4)},
    "linear_1_noise_1": _linear(1, 1.0),
    "linear_1_noise_2": _linear(1, 2.0),
    "linear_4_noise_0.5": _linear(4, 0.5),
    "linear_4_noise_1": _linear(4, 1.0),
    "gpt": Settings.of("gpt", d=D, n=N),
    "lstm": Settings.of("lstm", d=D, n=N),
}
