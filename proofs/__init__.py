"""Layers with letters for their weights: solved, run and proved for every dimension.

`layer` is the vocabulary, `formula` the language of what slots hold, `calculus` decides when two
hold the same. A `template` is layers with letters and what they shall do: its weights are solved
from that, and it is a theorem. `statements` are theorems about no layer. `prove_witness` proves an
assembled witness as it stands. sympy is imported by the modules that need it, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proofs.theorem import Proof, Theorem

__all__ = ["prove", "theorems"]


def theorems() -> tuple[Theorem, ...]:
    """Every theorem of `statements`; `constructions.theorems` adds those about layers."""
    from proofs import registry

    return registry.theorems()


def prove(ids: Sequence[str] | None = None) -> tuple[Proof, ...]:
    """Prove the theorems whose id, or whose claim's id, is in `ids`; all without `ids`.

    Raises KeyError for an id that no theorem has or supports.
    """
    from proofs import registry

    return registry.prove(ids)
