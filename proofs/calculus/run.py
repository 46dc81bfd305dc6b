"""An assembled transformer run in the calculus: what its slots hold, for every d and n.

The layers, slot maps and prompt are those of the witness object itself (read by attribute,
so that nothing of `constructions` is imported), every coefficient is taken from it. Each
slot of a group of tokens is a `Form` of shape rows × slot; a matrix slot (d, d) is held by
groups of one row. Zero slots are absent.

Linear heads, ReLU heads that together are linear or select tokens (`relu_heads`) or have constant
scores, normalised heads with one scored token, linear MLPs and bilinear gates stay in the
calculus; anything else raises `OutsideCalculusError`, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.arrays import Arrays
from proofs.calculus.form import Form, ShapeError
from proofs.calculus.pairs import Pairs, zero
from proofs.calculus.relu_heads import Selection, combined, relu
from proofs.calculus.tokens import (
    PLACE,
    Group,
    OutsideCalculusError,
    Shape,
    Sizes,
    groups,
    ones,
)
from proofs.rule import is_zero
from proofs.vocabulary import DIAGONALS

ZERO, ONE = sympy.Integer(0), sympy.Integer(1)
FEATURES = ("y", "one", "index", "position", "query", "register")  # beside the parts of x


class State(dict[str, Form]):
    """What the tokens of one group hold: forms by slot, zeros absent.

    A slot of one-hot positions is held entry by entry, every other one as a whole. Raises
    OutsideCalculusError for a slot, or an entry, that is not held in this way.
    """

    def __init__(self, shapes: Mapping[str, Shape], rows: Any) -> None:
        super().__init__()
        self.shapes, self.rows = shapes, rows

    def copy(self) -> State:
        made = State(self.shapes, self.rows)
        made.update(self)
        return made

    def get(self, slot: str, default: Any = None) -> Any:
        self.shape(slot)
        return super().get(slot, default)

    def shape(self, slot: str) -> Shape:
        if slot not in self.shapes:
            raise OutsideCalculusError(f"{slot}: an entry of a slot, or all positions at once")
        return self.shapes[slot]

    def add(self, slot: str, form: Form) -> None:
        """slot += form."""
        if (form.rows, form.columns) != size(self.shape(slot), self.rows):
            raise OutsideCalculusError(
                f"{slot}: {form.rows} × {form.columns} numbers for a slot of shape "
                f"{self.shape(slot)} in {self.rows} tokens"
            )
        total = self[slot] + form if slot in self else form
        self[slot] = total
        if total.vanishes:
            del self[slot]


class Run:
    """One witness in the calculus; `states` holds each group's slots after the last layer run.

    `matrices` gives explicit matrices of the weights (rows of numbers) a form (`Arrays`).
    """

    def __init__(
        self,
        witness: Any,
        examples: int | None,
        matrices: Mapping[Any, Form] | Arrays | None = None,
    ) -> None:
        self.witness = witness
        self.groups = groups(witness, examples)
        self.matrices = {} if matrices is None else matrices
        prompt = witness.prompt
        self.positions = {b.destination for b in prompt.embedding if b.source == "position"}
        self.sizes = Sizes(prompt)
        self.carried = self.sizes.features(prompt)
        self.shapes = self._shapes()
        self.states = [State(self.shapes, group.rows) for group in self.groups]
        for group, state in zip(self.groups, self.states, strict=True):
            for block in prompt.embedding:
                with named(f"embedding, {block}"):
                    self._embed(block, group, state)

    def _shapes(self) -> dict[str, Shape]:
        """Kinds of what a state holds: "()", "(d,)" or "(d, d)", as tuples of letters.

        Axes that are sizes of the prompt, such as the number of targets, are numbers.
        """
        made: dict[str, Shape] = {}
        for slot in self.witness.layout.slots:
            if slot.name in self.positions:
                made |= {f"{slot.name}[{i}]": () for i in range(slot.size)}
            elif len(slot.shape) <= 2 and (shape := self.sizes.shape(slot.shape)) is not None:
                made[slot.name] = shape
        return made

    def _embed(self, block: Any, group: Group, state: State) -> None:
        name, entry, _ = block.source.partition("[")
        if name not in self.carried and name not in FEATURES:
            raise OutsideCalculusError(f"the feature {name}")
        if block.source == "position":
            if block.pattern is not None or block.matrix is not None:
                raise OutsideCalculusError("positions that are not copied")
            for feature, form in group.features.items():
                if feature.startswith("position["):
                    coefficient = sympy.sympify(block.coefficient)
                    state.add(block.destination + feature[8:], coefficient * form)
            return
        if entry and name != "position":
            raise OutsideCalculusError("an entry of what a token carries")
        if block.source in group.features:
            shape = self.carried.get(name, ())
            form = group.features[block.source]
            state.add(block.destination, self._apply(block, form, shape)[0])

    @property
    def examples(self) -> Any:
        """The number of examples: n, or the number that is fixed."""
        return sum((group.rows for group in self.of_examples), sympy.Integer(0))

    @property
    def of_examples(self) -> list[Group]:
        """The groups of the tokens that carry x_1 … x_n."""
        part = self.witness.prompt.fields.parts.slots[0].name
        return [group for group in self.groups if f"{part}_example" in group.features]

    def predictions(self) -> list[tuple[Group, Form]]:
        """What is read out at the last layer, for each group of tokens that predicts.

        Raises OutsideCalculusError for an entry of a slot.
        """
        readout = self.witness.readout
        predicts = {
            "query": [group for group in self.groups if not group.context],
            "examples": self.of_examples,
            "all": self.groups,
        }
        if readout.tokens not in predicts:
            raise OutsideCalculusError(f"a read-out at {readout.tokens}")
        made = []
        for group, state in zip(self.groups, self.states, strict=True):
            if group in predicts[readout.tokens]:
                shape = size(state.shape(readout.slot), group.rows)
                held = state.get(readout.slot, c.zero(*shape))
                made.append((group, sympy.sympify(readout.coefficient) * held))
        return made

    # -- one layer ----------------------------------------------------------------------------

    def layer(self, layer: Any) -> None:
        """Run one layer on all groups. Raises OutsideCalculusError."""
        for field, norm in layer.norms().items():
            raise OutsideCalculusError(f"{layer.name}: {norm.kind} norm ({field})")
        before = [state.copy() for state in self.states]
        for head in combined(layer.heads):
            with named(f"{layer.name}, head {head.name}" if head.name else f"{layer.name}, a head"):
                self._attend(head, before)
        if layer.mlp is not None:
            with named(f"{layer.name}, MLP"):
                for group, state in zip(self.groups, self.states, strict=True):
                    self._mlp(layer.mlp, group, state)

    def _attend(self, head: Any, before: Sequence[State]) -> None:
        seen = self._seen(head, before)
        values = [self._values(head, to, seen) for to in _destinations(head.value)]
        for number, reader in enumerate(before):
            kept = {"causal": number + 1, "strictly causal": number}.get(head.keys, len(seen))
            masks, scored = self._masks(head, number, seen[:kept], values), []
            for at, (group, state) in enumerate(seen[:kept]):
                if masks[at] is None or is_zero(masks[at]):
                    continue
                if isinstance(head, Selection):
                    score = self._selected(head, reader, state)
                else:
                    score = self._score(head, reader, state)
                if score is not None:
                    scored.append((at, group, state, score))
            weights = self._weights(head, [one[1:] for one in scored])
            scale = self._scale(head, number, seen[:kept], masks)
            for (at, *_), weight in zip(scored, weights, strict=True):
                for destination, sent in zip(_destinations(head.value), values, strict=True):
                    value, shape = sent[at]
                    if value is not None:
                        made = _weighted(weight, value, shape)
                        self.states[number].add(destination, scale * masks[at] * made)

    def _seen(self, head: Any, before: Sequence[State]) -> list[tuple[Group, State]]:
        """The groups that a head reads. Raises OutsideCalculusError where a token sees a query."""
        tokens = list(zip(self.groups, before, strict=True))
        if head.keys == "context":
            return [(group, state) for group, state in tokens if group.context]
        if head.keys not in ("full", *DIAGONALS):
            raise OutsideCalculusError(f"keys {head.keys}")
        self._check_queries(head, before)
        return tokens

    @property
    def _pairs(self) -> Pairs:
        return Pairs(self.examples, self.groups[-1].first - PLACE, c.m)

    def _masks(
        self,
        head: Any,
        number: int,
        seen: Sequence[tuple[Group, State]],
        values: Sequence[Sequence[tuple[Form | None, Shape]]],
    ) -> list[Any]:
        """What the weight of each group that is seen is multiplied by, for one reader; None where
        nothing is sent and that it is seen does not matter."""
        if head.mask is None:
            return [ONE] * len(seen)
        counted = head.attention == "normalised" or head.average == "keys"
        masks: list[Any] = []
        for at, (group, _) in enumerate(seen):
            if counted:
                mask = self._mask(head, number, group)
                masks.append(ZERO if zero(mask) else mask)
            elif any(sent[at][0] is not None for sent in values):
                masks.append(self._mask(head, number, group))
            else:
                masks.append(None)
        return masks

    def _mask(self, head: Any, number: int, group: Group) -> Any:
        """The mask of one reader for a group; of causal keys those queries alone that it sees."""
        before = None if head.keys not in DIAGONALS else -DIAGONALS[head.keys]
        return self._pairs.value(head.mask, ("t", "j"), self.groups[number], group, before)

    def _values(
        self, head: Any, destination: str, seen: Sequence[tuple[Group, State]]
    ) -> list[tuple[Form | None, Shape]]:
        """What each group that is seen sends: its own value, or the sum that `mix` makes."""
        own = [self._read(head.value, destination, state) for _, state in seen]
        if head.mix is None:
            return own
        letter = self._mix_letter(head.mix)
        if letter is not None:
            return self._mixed_by_letter(letter, seen, own)
        shapes = {shape for value, shape in own if value is not None}
        if len(shapes) > 1:
            raise OutsideCalculusError(f"{destination}: of two shapes")
        shape = shapes.pop() if shapes else ()
        made: list[tuple[Form | None, Shape]] = []
        for to, _ in seen:
            total: Form | None = None
            for (group, _), (value, _) in zip(seen, own, strict=True):
                # what is sent to a query does not matter: see _check_queries
                if value is not None and to.context:
                    part = self._mixed(head.mix, group, to, value, shape)
                    total = part if total is None or part is None else total + part
            made.append((total, shape))
        return made

    def _mix_letter(self, mix: Any) -> Form | None:
        """The letter (n × n) of a mix that is an open matrix; None of any other."""
        if mix.matrix is None or not isinstance(self.matrices, Arrays):
            return None
        mixes = self.matrices.mixes
        made: Form | None = mixes.get(mix.matrix) if mixes.rows else None
        return made

    def _mixed_by_letter(
        self,
        letter: Form,
        seen: Sequence[tuple[Group, State]],
        own: Sequence[tuple[Form | None, Shape]],
    ) -> list[tuple[Form | None, Shape]]:
        """The value of key c as Σ_r M(r, c) value_r: Mᵀ times the values of all examples."""
        if [group.rows for group, _ in seen] != [c.n]:
            raise OutsideCalculusError("a mix that is a letter, where examples are told apart")
        ((value, shape),) = own
        if value is not None and len(shape) == 2:
            raise OutsideCalculusError("a sum of the matrices that several tokens hold")
        return [(value if value is None else letter.T @ value, shape)]

    def _mixed(self, mix: Any, group: Group, to: Group, value: Form, shape: Shape) -> Form | None:
        """What the values of one group add to those of another."""
        if group is to and group.rows != 1:
            same, other = self._pairs.on_and_off(mix, ("r", "c"), group)
            return other * _spread(to, group, value, shape) + (same - other) * value
        number = self._pairs.value(mix, ("r", "c"), group, to)
        if not group.context and not zero(number):
            raise OutsideCalculusError("values that are mixed with a query's")
        return number * _spread(to, group, value, shape)

    def _scale(
        self, head: Any, number: int, seen: Sequence[tuple[Group, State]], masks: Sequence[Any]
    ) -> Any:
        """What every weight of one reader is multiplied by."""
        if head.average == "":
            return ONE
        if head.average == "examples":
            return 1 / self.examples
        if head.average != "keys":
            raise OutsideCalculusError(f"average {head.average}")
        count = ZERO
        for (group, _), mask in zip(seen, masks, strict=True):
            if mask == 0:
                continue
            if group.context:
                count += group.rows
            elif head.keys == "causal":  # those up to itself
                count += PLACE + 1
            else:  # one query stands for m of them, and all of them are seen
                count += c.m
        if head.keys == "strictly causal" and not self.groups[number].context:
            count += self._queries_before(head, number)
        return 1 / count if count != 0 else ONE

    def _queries_before(self, head: Any, number: int) -> Any:
        """How many queries a query sees among strictly causal keys."""
        mask = ONE if head.mask is None else self._mask(head, number, self.groups[number])
        return ZERO if zero(mask) else PLACE

    def _check_queries(self, head: Any, before: Sequence[State]) -> None:
        """Raises OutsideCalculusError where a token could see a query: one stands for all here.

        Also where causal keys meet tokens that are not one by one.
        """
        causal = head.keys in DIAGONALS
        if causal and any(group.rows != 1 for group in self.groups):
            raise OutsideCalculusError("causal keys among tokens not told apart")
        query = before[-1]
        parts = head.parts if isinstance(head, Selection) else (head,)
        # a query sees others too; a score may be 0 of a query on itself and not on another one
        last = len(before) - 1
        scored = any(
            self._score(part, reader, query) is not None
            for part in parts
            for number, reader in enumerate(before)
            if (number == last or not causal) and not self._hides_queries(head, number)
        )
        sent = any(
            self._sent(head, to, group, state)
            for group, state in zip(self.groups, before, strict=True)
            for to in _destinations(head.value)
        )
        if scored and (sent or head.attention not in ("linear", "relu", "selection")):
            raise OutsideCalculusError("tokens that see queries")

    def _hides_queries(self, head: Any, number: int) -> bool:
        """Whether the mask is known to hide every query from a reader."""
        try:
            return head.mask is not None and zero(self._mask(head, number, self.groups[-1]))
        except OutsideCalculusError:
            return False

    def _sent(self, head: Any, destination: str, group: Group, state: State) -> bool:
        """Whether a group's value is in a query's."""
        if self._read(head.value, destination, state)[0] is None:
            return False
        query = self.groups[-1]
        if head.mix is None:
            return group is query
        return not zero(self._pairs.value(head.mix, ("r", "c"), group, query))

    def _score(self, head: Any, reader: State, state: State) -> Form | None:
        total: Form | None = None
        for feature in _destinations(head.query):
            query, shape = self._read(head.query, feature, reader)
            key, other = self._read(head.key, feature, state)
            if query is not None and key is not None:
                if shape != other or len(shape) > 1:
                    raise OutsideCalculusError(f"feature {feature} is a matrix")
                part = query @ key.T
                total = part if total is None else total + part
        return total

    def _selected(self, head: Selection, reader: State, state: State) -> Form | None:
        """The weights of a selection; None where nothing is sent, so that they do not matter."""
        sent = (self._read(head.value, name, state)[0] for name in _destinations(head.value))
        if all(value is None for value in sent):
            return None
        scores = (self._score(part, reader, state) for part in head.parts)
        shape = reader.rows, state.rows
        return head.weights(*(c.zero(*shape) if s is None else s for s in scores))

    def _weights(self, head: Any, scored: Sequence[tuple[Group, State, Form]]) -> list[Form]:
        """What the scores become: themselves, ReLU of constants, or shares of 1 + Σ scores.

        Those of a selection are its weights.
        """
        scores = [score for _, _, score in scored]
        if head.attention in ("linear", "selection"):
            return scores
        if head.attention == "relu":
            return [c.number(relu(_constant(score))) for score in scores]
        if head.attention == "normalised" and head.null:
            plain = [s for s in scores if not s.vanishes]
            if all((s.rows, s.columns) == (1, 1) for s in plain):
                total = 1 + sympy.Add(*(s.scalar() for s in plain))
                return [s / total for s in scores]
        raise OutsideCalculusError(f"{head.attention} attention")

    # -- MLPs ---------------------------------------------------------------------------------

    def _mlp(self, mlp: Any, group: Group, state: State) -> None:
        if mlp.activation != "identity":
            raise OutsideCalculusError(f"an activation, {mlp.activation}")
        before = state.copy()
        if mlp.inner is None and mlp.gate is None:
            for destination in _destinations(mlp.outer):
                form, _ = self._read(mlp.outer, destination, before)
                if form is not None:
                    state.add(destination, form)
            return
        if mlp.inner is None:  # what the gate writes is a slot, never an entry of one
            units = {name for name in before.shapes if "[" not in name}
        else:
            units = set(_destinations(mlp.inner))
        for block in mlp.outer:
            if block.source not in units:
                raise OutsideCalculusError(f"{block}: an entry of the hidden units")
            if block.matrix is not None:
                raise OutsideCalculusError(f"{block}: a matrix after a gate")
            for coefficient, letters, left, right in self._hidden(mlp, block.source, before):
                out, source = letters, letters
                if block.pattern is not None:
                    out, source = block.indices()
                _told_apart(block, out, source)
                if len(source) != len(letters) or not set(out) <= set(source):
                    raise OutsideCalculusError(f"{block}: an axis that the hidden units lack")
                names = dict(zip(source, letters, strict=True))
                out = "".join(names[letter] for letter in out)
                summed = set(letters) - set(out)
                if not summed <= set(left[1] + right[1]):
                    raise OutsideCalculusError(f"{block}: a sum over a repeated entry")
                form = _product(left, right, out, group)
                state.add(block.destination, sympy.sympify(block.coefficient) * coefficient * form)

    def _hidden(
        self, mlp: Any, feature: str, state: State
    ) -> list[tuple[Any, str, tuple[Form, str], tuple[Form, str]]]:
        """The products that make a hidden feature: coefficient, letters, both indexed factors."""
        if mlp.inner is None:
            axes = "ij"[: len(state.shape(feature))]
            held = state.get(feature)
            left = [] if held is None else [(ONE, axes, held, axes)]
        else:
            left = self._indexed(mlp.inner, feature, state)
        made = []
        for a, letters, x, x_letters in left:
            if mlp.gate is None:
                made.append((a, letters, (x, x_letters), (c.number(1), "")))
                continue
            for b, other, y, y_letters in self._indexed(mlp.gate, feature, state):
                if len(other) != len(letters):
                    raise OutsideCalculusError(f"{feature}: hidden units of two shapes")
                names = dict(zip(other, letters, strict=True))
                renamed = "".join(names[letter] for letter in y_letters)
                made.append((a * b, letters, (x, x_letters), (y, renamed)))
        return made

    def _indexed(self, slots: Any, feature: str, state: State) -> list[tuple[Any, str, Form, str]]:
        """What each block sends to a hidden feature: coefficient, letters of the feature's axes,
        the form that is read, letters of its axes, which are among the feature's.
        """
        made = []
        for block in slots:
            if block.destination != feature:
                continue
            held, shape = state.get(block.source), state.shape(block.source)
            if block.matrix is not None:
                raise OutsideCalculusError(f"{block}: a matrix inside a gate")
            out = source = "ij"[: len(shape)]
            if block.pattern is not None:
                out, source = block.indices()
            _told_apart(block, out, source)
            if not set(source) <= set(out):
                raise OutsideCalculusError(f"{block}: a sum inside a gate")
            if held is not None:
                made.append((sympy.sympify(block.coefficient), out, held, source))
        return made

    # -- slot maps ----------------------------------------------------------------------------

    def _read(self, slots: Any, destination: str, state: State) -> tuple[Form | None, Shape]:
        """What a map sends to one destination, None if that is zero, and its shape in letters."""
        total: Form | None = None
        made: Shape | None = None
        for block in slots:
            if block.destination != destination:
                continue
            held = state.get(block.source)
            if held is not None:
                form, shape = self._apply(block, held, state.shape(block.source))
                if made not in (None, shape):
                    raise OutsideCalculusError(f"{destination}: of two shapes")
                made = shape
                total = form if total is None else total + form
        return total, made or ()

    def _apply(self, block: Any, form: Form, shape: Shape) -> tuple[Form, Shape]:
        """The block on a form of that shape, and the shape of what it makes."""
        coefficient = sympy.sympify(block.coefficient)
        if block.matrix is not None:
            matrix = self.matrices.get(block.matrix)
            if matrix is None:
                raise OutsideCalculusError(
                    f"{block}: an explicit matrix without a letter, and no sum of letters"
                )
            if len(shape) == 1 and matrix.columns == c.d:
                return coefficient * (form @ matrix.T), () if matrix.rows == 1 else (matrix.rows,)
            if shape == () and matrix.columns == 1:  # a vector, times a number
                return coefficient * (form @ matrix.T), (matrix.rows,)
            if shape == () and (form.rows, form.columns) == (1, 1) and len(block.matrix[0]) == 1:
                return coefficient * form.scalar() * matrix, (matrix.rows, matrix.columns)
            raise OutsideCalculusError(f"{block}: a matrix on what is no vector")
        if block.pattern is None or block.is_diagonal:
            return coefficient * form, shape
        if block.indices() == ("ii", "") and (form.rows, form.columns) == (1, 1):
            return coefficient * form.scalar() * c.identity(c.d), (c.d, c.d)
        raise OutsideCalculusError(f"{block}: pattern outside a gate")


@contextmanager
def named(where: str) -> Iterator[None]:
    """Says where it was that something is outside the calculus."""
    try:
        yield
    except (OutsideCalculusError, ShapeError) as error:
        raise OutsideCalculusError(f"{where}: {error}") from None


def size(shape: Shape, rows: Any) -> tuple[Any, Any]:
    """Rows and columns of a form that a slot of this shape holds for `rows` tokens."""
    if len(shape) == 2:
        return shape
    return (rows, *shape) if shape else (rows, ONE)


def _destinations(slots: Any) -> list[str]:
    return list(dict.fromkeys(block.destination for block in slots))


def _weighted(weight: Form, value: Form, shape: Shape) -> Form:
    """Σ_j weight_tj value_j: a product of matrices, or one number times a matrix."""
    if len(shape) < 2:
        return weight @ value
    if (weight.rows, weight.columns) != (1, 1):
        raise OutsideCalculusError("a sum of the matrices that several tokens hold")
    return weight.scalar() * value


def _spread(to: Group, group: Group, value: Form, shape: Shape) -> Form:
    """The sum of a group's values, in every token of another."""
    if to.rows == 1 and group.rows == 1:
        return value
    if len(shape) == 2:
        raise OutsideCalculusError("a sum of the matrices that several tokens hold")
    return ones(to.rows) @ (ones(group.rows).T @ value)


def _constant(score: Form) -> Any:
    value = score.scalar() if (score.rows, score.columns) == (1, 1) else None
    if value is None or not sympy.expand(value).is_number:
        raise OutsideCalculusError("ReLU of a score that depends on the prompt")
    return value


def _told_apart(block: Any, *sides: str) -> None:
    """Raises OutsideCalculusError where a letter is repeated on one side of a pattern."""
    if any(len(set(side)) < len(side) for side in sides):
        raise OutsideCalculusError(f"{block}: a repeated letter")


def _product(left: tuple[Form, str], right: tuple[Form, str], out: str, group: Group) -> Form:
    """The product of two indexed factors, summed over the letters that `out` lacks."""
    (a, i), (b, j) = left, right
    if group.rows != 1:
        for (one, _), (other, letters) in ((left, right), (right, left)):
            if one == ones(group.rows) and letters == out:
                return other
            if (one.rows, one.columns) == (1, 1) and letters == out:
                return one.scalar() * other
        raise OutsideCalculusError(f"{group.name}: a product in every token at once")
    if i == "" or j == "":
        scalar, (form, letters) = (a, right) if i == "" else (b, left)
        if letters == out:
            return scalar.scalar() * form
    if len(i) == 1 and i == j and out == "":
        return a @ b.T
    if len(i) == len(j) == 1 and i != j and sorted(i + j) == sorted(out):
        return a.T @ b if out == i + j else b.T @ a
    for (matrix, letters), (vector, letter) in ((left, right), (right, left)):
        if len(letters) == 2 and len(letter) == 1 and letters[0] != letters[1]:
            if letter == letters[1] and out == letters[0]:
                return vector @ matrix.T
            if letter == letters[0] and out == letters[1]:
                return vector @ matrix
    raise OutsideCalculusError(f"{group.name}: product {i},{j} -> {out}")
