"""Witnesses as Coq definitions: the coefficients that run are the coefficients that are proved.

Nothing here is typed by hand. A witness is built with symbols for its real parameters, at several
dimensions and numbers of repeated layers; what it holds is written down as a Coq term of
`Layer.v`, once the text is seen not to depend on d, and the layers are seen to be
`start ++ step repeated ++ end`. A witness that is not of that form raises `NotUniformError`.

The layers of the papers' statements are written likewise. Their weights may know n: see `_in_n`.
Chains of operations, which are no layers of Layer.v, are written by `chains`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from proofs.references import Statement
from proofs.slotmap import SlotMap
from proofs.stream import Layout

from . import chains
from .formulas import PROMPT, Term, formula, unfolded
from .sources import PRIME, SOURCES, STEPS, WRITTEN, Builder, Source, statement_of, witness_of
from .terms import FORMS, NotUniformError, Writer, coefficient

if TYPE_CHECKING:
    from proofs.layer import Layer


def weights_files(
    builders: Mapping[str, Builder] | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """{theory: its text} of the weights, and {source: why it could not be written down}.

    A theory for each construction and for each paper, Weights_newton and Weights_fu2023, so that
    what has other weights leaves the theorems of the others as they were. `builders` replaces how a
    named witness is built; what is not written down leaves its theorems without weights, so they
    cannot compile.
    """
    builders = dict(builders or {})
    written: list[tuple[str, str, Callable[[], str]]] = [
        (source.group, source.name, partial(section, source, builders.get(source.witness)))
        for source in SOURCES
    ]
    written += [
        (chains.PAPER, chain.name, partial(chains.section, chain)) for chain in chains.sources()
    ]
    texts: dict[str, str] = {}
    problems: dict[str, str] = {}
    for group, name, write in written:
        theory = f"Weights_{group}"
        texts.setdefault(theory, HEADER)
        try:
            texts[theory] += "\n" + write()
        except (NotUniformError, ValueError, TypeError) as error:
            problems[name] = str(error)
    return texts, problems


HEADER = """\
(* Written from the assembled witnesses by verify/checks/coq/weights.py. *)
Require Import Prelude Matrices Layer.
"""


def section(source: Source, build: Builder | None = None) -> str:
    """The Coq section that defines embedding, start, step, end and witness of one source.

    `build` replaces how its witness is assembled.
    """
    for n in (1, *WRITTEN) if source.knows_n else ():
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


def _check_n(source: Source, build: Builder | None, n: int) -> None:
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
    build: Builder | None,
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
        + (_formula(source, layers.first) if source.reference else "")
    )


def _formula(source: Source, first: int) -> str:
    """The formula that the witness is to predict, with as many steps as the witness."""
    given = witness_of(source, None, WRITTEN[0], source.least).parameters
    parameters: dict[str, Term] = {}
    for name, value in given.items():
        if name in source.symbols:
            parameters[name] = Term(source.symbols[name])
        elif name == source.vector:
            parameters[name] = Term(name, ("d", "1"))
        elif isinstance(value, tuple) and not any(value):  # a vector that is zero by default
            parameters[name] = PROMPT["O"]
        elif isinstance(value, (int, Fraction)) and name not in ("d", source.repeat):
            parameters[name] = Term(coefficient(value))

    def statement(count: int) -> Statement:
        return statement_of(source, given, count)

    counts = [source.least + extra for extra in STEPS]
    return formula(source.name, statement, counts, parameters, source.least - first)


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
