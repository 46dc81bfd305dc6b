"""Error against layers: the algorithms run as transformers, and what their theory says.

`error_curves` runs the witnesses on one prompt whose S = X^T X has a given condition number and
reads the prediction after every layer; `theory` is the residual polynomial of the algorithm, from a
recursion of its own for one eigenvalue. `draw` puts both into one figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Okabe and Ito's colours, told apart by the colour-blind and in print
STYLE = {
    "gradient descent": ("#000000", "o"),
    "momentum": ("#E69F00", "s"),
    "Chebyshev": ("#009E73", "^"),
    "minimax descent": ("#56B4E9", "v"),
    "Newton": ("#D55E00", "D"),
    "hyperpower": ("#0072B2", "P"),
    "deep descent": ("#CC79A7", "X"),
}


@dataclass(frozen=True)
class Curve:
    """Relative error |w - w*| / |w*| of one witness after each of `layers`, and in theory."""

    layers: np.ndarray
    errors: np.ndarray
    theory: np.ndarray


def prompt(d: int, n: int, condition: float, seed: int) -> tuple[Any, Any, Any, Any]:
    """X (n, d), y (n,), w* (d,) and the eigenvalues of S, from 1/condition to 1.

    w* has the same share of every eigenvector, y = X w*.
    """
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.standard_normal((n, d)))[0]
    right = np.linalg.qr(rng.standard_normal((d, d)))[0]
    eigenvalues = condition ** -np.linspace(0, 1, d)
    X = (left * np.sqrt(eigenvalues)) @ right.T
    w = right @ np.ones(d)
    return X, X @ w, w, eigenvalues


def error_curves(
    d: int = 20, n: int = 40, condition: int = 100, layers: int = 200, seed: int = 0
) -> dict[str, Curve]:
    """One curve per algorithm, all run as transformers in float64."""
    import constructions

    X, y, w, s = prompt(d, n, condition, seed)
    best = 2 / (1 + 1 / condition)  # 2 / (smallest + largest eigenvalue)
    root = condition**0.5
    heavy = ((root - 1) / (root + 1)) ** 2
    pushed = 4 / (1 + 1 / root) ** 2
    gram = 2 / (1 + 1 / condition**2)
    few = min(layers, 22)
    deep = min(layers, 9)
    runs: dict[str, tuple[str, dict[str, Any], int, Callable[[int], np.ndarray]]] = {
        "gradient descent": (
            "gradient_descent", {"steps": layers, "step_size": best / 2}, 1,
            lambda k: (1 - best * s) ** k,
        ),
        "momentum": (
            "momentum", {"steps": layers, "step_size": pushed, "momentum": heavy}, 1,
            lambda k: _two_term(s, k, pushed, heavy),
        ),
        "Chebyshev": (
            "chebyshev", {"steps": layers, "lowest": 1 / condition, "highest": 1.0}, 1,
            lambda k: _chebyshev(s, k, 1 / condition),
        ),
        "minimax descent": (
            "minimax_descent", {"layers": deep, "largest": 1}, 1,
            lambda k: np.cos(3**k * np.arccos(np.sqrt(s))) / (3**k * np.sqrt(s)),
        ),
        "Newton": (
            "newton_carried", {"iterations": few, "alpha": gram}, 2,
            lambda k: (1 - gram * s**2) ** (2 ** (k - 1)),
        ),
        "hyperpower": (
            "hyperpower", {"iterations": deep, "alpha": best}, 1,
            lambda k: (1 - best * s) ** (3 ** (k - 1)),
        ),
        "deep descent": (
            "deep_descent", {"layers": deep, "alpha": best}, 1,
            lambda k: (1 - best * s) ** ((3**k - 1) // 2),
        ),
    }  # fmt: skip
    curves = {}
    for name, (witness, given, first, residual) in runs.items():
        built = constructions.build(witness, d=d, **given)
        slot, scale = built.readout.slot, float(built.readout.coefficient)
        states = built.trace(X, y, np.eye(d), "float64")  # the predictions at I are w itself
        at = np.arange(first, built.layers + 1)
        found = np.array([scale * np.asarray(states[k][slot])[n:] for k in at])
        errors = np.linalg.norm(found - w, axis=1) / np.linalg.norm(w)
        theory = np.array([np.sqrt(np.mean(residual(int(k)) ** 2)) for k in at])
        curves[name] = Curve(at, errors, theory)
    return curves


def _two_term(s: np.ndarray, k: int, step_size: float, momentum: float) -> np.ndarray:
    """The heavy ball's residual for each eigenvalue, from w_{-1} = w_0 = 0."""
    before = now = np.ones_like(s)
    for _ in range(k):
        before, now = now, now - step_size * s * now + momentum * (now - before)
    return now


def _chebyshev(s: np.ndarray, k: int, lowest: float) -> np.ndarray:
    """T_k(z) / T_k(at s = 0) on [lowest, 1]; the eigenvalues lie inside, |z| <= 1."""
    middle = (1 + lowest) / (1 - lowest)
    z = np.clip(middle - 2 * s / (1 - lowest), -1, 1)
    return np.cos(k * np.arccos(z)) / np.cosh(k * np.arccosh(middle))


def draw(curves: dict[str, Curve], condition: int = 100) -> Any:
    """A matplotlib figure: marks are transformers, lines the theory; both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for name, curve in curves.items():
        colour, mark = STYLE[name]
        axes.plot(curve.layers, np.maximum(curve.theory, 1e-17), color=colour, linewidth=1)
        shown = np.unique(np.geomspace(1, len(curve.layers), 18).astype(int)) - 1
        axes.plot(
            curve.layers[shown], curve.errors[shown], mark, color=colour, markersize=5, label=name
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-16, 3)
    most = max(int(curve.layers[-1]) for curve in curves.values())
    ticks = [k for k in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if k <= most]
    axes.set_xticks(ticks, labels=[str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_xlabel("layers")
    axes.set_ylabel("relative error of w")
    axes.set_title(
        f"Least squares in context, condition number {condition}: "
        "transformers (marks), theory (lines)",
        fontsize="medium",
    )
    axes.grid(True, which="major", linewidth=0.3)
    axes.legend(frameon=False, loc="lower left", fontsize="small")
    return figure


def save(path: str | Path, **given: Any) -> Path:
    """Writes the figure; the format follows the suffix (.svg, .png, .pdf). Appears whole or not."""
    import io

    import matplotlib

    from ..inputs.files import write

    path = Path(path)
    buffer = io.BytesIO()
    figure = draw(error_curves(**given), given.get("condition", 100))
    suffix = path.suffix.lstrip(".") or "svg"
    undated = {"Date": None} if suffix == "svg" else {}
    with matplotlib.rc_context({"svg.hashsalt": "witness"}):  # equal figures are equal files
        figure.savefig(buffer, format=suffix, dpi=150, metadata=undated)
    write(path, buffer.getvalue())
    return path


if __name__ == "__main__":
    save(Path(__file__).parents[1] / "page" / "error_against_layers.svg")
