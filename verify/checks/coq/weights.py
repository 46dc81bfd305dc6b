"""Witnesses as Coq definitions: the coefficients that run are the coefficients that are proved.

Nothing here is typed by hand. A witness is built with symbols for its real parameters, at several
dimensions and numbers of repeated layers; what it holds is written down as a Coq term of
`Layer.v`, once the text is seen not to depend on d, and the layers are seen to be
`start ++ step repeated ++ end`. A witness that is not of that form raises `NotUniformError`.

The layers of the papers' statements are written likewise. Their weights may know n: see `_in_n`.
Chains of operations, which are no layers of Layer.v, are written by `chains`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import constructions
from proofs.references import REFERENCES, Statement
from proofs.slotmap import SlotMap
from proofs.stream import Layout

from . import chains
from .formulas import Term, formula, unfolded
from .terms import FORMS, NotUniformError, Rows, Writer

if TYPE_CHECKING:
    from constructions.witness import Witness
    from proofs.layer import Layer

Builder = Callable[..., "Witness"]


@dataclass(frozen=True)
class Source:
    """One witness to write down as `name`: `repeat` counts its repeated layers, from `least`.

    `fixed` are the parameters that stay, `symbols` maps the real parameters to Coq variables;
    `vector` names a parameter of d numbers, a Coq column vector. `witness` is a construction, or a
    builder of constructions.papers. Of a witness without `repeat` that is not `whole` (its
    embedding or its read-out has no word in Layer.v) only the layers are written.

    knows_n: its weights depend on n, a natural number in Coq. matrix: a parameter of d x d numbers
    that the layers do not depend on, in place of d. one_token: causal heads are written as they are
    at one token, whose context is what it sees.
    """

    name: str
    witness: str
    repeat: str | None = None
    least: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    vector: str | None = None
    whole: bool = True
    knows_n: bool = False
    matrix: str | None = None
    one_token: bool = False

    @property
    def builder(self) -> Builder:
        """What makes the witness."""
        module, _, function = self.witness.rpartition(".")
        if not module:
            return constructions.get(self.witness)
        made: Builder = getattr(import_module(f"constructions.papers.{module}"), function)
        return made

    def parameters(self, d: int, repeats: int, n: int) -> dict[str, Any]:
        """What the builder is called with."""
        identity = tuple(tuple(int(i == j) for j in range(d)) for i in range(d))
        made = {**self.fixed, **letters_of(self, d)}
        made |= {self.matrix: identity} if self.matrix else {"d": d}
        made |= {self.repeat: repeats} if self.repeat else {}
        return made | ({"examples": n} if self.knows_n else {})

    def explicit(self, d: int) -> dict[Rows, tuple[str, str]]:
        """What its explicit matrices are called in Coq (`terms.Writer`)."""
        if not self.vector:
            return {}
        return {(letters_of(self, d)[self.vector],): (f"(Row {self.vector})", "Scalar")}

    @property
    def variables(self) -> str:
        """The sentences that declare its parameters in Coq."""
        made = "Variables (F : fieldType) (d : nat).\n"
        made += "Variable n : nat.\n" if self.knows_n else ""
        made += "".join(f"Variable {coq} : F.\n" for coq in self.symbols.values())
        return made + (f"Variable {self.vector} : 'cV[F]_d.\n" if self.vector else "")


@dataclass(frozen=True)
class TokenSource(Source):
    """Layers on whole tokens (x, y) of dx + dy = d numbers, their matrices made of blocks.

    W0 (dy, dx) is open; dx and dy take turns at being the smaller one.
    """

    def parameters(self, d: int, repeats: int, n: int) -> dict[str, Any]:
        return {**self.fixed, **letters_of(self, d), "W0": self._start(d), "examples": n}

    def explicit(self, d: int) -> dict[Rows, tuple[str, str]]:
        W0, (dx, dy) = self._start(d), self._sizes(d)

        def rows(unit: int, below: Rows, last: int) -> Rows:
            """unit * I and zeros above; `below` and last * I under them."""
            above = [[unit * (i == j) for j in range(d)] for i in range(dx)]
            under = [[*below[i], *(last * (i == j) for j in range(dy))] for i in range(dy)]
            return tuple(map(tuple, above + under))

        return {
            rows(1, ((0,) * dx,) * dy, 0): ("(Apply (block_mx 1%:M 0 0 0))", "Vector"),
            rows(0, W0, -1): ("(Apply (block_mx 0 0 W0 (- 1%:M)))", "Vector"),
        }

    @property
    def variables(self) -> str:
        made = "Variables (F : fieldType) (dx dy n : nat).\nLet d := (dx + dy)%N.\n"
        made += "".join(f"Variable {coq} : F.\n" for coq in self.symbols.values())
        return made + "Variable W0 : 'M[F]_(dy, dx).\n"

    def _sizes(self, d: int) -> tuple[int, int]:
        dx = (1, d - 1, d // 2)[d % 3]
        return dx, d - dx

    def _start(self, d: int) -> Rows:
        import sympy

        dx, dy = self._sizes(d)
        return tuple(tuple(sympy.Symbol(f"W0_{i}_{j}") for j in range(dx)) for i in range(dy))


def _sources() -> tuple[Source, ...]:
    descent = [
        Source(
            f"gradient_descent_{loss}{'_ridge' * ridge}{'_zero' * (not start)}",
            "gradient_descent",
            "steps",
            fixed={"loss": loss},
            symbols={"step_size": "eta"} | ({"ridge": "lambda"} if ridge else {}),
            vector="w0" if start else None,
        )
        for loss in ("sum", "mean")
        for ridge in (False, True)
        for start in (True, False)
    ]
    newton = [
        Source(
            "newton" + suffix,
            "newton",
            "iterations",
            fixed={"attention": attention, "prompt": prompt},
            symbols={"alpha": "alpha"},
        )
        for suffix, attention, prompt in (
            ("", "linear", "joint"),
            ("_relu", "relu", "joint"),
            ("_interleaved", "linear", "interleaved"),
            ("_relu_interleaved", "relu", "interleaved"),
        )
    ]
    passes = [
        Source(
            f"sherman_morrison_{storage}",
            "sherman_morrison",
            "examples",
            least=1,
            fixed={"storage": storage},
            symbols={"ridge": "lambda"},
        )
        for storage in ("matrix", "tokens")
    ]
    third = Source("hyperpower", "hyperpower", "iterations", symbols={"alpha": "alpha"})
    return (*descent, *newton, *passes, third, *_papers())


def _papers() -> Iterator[Source]:
    for printed, variant in ((True, "printed"), (False, "repaired")):
        fixed = {"printed": printed}
        yield Source(f"fu2023_eq21_{variant}", "fu2023.statements.eq21", fixed=fixed)
        layers = Source("", "", fixed=fixed, whole=False, knows_n=True)
        yield replace(
            layers,
            name=f"fu2023_eq24_{variant}",
            witness="fu2023.statements.eq24",
            symbols={"alpha": "alpha"},
        )
        yield replace(
            layers,
            name=f"fu2023_eq30_{variant}",
            witness="fu2023.statements.eq30",
            matrix="T",
        )
        yield replace(
            layers,
            name=f"fu2023_remarkB6_{variant}",
            witness="fu2023.statements.remark_b6",
            matrix="T",
            one_token=True,
        )
    yield Source("fu2023_lemmaB3", "fu2023.statements.lemma_b3", whole=False, knows_n=True)
    yield TokenSource(
        "vonoswald2022_prop1",
        "vonoswald2022.prop1_blocks",
        symbols={"step_size": "eta"},
        whole=False,
        knows_n=True,
    )
    descent = Source("", "", symbols={"step_size": "eta"}, vector="w0", knows_n=True)
    yield replace(
        descent, name="vonoswald2022_ksteps", witness="vonoswald2022.ksteps", repeat="steps"
    )
    yield replace(
        descent,
        name="vonoswald2022_gdpp",
        witness="vonoswald2022.gdpp",
        repeat="layers",
        symbols={"step_size": "eta", "gamma": "gamma"},
    )


SOURCES = _sources()
# where the weights are seen to be one term: dimensions, and numbers of steps beyond the least
WRITTEN = tuple(range(2, 13))
STEPS = range(6)
PRIME = 101  # the number of examples for which weights that know it are built


def weights_file(builders: Mapping[str, Builder] | None = None) -> tuple[str, dict[str, str]]:
    """The text of Weights.v, and {source: why it could not be written down}.

    `builders` replaces how a named witness is built; what is not written down leaves its theorems
    without weights, so they cannot compile.
    """
    builders = dict(builders or {})
    sections, problems = [], {}
    for source in SOURCES:
        build = builders.get(source.witness) or source.builder
        try:
            sections.append(section(source, build))
        except (NotUniformError, ValueError, TypeError) as error:
            problems[source.name] = str(error)
    for chain in chains.sources():
        try:
            sections.append(chains.section(chain))
        except (NotUniformError, ValueError, TypeError) as error:
            problems[chain.name] = str(error)
    return HEADER + "\n".join(sections), problems


HEADER = """\
(* Written from the assembled witnesses by verify/checks/coq/weights.py. *)
Require Import Prelude Matrices Layer.

"""


def section(source: Source, build: Builder) -> str:
    """The Coq section that defines embedding, start, step, end and witness of one source."""
    for n in (*WRITTEN, PRIME) if source.knows_n else ():
        _check_n(source, build, n)
    texts = []
    for d in WRITTEN[:2]:
        if source.repeat is None:
            texts.append(_definitions(source, _parts(source, build, d, 0)))
            continue
        runs = [_parts(source, build, d, source.least + extra) for extra in STEPS]
        texts.append(_uniform(source, runs))
    if texts[0] != texts[1]:
        raise NotUniformError(f"{source.name}: the weights at d = 2 and d = 3 are not one term")
    whole = [_texts(_parts(source, build, d, source.least + 2)) for d in WRITTEN]
    for d, text in zip(WRITTEN, whole):
        if text != whole[0]:
            raise NotUniformError(
                f"{source.name}: the weights at d = {d} are not the term at d = {WRITTEN[0]}"
            )
    return texts[0]


def _texts(parts: _Parts) -> tuple[str, ...]:
    layers = parts.writer.layers(parts.layers, parts.layout, 0)
    return parts.embedding, layers, parts.readout, parts.form, parts.register


def letters_of(source: Source, d: int) -> dict[str, Any]:
    """The parameters of a source that are letters, as its theory calls them."""
    import sympy

    given: dict[str, Any] = {name: sympy.Symbol(coq) for name, coq in source.symbols.items()}
    if source.vector:
        given[source.vector] = sympy.symbols(f"{source.vector}_:{d}")
    return given


def witness_of(
    source: Source, build: Builder | None, d: int, repeats: int, n: int = PRIME
) -> Witness:
    """The witness of a source; `build` replaces how it is assembled."""
    return (build or source.builder)(**source.parameters(d, repeats, n))


# -- weights that know n ----------------------------------------------------------------------


def _in_n(coefficient: Any) -> Any:
    """A coefficient of a witness built for PRIME examples, as a function of n.

    PRIME is no factor of any number that a paper prints: it comes in by n alone, and its power is
    that of n. That the builder says so for other n too is seen by `_check_n`.
    """
    import sympy

    value = sympy.sympify(coefficient)
    if value.is_Add:
        return sum(_in_n(part) for part in value.args)
    number, letters = value.as_coeff_Mul()
    if number == 0:
        return value
    power = sympy.multiplicity(PRIME, number.p) - sympy.multiplicity(PRIME, number.q)
    return (
        number / sympy.Integer(PRIME) ** power * sympy.Symbol("n", integer=True) ** power * letters
    )


def _check_n(source: Source, build: Builder, n: int) -> None:
    """Raises NotUniformError where the layers for n examples are not those written, at this n."""

    import sympy

    def at_n(coefficient: Any) -> Any:
        return sympy.sympify(coefficient).subs(sympy.Symbol("n", integer=True), n)

    d, repeats = WRITTEN[0], source.least + 1
    written = _parts(source, build, d, repeats)
    wanted = _parts(source, build, d, repeats, n, lambda coefficient: coefficient)
    layers = [_changed(layer, at_n) for layer in written.layers]
    if _texts(replace(written, layers=tuple(layers))) != _texts(wanted):
        raise NotUniformError(f"{source.name}: the weights at n = {n} are not those at {PRIME}")


def _changed(layer: Layer, change: Callable[[Any], Any]) -> Layer:
    """The layer with other coefficients."""

    def slots(old: SlotMap) -> SlotMap:
        return SlotMap(
            tuple(replace(block, coefficient=change(block.coefficient)) for block in old)
        )

    heads = tuple(
        replace(head, query=slots(head.query), key=slots(head.key), value=slots(head.value))
        for head in layer.heads
    )
    mlp = layer.mlp
    if mlp is not None:
        inner, gate = (m if m is None else slots(m) for m in (mlp.inner, mlp.gate))
        mlp = replace(mlp, outer=slots(mlp.outer), inner=inner, gate=gate)
    return replace(layer, heads=heads, mlp=mlp)


def _of_one_token(layer: Layer) -> Layer:
    """A causal layer at one token: its context is the tokens that it sees, itself among them."""
    heads = tuple(
        replace(head, keys="context", average="examples" if head.average else "")
        if head.keys == "causal"
        else head
        for head in layer.heads
    )
    return replace(layer, heads=heads)


@dataclass(frozen=True)
class _Parts:
    embedding: str
    layers: tuple[Layer, ...]
    layout: Layout
    readout: str
    form: str
    register: str
    writer: Writer


def _parts(
    source: Source,
    build: Builder,
    d: int,
    repeats: int,
    n: int = PRIME,
    in_n: Callable[[Any], Any] = _in_n,
) -> _Parts:
    witness = witness_of(source, build, d, repeats, n)
    prompt, layout, layers = witness.prompt, witness.layout, witness.layer_list
    if source.knows_n:
        layers = tuple(_changed(layer, in_n) for layer in layers)
    if source.one_token:
        layers = tuple(map(_of_one_token, layers))
    writer = Writer(source.name, source.explicit(d), d, prompt.positions)
    return _Parts(
        writer.embedding(prompt, layout, 0) if source.whole else "",
        layers,
        layout,
        writer.readout(witness.readout, layout) if source.whole else "",
        writer.word(prompt.form, FORMS, "form"),
        writer.boolean(prompt.register),
        writer,
    )


def _definitions(source: Source, parts: _Parts) -> str:
    """Definitions of a source none of whose layers is repeated."""
    name = source.name
    embedding, layers, readout, form, register = _texts(parts)
    whole = (
        f"Definition {name} : witness F d :=\n"
        f"  Witness {form} {register}\n    ({embedding})\n    {name}_layers\n    {readout}.\n"
    )
    return (
        f"Section {name}.\n{source.variables}"
        f"Definition {name}_layers : seq (layer F d) :=\n  {layers}.\n"
        + (whole if source.whole else "")
        + f"End {name}.\n"
        + unfolded("weights", name, ("", "_layers") if source.whole else ("_layers",))
    )


@dataclass(frozen=True)
class _Repetition:
    """start ++ step * k ++ end as Coq texts, k counted from `first`."""

    start: str
    step: str
    end: str
    first: int


def _repetition(source: Source, runs: Sequence[_Parts]) -> _Repetition:
    """The layers of runs with least, least + 1, … repeated layers."""
    shortest = runs[0].layers
    length = len(runs[1].layers) - len(shortest)
    if len({(r.embedding, r.readout, r.form, r.register) for r in runs}) > 1 or length < 1:
        raise NotUniformError(f"{source.name}: no layer is repeated, or the embedding varies")
    cuts = [(split, extra) for extra in {source.least, 0} for split in range(len(shortest) + 1)]
    for split, extra in sorted(cuts, key=lambda cut: -cut[1]):
        found = _split(runs, split, length, extra)
        if found:
            return _Repetition(*found, extra)
    raise NotUniformError(f"{source.name}: the layers are not start, step repeated, end")


def _uniform(source: Source, runs: Sequence[_Parts]) -> str:
    """Definitions of one source, from runs with least, least + 1, … repeated layers."""
    layers = _repetition(source, runs)
    name = source.name
    indexed = {p: "(i + " in text for p, text in (("step", layers.step), ("end", layers.end))}
    binder = {part: " (i : nat)" if indexed[part] else "" for part in indexed}
    steps = (
        f"flatten (map {name}_step (iota 0 k))"
        if indexed["step"]
        else f"flatten (nseq k {name}_step)"
    )
    ends = f"{name}_end k" if indexed["end"] else f"{name}_end"
    return (
        f"Section {name}.\n{source.variables}"
        f"Definition {name}_embedding : slotmap F d :=\n  {runs[0].embedding}.\n"
        f"Definition {name}_start : seq (layer F d) :=\n  {layers.start}.\n"
        f"Definition {name}_step{binder['step']} : seq (layer F d) :=\n  {layers.step}.\n"
        f"Definition {name}_end{binder['end']} : seq (layer F d) :=\n  {layers.end}.\n"
        f"Definition {name} (k : nat) : witness F d :=\n"
        f"  Witness {runs[0].form} {runs[0].register} {name}_embedding\n"
        f"    ({name}_start ++ {steps} ++ {ends})\n    {runs[0].readout}.\n"
        f"End {name}.\n"
        + unfolded("weights", name, ("", "_embedding", "_start", "_step", "_end"))
        + (_formula(source, layers.first) if source.witness in REFERENCES else "")
    )


def _formula(source: Source, first: int) -> str:
    """The formula that the witness is to predict, with as many steps as the witness."""
    parameters = {name: Term(coq) for name, coq in source.symbols.items()}
    if source.vector:
        parameters[source.vector] = Term(source.vector, ("d", "1"))

    def statement(count: int) -> Statement:
        return statement_of(source, parameters, count)

    counts = [source.least + extra for extra in STEPS]
    return formula(source.name, statement, counts, parameters, source.least - first)


def statement_of(source: Source, letters: Mapping[str, Any], repeats: int) -> Statement:
    """The formula of a source: definitions in order, and the prediction."""
    assert source.repeat is not None
    return REFERENCES[source.witness]({**source.fixed, **letters, source.repeat: repeats})


def _split(
    runs: Sequence[_Parts], split: int, length: int, extra: int
) -> tuple[str, str, str] | None:
    """(start, step, end), if every run is start, its steps, end when cut after `split` layers.

    Run number c has c + extra steps.
    """
    found: set[tuple[str, str, str]] = set()
    for count, run in enumerate(runs, start=extra):
        stop = split + count * length
        if len(run.layers) != len(runs[0].layers) + (count - extra) * length:
            return None

        def text(start: int, end: int, base: int, run: _Parts = run) -> str:
            return run.writer.layers(run.layers[start:end], run.layout, base)

        steps = [text(split + i * length, split + (i + 1) * length, i) for i in range(count)]
        found |= {(text(0, split, 0), step, text(stop, len(run.layers), count)) for step in steps}
        if len(found) > 1:
            return None
    start, step, end = found.pop()
    return (start.replace("(i + ", "(0 + "), step, end)
