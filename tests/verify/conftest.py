"""The whole check, run once as a user runs it, for all tests that read its verdicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import browser as driver
import pytest

from verify.checks.coq import kernel
from verify.command import cli

ROOT = Path(__file__).parents[2]
# where Coq is missing the check is run without it
KERNEL = ["--kernel", "coq"] if kernel.available() else []


@dataclass(frozen=True)
class Whole:
    """What `witness check --as all` said: exit status, JSON report, Markdown table."""

    status: int
    report: dict[str, Any]
    markdown: str

    @property
    def claims(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(claim["id"], claim["variant"]): claim for claim in self.report["claims"]}


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is kept is kept for this run of the tests, by all of its processes, and only there."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["WITNESS_CACHE"] = str(run / "cache")


@pytest.fixture
def witness(capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls the command: (exit status, standard output, standard error)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[driver.Browser]:
    """A browser with a window of 1280 × 720."""
    made = driver.Browser()
    made.size(1280, 720)
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages of one module are written, each once."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Tests that take it are of the xdist group "whole": one process, so that it is run once."""
    folder = tmp_path_factory.mktemp("whole")
    outputs = folder / "report.json", folder / "report.md"
    command = [sys.executable, "-m", "verify", "check", "--as", "all", *KERNEL]
    command += ["--json", str(outputs[0]), "--markdown", str(outputs[1])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return Whole(done.returncode, json.loads(outputs[0].read_text()), outputs[1].read_text())


@pytest.fixture(scope="session", autouse=True)
def no_browser() -> None:
    """No browser is asked to show anything."""
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        os.environ.pop(display, None)


@pytest.fixture(scope="session")
def site(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all pages, with the verdicts of the whole check, moved after it was written."""
    from verify.page import write_all

    made = tmp_path_factory.mktemp("site")
    write_all(made / "here", whole.report, workers=1)
    return (made / "here").rename(made / "there")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "whole" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("whole"))
