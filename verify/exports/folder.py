"""An exported folder: written whole, read back, and claimed to be what its card says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import constructions
from constructions.exports.constants import Constants, constants_from
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import Checkpoint
from constructions.exports.language_model import LanguageModel
from constructions.exports.one_by_one import Constants as OneByOneConstants
from constructions.exports.read import read_back
from constructions.witness import Witness
from proofs.exact import exact

from ..checks.bounds.balls import at_most
from ..claim import Budget, Check, CheckResult, Claim, Differs, check
from ..inputs.errors import WrongCall
from .card import card
from .files import FILES, files_of, same_files
from .language import export as texts
from .one_by_one import truth as one_by_one
from .parameters import SCHEMA, OfWitness, as_read, from_json, number
from .prompts import HELD_OUT, drawn
from .running import Exported, Model
from .search import certificate
from .spectrum import Exactly, NoCertificate, PromptBox
from .subleq import export as programs
from .truth import truth


@dataclass(frozen=True)
class Export(OfWitness):
    """A witness in GPT-2, with its certificate."""

    box: PromptBox
    checkpoint: Checkpoint
    disguise: Disguise | None = None

    def as_run(self, folder: str) -> Check:
        """The check of the model in a folder."""
        return as_run(folder, self)

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        made, proved = self.checkpoint, self.certificate
        text = card(self.name, self.witness, self.box, proved, made, self.disguise)
        return files_of(made, self.document(), text)

    def tensors_read(self) -> str:
        given = self.witness, self.certificate.constants, self.checkpoint
        return as_read(lambda: read_back(*given, disguised=self.disguise is not None))

    def document(self) -> dict[str, Any]:
        """witness.json."""
        made, proved, turned = self.checkpoint, self.certificate, self.disguise
        disguise = turned and {"seed": turned.seed, "scales": dict(turned.scales)}
        return {
            **self.said(
                **({"disguise": disguise} if disguise else {}),
                constants=asdict(proved.constants),
                box={key: str(value) for key, value in asdict(self.box).items()},
            ),
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


class Written(Protocol):
    """What an export writes, of whichever kind."""

    @property
    def name(self) -> str: ...

    @property
    def checkpoint(self) -> Checkpoint | LanguageModel: ...

    @property
    def statement(self) -> str:
        """What is claimed of the model, in LaTeX."""

    @property
    def summary(self) -> str: ...

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""

    def proved(self) -> CheckResult:
        """What the certificate says."""

    def as_run(self, folder: str) -> Check:
        """The check of the model in a folder."""


def is_export(path: str | Path) -> bool:
    """Whether a name is a folder that an export wrote."""
    return (Path(path) / "witness.json").is_file()


def read(folder: str | Path) -> Any:
    """What the folder's witness.json describes, a `Written` that is assembled anew; nothing is
    taken from its weights.

    Raises WrongCall.
    """
    path = Path(folder) / "witness.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["schema"] != SCHEMA:
            raise WrongCall(f"{path}: its schema is {said['schema']!r}, not {SCHEMA!r}")
        reads = said.get("reads", PROMPTS)
        if reads not in READERS:
            raise WrongCall(f"{path} is not what an export writes: it reads {reads!r}")
        return READERS[reads](said)
    except WrongCall:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError, NoCertificate) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise WrongCall(f"{path} is not what an export writes: {words}") from None


def _read(said: Mapping[str, Any]) -> Export:
    box = PromptBox(
        int(said["box"]["d"]), int(said["box"]["n"]),
        *(exact(number(said["box"][key])) for key in ("x", "y", "query")),
    )  # fmt: skip
    constants = constants_from(said["constants"])
    turned = said.get("disguise")
    disguise = turned and Disguise(turned["seed"], tuple(turned["scales"].items()))
    parameters = {k: from_json(v) for k, v in said["parameters"].items()}
    witness = constructions.build(said["name"], **parameters)
    if box.d != witness.d:
        raise ValueError(f"the box has d = {box.d}, the witness d = {witness.d}")
    return export(said["name"], witness, box, constants, disguise)


PROMPTS = "inputs_embeds"  # what a model reads whose witness.json does not say it
READERS: Mapping[str, Callable[[Mapping[str, Any]], Written]] = {
    PROMPTS: _read,
    texts.READS: texts.read,
    programs.READS: programs.read,
}


# -- the claim --------------------------------------------------------------------------------


def claims_of(folder: str) -> list[Claim]:
    """The claim that a folder makes: its model is what it says, up to the certified error.

    Raises WrongCall where it is no exported folder.
    """
    path = Path(folder)
    _has(folder, FILES)
    made: Written = read(path)
    _has(folder, made.files())
    return [
        Claim(
            id=f"export.{made.name}",
            statement=made.statement,
            summary=made.summary,
            source=f"{folder}/README.md",
            variant="improved",
            expected="approximates",
            checks=lambda: (as_written(str(path), made), made.as_run(str(path))),
        )
    ]


def _has(folder: str, files: Iterable[str]) -> None:
    """Raises WrongCall with the first file that is not there."""
    for name in files:
        if not (Path(folder) / name).is_file():
            raise WrongCall(f"{folder} has no {name}, which every such export has")


@check("enclosure", "enclosed")
def as_written(budget: Budget, folder: str, made: Written) -> CheckResult:
    """Every file is the one that is written, to the bit; what is certified is found anew."""
    tensors = made.checkpoint.tensors
    same_files(folder, made.files(), tensors)
    found = made.proved()
    detail = f"{len(tensors)} tensors are those of the witness to the bit; {found.detail}"
    return replace(found, detail=detail)


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
