"""The command `witness`: `python -m verify` is the same.

It loads nothing else before it can be interrupted: whoever presses Ctrl-C while the packages load,
half a second, is not shown where.
"""

from __future__ import annotations

INTERRUPTED = 130  # what a shell calls a process that ended by Ctrl-C


def main() -> int:
    """Runs the command and returns its exit status (`verify.command.cli`).

    After Ctrl-C nobody is told of a thread that stumbles on the way out: joblib's does, now and
    then, over the work that is no longer there.
    """
    try:
        from .command.cli import main

        status = main()
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        import threading

        threading.excepthook = lambda failed: None
    return status


if __name__ == "__main__":  # worker processes import this module too
    raise SystemExit(main())
