"""Signs that an encoding lacks, in letters: a terminal in ASCII reads x^T w <= 1e-12 ~ 0."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

HANDLER = "witness.in_letters"
WRITTEN = {
    "…": "...", "⋯": "...", "–": "-", "—": "--", "−": "-", "’": "'", "“": '"', "”": '"',
    "·": "*", "⋅": "*", "×": "x", "±": "+-", "∓": "-+", "√": "sqrt", "⊙": ".*",
    "⊕": "(+)", "⊗": "(x)", "÷": "/", "∥": "||", "⊥": "perp", "⋮": ":", "⋱": "...",
    "ˆ": "^", "ˉ": "-", "ƒ": "f", "∘": "o",
    "⊤": "T", "†": "+", "‡": "++", "′": "'", "⁄": "/", "ß": "ss",
    "‖": "||", "∣": "|", "│": "|", "¬": "not ",
    "⟨": "<", "⟩": ">", "⌈": "ceil(", "⌉": ")", "⌊": "floor(", "⌋": ")",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "≃": "~", "≡": "==", "∝": "prop. to",
    "≪": "<<", "≫": ">>", "⪯": "<=", "⪰": ">=", "→": "->", "⟶": "->", "←": "<-", "↔": "<->",
    "↦": "->", "⇒": "=>", "⇐": "<=", "⇔": "<=>", "↑": "^", "↓": "v", "∈": "in", "∉": "not in",
    "⊂": "subset of", "⊆": "subset of", "∪": "union", "∩": "meets", "∖": "\\", "∅": "{}",
    "∀": "for all ", "∃": "there is ", "∧": "and", "∨": "or", "∂": "d", "∇": "grad ", "∑": "sum",
    "∏": "prod", "∫": "int", "∞": "inf", "⋆": "*", "✓": "yes", "✗": "no", "⁡": "", "⁢": "",
}  # fmt: skip


@contextmanager
def in_letters() -> Iterator[None]:
    """Standard output and error write what their encodings lack in letters, and do not fail."""
    before = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            before.append((stream, stream.errors))
            stream.reconfigure(errors=HANDLER)
    try:
        yield
    finally:
        for stream, errors in before:
            if not stream.closed:
                stream.reconfigure(errors=errors)


def letters(text: str) -> str:
    """The text in ASCII; `?` only for a sign of which nothing is known."""
    made = []
    for kind, signs in groupby(text, _raised_or_lowered):
        said = "".join(map(_letter, signs))
        mark = {"<super>": "^", "<sub>": "_"}.get(kind, "")
        made.append(f"{mark}({said})" if mark and len(said) > 1 else mark + said)
    return "".join(made)


def _raised_or_lowered(sign: str) -> str:
    return unicodedata.decomposition(sign).partition(" ")[0]


def _letter(sign: str) -> str:
    """One sign, raised and lowered ones without their mark."""
    if sign.isascii():
        return sign
    if sign in WRITTEN:
        return WRITTEN[sign]
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK "):
        said = name.rpartition(" ")[2].lower().replace("lamda", "lambda")
        return said.capitalize() if " CAPITAL " in name else said
    plain = unicodedata.normalize("NFKD", sign)
    plain = "".join(WRITTEN.get(one, one) for one in plain if not unicodedata.combining(one))
    return plain if plain.isascii() and plain else "?"


def _handler(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return letters(error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _handler)
