"""What the machine is that figures were made on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")  # where Linux describes them


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
        "cache_mib": round(last_level_cache() / 2**20, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def last_level_cache(described: Path = CACHES) -> int:
    """Bytes of the largest cache that one core reads through; 32 MiB where the system does not say.

    Not what sysconf says, which on some machines adds up those of cores that do not share one.
    """
    sizes = [32 * 2**20]
    with suppress(OSError, ValueError):
        told = [size.read_text().strip() for size in described.glob("index*/size")]
        sizes = [int(size.removesuffix("K")) * 2**10 for size in told] or sizes
    return max(sizes)


def memory_bytes() -> int | None:
    """The machine's memory, where the system says how much it is."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
