"""Checks in floats, made in a second process while the others are made here.

They alone need torch, which takes long to load. What they find is what they would find here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from typing import TypeAlias

from . import engine
from .claim import Budget, Check, CheckResult, Claim

NAME = "checks in floats"
PARENT_SEEN = 0.5  # seconds between two looks of a process whether its parent is there
Place: TypeAlias = tuple[int, int]  # of a claim among all, of a check among those of the claim


class Beside:
    """What a process finds, in the order of its work."""

    def __init__(self, results: Connection | None = None) -> None:
        self._results, self._found = results, dict[Place, CheckResult]()

    def of_claim(self, number: int) -> engine.Elsewhere:
        """What is found for the claim of this number, by the place of the check; None is for one
        that is to be made here."""

        def found(check: int) -> CheckResult | None:
            while self._results is not None and (number, check) not in self._found:
                try:
                    place, result = self._results.recv()
                except EOFError:  # the process has ended: of the rest nothing is known
                    self._results = None
                else:
                    self._found[place] = result
            return self._found.get((number, check))

        return found


@contextmanager
def in_floats(claims: Sequence[Claim], budget: Budget, workers: int) -> Iterator[Beside]:
    """Begins the checks in floats of these claims in a process of their own, if there may be one.

    It ends with the context.
    """
    some = list(_checks(claims)) if workers > 1 and may_fork() else []
    if not some:
        yield Beside()
        return
    results, sent = get_context("fork").Pipe(duplex=False)
    given = (sent, some, budget, os.getpid())
    process = get_context("fork").Process(target=_made, args=given, name=NAME, daemon=True)
    process.start()
    sent.close()
    try:
        yield Beside(results)
    finally:
        process.kill()
        process.join()
        results.close()


def may_fork() -> bool:
    """Whether a fork of this process is safe: on Linux, as long as it has one thread and torch,
    which has its own, is not loaded; and it may have children."""
    alone = threading.active_count() == 1 and "torch" not in sys.modules
    return alone and sys.platform == "linux" and not current_process().daemon


def _checks(claims: Sequence[Claim]) -> Iterator[tuple[Place, Check]]:
    for number, claim in enumerate(claims):
        with suppress(Exception, SystemExit):  # to raise where it is seen
            for place, check in enumerate(engine.checks_of(claim)):
                if check.kind == engine.IN_FLOATS:
                    yield (number, place), check


def _made(
    sent: Connection, some: Sequence[tuple[Place, Check]], budget: Budget, parent: int
) -> None:
    """The process: sends (place, result) of each. What raises is left out, to raise there too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which ends the parent, and that ends this
    ends_with(parent)
    for place, check in some:
        with suppress(Exception, SystemExit):
            sent.send((place, engine.result_of(check, budget)))


def ends_with(parent: int) -> None:
    """From now on this process ends when that one has, however that ended."""

    def watch() -> None:
        with suppress(ProcessLookupError):
            while True:
                os.kill(parent, 0)  # which only asks whether it is there
                time.sleep(PARENT_SEEN)
        os._exit(1)

    if os.name == "posix":  # elsewhere a process keeps the number of a parent that has ended
        threading.Thread(target=watch, daemon=True, name="watches the parent").start()
