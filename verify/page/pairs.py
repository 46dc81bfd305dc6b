"""Claims whose printed witness fails, beside the repaired one: what a page needs to run both.

A claim that is not listed here is shown as its builder makes it, at one of its cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from constructions.witness import Witness

from .lesson import Exercise, Lesson

Builder = Callable[..., Witness]

MEND = Exercise(
    "Mend it. Change weights on the printed side until its verdict is no longer refuted.",
    "Look at the first slot that differs: which block wrote it?",
    "That is the repair, found by hand.",
    state=("mended",),
)
SIGN = Exercise(
    "Mend it. In each layer with two ReLU heads one weight on the printed side has the wrong sign. "
    "Change it there.",
    "ReLU(u) + ReLU(−u) is |u|, and ReLU(u) − ReLU(−u) is u.",
    "The value of the second head takes the opposite sign.",
    state=("mended",),
)
MATRICES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "1": ((1,),),
    "½": ((Fraction(1, 2),),),
    "diagonal": ((Fraction(1, 2), 0), (0, Fraction(1, 4))),
    "not symmetric": ((Fraction(1, 2), Fraction(1, 4)), (0, Fraction(1, 4))),
}
RELU_LAYERS = {
    "embedding": "What the proof starts from. The prompt is laid out as it is printed.",
    "attention": "Two ReLU heads with opposite keys. Together they should weigh token j with "
    "⟨{x_t}, {x_j}⟩, the positive and the negative half.",
    "iteration": "Two ReLU heads and a doubling MLP: one Newton iteration for slot top.",
    "two heads": "Two ReLU heads with opposite keys should add up to ⟨{x_t}, {x_j}⟩.",
    "causal": "The same two heads, each token reading itself and the tokens before it.",
    "mov": "A copy from the token before, found by its index.",
}


@dataclass(frozen=True)
class Pair:
    """Builders of a claim's printed and (if there is one) repaired witness, and where to start.

    axes: sizes on offer; scalars: letters with their start; start: sizes of the example; fixed:
    parameters that a reader cannot change, which formulas may name; apart: each of the two is set
    beside its own algorithm, as a repair may be one of the statement.
    queries are zero where the paper's prompt has none.
    """

    printed: Builder
    repaired: Builder | None
    axes: Mapping[str, tuple[Any, ...]]
    start: Mapping[str, Any]
    scalars: Mapping[str, Any] = field(default_factory=dict)
    X: tuple[tuple[float, ...], ...] = ((1, 1), (-1, 1))
    y: tuple[float, ...] = (1, -1)
    queries: tuple[tuple[float, ...], ...] = ((0.5, 1),)
    predicts: bool = False
    layers: Mapping[str, str] = field(default_factory=lambda: RELU_LAYERS)
    exercises: tuple[Exercise, ...] = (SIGN,)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    apart: bool = False

    def lesson(self, title: str, lead: str) -> Lesson:
        return Lesson(
            title=title,
            lead=lead,
            paragraphs=(),
            layers=self.layers,
            parameters={**self.start, **self.scalars},
            exercises=self.exercises,
            X=self.X,
            y=self.y,
            queries=self.queries,
            goal="answer",
            predicts=self.predicts,
        )


def _on_matrix(build: Builder, **fixed: Any) -> Builder:
    """A builder that takes its matrix T by name."""

    def made(T: str, examples: int) -> Witness:
        return build(MATRICES[T], examples, **fixed)

    return made


def _theorem51(**fixed: Any) -> Builder:
    from constructions.papers.fu2023.layers import theorem51

    def made(d: int, examples: int, iterations: int, alpha: Any) -> Witness:
        return theorem51(d, examples, iterations, alpha, **fixed)

    return made


def _theorem51_pair(printed: dict[str, Any], repaired: dict[str, Any], **more: Any) -> Pair:
    return Pair(
        _theorem51(**printed),
        _theorem51(**repaired),
        axes={"d": (1, 2, 3), "examples": (1, 2, 3), "iterations": (0, 1, 2, 3)},
        start={"d": 2, "examples": 2, "iterations": 2},
        scalars={"alpha": Fraction(1, 8)},
        predicts=True,
        **more,
    )


def _fu2023() -> dict[str, Pair]:
    from constructions.papers.fu2023 import statements as fu

    def eq21(printed: bool) -> Builder:
        return lambda d: fu.eq21(d, printed)

    def eq24(printed: bool) -> Builder:
        return lambda d, examples, alpha: fu.eq24(d, examples, alpha, printed)

    given: dict[str, Any] = {
        "axes": {"T": tuple(MATRICES), "examples": (1, 2, 3)},
        "start": {"T": "diagonal", "examples": 2},
        "queries": ((0, 0),),
    }
    causal: dict[str, Any] = {
        "axes": {"T": tuple(MATRICES), "examples": (2, 3, 4)},
        "start": {"T": "diagonal", "examples": 3},
        "queries": ((0, 0),),
        "X": ((1, 1), (-1, 1), (0, 1)),
        "y": (0, 0, 0),
    }
    own: dict[str, Any] = {"printed": False}
    return {
        "fu2023.eq21": Pair(
            eq21(True),
            eq21(False),
            {"d": (1, 2, 3)},
            {"d": 2},
            X=((-1, 1),),
            y=(0,),
            queries=((1, 0.5),),
        ),
        "fu2023.eq24": Pair(
            eq24(True),
            eq24(False),
            {"d": (1, 2, 3), "examples": (1, 2, 3)},
            {"d": 2, "examples": 2},
            {"alpha": Fraction(1, 4)},
            X=((1, 1), (-2, 1)),
            queries=((0, 0),),
        ),
        "fu2023.eq30": Pair(_on_matrix(fu.eq30), _on_matrix(fu.eq30, printed=False), **given),
        "fu2023.remarkB6": Pair(
            _on_matrix(fu.remark_b6), _on_matrix(fu.remark_b6, printed=False), **causal
        ),
        "fu2023.remarkB6.iterated": Pair(
            _on_matrix(fu.remark_b6, printed=False, iterations=2), None, exercises=(), **causal
        ),
        "fu2023.theorem5.1": _theorem51_pair({}, own),
        "fu2023.theorem5.1.test-token": _theorem51_pair(
            own | {"test": "units of x"},
            own | {"test": "units of x", "keys": "context"},
            exercises=(),
        ),
        "fu2023.theorem5.1.labels": _theorem51_pair(
            own | {"labels": "units of x"}, own, exercises=()
        ),
    }


def _akyurek2022() -> dict[str, Pair]:
    from constructions.papers.akyurek2022 import chains as ak

    from .lessons.paper import THEOREM_1, THEOREM_2

    def descent(*as_printed: str, last: bool = False) -> Builder:
        def made(d: int, examples: int, step_size: Any, ridge: Any) -> Witness:
            w0 = tuple(range(1, d + 1))
            chain = ak.theorem1_chain(d, step_size, ridge, w0, examples, as_printed)
            return _last(chain).transformer(ak.FLOAT64) if last else chain.transformer(ak.FLOAT64)

        return made

    def regression(*as_printed: str) -> Builder:
        def made(d: int, examples: int, ridge: Any) -> Witness:
            return ak.theorem2_chain(d, ridge, examples, as_printed).transformer(ak.FLOAT64)

        return made

    def pair(printed: Builder, repaired: Builder, examples: int, exercise: Exercise) -> Pair:
        return Pair(
            printed,
            repaired,
            {"d": (1, 2), "examples": (examples,)},
            {"d": 2, "examples": examples},
            {"step_size": Fraction(1, 8), "ridge": Fraction(1, 2)},
            X=((1, 1), (-1, 1), (0, 1))[:examples],
            y=(3, -1, 2)[:examples],
            predicts=True,
            layers=THEOREM_1.layers,
            exercises=(exercise,),
        )

    return {
        "akyurek2022.theorem1.sign": pair(descent("sign"), descent(), 1, MEND),
        "akyurek2022.theorem1.check": pair(descent("check"), descent(), 1, MEND),
        "akyurek2022.theorem1.unit": pair(descent("unit", last=True), descent(last=True), 1, MEND),
        "akyurek2022.theorem1.multistep.repetition": pair(
            descent("repetition"), descent(), 3, MEND
        ),
        "akyurek2022.theorem2.multistep.repetition": Pair(
            regression("repetition"),
            regression(),
            {"d": (1,), "examples": (3,)},
            {"d": 1, "examples": 3},
            {"ridge": 1},
            X=((1,), (-1,), (2,)),
            y=(1, 0, 2),
            queries=((1,),),
            predicts=True,
            layers=THEOREM_2.layers,
            exercises=(MEND,),
        ),
    }


def _last(chain: Any) -> Any:
    """The chain, read in the last of its units."""
    from dataclasses import replace

    return replace(chain, readout=f"gradient[{chain.parameters['d'] - 1}]")


def pair_of(claim_id: str) -> Pair | None:
    """The pair of witnesses of a claim, if both can run on a page."""
    return {**_fu2023(), **_akyurek2022()}.get(claim_id)


def matrix_name(rows: Any) -> str | None:
    """The name of a matrix among MATRICES, given its entries as text."""
    wanted = tuple(tuple(Fraction(entry) for entry in row) for row in rows)
    return next((name for name, matrix in MATRICES.items() if matrix == wanted), None)
