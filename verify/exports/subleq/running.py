"""Holds a language model against the interpreter of SUBLEQ, on programs that are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from constructions.exports.language_model import LanguageModel
from constructions.exports.subleq import END, PARTS, token_units

from ...checks.bounds.balls import at_most
from ...claim import Budget, CheckResult, Differs
from ..prompts import HELD_OUT
from ..running import Speaker
from .certificate import Certificate
from .listing import COMMANDS, Program, drawn, written

TOGETHER = 16  # texts; of HELD_OUT commands in all, and a twentieth with --quick


@dataclass
class _Seen:
    """commands that were run, and what the code of what is said next was off by at most."""

    commands: int = 0
    off: float = 0.0


def agrees(
    budget: Budget, speaker: Speaker, model: LanguageModel, proved: Certificate
) -> CheckResult:
    """Whether after every token of drawn runs the model says what the interpreter does next.

    So its greedy continuation of the program is the run. Raises Differs.
    """
    word, address = (model.witness.layout[name].size for name in ("word", "address"))
    wanted, seen = HELD_OUT // 20 if budget.quick else HELD_OUT, _Seen()
    seeds, programs = count(budget.seed * 10**6), 0
    while seen.commands < wanted:
        batch = [drawn(word, address, seed) for seed in islice(seeds, TOGETHER)]
        _compare(batch, speaker, model, proved, seen)
        programs += len(batch)
    detail = (
        f"run by {speaker.runner}: {seen.commands} commands of {programs} programs are those of "
        f"the interpreter; the largest error of a code is {at_most(seen.off)}"
    )
    return CheckResult(True, seen.commands, seen.off, proved.code, detail)


def _compare(
    programs: Sequence[Program],
    speaker: Speaker,
    model: LanguageModel,
    proved: Certificate,
    seen: _Seen,
) -> None:  # fmt: skip
    stream = model.witness.layout
    units = [unit for name in PARTS for unit in stream.rows(name)]
    number = {token: i for i, token in enumerate(model.tokens)}
    texts = [(one.tokens(), one.run(COMMANDS)) for one in programs]
    ids = np.full((len(texts), max(len(a) + len(b) for a, b in texts)), number[END])
    for row, (before, after) in zip(ids, texts, strict=True):
        row[: len(before) + len(after)] = [number[token] for token in (*before, *after)]
    logits, last = speaker.run(ids)
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
        code = states[asked] @ model.directions[units].T
        off = np.abs(code - token_units(after, model.witness)[:, units]).max(initial=0)
        if not off <= proved.code:
            raise Differs(
                f"off by {off:.3g}, beyond the bound {at_most(proved.code)}",
                {"text": written([*before, *after])}, max_error=float(off), bound=proved.code,
            )  # fmt: skip
        seen.commands, seen.off = seen.commands + len(after) // 4, max(seen.off, float(off))
