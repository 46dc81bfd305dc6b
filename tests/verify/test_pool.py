"""One claim that breaks is reported as broken, with its line; the others get their verdicts."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from joblib.externals.loky import process_executor

from verify import engine, pool
from verify.claim import Broken, Budget, Check, CheckResult, Claim, Holds, builtin, load_file
from verify.command import cli
from verify.inputs import where_raised
from verify.inputs.names import Chosen, choose

HEAD = """
import sys
from fractions import Fraction
import constructions
from verify import Check, CheckResult, algorithms, claim, strategies

def fails(*_, **__):
    return 1 / 0

def cases():
    return strategies.prompts(iterations=1, alpha=Fraction(1, 4))

def right(d, iterations, alpha):
    return constructions.build("newton", d=d, iterations=iterations, alpha=alpha)
"""
CHECKS = "@claim('mine.broken')\ndef checks():\n"
OF_NEWTON = "claim('mine.broken', algorithm=algorithms.newton, cases={})({})"
DIVIDES = "    return 1 / 0"
# {where the code fails: (a claim named mine.broken, text of the line that is named)}
FAILING = {
    "builder": (OF_NEWTON.format("cases", "fails"), DIVIDES),
    "builder, from some size on": (
        f"@{OF_NEWTON.format('cases', '')[:-2]}\n"
        "def late(d, iterations, alpha):\n"
        "    return fails() if d > 1 else right(d, iterations, alpha)",
        DIVIDES,
    ),
    "algorithm": ("claim('mine.broken', algorithm=fails, cases=cases)(right)", DIVIDES),
    "cases": (OF_NEWTON.format("fails", "right"), DIVIDES),
    "strategy": (OF_NEWTON.format("lambda: cases().map(fails)", "right"), DIVIDES),
    "sizes": (OF_NEWTON.format("cases, sizes=fails", "right"), DIVIDES),
    "checks": ("claim('mine.broken')(fails)", DIVIDES),
    "a generator of checks": (
        f"{CHECKS}    yield Check('exact', fails, 'exact')\n    raise KeyError('no more')",
        "    raise KeyError('no more')",
    ),
    "a check": (f"{CHECKS}    return [Check('exact', fails, 'exact')]", DIVIDES),
    "a strength that a kind cannot have": (
        f"{CHECKS}    return [Check('exact', fails, 'proved')]",
        "    return [Check('exact', fails, 'proved')]",
    ),
    "an exit": (f"{CHECKS}    sys.exit(0)", "    sys.exit(0)"),
    "endless recursion": (f"{CHECKS}    return checks()", "    return checks()"),
    "no check": (f"{CHECKS}    return [3]", "@claim('mine.broken')"),
    "no result": (
        f"{CHECKS}    return [Check('exact', lambda budget: None, 'exact')]",
        "@claim('mine.broken')",
    ),
    "no witness": (
        f"@{OF_NEWTON.format('cases', '')[:-2]}\ndef mine(d, iterations, alpha):\n    return None",
        f"@{OF_NEWTON.format('cases', '')[:-2]}",
    ),
}
WHOLE = """
@claim("mine.whole")
def whole():
    return [Check("exact", lambda budget: CheckResult(True, 1), "exact")]
"""


def nothing_here(*_: Any) -> Any:
    """Nothing is checked while workers load: all of it by them."""
    yield from ()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """A file of claims: (its path, the line on which a text stands last)."""

    def write(*parts: str) -> tuple[str, Any]:
        path = tmp_path / "claims.py"
        text = "\n".join((HEAD, *parts, WHOLE))
        path.write_text(text)

        def line(wanted: str) -> int:
            lines = text.split("\n")
            return len(lines) - lines[::-1].index(wanted)

        return str(path), line

    return write


@pytest.mark.parametrize("kind", FAILING)
def test_a_broken_claim_is_named_with_file_and_line(
    kind: str, file: Any, tmp_path: Path, capsys: Any
) -> None:
    source, wanted = FAILING[kind]
    path, line = file(source)
    outputs = {name: tmp_path / f"report.{name}" for name in ("json", "html", "markdown")}
    written = [part for name, out in outputs.items() for part in (f"--{name}", str(out))]
    status = cli.main(["check", path, "--quick", *written])
    out, err = capsys.readouterr()
    broken, whole = json.loads(outputs["json"].read_text())["claims"]
    where = f"claims.py, line {line(wanted)}"
    assert (status, broken["verdict"], whole["verdict"]) == (1, "broken", "holds")
    assert broken["where"] == where
    assert broken["why"] == "SystemExit: 0" if kind == "an exit" else "Error" in broken["why"]
    assert err == f"witness: mine.broken (printed) is broken: {where}: {broken['why']}\n"
    assert "2 claims: 1 holds, 1 broken; 1 not as expected" in out and where in " ".join(
        out.split()
    )
    assert f"**broken**: {where}" in outputs["markdown"].read_text()
    assert (
        where in outputs["html"].read_text() and ">broken</strong>" in outputs["html"].read_text()
    )


def test_many_claims_are_checked_on_several_processes_although_one_is_broken(
    file: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    path, _ = file(FAILING["checks"][0], FAILING["builder"][0].replace("broken", "other"))
    chosen = choose([path])
    alone, together = (pool.reports(chosen, Budget(quick=True), workers) for workers in (1, 2))
    assert [made.verdict for made in alone] == [made.verdict for made in together]
    assert [made.verdict.name for made in together] == ["broken", "broken", "holds"]


def test_a_file_that_is_another_when_it_is_loaded_again_breaks_its_claims(
    file: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    path, _ = file()
    chosen = [*choose([path]), *choose(["akyurek2022.lemma1.sizes"])]
    for text, why in (
        (Path(path).read_text().replace("mine.whole", "mine.other"), "registers other claims"),
        ("def f(:", "line 1"),
    ):
        Path(path).write_text(text)
        mine, *others = pool.reports(chosen, Budget(quick=True), 2)
        assert isinstance(mine.verdict, Broken) and why in mine.verdict.why
        assert [made.verdict.name for made in others] == ["refuted", "holds"]


def test_a_built_in_claim_that_raises_is_broken_too(monkeypatch: Any) -> None:
    from verify.claims.akyurek2022 import primitives as module

    chosen = choose(["akyurek2022.lemma1.mov", "fu2023.eq40"])
    (name,) = [
        name for name in chosen[0].claim.checks.__code__.co_names  # type: ignore[union-attr]
        if callable(vars(module).get(name))
    ][:1]  # fmt: skip
    monkeypatch.setattr(module, name, lambda *_, **__: 1 / 0)
    broken, whole = pool.reports(chosen, Budget(quick=True))
    assert isinstance(broken.verdict, Broken) and isinstance(whole.verdict, Holds)
    assert broken.verdict.where.startswith("verify/claims/akyurek2022/primitives.py, line ")
    assert broken.verdict.why == "ZeroDivisionError: division by zero"
    assert not broken.as_expected


def test_every_built_in_claim_has_a_place() -> None:
    for claim in builtin():
        said = where_raised.place(claim.witness or claim.checks, None, ValueError("no frame"))
        file, _, line = said.partition(", line ")
        assert line.isdigit() and (Path(__file__).parents[2] / file).is_file(), said


def test_ctrl_c_in_a_claim_ends_the_run(monkeypatch: Any) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", interrupted)
    (one, *_) = builtin()
    with pytest.raises(KeyboardInterrupt):
        pool.reports([Chosen(one)], Budget())


def test_what_cannot_be_shown_of_the_progress_breaks_nothing(monkeypatch: Any) -> None:
    from verify.inputs import progress

    class Gone:
        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> None:
            raise BrokenPipeError

        flush = None

    monkeypatch.setattr(progress, "DELAY", -1.0)
    monkeypatch.setattr(progress, "PAUSE", -1.0)
    monkeypatch.setattr(sys, "stderr", Gone())
    with progress.Progress("claims") as shown:
        (made,) = pool.reports(choose(["akyurek2022.lemma1.mul"]), Budget(quick=True), 1, shown)
    assert not isinstance(made.verdict, Broken)


def test_the_first_line_of_a_pipe_comes_at_once_and_has_a_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verify.inputs import progress

    monkeypatch.setattr(progress, "DELAY", -1.0)
    monkeypatch.setattr(progress, "PAUSE", float("inf"))
    with progress.Progress("claims", 2) as shown:
        two = choose(["akyurek2022.lemma1"], "printed")[:2]
        first, _ = pool.reports(two, Budget(quick=True), 1, done=shown.done)
    said = f"1 of 2 claims: {first.claim.id}: {first.verdict.name}"
    assert capsys.readouterr().err.splitlines() == [said]  # the next one only after a pause


def test_lines_of_a_pipe_become_fewer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verify.inputs import progress

    clock = iter(range(2000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.Progress("parts", 4) as shown:
        for _ in range(1000):
            shown("the transformer")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["0 of 4 parts: the transformer"] * 7  # 10 s apart, 20, 40, …


def test_what_is_interrupted_says_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verify.command import cli
    from verify.inputs import progress

    def two_of_them(chosen: Any, budget: Any, count: int, say: Any, done: Any) -> None:
        done("a: holds")
        done("b: refuted")
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(pool, "reports", two_of_them)
    assert cli.main(["check", "akyurek2022.lemma1"]) == 130
    said = capsys.readouterr().err.splitlines()[-2:]
    assert said[0] == "witness: so far 2 claims: 1 holds, 1 refuted"
    assert re.fullmatch(r"witness: interrupted after 2 of \d+ claims", said[1])
    with pytest.raises(ZeroDivisionError), progress.Progress("pages"):
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == ""


def test_a_counterexample_of_any_types_can_travel_and_be_written() -> None:
    strange = {"X": (Fraction(1, 2), object()), 3: {"f": lambda: None}}
    check = CheckResult(False, 1, counterexample=strange, first_difference={"is": {1, 2}})
    claim = Claim(id="b", checks=lambda: ())
    plain = pool._plain(engine.Report(claim, engine.decide([check]), (check,)))
    assert json.loads(json.dumps(plain.checks[0].counterexample)) == plain.checks[0].counterexample
    assert plain.checks[0].counterexample["X"][0] == "1/2"


def test_a_message_of_any_length_is_one_line() -> None:
    assert where_raised.said(ValueError("a\nb" * 5000)).count("\n") == 0
    assert len(where_raised.said(ValueError("a\nb" * 5000))) <= where_raised.LONGEST
    assert where_raised.said(KeyError()) == "KeyError"


def test_an_exception_raised_from_a_users_own_is_found_at_the_users_line(file: Any) -> None:
    path, line = file(FAILING["checks"][0])
    claim = load_file(path)[0]
    try:
        try:
            claim.checks()  # type: ignore[misc]
        except ZeroDivisionError as error:
            raise RuntimeError("seen by a library") from error
    except RuntimeError as error:
        assert (
            where_raised.place(claim.checks, path, error)
            == f"claims.py, line {line('    return 1 / 0')}"
        )


def test_ctrl_c_while_workers_start_is_heard_once_they_have(monkeypatch: Any) -> None:
    """It is pressed, the rest of the start still happens, and what was started ends."""
    seen: list[Any] = []

    class Results:
        def close(self) -> None:
            seen.append("closed")

    def all_at_once(calls: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        seen.append(len(list(calls)))
        return Results()

    monkeypatch.setattr(pool, "_loading", True)
    monkeypatch.setattr(pool, "_until_loaded", lambda: None)
    monkeypatch.setattr("joblib.Parallel", lambda **_: all_at_once)
    # whoever runs the tests may have SIGINT ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(pool.each(len, [("a",), ("b",)], 2))
        assert seen == [2, "closed"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


LOADED_AHEAD = """
import signal
from verify import pool

if {ahead}:
    pool.load_ahead(["verify.pool"])
print(*set(pool.each(signal.getsignal, [(signal.SIGINT,)] * 4, 2)))
"""


@pytest.mark.parametrize("ahead", [True, False])
def test_workers_do_not_hear_ctrl_c(ahead: bool) -> None:
    """Which a terminal sends to them too."""
    code = LOADED_AHEAD.format(ahead=ahead)
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == f"{signal.SIG_IGN}\n"


# -- while workers load -----------------------------------------------------------------------


@pytest.mark.parametrize("here", [0, 2, 3])
def test_claims_without_floats_are_checked_until_there_are_workers(
    here: int, monkeypatch: Any
) -> None:
    """Each claim once, and those in floats by workers, however many are checked meanwhile."""
    there: list[str] = []
    loaded = threading.Event()

    def by_workers(function: Any, calls: Any, workers: int, **_: Any) -> Any:
        for where, key, _file, _budget in calls:
            there.append(key[0])
            yield where, {"verdict": Holds(), "checks": (), "digest": None}

    monkeypatch.setattr(pool, "load_ahead", lambda: None)
    monkeypatch.setattr(pool, "_until_loaded", loaded.wait)
    monkeypatch.setattr(pool, "each", by_workers)
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    newton = next(claim for claim in builtin() if claim.id == "newton")
    sizes = next(claim for claim in builtin() if claim.id == "akyurek2022.lemma1.sizes")
    chosen = [Chosen(claim) for claim in (newton, sizes, sizes, sizes)]
    if here == 0:
        loaded.set()
    seen: list[int] = []
    before = threading.active_count()
    for where, _ in pool.run(chosen, Budget(quick=True), 2):
        seen.append(where)
        if len(seen) == here:
            loaded.set()
            while threading.active_count() > before:
                pass
    assert sorted(seen) == [0, 1, 2, 3]
    assert len(there) == 4 - here and "newton" in there


# -- threads ----------------------------------------------------------------------------------


def test_a_run_on_several_processes_leaves_no_trace_in_threading(monkeypatch: Any) -> None:
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    heard: list[Any] = []

    def before(failed: Any) -> None:
        heard.append(failed)

    monkeypatch.setattr(threading, "excepthook", before)
    monkeypatch.setattr(pool, "_while_workers_load", nothing_here)
    chosen = choose(["akyurek2022.lemma1.sizes"])
    for cut_short in (False, True):
        outcomes = pool.run(chosen, Budget(quick=True), 2)
        next(outcomes)
        assert threading.excepthook is not before
        failing = threading.Thread(target=lambda: [][0])
        failing.start()
        failing.join()
        if cut_short:
            outcomes.close()
        else:
            list(outcomes)
        assert threading.excepthook is before
    assert [failed.exc_type for failed in heard] == [IndexError, IndexError]  # others are heard


def test_a_run_that_fails_leaves_no_trace_either(monkeypatch: Any) -> None:
    before = threading.excepthook
    with pytest.raises(RuntimeError), pool._quiet_when_cut_short():
        assert threading.excepthook is not before
        raise RuntimeError
    assert threading.excepthook is before


def test_the_fields_of_a_report_travel_whole(monkeypatch: Any) -> None:
    monkeypatch.setattr(pool, "WORTH_IT", 1)
    monkeypatch.setattr(pool, "_while_workers_load", nothing_here)
    chosen = choose(["akyurek2022.lemma1.sizes", "akyurek2022.lemma1.mul"])
    alone, together = (pool.reports(chosen, Budget(quick=True), workers) for workers in (1, 2))
    for one, other in zip(alone, together):
        timeless = [
            replace(made, checks=tuple(replace(check, seconds=0.0) for check in made.checks))
            for made in (one, other)
        ]
        assert timeless[0] == timeless[1]


def test_garbage_is_collected_seldom_while_claims_are_checked_and_as_before_afterwards() -> None:
    before, seen = gc.get_threshold(), []

    def checks() -> list[Check]:
        return [Check("exact", lambda budget: seen.append(gc.get_threshold()[0]), "exact")]

    pool.reports([Chosen(Claim("mine.seen", checks=checks))], Budget())
    list(pool.each(lambda: seen.append(gc.get_threshold()[0]), [()], 1))
    assert seen == [pool.SELDOM[0]] * 2 and gc.get_threshold() == before
    assert pool.SELDOM[0] > 1000 * before[0]


def test_a_worker_may_keep_what_it_has_solved() -> None:
    """joblib takes more than this for a leak, and begins the worker anew, with a warning."""
    kept = (process_executor, "_MAX_MEMORY_LEAK_SIZE")
    assert hasattr(*kept)
    assert set(pool.each(getattr, [kept, kept], 2)) == {pool.KEPT}
