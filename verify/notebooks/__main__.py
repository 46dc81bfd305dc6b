"""Runs the notebooks and writes what their cells show into a folder, by default the working one;
it is made where there is none."""

import json
import sys
from pathlib import Path

from ..inputs.errors import WrongCall
from ..inputs.files import reason, write
from . import NAMES, load, run


def main(arguments: list[str]) -> None:
    """Raises WrongCall where the argument is not one folder, or none."""
    into = Path(*arguments[:1])
    if len(arguments) > 1 or (into.exists() and not into.is_dir()):
        raise WrongCall(f"python -m verify.notebooks takes a folder, not {' '.join(arguments)}")
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongCall(f"{into}: cannot be made: {reason(error)}") from None
    import matplotlib

    matplotlib.use("Agg")
    for name in NAMES:
        text = json.dumps(run(load(name)), indent=1, ensure_ascii=False) + "\n"
        write(into / f"{name}.ipynb", text)
        print(f"wrote {into / name}.ipynb")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except WrongCall as error:
        print(f"witness: {error}", file=sys.stderr)
        raise SystemExit(2) from None
