"""The pages of text: what was found, the tutorial, the notebooks, the READMEs, the glossary and
the reference.

Each is a page of the folder like the others, in the same look, made from the file that it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..glossary import glossary_list
from ..mathml import plain
from ..report_page import frame
from . import markdown, notebook, reference
from .links import Stop

ROOT = Path(__file__).parents[3]
SHEET = "styles/documents.css"


@dataclass(frozen=True)
class Document:
    """A file that has a page: where it is, the page's title, and what it is good for."""

    path: str
    file: str
    title: str
    lead: str


DOCUMENTS = (
    Document(
        "verify/FOUND.md",
        "found.html",
        "What was found, paper by paper",
        "What stands of each paper as printed, what does not, and the smallest repair.",
    ),
    Document(
        "verify/TUTORIAL.md",
        "tutorial.html",
        "A claim of your own, from a formula to a verdict",
        "Ten minutes from a paper's formula to a verdict that is forced, ten more from matrices.",
    ),
    Document(
        "verify/notebooks/lecture.ipynb",
        "lecture.html",
        "A lecture: from gradient descent to Newton",
        "Forty-five minutes with exercises, as a notebook that runs.",
    ),
    Document(
        "verify/notebooks/trained_model.ipynb",
        "trained_model.html",
        "Is my trained model running gradient descent?",
        "A notebook that asks this of models that were trained, and of models that are known.",
    ),
    Document(
        "verify/notebooks/ground_truth.ipynb",
        "ground_truth.html",
        "Does my interpretability tool find what is there?",
        "Activation patching and a linear probe on a GPT-2 of which everything is known.",
    ),
    Document(
        "proofs/README.md",
        "proofs.html",
        "How proofs work: layers with letters for weights",
        "The vocabulary, what is proved of it, and every theorem.",
    ),
    Document(
        "constructions/README.md",
        "constructions.html",
        "How constructions work, and what each costs",
        "Every word that a transformer can be written in, and layers, width and heads of each.",
    ),
    Document(
        "verify/README.md",
        "verify.html",
        "How verdicts come about, and how good they are",
        "What a claim can say, every verdict, speed, and which mistakes the verifier notices.",
    ),
)
GLOSSARY = Stop("glossary.html", "The words, each in one line")


def documents() -> dict[Stop, str]:
    """{page: HTML} of every document, in the order in which they are read.

    Raises OSError where a file or a picture of one is missing.
    """
    pages = {(ROOT / one.path).resolve(): one.file for one in DOCUMENTS}
    made = {Stop(one.file, one.title): _page(one, pages) for one in DOCUMENTS}
    made[GLOSSARY] = frame(GLOSSARY.title, "", glossary_list(), name="glossary")
    for module, html in reference.references().items():
        stop = Stop(reference.file_of(module), f"Reference: {module}")
        made[stop] = frame(stop.title, "", html, name=module, sheets=(SHEET,))
    return made


def _page(one: Document, pages: dict[Path, str]) -> str:
    path = ROOT / one.path
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = notebook.as_markdown(json.loads(text))
    else:
        text = markdown.with_formulas(text)
    body = markdown.html(re.sub(r"\A# .*\n", "", text), path.parent, pages)
    return frame(one.title, one.lead, _sectioned(body), name=one.path, sheets=(SHEET,))


def _sectioned(body: str) -> str:
    """The text with a list of its parts in front, where there are several."""
    heads = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body)
    parts = "".join(f'<li><a href="#{plain(name)}">{title}</a></li>' for name, title in heads)
    contents = f'<ul class="panel members">{parts}</ul>' if len(heads) > 2 else ""
    return f'<div class="document">{contents}{body}</div>'


def cards() -> str:
    """What the index says of them, as a list of cards; last what is missing, in a line."""
    told = [(Stop(one.file, one.title), one.lead) for one in DOCUMENTS]
    told.append((GLOSSARY, "The words that the pages use, in alphabetical order."))
    items = [
        f'<li class="panel"><a href="{stop.file}"><b>{plain(stop.title)}</b></a>'
        f"<p>{plain(lead)}</p></li>"
        for stop, lead in told
    ]
    if reference.there():
        links = ", ".join(
            f'<a href="{reference.file_of(name)}"><code>{name}</code></a>'
            for name in reference.PUBLIC
        )
        items.append(f'<li class="panel"><b>Reference</b><p>{links}</p></li>')
        return f'<ul class="cards">{"".join(items)}</ul>'
    return f'<ul class="cards">{"".join(items)}</ul><p class="key">{plain(reference.MISSING)}</p>'
