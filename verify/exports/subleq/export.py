"""The folder of a GPT-2 that runs SUBLEQ, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from constructions.exports.language_model import LanguageModel
from constructions.exports.read import read_back_language
from constructions.exports.subleq import KINDS, UNIT, UNKNOWN, Token, machine, text

from ...checks.bounds.balls import at_most
from ...claim import Budget, Check, CheckResult, check
from ..files import files_of
from ..parameters import SCHEMA, as_read
from ..running import speaker_in
from .card import card
from .certificate import Certificate, at_least, certificate
from .running import agrees
from .truth import truth

READS = "programs of SUBLEQ"  # in witness.json, of this kind of export
NAME = "subleq"
DEFAULTS = {"d": 5, "address": 4}
BOX = (
    "well-formed text of up to 1,024 tokens, a program and its run: whatever the memory, the "
    "commands, and how many of them are run"
)


@dataclass(frozen=True)
class LanguageExport:
    """SUBLEQ on words of d bits and addresses of `address` bits in GPT-2, with its certificate."""

    d: int
    address: int
    checkpoint: LanguageModel
    certificate: Certificate
    name: str = NAME

    @property
    def statement(self) -> str:
        """What is claimed of the model, in LaTeX."""
        return (
            rf"|\text{{GPT-2's last state}} - \text{{code of the next token of the run}}| \le "
            rf"{at_most(self.certificate.code)}:\ \text{{what it says is what SUBLEQ does}}"
        )

    @property
    def summary(self) -> str:
        return "GPT-2 with these weights continues a program of SUBLEQ by its run"

    def proved(self) -> CheckResult:
        """What the certificate says, of tensors that are what it is about."""
        margin = at_least(self.certificate.margin)
        detail = f"the logit of the right token is above any other by at least {margin}"
        detail = f"{detail}; {self.tensors_read()}"
        return CheckResult(True, bound=self.certificate.code, detail=detail, box=BOX)

    def tensors_read(self) -> str:
        """That the tensors are the layers of which it is proved. Raises Differs."""
        model = self.checkpoint
        said = said_by(model.tokens, self.d, self.address)
        return as_read(lambda: read_back_language(model, UNIT, said, "one"))

    def as_run(self, folder: str) -> Check:
        """The check of the model in a folder."""
        return as_run(folder, self)

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        ids = ("bos_token_id", "eos_token_id", "pad_token_id")
        text_of_card = card(self.d, self.address, self.checkpoint, self.certificate)
        return files_of(
            self.checkpoint, self.document(), text_of_card,
            generation_config={
                **{name: self.checkpoint.config[name] for name in ids}, "do_sample": False,
            },
            tokenizer=self._tokenizer(),
            tokenizer_config={
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": self.checkpoint.config["n_positions"],
                "clean_up_tokenization_spaces": False,
                "unk_token": text(UNKNOWN),
            },
        )  # fmt: skip

    def _tokenizer(self) -> dict[str, Any]:
        """Tokens between blanks."""
        vocabulary = {text(token): i for i, token in enumerate(self.checkpoint.tokens)}
        return {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
            "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None, "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": text(UNKNOWN)},
        }  # fmt: skip

    def document(self) -> dict[str, Any]:
        """witness.json."""
        return {
            "schema": SCHEMA,
            "to": "gpt2",
            "reads": READS,
            "name": NAME,
            "parameters": {"d": self.d, "address": self.address},
            "digest": self.checkpoint.witness.digest,
            "box": BOX,
            "bounds": asdict(self.certificate),
            **truth(self.d, self.address, self.checkpoint),
        }


def export(d: int = DEFAULTS["d"], address: int = DEFAULTS["address"]) -> LanguageExport:
    """The GPT-2 with its certificate. Raises ValueError or NoCertificate."""
    model = machine(d, address)
    return LanguageExport(d, address, model, certificate(model))


def said_by(tokens: Sequence[Token], d: int, address: int) -> dict[str, np.ndarray]:
    """{field of a prompt: (tokens, size)} of the kind of a token, and of its number the digits as
    -1 and 1 in two's complement: of a word d of them, of any other an address."""
    said = {"kind": np.array([[kind == one for one in KINDS] for kind, _ in tokens], dtype=float)}
    for field, size in (("word", d), ("address", address)):
        said[field] = np.zeros((len(tokens), size))
        for row, (kind, number) in zip(said[field], tokens, strict=True):
            if (kind == "word") == (field == "word"):
                row[:] = [1 if digit == "1" else -1 for digit in f"{number % 2**size:0{size}b}"]
    return said


def read(said: Mapping[str, Any]) -> LanguageExport:
    """What a witness.json describes, assembled anew; nothing is taken from weights.

    Raises ValueError, TypeError, KeyError or NoCertificate where it is not what an export writes.
    """
    given = said["parameters"]
    if said["name"] != NAME or set(given) != set(DEFAULTS):
        raise ValueError(f"{said['name']}, its parameters {', '.join(given)}")
    return export(**given)


@check("numeric", "tested")
def as_run(budget: Budget, folder: str, made: LanguageExport) -> CheckResult:
    """The model in the folder, run on programs that are drawn, does what the interpreter does."""
    return agrees(budget, speaker_in(folder), made.checkpoint, made.certificate)
