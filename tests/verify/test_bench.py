"""The figures of `witness bench` are measured, and would show it if they were bad."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

import constructions
from verify.command.cli import main
from verify.quality import baselines, costs, growth, speed
from verify.report.as_json import dumps


def witness(name: str, d: int, n: int, k: int):
    label, parameters = baselines.witnesses({"d": d, "n": n, "k": k})[name]
    return constructions.build(label, **parameters)


@pytest.mark.parametrize("name", sorted(costs.COSTS))
@pytest.mark.parametrize(("B", "d", "n", "k"), [(2, 8, 32, 3), (3, 16, 24, 5), (1, 20, 64, 2)])
def test_the_cost_model_is_what_a_profiler_counts(name, B, d, n, k):
    prompt = costs.prompt(B, d, n)
    one = replace(witness(name, d, n, k), region="")  # the pass, not whether it converges
    sizes = {"B": B, "d": d, "n": n, "k": k, "m": 1}
    flops = costs.flops(lambda: one.predict(*prompt))
    made = costs.memory(lambda: one.predict(*prompt))["made"]
    assert costs.predicted(name, "flops", **sizes) == pytest.approx(flops, rel=0.1)
    assert costs.predicted(name, "bytes", **sizes) == pytest.approx(made, rel=0.1)


def test_counted_flops_are_two_per_multiplication():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert costs.flops(lambda: a @ b) == 2 * 3 * 5 * 7


def test_peak_memory_is_what_is_held_at_once():
    def one_after_the_other():
        for _ in range(3):
            torch.ones(1000, dtype=torch.float64)

    def all_at_once():
        return [torch.ones(1000, dtype=torch.float64) for _ in range(3)]

    first, second = costs.memory(one_after_the_other), costs.memory(all_at_once)
    assert (first["made"], first["peak"]) == (24000, 8000)
    assert (second["made"], second["peak"]) == (24000, 24000)


@pytest.mark.parametrize("name", ["newton", "gradient_descent", "sherman_morrison"])
def test_memory_stays_below_four_times_the_tokens(name):
    prompt = costs.prompt(4, 16, 64)
    one = witness(name, 16, 64, 4)
    assert costs.memory(lambda: one.predict(*prompt))["peak"] <= 4 * 8 * 4 * 65 * 17


@pytest.mark.parametrize("name", sorted(baselines.BARE))
def test_every_baseline_computes_what_the_witness_does(name):
    X, y, queries = costs.prompt(3, 4, 9)
    label, parameters = baselines.witnesses({"d": 4, "n": 9, "k": 3})[name]
    want = constructions.build(label, **parameters).predict(X, y, queries)
    bare = {k: v for k, v in parameters.items() if k not in ("d", "examples")}
    assert torch.allclose(baselines.BARE[name](X, y, queries, **bare), want)
    looped = baselines.loop(name, X.numpy(), y.numpy(), queries.numpy(), bare)
    assert torch.allclose(torch.from_numpy(looped), want)


def test_the_median_of_interleaved_runs_finds_the_slower_candidate():
    def slow():
        end = time.perf_counter() + 0.004
        while time.perf_counter() < end:
            pass

    times = speed.interleaved({"slow": slow, "fast": lambda: None}, 3)
    assert times["slow"] > 0.003 > times["fast"]


def test_a_cubic_has_exponent_three():
    assert costs.exponent({d: 5e-9 * d**3 for d in (8, 16, 32)}) == pytest.approx(3)


def test_the_measured_exponent_is_that_of_the_seconds():
    cubes = growth.Range("newton", "d", (4, 8, 16), {"n": "2 d", "k": 2, "B": 1})
    found = growth.measure(cubes, lambda runs: {size: 1e-9 * int(size) ** 3.5 for size in runs})
    assert found["measured"] == pytest.approx(3.5)
    assert [p["flops"] for p in found["points"]] == [
        costs.predicted("newton", "flops", B=1, d=d, n=2 * d, k=2, m=1) for d in (4, 8, 16)
    ]


def test_every_variable_has_its_range():
    for name in costs.COSTS:
        wanted = set(growth.VARIABLES) - ({"k"} if name == "sherman_morrison" else set())
        assert {one.variable for one in growth.FULL if one.witness == name} == wanted
    assert {one.variable for one in growth.QUICK} == set(growth.VARIABLES)


def test_the_highest_memory_is_that_of_this_process_alone():
    here = bytearray(64 * 2**20)  # an own child must not count it
    code = "from verify.quality import costs; print(costs.highest_memory())"
    alone = int(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)
    before = costs.highest_memory()
    assert before > len(here) and alone > 2**20
    more = bytearray(b"1" * (before + 2**26))
    assert costs.highest_memory() >= len(more)


def test_the_printed_program_is_built_and_run_in_its_own_layers_at_a_width_of_d_squared():
    X, y, queries = costs.prompt(1, 16, 1)
    one = constructions.build("akyurek2022_theorem2", d=16, ridge=1)
    assert one.width == 4 * 16**2 + 5 * 16 + 8 and one.layers == 14
    want = baselines.BARE["sherman_morrison"](X, y, queries, ridge=1)
    with pytest.warns(constructions.PrecisionWarning):
        got = one.predict(X, y, queries)
    assert torch.allclose(got, want, rtol=1e-4)


def test_a_goal_is_met_or_missed():
    rows: list = []
    speed.row(rows, "newton / bare algorithm", 2.9)
    speed.row(rows, "newton / bare algorithm", 3.1)
    speed.row(rows, "large: peak GiB", None)
    assert [one["met"] for one in rows] == [True, False, None]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--device", "gpu"), "--device takes cpu or cuda, not 'gpu'"),
        (("--device", "cuda", "--sensitivity"), "--device is for the figures of speed"),
        (("--device", "cuda"), "torch sees no GPU here"),
    ],
)
def test_a_device_that_is_not_here_is_refused_in_one_line(options, said, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(("bench", *options)) == 2
    out, err = capsys.readouterr()
    assert said in err and len(err.splitlines()) == 1 and not out


def test_the_quick_bench_has_every_figure(tmp_path):
    said: list[str] = []
    result = speed.run(quick=True, progress=said.append)
    what = " ".join(row["what"] for row in result["rows"])
    for figure in ("newton / bare", "dense weights / newton", "matrix-product rate", "peak memory",
                   "Python fractions", "flops, predicted", "bytes, predicted", "exponent",
                   "--help", "list"):  # fmt: skip
        assert figure in what
    assert result["machine"]["cores"] >= 1 and result["versions"]["torch"]
    assert json.loads(dumps(result))["rows"]
    assert speed.table(result).row_count == len(result["rows"])
    assert len(said) > 5
    grown = [row["growth"] for row in result["rows"] if "growth" in row]
    assert [one["variable"] for one in grown] == list(growth.VARIABLES)
    assert all(len(one["points"]) > 1 for one in grown)
    picture = tmp_path / "growth.png"
    speed.plot(result, str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
