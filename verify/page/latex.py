"""The LaTeX that statements of claims are written in, as text with MathML."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from html import escape

from ..report.latex_text import FUNCTIONS, GREEK, NOTHING, OPERATORS, SPACES, TOKEN, is_text
from .readable import typeset

# what stands between two parts of a statement: a space, or (of \text) what its group holds
APART = {r"\text": "", r"\ ": " ", r"\quad": "&emsp;", r"\qquad": "&emsp;&emsp;"}

BARS = ("|", "‖")
APPLIED = '<mspace width=".17em"></mspace>'  # beside a function's name
OPENS = tuple(f">{sign}</mo>" for sign in "([{⟨⌈⌊=,≤≥∈→↦·×")  # a sign after it belongs to a number


def statement(latex: str) -> str:
    r"""HTML of a statement: \text{…} outside of groups as text, the rest as <math>, one for each
    part between spaces outside of groups, where a line can be broken.

    Raises ValueError on a command that is not known here.
    """
    made, rest = [], TOKEN.findall(latex)
    while rest:
        part: list[str] = []
        while rest and not (rest[0] in APART and _depth(part) == 0):
            part.append(rest.pop(0))
        if "".join(part).strip():
            made.append(f"<math><mrow>{_row(part)}</mrow></math>")
        if rest:
            between = rest.pop(0)
            made.append(APART[between] or escape(_plain_group(rest)))
    return "".join(made)


def stated(latex: str) -> str:
    """A statement as HTML: a sentence as text, else LaTeX; in its own letters where it uses more of
    that than is known here."""
    if is_text(latex):
        return typeset(latex)
    try:
        return statement(latex)
    except ValueError:
        return f"<code>{escape(latex, quote=True)}</code>"


def _depth(tokens: list[str]) -> int:
    """How many groups, brackets and environments are open."""
    opened = sum(map(tokens.count, ("{", "(", "[", r"\left", r"\begin")))
    return opened - sum(map(tokens.count, ("}", ")", "]", r"\right", r"\end")))


def _plain_group(tokens: list[str]) -> str:
    """Text of a group, taken off the tokens."""
    if not tokens or tokens.pop(0) != "{":
        raise ValueError("a group in braces is missing")
    text, depth = "", 1
    while tokens:
        token = tokens.pop(0)
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0:
            return text
        text += token[1:] if re.fullmatch(r"\\[^A-Za-z]", token) else token
    raise ValueError("a brace is never closed")


def _row(tokens: list[str], until: str | None = None) -> str:
    made = ""
    while tokens:
        if tokens[0] == until:
            tokens.pop(0)
            return made
        if _is_nothing(tokens[0]):
            tokens.pop(0)
            continue
        if tokens[0] in ("+", "-") and made.endswith(OPENS):
            made += _operator(tokens.pop(0).replace("-", "−"), ' form="prefix"')
            continue
        function = tokens[0][1:] in FUNCTIONS and tokens[0][0] == "\\"
        if function and made and not made.endswith(("</mo>", APPLIED)):
            made += APPLIED
        made += _scripted(tokens)
        if function and _argument(tokens, until):
            made += APPLIED
    if until:
        raise ValueError("a brace is never closed")
    return made


def _argument(tokens: list[str], until: str | None) -> bool:
    """Whether what comes next is what a function is of, without brackets: log n."""
    after = next((token for token in tokens if not _is_nothing(token)), until)
    return after is not None and (after.isalnum() or after[0] == "\\") and after != until


def _scripted(tokens: list[str]) -> str:
    """One atom with its indices, exponents and primes."""
    base, below, above = _atom(tokens), "", ""
    while tokens and tokens[0] in ("_", "^", "'"):
        mark = tokens.pop(0)
        if mark == "'":
            above += "<mo>′</mo>"
        elif mark == "_":
            below += _atom(tokens)
        else:
            above += _atom(tokens)
    if below and above:
        return f"<msubsup>{base}<mrow>{below}</mrow><mrow>{above}</mrow></msubsup>"
    if below:
        return f"<msub>{base}<mrow>{below}</mrow></msub>"
    return f"<msup>{base}<mrow>{above}</mrow></msup>" if above else base


def _is_nothing(token: str) -> bool:
    return token.isspace() or token[0] == "\\" and token[1:] in NOTHING


def _atom(tokens: list[str]) -> str:
    while tokens and _is_nothing(tokens[0]):
        tokens.pop(0)
    if not tokens:
        return "<mrow></mrow>"
    token = tokens.pop(0)
    if token == "{":
        return f"<mrow>{_row(tokens, '}')}</mrow>"
    if token[0] == "\\":
        return _command(token[1:], tokens)
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    return _operator(token.replace("-", "−"))


def _operator(sign: str, form: str = "") -> str:
    close = ' lspace="0" rspace="0"' if sign in BARS else ""  # which are brackets, and no relations
    return f'<mo stretchy="false"{close}{form}>{escape(sign)}</mo>'


def _matrix(name: str, tokens: list[str]) -> str:
    """The rows of \\begin{name}, which is off the tokens already, up to its end."""
    if name != "bmatrix":
        raise ValueError(f"{name} is not known")
    rows: list[list[list[str]]] = [[[]]]
    while tokens:
        token = tokens.pop(0)
        if token == r"\end":
            if _plain_group(tokens) != name:
                raise ValueError(f"{name} ends otherwise")
            cells = (
                f"<mtr>{''.join(f'<mtd>{_row(cell)}</mtd>' for cell in row)}</mtr>" for row in rows
            )
            return f"<mrow><mo>[</mo><mtable>{''.join(cells)}</mtable><mo>]</mo></mrow>"
        if token == "&":
            rows[-1].append([])
        elif token == "\\\\":
            rows.append([[]])
        else:
            rows[-1][-1].append(token)
    raise ValueError(f"{name} never ends")


def _letter(kind: str, letter: str) -> str:
    """A letter in another alphabet of Unicode; itself where there is none."""
    for name in (f"MATHEMATICAL {kind} CAPITAL {letter}", f"{kind} CAPITAL {letter}"):
        with suppress(KeyError):
            return unicodedata.lookup(name) if letter.isupper() else letter
    return letter


def _command(name: str, tokens: list[str]) -> str:
    if name in GREEK:
        return f"<mi>{GREEK[name]}</mi>"
    if name in OPERATORS:
        return _operator(OPERATORS[name])
    if name in SPACES:
        return f'<mspace width="{SPACES[name]}"></mspace>'
    if name in FUNCTIONS:
        return f'<mi mathvariant="normal">{name}</mi>'
    if name == "text":
        return f"<mtext>{escape(_plain_group(tokens))}</mtext>"
    if name in ("mathrm", "operatorname", "mathbf"):
        return f'<mi mathvariant="normal">{escape(_plain_group(tokens))}</mi>'
    if name in ("mathbb", "mathcal"):
        kind = {"mathbb": "DOUBLE-STRUCK", "mathcal": "SCRIPT"}[name]
        letters = "".join(_letter(kind, letter) for letter in _plain_group(tokens))
        return f"<mi>{escape(letters)}</mi>"
    if name == "begin":
        return _matrix(_plain_group(tokens), tokens)
    if name in ("frac", "tfrac", "dfrac"):
        return f"<mfrac>{_atom(tokens)}{_atom(tokens)}</mfrac>"
    if name == "sqrt":
        return f"<msqrt>{_atom(tokens)}</msqrt>"
    if name in ("hat", "bar", "tilde"):
        mark = {"hat": "^", "bar": "¯", "tilde": "~"}[name]
        return f'<mover accent="true">{_atom(tokens)}<mo stretchy="false">{mark}</mo></mover>'
    if name in "{}%_&#":
        return f'<mo stretchy="false">{escape(name)}</mo>'
    raise ValueError(f"\\{name} is not known")
