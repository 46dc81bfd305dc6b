"""An algorithm as a formula: what can be proved of a transformer is that it computes one.

    formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta*X.T*(X*w - y)"}, repeat="steps")

The language is that of `proofs.formula`: the prompt's X (n, d), y (n, 1), n, x1, y1, …, the query
x_t (d, 1), I, O (d, 1), and the names of the parameters. A formula can be called like an
algorithm, in any arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.formula import names, parse, rename

from .prompt_scope import evaluate, prompt_scope

Statement = tuple[dict[str, str], str]  # definitions in order, the prediction at a query x_t

PROMPT = frozenset(("X", "y", "n", "I", "O", "x_t"))
EXAMPLE = re.compile(r"[xy][1-9]\d*$")


@dataclass(frozen=True)
class Formula:
    """What an algorithm predicts at a query x_t.

    `state` gives, from the parameters, the algorithm's quantities in order, each a formula over
    the prompt, the parameters and those before it, and the prediction; None where the language
    cannot say them.
    """

    name: str
    state: Callable[[Mapping[str, Any]], Statement | None]

    def at(self, parameters: Mapping[str, Any]) -> Statement:
        """The definitions and the prediction with these parameters.

        Raises ValueError for a name that is neither the prompt's, a parameter nor defined before,
        and where there is no formula.
        """
        parameters = {k: v for k, v in parameters.items() if v is not None}
        stated = self.state(parameters)
        if stated is None:
            raise ValueError(f"the algorithm {self.name} is no formula with these parameters")
        definitions, prediction = stated
        known, before = PROMPT | set(parameters), list[str]()
        for name, text in (*definitions.items(), ("the prediction", prediction)):
            for used in sorted(names(text) - known):
                if not EXAMPLE.match(used):
                    there = ", ".join((*sorted(PROMPT), *parameters, *before))
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
        return "; ".join((*(f"{k} = {v}" for k, v in definitions.items()), prediction))

    def __call__(self, X: Any, y: Any, queries: Any, **parameters: Any) -> np.ndarray:
        """Predictions (m,) in the arithmetic of X (n, d), y (n,), queries (m, d)."""
        definitions, prediction = self.at(parameters)
        parameters = {k: v for k, v in parameters.items() if k not in definitions}
        scope = prompt_scope(X, y, definitions, parameters)
        made = np.empty(len(queries), dtype=object)
        for q, query in enumerate(np.asarray(queries)):
            value = evaluate(prediction, scope.at(x_t=query.reshape(-1, 1)))
            made[q] = value.item() if isinstance(value, np.ndarray) else value
        return made if np.asarray(X).dtype == object else made.astype(np.asarray(X).dtype)


def formula(
    prediction: str,
    start: Mapping[str, str] | None = None,
    step: Mapping[str, str] | None = None,
    repeat: str | int | None = None,
    name: str = "formula",
    **definitions: str,
) -> Formula:
    """A formula of its own: `definitions`, then `step` applied `repeat` times to `start`.

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

    return Formula(name, state)


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
