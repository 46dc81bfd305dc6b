"""flint has one precision for all threads; only `precision` sets it, and puts it back."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flint
import pytest
from flint import arb

import constructions
from constructions.numbers.ball import Ball, precision

ROOT = Path(__file__).resolve().parents[2]
SETTERS = {"workprec", "workdps", "extraprec", "extradps"}  # flint.ctx's own ways to set it


def sets_precision(text: str) -> list[int]:
    """The lines of a Python text that set flint's precision."""
    lines = []
    for node in ast.walk(ast.parse(text)):
        stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del))
        if stored and node.attr in ("prec", "dps"):
            lines.append(node.lineno)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in SETTERS
            and getattr(node.value, "id", "") != "mpmath"  # that has a precision of its own
        ):
            lines.append(node.lineno)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
            if any(getattr(arg, "value", "") in ("prec", "dps") for arg in node.args):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "text",
    [
        "import flint\nflint.ctx.prec = 7",
        "before, flint.ctx.prec = flint.ctx.prec, 128",
        "ctx.dps += 10",
        "setattr(flint.ctx, 'prec', 3)",
        "with flint.ctx.workprec(10): pass",
    ],
)
def test_every_way_of_setting_the_precision_is_seen(text):
    assert sets_precision(text)


def test_only_one_file_sets_the_precision_of_flint():
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("constructions", "proofs", "verify", "tests", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__) and sets_precision(path.read_text(encoding="utf-8"))
    }
    assert found == {"proofs/flint_precision.py"}


def test_the_precision_is_put_back_also_after_an_exception():
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), precision(500):
        with precision(77):
            assert flint.ctx.prec == 77
        assert flint.ctx.prec == 500
        raise ZeroDivisionError
    assert flint.ctx.prec == before


def test_another_thread_waits_until_the_precision_is_put_back():
    inside, seen = threading.Event(), []

    def other():
        with precision(300):
            inside.set()
            seen.append(flint.ctx.prec)

    thread = threading.Thread(target=other)
    with precision(90):
        thread.start()
        assert not inside.wait(0.05)
        assert flint.ctx.prec == 90
    thread.join()
    assert seen == [300]


def test_predictions_in_threads_have_the_radii_that_they_have_alone():
    witness = constructions.build("sherman_morrison", d=2, examples=3, ridge=1)
    X, y, queries = [[1, 2], [3, 4], [5, 7]], [1, 2, 3], [[1, 1]]
    bits = [64, 128, 256, 512]

    def radius(b):
        (value,) = witness.predict(X, y, queries, Ball(b))
        return value.rad().str(20)

    before = flint.ctx.prec
    alone = [radius(b) for b in bits]
    assert len(set(alone)) == len(bits)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(radius, bits * 30))
    assert together == alone * 30
    assert flint.ctx.prec == before
    assert arb(1).rad() == 0
