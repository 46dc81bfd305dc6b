"""How far two runs of the same numbers may be apart for their rounding alone."""

from __future__ import annotations

import numpy as np

EPS = np.finfo(float).eps


def rounding(
    layers: int, X: np.ndarray, scale: float, largest: float = 0, least: float = 0
) -> float:
    """How far two runs in floats may be apart: each of the layers adds up over n examples and d
    numbers, and what it rounds is enlarged by the condition number of what is inverted, if any."""
    enlarged = largest / least if least else 1
    return 2 * layers * sum(X.shape) * EPS * enlarged * scale
