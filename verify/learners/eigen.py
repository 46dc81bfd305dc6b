"""Prompts as an algorithm sees them that knows the data only through X^T X and X^T y."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .data import Batch
from .families import Family


@dataclass(frozen=True)
class Eigen:
    """The data of B prompts in the eigenvectors of X^T X whose eigenvalues are not 0.

    s: eigenvalues (B, r). pull: X^T y (B, r). queries (B, m, r).
    """

    s: np.ndarray
    pull: np.ndarray
    queries: np.ndarray

    @classmethod
    def of(cls, batch: Batch) -> Eigen:
        left, sigma, right = np.linalg.svd(batch.X, full_matrices=False)
        pull = sigma * (left.transpose(0, 2, 1) @ batch.y[..., None])[..., 0]
        return cls(sigma**2, pull, batch.queries @ right.transpose(0, 2, 1))

    def predictions(self, family: Family, parameters: Mapping[str, Any]) -> np.ndarray:
        """(B, m, G) of a family at parameters (1, G), or at numbers: G = 1; 1e12 for what is no
        number or larger."""
        with np.errstate(all="ignore"):
            r = family.response(self.s.reshape(-1, 1), **parameters)
        r = np.nan_to_num(np.clip(r, -1e12, 1e12), nan=1e12)
        return self.queries @ (self.pull[..., None] * r.reshape(*self.s.shape, -1))
