"""The command `witness`: one module for each of its commands; here is how a call ends.

Exit status: 0 all as expected, or as recorded; 1 a verdict is not what its claim expects, broken
claims among them, or something is not as recorded; 2 the call or its input is wrong, with one line
on standard error; 3 a defect of this program, also one line (WITNESS_TRACEBACK=1 shows where, of a
broken claim too); 130 after Ctrl-C; 141 when the reader of the output is gone.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from ..inputs.browser import caches
from ..inputs.errors import WrongCall
from ..inputs.where_raised import user_refusal
from ..report.signs import in_letters
from .bench import bench
from .check import check
from .doctor import doctor
from .explain import explain
from .export import export
from .measure import measure
from .new import new
from .prove import prove
from .replay import replay
from .run import run
from .show import list_all, show
from .snap import snap
from .sweep import sweep
from .trace import trace
from .train import train

app = typer.Typer(
    name="witness",
    add_completion=False,
    rich_markup_mode=None,  # plain help, quickly
    pretty_exceptions_enable=False,
    help="Assemble, run, check and prove the transformers whose existence papers claim.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_all)
for command in (
    new, check, show, trace, run, prove, explain, measure, train, snap, export, replay, sweep,
    bench, doctor,
):  # fmt: skip
    app.command()(command)

LONG_NUMBER = re.compile(r"\d{41,}")  # which nobody reads to its end

# the base of every error that typer reports about a call, wherever its version keeps it
USAGE: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if "hypothesis" not in sys.modules:  # what it keeps would lie in the working directory
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(caches() / "hypothesis"))
    # numpy's threads wait for each other by turning round: where another process has their core,
    # a decomposition of 400 columns takes a second instead of a hundredth
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with in_letters(), warnings.catch_warnings():
        warnings.showwarning = _warn
        return _status(given)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as a line for people, without the place in the code."""
    print(f"witness: warning: {_one_line(str(message))}", file=sys.stderr)


def _status(given: list[str]) -> int:
    """Runs the command; every way in which it can end is here."""
    try:
        status = app(given, prog_name="witness", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except WrongCall as error:
        return _fail(str(error), 2)
    except USAGE as error:
        return _fail(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return _unread()
    except SystemExit as error:  # typer ends so when the reader of the output is gone
        if isinstance(error.__context__, BrokenPipeError):
            return _unread()
        return error.code if isinstance(error.code, int) else 0
    except MemoryError:
        return _fail("there is not enough memory for this size", 2)
    except OSError as error:
        return _fail(f"{error.filename or 'standard output'}: {error.strerror or error}", 2)
    except typer.Exit as error:
        return error.exit_code
    except Exception as error:
        if os.environ.get("WITNESS_TRACEBACK"):
            raise
        if (refused := user_refusal(error)) is not None:
            return _fail(refused, 2)
        said = f"{type(error).__name__}: {error}"
        return _fail(f"a defect of this program, please report it: {said}", 3)


def _unread() -> int:
    """What is still in the buffer has no reader: nothing shall be said of it at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _usage(error: Exception) -> str:
    """typer's message about the call, with the command that it concerns."""
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    command = getattr(context, "command_path", "witness")
    ends = message if message.endswith((".", "?", ")")) else f"{message}."
    return f"{ends} See `{command} --help`."


def _one_line(text: str) -> str:
    """Its lines as one; what stands inside of a line is left as it is, for it may be a name."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


def _fail(message: str, status: int) -> int:
    said = LONG_NUMBER.sub(lambda found: f"{found[0][:8]}… ({len(found[0])} digits)", message)
    try:
        print(f"witness: {_one_line(said)}", file=sys.stderr)
    except OSError:
        pass
    return status


if __name__ == "__main__":
    raise SystemExit(main())
