"""The whole check, run once as a user runs it: complete, as expected, and README says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verify.checks.coq import kernel
from verify.quality import readme

ROOT = Path(__file__).parents[2]
READMES = {
    path: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(ROOT.glob("*/README.md")))
}
README = READMES[ROOT / "README.md"]
needs_coq = pytest.mark.skipif(not kernel.available(), reason="no Coq")

# every statement of the papers, by its identifier
STATEMENTS = """
akyurek2022.lemma1.mov akyurek2022.lemma1.mul akyurek2022.lemma1.div akyurek2022.lemma1.aff
akyurek2022.lemma1.sizes akyurek2022.raw akyurek2022.lemma2 akyurek2022.lemma3 akyurek2022.lemma4
akyurek2022.lemma5 akyurek2022.lemma6 akyurek2022.lemma7 akyurek2022.lemma8 akyurek2022.eq11
akyurek2022.eq14 akyurek2022.eq19 akyurek2022.theorem1 akyurek2022.theorem1.resources
akyurek2022.theorem1.multistep akyurek2022.theorem2 akyurek2022.theorem2.resources
akyurek2022.theorem2.multistep akyurek2022.precision
fu2023.eq5 fu2023.lemmaB3 fu2023.eq21 fu2023.eq24 fu2023.eq30 fu2023.eq34 fu2023.eq35
fu2023.theorem5.1 fu2023.theorem5.1.resources fu2023.remarkB6 fu2023.eq38 fu2023.eq39 fu2023.eq40
fu2023.eq43 fu2023.rates fu2023.match fu2023.readout
akyurek2022.phases akyurek2022.probe akyurek2022.probe.absent
vonoswald2022.prop1 vonoswald2022.ksteps vonoswald2022.gdpp
wang2024.td0 wang2024.tdlambda wang2024.residual wang2024.average
vladymyrov2024.theorem4.1 vladymyrov2024.diagonal vladymyrov2024.onehead vladymyrov2024.theorem5.1
giannou2024.lemma4.1 giannou2024.theorem4.2 giannou2024.logistic
cheng2024.prop1 cheng2024.prop2
ahn2023.lemma1 ahn2023.lemma1.range ahn2023.hessian ahn2023.theorem1 ahn2023.theorem1.isotropic
ahn2023.eq11
dherin2025.theorem2.2 dherin2025.theoremB.2 dherin2025.prop3.1 dherin2025.onequery
bai2023.propC1.l1 bai2023.propC1.l2 bai2023.propC1.box bai2023.propC2 bai2023.readout
bai2023.theorem4 bai2023.theoremC1 bai2023.propB1 bai2023.decoder
""".split()

# readings that no single symbol mends: each of them says so in its note
NO_REPAIR = {
    "akyurek2022.lemma2.empty", "akyurek2022.lemma4.signed", "akyurek2022.lemma6.pads",
    "fu2023.remarkB6.iterated", "akyurek2022.probe", "akyurek2022.probe.absent",
}  # fmt: skip


def test_every_verdict_is_the_expected_one(whole):
    wrong = {
        key: claim["verdict"]
        for key, claim in whole.claims.items()
        if claim["verdict"] != claim["expected"]
    }
    assert whole.status == 0 and not wrong
    assert {"schema", "claims", "seed", "versions"} <= set(whole.report)


def test_every_statement_of_the_papers_is_executed_as_printed(whole):
    assert {(name, "printed") for name in STATEMENTS} <= set(whole.claims)


def test_what_fails_as_printed_is_repaired_and_the_repair_stands(whole):
    for (name, variant), claim in whole.claims.items():
        if variant == "printed" and claim["verdict"] in ("refuted", "ill-posed"):
            repaired = whole.claims.get((name, "repaired"))
            if repaired is None:
                assert name in NO_REPAIR
            else:
                assert repaired["verdict"] in ("holds", "approximates") and repaired["repair"], name


def test_every_refutation_has_a_counterexample(whole):
    for key, claim in whole.claims.items():
        assert claim["counterexample"] or claim["verdict"] != "refuted", key


def test_no_check_failed_without_refuting(whole):
    for key, claim in whole.claims.items():
        if claim["verdict"] in ("holds", "approximates"):
            assert not [c for c in claim["checks"] if c["passed"] is False], key


def checks_of(whole, kind):
    """Each check of a kind whose claim holds or approximates, with its claim's key."""
    for key, claim in whole.claims.items():
        if claim["verdict"] in ("holds", "approximates"):
            yield from ((key, check) for check in claim["checks"] if check["kind"] == kind)


BALLS_MEET = {"cheng2024.prop1.exponential", "cheng2024.prop2"}


def test_an_enclosure_names_a_box_and_bounds_what_was_seen_or_is_called_tested(whole):
    strengths = set()
    for key, check in checks_of(whole, "enclosure"):
        strengths.add(check["strength"])
        if check["strength"] == "enclosed":
            assert check["box"] and 0 <= check["max_error"] <= check["bound"] < float("inf"), key
        else:
            assert (check["box"], check["bound"]) == ("", None), key
            # balls that meet show no error, and decide nothing by themselves
            assert check["max_error"] is not None or key[0] in BALLS_MEET, key
    assert strengths == {"enclosed", "tested"}


def test_a_core_claim_holds_by_every_kind_of_check(whole):
    for name in ("gradient_descent", "sherman_morrison", "newton"):
        passed = {c["kind"] for c in whole.claims[name, "improved"]["checks"] if c["passed"]}
        assert passed >= {"exact", "annotations", "symbolic", "numeric", "resources", "proof"}


PROVED = {"gradient_descent", "sherman_morrison", "newton", "hyperpower"}
ONLY_RUN = {"lasso", "logistic", "kernel_regression", "selection", "spline_regression"}


@needs_coq
def test_the_kernel_speaks_of_the_transformers_that_it_was_given(whole):
    proved = {
        c["id"] for c in whole.report["claims"]
        if any(one["kind"] == "kernel" and one["passed"] for one in c["checks"])
        and "proved" in c["evidence"] and any(one["kind"] == "annotations" for one in c["checks"])
    }  # fmt: skip
    assert proved == PROVED


def test_what_the_calculus_cannot_run_is_not_called_derived(whole):
    evidence = {c["id"]: c["evidence"] for c in whole.report["claims"]}
    for claim in ONLY_RUN:
        assert "derived" not in evidence[claim], claim
    for claim in PROVED:
        assert "derived" in evidence[claim], claim


@needs_coq
def test_readmes_table_of_verdicts_is_the_one_just_made(whole):
    assert readme.block(READMES[readme.home("verdicts", ROOT)], "verdicts") == whole.markdown


@pytest.mark.parametrize("name", ["papers", "theorems", "witnesses", "order"])
def test_readmes_other_tables_are_what_is_counted(name):
    assert readme.block(READMES[readme.home(name, ROOT)], name) == readme.BLOCKS[name]()


def test_ci_calls_readmes_test_command():
    (command,) = [
        line.strip() for line in README.splitlines()
        if line.strip().startswith("pip install -e")
    ]  # fmt: skip
    assert command.split("&&")[1].strip() == "pytest"
    ci = (ROOT / ".ci" / "run").read_text()
    for part in command.split("&&"):
        assert part.strip().removeprefix("pip install ") in ci


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_readmes_name_files_that_exist(path):
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", READMES[path]):
        assert (path.parent / link).is_file(), link
    for name in re.findall(r"`((?:constructions|proofs|verify)/[\w/.]+\.\w+)`", READMES[path]):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"^\|[^|]*\| `([\w/]+\.py)`", READMES[path], re.MULTILINE):
        assert (path.parent / name).is_file(), name
