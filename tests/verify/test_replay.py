"""A recorded report gives the same verdicts again, or is refused."""

from __future__ import annotations

import json

import pytest

from verify import engine, replay, report
from verify.claim import Budget, builtin
from verify.errors import WrongCall


@pytest.fixture(scope="module")
def recorded() -> dict:
    budget = Budget(seed=5, quick=True)
    claims = [claim for claim in builtin() if claim.id == "gradient_descent"]
    reports = [engine.run(claim, budget) for claim in claims]
    return json.loads(report.dumps(report.document(reports, budget)))


def written(tmp_path, recorded: dict, **changes) -> str:
    path = tmp_path / "report.json"
    entry = recorded["claims"][0] | changes
    path.write_text(json.dumps(recorded | {"claims": [entry]}))
    return str(path)


def test_the_same_seed_gives_the_same_report(tmp_path, recorded):
    assert replay.replay(written(tmp_path, recorded)) == ()


def test_a_changed_verdict_is_reported(tmp_path, recorded):
    (change,) = replay.replay(written(tmp_path, recorded, verdict="refuted"))
    assert change.is_verdict and (change.recorded, change.now) == ("refuted", "holds")


def test_a_changed_check_is_reported(tmp_path, recorded):
    checks = [dict(check) for check in recorded["claims"][0]["checks"]]
    checks[0]["cases"] += 1
    (change,) = replay.replay(written(tmp_path, recorded, checks=checks))
    assert change.what == "exact: cases" and not change.is_verdict


def test_other_weights_are_refused_before_anything_runs(tmp_path, recorded):
    said: list[str] = []
    with pytest.raises(WrongCall, match="not those of the report"):
        replay.replay(written(tmp_path, recorded, digest="0" * 64), said.append)
    assert all(line.endswith("digest") for line in said)


def test_an_unknown_claim_is_refused(tmp_path, recorded):
    with pytest.raises(WrongCall, match="no claim 'nothing'"):
        replay.replay(written(tmp_path, recorded, id="nothing"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"schema": "witness-report/1"}', "\x00\x01", "[" * 100_000,
     '{"schema": "witness-report/1", "seed": "0", "claims": [1]}',
     '{"schema": "witness-report/1", "seed": 0, "claims": [1]}'],
)  # fmt: skip
def test_what_is_no_report_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(WrongCall) as error:
        replay.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WrongCall, match="No such file"):
        replay.load(tmp_path / "nothing.json")
