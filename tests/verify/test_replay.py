"""A recorded report gives the same again, field by field, or is refused; nothing else is run."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verify import engine, pool
from verify.claim import Budget, CheckResult, Holds
from verify.command import check as checking
from verify.command import cli, replay
from verify.inputs.errors import WrongCall
from verify.report import as_json as report
from verify.report.report import Report

MINE = '''
from fractions import Fraction
from pathlib import Path
import constructions
from verify import algorithms, claim, strategies

Path(__file__).with_name("executed").touch()
ONE_STEP = dict(algorithm=algorithms.newton, source="me",
                cases=lambda: strategies.prompts(iterations=1, alpha=Fraction(1, 4)))

@claim("mine.wrong", expected="refuted", **ONE_STEP)
def wrong(d, iterations, alpha):
    """Newton, its iteration dropped."""
    return constructions.build("newton", d=d, iterations=0, alpha=alpha)

@claim("mine.broken", **ONE_STEP)
def broken(d, iterations, alpha):
    """A builder that divides by zero."""
    return constructions.build("newton", d=d, iterations=1, alpha=alpha / (d - d))
'''
BUILT_IN = ("fu2023.eq40", "fu2023.eq38", "akyurek2022.lemma1.mov", "akyurek2022.theorem2.sizes")
CALL = ("seed", "cases", "quick")  # another value is another call, not another outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "claims.py").write_text(MINE)
    names = [*BUILT_IN, str(folder / "claims.py")]
    assert cli.main(["check", *names, "--quick", "--json", str(folder / "report.json")]) == 1
    return folder


@pytest.fixture(scope="module")
def genuine(folder: Path) -> dict[str, Any]:
    recorded = json.loads((folder / "report.json").read_text())
    verdicts = {entry["verdict"] for entry in recorded["claims"]}
    assert {"holds", "approximates", "refuted", "ill-posed", "broken"} <= verdicts
    return recorded


@pytest.fixture(scope="module")
def outcomes(genuine: dict[str, Any], folder: Path) -> list[Report]:
    """The reports of which the genuine document was made: a run again, but in no time."""
    chosen = replay.claims_of(genuine, "report.json", [str(folder / "claims.py")])
    return pool.reports(chosen, Budget(quick=True))


@pytest.fixture
def again(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    genuine: dict[str, Any],
    outcomes: list[Report],
) -> Any:
    """Replays a document, its run replaced by the genuine outcomes: (status, all it printed)."""
    budgets: list[Budget] = []
    digests = {made.claim.key: made.digest for made in outcomes}

    def run(chosen: Any, budget: Budget, *_: Any) -> list[Report]:
        budgets.append(budget)
        return outcomes

    monkeypatch.setattr(pool, "reports", run)
    monkeypatch.setattr(pool, "digest", lambda claim: digests[claim.key])

    def call(document: Any, sign: bool = True) -> tuple[int, str]:
        budgets.clear()
        path = folder / "forged.json"
        if sign and isinstance(document, dict):
            document = document | {"sha256": report.sha256(document)}
        path.write_text(json.dumps(document))
        capsys.readouterr()
        status = cli.main(["replay", str(path), str(folder / "claims.py")])
        out, err = capsys.readouterr()
        assert status != 2 or (err.count("\n") == 1 and out == "")
        return status, out + err

    call.budgets = budgets  # type: ignore[attr-defined]
    return call


def written(path: Path, document: dict[str, Any]) -> str:
    path.write_text(json.dumps(document | {"sha256": report.sha256(document)}))
    return str(path)


# -- the genuine report -----------------------------------------------------------------------


def replayed(path: Path, file: str) -> tuple[replay.Change, ...]:
    recorded = replay.load(path)
    return replay.compare(recorded, replay.run_again(recorded, path, [file]))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_genuine_report_is_confirmed(
    folder: Path, genuine: dict[str, Any], workers: str, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    paths = str(folder / "report.json"), str(folder / "claims.py")
    assert cli.main(["replay", *paths, "--workers", workers]) == 0
    count = len(genuine["claims"])
    out = capsys.readouterr().out
    assert out == f"{count} verdicts compared, none changed; 0 other differences\n"


def test_the_fast_run_of_these_tests_confirms_the_genuine_report(again: Any, genuine: Any) -> None:
    assert again(genuine)[0] == 0
    assert again(json.loads(json.dumps(genuine, sort_keys=True)), sign=False)[0] == 0


def test_run_times_may_differ_and_may_be_left_out(again: Any, genuine: Any) -> None:
    changed = copy.deepcopy(genuine)
    for entry in changed["claims"]:
        for check in entry["checks"]:
            check["seconds"] += 1
    assert again(changed)[0] == 0
    for entry in changed["claims"]:
        for check in entry["checks"]:
            del check["seconds"]
    assert again(changed)[0] == 0


# -- forged ones ------------------------------------------------------------------------------

Steps = tuple[Any, ...]


def leaves(value: Any, at: Steps = ()) -> Iterator[Steps]:
    """The path of everything that has no parts."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, (*at, name))
    elif isinstance(value, list) and value:
        for number, part in enumerate(value):
            yield from leaves(part, (*at, number))
    else:
        yield at


def inner(value: Any, kind: type, at: Steps = ()) -> Iterator[Steps]:
    """The path of every part that is a dict, or a list."""
    if isinstance(value, kind):
        yield at
    if isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from inner(part, kind, (*at, name))


def at(document: Any, steps: Steps) -> Any:
    for step in steps:
        document = document[step]
    return document


def other(value: Any) -> Any:
    """Another value of the same type, as near as there is one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    if isinstance(value, str):
        return f"{value}~"
    return {"[]": ["~"], "{}": {"~": 1}, "None": "~"}[str(value)]


def names(steps: Steps) -> list[str]:
    return [step for step in steps if isinstance(step, str)]


def free(steps: Steps) -> bool:
    """What is not re-derived: run times, and the digest, which is made anew here."""
    return steps[-1] == "seconds" or steps == ("sha256",)


def test_every_edit_is_noticed_before_anything_runs(again: Any, genuine: Any) -> None:
    count = 0
    for steps in leaves(genuine):
        forged = copy.deepcopy(genuine)
        at(forged, steps[:-1])[steps[-1]] = other(at(genuine, steps))
        status, said = again(forged, sign=False)
        assert (status, again.budgets) == (2, []), steps
        assert "edited" in said or steps[-1] in said, steps
        count += 1
    assert count > 250


def test_every_forged_field_is_noticed_by_name_although_the_digest_is_renewed(
    again: Any, genuine: Any
) -> None:
    for steps in leaves(genuine):
        if free(steps) or steps[0] in CALL:
            continue
        forged = copy.deepcopy(genuine)
        value = other(at(genuine, steps))
        at(forged, steps[:-1])[steps[-1]] = value
        status, said = again(forged)
        assert status in (1, 2), steps
        assert names(steps)[-1] in said or str(value) in said, (steps, said)


def test_every_field_that_is_dropped_is_noticed_by_name(again: Any, genuine: Any) -> None:
    for place in inner(genuine, dict):
        for name in at(genuine, place):
            if free((*place, name)):
                continue
            forged = copy.deepcopy(genuine)
            del at(forged, place)[name]
            status, said = again(forged)
            assert status in (1, 2) and name in said, (place, name, said)


def test_every_field_that_is_added_is_noticed_by_name(again: Any, genuine: Any) -> None:
    for place in inner(genuine, dict):
        forged = copy.deepcopy(genuine)
        at(forged, place)["colour"] = "blue"
        status, said = again(forged)
        assert status in (1, 2) and "colour" in said, (place, said)


def test_every_part_of_a_list_that_is_dropped_or_doubled_is_noticed(
    again: Any, genuine: Any
) -> None:
    for place in inner(genuine, list):
        if place == ("asked", "names"):
            continue  # below: two names for one claim ask for it once
        for number, part in enumerate(at(genuine, place)):
            for instead in ([], [part, part]):
                forged = copy.deepcopy(genuine)
                at(forged, place)[number : number + 1] = instead
                status, said = again(forged)
                assert status in (1, 2), (place, number, said)


def test_what_was_asked_for_has_to_be_there(again: Any, genuine: Any) -> None:
    for number, name in enumerate(genuine["asked"]["names"]):
        forged = copy.deepcopy(genuine)
        del forged["asked"]["names"][number]
        status, said = again(forged)
        assert (status, again.budgets) == (2, []), name
        assert "asked for" in said or "names" in said
    entry = genuine["claims"][0]
    status, said = again(genuine | {"claims": genuine["claims"][1:]})
    assert status == 2 and f"{entry['id']} ({entry['variant']}) was asked for" in said
    assert again(genuine | {"claims": genuine["claims"][::-1]})[0] == 2
    assert again(genuine | {"claims": []})[0] == 2


@pytest.mark.parametrize(("name", "value"), [("seed", 1), ("cases", 7), ("quick", False)])
def test_another_call_is_made_as_that_call(again: Any, genuine: Any, name: str, value: Any) -> None:
    again(genuine | {name: value})
    assert again.budgets == [replace(Budget(quick=True), **{name: value})]


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("seed", 2**63), ("seed", True), ("seed", 1.0), ("cases", 0), ("cases", "20"),
     ("quick", 1), ("kernel", "lean"), ("kernel", True), ("versions", {"numpy": 2}),
     ("versions", []), ("asked", None), ("asked", {"names": [1], "variant": "all"}),
     ("asked", {"names": [], "variant": "best"}), ("claims", {}), ("claims", [1]),
     ("claims", [{}]), ("sha256", None)],
)  # fmt: skip
def test_a_field_of_another_form_is_refused_by_name(
    again: Any, genuine: Any, name: str, value: Any
) -> None:
    forged = genuine | {name: value}
    if name != "sha256":
        forged["sha256"] = report.sha256(forged)
    status, said = again(forged, sign=False)
    assert (status, again.budgets) == (2, []) and name in said


def test_other_versions_count_unless_the_caller_says_not(
    again: Any, genuine: Any, folder: Path, capsys: Any
) -> None:
    old = genuine | {"versions": genuine["versions"] | {"numpy": "0.1"}}
    status, said = again(old)
    assert status == 1 and "versions.numpy was 0.1, is " in said
    call = ["replay", str(folder / "forged.json"), str(folder / "claims.py")]
    assert cli.main([*call, "--other-versions"]) == 0
    assert "versions.numpy was 0.1, is " in capsys.readouterr().out
    forged = copy.deepcopy(old)
    forged["claims"][0]["bound"] = 1.0
    again(forged)
    assert cli.main([*call, "--other-versions"]) == 1


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", ["0" * 64, None])
def test_other_weights_are_refused_before_anything_runs(
    folder: Path, genuine: Any, digest: str | None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pool, "reports", lambda *_: pytest.fail("it was run"))
    for number in range(len(genuine["claims"])):
        forged = copy.deepcopy(genuine)
        if forged["claims"][number]["digest"] == digest:
            continue
        forged["claims"][number]["digest"] = digest
        path = written(folder / "weights.json", forged)
        with pytest.raises(WrongCall, match="not those of the report: digest"):
            replayed(path, str(folder / "claims.py"))


# -- files ------------------------------------------------------------------------------------


@pytest.fixture
def untouched(folder: Path) -> Iterator[Path]:
    mark = folder / "executed"
    mark.unlink(missing_ok=True)
    yield mark
    mark.unlink(missing_ok=True)


@pytest.fixture
def refused(capsys: Any, untouched: Path) -> Any:
    """Expects the call to be refused in one line with `words`, and the file not to be executed."""

    def call(words: str, *arguments: str) -> None:
        capsys.readouterr()
        assert cli.main(["replay", *arguments]) == 2
        out, err = capsys.readouterr()
        assert words in err and err.count("\n") == 1 and out == ""
        assert not untouched.exists()

    return call


def test_a_file_that_the_caller_does_not_name_is_not_executed(folder: Path, refused: Any) -> None:
    refused("only those that you name are executed", str(folder / "report.json"))


def test_a_file_that_is_not_the_recorded_one_is_not_executed(folder: Path, refused: Any) -> None:
    changed = folder / "changed.py"
    changed.write_text(MINE + "\n")
    refused("none of the files given is", str(folder / "report.json"), str(changed))
    refused("no Python file", str(folder / "report.json"), str(folder / "missing.py"))
    both = str(folder / "claims.py"), str(changed)
    refused("no claim of it is from", str(folder / "report.json"), *both)


def test_a_report_cannot_have_another_file_executed(
    folder: Path, genuine: Any, refused: Any
) -> None:
    mine = str(folder / "claims.py")
    for number, entry in enumerate(genuine["claims"]):
        if "file" not in entry:
            forged = copy.deepcopy(genuine)
            forged["claims"][number] |= {"file": mine, "file_sha256": "0" * 64}
            refused("two file_sha256", written(folder / "forged.json", forged))
    forged = copy.deepcopy(genuine)
    forged["asked"]["names"].append(str(folder / "other.py"))
    refused(
        "names and the file of its claims do not agree",
        written(folder / "forged.json", forged),
        mine,
    )
    alone = {"names": list(BUILT_IN), "variant": "all"}
    path = written(folder / "forged.json", genuine | {"asked": alone})
    refused("names and the file of its claims do not agree", path, mine)
    without = [entry for entry in genuine["claims"] if "file" not in entry]
    path = written(folder / "forged.json", genuine | {"claims": without, "asked": alone})
    refused("no claim of it is from", path, mine)


def test_the_same_file_elsewhere_will_do(again: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "claims.py").write_text(MINE)
    assert replayed(folder / "report.json", str(tmp_path / "claims.py")) == ()


def test_a_file_that_changes_during_the_run_is_said(
    again: Any, folder: Path, tmp_path: Path, monkeypatch: Any, outcomes: list[Report]
) -> None:
    file = tmp_path / "claims.py"
    file.write_text(MINE)

    def run(*_: Any) -> list[Report]:
        file.write_text(MINE + "\n")
        return outcomes

    monkeypatch.setattr(pool, "reports", run)
    with pytest.raises(WrongCall, match="changed while it was being checked"):
        replayed(folder / "report.json", str(file))


# -- Coq --------------------------------------------------------------------------------------


def test_a_report_with_kernel_checks_has_coq_run_again(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    asked: list[int] = []
    said = {"log": "closed under the global context: Newton.newton"}

    def kernel(reports: list[Report]) -> list[Report]:
        asked.append(len(reports))
        check = CheckResult(True, 1, detail=said["log"], kind="kernel", strength="proved")
        return [
            replace(made, checks=(*made.checks, check), verdict=Holds(("proved", "exact")))
            for made in reports
        ]

    monkeypatch.setattr(engine, "with_kernel", kernel)
    monkeypatch.setattr(checking, "kernel_here", lambda: True)
    path = str(tmp_path / "report.json")
    call = ["check", "fu2023.eq40", "--quick", "--kernel", "coq", "--json", path]
    assert cli.main(call) == 0 and len(asked) == 1
    assert cli.main(["replay", path]) == 0 and len(asked) == 2
    said["log"] = "Newton.newton does not compile"
    capsys.readouterr()
    assert cli.main(["replay", path]) == 1 and len(asked) == 3
    assert "fu2023.eq40 (printed): kernel: detail was" in capsys.readouterr().out
    forged = json.loads(Path(path).read_text()) | {"kernel": None}
    assert cli.main(["replay", written(tmp_path / "forged.json", forged)]) == 1
    assert len(asked) == 3


# -- what is no report ------------------------------------------------------------------------


def test_a_name_given_twice_is_refused(folder: Path) -> None:
    text = (folder / "report.json").read_text()
    path = folder / "twice.json"
    path.write_text(text.replace('"verdict": "holds"', '"verdict": "refuted", "verdict": "holds"'))
    with pytest.raises(WrongCall, match="'verdict' is given twice"):
        replay.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WrongCall, match="No such file"):
        replay.load(tmp_path / "nothing.json")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=200), number=st.integers(0, 4))
def test_no_text_of_a_report_can_steer_a_terminal(again: Any, genuine: Any, text, number) -> None:
    forged = copy.deepcopy(genuine)
    entry = forged["claims"][number]
    for name in ("summary", "repair", "id", "verdict")[: number + 1]:
        entry[name] = text
    _, said = again(json.loads(json.dumps(forged)))
    assert all(character.isprintable() or character == "\n" for character in said)


def test_long_values_are_shown_from_where_they_differ() -> None:
    before, after = "a" * 500 + "b", "a" * 500 + "c"
    said = str(replay.Change("x (printed)", "detail", before, after))
    assert said == f"x (printed): detail was …{'a' * 12}b, is …{'a' * 12}c"
