"""Runs the language model on programs: by transformers where that is installed, or as GPT-2 is
defined."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from safetensors.numpy import load_file

from constructions.exports.language_model import LanguageModel, embeddings
from constructions.exports.subleq import END

from ...checks.bounds.balls import at_most
from ...claim import Budget, CheckResult, Differs
from ..running import THIS
from .certificate import CODE, Certificate
from .listing import COMMANDS, Program, drawn, written

# ids (B, tokens) -> logits (B, tokens, vocabulary), last hidden states (B, tokens, D)
Run: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
TOGETHER = 16  # texts
HELD_OUT = 10_000  # commands that a check runs, and a twentieth with --quick


def of_folder(folder: str | Path) -> tuple[Run, str]:
    """The model in a folder, and whose code runs it."""
    if find_spec("transformers") is not None:
        return _of_transformers(folder), "transformers"
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(Path(folder) / "model.safetensors")
    return _of_this_package(tensors, config), f"{THIS}, transformers not being installed"


def of_model(model: LanguageModel) -> tuple[Run, str]:
    """The model that a folder would hold, run by this package."""
    return _of_this_package(model.tensors, model.config), THIS


def _of_this_package(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> Run:
    from ..forward import forward

    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    table = bare["wte.weight"]

    def run(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        last, _ = forward(bare, config, table[ids])
        return last.astype(np.float32) @ table.T, last

    return run


def _of_transformers(folder: str | Path) -> Run:
    import torch
    from transformers import GPT2LMHeadModel, logging

    logging.disable_progress_bar()
    model: Any = GPT2LMHeadModel.from_pretrained(str(folder)).eval()

    def run(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            given = torch.tensor(ids)
            made = model(
                input_ids=given, attention_mask=torch.ones_like(given), output_hidden_states=True
            )
        return made.logits.numpy(), made.hidden_states[-1].double().numpy()

    return run


@dataclass
class _Seen:
    """commands that were run, and what the code of what is said next was off by at most."""

    commands: int = 0
    off: float = 0.0


def agrees(
    budget: Budget, run: Run, runner: str, model: LanguageModel, proved: Certificate
) -> CheckResult:
    """Whether after every token of drawn runs the model says what the interpreter does next.

    So its greedy continuation of the program is the run. Raises Differs.
    """
    word, address = (model.witness.layout[name].size for name in ("word", "address"))
    wanted, seen = HELD_OUT // 20 if budget.quick else HELD_OUT, _Seen()
    seeds, programs = count(budget.seed * 10**6), 0
    while seen.commands < wanted:
        batch = [drawn(word, address, seed) for seed in islice(seeds, TOGETHER)]
        _compare(batch, run, model, proved, seen)
        programs += len(batch)
    detail = (
        f"run by {runner}: {seen.commands} commands of {programs} programs are those of the "
        f"interpreter; the largest error of a code is {at_most(seen.off)}"
    )
    return CheckResult(True, seen.commands, seen.off, proved.code, detail)


def _compare(
    programs: Sequence[Program], run: Run, model: LanguageModel, proved: Certificate, seen: _Seen
) -> None:
    stream, half = model.witness.layout, int(model.config["n_embd"]) // 2
    units = [unit for name in CODE for unit in stream.rows(name)]
    number = {token: i for i, token in enumerate(model.tokens)}
    texts = [(one.tokens(), one.run(COMMANDS)) for one in programs]
    ids = np.full((len(texts), max(len(a) + len(b) for a, b in texts)), number[END])
    for row, (before, after) in zip(ids, texts, strict=True):
        row[: len(before) + len(after)] = [number[token] for token in (*before, *after)]
    logits, last = run(ids)
    for row, (before, after), scores, states in zip(ids, texts, logits, last, strict=True):
        asked = slice(len(before) - 1, len(before) + len(after) - 1)
        said = scores[asked].argmax(axis=-1)
        right = row[len(before) : len(before) + len(after)]
        if (wrong := np.flatnonzero(said != right)).size:
            at = int(wrong[0])
            raise Differs(
                f"after {written(after[:at][-4:] or before[-1:])} it says "
                f"{written([model.tokens[said[at]]])}, not {written([after[at]])}",
                {"text": written([*before, *after[:at]]), "says": written([model.tokens[said[at]]]),
                 "should": written([after[at]])},
                cases=seen.commands,
            )  # fmt: skip
        code = (states[asked, :half] - states[asked, half:])[:, units] / 2
        off = np.abs(code - embeddings(after, stream)[:, units]).max(initial=0)
        if not off <= proved.code:
            raise Differs(
                f"off by {off:.3g}, beyond the bound {at_most(proved.code)}",
                {"text": written([*before, *after])}, max_error=float(off), bound=proved.code,
            )  # fmt: skip
        seen.commands, seen.off = seen.commands + len(after) // 4, max(seen.off, float(off))
