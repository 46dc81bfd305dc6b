"""What glibc, where that is the system's, does with memory that is freed."""

from __future__ import annotations

import ctypes
from contextlib import suppress

MMAP_THRESHOLD, PIECE = -3, 2**18  # mallopt's parameter, bytes


def keep_little() -> None:
    """Has large arrays given back as soon as they are freed: pieces of up to 32 MB would be kept,
    between which the next array does not fit."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, PIECE)


def give_back() -> None:
    """Gives back what is free between small pieces that are held: a parser of tables leaves as much
    as a table."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
