"""The folder of a GPT-2 that runs SUBLEQ: written whole, read back, claimed to be what it says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from constructions.exports.language_model import LanguageModel, language_model
from constructions.exports.subleq import END, UNKNOWN, text

from ...checks.bounds.balls import at_most
from ...claim import Budget, Check, CheckResult, Claim, check
from ...inputs.errors import WrongCall
from ...report.as_json import dumps
from ..folder import same_files
from ..spectrum import NoCertificate
from .card import card
from .certificate import Certificate, at_least, certificate
from .running import agrees, of_folder
from .truth import truth

SCHEMA = "witness-language/1"
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
    model: LanguageModel
    certificate: Certificate

    def files(self) -> dict[str, bytes]:
        """The folder's files by name."""
        from safetensors.numpy import save

        end = self.model.tokens.index(END)
        written = {
            "config.json": self.model.config,
            "generation_config.json": {
                "bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "do_sample": False,
            },
            "tokenizer.json": self._tokenizer(),
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": self.model.config["n_positions"],
                "clean_up_tokenization_spaces": False,
                "unk_token": text(UNKNOWN),
            },
        }  # fmt: skip
        made = {name: (json.dumps(one, indent=2) + "\n").encode() for name, one in written.items()}
        return made | {
            "model.safetensors": save(self.model.tensors, metadata={"format": "pt"}),
            "witness.json": dumps(self.document()).encode(),
            "README.md": card(self.d, self.address, self.model, self.certificate).encode(),
        }

    def _tokenizer(self) -> dict[str, Any]:
        """Tokens between blanks."""
        vocabulary = {text(token): i for i, token in enumerate(self.model.tokens)}
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
            "name": NAME,
            "parameters": {"d": self.d, "address": self.address},
            "digest": self.model.witness.digest,
            "box": BOX,
            "bounds": asdict(self.certificate),
            **truth(self.d, self.address, self.model),
        }


def export(d: int = DEFAULTS["d"], address: int = DEFAULTS["address"]) -> LanguageExport:
    """The GPT-2 with its certificate. Raises ValueError or NoCertificate."""
    model = language_model(d, address)
    return LanguageExport(d, address, model, certificate(model))


# -- read back --------------------------------------------------------------------------------


def is_language(folder: str | Path) -> bool:
    """Whether a folder is one of these."""
    try:
        said = json.loads((Path(folder) / "witness.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("schema") == SCHEMA


def read(folder: str | Path) -> LanguageExport:
    """What the folder's witness.json describes, assembled anew. Raises WrongCall."""
    path = Path(folder) / "witness.json"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))["parameters"]
        if set(given) != set(DEFAULTS):
            raise ValueError(f"its parameters are {', '.join(given)}")
        return export(**given)
    except (OSError, ValueError, TypeError, KeyError, NoCertificate) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise WrongCall(f"{path} is not what an export writes: {words}") from None


def claims_of(folder: str) -> list[Claim]:
    """The claim that a folder makes: its model says what SUBLEQ does. Raises WrongCall."""
    made = read(folder)
    if missing := [name for name in made.files() if not (Path(folder) / name).is_file()]:
        raise WrongCall(f"{folder} has no {missing[0]}, which every such export has")

    def checks() -> tuple[Check, ...]:
        return as_written(folder, made), as_run(folder, made)

    return [
        Claim(
            id=f"export.{NAME}",
            statement=statement(made.certificate.code),
            summary="GPT-2 with these weights continues a program of SUBLEQ by its run",
            source=f"{folder}/README.md",
            variant="improved",
            expected="approximates",
            checks=checks,
        )
    ]


def statement(code: float) -> str:
    """What is claimed of a model, in LaTeX."""
    return (
        rf"|\text{{GPT-2's last state}} - \text{{code of the next token of the run}}| \le "
        rf"{at_most(code)}:\ \text{{what it says is what SUBLEQ does}}"
    )


def proved(made: LanguageExport) -> CheckResult:
    """What the certificate says."""
    code = made.certificate.code
    margin = at_least(made.certificate.margin)
    detail = f"the logit of the right token is above any other by at least {margin}"
    return CheckResult(True, bound=code, detail=detail, box=BOX)


@check("enclosure", "enclosed")
def as_written(budget: Budget, folder: str, made: LanguageExport) -> CheckResult:
    """Every file is the one that is written, to the bit; the certificate is found anew."""
    same_files(folder, made.files(), made.model.tensors)
    return proved(made)


@check("numeric", "tested")
def as_run(budget: Budget, folder: str, made: LanguageExport) -> CheckResult:
    """The model in the folder, run on programs that are drawn, does what the interpreter does."""
    return agrees(budget, *of_folder(folder), made.model, made.certificate)
