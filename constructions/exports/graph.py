"""A witness as a graph that other programs run: torch.export of `to_torch()`, and ONNX made of it.

A graph is for any number of prompts at once, of examples n and of queries m; but only for the n
that the weights are for, and only for the n and m it is made with where a rule (a mask, a mix, an
encoding of a token's number) says numbers token by token. It asks nothing of what it is given: what
`predict` refuses, such as numbers that are not finite, it computes with.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from proofs.stream import split_entry

from ..run.dense import TransformerModule
from ..weights import Weights

OPSET = 20  # the first with Gelu; IR version 10, read by onnxruntime 1.18 and newer
INPUTS = ("X", "y", "queries")
AXES = {"X": ("batch", "n"), "y": ("batch", "n"), "queries": ("batch", "m")}
ABOUT = "witness"  # under what name a file says what it is


def open_axes(weights: Weights) -> tuple[str, ...]:
    """Those of batch, n and m that may be any number from 1 on."""
    read = {split_entry(block.source)[0] for block in weights.prompt.embedding}
    heads = [head for layer in weights.layer_list for head in layer.heads]
    if any(name in read for name, _ in weights.prompt.encodings) or any(
        head.mask is not None or head.mix is not None for head in heads
    ):
        return ("batch",)
    return ("batch", "m") if weights.examples is not None else ("batch", "n", "m")


def shapes(weights: Weights, n: int, m: int) -> dict[str, list[str | int]]:
    """The axes of what goes in and comes out: names of those that are open, sizes of others."""
    prompt, is_open = weights.prompt, open_axes(weights)
    of = {"batch": None, "n": n, "m": m}
    named = {
        name: [axis if axis in is_open else of[axis] for axis in axes]
        for name, axes in AXES.items()
        if name != "y" or prompt.targets != 0
    }
    named["X"].append(prompt.inputs)
    named["queries"].append(prompt.query_inputs)
    if prompt.targets not in (0, 1):
        named["y"].append(prompt.target_count)
    return named  # type: ignore[return-value]


def graph(module: TransformerModule, n: int, m: int) -> torch.export.ExportedProgram:
    """(X (batch, n, inputs), y, queries) -> predictions, as the module's; its weights by name.

    n and m: of the prompts it is for, where they are not open.
    """
    inputs = shapes(module.witness, n, m)
    names = {axis for axes in inputs.values() for axis in axes if isinstance(axis, str)}
    sizes = {axis: torch.export.Dim(axis, min=1) for axis in sorted(names)}
    # sizes to trace with differ from each other and from 1, which torch takes for fixed
    traced = {"batch": 2, "n": 5, "m": 3}
    arrays = [
        torch.zeros(
            [traced[one] if isinstance(one, str) else one for one in axes], dtype=module.dtype
        )
        for axes in inputs.values()
    ]
    given = {
        name: {place: sizes[axis] for place, axis in enumerate(axes) if isinstance(axis, str)}
        for name, axes in inputs.items()
    }
    with quietly():
        made = torch.export.export(
            module, (), dict(zip(inputs, arrays)), dynamic_shapes=given, strict=False
        )
    for node in made.graph.nodes:  # where in whose files it was made is nobody's business
        node.meta.pop("stack_trace", None)
    return made


@contextmanager
def quietly() -> Iterator[None]:
    """Without what torch's exporters say of themselves."""
    names = ("torch.onnx", "onnxscript", "onnx_ir")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def as_torch(module: TransformerModule, n: int, about: Mapping[str, Any]) -> bytes:
    """A file for torch.export.load."""
    stream = io.BytesIO()
    torch.export.save(graph(module, n, 1), stream, extra_files={ABOUT: json.dumps(about)})
    return stream.getvalue()


def as_safetensors(module: TransformerModule, n: int, about: Mapping[str, Any]) -> bytes:
    """What `module.save` writes, and what it is."""
    return module.serialised(about=json.dumps(about))


def as_onnx(module: TransformerModule, n: int, about: Mapping[str, Any]) -> bytes:
    """An ONNX file whose weights have the module's names, equal ones that of the first.

    Raises ImportError without onnxscript.
    """
    from onnxscript.optimizer import optimize_ir

    weights = set(module.state_dict())

    def folded(node: Any) -> bool | None:
        """Whether a node is computed now: not where a weight would lose its name and shape."""
        return (
            False if any(one is not None and one.name in weights for one in node.inputs) else None
        )

    program = graph(module, n, 1)
    with quietly():
        made: Any = torch.onnx.export(
            program, dynamo=True, input_names=list(about["inputs"]), output_names=["prediction"],
            opset_version=OPSET, optimize=False, verbose=False,
        )  # fmt: skip
        optimize_ir(made.model, should_fold=folded)
    model = made.model_proto
    model.producer_name, model.producer_version = "icl-witness", ""
    entry = model.metadata_props.add()
    entry.key, entry.value = ABOUT, json.dumps(about)
    _axes_by_name(model.graph, about["inputs"])
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    model.graph.name = about["name"]
    return bytes(model.SerializeToString(deterministic=True))


def _axes_by_name(made: Any, wanted: Mapping[str, list[str | int]]) -> None:
    """Axes are called batch, n and m as in what goes in; torch calls them s17 and the like."""
    called = {}
    for one in made.input:
        for axis, name in zip(one.type.tensor_type.shape.dim, wanted[one.name]):
            if axis.dim_param:
                called[axis.dim_param] = name
    for one in (*made.input, *made.output):
        for axis in one.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = called.get(axis.dim_param, axis.dim_param)
