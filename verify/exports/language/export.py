"""A witness that reads words as a language model in a folder, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import constructions
from constructions.exports.gpt2 import Constants
from constructions.exports.language_model import LanguageModel
from constructions.exports.read import read_back_language
from constructions.exports.words import word_model
from constructions.witness import Witness

from ...checks.bounds.balls import at_most
from ...claim import Budget, Check, CheckResult, Differs, check
from ..files import files_of
from ..parameters import OfWitness, as_read, from_json
from ..prompts import HELD_OUT
from ..running import Speaker, speaker_in
from .card import card
from .certificate import Retrieval, Texts
from .texts import answers, drawn
from .truth import truth

READS = "token ids"  # in witness.json, of this kind of export


@dataclass(frozen=True)
class TextExport(OfWitness):
    """A witness as a language model of GPT-2, with its certificate."""

    box: Texts
    checkpoint: LanguageModel
    found: Retrieval

    def tensors_read(self) -> str:
        return as_read(lambda: read_back_language(self.checkpoint, self.certificate.constants.unit))

    def as_run(self, folder: str) -> Check:
        """The check of the model in a folder."""
        return as_run(folder, self)

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        made, proved = self.checkpoint, self.certificate
        text = card(self.name, self.witness, self.box, proved, made)
        return files_of(made, self.document(), text)

    def document(self) -> dict[str, Any]:
        """witness.json."""
        unit, texts = self.certificate.constants.unit, asdict(self.box)
        return {
            **self.said(reads=READS, constants={"unit": unit}, texts=texts),
            **truth(self.witness, self.found, self.checkpoint),
        }


def export(name: str, witness: Witness, constants: Constants | None = None) -> TextExport:
    """The witness in GPT-2, with the unit of the least certified error if none is given.

    Raises NoExport or NoCertificate.
    """
    found = Retrieval(witness)
    chosen = constants or found.search()
    made = word_model(witness, found.texts.length, chosen.unit)
    return TextExport(name, witness, found.texts, found.certificate(chosen), made, found)


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
        return within_bound(budget, speaker_in(folder), made)
    except (IndexError, KeyError, RuntimeError) as error:  # too few positions, a missing tensor
        words = " ".join(str(error).split())
        raise Differs(f"the model cannot read these texts: {words}", {"folder": folder}) from None


def within_bound(budget: Budget, model: Speaker, made: TextExport) -> CheckResult:
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
