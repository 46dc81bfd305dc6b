"""What the machine is that figures were made on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, memory, threads, and how busy the machine was."""
    import torch

    name = platform.processor()
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        models = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        name = next(models, name)
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "memory_gib": round((memory_bytes() or 0) / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def memory_bytes() -> int | None:
    """The machine's memory, where the system says how much it is."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
