"""Pages and proofs that were made before, kept among the user's caches.

What is kept is only taken up where every file of the three packages, and the versions of what they
rest on, are those that it was made with. It would come out the same if it were made again, verdicts
included, since checks are seeded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from constructions.files import write_whole

from .report.as_json import versions

PACKAGES = ("constructions", "proofs", "verify")
ROOT = Path(__file__).parents[1]


@cache
def made_from(root: Path = ROOT) -> str:
    """SHA-256 of what pages are made from: the packages' files under `root`, and versions."""
    found = hashlib.sha256(json.dumps(versions(), sort_keys=True).encode())
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(str(path.relative_to(root)).encode() + b"\0")
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@dataclass(frozen=True)
class Kept:
    """What is kept in a folder, by name: of these sources only."""

    folder: Path

    @property
    def current(self) -> Path:
        """Where what is made from the sources as they are now is kept."""
        return self.folder / made_from()[:32]

    def get(self, name: str) -> dict[str, Any] | None:
        """What was put under a name; None where there is nothing, or no longer what was put."""
        try:
            text = (self.current / f"{name}.json").read_text(encoding="utf-8")
            digest, _, rest = text.partition("\n")
            if digest != self._digest(name, rest):
                return None
            found: dict[str, Any] = json.loads(rest)
        except (OSError, ValueError):
            return None
        return found

    def put(self, name: str, what: Mapping[str, Any]) -> None:
        """Keeps it, where it can be written; what was made from other sources goes."""
        rest = json.dumps(what)
        digest = self._digest(name, rest)
        with suppress(OSError):
            if not self.current.is_dir():
                self._forget()
                self.current.mkdir(parents=True)
            write_whole(self.current / f"{name}.json", f"{digest}\n{rest}".encode())

    def _digest(self, name: str, text: str) -> str:
        """The hash of a text, with what it is kept under: it counts for nothing else."""
        return hashlib.sha256("\0".join((made_from(), name, text)).encode()).hexdigest()

    def _forget(self) -> None:
        for other in self.folder.iterdir() if self.folder.is_dir() else ():
            if len(other.name) == 32 and set(other.name) <= set("0123456789abcdef"):
                shutil.rmtree(other, ignore_errors=True)
