"""Every bad input ends with exit status 2 and one line that names the value and what is right."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.parameters import Number, Numbers, Rows
from verify.command import cli
from verify.command.trace import prompt
from verify.page.pages import html_of

HUGE = str(10**30)
GOOD = "a,b,t\n1,2,3\n4,5,6\n7,8,1\n2,1,0\n"

TABLES = {
    "empty": ("", "is empty"),
    "header only": ("a,b,t\n", "no rows"),
    "no header": ("1,2,3\n4,5,6\n", "column names"),
    "text": (
        "a,b,t\n1,2,3\n4,male,6\n",
        "has 'male', which is no number; --features a,… names the columns",
    ),
    "decimal commas": ("a;b;t\n1,5;2;3\n", "separated by commas; or --separator ';'"),
    "nearly the target": ("a,b,T\n1,2,3\n", "no column 't'; it has a, b, T; did you mean T?"),
    "gap": ("a,b,t\n1,,3\n4,5,6\n", "row 1, column 'b' is empty"),
    "not a number": ("a,b,t\n1,nan,3\n", "row 1, column 'b' is nan"),
    "infinite": ("a,b,t\n1,-inf,3\n", "'-inf', which is not finite"),
    "too large": ("a,b,t\n1,1e999,3\n", "'1e999', which is not finite"),
    "short row": ("a,b,t\n1,2,3\n4,5\n", "row 2, column 't' is empty"),
    "a row to predict": ("a,t\n1,3\n4,\n", "rows to predict: --query FILE"),
    "long row": ("a,b,t\n1,2,3\n4,5,6,7\n", "Expected 3 fields in line 3, saw 4"),
    "duplicate columns": ("a,a,t\n1,2,3\n", "two columns named 'a'"),
    "nameless column": ("a,,t\n1,2,3\n", "column 2 has no name"),
    "semicolons": ("a;b;t\n1;2;3\n", "separated by commas"),
    "missing target": ("a,b,c\n1,2,3\n", "no column 't'; it has a, b, c"),
    "only the target": ("t\n1\n2\n", "no column but the target"),
    "one row": ("a,b,t\n1,2,3\n", "too few to hold some out"),
}


@pytest.fixture
def refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Calls the command, expects status 2 and one line with `words`, and nothing else."""

    def call(words: str, *arguments: str) -> None:
        before = sorted(os.listdir(tmp_path))
        capsys.readouterr()
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        assert (status, out) == (2, ""), (out, err)
        assert err.startswith("witness: ") and err.count("\n") == 1, err
        assert words in err
        assert sorted(os.listdir(tmp_path)) == before  # nothing half-written is left behind

    return call


@pytest.fixture
def table(tmp_path: Path) -> Any:
    def write(text: str | bytes, name: str = "data.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


# -- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TABLES)
def test_a_bad_table_is_refused(kind: str, refuses: Any, table: Any) -> None:
    text, words = TABLES[kind]
    refuses(words, "run", "newton", "--data", table(text), "--target", "t")


def test_a_file_that_is_no_text_is_refused(refuses: Any, table: Any) -> None:
    refuses("not UTF-8", "run", "newton", "--data", table(b"\xff\xfe\x00\x01"), "--target", "t")


def test_a_file_that_is_not_there_is_refused(refuses: Any, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.csv")
    refuses("No such file", "run", "newton", "--data", missing, "--target", "t")
    refuses("Is a directory", "run", "newton", "--data", str(tmp_path), "--target", "t")


def test_queries_must_have_the_columns_of_the_data(refuses: Any, table: Any) -> None:
    data = table(GOOD)
    call = ("run", "newton", "--data", data, "--target", "t", "--query")
    refuses("no column 'b', which the data has", *call, table("a,t\n1,2\n", "q.csv"))
    refuses("has a column 'z' that the data does not", *call, table("a,b,z\n1,2,3\n", "r.csv"))
    refuses("row 1, column 'a' has 'x'", *call, table("a,b\nx,2\n", "s.csv"))
    partly = table("a,b,t\n1,2,3\n4,5,\n", "t.csv")
    assert cli.main((*call, partly)) == 0  # where a target is empty, the truth is not known
    empty = table("a,b,t\n1,,\n", "u.csv")
    refuses("row 1, column 'b' is empty", *call, empty)


def test_a_decimal_comma_is_named(refuses: Any, table: Any) -> None:
    data = table("a;t\n171,26;3\n4;5\n")
    call = ("run", "newton", "--data", data, "--target", "t", "--separator", ";")
    refuses("'171,26', which is no number; --decimal , if", *call)


FLATS = """\ufeff;Ort;Fläche (m²);Zimmer;Preis (€)
0;Köln;96,54;4;213979,15
1;Bonn;153,32;2;261104,01
2;Köln;;2;240383,16
3;Bonn;61,62;1;190000,5
4;Bonn;70,5;3;
5;Bonn;80,25;2;150000
"""
MESSY = {  # a table, the options of the call, and what the call that is offered has of its own
    "all at once": (FLATS, ("--target", "Preis"), "--target 'Preis (€)' --features "
                    "'Fläche (m²),Zimmer' --separator ';' --decimal , --index --drop-incomplete"),
    "text": ("a,b,t\n1,2,3\n4,male,6\n2,1,1\n", ("--target", "t"), "--features a"),
    "a comma in a name": ('"a, b",c,t\n1,x,3\n4,y,6\n2,z,1\n', ("--target", "t"),
                          """--features '"a, b"'"""),
    "a comma in the header": ("m, x;t\n1;2\n3;4\n5;7\n", ("--target", "t"), "--separator ';'"),
    "tabs": ("a\tb\tt\n1\t2\t3\n2\t1\t3\n0\t1\t1\n", ("--target", "t"), "--separator tab"),
    "two blanks in a name": ("a  b;t\n1;2\n3;4\n5;7\n", ("--target", "t", "--features", "a  B"),
                             "--features 'a  b' --separator ';'"),
    "a name that is nearly one": ("a,b,T\n1,2,3\n2,1,3\n0,1,1\n",
                                  ("--target", "t", "--features", "B"), "--target T --features b"),
    "other options": ("a;t\n1;3\n2;5\n0;1\n", ("--target", "t", "--no-standardise", "--set",
                                                "iterations=2"),
                      "--separator ';' --set iterations=2 --no-standardise"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MESSY)
def test_the_call_that_reads_a_table_is_offered_and_reads_it(
    kind: str, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text, options, own = MESSY[kind]
    assert cli.main(["run", "newton", "--data", table(text), *options]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and own in said
    call = shlex.split(said.partition(": witness run ")[2])
    assert cli.main(["run", *call]) == 0


def test_white_space_in_the_name_of_a_file_is_in_the_call_that_is_offered(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table("a;t\n1;3\n2;5\n0;1\n", "my  file.csv")
    assert cli.main(["run", "newton", "--data", path, "--target", "t"]) == 2
    said = capsys.readouterr().err
    assert shlex.split(said.partition(": witness run ")[2])[2] == path


def test_what_a_line_cannot_show_is_escaped_in_the_call_that_is_offered(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table("a;t\n1;3\n2;5\n0;1\n", "my\tfile's.csv")
    assert cli.main(["run", "newton", "--data", path, "--target", "t"]) == 2
    said = capsys.readouterr().err.partition(": witness run ")[2]
    assert "\t" not in said and said.count("\n") == 1
    if bash := shutil.which("bash"):
        shown = subprocess.run(
            [bash, "-c", f"printf '%s\\n' {said}"], capture_output=True, text=True
        )
        assert path in shown.stdout.splitlines()


def test_no_call_is_offered_that_would_be_refused(refuses: Any, table: Any, capsys: Any) -> None:
    for text in ("a,t\n1,x\n2,y\n", "a,t\n1,inf\n", "b,t\nx,1\ny,2\n", "t\n1\n2\n"):
        cli.main(["run", "newton", "--data", table(text), "--target", "t"])
        assert "this reads it" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "written"),
    [("a;t\n1.234,5;3\n", ("--separator", ";", "--decimal", ","), "1234,5"),
     ("a;t\n1,234,567.5;3\n", ("--separator", ";"), "1234567.5")],
)  # fmt: skip
def test_a_sign_between_thousands_is_named(
    text: str, options: tuple[str, ...], written: str, refuses: Any, table: Any
) -> None:
    call = ("run", "newton", "--data", table(text), "--target", "t", *options)
    refuses(f"no sign stands between thousands: write {written}", *call)


def test_what_is_not_there_is_refused_before_torch_is_loaded(table: Any, tmp_path: Path) -> None:
    data, missing = table("a,t\n1,3\n2,5\n0,1\n"), str(tmp_path / "missing.csv")
    calls = [("newton", missing, "t"), ("nwton", data, "t"), ("newton", data, "u")]
    said = f"""import sys
from verify.command import cli
for name, data, target in {calls!r}:
    assert cli.main(["run", name, "--data", data, "--target", target]) == 2
    assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", said], check=True)


STATE = """{"witness": "newton", "parameters": {"d": 1, "iterations": 1, "alpha": 0.5}, "X": [[1]],
            "y": [1], "queries": [[1]]"""


def test_a_table_needs_a_target(refuses: Any, table: Any) -> None:
    refuses("--target is missing", "run", "newton", "--data", table(GOOD))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "is no saved state"),
        ('{"witness": "newton"}', "must have witness, parameters, X, y, queries"),
        ('{"witness": "newton", "parameters": {}, "X": [], "y": [1], "queries": [[1]]}', "X: "),
        ('{"witness": "newton", "parameters": {}, "X": [[1], [1, 2]], "y": [1, 2], '
         '"queries": [[1]]}', "rows differ"),
        ('{"witness": "newton", "parameters": {}, "X": [["a"]], "y": [1], "queries": [[1]]}',
         "'a' is no finite number"),
        ('{"witness": "newton", "parameters": {}, "X": [[1]], "y": [1, 2], "queries": [[1]]}',
         "X has 1 rows, y 2"),
        ('{"witness": "newton", "parameters": {"depth": 1}, "X": [[1]], "y": [1], '
         '"queries": [[1]]}', "no parameter 'depth'"),
        ('{"witness": "lasso", "parameters": {}, "X": [[1]], "y": [1], "queries": [[1]]}',
         "state of lasso"),
        (STATE + ', "edits": {"layers.9.mlp.outer.0": 1}}', "no weight 'layers.9.mlp"),
        (STATE + ', "edits": {"embedding.7": 1}}', "no weight 'embedding.7'"),
        (STATE + ', "edits": {"embedding.0": "x"}}', "embedding.0: 'x' is no"),
        (STATE + ', "edits": [1]}', "edits an object"),
        (STATE + ', "variant": "printed"}', "newton has no printed variant"),
    ],
)  # fmt: skip
def test_a_bad_saved_state_is_refused(text: str, words: str, refuses: Any, table: Any) -> None:
    refuses(words, "run", "newton", "--data", table(text, "state.json"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("#data=1e9,1,1", "n=1e9 of the address must be a whole number, 1 to 32"),
        ("#data=3,nan,1", "'nan' is no finite number"),
        ("#data=3,1,-1", "seed=-1 of the address"),
        ("#data=counterexample7", "is no prompt: it is n,condition,seed"),
        ("#alpha=NaN", "alpha of newton must be"),
        ("#d=x&data=3,1,1", "d=x of the address is not on offer: 1, 2, 3, 4"),
        ("#layer=2&alhpa=1/50", "has no 'alhpa': did you mean alpha?"),
        ("#__proto__=3", "has no '__proto__'"),
        ("#layer=2&first", "'first' of the address is no name=value"),
        ("#layer=3&set=x9.1:2", "set=x9.1:2 of the address: there is no such number"),
        ("#set=x0.1:2", "there is no such number"),
        ("#set=y1.1:2", "there is no such number"),
        ("#set=y1:1/0", "'1/0' is no finite number"),
        ("#X=1,2;3&y=1,2&q=1,2", "rows differ"),
        ("#side=1", "side=1 of the address"),
        ("#w=__proto__:1", "no weight '__proto__'"),
        ("newton.html", "is a page: give its address, with all after #"),
        ("missing.html#d=2", "missing.html: cannot be read"),
        ("https://example.org/newton.html#d=2", "nothing is fetched"),
    ],
)
def test_a_bad_address_of_a_page_is_refused(address: str, words: str, refuses: Any) -> None:
    refuses(words, "run", "newton", "--data", address)


def test_several_values_of_an_axis_are_written_with_bars(refuses: Any, tmp_path: Path) -> None:
    output = str(tmp_path / "swept.jsonl")
    words = "--set d=1,2,3: write several values as 1|2|3"
    refuses(words, "sweep", "newton", "-o", output, "--set", "d=1,2,3")


# -- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("newton", "d=-3", "d must be at least 1, not -3"),
        ("newton", "d=2.5", "d of newton must be a whole number, not '2.5'"),
        ("newton", "alpha=x", "alpha of newton must be a number"),
        ("newton", "alpha=inf", "alpha of newton must be a number"),
        ("newton", "alpha=1/0", "alpha of newton must be a number"),
        ("newton", "alpha=1e9999999", "alpha of newton must be a number"),
        ("newton", "attention=soft", "must be linear or relu, not 'soft'"),
        ("newton", "alpa=1", "no parameter 'alpa'; newton takes d, iterations, alpha"),
        ("newton", "d", "write it as name=value"),
        ("newton", "d=", "write it as name=value"),
        ("gradient_descent", "w0=1,a", "w0 of gradient_descent must be numbers separated"),
    ],
)
def test_a_bad_parameter_is_refused(name: str, setting: str, words: str, refuses: Any) -> None:
    refuses(words, "show", name, "--set", setting)
    refuses(words, "trace", name, "--set", setting)


def test_a_parameter_given_twice_is_refused(refuses: Any) -> None:
    refuses("--set d is given twice", "show", "newton", "--set", "d=1", "--set", "d=2")


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("newton", "alpha=5", "it must be below 2 / |X^T X|^2 = "),
        ("newton", "d=3", "d is 3, but the data has 2 columns"),
        ("gradient_descent", "step_size=1", "it must be below 1 / (|X^T X| + ridge) = "),
        ("sherman_morrison", "ridge=0", "ridge must be greater than 0"),
        ("sherman_morrison", "examples=9", "examples is 9, but the data has 3 examples"),
    ],
)
def test_parameters_that_do_not_suit_the_data_are_refused(
    name: str, setting: str, words: str, refuses: Any, table: Any
) -> None:
    refuses(words, "run", name, "--data", table(GOOD), "--target", "t", "--set", setting)


def test_at_the_limit_of_convergence_a_step_size_is_refused(refuses: Any, table: Any) -> None:
    # S = 4 here, so gradient descent needs step_size < 1/4 and newton alpha < 1/8
    data = table("a,t\n2,1\n2,1\n", "q.csv")
    call = ("--data", table("a,t\n2,1\n", "d.csv"), "--target", "t", "--query", data, "--set")
    refuses("outside the region", "run", "gradient_descent", *call, "step_size=1/4")
    refuses("outside the region", "run", "newton", *call, "alpha=1/8")
    assert cli.main(["run", "gradient_descent", *call, "step_size=0.2499"]) == 0
    assert cli.main(["run", "newton", *call, "alpha=0.1249"]) == 0


# -- names, options, number systems -----------------------------------------------------------


OUTSIDE = {
    "a label": ("logistic", {"d": 1, "steps": 2, "step_size": "1/8"}, [[1], [2]], [0, 2], [[1]],
                "logistic takes targets from 0 to 1, and "),
    "an x": ("spline_regression", {"d": 1, "basis": 4, "layers": 2, "alpha": "1/4"},
             [[0], ["5/4"]], [0, 2], [[1]], "spline_regression takes x from 0 to 1, and "),
    "a query": ("spline_regression", {"d": 1, "basis": 4, "layers": 2, "alpha": "1/4"},
                [[0], [1]], [0, 2], [["-1/4"]], "spline_regression takes x from 0 to 1, and "),
}  # fmt: skip


@pytest.mark.parametrize("numbers", ["float64", "bfloat16", "rational", "ball"])
@pytest.mark.parametrize("what", OUTSIDE)
def test_a_prompt_that_is_none_of_the_algorithms_is_refused(
    what: str, numbers: str, refuses: Any, table: Any
) -> None:
    name, parameters, X, y, queries, words = OUTSIDE[what]
    state = {"witness": name, "parameters": parameters, "X": X, "y": y, "queries": queries}
    path = table(json.dumps(state), "state.json")
    refuses(words, "run", name, "--data", path, "--numbers", numbers)
    kinds = constructions.get(name).parameters
    witness = constructions.build(name, **{k: kinds[k].read(str(v)) for k, v in parameters.items()})
    prompt = [np.vectorize(Fraction, otypes=[object])(part) for part in (X, y, queries)]
    for run in (witness.predict, witness.trace):
        with pytest.raises(ValueError, match=words):
            run(*prompt, numbers=numbers)
    inside = [abs(part) / 2 for part in prompt]
    assert len(witness.predict(*inside, numbers=numbers)) == 1


@pytest.mark.parametrize("name", ["logistic", "spline_regression"])
def test_prompts_that_are_drawn_are_the_algorithms(name: str) -> None:
    made = constructions.get(name)
    witness = constructions.build(name, **{k: kind.small for k, kind in made.parameters.items()})
    for seed in range(5):
        witness.predict(*prompt(witness, made, 4, 2, seed), numbers="rational")
    html_of(name, {"d": 1})


@pytest.mark.parametrize("command", ["show", "trace"])
def test_an_unknown_name_is_refused_with_the_closest_one(command: str, refuses: Any) -> None:
    refuses("did you mean newton?", command, "newtn")


def test_an_unknown_claim_is_refused(refuses: Any) -> None:
    refuses("unknown claim 'fu2023.eq99'", "check", "fu2023.eq99")
    refuses("newton has no printed variant; it has improved", "check", "newton", "--as", "printed")


def test_a_number_system_that_is_unknown_or_cannot_run_it_is_refused(
    refuses: Any, table: Any
) -> None:
    call = ("run", "newton", "--data", table(GOOD), "--target", "t", "--numbers")
    refuses("--numbers takes float64, ", *call, "float8")
    refuses("balls have from 2 to 1048576 bits, as in ball:512", *call, "ball:")
    refuses("unknown number system 'float8'", "trace", "newton", "--numbers", "float8")
    name = "akyurek2022_theorem1"  # softmax and GeLU have no exact values
    refuses("rational numbers have no", "trace", name, "--numbers", "rational")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("frob",), "No such command"),
        (("show",), "Missing argument"),
        (("check", "--frob"), "No such option: --frob"),
        (("check", "--seed", "x"), "--seed"),
        (("check", "newton", "--seed", "-1"), "--seed must be between"),
        (("check", "newton", "--as", "better"), "--as takes printed"),
        (("check", "newton", "--kernel", "lean"), "--kernel takes coq, not 'lean'"),
        (("prove", "--steps", "html"), "--steps takes latex or markdown"),
        (("prove", "nothing"), "no theorem is named 'nothing'"),
        (("explain", "newton", "--all"), "takes one NAME, or --all"),
        (("explain", "--all", "--set", "d=2"), "--set is for the page of one NAME"),
        (("replay", "missing.json"), "missing.json: no report can be read from it"),
        (("replay", "missing.json", "--workers", "-1"), "--workers must be 0 or more, not -1"),
        (("sweep", "newton"), "Missing option"),
        (("sweep", "newton", "-o", "x.jsonl", "--workers", "0"), "--workers must be at least 1"),
        (("trace", "newton", "--n", "0"), "--n must be at least 1"),
        (("show", "fu2023.eq38"), "is a statement without a transformer"),
        *(
            ((*call, HUGE), f"must be at most 1000000, not {HUGE}")
            for call in (("trace", "newton", "--n"),)
        ),
        *(
            (
                ("train", "gpt", "-o", "x.safetensors", f"--{name}", given),
                f"{name} must be a whole number from {least} to {most}, not {given}",
            )
            for name, given, least, most in (
                ("d", HUGE, 1, 100),
                ("steps", HUGE, 0, 10**6),
                ("layers", "99", 1, 24),
                ("width", "4000", 1, 1024),
            )
        ),
        (("measure", "newton", "--d", "100", "--n", "51"), "would take hours: --d times --n is at"),
        (("measure", "newton", "--prompts", HUGE), f"--prompts must be at most 10000, not {HUGE}"),
        (("measure", "newton", "--d", HUGE), f"--d must be at most 100, not {HUGE}"),
        (("measure", "newton", "--n", HUGE), f"--n must be at most 1000, not {HUGE}"),
        (("show", "newton", "--set", f"d={HUGE}"), f"d must be at most 1000000, not {HUGE}"),
        *(
            ((*call, "--set", f"{key}=1000000"), f"{key} must be at most {most} here, not 1000000")
            for call, key, most in (
                (("show", "newton"), "iterations", 10_000),
                (("show", "newton", "--matrices"), "d", 200),
                (("trace", "gradient_descent"), "steps", 1000),
                (("trace", "newton"), "d", 100),
                (("explain", "newton", "--no-open"), "iterations", 500),
                (("explain", "newton", "--no-open"), "d", 100),
                (("export", "newton", "--to", "onnx", "-o", "x"), "iterations", 200),
                (("export", "newton", "--to", "gpt2", "-o", "x"), "d", 1000),
            )
        ),
        (("sweep", "newton", "-o", "x.jsonl", "--set", f"d={HUGE}"), "d must be at most 1000000"),
        (("show", "newton", "--set", "alpha=1e99999999"), "alpha of newton must be a number"),
        (("show", "newton", "--set", "alpha=9**9**9"), "alpha of newton must be a number"),
        (
            ("export", "newton", "--to", "gpt2", "-o", "x", "--y", "1e99999999"),
            "--y is a number above 0",
        ),
        (("check", "newton", "--workers", HUGE), "--workers must be at most 1024"),
        (("bench", "--soundness", HUGE), "--soundness must be at most 100000000"),
    ],
)
def test_a_wrong_call_is_refused(arguments: tuple[str, ...], words: str, refuses: Any) -> None:
    refuses(words, *arguments)


# -- claim files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "registers no claim"),
        ("def f(:\n", "line 1: invalid syntax"),
        ("import nothing_like_it\n", "file.py, line 1: ModuleNotFoundError"),
        ("\n\nraise KeyError('a')\n", "file.py, line 3: KeyError: 'a'"),
        ("def f():\n    return 1 / 0\n\nf()\n", "file.py, line 2: ZeroDivisionError: division"),
        ("import json\n\njson.loads('{')\n", "file.py, line 3: JSONDecodeError: "),
        ("import sys\nsys.exit(3)\n", "file.py, line 2: SystemExit: 3"),
        ("from verify import claim\n\n@claim('a', expected='yes')\ndef a(): return ()\n",
         "file.py, line 3: ValueError: a: expected must be one of"),
        ("from verify import claim\n@claim('b')\ndef b(): return ()\n"
         "@claim('b')\ndef c(): return ()\n", "file.py, line 4: ValueError: claim b (printed)"),
        *((source, "file.py") for source in (
            b"", b"\x00\xff", b"\xff\xfe", b"(" * 5000, b"raise SystemExit(0)",
            b"import sys; sys.exit('a\\nb')", b"raise ValueError('two\\nlines')",
            b"from verify import claim\n@claim('')\ndef f(): return ()",
            b"# -*- coding: none -*-\n", b"def f(): return f()\nf()",
        )),
    ],
)  # fmt: skip
def test_a_file_that_is_no_claim_is_refused(
    text: str | bytes, words: str, refuses: Any, table: Any
) -> None:
    refuses(words, "check", table(text, "file.py"))


def test_a_file_that_changes_while_it_is_checked_is_refused(
    refuses: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verify import pool

    text = "from verify import claim\n@claim('b')\ndef b(): return ()\n"
    path = table(text, "file.py")
    run = pool.reports

    def changing(*arguments: Any) -> Any:
        Path(path).write_text(text + "\n")
        return run(*arguments)

    monkeypatch.setattr(pool, "reports", changing)
    refuses("changed while it was being checked", "check", path)


def test_other_files_are_no_claims(refuses: Any, table: Any, tmp_path: Path) -> None:
    refuses("no such file", "check", str(tmp_path / "missing.py"))
    refuses("a file of claims ends in .py", "check", table(GOOD))


# -- outputs ----------------------------------------------------------------------------------


def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    refuses: Any, table: Any, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "missing" / "out.json")
    refuses("there is no folder", "check", "newton", "--json", nowhere)
    refuses("it is a folder", "check", "newton", "--json", str(tmp_path))
    call = ("run", "newton", "--data", table(GOOD), "--target", "t")
    refuses("there is no folder", *call, "-o", nowhere)
    refuses("only one of", *call, "-o", "-", "--json", "-")


def test_no_output_replaces_another_or_what_is_read(
    refuses: Any, table: Any, tmp_path: Path
) -> None:
    data, claims = table(GOOD), table("from verify import claim\n", "mine.py")
    query = table("a,b\n1,2\n", "query.csv")
    out, link = str(tmp_path / "out"), tmp_path / "link"
    link.symlink_to(data)
    call = ("run", "newton", "--data", data, "--target", "t")
    refuses("--json and -o would both write", *call, "-o", out, "--json", f"{tmp_path}/./out")
    for path in (data, str(link)):
        refuses(f"-o would replace {path}, which is read", *call, "-o", path)
        refuses(f"--json would replace {path}", *call, "--json", path)
    refuses(f"-o would replace {query}", *call, "--query", query, "-o", query)
    refuses("--json and --html would both", "check", "newton", "--json", out, "--html", out)
    refuses("--html and --markdown", "check", "newton", "--html", out, "--markdown", out)
    refuses(f"--json would replace {claims}", "check", f"{claims}:a", "--json", claims)
    refuses(f"--json would replace {claims}", "prove", claims, "--json", claims)
    refuses(f"-o would replace {claims}", "sweep", f"{claims}:a", "-o", claims)
    refuses(f"--html would replace {claims}", "measure", f"{claims}:f", "--html", claims)
    refuses("--json and --html would", "measure", "newton", "--json", out, "--html", out)
    refuses("--json and --plot would", "bench", "--json", out, "--plot", out)


def test_what_goes_nowhere_may_go_there_twice(table: Any) -> None:
    call = ("run", "newton", "--data", table(GOOD), "--target", "t")
    assert cli.main([*call, "-o", "/dev/null", "--json", "/dev/null"]) == 0


def test_what_was_there_stays_when_a_run_fails(table: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("before")
    bad = table("a,t\nx,1\n")
    status = cli.main(["run", "newton", "--data", bad, "--target", "t", "--json", str(out)])
    assert status == 2 and out.read_text() == "before"


def test_a_write_that_breaks_off_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verify.inputs import files
    from verify.inputs.errors import WrongCall

    path = tmp_path / "report.json"
    files.write(path, "before")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WrongCall, match="No space left"):
        files.write(path, "after")
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["report.json"]


# -- numbers that floats do not hold --------------------------------------------------------------


def taken_as_numbers() -> list[tuple[str, str, str]]:
    """(construction, parameter, "{0},{0}" or "{0}"): every parameter of numbers."""
    return [
        (name, key, "{0},0;0,{0}" if isinstance(taken, Rows) else "{0}")
        for name in constructions.names()
        for key, taken in constructions.get(name).parameters.items()
        if isinstance(taken, (Number, Numbers, Rows))
    ]


@pytest.mark.parametrize(("name", "key", "written"), taken_as_numbers())
def test_a_number_that_float64_does_not_hold_is_refused_by_every_command(
    name: str, key: str, written: str, table: Any, refuses: Any
) -> None:
    for value in ("1e320", "1e400", "-1e500", "1e-400"):
        setting = f"{key}={written.format(value)}"
        for command in (["show", name], ["trace", name]):
            refuses("float64 holds", *command, "--set", setting)
        if not getattr(constructions.get(name), "other_prompts", ""):
            refuses(
                "float64 holds",
                "run",
                name,
                "--data",
                table(GOOD),
                "--target",
                "t",
                "--set",
                setting,
            )


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("gd_plus_plus", "gamma=1e300"),
        ("gd_plus_plus", "step_size=1e160"),
        ("chebyshev", "lowest=1e300"),
        ("gradient_descent", "step_size=-1e300"),
        ("gradient_descent", "w0=1e300,1e300"),
        ("functional_descent", "rate=-1e300"),
        ("kernel_regression", "step_size=1e160"),
    ],
)
def test_what_leaves_floats_on_the_way_is_refused_without_a_word_of_numpys(
    name: str, setting: str, table: Any, refuses: Any
) -> None:
    refuses(name, "run", name, "--data", table(GOOD), "--target", "t", "--set", setting)


def test_a_singular_system_in_floats_is_refused(table: Any, refuses: Any) -> None:
    twice = "a,b,t\n1,1,3\n2,2,6\n3,3,1\n4,4,2\n"
    run = ("run", "bayes_ridge", "--data", table(twice), "--target", "t")
    refuses("bayes_ridge: float64 does not hold", *run, "--set", "prior=1e300")


@pytest.mark.parametrize("name", ["newton", "sherman_morrison", "kernel_regression", "lasso"])
def test_a_table_of_values_at_the_end_of_floats_gives_no_nan(
    name: str, table: Any, refuses: Any
) -> None:
    run = ("run", name, "--target", "t")
    large = "a,t\n1e308,1e308\n2e307,3\n1,2\n4,5\n"
    refuses("float64 does not hold what is computed of such", *run, "--data", table(large))


def test_a_head_whose_scores_float64_does_not_hold_is_not_exported(
    refuses: Any, tmp_path: Path
) -> None:
    folder = str(tmp_path / "g")
    to = ("--to", "gpt2", "-o", folder)
    refuses("newton: scores of up to inf", "export", "newton", *to, "--set", "iterations=20")
    refuses("no bound is finite", "export", "newton", *to, "--set", "alpha=1e-300")


def test_a_long_number_is_cut_in_what_is_said(refuses: Any) -> None:
    refuses("10000000… (301 digits)", "show", "newton", "--set", f"d={10**300}")


# -- matrices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["0,0;1,0", "((0,0),(1,0))", "[[0, 0], [1, 0]]"])
def test_a_matrix_of_a_claim_can_be_set(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "ahn2023.lemma1", "--set", "d=2", "--set", f"A0={written}"]) == 0
    assert capsys.readouterr().out.startswith("ahn2023.lemma1  d=2 A0=0,0;1,0\n")


@pytest.mark.parametrize("command", ["show", "trace"])
def test_a_matrix_of_a_wrong_shape_is_one_line(command: str, refuses: Any) -> None:
    call = (command, "ahn2023.lemma1", "--set", "d=2", "--set")
    refuses("a 1 x 4 matrix does not fit, a 2 x 2 one would", *call, "A0=0,0,1,0")
    refuses("its rows have 1 and 2 entries", *call, "A0=0,0;1")
    refuses("must be numbers separated by commas, rows by semicolons", *call, "A0=x;y")


def test_a_parameter_that_only_some_cases_have_need_not_be_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["show", "ahn2023.lemma1"]) == 0
    assert "A0=" in (out := capsys.readouterr().out) and "A1=" not in out
