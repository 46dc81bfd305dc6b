"""Learners as safetensors files, with their settings as metadata, and the curves beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from constructions.files import read_safetensors

from ...inputs.files import write
from ...report.as_json import dumps, versions
from .settings import NoLearnerError, Settings
from .training import LEARNERS, Curve

FORMAT = "witness-learner/1"
FOLDER = Path(__file__).with_name("recorded")
# how `constructions.layers_from` and `from_matrices` read the matrices
READ_AS = {
    "linear_attention": {
        "layers": {"M": "examples", "factor": "1/n"},
        "rows": {"x": "d", "y": 1},
        "read": {"y": -1},
    }
}


def names() -> tuple[str, ...]:
    """The learners that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def path_of(name_or_path: str | Path) -> Path:
    """The file of a learner of the package, or the file itself. Raises NoLearnerError."""
    if str(name_or_path) in names():
        return FOLDER / f"{name_or_path}.safetensors"
    if not Path(name_or_path).is_file():
        raise NoLearnerError(
            f"{name_or_path}: there is no such file; learners of the package are "
            f"{', '.join(names())}"
        )
    return Path(name_or_path)


def save(path: str | Path, learner: Any, curve: Curve) -> Path:
    """Writes weights and settings to `path`, the curve beside it as .json; where that is."""
    from safetensors.torch import save as packed

    tensors = {name: one.detach().contiguous() for name, one in learner.state_dict().items()}
    architecture = learner.settings.architecture
    metadata = {
        "format": FORMAT,
        "settings": json.dumps(learner.settings.to_json()),
        "versions": json.dumps(versions()),
        "read_as": json.dumps(READ_AS.get(architecture)),
    }
    beside = Path(path).with_suffix(".json")
    write(path, _in_order(packed(tensors, metadata)))
    write(beside, dumps({"settings": learner.settings.to_json(), **curve.to_json()}))
    return beside


def _in_order(packed: bytes) -> bytes:
    """A safetensors file with the entries of its header in order: it writes metadata in any, and
    equal learners shall have equal files."""
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + packed[8 + size :]


def load(name_or_path: str | Path) -> Any:
    """The learner, a torch module (X, y, queries) -> predictions (B, m), with `.settings`.

    Raises NoLearnerError (a ValueError) with one line for what is no file of `witness train`.
    """
    path = path_of(name_or_path)
    try:
        tensors, metadata = read_safetensors(path)
        settings = _settings(metadata)
        return _filled(settings, tensors)
    except NoLearnerError as error:
        raise NoLearnerError(f"{path}: {error}") from None
    except ValueError as error:
        raise NoLearnerError(str(error)) from None


def _settings(metadata: Mapping[str, str]) -> Settings:
    if metadata.get("format") != FORMAT:
        raise NoLearnerError("these weights are not of `witness train`, which says so in metadata")
    try:
        return Settings.from_json(json.loads(metadata.get("settings", "")))
    except json.JSONDecodeError:
        raise NoLearnerError("the settings in its metadata cannot be read") from None


def _filled(settings: Settings, tensors: Mapping[str, torch.Tensor]) -> Any:
    if settings.layers > len(tensors):
        raise NoLearnerError(f"there are {len(tensors)} tensors for {settings.layers} layers")
    with torch.device("meta"):  # shapes alone: nothing is as large as a wrong setting says
        learner = LEARNERS[settings.architecture](settings)
    wanted = learner.state_dict()
    for name in sorted(wanted.keys() ^ tensors.keys()):
        what = "is missing" if name in wanted else "has no place in this learner"
        raise NoLearnerError(f"the tensor {name!r} {what}")
    for name, tensor in tensors.items():
        like = wanted[name]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise NoLearnerError(
                f"the tensor {name!r} is {tuple(tensor.shape)} of {tensor.dtype}, "
                f"not {tuple(like.shape)} of {like.dtype}"
            )
        if not tensor.isfinite().all():
            raise NoLearnerError(f"the tensor {name!r} has entries that are not finite")
    # copied to where torch would have made them: the sums of a file's own memory end otherwise
    own = {name: tensor.clone() for name, tensor in tensors.items()}
    learner.load_state_dict(own, assign=True)
    return learner.eval()


def curve(name_or_path: str | Path) -> Mapping[str, Any]:
    """The curve of its training: steps, losses, and those of the prediction 0 and of Bayes'."""
    beside = path_of(name_or_path).with_suffix(".json")
    try:
        return json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NoLearnerError(f"{beside}: there is no curve of training") from None
