"""The agreement test notices each fault that a reading once had: put back, it is found."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import readings
import sympy
import torch
import witnesses
from hypothesis.errors import InvalidArgument
from readings import REFUSED, Disagreement, outcomes
from test_agreement import OUTSIDE
from witnesses import IRRATIONAL, RULES, Case

from constructions.numbers.seen import Seen
from constructions.parts import bilinear
from constructions.rounding.bounded import Bounded
from constructions.rounding.running_error import EntryError
from constructions.run import dense as module
from constructions.run import forward
from constructions.run.forward import Pass
from constructions.run.planner import Planner
from constructions.witness import Witness
from proofs import slotmap
from proofs.calculus import relu_heads, tokens
from proofs.calculus.pairs import Pairs
from proofs.calculus.run import Run, State
from proofs.layer import MLP, OTHER_NORMS, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

NO_POSITIONS = {"without": OUTSIDE, "least_layers": 1, "most_layers": 2, "fixed": {"positions": 0}}
ENTRIES = {
    "without": OUTSIDE - {"reads entry", "writes entry"}, "least_layers": 1, "most_layers": 2
}  # fmt: skip


def assert_noticed(reading: Any, examples: int = 1500, **options: Any) -> None:
    # a reading that divides by 0 where the definition does not has been noticed too
    with pytest.raises((Disagreement, ZeroDivisionError)):
        outcomes(reading, examples, shrink=False, **options)


def like_the_identity(block: Block) -> bool:
    """Whether the two sides of a pattern are the same letters, "ii<-ii" included."""
    return block.indices()[0] == block.indices()[1]


# -- the forward pass -------------------------------------------------------------------------


def test_a_repeated_letter_read_as_the_identity(monkeypatch):
    monkeypatch.setattr(Block, "is_diagonal", property(like_the_identity))
    whole = IRRATIONAL | {"matrix", "reads entry", "writes entry", "relu", "normalised"}
    assert_noticed(readings.every_slot, 4000, without=whole, fixed={"d": 2}, least_layers=1)


def test_gate_and_activation_ignored_without_inner_units(monkeypatch):
    right = Pass.hidden_units

    def hidden_units(run: Pass, mlp: Any, stream: Any) -> Any:
        return (dict(stream), run.layout) if mlp.inner is None else right(run, mlp, stream)

    monkeypatch.setattr(Pass, "hidden_units", hidden_units)
    assert_noticed(readings.every_slot, without=IRRATIONAL | {"heads"}, least_layers=1)
    monkeypatch.undo()

    class WithoutGate(module.DenseMLP):
        def __init__(self, mlp: Any, *more: Any) -> None:
            super().__init__(mlp if mlp.inner is not None else replace(mlp, gate=None), *more)

    monkeypatch.setattr(module, "DenseMLP", WithoutGate)
    assert_noticed(readings.dense, without=IRRATIONAL | {"heads"}, least_layers=1, most_layers=1)


def test_a_feature_that_a_zero_coefficient_drops(monkeypatch):
    def dropping(*blocks: Any) -> SlotMap:
        made = (block if isinstance(block, Block) else Block(*block) for block in blocks)
        return SlotMap(tuple(block for block in made if block.coefficient != 0))

    monkeypatch.setattr(witnesses, "slot_map", dropping)
    # the two maps differ in their features, or no hidden unit is left to be read
    with pytest.raises((ValueError, InvalidArgument), match="features|gate|no slot|length-zero"):
        outcomes(readings.prediction, 1500, shrink=False)


@pytest.mark.parametrize("field", ["attention", "keys", "average", "activation"])
def test_an_unknown_word_that_runs_as_the_default(monkeypatch, field):
    """Where a reading takes every other word for its last one: linear, full, none, identity."""
    default = {"attention": "linear", "keys": "full", "average": "", "activation": "identity"}[
        field
    ]
    right = Pass.after_layer

    def after_layer(run: Pass, layer: Any, stream: Any) -> Any:
        heads, mlp = layer.heads, layer.mlp
        if field == "activation":
            mlp = mlp and _with(mlp, activation=default)
        else:
            heads = tuple(_with(head, **{field: default}) for head in heads)
        return right(run, replace(layer, heads=heads, mlp=mlp), stream)

    monkeypatch.setattr(Pass, "after_layer", after_layer)
    assert_noticed(readings.every_slot)


def _with(part: Any, **fields: Any) -> Any:
    """The part with fields that nothing checks."""
    made = object.__new__(type(part))
    for name, value in {**vars(part), **fields}.items():
        object.__setattr__(made, name, value)
    return made


def test_one_form_of_prompt_read_as_another(monkeypatch):
    right = forward.streams

    def streams(witness: Any, X: Any, y: Any, queries: Any, tokens: Any, numbers: Any) -> Any:
        joint = replace(witness.prompt, form="joint")
        made = joint.tokens(tokens.examples, len(tokens.queries))
        return right(_with(witness, prompt=joint), X, y, queries, made, numbers)

    monkeypatch.setattr(forward, "streams", streams)
    with pytest.raises((Disagreement, IndexError, ValueError)):
        outcomes(readings.every_slot, 300, shrink=False)


def test_a_factor_that_a_gate_lacks(monkeypatch):
    monkeypatch.setattr(Planner, "multiply", lambda planner, units, gate: units)
    assert_noticed(readings.every_slot)


# -- masks, mixes, norms: in the forward pass and the dense module ---------------------------

MASKED: dict[str, Any] = {"fixed": {"rules": RULES}, "least_layers": 1}
COUNTED = {**MASKED, "without": IRRATIONAL | {"normalised"}}  # no division that may be by 0


def reading_heads_as(change: Any) -> Any:
    """The forward pass with every head changed before it is read, past every check."""
    right = Pass.attended
    return lambda run, head, *streams: right(run, _with(head, **change(head)), *streams)


HEADS: dict[str, Any] = {
    "no mask": lambda head: {"mask": None},
    "a mask turned round": lambda head: {"mask": turned(head.mask, "tj")},
    "no mix": lambda head: {"mix": None},
    "a mix turned round": lambda head: {"mix": turned(head.mix, "rc")},
    "a token that sees itself": lambda head: (
        {"keys": "causal"} if head.keys == "strictly causal" else {}
    ),
}  # fmt: skip


def turned(one: Any, names: str) -> Any:
    """The rule with its two numbers exchanged."""
    if one is None:
        return None
    if one.matrix is not None:
        square = len(one.matrix) == len(one.matrix[0])
        return replace(one, matrix=tuple(zip(*one.matrix))) if square else one
    first, second = names
    text = re.sub(rf"\b[{names}]\b", lambda m: second if m[0] == first else first, one.text)
    return replace(one, text=text)


@pytest.mark.parametrize("fault", HEADS)
def test_a_head_that_is_read_without_its_rules(monkeypatch, fault):
    monkeypatch.setattr(Pass, "attended", reading_heads_as(HEADS[fault]))
    assert_noticed(readings.every_slot, **MASKED)


def test_a_key_of_mask_0_that_counts(monkeypatch):
    right = Pass.visible

    def visible(run: Pass, head: Any, every: range) -> Any:
        if head.mask is None:
            return right(run, head, every)
        seen, by_keys, _ = right(run, _with(head, mask=None), every)
        return seen, by_keys, run.table(head.mask, ("t", "j"), range(run.tokens.total), seen)

    monkeypatch.setattr(Pass, "visible", visible)
    assert_noticed(readings.every_slot, **COUNTED)


def test_a_plan_that_loses_a_mask(monkeypatch):
    monkeypatch.setattr(Planner, "masked", lambda planner, scores, seen: scores)
    assert_noticed(readings.every_slot, **MASKED)
    monkeypatch.undo()

    def all_rows(seen: Any) -> list[int]:
        return [t for t, count in enumerate(seen.counts) if count]

    monkeypatch.setattr(Seen, "whole_rows", property(all_rows))
    assert_noticed(readings.every_slot, **MASKED)


@pytest.mark.parametrize("fault", ["no mask", "a mask of 0 that counts", "no mix"])
def test_a_rule_that_the_dense_module_loses(monkeypatch, fault):
    right = module.DenseHead.visible
    if fault == "no mix":
        monkeypatch.setattr(module.DenseHead, "numbers", staticmethod(identity_for("r")))
    elif fault == "no mask":
        monkeypatch.setattr(
            module.DenseHead, "visible", lambda head, *a: (right(head, *a)[0], None)
        )
    else:
        monkeypatch.setattr(
            module.DenseHead,
            "visible",
            lambda head, tokens, scores: (scores == scores, right(head, tokens, scores)[1]),
        )
    assert_noticed(readings.dense, **COUNTED)


def identity_for(first: str) -> Any:
    right = module.DenseHead.numbers

    def numbers(rule: Any, pair: Any, *more: Any) -> Any:
        made = right(rule, pair, *more)
        return torch.eye(len(made), dtype=made.dtype) if pair[0] == first else made

    return numbers


PLAIN = {"kind": "layer", "epsilon": 0, "gain": (), "bias": ()}


@pytest.mark.parametrize("field", PLAIN)
def test_a_norm_that_loses_a_field(monkeypatch, field):
    right = Pass.normalised

    def normalised(run: Pass, norm: Any, stream: Any) -> Any:
        return right(run, norm and _with(norm, **{field: PLAIN[field]}), stream)

    monkeypatch.setattr(Pass, "normalised", normalised)
    assert_noticed(readings.irrational, without=IRRATIONAL - {"norm"}, least_layers=1)


@pytest.mark.parametrize("place", OTHER_NORMS)
def test_a_norm_that_is_not_there(monkeypatch, place):
    right = Pass.after_layer
    monkeypatch.setattr(
        Pass, "after_layer", lambda run, layer, s: right(run, _with(layer, **{place: None}), s)
    )
    assert_noticed(readings.irrational, without=IRRATIONAL - {"norm"}, least_layers=1)


@pytest.mark.filterwarnings("ignore::constructions.PrecisionWarning")
def test_a_bound_on_rounding_that_forgets_the_error_that_comes_in(monkeypatch):
    case = of_many_digits()
    assert readings.rounding(case) == readings.AGREES
    right = EntryError.exp

    def forgetful(system: EntryError, a: Any, *more: Any, **named: Any) -> Any:
        return right(system, Bounded(a.value), *more, **named)

    monkeypatch.setattr(EntryError, "exp", forgetful)
    with pytest.raises(Disagreement):
        readings.rounding(case)


def of_many_digits() -> Case:
    """Exponential attention on numbers that half formats round."""
    head = Head(
        slot_map(("f", "x", 4)), slot_map(("f", "x")), slot_map(("y", "y")), "exponential",
        "causal", mask=rule("j < t or t == 0"),
    )  # fmt: skip
    witness = on_single_tokens(Layer("one", (head,))).witness
    X, y, queries = (
        [[Fraction(value) for value in row] for row in rows]
        for rows in ([[1.2345, -0.987], [0.3217, 2.1213]], [[1.1111], [-2.3456]], [[0.777, 1.319]])
    )
    return Case(witness, X, [row[0] for row in y], queries)


# -- masks and mixes: in the calculus ---------------------------------------------------------

CALCULUS = {"without": OUTSIDE | {"gate"}, "most_layers": 2, "least_layers": 1}
WITH_RULES = {**CALCULUS, "fixed": {"positions": 0, "rules": RULES}}


def test_a_rule_of_the_calculus_that_is_1_everywhere(monkeypatch):
    right = Pairs._agreed
    monkeypatch.setattr(
        Pairs, "_agreed", lambda pairs, *more: sympy.Integer(right(pairs, *more) != 0)
    )
    assert_noticed(readings.calculus_of_single_tokens, **WITH_RULES)


def test_a_mix_of_the_calculus_that_is_turned_round(monkeypatch):
    right = Pairs.value

    def value(pairs: Pairs, rule: Any, names: Any, first: Any, second: Any, *more: Any) -> Any:
        if names == ("r", "c"):
            first, second = second, first
        return right(pairs, rule, names, first, second, *more)

    monkeypatch.setattr(Pairs, "value", value)
    assert_noticed(readings.calculus_of_single_tokens, **WITH_RULES)


def test_an_off_diagonal_that_the_calculus_forgets(monkeypatch):
    right = Pairs.on_and_off

    def on_and_off(pairs: Pairs, *more: Any) -> Any:
        same, _ = right(pairs, *more)
        return same, sympy.Integer(0)

    monkeypatch.setattr(Pairs, "on_and_off", on_and_off)
    # rules that give any two tokens the same number, of heads that the calculus has room for
    alike = tuple(rule(text) for text in ("1", "not t == j", "2 - 3 * (t == j)"))
    without = CALCULUS["without"] | {
        "relu", "normalised", "full", "causal", "strictly causal", "mask", "rule that is a matrix"
    }  # fmt: skip
    options = {**CALCULUS, "without": without, "fixed": {"positions": 0, "rules": alike}}
    assert_noticed(readings.calculus, **options)


def test_queries_that_a_mask_does_not_hide(monkeypatch):
    maps = slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("x", "x"))
    gathered = Layer("one", (Head(*maps, keys="full", mask=rule("1")),))
    told = Layer("two", (Head(*maps[:2], slot_map(("y", "y"))),))
    shown = on_single_tokens(gathered, told)
    shown = replace(shown, queries=[*shown.queries, [Fraction(1), Fraction(5)]])
    assert readings.calculus_of_single_tokens(shown) == REFUSED
    monkeypatch.setattr(Run, "_hides_queries", lambda run, head, number: head.mask is not None)
    with pytest.raises(Disagreement):
        readings.calculus_of_single_tokens(shown)


def test_keys_that_are_counted_though_masked(monkeypatch):
    right = Run._scale

    def scale(run: Run, head: Any, number: int, seen: Any, masks: Any) -> Any:
        return right(run, head, number, seen, [sympy.Integer(1)] * len(masks))

    monkeypatch.setattr(Run, "_scale", scale)
    assert_noticed(readings.calculus_of_single_tokens, **WITH_RULES)


# -- the calculus -----------------------------------------------------------------------------


def test_an_embedding_block_that_is_dropped(monkeypatch):
    right = Run._embed

    def embed(run: Run, block: Any, group: Any, state: State) -> None:
        if block.source in group.features or block.source == "position":
            right(run, block, group, state)

    monkeypatch.setattr(Run, "_embed", embed)
    assert_noticed(readings.calculus, **ENTRIES, fixed={"positions": 0})
    monkeypatch.undo()

    # and a coefficient of positions
    def copied(run: Run, block: Any, group: Any, state: State) -> None:
        right(
            run,
            replace(block, coefficient=1) if block.source == "position" else block,
            group,
            state,
        )

    monkeypatch.setattr(Run, "_embed", copied)
    assert_noticed(readings.calculus_of_single_tokens, **ENTRIES, fixed={"positions": 1})


def test_one_query_where_there_are_m(monkeypatch):
    def scale(run: Run, head: Any, number: int, seen: Any, masks: Any) -> Any:
        count = sum((group.rows for group, _ in seen), sympy.Integer(0))
        return {"": 1, "examples": 1 / run.examples, "keys": 1 / count}[head.average]

    monkeypatch.setattr(Run, "_scale", scale)
    full = {**NO_POSITIONS, "without": OUTSIDE | {"relu", "normalised", "context", "causal"}}
    assert_noticed(readings.calculus, **full)
    assert_noticed(readings.calculus_of_single_tokens, **full)


def test_queries_that_see_each_other_or_are_seen(monkeypatch):
    full = OUTSIDE | {"relu", "normalised", "context", "causal", "gate", "keys", "examples"}
    options = {**NO_POSITIONS, "without": full}
    monkeypatch.setattr(Run, "_check_queries", lambda run, head, before: None)
    assert_noticed(readings.calculus, **options)
    monkeypatch.undo()

    right = Run._hides_queries

    def only_by_queries(run: Run, head: Any, number: int) -> bool:
        return number < len(run.groups) - 1 or right(run, head, number)

    monkeypatch.setattr(Run, "_hides_queries", only_by_queries)
    assert_noticed(readings.calculus, **options)


def test_a_read_out_of_one_entry_that_is_zero(monkeypatch):
    monkeypatch.setattr(State, "get", dict.get)
    assert_noticed(readings.calculus, **ENTRIES, fixed={"positions": 0})


def test_a_repeated_letter_in_the_calculus(monkeypatch):
    assert readings.calculus_of_single_tokens(diagonal_of_a_product()) == REFUSED

    monkeypatch.setattr(Block, "is_diagonal", property(like_the_identity))
    with pytest.raises(Disagreement):
        readings.calculus_of_single_tokens(diagonal_of_a_product())


def diagonal_of_a_product() -> Case:
    """A = x xᵀ in every token; then B gets its diagonal."""
    product = bilinear({"h": ("x", "ij<-i", "x", "ij<-j")}, ("A", "h"), d=2)
    diagonal = MLP(slot_map(("B", "A", 1, "ii<-ii")))
    return on_single_tokens(Layer("product", mlp=product), Layer("diagonal", mlp=diagonal))


def on_single_tokens(*layers: Layer) -> Case:
    """Layers on the slots x, y, A and B, with a prompt of one example and one query."""
    witness = Witness(
        "small",
        layout(x=(2,), y=(), A=(2, 2), B=(2, 2)),
        Prompt(2, slot_map(("x", "x"), ("y", "y"))),
        layers,
        Readout("y"),
    )
    return Case(witness, [[Fraction(1), Fraction(2)]], [Fraction(1)], [[Fraction(3), Fraction(1)]])


def test_a_matrix_after_a_gate_that_is_read_as_the_identity(monkeypatch):
    scaled = MLP(
        SlotMap((Block("x", "h", 1, None, ((0, 1), (1, 0))),)),
        slot_map(("h", "x")),
        slot_map(("h", "y", 1, "i<-")),
        letters=(("i", 2),),
    )
    case = on_single_tokens(Layer("swapped", mlp=scaled))
    assert readings.calculus_of_single_tokens(case) == REFUSED
    right = Run._mlp

    def mlp(run: Run, mlp: Any, group: Any, state: State) -> None:
        if mlp.inner is not None or mlp.gate is not None:
            blocks = (replace(block, matrix=None) for block in mlp.outer)
            mlp = _with(mlp, outer=SlotMap(tuple(blocks)))
        right(run, mlp, group, state)

    monkeypatch.setattr(Run, "_mlp", mlp)
    with pytest.raises(Disagreement):
        readings.calculus_of_single_tokens(case)


def test_a_gate_without_inner_units_that_is_ignored_in_the_calculus(monkeypatch):
    right = Run._mlp

    def mlp(run: Run, mlp: Any, group: Any, state: State) -> None:
        ignored = mlp.inner is None and mlp.gate is not None
        right(run, _with(mlp, gate=None) if ignored else mlp, group, state)

    monkeypatch.setattr(Run, "_mlp", mlp)
    assert_noticed(readings.calculus, **NO_POSITIONS)


def test_relu_heads_taken_for_a_pair_that_are_none(monkeypatch):
    right = relu_heads.is_pair

    def is_pair(head: Any, other: Any) -> bool:
        value = relu_heads._ratio(head.value, other.value)
        return right(head, other) or (
            value is not None and relu_heads._ratio(head.query, other.query) == -1
        )

    monkeypatch.setattr(relu_heads, "is_pair", is_pair)
    only = OUTSIDE | {"linear", "normalised", "full", "causal", "index", "gate", "keys"}
    assert_noticed(readings.calculus, **{**NO_POSITIONS, "without": only})


def test_a_place_among_the_queries_that_is_forgotten(monkeypatch):
    monkeypatch.setattr(tokens, "PLACE", sympy.Integer(0))
    only = OUTSIDE | {"relu", "normalised", "full", "causal", "gate"}
    assert_noticed(readings.calculus, **{**NO_POSITIONS, "without": only})


# -- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["null", "mask", "mix", *OTHER_NORMS])
def test_a_field_that_json_loses(monkeypatch, field):
    right = witnesses.Witness.to_json

    def to_json(witness: Any) -> Any:
        data = right(witness)
        for layer in data["layers"]:
            layer.pop(field, None)
            for head in layer["heads"]:
                head.pop(field, None)
                head.setdefault("null", False)
        return data

    monkeypatch.setattr(witnesses.Witness, "to_json", to_json)
    norms = IRRATIONAL - {"norm"} if field in OTHER_NORMS else IRRATIONAL
    assert_noticed(written_alike if field in OTHER_NORMS else readings.written_and_read_back,
                   without=norms)  # fmt: skip


def written_alike(case: Case) -> str:
    """What is written and read back has the same norms."""
    again = Witness.from_json(case.witness.to_json())
    for one, other in zip(case.witness.layer_list, again.layer_list, strict=True):
        readings.same("norms", other.norms(), one.norms(), case)
    return readings.AGREES


def test_the_strategy_still_builds_with_the_functions_of_the_package():
    assert witnesses.slot_map is slotmap.slot_map
