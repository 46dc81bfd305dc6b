"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: bytes) -> None:
    """Writes a temporary file beside `path` and puts it in place at once, with the usual rights.

    Raises OSError; what was there before is then still there, and nothing else.
    """
    name = temporary_beside(path)
    try:
        with open(name, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        with suppress(OSError):
            os.unlink(name)
        raise


def temporary_beside(path: Path) -> str:
    """The name of a new, empty file in the folder of `path`. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    os.close(handle)
    return name


TORCH = (".pt", ".pth", ".bin", ".ckpt")  # files that hold code, and are not opened


def read_safetensors(path: str | Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors of a safetensors file by name, and its metadata.

    Raises ValueError if it is no such file: weights load from safetensors only.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as opened:
            metadata = opened.metadata() or {}
            return {name: opened.get_tensor(name) for name in opened.keys()}, metadata
    except (SafetensorError, OSError) as error:
        mend = ""
        if Path(path).suffix in TORCH:
            mend = "; safetensors.torch.save_file(model.state_dict(), FILE) writes one"
        raise ValueError(f"{path} is no safetensors file: {error}{mend}") from None
