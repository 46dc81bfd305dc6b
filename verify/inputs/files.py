"""Output files appear whole or not at all; where they cannot be written, that is one line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from constructions.files import temporary_beside, write_whole

from .errors import WrongCall


def write(path: str | Path, content: str | bytes) -> None:
    """Writes `content` to `path`, whole or not at all.

    "-" is standard output. Devices and pipes are written to directly. Raises WrongCall where it
    cannot be written; what was there before is then still there.
    """
    data = content.encode() if isinstance(content, str) else content
    if str(path) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with _refused_in_one_line(path):
        target = Path(path).resolve()  # a link stays a link; its target is replaced
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_bytes(data)
        else:
            write_whole(target, data)


def check_writable(path: str | Path | None) -> None:
    """Raises WrongCall now rather than after a long run."""
    if path is None or str(path) == "-":
        return
    with _refused_in_one_line(path):
        target = Path(path).resolve()
        if target.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if target.exists() and not target.is_file():
            return
        if not target.parent.is_dir():
            raise FileNotFoundError(2, f"there is no folder {Path(path).parent}")
        os.unlink(temporary_beside(target))


@contextmanager
def _refused_in_one_line(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise WrongCall(f"{path}: cannot be written: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """What an operating-system error says, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
