"""What is drawn follows from the seed and the strategy, not from what else is loaded."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from verify import draws
from verify.claim import Budget
from verify.command import cli
from verify.hunt import hunt
from verify.inputs.errors import WrongCall

DRAW = """
import sys
sys.path.insert(0, {folder!r})
{load}
from hypothesis import strategies as st
from verify.claim import Budget
from verify.hunt import hunt
found = []
hunt(st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 12)), found.append, Budget(cases=200))
print(found)
"""
MANY = "\n".join(f"A{k} = {k}{k}{k}003, {k}.{k}5" for k in range(1, 10))


def drawn(folder: Path, load: str) -> str:
    code = DRAW.format(folder=str(folder), load=load)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    ).stdout


def test_draws_are_the_same_whatever_modules_are_loaded_and_leave_no_files(tmp_path):
    (tmp_path / "many_constants.py").write_text(MANY)
    assert drawn(tmp_path, "import many_constants") == drawn(tmp_path, "")
    assert not (tmp_path / ".hypothesis").exists()


def test_random_numbers_begin_anew_with_every_case_and_go_on_as_before_afterwards():
    seen: set[tuple[float, float]] = set()
    before = random.getstate(), np.random.get_state()[1].tolist()
    hunt(
        st.integers(0, 99),
        lambda case: seen.add((random.random(), np.random.random())),
        Budget(cases=20),
    )
    assert len(seen) == 1
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_no_source_is_read_for_a_database_that_there_is_not(monkeypatch):
    monkeypatch.setattr("hypothesis.core.function_digest", None)
    assert hunt(st.integers(), lambda case: None, Budget(cases=5)) == 5


def test_hypothesis_draws_as_ever_where_no_claim_is_checked():
    """Its own constants, 2^16 + 1 and the like, come up in a search of a user's."""
    seen: set[int] = set()

    @seed(0)
    @settings(max_examples=300, database=None)
    @given(st.integers(0, 2**32 - 1))
    def search(value: int) -> None:
        seen.add(value)

    found: list[int] = []
    hunt(st.integers(0, 2**32 - 1), found.append, Budget(cases=300))
    search()
    known = {2**16 + 1, 2**31 - 1, 2**32 - 1, 65_535, 65_536, 100_000, 1_000_000}
    assert seen & known - {2**32 - 1}
    assert not set(found) & known - {2**32 - 1}


@pytest.mark.parametrize("place", draws.CHANGED, ids=".".join)
def test_a_hypothesis_that_draws_in_another_way_is_refused(place, monkeypatch, capsys):
    monkeypatch.delattr(".".join(place))
    with pytest.raises(WrongCall, match=f"has no {place[1]}"):
        hunt(st.integers(), print, Budget(cases=1))
    assert cli.main(["check", "newton", "--quick"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "pip install 'hypothesis" in err


def test_a_claim_in_fractions_does_not_wait_for_torch():
    code = (
        "import sys; from verify import pool; from verify.claim import Budget\n"
        "from verify.inputs.names import choose\n"
        "(one, *_) = choose(['fu2023.eq40'])\n"
        "print(list(pool.run([one], Budget(quick=True)))[0][1].verdict, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["holds", "False"]


COLLECTED = """
import gc
from verify import check
check("newton", quick=True)
assert not [one for one in gc.callbacks if one.__module__.startswith("hypothesis")], gc.callbacks
"""


def test_nothing_of_hypothesis_runs_when_garbage_is_collected():
    """Ctrl-C that came meanwhile would be raised in it, where Python ignores what is raised."""
    subprocess.run([sys.executable, "-c", COLLECTED], check=True)
