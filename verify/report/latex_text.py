"""LaTeX of statements and proofs as plain text, for a terminal; and what its commands mean."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\s+|.", re.S)
GREEK = dict(zip(
    "alpha beta gamma delta epsilon varepsilon eta theta kappa lambda mu nu pi rho sigma tau phi "
    "varphi omega Gamma Delta Lambda Pi Phi Sigma ell".split(),
    "αβγδϵεηθκλμνπρστφφωΓΔΛΠΦΣℓ",
))  # fmt: skip
OPERATORS = {
    "top": "⊤", "mapsto": "↦", "cdot": "·", "times": "×", "leftarrow": "←", "nabla": "∇", "in": "∈",
    "Rightarrow": "⇒", "langle": "⟨", "rangle": "⟩", "sim": "∼", "approx": "≈", "to": "→",
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "emptyset": "∅", "dagger": "†",
    "ldots": "…", "dots": "…", "cdots": "⋯", "star": "⋆", "odot": "⊙", "pm": "±", "sum": "∑",
    "prod": "∏", "|": "‖", "infty": "∞", "subset": "⊂", "forall": "∀", "succeq": "⪰", "circ": "∘",
    "setminus": "∖", "partial": "∂", "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋",
    "mid": "∣", "vee": "∨", "wedge": "∧", "Leftrightarrow": "⇔",
}  # fmt: skip
FUNCTIONS = ("log", "ln", "lim", "exp", "max", "min", "sup", "inf", "det", "Pr", "arg", "deg")
SPACES = {
    ",": ".17em",
    ";": ".28em",
    " ": ".25em",
    "quad": "1em",
    "qquad": "2em",
    ":": ".22em",
    "!": "0",
}
NOTHING = (
    "textstyle",
    "displaystyle",
    "left",
    "right",
    "Bigl",
    "Bigr",
    "bigl",
    "bigr",
    "big",
    "Big",
)


def is_text(said: str) -> bool:
    """Whether a statement is a sentence: it has a word, of three letters, and no command of LaTeX
    (backslash)."""
    return "\\" not in said and re.search(r"[^\W\d_]{3}", said) is not None


def stated(said: str) -> str:
    """A statement as a line of text: a sentence is one as it is."""
    return said if is_text(said) else text(said)


def text(latex: str) -> str:
    r"""The LaTeX as a line of text: \frac{a}{b} as (a)/(b), A_{0} as A_0, \text{…} as its text.

    A command that is not known here stands without its backslash.
    """
    tokens = TOKEN.findall(latex)
    return " ".join(_row(tokens).split())


def _row(tokens: list[str], end: str = "") -> str:
    made = ""
    while tokens and tokens[0] != end:
        token = tokens.pop(0)
        if token in "^_" and tokens:
            made = made.rstrip() + _script(token, tokens)
        else:
            made += _one(token, tokens)
    if tokens:
        tokens.pop(0)
    return made


def _one(token: str, tokens: list[str]) -> str:
    if token == "{":
        return _row(tokens, "}")
    if token[0] != "\\":
        return token
    name = token[1:]
    if name in ("frac", "tfrac", "dfrac"):
        above, below = _group(tokens), _group(tokens)
        return f"{_joined(above)}/{_joined(below)}"
    if name in ("text", "mathrm", "operatorname", "mathbf", "mathbb", "mathcal"):
        return _group(tokens)
    if name == "sqrt":
        return f"sqrt({_group(tokens)})"
    if name in ("begin", "end"):
        _group(tokens)
        return ""
    if name in NOTHING or name == "!":
        return ""
    if name in SPACES or name == "\\":
        return " "
    return GREEK.get(name) or OPERATORS.get(name) or name


def _script(sign: str, tokens: list[str]) -> str:
    """What stands above or below: "^T", "_0", "_{k+1}" without braces."""
    inside = _group(tokens).strip()
    if sign == "^" and inside == "⊤":
        return "ᵀ"
    return sign + (inside if len(inside) < 2 or inside.isalnum() else _joined(inside))


def _group(tokens: list[str]) -> str:
    """One argument: what is in braces, or the next sign."""
    while tokens and tokens[0].isspace():
        tokens.pop(0)
    if not tokens:
        return ""
    return _one(tokens.pop(0), tokens)


def _joined(part: str) -> str:
    """In brackets where it is more than one thing."""
    part = part.strip()
    return part if re.fullmatch(r"\w*|\(.*\)", part) else f"({part})"
