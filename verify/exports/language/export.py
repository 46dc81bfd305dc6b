"""A witness that reads words as a language model in a folder, and what is claimed of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import constructions
from constructions.exports.gpt2 import Constants
from constructions.exports.text_model import LanguageModel, language_model
from constructions.witness import Witness

from ...checks.bounds.balls import at_most
from ...claim import Budget, CheckResult, Differs, check
from ...report.as_json import dumps
from ..parameters import SCHEMA, as_json, from_json
from ..prompts import HELD_OUT
from ..search import Certificate
from .card import card
from .certificate import Retrieval, Texts
from .model import Model, answers, drawn, exported
from .truth import truth

READS = "token ids"  # in witness.json, of this kind of export


@dataclass(frozen=True)
class TextExport:
    """A witness as a language model of GPT-2, with its certificate."""

    name: str
    witness: Witness
    found: Retrieval
    certificate: Certificate
    checkpoint: LanguageModel

    @property
    def box(self) -> Texts:
        """The texts of which the certificate is."""
        return self.found.texts

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        from safetensors.numpy import save

        text = card(self.name, self.witness, self.box, self.certificate, self.checkpoint)
        return {
            "config.json": (json.dumps(self.checkpoint.config, indent=2) + "\n").encode(),
            "model.safetensors": save(self.checkpoint.tensors, metadata={"format": "pt"}),
            "witness.json": dumps(self.document()).encode(),
            "README.md": text.encode(),
        }

    def document(self) -> dict[str, Any]:
        """witness.json."""
        proved = self.certificate
        return {
            "schema": SCHEMA,
            "to": "gpt2",
            "reads": READS,
            "name": self.name,
            "parameters": {k: as_json(v) for k, v in self.witness.parameters.items()},
            "digest": self.witness.digest,
            "constants": {"unit": proved.constants.unit},
            "texts": asdict(self.box),
            "bounds": {
                "architecture": proved.architecture,
                "with_rounding_in": proved.bounds,
            },
            **truth(self.witness, self.found, self.checkpoint),
        }


def export(name: str, witness: Witness, constants: Constants | None = None) -> TextExport:
    """The witness in GPT-2, with the unit of the least certified error if none is given.

    Raises NoExport or NoCertificate.
    """
    found = Retrieval(witness)
    chosen = constants or found.search()
    made = language_model(witness, found.texts.length, chosen.unit)
    return TextExport(name, witness, found, found.certificate(chosen), made)


def read(said: Mapping[str, Any]) -> TextExport:
    """What a witness.json describes, assembled anew; nothing is taken from weights.

    Raises ValueError, TypeError or KeyError where it is not what an export writes.
    """
    parameters = {k: from_json(v) for k, v in said["parameters"].items()}
    witness = constructions.build(said["name"], **parameters)
    found = Retrieval(witness)
    return export(said["name"], witness, found.constants(said["constants"]["unit"]))


@check("numeric", "tested")
def as_run(budget: Budget, folder: str, made: TextExport) -> CheckResult:
    """The model in the folder, run on texts, is within the bound and says the right token."""
    try:
        return within_bound(budget, exported(folder), made)
    except (IndexError, KeyError, RuntimeError) as error:  # too few positions, a missing tensor
        words = " ".join(str(error).split())
        raise Differs(f"the model cannot read these texts: {words}", {"folder": folder}) from None


def within_bound(budget: Budget, model: Model, made: TextExport) -> CheckResult:
    """Whether the logits of texts are within the bound at every token. Raises Differs."""
    count = HELD_OUT // 20 if budget.quick else HELD_OUT
    ids = drawn(made.box, count, budget.seed + 1)
    logits, right = model.logits(ids), answers(ids)
    off = np.abs(logits - np.eye(made.box.d + 1)[right]).max(axis=-1)
    text, token = np.unravel_index(np.argmax(np.where(np.isfinite(off), off, np.inf)), off.shape)
    worst, bound = float(off[text, token]), made.certificate.bounds["float32"]
    shown = {"input_ids": ids[text, : token + 1].tolist(), "should be": int(right[text, token]),
             "logits": logits[text, token].tolist()}  # fmt: skip
    if not worst <= bound:
        raise Differs(f"a logit is off by {worst:.3g}, beyond the bound {at_most(bound)}", shown,
                      max_error=worst, bound=bound)  # fmt: skip
    detail = (
        f"run by {model.runner}, at {right.size:,} tokens: the largest error seen is {worst:.2g}, "
        f"the bound {bound / worst:.0f} times that"
    )
    return CheckResult(True, count, worst, bound, detail, domain=made.box.words)
