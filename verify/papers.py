"""Papers: each stands once, beside its claims, and they take what they cite from it.

PAPER = Paper("ahn2023", title="…", authors="…", arxiv="2306.00297", version=3)

@claim("ahn2023.lemma1", source=f"{PAPER}, lemma 1", …)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from inspect import unwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .claim import Claim

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
ARXIV = re.compile(r"\d{4}\.\d{4,5}")


@dataclass(frozen=True)
class Paper:
    """A paper whose statements are claims: `name` is what their ids begin with, before the dot.

    version: that of the text that was read; None where it does not say. Raises ValueError.
    """

    name: str
    title: str
    authors: str
    arxiv: str
    version: int | None = None

    def __post_init__(self) -> None:
        for field in ("name", "title", "authors", "arxiv"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"a paper's {field} is text, not {value!r}")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"a paper's name is that before the dot of its claims: {self.name!r}")
        if not ARXIV.fullmatch(self.arxiv):
            raise ValueError(
                f"{self.name}: arxiv is a number such as '2306.00297', not {self.arxiv!r}; the "
                "version stands apart"
            )
        whole = isinstance(self.version, int) and not isinstance(self.version, bool)
        if self.version is not None and not (whole and self.version >= 1):
            raise ValueError(f"{self.name}: version is a whole number, not {self.version!r}")

    def __str__(self) -> str:
        return self.name

    @property
    def identifier(self) -> str:
        """The arXiv number, with the version if that is known: "2306.00297v3"."""
        return self.arxiv if self.version is None else f"{self.arxiv}v{self.version}"

    @property
    def cited(self) -> str:
        """Name and number: "ahn2023 · arXiv:2306.00297v3"."""
        return f"{self.name} · arXiv:{self.identifier}"

    @property
    def url(self) -> str:
        """Where it can be read."""
        return f"https://arxiv.org/abs/{self.identifier}"

    def to_json(self) -> dict[str, Any]:
        """Its fields, as `from_json` takes them."""
        return asdict(self)

    @classmethod
    def from_json(cls, made: Mapping[str, Any]) -> Paper:
        """The paper of a report. Raises ValueError where it is none."""
        try:
            return cls(**made)
        except TypeError:
            raise ValueError(f"a paper has no fields {', '.join(map(str, made))}") from None


def paper_of(claim: Claim) -> Paper | None:
    """The `PAPER` of the file in which a claim stands, if its id begins with that paper's name."""
    function = unwrap(claim.witness or claim.checks)  # type: ignore[arg-type]
    found = getattr(function, "__globals__", {}).get("PAPER")
    own = isinstance(found, Paper) and claim.id.partition(".")[0] == found.name
    return found if own else None


def without_paper(claims: Iterable[Claim]) -> list[str]:
    """What is to be written where built-in claims of a paper stand without it, a line for each.

    Printed claims and their repairs are a paper's.
    """
    missing: dict[str, str] = {}
    for claim in claims:
        paper, name = paper_of(claim), claim.id.partition(".")[0]
        if claim.variant == "improved" and paper is None:
            continue
        if paper is None:
            missing[name] = (
                f'no paper {name}: write PAPER = Paper("{name}", title="…", authors="…", '
                'arxiv="…", version=…) once where they stand (from verify.papers import Paper)'
            )
        elif not claim.source.startswith(f"{paper}, ") or paper.arxiv in claim.source:
            missing[claim.id] = (
                f'{claim.id} says its source otherwise: write source=f"{{PAPER}}, theorem …"'
            )
    return list(missing.values())
