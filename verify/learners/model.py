"""Anything that predicts, as one function of batches in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# X (B, n, d), y (B, n), queries (B, m, d) -> (B, m)
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class NoModelError(ValueError):
    """What was given as a model does not predict."""


def model(given: Any) -> Predict:
    """A witness, a torch module or a function of (X, y, queries) as a function of batches.

    It is called with a batch, X (B, n, d); if it does not answer with (B, m), with one prompt after
    the other, X (n, d). A function gets numpy arrays, a module tensors in its own format. Raises
    NoModelError where it answers in another shape, or with numbers that are not finite.
    """
    call = _called(given)
    one_by_one = False

    def predict(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        nonlocal one_by_one
        made = None if one_by_one else _batch(call, X, y, queries)
        if made is None:
            one_by_one = True
            made = np.array([_answer(call, *one) for one in zip(X, y, queries, strict=True)])
        if not np.isfinite(made).all():
            raise NoModelError("the model answers with numbers that are not finite")
        return made

    return predict


def _called(given: Any) -> Callable[..., np.ndarray]:
    """(X, y, queries) -> its answer as an array of floats."""
    if hasattr(given, "layer_list"):  # a witness: its dense module, quicker for a batch
        given = given.to_torch()
    if not callable(given):
        raise NoModelError(f"{type(given).__name__} is no model: it takes no (X, y, queries)")
    if not hasattr(given, "parameters"):
        return lambda *prompt: _numbers(given(*prompt))
    import torch

    kept = next(iter(given.parameters()), torch.zeros(0, dtype=torch.float64))

    def call(*prompt: np.ndarray) -> np.ndarray:
        tensors = [torch.as_tensor(part, dtype=kept.dtype, device=kept.device) for part in prompt]
        with torch.no_grad():
            return _numbers(given(*tensors))

    return call


def _numbers(answer: Any) -> np.ndarray:
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().double().numpy()
    try:
        return np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        what = type(answer).__name__
        raise NoModelError(f"the model answers with {what}, not with numbers") from None


def _batch(
    call: Callable[..., np.ndarray], X: np.ndarray, y: np.ndarray, queries: np.ndarray
) -> np.ndarray | None:
    """The answer (B, m) to a batch; None from a model that takes one prompt at a time."""
    try:
        made = call(X, y, queries)
    except NoModelError:
        raise
    except Exception:
        return None  # what it says of a single prompt is what it is asked for next
    return made if made.shape == queries.shape[:-1] else None


def _answer(
    call: Callable[..., np.ndarray], X: np.ndarray, y: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """The answer (m,) to one prompt."""
    try:
        made = call(X, y, queries)
    except NoModelError:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise NoModelError(
            f"the model fails on X {X.shape}, y {y.shape}, queries {queries.shape}: {message}"
        ) from error
    if made.shape != (len(queries),):
        raise NoModelError(
            f"the model answers {made.shape} to {len(queries)} queries, not {(len(queries),)}"
        )
    return made
