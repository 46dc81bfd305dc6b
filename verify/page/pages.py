"""The page of a construction, of a built-in claim, and of the claim of a user's file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import constructions

from ..claim import Claim, builtin
from ..inputs.errors import WrongCall
from ..inputs.names import Subject, signature_of
from ..papers import paper_of
from ..strategies import as_text
from . import own
from .build import construction_page, fitted_to, page
from .export import Export
from .latex import stated
from .mathml import plain
from .misfit import misfit_html
from .pairs import Builder, Pair, matrix_name, pair_of
from .pictures import picture_of_claim
from .readable import typeset
from .report_page import checks_table, counterexample_html, frame
from .site.index_table import verdict_html
from .site.links import cited
from .story import Predictions, given, story


def html_of(name: str, parameters: Mapping[str, Any]) -> str:
    """The page of the construction or claim `name`. Raises ValueError on an unknown one."""
    if name in constructions.names():
        return construction_page(name, parameters)
    variants: dict[str, Claim] = {c.variant: c for c in builtin(name) if c.id == name}
    if not variants:
        constructions.get(name)  # says what is close and what there is
    if parameters:
        raise ValueError(f"the page of the claim {name} takes no parameters: they are its controls")
    claim = variants.get("printed") or next(iter(variants.values()))
    return claim_page(claim, variants, {claim.variant: found(claim)})


def html_of_statement(claims: Sequence[Claim], file: str | None) -> str:
    """The page of a claim without a transformer, of which these are the variants; run now."""
    variants: dict[str, Claim] = {claim.variant: claim for claim in claims}
    claim = variants.get("printed") or claims[0]
    return claim_page(claim, variants, {claim.variant: own.checked(claim, file)})


def html_of_own(subject: Subject, parameters: Mapping[str, Any]) -> str:
    """The page of the claim of a user's file, which starts from these parameters.

    Raises WrongCall where its builder refuses them.
    """
    claim = subject.claim
    assert claim is not None
    if claim.algorithm is None:  # about layers, which have no answer to be compared with
        return html_of_statement(subject.alike or (claim,), subject.file)
    report = own.checked(claim, subject.file)
    pair, repaired = own.pair_of_own(subject, parameters, report["counterexample"])
    notice = about(claim, repaired, report, "The claim")
    return own_page(claim, pair, notice, report["counterexample"])


def not_run(claim: Claim) -> dict[str, Any]:
    """What a report would say of a claim before it is checked: no verdict, no evidence."""
    said = ("id", "variant", "source", "reading", "summary", "statement", "expected", "repair")
    paper = paper_of(claim)
    return {name: getattr(claim, name) for name in said} | (
        {"paper": paper.to_json()} if paper is not None else {}
    )


def found(claim: Claim) -> dict[str, Any]:
    """The claim's entry in a report: verdict and counterexample, by its own checks, now."""
    from .. import engine

    return engine.run(claim, own.budget_of(claim), only_evidence=True).to_json()


def claim_page(
    claim: Claim, variants: Mapping[str, Claim], run: Mapping[str, Mapping[str, Any]]
) -> str:
    """A claim as printed and repaired, side by side where both can run, with its counterexample.

    `run` has the report's entry of each variant that was checked. A claim whose transformer a page
    cannot run gets a page of text, which says why.
    """
    repaired = variants.get("repaired")
    report = run.get(claim.variant)
    counterexample = report["counterexample"] if report else None
    name = (
        "As read" if claim.reading else "As printed" if claim.variant == "printed" else "The claim"
    )
    notice = about(claim, repaired, report, name, run.get("repaired"))
    pair, why = pair_of(claim.id), ""
    if pair is None and claim.witness is not None and claim.algorithm is not None:
        try:
            return witness_page(claim, variants, notice, counterexample)
        except (WrongCall, TypeError, ValueError, ArithmeticError) as error:
            why = f"<p>Its transformer does not run in a page: {plain(error)}.</p>"
    if pair is None:
        tables = "".join(
            f"<h2>{title}</h2>{checks_table(entry['checks'])}"
            for title, entry in (
                ("Evidence", report),
                ("Evidence of the repair", run.get("repaired") if repaired != claim else None),
            )
            if entry is not None
        )
        return frame(title_of(claim), "", notice + why + tables, source_cited(claim), name=claim.id)
    return pair_page(claim, pair, notice, counterexample)


def witness_page(
    claim: Claim,
    variants: Mapping[str, Claim],
    notice: str,
    counterexample: Mapping[str, Any] | None,
) -> str:
    """The page of a claim's own builder, at its counterexample or one of its cases.

    Raises WrongCall, TypeError, ValueError or ArithmeticError where a page cannot run it.
    """
    assert claim.witness is not None
    subject = Subject(
        claim.id, claim.witness, signature_of(claim), claim, alike=tuple(variants.values())
    )
    pair, _ = own.pair_of_own(subject, {}, counterexample)
    return own_page(claim, pair, notice, counterexample)


def own_page(
    claim: Claim, pair: Pair, notice: str, counterexample: Mapping[str, Any] | None
) -> str:
    """The page of a claim beside its algorithm, which is code or a formula."""
    start = {**pair.fixed, **pair.start, **pair.scalars}
    return pair_page(
        claim,
        pair,
        notice,
        counterexample,
        lambda *prompt: own.answers(claim, start, prompt),
        own.algorithm_html(claim, start),
    )


def title_of(claim: Claim) -> str:
    """What a claim says, as a title; its id where it says nothing."""
    said = claim.summary.strip().rstrip(".")
    if not said or re.match(r"[b-z]\b", said):  # a letter of a formula stays small
        return said or claim.id
    return said[:1].upper() + said[1:]


def source_cited(claim: Claim) -> str:
    """Where a claim stands, as HTML, linked to its paper."""
    return cited(claim.source, paper_of(claim))


def about(
    claim: Claim,
    repaired: Claim | None,
    report: Mapping[str, Any] | None,
    name: str = "As printed",
    mended: Mapping[str, Any] | None = None,
) -> str:
    """What is printed, what the check found, why, and the repair, as HTML.

    `report` is of the claim, `mended` of the repaired one: None where it was not run.
    """
    lines = []
    entry = report or not_run(claim)
    if claim.statement:
        lines.append(f"<dt>{plain(name)}</dt><dd>{stated(claim.statement)}</dd>")
    if claim.reading:
        lines.append(f"<dt>Reading</dt><dd>read {typeset(claim.reading)}; not as printed</dd>")
    where = entry.get("where") or ""
    if entry.get("finding") not in (None, "", where) and not entry["counterexample"]:
        lines.append(f"<dt>Found</dt><dd>{typeset(entry['finding'])}</dd>")
    run_it = "" if report else f"; <code>witness check {plain(claim.id)}</code> finds it anew"
    lines.append(
        f"<dt>Verdict</dt><dd>{verdict_html(entry)}{run_it}"
        f"{': ' + typeset(where) if where else ''}</dd>"
    )
    if claim.note:
        lines.append(f"<dt>Note</dt><dd>{typeset(claim.note)}</dd>")
    repair = claim.repair or (repaired.repair if repaired else "")
    if repair:
        fares = ""
        if repaired is not None and repaired != claim:
            fares = f"<br>repaired: {verdict_html(mended or not_run(repaired))}"
        lines.append(f"<dt>What repairs it</dt><dd>{typeset(repair)}{fares}</dd>")
    if picture := misfit_html(entry.get("misfit")):
        lines.append(f"<dt>What does not fit</dt><dd>{picture}</dd>")
    shown = counterexample_html(entry.get("counterexample"), entry.get("first_difference"))
    if shown:
        hunted = "Counterexample" if _of_a_box(entry) else "Smallest counterexample"
        lines.append(f"<dt>{hunted}</dt><dd>{shown}</dd>")
    return f'<dl class="panel about">{"".join(lines)}</dl>'


def _of_a_box(entry: Mapping[str, Any]) -> bool:
    """Whether its counterexample is the point of a box at which a search found most, and so not
    the smallest prompt."""
    return {one["kind"] for one in entry["checks"] if one["passed"] is False} == {"enclosure"}


def pair_page(
    claim: Claim,
    pair: Pair,
    notice: str,
    counterexample: Mapping[str, Any] | None,
    algorithm: Predictions | None = None,
    said: str | None = None,
) -> str:
    """The page of two witnesses, or of one.

    `algorithm` says what the example should predict, `said` is the algorithm itself, as HTML.
    """
    lesson = pair.lesson(title_of(claim), "")
    export = Export()
    example = loaded(pair, counterexample)
    axes = {
        name: tuple(dict.fromkeys((*values, *((example["parameters"][name],) if example else ()))))
        for name, values in pair.axes.items()
    }
    sides = [("printed", pair.printed)]
    if pair.repaired is not None:
        sides.append(("repaired", pair.repaired))
    fixed = {"fixed": {name: _floats(value) for name, value in pair.fixed.items()}}
    families = [
        {
            "variant": variant,
            "label": label(variant, len(sides), claim.reading),
            "apart": pair.apart,
            "family": export.family(of_witness(export, build), axes, pair.scalars) | fixed,
        }
        for variant, build in sides
    ]
    witness = shown_in(pair, algorithm)(**pair.start, **pair.scalars)
    lesson = fitted_to(lesson, witness)
    return page(
        title=title_of(claim),
        name=claim.id,
        lesson=lesson,
        source=source_cited(claim),
        sides=families,
        export=export,
        given=given(witness, lesson, said),
        example=story(witness, lesson, algorithm),
        start={**pair.start, **{name: float(value) for name, value in pair.scalars.items()}},
        extra={"counterexamples": [example] if example else []},
        notice=notice,
        picture=picture_of_claim(lesson, witness),
    )


def shown_in(pair: Pair, algorithm: Predictions | None) -> Builder:
    """Which of the two the example shows, and whose formulas: beside a claim's algorithm that
    claim's own, else the one that reaches what both are after."""
    return pair.printed if algorithm is not None else pair.repaired or pair.printed


def label(variant: str, sides: int, reading: str = "") -> str:
    """What stands over a side; nothing where there is one."""
    if sides < 2:
        return ""
    if variant == "printed":
        return "as read" if reading else "as printed"
    return variant


def of_witness(export: Export, build: Builder) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A member of a family from the witness that is built of its values."""
    return lambda values: export.witness(build(**values))


def loaded(pair: Pair, counterexample: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A counterexample of a report as the page loads it; None if the page has no such witness."""
    if not counterexample or "X" not in counterexample:
        return None
    parameters: dict[str, Any] = {}
    given_ = counterexample["parameters"]
    for name in pair.axes:
        if name == "T":
            matrix = matrix_name(given_["T"])
            if matrix is None:
                return None
            parameters["T"] = matrix
        elif name in given_:
            text = str(given_[name])
            words = {str(value): value for value in pair.axes[name] if isinstance(value, str)}
            parameters[name] = words[text] if text in words else int(text)
        else:
            parameters[name] = len(counterexample["X"])
    for name in pair.scalars:
        parameters[name] = float(Fraction(given_[name]))
    if any(as_text(value) != given_.get(name) for name, value in pair.fixed.items()):
        return None
    return {
        "parameters": parameters,
        "data": {
            "X": _floats(counterexample["X"]),
            "y": _floats(counterexample["y"]),
            "queries": _floats(counterexample["queries"]),
        },
    }


def _floats(values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return [_floats(v) for v in values]
    return values if isinstance(values, bool) or values is None else float(Fraction(values))
