"""Where an algorithm converges: its region, at the eigenvalues of X^T X of a prompt."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from proofs.formula import PYTHON, SCALARS, evaluate, parse

from . import DivergenceWarning


@dataclass(frozen=True)
class Spectrum:
    """Largest and smallest non-zero eigenvalue of X^T X, and the number of examples n."""

    top: float
    least: float
    n: int


@dataclass(frozen=True)
class Limit:
    """Where an algorithm converges: the parameter below (or, `from_below`, at least) a value."""

    parameter: str
    value: float
    formula: str
    from_below: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.value if self.from_below else value < self.value

    def refusal(self, value: float) -> str:
        """What is to be said where it does not hold."""
        relation = "at least" if self.from_below else "below"
        return (
            f"{self.parameter} = {value:g} is outside the region where it converges on this data; "
            f"it must be {relation} {self.formula} = {self.value:.6g}"
        )


def limit_of(region: str, parameters: Mapping[str, Any], s: Spectrum) -> Limit:
    """The limit that a region states, "alpha < 2/top**2", at a spectrum."""
    parameter, formula, shown, from_below = _said(region)
    return Limit(parameter, value_of(formula, parameters, s), shown, from_below)


@lru_cache(maxsize=256)
def _said(region: str) -> tuple[str, str, str, bool]:
    """Of a region: the parameter, the formula as it is and as it is shown, from below or not."""
    from_below = ">=" in region
    parameter, _, formula = region.partition(">=" if from_below else "<")
    formula = formula.strip()
    shown = formula.replace("top", "|X^T X|").replace("**", "^").replace("*", " ")
    return parameter.strip(), formula, shown.replace("/", " / "), from_below


def value_of(
    formula: str,
    parameters: Mapping[str, Any],
    s: Spectrum,
    number: Callable[[float], Any] = float,
) -> float:
    """A formula in the spectrum and the parameters, in this kind of number; infinite where it
    divides by 0."""
    known = {k: v for k, v in parameters.items() if isinstance(v, (int, float, Fraction))}
    known |= vars(s)
    numbers = {k: v if isinstance(v, int) else number(float(v)) for k, v in known.items()}
    try:
        return float(evaluate(_parsed(formula), numbers, PYTHON))
    except (ZeroDivisionError, OverflowError):
        return math.inf


@lru_cache(maxsize=256)
def _parsed(formula: str) -> Any:
    return parse(formula, SCALARS)


_ASKED: ContextVar[bool] = ContextVar("asked whether it converges", default=True)


@contextmanager
def not_asked() -> Iterator[None]:
    """Nobody asks whether an algorithm converges: a check draws prompts of every kind."""
    before = _ASKED.set(False)
    try:
        yield
    finally:
        _ASKED.reset(before)


def warn_if_it_diverges(witness: Any, X: Any) -> None:
    """Warns DivergenceWarning, with the largest step size that converges, where the witness's
    algorithm does not converge on one of the prompts X (…, n, d), which may be of any numbers.

    Costs the sum of squares of X where that already tells, as |X^T X| is at most that.
    """
    if not _ASKED.get():
        return
    import numpy as np
    import torch

    library: Any = torch if isinstance(X, torch.Tensor) else np
    try:
        X = X.detach().double() if library is torch else np.asarray(X, dtype=float)
    except (TypeError, ValueError, OverflowError):  # letters
        return
    n, d = X.shape[-2:]
    prompts = X.reshape(-1, n, d)
    with np.errstate(over="ignore"):  # of what is infinite nothing is said
        squares = (prompts**2).sum((1, 2))
    if not len(prompts) or _outside(witness, float(squares.max()), n) is None:
        return
    if (said := _outside(witness, _largest(library, prompts, squares), n)) is not None:
        warnings.warn(f"{witness.name}: {said}", DivergenceWarning, stacklevel=3)


def _largest(library: Any, prompts: Any, squares: Any) -> float:
    """The largest eigenvalue of all X^T X, of prompts (B, n, d) with these sums of squares.

    It is at most |(X^T X)^4|^(1/4) in Frobenius' norm: a prompt where that is below what another
    one has needs no eigenvalues.
    """
    n, d = prompts.shape[-2:]
    turned = prompts.swapaxes(1, 2)
    grams = turned @ prompts if d <= n else prompts @ turned
    scaled = grams / (squares + (squares == 0))[:, None, None]  # whose powers do not overflow
    scaled = scaled @ scaled
    bounds = library.linalg.norm(scaled @ scaled, None, (1, 2)) ** 0.25 * squares
    largest = 0.0
    for bound, i in sorted(zip(bounds.tolist(), range(len(prompts))), reverse=True):
        if bound * (1 + 1e-9) < largest:
            break
        largest = max(largest, float(library.linalg.eigvalsh(grams[i])[-1]))
    return largest


def _outside(witness: Any, top: float, n: int) -> str | None:
    """What is to be said where the witness does not converge at this |X^T X|; None where it does,
    or where nothing is known."""
    if not math.isfinite(top):
        return None
    found = limit_of(witness.region, witness.parameters, Spectrum(top, 0.0, n))
    value = witness.parameters.get(found.parameter)
    if not isinstance(value, (int, float, Fraction)) or found.holds(float(value)):
        return None
    return found.refusal(float(value))
