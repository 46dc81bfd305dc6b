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
from verify.quality.machine import last_level_cache
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
        ranges = growth.full(32 * 2**20)
        assert {one.variable for one in ranges if one.witness == name} == wanted
    assert {one.variable for one in growth.QUICK} == set(growth.VARIABLES)


READ = {  # bytes of the array that every step reads anew, for a few operations with each number
    "gradient_descent": lambda d, n, B, **_: 8 * B * n * d,
    "sherman_morrison": lambda d, B, **_: 8 * B * d**2,
}


def levels(one: growth.Range, cache: int) -> set[str]:
    """Of which memory a range measures the time."""
    read = [READ[one.witness](**({"B": 1} | one.sizes(value))) for value in one.values]
    return {"memory" if size >= 2 * cache else "beside it" for size in read}


@pytest.mark.parametrize("mebibytes", [1, 16, 32, 36, 256])
def test_what_is_read_is_everywhere_in_a_range_beyond_the_cache_where_it_grows(mebibytes):
    cache = mebibytes * 2**20
    for one in growth.full(cache):
        grows = one.witness in READ and (one.witness, one.variable) not in STAYS
        if grows:
            assert levels(one, cache) == {"memory"}, one
            assert len(set(one.values)) == 3
            assert READ[one.witness](**({"B": 1} | one.sizes(one.values[0]))) >= growth.FRESH


STAYS = {("gradient_descent", "k"), ("sherman_morrison", "n")}  # what is read, in these ranges


def test_a_range_that_leaves_the_cache_is_noticed():
    one = growth.Range("gradient_descent", "d", (768, 2112), {"n": "2 d", "k": 16, "B": 1})
    assert levels(one, 32 * 2**20) == {"memory", "beside it"}


def test_the_last_level_cache_is_the_largest_that_the_system_tells_of(tmp_path):
    assert last_level_cache(tmp_path) == last_level_cache(tmp_path / "none") == 32 * 2**20
    for number, size in enumerate(("48K", "1024K", "16384K")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(f"{size}\n")
    assert last_level_cache(tmp_path) == 16 * 2**20
    (tmp_path / "index0" / "size").write_text("much")
    assert last_level_cache(tmp_path) == 32 * 2**20


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
                   "seconds / predict", "memory / table", "seconds in all", "--help",
                   "list"):  # fmt: skip
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
