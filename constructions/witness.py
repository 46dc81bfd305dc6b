"""A witness: weights that run, in any arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .weights import Weights


@dataclass(frozen=True, eq=False, repr=False)
class Witness(Weights):
    """Weights that run: predictions, what the slots hold on the way, bounds on rounding."""

    def predict(self, X: Any, y: Any = None, queries: Any = None, numbers: Any = "float64") -> Any:
        """Predictions (..., m) for X (..., n, d), y (..., n), queries (..., m, d).

        With parts of x, or several targets: X (..., n, inputs), y (..., n, targets), queries
        (..., m, query_inputs). A read-out of more than one number gives (..., m, size), one at
        examples or all tokens has these instead of m; then queries may be left out, and y where
        there are no targets.
        torch in, torch out; otherwise numpy. `numbers` names a number system: "float64",
        "float32", "bfloat16", "float16", "rational", "ball", "symbolic", or is one.
        Raises ValueError on input that does not fit; warns PrecisionWarning with a bound when
        rounding has reached the prediction, and DivergenceWarning where the algorithm does not
        converge on a prompt, with the step size up to which it would.
        """
        from .run.forward import predictions, refuse_in_reference

        refuse_in_reference()
        prompts, result = predictions(self, X, y, queries, numbers)
        if prompts.floats:
            from .rounding.bounds import warn_if_lost

            warn_if_lost(self, prompts, result)
        if self.region and isinstance(numbers, str):  # else X may hold series, jets, anything
            from .convergence import warn_if_it_diverges

            warn_if_it_diverges(self, X)
        return prompts.give(result)

    def trace(
        self, X: Any, y: Any = None, queries: Any = None, numbers: Any = "float64"
    ) -> list[dict[str, Any]]:
        """The slots after the embedding and after every layer: [{slot: (..., tokens, *shape)}]."""
        from .run.forward import trace

        return trace(self, X, y, queries, numbers)

    def rounding_bound(
        self, X: Any, y: Any = None, queries: Any = None, numbers: str = "float64"
    ) -> Any:
        """Bound on what rounding in `numbers` does to the predictions, of their shape.

        Infinite where floats cannot tell.
        """
        from .rounding.bounds import rounding_bound

        return rounding_bound(self, X, y, queries, numbers)

    def to_torch(self, dtype: Any = None) -> Any:
        """The same weights, dense, as a torch.nn.Module: (X, y, queries) -> predictions."""
        from .run.dense import TransformerModule

        return TransformerModule(self, dtype=dtype)

    def unrolled(self, loops: int, body: tuple[int, int] | None = None) -> Witness:
        """The witness with its layers number body[0] to body[1], from 1, run `loops` times.

        All layers by default; those before and after are run once. What layers hold is not said.
        """
        from .run.loops import unrolled

        return unrolled(self, loops, body)

    def run_until(
        self,
        X: Any,
        y: Any = None,
        queries: Any = None,
        *,
        until: Any,
        at_most: int,
        numbers: Any = "float64",
        body: tuple[int, int] | None = None,
    ) -> Any:
        """(predictions, loops, met): the layers are run again and again until a condition holds.

        until({slot: (tokens, *shape)}, loops) says True or False of what slots hold after so many
        loops, from 0 on, of each prompt by itself; it is asked in the same arithmetic. The
        predictions are those of `unrolled(loops, body)`. Where the condition is not met within
        `at_most` loops `met` is False, and the predictions are those after `at_most`.
        """
        from .run.loops import run_until

        return run_until(self, X, y, queries, until, at_most, numbers, body)

    def generate(
        self,
        X: Any,
        y: Any = None,
        queries: Any = None,
        *,
        tokens: int,
        append: Any = "query",
        numbers: Any = "float64",
    ) -> Any:
        """Outputs (..., tokens) or (..., tokens, size), each appended to the prompt as a token.

        append: "query", the output of the last query is one more query; "example", the first query
        with its output is one more example, and the next query is predicted; or a function
        (X, y, queries, output (..., size)) -> (X, y, queries) of the last output. Warns
        PrecisionWarning where rounding on the way may have reached an output.
        """
        from .run.loops import generate

        return generate(self, X, y, queries, tokens, append, numbers)
