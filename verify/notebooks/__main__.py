"""Runs the notebooks and writes down what their cells show."""

import json

import matplotlib

from ..inputs.files import write
from . import FOLDER, NAMES, load, run

matplotlib.use("Agg")
for name in NAMES:
    text = json.dumps(run(load(name)), indent=1, ensure_ascii=False) + "\n"
    write(FOLDER / f"{name}.ipynb", text)
    print(f"wrote {FOLDER / name}.ipynb")
