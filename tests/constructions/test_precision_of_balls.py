"""flint has one precision for all threads; only `precision` sets it, and puts it back."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flint
import pytest
from flint import arb, arb_mat

import constructions
from constructions.numbers import get
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


def test_a_name_says_how_many_bits_balls_have():
    assert (get("ball").precision, get("ball:77").precision) == (128, 77)
    w = constructions.build("momentum", d=1, steps=2, step_size=0.1, momentum=0.5)
    prompt = [[1.0], [2.0]], [1.0, 3.0], [[0.3]]
    wide, narrow = (w.predict(*prompt, numbers=f"ball:{bits}")[0] for bits in (20, 400))
    assert wide.contains(narrow) and float(wide.rad()) > 2**300 * float(narrow.rad())


@pytest.mark.parametrize(
    "name", ["ball:", "ball:1", "ball:x", "ball:-5", "ball:1.5", f"ball:{2**21}"]
)
def test_bits_that_no_ball_has_are_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match="balls have from 2 to 1048576 bits, as in ball:512"):
        get(name)


@pytest.mark.parametrize("name", ["float64:3", "rational:8", "bal:5", "ball512"])
def test_other_numbers_have_no_bits_to_choose(name):
    with pytest.raises(ValueError, match="unknown number system"):
        get(name)


def test_where_balls_are_too_wide_the_error_names_what_has_more_bits():
    """A token of equal entries up to 2^-60: its variance is 0 as far as 40 bits tell."""
    with Ball(160).working():
        row = arb_mat(1, 2, [arb(1), arb(1) + arb(2) ** -60])
    with Ball(40).working(), pytest.raises(ZeroDivisionError, match="numbers ball:160 have more"):
        Ball(40).layer_norm(row)
    with get("ball:160").working():
        assert get("ball:160").layer_norm(row)[0, 1] > 0
