"""What is written as JSON: plain values, their text and digest, and the versions beside them."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from typing import Any

from proofs.exact import as_text

PACKAGES = ("icl-witness", "numpy", "torch", "sympy", "hypothesis", "python-flint")


def dumps(data: Any) -> str:
    """JSON text; numbers that JSON lacks (inf, nan) as text, exact numbers as text."""
    return json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """The same as JSON gives it back: lists, dicts with text as keys, numbers that JSON has."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # half of a surrogate pair is text in Python, but cannot be written
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return plain(as_text(value))


def sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of a report's JSON but for the field of this name, whatever its spaces and order."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    from importlib.metadata import PackageNotFoundError, version

    made = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            made[package] = version(package)
        except PackageNotFoundError:
            made[package] = "not installed as a package"
    return made
