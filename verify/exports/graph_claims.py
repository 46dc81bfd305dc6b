"""What a file that `witness export` wrote claims: its weights and predictions are the witness's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import constructions
from constructions.exports.gpt2 import NoExport
from constructions.files import read_safetensors
from constructions.witness import Witness

from ..checks.bounds.balls import at_most
from ..claim import Budget, CheckResult, Claim, Differs, check
from ..inputs.errors import WrongCall
from .graphs import SCHEMA, Form, forms, tried
from .parameters import from_json

UNSAFE = ".pt2"  # torch unpickles what is in it


def graph_file(name: str) -> Path | None:
    """The file that an export wrote, given itself or its folder; None where it is no such name."""
    path, every = Path(name), list(forms().values())
    if path.is_dir():
        return next((path / f.file for f in every if (path / f.file).is_file()), None)
    return path if path.is_file() and path.suffix in {form.suffix for form in every} else None


def claims_of_graph(path: Path) -> list[Claim]:
    """The claim that a file makes. Raises WrongCall where it is not what an export wrote."""
    if path.suffix == UNSAFE:
        raise WrongCall(f"{path} is not checked: opening it may run code that is in it")
    form = next(form for form in forms().values() if form.suffix == path.suffix)
    try:
        form.needs()
        weights, said = _read(path)
        about = json.loads(said)
        if about["schema"] != SCHEMA or about["to"] != form.name:
            raise ValueError(f"its schema is {about['schema']!r} to {about['to']!r}")
        if about["name"] not in constructions.names():
            raise ValueError(f"{about['name']} is no construction, which could be built anew")
        parameters = {key: from_json(value) for key, value in about["parameters"].items()}
        witness = constructions.build(about["name"], **parameters)
    except NoExport as error:
        raise WrongCall(str(error)) from None
    except Exception as error:  # whatever is wrong with a file, it is no export
        words = " ".join(str(error).split()) or type(error).__name__
        raise WrongCall(f"{path} is no export that can be checked: {words}") from None
    return [
        Claim(
            id=f"export.{about['name']}",
            statement=rf"\text{{{path.name}}} \approx \text{{{about['name']}}}",
            summary=f"{path.name} is {about['name']} up to rounding in {about['numbers']}",
            source=str(path),
            variant="improved",
            expected="approximates",
            checks=lambda: as_the_witness(form, str(path), weights, about, witness),
        )
    ]


def _read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by name, and what the file says of itself. Raises what the libraries raise."""
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path)
        return {name: one.numpy() for name, one in tensors.items()}, metadata["about"]
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    return arrays, {one.key: one.value for one in model.metadata_props}["witness"]


@check("enclosure", "tested")
def as_the_witness(
    budget: Budget,
    form: Form,
    path: str,
    weights: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    witness: Witness,
) -> CheckResult:
    """Its weights are the witness's to the bit; run, it is within the witness's rounding bound."""
    if about["digest"] != witness.digest:
        raise Differs("the digest is that of other weights", {"field": "digest"})
    count = same_weights(weights, witness, about["numbers"])
    seen, errors = 0, [0.0]
    for one in tried(form, path, about, witness, budget.seed + 1):  # not those it was written by
        if not np.isfinite(one.bound).all():
            return CheckResult(None, detail="nothing bounds rounding on a drawn prompt")
        if not (one.off <= one.bound).all():
            at = np.unravel_index(np.argmax(one.off > one.bound), one.off.shape)
            prompt = {name: part[at[0]].tolist() for name, part in one.prompts.items()}
            raise Differs(
                f"off by {one.off[at]:.3g}, beyond the bound {at_most(one.bound[at])}", prompt,
                max_error=float(one.off[at]), bound=float(one.bound[at]),
            )  # fmt: skip
        seen += len(one.off)
        errors.append(float(one.off.max()))
    detail = (
        f"{count} weights are those of the witness to the bit; on {seen} drawn prompts, run by "
        f"{form.name}, off by at most {at_most(max(errors))}, within the witness's rounding bound"
    )
    return CheckResult(True, seen, max(errors), detail=detail)


def same_weights(weights: Mapping[str, np.ndarray], witness: Witness, numbers: str) -> int:
    """How many matrices are the witness's to the bit. Raises Differs with the first entry that is
    not. Equal ones may stand there once, by one of their names."""
    import torch

    wanted = {
        name: one.numpy(force=True)
        for name, one in witness.to_torch(getattr(torch, numbers)).state_dict().items()
    }
    there = {name: one for name, one in weights.items() if name in wanted}
    for name, one in there.items():
        should = wanted[name]
        if one.shape != should.shape or one.dtype != should.dtype:
            raise Differs(f"the weight {name} has another shape or type", {"weight": name})
        wrong = np.argwhere(_bits(one) != _bits(should))
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            shown = {"weight": name, "at": list(at), "is": float(one[at]),
                     "should be": float(should[at])}  # fmt: skip
            raise Differs(f"{name}{list(at)} is {one[at]}, should be {should[at]}", shown)
    known = {(one.shape, one.tobytes()) for one in there.values()}
    for name, should in wanted.items():
        if (should.shape, should.tobytes()) not in known:
            raise Differs(f"the weight {name} is missing", {"weight": name})
    return len(wanted)


def _bits(array: np.ndarray) -> np.ndarray:
    """Bits, since -0 is 0 and nan is not itself."""
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")
