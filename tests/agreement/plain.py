"""A witness read token by token with dense matrices: its definition, and nothing clever.

Written from the docstrings of Prompt, Block, Head, MLP and Layer; of `constructions` it uses the
fields of the dataclasses and not one function. Fractions by default; `Decimals` has what is
irrational, to fifty digits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath

Shape = tuple[int, ...]
Slots = dict[str, tuple[int, Shape]]  # name: (first row, shape)
Matrix = list[tuple[int, int, Any]]  # (row, column, weight)
State = dict[str, list[list[Any]]]  # slot: the entries that each token holds, row-major


class Unsupported(ValueError):
    """Something irrational was asked of fractions."""


class Fractions:
    """Exact rational arithmetic."""

    def number(self, value: Any) -> Any:
        if not isinstance(value, (int, Fraction)):
            raise Unsupported(f"the weight {value}")
        return Fraction(value)

    def relu(self, x: Any) -> Any:
        return x if x > 0 else self.number(0)

    def quotient(self, x: Any, by: Any) -> Any:
        return x / by

    def gelu(self, x: Any) -> Any:
        raise Unsupported("GeLU")

    def exp(self, x: Any) -> Any:
        raise Unsupported("exp")

    def softmax(self, scores: Sequence[Any], null: bool) -> list[Any]:
        raise Unsupported("softmax")

    def norm(self, row: Sequence[Any], kind: str, epsilon: Any) -> list[Any]:
        raise Unsupported(f"{kind} norm")

    def functions(self) -> dict[str, Any]:
        """What a rule may call that is irrational."""
        return {}


class Decimals(Fractions):
    """mpmath, in the precision that it is set to: what fractions refuse, to many digits."""

    def number(self, value: Any) -> Any:
        if isinstance(value, mpmath.mpf):
            return value
        if isinstance(value, Fraction):
            return mpmath.mpf(value.numerator) / value.denominator
        if isinstance(value, int):
            return mpmath.mpf(value)
        return mpmath.mpf(str(value.evalf(mpmath.mp.dps + 5)))

    def gelu(self, x: Any) -> Any:
        return x / 2 * (1 + mpmath.erf(x / mpmath.sqrt(2)))

    def softmax(self, scores: Sequence[Any], null: bool) -> list[Any]:
        powers = [mpmath.exp(score) for score in scores]
        total = mpmath.fsum(powers) + (1 if null else 0)
        return [power / total for power in powers]

    def exp(self, x: Any) -> Any:
        return mpmath.exp(x)

    def norm(self, row: Sequence[Any], kind: str, epsilon: Any) -> list[Any]:
        mean = mpmath.fsum(row) / len(row)
        if kind == "rms":
            row = list(row)
        elif kind == "layer":
            row = [x - mean for x in row]
        else:
            raise Unsupported(f"{kind} norm")
        square = mpmath.fsum(x**2 for x in row) / len(row) + self.number(epsilon)
        if square < mpmath.mpf(10) ** -mpmath.mp.dps * (1 + mean**2):  # 0, but for rounding
            raise ZeroDivisionError("the norm of a token whose units are all equal")
        return [x / mpmath.sqrt(square) for x in row]

    def functions(self) -> dict[str, Any]:
        return {"sin": mpmath.sin, "cos": mpmath.cos, "pi": mpmath.pi}


FRACTIONS = Fractions()


def predict(witness: Any, X: Any, y: Any, queries: Any, arithmetic: Any = FRACTIONS) -> list[Any]:
    """All predictions in one row: at each token coefficient * read-out slot, entry by entry."""
    last = states(witness, X, y, queries, arithmetic)[-1]
    name, index = reference(witness.readout.slot)
    coefficient = arithmetic.number(witness.readout.coefficient)
    made = []
    for t in read_out_at(witness, len(X), len(queries)):
        held = last[name][t]
        made += [coefficient * entry for entry in (held if index is None else [held[index]])]
    return made


def read_out_at(witness: Any, n: int, m: int) -> list[int]:
    """The tokens at which a witness predicts."""
    prompt, tokens = witness.prompt, witness.readout.tokens
    first, step = int(prompt.register), {"joint": 1, "interleaved": 2}[prompt.form]
    end = first + step * n
    if tokens == "query":
        return list(range(end, end + m))
    if tokens == "examples":
        return [first + step * j for j in range(n)]
    if tokens == "all":
        return list(range(end + m))
    raise Unsupported(f"a read-out at {tokens}")


def states(witness: Any, X: Any, y: Any, queries: Any, arithmetic: Any = FRACTIONS) -> list[State]:
    """What every token holds in every slot, after the embedding and after each layer."""
    number = arithmetic.number
    prompt = witness.prompt
    tokens = token_features(prompt, X, y, queries, arithmetic)
    given = placed(feature_shapes(prompt))
    slots = placed([(slot.name, slot.shape) for slot in witness.layout.slots])
    width = total(slots)
    embedding = linear(prompt.embedding, slots, given, {}, number)
    read = [[entry for name in given for entry in token[name]] for token in tokens]
    stream = [times(embedding, row, width, number) for row in read]
    made = [named(stream, slots)]
    for layer in witness.layer_list:
        stream = after_layer(layer, stream, slots, len(X), len(queries), arithmetic)
        made.append(named(stream, slots))
    return made


# -- tokens -----------------------------------------------------------------------------------


def parts_of(prompt: Any) -> dict[str, Shape]:
    """The parts of x with their shapes, in the order of the columns of X."""
    if prompt.parts is None:
        return {"x": (prompt.d,)}
    return {
        part.name: tuple(prompt.d if axis == "d" else axis for axis in part.shape)
        for part in prompt.parts.slots
    }


def query_parts_of(prompt: Any) -> list[str]:
    """The parts that a query has, in the order of its columns."""
    return list(parts_of(prompt) if prompt.query_parts is None else prompt.query_parts)


def feature_shapes(prompt: Any) -> list[tuple[str, Shape]]:
    parts = parts_of(prompt)
    made = list(parts.items())
    if prompt.targets == 1:
        made.append(("y", ()))
    elif prompt.targets != 0:
        made.append(("y", (prompt.d if prompt.targets == "d" else prompt.targets,)))
    made += [
        ("one", ()), ("index", ()), ("position", (prompt.positions,)), ("query", ()),
        ("register", ()),
    ]  # fmt: skip
    made += [(f"{name}_example", shape) for name, shape in parts.items()]
    made += [(f"{name}_query", parts[name]) for name in query_parts_of(prompt)]
    return made + [(name, (len(rules),)) for name, rules in prompt.encodings]


def _slot(text: str) -> str:
    return reference(text)[0]


def divided(row: Any, names: Iterable[str], prompt: Any) -> dict[str, Any]:
    """A row of X, or of queries, as its parts."""
    made, start = {}, 0
    for name in names:
        width = size(parts_of(prompt)[name])
        made[name] = row[start : start + width]
        start += width
    assert start == len(row)
    return made


def token_features(
    prompt: Any, X: Any, y: Any, queries: Any, arithmetic: Any
) -> list[dict[str, Any]]:
    """What the embedding may read of each token, in order."""
    number = arithmetic.number
    kinds: list[dict[str, Any]] = [{"register": 1}] if prompt.register else []
    for x, target in zip(X, y, strict=True):
        parts = divided(x, parts_of(prompt), prompt)
        carried = parts | {f"{name}_example": part for name, part in parts.items()}
        if prompt.form == "joint":
            kinds.append({**carried, "y": target})
        elif prompt.form == "interleaved":
            kinds += [carried, {"y": target}]
        else:
            raise Unsupported(f"prompt form {prompt.form}")
    for x in queries:
        parts = divided(x, query_parts_of(prompt), prompt)
        kinds.append({**parts, **{f"{k}_query": part for k, part in parts.items()}, "query": 1})
    made = []
    for t, kind in enumerate(kinds):
        kind["one"], kind["index"] = 1, t
        kind["position"] = [int(p == t) for p in range(prompt.positions)]
        read = {_slot(block.source) for block in prompt.embedding}
        for name, rules in prompt.encodings:
            if name in read:
                at = {"t": t, "n": len(X), "N": len(kinds)}
                kind[name] = [rule(one, at, arithmetic) for one in rules]
        token = {}
        for name, shape in feature_shapes(prompt):
            value = kind.get(name, [0] * size(shape))
            token[name] = [number(v) for v in (value if isinstance(value, list) else [value])]
        made.append(token)
    return made


# -- layers -----------------------------------------------------------------------------------


def after_layer(
    layer: Any, stream: list[list[Any]], slots: Slots, n: int, m: int, arithmetic: Any
) -> list[list[Any]]:
    """stream += heads(attention_norm(stream)); stream = after_attention(stream); then
    stream += mlp(norm(stream)); stream = after_mlp(stream)."""
    total_of = [list(row) for row in stream]
    read = [norm(layer.attention_norm, row, slots, arithmetic) for row in stream]
    for head in layer.heads:
        received = attention(head, read, slots, n, m, arithmetic)
        total_of = [plus(row, more) for row, more in zip(total_of, received, strict=True)]
    made = []
    for row in total_of:
        row = norm(layer.after_attention, row, slots, arithmetic)
        if layer.mlp is not None:
            normed = norm(layer.norm, row, slots, arithmetic)
            row = plus(row, perceptron(layer.mlp, normed, slots, arithmetic))
        made.append(norm(layer.after_mlp, row, slots, arithmetic))
    return made


def norm(one: Any, row: list[Any], slots: Slots, arithmetic: Any) -> list[Any]:
    """gain * u / sqrt(mean(u^2) + epsilon) + bias, over all units."""
    if one is None or one is False:
        return row
    if one is True:
        return arithmetic.norm(row, "layer", 0)
    made = arithmetic.norm(row, one.kind, one.epsilon)
    for name, gain in one.gain:
        for k, factor in zip(units_of(name, slots), repeated(gain, name, slots), strict=True):
            made[k] = made[k] * arithmetic.number(factor)
    for name, bias in one.bias:
        for k, term in zip(units_of(name, slots), repeated(bias, name, slots), strict=True):
            made[k] = made[k] + arithmetic.number(term)
    return made


def units_of(name: str, slots: Slots) -> range:
    first, shape = slots[name]
    return range(first, first + size(shape))


def repeated(value: Any, name: str, slots: Slots) -> Any:
    return value if isinstance(value, tuple) else [value] * size(slots[name][1])


def attention(
    head: Any, stream: list[list[Any]], slots: Slots, n: int, m: int, arithmetic: Any
) -> list[list[Any]]:
    """Token t receives sum_j weight(<query_t, key_j>) * value_j."""
    number, width = arithmetic.number, total(slots)
    features = named_by(head.query, slots, {})
    of_query = linear(head.query, features, slots, {}, number)
    of_key = linear(head.key, features, slots, {}, number)
    of_value = linear(head.value, slots, slots, {}, number)
    queries = [times(of_query, row, total(features), number) for row in stream]
    keys = [times(of_key, row, total(features), number) for row in stream]
    values = [times(of_value, row, width, number) for row in stream]
    every = range(len(stream) - m) if head.keys == "context" else range(len(stream))
    numbers = {"n": n, "N": len(stream)}
    if head.mix is not None:
        sent = []
        for c in every:
            total_of = [number(0)] * width
            for r in every:
                factor = number(rule(head.mix, {"r": r, "c": c, **numbers}, arithmetic))
                total_of = plus(total_of, [factor * value for value in values[r]])
            sent.append(total_of)
        values = sent
    made = []
    for t, query in enumerate(queries):
        seen = list(visible(head.keys, t, len(stream), m))
        masks = [1] * len(seen)
        if head.mask is not None:
            masks = [rule(head.mask, {"t": t, "j": j, **numbers}, arithmetic) for j in seen]
            seen = [j for j, mask in zip(seen, masks, strict=True) if mask != 0]
            masks = [mask for mask in masks if mask != 0]
        scores = [inner_product(query, keys[j], number) for j in seen]
        weights = attention_weights(head, scores, n, arithmetic)
        if head.mask is not None:
            weights = [w * number(mask) for w, mask in zip(weights, masks, strict=True)]
        received = [number(0)] * width
        for weight, j in zip(weights, seen, strict=True):
            received = plus(received, [weight * value for value in values[j]])
        made.append(received)
    return made


def visible(keys: str, t: int, tokens: int, m: int) -> range:
    if keys == "context":
        return range(tokens - m)
    if keys == "full":
        return range(tokens)
    if keys == "causal":
        return range(t + 1)
    if keys == "strictly causal":
        return range(t)
    raise Unsupported(f"keys {keys}")


def attention_weights(head: Any, scores: list[Any], n: int, arithmetic: Any) -> list[Any]:
    number = arithmetic.number
    if not scores:
        if head.attention in ("softmax", "normalised") and not head.null:
            raise ZeroDivisionError("shares of nothing")
        return []
    if head.attention == "softmax":
        return arithmetic.softmax(scores, head.null)
    if head.attention == "normalised":
        by = sum(scores, number(1 if head.null else 0))
        return [arithmetic.quotient(score, by) for score in scores]
    if head.attention == "relu":
        scores = [arithmetic.relu(score) for score in scores]
    elif head.attention == "exponential":
        scores = [arithmetic.exp(score) for score in scores]
    elif head.attention != "linear":
        raise Unsupported(f"attention {head.attention}")
    if head.average == "":
        return scores
    if head.average == "keys":
        return [arithmetic.quotient(score, number(len(scores))) for score in scores]
    if head.average == "examples":
        return [arithmetic.quotient(score, number(n)) for score in scores]
    raise Unsupported(f"average {head.average}")


def perceptron(mlp: Any, row: list[Any], slots: Slots, arithmetic: Any) -> list[Any]:
    """outer(activation(inner(stream)) * gate(stream)); without inner the stream, without gate 1."""
    number, letters = arithmetic.number, dict(mlp.letters)
    if mlp.inner is None:
        units, hidden = slots, list(row)
    else:
        units = named_by(mlp.inner, slots, letters)
        matrix = linear(mlp.inner, units, slots, letters, number)
        hidden = times(matrix, row, total(units), number)
    if mlp.activation == "relu":
        hidden = [arithmetic.relu(x) for x in hidden]
    elif mlp.activation == "gelu":
        hidden = [arithmetic.gelu(x) for x in hidden]
    elif mlp.activation != "identity":
        raise Unsupported(f"activation {mlp.activation}")
    if mlp.gate is not None:
        matrix = linear(mlp.gate, units, slots, letters, number)
        gate = times(matrix, row, total(units), number)
        hidden = [x * by for x, by in zip(hidden, gate, strict=True)]
    return times(linear(mlp.outer, slots, units, letters, number), hidden, total(slots), number)


# -- rules --


class Exactly(ast.NodeTransformer):
    """Every number of a formula as a fraction, and what is divided, were it whole or a truth."""

    def __init__(self, text: str) -> None:
        self.text = text

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        written = ast.Constant(ast.get_source_segment(self.text, node))
        return ast.Call(ast.Name("Fraction", ast.Load()), [written], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            one = ast.Call(ast.Name("Fraction", ast.Load()), [ast.Constant("1")], [])
            node.left = ast.BinOp(node.left, ast.Mult(), one)
        return node


def rule(one: Any, at: Mapping[str, int], arithmetic: Any) -> Any:
    """The number of a rule for the pair of tokens `at`, as Python reads the text."""
    if one.matrix is not None:
        row, column, *_ = at.values()
        return one.matrix[row][column]
    tree = Exactly(one.text).visit(ast.parse(one.text, mode="eval"))
    names = {"Fraction": Fraction, "min": min, "max": max, "abs": abs, "__builtins__": {}}
    names |= {name: Fraction(number) for name, number in at.items()}
    names |= {name: Fraction(number) for name, number in one.constants}
    functions = arithmetic.functions()
    if any(word in one.text for word in ("sin", "cos", "pi")):
        if not functions:
            raise Unsupported(f"the rule {one.text}")
        names |= functions | {name: mpmath.mpf(int(number)) for name, number in at.items()}
        for name, number in one.constants:
            names[name] = mpmath.mpf(Fraction(number).numerator) / Fraction(number).denominator
        names["Fraction"] = mpmath.mpf
    made = eval(compile(ast.fix_missing_locations(tree), one.text, "eval"), names)  # noqa: S307
    if isinstance(made, float):
        raise Unsupported(f"a root, in the rule {one.text}")
    return made if isinstance(made, mpmath.mpf) else Fraction(made)


# -- slot maps as matrices --------------------------------------------------------------------


def placed(shapes: Iterable[tuple[str, Shape]]) -> Slots:
    made, row = {}, 0
    for name, shape in shapes:
        made[name] = (row, tuple(shape))
        row += size(shape)
    return made


def total(slots: Slots) -> int:
    return sum(size(shape) for _, shape in slots.values())


def size(shape: Shape) -> int:
    made = 1
    for axis in shape:
        made *= axis
    return made


def reference(text: str) -> tuple[str, int | None]:
    """A slot, or one entry of it: "u" or "u[2]"."""
    if text.endswith("]"):
        name, _, index = text[:-1].rpartition("[")
        return name, int(index)
    return text, None


def place_of(text: str, slots: Slots) -> tuple[int, Shape]:
    """First row and shape of a slot or of one entry."""
    name, index = reference(text)
    first, shape = slots[name]
    if index is None:
        return first, shape
    if not 0 <= index < size(shape):
        raise IndexError(text)
    return first + index, ()


def named_by(blocks: Iterable[Any], source: Slots, letters: Mapping[str, int]) -> Slots:
    """The features that a map names itself, each of the shape that its first block makes."""
    shapes: dict[str, Shape] = {}
    for block in blocks:
        _, shape = place_of(block.source, source)
        if block.matrix is not None:
            shape = (len(block.matrix),)
        elif block.pattern is not None:
            left, right = block.pattern.split("<-")
            known = {**letters, **dict(zip(right, shape, strict=True))}
            shape = tuple(known[letter] for letter in left)
        shapes.setdefault(block.destination, shape)
    return placed(shapes.items())


def linear(
    blocks: Iterable[Any], destination: Slots, source: Slots, letters: Mapping[str, int],
    number: Any,
) -> Matrix:  # fmt: skip
    """The matrix of a sum of blocks."""
    made: Matrix = []
    for block in blocks:
        row, shape = place_of(block.destination, destination)
        column, before = place_of(block.source, source)
        coefficient = number(block.coefficient)
        if block.matrix is not None:
            assert len(block.matrix) == size(shape)
            for i, entries in enumerate(block.matrix):
                assert len(entries) == size(before)
                for j, entry in enumerate(entries):
                    made.append((row + i, column + j, coefficient * number(entry)))
            continue
        if block.pattern is None:
            assert size(shape) == size(before)
            pairs = [(i, i) for i in range(size(shape))]
        else:
            pairs = ones_of(block.pattern, shape, before, letters)
        made += [(row + i, column + j, coefficient) for i, j in pairs]
    return made


def ones_of(
    pattern: str, shape: Shape, before: Shape, letters: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Where the matrix of an index pattern is 1: places that give every letter one value."""
    left, right = pattern.split("<-")
    assert len(right) == len(before)
    if len(left) != len(shape):  # as many units in another shape
        known = {**letters, **dict(zip(right, before, strict=True))}
        shape, there = tuple(known[letter] for letter in left), shape
        assert size(shape) == size(there)
    made = []
    for i, to in enumerate(product(*map(range, shape))):
        for j, at in enumerate(product(*map(range, before))):
            values: dict[str, int] = {}
            if all(values.setdefault(x, v) == v for x, v in zip(left + right, to + at)):
                made.append((i, j))
    return made


# -- vectors ----------------------------------------------------------------------------------


def times(matrix: Matrix, row: Sequence[Any], rows: int, number: Any) -> list[Any]:
    made = [number(0)] * rows
    for i, j, weight in matrix:
        made[i] = made[i] + weight * row[j]
    return made


def plus(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    return [x + y for x, y in zip(a, b, strict=True)]


def inner_product(a: Sequence[Any], b: Sequence[Any], number: Any) -> Any:
    return sum((x * y for x, y in zip(a, b, strict=True)), number(0))


def named(stream: list[list[Any]], slots: Slots) -> State:
    return {
        name: [row[first : first + size(shape)] for row in stream]
        for name, (first, shape) in slots.items()
    }
