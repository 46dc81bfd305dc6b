"""witness doctor: the machine."""

from __future__ import annotations

from .reading import JSON


def doctor(json: JSON = False) -> None:
    """What this machine can check, and what it lacks."""
    from .. import report
    from ..doctor import examine

    found = examine()
    if json:
        print(report.dumps(found), end="")
        return
    machine = found["machine"]
    memory = machine["memory_bytes"]
    size = f", {memory / 2**30:.1f} GiB of memory" if memory else ""
    print(f"machine   {machine['system']} {machine['processor']}, {machine['cores']} cores{size}")
    print("versions  " + ", ".join(f"{name} {text}" for name, text in found["versions"].items()))
    print()
    for one in found["can"]:
        print(f"{'yes' if one['able'] else 'no ':4} {one['what']:40} {one['detail']}")
