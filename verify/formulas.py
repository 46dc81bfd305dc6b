"""An algorithm as a formula: what can be proved of a transformer is that it computes one.

    formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta*X.T*(X*w - y)"}, repeat="steps")

The language is that of `proofs.formula`: the prompt's X (n, d), y (n, 1), n, x1, y1, …, the query
x_t (d, 1), I, O (d, 1), and the names of the parameters. Parts of x have matrices and columns by
their names, phi (n, d) and phi_t (d, 1); of several targets y (n, q) has the columns. A formula can
be called like an algorithm, in any arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.formula import names, parse, rename
from proofs.letters import entries
from proofs.prompt import X_ALONE, Fields, fields_of
from proofs.stream import Layout
from proofs.vocabulary import READOUTS, is_reserved, one_of

from .prompt_scope import evaluate, prompt_scope, token_names

Statement = tuple[dict[str, str], str]  # definitions in order, the prediction at a query x_t

PROMPT = frozenset(("X", "y", "n", "I", "O", "x_t"))  # where x is one part
EXAMPLE = re.compile(r"[xy][1-9]\d*$")


@dataclass(frozen=True)
class Formula:
    """What an algorithm predicts at a query x_t: a number, or a column or row of them.

    `state` gives, from the parameters, the algorithm's quantities in order, each a formula over
    the prompt, the parameters and those before it, and the prediction; None where the language
    cannot say them. `fields` are the parts of x, `tokens` where it predicts, as of a read-out: at
    examples x_t and y_t are theirs.
    """

    name: str
    state: Callable[[Mapping[str, Any]], Statement | None]
    fields: Fields = X_ALONE
    tokens: str = "query"

    def __post_init__(self) -> None:
        one_of(self.tokens, READOUTS, "tokens of a prediction")

    @property
    def known(self) -> frozenset[str]:
        """Names of the prompt, of the tokens too at which is predicted."""
        parts = [part.name for part in self.fields.parts.slots]
        every = self.fields.query_parts if self.tokens == "query" else parts
        of_tokens = [f"{name}_t" for name in every]
        of_tokens += [] if self.tokens == "query" else ["y_t"]
        of_x = {"X" if name == "x" else name for name in parts}
        return (PROMPT - {"X", "x_t"}) | of_x | set(of_tokens)

    def differs_from(self, witness: Any) -> str | None:
        """Why it speaks of other prompts, or other tokens, than a witness; None if it does not."""
        if self.fields != witness.prompt.fields:
            return f"the formula {self.name} and the witness have other parts of x"
        if self.tokens != witness.readout.tokens:
            return (
                f"the formula {self.name} predicts at {self.tokens} tokens, the witness at "
                f"{witness.readout.tokens}"
            )
        return None

    def at(self, parameters: Mapping[str, Any]) -> Statement:
        """The definitions and the prediction with these parameters.

        Raises ValueError for a name that is neither the prompt's, a parameter nor defined before,
        for a quantity that is named like a part of the prompt, and where there is no formula.
        """
        parameters = {k: v for k, v in parameters.items() if v is not None}
        stated = self.state(parameters)
        if stated is None:
            raise ValueError(f"the algorithm {self.name} is no formula with these parameters")
        definitions, prediction = stated
        known, before = self.known | set(parameters) | set(entries(parameters)), list[str]()
        for name in definitions:
            if is_reserved(name) or name in self.known:
                raise ValueError(
                    f"formula {self.name}: {name} is a part of the prompt; name the quantity "
                    "otherwise"
                )
        for name, text in definitions.items():
            if name in names(text):
                raise ValueError(
                    f"formula {self.name}: {name} = {text!r} is defined by itself; {name} is a "
                    "quantity here, so that a parameter needs another name"
                )
        for name, text in (*definitions.items(), ("the prediction", prediction)):
            for used in sorted(names(text) - known):
                single = EXAMPLE.match(used)
                if not (single and (used[0] == "y" or "X" in known)):
                    there = ", ".join((*sorted(self.known), *parameters, *before))
                    raise ValueError(
                        f"formula {self.name}, {name} = {text!r}: {used} is not defined; there are "
                        f"x1, y1, …, {there}"
                    )
            known = known | {name}
            before.append(name)
        return definitions, prediction

    def text(self, parameters: Mapping[str, Any]) -> str:
        """The whole formula on one line; equal texts are one formula."""
        definitions, prediction = self.at(parameters)
        said = [f"{k} = {v}" for k, v in definitions.items()]
        if self.fields is not X_ALONE:
            layout = ((part.name, *part.shape) for part in self.fields.parts.slots)
            said.append(f"parts {tuple(layout)}, of a query {self.fields.query_parts}")
        at = () if self.tokens == "query" else (f"at {self.tokens}",)
        return "; ".join((*said, prediction, *at))

    def __call__(self, X: Any, y: Any, queries: Any, **parameters: Any) -> np.ndarray:
        """Predictions (m,), or (m, size) where they are no numbers, in the arithmetic of X (n, d),
        y (n,), queries (m, d); with parts of x, or several targets, of their columns."""
        definitions, prediction = self.at(parameters)
        parameters = {k: v for k, v in parameters.items() if k not in definitions}
        X, y = np.asarray(X), np.asarray(y)
        scope = prompt_scope(X, y, definitions, parameters, self.fields)
        rows = []
        for token in self._tokens(X, y, np.asarray(queries), parameters):
            value = evaluate(prediction, scope.at(**token))
            rows.append(value.ravel().tolist() if isinstance(value, np.ndarray) else [value])
        width = len(rows[0]) if rows else 1
        made = np.empty((len(rows), width), dtype=object)
        for t, row in enumerate(rows):
            made[t] = row
        made = made[:, 0] if width == 1 else made
        return made if X.dtype == object else made.astype(X.dtype)

    def _tokens(
        self, X: np.ndarray, y: np.ndarray, queries: np.ndarray, parameters: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """What the tokens carry at which is predicted."""
        fields, d = self.fields, parameters.get("d")
        if d is None:
            d = X.shape[1] if fields is X_ALONE else fields.dimension(X.shape[1])
        targets = 1 if y.ndim == 1 else y.shape[1]
        if self.tokens != "query":
            for row, target in zip(X, y, strict=True):
                yield token_names(row, fields.at(d).parts, fields, d, target)
        if self.tokens != "examples":
            for row in queries:
                yield token_names(row, fields.at(d).of_query, fields, d, None, targets)


def formula(
    prediction: str,
    start: Mapping[str, str] | None = None,
    step: Mapping[str, str] | None = None,
    repeat: str | int | None = None,
    name: str = "formula",
    parts: Layout | None = None,
    query_parts: Sequence[str] | None = None,
    tokens: str = "query",
    **definitions: str,
) -> Formula:
    """A formula of its own: `definitions`, then `step` applied `repeat` times to `start`.

    `parts` of x and those of a query are as in Prompt, `tokens` as in Readout.

    `repeat` is a number or the name of a parameter. A step's quantities are renewed in their
    order, so that a later one sees the new value of an earlier one; in the prediction they have
    their last values. Raises ValueError where the parts do not fit or are not in the language.
    """
    start, step = dict(start or {}), dict(step or {})
    if set(start) != set(step):
        raise ValueError(f"start gives {sorted(start)} and step renews {sorted(step)}")
    if bool(step) != (repeat is not None):
        raise ValueError("a step needs `repeat`, the number of times or a parameter's name")
    for text in (prediction, *definitions.values(), *start.values(), *step.values()):
        if not isinstance(text, str):
            raise ValueError(f"a formula is a text, such as 'w.T*x_t', not {text!r}")
        parse(text)

    def state(parameters: Mapping[str, Any]) -> Statement:
        made = dict(definitions)
        if repeat is None:
            return made, prediction
        if isinstance(repeat, str) and repeat not in parameters:
            raise ValueError(f"formula {name}: there is no parameter {repeat} to repeat by")
        count = _times(name, parameters[repeat] if isinstance(repeat, str) else repeat)
        now = {quantity: f"{quantity}0" for quantity in start}
        for quantity, text in start.items():
            made[now[quantity]] = rename(text, now)
        for k in range(1, count + 1):
            for quantity, text in step.items():
                made[f"{quantity}{k}"] = rename(text, now)
                now = {**now, quantity: f"{quantity}{k}"}
        return made, rename(prediction, now)

    return Formula(name, state, fields_of(parts, query_parts), tokens)


def _times(name: str, count: Any) -> int:
    """A number of repetitions; 3 may be a fraction. Raises ValueError where it is not whole."""
    try:
        whole = int(count)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != count or whole < 0:
        raise ValueError(f"formula {name}: a step is repeated a whole number of times, not {count}")
    return whole


def reference(name: str) -> Formula:
    """The formula of a construction's algorithm. Raises ValueError where there is none."""
    import constructions

    stated = constructions.get(name).reference
    if stated is None:
        raise ValueError(f"nothing states the algorithm of {name} as a formula")
    return Formula(name, stated)
