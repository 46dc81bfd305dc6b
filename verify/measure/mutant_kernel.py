"""What Coq's kernel says of a few wrong builders: their weights written down, their theorem tried.

A builder whose weights cannot be written down, because they are not one term for every d, or have
no form in Coq, is noticed before Coq is run; any other has to leave its theorem unproved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import constructions
from constructions.witness import Witness
from proofs.slotmap import Block, SlotMap

from ..checks.coq import kernel
from ..checks.coq.weights import weights_file
from .mutant_builders import Fault, read_out_doubled

IN_COQ = "written in Coq"

# what the kernel proves of each witness here, and the source of its weights
THEOREMS = {
    "newton": ("Newton.newton_predicts", "newton"),
    "gradient_descent": ("GradientDescent.sum_predicts", "gradient_descent_sum"),
    "sherman_morrison": ("TokenRidge.tokens_predict_ridge", "sherman_morrison_tokens"),
    "hyperpower": ("Hyperpower.hyperpower_predicts", "hyperpower"),
}

NOT_ABOUT_THE_WEIGHTS = ("out of time", "Stack overflow", "Out of memory")

# where a block more of the embedding makes a difference: the first of these slots that there is
FILLED = ("z", "t", "fit", "a")
READ_OUT = ("p", "fit", "r")


def coefficient_changed(witness: Witness) -> Witness:
    """The first value block of every head half as large again: a number of few digits, which Coq
    writes in unary."""

    def larger(slots: SlotMap) -> SlotMap:
        first, *others = slots.blocks
        return SlotMap((replace(first, coefficient=first.coefficient * Fraction(3, 2)), *others))

    return witness.with_layers(
        tuple(
            replace(layer, heads=tuple(replace(h, value=larger(h.value)) for h in layer.heads))
            for layer in witness.layer_list
        )
    )


def query_copied(witness: Witness) -> Witness:
    """One block more in the embedding: the query's x, into a slot that the layers read."""
    slot = _first(FILLED, witness)
    reads = "query" if witness.layout.shape(slot) == () else "x_query"
    return _with_embedded(witness, Block(slot, reads))


def entry_copied(witness: Witness) -> Witness:
    """One block more in the embedding: the first entry of x, into the read-out's slot."""
    return _with_embedded(witness, Block(_first(READ_OUT, witness), "x[0]"))


def x_query_for_x(witness: Witness) -> Witness:
    """The embedding reads x_query where it read x: the examples' x is gone."""
    made = (
        replace(block, source="x_query") if block.source == "x" else block
        for block in witness.prompt.embedding
    )
    slots = SlotMap(tuple(made))
    return replace(witness, prompt=replace(witness.prompt, embedding=slots))


def _first(names: Sequence[str], witness: Witness) -> str:
    return next(name for name in names if name in witness.layout)


def _with_embedded(witness: Witness, added: Block) -> Witness:
    prompt = witness.prompt
    slots = SlotMap((*prompt.embedding.blocks, added))
    return replace(witness, prompt=replace(prompt, embedding=slots))


def _always(parameters: Any) -> bool:
    return True


FAULTS: tuple[Fault, ...] = (
    Fault("value coefficients half as large again", _always, coefficient_changed),
    Fault("the query copied into the stream", _always, query_copied),
    Fault("x[0] copied into the read-out", _always, entry_copied),
    Fault("x_query for x", _always, x_query_for_x),
    Fault("read-out doubled", _always, read_out_doubled),
    Fault("read-out doubled for d >= 6", lambda p: p["d"] >= 6, read_out_doubled, "d"),
    Fault("read-out doubled for d = 7", lambda p: p["d"] == 7, read_out_doubled, "d"),
)  # fmt: skip


def judge(name: str, fault: Fault) -> tuple[bool | None, str]:
    """Whether the kernel leaves the theorem of a witness unproved, and why if it does not."""
    theorem, source = THEOREMS[name]
    if reason := kernel.why_not():
        return None, reason
    if (wrong := unwritten(name, fault)) is not None:
        return True, wrong
    (result,) = kernel.run([theorem], {name: fault.built(constructions.function(name))}, jobs=1)
    if result.status == "proved":
        return False, f"{theorem} is proved of it"
    if result.status == "not run" or any(said in result.log for said in NOT_ABOUT_THE_WEIGHTS):
        return None, result.log or "not run"
    return True, result.log


def unwritten(name: str, fault: Fault) -> str | None:
    """Why its weights cannot be written down for Coq; None if they can."""
    _, source = THEOREMS[name]
    _, problems = weights_file({name: fault.built(constructions.function(name))})
    return problems.get(source)
