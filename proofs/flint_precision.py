"""The one place that sets flint's precision, which all threads of a process share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_IS_SET = RLock()


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """flint's precision is `bits` inside, and as before afterwards.

    Only one thread at a time may be inside.
    """
    import flint

    with _IS_SET:
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield
        finally:
            flint.ctx.prec = before
