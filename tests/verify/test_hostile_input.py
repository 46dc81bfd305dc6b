"""Whatever comes in: a correct answer, or exit status 2 and one line; nothing else."""

from __future__ import annotations

import configparser
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import constructions
from verify import algorithms
from verify.claim import NoClaimError, load_file
from verify.command import cli, replay, sweep
from verify.inputs.errors import WrongCall
from verify.inputs.tables import read_table
from verify.report.as_json import sha256
from verify.report.report import SCHEMA

ROOT = Path(__file__).parents[2]
FUZZED = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANY_FLOAT = st.floats(width=64)  # NaN, infinities and subnormals included
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


# -- predict ----------------------------------------------------------------------------------


@st.composite
def arrays(draw: Any) -> np.ndarray:
    shape = draw(SHAPES)
    size = int(np.prod(shape, dtype=int))
    return np.array(draw(st.lists(ANY_FLOAT, min_size=size, max_size=size))).reshape(shape)


@FUZZED
@given(arrays(), arrays(), arrays(), st.sampled_from(("float64", "float32", "rational", "ball")))
def test_predict_refuses_in_one_line_or_answers_in_the_right_shape(X, y, queries, numbers):
    witness = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        try:
            made = witness.predict(X, y, queries, numbers)
        except ValueError as error:
            assert str(error) and "\n" not in str(error)
            return
    batch = np.broadcast_shapes(X.shape[:-2], y.shape[:-1], queries.shape[:-2])
    assert made.shape == (*batch, queries.shape[-2])
    assert all(np.isfinite(part).all() for part in (X, y, queries))


@FUZZED
@given(st.lists(ANY_FLOAT, min_size=8, max_size=8))
def test_a_finite_prompt_is_answered_exactly_and_any_other_refused(values):
    X, y, queries = (
        np.array(values[:4]).reshape(2, 2),
        np.array(values[4:6]),
        np.array([values[6:]]),
    )
    witness = constructions.build("gradient_descent", d=2, steps=2, step_size=Fraction(1, 4))
    if not np.isfinite(values).all():
        with pytest.raises(ValueError):
            witness.predict(X, y, queries, "rational")
        return
    exact = [np.vectorize(Fraction, otypes=[object])(part) for part in (X, y, queries)]
    want = algorithms.gradient_descent(*exact, steps=2, step_size=Fraction(1, 4))
    assert list(witness.predict(X, y, queries, "rational")) == list(want)


@FUZZED
@given(st.one_of(st.text(), st.none(), st.binary(), st.dictionaries(st.text(), st.integers())))
def test_predict_refuses_what_is_no_array(rubbish):
    witness = constructions.build("gradient_descent", d=2, steps=1, step_size=1)
    with pytest.raises(ValueError) as error:
        witness.predict(rubbish, rubbish, rubbish)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(2**40, 2), (0, 2), (2, 2**40)])
def test_huge_and_empty_shapes_are_refused_without_being_made(shape):
    witness = constructions.build("newton", d=2, iterations=1, alpha=1)
    X = np.broadcast_to(np.float64(1), shape)
    with pytest.raises(ValueError):
        witness.predict(X, np.ones(3), np.ones((1, 2)))


# -- files ------------------------------------------------------------------------------------

BYTES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(["a", "1", ",", "\n", '"', "\r", " ", "nan", "1e400", "é", "\x00"]))
    .map(lambda parts: "".join(parts).encode()),
)  # fmt: skip


@FUZZED
@given(BYTES)
@example(b"a,b\n1,2\n")
@example(b"\xef\xbb\xbfa,b\n1,2\n")
@example(b"a,b\n1,\x00\n")
@example(b'a,b\n"1,2\n')
def test_a_csv_file_gives_finite_numbers_or_one_line(tmp_path, data):
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    try:
        table = read_table(path)
    except WrongCall as error:
        assert str(error) and "\n" not in str(error)
        return
    assert table.values.shape == (len(table), len(table.columns))
    assert all(np.isfinite(float(value)) for value in table.values.ravel())


@FUZZED
@given(data=st.binary(max_size=80).filter(lambda data: b"exit" not in data))
def test_any_bytes_are_refused_as_claims(tmp_path, data):
    path = tmp_path / "claims.py"
    path.write_bytes(b"\n" + data)
    with pytest.raises(NoClaimError) as error:
        load_file(path)
    assert "\n" not in str(error.value)


@FUZZED
@given(BYTES)
def test_any_bytes_are_no_results_of_a_sweep(tmp_path, data):
    path = tmp_path / "results.jsonl"
    path.write_bytes(data)
    try:
        sweep.run("gradient_descent", ["steps=1"], path)
    except WrongCall as error:
        assert "\n" not in str(error) and path.read_bytes() == data
        return
    assert data == b"" or data.startswith(b"{") or b"\n" not in data


@FUZZED
@given(BYTES)
def test_any_bytes_are_no_report(tmp_path, data):
    refused_as_a_report(tmp_path / "report.json", data)


def refused_as_a_report(path, data):
    path.write_bytes(data)
    with pytest.raises(WrongCall) as error:
        replay.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "\x00\x01", "[" * 100_000, "1" * 10_000, '{"schema": 1, "schema": 2}',
     *('{"schema": "witness-report/1"' + rest for rest in (
         "}", ', "schema": "witness-report/1"}', ', "seed": "0", "claims": [1]}',
         ', "seed": 0, "claims": [1]}', ', "seed": NaN}', ', "seed": 1e999}',
         ', "a": ' + "[" * 900 + "]" * 900 + "}"))],
)  # fmt: skip
def test_what_looks_like_a_report_is_none(tmp_path, text):
    refused_as_a_report(tmp_path / "report.json", text.encode())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("schema", "asked", "claims", "seed", "quick", "cases", "kernel", "numbers", "versions")


@FUZZED
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.lists(JSON, max_size=2))
def test_a_report_of_any_values_is_refused_and_runs_nothing(tmp_path, fields, claims):
    document = {name: {} for name in FIELDS} | {"claims": claims} | fields | {"schema": SCHEMA}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document | {"sha256": sha256(document)}), encoding="utf-8")
    with pytest.raises(WrongCall) as error:
        replay.replay(path)
    assert "\n" not in str(error.value)


# -- the command line -------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(
        ["list", "show", "trace", "run", "explain", "replay", "newton", "gradient_descent", "--set",
         "d=2", "d=-1", "d=1e9", "steps=x", "alpha=nan", "alpha=1/0", "--json", "-o", "/dev/full",
         "/no/such/folder/out", "--data", "--target", "--seed", "-1", "--", "--help", ""]
    ),
    st.text(max_size=12),
)  # fmt: skip


@settings(FUZZED, max_examples=40)
@given(st.lists(WORDS, min_size=1, max_size=6))
def test_any_command_line_ends_with_0_1_or_2_and_says_why_in_one_line(capsys, words):
    words = [word.replace("\x00", "") for word in words]
    if words[0] in ("check", "prove", "bench", "sweep", "doctor") or "explain" in words:
        return  # they take long when they are right
    if any(word.startswith("-") and "o" in word for word in words):
        words = [word for word in words if "/" in word or not word.startswith("-")]
    capsys.readouterr()
    status = cli.main(words)
    out, err = capsys.readouterr()
    assert status in (0, 1, 2), (words, status)
    assert "Traceback" not in err
    if status == 2:
        lines = [line for line in err.splitlines() if "warning" not in line]
        assert len(lines) == 1 and lines[0].startswith("witness: "), (words, err)


def test_fractions_that_double_with_every_layer_are_refused_in_one_line(capsys, tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3\n2,1,3\n0,1,1\n4,5,9\n1,7,8\n")
    told = ["newton", "--set", "iterations=300", "--numbers", "rational"]
    table = ["--data", str(tmp_path / "t.csv"), "--target", "y"]
    for words in (["trace", *told, "--set", "d=2"], ["run", *told, *table]):
        assert cli.main(words) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("witness: newton: its fractions would grow beyond")
        assert err.count("\n") == 1


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("target", ["/dev/full", "/proc/out.json"])
def test_an_output_that_cannot_be_written_is_one_line(capsys, target):
    status = cli.main(["check", "gradient_descent", "--quick", "--json", target])
    out, err = capsys.readouterr()
    assert status == 2 and err.splitlines()[-1].startswith("witness: ") and "Traceback" not in err


def wait_until_at_work(started: subprocess.Popen[str]) -> None:
    """Until the process, or one that it started, has loaded what it computes with."""
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    while started.poll() is None:
        with suppress(OSError):  # one that has just ended
            family = (str(started.pid), *children.read_text().split())
            if any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in family):
                return
        time.sleep(0.05)
    raise AssertionError(f"it ended, with {started.returncode}, before it was at work")


TWO_WORKERS = ("akyurek2022", "--quick", "--workers", "2")


@pytest.mark.parametrize(
    ("arguments", "after"),
    [*(((), after) for after in (0, 0.5, 2)), (TWO_WORKERS, 0.5), (TWO_WORKERS, 2)],
)
def test_ctrl_c_leaves_no_traceback_and_no_part_of_a_file(tmp_path, arguments, after):
    started = subprocess.Popen(
        [sys.executable, "-m", "verify", "check", *arguments, "--json", "report.json"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # a shell's background job starts with SIGINT ignored, and would hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    wait_until_at_work(started)
    time.sleep(after)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    # a shell calls both 130; Python ends itself by the signal where it met a text that is executed,
    # as the methods of a dataclass are
    assert started.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err and "Exception" not in err
    assert os.listdir(tmp_path) == []


INTERRUPTED = """
import sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from {command} import main
sys.exit(main({arguments}))
"""


def interrupted(module: str, command: str, arguments: str = "") -> subprocess.CompletedProcess[str]:
    """A call of the command in which Ctrl-C is pressed when that module is first asked for."""
    code = INTERRUPTED.format(module=module, command=command, arguments=arguments)
    call = [sys.executable, "-c", code, "show", "newton"]
    return subprocess.run(call, env=environment(), capture_output=True, text=True)


@pytest.mark.parametrize(
    "module",
    ["typer", "verify.command", "verify.command.cli", "verify.command.trace", "sympy"],
)
def test_ctrl_c_while_the_command_loads_is_silent(module):
    done = interrupted(module, "verify.__main__")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_while_it_loads_would_be_seen():
    done = interrupted("typer", "verify.command.cli")
    assert done.returncode != 130 and "Traceback" in done.stderr


STUMBLES = """
import sys, threading
from verify import __main__
from verify.command import cli

cli.main = lambda: {status}
status = __main__.main()
late = threading.Thread(target=lambda: [][0])
late.start()
late.join()
sys.exit(status)
"""


@pytest.mark.parametrize("status", [130, 1])
def test_a_thread_that_stumbles_after_ctrl_c_is_not_heard(status):
    call = [sys.executable, "-c", STUMBLES.format(status=status)]
    done = subprocess.run(call, env=environment(), capture_output=True, text=True)
    assert done.returncode == status and ("IndexError" in done.stderr) is (status != 130)


def test_what_is_installed_is_the_command_that_says_nothing_when_interrupted():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"]
    assert scripts.split() == ["witness", "=", "verify.__main__:main"]


def test_check_leaves_nothing_in_the_working_directory(tmp_path):
    call = [sys.executable, "-m", "verify", "check", "gd_plus_plus", "--quick"]
    done = subprocess.run(call, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "as expected" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []


def test_a_sweep_that_is_killed_leaves_no_process_behind(tmp_path):
    grid = ("--set", "d=6", "--set", "seed=0:99999", "--workers", "2")
    started = subprocess.Popen(
        [sys.executable, "-m", "verify", "sweep", "newton", "-o", "swept.jsonl", *grid],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    swept, until = tmp_path / "swept.jsonl", time.monotonic() + 120
    while not (swept.exists() and swept.stat().st_size) and time.monotonic() < until:
        time.sleep(0.1)
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    started.kill()
    started.wait()
    assert len(children) >= 2 and swept.stat().st_size
    until = time.monotonic() + 30
    while any(map(alive, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, children))


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a server on Linux")
def test_a_check_that_is_killed_leaves_no_process_behind(tmp_path):
    started = subprocess.Popen(
        [sys.executable, "-m", "verify", "check", "--workers", "2"],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 120
    while len(workers := list(below(started.pid, 2))) < 2 and time.monotonic() < until:
        time.sleep(0.1)  # they are below the server, and that below the command
    everybody = [*below(started.pid, 1), *workers]
    started.kill()
    started.wait()
    assert len(workers) == 2
    until = time.monotonic() + 60
    while any(map(alive, everybody)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, everybody))


def below(pid: int, depth: int) -> Iterator[str]:
    """The processes that were started, so many steps down, by one."""
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from [child] if depth == 1 else below(int(child), depth - 1)


def alive(pid: str) -> bool:
    """Whether there is such a process, other than one that only waits to be counted."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# The fuzzer's own limit counts the peak of the process that started it, which is this test run's;
# so the address space is limited instead, and a parser that fills it ends in MemoryError.
FUZZ = """
import atheris, os, resource, sys, tempfile
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
PARSERS = ["verify.inputs.tables", "verify.inputs.settings", "proofs.formula"]
with atheris.instrument_imports(include=PARSERS):
    from proofs import formula
    from verify.inputs import settings, tables
path = os.path.join(tempfile.mkdtemp(), "data.csv")
def one(raw):
    with open(path, "wb") as stream:
        stream.write(raw)
    text = raw.decode("latin-1")
    for parse, what in ((tables.read_table, path), (settings.split, text), (formula.parse, text)):
        try:
            parse(what)
        except ValueError as error:
            assert str(error)
atheris.Setup([sys.argv[0], "-runs=400", "-max_len=64", "-seed=1", "-rss_limit_mb=0"], one)
atheris.Fuzz()
"""


def test_the_parsers_stand_coverage_guided_fuzzing(tmp_path):
    pytest.importorskip("atheris")
    done = subprocess.run(
        [sys.executable, "-c", FUZZ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
