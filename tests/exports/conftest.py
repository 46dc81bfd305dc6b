"""A Python that has the libraries that exports are loaded with, and not this package."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OWN = ("constructions", "proofs", "verify", "icl_witness", "__editable__")


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """outside(script, *arguments) -> what it prints, in a virtual environment without this package.

    Its site-packages are links to what is installed here, so that nothing is installed for it.
    """
    home = tmp_path_factory.mktemp("outside")
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    for folder in filter(Path.is_dir, map(Path, sys.path)):
        if folder.name in ("site-packages", "dist-packages"):
            for entry in folder.iterdir():
                own = entry.name.startswith(OWN) or entry.suffix == ".pth"
                if not own and not (site / entry.name).exists():
                    (site / entry.name).symlink_to(entry)
    known = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(script: str, *arguments: Any) -> str:
        done = subprocess.run(
            [home / "bin" / "python", "-c", script, *map(str, arguments)],
            capture_output=True, text=True, cwd=home, env=known | {"HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    for name in OWN[:3]:
        assert run(f"import importlib.util as u; print(u.find_spec({name!r}))") == "None\n"
    return run
