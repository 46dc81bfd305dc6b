"""Weights from the plain JSON data that `Weights.to_json` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from proofs.formula import scalar
from proofs.layer import MLP, OTHER_NORMS, Head, Layer, Norm, Readout
from proofs.prompt import Prompt
from proofs.rule import Rule
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, Slot

W = TypeVar("W")
FIELDS = "parts query_parts targets encodings"  # of a prompt, where they are not the default


def from_json(data: Mapping[str, Any], make: Callable[..., W]) -> W:
    """Weights of type `make`; annotations are not part of the data.

    Raises ValueError if it does not fit, names a key that is not known, or lacks one.
    """
    _known(data, "the witness", "name layout prompt layers readout examples")
    prompt, readout = data["prompt"], data["readout"]
    _known(prompt, "the prompt", "form d register positions embedding", FIELDS)
    _known(readout, "the readout", "slot coefficient", "tokens")
    try:
        return make(
            name=_text(data["name"], "the name"),
            layout=Layout(tuple(Slot(n, tuple(shape)) for n, shape in data["layout"].items())),
            prompt=Prompt(
                d=prompt["d"],
                embedding=_slots(prompt["embedding"], "the embedding"),
                form=prompt["form"],
                register=prompt["register"],
                positions=prompt["positions"],
                **_fields(prompt),
            ),
            layer_list=tuple(
                _layer(layer, f"layer {number}")
                for number, layer in enumerate(data["layers"], start=1)
            ),
            readout=Readout(
                readout["slot"], scalar(readout["coefficient"]), readout.get("tokens", "query")
            ),
            examples=data["examples"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no witness: {error!r}") from None


def _fields(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """What tokens carry, where that is said."""
    made = {name: prompt[name] for name in FIELDS.split() if name in prompt}
    if "parts" in made:
        shapes = made["parts"].items()
        made["parts"] = Layout(tuple(Slot(name, tuple(shape)) for name, shape in shapes))
    if "encodings" in made:
        made["encodings"] = tuple(
            (name, tuple(_rule(one, f"encoding {name}") for one in rules))
            for name, rules in made["encodings"]
        )
    return made


def _layer(data: Mapping[str, Any], where: str) -> Layer:
    _known(data, where, "name heads norm mlp", " ".join(OTHER_NORMS))
    heads = tuple(
        _head(head, f"{where}, head {number}") for number, head in enumerate(data["heads"], start=1)
    )
    mlp = None if data["mlp"] is None else _mlp(data["mlp"], f"{where}, mlp")
    norms = {
        field: _norm(data[field], f"{where}, {field}")
        for field in ("norm", *OTHER_NORMS)
        if field in data
    }
    return Layer(_text(data["name"], f"{where}, name"), heads, mlp, **norms)


def _norm(data: Any, where: str) -> Any:
    """A norm, or whether there is one."""
    if not isinstance(data, Mapping):
        return data
    _known(data, where, "kind epsilon gain bias")
    gain, bias = (
        tuple(
            (slot, tuple(map(scalar, value)) if isinstance(value, list) else scalar(value))
            for slot, value in data[what].items()
        )
        for what in ("gain", "bias")
    )
    return Norm(data["kind"], scalar(data["epsilon"]), gain, bias)


def _rule(data: Any, where: str) -> Rule:
    _known(data, where, "", "text constants matrix")
    if "matrix" in data:
        _known(data, where, "matrix")
        return Rule(matrix=tuple(tuple(map(scalar, row)) for row in data["matrix"]))
    _known(data, where, "text constants")
    constants = tuple((name, scalar(value)) for name, value in data["constants"].items())
    return Rule(_text(data["text"], where), constants)


def _head(data: Mapping[str, Any], where: str) -> Head:
    _known(data, where, "name query key value attention keys average null", "mask mix")
    rules = {
        what: _rule(data[what], f"{where}, {what}") for what in ("mask", "mix") if what in data
    }
    return Head(
        query=_slots(data["query"], f"{where}, query"),
        key=_slots(data["key"], f"{where}, key"),
        value=_slots(data["value"], f"{where}, value"),
        attention=data["attention"],
        keys=data["keys"],
        average=data["average"],
        null=data["null"],
        name=_text(data["name"], f"{where}, name"),
        **rules,
    )


def _mlp(data: Mapping[str, Any], where: str) -> MLP:
    _known(data, where, "inner gate outer activation letters")
    inner, gate = (
        None if data[name] is None else _slots(data[name], f"{where}, {name}")
        for name in ("inner", "gate")
    )
    return MLP(
        outer=_slots(data["outer"], f"{where}, outer"),
        inner=inner,
        gate=gate,
        activation=data["activation"],
        letters=tuple(data["letters"].items()),
    )


def _slots(blocks: list[Mapping[str, Any]], where: str) -> SlotMap:
    made = []
    for number, block in enumerate(blocks, start=1):
        _known(block, f"{where}, block {number}", "to from coefficient", "pattern matrix")
        matrix = block.get("matrix")
        made.append(
            Block(
                block["to"],
                block["from"],
                scalar(block["coefficient"]),
                block.get("pattern"),
                None if matrix is None else tuple(tuple(map(scalar, row)) for row in matrix),
            )
        )
    return SlotMap(tuple(made))


def _known(data: Any, where: str, needed: str, optional: str = "") -> None:
    """Raises ValueError unless `data` has exactly these keys."""
    if not isinstance(data, Mapping):
        raise ValueError(f"this is no witness: {where} is {data!r}, not an object with keys")
    keys, there = needed.split(), [*needed.split(), *optional.split()]
    for key in data:
        if key not in there:
            raise ValueError(f"{where} has an unknown key {key!r}; there are {', '.join(there)}")
    for key in keys:
        if key not in data:
            raise ValueError(f"{where} has no {key!r}")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r}, not text")
    return value
