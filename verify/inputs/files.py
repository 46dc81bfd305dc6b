"""Output files appear whole or not at all; where they cannot be written, that is one line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from constructions.files import temporary_beside, write_whole

from .claim_files import file_of
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


def check_outputs(
    outputs: Mapping[str, str | Path | None], inputs: Iterable[str | Path | None] = ()
) -> None:
    """Raises WrongCall now rather than after a long run: where a file cannot be written, where two
    options ({option: its file, or None}) name one file, or one would replace what is read.

    Inputs are as they were typed: "FILE.py:CLAIM" and "PAGE.html#..." are their files.
    """
    given = [(option, str(path)) for option, path in outputs.items() if path is not None]
    to_stdout = [option for option, path in given if path == "-"]
    if len(to_stdout) > 1:
        raise WrongCall(f"only one of {' and '.join(to_stdout)} can go to standard output")
    files = [(option, path) for option, path in given if path != "-"]
    for number, (option, path) in enumerate(files):
        _check_writable(path)
        for other, before in files[:number]:
            if _same_file(path, before):
                raise WrongCall(f"{other} and {option} would both write {path}")
        for read in filter(None, map(str, filter(None, inputs))):
            if any(_same_file(path, one) for one in (read, file_of(read), read.partition("#")[0])):
                raise WrongCall(f"{option} would replace {path}, which is read")


def check_inputs(paths: Iterable[str | None]) -> None:
    """Raises WrongCall at once where a table that is to be read is not there: not of "-", which is
    standard input, nor of pages and their addresses, of which more is to be said."""
    for path in paths:
        if path and path != "-" and "#" not in path and not path.lower().endswith(".html"):
            try:
                os.stat(path)
            except (OSError, ValueError) as error:
                raise WrongCall(f"{path}: cannot be read: {reason(error)}") from None


def _same_file(a: str, b: str | None) -> bool:
    """Whether both are one regular file, whatever links lead to it."""
    if not b or b == "-":
        return False
    with suppress(OSError, ValueError):
        if os.path.exists(a) and os.path.exists(b):
            return os.path.isfile(a) and os.path.samefile(a, b)
        return os.path.realpath(a) == os.path.realpath(b)
    return False


def _check_writable(path: str) -> None:
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
