"""What is changed in a witness to see that it is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from constructions.witness import Witness
from proofs.slotmap import SlotMap
from verify.quality.mutants import sites

TINY = Fraction(1, 10**9)


def times(factor: Any, slots: SlotMap, number: int = 0) -> SlotMap:
    """One block of a slot map times a factor."""
    blocks = list(slots.blocks)
    blocks[number] = replace(blocks[number], coefficient=blocks[number].coefficient * factor)
    return SlotMap(tuple(blocks))


def every_head(witness: Witness, **fields: Any) -> Witness:
    """All heads of all layers with other fields; keys="full": the query among the keys."""
    return witness.with_layers(
        tuple(
            replace(layer, heads=tuple(replace(head, **fields) for head in layer.heads))
            for layer in witness.layer_list
        )
    )


def every_value(witness: Witness, factor: Any) -> Witness:
    """All that heads add, times a factor; what the slots should hold is left out."""

    def of(slots: SlotMap) -> SlotMap:
        return SlotMap(tuple(replace(b, coefficient=b.coefficient * factor) for b in slots.blocks))

    return witness.with_layers(
        tuple(
            replace(
                layer, heads=tuple(replace(h, value=of(h.value)) for h in layer.heads), holds=()
            )
            for layer in witness.layer_list
        )
    )


def every_weight(witness: Witness, factor: Any) -> Witness:
    """All weights of all layers times a factor; what the slots should hold is left out."""

    def of(slots: SlotMap | None) -> SlotMap | None:
        if slots is None:
            return None
        return SlotMap(tuple(replace(b, coefficient=b.coefficient * factor) for b in slots.blocks))

    def all_of(part: Any, *names: str) -> Any:
        return replace(part, **{name: of(getattr(part, name)) for name in names})

    return witness.with_layers(
        tuple(
            replace(
                layer,
                heads=tuple(all_of(head, "query", "key", "value") for head in layer.heads),
                mlp=layer.mlp and all_of(layer.mlp, "inner", "gate", "outer"),
                holds=(),
            )
            for layer in witness.layer_list
        )
    )


def without_layer(witness: Witness, number: int) -> Witness:
    return witness.with_layers(witness.layer_list[:number] + witness.layer_list[number + 1 :])


def built_as(build: Callable[..., Witness], change: Callable[[Witness], Witness]) -> Any:
    """The builder whose witnesses are changed."""
    return lambda *given, **named: change(build(*given, **named))


def changed_weights(witness: Witness, *factors: Any) -> Iterator[tuple[str, Witness]]:
    """One block of one layer times a factor, and where."""
    for site in sites(witness):
        for number, block in enumerate(site.slots if site.part != "embedding" else ()):
            for factor in factors:
                other = replace(block, coefficient=block.coefficient * factor)
                yield f"{site.where}: {block}", site.with_block(number, other)
