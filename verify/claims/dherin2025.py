"""dherin2025: a context as an update of the weights behind a contextual layer.

The text of arXiv:2507.16003 was not to be had. Read were its abstract, reviews of it, and notes on
its versions 1 and 3 that quote theorem 2.2, proposition 3.1 and the theorem on skip connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy
from flint import arb
from hypothesis import strategies as st

from constructions.papers import dherin2025
from constructions.papers.akyurek2022.operations import IllPosed
from constructions.witness import Witness

from .. import strategies
from ..checks.bounds.balls import ball
from ..checks.statements import formula, theorem
from ..claim import Budget, Check, CheckResult, Differs, Domain, check, claim, repair
from ..hunt import hunt
from ..papers import Paper
from ..report.tables import short
from ..strategies import as_text

PAPER = Paper(
    "dherin2025",
    title="Learning without training: The implicit dynamics of in-context learning",
    authors="Benoit Dherin, Michael Munn, Hanna Mazzawi, Michael Wunder, Javier Gonzalvo",
    arxiv="2507.16003",
)

EXACT = st.sampled_from(("linear", "relu"))  # attention whose outputs are fractions
NONZERO = r"A(C \setminus Y, x) \neq 0"


# -- a contextual block on one sequence -------------------------------------------------------


def array(rows: Any) -> Any:
    return np.array(rows, dtype=object)


Maker = Callable[..., Witness]


def last_token(make: Maker, given: tuple[Any, ...], tokens: Any, numbers: str = "rational") -> Any:
    """What the last token of a layer, make(*given), holds, as a vector that cannot be written to.

    Small cases are drawn again and again, and one is run of several claims.
    """
    return _last_token(make, tuple(map(_rows, given)), _rows(tokens), numbers)


@lru_cache(maxsize=4096)
def _last_token(make: Maker, given: tuple[Any, ...], tokens: Any, numbers: str) -> Any:
    predictions = _made(make, given).predict(array(tokens), numbers=numbers)
    held = np.reshape(predictions, (len(tokens), -1))[-1]  # of one number they have no axis
    held.flags.writeable = False
    return held


@lru_cache(maxsize=1024)  # run on several sequences, whose plans it keeps
def _made(make: Maker, given: tuple[Any, ...]) -> Witness:
    return make(*given)


def _rows(value: Any) -> Any:
    """An array as (nested) tuples; anything else as it is."""
    return tuple(map(_rows, value)) if isinstance(value, np.ndarray) else value


def relu(values: Any) -> Any:
    """Of fractions, or of balls."""
    return np.vectorize(
        lambda value: value.max(arb(0)) if isinstance(value, arb) else max(value, Fraction(0)),
        otypes=[object],
    )(values)


def shares(scores: Any) -> Any:
    """The softmax of balls."""
    powers = np.vectorize(lambda score: score.exp(), otypes=[object])(scores)
    return powers / powers.sum()


WEIGHTED: Mapping[str, Callable[[Any], Any]] = {
    "linear": lambda scores: scores,
    "relu": relu,
    "softmax": shares,
}


@dataclass(frozen=True)
class Block:
    """A block's weights, a sequence c_1, …, c_n, x, and how many of its first tokens are Y.

    tokens (n + 1, d), K and V (d, d), W (k, d), b (k,). keys, skip: see
    constructions.papers.dherin2025. `more`: outer (d, k) and last (d,) of a residual block, or
    another query (d,).
    """

    tokens: Any
    removed: int
    W: Any
    b: Any
    K: Any
    V: Any
    attention: str = "linear"
    keys: str = "causal"
    skip: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def A(self, tokens: Any, numbers: str = "rational") -> Any:
        """A(C, x) of a sequence that ends in x, by running the contextual layer alone."""
        given = self.K, self.V, self.attention, self.keys, self.skip
        return last_token(dherin2025.contextual, given, tokens, numbers)

    def T(self, W: Any, tokens: Any, numbers: str = "rational") -> Any:
        """T_W(C, x), by running the block with these weights."""
        given = W, self.b, self.K, self.V, self.attention, self.keys, self.skip
        return last_token(dherin2025.block, given, tokens, numbers)

    def residual(self, W: Any, last: Any, tokens: Any, stream: bool) -> Any:
        """x + A + W' relu(W A + b) + b', or with x + A in place of A in the network (`stream`)."""
        outer, how = self.more["outer"], (self.attention, self.keys, stream)
        given = W, self.b, outer, last, self.K, self.V, *how
        return last_token(dherin2025.residual_block, given, tokens)

    # the same by the formulas, of which no layer is run: what layers are to make

    def formula_A(self, tokens: Any) -> Any:
        """A(C, x) = sum of weight(<K x, c>) V c over c in C, and x (`keys` causal), plus x itself
        (`skip`), in the arithmetic of the tokens."""
        x, read = tokens[-1], tokens if self.keys == "causal" else tokens[:-1]
        made = self.V @ (read.T @ WEIGHTED[self.attention](read @ (self.K @ x)))
        return made + x if self.skip else made

    def formula_T(self, W: Any, tokens: Any) -> Any:
        """f(W A(C, x) + b)."""
        return relu(W @ self.formula_A(tokens) + self.b)

    def formula_residual(self, W: Any, last: Any, tokens: Any, stream: bool) -> Any:
        """x + A + W' f(W A + b) + b', or f(W (x + A) + b) (`stream`)."""
        x, A = tokens[-1], self.formula_A(tokens)
        return x + A + self.more["outer"] @ relu(W @ (x * stream + A) + self.b) + last

    @property
    def kept(self) -> Any:
        """The sequence without Y."""
        return self.tokens[self.removed :]

    @cached_property
    def before(self) -> Any:
        """A(C without Y, x)."""
        return self.A(self.kept)

    @cached_property
    def after(self) -> Any:
        """A(C, x)."""
        return self.A(self.tokens)

    def to_json(self) -> dict[str, Any]:
        """What it is, in exact text."""
        numbers = {name: getattr(self, name) for name in ("tokens", "W", "b", "K", "V")}
        shown = {k: as_text(array(v).tolist()) for k, v in (numbers | dict(self.more)).items()}
        how = {"attention": self.attention, "keys": self.keys, "skip": str(self.skip)}
        return shown | {"removed": str(self.removed)} | how


@st.composite
def blocks(
    draw: Any,
    d: Any,
    count: Any,
    hidden: Any,
    attention: Any = EXACT,
    more: str = "",
    **how: Any,
) -> Block:
    """Blocks of input dimension d, `hidden` size k and `count` context tokens.

    more: "residual", or "query" for another one.
    """
    size, n, k = draw(d), draw(count), draw(hidden)

    def numbers(*shape: int) -> Any:
        made = np.empty(shape, dtype=object)
        made.ravel()[:] = [draw(strategies.fractions()) for _ in range(made.size)]
        return made

    tokens, removed = numbers(n + 1, size), draw(st.integers(1, n))
    W, b, K, V = numbers(k, size), numbers(k), numbers(size, size), numbers(size, size)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "": {},
        "residual": {"outer": (size, k), "last": (size,)},
        "query": {"other query": (size,)},
    }
    extra = {name: numbers(*shape) for name, shape in shapes[more].items()}
    return Block(tokens, removed, W, b, K, V, draw(attention), more=extra, **how)


def small_first(least: int = 1, **how: Any) -> tuple[st.SearchStrategy[Block], ...]:
    """Blocks of d = k = 1 and as few context tokens as there can be first."""
    one, few = st.just(1), st.integers(1, 2)
    smallest = blocks(one, st.just(least), one, **how)
    return smallest, blocks(st.integers(1, 3), st.integers(least, least + 2), few, **how)


def update(case: Block, change: Any, at: Any, where: str = "A(C without Y, x)") -> Any:
    """(W change) at^T/|at|^2. Raises IllPosed where at = 0."""
    square = at @ at
    if square == 0:
        *context, x = map(short, as_text(case.tokens.tolist()))
        at_tokens = f"C = {', '.join(context) or 'no token'}, x = {x}"
        raise IllPosed(f"Delta W divides by |{where}|^2 = 0, at {at_tokens}")
    return printed(case.W, change, at)


def printed(W: Any, change: Any, at: Any) -> Any:
    """(W change) at^T/|at|^2, in any arithmetic."""
    return np.outer(W @ change, at) / (at @ at)


def nonzero(case: Block) -> bool:
    """Whether A(C without Y, x) is not 0."""
    return bool(case.before.any())


READS = Domain("A(C without Y, x) is not 0", nonzero)


def wrong(case: Block, made: Any, should: Any) -> dict[str, Any] | None:
    """The case with what is and what should be, None where they are equal."""
    if (np.asarray(made) == np.asarray(should)).all():
        return None
    return case.to_json() | {
        "is": as_text(np.asarray(made).tolist()),
        "should": as_text(np.asarray(should).tolist()),
    }


# -- theorem 2.2 ------------------------------------------------------------------------------

FORMULA = (
    r"\Delta W = \frac{(W \Delta A)\, A(C \setminus Y, x)^\top}{\|A(C \setminus Y, x)\|^2},\ "
    r"\Delta A = A(C, x) - A(C \setminus Y, x)"
)
SAME = r"T_W(C, x) = T_{W + \Delta W}(C \setminus Y, x),\ T_W(C, x) = f(W A(C, x) + b)"
WITHOUT_ZERO = "A(C without Y, x) is not 0"


def change_of(case: Block) -> Any:
    """The printed Delta W."""
    return update(case, case.after - case.before, case.before)


def context_difference(case: Block) -> dict[str, Any] | None:
    """Where T_{W + Delta W} without Y, or T_W with it, is not what T_W's formula gives."""
    return moved_difference(case, case.W + change_of(case), case.kept, case.tokens)


def moved_difference(case: Block, W: Any, kept: Any, whole: Any) -> dict[str, Any] | None:
    """Where a block, run with weights W on `kept`, or with its own on `whole`, is not f(W A + b),
    W its own and A that of `whole`, by the formula."""
    should = case.formula_T(case.W, whole)
    return wrong(case, case.T(W, kept), should) or wrong(case, case.T(case.W, whole), should)


@check("enclosure", "tested", transformer=False)
def softmax_agrees(budget: Budget) -> CheckResult:
    """Theorem 2.2 with softmax attention, in balls: Delta W is rounded, by no more than it is off.

    Where the ball of the difference does not reach 0 the theorem is wrong.
    """
    largest = 0.0

    def once(case: Block) -> None:
        nonlocal largest
        with_all, kept = case.A(case.tokens, "ball"), case.A(case.kept, "ball")
        if (kept @ kept).contains(0):
            return
        W = in_balls(case.W)
        weights = W + printed(W, with_all - kept, kept)
        middle = np.vectorize(_middle, otypes=[object])(weights)
        balls = replace(case, **{one: in_balls(getattr(case, one)) for one in ("b", "K", "V")})
        should = balls.formula_T(W, in_balls(case.tokens))
        rounded = reach(weights, middle, kept)
        for made, reached in (
            (case.T(middle, case.kept, "ball"), rounded),
            (case.T(case.W, case.tokens, "ball"), 0 * rounded),
        ):
            for difference, allowed in zip(made - should, reached):
                if float(abs(difference).lower()) > float(allowed.upper()):
                    off = float(difference.mid())
                    raise Differs("softmax attention", case.to_json(), None, off)
                largest = max(largest, float(abs(difference).upper()))

    sizes = st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)
    softmax = blocks(*sizes, attention=st.just("softmax"))
    cases = hunt(softmax, once, budget)
    return CheckResult(True, cases, largest, None, "softmax attention, in balls; Delta W rounded")


def reach(weights: Any, middle: Any, kept: Any) -> Any:
    """How far the middles of weights (k, d) can move relu(W A + b): |weights - middle| |kept|."""
    return abs(weights - in_balls(middle)) @ abs(kept)


def in_balls(values: Any) -> Any:
    return np.vectorize(ball, otypes=[object])(values)


def _middle(ball: Any) -> Fraction:
    """The middle of a ball, a fraction."""
    mantissa, exponent = ball.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@claim(
    "dherin2025.theorem2.2",
    source=f"{PAPER}, theorem 2.2",
    statement=SAME + r",\ " + FORMULA + r" \text{, for any contextual layer } A",
    expected="ill-posed",
    note="the theorem has no condition; where A(C without Y, x) = 0, by x = 0 already, its formula "
    "divides by 0. Whether another Delta W would do says dherin2025.theorem2.2.existence",
)
def theorem22() -> Check:
    """What a part Y of the context does to a block is an update of W."""
    return formula(small_first, context_difference, "linear and ReLU attention, run with both W")


@repair(
    "dherin2025.theorem2.2",
    WITHOUT_ZERO,
    statement=SAME + r",\ " + FORMULA + rf" \text{{, for any contextual layer }} A,\ {NONZERO}",
    note="f is ReLU, and A linear, ReLU and softmax attention, where it is run; in the theorem "
    "both are any functions. Of Delta W anything that maps A(C without Y, x) to 0 may be added",
)
def theorem22_repaired() -> tuple[Check, ...]:
    """What a part Y of the context does to a block is an update of W, unless A is 0 without Y."""
    return (
        formula(small_first, context_difference, "linear and ReLU attention, run", READS),
        softmax_agrees(),
        theorem("dherin2025.theorem2.2"),
    )


def rank_difference(at_most: bool, case: Block) -> dict[str, Any] | None:
    """Where Delta W does not have rank one, or at most one."""
    rank = sympy.Matrix(change_of(case)).rank()
    if rank == 1 or (at_most and rank == 0):
        return None
    return case.to_json() | {"rank of Delta W": str(rank)}


@claim(
    "dherin2025.theorem2.2.rank",
    source=f"{PAPER}, theorem 2.2, after the formula",
    statement=rf"{NONZERO}:\ \mathrm{{rank}}\, \Delta W = 1",
    expected="refuted",
    note="it is 0 where Y changes nothing that W reads, W Delta A = 0",
)
def rank() -> Check:
    """Delta W has rank one."""
    return formula(small_first, lambda case: rank_difference(False, case), "its rank", READS)


@repair(
    "dherin2025.theorem2.2.rank",
    "at most one",
    statement=rf"{NONZERO}:\ \mathrm{{rank}}\, \Delta W \leq 1",
)
def rank_repaired() -> Check:
    """Delta W has rank one or zero."""
    return formula(small_first, lambda case: rank_difference(True, case), "its rank", READS)


def none_exists(case: Block) -> dict[str, Any] | None:
    """Where no matrix in place of W + Delta W does it: A(C without Y, x) = 0 hides them all.

    Elsewhere the printed one has to do it.
    """
    if nonzero(case):
        return context_difference(case)
    return moved_difference(case, case.W * 0, case.kept, case.tokens)


def over_context() -> tuple[st.SearchStrategy[Block], ...]:
    """Attention over the context alone, which is 0 without any."""
    return small_first(attention=st.just("linear"), keys="strictly causal")


@claim(
    "dherin2025.theorem2.2.existence",
    source=f"{PAPER}, theorem 2.2, as its title and abstract put it",
    statement=r"\text{for any } A, C, Y, x \text{ there is a } \Delta W \text{ with } " + SAME,
    expected="refuted",
    note="not the formula alone fails at A(C without Y, x) = 0: no weights read anything of 0. The "
    "layer is attention over C alone, or ReLU attention that x does not turn to",
)
def existence() -> tuple[Check, ...]:
    """Some update of W does what a part Y of the context does."""
    return (
        formula(over_context, none_exists, "every W predicts f(b) where A is 0"),
        theorem("dherin2025.theorem2.2.existence.negation"),
    )


@repair(
    "dherin2025.theorem2.2.existence",
    WITHOUT_ZERO,
    statement=rf"{NONZERO}:\ \text{{there is a }} \Delta W \text{{ with }} " + SAME,
)
def existence_repaired() -> tuple[Check, ...]:
    """Some update of W does what a part Y of the context does, unless A is 0 without Y."""
    return (
        formula(small_first, none_exists, "the printed update", READS),
        theorem("dherin2025.theorem2.2"),
    )


# -- residual streams -------------------------------------------------------------------------


def residual_of(within: str) -> str:
    """The statement, with what the network reads."""
    block = rf"T_{{W, b'}}(C, x) = x + A(C, x) + W' g(W {within} + b) + b'"
    return block + r" = T_{W + \Delta W,\, b' + \Delta A}(C \setminus Y, x)"


def residual_difference(case: Block, stream: bool, own: bool) -> dict[str, Any] | None:
    """Where the residual block without Y, updated, is not the block with it.

    own: Delta W is made of what the network reads, x + A(C without Y, x) with `stream`.
    """
    moved = case.after - case.before
    W = case.W + update(case, moved, case.before + case.tokens[-1] if own else case.before)
    last = case.more["last"]
    made = case.residual(W, last + moved, case.kept, stream)
    should = case.formula_residual(case.W, last, case.tokens, stream)
    itself = case.residual(case.W, last, case.tokens, stream)
    return wrong(case, made, should) or wrong(case, itself, should)


@claim(
    "dherin2025.theoremB.2",
    source=f"{PAPER}, theorem B.2 (version 1: appendix A)",
    statement=residual_of("A(C, x)") + r",\ " + FORMULA,
    expected="ill-posed",
    note="as a reader quotes version 1: the network reads A(C, x), which may hold x, and x is "
    "added outside; the same division by 0 as in theorem 2.2",
)
def theoremB2() -> Check:
    """With a residual stream the last bias moves as well, by Delta A."""
    return _residual(None)


@repair(
    "dherin2025.theoremB.2",
    WITHOUT_ZERO,
    statement=residual_of("A(C, x)") + r",\ " + FORMULA + rf",\ {NONZERO}",
)
def theoremB2_repaired() -> tuple[Check, ...]:
    """With a residual stream the last bias moves as well, by Delta A, unless A is 0 without Y."""
    return _residual(READS), theorem("dherin2025.theoremB.2")


def residual_blocks() -> tuple[st.SearchStrategy[Block], ...]:
    return small_first(more="residual")


def _residual(domain: Domain | None) -> Check:
    def test(case: Block) -> Mapping[str, Any] | None:
        return residual_difference(case, stream=False, own=False)

    return formula(residual_blocks, test, "linear and ReLU attention, run", domain)


def _stream(own: bool, domain: Domain) -> Check:
    def test(case: Block) -> Mapping[str, Any] | None:
        return residual_difference(case, stream=True, own=own)

    return formula(residual_blocks, test, "the network reads x + A", domain)


@claim(
    "dherin2025.theoremB.2.stream",
    source=f"{PAPER}, theorem B.2, for a network that reads the residual stream",
    reading="for a network that reads the residual stream",
    statement=residual_of("(x + A(C, x))") + r",\ " + FORMULA + rf",\ {NONZERO}",
    expected="refuted",
    note="the block of a transformer, whose MLP reads x + A, with A the attention alone",
)
def theoremB2_stream() -> tuple[Check, ...]:
    """The printed update for a network that reads the residual stream x + A."""
    return _stream(False, READS), theorem("dherin2025.theoremB.2.stream.negation")


STREAM_READS = Domain(
    "x + A(C without Y, x) is not 0",
    lambda case: bool((case.before + case.tokens[-1]).any()),
)


@repair(
    "dherin2025.theoremB.2.stream",
    "x + A(C without Y, x) for A(C without Y, x) in Delta W, and not 0",
    statement=residual_of("(x + A(C, x))") + r",\ \Delta W = \frac{(W \Delta A)\, (x + "
    r"A(C \setminus Y, x))^\top}{\|x + A(C \setminus Y, x)\|^2}",
)
def theoremB2_stream_repaired() -> tuple[Check, ...]:
    """For a network that reads x + A the update is made of x + A."""
    return _stream(True, STREAM_READS), theorem("dherin2025.theoremB.2.stream")


# -- proposition 3.1 --------------------------------------------------------------------------

DELTA = r"\Delta_i = W_0 (A(c_1, \dots, c_i, x) - A(c_1, \dots, c_{i+1}, x)) A(x)^\top"
LOSS = r"L_i(W) = \mathrm{tr}(\Delta_i^\top W),\ " + DELTA
WEIGHTS = r"W_i = W_0 + \Delta W_0(c_1, \dots, c_i)"


def gradient(loss: Callable[[Any], Any], W: Any) -> Any:
    """The gradient of a function of at most second order, by its central differences."""
    made = W * 0
    for at in np.ndindex(W.shape):
        unit = W * 0
        unit[at] = Fraction(1)
        made[at] = (loss(W + unit) - loss(W - unit)) / 2
    return made


@dataclass(frozen=True)
class Passed:
    """A block's tokens consumed one by one: A(c_1, …, c_i, x) and W_i for i = 0 to n."""

    case: Block
    outputs: tuple[Any, ...]
    weights: tuple[Any, ...]

    @classmethod
    def of(cls, case: Block) -> Passed:
        """Raises IllPosed where A(x) = 0."""
        context, x = case.tokens[:-1], case.tokens[-1:]
        outputs = [case.A(np.vstack([context[:i], x])) for i in range(len(case.tokens))]
        alone = outputs[0]
        changes = (update(case, one - alone, alone, "A(x)") for one in outputs)
        return cls(case, tuple(outputs), tuple(case.W + change for change in changes))

    def linear(self, i: int) -> Callable[[Any], Any]:
        """L_i, the trace of Delta_i^T W."""
        delta = np.outer(self.case.W @ (self.outputs[i] - self.outputs[i + 1]), self.outputs[0])
        return lambda W: (delta * W).sum()

    def squared(self, i: int) -> Callable[[Any], Any]:
        """1/2 |W A(x) - W_0 A(c_1, …, c_{i+1}, x)|^2."""
        target = self.case.W @ self.outputs[i + 1]
        return lambda W: ((W @ self.outputs[0] - target) ** 2).sum() / 2

    def step(self, W: Any, loss: Callable[[Any], Any]) -> Any:
        """A gradient step from W of size 1/|A(x)|^2."""
        return W - gradient(loss, W) / (self.outputs[0] @ self.outputs[0])


def token_difference(case: Block, loss: str = "linear") -> dict[str, Any] | None:
    """Where W_{i+1} is not a step from W_i, or T_{W_i}(x) is not T_{W_0}(c_1, …, c_i, x)."""
    passed = Passed.of(case)
    context, x = case.tokens[:-1], case.tokens[-1:]
    for i, weights in enumerate(passed.weights):
        found = moved_difference(case, weights, x, np.vstack([context[:i], x]))
        if found is None and i < len(context):
            made = passed.step(weights, getattr(passed, loss)(i))
            found = wrong(case, made, passed.weights[i + 1])
        if found is not None:
            return found | {"i": str(i)}
    return None


def late_difference(case: Block) -> dict[str, Any] | None:
    """Where W_i is not a step of L_i from W_{i-1}, for i = 1, …, n - 1: L_n needs c_{n+1}."""
    passed = Passed.of(case)
    for i in range(1, len(passed.weights) - 1):
        made = passed.step(passed.weights[i - 1], passed.linear(i))
        found = wrong(case, made, passed.weights[i])
        if found is not None:
            return found | {"i": str(i)}
    return None


def alone_nonzero(case: Block) -> bool:
    """Whether A(x) is not 0."""
    return bool(case.A(case.tokens[-1:]).any())


ALONE = Domain("A(x) is not 0", alone_nonzero)
ONLINE = r"W_{i+1} = W_i - \tfrac{1}{\|A(x)\|^2} \nabla L_i(W_i),\ "


@claim(
    "dherin2025.prop3.1",
    source=f"{PAPER}, proposition 3.1",
    statement=WEIGHTS + r":\ " + ONLINE + LOSS,
    expected="ill-posed",
    note="A(x) may be 0. The losses are linear: L_i has no minimum, and its gradient is the same "
    "at every W; see dherin2025.prop3.1.squared. Indices as in the line that derives it, see "
    "dherin2025.prop3.1.indices",
)
def prop31() -> Check:
    """Token by token the weights make gradient steps of size 1/|A(x)|^2."""
    return formula(small_first, token_difference, "every W_i, run without context")


@repair(
    "dherin2025.prop3.1",
    "A(x) is not 0",
    statement=WEIGHTS + r":\ " + ONLINE + LOSS + r",\ A(x) \neq 0",
)
def prop31_repaired() -> tuple[Check, ...]:
    """Token by token the weights make gradient steps of size 1/|A(x)|^2, unless A(x) is 0."""
    return (
        formula(small_first, token_difference, "every W_i, run without context", ALONE),
        theorem("dherin2025.prop3.1"),
    )


@claim(
    "dherin2025.prop3.1.indices",
    source=f"{PAPER}, proposition 3.1, version 1 as two readers quote it",
    statement=WEIGHTS
    + r":\ W_i = W_{i-1} - \tfrac{1}{\|A(x)\|^2} \nabla L_i(W_{i-1}),\ "
    + LOSS
    + r",\ A(x) \neq 0",
    expected="refuted",
    note="Delta_i is the effect of token i + 1, and W_i has that of token i; i runs to n - 1 here, "
    "as L_n needs a token c_{n+1}",
)
def prop31_indices() -> tuple[Check, ...]:
    """W_i is a step of L_i from W_{i-1}."""
    return (
        formula(lambda: small_first(2), late_difference, "i = 1 to n - 1", ALONE),
        theorem("dherin2025.prop3.1.indices.negation"),
    )


@repair(
    "dherin2025.prop3.1.indices",
    "W_{i+1} for W_i, and W_i for W_{i-1}",
    statement=WEIGHTS + r":\ " + ONLINE + LOSS + r",\ A(x) \neq 0",
)
def prop31_indices_repaired() -> tuple[Check, ...]:
    """W_{i+1} is a step of L_i from W_i."""
    return (
        formula(lambda: small_first(2), token_difference, "i = 0 to n - 1", ALONE),
        theorem("dherin2025.prop3.1"),
    )


@claim(
    "dherin2025.prop3.1.squared",
    variant="improved",
    source=f"{PAPER}, proposition 3.1, with a loss that has a minimum",
    statement=WEIGHTS + r":\ " + ONLINE + r"L_i(W) = \tfrac12 \|W A(x) - W_0 A(c_1, \dots, "
    r"c_{i+1}, x)\|^2 \text{, and } L_i(W_{i+1}) = 0",
)
def prop31_squared() -> tuple[Check, ...]:
    """The same updates are online steps of a squared error, each of which makes it zero."""
    return (
        formula(small_first, lambda case: token_difference(case, "squared"), "every step", ALONE),
        theorem("dherin2025.prop3.1.squared"),
    )


# -- one update for every query ---------------------------------------------------------------


def other_query_difference(case: Block) -> dict[str, Any] | None:
    """Where Delta W, made for x, is wrong at the other query."""
    W, other = case.W + change_of(case), case.more["other query"]
    there, kept = (np.vstack([rows[:-1], [other]]) for rows in (case.tokens, case.kept))
    return moved_difference(case, W, kept, there)


def two_queries() -> tuple[st.SearchStrategy[Block], ...]:
    return small_first(more="query")


@claim(
    "dherin2025.onequery",
    source=f"{PAPER}, what its abstract lets one read",
    reading="of one update for every query",
    statement=r"\Delta W \text{ of one query } x \text{ serves every } x':\ T_W(C, x') = "
    rf"T_{{W + \Delta W}}(C \setminus Y, x'),\ {NONZERO}",
    expected="refuted",
    note="theorem 2.2 makes Delta W for one x; the abstract says that a context is transformed "
    "into a low-rank update, and names no query",
)
def onequery() -> tuple[Check, ...]:
    """The update that is made for one query serves every query."""
    return (
        formula(two_queries, other_query_difference, "the update at another query", READS),
        theorem("dherin2025.onequery.negation"),
    )


def maps(case: Block) -> tuple[Any, Any]:
    """M and N: A(C, x) = M x and A(C without Y, x) = N x, by running the layer on unit vectors."""
    units = np.array([[Fraction(int(i == j)) for j in range(len(case.K))]
                      for i in range(len(case.K))], dtype=object)  # fmt: skip
    made = (
        np.column_stack([case.A(np.vstack([rows[:-1], [unit]])) for unit in units])
        for rows in (case.tokens, case.kept)
    )
    whole, kept = made
    return whole, kept


def one_for_all_difference(case: Block) -> dict[str, Any] | None:
    """Where W (M - N) N^-1 is wrong at x or at the other query."""
    M, N = maps(case)
    inverse = sympy.Matrix(N).inv()
    undone = array([[Fraction(int(e.p), int(e.q)) for e in inverse.row(i)] for i in range(len(N))])
    W = case.W + case.W @ (M - N) @ undone
    for query in (case.tokens[-1], case.more["other query"]):
        whole, kept = (np.vstack([rows[:-1], [query]]) for rows in (case.tokens, case.kept))
        found = moved_difference(case, W, kept, whole)
        if found is not None:
            return found | {"query": as_text(query.tolist())}
    return None


INVERTIBLE = Domain("N is invertible", lambda case: sympy.Matrix(maps(case)[1]).det() != 0)


@repair(
    "dherin2025.onequery",
    "linear attention over C beside a skip connection, A(C, x) = M x and A(C without Y, x) = N x "
    "with N invertible, and Delta W = W (M - N) N^-1, of any rank",
    statement=r"A(C, x) = x + \textstyle\sum_{c \in C} \langle K x, c \rangle V c = M x,\ "
    r"A(C \setminus Y, x) = N x:\ \Delta W = W (M - N) N^{-1} \text{ serves every } x",
    note="a layer that is linear in x is what it takes; the update has the rank of W (M - N)",
)
def onequery_repaired() -> tuple[Check, ...]:
    """For attention that is linear in the query one update serves every query."""

    def cases() -> tuple[st.SearchStrategy[Block], ...]:
        how: dict[str, Any] = {"attention": st.just("linear"), "keys": "strictly causal"}
        return small_first(more="query", skip=True, **how)

    return (
        formula(cases, one_for_all_difference, "at two queries", INVERTIBLE),
        theorem("dherin2025.onequery"),
    )
