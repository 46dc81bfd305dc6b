"""The chains of akyurek2022, theorems 1 and 2, with rows and columns as printed.

`as_printed` names what is left as the paper prints it; without it a chain is the repaired one:

    columns     both theorems write mov(; 1, 0, …) and mov(; 2, 1, …), where the lemma's
                mov(; s, t, …) copies column s to a later column t   -> s and t exchanged
    sign        theorem 1, step 6: W2 = -lambda                       -> W2 = lambda
    check       the same in the paper's own walk through the chain: W2 = -2 lambda
    unit        theorem 1, step 9 writes (3+3d, 4+3d), the last unit only at d = 1
                                                                      -> (2+4d, 3+4d)
    sizes       theorem 2, step 14: a, b, c = d, 1, 1                 -> 1, d, 1
    repetition  several steps: the chain repeated word by word, two columns further each time
                    -> what starts the algorithm is written once, and carried to the next example
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofs.exact import Exact
from proofs.layer import Holds
from proofs.stream import layout

from ... import notation as n
from ...parameters import number, vector, whole
from ...witness import Witness
from .layers import FLOAT64, Constants, transformer
from .operations import Aff, Div, Mov, Mul, Operation, Program

THEOREM1 = ("columns", "sign", "unit")
THEOREM2 = ("columns", "sizes")
READINGS = (*THEOREM1, "check", "sizes", "repetition")


@dataclass(frozen=True)
class Chain:
    """A program, what its columns hold after each operation, and where the prediction is."""

    name: str
    program: Program
    holds: tuple[tuple[Holds, ...], ...]
    definitions: tuple[tuple[str, str], ...]
    readout: str
    parameters: dict[str, Any]

    def transformer(self, constants: Constants) -> Witness:
        """One layer per operation."""
        return transformer(
            self.program,
            self.parameters["d"],
            self.readout,
            constants,
            name=f"akyurek2022_{self.name.replace(' ', '')}",
            examples=self.parameters["examples"],
            parameters=self.parameters | vars(constants),
            definitions=self.definitions,
            holds=self.holds,
            source=f"akyurek2022, {self.name}",
        )

    def predict(self, X: Any, y: Any, queries: Any) -> Any:
        """What the operations themselves leave in the read-out unit of the query's column."""
        start = self.program.prompt(X, y, queries)
        return self.program.result(start, self.program.stream.rows(self.readout).start)


class _Steps:
    """Operations with what they leave behind."""

    def __init__(self, columns_as_printed: bool) -> None:
        self.operations: list[Operation] = []
        self.holds: list[tuple[Holds, ...]] = []
        self.exchanged = columns_as_printed

    def add(self, operation: Operation, slot: str, expression: str, token: int) -> None:
        self.operations.append(operation)
        self.holds.append((Holds(slot, expression, token),))

    def move(self, s: int, t: int, rows: tuple[int, ...], slot: str, expression: str) -> None:
        """Column s to the later column t; as printed, with their numbers the other way round."""
        first, second = (t, s) if self.exchanged else (s, t)
        self.add(Mov(first, second, rows, rows), slot, expression, t)


# -- theorem 1: gradient descent --------------------------------------------------------------


def theorem1_chain(
    d: int,
    step_size: Any,
    ridge: Any = 0,
    w0: Sequence[Any] | None = None,
    examples: int = 1,
    as_printed: Collection[str] = (),
) -> Chain:
    """One step of eq. 11 on each example in turn. Raises IllPosed where the chain does not fit."""
    d, n = whole("d", d), whole("examples", examples)
    step_size, ridge = number("step_size", step_size), number("ridge", ridge)
    w = vector("w0", w0, d) or (0,) * d
    _known(as_printed)
    stream = layout(
        y=(), x=(d,), fit=(), residual=(), product=(d,), w=(d,), gradient=(d,),
    )  # fmt: skip
    y, x, fit, residual = (0, 1), (1, 1 + d), (1 + d, 2 + d), (2 + d, 3 + d)
    product, weights, gradient = (3 + d, 3 + 2 * d), (3 + 2 * d, 3 + 3 * d), (3 + 3 * d, 3 + 4 * d)
    last = (3 + 3 * d, 4 + 3 * d) if "unit" in as_printed else (2 + 4 * d, 3 + 4 * d)
    decay: Exact = ridge
    if "sign" in as_printed:
        decay = -ridge
    elif "check" in as_printed:
        decay = -2 * ridge
    word_by_word = n == 1 or "repetition" in as_printed
    steps = _Steps("columns" in as_printed)
    if not word_by_word:
        steps.add(Aff((), (), weights, b=w), "w", "w0", 1)
    for k in range(1, n + 1):
        s, t = 2 * k - 2, 2 * k - 1
        xk, yk, old, new = f"x{k}", f"y{k}", f"w{k - 1}", f"w{k}"
        error = f"({old}.T*{xk} - {yk})"
        steps.move(s, t, x, "x", xk)
        if word_by_word:
            steps.add(Aff(x, (), fit, W1=(w,)), "fit", f"{old}.T*{xk}", t)
        else:
            steps.add(Mul(1, d, 1, weights, x, fit), "fit", f"{old}.T*{xk}", t)
        steps.add(Aff(fit, y, residual, W1=1, W2=-1), "residual", error, t)
        steps.add(Mul(d, 1, 1, x, residual, product), "product", f"{xk}*{error}", t)
        if word_by_word:
            steps.add(Aff((), (), weights, b=w), "w", old, t)
        steps.add(
            Aff(product, weights, gradient, W1=1, W2=decay),
            "gradient",
            f"{xk}*{error} + ridge*{old}",
            t,
        )
        steps.add(Aff(weights, gradient, weights, W1=1, W2=-2 * step_size), "w", new, t)
        to = t + 2 if k < n and not word_by_word else t + 1
        steps.move(t, to, weights, "w", new)
        if word_by_word or k == n:
            after = f"{new}.T*x{k + 1}" if k < n else f"{new}.T*x_t"
            steps.add(
                Mul(1, d, 1, weights, x, last), f"gradient[{last[0] - gradient[0]}]", after, t + 1
            )
    definitions = tuple(
        (
            f"w{k}",
            f"w{k - 1} - 2*step_size*(x{k}*(w{k - 1}.T*x{k} - y{k}) + ridge*w{k - 1})",
        )
        for k in range(1, n + 1)
    )
    return Chain(
        "theorem 1",
        Program(tuple(steps.operations), stream, 2 * n + 1),
        tuple(steps.holds),
        definitions,
        f"gradient[{last[0] - gradient[0]}]",
        {"d": d, "step_size": step_size, "ridge": ridge, "w0": w, "examples": n},
    )


FREE = {
    name: n.Number(above=0, default=getattr(FLOAT64, name))
    for name in ("sharpness", "large", "very_large", "scale", "bypass")
}


@n.construction(
    parameters={
        "d": n.Whole(example=1),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "ridge": n.Number(least=0, default=0),
        "w0": n.Vector(default=None),
        "examples": n.Examples(default=1),
        **{name: kind for name, kind in FREE.items() if name != "very_large"},
    },
    steps="examples",
    rate="2*step_size",
    equals="one_pass_sgd",
    source="akyurek2022, theorem 1",
)
def akyurek2022_theorem1(
    d: int, step_size: Any, ridge: Any, w0: Any, examples: int, sharpness: Any, large: Any,
    scale: Any, bypass: Any,
) -> Witness:  # fmt: skip
    """The repaired chain as a transformer, for prompts of exactly `examples` examples, one query.

    One gradient step on (w^T x - y)^2 + ridge |w|^2 per example, from w0 (default 0). It
    approximates: the better, the larger `sharpness`, `large`, `bypass` and the smaller `scale`,
    until rounding sets in.
    """
    chain = theorem1_chain(d, step_size, ridge, w0, examples)
    return chain.transformer(Constants(sharpness, large, 1, scale, bypass))


# -- theorem 2: ridge regression --------------------------------------------------------------


def theorem2_chain(
    d: int, ridge: Any, examples: int = 1, as_printed: Collection[str] = ()
) -> Chain:
    """Ridge regression by Sherman-Morrison. Raises IllPosed where the chain does not fit."""
    d, n = whole("d", d), whole("examples", examples)
    ridge = number("ridge", ridge, above=0)
    _known(as_printed)
    D = d * d
    stream = layout(
        y=(), x=(d,), target=(d,), inverse=(d, d), Au=(d,), vA=(d,), outer=(d, d), divisor=(),
        quotient=(d, d), w=(d,), prediction=(),
    )  # fmt: skip
    y, x, target = (0, 1), (1, 1 + d), (1 + d, 1 + 2 * d)
    inverse = (1 + 2 * d, 1 + 2 * d + D)
    Au = (1 + 2 * d + D, 1 + 3 * d + D)
    vA = (1 + 3 * d + D, 1 + 4 * d + D)
    outer = (1 + 4 * d + D, 1 + 4 * d + 2 * D)
    divisor = (1 + 4 * d + 2 * D, 2 + 4 * d + 2 * D)
    quotient = (2 + 4 * d + 2 * D, 2 + 4 * d + 3 * D)
    weights = (2 + 4 * d + 3 * D, 2 + 5 * d + 3 * D)
    prediction = (2 + 5 * d + 3 * D, 3 + 5 * d + 3 * D)
    start = tuple(
        1 / _fraction(ridge) if i == j else 0 for i in range(d) for j in range(d)
    )  # I/lambda
    word_by_word = n == 1 or "repetition" in as_printed
    steps = _Steps("columns" in as_printed)
    if not word_by_word:
        steps.add(Aff((), (), inverse, b=start), "inverse", "P0", 1)
    for k in range(1, n + 1):
        s, t = 2 * k - 2, 2 * k - 1
        u, P, new = f"x{k}", f"P{k - 1}", f"P{k}"
        steps.move(s, t, x, "x", u)
        if word_by_word:
            steps.add(Mul(d, 1, 1, x, y, target), "target", f"{u}*y{k}", t)
            steps.add(Aff((), (), inverse, b=start), "inverse", P, t)
        else:
            steps.add(Mul(d, 1, 1, x, y, weights), "w", f"{u}*y{k}", t)
            steps.add(Aff(target, weights, target, W1=1, W2=1), "target", f"b{k}", t)
        steps.add(Mul(d, d, 1, inverse, x, Au), "Au", f"{P}*{u}", t)
        steps.add(Mul(1, d, d, x, inverse, vA), "vA", f"{P}*{u}", t)
        steps.add(Mul(d, 1, d, Au, vA, outer), "outer", f"{P}*{u}*{u}.T*{P}", t)
        steps.add(Mul(1, d, 1, vA, x, divisor), "divisor", f"{u}.T*{P}*{u}", t)
        steps.add(Aff(divisor, (), divisor, W1=1, b=1), "divisor", f"1 + {u}.T*{P}*{u}", t)
        steps.add(
            Div(outer, divisor[0], quotient),
            "quotient",
            f"{P}*{u}*{u}.T*{P}/(1 + {u}.T*{P}*{u})",
            t,
        )
        steps.add(Aff(inverse, quotient, inverse, W1=1, W2=-1), "inverse", new, t)
        if word_by_word:
            steps.add(Mul(d, d, 1, inverse, x, weights), "w", f"{new}*{u}", t)
            steps.add(Mul(d, 1, 1, weights, y, weights), "w", f"v{k}", t)
        elif k < n:
            steps.move(t, t + 2, (target[0], inverse[1]), "inverse", new)
        else:
            steps.add(Mul(d, d, 1, inverse, target, weights), "w", f"v{k}", t)
        if word_by_word or k == n:
            steps.move(t, t + 1, weights, "w", f"v{k}")
            a, b = (d, 1) if "sizes" in as_printed else (1, d)
            after = f"v{k}.T*x{k + 1}" if k < n else f"v{k}.T*x_t"
            steps.add(Mul(a, b, 1, weights, x, prediction), "prediction", after, t + 1)
    definitions = [("P0", "I/ridge"), ("b0", "O")]
    for k in range(1, n + 1):
        P, u = f"P{k - 1}", f"x{k}"
        definitions += [
            (f"P{k}", f"{P} - {P}*{u}*{u}.T*{P}/(1 + {u}.T*{P}*{u})"),
            (f"b{k}", f"b{k - 1} + {u}*y{k}"),
            (f"v{k}", f"P{k}*b{k}"),
        ]
    return Chain(
        "theorem 2",
        Program(tuple(steps.operations), stream, 2 * n + 1),
        tuple(steps.holds),
        tuple(definitions),
        "prediction",
        {"d": d, "ridge": ridge, "examples": n},
    )


@n.construction(
    parameters={
        "d": n.Whole(example=1),
        "ridge": n.Number(above=0, example=1),
        "examples": n.Examples(default=1),
        **FREE,
    },
    steps="examples",
    equals="ridge",
    tends_to="ridge: ridge",
    source="akyurek2022, theorem 2",
)
def akyurek2022_theorem2(
    d: int, ridge: Any, examples: int, sharpness: Any, large: Any, very_large: Any, scale: Any,
    bypass: Any,
) -> Witness:  # fmt: skip
    """The repaired chain as a transformer, for prompts of exactly `examples` examples, one query.

    Approximates ridge regression, as `akyurek2022_theorem1` does its steps.
    """
    chain = theorem2_chain(d, ridge, examples)
    return chain.transformer(Constants(sharpness, large, very_large, scale, bypass))


# -- what they are built from -----------------------------------------------------------------


def _known(as_printed: Collection[str]) -> None:
    for name in as_printed:
        if name not in READINGS:
            raise ValueError(f"nothing printed is called {name!r}; there are {', '.join(READINGS)}")


def _fraction(value: Exact) -> Exact:
    return Fraction(value) if isinstance(value, int) else value
