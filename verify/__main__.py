"""The command `witness`: `python -m verify` is the same.

It loads nothing else before it can be interrupted: whoever presses Ctrl-C while the packages load,
half a second, is not shown where.
"""

from __future__ import annotations

INTERRUPTED = 130  # what a shell calls a process that ended by Ctrl-C


def main() -> int:
    """Runs the command and returns its exit status (`verify.command.cli`)."""
    try:
        from .command.cli import main

        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":  # worker processes import this module too
    raise SystemExit(main())
