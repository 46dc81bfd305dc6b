"""The teaching pages as files: what Python puts into them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import constructions
from constructions.witness import Witness
from verify import Box, Claim, algorithms, engine
from verify import page as explain
from verify.checks.case import objects
from verify.claim import Budget, builtin
from verify.inputs.errors import WrongCall
from verify.page import build, latex, mathml, own, pages, pairs, readable, story
from verify.page import lesson as lessons
from verify.page import report_page as verdicts
from verify.page.shared import held_in
from verify.page.site import folder as site
from verify.report import counterexample
from verify.report.latex_text import is_text


@pytest.fixture(scope="module")
def newton() -> str:
    return pages.html_of("newton", {})


def test_what_slots_hold_is_on_the_page_as_the_steps_check_reads_it(newton) -> None:
    data = held_in(newton)
    pools, member = data["pools"], data["sides"][0]["family"]["members"]["linear,joint"]
    witness = constructions.build("newton", d=2, iterations=3, alpha=Fraction(1, 6))
    numbers = [*member["start"], *member["steps"][0] * 3, *member["end"]]
    for k, number, layer in zip((0, 1, 2, 3, 3), numbers, witness.layer_list, strict=True):
        held = [
            [slot, *pools["formulas"][formula], tokens]
            for slot, formula, tokens in pools["layers"][number]["holds"]
        ]
        assert json.loads(json.dumps(held).replace("{k}", str(k))) == [
            [h.slot, mathml.tree(h.expression), mathml.mathml(h.expression), h.tokens]
            for h in layer.holds
        ]


# -- formulas -------------------------------------------------------------------------------------


def test_a_formula_becomes_mathml_in_its_own_order() -> None:
    made = mathml.mathml("2*M0 - M0*S*M0")
    assert made.index("<mn>2</mn>") < made.index("<mo>−</mo>") < made.index("<mi>S</mi>")
    assert "<msub><mi>M</mi><mi>0</mi></msub>" in made


def test_a_transpose_is_a_superscript_and_a_division_a_fraction() -> None:
    assert "<msubsup><mi>w</mi><mi>3</mi><mi>T</mi></msubsup>" in mathml.mathml("w3.T*x_t")
    assert "<mfrac>" in mathml.mathml("P0*x1/(1 + x1.T*P0*x1)")


def test_what_is_no_formula_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the language"):
        mathml.mathml("__import__('os')")


def test_a_formula_becomes_a_tree() -> None:
    assert mathml.tree("w3.T*x_t") == ["*", ["T", "w3"], "x_t"]
    assert mathml.coefficient_tree(Fraction(-1, 3)) == ["/", -1, 3]
    assert mathml.coefficient_tree(Fraction(math.pi)) == ["/", *math.pi.as_integer_ratio()]
    assert mathml.coefficient_tree(2**80) == float(2**80)


def test_braces_in_text_are_formulas_and_the_rest_is_escaped() -> None:
    made = lessons.rich("a < {x_t} *and* b")
    assert "a &lt; <math>" in made and "<em>and</em>" in made


def test_no_line_begins_with_the_comma_after_a_formula() -> None:
    made = lessons.rich("twice {x_t}, or {y_t} more")
    assert '<span class="unbroken"><math>' in made and "</math>,</span> or <math>" in made


def test_a_formula_stands_as_in_books() -> None:
    """Minus signs, thin spaces around words, and what is next as a prime."""
    assert "<mo>−</mo><mn>1</mn>" in mathml.coefficient_mathml(Fraction(-1))
    thin = '<mspace width=".17em"></mspace>'
    made = mathml.mathml("step_size*preconditioner*X.T")
    assert f"<mi>&#951;</mi>{thin}<mi>preconditioner</mi>{thin}<msup>" in made
    assert f"<mn>2</mn>{thin}<mrow><mi>relu</mi>" in mathml.mathml("2*relu(w)")
    assert "penalty" not in mathml.mathml("step_size*penalty")  # the text says λ
    assert "<msup><mi>&#966;</mi><mo>′</mo></msup>" in mathml.mathml("gamma*phi_next")
    at_t = "<msubsup><mi>&#966;</mi><mi>t</mi><mo>′</mo></msubsup>"
    assert at_t in mathml.mathml("w.T*phi_next_t")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("x1_1**2*y1 >= 0", "x<sub>1,1</sub><sup>2</sup>·y1 ≥ 0"),
        ("Σ e_j², x_*ᵀ A_0ᵀ", "Σ e<sub>j</sub>², x<sub>*</sub>ᵀ A<sub>0</sub>ᵀ"),
        ("W_i from W_{i-1}", "W<sub>i</sub> from W<sub>i-1</sub>"),
        ("V_2 = -V_1", "V<sub>2</sub> = -V<sub>1</sub>"),
        ("X X^T/(2n), A_l^T", "X X<sup>T</sup>/(2n), A<sub>l</sub><sup>T</sup>"),
        ("2^(k+1) < |A(x)|^2", "2<sup>k+1</sup> &lt; |A(x)|<sup>2</sup>"),
        ("step_size, gd_plus_plus, fu2023.eq_x", "step_size, gd_plus_plus, fu2023.eq_x"),
    ],
)
def test_indices_and_powers_stand_where_they_do_in_print(said, shown) -> None:
    assert readable.typeset(said) == shown


# -- the page -----------------------------------------------------------------------------------


def test_the_first_paint_has_every_cell_of_the_example(newton) -> None:
    html = newton[: newton.index('<section id="play"')]
    lesson = build.lesson_of("newton")
    witness = constructions.build("newton", d=2, iterations=3, alpha=Fraction(1, 6))
    trace = witness.trace(*story.exact_prompt(witness, lesson), "rational")
    for number, slots in enumerate(trace):
        start = html.index(f'id="read-{number}"')
        section = html[start : html.index("</section>", start)]
        table = section[section.rindex("<table") :]
        shown = re.findall(r'<td class="[^"]*\btone[^>]*>([^<]*)', table)
        should = [
            story.number(slots[slot.name].reshape(4, -1)[t, i])
            for slot in witness.layout.slots
            for i in range(slot.size)
            for t in range(4)
        ]
        assert shown == should


def test_a_table_of_many_tokens_shows_the_first_and_the_last() -> None:
    assert story.ends(range(12)) == [*range(12)]
    assert story.ends(range(17)) == [0, 1, 2, 3, 4, 5, None, 13, 14, 15, 16]
    html = pages.html_of("sherman_morrison", {"examples": 13, "d": 1})
    section = html[html.index('id="read-0"') :].partition("</section>")[0]
    heads = re.findall(r'<th scope="col">([^<]*)', section)
    named = [f"example {j}" for j in (1, 2, 3, 4, 5, 11, 12, 13)]
    assert heads == ["register", *named[:5], "…", *named[5:], "query"]
    assert "Play with this layer and all 15 tokens" in section


def test_the_start_of_a_long_chain_shows_what_is_in_the_stream() -> None:
    html = pages.html_of("akyurek2022_theorem2", {})
    section = html[html.index('id="read-0"') :].partition("</section>")[0]
    slots = re.findall(r"<b>(\w+)</b>", section)
    assert "x" in slots and "y" in slots and "scratch" not in slots


def test_a_page_fetches_nothing(newton) -> None:
    page = re.sub(
        r'<a href="https://arxiv\.org/abs/[\w.]+">', "<a>", newton
    )  # links are not fetched
    assert not re.search(r"""(?:src|href|url|@import)\s*[=(]?\s*["']?(?:https?:)?//""", page)
    assert '<link rel="icon" href="data:,">' in newton


def test_parameters_of_the_caller_are_where_the_page_starts() -> None:
    start = held_in(pages.html_of("newton", {"d": 1, "iterations": 10, "alpha": 0.25}))["start"]
    assert (start["d"], start["iterations"], start["alpha"]) == (1, 10, 0.25)


def test_an_unknown_name_and_a_wrong_parameter_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="did you mean newton"):
        pages.html_of("newtom", {})
    with pytest.raises(ValueError, match="alpha must be greater than 0"):
        pages.html_of("newton", {"alpha": -1})
    with pytest.raises(ValueError, match="up to 200 numbers per token, and sherman_morrison has"):
        pages.html_of("sherman_morrison", {"d": 20})
    with pytest.raises(TypeError, match="it takes d, iterations, alpha"):
        pages.html_of("newton", {"speed": 1})


def test_nothing_is_written_when_a_page_cannot_be_made(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("the page of yesterday")
    with pytest.raises(ValueError):
        explain.write_page("newton", {"d": 0}, path)
    assert path.read_text() == "the page of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_that_cannot_be_put_in_place_leaves_no_half(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(WrongCall, match="Is a directory"):
        explain.write_report({"claims": [], "seed": 0, "versions": {}}, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("name", constructions.names())
def test_every_construction_has_a_text_and_three_exercises(name: str) -> None:
    lesson = build.lesson_of(name)
    assert lesson.lead and lesson.paragraphs
    assert len(lesson.exercises) == 3
    for exercise in lesson.exercises:
        assert bool(exercise.answer) != bool(exercise.state)


# -- claims -------------------------------------------------------------------------------------


def test_every_claim_with_a_transformer_runs_on_its_page() -> None:
    for name, variants in site.of_papers().items():
        claim = variants.get("printed") or next(iter(variants.values()))
        if claim.witness is not None and claim.algorithm is not None:
            html = pages.claim_page(claim, variants, {})
            assert "sides" in held_in(html), name
            assert f"witness check {name}" in html  # as nothing was run here


def beside_its_algorithm() -> list[str]:
    """Statements whose pages run their own transformer beside a formula."""
    return [
        name
        for name, variants in site.of_papers().items()
        for claim in (variants.get("printed") or next(iter(variants.values())),)
        if claim.witness is not None and claim.formula is not None and pairs.pair_of(name) is None
    ]


@pytest.mark.parametrize("name", beside_its_algorithm())
def test_the_formula_on_a_claims_page_gives_the_numbers_that_the_page_says_are_its_algorithms(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = site.of_papers()[name]
    claim = variants.get("printed") or next(iter(variants.values()))
    shown = []
    panel = own.formulas

    def watched(title, definitions, parameters, prediction=""):
        shown.append((dict(definitions), parameters, prediction))
        return panel(title, definitions, parameters, prediction)

    monkeypatch.setattr(own, "formulas", watched)
    html = pages.html_of(name, {})
    ((definitions, parameters, prediction),) = shown
    assert mathml.mathml(prediction) in html
    assert all(mathml.equation(*one) in html for one in definitions.items())
    as_shown = replace(claim.formula, state=lambda _: (definitions, prediction))
    prompt = [
        objects(part, Fraction) for part in map(held_in(html)["example"].get, ("X", "y", "queries"))
    ]
    said = re.findall(r"the algorithm predicts (.*?)\.</li>", html)
    assert said == [story.numbers(one) for one in as_shown(*prompt, **parameters)]


def test_a_layer_whose_name_is_its_number_is_numbered_once() -> None:
    html = pages.html_of("ahn2023.lemma1", {})
    assert "<h3>Layer 1</h3>" in html and "Layer 1: layer" not in html
    assert [readable.titled(name) for name in ("layer 1", "layer", "step")] == ["", "", "step"]


def test_a_refuted_claim_is_shown_as_printed_and_not_as_its_repair() -> None:
    html = pages.html_of("ahn2023.lemma1", {})
    printed, repaired = (f"w0 - {A}*X.T*(X*w0 - y)/n" for A in ("A0", "A0.T"))
    assert mathml.equation("w1", printed) in html
    assert mathml.equation("w1", repaired) not in html
    assert "predicts <b>0</b> (exactly 0); the algorithm predicts <b>1</b> (exactly 1)" in html
    assert [side["apart"] for side in held_in(html)["sides"]] == [True, True]


def test_statements_are_those_of_the_claims_that_are_loaded_in_their_order() -> None:
    assert site.statements() == list(site.of_papers())


def test_a_page_runs_the_checks_that_count_and_finds_what_all_of_them_find() -> None:
    claim = site.of_papers()["fu2023.eq21"]["printed"]
    whole = engine.run(claim, Budget(quick=True)).to_json()
    found = pages.found(claim)
    assert {check["kind"] for check in whole["checks"]} == {"exact", "annotations"}
    assert {check["kind"] for check in found["checks"]} == {"exact"}
    same = ("verdict", "counterexample", "first_difference", "evidence", "digest")
    assert {name: found[name] for name in same} == {name: whole[name] for name in same}


def test_a_page_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "WIDEST", 2)
    claim = site.of_papers()["kim2024.head"]["printed"]
    html = pages.claim_page(claim, {"printed": claim}, {})
    assert "Its transformer does not run in a page: a page shows up to 2 numbers" in html


def test_a_counterexample_becomes_a_state_of_the_page() -> None:
    pair = pairs.pair_of("fu2023.theorem5.1")
    found = {
        "parameters": {"d": "1", "iterations": "1", "alpha": "1/2", "examples": "1"},
        "X": [["1"]],
        "y": ["-1/4"],
        "queries": [["2"]],
    }
    made = pages.loaded(pair, found)
    assert made == {
        "parameters": {"d": 1, "examples": 1, "iterations": 1, "alpha": 0.5},
        "data": {"X": [[1.0]], "y": [-0.25], "queries": [[2.0]]},
    }


def test_a_page_has_the_tables_of_the_terminal_and_its_tokens() -> None:
    entry = pages.found(next(c for c in builtin("ahn2023.lemma1") if c.variant == "printed"))
    found, first = entry["counterexample"], entry["first_difference"]
    html = verdicts.counterexample_html(found, first)
    said = re.findall(r"[^\s│]+", "\n".join(counterexample.lines(found)).partition("\n")[2])
    tables = html[html.index("<table") : html.rindex("</table>")]
    cells = re.sub(r"<sub>(.*?)</sub>", r"_\1", tables).replace("−", "-")
    assert re.findall(r">([^<>]+)<", cells) == said
    assert "[[" not in html
    token = re.search(r"token (\d+)", entry["finding"])[0]
    assert token in html and token in readable.finding(entry)


def test_a_prompt_of_a_box_is_the_terminals_and_not_called_the_smallest() -> None:
    """Of a claim in words, whose box is searched with less effort by a quick check."""

    def smoothed(X: Any, y: Any, queries: Any) -> Any:
        kernel = algorithms.exp(queries @ X.T)
        return kernel @ y / kernel.sum(axis=1)

    def layer(d: int) -> Witness:
        return constructions.build(
            "kernel_regression", d=d, steps=1, step_size=1, kernel="exponential", temperature=2
        )

    made = Claim("of a box", witness=layer, algorithm=smoothed, box=Box(2, 3), within=0)
    entry = pages.found(made)
    assert entry["counterexample"] == engine.run(made, Budget()).to_json()["counterexample"]
    assert (
        entry["counterexample"] != engine.run(made, Budget(quick=True)).to_json()["counterexample"]
    )
    about = pages.about(made, None, entry)
    assert "<dt>Counterexample</dt>" in about
    lemma = next(c for c in builtin("ahn2023.lemma1") if c.variant == "printed")
    assert "<dt>Smallest counterexample</dt>" in pages.about(lemma, None, pages.found(lemma))


# -- the report ---------------------------------------------------------------------------------


def entry(id: str, variant: str, verdict: str, check: dict, **found) -> dict:
    """What a report says of a claim that is expected to hold, with one check."""
    empty = {"max_error": None, "bound": None, "detail": "", "seconds": 0.1}
    unknown = dict.fromkeys(("digest", "counterexample", "first_difference", "repair"))
    named = {"id": id, "variant": variant, "verdict": verdict, "expected": "holds"}
    return {**named, "checks": [empty | check], **unknown, **found}


REPORT = {
    "schema": "witness-report/1", "seed": 7, "versions": {"numpy": "2.0"},
    "claims": [
        entry(
            "a.claim", "printed", "refuted",
            {"kind": "exact", "strength": "exact", "passed": False, "cases": 3, "detail": "1 < 2"},
            counterexample={"parameters": {"d": "1"}, "X": [["1/2"]], "queries": [["3"]]},
            repair="a sign",
            first_difference={"layer": 4, "slot": "top", "token": 0, "is": "3", "should": "1"},
        ),
        entry(
            "fu2023.theorem5.1", "repaired", "holds",
            {"kind": "numeric", "strength": "tested", "passed": True, "cases": 60,
             "max_error": 1e-12, "bound": 2e-11},
        ),
    ],
}  # fmt: skip


def test_a_report_page_opens_each_verdict_to_its_evidence() -> None:
    html = verdicts.report_page(REPORT)
    assert html.count("<details") == 2
    assert "1 refuted, 1 holds; 1 not as expected" in html
    for text in ("expected holds", "after layer 4", "1 &lt; 2", "1e−12", "2e−11", "a sign",
                 "<td>1/2</td>"):  # fmt: skip
        assert text in html
    assert "witness explain fu2023.theorem5.1<" in html and ".html" not in html


def test_a_report_without_claims_is_refused() -> None:
    with pytest.raises(ValueError, match="list of claims"):
        verdicts.report_page({"seed": 1})


def test_every_statement_of_a_claim_can_be_printed() -> None:
    for claim in builtin():
        made = latex.statement(claim.statement)
        assert made.count("<math>") == made.count("</math>") and "\\" not in made, claim.id


def test_a_statement_keeps_its_text_as_text() -> None:
    made = latex.statement(r"k \text{ layers, } w_k^\top x < \tfrac{1}{2}")
    assert made.startswith("<math><mrow><mi>k</mi></mrow></math> layers, <math>")
    assert "<msubsup><mi>w</mi><mrow><mi>k</mi></mrow>" in made
    assert "&lt;" in made and "<mfrac>" in made


def test_a_statement_is_broken_between_its_parts_and_in_none_of_them() -> None:
    made = latex.statement(r"a,\ b \quad f(c,\ d) = [0,\ 1),\ x_{i\ j}\ \left(p\ q\right)")
    parts = re.split(r"</math>(?: |&emsp;)<math>", made)
    assert len(parts) == 5 and made.count("<math>") == 5
    for part, letters in zip(parts, ("a", "b", "fcd", "xij", "pq"), strict=True):
        assert re.findall("<mi>(.)</mi>", part) == list(letters)


def test_a_sign_belongs_to_its_number_and_a_function_stands_apart_from_what_it_is_of() -> None:
    made = latex.statement(r"2 \log_2 n = (-a) - \exp(-b)")
    prefixed = re.findall(r'form="prefix">−</mo><mi>(.)', made)
    assert prefixed == ["a", "b"] and made.count("−") == 3
    apart = latex.APPLIED
    assert f"<mn>2</mn>{apart}<msub>" in made and f"</msub>{apart}<mi>n</mi>" in made
    assert f"exp</mi>{apart}" not in made
    nested = latex.statement(r"\log \log n")
    assert nested.count(apart) == 2


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("the best step is 1/(2 (n + d + v))", "the best step is 1/(2 (n + d + v))"),
        ("within eps of w_n^T x < 1", "within eps of w<sub>n</sub><sup>T</sup> x &lt; 1"),
        ("der größte", "der größte"),
        ("labels in {0, 1}", "labels in {0, 1}"),
        ("the error is O(n^-1/2) or O(n^-1)", "the error is O(n^-1/2) or O(n<sup>-1</sup>)"),
    ],
)
def test_a_statement_in_words_stays_text(said: str, made: str) -> None:
    assert latex.stated(said) == made


@pytest.mark.parametrize("said", ["w = X^T y", "xy + ab", r"\text{the step is } \eta", r"the \eta"])
def test_a_statement_in_formulas_is_set(said: str) -> None:
    assert latex.stated(said) == latex.statement(said)


def test_no_statement_of_a_built_in_claim_is_taken_for_words() -> None:
    assert [c.id for c in builtin() if c.statement and is_text(c.statement)] == []


def test_latex_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="overbrace is not known"):
        latex.statement(r"\overbrace{x}")
    with pytest.raises(ValueError, match="never closed"):
        latex.statement(r"\text{x")
