"""Compiled theories and what the kernel said of them, kept from one run to the next.

A theory is kept under the hash of all that it comes from: its text, the compiled theories that it
requires (so the weights, where it has any), Coq's version, its flags, and the MathComp that is
installed. Whatever of these is another has another name here, so nothing that is stale is found.
An entry is a folder that appears whole or not at all; one that was damaged since is not used, and
no time of an entry is asked for. The hashes are no signatures: who may write here, and makes them
anew, is believed, as is who replaces a file of the installed MathComp by one of its size and time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ...inputs.browser import caches

SAID = "said.json"


def folder() -> Path:
    """Where theories are kept."""
    return caches() / "coq"


@cache
def installed() -> str:
    """What stands for the libraries that are installed: their files, sizes and times."""
    where = subprocess.run(["coqc", "-where"], capture_output=True, text=True).stdout.strip()
    found = []
    for path in sorted(Path(where, "user-contrib").rglob("*.vo")):
        about = path.stat()
        found.append(f"{path} {about.st_size} {about.st_mtime_ns}")
    return _hash("\n".join(found).encode())


def key(version: str, flags: Sequence[str], text: str, needs: Mapping[str, str]) -> str:
    """The name of a theory; `needs` gives the digest of every compiled one that it requires."""
    of = [version, list(flags), installed(), text, sorted(needs.items())]
    return _hash(json.dumps(of).encode())


def digest(compiled: Path) -> str:
    """The hash of a compiled theory."""
    return _hash(compiled.read_bytes())


def take(name: str, compiled: Path) -> dict[str, Any] | None:
    """What was said of the theory, put where it would be compiled; None if none is kept."""
    entry = folder() / name
    try:
        said = json.loads((entry / SAID).read_text(encoding="utf-8"))
        made = (entry / compiled.name).read_bytes()
        if _hash(made) != said["digest"] or said.pop("whole") != _of(name, said):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    compiled.write_bytes(made)
    return dict(said)


def keep(name: str, compiled: Path, said: Mapping[str, Any]) -> None:
    """Keeps a compiled theory; where nothing can be written, nothing is kept."""
    with suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder()))
        try:
            shutil.copy(compiled, made)
            about = {"digest": digest(compiled), **said}
            about["whole"] = _of(name, about)
            (made / SAID).write_text(json.dumps(about), encoding="utf-8")
            entry = folder() / name
            if entry.exists():  # damaged, or just made by another run
                shutil.rmtree(entry, ignore_errors=True)
            made.rename(entry)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _of(name: str, said: Mapping[str, Any]) -> str:
    """The hash of what was said and of which theory, by which another word, or what was said of
    another, is noticed."""
    return _hash(json.dumps([name, said], sort_keys=True).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
