"""What is installed is what is here: every file of the packages is in a wheel of this tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from setuptools import Distribution

ROOT = Path(__file__).parents[1]
PACKAGES = ("constructions", "proofs", "verify")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> set[str]:
    """The files of the packages that a build copies, by the configuration of this tree."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files(["setup.cfg", "pyproject.toml"])
    build = distribution.get_command_obj("build_py")
    build.build_lib = str(tmp_path)
    build.ensure_finalized()
    return {
        Path(file).relative_to(tmp_path).as_posix()
        for file in build.get_outputs(include_bytecode=False)
    }


def test_a_wheel_has_every_file_of_the_packages(installed: set[str]) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    there = {file for file in found.stdout.splitlines() if (ROOT / file).is_file()}
    assert len(there) > 400
    assert there - installed == set()
