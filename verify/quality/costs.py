"""What a forward pass costs: formulas in d, n, k, B and m, and what a profiler counts.

FLOPs are those of matrix products, 2 per multiplication and addition, as torch's FlopCounterMode
counts them; bytes are those of every tensor that is made, as torch's profiler records them. The
formulas hold where n + m > d (then a slot is kept as x @ matrix) and k > 0, in float64.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from constructions import PrecisionWarning
from constructions.convergence import not_asked

from ..checks.resources import value


@dataclass(frozen=True)
class Cost:
    """Formulas of one witness; `sizes` says what its parameters are called."""

    flops: str
    bytes: str
    reason: str


COSTS: dict[str, Cost] = {
    # S = X^T X; two products of d x d in each iteration but the last, which only X^T y goes
    # through, in three products with a vector; then the queries
    "newton": Cost(
        "B*(2*n*d**2 + 4*(k - 1)*d**3 + 2*n*d + 6*d**2 + 2*m*d)",
        "8*B*((2*k - 1)*d**2 + 4*d + m)",
        "S once, two d x d products in each iteration but the last, that one on X^T y alone",
    ),
    # X^T y first; then X w and X^T (X w - y) in each further step
    "gradient_descent": Cost(
        "B*(2*n*d + 4*(k - 1)*n*d + 2*m*d)",
        "8*B*((k - 1)*(3*n + 2*d) + 2*d + m)",
        "X w and X^T r in each step",
    ),
    # P x, w^T x and x^T P x for each example; the update of P has no product that is summed
    "sherman_morrison": Cost(
        "B*(n*(2*d**2 + 4*d) + 2*m*d)",
        "8*B*(n*(2*d**2 + 4*d + 8) + m)",
        "P x and two scalar products per example, P written twice",
    ),
}


def predicted(name: str, quantity: str, **sizes: int) -> int:
    """The formula of "flops" or "bytes" at d, n, k, B, m."""
    return value(getattr(COSTS[name], quantity), sizes)


@contextmanager
def unwarned() -> Iterator[None]:
    """The forward pass alone: how far rounding reached, and whether the algorithm converges, are
    computed only for warnings."""
    with warnings.catch_warnings(), not_asked():
        warnings.simplefilter("ignore", PrecisionWarning)
        yield


def flops(run: Callable[[], Any]) -> int:
    """FLOPs of matrix products that torch counts."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with unwarned(), counter:
        run()
    return int(counter.get_total_flops())


def memory(run: Callable[[], Any]) -> dict[str, int]:
    """{"made": bytes of all tensors made, "peak": the most that were held at once}."""
    from torch.profiler import ProfilerActivity, profile

    with unwarned():
        run()  # what is made only once is not counted
        with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            run()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = [
        int(event["args"]["Bytes"])
        for event in sorted(events, key=lambda e: e.get("ts", 0))
        if event.get("name") == "[memory]"
    ]
    held = peak = 0
    for change in changes:
        held += change
        peak = max(peak, held)
    return {"made": sum(change for change in changes if change > 0), "peak": peak}


def memory_of_gpu(run: Callable[[], Any]) -> int:
    """The most bytes that torch held at once on the GPU, beside what it held before."""
    with unwarned():
        run()  # what is made only once is not counted
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before


def highest_memory() -> int:
    """The most bytes of memory that this process has held so far.

    Not getrusage where it can be helped: on Linux that counts what the process was started from.
    """
    try:
        with open("/proc/self/status") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


@contextmanager
def _quiet() -> Iterator[None]:
    """The profiler's own library writes to standard error; not here."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def exponent(sizes: Mapping[int, float]) -> float:
    """Slope of log(value) against log(size), by least squares."""
    import numpy as np

    x, y = np.log(list(sizes)), np.log(list(sizes.values()))
    return float(np.polyfit(x, y, 1)[0])


def prompt(
    B: int, d: int, n: int, m: int = 1, seed: int = 0, device: str = "cpu"
) -> tuple[torch.Tensor, ...]:
    """X (B, n, d) with singular values near 1, y (B, n), queries (B, m, d), in float64: the same
    numbers on every device."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    parts = normal(B, n, d) / n**0.5, normal(B, n), normal(B, m, d)
    return tuple(part.to(device) for part in parts)
