"""Where a page goes that nobody named a file for, and how a browser is asked to show it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import WrongCall
from .files import reason


def caches() -> Path:
    """WITNESS_CACHE, or `witness` among the user's caches; it may not be there yet."""
    if chosen := os.environ.get("WITNESS_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "witness"


def pages_folder() -> Path:
    """The folder for pages among the user's caches. Raises WrongCall where there can be none."""
    folder = caches() / "pages"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongCall(f"{folder}: cannot be made: {reason(error)}; -o names a file") from None
    return folder


def has_display() -> bool:
    """Whether a window could be opened; without one, browsers of the terminal would take it."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(path: Path) -> bool:
    """Asks the user's browser for a page; False where there is no display, or nothing to ask.

    A process of its own asks, with `webbrowser`, and nobody waits for it: whatever browser there is
    can neither hold up the command nor write over its output.
    """
    if not has_display():
        return False
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen(
            [sys.executable, "-m", "webbrowser", path.resolve().as_uri()],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
