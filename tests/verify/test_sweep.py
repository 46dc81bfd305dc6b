"""A sweep does every point once, whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from verify.command import sweep
from verify.inputs.errors import WrongCall

SETTINGS = ["d=1:2", "n=2", "steps=1|2", "numbers=float64|rational"]


def outcomes(path) -> Counter:
    return Counter(record["outcome"] for record in sweep.read(path))


def test_every_point_of_the_grid_is_judged_once(tmp_path):
    path = tmp_path / "results.jsonl"
    assert sweep.run("gradient_descent", SETTINGS, path) == {"points": 8, "before": 0, "done": 8}
    assert outcomes(path) == {"equal": 4, "within bound": 4}
    assert len({record["key"] for record in sweep.read(path)}) == 8


def test_what_is_done_is_not_done_again(tmp_path):
    path = tmp_path / "results.jsonl"
    sweep.run("gradient_descent", SETTINGS, path)
    before = path.read_bytes()
    assert sweep.run("gradient_descent", SETTINGS, path)["done"] == 0
    assert path.read_bytes() == before
    assert sweep.run("gradient_descent", [*SETTINGS, "seed=0:1"], path)["done"] == 8
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_line_that_a_crash_cut_off_is_done_again(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    sweep.run("gradient_descent", SETTINGS, path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert sweep.run("gradient_descent", SETTINGS, path)["done"] == 1
    assert len(sweep.read(path)) == len({record["key"] for record in sweep.read(path)}) == 8


def test_a_sweep_killed_at_any_point_goes_on_where_it_was(tmp_path):
    path = tmp_path / "results.jsonl"
    grid = ["d=1:3", "n=2:3", "steps=1", "seed=0:4"]
    code = (
        "import os, signal\nfrom verify.command import sweep\nleft = 3\n"
        "def stop(what):\n    global left\n    left -= 1\n"
        "    if not left: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"sweep.run('gradient_descent', {grid!r}, {str(path)!r}, progress=stop)"
    )
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": "."})
        assert killed.returncode == -signal.SIGKILL
    done = sweep.read(path)
    assert len(done) == 6
    assert sweep.run("gradient_descent", grid, path) == {"points": 30, "before": 6, "done": 24}
    records = sweep.read(path)
    assert records[:6] == done
    assert Counter(r["key"] for r in records) == {
        sweep.key(p): 1 for p in sweep.grid("gradient_descent", grid)
    }


def test_two_sweeps_do_not_write_one_file(tmp_path):
    path = tmp_path / "results.jsonl"
    with sweep.appended(path), pytest.raises(WrongCall, match="another sweep"):
        sweep.run("gradient_descent", SETTINGS, path)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "thesis.txt"
    for text in ("a year's work", "a year's work\n", '{"title": 1}\n'):
        path.write_text(text)
        with pytest.raises(WrongCall, match="something else"):
            sweep.run("gradient_descent", SETTINGS, path)
        assert path.read_text() == text


def test_workers_give_the_same_results(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    sweep.run("newton", ["d=1:2", "iterations=2"], one)
    sweep.run("newton", ["d=1:2", "iterations=2"], two, workers=2)

    def timeless(path):
        return sorted(
            json.dumps({k: v for k, v in record.items() if k != "seconds"})
            for record in sweep.read(path)
        )

    assert timeless(one) == timeless(two)


def test_a_dask_cluster_gives_every_point(tmp_path):
    distributed = pytest.importorskip("distributed")
    path = tmp_path / "results.jsonl"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        made = sweep.run("newton", ["d=1:3", "iterations=1"], path, dask=cluster.scheduler_address)
    assert made["done"] == 3
    assert outcomes(path) == {"within bound": 3}


@pytest.mark.parametrize(
    "settings",
    [["q=3"], ["d=0"], ["d=5:1"], ["d=1:9:0"], ["numbers=float7"], ["steps=x"], ["scale=-1"],
     ["condition=0.5"], ["d"], ["d=1", "d=2"], ["d=1:99999", "n=1:99999"], ["scale=nan"]],
)  # fmt: skip
def test_a_wrong_grid_is_refused_in_one_line(settings):
    with pytest.raises(WrongCall) as error:
        sweep.grid("gradient_descent", settings)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WrongCall, match="cannot be written"):
        sweep.run("gradient_descent", SETTINGS, tmp_path / "no" / "results.jsonl")
