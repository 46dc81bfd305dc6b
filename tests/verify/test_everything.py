"""The whole check, run once as a user runs it: complete, as expected, and README says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verify.checks.coq import kernel
from verify.measure import readme

ROOT = Path(readme.__file__).parent.parent
README = ROOT / "README.md"

# every statement of the three papers, by its identifier
STATEMENTS = """
akyurek2022.lemma1.mov akyurek2022.lemma1.mul akyurek2022.lemma1.div akyurek2022.lemma1.aff
akyurek2022.lemma1.sizes akyurek2022.raw akyurek2022.lemma2 akyurek2022.lemma3 akyurek2022.lemma4
akyurek2022.lemma5 akyurek2022.lemma6 akyurek2022.lemma7 akyurek2022.lemma8 akyurek2022.eq11
akyurek2022.eq14 akyurek2022.eq19 akyurek2022.theorem1 akyurek2022.theorem1.resources
akyurek2022.theorem1.multistep akyurek2022.theorem2 akyurek2022.theorem2.resources
akyurek2022.theorem2.multistep akyurek2022.precision
fu2023.eq5 fu2023.lemmaB3 fu2023.eq21 fu2023.eq24 fu2023.eq30 fu2023.eq34 fu2023.eq35
fu2023.theorem5.1 fu2023.theorem5.1.resources fu2023.remarkB6 fu2023.eq38 fu2023.eq39 fu2023.eq40
fu2023.eq43 fu2023.rates
vonoswald2022.prop1 vonoswald2022.ksteps vonoswald2022.gdpp
""".split()

# readings that no single symbol mends: each of them says so in its note
NO_REPAIR = {
    "akyurek2022.lemma2.empty", "akyurek2022.lemma4.signed", "akyurek2022.lemma6.pads",
    "fu2023.remarkB6.iterated",
}  # fmt: skip


# where Coq is missing the check is run without it
KERNEL = ["--kernel", "coq"] if kernel.available() else []
needs_coq = pytest.mark.skipif(not KERNEL, reason="no Coq")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[int, dict, str]:
    """(exit status, JSON report, Markdown table) of `witness check --kernel coq`."""
    folder = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "-m", "verify", "check", "--as", "all", *KERNEL,
               "--json", str(folder / "r.json"), "--markdown", str(folder / "r.md")]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert not done.stderr.count("Traceback"), done.stderr
    return (
        done.returncode,
        json.loads((folder / "r.json").read_text()),
        (folder / "r.md").read_text(),
    )


pytestmark = pytest.mark.xdist_group("whole")  # one process, so that the check runs once


def test_every_verdict_is_the_expected_one(whole):
    status, report, _ = whole
    wrong = [(c["id"], c["variant"], c["verdict"]) for c in report["claims"]
             if c["verdict"] != c["expected"]]  # fmt: skip
    assert status == 0 and not wrong


def test_every_statement_of_the_papers_is_executed_as_printed(whole):
    _, report, _ = whole
    printed = {c["id"] for c in report["claims"] if c["variant"] == "printed"}
    assert set(STATEMENTS) <= printed


def test_what_fails_as_printed_is_repaired_and_the_repair_stands(whole):
    _, report, _ = whole
    verdicts = {(c["id"], c["variant"]): c["verdict"] for c in report["claims"]}
    for (claim, variant), verdict in verdicts.items():
        if variant == "printed" and verdict in ("refuted", "ill-posed"):
            repaired = verdicts.get((claim, "repaired"))
            assert repaired in ("holds", "approximates") or claim in NO_REPAIR, claim


def test_every_refutation_has_a_counterexample(whole):
    _, report, _ = whole
    for claim in report["claims"]:
        if claim["verdict"] == "refuted":
            assert claim["counterexample"], claim["id"]


def test_no_check_failed_without_refuting(whole):
    _, report, _ = whole
    for claim in report["claims"]:
        if claim["verdict"] in ("holds", "approximates"):
            assert not [c for c in claim["checks"] if c["passed"] is False], claim["id"]


def test_the_report_names_what_it_was_made_with(whole):
    _, report, _ = whole
    assert {"schema", "claims", "seed", "versions"} <= set(report)


PROVED = {"gradient_descent", "sherman_morrison", "newton", "hyperpower"}
ONLY_RUN = {"lasso", "logistic", "kernel_regression", "selection", "spline_regression"}


@needs_coq
def test_the_kernel_speaks_of_the_transformers_that_it_was_given(whole):
    _, report, _ = whole
    proved = {
        c["id"] for c in report["claims"]
        if any(one["kind"] == "kernel" and one["passed"] for one in c["checks"])
        and "proved" in c["evidence"] and any(one["kind"] == "annotations" for one in c["checks"])
    }  # fmt: skip
    assert proved == PROVED


def test_what_the_calculus_cannot_run_is_not_called_derived(whole):
    _, report, _ = whole
    evidence = {c["id"]: c["evidence"] for c in report["claims"]}
    for claim in ONLY_RUN:
        assert "derived" not in evidence[claim], claim
    for claim in PROVED:
        assert "derived" in evidence[claim], claim


@needs_coq
def test_readmes_table_of_verdicts_is_the_one_just_made(whole):
    assert readme.block(README.read_text(encoding="utf-8"), "verdicts") == whole[2]


@pytest.mark.parametrize("name", ["theorems", "witnesses"])
def test_readmes_other_tables_are_what_is_counted(name):
    assert readme.block(README.read_text(encoding="utf-8"), name) == readme.BLOCKS[name]()


def test_ci_calls_readmes_test_command():
    (command,) = [
        line.strip() for line in README.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("pip install -e")
    ]  # fmt: skip
    assert command.split("&&")[1].strip() == "pytest"
    ci = (ROOT / ".ci" / "run").read_text()
    for part in command.split("&&"):
        assert part.strip().removeprefix("pip install ") in ci


def test_readme_names_files_and_commands_that_exist():
    import re

    text = README.read_text(encoding="utf-8")
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).is_file(), path
    for path in re.findall(r"`((?:constructions|proofs|verify)/[\w/.]+\.\w+)`", text):
        assert (ROOT / path).is_file(), path
