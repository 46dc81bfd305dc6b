"""The command does what its contract says, and its output can be read by a stranger."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from verify.inputs.names import choose

MINE = """
from fractions import Fraction
import constructions
from verify import algorithms, claim, strategies

@claim("mine.{name}", source="me", expected="{expected}", algorithm=algorithms.newton,
       cases=lambda: strategies.prompts(iterations=1, alpha=Fraction(1, 4)))
def mine(d, iterations, alpha):
    '''Newton, {dropped} of its iterations dropped.'''
    return constructions.build("newton", d=d, iterations=iterations - {dropped}, alpha=alpha)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Any:
    def write(name: str, expected: str = "holds", dropped: int = 0) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(MINE.format(name=name, expected=expected, dropped=dropped))
        return str(path)

    return write


def test_the_list_of_commands_cuts_no_line_short(witness: Any) -> None:
    status, out, _ = witness("--help")
    assert status == 0 and "doctor" in out and "..." not in out.partition("Commands:")[2]


# -- list, show, trace ------------------------------------------------------------------------


def test_list_names_every_witness_with_its_parameters(witness: Any) -> None:
    import constructions

    status, out, _ = witness("list")
    assert status == 0
    for name in constructions.names():
        assert f"\n{name}(" in "\n" + out
    assert "newton(d, iterations, alpha, attention=linear, prompt=joint)" in out


def test_the_list_is_read_off_the_files_as_they_are_loaded() -> None:
    import constructions

    for name, parameters, said in constructions.listed():
        made = constructions.get(name)
        assert (parameters, said) == (made.parameters, made.__doc__), name


def test_the_list_loads_neither_torch_nor_sympy() -> None:
    code = (
        "import sys; from verify.command.cli import main; main(['list']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sympy', 'hypothesis')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_list_json_says_what_each_parameter_takes_and_names_the_claims(witness: Any) -> None:
    import constructions
    from verify.claim import builtin

    made = json.loads(witness("list", "--json", "--claims")[1])
    listed = {one["name"]: one for one in made["witnesses"]}
    assert tuple(listed) == constructions.names()
    takes = {one["name"]: one["takes"] for one in listed["newton"]["parameters"]}
    assert takes["d"] == "a whole number" and takes["attention"] == "linear or relu"
    assert [(one["id"], one["variant"]) for one in made["claims"]] == [c.key for c in builtin()]


def test_show_writes_weights_as_formulas(witness: Any) -> None:
    status, out, _ = witness("show", "newton", "--set", "d=4", "--set", "iterations=3")
    assert status == 0
    assert "5 layers, width 10" in out
    assert "value  t ← alpha·x" in out
    assert "layers 2 to 4, alike" in out
    assert "M3 = 2*M2 - M2*S*M2" in out
    # a number is taken exactly as typed
    assert "value  t ← 1/10·x" in witness("show", "newton", "--set", "alpha=0.1")[1]


def test_show_writes_out_matrices(witness: Any) -> None:
    _, out, _ = witness("show", "newton", "--set", "d=1,iterations=0,alpha=1/3", "--matrices")
    after = out.split("layers.0.heads.0.value\n")[1].splitlines()
    assert [line.split() for line in after[:3]] == [["."], ["."], ["1/3"]]


def test_show_json_has_the_digest_of_the_witness(witness: Any) -> None:
    import constructions

    _, out, _ = witness("show", "newton", "--set", "d=3,iterations=1,alpha=1/5", "--json")
    exact, rounded = (
        constructions.build("newton", d=3, iterations=1, alpha=alpha)
        for alpha in (Fraction(1, 5), 0.2)
    )
    assert json.loads(out)["digest"] == exact.digest != rounded.digest


def test_trace_compares_every_slot_with_what_it_should_hold(witness: Any) -> None:
    for name in ("newton", "gradient_descent", "sherman_morrison"):
        status, out, _ = witness("trace", name)
        assert status == 0 and "every slot holds what it should" in out, name


@pytest.mark.parametrize(("iterations", "numbers"), [(14, "rational"), (200, "float64")])
def test_a_trace_of_many_layers_ends(witness: Any, iterations: int, numbers: str) -> None:
    """In fractions the digits double with each: 14 have more than Python writes as text."""
    status, out, _ = witness("trace", "newton", "--set", f"iterations={iterations}")
    assert status == 0 and f"numbers    {numbers}" in out
    assert f"M_{iterations}" in out


def test_trace_marks_the_slot_that_is_wrong(witness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from constructions.algorithms.inverse import newton as module
    from proofs.slotmap import SlotMap

    right = module.newton

    def wrong(alpha: Any, attention: str, prompt: str) -> Any:
        parts = right.parts(alpha, attention, prompt)
        (step,) = parts.step
        (head,) = step.heads
        value = SlotMap(tuple(replace(b, coefficient=-b.coefficient) for b in head.value))
        return replace(parts, step=(replace(step, heads=(replace(head, value=value),)),))

    monkeypatch.setattr(module, "newton", replace(right, parts=wrong))
    status, out, _ = witness("trace", "newton", "--set", "iterations=1")
    assert status == 1
    assert "first wrong in layer 2 (M_1), slot t" in out


# -- check ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "dropped", "status", "words"),
    [
        ("holds", 0, 0, ["mine.one", "1 claim: 1 holds; all as expected"]),
        ("holds", 1, 1, ["refuted", "! expected holds", "1 not as expected"]),
        ("refuted", 1, 0, ["refuted", "all as expected"]),
    ],
)
def test_check_exits_1_where_a_verdict_is_not_what_the_claim_expects(
    witness: Any, mine: Any, expected: str, dropped: int, status: int, words: list[str]
) -> None:
    exited, out, _ = witness("check", mine("one", expected, dropped), "--quick")
    assert exited == status and all(word in out for word in words)


def test_check_json_has_the_fields_of_the_contract(witness: Any, mine: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    file = mine("report", "refuted", 1)
    status, out, _ = witness("check", file, "newton", "--quick", "--json", str(path))
    report = json.loads(path.read_text())
    assert status == 0 and "mine.report" in out  # the table is still on standard output
    assert report["schema"] == "witness-report/1" and report["seed"] == 0
    assert {"python", "torch", "sympy", "hypothesis"} <= set(report["versions"])
    refuted, holds = report["claims"]
    for claim in report["claims"]:
        assert {
            "id", "variant", "verdict", "expected", "digest", "checks", "counterexample",
            "first_difference", "repair", "reading", "domain", "evidence", "faults",
        } <= set(claim)  # fmt: skip
        for check in claim["checks"]:
            assert {
                "kind", "passed", "cases", "max_error", "bound", "detail", "seconds", "box",
                "domain", "about",
            } <= set(check)  # fmt: skip
    assert report["asked"] == {"names": [file, "newton"], "variant": "all"}
    assert refuted["verdict"] == "refuted" and refuted["file"] == file
    assert refuted["file_sha256"] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    assert "file" not in holds and "file_sha256" not in holds
    assert refuted["counterexample"]["X"] and refuted["first_difference"]["slot"]
    assert holds["verdict"] == "holds" and len(holds["digest"]) == 64
    assert {"exact", "numeric", "annotations", "resources"} <= {c["kind"] for c in holds["checks"]}


def test_json_on_standard_output_is_alone(witness: Any, mine: Any) -> None:
    _, out, _ = witness("check", mine("alone"), "--quick", "--json", "-")
    assert json.loads(out)["claims"][0]["id"] == "mine.alone"


def test_the_same_seed_gives_the_same_json(witness: Any, mine: Any) -> None:
    file = mine("again", "refuted", 1)

    def report(seed: int) -> str:
        return str(witness("check", file, "--seed", str(seed), "--no-seconds", "--json", "-")[1])

    assert report(3) == report(3)
    assert '"seconds"' not in report(3)


def test_a_paper_stands_for_all_its_claims() -> None:
    ids = [one.claim.id for one in choose(["fu2023"], "printed")]
    assert "fu2023.eq38" in ids and all(id.startswith("fu2023.") for id in ids)


def test_the_traceback_of_a_broken_claim_can_be_seen(
    witness: Any, mine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mine("seen")
    Path(file).write_text(Path(file).read_text().replace("iterations - 0", "1 / 0"))
    monkeypatch.setenv("WITNESS_TRACEBACK", "1")
    status, _, err = witness("check", file, "--quick")
    assert status == 1 and "Traceback" in err and err.endswith("division by zero\n")


def test_a_users_claim_may_be_named_like_a_built_in_one(witness: Any, tmp_path: Path) -> None:
    file, path = tmp_path / "same.py", tmp_path / "out.json"
    file.write_text(
        "from verify import Check, CheckResult, claim\n@claim('fu2023.eq40')\n"
        "def mine(): return [Check('exact', lambda _: CheckResult(True, 1), 'exact')]\n"
    )
    assert witness("check", str(file), "fu2023.eq40", "--quick")[0] == 0
    call = ("check", "fu2023.eq40", str(file), "--quick", "--json", str(path))
    assert witness(*call)[0] == 0
    built_in, mine = json.loads(path.read_text())["claims"]
    assert "file" not in built_in and mine["file"] == str(file) and mine["verdict"] == "holds"
    assert witness("replay", str(path), str(file))[0] == 0


# -- prove, doctor ----------------------------------------------------------------------------


def test_prove_has_a_line_per_theorem(witness: Any) -> None:
    status, out, _ = witness("prove", "fu2023.eq40")
    assert status == 0 and re.search(r"proved +sympy", out) and "theorems proved" in out


def test_prove_without_coq_never_says_that_it_passed(
    witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verify.checks.coq import kernel

    monkeypatch.setattr(kernel, "version", lambda: None)
    monkeypatch.setattr(kernel, "available", lambda: None)
    name = kernel.theorems()[0].id
    status, out, err = witness("prove", name, "--kernel", "coq")
    assert status == 2 and "coqc not found" in err
    assert not any(line.startswith("proved") and "Coq" in line for line in out.splitlines())


def test_doctor_says_what_is_missing(witness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from verify.checks.coq import kernel

    monkeypatch.setattr(kernel, "why_not", lambda: "not run: coqc not found")
    status, out, _ = witness("doctor", "--json")
    able = {one["what"]: one for one in json.loads(out)["can"]}
    assert status == 0 and able["rational arithmetic"]["able"]
    assert not able["kernel checks"]["able"] and "coqc" in able["kernel checks"]["detail"]


def test_a_warning_is_one_line_without_the_place_in_the_code(
    witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import warnings

    import constructions

    names = constructions.names()

    def warns() -> tuple[str, ...]:
        warnings.warn("rounding has\nreached it", constructions.PrecisionWarning, stacklevel=2)
        return names

    monkeypatch.setattr(constructions, "names", warns)
    status, _, err = witness("list")
    assert (status, err) == (0, "witness: warning: rounding has reached it\n")


# -- how a call ends --------------------------------------------------------------------------


def _process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "verify", *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def test_a_reader_that_leaves_is_no_error() -> None:
    process = _process("show", "sherman_morrison", "--set", "examples=60", "--matrices")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 141 and err == ""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        process = _process("list", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and err.count("\n") == 1 and "space" in err


def test_a_defect_is_told_apart_from_a_wrong_call(
    witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import constructions

    def broken() -> tuple[str, ...]:
        raise RuntimeError("out of order")

    monkeypatch.setattr(constructions, "names", broken)
    status, _, err = witness("list")
    assert status == 3 and "defect" in err and err.count("\n") == 1


def test_a_claim_is_checked_alone_where_its_id_names_others_too(witness: Any) -> None:
    alone = [one.claim.id for one in choose(["ahn2023.lemma1"], only=True)]
    assert alone == ["ahn2023.lemma1"] * 2 and len(choose(["ahn2023.lemma1"])) > 3
    _, out, _ = witness("check", "ahn2023.lemma1", "--quick", "--workers", "1")
    (called,) = re.findall(r"next: `witness (check [^`]*)` shows its evidence", out)
    assert called == "check ahn2023.lemma1 --only"
    _, out, _ = witness(*called.split(), "--quick", "--workers", "1")
    assert "ahn2023.lemma1 (printed)" in out.splitlines() and "symmetric" not in out


def test_only_is_of_named_claims(witness: Any) -> None:
    assert witness("check", "fu2023", "--only")[0] == 2


def test_a_trace_of_many_examples_shows_the_first_and_the_last(witness):
    status, out, _ = witness("trace", "newton", "--n", "30")
    assert status == 0 and "21 more examples, which are traced and not shown" in out
    assert "example 8 " in out and "example 9 " not in out and "example 30 " in out
    heads = next(line for line in out.splitlines() if line.startswith("slot"))
    assert re.search(r"x8, y8 +… +x30, y30 +query", heads)
    assert "(279 compared exactly)" in out  # those that are not shown, too
    status, out, _ = witness("trace", "newton", "--n", "9")
    assert "not shown" not in out
