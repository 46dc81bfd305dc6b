"""What `witness prove` runs: the transformers of claims, theorems of `proofs`, and Coq's.

A theorem about the algebra of a layer says nothing of a transformer that has other weights: the
transformers themselves come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..inputs.errors import WrongCall


def choose(names: Sequence[str], coq: bool) -> tuple[list[Any], list[str]]:
    """(theorems to prove in sympy, ids of Coq theorems), by id, claim, witness or paper.

    Raises WrongCall on a name that neither has.
    """
    import proofs

    from ..checks.coq import kernel

    every = [(theorem, {theorem.id, *theorem.claims}) for theorem in proofs.theorems()]
    built = [claim.id for claim, _ in transformers(())]
    in_coq = [(t, set(t.subjects)) for t in kernel.theorems()]
    if not names:
        return [t for t, _ in every], [t.id for t, _ in in_coq] if coq else []
    for name in names:
        here = any(_bears(known, name) for _, known in every)
        here = here or any(_bears({id}, name) for id in built)
        there = any(_bears(known, name) for _, known in in_coq)
        if here or (there and coq):
            continue
        if there:
            raise WrongCall(f"{name} has a theorem in Coq only; prove it with --kernel coq")
        raise WrongCall(_unknown(name, [known for _, known in (*every, *in_coq)]))
    chosen = [t for t, known in every if any(_bears(known, name) for name in names)]
    wanted = [t.id for t, known in in_coq if any(_bears(known, name) for name in names)]
    return chosen, wanted if coq else []


def transformers(names: Sequence[str]) -> list[tuple[Any, Mapping[str, Any]]]:
    """(claim, parameters with letters) of every transformer to be proved, by id or paper."""
    from ..claim import builtin

    return [
        (claim, dict(given))
        for claim in builtin()
        if claim.assembled is not None and claim.formula is not None
        if not names or any(_bears({claim.id}, name) for name in names)
        for given in claim.assembled()
    ]


def assembled(claim: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The proof of one transformer, and its outcome as plain data."""
    from ..checks import proof

    proved = proof.prove(claim, given)
    said = {**entry(proved), "kind": "transformer", "claims": [claim.id]}
    said["id"] = f"{claim.id}, {proof.described(given)}"
    said["statement"] = f"{proved.statement}, as it is built at d = 1 to {proof.REACH}"
    if proved.proved and (fault := proof.not_uniform(claim, given)) is not None:
        said |= {"status": "failed", "detail": fault}
    return proved, said


def _bears(known: set[str], name: str) -> bool:
    """Whether a theorem bears on `name`, or on a claim of the paper `name`."""
    return name in known or any(one.startswith(f"{name}.") for one in known)


def _unknown(name: str, known: Sequence[set[str]]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(set().union(*known)), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "`witness prove` without names proves all"
    return f"no theorem is named {name!r} or bears on it; {hint}"


def entry(proof: Any) -> dict[str, Any]:
    """The outcome of a proof in sympy, as plain data."""
    return {
        "id": proof.id,
        "by": "sympy",
        "kind": proof.kind,
        "statement": proof.statement,
        "claims": list(proof.claims),
        "status": "proved" if proof.proved else "failed",
        "detail": proof.failed or "",
        "assumes": list(proof.assumes),
        "steps": list(proof.steps),
        "seconds": round(proof.seconds, 3),
    }


def kernel(ids: Sequence[str], progress: Callable[..., Any]) -> list[dict[str, Any]]:
    """The outcomes of Coq theorems: proved means compiled and closed under the global context."""
    from ..checks.coq import kernel as coq

    with progress("theorems in Coq", len(ids)) as shown:
        shown("compiling")
        results = coq.run(ids)
    return [
        {
            "id": result.theorem.id,
            "by": "Coq",
            "kind": "Closed under the global context" if result.closed else "",
            "statement": result.theorem.statement,
            "claims": sorted(result.theorem.subjects - {result.theorem.id}),
            "status": result.status,
            "detail": result.log,
            "assumes": [],
            "steps": [],
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]


def steps(proof: Any, style: str) -> Iterator[str]:
    """The lines of a proof, as LaTeX items or as a Markdown list."""
    if style == "markdown":
        yield ""
        for number, line in enumerate(proof.steps, start=1):
            yield f"{number}. {_in_text(line)}"
        yield ""
        return
    yield r"\begin{enumerate}"
    for line in proof.steps:
        yield rf"  \item {_in_text(line)}"
    yield r"\end{enumerate}"


def _in_text(line: str) -> str:
    """A formula between dollars, a sentence as it is."""
    return f"${line}$" if "\\" in line or "=" in line else line


SYMBOLS = {
    "mapsto": "->", "to": "->", "quad": " ", "qquad": " ", "top": "T", "neq": "!=", "leq": "<=",
    "le": "<=", "geq": ">=", "ge": ">=", "ldots": "...", "dots": "...", "cdot": "*", "mid": "|",
    "Rightarrow": "=>", "sim": "~", "dagger": "+", "not": "not ", "left": "", "right": "",
    "textstyle": "", "displaystyle": "",
}  # fmt: skip


def plain(latex: str) -> str:
    """A statement in LaTeX, as far as one line of plain text can say it."""
    import re

    words = r"\\(?:text|mathrm|operatorname|mathbf)\{([^{}]*)\}"
    text = re.sub(words, lambda match: f" {match[1]} ", latex)
    text = re.sub(r"\\[td]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = re.sub(r"\\([A-Za-z]+)", lambda match: SYMBOLS.get(match[1], f"{match[1]} "), text)
    text = text.replace(r"\{", "{").replace(r"\}", "}").replace(r"\|", "|")
    text = re.sub(r"\\[;,! ]", " ", text)
    return re.sub(r" +([,.;:)])", r"\1", " ".join(text.split()))
