"""shen2023: gradient descent that sees the demonstrations all at once, one by one, or as they come.

The paper sets gradient descent on the whole prompt, which does not know an order, against models
that read it from left to right. Here one layer is one step in each of three ways, which differ in
nothing but the examples that a token sees. Tokens carry x and the residual r = y - w^T x, minus the
prediction at a query; a head adds -rate <x_t, x_j> r_j for every example j that it sees.
"""

from __future__ import annotations

from typing import Any

from proofs.layer import Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import rule
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, whole
from ..witness import Witness


def full_batch(d: int, steps: int, step_size: Any) -> Witness:
    """k = `steps` steps of gradient descent on 1/2 sum (w^T x - y)^2 from zero, in k layers."""
    whole("steps", steps, 0)
    return _descent("full batch", d, [_head(step_size)] * steps, step_size)


def stochastic(d: int, examples: int, step_size: Any) -> Witness:
    """One epoch of stochastic gradient descent: layer i is a step on example i alone."""
    whole("examples", examples)
    heads = [_head(step_size, mask=rule(f"j == {i}")) for i in range(examples)]
    return _descent("stochastic", d, heads, step_size, examples)


def causal(d: int, layers: int, step_size: Any) -> Witness:
    """The layers of `full_batch` with causal attention: a token sees itself and what was before."""
    whole("layers", layers, 0)
    return _descent("causal", d, [_head(step_size, keys="causal")] * layers, step_size)


def _head(step_size: Any, **seen: Any) -> Head:
    rate = number("step_size", step_size)
    return Head(
        query=slot_map(("f", "x")),
        key=slot_map(("f", "x")),
        value=slot_map(("r", "r", -rate)),
        name="gradient",
        **seen,
    )


def _descent(
    kind: str, d: int, heads: list[Head], step_size: Any, examples: int | None = None
) -> Witness:
    return Witness(
        name=f"shen2023, {kind}",
        layout=layout(x=(whole("d", d),), r=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("r", "y"))),
        layer_list=tuple(Layer(f"step {k}", (head,)) for k, head in enumerate(heads, start=1)),
        readout=Readout("r", -1),
        parameters={"d": d, "step_size": step_size},
        examples=examples,
        source="shen2023, the order of the demonstrations",
    )
