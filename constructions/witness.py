"""A witness: weights that run, in any arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .weights import Weights


@dataclass(frozen=True, eq=False)
class Witness(Weights):
    """Weights that run: predictions, what the slots hold on the way, bounds on rounding."""

    def predict(self, X: Any, y: Any, queries: Any, numbers: Any = "float64") -> Any:
        """Predictions (..., m) for X (..., n, d), y (..., n), queries (..., m, d).

        torch in, torch out; otherwise numpy. `numbers` names a number system: "float64",
        "float32", "bfloat16", "float16", "rational", "ball", "symbolic", or is one.
        Raises ValueError on input that does not fit; warns PrecisionWarning with a bound when
        rounding has reached the prediction.
        """
        from . import numbers as number_systems
        from .run.forward import plan, refuse_in_reference

        refuse_in_reference()
        system = number_systems.get(numbers)
        prompts = system.prompts(X, y, queries, self)
        steps = plan(self, prompts.n, prompts.m)
        with system.working():
            made = [steps.run(system, *one) for one in prompts.each()]
        result = prompts.join(made)
        if prompts.floats:
            from .rounding.bounds import warn_if_lost

            warn_if_lost(self, prompts, result)
        return prompts.give(result)

    def trace(self, X: Any, y: Any, queries: Any, numbers: Any = "float64") -> list[dict[str, Any]]:
        """The slots after the embedding and after every layer: [{slot: (..., tokens, *shape)}]."""
        from .run.forward import trace

        return trace(self, X, y, queries, numbers)

    def rounding_bound(self, X: Any, y: Any, queries: Any, numbers: str = "float64") -> Any:
        """Bound (..., m) on what rounding in `numbers` does to the predictions.

        Infinite where floats cannot tell.
        """
        from .rounding.bounds import rounding_bound

        return rounding_bound(self, X, y, queries, numbers)

    def to_torch(self, dtype: Any = None) -> Any:
        """The same weights, dense, as a torch.nn.Module: (X, y, queries) -> predictions."""
        from .run.dense import TransformerModule

        return TransformerModule(self, dtype=dtype)
