"""Small learners that are trained here, by `witness train`, and those that come with the package.

learner = load("linear_2")              # or the path of a file of `witness train`
learner(X, y, queries)                  # X (B, n, d), y (B, n), queries (B, m, d) -> (B, m)
learner.hidden(X, y, queries)           # (B, layers + 1, tokens, width), the queries last
learner.read_out(states)                # the prediction at tokens (…, width)
learner.settings
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .settings import NoLearnerError, Settings
    from .stored import curve, load, names, path_of, save
    from .training import train

_WHERE = {
    "NoLearnerError": "settings", "Settings": "settings", "curve": "stored", "load": "stored",
    "names": "stored", "path_of": "stored", "save": "stored", "train": "training",
}  # fmt: skip
__all__ = [
    "NoLearnerError", "Settings", "curve", "load", "names", "path_of", "save", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # torch is loaded when a learner is, not by `witness --help`
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
