"""One more of each is added from outside: the package is not touched, and all of it knows."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
import torch

import constructions
from constructions import construction
from proofs.prove_witness import prove_witness
from verify.command.cli import main
from verify.quality import readme, resources_table

claims = importlib.import_module("verify.claim")  # `verify.claim` is the decorator

CONSTRUCTION = r'''
"""The moment: one head reads scale * (X^T y)^T x.

Statement: one layer leaves scale * y^T X x at a query x.
"""

from typing import Any

from constructions import notation as n

query, key, value = n.letters("query key value")
moment = n.head("moment", {"x": query}, {"x": key}, {"p": {"y": value}})
LAYER = n.Template(
    "toy_moment.layer",
    n.stage({"x": "x", "y": "y"}, x="d", y="", p=""),
    (n.Layer("moment", (moment,)),),
    r"p_t = \sigma (X^\top y)^\top x_t",
    before={"x": "x_t"},
    after={"x": "x_t", "p": "scale*y.T*X*x_t"},
    parameters=("scale",),
)


def moment_of(values: Any) -> Any:
    return {"m": "scale*X.T*y"}, "m.T*x_t"


def algorithm(X: Any, y: Any, queries: Any, scale: Any) -> Any:
    return scale * (queries @ (X.T @ y))


@n.construction(
    parameters={"scale": n.Number(above=0, example=2, unit="1/top")},
    steps=lambda values: 0,
    reference=moment_of,
    equals=algorithm,
    states=r"x^\top X^\top y",
    computes="a moment",
    proved=(LAYER,),
    source="a toy",
)
def toy_moment(scale: Any) -> n.Parts:
    """The moment of the examples, at every query."""
    return n.Parts(LAYER.stage, n.Readout("p"), LAYER.at(scale=scale))
'''

PAPER = '''
from fractions import Fraction

import constructions
from verify import claim, formula, strategies
from verify.papers import Paper

PAPER = Paper("toy2026", title="Moments", authors="A. Toy", arxiv="2601.00001", version=2)
moment = formula("x_t.T*X.T*y")


@claim("toy2026.lemma1", source=f"{PAPER}, lemma 1", statement="x^T X^T y", algorithm=moment,
       cases=lambda: strategies.prompts(), expected="refuted")
def lemma1(d):
    """As printed: two times the moment."""
    return constructions.build("toy_moment", d=d, scale=2)


@claim("toy2026.lemma1", variant="repaired", source=f"{PAPER}, lemma 1", statement="x^T X^T y",
       algorithm=moment, cases=lambda: strategies.prompts(), repair="scale 1",
       assembled=lambda: [{"d": 3}])
def lemma1_repaired(d):
    """The moment."""
    return constructions.build("toy_moment", d=d, scale=1)
'''


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A construction in a file of its own; forgotten at the end."""
    claims.builtin()  # so that none of them is first registered, and then forgotten, in between
    before = dict(construction.REGISTERED), dict(claims._registry)
    path = tmp_path_factory.mktemp("toy") / "toy_moment.py"
    path.write_text(CONSTRUCTION)
    loaded(path)
    yield path.parent
    for table, kept in zip((construction.REGISTERED, claims._registry), before):
        table.clear()
        table.update(kept)


def test_a_construction_is_checked_proved_shown_and_taught(toy, capsys):
    assert "toy_moment" in constructions.names()
    for call, said in (
        (("check", "toy_moment", "--quick"), "holds"),
        (("prove", "toy_moment"), "toy_moment.layer"),
        (("show", "toy_moment"), "moment"),
        (("trace", "toy_moment"), "moment"),
        (("list",), "toy_moment"),
    ):
        assert main(call) == 0, call
        assert said in capsys.readouterr().out, call
    page = toy / "page.html"
    assert main(("explain", "toy_moment", "-o", str(page))) == 0
    assert "The moment" in page.read_text()


def test_a_construction_is_in_the_tables(toy):
    (row,) = (row for row in resources_table.rows() if row.construction == "toy_moment")
    assert "| `toy_moment` | a moment | 1 | d + 2 | 1 |" in resources_table.markdown([row])
    assert "`toy_moment`" in readme.theorems()


def test_a_wrong_layer_of_it_is_seen(toy):
    theorem = next(t for t in constructions.theorems() if t.id == "toy_moment.layer")
    assert theorem.prove().proved and not theorem.prove(weights={"value": 3}).proved


def test_a_construction_without_an_algorithm_breaks_its_own_claim_alone(toy, capsys):
    plain = constructions.get("toy_moment")
    construction.REGISTERED["toy_alone"] = replace(plain, name="toy_alone", equals="", computes="")
    try:
        assert main(("check", "toy_alone", "toy_moment", "--quick")) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "broken" in said and "holds" in said
    finally:
        del construction.REGISTERED["toy_alone"]
        claims._registry.pop(("toy_alone", "improved"), None)


def test_a_paper_is_a_file_of_claims(toy, capsys):
    path = toy / "toy2026.py"
    path.write_text(PAPER)
    assert main(("check", str(path), "--quick", "--html", str(toy / "report.html"))) == 0
    said = capsys.readouterr().out
    assert "refuted" in said and "derived" in said
    html = (toy / "report.html").read_text()
    assert "toy2026.lemma1" in html and "arXiv:2601.00001v2" in html
    assert "1 statement, 1 refuted (1 repaired)" in html


def test_a_number_system_is_a_class_with_a_name():
    from constructions import numbers
    from constructions.numbers.rational import Rational

    class Noted(Rational):
        """Fractions, and whose prompts came."""

        name = "noted"
        came: ClassVar[list[str]] = []

        def prompts(self, X, y, queries, witness):
            self.came.append(witness.name)
            return super().prompts(X, y, queries, witness)

    numbers.register("noted", Noted)
    try:
        witness = constructions.build("newton", d=1, iterations=1, alpha=1)
        plain = witness.predict([[1]], [1], [[1]], "rational")
        assert "noted" in numbers.names()
        assert list(witness.predict([[1]], [1], [[1]], "noted")) == list(plain)
        assert Noted.came == ["newton"]
        for taken in ("noted", "rational"):
            with pytest.raises(ValueError, match="already"):
                numbers.register(taken, Noted)
    finally:
        numbers._registered.clear()


def test_a_check_is_one_function(toy):
    from verify import Claim, engine, strategies
    from verify.claim import Budget, CheckResult, Differs, check
    from verify.hunt import hunt

    @check("exact", "exact")
    def even(budget, build, factor):
        """Predictions are even numbers times the moment of whole numbers."""

        def test(case):
            got = build(d=case.X.shape[1], scale=factor).predict(
                case.X, case.y, case.queries, "rational"
            )
            odd = next((value for value in got if value % 2), None)
            if odd is not None:
                raise Differs(f"{odd} is odd", case.to_json())

        whole = strategies.prompts(entries=strategies.fractions(3, 1))
        return CheckResult(True, hunt(whole, test, budget))

    toy_moment = constructions.get("toy_moment")
    for factor, verdict in ((2, "holds"), (1, "refuted")):
        claim = Claim("toy.even", checks=lambda: (even(toy_moment, factor),))  # noqa: B023
        report = engine.run(claim, Budget(quick=True))
        assert report.verdict.name == verdict


@pytest.fixture
def kernels():
    """Kinds of attention and activations, forgotten at the end."""
    from proofs.vocabulary import ACTIVATIONS, ATTENTION

    kept = [(table, dict(table)) for table in (ATTENTION, ACTIVATIONS)]
    yield
    for table, before in kept:
        table.clear()
        table.update(before)


def test_an_attention_kind_is_one_call_and_readings_that_lack_it_say_so(toy, kernels):
    from verify import Claim, engine, strategies
    from verify.claim import Budget

    def squared(X, y, queries):
        return ((queries @ X.T) ** 2) @ y

    def build(d):
        plain = constructions.build("toy_moment", d=d, scale=1)
        (layer,) = plain.layer_list
        heads = tuple(replace(head, attention="squared") for head in layer.heads)
        return plain.with_layers((replace(layer, heads=heads, holds=()),))

    constructions.attention(
        "squared", "squared attention", weigh=lambda numbers, s: numbers.multiply(s, s)
    )
    claim = Claim("toy.squared", witness=build, algorithm=squared, cases=strategies.prompts)
    assert engine.run(claim, Budget(quick=True)).verdict.name == "holds"
    witness, prompt = build(2), ([[1.0, 2.0]], [3.0], [[1.0, 1.0]])
    tensors = [torch.tensor(part, dtype=torch.float64) for part in prompt]
    assert witness.to_torch()(*tensors).item() == witness.predict(*prompt).item() == 27.0
    assert list(witness.predict([[1, 2]], [3], [[1, 1]], "rational")) == [27]
    assert np.isfinite(witness.rounding_bound(*prompt, "float32")).all()  # a derived one
    assert type(witness).from_json(witness.to_json()).digest == witness.digest
    proof = prove_witness(witness, statement=({}, "x_t.T*X.T*y"))
    assert not proof.proved and "squared attention" in str(proof.failed)


def test_a_kernel_is_given_to_each_number_system_that_is_to_have_it(toy, kernels):
    from constructions.numbers import Unsupported

    plain = constructions.build("toy_moment", d=1, scale=1)
    (layer,) = plain.layer_list

    def of(attention):
        heads = tuple(replace(head, attention=attention) for head in layer.heads)
        return plain.with_layers((replace(layer, heads=heads, holds=()),))

    constructions.attention("tanh", "tanh", floats=torch.tanh, balls=lambda x: x.tanh())
    constructions.attention("steps", "whole part", rational=lambda x: Fraction(x.__floor__()))
    witness, prompt = of("tanh"), ([[0.5], [2.0]], [1.0, -3.0], [[0.25]])
    wanted = math.tanh(0.125) - 3 * math.tanh(0.5)
    assert witness.irrational and not of("steps").irrational
    (value,), (ball,) = witness.predict(*prompt), witness.predict(*prompt, "ball")
    assert value == pytest.approx(wanted, abs=1e-15) and abs(ball - value) < 1e-15
    tensors = [torch.tensor(part, dtype=torch.float64) for part in prompt]
    assert witness.to_torch()(*tensors).item() == pytest.approx(wanted, abs=1e-15)
    for name, most in (("float64", 1e-14), ("float32", 1e-5), ("bfloat16", 0.3)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", constructions.PrecisionWarning)
            (found,) = witness.predict(*prompt, name)
        assert abs(float(found) - ball) <= most, name
        # nothing says how it carries what another order of the sums rounds
        assert witness.rounding_bound(*prompt, name) == math.inf
    for numbers in ("rational", "symbolic"):
        with pytest.raises(Unsupported, match=f"{numbers} numbers have no tanh"):
            witness.predict([[1]], [1], [[1]], numbers)
    assert list(of("steps").predict([[Fraction(3, 2)]], [1], [[1]], "rational")) == [1]
    with pytest.raises(Unsupported, match="float64 numbers have no steps"):
        of("steps").predict(*prompt)


def test_a_kernel_that_is_off_is_seen(toy, kernels):
    """Floats and balls that are two functions: the warning says how far they are apart."""
    plain = constructions.build("toy_moment", d=1, scale=1)
    (layer,) = plain.layer_list
    constructions.attention("off", "off", floats=lambda x: x + 1, balls=lambda x: x)
    heads = tuple(replace(head, attention="off") for head in layer.heads)
    witness = plain.with_layers((replace(layer, heads=heads, holds=()),))
    prompt = [[0.5]], [1.0], [[0.25]]
    with pytest.warns(constructions.PrecisionWarning, match=r"by 1"):
        witness.predict(*prompt)


def test_an_activation_is_one_call(kernels):
    constructions.activation("cubed", "cubed", apply=lambda numbers, u: numbers.multiply(
        numbers.multiply(u, u), u
    ))  # fmt: skip
    mlp = constructions.MLP(constructions.slot_map(("p", "x[0]")), activation="cubed")
    stream = constructions.layout(x=(1,), p=())
    prompt = constructions.Prompt(1, constructions.slot_map(("x", "x")))
    layers = (constructions.Layer("cube", (), mlp),)
    witness = constructions.Witness("cube", stream, prompt, layers, constructions.Readout("p"))
    assert list(witness.predict([[1]], [1], [[3]], "rational")) == [27]
    given = [torch.tensor(part, dtype=torch.float64) for part in ([[1]], [1], [[3]])]
    assert witness.to_torch()(*given).item() == 27
    proof = prove_witness(witness, statement=({}, "x_t.T*x_t"))
    assert "an activation, cubed" in str(proof.failed)


def test_a_name_of_a_kernel_is_taken_once(kernels):
    def squared(numbers, s):
        return numbers.multiply(s, s)

    for _ in range(2):  # a file that is loaded again says the same again
        constructions.attention("squared", "squared", weigh=squared)
    for name, weigh in (("squared", lambda n, s: s), ("linear", squared), ("softmax", squared)):
        with pytest.raises(ValueError, match=f"there is an attention '{name}' already"):
            constructions.attention(name, "squared", weigh=weigh)
    texts = "FACTOR = {}\nweigh = lambda numbers, s: (lambda: numbers.scale(FACTOR, s))()"
    loaded: list[dict] = [{}, {}, {}]
    for there, factor in zip(loaded, (2, 2, 3)):
        exec(texts.format(factor), there)
    for there in loaded[:2]:
        constructions.attention("scaled", "scaled", weigh=there["weigh"])
    with pytest.raises(ValueError, match="there is an attention 'scaled' already"):
        constructions.attention("scaled", "scaled", weigh=loaded[2]["weigh"])
    for wrong in ({}, {"weigh": squared, "floats": torch.tanh}, {"balls": 1}):
        with pytest.raises(ValueError, match="give one function"):
            constructions.attention("mine", "mine", **wrong)
    with pytest.raises(ValueError, match="the name of a kernel must be text"):
        constructions.activation("", "words", apply=squared)


def test_a_claim_file_may_build_on_the_built_in_claims(tmp_path):
    path = tmp_path / "again.py"
    path.write_text(
        "from verify.claim import Claim, builtin, register\n"
        "newton = next(one for one in builtin() if one.id == 'newton')\n"
        "register(Claim('again.newton', witness=newton.witness, algorithm=newton.algorithm,\n"
        "               cases=newton.cases))\n"
    )
    assert [one.id for one in claims.load_file(path)] == ["again.newton"]
    assert "newton" in {one.id for one in claims.builtin()}


def test_the_layers_of_a_construction_are_made_once_for_every_dimension():
    newton = constructions.get("newton")
    two, three = (newton.of(newton.values(d, 2, Fraction(1, 4))) for d in (2, 3))
    assert two is three and two.layers(3)[:-1] == two.layers(4)[:-2]
    assert two is not newton.of(newton.values(2, 2, Fraction(1, 5)))
