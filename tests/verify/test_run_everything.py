"""Every construction on a table that suits it, and classic tables: what is reached, and what is
said where it is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.construction import REGISTERED
from constructions.rounding import bounds
from constructions.witness import Witness
from verify.command import cli
from verify.inputs.names import subject
from verify.inputs.region import Spectrum, needed_rounds, share, singular_values
from verify.tables import compare
from verify.tables.compare import Run
from verify.tables.limits import LIMITS, Limit
from verify.tables.problem import Problem, read
from verify.tables.scaling import standardising
from verify.tables.suited import scaled, suited

# NIST, Statistical Reference Datasets: Norris (y, x) and Longley (employed, …, year)
NORRIS = """0.1 0.2 338.8 337.4 118.1 118.2 888.0 884.6 9.2 10.1 228.1 226.5 668.5 666.3 998.5 996.3
449.1 448.6 778.9 777.0 559.2 558.2 0.3 0.4 0.1 0.6 778.1 775.5 668.8 666.9 339.3 338.0 448.9 447.5
10.8 11.6 557.7 556.0 228.3 228.1 998.0 995.8 888.8 887.6 119.6 120.2 0.3 0.3 0.6 0.3 557.6 556.8
339.3 339.1 888.0 887.2 998.5 999.0 778.9 779.0 10.2 11.1 117.6 118.3 228.9 229.2 668.4 669.1
449.2 448.9 0.2 0.5"""
LONGLEY = """60323 83.0 234289 2356 1590 107608 1947 61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949 61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951 63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953 63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955 67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957 66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959 69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961 70551 116.9 554894 4007 2827 130081 1962"""
# (columns, the certified intercept, how far off it may be: digits that the table leaves in float64)
CLASSIC = {
    "norris": (NORRIS, 2, -0.262323073774029, 1e-9),
    "longley": (LONGLEY, 7, -3482258.63459582, 1e-5),
}
REGRESSIONS = [name for name in constructions.names() if constructions.get(name).is_regression]


def table(path: Path, rows: Any, columns: int) -> str:
    names = ["y", *(f"x{i}" for i in range(1, columns))]
    path.write_text("\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """{name: (path of the table, path of a query that is 0 everywhere)}."""
    folder, made = tmp_path_factory.mktemp("classic"), {}
    for name, (text, columns, *_) in CLASSIC.items():
        rows = np.array(text.split()).reshape(-1, columns)
        query = table(folder / f"{name}0.csv", [[0] * columns], columns)
        made[name] = table(folder / f"{name}.csv", rows, columns), query.replace("y,", "")
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    status = cli.main(["run", *arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out) if "--json" in arguments else " ".join(out.split())


def suiting(name: str, folder: Path) -> list[str]:
    """A table with as many columns as the construction has in its example, targets in [0, 1]."""
    d = constructions.get(name).parameters["d"].small
    columns = max(d, 1) if name.startswith("akyurek") or d == 1 else 2
    rng = np.random.default_rng(5)
    X = np.round(rng.uniform(-1, 2, (6, columns)), 1)
    y = [0.2, 0.9, 0.7, 0.3, 0.8, 0.1]
    path = table(folder / "t.csv", [[t, *row] for t, row in zip(y, X)], columns + 1)
    query = table(folder / "q.csv", [[0, *row] for row in X[:1] + 0.05], columns + 1)
    counts = {"steps": 3, "iterations": 2, "layers": 2}
    known = constructions.get(name).parameters
    few = [f"--set={key}={value}" for key, value in counts.items() if key in known]
    return [name, "--data", path, "--target", "y", "--query", query, *few]


@pytest.mark.parametrize("name", REGRESSIONS)
def test_every_construction_runs_on_a_table_that_suits_it(name, tmp_path, capsys):
    call = [*suiting(name, tmp_path), "--json", "-"]
    floats, balls = (run(capsys, *call, "--numbers", n) for n in ("float64", "ball"))
    value, same = (float(one["predictions"][0]["transformer"]) for one in (floats, balls))
    assert value == pytest.approx(same, abs=2 * floats["rounding_bound"] + 1e-15)
    if any("gelu" in str(layer.mlp) for layer in built(name, floats).layer_list):
        assert floats["largest_difference"] < 0.1  # it approximates
        refused = "rational numbers have no"
    else:
        assert floats["largest_difference"] <= floats["rounding_bound"] * (1 + 1e-9)
        refused = (
            "rational numbers have no"
            if floats["parameters"].get("kernel") == "exponential"
            else ""
        )
    if refused:
        assert cli.main(["run", *call, "--numbers", "rational"]) == 2
        assert refused in capsys.readouterr().err
    else:
        assert run(capsys, *call, "--numbers", "rational")["largest_difference"] == 0


def built(name: str, result: Any) -> Any:
    known = constructions.get(name).parameters
    given = {k: known[k].read(v) for k, v in result["parameters"].items() if v != "None"}
    return constructions.build(name, **given)


# -- what is reached, and what is said where it is not ------------------------------------------


@pytest.mark.parametrize("name", CLASSIC)
def test_a_classic_table_gives_the_certified_intercept(name, classic, capsys):
    """Columns are put on one scale where the condition number calls for it."""
    (data, query), (_, _, certified, off) = classic[name], CLASSIC[name]
    call = ["newton", "--data", data, "--target", "y", "--query", query, "--intercept"]
    result = run(capsys, *call, "--json", "-")
    (row,) = result["predictions"]
    assert row["transformer"] == pytest.approx(certified, rel=off)
    assert result["scaling"]["unit"][-1] == "1" != result["scaling"]["unit"][0]
    assert "the embedding reads every column less its mean" in run(capsys, *call)


@pytest.mark.parametrize(("name", "needed"), [("norris", "44"), ("longley", "134")])
def test_what_iterations_leave_is_said(name, needed, classic, capsys):
    data, query = classic[name]
    call = ["newton", "--data", data, "--target", "y", "--query", query, "--intercept"]
    said = run(capsys, *call, "--no-standardise")
    assert "iterations = 40: the most that is chosen; leaves" in said
    assert f"{needed} would leave 1e-12" in said and "not there yet" in said
    assert "--standardise brings the condition number" in said
    told = run(capsys, *call, "--standardise", "--set", "iterations=1")
    assert "not there yet; iterations = 1 leaves" in told
    assert "not there yet" not in run(capsys, *call)


def test_as_many_iterations_as_are_said_to_be_needed_are_needed(classic, capsys):
    """One less leaves more, as many as that are there."""
    data, query = classic["norris"]
    call = ["newton", "--data", data, "--target", "y", "--query", query, "--intercept"]
    call += ["--no-standardise", "--json", "-", "--numbers", "ball", "--set"]

    def left(iterations: int) -> float:
        (row,) = run(capsys, *call, f"iterations={iterations}")["predictions"]
        return abs(row["transformer"] - row["closed_form"]) / abs(row["closed_form"])

    assert left(44) < 1e-11 < 1e-8 < left(43)


def test_the_scaling_is_a_part_of_the_transformer(classic, capsys):
    """Its weights predict from the table as it is: the digest is that of other weights."""
    data, query = classic["norris"]
    call = ["newton", "--data", data, "--target", "y", "--query", query, "--intercept"]
    fixed = [*call, "--json", "-", "--set", "iterations=4,alpha=1e-14", "--numbers", "rational"]
    scaled, plain = run(capsys, *fixed, "--standardise"), run(capsys, *fixed, "--no-standardise")
    assert scaled["largest_difference"] == plain["largest_difference"] == 0
    assert scaled["digest"] != plain["digest"] and plain["scaling"] is None
    assert scaled["predictions"] != plain["predictions"]


@pytest.mark.parametrize("cell", ["0.1", "9007199254740993", "1e-3"])
def test_a_cell_is_the_decimal_that_it_is(cell, tmp_path, capsys):
    """One step of size 1/2 x^-2 from 0 on one example: the fit of x is y/2 exactly."""
    data = table(tmp_path / "t.csv", [[cell, 1]], 2)
    call = ["gradient_descent", "--data", data, "--target", "y", "--query", data]
    call += ["--numbers", "rational", "--set", "steps=1,step_size=1/4", "--json", "-"]
    (row,) = run(capsys, *call)["predictions"]
    assert Fraction(row["transformer"]) == Fraction(cell) / 2


# -- what each algorithm tends to -----------------------------------------------------------------


def test_every_limit_is_one_of_those_that_are_known():
    for name in REGRESSIONS:
        made = constructions.get(name)
        values = {key: kind.small for key, kind in made.parameters.items()}
        assert made.limit(values).partition(":")[0] in LIMITS, name


MANY_STEPS = {
    "gradient_descent": "steps=4000,ridge=1/2",
    "lasso": "steps=4000,penalty=1/3",
    "logistic": "steps=4000,pieces=400",
    "momentum": "steps=400",
    "chebyshev": "steps=200",
    "preconditioned": "steps=2000",
    "gd_plus_plus": "steps=60,gamma=0",
    "functional_descent": "steps=2000",
    "kernel_regression": "steps=2000",
    "spline_regression": "layers=9",
    "deep_descent": "layers=8",
    "minimax_descent": "layers=8",
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_the_algorithm_tends_to_the_limit_that_stands_beside_it(name, tmp_path):
    """With more steps than anyone takes, in floats, without any transformer."""
    from verify.checks.case import reference
    from verify.checks.judge import algorithm_of
    from verify.inputs.settings import parse
    from verify.tables.limits import limit_of
    from verify.tables.suited import scaled

    arguments = suiting(name, tmp_path)
    made, found = constructions.get(name), subject(name)
    problem = scaled(found, read(arguments[2], "y", None, False).queried(arguments[6]), False)
    given = parse(name, made.signature, [MANY_STEPS[name]] if name in MANY_STEPS else [])
    case = problem.case(suited(found, given, problem)[0])
    limit = limit_of(made, case, False, False)
    if limit.values is None:
        assert limit.name.startswith("none: ")
        return
    got = reference(algorithm_of(found), case, float)
    assert got == pytest.approx(limit.values, rel=1e-4, abs=1e-6)


# -- how much it takes ----------------------------------------------------------------------------

MEMORY = """
import re, sys
from verify.command import cli
import pandas, torch, verify.tables.compare, verify.tables.suited, constructions.rounding.bounds
import constructions.algorithms.descent.gradient_descent
def most():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = most()
assert cli.main(sys.argv[1:]) == 0
print(most() - before)
"""


@pytest.mark.parametrize("name", REGRESSIONS)
def test_predictions_that_come_with_a_bound_are_those_of_predict(name, tmp_path, monkeypatch):
    """To the last bit, of every construction, also where norms bound nothing; of numbers of many
    digits and of many queries, as few of them show what is rounded in another way."""
    monkeypatch.setattr(bounds, "NORMS", 0)
    monkeypatch.setattr(bounds, "DEAR", 0)  # whatever the bound is
    found, path = subject(name), suiting(name, tmp_path)
    problem = scaled(found, read(path[2], "y", None, False).queried(path[6]), None)
    witness = compare.built_for(found, problem).build(suited(found, {}, problem)[0])
    rng = np.random.default_rng(0)
    X, queries = (np.asarray(part, float) for part in (problem.X, problem.queries))
    prompt = X * rng.uniform(0.5, 1, X.shape), problem.y, queries * rng.uniform(0.5, 1, (30, 1))
    predicted, bound = bounds.predicted_and_bound(witness, *prompt)
    assert predicted.tolist() == witness.predict(*prompt).tolist()
    if bound < np.inf:
        for value, exact in zip(predicted, witness.predict(*prompt, "ball"), strict=True):
            assert abs(float(exact.mid()) - value) <= bound + float(exact.rad())


def test_a_large_table_has_predictions_and_bound_from_one_pass(tmp_path, monkeypatch):
    """With its rows fewer than its columns; the bound is above the error, and says something."""
    rng = np.random.default_rng(1)
    problem = read(
        table(tmp_path / "t.csv", rng.standard_normal((150, 161)), 161), "y", None, False
    )
    problem = problem.held_out(0.1, 0)
    assert problem.pairs <= compare.WARNED
    monkeypatch.setattr(compare, "WARNED", problem.pairs - 1)
    monkeypatch.setattr(bounds, "NORMS", 0)
    monkeypatch.setattr(bounds, "quick_bound", None)  # what each noise by itself does
    monkeypatch.setattr(Witness, "predict", None)
    found = subject("newton")
    result = compare.run(found, suited(found, {"iterations": 9}, problem)[0], problem, "float64")
    monkeypatch.undo()
    prompt = problem.X, problem.y, problem.queries[:1]
    (exact,) = result.witness.predict(*prompt, "ball")
    off = abs(float(exact.mid()) - result.columns["transformer"][0])
    assert off <= result.explained <= 1e-6


@pytest.mark.skipif(sys.platform != "linux", reason="bytes are counted as Linux counts them")
def test_a_large_table_is_held_a_few_times(tmp_path):
    """Reading it, predictions, the algorithm, its limit and the bound on rounding together."""
    rows = np.random.default_rng(0).standard_normal((1000, 6)).tolist()
    head, body = Path(table(tmp_path / "t.csv", rows, 6)).read_text().split("\n", 1)
    (tmp_path / "t.csv").write_text(head + "\n" + body * 500)
    call = ["run", "gradient_descent", "--set", "steps=20", "--data", "t.csv", "--target", "y"]
    made = subprocess.run(
        [sys.executable, "-c", MEMORY, *call],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert int(made.stdout.split()[-1]) < 7 * 500_000 * 6 * 8


# -- nothing untrue -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rounds", "given"),
    [
        ("chebyshev", {"steps": 301}, {"lowest": 1, "highest": 4, "s": Fraction(17, 4)}),
        ("chebyshev", {"steps": 900}, {"lowest": 1, "highest": 4, "s": Fraction(1, 5)}),
        ("minimax_descent", {"layers": 5}, {"largest": 1, "s": Fraction(1, 2)}),
    ],
)
def test_what_is_left_is_the_same_in_floats_and_in_fractions(name, rounds, given):
    """Coefficients of a Chebyshev polynomial cancel to nothing in floats."""
    left = constructions.get(name).leaves
    floats = {key: float(value) for key, value in given.items()}
    want = float(left({**rounds, **{key: Fraction(value) for key, value in given.items()}}))
    assert 0 != left({**rounds, **floats}) == pytest.approx(want, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (0.994, "99 %"),
        (0.9999999, "more than 99.9999 %"),
        (1.0, "more than 99.9999 %"),
        (1.0001, "100.01 %"),
        (42.0, "4200 %"),
    ],
)
def test_a_share_is_100_percent_only_where_it_is(left, said):
    assert share(left) == said


def test_nothing_is_said_of_a_slowest_component_that_is_not_known(tmp_path, capsys):
    unknown = Spectrum(1, 0, 5)
    assert needed_rounds("gradient_descent", {"step_size": 1}, unknown, "steps")[0] is None
    call = [one for one in suiting("kernel_regression", tmp_path) if "=" not in one]
    assert "steps = 100: a default; how much it leaves is not known" in run(capsys, *call)


@pytest.mark.parametrize("scale", [1e-170, 1.0, 1e160])
def test_columns_of_any_size_have_their_own_scale(scale):
    X = np.random.default_rng(1).standard_normal((9, 3)) * [1, 10, 100]
    values = singular_values(scale * X)
    assert values / scale == pytest.approx(np.linalg.svd(X, compute_uv=False))
    read = standardising(scale * X, False).of(scale * X)
    assert np.sqrt(np.square(read).mean(axis=0)) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("cell", ["1e80", "1e-90"])
def test_columns_are_refused_where_floats_do_not_hold_their_powers(cell, tmp_path, capsys):
    data = table(tmp_path / "t.csv", [[1, cell], [2, cell]], 2)
    call = ["run", "gradient_descent", "--data", data, "--target", "y"]
    assert cli.main([*call, "--no-standardise"]) == 2
    assert "float64 does not hold the powers of that" in capsys.readouterr().err
    assert cli.main([*call, "--standardise"]) == 0


def test_a_parameter_that_is_a_matrix_is_shown(tmp_path, capsys):
    said = run(capsys, *suiting("preconditioned", tmp_path))
    assert re.search(r"preconditioner = [\d/]+,0;0,[\d/]+: one over the sum of squares", said)


@pytest.mark.parametrize(
    ("name", "wide", "said"),
    [
        ("sherman_morrison", False, "the penalty falls on the weights of the scaled columns"),
        ("selection", False, "the penalty falls on"),
        (
            "kernel_regression --set kernel=exponential",
            False,
            "the kernel compares rows of scaled columns",
        ),
        ("newton", True, "of many solutions the one that is found depends on the columns' scales"),
        ("newton", False, ""),
    ],
)
def test_what_scaled_columns_change_is_said(name, wide, said, tmp_path, capsys):
    name, *sets = name.split()
    call = [name, "--data", suiting(name, tmp_path)[2], "--target", "y", *sets, "--standardise"]
    rows = np.random.default_rng(2).integers(1, 9, (3, 6)) * [1, 1, 1, 1, 1, 50]
    call[2] = table(tmp_path / "wide.csv", rows, 6) if wide else call[2]
    shown = run(capsys, *call)
    assert said in shown
    assert ("another problem than on the columns as they are" in shown) == bool(said)
    assert "another problem" not in run(capsys, *call[:-1], "--no-standardise")


@pytest.mark.parametrize(
    ("step_size", "steps", "said", "not_said"),
    [
        ("2", 100, ": it diverges; with steps = 50 the largest difference is ", "come closer"),
        ("2", 1, ": it diverges; with steps = 0 the largest difference is ", "come closer"),
        ("1/100", 100, ": not there yet; more steps come closer", "diverges"),
    ],
)
def test_more_steps_are_not_said_to_help_what_diverges(
    step_size, steps, said, not_said, monkeypatch, tmp_path, capsys
):
    """Of a construction that states no region, and not what is left of an error."""
    known = constructions.get("gradient_descent")
    own = replace(known, name="mine", equals="gradient_descent", region="", left="", rate="")
    monkeypatch.setitem(REGISTERED, "mine", own)
    rows = np.random.default_rng(2).integers(1, 9, (8, 3)) / 8
    call = ["mine", "--data", table(tmp_path / "a.csv", rows, 3)]
    shown = run(capsys, *call, "--target", "y", "--set", f"step_size={step_size},steps={steps}")
    assert said in shown and not_said not in shown


def compared(name: str, folder: Path, numbers: str, **given: Any) -> tuple[Problem, Run]:
    found, path = subject(name), suiting(name, folder)
    problem = read(path[2], "y", None, False).queried(path[6])
    return problem, compare.run(found, suited(found, given, problem)[0], problem, numbers)


def test_steps_are_not_blamed_for_what_rounding_did(tmp_path):
    problem, result = compared("newton", tmp_path, "bfloat16")
    said = " ".join(compare.summary(problem, result, "bfloat16"))
    assert "the algorithm itself is there" in said and "not there yet" not in said
    problem, result = compared("newton", tmp_path, "bfloat16", iterations=1)
    assert "not there yet" in " ".join(compare.summary(problem, result, "bfloat16"))


@pytest.mark.parametrize("limit", [1.0, np.inf])
def test_what_is_not_finite_is_near_nothing(limit, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "limit_of", lambda *_: Limit(np.full(1, limit), "a limit"))
    monkeypatch.setattr(compare, "_predicted", lambda *_: (np.full(1, np.inf), None, ()))
    problem, result = compared("newton", tmp_path, "float64")
    said = compare.summary(problem, result, "float64")
    assert said[0].count("it is not finite") == said[1].count("it is not finite") == 1


def test_a_bound_beyond_the_prediction_explains_nothing(tmp_path):
    problem, result = compared("newton", tmp_path, "float64")
    size = abs(float(result.columns["algorithm"][result.worst]))
    (said, *_) = compare.summary(problem, replace(result, explained=2 * size), "float64")
    assert "more than the prediction itself, which decides nothing" in said
    assert "explains" not in said
    (said, *_) = compare.summary(problem, replace(result, explained=size / 2), "float64")
    assert "explains all of it" in said
    off = replace(result, explained=2 * size, difference=3 * size)
    (said, *_) = compare.summary(problem, off, "float64")
    assert "explains NOT all of it" in said  # beyond any bound it is a fault


def test_a_bound_that_is_infinite_explains_nothing(tmp_path):
    problem, result = compared("newton", tmp_path, "float64")
    (said, *_) = compare.summary(problem, replace(result, explained=np.inf), "float64")
    assert "has no bound, which decides nothing" in said and "explains" not in said
