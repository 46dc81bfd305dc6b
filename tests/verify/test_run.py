"""Witnesses on tables of one's own: what is chosen, what is compared, what is written."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify.command import cli
from verify.inputs.errors import WrongCall
from verify.inputs.region import limit, spectrum, suit
from verify.tables.problem import split

CORE = ("gradient_descent", "sherman_morrison", "newton")


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, np.ndarray, np.ndarray]:
    """scikit-learn's diabetes table, written to a CSV file: (path, X, y)."""
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes(as_frame=True)
    path = tmp_path_factory.mktemp("data") / "diabetes.csv"
    loaded.frame.to_csv(path, index=False)
    return str(path), loaded.data.to_numpy(), loaded.target.to_numpy()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON that `witness run` gives."""

    def call(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        status = cli.main(["run", *arguments, "--json", "-"])
        out, err = capsys.readouterr()
        assert status == 0, err
        return json.loads(out)

    return call


def columns(result: dict[str, Any], *names: str) -> list[np.ndarray]:
    rows = result["predictions"]
    return [np.array([float(Fraction(row[name])) for row in rows]) for name in names]


@pytest.fixture
def small(tmp_path: Path) -> Any:
    def write(text: str, name: str = "small.csv") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("name", CORE)
def test_the_diabetes_table_runs(
    name: str, diabetes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main(["run", name, "--data", diabetes[0], "--target", "target"])
    out, _ = capsys.readouterr()
    assert status == 0
    assert "examples   354 of the 442 rows" in out
    assert "rounding in float64 explains all of it" in out
    assert "transformer against" in out


def test_a_ridge_of_1_is_that_of_scikit_learn(diabetes: Any, run: Any) -> None:
    from sklearn.linear_model import Ridge

    path, X, y = diabetes
    result = run("sherman_morrison", "--data", path, "--target", "target", "--set", "ridge=1.0")
    out = np.array([one["row"] - 1 for one in result["predictions"]])
    kept = np.setdiff1d(np.arange(len(X)), out)
    other = Ridge(alpha=1.0, fit_intercept=False).fit(X[kept], y[kept]).predict(X[out])
    (predicted,) = columns(result, "transformer")
    assert np.abs(predicted - other).max() < 1e-8
    assert len(out) == 88


def test_newton_reaches_least_squares(diabetes: Any, run: Any) -> None:
    result = run("newton", "--data", diabetes[0], "--target", "target")
    transformer, closed = columns(result, "transformer", "closed_form")
    assert np.abs(transformer - closed).max() < 1e-8
    assert result["largest_difference"] <= result["rounding_bound"]


def test_too_few_iterations_are_seen(diabetes: Any, run: Any) -> None:
    call = ("newton", "--data", diabetes[0], "--target", "target", "--set", "iterations=3")
    transformer, algorithm, closed = columns(run(*call), "transformer", "algorithm", "closed_form")
    assert np.abs(transformer - algorithm).max() < 1e-10 < 1 < np.abs(transformer - closed).max()


def test_a_wrong_transformer_is_seen(
    diabetes: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One iteration less than the algorithm: rounding does not explain that."""
    from constructions.algorithms.inverse import newton as module

    fewer = replace(module.newton, steps=lambda values: values["iterations"] - 1)
    monkeypatch.setattr(module, "newton", fewer)
    call = ["run", "newton", "--data", diabetes[0], "--target", "target"]
    cli.main([*call, "--set", "iterations=9"])
    assert "explains NOT all of it" in capsys.readouterr().out


def test_a_sentence_is_one_line_where_no_terminal_ends_it(
    small: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small("a,t\n1,2\n2,3\n3,5\n", "a" * 200 + ".csv")
    assert cli.main(("run", "gradient_descent", "--data", data, "--target", "t")) == 0
    assert f"examples   2 of the 3 rows of {data}, 1 column\n" in capsys.readouterr().out


@pytest.fixture(scope="module")
def standardised(diabetes: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table with mean 0 and variance 1 in every column."""
    import pandas

    frame = pandas.read_csv(diabetes[0])
    path = tmp_path_factory.mktemp("data") / "standardised.csv"
    ((frame - frame.mean()) / frame.std(ddof=0)).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    "call",
    [
        ("chebyshev", "--set", "steps=60"),
        ("chebyshev", "--set", "steps=60", "--set", "lowest=1/1000"),
        ("minimax_descent",),
        ("hyperpower",),
    ],
    ids=" ".join,
)
def test_no_right_transformer_is_blamed(call: tuple[str, ...], diabetes: Any, standardised: str,
                                        capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for path in (diabetes[0], standardised):
        assert cli.main(["run", *call, "--data", path, "--target", "target"]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "rounding in float64 explains all of it" in said
        assert "the algorithm ran in 256 bits or more" in said


def test_a_wrong_chebyshev_is_blamed(
    standardised: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from constructions.algorithms.descent import chebyshev

    right = chebyshev.rates
    monkeypatch.setattr(
        chebyshev,
        "rates",
        lambda steps, lowest, highest: right(steps, lowest, highest * Fraction(10**8 + 1, 10**8)),
    )
    call = ["run", "chebyshev", "--data", standardised, "--target", "target"]
    assert cli.main([*call, "--set", "steps=12"]) == 0
    assert "explains NOT all of it" in " ".join(capsys.readouterr().out.split())


def test_a_reference_in_floats_decides_nothing(
    standardised: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verify import algorithms
    from verify.tables import compare

    monkeypatch.setattr(compare, "BALLS", 0)
    right = algorithms.chebyshev

    @wraps(right)
    def doubled(*prompt: Any, **parameters: Any) -> Any:
        return right(*prompt, **parameters) * 2

    monkeypatch.setattr(algorithms, "chebyshev", doubled)
    call = ["run", "chebyshev", "--data", standardised, "--target", "target", "--set", "steps=9"]
    assert cli.main(call) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the algorithm ran in float64, which decides nothing" in said
    assert "NOT all" not in said and "own rounding is not bounded" in said


def test_a_claim_is_compared_with_its_own_algorithm() -> None:
    """Also where it has the name of a built-in algorithm."""
    from verify import algorithms
    from verify.checks.judge import algorithm_of
    from verify.claim import builtin
    from verify.inputs.names import subject

    found = subject("newton")
    assert algorithm_of(found) is algorithms.newton
    (claim,) = (one for one in builtin() if one.id == "newton")
    own = replace(found, claim=replace(claim, algorithm=algorithms.hyperpower))
    assert algorithm_of(own) is algorithms.hyperpower


def test_an_intercept_is_a_column_of_ones(small: Any, run: Any) -> None:
    data = small("x,t\n0,5\n1,7\n2,9\n")
    query = small("x\n10\n", "q.csv")
    result = run("newton", "--data", data, "--target", "t", "--query", query, "--intercept")
    (predicted,) = columns(result, "closed_form")
    assert predicted == pytest.approx([25])


def test_queries_are_taken_by_column_name(small: Any, run: Any) -> None:
    data = small("a,b,t\n1,0,3\n0,1,5\n")
    query = small("b,a\n10,1\n", "q.csv")
    result = run(
        "sherman_morrison", "--data", data, "--target", "t", "--query", query,
        "--set", "ridge=1", "--numbers", "rational",
    )  # fmt: skip
    assert [one["transformer"] for one in result["predictions"]] == ["53/2"]  # (1*3 + 10*5) / 2
    assert result["largest_difference"] == 0


def test_an_empty_column_of_targets_is_not_read_with_the_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, queries = tmp_path / "d.csv", tmp_path / "q.csv"
    data.write_text("a,b,t\n1,2,3\n4,5,6\n7,8,1\n2,1,0\n")
    call = [
        "run",
        "sherman_morrison",
        "--data",
        str(data),
        "--target",
        "t",
        "--query",
        str(queries),
    ]
    said = {}
    for numbers in ("float64", "rational"):
        for text in ("a,b,t\n1,1,\n2,0,\n", "a,b\n1,1\n2,0\n"):
            queries.write_text(text)
            assert cli.main([*call, "--numbers", numbers]) == 0
            said[numbers, "t" in text] = capsys.readouterr().out
        empty, without = said[numbers, True], said[numbers, False]
        assert "q.csv; its column 't' is empty, and not read" in empty
        assert without == empty.replace("; its column 't' is empty, and not read", "")


def test_a_column_that_counts_the_rows_is_said_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "note       column 'nr' counts the rows, and is used; --index leaves it out"
    for first, more, counted in (
        (1, [], True),
        (0, [], True),
        (5, [], False),
        (1, ["--index"], False),
        (1, ["--features", "nr,a"], False),
    ):
        path = tmp_path / "d.csv"
        rows = (f"{first + i},{i * i},{i % 3}" for i in range(6))
        path.write_text("\n".join(["nr,a,t", *rows]))
        assert cli.main(["run", "newton", "--data", str(path), "--target", "t", *more]) == 0
        assert (said in capsys.readouterr().out.splitlines()) == counted


@pytest.mark.parametrize("numbers", ["float64", "float32", "bfloat16", "rational", "ball"])
def test_every_number_system_runs(numbers: str, small: Any, run: Any) -> None:
    data = small("a,b,t\n1,0,3\n0,1,5\n1,1,8\n2,1,1\n1,3,0\n")
    result = run(
        "newton", "--data", data, "--target", "t", "--numbers", numbers, "--set", "iterations=3"
    )
    transformer, algorithm = columns(result, "transformer", "algorithm")
    allowed = 0 if numbers == "rational" else result["rounding_bound"]
    assert np.abs(transformer - algorithm).max() <= 2 * allowed


def test_lost_precision_is_said(small: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """n < d: rounding in the null space doubles with every iteration."""
    rng = np.random.default_rng(0)
    rows = [",".join(f"{v:.17g}" for v in rng.standard_normal(7)) for _ in range(4)]
    data = small("\n".join(["a,b,c,d,e,f,t", *rows]) + "\n")
    cli.main(["run", "newton", "--data", data, "--target", "t", "--set", "iterations=120"])
    out = capsys.readouterr().out
    assert "what rounding in float64 did there" in out
    assert "decides nothing (--numbers rational or ball can tell)" in out


def test_a_saved_state_runs_exactly_as_typed(small: Any, run: Any) -> None:
    state = {
        "witness": "gradient_descent",
        "parameters": {"d": 1, "steps": 1, "step_size": "1/10", "loss": "sum"},
        "X": [[1], [2]], "y": ["1/2", 0.1], "queries": [[3]],
    }  # fmt: skip
    path = small(json.dumps(state), "state.json")
    result = run("gradient_descent", "--data", path, "--numbers", "rational")
    gradient = -2 * (Fraction(1, 2) + 2 * Fraction(1, 10))
    assert Fraction(result["predictions"][0]["transformer"]) == -gradient / 10 * 3


def test_an_edited_weight_of_a_saved_state_is_run_exactly(small: Any, run: Any) -> None:
    state = {
        "witness": "gradient_descent",
        "parameters": {"d": 1, "steps": 1, "step_size": "1/10", "loss": "sum"},
        "X": [[1], [2]], "y": ["1/2", 0.1], "queries": [[3]],
        "edits": {"layers.0.heads.0.value.0": "-1/7"},
    }  # fmt: skip
    path = small(json.dumps(state), "state.json")
    result = run("gradient_descent", "--data", path, "--numbers", "rational")
    row, moment = result["predictions"][0], Fraction(1, 2) + 2 * Fraction(1, 10)
    assert Fraction(row["algorithm"]) == 2 * moment / 10 * 3
    assert abs(Fraction(row["transformer"])) == moment / 7 * 3
    assert result["edits"] == {"layers.0.heads.0.value.0": "-1/7"}


def test_the_address_of_a_page_is_a_prompt_and_its_parameters(run: Any) -> None:
    fragment = "#layer=3&data=6,9,3&d=3&alpha=1/200&set=y2%3A1/3,q1.1:2"
    result = run("newton", "--data", fragment, "--set", "iterations=5")
    assert result["parameters"]["d"] == "3" and result["parameters"]["iterations"] == "5"
    assert result["parameters"]["alpha"] == "1/200" and result["examples"] == 6
    again = run("newton", "--data", fragment.replace("1/3", "0.3"), "--set", "iterations=5")
    assert again["predictions"] != result["predictions"]


def test_every_prediction_can_be_written(small: Any, tmp_path: Path) -> None:
    data = small("a,t\n1,3\n2,5\n1,8\n2,1\n1,0\n")
    out = tmp_path / "predictions.csv"
    assert cli.main(["run", "newton", "--data", data, "--target", "t", "-o", str(out)]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1 and float(rows[0]["transformer"]) == pytest.approx(
        float(rows[0]["closed_form"])
    )


# -- what is chosen ---------------------------------------------------------------------------


def test_rows_are_held_out_by_seed_and_every_row_is_used_once() -> None:
    for seed in range(3):
        kept, out = split(442, 0.2, seed)
        assert sorted([*kept, *out]) == list(range(442)) and len(out) == 88
        assert (split(442, 0.2, seed)[1] == out).all()
    assert (split(442, 0.2, 0)[1] != split(442, 0.2, 1)[1]).any()


def test_nothing_is_held_out_of_one_row() -> None:
    with pytest.raises(WrongCall, match="too few"):
        split(1, 0.2, 0)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("newton", {"iterations": 300}),
        ("gradient_descent", {"steps": 3000}),
        ("gradient_descent", {"steps": 3000, "ridge": 2}),
        ("gradient_descent", {"steps": 3000, "ridge": 2, "loss": "mean"}),
        ("newton_carried", {"iterations": 12, "start": "identity"}),
        ("deep_descent", {"layers": 7}),
        ("momentum", {"steps": 3000, "momentum": 0.5}),
        ("lasso", {"steps": 3000, "penalty": 0}),
    ],
)
def test_the_limit_is_where_the_algorithm_stops_to_converge(
    name: str, parameters: dict[str, Any]
) -> None:
    from verify import algorithms

    X = np.random.default_rng(3).standard_normal((12, 3))
    y, queries = X @ np.array([1.0, -2.0, 3.0]) + 1, np.eye(3)
    found = limit(name, parameters, spectrum(X))
    assert found is not None
    key, top = found.parameter, found.value
    if "ridge" in parameters:
        strength = parameters["ridge"] * (len(X) if parameters.get("loss") == "mean" else 1)
        target = algorithms.ridge(X, y, queries, strength)
    else:
        target = algorithms.least_squares(X, y, queries)
    function = getattr(algorithms, name)
    with np.errstate(all="ignore"):
        inside = function(X, y, queries, **parameters, **{key: 0.99 * top})
        outside = function(X, y, queries, **parameters, **{key: 1.01 * top})
    assert np.abs(inside - target).max() < 1e-6
    assert not np.abs(outside - target).max() < 1


def test_what_is_chosen_can_be_typed_again() -> None:
    import constructions

    X = np.random.default_rng(4).standard_normal((9, 4))
    parameters, why = suit("newton", constructions.signature("newton"), {}, X)
    assert set(why) == {"d", "iterations", "alpha"}
    again, _ = suit("newton", constructions.signature("newton"), parameters, X)
    assert again == parameters


# -- rows in which a cell is missing ------------------------------------------------------------

GAPS = "a,b,y\n1,2,3\n2,,3\n3,1,4\nNA,1,2\n0,1,1\n2,5,\n1,1,2\n4,2,6\n2,3,5\n"
FULL = "a,b,y\n1,2,3\n3,1,4\n0,1,1\n1,1,2\n4,2,6\n2,3,5\n"


@pytest.mark.parametrize("numbers", ["float64", "rational"])
def test_rows_with_a_gap_are_left_out_and_the_others_keep_their_numbers(run, small, numbers):
    call = ("newton", "--target", "y", "--set", "iterations=3", "--numbers", numbers)
    table, whole = small(GAPS), small(FULL, "full.csv")
    gaps = run(*call, "--data", table, "--drop-incomplete", "--query", table)
    full = run(*call, "--data", whole, "--query", whole)
    assert gaps["left_out"] == {"examples": [2, 4, 6], "queries": [2, 4]}
    assert full["left_out"] == {"examples": [], "queries": []}
    assert [row["row"] for row in gaps["predictions"]] == [1, 3, 5, 6, 7, 8, 9]
    del gaps["predictions"][3]  # which lacks its target alone
    assert columns(gaps, "transformer")[0].tolist() == columns(full, "transformer")[0].tolist()
    held = run(*call, "--data", table, "--drop-incomplete")
    assert {row["row"] for row in held["predictions"]} <= {1, 3, 5, 7, 8, 9}
    at = {row["row"]: row["target"] for row in gaps["predictions"]}
    assert all(row["target"] == at[row["row"]] for row in held["predictions"])


def test_it_is_said_how_many_rows_are_left_out_of_which_file(small, capsys):
    query = small("b,a\n1,1\n,2\n3,1\n", "query.csv")
    call = ["run", "newton", "--data", small(GAPS), "--target", "y", "--drop-incomplete"]
    assert cli.main([*call, "--query", query]) == 0
    said = capsys.readouterr().out
    assert "left out   3 rows lack a cell in " in said and "small.csv: 2, 4, 6\n" in said
    assert "left out   1 row lacks a cell in " in said and "query.csv: 2\n" in said
    assert cli.main(call) == 0
    assert "examples   5 of the 6 complete rows" in capsys.readouterr().out
    assert cli.main(["run", "newton", "--data", small(FULL), "--target", "y"]) == 0
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        (GAPS, (), "row 4, column 'a' is NA; every cell must be a number; --features b,"),
        (GAPS, ("--features", "b"), "row 2, column 'b' is empty; every cell must be a number; --"),
        (GAPS, ("--features", "a"), "row 4, column 'a' is NA; every cell must be a number"),
        ("a,y\n,1\n2,\n", ("--drop-incomplete",), "has no complete row: in each a cell is missing"),
        (
            "a,y\n1,1\n,2\nx,3\n", ("--drop-incomplete",),
            "row 3, column 'a' has 'x', which is no number",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_refused_with_the_option_that_leaves_it_out(
    small, capsys, text, more, why
):
    assert cli.main(["run", "newton", "--data", small(text), "--target", "y", *more]) == 2
    err = capsys.readouterr().err
    assert why in err and err.count("\n") == 1
    assert ("; --drop-incomplete leaves such rows out" in err) == ("every cell" in why)


def test_a_column_that_is_not_used_may_have_gaps(run, small):
    made = run("newton", "--data", small(GAPS), "--target", "y", "--features", "b",
               "--drop-incomplete", "--set", "iterations=2")  # fmt: skip
    assert made["left_out"] == {"examples": [2, 6]}


# -- the closing lines --------------------------------------------------------------------------


def test_the_closing_lines_stand_one_below_the_other(small, capsys):
    for more in ((), ("--numbers", "rational"), ("--set", "iterations=1")):
        call = ["run", "newton", "--data", small(FULL), "--target", "y", *more]
        assert cli.main(call) == 0
        lines = capsys.readouterr().out.splitlines()
        closing = [re.fullmatch(r"(\S.*?\S)(  +)(\S.*)", one) for one in lines[-6:]]
        made = [one for one in closing if one and one[1].startswith(("transformer", "root"))]
        assert len(made) == 3 and len({one.start(3) for one in made}) == 1


# -- columns that depend on each other ----------------------------------------------------------


def dependent(small: Any, **columns: Any) -> str:
    """A table of these columns and a target."""
    rows = zip(*columns.values(), strict=True)
    body = "".join(f"{','.join(map(str, row))},{i % 5}\n" for i, row in enumerate(rows))
    return small(f"{','.join(columns)},y\n{body}")


INCH = [Decimal(i * i % 97) / 10 for i in range(1, 31)]
OTHER = [i * 7 % 11 for i in range(30)]


@pytest.mark.parametrize(
    ("columns", "more", "said"),
    [
        ({"inch": INCH, "cm": [x * Decimal("2.54") for x in INCH]}, (),
         "note       column 'cm' is 2.54 times 'inch'; --features can leave one of them out\n"),
        ({"inch": INCH, "more": [x * Decimal("2.5401") for x in INCH]}, (),
         "note       column 'more' is 2.5401 times 'inch'; "),
        ({"three": [3 * k + 3 for k in OTHER], "one": [k + 1 for k in OTHER]}, (),
         "note       column 'one' is 1/3 times 'three'; "),
        ({"inch": INCH, "cm": [round(x * Decimal("2.54"), 2) for x in INCH]}, (),
         "note       column 'cm' is nearly 2.54 times 'inch' (off by 0.000"),
        ({"a": INCH, "b": OTHER, "sum": [x - 2 * k for x, k in zip(INCH, OTHER)]}, (),
         "note       column 'sum' is 'a' - 2 'b'; "),
        ({"C": INCH, "k": OTHER, "F": [32 + x * Decimal("1.8") for x in INCH]}, ("--intercept",),
         "note       column 'F' is 1.8 times 'C' and a constant; "),
        ({"a": INCH, "none": [0] * 30}, (), "note       column 'none' is 0 in every example"),
        ({"a": INCH, "one": [7] * 30}, ("--intercept",),
         "note       column 'one' is one number in every example, as the intercept is"),
        ({"a": INCH, "time": [20261128110000 + i for i in range(30)]}, ("--intercept",),
         "note       column 'time' differs by only 1e-12 of its size: nearly one number, as the "),
        ({"id": [20261128110000 + i for i in range(30)], "k": [3] * 30, "a": INCH}, (),
         "note       column 'k' is nearly 1.481e-13 times 'id' (off by 4e-13 of it); "),
        ({"k": [3] * 30, "id": [123456789012345 + i for i in range(30)], "a": INCH}, (),
         "note       column 'id' is nearly 4.115e+13 times 'k' (off by "),
        ({"a": INCH, "b": OTHER, "sum": [float(x) / 3 + k / 7 for x, k in zip(INCH, OTHER)]}, (),
         "note       column 'sum' is, within rounding, 0.3333 'a' + 0.1429 'b'; "),
    ],
)  # fmt: skip
def test_columns_that_depend_on_each_other_are_named(small, capsys, columns, more, said):
    call = ["run", "newton", "--data", dependent(small, **columns), "--target", "y", *more]
    assert cli.main(call) == 0
    out = capsys.readouterr().out
    assert said in out and out.count("note  ") == 1


def test_of_columns_that_do_not_depend_on_each_other_nothing_is_said(small, capsys):
    near = [x * Decimal("2.54") + k for x, k in zip(INCH, OTHER)]
    for columns in ({"a": INCH, "b": near}, {"a": INCH, "far": [x * x * 10**6 for x in INCH]}):
        assert (
            cli.main(["run", "newton", "--data", dependent(small, **columns), "--target", "y"]) == 0
        )
        assert "note  " not in capsys.readouterr().out
    wide = small("a,b,c,d,y\n1,2,3,4,1\n2,0,1,4,2\n1,1,2,0,3\n")
    assert cli.main(["run", "newton", "--data", wide, "--target", "y"]) == 0
    assert "note  " not in capsys.readouterr().out  # of fewer examples than columns they always do


def of_columns(X: np.ndarray) -> list[str]:
    from verify.tables.dependent import dependent
    from verify.tables.problem import Problem

    names = tuple(f"c{j}" for j in range(X.shape[1]))
    return list(dependent(Problem(X, X[:, 0], X[:1], (1,), None, (), names=names)))


def test_many_columns_that_depend_cost_few_fractions(monkeypatch):
    """Decimals are compared as whole numbers, of any number of rows; others in fractions, as many
    as may be."""
    from verify.tables import dependent as module

    made: list[Any] = []
    honest = module._fraction
    monkeypatch.setattr(module, "_fraction", lambda value: made.append(value) or honest(value))
    rng = np.random.default_rng(0)
    free = rng.integers(-9999, 9999, (20000, 4))
    sums = free @ np.array([[1, 0, 2], [0, 1, -1], [0, 1, 0], [1, 0, 3]])
    said = of_columns(np.column_stack([free / 100, sums / 100]))
    assert [one.partition("; ")[0].removeprefix("note       ") for one in said] == [
        "column 'c4' is 'c0' + 'c3'",
        "column 'c5' is 'c1' + 'c2'",
        "column 'c6' is 2 'c0' - 'c1' + 3 'c3'",
    ]
    assert made == []
    free = rng.standard_normal((9000, 4))
    said = of_columns(np.column_stack([free, free + free[:, [1, 2, 3, 0]]]))
    assert len(said) == 4 and all("is, within rounding, " in one for one in said)
    assert 0 < len(made) <= module.FRACTIONS


def test_of_many_columns_few_least_squares_are_taken(monkeypatch):
    from verify.tables import dependent as module

    taken: list[int] = []
    honest = module._left
    monkeypatch.setattr(
        module, "_left", lambda columns, j, used: taken.append(j) or honest(columns, j, used)
    )
    free = np.random.default_rng(0).integers(-99, 99, (64, 16)).astype(float)
    said = of_columns(np.column_stack([free, free[:, ::-1], free[:, :1] - 2 * free[:, 1:]]))
    assert said[0].startswith("note       column 'c16' is 'c15'; ")
    assert said[16].startswith("note       column 'c32' is 'c0' - 2 'c1'; ")
    assert len(said) == 31 and len(taken) <= 2 * 47


def test_where_every_step_size_converges_no_infinite_bound_is_printed(small, capsys):
    call = ["run", "newton", "--data", small("a,y\n0,2\n0,3\n0,4\n0,1\n"), "--target", "y"]
    assert cli.main(call) == 0
    out = capsys.readouterr().out
    assert "alpha = 1: any converges, for X is 0" in out and "inf" not in out


@pytest.mark.parametrize("size", [80, 140, 160, 300])
def test_what_is_advised_of_columns_beyond_floats_helps(small, capsys, size):
    table = small(f"a,y\n1e{size},2\n2e{size},3\n1,4\n3e{size},1\n")
    call = ["run", "newton", "--data", table, "--target", "y"]
    assert cli.main(call) == 2
    advice = capsys.readouterr().err.partition("in other units, or ")[2].split()
    assert cli.main([*call, *advice]) == 0


def test_what_rounding_may_have_done_is_said_once(small, capsys, monkeypatch):
    from verify.tables import compare

    honest, moved = compare.run, "newton: rounding in float64 may have moved a prediction by 1e+78"
    call = ["run", "newton", "--data", small(FULL), "--target", "y"]
    for bound, times in ((1e78, 0), (1e-6, 1)):
        monkeypatch.setattr(
            compare,
            "run",
            lambda *given, b=bound: replace(honest(*given), explained=b, rounding=(moved,)),
        )
        assert cli.main(call) == 0
        out = capsys.readouterr().out
        assert out.count("decides nothing (--numbers rational or ball can tell)") == 1 - times
        assert out.count(moved) == times


# -- numbers of any length, and too few bits -----------------------------------------------------

LONG = "a,b,y\n1,2,3\n2,3,4\n3,4,5\n4,5,6\n5,7,7\n6,1,8\n"  # newton's fractions grow


def test_fractions_of_any_length_are_written(run, small, tmp_path):
    call = ("newton", "--data", small(LONG), "--target", "y", "--numbers", "rational")
    (row,) = run(*call)["predictions"]
    assert cli.main(["run", *call, "-o", str(tmp_path / "o.csv")]) == 0
    with (tmp_path / "o.csv").open() as file:
        (written,) = csv.DictReader(file)
    assert written["transformer"] == row["transformer"] == row["algorithm"]
    above, below = (Decimal(part) for part in row["transformer"].split("/"))
    assert min(map(len, row["transformer"].split("/"))) > 4300
    assert float(above / below) == pytest.approx(6.1905626, abs=1e-7)


def test_an_enclosure_wider_than_the_prediction_decides_nothing(run, small, capsys):
    call = ["newton", "--data", small(LONG), "--target", "y", "--numbers"]
    (said,) = run(*call, "ball:8")["warnings"]
    assert "more than the prediction itself, which decides nothing" in said
    (bits,) = re.findall(r"; --numbers (ball:\d+) has bits enough$", said)
    for enough in (bits, "ball"):
        made = run(*call, enough)
        assert made["warnings"] == []
        assert made["rounding_bound"] < abs(made["predictions"][0]["transformer"])
    half = f"ball:{int(bits.removeprefix('ball:')) // 2}"
    assert "which decides nothing" in run(*call, half)["warnings"][0]


# -- queries whose target is not known ------------------------------------------------------------


@pytest.mark.parametrize("numbers", ["float64", "rational"])
@pytest.mark.parametrize("more", [(), ("--drop-incomplete",)])
def test_a_row_that_lacks_only_its_target_is_predicted(run, small, capsys, tmp_path, numbers, more):
    full, lacking = "a,b,y\n1,2,3\n2,1,4\n3,1,5\n", "a,b,y\n1,2,3\n2,1,\n3,1,5\n"
    gap = "1,,9\n" if more else ""
    call = ["newton", "--data", small(FULL), "--target", "y", "--numbers", numbers, *more]
    call += ["--set", "iterations=3", "--query"]
    whole = run(*call, small(full, "whole.csv"))
    query = small(lacking + gap, "query.csv")
    part = run(*call, query)
    assert part["left_out"]["queries"] == ([4] if more else [])
    without = [row | {"target": None} if row["row"] == 2 else row for row in whole["predictions"]]
    assert part["predictions"] == without
    assert cli.main(["run", *call, query, "-o", str(tmp_path / "o.csv")]) == 0
    said = capsys.readouterr().out
    assert "query.csv; 1 of them without a target" in said and "nan" not in said
    errors = [row["transformer"] for row in without if row["target"] is not None]
    known = np.array([float(Fraction(one)) for one in errors]) - [3, 5]
    assert f"transformer {np.sqrt(np.mean(known**2)):.4g}," in said
    with (tmp_path / "o.csv").open() as file:
        assert [row["target"] for row in csv.DictReader(file)] == ["3.0", "", "5.0"]
