"""Derivations of the weights and proofs that hold for every dimension.

`calculus` decides equality of what the slots hold, `ansatz` turns unknown coefficients into
weights, and one module per algorithm states its ansatz and solves it. `statements` says what is
proved of them for every d, n and k: `theorems()` lists it, `prove()` proves it.
`holds.prove_witness` runs an assembled witness in the calculus and proves each layer as it
stands. sympy is imported by the modules that need it, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proofs.theorem import Proof, Theorem

__all__ = ["prove", "theorems"]


def theorems() -> tuple[Theorem, ...]:
    """Every theorem, in the order of its dependence: steps first, then induction."""
    from proofs import registry

    return registry.theorems()


def prove(ids: Sequence[str] | None = None) -> tuple[Proof, ...]:
    """Prove the theorems whose id, or whose claim's id, is in `ids`; all without `ids`.

    Raises KeyError for an id that no theorem has or supports.
    """
    from proofs import registry

    return registry.prove(ids)
