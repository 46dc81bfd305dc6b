"""What the words of a page mean: one line each, shown where a reader meets them.

`glossed_page` gives a page the lines and the script that marks each word at its first use in every
section; `glossary_list` is all of them, to be read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from .mathml import plain


@dataclass(frozen=True)
class Term:
    """A word, what it means in one line, and how else it is written."""

    name: str
    says: str
    also: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """For addresses: "residual stream" is residual-stream."""
        return re.sub(r"\W+", "-", self.name.lower())

    @property
    def forms(self) -> list[str]:
        """All ways in which it is written, in small letters: plurals too."""
        given = [form.lower() for form in (self.name, *self.also)]
        more = [f"{form}s" for form in given if form[-1].isalpha() and form[-1] != "s"]
        return [*given, *(form for form in more if form not in given)]


TERMS = (
    Term(
        "in-context learning",
        "Learning from the examples in the prompt alone: the weights stay as they are.",
    ),
    Term(
        "prompt",
        "What the transformer is given: examples (x, y), then a query whose y is asked.",
    ),
    Term(
        "token",
        "One column of the prompt: an example, or the query. Attention moves numbers between "
        "tokens.",
    ),
    Term(
        "example",
        "An input x with its target y, given in the prompt.",
    ),
    Term(
        "target",
        "The y of an example: what should be predicted at its x.",
    ),
    Term(
        "transformer",
        "A stack of layers; each lets the tokens read one another and adds what it made to "
        "the residual stream.",
    ),
    Term(
        "residual stream",
        "The numbers that every token carries from layer to layer; a layer only adds to them.",
    ),
    Term(
        "slot",
        "A named group of numbers in the residual stream, the same for every token: x, y, or "
        "workspace.",
    ),
    Term(
        "embedding",
        "How the prompt is written into the slots before the first layer.",
    ),
    Term(
        "attention",
        "A token asks with a query, every token read answers with key and value; the values "
        "are added up, weighted by score.",
    ),
    Term(
        "head",
        "One attention of a layer: its own query, key and value, and what it adds.",
    ),
    Term(
        "query",
        "What a token asks with; also the last token, whose y is to be predicted.",
        ("queries",),
    ),
    Term(
        "key",
        "What a token is asked by: the score is how well the query fits it.",
    ),
    Term(
        "value",
        "What a token hands over when it is read, multiplied by its weight.",
    ),
    Term(
        "score",
        "Inner product of a query and a key: how much the one token looks at the other.",
    ),
    Term(
        "softmax",
        "Makes scores into weights: exponentials, divided by their sum. Linear attention "
        "leaves it out.",
    ),
    Term(
        "MLP",
        "The second half of a layer: the same small function at every token, which reads no "
        "other token.",
        ("MLPs",),
    ),
    Term(
        "GeLU",
        "A smooth bend, x times the share of a normal distribution below x; it makes products"
        " only nearly.",
    ),
    Term(
        "layer norm",
        "Shifts and scales a token’s numbers to mean 0 and size 1.",
        ("layer norms", "RMS norm"),
    ),
    Term(
        "layer",
        "Heads, then an MLP; what they make is added to the residual stream.",
    ),
    Term(
        "read-out",
        "The slot of the query’s token in which the prediction stands at the end.",
        ("readout",),
    ),
    Term(
        "witness",
        "The weights that a proof of “there are weights such that …” writes down.",
        ("witnesses",),
    ),
    Term(
        "construction",
        "A witness for every size: weights as formulas in d, n and the number of steps.",
    ),
    Term(
        "residual",
        "Target minus prediction: what is still wrong at an example.",
    ),
    Term(
        "loss",
        "What the fit makes small: the sum of the squared residuals.",
    ),
    Term(
        "least squares",
        "The w for which the sum of squared residuals is smallest.",
    ),
    Term(
        "gradient descent",
        "Steps downhill on the loss, each against its gradient.",
    ),
    Term(
        "gradient",
        "The direction in which the loss grows fastest, and how fast.",
    ),
    Term(
        "Newton’s method",
        "Here: finds the inverse of S by multiplication; correct digits double with every step.",
        ("Newton’s iteration", "Newton iteration"),
    ),
    Term(
        "preconditioning",
        "Stretching the directions before a step so that the loss is equally steep in all.",
        ("preconditioner", "preconditioned"),
    ),
    Term(
        "ridge",
        "λ|w|² added to the loss: holds w back where the examples say little.",
        ("ridge regression",),
    ),
    Term(
        "step size",
        "How far one step goes: α or η. Too small is slow, too large runs away.",
        ("learning rate",),
    ),
    Term(
        "eigenvalue",
        "How much S stretches along one of its own directions, its eigenvectors.",
    ),
    Term(
        "eigenvector",
        "A direction that S only stretches and does not turn.",
    ),
    Term(
        "condition number",
        "Largest eigenvalue of S over the smallest: how stretched the data are.",
    ),
    Term(
        "kernel",
        "A measure of how alike two inputs are; takes the place of their inner product.",
    ),
    Term(
        "Sherman–Morrison",
        "Updates an inverse for one new example by a division, without inverting anew.",
        ("Sherman-Morrison",),
    ),
    Term(
        "counterexample",
        "A prompt on which the claim is wrong; the smallest that was found.",
    ),
    Term(
        "refuted",
        "Wrong as stated: there is a prompt, and a layer from which on the numbers differ.",
    ),
    Term(
        "ill-posed",
        "Cannot be built as stated: shapes that do not fit, or a token that would read what "
        "comes later.",
    ),
    Term(
        "rounding",
        "What is lost because a computer keeps 16 digits; a gap within it is no difference.",
    ),
    Term(
        "float64",
        "Numbers of 16 digits, as computers and browsers reckon with.",
    ),
    Term(
        "exact",
        "Equal in fractions, without any rounding, on the prompts that were tried.",
    ),
    Term(
        "enclosed",
        "Bounded by intervals that are rounded outwards: holds for every prompt of the box "
        "that is named.",
    ),
    Term(
        "derived",
        "Shown by a computer algebra system for every size.",
    ),
    Term(
        "tested",
        "Tried in float64 on many prompts, within a tolerance computed from the problem.",
    ),
    Term(
        "fingerprint",
        "Which known algorithm predicts as the model does, on prompts where they differ.",
    ),
)
BY_NAME = {term.name: term for term in TERMS}


def glossed_page(html: str) -> str:
    """A whole page with the glossary's lines, and the script that marks words and shows them."""
    head, end, tail = html.rpartition("</head>")
    return f"{head}{_script()}{end}{tail}"


@lru_cache(maxsize=1)
def _script() -> str:
    """Lines and script as HTML: [line, form, form, …] of every term."""
    lines = [[term.says, *term.forms] for term in TERMS]
    data = json.dumps(lines, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    scripts = files(__package__).joinpath("scripts")
    script, scrolled = (
        scripts.joinpath(name).read_text(encoding="utf-8")
        for name in ("glossary.js", "scrolled.js")
    )
    return (
        f'<script type="application/json" id="glossary">{data}</script>\n'
        f"<script>\n{script}</script>\n<script>\n{scrolled}</script>\n"
    )


def glossary_list() -> str:
    """All terms in alphabetical order as an HTML list, each with an address: #term-ridge."""
    rows = (
        f'<div id="term-{term.key}"><dt>{plain(term.name)}</dt><dd>{plain(term.says)}</dd></div>'
        for term in sorted(TERMS, key=lambda term: term.name.lower())
    )
    return f'<dl class="glossary">{"".join(rows)}</dl>'
