"""Where an algorithm converges: its region, at the eigenvalues of X^T X of a prompt."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

from proofs.formula import PYTHON, SCALARS, evaluate, names, parse

from . import DivergenceWarning

ROUNDING = 1e-12  # of an eigenvalue: what is not known of it, where a parameter may be equal to it
FEW = 2**15  # numbers that numpy works through before torch has begun
QUICK = 2**14  # products of two numbers that take less time than to evaluate a region


class Spectrum(NamedTuple):
    """Largest and smallest non-zero eigenvalue of X^T X, and the number of examples n."""

    top: float
    least: float
    n: int


class Limit(NamedTuple):
    """Where an algorithm converges: the parameter below (or, `from_below`, at least) a value."""

    parameter: str
    value: float
    formula: str
    from_below: bool = False

    def holds(self, value: float) -> bool:
        least = self.value * (1 - ROUNDING)
        return value >= least if self.from_below else value < self.value

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
    divides by 0. Raises KeyError or TypeError where a parameter in it is missing or no number."""
    tree, needed = _parsed(formula)
    values = {}
    for name in needed:
        value = getattr(s, name) if name in Spectrum._fields else parameters[name]
        values[name] = value if isinstance(value, int) else number(float(value))
    try:
        return float(evaluate(tree, values, PYTHON))
    except (ZeroDivisionError, OverflowError):
        return math.inf


@lru_cache(maxsize=256)
def _parsed(formula: str) -> tuple[Any, tuple[str, ...]]:
    """The tree of a formula, and the names in it."""
    tree = parse(formula, SCALARS)
    return tree, tuple(names(tree))


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

    Of the bounds on |X^T X| none is computed after the first that tells.
    """
    if not _ASKED.get():
        return
    import numpy as np

    try:
        X = _in_floats(X)
    except (TypeError, ValueError, OverflowError):  # letters
        return
    n, d = X.shape[-2:]
    said = None
    with np.errstate(over="ignore", under="ignore"):  # of what is infinite nothing is said
        for top in _tops(X.reshape(-1, n, d)):
            said = _outside(witness, top, n)
            if said is None:
                return
    if said is not None:
        warnings.warn(f"{witness.name}: {said}", DivergenceWarning, stacklevel=3)


def _in_floats(X: Any) -> Any:
    """X in float64, few numbers in numpy, whose calls take half the time of torch's; not what torch
    has on a GPU or transforms (torch.func)."""
    import numpy as np
    import torch

    if not isinstance(X, torch.Tensor):
        return np.asarray(X, dtype=float)
    X = X.detach().double().resolve_neg()
    try:
        return X.numpy() if X.numel() <= FEW else X
    except (RuntimeError, TypeError):
        return X


def _tops(prompts: Any) -> Iterator[float]:
    """Ever smaller bounds on the largest eigenvalue of all X^T X, of prompts (B, n, d) in numpy or
    torch, each of which takes more than the one before; the last is that eigenvalue.

    With S = X^T X and Frobenius' norm they are |X|^2, unless S is made as quickly as that is asked
    about, |S|, |S^2|^(1/2) and |S^4|^(1/4). Where |X|^2 is 0 or not finite it is all.
    """
    import numpy as np
    import torch

    library: Any = np if isinstance(prompts, np.ndarray) else torch
    count, n, d = prompts.shape
    if not count:
        return

    def norms(matrices: Any) -> list[float]:
        return library.linalg.norm(matrices, None, (1, 2)).tolist()

    up = 1 + n * d * 2.0**-48  # more than the sums of squares and the products below round
    size = max(norms(prompts))
    top = size * size
    regular = 0 < top < math.inf
    if count * n * d * min(n, d) > QUICK or not regular:
        yield top * up
    if not regular:
        return
    turned = prompts.swapaxes(1, 2)
    grams = turned @ prompts if d <= n else prompts @ turned
    power = grams / top  # whose products do not overflow
    for root in (1, 2, 4):
        power = power if root == 1 else power @ power
        bounds = [top * up * norm ** (1 / root) for norm in norms(power)]
        yield max(bounds)
    largest = 0.0
    for bound, i in sorted(zip(bounds, range(count)), reverse=True):
        if bound < largest:  # so are those of all that are left
            break
        largest = max(largest, float(library.linalg.eigvalsh(grams[i])[-1]))
    yield largest


def _outside(witness: Any, top: float, n: int) -> str | None:
    """What is to be said where the witness does not converge at this |X^T X|; None where it does,
    and then at every smaller one too, and where nothing is known."""
    if not math.isfinite(top):
        return None
    try:
        found = limit_of(witness.region, witness.parameters, Spectrum(top, 0.0, n))
        value = float(witness.parameters[found.parameter])
    except (KeyError, TypeError):  # letters
        return None
    return None if found.holds(value) else found.refusal(value)
