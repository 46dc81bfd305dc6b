"""The plot's marks lie on the theory's curves until rounding takes over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verify.quality import plots


@pytest.fixture(scope="module")
def curves() -> dict[str, plots.Curve]:
    return plots.error_curves(d=6, n=9, condition=100, layers=30)


def test_every_transformer_follows_its_theory(curves: dict[str, plots.Curve]) -> None:
    assert set(curves) == set(plots.STYLE)
    for name, curve in curves.items():
        above = curve.theory > 1e-6
        assert above.sum() >= 4, name
        errors, theory = curve.errors[above], curve.theory[above]
        np.testing.assert_allclose(errors, theory, rtol=1e-5, err_msg=name)


def test_no_two_theories_are_alike(curves: dict[str, plots.Curve]) -> None:
    third = {name: curve.theory[curve.layers == 3][0] for name, curve in curves.items()}
    assert len({round(value, 6) for value in third.values()}) == len(third)


def test_deep_descent_needs_the_fewest_layers(curves: dict[str, plots.Curve]) -> None:
    def needed(name: str) -> int:
        curve = curves[name]
        reached = curve.layers[curve.errors < 1e-6]
        return int(reached[0]) if len(reached) else 10**6

    assert needed("deep descent") <= needed("hyperpower") < needed("Newton") < needed("Chebyshev")
    deep, third = curves["deep descent"], curves["hyperpower"]
    assert (deep.theory[1:6] < third.theory[1:6]).all()


def test_the_figure_is_written_whole(tmp_path: Path, curves: dict[str, plots.Curve]) -> None:
    path = plots.save(tmp_path / "error.svg", d=3, n=4, layers=6)
    text = path.read_text()
    assert text.lstrip().startswith("<?xml")
    assert text.rstrip().endswith("</svg>")
    assert [p.name for p in tmp_path.iterdir()] == ["error.svg"]
