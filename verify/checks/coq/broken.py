"""What is left of a theory when one of its theorems fails: all the others, each judged by itself.

coqc stops at the first sentence that fails. In a copy the proof that it belongs to is left out, and
its theorem is an axiom there: whatever rests on it says so when the kernel prints assumptions. A
statement that has no meaning goes with its proof. Where any other sentence fails, a definition or a
notation, what comes after it might mean something else, and all of it goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

LINES = 12  # of a message
_HEAD = r"^(?:Theorem|Lemma)\s+(?P<name>\w+)"
_PROVED = re.compile(
    _HEAD + r"(?:(?!^(?:Theorem|Lemma|Definition|Section|End)\b).)*?"
    r"(?P<proof>\bProof\.\s(?:(?!\bProof\.).)*?\b(?:Qed|Defined)\.)",
    re.DOTALL | re.MULTILINE,
)
_FAILED = re.compile(r'^File "\./(\w+)\.v", line (\d+), characters (\d+)-\d+:\nError', re.MULTILINE)
_NAMED = re.compile(_HEAD, re.MULTILINE)
_SECTION = re.compile(r"^(Section|End)\s+(\w+)\.", re.MULTILINE)


@dataclass(frozen=True)
class Rest:
    """The theory without what failed, the theorems and lemmas that it lost, and coqc's reason."""

    text: str
    lost: tuple[str, ...]
    why: str


def without_failed(file: str, text: str, message: str) -> Rest | None:
    """The theory without the sentence at which coqc stopped with this message.

    Lines keep their numbers. None where the message names no place in this file, or what fails is
    no theorem's.
    """
    failed = _FAILED.search(message)
    if failed is None or failed[1] != file:
        return None
    why = "\n".join(message[failed.start() :].splitlines()[:LINES])
    lines = text.encode().splitlines(keepends=True)
    before = b"".join(lines[: int(failed[2]) - 1])
    offset = len((before + lines[int(failed[2]) - 1][: int(failed[3])]).decode(errors="ignore"))
    for proved in _PROVED.finditer(text):
        if proved.start() <= offset < proved.end():
            in_proof = offset >= proved.start("proof")
            start, kept = (proved.start("proof"), "Proof. Admitted.") if in_proof else (
                proved.start(), "")  # fmt: skip
            blank = "\n" * text.count("\n", start, proved.end())
            left = text[:start] + kept + blank + text[proved.end() :]
            return Rest(left, (proved["name"],), why)
    start = text.rfind("\n", 0, offset) + 1
    lost = tuple(found["name"] for found in _NAMED.finditer(text[start:]))
    return Rest(_closed(text[:start]), lost, why) if lost else None


def up_to(names: Collection[str], text: str) -> str:
    """The theory up to the last of these theorems."""
    ends = [proved.end() for proved in _PROVED.finditer(text) if proved["name"] in names]
    return _closed(text[: max(ends)] + "\n") if ends else text


def _closed(kept: str) -> str:
    """The beginning of a theory, its sections closed."""
    open_sections: list[str] = []
    for word, name in _SECTION.findall(kept):
        if word == "Section":
            open_sections.append(name)
        elif open_sections:
            open_sections.pop()
    ends = "".join(f"End {name}.\n" for name in reversed(open_sections))
    return kept + ends
