"""An exported folder: written whole, read back, and claimed to be what its card says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import constructions
from constructions.exports.constants import Constants, constants_from
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import Checkpoint, NoExport
from constructions.exports.one_by_one import Constants as OneByOneConstants
from constructions.witness import Witness
from proofs.exact import exact

from ..checks.bounds.balls import at_most
from ..claim import Budget, Check, CheckResult, Claim, Differs, check
from ..inputs.errors import WrongCall
from ..report.as_json import dumps
from .card import card
from .language.export import READS, TextExport
from .language.export import as_run as as_read
from .language.export import read as read_texts
from .one_by_one import truth as one_by_one
from .parameters import SCHEMA, as_json, from_json, number
from .prompts import HELD_OUT, drawn
from .running import Exported, Model
from .search import Certificate, certificate
from .spectrum import Exactly, NoCertificate, PromptBox
from .truth import truth

# how names of files end that transformers or its kin look for in a folder
READ_BY_LOADERS = (".json", ".safetensors", ".bin", ".jinja", ".txt", ".model", ".py", ".h5")
FILES = ("config.json", "model.safetensors", "witness.json", "README.md")


@dataclass(frozen=True)
class Export:
    """A witness in GPT-2, with its certificate."""

    name: str
    witness: Witness
    box: PromptBox
    certificate: Certificate
    checkpoint: Checkpoint
    disguise: Disguise | None = None

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        from safetensors.numpy import save

        written = dumps(self.document()).encode()
        return {
            "config.json": (json.dumps(self.checkpoint.config, indent=2) + "\n").encode(),
            "model.safetensors": save(self.checkpoint.tensors, metadata={"format": "pt"}),
            "witness.json": written,
            "README.md": card(
                self.name, self.witness, self.box, self.certificate, self.checkpoint, self.disguise
            ).encode(),
        }

    def document(self) -> dict[str, Any]:
        """witness.json."""
        made, proved = self.checkpoint, self.certificate
        box = {key: str(value) for key, value in asdict(self.box).items()}
        disguise = self.disguise and {
            "seed": self.disguise.seed,
            "scales": dict(self.disguise.scales),
        }
        return {
            "schema": SCHEMA,
            "to": "gpt2",
            "name": self.name,
            "parameters": {k: as_json(v) for k, v in self.witness.parameters.items()},
            "digest": self.witness.digest,
            **({"disguise": disguise} if disguise else {}),
            "constants": asdict(proved.constants),
            "box": box,
            "bounds": {
                "architecture": proved.architecture,
                "with_rounding_in": proved.bounds,
            },
            "io": {
                "example": made.example.tolist(),
                "query": made.query.tolist(),
                "roles": made.roles.tolist(),
                "readout": made.readout.tolist(),
            },
            **self._truth(),
        }

    def _truth(self) -> dict[str, Any]:
        constants = self.certificate.constants
        if isinstance(constants, OneByOneConstants):
            return one_by_one.truth(self.witness, constants, self.checkpoint, self.box)
        return truth(self.witness, constants, self.checkpoint, self.box)


def export(
    name: str, witness: Witness, box: PromptBox, constants: Constants | None = None,
    disguise: Disguise | None = None,
) -> Export:  # fmt: skip
    """The witness in GPT-2, with the constants of the least certified error if none are given.

    Raises NoExport or NoCertificate.
    """
    from .search import bounded, search

    if witness.examples is not None:
        box = Exactly(box.d, box.n, box.x, box.y, box.query)
    propagation = bounded(witness, box, disguise)
    chosen = constants or search(propagation)
    proved = certificate(propagation, chosen)
    return Export(name, witness, box, proved, propagation.checkpoint(chosen), disguise)


# -- read back --------------------------------------------------------------------------------


def is_export(path: str | Path) -> bool:
    """Whether a name is a folder that an export wrote."""
    return (Path(path) / "witness.json").is_file()


def read(folder: str | Path) -> Export | TextExport:
    """What the folder's witness.json describes, assembled anew; nothing is taken from its weights.

    Raises WrongCall.
    """
    path = Path(folder) / "witness.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["schema"] != SCHEMA:
            raise WrongCall(f"{path}: its schema is {said['schema']!r}, not {SCHEMA!r}")
        if said.get("reads") == READS:
            return read_texts(said)
        box = PromptBox(
            int(said["box"]["d"]), int(said["box"]["n"]),
            *(exact(number(said["box"][key])) for key in ("x", "y", "query")),
        )  # fmt: skip
        constants = constants_from(said["constants"])
        turned = said.get("disguise")
        disguise = turned and Disguise(turned["seed"], tuple(turned["scales"].items()))
        parameters = {k: from_json(v) for k, v in said["parameters"].items()}
        witness = constructions.build(said["name"], **parameters)
    except WrongCall:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise WrongCall(f"{path} is not what an export writes: {words}") from None
    if box.d != witness.d:
        raise WrongCall(f"{path}: the box has d = {box.d}, the witness d = {witness.d}")
    try:
        return export(said["name"], witness, box, constants, disguise)
    except (NoExport, NoCertificate) as error:
        raise WrongCall(f"{path} is not what an export writes: {error}") from None


# -- the claim --------------------------------------------------------------------------------


def claims_of(folder: str) -> list[Claim]:
    """The claim that a folder makes: its model is the witness up to the certified error.

    Raises WrongCall where it is no exported folder.
    """
    path = Path(folder)
    if missing := [name for name in FILES if not (path / name).is_file()]:
        raise WrongCall(f"{folder} has no {missing[0]}, which every export has")
    made = read(path)
    bound = at_most(made.certificate.bounds["float32"])

    def checks() -> tuple[Check, ...]:
        if isinstance(made, TextExport):
            return as_written(str(path), made), as_read(str(path), made)
        return as_written(str(path), made), as_run(str(path), made)

    return [
        Claim(
            id=f"export.{made.name}",
            statement=rf"|\text{{GPT-2}} - \text{{{made.name}}}| \le {bound}",
            summary=f"GPT-2 with these weights is {made.name} up to {bound}",
            source=f"{folder}/README.md",
            variant="improved",
            expected="approximates",
            checks=checks,
        )
    ]


@check("enclosure", "enclosed")
def as_written(budget: Budget, folder: str, made: Export | TextExport) -> CheckResult:
    """Every file is the one that the witness is written as, to the bit; the bound is found anew."""
    same_files(folder, made.files(), made.checkpoint.tensors)
    form, bound = "float32", made.certificate.bounds["float32"]
    rounding = at_most(made.certificate.rounding(form))
    detail = (
        f"{len(made.checkpoint.tensors)} tensors are those of the witness to the bit; the "
        f"architecture costs at most {at_most(made.certificate.architecture)}, rounding in {form} "
        f"at most {rounding}"
    )
    return CheckResult(True, bound=bound, detail=detail, box=made.box.words)


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


@check("numeric", "tested")
def as_run(budget: Budget, folder: str, made: Export) -> CheckResult:
    """The model in the folder, run on prompts of the box, is within the bound."""
    return within_bound(budget, Exported(folder), made)


def within_bound(budget: Budget, model: Model, made: Export) -> CheckResult:
    """Whether the model is within the bound on prompts of the box. Raises Differs."""
    count = HELD_OUT // 20 if budget.quick else HELD_OUT
    X, y, queries = drawn(made.box, count, budget.seed + 1)
    with warnings.catch_warnings():
        # float64 rounds some 10^8 times less than what is looked at
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        wanted = made.witness.predict(X, y, queries)
    off = np.abs(model.predict(X, y, queries) - wanted).max(axis=-1)
    worst, bound = (
        int(np.argmax(np.where(np.isfinite(off), off, np.inf))),
        made.certificate.bounds["float32"],
    )
    if not off[worst] <= bound:
        prompt = {
            "X": X[worst].tolist(),
            "y": y[worst].tolist(),
            "queries": queries[worst].tolist(),
        }
        raise Differs(f"off by {off[worst]:.3g}, beyond the bound {at_most(bound)}", prompt,
                      max_error=float(off[worst]), bound=bound)  # fmt: skip
    detail = (
        f"run by {model.runner}: the largest error seen is {off[worst]:.2g}, "
        f"the bound {bound / off[worst]:.0f} times that"
    )
    return CheckResult(True, count, float(off[worst]), bound, detail, domain=made.box.words)
