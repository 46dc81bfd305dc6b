"""Progress on standard error, for what takes longer than two seconds: from then on a bar on a
terminal, elsewhere a line at once and then ever fewer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any

DELAY = 2.0  # seconds before anything is shown
PAUSE = 10.0  # seconds to the second line where no bar can be drawn; to each other twice as long

Say = Callable[[str], None]


def nothing(what: str) -> None:
    """Says nothing of the progress."""


class Progress:
    """Counts towards `total`; draws a bar on a terminal, else writes a few lines; `at_once`
    for what is known to take long.

    with Progress("claims", 12) as progress:
        progress("newton: exact")      what is going on
        progress.done()                one more is finished
    """

    def __init__(self, unit: str, total: int | None = None, at_once: bool = False) -> None:
        self.unit, self.total, self.count = unit, total, 0
        self.delay = 0.0 if at_once else DELAY
        self.start, self.next, self.pause = time.monotonic(), 0.0, PAUSE  # of lines
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and time.monotonic() - self.start >= self.delay:
            of = f" of {self.total}" if self.total else ""
            with suppress(OSError):
                print(f"witness: interrupted after {self.count}{of} {self.unit}", file=sys.stderr)

    def __call__(self, what: str) -> None:
        self._show(what)

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Says what is going on as long as it goes on, for what says nothing itself; then one more
        is done."""
        over = Event()

        def say() -> None:
            self._show(what)
            while not over.wait(DELAY / 4):
                self._show(what)

        teller = Thread(target=say, daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()
            self.count += 1

    def done(self, what: str = "") -> None:
        """One more unit is finished."""
        self.count += 1
        self._show(what)

    def _show(self, what: str) -> None:
        # what cannot be shown is no fault of what is going on
        with suppress(OSError):
            self._draw(what)

    def _draw(self, what: str) -> None:
        now = time.monotonic()
        if now - self.start < self.delay:
            return
        if not sys.stderr.isatty():
            if now >= self.next:
                self.next, self.pause = now + self.pause, 2 * self.pause
                of = f" of {self.total}" if self.total else ""
                unit = self.unit.removesuffix("s") if self.count == 1 and not of else self.unit
                said = f": {what}" if what else ""
                print(f"{self.count}{of} {unit}{said}", file=sys.stderr, flush=True)
            return
        if self.bar is None:
            self.bar = _bar(self.unit)
            self.task = self.bar.add_task("", total=self.total)
            self.bar.start()
        self.bar.update(self.task, completed=self.count, description=what)


def duration(seconds: float) -> str:
    """About how long, "about 3 minutes"."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if (count := round(seconds / length)) > 1:
            return f"about {count} {unit}s"
    return "about a minute" if seconds >= 45 else "less than a minute"


def _bar(unit: str) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    from ..report.tables import console

    return Progress(
        SpinnerColumn("line"),
        MofNCompleteColumn(),
        TextColumn(unit),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console(sys.stderr),
        transient=True,
    )
