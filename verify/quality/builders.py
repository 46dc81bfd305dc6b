"""What is changed in a builder: right for some parameters of a claim, wrong for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, wraps
from operator import eq, is_not, le, ne
from typing import Any

from constructions.witness import Witness
from proofs.slotmap import Block, SlotMap

from .. import hunt
from ..checks import proof
from ..claim import Budget, Claim
from ..strategies import Case
from .mutants import sites, with_head, with_layer, with_prompt

CASES = 60  # cases drawn, as `witness check` draws them
REPEATS = ("steps", "iterations", "layers", "examples")
FROM = (3, 4, 5, 6)  # dimensions from which on a builder is wrong

Parameters = Mapping[str, Any]
Change = Callable[[Witness], Witness]


@dataclass(frozen=True)
class Fault:
    """A builder that is wrong where its parameters are so, and as `change` says.

    `holds` is asked of the parameter `name`, or of all of them where that is ""; `is_size`: the
    parameter is one, of which a result's words can name the values that it speaks of.
    """

    where: str
    holds: Callable[[Any], bool]
    change: Change
    name: str = ""
    is_size: bool = False

    def wrong(self, parameters: Parameters) -> bool:
        """Whether the builder is wrong for these parameters."""
        if not self.name:
            return self.holds(parameters)
        return self.name in parameters and bool(self.holds(parameters[self.name]))

    def built(self, make: Callable[..., Witness]) -> Callable[..., Witness]:
        """The builder with the fault."""

        @wraps(make)
        def faulty(**parameters: Any) -> Witness:
            witness = make(**parameters)
            return self.change(witness) if self.wrong(parameters) else witness

        return faulty


# -- what is wrong ----------------------------------------------------------------------------


def read_out_doubled(witness: Witness) -> Witness:
    """Predictions twice as large."""
    out = witness.readout
    return replace(witness, readout=replace(out, coefficient=out.coefficient * 2))


def weight_off(witness: Witness) -> Witness:
    """The last block that writes to the slot of the read-out off by one part in a million."""
    writing = [
        (site, block)
        for site in sites(witness)
        for block in site.slots
        if site.part in ("value", "outer") and block.destination == witness.readout.slot
    ]
    if not writing:
        return read_out_doubled(witness)
    site, block = writing[-1]
    return site.with_added(replace(block, coefficient=block.coefficient * Fraction(1, 10**6)))


def read_at(kind: str, witness: Witness) -> Witness:
    """The embedding reads x, or the parts of it that a query has, at tokens of one kind alone."""
    parts = witness.prompt.fields.query_parts
    blocks = (
        replace(block, source=f"{block.source}_{kind}") if block.source in parts else block
        for block in witness.prompt.embedding
    )
    return with_prompt(witness, embedding=SlotMap(tuple(blocks)))


def coefficient_changed(witness: Witness) -> Witness:
    """The first value block of every head half as large again: a number of few digits, which Coq
    writes in unary."""
    for number, layer in enumerate(witness.layer_list):
        for h, head in enumerate(layer.heads):
            first, *others = head.value.blocks
            larger = replace(first, coefficient=first.coefficient * Fraction(3, 2))
            layer = with_head(layer, h, value=SlotMap((larger, *others)))
        witness = with_layer(witness, number, layer)
    return witness


def query_copied(witness: Witness) -> Witness:
    """One block more in the embedding: the query's x, into a slot that the layers read."""
    slot = next(name for name in ("z", "t", "fit", "a") if name in witness.layout)
    reads = "query" if witness.layout.shape(slot) == () else "x_query"
    return next(sites(witness)).with_added(Block(slot, reads))


def entry_copied(witness: Witness) -> Witness:
    """One block more in the embedding: the first entry of x, into the read-out's slot."""
    slot = next(name for name in ("p", "fit", "r") if name in witness.layout)
    return next(sites(witness)).with_added(Block(slot, "x[0]"))


CHANGES: dict[str, Change] = {
    "read-out doubled": read_out_doubled,
    "a weight off by 1e-6": weight_off,
    "x_example for x": partial(read_at, "example"),
}


def _always(parameters: Parameters) -> bool:
    return True


# those of which Coq is asked
IN_COQ = (
    Fault("value coefficients half as large again", _always, coefficient_changed),
    Fault("the query copied into the stream", _always, query_copied),
    Fault("x[0] copied into the read-out", _always, entry_copied),
    Fault("x_query for x", _always, partial(read_at, "query")),
    Fault("read-out doubled", _always, read_out_doubled),
    Fault("read-out doubled for d >= 6", partial(le, 6), read_out_doubled, "d"),
    Fault("read-out doubled for d = 7", partial(eq, 7), read_out_doubled, "d"),
)


# -- where it is wrong ------------------------------------------------------------------------


def faults(claim: Claim, seed: int = 0) -> Iterator[Fault]:
    """Faults that the claim's own parameters suggest, each with one of CHANGES in turn."""
    turns = list(CHANGES.items())
    conditions = list(_conditions(drawn(claim, seed)))
    if claim.assembled is not None:  # or nothing ever calls the builder with letters
        conditions.append(("some parameter is a letter", in_letters, "", False))
    for number, (where, holds, name, is_size) in enumerate(conditions):
        what, change = turns[number % len(turns)]
        yield Fault(f"{where}: {what}", holds, change, name, is_size)


Condition = tuple[str, Callable[[Any], bool], str, bool]  # the fields of a fault but for `change`


def _conditions(cases: Sequence[Case]) -> Iterator[Condition]:
    values: dict[str, list[Any]] = {}
    for case in cases:
        for name, value in case.parameters.items():
            values.setdefault(name, []).append(value)
    for least in FROM:
        yield f"d >= {least}", partial(le, least), "d", True
    yield f"d = {FROM[-1]}", partial(eq, FROM[-1]), "d", True
    for name in REPEATS:
        if name in values:
            most = max(values[name])
            for least in dict.fromkeys((2, most, most + 4)):
                yield f"{name} >= {least}", partial(le, least), name, True
    numbers = {
        name: sorted({value for value in seen if isinstance(value, Fraction)})
        for name, seen in values.items()
    }
    varied = min((name for name, found in numbers.items() if len(found) > 2), default="")
    for name, seen in values.items():
        words = sorted({value for value in seen if isinstance(value, str)})
        for word in words if len(words) > 1 else ():
            yield f"{name} = {word}", partial(eq, word), name, False
        if None in seen:
            yield f"{name} given", partial(is_not, None), name, False
        found = numbers[name]
        if 0 in found and len(found) > 1:
            yield f"{name} = 0", partial(eq, 0), name, False
            yield f"{name} not 0", partial(ne, 0), name, False
        if name == varied:
            middle, most = found[len(found) // 2], found[-1]
            yield f"{name} >= {middle}", partial(_number_from, middle), name, False
            above = f"{name} > {most}, which is not drawn"
            yield above, partial(_number_from, most + 1), name, False
    yield "every parameter is a number", lambda parameters: not in_letters(parameters), "", False


def _number_from(least: Fraction, value: Any) -> bool:
    return isinstance(value, (int, Fraction)) and value >= least


def in_letters(parameters: Parameters) -> bool:
    """Whether some parameter is a letter, or has one as an entry."""

    def letters(value: Any) -> bool:
        if isinstance(value, (tuple, list)):
            return any(map(letters, value))
        return isinstance(value, proof.Open) or bool(getattr(value, "free_symbols", None))

    return any(map(letters, parameters.values()))


def drawn(claim: Claim, seed: int) -> list[Case]:
    """The cases that the exact check draws."""
    assert claim.cases is not None
    return hunt.drawn(claim.cases, Budget(seed=seed, cases=CASES), claim.domain)
