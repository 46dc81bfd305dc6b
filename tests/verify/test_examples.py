"""The claims that a new file can begin as: short, right in every command, wrong once changed."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from verify import engine
from verify.claim import Budget, Claim, Refuted, builtin, load_file
from verify.command import cli
from verify.command.new import examples
from verify.quality import readme

ROOT = Path(__file__).parents[2]
NAMES = list(examples())
FEW = Budget(cases=12, quick=True)

# claims that are refuted as they stand: what they say is said of too much
REFUTED = {"preconditioned_descent.any"}
# of each, what is planted: the text, another in its place, and a claim where there are several
PLANTED = {
    "slots": {
        "a sign": ('("p", "p", -eta)', '("p", "p", eta)'),
        "the query is a key": ('("p", "p", -eta)),', '("p", "p", -eta)), keys="full",'),
        "a mean for the sum": ('("p", "p", -eta)),', '("p", "p", -eta)), average="examples",'),
    },
    "matrices": {
        "a sign": ('("x", "x"): -eta', '("x", "x"): eta'),
        "the query is a key": ('"examples",', '"all",'),
        "1/(n + 1)": ('"1/n",', '"1/(n + 1)",'),
    },
    "preconditioned_descent": {
        "the sign of Q": ("-np.array(A)", "np.array(A)"),
        "A transposed": ("-np.array(A)", "-np.array(A).T"),
        "1/(n + 1)": ('"1/n"', '"1/(n + 1)"'),
        "the query is a key": ('"M": "examples"', '"M": "all"'),
        "the sign of the prediction": ('{"y": -1}', '{"y": 1}'),
        "P moves x too": ('("y", "y"): 1}', '("y", "y"): 1, ("x", "x"): 1}'),
    },
    "diagonal_preconditioner": {
        "the sign of p": ('("p", "p", -1)', '("p", "p")'),
        "the query is a key": ('("p", "p", -1)),', '("p", "p", -1)), keys="full",'),
        "a mean for the sum": ('("p", "p", -1)),', '("p", "p", -1)), average="examples",'),
        "no preconditioner": ('Block("score", "x", matrix=P)', '("score", "x")'),
        "the sign of the start": ('matrix=(v,))', 'matrix=(v,), coefficient=-1)'),
        "no start": (', start))', '))'),
    },
    "strictly_causal": {
        "sees itself": ('"strictly causal"', '"causal"'),
        "sees the future": ('"strictly causal"', '"j > t"'),
        "sees all but itself": ('"strictly causal"', '"j != t"'),
        "the sign of e": ('("e", "e"): -eta', '("e", "e"): eta'),
        "one layer less": ("* examples", "* (examples - 1)"),
    },
    "nadaraya_watson": {
        "the sign of the scores": ('"x", 1 / temperature', '"x", -1 / temperature'),
        "no temperature": ('"x", 1 / temperature', '"x"'),
        "the query is a key": ('attention="softmax"', 'attention="softmax", keys="full"'),
        "not divided": ('attention="softmax"', 'attention="exponential"'),
        "divided by 1 + the sum": ('attention="softmax"', 'attention="softmax", null=True'),
    },
    "copying_head": {
        "the word after it": ('"j == t - 1"', '"j == t + 1"'),
        "all words before it": ('"j == t - 1"', '"j < t"'),
        "itself": ('"j == t - 1"', '"j == t"'),
        "the sign of the copy": ('("p", "y")', '("p", "y", -1)'),
        "the word itself is matched": ('("word", "before")', '("word", "x")'),
    },
    "temporal_difference": {
        "the sign of phi": ('("f", "phi", -1)', '("f", "phi")'),
        "C transposed": ("matrix=C)", "matrix=tuple(zip(*C)))"),
        "no discount": ('"next", gamma)', '"next")'),
        "1/(n + 1), and the query is a key": (
            'average="examples"', 'average="keys", keys="full"',
        ),
        "the query is a key": ('average="examples"', 'average="examples", keys="full"'),
        "the sum for the mean": ('        average="examples",\n', ""),
        "the sign of the prediction": ('Readout("delta", -1)', 'Readout("delta")'),
    },
    "looped_newton": {
        "the sign of M S M": ("Fraction(-1, 2)", "Fraction(1, 2)"),
        "the sign of r": ('("r", "r", -1)', '("r", "r")'),
        "the query is a key": (
            'key=slot_map(("f", "x")),', 'key=slot_map(("f", "x")), keys="full",',
        ),
        "M is not doubled": ('("t", "t")))', '("t", "t", 0)))'),
        "the last layer is another": (
            "double, holds", "double if after != held[-1] else None, holds",
        ),
        "a loop of two layers": ("tied()", 'tied("2")'),
    },
    "vector_target": {
        "the sign of e": ('("e", "e", -eta)', '("e", "e", eta)'),
        "the query is a key": ('average="examples"', 'average="examples", keys="full"'),
        "1/(n + 1), and the query is a key": (
            'average="examples"', 'average="keys", keys="full"',
        ),
        "the sum for the mean": ('        average="examples",\n', ""),
        "the sign of the prediction": ('Readout("e", -1)', 'Readout("e")'),
    },
    "exponential_attention": {
        "the sign of f": ('("f", "f", -eta)', '("f", "f", eta)'),
        "the sign of the scores": (
            'query=slot_map(("score", "x"))', 'query=slot_map(("score", "x", -1))',
        ),
        "the query is a key": ('attention="exponential"', 'attention="exponential", keys="full"'),
        "a mean for the sum": (
            'attention="exponential"', 'attention="exponential", average="examples"',
        ),
        "divided by the sum": ('attention="exponential"', 'attention="softmax"'),
    },
    "one_layer_optimum": {
        "the sign of Q": ("-sympy.diag(rate", "sympy.diag(rate"),
        "n + d + 2": ("1 / (n + d + 1 + v)", "1 / (n + d + 2 + v)"),
        "1/n": ("1 / (n + d + 1 + v)", "1 / n"),
        "no noise": ("1 / (n + d + 1 + v)", "1 / (n + d + 1)"),
        "a mean for the sum": (
            'value=slot_map(Block("z", "z", matrix=letters("P", d + 1))),',
            'value=slot_map(Block("z", "z", matrix=letters("P", d + 1))), average="examples",',
        ),
    },
}  # fmt: skip
FAULTS = [(name, fault) for name, faults in PLANTED.items() for fault in faults]


def right(claims: tuple[Claim, ...]) -> Claim:
    """The last claim of a file that holds, of which most is said."""
    return [one for one in claims if one.expected == "holds"][-1]


def test_examples_are_found_by_looking_and_are_no_papers_claims() -> None:
    assert set(PLANTED) == set(NAMES)
    assert not {one.id.partition(".")[0] for one in builtin()} & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_can_be_read_in_two_minutes(name: str) -> None:
    text = examples()[name].read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    said = ast.get_docstring(ast.parse(text)) or ""
    assert 1 <= len([line for line in said.splitlines() if line]) <= 4


@pytest.mark.parametrize("name", NAMES)
def test_a_new_file_is_the_example_and_gets_its_verdict(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    assert cli.main(("new", str(path), "--from", name)) == 0
    claims = load_file(path)
    assert all(re.fullmatch(r"mine(\..+)?", one.id) for one in claims)
    assert f"{name}.py" not in path.read_text(encoding="utf-8")
    assert {one.id.replace("mine", name, 1) for one in claims if one.expected != "holds"} == {
        one for one in REFUTED if one.startswith(name)
    }
    for one in claims:
        verdict = engine.run(one, FEW).verdict
        assert verdict.name == one.expected, one.id
        if one.expected == "holds" and one.assembled is not None:
            assert "derived" in verdict.strengths  # type: ignore[attr-defined]
        if one.boxes:
            assert set(verdict.strengths) == {"exact", "enclosed"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[f"{n}: {f}" for n, f in FAULTS])
def test_what_is_planted_is_refuted(name: str, fault: str, tmp_path: Path) -> None:
    printed, other = PLANTED[name][fault]
    text = examples()[name].read_text(encoding="utf-8")
    assert text.count(printed) == 1
    path = tmp_path / f"{name}.py"
    path.write_text(text.replace(printed, other), encoding="utf-8")
    verdict = engine.run(right(load_file(path)), Budget(cases=20, quick=True)).verdict
    assert isinstance(verdict, Refuted)
    assert verdict.counterexample is not None or "tied" in printed


@pytest.mark.parametrize("command", ["show", "trace", "explain", "prove"])
@pytest.mark.parametrize("name", NAMES)
def test_commands_take_an_example(
    name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(examples()[name].read_text(encoding="utf-8"), encoding="utf-8")
    one = right(load_file(path))
    page = ("-o", str(tmp_path / "page.html")) if command == "explain" else ()
    refusal = ""
    if command == "prove":
        refusal = "" if one.assembled is not None else "has nothing to prove for every prompt"
    elif command != "explain" and one.witness is None:
        refusal = "is a statement without a transformer"
    status = cli.main((command, f"{path}:{one.id}", *page))
    out, err = capsys.readouterr()
    assert status == (2 if refusal else 0), err
    assert refusal in err and (refusal or out or Path(page[-1]).stat().st_size)


def test_the_readme_lists_every_example() -> None:
    text = (ROOT / "verify" / "README.md").read_text(encoding="utf-8")
    assert readme.block(text, "examples") == readme.examples()


def test_an_example_that_is_not_there_is_refused(capsys: Any, tmp_path: Path) -> None:
    assert cli.main(("new", str(tmp_path / "a.py"), "--from", "newton")) == 2
    err = capsys.readouterr().err
    assert all(name in err for name in NAMES) and err.count("\n") == 1
