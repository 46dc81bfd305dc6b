"""witness prove: the transformers of claims, theorems of `proofs`, and Coq's, for every dimension.

A theorem about the algebra of a layer says nothing of a transformer that has other weights: the
transformers themselves come first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Annotated, Any

import typer

from ..claim import Claim, builtin
from ..inputs.errors import WrongCall


def prove(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLAIM|THEOREM|FILE.py]...", help="What to prove; everything by default."
        ),
    ] = None,
    kernel: Annotated[
        str | None, typer.Option(metavar="coq", help="Have Coq's kernel check its theorems too.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="latex|markdown", help="Print the steps of every proof.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the outcomes as JSON; - for stdout.")
    ] = None,
) -> int:
    """Prove constructions for every n, d and k.

    sympy decides every line of a proof; --kernel coq has Coq check the generated weights too. What
    was found is kept for the next time, unless any source, version or weight is another by then.

    Exit status 1: a theorem is not proved; 2: Coq was asked for and is not here.
    """
    from ..checks.coq.kernel import ended_by_an_interrupt
    from ..inputs.files import check_outputs, write
    from ..inputs.progress import Progress
    from ..report.as_json import dumps, versions

    if kernel not in (None, "coq"):
        raise WrongCall(f"--kernel takes coq, not {kernel!r}")
    if steps not in (None, "latex", "markdown"):
        raise WrongCall(f"--steps takes latex or markdown, not {steps!r}")
    check_outputs({"--json": json}, names or ())
    chosen, in_coq, built = choose(names or (), kernel == "coq")
    loud = json != "-"
    done: list[dict[str, Any]] = []

    # Coq compiles in processes of its own meanwhile
    with ThreadPoolExecutor(1) as beside, ended_by_an_interrupt():
        compiled = beside.submit(in_kernel, in_coq) if in_coq else None
        with Progress("theorems", len(built) + len(chosen)) as progress:
            for name, prove_it in proofs_of(built, chosen):
                progress(name)
                outcome = prove_it()
                progress.done(name)
                done.append(outcome)
                if loud:
                    _say(outcome)
                    for line in written(outcome["steps"], steps) if steps else ():
                        print(line)
        results: list[dict[str, Any]] = []
        if compiled is not None:
            with Progress("theorems in Coq", len(in_coq)) as progress:
                progress("compiling")
                results = compiled.result()
    if kernel == "coq" and not in_coq and loud:
        print(f"no theorem in Coq bears on {', '.join(names or ())}")
    for result in results if loud else ():
        _say(result)
    if json is not None:
        made = {"schema": "witness-proofs/1", "theorems": done, "kernel": results}
        write(json, dumps(made | {"versions": versions()}))
    everything = done + results
    missing = [one for one in everything if one["status"] == "not run"]
    if loud:
        print(summary(everything))
    if any(one["status"] == "failed" for one in everything):
        return 1
    if missing:
        raise WrongCall(f"--kernel coq: {missing[0]['detail']}; see `witness doctor`")
    return 0


def summary(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """ "9 of 9 transformers, 88 of 88 theorems proved, 12 of them under assumptions"."""

    def proved(what: str, found: list[Mapping[str, Any]]) -> str:
        return f"{sum(one['status'] == 'proved' for one in found)} of {len(found)} {what}"

    built = [one for one in outcomes if one["kind"] == "transformer"]
    theorems = [one for one in outcomes if one["kind"] != "transformer"]
    differing = sum(one["status"] == "differs" for one in built)
    built = [one for one in built if one["status"] != "differs"]
    said = [proved("transformers", built)] if built else []
    said += [proved("theorems", theorems)] if theorems else []
    text = f"{', '.join(said) or 'nothing'} proved"
    assuming = sum(bool(one["assumes"]) for one in outcomes if one["status"] == "proved")
    missing = sum(one["status"] == "not run" for one in outcomes)
    text += f", {assuming} of them under assumptions" if assuming else ""
    text += f"; {differing} differ, whose claims are known to be wrong" if differing else ""
    return text + (f", {missing} not run" if missing else "")


def _say(one: Mapping[str, Any]) -> None:
    kind = f" ({one['kind']})" if one["kind"] else ""
    status = {"failed": "not proved"}.get(one["status"], one["status"])
    head = f"{status:10}  {one['by']:5}  {one['seconds']:6.2f} s"
    print(f"{head}  {one['id']}{kind}: {plain(one['statement'])}")
    for assumption in one["assumes"]:
        print(f"            assumes: {plain(assumption)}")
    where = {"failed": "stops at", "differs": "as its claim is known to"}.get(one["status"])
    if where is not None:
        print(f"            {where}: {plain(one['detail'])}")


# -- what is proved --------------------------------------------------------------------------


def choose(
    names: Sequence[str], coq: bool
) -> tuple[list[Any], list[str], list[tuple[Claim, Mapping[str, Any]]]]:
    """What to prove: theorems in sympy, ids of Coq theorems, and transformers: the claims with
    their parameters, letters among them. By id, claim, witness or paper, or from claim files.

    Raises WrongCall on a name that none of them has.
    """
    import constructions

    from ..checks.coq import bearing, kernel
    from ..inputs.claim_files import split
    from ..inputs.names import choose as claims_named
    from ..inputs.names import claim_of

    files = [name for name in names if split(name) is not None]
    others = [claim_of(name) for name in names if name not in files]
    every = [(theorem, {theorem.id, *theorem.claims}) for theorem in constructions.theorems()]
    in_coq = [(t, set(t.subjects)) for t in kernel.theorems()]
    if not names:
        wanted = [t.id for t, _ in in_coq] if coq else []
        return [t for t, _ in every], wanted, transformers(builtin())
    own = [one.claim for one in claims_named(files)] if files else []
    for name in files:
        if not transformers([one.claim for one in claims_named([name])]):
            raise WrongCall(
                f"{name} has nothing to prove for every prompt: a claim is proved if its algorithm "
                "is a formula (verify.formula) and `assembled` gives its builder's parameters, "
                "letters among them"
            )
    built_in = transformers(builtin())
    for name in others:
        here = any(_bears(known, name) for _, known in every)
        here = here or any(_bears({claim.id}, name) for claim, _ in built_in)
        there = any(_bears(known, name) for _, known in in_coq)
        if here or (there and coq):
            continue
        if there:
            raise WrongCall(f"{name} has a theorem in Coq only; prove it with --kernel coq")
        raise WrongCall(_unknown(name, [known for _, known in (*every, *in_coq)]))
    chosen = [t for t, known in every if any(_bears(known, name) for name in others)]
    wanted = [t.id for t, known in in_coq if any(_bears(known, name) for name in others)]
    wanted += [one for claim in own for found in bearing.of(claim) for one in found.names]
    named = [one for one in built_in if any(_bears({one[0].id}, name) for name in others)]
    return chosen, list(dict.fromkeys(wanted)) if coq else [], [*named, *transformers(own)]


def transformers(claims: Iterable[Claim]) -> list[tuple[Claim, Mapping[str, Any]]]:
    """(claim, parameters with letters) of every transformer that the claims have to be proved."""
    return [
        (claim, dict(given))
        for claim in claims
        if claim.assembled is not None and claim.formula is not None
        for given in claim.assembled()
    ]


def proofs_of(
    built: Iterable[tuple[Claim, Mapping[str, Any]]], chosen: Iterable[Any]
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """(name, what makes the outcome) of every transformer and of every theorem in sympy.

    Outcomes are kept: of a theorem for the same sources, of a transformer for the same sources, the
    same weights and the same formula. Claims of files may import what is not seen here, and are
    proved each time.
    """
    from ..checks import proof

    ours = {id(claim) for claim in builtin()}
    for claim, given in built:
        make = partial(assembled, claim, given)
        if id(claim) in ours:
            about = (*claim.key, proof.described(given), *proof.in_letters(claim, given))
            make = partial(_kept, about, make)
        yield claim.id, make
    for theorem in chosen:
        yield theorem.id, partial(_kept, (theorem.id,), partial(_of_theorem, theorem))


def _of_theorem(theorem: Any) -> dict[str, Any]:
    return outcome_of(theorem.prove())


def _kept(about: tuple[str, ...], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The outcome as it was kept under these words, or made and kept now."""
    from ..inputs.browser import caches
    from ..kept import Kept

    name = sha256(repr(about).encode()).hexdigest()
    shelf = Kept(caches() / "proofs")
    outcome = shelf.get(name)
    if outcome is None:
        outcome = make()
        shelf.put(name, outcome)
    return outcome


def assembled(claim: Claim, given: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of proving one transformer, as plain data.

    One that is not proved of a claim that is known to be wrong is no failure: it "differs".
    """
    from ..checks import proof

    proved = proof.prove(claim, given)
    said = {**outcome_of(proved), "kind": "transformer", "claims": [claim.id]}
    said["id"] = f"{claim.id}, {proof.described(given)}"
    said["statement"] = f"{proved.statement}, as it is built at d = 1 to {proof.REACH}"
    if proved.proved and (fault := proof.not_uniform(claim, given)) is not None:
        said |= {"status": "failed", "detail": fault}
    if said["status"] == "failed" and claim.expected in ("refuted", "ill-posed"):
        said["status"] = "differs"
    return said


def _bears(known: set[str], name: str) -> bool:
    """Whether a theorem bears on `name`, or on a claim of the paper `name`."""
    return name in known or any(one.startswith(f"{name}.") for one in known)


def _unknown(name: str, known: Sequence[set[str]]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(set().union(*known)), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "`witness prove` without names proves all"
    return f"no theorem is named {name!r} or bears on it; {hint}"


def outcome_of(proof: Any) -> dict[str, Any]:
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


def in_kernel(ids: Sequence[str]) -> list[dict[str, Any]]:
    """The outcomes of Coq theorems: proved means compiled and closed under the global context."""
    from ..checks.coq import kernel

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
        for result in kernel.run(ids)
    ]


def written(steps: Sequence[str], style: str) -> Iterator[str]:
    """The lines of a proof, as LaTeX items or as a Markdown list."""
    if style == "markdown":
        yield ""
        for number, line in enumerate(steps, start=1):
            yield f"{number}. {_in_text(line)}"
        yield ""
        return
    yield r"\begin{enumerate}"
    for line in steps:
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
    words = r"\\(?:text|mathrm|operatorname|mathbf)\{([^{}]*)\}"
    text = re.sub(words, lambda match: f" {match[1]} ", latex)
    text = re.sub(r"\\[td]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = text.replace(r"\_", "_")
    text = re.sub(r"\\([A-Za-z]+)", lambda match: SYMBOLS.get(match[1], f"{match[1]} "), text)
    text = text.replace(r"\{", "{").replace(r"\}", "}").replace(r"\|", "|")
    text = re.sub(r"\\[;,! ]", " ", text)
    return re.sub(r" +([,.;:)])", r"\1", " ".join(text.split()))
