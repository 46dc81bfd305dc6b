"""The command `witness`: `python -m icl_witness` is the same.

It stands beside the packages because it must be there before they are: whoever presses Ctrl-C while
they load, half a second, is not shown where.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130  # what a shell calls a process that ended by Ctrl-C


def main() -> int:
    """Runs the command and returns its exit status (`verify.command.cli`)."""
    try:
        from verify.command.cli import main

        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
