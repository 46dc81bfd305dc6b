"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from .errors import WrongCall


def write(path: str | Path, content: str | bytes) -> None:
    """Writes `content` to a temporary file beside `path`, then puts it in place at once.

    "-" is standard output. Devices and pipes are written to directly. Raises WrongCall where it
    cannot be written; what was there before is then still there.
    """
    data = content.encode() if isinstance(content, str) else content
    if str(path) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        target = Path(path).resolve()  # a link stays a link; its target is replaced
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("wb") as stream:
                stream.write(data)
            return
        _replace(target, data)
    except (OSError, ValueError) as error:
        raise WrongCall(f"{path}: cannot be written: {reason(error)}") from None


def check_writable(path: str | Path | None) -> None:
    """Raises WrongCall now rather than after a long run."""
    if path is None or str(path) == "-":
        return
    try:
        target = Path(path).resolve()
        if target.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if target.exists() and not target.is_file():
            return
        if not target.parent.is_dir():
            raise FileNotFoundError(2, f"there is no folder {Path(path).parent}")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
        os.close(handle)
        os.unlink(name)
    except (OSError, ValueError) as error:
        raise WrongCall(f"{path}: cannot be written: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """What an operating-system error says, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:  # Ctrl-C too leaves nothing behind
        with suppress(OSError):
            os.unlink(name)
        raise
