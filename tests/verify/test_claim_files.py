"""A file of claims stands for its claim in every command, and may import its neighbours."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify import pool
from verify.claim import Budget, Refuted, load_file
from verify.command import cli
from verify.inputs import claim_files
from verify.page.pages import title_of
from verify.report import counterexample

PARTS = """
from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map

def build(d, steps, eta, sign=1):
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")),
                slot_map(("p", "y", eta), ("p", "p", -sign * eta)))
    return Witness("descent", layout(x=(d,), y=(), p=()),
                   Prompt(d, slot_map(("x", "x"), ("y", "y"))),
                   tuple(Layer("step", (head,)) for _ in range(steps)), Readout("p"))
"""
CLAIMS = '''
from hypothesis import strategies as st
from sympy import Symbol
from verify import claim, formula, strategies
from {parts} import build

descent = formula("w.T*x_t", start={{"w": "O"}}, step={{"w": "w - eta*X.T*(X*w - y)"}},
                  repeat="steps")
fields = dict(
    algorithm=descent,
    cases=lambda: strategies.prompts(steps=st.integers(0, 2), eta=strategies.positive()),
    assembled=lambda: [{{"d": 2, "steps": k, "eta": Symbol("eta")}} for k in range(3)],
)

@claim("mine.right", **fields)
def right(d, steps, eta):
    """Each layer is a step."""
    return build(d, steps, eta)

@claim("mine.wrong", expected="refuted", **fields)
def wrong(d, steps, eta):
    """Each layer is a step, its sign wrong."""
    return build(d, steps, eta, -1)
'''


@pytest.fixture
def claims(tmp_path: Path) -> str:
    (tmp_path / "its_parts.py").write_text(PARTS)
    path = tmp_path / "claims.py"
    path.write_text(CLAIMS.format(parts="its_parts"))
    return str(path)


# -- in every command -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "{}:mine.right", "--quick"), "derived exact"),
        (("show", "{}:mine.right", "--set", "d=2,steps=1"), "p ← eta·y - eta·p"),
        (("show", "{}:mine.right"), "as in a case of the claim"),
        (("trace", "{}:mine.wrong", "--set", "steps=2"), "algorithm"),
        (("prove", "{}:mine.right"), "3 of 3 transformers proved"),
        (("run", "{}:mine.right", "--data", "{folder}/data.csv", "--target", "t"), "as in a case"),
        (("sweep", "{}:mine.right", "-o", "{folder}/out.jsonl", "--set", "d=1:2"), ""),
        (("explain", "{}:mine.right", "-o", "{folder}/page.html"), ""),
    ],
)
def test_a_claim_of_a_file_goes_where_a_name_goes(
    arguments: tuple[str, ...], words: str, claims: str, witness: Any, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_text("a,b,t\n1,2,3\n4,5,6\n7,8,1\n2,1,0\n0,1,1\n")
    status, out, err = witness(*(part.format(claims, folder=tmp_path) for part in arguments))
    assert status == 0, err
    assert words in " ".join(out.split())


@pytest.mark.parametrize(
    ("known", "ends", "said"),
    [(True, 0, "2 of 2 transformers proved; 1 differ"), (False, 1, "2 of 3 transformers proved")],
)
def test_a_wrong_claim_is_not_proved(
    known: bool, ends: int, said: str, claims: str, witness: Any
) -> None:
    text = CLAIMS if known else CLAIMS.replace('expected="refuted", ', "")
    Path(claims).write_text(text.format(parts="its_parts"))
    status, out, _ = witness("prove", f"{claims}:mine.wrong")
    assert status == ends and said in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{}", "has 2 claims: mine.right, mine.wrong; name one, as {}:mine.right"),
        ("{}:mine.left", "has no claim 'mine.left'; it has mine.right, mine.wrong"),
        ("{}x.py", "there is no such file"),
    ],
)
def test_a_name_that_a_file_does_not_have_is_refused(
    name: str, words: str, claims: str, witness: Any
) -> None:
    status, _, err = witness("show", name.format(claims))
    assert status == 2 and words.format(claims) in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.py", ("a.py", None)),
        ("b/a.py:x", ("b/a.py", "x")),
        ("a.py:x.y:z", ("a.py", "x.y:z")),
        ("newton", None),
        ("a.pyx", None),
        ("report.json", None),
    ],
)
def test_a_name_is_read_in_one_way(name: str, parts: tuple[str, str | None] | None) -> None:
    assert claim_files.split(name) == parts


def test_a_report_about_one_claim_of_a_file_can_be_replayed(
    claims: str, witness: Any, tmp_path: Path
) -> None:
    report = str(tmp_path / "report.json")
    assert witness("check", f"{claims}:mine.right", "--quick", "--json", report)[0] == 0
    data = json.loads(Path(report).read_text())
    assert [one["id"] for one in data["claims"]] == ["mine.right"]
    assert data["claims"][0]["file"] == claims
    assert witness("replay", report, claims)[0] == 0
    assert witness("replay", report)[0] == 2


def test_a_sweep_of_a_file_that_was_changed_is_another_one(
    claims: str, witness: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    call = ("sweep", f"{claims}:mine.right", "-o", str(out), "--set", "d=1:2")
    for lines in (2, 2):
        assert witness(*call)[0] == 0
        assert len(out.read_text().splitlines()) == lines
    with open(claims, "a") as file:
        file.write("# changed\n")
    assert witness(*call)[0] == 0
    assert len(out.read_text().splitlines()) == 4


# -- neighbours -------------------------------------------------------------------------------


def test_neighbours_of_two_folders_may_have_one_name(tmp_path: Path) -> None:
    for folder, value in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shared_name.py").write_text(f"VALUE = {value}\n")
        (tmp_path / folder / "claims.py").write_text(
            "import shared_name\nfrom verify import claim\n"
            "@claim('a', statement=str(shared_name.VALUE))\ndef a(): return ()\n"
        )
    before = list(sys.path)
    said = [load_file(tmp_path / folder / "claims.py")[0].statement for folder in ("one", "two")]
    assert said == ["1", "2"]
    assert "shared_name" not in sys.modules and sys.path == before


def test_a_module_that_was_there_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "claims.py"
    path.write_text(
        "import json, fractions\nfrom verify import claim\n@claim('a')\ndef a(): return ()\n"
    )
    load_file(path)
    assert sys.modules["json"] is json


def test_claims_of_an_imported_file_are_that_files(tmp_path: Path, witness: Any) -> None:
    (tmp_path / "lemma_one.py").write_text(
        "from verify import claim\n@claim('a')\ndef a(): return ()\n"
    )
    path = tmp_path / "two.py"
    path.write_text("import lemma_one\nfrom verify import claim\n@claim('b')\ndef b(): return ()\n")
    assert [one.id for one in load_file(path)] == ["b"]
    path.write_text("import lemma_one\n")
    status, _, err = witness("check", str(path))
    assert status == 2 and "those of lemma_one.py, which it imports, are that file's" in err


def test_what_a_neighbour_raises_is_said_with_both_lines(tmp_path: Path, witness: Any) -> None:
    (tmp_path / "bad_part.py").write_text("x = 1\ny = x / 0\n")
    path = tmp_path / "claims.py"
    path.write_text("\nimport bad_part\n")
    status, _, err = witness("check", str(path))
    assert status == 2
    assert "bad_part.py, line 2 (from claims.py, line 2): ZeroDivisionError" in err


def test_a_neighbour_is_imported_at_the_top_of_a_file(claims: str, witness: Any) -> None:
    path = Path(claims).with_name("late.py")
    text = CLAIMS.format(parts="its_parts").replace("from its_parts import build", "")
    text = text.replace("    return build", "    from its_parts import build; return build")
    path.write_text(text)
    status, _, err = witness("check", f"{path}:mine.right", "--quick")
    assert status == 1 and "its_parts stands beside the file: import it at the top" in err


# -- whole numbers ----------------------------------------------------------------------------

COUNTED = '''
from fractions import Fraction
from typing import Any
import numpy as np
from hypothesis import strategies as st
from its_parts import build
from verify import claim, formula, strategies

as_formula = formula("w.T*x_t", start={{"w": "O"}}, step={{"w": "w - eta*X.T*(X*w - y)"}},
                     repeat="steps")

def as_code(X, y, queries, steps{kind}, eta):
    w = [0] * X.shape[1]
    for _ in range(steps):
        w = w - eta / 1 * X.T @ (X @ w - y)
    return queries @ w

@claim("mine.counted", algorithm={algorithm},
       cases=lambda: strategies.prompts(steps={steps}, eta=strategies.positive()))
def counted(d, steps{kind}, eta):
    """Each layer is a step."""
    return build(d, steps, eta)
'''


@pytest.mark.parametrize("algorithm", ["as_formula", "as_code"])
@pytest.mark.parametrize("kind", ["", ": int", ": Any"])
@pytest.mark.parametrize(
    "steps",
    [
        "st.integers(0, 2)",
        "st.integers(0, 2).map(Fraction)",
        "st.sampled_from(np.arange(3))",
        "st.sampled_from((0.0, 2.0))",
        "2",
    ],
)
def test_a_count_arrives_whole_however_it_was_drawn(
    steps: str, kind: str, algorithm: str, claims: str
) -> None:
    path = Path(claims).with_name("counted.py")
    path.write_text(COUNTED.format(steps=steps, kind=kind, algorithm=algorithm))
    (made,) = load_file(path)
    report = pool.checked(made, str(path), Budget(cases=6))
    assert report.verdict.name == "holds", report.finding


def test_a_number_that_is_divided_stays_a_fraction() -> None:
    from verify.counts import called

    def halves(steps, eta):
        return [eta / 2 for _ in range(steps)]

    made = called(halves, {"steps": Fraction(3), "eta": Fraction(1)})
    assert made == [Fraction(1, 2)] * 3 and all(type(one) is Fraction for one in made)
    assert called(halves, {"steps": np.int64(2), "eta": 1}) == [0.5, 0.5]
    with pytest.raises(TypeError):
        called(halves, {"steps": Fraction(1, 2), "eta": Fraction(1)})


# -- the mistakes that are made first ---------------------------------------------------------

FIRST = """\
from fractions import Fraction
from hypothesis import strategies as st
from constructions import Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, formula, strategies

def moment(X, y, queries, eta):
    return eta * (queries @ (X.T @ y))

@claim("mine.moment", algorithm=moment,
       cases=lambda: strategies.prompts(eta=strategies.positive()))
def build(d, eta):
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")),
                slot_map(("p", "y", eta)))
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    stream = layout(x=(d,), y=(), p=())
    held = Holds("x", "x_t")
    layers = (Layer("moment", (head,), holds=(held,)),)
    return Witness("moment", stream, prompt, layers, Readout("p"))
"""
# what is written, what is written instead, the line that is named, and the mend
MISTAKES = {
    "a slot that is not there": ('("p", "y", eta)', '("q", "y", eta)', 13, "has x, y, p"),
    "a read-out of no slot": ('Readout("p")', 'Readout("out")', 18, "has x, y, p"),
    "a feature that no token has": ('("y", "y"))', '("y", "label"))', 14, "there are x, y"),
    "shapes that do not fit": ('("p", "y", eta)', '("p", "x", eta)', 18, "needs a matrix of 1"),
    "query and key differ": (
        'Head(slot_map(("f", "x"))', 'Head(slot_map(("g", "x"))', 12, "same names and sizes",
    ),
    "a holds of no slot": ('Holds("x"', 'Holds("w"', 16, "no slot 'w'"),
    "no tuple of layers": (
        '(Layer("moment", (head,), holds=(held,)),)', 'Layer("moment", (head,))', 18,
        "with a comma",
    ),
    "no tuple of heads": ('"moment", (head,)', '"moment", (head)', 17, "with a comma"),
    "a shape that is a number": ("x=(d,)", "x=d", 15, "write x=(1,) for a vector"),
    "the algorithm takes something else": (
        "(X, y, queries, eta)", "(X, y, eta)", 6, "is called with X, y, queries and then",
    ),
    "the cases lack a parameter": ("eta=strategies.positive()", "", 9, "strategies.prompts(eta=…)"),
    "the cases give too much": ("prompts(", "prompts(k=1, ", 9, "give k, which the builder"),
    "a strategy in the body": (
        "    head = Head", "    eta = strategies.positive(); head = Head", 13,
        "drawn in the claim's `cases`",
    ),
    "a list is returned": (
        'return Witness("moment", stream, prompt, layers, Readout("p"))', "return list(layers)", 9,
        "end it with `return Witness(",
    ),
    "nothing is returned": ("return Witness", "Witness", 9, "end it with `return Witness("),
    "an undefined name in a formula": (
        "algorithm=moment", 'algorithm=formula("eta*w.T*x_t")', 9, "w is not defined; there are",
    ),
    "a formula that is none": (
        "algorithm=moment", 'algorithm=formula("eta*y.T X")', 9, "is no expression",
    ),
    "n in the weights": ('"y", eta', '"y", eta / n', 13, "average='examples'"),
    "cases that are no function": ("cases=lambda: ", "cases=", 9, "write cases=lambda: …"),
    "a field that no claim has": ("algorithm=", "algorithms=", 9, "did you mean algorithm?"),
    "no algorithm": ("algorithm=moment,", "", 9, "needs an `algorithm` too"),
    "a neighbour that is not there": (
        "from fractions import Fraction", "from blocks_of_mine import head", 1,
        "no blocks_of_mine.py",
    ),
    "an exponential of a fraction": (
        "eta * (queries @ (X.T @ y))", "[(eta * q).exp() for q in queries @ (X.T @ y)]", 7,
        "claim it on a box, box=Box(",
    ),
    "an exponential of fractions": (
        "eta * (queries @ (X.T @ y))", "__import__('numpy').exp(queries @ (X.T @ y))", 7,
        "claim it on a box, box=Box(",
    ),
    "a syntax error": ("def build(d, eta):", "def build(d, eta)", 11, "expected ':'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_its_line_and_the_mend(
    mistake: str, witness: Any, tmp_path: Path
) -> None:
    written, instead, line, mend = MISTAKES[mistake]
    assert FIRST.count(written) == 1
    path = tmp_path / "first.py"
    path.write_text(FIRST.replace(written, instead))
    status, _, err = witness("check", str(path), "--quick")
    assert status in (1, 2) and err.count("\n") == 1, err
    assert f"first.py, line {line}: " in err and mend in err, err


@pytest.mark.parametrize("mistake", ["a list is returned", "a slot that is not there"])
@pytest.mark.parametrize("command", ["show", "trace", "explain"])
def test_a_mistake_is_refused_by_every_command(
    command: str, mistake: str, witness: Any, tmp_path: Path
) -> None:
    written, instead, line, _ = MISTAKES[mistake]
    path = tmp_path / "first.py"
    path.write_text(FIRST.replace(written, instead))
    more = ("-o", str(tmp_path / "page.html")) if command == "explain" else ()
    status, _, err = witness(command, str(path), *more)
    assert status == 2 and err.count("\n") == 1 and "a defect" not in err, err
    assert f"first.py, line {line}: " in err
    assert not (tmp_path / "page.html").exists()


def test_a_claim_that_is_right_is_not_mended(witness: Any, tmp_path: Path) -> None:
    path = tmp_path / "first.py"
    path.write_text(FIRST)
    status, out, err = witness("check", str(path), "--quick")
    assert (status, err) == (0, "") and "holds" in out


@pytest.mark.parametrize(
    ("written", "instead", "words"),
    [
        ('("p", "y", eta)', '("p", "y", -eta)', "is the read-out's coefficient -1?"),
        ('Readout("p")', 'Readout("p", -1)', "is the read-out's coefficient 1?"),
        ('("p", "y", eta)', '("p", "y", eta * 0.1)', "write Fraction("),
        ('("p", "y", eta)', '("p", "x[0]", eta)', "first wrong in layer 1 (read-out), slot p"),
    ],
)
def test_a_wrong_number_is_refuted_with_what_may_be_the_mistake(
    written: str, instead: str, words: str, witness: Any, tmp_path: Path
) -> None:
    path = tmp_path / "first.py"
    path.write_text(FIRST.replace(written, instead))
    status, out, _ = witness("check", str(path), "--quick")
    assert status == 1 and words in " ".join(out.split()), out


# -- counterexamples --------------------------------------------------------------------------

SMALL = {
    "parameters": {"d": 2, "eta": "1/2", "w0": ["1", "-1"]},
    "X": [["0", "1"], ["-3/2", "2"]],
    "y": ["1", "0"],
    "queries": [["0", "1"]],
    "prediction": ["3"],
    "algorithm": ["1"],
}


def test_a_small_counterexample_is_two_tables() -> None:
    assert list(counterexample.lines(SMALL)) == [
        "counterexample: d = 2, eta = 1/2, w0 = (1, -1)",
        "  examples",
        "     x_1  x_2 │ y",
        "       0    1 │ 1",
        "    -3/2    2 │ 0",
        "  queries",
        "    x_1  x_2 │ prediction │ algorithm",
        "      0    1 │          3 │         1",
    ]


def test_a_large_one_is_shown_in_part_and_says_where_the_whole_is() -> None:
    row = [str(Fraction(i, 3) ** 20) for i in range(30)]
    large = {**SMALL, "X": [row] * 30, "y": row, "queries": [row]}
    shown = list(counterexample.lines(large))
    assert len(shown) < 20 and max(map(len, shown)) < 160
    assert "--json FILE" in shown[-1] and any("…" in line for line in shown)


def test_targets_and_predictions_may_be_vectors() -> None:
    vectors = {**SMALL, "y": [["1", "2"], ["3", "4"]], "prediction": [["1", "2"]]}
    said = "\n".join(counterexample.lines(vectors))
    assert "y_1  y_2" in said and "prediction_1  prediction_2" in said


def test_any_case_that_refutes_is_printed() -> None:
    said = list(counterexample.lines({"theorem": "newton.layer", "entry": ["1", "2"]}))
    assert said == ["counterexample: theorem = newton.layer, entry = (1, 2)"]


def test_check_prints_the_case_that_refutes(claims: str, witness: Any) -> None:
    _, out, _ = witness("check", f"{claims}:mine.wrong", "--quick")
    (made,) = [one for one in load_file(claims) if one.id == "mine.wrong"]
    verdict = pool.checked(made, claims, Budget(quick=True)).verdict
    assert isinstance(verdict, Refuted) and verdict.counterexample is not None
    assert all(line in out for line in counterexample.lines(verdict.counterexample))


# -- new --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "written", "instead"),
    [
        ("slots", '("p", "p", -eta)', '("p", "p", eta)'),
        ("matrices", '("x", "x"): -eta', '("x", "x"): eta'),
        ("matrices", '"examples",', '"all",'),
    ],
)
def test_editing_a_new_file_is_enough(
    start: str, written: str, instead: str, witness: Any, tmp_path: Path
) -> None:
    path = tmp_path / "my_claim.py"
    witness("new", str(path), "--from", start)
    assert path.read_text().count(written) == 1
    path.write_text(path.read_text().replace(written, instead))
    status, out, _ = witness("check", str(path), "--quick")
    assert status == 1
    # what a slot should hold is said in the file, so that the layer is found
    assert "first wrong in layer" in out and "counterexample" in out
    assert ("slot p" if start == "slots" else "slot y") in out


@pytest.mark.parametrize("name", ["there.py", "claim.txt", "no_folder/claim.py", "a b.py"])
def test_new_overwrites_nothing(name: str, witness: Any, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("mine")
    status, _, err = witness("new", str(tmp_path / name))
    assert status == 2 and err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["there.py"]
    assert (tmp_path / "there.py").read_text() == "mine"


DOMAIN = """
from hypothesis import strategies as st

import constructions
from verify import Domain, algorithms, claim, strategies


@claim(
    "of_ones",
    algorithm=algorithms.newton,
    domain=Domain("x_1 = 1 in the first example", lambda case: case.X[0, 0] == 1),
    cases=lambda: strategies.prompts(
        d=st.just(2), n=st.just(3), iterations=st.just(1), alpha=st.just(1)
    ),
)
def newton(d, iterations, alpha):
    return constructions.build("newton", d=d, iterations=iterations, alpha=alpha)
"""


def test_a_trace_is_of_a_prompt_in_the_domain_or_says_that_it_is_not(tmp_path, capsys):
    file = tmp_path / "of_ones.py"
    file.write_text(DOMAIN)
    assert cli.main(["trace", str(file), "--n", "3"]) == 0
    inside = capsys.readouterr().out
    assert "example 1  x = (1, " in inside and "outside" not in inside
    assert cli.main(["trace", str(file), "--n", "2"]) == 0
    assert "outside it: x_1 = 1 in the first example" in capsys.readouterr().out


def test_what_a_claim_without_a_docstring_says_is_its_statement(tmp_path):
    (tmp_path / "bare.py").write_text(
        "from verify import claim\n\n\n"
        '@claim("bare.half", statement=r"\\frac{1}{2} \\text{ of it}")\n'
        "def half():\n    return ()\n"
    )
    (found,) = load_file(tmp_path / "bare.py")
    assert found.summary == "1/2 of it"


@pytest.mark.parametrize(
    "said", ["labels in {0, 1}", "the error is O(n^{-1/2})", "For every x_{next} ^ 2,  two spaces"]
)
def test_a_statement_in_words_is_said_as_it_is_written(said, tmp_path):
    """In the table of `check` and as a page's title; only formulas are turned into text."""
    (tmp_path / "bare.py").write_text(
        "from verify import claim\n\n\n"
        f'@claim("bare.words", statement={said!r})\ndef words():\n    return ()\n'
    )
    (found,) = load_file(tmp_path / "bare.py")
    assert found.summary == said
    assert title_of(found) == said[:1].upper() + said[1:]
