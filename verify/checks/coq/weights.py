"""Witnesses as Coq definitions: the coefficients that run are the coefficients that are proved.

Nothing here is typed by hand. A witness is built with symbols for its real parameters, at several
dimensions and numbers of repeated layers; what it holds is written down as a Coq term of
`Layer.v`, once the text is seen not to depend on d, and the layers are seen to be
`start ++ step repeated ++ end`. A witness that is not of that form raises `NotUniformError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import constructions
from proofs.stream import Layout

from .terms import FORMS, NotUniformError, Writer

if TYPE_CHECKING:
    from constructions.witness import Witness
    from proofs.layer import Layer

Builder = Callable[..., "Witness"]


@dataclass(frozen=True)
class Source:
    """One witness to write down as `name`: `repeat` counts its repeated layers, from `least`.

    `fixed` are the parameters that stay, `symbols` maps the real parameters to Coq variables;
    `vector` names a parameter of d numbers, a Coq column vector.
    """

    name: str
    witness: str
    repeat: str
    least: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    vector: str | None = None


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
    return (*descent, *newton, *passes, third)


SOURCES = _sources()
# where the weights are seen to be one term: dimensions, and numbers of steps beyond the least
WRITTEN = tuple(range(2, 13))
STEPS = range(6)


def weights_file(builders: Mapping[str, Builder] | None = None) -> tuple[str, dict[str, str]]:
    """The text of Weights.v, and {source: why it could not be written down}.

    `builders` replaces how a named witness is built; what is not written down leaves its theorems
    without weights, so they cannot compile.
    """
    builders = dict(builders or {})
    sections, problems = [], {}
    for source in SOURCES:
        build = builders.get(source.witness) or constructions.function(source.witness)
        try:
            sections.append(section(source, build))
        except (NotUniformError, ValueError, TypeError) as error:
            problems[source.name] = str(error)
    return HEADER + "\n".join(sections), problems


HEADER = """\
(* Written from the assembled witnesses by verify/checks/weights_coq.py. *)
From Coq Require Import String.
From mathcomp Require Import all_ssreflect all_algebra.
Require Import Layer.

Set Implicit Arguments.
Unset Strict Implicit.
Import GRing.Theory.
Local Open Scope ring_scope.
Local Open Scope string_scope.

"""


def section(source: Source, build: Builder) -> str:
    """The Coq section that defines embedding, start, step, end and witness of one source."""
    texts = []
    for d in WRITTEN[:2]:
        runs = [_parts(source, build, d, source.least + extra) for extra in STEPS]
        texts.append(_uniform(source, runs))
    if texts[0] != texts[1]:
        raise NotUniformError(f"{source.name}: the weights at d = 2 and d = 3 are not one term")
    whole = [_whole(_parts(source, build, d, source.least + 2)) for d in WRITTEN]
    for d, text in zip(WRITTEN, whole):
        if text != whole[0]:
            raise NotUniformError(
                f"{source.name}: the weights at d = {d} are not the term at d = {WRITTEN[0]}"
            )
    return texts[0]


def _whole(parts: _Parts) -> tuple[str, ...]:
    layers = parts.writer.layers(parts.layers, parts.layout, 0)
    return parts.embedding, layers, parts.readout, parts.form, parts.register


def letters_of(source: Source, d: int) -> dict[str, Any]:
    """The parameters of a source that are letters, as its theory calls them."""
    import sympy

    given: dict[str, Any] = {name: sympy.Symbol(coq) for name, coq in source.symbols.items()}
    if source.vector:
        given[source.vector] = sympy.symbols(f"{source.vector}_:{d}")
    return given


def witness_of(source: Source, build: Builder | None, d: int, repeats: int) -> Witness:
    """The witness of a source; `build` replaces how it is assembled."""
    build = build or constructions.function(source.witness)
    return build(d=d, **{source.repeat: repeats}, **source.fixed, **letters_of(source, d))


@dataclass(frozen=True)
class _Parts:
    embedding: str
    layers: tuple[Layer, ...]
    layout: Layout
    readout: str
    form: str
    register: str
    writer: Writer


def _parts(source: Source, build: Builder, d: int, repeats: int) -> _Parts:
    witness = witness_of(source, build, d, repeats)
    vector = letters_of(source, d).get(source.vector or "", ())
    prompt, layout = witness.prompt, witness.layout
    writer = Writer(source.name, source.vector, vector, d, prompt.positions)
    return _Parts(
        writer.embedding(prompt, layout, 0),
        witness.layer_list,
        layout,
        writer.readout(witness.readout, layout),
        writer.word(prompt.form, FORMS, "form"),
        writer.boolean(prompt.register),
        writer,
    )


def _uniform(source: Source, runs: Sequence[_Parts]) -> str:
    """Definitions of one source, from runs with least, least + 1, … repeated layers."""
    shortest = runs[0].layers
    length = len(runs[1].layers) - len(shortest)
    if len({(r.embedding, r.readout, r.form, r.register) for r in runs}) > 1 or length < 1:
        raise NotUniformError(f"{source.name}: no layer is repeated, or the embedding varies")
    cuts = [(split, extra) for extra in {source.least, 0} for split in range(len(shortest) + 1)]
    for split, extra in sorted(cuts, key=lambda cut: -cut[1]):
        found = _split(runs, split, length, extra)
        if found:
            break
    else:
        raise NotUniformError(f"{source.name}: the layers are not start, step repeated, end")
    start, step, end = found
    name = source.name
    indexed = {part: "(i + " in text for part, text in (("step", step), ("end", end))}
    binder = {part: " (i : nat)" if indexed[part] else "" for part in indexed}
    steps = (
        f"flatten (map {name}_step (iota 0 k))"
        if indexed["step"]
        else f"flatten (nseq k {name}_step)"
    )
    ends = f"{name}_end k" if indexed["end"] else f"{name}_end"
    parameters = "".join(f"Variable {coq} : F.\n" for coq in source.symbols.values())
    if source.vector:
        parameters += f"Variable {source.vector} : 'cV[F]_d.\n"
    return (
        f"Section {name}.\nVariables (F : fieldType) (d : nat).\n{parameters}"
        f"Definition {name}_embedding : slotmap F d :=\n  {runs[0].embedding}.\n"
        f"Definition {name}_start : seq (layer F d) :=\n  {start}.\n"
        f"Definition {name}_step{binder['step']} : seq (layer F d) :=\n  {step}.\n"
        f"Definition {name}_end{binder['end']} : seq (layer F d) :=\n  {end}.\n"
        f"Definition {name} (k : nat) : witness F d :=\n"
        f"  Witness {runs[0].form} {runs[0].register} {name}_embedding\n"
        f"    ({name}_start ++ {steps} ++ {ends})\n    {runs[0].readout}.\n"
        f"End {name}.\n"
    )


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
