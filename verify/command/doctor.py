"""witness doctor: what this machine can check, and what it lacks."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import Any

from constructions import numbers

from ..inputs.files import write
from ..quality.machine import memory_bytes
from ..report.as_json import dumps, versions
from .options import JSON

COQ_PACKAGES = "coq, libcoq-mathcomp-algebra, libcoq-mathcomp-algebra-tactics"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def doctor(json: JSON = False) -> None:
    """What this machine can check, and what it lacks."""
    found = examine()
    if json:
        write("-", dumps(found))
        return
    machine = found["machine"]
    memory = machine["memory_bytes"]
    size = f", {memory / 2**30:.1f} GiB of memory" if memory else ""
    print(f"machine   {machine['system']} {machine['processor']}, {machine['cores']} cores{size}")
    print("versions  " + ", ".join(f"{name} {text}" for name, text in found["versions"].items()))
    print()
    for one in found["can"]:
        print(f"{'yes' if one['able'] else 'no ':4} {one['what']:40} {one['detail']}")


def examine() -> dict[str, Any]:
    """{"schema", "machine", "versions", "can": [{"what", "able", "detail"}]}."""
    systems = numbers.names()
    cluster = _optional_package(
        "distributed", "sweeps on a cluster", "pip install 'icl-witness[cluster]'"
    )
    return {
        "schema": "witness-doctor/1",
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "memory_bytes": memory_bytes(),
        },
        "versions": versions(),
        "can": [*map(_arithmetic, systems), _coq(), _accelerator(), cluster, _browser()],
    }


def _arithmetic(name: str) -> dict[str, Any]:
    """Runs the smallest witness there is: (x, y) = (1, 2), one step of size 1/2 gives 2."""
    import constructions

    try:
        witness = constructions.build("gradient_descent", d=1, steps=1, step_size=0.5)
        (value,) = witness.predict([[1]], [2], [[1]], name)
        able = float(value) == 2.0
        detail = "runs" if able else f"gives {value} instead of 2"
    except Exception as error:  # whatever is broken on this machine, it shall be said
        able, detail = False, " ".join(f"{type(error).__name__}: {error}".split())
    return {"what": f"{name} arithmetic", "able": able, "detail": detail}


def _coq() -> dict[str, Any]:
    """Compiles a file that loads the libraries, as the kernel check does."""
    from ..checks.coq import kernel

    what = "kernel checks"
    if why := kernel.why_not():
        detail = f"{why.removeprefix('not run: ')}; on Debian install {COQ_PACKAGES}"
        return {"what": what, "able": False, "detail": detail}
    return {"what": what, "able": True, "detail": f"Coq {kernel.available()} with MathComp"}


def _accelerator() -> dict[str, Any]:
    import torch

    able = torch.cuda.is_available()
    detail = torch.cuda.get_device_name() if able else "none; everything runs on the processor"
    return {"what": "graphics processor", "able": able, "detail": detail}


def _optional_package(name: str, what: str, remedy: str) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"what": what, "able": True, "detail": f"{name} {version(name)}"}
    except PackageNotFoundError:
        return {"what": what, "able": False, "detail": f"{name} is not installed: {remedy}"}


def _browser() -> dict[str, Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    what = "tests of the teaching page in a browser"
    if found is None:
        return {"what": what, "able": False, "detail": "no chromium found"}
    return {"what": what, "able": True, "detail": _output([found, "--version"]) or "chromium"}


def _output(command: list[str]) -> str:
    """First line that a program prints; "" if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().split("\n")[0].strip()
