"""The page reads a witness as the definition does: its interpreter runs random witnesses.

They are exported as the page gets them, put together and run by the page's scripts in a browser,
all on one page, and compared with the plain evaluator: exactly, where no number of the run needs
rounding, else within the bound on rounding that the page computes beside its numbers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, make_dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import browser as driver
import layer_words
import mpmath
import numpy as np
import plain
import pytest
from witnesses import (
    ACTIVATIONS,
    ATTENTION,
    AVERAGES,
    FIELDS,
    FORMS,
    IRRATIONAL,
    IRRATIONAL_RULES,
    KEYS,
    NORMS,
    RULES,
    VOCABULARY,
    Case,
    field_words,
    mix_of,
    on_each,
    words,
)

import constructions
from constructions.construction import Parts
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Norm, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout
from proofs.template import Stage
from verify.checks.symbolic import shapes_of
from verify.page import build
from verify.page.export import Export, construction

needs_browser = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")
SCRIPTS = tuple(
    f"scripts/{name}.js" for name in ("matrix", "rule", "interpreter", "algebra", "model")
)
DIGITS = 60

RUN_ALL = """
const member = (data) => ({ axes: {}, letters: [], zero: [], fixed: {}, members: { "": data } });
const attempt = (f) => { try { return f(); } catch (error) { return { error: String(error) }; } };
const text = (x) => (Number.isFinite(x) ? x : String(x));
const runAll = (asked) => asked.flatMap(({ witness, family, pools, prompt, cases }) =>
  (cases ?? [{ parameters: {}, prompt }]).map((one) => attempt(() => {
  const made = run(assemble(family ?? member(witness), pools, one.parameters, {}), one.prompt);
  const { slot, value } = made.witness.readout, [name, index] = splitEntry(slot);
  const last = made.steps[made.steps.length - 1].after[name];
  const entries_ = index === null ? Array.from({ length: last.c }, (_, i) => i) : [index];
  return {
    predictions: Array.from(made.predictions, text),
    bounds: readTokens(made.witness, made.tokens)
      .flatMap((t) => entries_.map((i) => text(Math.abs(value) * last.error(t, i)))),
  };
})));
"""


@dataclass(frozen=True)
class Expected:
    """What the definition says of one case; `predictions` None where it divides by 0.

    size: the largest number of the run. rounded: whether some number is no float.
    """

    predictions: list[Any] | None
    size: float = 0.0
    rounded: bool = True


def drawn() -> list[Case]:
    """Every kind of head and pattern once, then random witnesses, with and without fractions."""
    found = [*every_head(), *every_pattern(), *every_perceptron(), *every_rule(), *every_norm()]
    found += layer_words.cases(60, seed=1)
    for without, count in ((IRRATIONAL, 200), (frozenset(), 200)):
        on_each(found.append, count, without=without)
        on_each(found.append, count // 2, without=without, fields=True)
    return found


def small(layer: Layer, number: int, **slots: tuple[int, ...]) -> Case:
    """One layer between x, y and their sum, on two examples and three queries."""
    form, register = FORMS[number % 2], bool(number // 2 % 2)
    prompt = Prompt(2, slot_map(("u", "x"), ("a", "y"), ("a", "one")), form, register)
    total = Layer("sum", mlp=MLP(slot_map(("a", "u", 1, "<-i"))))
    shapes: dict[str, Any] = {"u": (2,), "a": ()} | slots
    witness = Witness("small", layout(**shapes), prompt, (layer, total), Readout("a"))
    X, y = [[1, 2], [-1, Fraction(1, 2)]], [3, Fraction(-1, 4)]
    queries = [[1, 0], [Fraction(-1, 2), -1], [2, 1]]
    as_fractions = [[list(map(Fraction, row)) for row in rows] for rows in (X, queries)]
    return Case(witness, as_fractions[0], list(map(Fraction, y)), as_fractions[1])


def every_head() -> list[Case]:
    made = []
    for attention, keys in product(ATTENTION, KEYS):
        shares = attention in ("softmax", "normalised")
        options = [("", False), ("", True)] if shares else [(word, False) for word in AVERAGES]
        for average, null in options:
            head = Head(
                slot_map(("f", "u"), ("g", "a")), slot_map(("g", "a"), ("f", "u", 2)),
                slot_map(("a", "a"), ("u", "u", -1)), attention, keys, average, null,
            )  # fmt: skip
            made.append(small(Layer("attention", (head,)), len(made)))
    return made


def every_pattern() -> list[Case]:
    """Every pattern of at most two letters on either side."""
    sides = {0: ("",), 1: ("i", "j"), 2: ("ii", "ij", "ji", "jk")}
    made = []
    for (before, right), (after, left) in product(
        ((0, ""), (1, "i"), (2, "ij"), (2, "ii")),
        [(rank, side) for rank, some in sides.items() for side in some],
    ):
        slots = {0: "a", 1: "u", 2: "A"}
        steps = [
            Block("A", "u", 1, "ij<-j"),
            Block("A", "u", 2, "ij<-i"),
            Block(slots[after], slots[before], Fraction(1, 2), f"{left}<-{right}"),
        ]
        layers = [MLP(slot_map(*steps[:2])), MLP(slot_map(steps[2]))]
        gather = MLP(
            slot_map(("u", "A", 1, "i<-ij"), ("u", "A", -3, "j<-ij"), ("u", "A", 2, "i<-ii"))
        )
        case = small(Layer("sum", mlp=gather), len(made), A=(2, 2))
        more = tuple(Layer("pattern", mlp=mlp) for mlp in layers)
        witness = case.witness.with_layers((*more, *case.witness.layer_list))
        made.append(replace(case, witness=witness))
    return made


def every_rule() -> list[Case]:
    """Every rule as a mask, of average weights and of shares, and then as a mix."""
    made = []
    for one in (*RULES, *IRRATIONAL_RULES):
        maps = slot_map(("f", "u")), slot_map(("f", "u")), slot_map(("a", "a"), ("u", "u", -1))
        heads = [Head(*maps, "linear", "full", "keys", mask=one)]
        if one not in IRRATIONAL_RULES:  # of a cosine one cannot tell whether it is 0
            heads.append(Head(*maps, "softmax", "full", null=True, mask=one))
        heads.append(Head(*maps, keys="full", mix=mix_of(one)))
        made += [small(Layer("rule", (head,)), len(made) + k) for k, head in enumerate(heads)]
    return made


def every_norm() -> list[Case]:
    """Every kind of norm in every place, with all its numbers."""
    head = Head(slot_map(("f", "u")), slot_map(("f", "u")), slot_map(("a", "a"), ("u", "u", -1)))
    mlp = MLP(slot_map(("a", "u", 2, "<-i"), ("u", "u")))
    made = []
    for kind, place in product(("layer", "rms"), NORMS):
        for numbers in ({}, {"epsilon": Fraction(1, 8)}, {"gain": GAIN}, {"bias": GAIN}):
            places = {place: Norm(kind, **numbers)}
            made.append(small(Layer("norm", (head,), mlp, **places), len(made)))
    return made


GAIN = (("u", (2, Fraction(-1, 3))), ("a", 3))


def every_perceptron() -> list[Case]:
    """Every activation with and without inner units and gate, before and after layer norm."""
    made = []
    for activation, inner, gate, norm in product(
        ACTIVATIONS, (False, True), (False, True), (False, True)
    ):
        unit = "h" if inner else "u"
        mlp = MLP(
            slot_map(("u", unit, 2), ("a", f"{unit}[1]", -1), ("u[0]", f"{unit}[0]")),
            slot_map(("h", "u", -1), ("h", "a", 1, "i<-")) if inner else None,
            slot_map((unit, "u"), (unit, "a", 1, "i<-")) if gate else None,
            activation,
            (("i", 2),),
        )
        made.append(small(Layer("perceptron", mlp=mlp, norm=norm), len(made)))
    return made


def expected(case: Case) -> Expected:
    """By fractions where they suffice, else by decimals of many digits."""
    try:
        states = plain.states(case.witness, *case.prompt)
        predictions = plain.predict(case.witness, *case.prompt)
    except ZeroDivisionError:
        return Expected(None)
    except plain.Unsupported:
        with mpmath.workdps(DIGITS):
            try:
                states = plain.states(case.witness, *case.prompt, plain.Decimals())
                predictions = plain.predict(case.witness, *case.prompt, plain.Decimals())
            except ZeroDivisionError:
                return Expected(None)
            return Expected(predictions, float(max(map(abs, numbers(states)), default=0)))
    entries = [*numbers(states), *predictions]
    rounded = any(float(entry) != entry for entry in entries)
    return Expected(predictions, float(max(map(abs, entries))), rounded)


def numbers(states: list[plain.State]) -> list[Any]:
    return [
        entry for state in states for tokens in state.values() for held in tokens for entry in held
    ]


def exported(case: Case) -> dict[str, Any]:
    """A witness and its prompt, as a page has them."""
    export = Export()
    witness = export.witness(case.witness)
    data = {"X": case.X, "y": case.y, "queries": case.queries}
    given = json.loads(json.dumps(data, default=float))
    return json.loads(json.dumps({"witness": witness, "pools": export.pools(), "prompt": given}))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., list[Any]]]:
    """page(asked, patches): what the scripts, some text of theirs replaced, make of each case."""
    made, folder = driver.Browser(), tmp_path_factory.mktemp("page")

    def ask(asked: list[Any], *patches: tuple[str, str]) -> list[Any]:
        script = "\n".join(build.resource(name) for name in SCRIPTS)
        for old, new in patches:
            assert script.count(old) == 1, f"{old!r} is {script.count(old)} times in the scripts"
            script = script.replace(old, new)
        path = folder / "page.html"
        data = json.dumps(asked).replace("<", "\\u003c")
        path.write_text(
            f'<!doctype html><meta charset="utf-8"><script>{script}\n{RUN_ALL}\n'
            f"window.made = runAll({data});</script>",
            encoding="utf-8",
        )
        made.open(path)
        assert made.errors == []
        return made.js("made")

    yield ask
    made.close()


@pytest.fixture(scope="module")
def cases() -> list[tuple[Case, Expected]]:
    return [(case, expected(case)) for case in drawn()]


@pytest.fixture(scope="module")
def asked(cases: list[tuple[Case, Expected]]) -> list[Any]:
    return [exported(case) for case, _ in cases]


def wrong(case: Case, says: Expected, made: dict[str, Any]) -> str:
    """Why what the page made is not what the definition says; "" if it is."""
    if "error" in made:
        none = says.predictions is None and "sees no key" in made["error"]
        return "" if none else made["error"]
    given = [float(value) for value in made["predictions"]]
    bounds = [float(value) for value in made["bounds"]]
    if says.predictions is None:
        return ""  # a division by 0: no number is right
    if len(given) != len(says.predictions):
        return f"{len(given)} numbers for {len(says.predictions)}"
    for value, bound, exact in zip(given, bounds, says.predictions, strict=True):
        if not says.rounded:
            gap, allowed = abs(value - float(exact)), 0.0
        else:
            with mpmath.workdps(DIGITS):
                exact_ = plain.Decimals().number(exact) if isinstance(exact, Fraction) else exact
                gap = float(abs(mpmath.mpf(value) - exact_))
            allowed = bound + 2**-53 * abs(value)
        if not gap <= allowed:
            return f"{value} for {exact}, a bound of {bound}"
    return ""


def disagreements(cases: list[tuple[Case, Expected]], made: list[Any]) -> list[str]:
    found = []
    for (case, says), one in zip(cases, made, strict=True):
        if reason := wrong(case, says, one):
            found.append(f"{reason}\n{json.dumps(case.witness.to_json())}\n{case.prompt}")
    return found


# -- agreement ----------------------------------------------------------------------------------


@needs_browser
def test_the_page_computes_what_the_definition_of_a_witness_says(
    page: Callable[..., list[Any]], cases: list[tuple[Case, Expected]], asked: list[Any]
) -> None:
    made = page(asked)
    found = disagreements(cases, made)
    assert not found, f"{len(found)} of {len(cases)}, the first: {found[0]}"
    defined = sum(says.predictions is not None for _, says in cases)
    assert defined > 0.8 * len(cases)  # the others divide by 0
    exact = [says for _, says in cases if says.predictions is not None and not says.rounded]
    assert len(exact) > len(cases) // 4 and sum(any(e.predictions or ()) for e in exact) > 100


@needs_browser
def test_the_bounds_that_excuse_rounding_are_small(
    page: Callable[..., list[Any]], cases: list[tuple[Case, Expected]], asked: list[Any]
) -> None:
    """A bound that grants everything would hide every fault."""
    made = page(asked)
    small = [
        max(map(float, one["bounds"])) <= 1e-10 * (1 + says.size)
        for (_, says), one in zip(cases, made, strict=True)
        if says.predictions is not None
    ]
    assert sum(small) > 0.95 * len(small)


def test_the_drawn_witnesses_use_the_whole_vocabulary(
    cases: list[tuple[Case, Expected]],
) -> None:
    used = set().union(*(words(case.witness) for case, _ in cases))
    used |= set().union(*(field_words(case.witness) for case, _ in cases))
    assert (VOCABULARY | FIELDS) - used == set()
    assert {len(case.queries) for case, _ in cases} >= {1, 2, 3}


@needs_browser
@pytest.mark.filterwarnings("ignore::constructions.PrecisionWarning")
@pytest.mark.parametrize("name", constructions.names())
def test_the_sizes_that_a_page_offers_predict_what_their_witnesses_predict(
    name: str, page: Callable[..., list[Any]]
) -> None:
    """Start, steps and end, put together by the page, are the witness that is built.

    The smallest, the largest and some more of the sizes that the controls offer.
    """
    export, lesson = Export(), build.lesson_of(name)
    given = {key: build._exact(value) for key, value in lesson.parameters.items()}
    family = construction(export, name, given, lesson.sizes)
    fixed = {key: value for key, value in given.items() if key not in family["scalars"]}
    witnesses, cases = [], []
    first, *others, last = product(*family["axes"].values())
    more = random.Random(name).sample(others, min(len(others), 8))
    for number, values in enumerate((first, *more, last)):
        scalars = {key: value / (1 + number % 2) for key, value in family["scalars"].items()}
        if number % 3 == 2:
            scalars |= dict.fromkeys(family["zero"], 0)
        parameters = dict(zip(family["axes"], values)) | scalars
        n = witness.examples or 3 if (witness := built(name, fixed | parameters)) else 1
        rng = np.random.default_rng(number)
        shapes = shapes_of(witness.prompt, n, 2) if witness else ((n, 1), (n,), (2, 1))
        X, y, queries = (rng.random(shape).tolist() for shape in shapes)
        prompt = {"X": X, "y": y, "queries": queries}
        witnesses.append(witness)
        cases.append({"parameters": parameters, "prompt": prompt})
    asked = json.dumps({"family": family, "pools": export.pools(), "cases": cases})
    for witness, case, made in zip(witnesses, cases, page([json.loads(asked)]), strict=True):
        if witness is None:
            assert "there is no witness" in made["error"], case
            continue
        should = np.ravel(witness.predict(*case["prompt"].values()))
        gap = np.abs(np.array(made["predictions"], dtype=float) - should)
        rounding = np.array(made["bounds"], dtype=float)  # there, and as much here
        assert (gap <= 2 * rounding + 1e-12 * np.abs(should)).all(), case


def built(name: str, parameters: dict[str, Any]) -> Witness | None:
    """The witness, None where the parameters do not go together."""
    try:
        return constructions.build(name, **parameters)
    except ValueError:
        return None


# -- seen to fail -------------------------------------------------------------------------------

FAULTS = {
    "a repeated letter takes any values": [
        ("if (sizes[letter] !== size) misfit(block, destination, source);", ""),
        (
            "return places.map((at) => [flat(left, at), flat(right, at), 1]);",
            "if (left === right) return Array.from(places, (_, i) => [i, i, 1]); "
            "return places.map((at) => [flat(left, at), flat(right, at), 1]);",
        ),
    ],
    "without inner units there is no activation": [
        ("active[name] = activation(inner[name]);",
         "active[name] = mlp.inner === null ? inner[name] : activation(inner[name]);"),
    ],
    "without inner units there is no gate": [
        ("hidden[name] = gate ? ", "hidden[name] = gate && mlp.inner !== null ? "),
    ],
    "the keys are the examples": [
        ('head.average === "keys" ? at.length', 'head.average === "keys" ? examples'),
    ],
    "no average": [('head.average === "examples" ? examples', 'false ? examples')],
    "every token is read": [
        ('head.keys === "context" ? tokens.context : tokens.all', "tokens.all"),
    ],
    "no token is later": [("!causal || seen[j] <= t", "true")],
    "no null key": [("let total = extra ? Math.exp(-top) : 0;", "let total = 0;")],
    "no null score": [("let total = head.null ? 1 : 0,", "let total = 0,")],
    "one entry is written as the first": [("t * m.c + (place ?? i)", "t * m.c + i")],
    "one entry is read as the first": [("t * a.c + (index ?? j)", "t * a.c + j")],
    "the read-out is the first entry": [("get(t, index ?? i))", "get(t, 0))")],
    "it is read at the queries alone": [
        ("examples: tokens.x, all", "examples: tokens.queries, all"),
    ],
    "x_query is 0": [("_query`, shape, asked)", "_query`, shape, [])")],
    "x_example is x": [
        ("_example`, shape, [examples])", "_example`, shape, [examples, ...asked])"),
    ],
    "every query has all parts": [
        ("ofQuery = columnsOf(queryPartsOf(prompt))", "ofQuery = columnsOf(prompt.parts)"),
    ],
    "every part has the first columns": [
        ("data.X.map((x) => x.slice(...ofExample.get(name)))",
         "data.X.map((x) => x.slice(0, sizeOf(shape)))"),
    ],
    "a y is its first number": [
        ("[[tokens.y, data.y.map(targetsIn)]]",
         "[[tokens.y, data.y.map((y) => [targetsIn(y)[0]])]]"),
    ],
    "an encoding is of the next token": [
        ("value({ t: wholeNumber(t) })", "value({ t: wholeNumber(t + 1) })"),
    ],
    "no register": [('truth(prompt.register, "register") ? 1 : 0', "0")],
    "joint prompts only": [("interleaved: 2 }", "interleaved: 1 }")],
    "positions from 1": [("Number(p === t)", "Number(p + 1 === t)")],
    "no layer norm": [
        ("record.normed = normalise(layer.norm, after, layout);",
         "record.normed = after;"),
    ],
    "a token sees itself": [("&& (!strictly || seen[j] < t)", "&& (!strictly || seen[j] <= t)")],
    "no mask": [
        ("head.mask === null ? null : ruleTable(head.mask",
         "true ? null : ruleTable(head.mask"),
    ],
    "a key of mask 0 is seen": [("mask === null || isSeen(", "true || isSeen(")],
    "a mask turned round": [
        ('ruleTable(head.mask, ["t", "j"], tokens.all',
         'ruleTable(head.mask, ["j", "t"], tokens.all'),
    ],
    "no mix": [("if (head.mix !== null) {", "if (false) {")],
    "a mix turned round": [("transpose(ruleTable(head.mix,", "(ruleTable(head.mix,")],
    "no exponential": [
        ('head.attention === "exponential" ? exponential(scores)',
         'false ? scores'),
    ],
    "no norm before the heads": [("normalise(layer.attention_norm, stream, layout)", "stream")],
    "no norm after the heads": [("after = normalise(layer.after_attention, after, layout);", "")],
    "no norm after the MLP": [
        ("record.after = normalise(layer.after_mlp, record.after, layout);",
         ""),
    ],
    "every norm is centred": [('"kind of a norm") === "layer";', '"kind of a norm") !== "";')],
    "no epsilon": [("/ whole.c + epsilon);", "/ whole.c);")],
    "no gain": [("for (const [name, numbers] of gain)", "for (const [name, numbers] of [])")],
    "no bias": [("for (const [name, numbers] of bias)", "for (const [name, numbers] of [])")],
    "a quotient of a rule is cut off": [
        ("&& down * x.q !== x.p ? down - 1n : down",
         "&& false ? down - 1n : down"),
    ],
    "comparisons are not chained": [("        left = right;\n", "")],
    "a decimal loses its point": [("BigInt(whole + (part ?? \"\"))", "BigInt(whole)")],
    "no gate": [("gate ? multiply(active[name], gate[name]) : active[name]", "active[name]")],
    "scores of the stream's order": [
        ("queryFeatures.slots.map(([name]) => made[name])", "Object.values(made)"),
    ],
}  # fmt: skip


@needs_browser
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_interpreter_is_seen(
    fault: str, page: Callable[..., list[Any]], cases: list[tuple[Case, Expected]], asked: list[Any]
) -> None:
    made = page(asked, *FAULTS[fault])
    assert disagreements(cases, made)


# -- what is not known --------------------------------------------------------------------------


EMBEDDING, QUERY, KEY, VALUE, INNER, GATE, OUTER = range(7)  # the slot maps, by number


def of_everything() -> dict[str, Any]:
    """A witness with each kind of part, as the page gets it."""
    rule = {"text": "t % c", "constants": [["c", 2]], "matrix": None}
    block = {"to": "a", "from": "a", "c": 1}
    spread = {"to": "u", "from": "a", "c": 1, "pattern": "i<-"}
    matrix = {"to": "a", "from": "u", "c": 1, "matrix": [[1, 2]]}
    head = {
        "name": "head", "query": QUERY, "key": KEY, "value": VALUE, "attention": "linear",
        "keys": "full", "average": "keys", "null": False,
        "mask": {"text": "j <= t + c", "constants": [["c", 1]], "matrix": None},
        "mix": {"text": "", "constants": [], "matrix": [[1, 0], [0, ["/", 1, 2]]]},
    }  # fmt: skip
    norm = {"kind": "rms", "epsilon": 1, "gain": [["u", [1, 2]]], "bias": [["a", [1]]]}
    mlp = {
        "inner": INNER,
        "gate": GATE,
        "outer": OUTER,
        "activation": "relu",
        "letters": [["i", 2]],
    }
    maps = {
        EMBEDDING: [{"to": "u", "from": "x", "c": 1}, {"to": "a", "from": "y", "c": 1}],
        QUERY: [{**block, "to": "f"}], KEY: [{**block, "to": "f"}], VALUE: [block, matrix],
        INNER: [{**block, "to": "h"}], GATE: [{**block, "to": "h"}],
        OUTER: [{**spread, "from": "h"}],
    }  # fmt: skip
    return {
        "witness": {
            "layout": [["u", [2]], ["a", []]],
            "prompt": {
                "form": "joint", "d": 2, "register": False, "positions": 0,
                "parts": [["x", [2]]], "query_parts": ["x"], "targets": 1,
                "encodings": [["bit", [rule]]],
                "embedding": EMBEDDING,
            },
            "start": [0], "steps": [], "end": [], "count": 0,
            "readout": {"slot": "a", "c": 1, "tokens": "query"},
            "examples": None, "vectors": {}, "definitions": [],
        },
        "pools": {
            "layers": [
                {
                    "name": "layer", "heads": [head], "norm": True, "mlp": mlp, "holds": [],
                    "attention_norm": norm, "after_attention": None, "after_mlp": None,
                }
            ],
            "maps": [maps[number] for number in range(7)], "formulas": [], "definitions": [],
            "math": [],
        },
        "prompt": {"X": [[1, 2]], "y": [3], "queries": [[1, 0]]},
    }  # fmt: skip


PROMPT, LAYER = ("witness", "prompt"), ("pools", "layers", 0)
HEAD, MLP_ = (*LAYER, "heads", 0), (*LAYER, "mlp")
MAPS = ("pools", "maps")
BLOCK = (*MAPS, OUTER, 0)
# where, what is put there, and the words that the error has to have
UNKNOWN: list[tuple[tuple[Any, ...], Any, str]] = [
    ((*PROMPT, "form"), "stacked", 'form "stacked"'),
    ((*PROMPT, "register"), "no", 'register "no"'),
    ((*PROMPT, "positions"), -1, "positions -1"),
    ((*PROMPT, "d"), 0, "d 0"),
    ((*MAPS, EMBEDDING, 0, "from"), "x_label", 'slot "x_label"'),
    ((*MAPS, EMBEDDING, 0, "to"), "v", 'slot "v"'),
    ((*PROMPT, "padding"), True, '"padding"'),
    ((*LAYER, "norm"), "yes", 'norm "yes"'),
    ((*LAYER, "dropout"), 1, '"dropout"'),
    ((*HEAD, "attention"), "Softmax", 'attention "Softmax"'),
    ((*HEAD, "keys"), "all", 'keys "all"'),
    ((*HEAD, "average"), "n", 'average "n"'),
    ((*HEAD, "average"), None, "average null"),
    ((*HEAD, "null"), 1, "null 1"),
    ((*HEAD, "null"), True, "null with linear attention"),
    ((*HEAD, "bias"), "band", '"bias"'),
    ((*HEAD, "mask"), "band", "rule without text"),
    ((*HEAD, "mask", "text"), "j <= t + d", '"d"'),
    ((*HEAD, "mask", "text"), "j <= t + r", '"r"'),
    ((*HEAD, "mask", "text"), "tan(t + c)", '"tan"'),
    ((*HEAD, "mask", "text"), "t ? c : 1", "? c : 1"),
    ((*HEAD, "mask", "text"), "j <= (t + c", '"the end"'),
    ((*HEAD, "mask", "text"), "c // t", "divides by 0"),
    ((*HEAD, "mask", "words"), "band", '"words"'),
    ((*HEAD, "mix", "matrix"), [[1, 0]], "is not 2 × 2"),
    ((*HEAD, "mix", "matrix"), None, "rule"),
    ((*LAYER, "attention_norm", "kind"), "batch", '"batch"'),
    ((*LAYER, "attention_norm", "epsilon"), -1, "epsilon -1"),
    ((*LAYER, "attention_norm", "gain"), [["u", [1, 2, 3]]], "gain or bias of u"),
    ((*LAYER, "attention_norm", "bias"), [["v", [1]]], 'slot "v"'),
    ((*LAYER, "after_mlp"), {"kind": "rms"}, "without epsilon"),
    ((*MAPS, KEY, 0, "to"), "g", "do not make the same features"),
    ((*MAPS, QUERY, 0, "to"), "f[0]", 'feature "f[0]"'),
    ((*MAPS, VALUE, 0, "from"), "missing", 'slot "missing"'),
    ((*MAPS, VALUE, 1, "matrix"), [[1, 2, 3]], "does not fit"),
    ((*MAPS, VALUE, 1, "matrix"), [[1], [2]], "does not fit"),
    ((*MAPS, VALUE, 1, "pattern"), "<-i", "a pattern and a matrix"),
    ((*MLP_, "activation"), "tanh", 'activation "tanh"'),
    ((*MAPS, GATE, 0, "to"), "k", "do not make the same hidden units"),
    ((*MLP_, "letters"), [["i", "e"]], "size of a letter"),
    ((*MLP_, "bias"), [], '"bias"'),
    ((*BLOCK, "pattern"), "ij", 'pattern "ij"'),
    ((*BLOCK, "pattern"), "ij<-", "does not fit"),
    ((*BLOCK, "pattern"), "i<-j", "does not fit"),
    ((*BLOCK, "pattern"), None, "pattern null"),
    ((*BLOCK, "to"), "u[2]", "only 2 entries"),
    ((*BLOCK, "c"), ["sinh", 1], "sinh"),
    ((*BLOCK, "c"), ["%", 1, 2], "%"),
    ((*BLOCK, "scale"), 2, '"scale"'),
    ((*MAPS, INNER, 0, "pattern"), "k<-", "letter"),
    ((*PROMPT, "query_parts"), ["z"], 'part of a query "z"'),
    ((*PROMPT, "query_parts"), [], "a query of 2 numbers, not 0"),
    ((*PROMPT, "parts"), [["x", [3]]], "an x of 2 numbers, not 3"),
    ((*PROMPT, "targets"), -1, "targets -1"),
    ((*PROMPT, "targets"), 2, "a y of 1 numbers, not 2"),
    ((*PROMPT, "encodings", 0, 1, 0, "text"), "t % j", '"j"'),
    ((*PROMPT, "encodings", 0, 1, 0, "words"), "bits", '"words"'),
    (("witness", "readout", "slot"), "v", 'slot "v"'),
    (("witness", "readout", "tokens"), "keys", '"keys"'),
    (("witness", "readout", "slot"), "u[2]", "only 2 entries"),
    (("witness", "readout", "offset"), 1, '"offset"'),
    (("witness", "layout", 1, 1), [-1], "shape of a"),
    (("witness", "examples"), 2, "1 examples, not 2"),
    (("prompt", "X"), [[1, 2, 3]], "an x of 3 numbers"),
    (("prompt", "y"), [1, 2], "2 y for 1 x"),
]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = of_everything()
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


def without(path: tuple[Any, ...]) -> dict[str, Any]:
    made = of_everything()
    at = made
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return made


@needs_browser
def test_a_word_that_the_page_does_not_know_is_an_error_that_names_it(
    page: Callable[..., list[Any]],
) -> None:
    whole, *made = page([of_everything(), *(changed(path, value) for path, value, _ in UNKNOWN)])
    assert "error" not in whole
    for (path, value, named), one in zip(UNKNOWN, made, strict=True):
        assert named in one.get("error", f"no error, but {one}"), (path, value)


@needs_browser
def test_a_missing_field_is_an_error_that_names_it(page: Callable[..., list[Any]]) -> None:
    paths = [
        *((*PROMPT, name) for name in ("form", "register", "positions", "d", "targets")),
        *((*PROMPT, name) for name in ("parts", "query_parts", "encodings")),
        *((*LAYER, name) for name in ("name", "norm", "mlp")),
        *((*LAYER, name) for name in ("attention_norm", "after_attention", "after_mlp")),
        *((*LAYER, "attention_norm", name) for name in ("kind", "epsilon", "gain", "bias")),
        *((*HEAD, "mask", name) for name in ("text", "constants", "matrix")),
        *((*HEAD, name) for name in ("name", "attention", "keys", "average", "null")),
        *((*HEAD, name) for name in ("mask", "mix")),
        *((*HEAD, name) for name in ("query", "key", "value")),
        *((*MLP_, name) for name in ("inner", "gate", "outer", "activation", "letters")),
        *((*BLOCK, name) for name in ("to", "from")),
        ("witness", "readout", "slot"),
        ("witness", "readout", "tokens"),
        ("witness", "examples"),
    ]
    for path, one in zip(paths, page([without(path) for path in paths]), strict=True):
        assert path[-1] in one.get("error", f"no error, but {one}"), path
    gone = [without((*LAYER, "heads")), without((*BLOCK, "c"))]
    assert all("error" in one for one in page(gone))


@needs_browser
def test_a_field_that_is_new_reaches_the_page_which_refuses_it(
    page: Callable[..., list[Any]],
) -> None:
    head = Head(slot_map(("f", "a")), slot_map(("f", "a")), slot_map(("a", "a")))
    mlp = MLP(slot_map(("a", "a")))

    def wider(part: Any) -> Any:
        made = make_dataclass(
            type(part).__name__, [("dropout", str, "")], bases=(type(part),), frozen=True
        )
        return made(**vars(part))

    layers = [
        Layer("head", (wider(head),)),
        Layer("mlp", mlp=wider(mlp)),
        wider(Layer("", (head,))),
    ]
    for made in page([exported(small(layer, 0)) for layer in layers]):
        assert '"dropout" is not known' in made["error"]


def test_the_export_has_every_field_of_what_a_construction_is_made_of() -> None:
    known = {
        # inputs, outputs and region say which prompts it is for: nothing of how it runs
        Witness: "name layout prompt layer_list readout parameters definitions examples source "
        "inputs outputs region",
        Parts: "stage readout start step end names also form",
        Stage: "layout embedding register positions examples d parts query_parts",
    }
    for kind, names in known.items():
        assert {one.name for one in fields(kind)} == set(names.split())


def test_the_page_and_the_test_run_the_same_scripts() -> None:
    assert set(SCRIPTS) < set(build.SCRIPTS)
    assert all((Path(build.__file__).parent / name).is_file() for name in SCRIPTS)
