"""What the teaching page says about each construction, and what it asks.

Text between braces, as in "{M2*x_t}", is a formula in the language of `Holds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .mathml import mathml, plain, power, scalar_tree
from .readable import titled

START = (
    "Every token starts with what the prompt says: its own {x_t}, and {y_t} where it is known. The "
    "other slots are empty: they are the workspace."
)


@dataclass(frozen=True)
class Exercise:
    """A question that the page can check.

    answer: a formula in X, y, x_q (the query), the parameters, n, d, rho (what one
    step leaves of the error), limit (below which the step size converges), top and bottom (the
    largest and smallest non-zero eigenvalue of S); the reader's number counts if it agrees to two
    significant digits, a whole number if it is equal.
    state: what the page must show instead: ("first", layer, slot), ("diverges",), ("close", r):
    the prediction is within a fraction r of least squares, ("zero",): it is 0, ("refuted",),
    ("last",): no layer but the last differs, ("mended",): the printed weights hold after a change.
    """

    question: str
    hint: str
    reason: str
    answer: str = ""
    state: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": scalar_tree(self.answer) if self.answer else None,
            "state": list(self.state),
        }


@dataclass(frozen=True)
class Picture:
    """The picture that a page opens with: one of `pictures.CAPTIONS`, drawn by scripts/pictures.

    caption: what to look at, in a sentence; "" for what is said of all pictures of that kind.
    amount: a formula in the parameters that the picture needs: what is uncertain about a target, or
    the threshold. options: the slots that it reads, and the like.
    """

    kind: str
    caption: str = ""
    amount: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        amount = scalar_tree(self.amount) if self.amount else None
        return {"kind": self.kind, "amount": amount, "options": dict(self.options)}


@dataclass(frozen=True)
class Lesson:
    """Text, example, theory and exercises of one construction.

    layers: for layers whose name starts with the key, what the layer does; "embedding" has a text
    of its own. names: for layers whose name is the key, or starts with it up to a bracket, what
    people call it. picture: what the page opens with; None for what `pictures` makes of the
    annotations. lens: how a stream is
    read before the end, from the read-out "slot" or by the "last layer". left: what is left of
    the error in the direction of an eigenvalue s of S, "base**exponent", where the construction
    does not say it; words of the construction's parameters are 1 where they are chosen, else 0.
    The iteration is after (S + shift I)^-1 X^T y. `sizes` narrows what the controls offer;
    `predicts` is False where the read-out is no prediction; goal "answer" measures errors from the
    algorithm's own last answer instead of that solution; `unit`: x lies in [0, 1];
    `classes`: every y is 0 or 1; `letters`: every example is a one-hot word, called a, b, c, ….
    """

    title: str
    lead: str
    paragraphs: tuple[str, ...]
    parameters: Mapping[str, Any]
    exercises: tuple[Exercise, ...]
    layers: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    picture: Picture | None = None
    construction: str = ""
    X: tuple[tuple[float, ...], ...] = ((1, 1), (-1, 1), (0, 1))
    y: tuple[Any, ...] = (3, -1, 2)
    queries: tuple[tuple[float, ...], ...] = ((0.5, 1),)
    lens: str = "slot"
    left: str = ""
    shift: str = ""
    predicts: bool = True
    goal: str = "solution"
    unit: bool = False
    classes: bool = False
    letters: bool = False
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "lens": self.lens,
            "left": power(self.left),
            "shift": scalar_tree(self.shift) if self.shift else None,
            "predicts": self.predicts,
            "goal": self.goal,
            "unit": self.unit,
            "classes": self.classes,
            "letters": self.letters,
            "names": dict(self.names),
            "layers": {key: rich(text) for key, text in self.texts.items()},
            "exercises": [exercise.to_json() for exercise in self.exercises],
        }

    @property
    def texts(self) -> Mapping[str, str]:
        """`layers`, and what is said of most embeddings."""
        return {"embedding": START, **self.layers}

    def titled(self, name: str) -> str:
        """A layer's name as HTML: in words where there are some; M_2 is M with index 2."""
        name = re.sub(r"^\d+: ", "", name)
        if words := self.names.get(name) or self.names.get(name.partition("(")[0]):
            return plain(words)
        return titled(name)

    def layer_text(self, name: str) -> str:
        """HTML about the layer: the longest key that its name, without a number, starts with."""
        name = re.sub(r"^\d+: ", "", name)
        keys = [key for key in self.texts if name.startswith(key)]
        return rich(self.texts[max(keys, key=len)]) if keys else ""


# a browser may break a line after a formula, also before the comma that follows it
PUNCTUATED = re.compile(r"(<math>(?:(?!<math>).)*?</math>[.,;:!?)]+)", re.S)


def rich(text: str) -> str:
    """Text with its {formulas} in MathML and *stressed* words, as HTML."""
    parts = re.split(r"\{([^}]*)\}", text)
    made = []
    for i, part in enumerate(parts):
        if i % 2:
            left, equals, right = part.partition(" = ")
            made.append(mathml(left) + (" = " + mathml(right) if equals else ""))
        else:
            made.append(re.sub(r"\*([^*]+)\*", r"<em>\1</em>", plain(part)))
    return PUNCTUATED.sub(r'<span class="unbroken">\1</span>', "".join(made))
