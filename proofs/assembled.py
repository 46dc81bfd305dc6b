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

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from proofs import calculus as c
from proofs.calculus import Form
from proofs.relu_heads import Selection, combined, relu
from proofs.tokens import Group, OutsideCalculusError, groups, ones

State = dict[str, Form]
ONE = sympy.Integer(1)


class Run:
    """One witness in the calculus; `states` holds each group's slots after the last layer run.

    `matrices` gives explicit matrices of the weights (rows of numbers) a form (rows × d).
    """

    def __init__(
        self, witness: Any, examples: int | None, matrices: Mapping[Any, Form] | None = None
    ) -> None:
        self.witness = witness
        self.groups = groups(witness, examples)
        self.matrices = dict(matrices or {})
        prompt = witness.prompt
        self.positions = {b.destination for b in prompt.embedding if b.source == "position"}
        self.states: list[State] = []
        for group in self.groups:
            state: State = {}
            for block in prompt.embedding:
                if block.source == "position":
                    for name, form in group.features.items():
                        if name.startswith("position["):
                            self._add(state, block.destination + name[8:], form)
                elif block.source in group.features:
                    form = self._apply(block, group.features[block.source], prompt.features)
                    self._add(state, block.destination, form)
            self.states.append(state)

    @property
    def examples(self) -> Any:
        """The number of examples: n, or the number that is fixed."""
        with_y = [group.rows for group in self.groups if "y" in group.features]
        return sum(with_y, sympy.Integer(0))

    # -- one layer ----------------------------------------------------------------------------

    def layer(self, layer: Any) -> None:
        """Run one layer on all groups. Raises OutsideCalculusError."""
        if layer.norm:
            raise OutsideCalculusError(f"{layer.name}: layer norm")
        before = [dict(state) for state in self.states]
        for head in combined(layer.heads):
            self._attend(head, before)
        if layer.mlp is not None:
            for group, state in zip(self.groups, self.states, strict=True):
                self._mlp(layer.mlp, group, state)

    def _attend(self, head: Any, before: Sequence[State]) -> None:
        seen = [
            (group, state)
            for group, state in zip(self.groups, before, strict=True)
            if group.context or head.keys != "context"
        ]
        if head.keys != "context":
            self._check_queries(head, before[-1])
        scale = ONE
        if head.average:
            count = sum((group.rows for group, _ in seen), sympy.Integer(0))
            scale = 1 / (self.examples if head.average == "examples" else count)
        for number, reader in enumerate(before):
            scored = []
            for group, state in seen[: number + 1] if head.keys == "causal" else seen:
                if isinstance(head, Selection):
                    shape = self.groups[number].rows, group.rows
                    score = self._selected(head, reader, state, shape)
                else:
                    score = self._score(head, reader, state)
                if score is not None:
                    scored.append((group, state, score))
            weights = self._weights(head, scored)
            for (_, state, _), weight in zip(scored, weights, strict=True):
                for destination in _destinations(head.value):
                    value = self._read(head.value, destination, state)
                    if value is not None:
                        self._add(self.states[number], destination, scale * (weight @ value))

    def _check_queries(self, head: Any, query: State) -> None:
        """Raises OutsideCalculusError where a query could see another: one stands for all here.

        Also where causal keys meet tokens that are not one by one.
        """
        if head.keys == "causal" and (
            head.average == "keys" or any(group.rows != 1 for group in self.groups)
        ):
            raise OutsideCalculusError(f"head {head.name}: causal keys among tokens not told apart")
        parts = head.parts if isinstance(head, Selection) else (head,)
        # a score may be 0 of a query on itself and not on another one
        scored = any(self._score(part, query, query) is not None for part in parts)
        sent = any(self._read(head.value, to, query) for to in _destinations(head.value))
        if scored and (sent or head.attention == "normalised"):
            raise OutsideCalculusError(f"head {head.name}: queries that see queries")

    def _score(self, head: Any, reader: State, state: State) -> Form | None:
        total: Form | None = None
        for feature in _destinations(head.query):
            query = self._read(head.query, feature, reader)
            key = self._read(head.key, feature, state)
            if query is not None and key is not None:
                part = query @ key.T
                total = part if total is None else total + part
        return total

    def _selected(
        self, head: Selection, reader: State, state: State, shape: tuple[Any, Any]
    ) -> Form | None:
        """The weights of a selection; None where nothing is sent, so that they do not matter."""
        sent = (self._read(head.value, name, state) for name in _destinations(head.value))
        if all(value is None for value in sent):
            return None
        scores = (self._score(part, reader, state) for part in head.parts)
        return head.weights(*(c.zero(*shape) if s is None else s for s in scores))

    def _weights(self, head: Any, scored: Sequence[tuple[Group, State, Form]]) -> list[Form]:
        """What the scores become: themselves, ReLU of constants, or shares of 1 + Σ scores.

        Those of a selection are its weights.
        """
        scores = [score for _, _, score in scored]
        if head.attention in ("linear", "selection"):
            return scores
        if head.attention == "relu":
            return [c.number(relu(_constant(score, head))) for score in scores]
        if head.attention == "normalised" and head.null:
            plain = [s for s in scores if s.normal()]
            if all((s.rows, s.columns) == (1, 1) for s in plain):
                total = 1 + sympy.Add(*(s.scalar() for s in plain))
                return [s / total for s in scores]
        raise OutsideCalculusError(f"head {head.name}: {head.attention} attention")

    def _mlp(self, mlp: Any, group: Group, state: State) -> None:
        if mlp.activation != "identity":
            raise OutsideCalculusError(f"an MLP with {mlp.activation}")
        layout = self.witness.layout
        before = dict(state)
        for block in mlp.outer:
            if mlp.inner is None:
                if self._present(block, before):
                    form = self._apply(block, before[block.source], layout)
                    self._add(state, block.destination, form)
                continue
            for coefficient, letters, left, right in self._hidden(mlp, block.source, before):
                wanted = block.pattern or f"{letters}<-{letters}"
                out, _, source = wanted.partition("<-")
                names = dict(zip(source, letters, strict=True))
                out = "".join(names.get(letter, letter) for letter in out)
                summed = set(letters) - set(out)
                if not summed <= set(left[1] + right[1]):
                    raise OutsideCalculusError(f"{block}: a sum over a repeated entry")
                form = _product(left, right, out, group)
                self._add(
                    state, block.destination, sympy.sympify(block.coefficient) * coefficient * form
                )

    def _hidden(
        self, mlp: Any, feature: str, state: State
    ) -> list[tuple[Any, str, tuple[Form, str], tuple[Form, str]]]:
        """The products that make a hidden feature: coefficient, letters, both indexed factors."""
        one = [(ONE, "", c.number(1), "")]
        left = self._indexed(mlp.inner, feature, state)
        right = one if mlp.gate is None else self._indexed(mlp.gate, feature, state)
        made = []
        for a, letters, x, x_letters in left:
            for b, other, y, y_letters in right:
                names = dict(zip(other, letters, strict=False))
                renamed = "".join(names.get(letter, letter) for letter in y_letters)
                made.append((a * b, letters, (x, x_letters), (y, renamed)))
        return made

    def _indexed(self, slots: Any, feature: str, state: State) -> list[tuple[Any, str, Form, str]]:
        made = []
        for block in slots:
            if block.destination != feature or not self._present(block, state):
                continue
            if block.matrix is not None:
                raise OutsideCalculusError(f"{block}: a matrix inside a gate")
            plain = "ij"[: len(self.witness.layout.shape(block.source))]
            out, _, source = (block.pattern or f"{plain}<-{plain}").partition("<-")
            made.append((sympy.sympify(block.coefficient), out, state[block.source], source))
        return made

    # -- slot maps ----------------------------------------------------------------------------

    def _read(self, slots: Any, destination: str, state: State) -> Form | None:
        total: Form | None = None
        for block in slots:
            if block.destination == destination and self._present(block, state):
                form = self._apply(block, state[block.source], self.witness.layout)
                total = form if total is None else total + form
        return total

    def _apply(self, block: Any, form: Form, layout: Any) -> Form:
        coefficient = sympy.sympify(block.coefficient)
        if block.matrix is not None:
            if block.matrix not in self.matrices:
                raise OutsideCalculusError(f"{block}: an explicit matrix without a letter")
            return coefficient * (form @ self.matrices[block.matrix].T)
        if block.pattern is not None:
            out, _, source = block.pattern.partition("<-")
            if (out, source) == ("ii", ""):
                return coefficient * form.scalar() * c.identity(c.d)
            if out != source:
                raise OutsideCalculusError(f"{block}: pattern outside a gate")
        return coefficient * form

    def _present(self, block: Any, state: State) -> bool:
        """Whether what the block reads is non-zero; single entries only of the one-hot slots."""
        name, entry, _ = block.source.partition("[")
        if bool(entry) != (name in self.positions):
            raise OutsideCalculusError(f"{block}: an entry of a slot, or all positions at once")
        return block.source in state

    def _add(self, state: State, name: str, form: Form) -> None:
        if "[" in name and name.partition("[")[0] not in self.positions:
            raise OutsideCalculusError(f"{name}: one entry of a slot is written")
        total = state[name] + form if name in state else form
        state[name] = total
        if not total.normal():
            del state[name]


def _destinations(slots: Any) -> list[str]:
    return list(dict.fromkeys(block.destination for block in slots))


def _constant(score: Form, head: Any) -> Any:
    value = score.scalar() if (score.rows, score.columns) == (1, 1) else None
    if value is None or not sympy.expand(value).is_number:
        raise OutsideCalculusError(f"head {head.name}: ReLU of a score that depends on the prompt")
    return value


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
