"""The files of an exported folder: what is in them, and whether they are as they should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from constructions.exports.gpt2 import Checkpoint
from constructions.exports.language_model import LanguageModel

from ..claim import Differs
from ..report.as_json import dumps

FILES = ("config.json", "model.safetensors", "witness.json", "README.md")  # of every export
# how names of files end that transformers or its kin look for in a folder
READ_BY_LOADERS = (".json", ".safetensors", ".bin", ".jinja", ".txt", ".model", ".py", ".h5")


def files_of(
    made: Checkpoint | LanguageModel, document: Mapping[str, Any], card: str,
    **more: Mapping[str, Any],
) -> dict[str, bytes]:  # fmt: skip
    """By name: the checkpoint, witness.json, the card, and more files of JSON."""
    from safetensors.numpy import save

    written = {f"{name}.json": one for name, one in {"config": made.config, **more}.items()}
    return {
        **{name: (json.dumps(one, indent=2) + "\n").encode() for name, one in written.items()},
        "model.safetensors": save(made.tensors, metadata={"format": "pt"}),
        "witness.json": dumps(document).encode(),
        "README.md": card.encode(),
    }


def same_files(
    folder: str | Path, files: Mapping[str, bytes], tensors: Mapping[str, np.ndarray]
) -> None:
    """Raises Differs with the first weight, field or file that is another; tensors: the weights.

    A file too many is one that loaders may read: they take further tokens, settings and weights
    from files by their names.
    """
    for name in sorted(one.name for one in Path(folder).iterdir()):
        if name not in files and name.endswith(READ_BY_LOADERS):
            raise Differs(f"{name} is no file of such an export: a loader may read it",
                          {"file": name})  # fmt: skip
    for name, wanted in files.items():
        there = (Path(folder) / name).read_bytes()
        if there == wanted:
            continue
        if name == "model.safetensors":
            _same_tensors(there, tensors)
        elif name.endswith(".json"):
            _same_values(name, there, json.loads(wanted))
        raise Differs(f"{name} is not what the witness is written as", {"file": name})


def _same_tensors(there: bytes, wanted: Mapping[str, np.ndarray]) -> None:
    """Raises Differs with the first weight that is another."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(there)
    except SafetensorError as error:
        raise Differs(
            f"model.safetensors cannot be read: {error}", {"file": "model.safetensors"}
        ) from None
    for name in sorted({*found, *wanted}):
        if name not in found or name not in wanted:
            what = "is missing" if name in wanted else "is one too many"
            raise Differs(f"the tensor {name} {what}", {"tensor": name})
        if found[name].shape != wanted[name].shape or found[name].dtype != wanted[name].dtype:
            raise Differs(f"the tensor {name} has another shape or type", {"tensor": name})
        # bits, since -0 is 0 and nan is not itself
        wrong = np.argwhere(found[name].view(np.uint32) != wanted[name].view(np.uint32))
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            shown = {"tensor": name, "at": list(at), "is": float(found[name][at]),
                     "should be": float(wanted[name][at]), "wrong weights": len(wrong)}  # fmt: skip
            raise Differs(
                f"{name}{list(at)} is {shown['is']}, should be {shown['should be']}", shown
            )


def _same_values(file: str, written: bytes, wanted: Mapping[str, Any]) -> None:
    """Raises Differs with the first field of a JSON file that is another."""
    try:
        there = json.loads(written)
    except ValueError as error:
        raise Differs(f"{file} cannot be read: {error}", {"file": file}) from None
    if not isinstance(there, dict):
        raise Differs(f"{file} has no fields", {"file": file})
    for key in sorted({*there, *wanted}):
        if key not in there or key not in wanted or there[key] != wanted[key]:
            raise Differs(f"{file}: {key} is not that of the witness", {"file": file, "field": key})
