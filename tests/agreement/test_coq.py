"""Coq reads a witness as the definition does: it computes Layer.v's `predict` on fractions.

The writer puts random witnesses into Coq's terms. `Evaluate.v` proves, of Layer.v's own
definitions, what `predict` gives on tables of fractions; Coq then compares these numbers with those
of the plain evaluator, one lemma a witness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product, starmap
from pathlib import Path
from typing import Any

import layer_words
import plain
import pytest
from hypothesis import HealthCheck, given, settings
from witnesses import IRRATIONAL, Case, on_each
from witnesses import cases as any_cases

from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout
from verify.checks.coq import kernel
from verify.checks.coq import terms as coq_terms
from verify.checks.coq.terms import NotUniformError, Writer

needs_coq = pytest.mark.skipif(kernel.available() is None, reason=kernel.why_not() or "Coq is here")
EVALUATE = Path(__file__).with_name("Evaluate.v").read_text(encoding="utf-8")
PRELUDE, LAYER = (kernel.theories()[name] for name in ("Prelude", "Layer"))
CASES = layer_words.cases(40, seed=0)

HEADER = """\
From Coq Require Import QArith.
Require Import Prelude Layer Evaluate.

Definition same (A B : seq (seq Q)) := all2 (all2 Qeq_bool) A B.

"""


# -- what Coq is asked --------------------------------------------------------------------------


def fraction(value: Any) -> str:
    value = Fraction(value)
    return f"Qmake ({value.numerator}) {value.denominator}"


def table(rows: Sequence[Sequence[Any]]) -> str:
    return coq_terms.coq_list(
        [coq_terms.coq_list([fraction(entry) for entry in row]) for row in rows]
    )


def column(values: Sequence[Any]) -> str:
    return table([[value] for value in values])


def term(case: Case, number: int) -> str:
    return layer_words.writer(case, f"row_{number}", f"square_{number}").witness(case.witness)


def definition(number: int, case: Case, text: str) -> str:
    """The witness and its explicit matrices."""
    d, rows = case.witness.d, case.witness.parameters.get("rows", ())
    return (
        f"Definition rows_{number} : seq (seq Q) := {table(rows)}.\n"
        f"Definition row_{number} := first_row {d} rows_{number}.\n"
        f"Definition square_{number} := all_rows {d} rows_{number}.\n"
        f"Definition witness_{number} : witness rat_fieldType {d} :=\n  {text}.\n"
    )


def lemma(number: int, case: Case, predictions: Sequence[Any]) -> str:
    """That Layer.v's `predict` gives these predictions."""
    d, n, m = case.witness.d, len(case.X), len(case.queries)
    return (
        f"Lemma predictions_{number} :\n"
        f"  predict rectified {case.witness.prompt.positions} witness_{number}\n"
        f"    (fractions {n} {d} {table(case.X)}) (fractions {n} 1 {column(case.y)})\n"
        f"    (fractions {m} {d} {table(case.queries)}) =\n"
        f"  fractions {m} 1 {column(predictions)}.\nProof.\n"
        f"rewrite (@predicts _ _ rows_{number}); last by repeat split.\n"
        f"by congr (fractions _ _ _); vm_compute.\nQed.\n"
    )


def agrees(number: int, case: Case, predictions: Sequence[Any]) -> str:
    """Whether these are the predictions that Coq computes: a term of type bool."""
    m = len(case.queries)
    return (
        f"same (computed {case.witness.prompt.positions} rows_{number} witness_{number}"
        f" {len(case.X)} {m} {table(case.X)} {column(case.y)} {table(case.queries)})"
        f" {column(predictions)}"
    )


def predicted(case: Case) -> list[Any]:
    return plain.predict(case.witness, *case.prompt)


def agreement(cases: Sequence[Case], predictions: Sequence[Sequence[Any]] | None = None) -> str:
    """Every witness of these cases predicts what the plain evaluator says, or `predictions`."""
    expected = predictions or [predicted(case) for case in cases]
    return HEADER + "\n".join(
        definition(number, case, term(case, number)) + lemma(number, case, values)
        for number, (case, values) in enumerate(zip(cases, expected, strict=True))
    )


def refused(folder: Path, name: str, text: str) -> str:
    """The definition or lemma of `text` that Coq refuses, with its reason; "" if it takes all."""
    (folder / f"{name}.v").write_text(text, encoding="utf-8")
    tried = kernel._coqc(folder / f"{name}.v", 300)
    if not tried.returncode:
        return ""
    line = re.search(r"line (\d+)", tried.stderr)
    before = "\n".join(text.splitlines()[: int(line[1]) if line else 0])
    named = re.findall(r"^(?:Lemma|Theorem|Definition) (\w+)", before, re.MULTILINE)
    return f"{named[-1] if named else name}: {tried.stderr}"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Layer.v and Evaluate.v are compiled."""
    folder = tmp_path_factory.mktemp("coq")
    assert refused(folder, "Prelude", PRELUDE) == ""
    assert refused(folder, "Layer", LAYER) == ""
    assert refused(folder, "Evaluate", EVALUATE) == ""
    return folder


# -- agreement ----------------------------------------------------------------------------------


@needs_coq
def test_coq_computes_what_the_definition_of_a_witness_says(compiled: Path) -> None:
    assert refused(compiled, "Agreement", agreement(CASES)) == ""


@needs_coq
def test_of_the_whole_vocabulary_coq_computes_what_it_has_words_for(compiled: Path) -> None:
    assert refused(compiled, "Whole", agreement(written())) == ""


def written(count: int = 25) -> list[Case]:
    """Witnesses over the whole vocabulary that the writer does not refuse."""
    found: list[Case] = []
    mostly_refused = {
        "matrix", "pattern", "reads entry", "writes entry", "causal", "strictly causal", "keys",
        "mask", "mix",
    }  # fmt: skip

    def collect(case: Case) -> None:
        if not case.witness.layers or len(found) == count:
            return
        try:
            term(case, 0)
            predicted(case)
        except (NotUniformError, ZeroDivisionError):
            return
        found.append(case)

    on_each(
        collect, 300, without=IRRATIONAL | mostly_refused,
        most_layers=2, most_d=2, most_n=2, most_m=2,
    )  # fmt: skip
    assert len(found) == count
    return found


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(any_cases())
def test_a_witness_is_written_down_or_refused_by_name(case: Case) -> None:
    try:
        term(case, 0)
    except NotUniformError as error:
        assert str(error).startswith("drawn: ")


def test_the_drawn_witnesses_use_every_word_of_layer_v() -> None:
    used = layer_words.words(CASES)
    words = {"Block", "move", "Linear", "Relu", "Normalised", "Context", "Full", "Row", "Apply"}
    words |= {"Joint", "Interleaved", "Identity", "Rectified"}
    constructors = re.search(r"Inductive pattern .*?\.\n\n", LAYER, re.DOTALL)
    assert constructors
    words |= set(re.findall(r"^\| (\w+)", constructors[0], re.MULTILINE)) - {"Same"}  # move
    words |= set(coq_terms.FEATURES)
    words |= {f"{form}, register {there}" for form in coq_terms.FORMS for there in (False, True)}
    words |= {
        f"{activation}, inner {inner}, gate {gate}"
        for activation in coq_terms.ACTIVATIONS
        for inner in (False, True)
        for gate in (False, True)
    }
    words |= {"average ", "average examples", "null False", "null True"}
    words |= {"d 1", "d 2", "n 1", "n 2", "m 1", "m 2"}
    assert words - used == set()


def test_the_features_are_those_of_the_prompt_and_of_layer_v() -> None:
    features = Prompt(2, SlotMap(), positions=3).features
    assert {slot.name for slot in features.slots} == set(coq_terms.FEATURES)
    read = re.search(r"Definition features .*?end\.", LAYER, re.DOTALL)
    assert read and set(re.findall(r'name "(\w+)"', read[0])) == set(coq_terms.FEATURES)


# -- seen to fail -------------------------------------------------------------------------------


@needs_coq
def test_a_wrong_number_is_refused_and_the_witness_named(compiled: Path) -> None:
    expected = [predicted(case) for case in CASES[:6]]
    expected[4][-1] += Fraction(1, 8)
    said = refused(compiled, "Wrong", agreement(CASES[:6], expected))
    assert said.startswith("predictions_4: ")


def written_as(what: str, *keys: Any, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """The writer with other entries in one of its tables."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for key in keys:
            monkeypatch.setitem(getattr(coq_terms, what), key, value)

    return patch


def unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    real = coq_terms.coefficient
    monkeypatch.setattr(coq_terms, "coefficient", lambda value: real(abs(value)))


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "columns": written_as("PATTERNS", "ij<-i", value=("RepeatRows", "Vector", "Matrix")),
    "rows": written_as("PATTERNS", "ij<-j", value=("RepeatColumns", "Vector", "Matrix")),
    "sums": written_as("PATTERNS", "i<-ij", value=("SumRows", "Matrix", "Vector")),
    "other_sums": written_as("PATTERNS", "i<-ji", value=("SumColumns", "Matrix", "Vector")),
    "transpose": written_as("PATTERNS", "ij<-ji", value=("(Same _)", "Matrix", "Matrix")),
    "repeated": written_as("PATTERNS", "ii<-ii", value=("(Same _)", "Matrix", "Matrix")),
    "full": written_as("KEYS", "full", "causal", value="Context"),
    "context": written_as("KEYS", "context", value="Full"),
    "average": written_as("AVERAGES", "examples", "keys", value="false"),
    "activation": written_as("ACTIVATIONS", "relu", value="Identity"),
    "form": written_as("FORMS", "interleaved", value="Joint"),
    "sign": unsigned,
}


@needs_coq
def test_every_fault_of_the_writer_changes_a_number(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {case.witness.name: term(case, n) for n, case in enumerate(CASES)}
    apart = starmap(told_apart, product(("ij<-i", "ij<-j"), ("i<-ij", "i<-ji")))
    cases = [*CASES, diagonal(), *apart]
    text, lemmas, number = HEADER, "", 0
    for name, patch in FAULTS.items():
        with monkeypatch.context() as patched:
            patch(patched)
            compared = []
            for n, case in enumerate(cases):
                try:
                    wrong = term(case, n)
                except NotUniformError:  # only the fault itself writes it
                    continue
                if wrong != right.get(case.witness.name):
                    for matrix in ("row", "square"):
                        wrong = wrong.replace(f"{matrix}_{n}", f"{matrix}_{number}")
                    text += definition(number, case, wrong)
                    compared.append(f"({agrees(number, case, predicted(case))})")
                    number += 1
        assert compared, name
        lemmas += f"Lemma {name} : ~~ all id {coq_terms.coq_list(compared)}.\n"
        lemmas += "Proof. by vm_compute. Qed.\n"
    assert refused(compiled, "Faults", text + lemmas) == ""


def diagonal() -> Case:
    """A witness that keeps the diagonal of x xᵀ."""
    slots = layout(u=(2,), A=(2, 2), a=())
    keep = Layer("diagonal", mlp=MLP(slot_map(("A", "A", -1), ("A", "A", 1, "ii<-ii"))))
    spread = Layer("rows", mlp=MLP(slot_map(("A", "u", 1, "ij<-j"))))
    add = Layer("sum", mlp=MLP(slot_map(("u", "A", 1, "i<-ij"), ("a", "u", 1, "<-i"))))
    total = Layer("total", mlp=MLP(slot_map(("a", "u", 1, "<-i"))))
    prompt = Prompt(2, slot_map(("u", "x")))
    witness = Witness("diagonal", slots, prompt, (spread, keep, add, total), Readout("a"))
    return Case(witness, [[Fraction(1), Fraction(2)]], [Fraction(0)], [[Fraction(3), Fraction(5)]])


def told_apart(repeat: str, total: str) -> Case:
    """A witness that multiplies x with the sums of a matrix whose columns, or rows, are x."""
    slots = layout(u=(2,), A=(2, 2), v=(2,), a=())
    spread = Layer("repeat", mlp=MLP(slot_map(("A", "u", 1, repeat))))
    turn = Layer("turn", mlp=MLP(slot_map(("A", "A", -1), ("A", "A", 2, "ij<-ji"))))
    add = Layer("sums", mlp=MLP(slot_map(("v", "A", 1, total))))
    inner, gate = slot_map(("h", "u")), slot_map(("h", "v"))
    multiply = Layer("product", mlp=MLP(slot_map(("a", "h", 1, "<-i")), inner, gate))
    prompt = Prompt(2, slot_map(("u", "x")))
    layers = (spread, turn, add, multiply)
    witness = Witness(f"{repeat} {total}", slots, prompt, layers, Readout("a"))
    return Case(witness, [[Fraction(1), Fraction(2)]], [Fraction(0)], [[Fraction(3), Fraction(5)]])


LAYER_FAULTS = {
    "x_query is read as 0": (
        "features_show",
        (r"\matrix_(t, i) (query t 0 * x t i) else 0", "0 else 0"),
        ("tabulate p d (fun t i => times (get query t 0) (get x t i))", "zeros p d"),
    ),
    "without inner units there is no activation": (
        "hidden_shows",
        (
            "activate (applied f) (units s name)",
            "if inner f is Some _ then activate (applied f) (units s name) else units s name",
        ),
        (
            "if applied f is Rectified then tabulate",
            "if (inner f, applied f) is (Some _, Rectified) then tabulate",
        ),
    ),
}


@needs_coq
@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_a_fault_of_layer_v_is_seen(fault: str, tmp_path: Path) -> None:
    proof, (meant, done), (computes, computed) = LAYER_FAULTS[fault]
    assert LAYER.count(meant) == EVALUATE.count(computes) == 1
    assert refused(tmp_path, "Prelude", PRELUDE) == ""
    assert refused(tmp_path, "Layer", LAYER.replace(meant, done)) == ""
    # the proof that `predict` is what is computed no longer holds
    assert refused(tmp_path, "Evaluate", EVALUATE).startswith(f"{proof}: ")


@needs_coq
@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_with_a_fault_of_layer_v_in_what_is_computed_numbers_differ(
    fault: str, compiled: Path
) -> None:
    """What a Layer.v with the fault would predict is not what these witnesses predict."""
    _, _, (computes, computed) = LAYER_FAULTS[fault]
    wrong = EVALUATE.replace(computes, computed)
    # only the definitions, without the proofs that they are those of Layer.v
    wrong = re.sub(
        r"^(?:Lemma|Theorem|Definition placed) .*?(?:\bQed|place_lt k\))\.\n",
        "",
        wrong,
        flags=re.MULTILINE | re.DOTALL,
    )
    compared = [f"({agrees(number, case, predicted(case))})" for number, case in enumerate(CASES)]
    definitions = "".join(definition(n, case, term(case, n)) for n, case in enumerate(CASES))
    text = wrong + HEADER.partition("Evaluate.\n")[2] + definitions
    text += f"Lemma seen : ~~ all id {coq_terms.coq_list(compared)}.\nProof. by vm_compute. Qed.\n"
    assert refused(compiled, "Differ", text) == ""


# -- what Layer.v has no word for ---------------------------------------------------------------


def u_a(*layers: Layer, **more: Any) -> Witness:
    """A witness of d = 2 with the slots u (2,), a () and A (2, 2)."""
    given: dict[str, Any] = {"slots": layout(u=(2,), a=(), A=(2, 2)), "readout": Readout("a")}
    given |= {"prompt": Prompt(2, slot_map(("u", "x"), ("a", "y")))} | more
    return Witness("drawn", given["slots"], given["prompt"], layers, given["readout"])


def attending(**more: Any) -> Layer:
    value = more.pop("value", slot_map(("a", "a")))
    return Layer("attention", (Head(slot_map(("f", "u")), slot_map(("f", "u")), value, **more),))


def moving(*blocks: Any, **more: Any) -> Layer:
    return Layer("linear", mlp=MLP(slot_map(*blocks), **more))


ROW = (Fraction(1), Fraction(2))
EXPLICIT = {(ROW,): ("(Row w)", "Scalar")}
POSITION = Prompt(2, slot_map(("position", "position")), positions=3)
WITH_POSITION = {"slots": layout(position=(3,), u=(2,), a=(), A=(2, 2)), "prompt": POSITION}
REFUSED: dict[str, tuple[Callable[[], Witness], str]] = {
    "softmax": (lambda: u_a(attending(attention="softmax")), "no attention 'softmax'"),
    "causal": (lambda: u_a(attending(keys="causal")), "no keys 'causal'"),
    "divided by the keys": (lambda: u_a(attending(average="keys")), "no average 'keys'"),
    "gelu": (lambda: u_a(moving(("a", "a"), activation="gelu")), "no activation 'gelu'"),
    "layer norm": (lambda: u_a(replace(moving(("a", "a")), norm=True)), "no layer norm"),
    "a diagonal kept": (lambda: u_a(moving(("A", "A", 1, "ii<-ii"))), "no pattern ii<-ii"),
    "a trace": (lambda: u_a(moving(("a", "A", 1, "<-ii"))), "no pattern <-ii"),
    "a sum repeated": (lambda: u_a(moving(("u", "u", 1, "i<-j"))), "no pattern i<-j"),
    "a number in every entry": (lambda: u_a(moving(("A", "a", 1, "ij<-"))), "no pattern ij<-"),
    "one entry read": (lambda: u_a(moving(("a", "u[1]"))), "reads one entry"),
    "one entry read by a matrix": (
        lambda: u_a(moving(Block("a", "u[1]", matrix=((2,),)))), "reads one entry"
    ),
    "one entry of x embedded": (
        lambda: u_a(prompt=Prompt(2, slot_map(("a", "x[0]")))), "reads one entry"
    ),
    "one entry written": (lambda: u_a(moving(("u[1]", "a"))), "writes one entry"),
    "one entry read out": (lambda: u_a(readout=Readout("u[0]")), "read-out u[0] is an entry"),
    "another row than the given one": (
        lambda: u_a(moving(Block("a", "u", matrix=((2, 1),)))), "no explicit matrix"
    ),
    "two rows": (lambda: u_a(moving(Block("u", "u", matrix=(ROW, ROW)))), "no explicit matrix"),
    "the given row, of numbers that are no vector": (
        lambda: Witness(
            "drawn", layout(s=(1, 2), a=()), Prompt(2, slot_map()),
            (moving(Block("a", "s", matrix=(ROW,))),), Readout("a"),
        ),
        "slot s has shape (1, 2)",
    ),
    "a matrix over a position": (
        lambda: u_a(moving(Block("a", "position[1]", matrix=((2,),))), **WITH_POSITION),
        "one position only as it stands or repeated",
    ),
    "a position in a matrix": (
        lambda: u_a(moving(("A", "position[1]", 1, "ij<-")), **WITH_POSITION),
        "one position only as it stands or repeated",
    ),
    "a slot of another size": (
        lambda: u_a(moving(("s", "s")), slots=layout(s=(3,), u=(2,), a=(), A=(2, 2))),
        "slot s has shape (3,)",
    ),
    "a slot of three axes": (
        lambda: u_a(moving(("s", "s")), slots=layout(s=(2, 2, 2), u=(2,), a=(), A=(2, 2))),
        "slot s has shape (2, 2, 2)",
    ),
    "hidden units of another size": (
        lambda: u_a(
            moving(
                ("u", "f", 1, "i<-ji"),
                inner=slot_map(("f", "u", 1, "ij<-j")), letters=(("i", 3),),
            )
        ),
        "hidden feature f has shape (3, 2)",
    ),
    "a slot of that name which is no one-hot position": (
        lambda: u_a(
            moving(("a", "position[1]")),
            slots=layout(position=(2,), u=(2,), a=(), A=(2, 2)),
        ),
        "slot position has shape (2,)",
    ),
    "a number of that name": (
        lambda: u_a(moving(("a", "position")), slots=layout(position=(), u=(2,), a=())),
        "slot position has shape ()",
    ),
    "positions in a vector that happens to be as long": (
        lambda: u_a(
            slots=layout(place=(2,), u=(2,), a=()),
            prompt=Prompt(2, slot_map(("place", "position")), positions=2),
        ),
        "makes a Positions, but its destination is a Vector",
    ),
    "a vector that is moved as a number": (
        lambda: Witness(
            "drawn", layout(u=(1,), a=()), Prompt(1, slot_map(("a", "x"))), (), Readout("a")
        ),
        "makes a Vector, but its destination is a Scalar",
    ),
    "one feature of two shapes": (
        lambda: Witness(
            "drawn", layout(u=(1,), a=()), Prompt(1, slot_map(("u", "x"))),
            (
                Layer(
                    "attention",
                    (
                        Head(
                            slot_map(("f", "u"), ("f", "a")),
                            slot_map(("f", "u")),
                            slot_map(("a", "a")),
                        ),
                    ),
                ),
            ),
            Readout("a"),
        ),
        "makes a Scalar, but its destination is a Vector",
    ),
    "query and key features of two shapes": (
        lambda: Witness(
            "drawn", layout(u=(1,), a=()), Prompt(1, slot_map(("u", "x"))),
            (
                Layer(
                    "attention",
                    (Head(slot_map(("f", "u")), slot_map(("f", "a")), slot_map(("a", "a"))),),
                ),
            ),
            Readout("a"),
        ),
        "are not the key's",
    ),
    "a name that is no text of Coq": (
        lambda: u_a(moving(('q"', "a")), slots=layout(**{'q"': (), "u": (2,), "a": ()})),
        "cannot be written down",
    ),
    "a root": (lambda: u_a(moving(("a", "a", square_root()))), "no form in a field"),
}  # fmt: skip


def square_root() -> Any:
    import sympy

    return sympy.sqrt(2)


def of_drawn(witness: Witness) -> Writer:
    return Writer("drawn", EXPLICIT, witness.d, witness.prompt.positions)


@pytest.mark.parametrize("what", REFUSED)
def test_what_layer_v_has_no_word_for_is_refused_by_name(what: str) -> None:
    build, reason = REFUSED[what]
    witness = build()
    with pytest.raises(NotUniformError, match=re.escape(reason)):
        of_drawn(witness).witness(witness)


def test_parts_that_no_witness_can_have_are_refused_too() -> None:
    """The writer is given parts: it does not rely on what Witness checks."""
    writer, slots = Writer("drawn", EXPLICIT, 2, 0), layout(u=(2,), a=(), A=(2, 2))

    class Word(str):
        """A word that no value takes."""

    head = attending().heads[0]
    for field, value, reason in (
        ("attention", Word("Softmax"), "no attention 'Softmax'"),
        ("keys", Word("all"), "no keys 'all'"),
        ("average", Word("n"), "no average 'n'"),
        ("null", 1, "neither true nor false"),
        ("null", True, "no null key of linear attention"),
        ("key", slot_map(("g", "u")), "are not the key's"),
        ("value", slot_map(("missing", "a")), "no slot missing to write"),
        ("value", slot_map(("a", "missing")), "no slot missing to read"),
        ("value", slot_map(("a", "missing[0]")), "no slot missing to read"),
    ):
        wrong = replace(head)
        object.__setattr__(wrong, field, value)
        with pytest.raises(NotUniformError, match=re.escape(reason)):
            writer.head(wrong, slots, None)
    normalised = replace(head, attention="normalised")
    object.__setattr__(normalised, "average", "examples")
    with pytest.raises(NotUniformError, match="average with normalised"):
        writer.head(normalised, slots, None)
    mlp = MLP(slot_map(("a", "f")), slot_map(("f", "a")), slot_map(("g", "a")))
    with pytest.raises(NotUniformError, match="no slot g to write"):
        writer.mlp(mlp, slots, None)
    fewer = MLP(slot_map(("a", "f")), slot_map(("f", "a"), ("g", "a")), slot_map(("f", "a")))
    with pytest.raises(NotUniformError, match="are not the hidden"):
        writer.mlp(fewer, slots, None)
    prompt = Prompt(2, slot_map(("a", "y")))
    object.__setattr__(prompt, "form", "stacked")
    with pytest.raises(NotUniformError, match="no form 'stacked'"):
        writer.witness(u_a(prompt=prompt))
    unknown = Prompt(2, slot_map(("a", "y")))
    object.__setattr__(unknown, "embedding", slot_map(("a", "label")))
    with pytest.raises(NotUniformError, match="no feature label"):
        writer.embedding(unknown, slots)
    with pytest.raises(NotUniformError, match="d = 3, not 2"):
        writer.witness(Witness("drawn", slots, Prompt(3, slot_map(("a", "y"))), (), Readout("a")))


def test_patterns_are_told_by_their_meaning_not_their_letters() -> None:
    for pattern, (name, _, _) in coq_terms.PATTERNS.items():
        for letters in ("ab", "ba", "ji", "xy"):
            renamed = pattern.translate(str.maketrans("ij", letters))
            assert coq_terms.PATTERNS[coq_terms.in_order(renamed)][0] == name
    assert coq_terms.in_order("j<-ij") == "i<-ji"
    assert coq_terms.in_order("bb<-bb") == "ii<-ii" != coq_terms.in_order("ab<-ab")


def test_hidden_features_keep_apart_what_their_numbers_keep_apart() -> None:
    two = MLP(slot_map(("a", "h 1"), ("a", "h 2", -1)), slot_map(("h 1", "a"), ("h 2", "a", 2)))
    text = Writer("drawn", {}, 2, 0).mlp(two, layout(a=()), None)
    assert '"h 1"' in text and '"h 2"' in text
    one = MLP(slot_map(("a", "h 1")), slot_map(("h 1", "a")))
    other = MLP(slot_map(("a", "h 2")), slot_map(("h 2", "a")))
    texts = [Writer("drawn", {}, 2, 0).mlp(mlp, layout(a=()), None) for mlp in (one, other)]
    assert texts[0] == texts[1]
