"""A witness from the plain JSON data that `Witness.to_json` writes."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .exact import Exact, exact
from .prompt import Prompt
from .slotmap import Block, SlotMap
from .stream import Layout, Slot
from .transformer import MLP, Head, Layer, Readout, Witness


def from_json(data: Mapping[str, Any]) -> Witness:
    """The witness; annotations are not part of the data. Raises ValueError if it does not fit."""
    try:
        prompt = data["prompt"]
        return Witness(
            name=data["name"],
            layout=Layout(tuple(Slot(n, tuple(shape)) for n, shape in data["layout"].items())),
            prompt=Prompt(
                d=prompt["d"],
                embedding=_slots(prompt["embedding"]),
                form=prompt["form"],
                register=prompt["register"],
                positions=prompt["positions"],
            ),
            layer_list=tuple(_layer(layer) for layer in data["layers"]),
            readout=Readout(data["readout"]["slot"], scalar(data["readout"]["coefficient"])),
            examples=data["examples"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no witness: {error!r}") from None


def _layer(data: Mapping[str, Any]) -> Layer:
    heads = tuple(
        Head(
            query=_slots(head["query"]),
            key=_slots(head["key"]),
            value=_slots(head["value"]),
            attention=head["attention"],
            keys=head["keys"],
            average=head["average"],
            null=head["null"],
            name=head["name"],
        )
        for head in data["heads"]
    )
    mlp = data["mlp"] and MLP(
        outer=_slots(data["mlp"]["outer"]),
        inner=None if data["mlp"]["inner"] is None else _slots(data["mlp"]["inner"]),
        gate=None if data["mlp"]["gate"] is None else _slots(data["mlp"]["gate"]),
        activation=data["mlp"]["activation"],
        letters=tuple(data["mlp"]["letters"].items()),
    )
    return Layer(data["name"], heads, mlp, data["norm"])


def _slots(blocks: list[Mapping[str, Any]]) -> SlotMap:
    made = []
    for block in blocks:
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


def scalar(text: str) -> Exact:
    """The exact scalar of a text such as "-1/2" or "sqrt(2*pi)". Raises ValueError.

    The text is never evaluated as code: only numbers, names, + - * / ** and a few functions.
    """
    try:
        return exact(Fraction(text))
    except ValueError:
        pass
    import sympy

    functions = {name: getattr(sympy, name) for name in ("sqrt", "exp", "erf", "log")}
    constants = {"pi": sympy.pi, "E": sympy.E}

    def walk(node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return sympy.Integer(node.value)
        if isinstance(node, ast.Name):
            return constants.get(node.id) or sympy.Symbol(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            if node.func.id in functions:
                return functions[node.func.id](walk(node.args[0]))
        if isinstance(node, ast.BinOp):
            left, right = walk(node.left), walk(node.right)
            match node.op:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left - right
                case ast.Mult():
                    return left * right
                case ast.Div():
                    return left / right
                case ast.Pow():
                    return left**right
        raise ValueError(f"{text!r} is no exact number")

    try:
        return exact(walk(ast.parse(text, mode="eval").body))
    except SyntaxError:
        raise ValueError(f"{text!r} is no exact number") from None
