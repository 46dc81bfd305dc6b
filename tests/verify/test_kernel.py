"""Coq's kernel proves the theorems, with the weights of the witnesses that run, and only those."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from changes import built_as, every_head, times

import constructions
from constructions.papers.fu2023.statements import eq30
from constructions.parts import read_offset
from constructions.witness import Witness
from proofs.layer import Head
from verify.checks.coq import bearing, kernel
from verify.checks.coq.terms import NotUniformError, coefficient
from verify.checks.coq.weights import SOURCES, weights_files
from verify.claim import builtin

needs_coq = pytest.mark.skipif(kernel.available() is None, reason=kernel.why_not() or "Coq is here")


# -- witnesses with one weight changed ----------------------------------------------------------


negated = partial(times, -1)


def changed(
    name: str, part: str, number: int = 0, layer: int | None = None
) -> Callable[..., Witness]:
    """A builder of the witness with block `number` of `part` negated, in one layer or in all."""

    def build(**parameters: Any) -> Witness:
        witness = built(name, **parameters)
        layers = []
        for index, one in enumerate(witness.layer_list):
            if layer is None or index == layer % len(witness.layer_list):
                if part == "mlp":
                    if one.mlp is not None:
                        mlp = replace(one.mlp, outer=negated(one.mlp.outer, number=number))
                        one = replace(one, mlp=mlp)
                elif one.heads:
                    first = replace(
                        one.heads[0], **{part: negated(getattr(one.heads[0], part), number=number)}
                    )
                    one = replace(one, heads=(first, *one.heads[1:]))
            layers.append(one)
        return witness.with_layers(tuple(layers))

    return build


def built(name: str, **parameters: Any) -> Witness:
    """The witness of a construction, or of a builder of a paper."""
    return next(source for source in SOURCES if source.witness == name).builder(**parameters)


@pytest.fixture
def theories_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Adds or replaces the text of theories for one test."""
    real = kernel.theories()

    def use(**texts: str) -> None:
        monkeypatch.setattr(kernel, "theories", lambda: real | texts)
        kernel.theorems.cache_clear()

    yield use
    monkeypatch.undo()
    kernel.theorems.cache_clear()


# -- the theorems -------------------------------------------------------------------------------


@needs_coq
def test_every_theorem_is_proved_and_closed_under_the_global_context() -> None:
    results = kernel.run()
    assert len(results) == len(kernel.theorems()) > 60
    assert {r.name: r.log for r in results if not (r.compiled and r.closed)} == {}
    assert all(r.status == "proved" for r in results)


@pytest.mark.parametrize(
    "subject",
    [
        "gradient_descent", "newton", "hyperpower", "sherman_morrison",
        "fu2023.lemmaB3", "fu2023.eq5", "fu2023.eq21", "fu2023.eq24", "fu2023.eq30", "fu2023.eq34",
        "fu2023.eq35", "fu2023.remarkB6", "fu2023.eq38", "fu2023.eq39", "fu2023.eq40",
        "fu2023.eq43", "akyurek2022.eq11", "akyurek2022.eq14", "akyurek2022.lemma2",
        "akyurek2022.theorem1", "akyurek2022.theorem2", "akyurek2022.theorem2.multistep",
        "vonoswald2022.prop1", "vonoswald2022.ksteps", "vonoswald2022.gdpp",
        "ahn2023.lemma1", "ahn2023.lemma1.symmetric", "ahn2023.eq11", "dherin2025.theorem2.2",
        "dherin2025.theorem2.2.existence", "dherin2025.theoremB.2", "dherin2025.prop3.1",
        "bai2023.propC2.square",
    ],
)  # fmt: skip
def test_each_exact_statement_has_its_theorem_or_its_negation(subject: str) -> None:
    assert kernel.select([subject])


def test_printed_statements_that_are_refuted_have_a_proved_repair() -> None:
    refuted = {name for t in kernel.theorems() for name in t.refutes}
    repaired = {name for t in kernel.theorems() for name in t.repairs}
    assert refuted - repaired == {"fu2023.eq5"}  # its repair is about limits


def test_no_theory_takes_anything_on_trust() -> None:
    taken = re.compile(r"\b(Admitted|admit|Axiom|Axioms|Parameter|Conjecture|Abort)\b")
    for name, text in kernel.theories().items():
        assert not taken.search(text), name


def test_weights_are_generated_and_never_kept() -> None:
    assert not any(name.startswith("Weights") for name in kernel.theories())


# -- the weights are those of the witnesses -----------------------------------------------------


def test_every_source_is_written_down() -> None:
    texts, problems = weights_files()
    assert problems == {}
    for source in SOURCES:
        text = texts[f"Weights_{source.group}"]
        defined = f"{source.name} (k : nat) : witness" if source.repeat else f"{source.name}_layers"
        assert f"Definition {defined}" in text
        if source.whole and source.repeat is None:
            assert f"Definition {source.name} : witness F d" in text


def test_layers_of_the_papers_are_those_of_their_claims_at_every_n() -> None:
    def at_eight(T: Any, examples: int, printed: bool) -> Witness:
        """Other weights where n = 8."""
        return eq30(T, examples if examples != 8 else 4, printed)

    texts, problems = weights_files({"fu2023.statements.eq30": at_eight})
    assert set(problems) == {"fu2023_eq30_printed", "fu2023_eq30_repaired"}
    assert all("at n = 8" in problem for problem in problems.values())
    assert "fu2023_eq30" not in texts["Weights_fu2023"]


def test_coefficients_keep_their_value() -> None:
    import sympy

    eta = sympy.Symbol("eta")
    assert coefficient(-2) == "(- 2%:R)"
    assert coefficient(Fraction(-1, 2)) == "(- (1%:R / 2%:R))"
    assert coefficient(1 / eta) == "(eta ^+ 1)^-1"
    with pytest.raises(NotUniformError):
        coefficient(sympy.sqrt(2))


@pytest.mark.parametrize(
    "name, part, number",
    [
        ("newton", "query", 0), ("newton", "key", 0), ("newton", "value", 0), ("newton", "mlp", 0),
        ("gradient_descent", "query", 0), ("gradient_descent", "key", 0),
        ("gradient_descent", "value", 0), ("gradient_descent", "value", 1),
        ("gradient_descent", "mlp", 0), ("gradient_descent", "mlp", 2),
        ("hyperpower", "key", 0), ("hyperpower", "value", 1), ("hyperpower", "mlp", 0),
        ("sherman_morrison", "value", 0), ("sherman_morrison", "mlp", 0),
    ],
)  # fmt: skip
def test_a_changed_sign_changes_the_generated_weights_of_it_alone(
    name: str, part: str, number: int
) -> None:
    texts, problems = weights_files({name: changed(name, part, number)})
    assert not problems
    assert dict(texts.items() - weights_files()[0].items()).keys() == {f"Weights_{name}"}


def test_the_form_of_the_prompt_is_that_of_the_witness() -> None:
    text = "".join(weights_files()[0].values())
    forms = dict(
        re.findall(r"Definition (\w+)(?: \(k : nat\))? : witness F d :=\n  Witness (\w+) ", text)
    )
    assert {name for name, form in forms.items() if form == "Interleaved"} == {
        "newton_interleaved",
        "newton_relu_interleaved",
    }
    assert set(forms.values()) == {"Joint", "Interleaved"}
    assert set(forms) == {source.name for source in SOURCES if source.whole}


def test_an_irregular_witness_is_not_written_down() -> None:
    _, problems = weights_files({"newton": changed("newton", "mlp", layer=-2)})
    assert "start, step repeated, end" in problems["newton"]


@needs_coq
@pytest.mark.parametrize(
    "name, part, number, theorem",
    [
        ("newton", "value", 0, "Newton.newton_predicts"),
        ("gradient_descent", "value", 1, "GradientDescent.sum_predicts"),
        ("hyperpower", "mlp", 2, "Hyperpower.hyperpower_predicts"),
        ("sherman_morrison", "key", 0, "TokenRidge.tokens_predict_ridge"),
        ("sherman_morrison", "value", 0, "MatrixRidge.matrix_predicts_ridge"),
        ("vonoswald2022.ksteps", "value", 0, "VonOswald.ksteps_predicts"),
        ("vonoswald2022.prop1_blocks", "value", 0, "VonOswald.proposition1"),
        ("fu2023.statements.eq30", "query", 0, "FuLayers.equation30_repaired"),
        ("ahn2023.descent", "query", 0, "Ahn.lemma1"),
        ("ahn2023.transforming", "value", 0, "Ahn.equation11"),
    ],
)
def test_a_changed_sign_leaves_its_theorem_unproved(
    name: str, part: str, number: int, theorem: str
) -> None:
    (result,) = kernel.run([theorem], {name: changed(name, part, number)}, jobs=1)
    assert result.status == "failed" and not result.closed
    assert "Error" in result.log and "out of time" not in result.log


@needs_coq
def test_a_query_among_the_keys_leaves_newton_unproved() -> None:
    leaking = built_as(constructions.get("newton"), partial(every_head, keys="full"))
    (result,) = kernel.run(["Newton.newton_predicts"], {"newton": leaking}, jobs=1)
    assert result.status == "failed"


def reading_otherwise(change: Callable[[Sequence[Head]], Sequence[Head]]) -> Callable[..., Witness]:
    """A builder of `newton` with the three heads changed that read a token's y from the next."""

    def build(**parameters: Any) -> Witness:
        witness = constructions.build("newton", **parameters)
        if witness.prompt.form == "joint":
            return witness
        first, *layers = witness.layer_list
        heads = (*first.heads[:-3], *change(first.heads[-3:]))
        return witness.with_layers((replace(first, heads=heads), *layers))

    return build


def from_the_token_before(heads: Sequence[Head]) -> Sequence[Head]:
    return read_offset(-1, heads[0].value)


def with_the_middle_value_negated(heads: Sequence[Head]) -> Sequence[Head]:
    above, middle, below = heads
    return above, replace(middle, value=negated(middle.value)), below


@needs_coq
@pytest.mark.parametrize("change", [from_the_token_before, with_the_middle_value_negated])
def test_other_heads_between_the_tokens_leave_interleaved_newton_unproved(
    change: Callable[[Sequence[Head]], Sequence[Head]],
) -> None:
    names = [
        "Interleaved.newton_interleaved_predicts",
        "Interleaved.newton_relu_interleaved_predicts",
    ]
    results = kernel.run(names, {"newton": reading_otherwise(change)}, jobs=1)
    assert {r.status for r in results} == {"failed"}
    for result in results:  # the theories before it still compile, and its proof is seen to fail
        assert "./Interleaved.v" in result.log and "out of time" not in result.log


@needs_coq
def test_a_missing_weight_leaves_its_theorem_unproved_and_says_why() -> None:
    irregular = {"newton": changed("newton", "mlp", layer=-2)}
    (result,) = kernel.run(["Newton.newton_predicts"], irregular, jobs=1)
    assert result.status == "failed"
    assert "start, step repeated, end" in result.log


# -- the formulas are those of the references ---------------------------------------------------


def test_a_theorem_predicts_what_its_formal_statement_says() -> None:
    formulas = {source.name for source in SOURCES if source.reference}
    assert {theorem.predicts for theorem in kernel.theorems()} == {None, *formulas}


@pytest.mark.parametrize("name", ["newton", "gradient_descent", "hyperpower", "sherman_morrison"])
def test_theorems_speak_of_the_transformers_and_formulas_of_our_claims(name: str) -> None:
    (found,) = bearing.of(next(claim for claim in builtin() if claim.id == name))
    assert found.about is not None and found.about.statement == ""
    predicts = {theorem.id: theorem.predicts for theorem in kernel.theorems()}
    assert all(predicts[theorem] for theorem in found.names)


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("newton_formula alpha X y Q k", "newton_formula alpha X y Q k.+1"),
        ("= newton_formula", "<> newton_formula"),
        ("= newton_formula", "= newton_relu_formula"),
        ("newton_formula alpha X y Q k", "newton_formula alpha X y Q 0"),
        ("(newton d alpha k) X y Q", "(newton d alpha 0) X y Q"),
        ("newton_predicts k :", "newton_predicts k : alpha = 0 ->"),
    ],
)
def test_another_formal_statement_predicts_no_formula(
    theories_with: Callable[..., None], right: str, wrong: str
) -> None:
    text = kernel.theories()["Newton"]
    assert text.count(right) >= 1
    theories_with(Newton=text.replace(right, wrong))
    (theorem,) = kernel.select(["Newton.newton_predicts"])
    assert theorem.predicts is None


@pytest.fixture
def computes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes what a construction is said to compute: (definitions, prediction) -> the same."""

    def use(name: str, change: Callable[..., Any]) -> None:
        real = constructions.get(name)
        assert real.reference is not None
        other = replace(real, reference=lambda values: change(*real.reference(values)))
        monkeypatch.setattr(f"{real.parts.__module__}.{name}", other)

    return use


@pytest.mark.parametrize("name", ["newton", "gradient_descent", "hyperpower", "sherman_morrison"])
def test_a_changed_reference_changes_the_written_formula(name: str, computes: Any) -> None:
    before = weights_files()[0]
    computes(name, lambda definitions, prediction: (definitions, f"{prediction} + {prediction}"))
    texts, problems = weights_files()
    assert problems == {} and texts != before


def test_a_formula_whose_steps_differ_is_not_written_down(computes: Any) -> None:
    def halted(definitions: Any, prediction: str) -> Any:
        return {name: "M2" if name == "M3" else of for name, of in definitions.items()}, prediction

    computes("newton", halted)
    assert "start, step repeated, end" in weights_files()[1]["newton"]


@needs_coq
def test_another_reference_leaves_its_theorem_unproved(computes: Any) -> None:
    computes("newton", lambda definitions, prediction: (definitions, f"2*({prediction})"))
    (result,) = kernel.run(["Newton.newton_predicts"], jobs=1)
    assert result.status == "failed" and "./Newton.v" in result.log


# -- statements and proofs ----------------------------------------------------------------------


@needs_coq
@pytest.mark.parametrize(
    "file, right, wrong",
    [
        ("Iterations", "power (1%:M - M0 *m S) (2 ^ k)", "power (1%:M - M0 *m S) (3 ^ k)"),
        ("Iterations", "2%:R *: M - M *m S *m M", "2%:R *: M + M *m S *m M"),
    ],
)
def test_a_changed_statement_is_unproved(
    theories_with: Callable[..., None], file: str, right: str, wrong: str
) -> None:
    text = kernel.theories()[file]
    assert right in text
    theories_with(**{file: text.replace(right, wrong, 1)})
    (result,) = kernel.run(["Iterations.newton_residual"], jobs=1)
    assert result.status == "failed"


@needs_coq
@pytest.mark.parametrize(
    "text",
    [
        "Theorem trust : False.\nAdmitted.\n",
        "Axiom trusted : False.\nTheorem trust : False.\nProof. exact trusted. Qed.\n",
    ],
)
def test_what_rests_on_an_axiom_is_not_proved(
    theories_with: Callable[..., None], text: str
) -> None:
    theories_with(Trust=text)
    (result,) = kernel.run(["Trust.trust"])
    assert result.compiled and not result.closed
    assert result.status == "failed"
    assert "Axioms" in result.log


@needs_coq
def test_running_out_of_time_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITNESS_CACHE", str(tmp_path))  # where nothing is kept yet
    (result,) = kernel.run(["Iterations.newton_residual"], timeout=0.01)
    assert result.status == "failed"
    assert "out of time" in result.log


# -- without Coq --------------------------------------------------------------------------------


def test_without_coq_nothing_passes_and_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel.shutil, "which", lambda name: None)
    for asked in (kernel.version, kernel.available):
        asked.cache_clear()
    try:
        results = kernel.run(["newton"])
        assert results
        assert all(r.status == "not run" and not r.compiled and not r.closed for r in results)
        assert {r.log for r in results} == {"not run: coqc not found"}
    finally:
        for asked in (kernel.version, kernel.available):
            asked.cache_clear()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="no theorem named or bearing on no_such"):
        kernel.select(["newton", "no_such"])


def test_ctrl_c_ends_what_coq_is_at_and_what_it_would_begin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endless = tmp_path / "coqc"
    endless.write_text("#!/bin/sh\ntouch begun\nexec sleep 600\n")
    endless.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with ThreadPoolExecutor(1) as beside:
        running, waiting = (beside.submit(kernel._coqc, tmp_path / "a.v", 600) for _ in range(2))
        with pytest.raises(KeyboardInterrupt), kernel.ended_by_an_interrupt():
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt
        for one in (running, waiting):
            with pytest.raises(InterruptedError):
                one.result(timeout=60)
    with kernel.ended_by_an_interrupt():  # the next run is another
        endless.write_text("#!/bin/sh\necho compiled\n")
        assert kernel._coqc(tmp_path / "a.v", 60).stdout == "compiled\n"
