"""from_matrices is the printed formula, which plain numpy evaluates in fractions (softmax: mpmath).

The formulas here are those of the papers: Z (rows, tokens), scores (keys, readers). Of
`constructions` only what makes the witness takes part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import constructions
from constructions import Norm, Readout, from_matrices
from verify.checks.symbolic import shapes_of

DIGITS = 50
ENTRIES = st.sampled_from([0, 0, 1, -1, 2, Fraction(1, 2), Fraction(-3, 4)])
Spans = list[tuple[str, int, int]]  # names, first row, row after the last


def spans(**sizes: int) -> Spans:
    made, at = [], 0
    for name, size in sizes.items():
        made.append((name, at, at + size))
        at += size
    return made


@dataclass(frozen=True)
class Case:
    """Layers as they are handed over; the same as (heads, MLP) of plain arrays; a prompt."""

    given: list[Any]
    plain: list[tuple[list[Mapping[str, Any]], Mapping[str, Any]]]
    rows: Mapping[str, Any]
    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    n_is_told: bool

    def predicted(self, numbers: str) -> list[Any]:
        """By the witness."""
        n, d = self.X.shape
        witness = from_matrices(
            self.given, rows=self.rows, d=d, n=n if self.n_is_told else None, read={"y": "-1/2"}
        )
        return list(witness.predict(self.X, self.y, self.queries, numbers))


# -- the printed formula ------------------------------------------------------------------------

# an entry for key and reader (row and column of M), n examples of N tokens; "matrix" is drawn
MASKS: dict[str, Callable[..., Any]] = {
    "all": lambda key, reader, n, N: 1,
    "examples": lambda key, reader, n, N: int(key < n),
    "causal": lambda key, reader, n, N: int(key <= reader),
    "strictly causal": lambda key, reader, n, N: int(key < reader),
    "(j <= t) / (abs(t - j) + 1) + (j == 0)": lambda key, reader, n, N: (
        int(key == 0) + (Fraction(1, reader - key + 1) if key <= reader else 0)
    ),
}
MIXES: dict[str, Callable[..., Any]] = {
    "all": lambda row, column, n, N: int(row == column),
    "examples": lambda row, column, n, N: int(row == column and row < n),
    "(r <= c) * (r - n) / N": lambda row, column, n, N: (
        Fraction(row - n, N) if row <= column else 0
    ),
}
FACTORS: dict[Any, Callable[[int, int, Any], Any]] = {
    1: lambda n, N, seen: 1,
    "-2/3": lambda n, N, seen: Fraction(-2, 3),
    0.375: lambda n, N, seen: Fraction(3, 8),
    "1/n": lambda n, N, seen: Fraction(1, n),
    "1/N": lambda n, N, seen: Fraction(1, N),
    "n / (N + 1)": lambda n, N, seen: Fraction(n, N + 1),
    "1/keys": lambda n, N, seen: np.array([Fraction(1, max(int(count), 1)) for count in seen]),
}


def table(size: int, entry: Callable[[int, int], Any]) -> np.ndarray:
    """The matrix of `size` tokens with these entries."""
    return np.array([[entry(i, j) for j in range(size)] for i in range(size)], dtype=object)


def attended(head: Mapping[str, Any], Z: np.ndarray, n: int) -> np.ndarray:
    """factor · P Z M a(scale · Zᵀ Q Z); W_O W_V is P and W_Kᵀ W_Q is Q where these are given."""
    P = head["P"] if "P" in head else head["W_O"] @ head["W_V"]
    scores = Z.T @ head["Q"] @ Z if "Q" in head else (head["W_K"] @ Z).T @ (head["W_Q"] @ Z)
    seen = head["mask"] != 0
    scores = scores * head["scale"]
    if head["attention"] == "relu":
        scores = np.where(scores > 0, scores, scores * 0)
    if head["attention"] == "softmax":
        scores = np.vectorize(mpmath.exp, otypes=[object])(scores)
    weights = np.where(seen, scores, scores * 0)
    if head["attention"] in ("softmax", "normalised"):
        weights = weights / weights.sum(axis=0)
    factor = FACTORS[head["factor"]](n, Z.shape[1], seen.sum(axis=0))
    return factor * (P @ Z @ head["M"] @ (weights * head["mask"]))


def printed(case: Case, number: Callable[[Any], Any] = Fraction, attend: Any = attended) -> Any:
    """-1/2 [Z_L] in the row of y, of every query; Z_0 = (x, y or 0, 1, 0)."""
    (n, d), m = case.X.shape, len(case.queries)
    Z = np.full((d + 3, n + m), Fraction(0), dtype=object)
    Z[:d, :n], Z[:d, n:] = case.X.T, case.queries.T
    Z[d, :n], Z[d + 1] = case.y, Fraction(1)
    Z = np.vectorize(number, otypes=[object])(Z)
    for heads, mlp in case.plain:
        Z = sum((attend(head, Z, n) for head in heads), Z)
        if mlp:
            hidden = mlp["W_1"] @ Z
            if mlp["activation"] == "relu":
                hidden = np.where(hidden > 0, hidden, hidden * 0)
            Z = Z + mlp["W_2"] @ (hidden * (mlp["W_gate"] @ Z) if "W_gate" in mlp else hidden)
    return [-value / 2 for value in Z[d, n:]]


# -- cases --------------------------------------------------------------------------------------

WRITTEN: dict[str, Callable[[np.ndarray], Any]] = {
    "lists": lambda a: a.tolist(),
    "text": lambda a: [[str(e) for e in row] for row in a],
    "numpy": lambda a: a.astype(float),
    "torch": lambda a: torch.tensor(a.astype(float), dtype=torch.bfloat16),
    "sympy": lambda a: sympy.Matrix(a.tolist()),
    "tuples": lambda a: tuple(map(tuple, a)),
    "objects": lambda a: a,
}


class Drawing:
    """Draws matrices, each as a plain array and as it is handed over."""

    def __init__(self, draw: Any, d: int, n: int, m: int) -> None:
        self.draw, self.rows = draw, spans(x=d, y=1, one=1, free=1)
        self.n, self.N = n, n + m

    def pick(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def array(self, rows: Spans, columns: Spans) -> np.ndarray:
        shape = rows[-1][-1], columns[-1][-1]
        entries = self.draw(
            st.lists(ENTRIES, min_size=(size := shape[0] * shape[1]), max_size=size)
        )
        return np.array([Fraction(e) for e in entries], dtype=object).reshape(shape)

    def written(self, a: np.ndarray) -> Any:
        return WRITTEN[self.pick(sorted(WRITTEN))](a)

    def by_blocks(self, a: np.ndarray, rows: Spans, columns: Spans) -> Any:
        """Blocks by name: matrices, numbers for multiples of the identity, vectors."""
        made: dict[tuple[str, str], Any] = {}
        for to, top, bottom in rows:
            for source, left, right in columns:
                block = a[top:bottom, left:right]
                if to != "x" and source != "x" and block.shape == (1, 1):
                    made[to, source] = self.pick([block[0, 0], str(block[0, 0]), block])
                elif to == "y" and source == "x":
                    made[to, source] = self.pick([block, block[0], list(block[0])])
                elif to == source and (block == block[0, 0] * np.eye(len(block), dtype=int)).all():
                    made[to, source] = block[0, 0]
                else:
                    made[to, source] = self.written(block)
        return made

    def matrices(self, shapes: Mapping[str, tuple[Spans, Spans]]) -> tuple[Any, Any]:
        """As they are handed over, and plain; features are named in all of them or in none."""
        plain = {name: self.array(*shape) for name, shape in shapes.items()}
        named = self.draw(st.booleans())
        given = {
            name: self.by_blocks(plain[name], *shape) if named else self.written(plain[name])
            for name, shape in shapes.items()
        }
        return given, plain

    def head(self, attentions: tuple[str, ...]) -> tuple[Any, Any]:
        Z, features = self.rows, spans(f=self.pick([1, 2]), g=1)
        shapes = self.pick([{"P": (Z, Z)}, {"W_O": (Z, features), "W_V": (features, Z)}])
        shapes = shapes | self.pick([{"Q": (Z, Z)}, {"W_K": (features, Z), "W_Q": (features, Z)}])
        given, plain = self.matrices(shapes)
        kind = self.pick(attentions)
        M, mask, factor = (self.pick(t) for t in ((*MIXES, "matrix"), (*MASKS, "matrix"), FACTORS))
        if kind in ("softmax", "normalised") and factor == "1/keys":
            factor = 1
        if kind == "softmax" and mask == "strictly causal":  # the first token sees no key
            mask = "causal"
        told = {"attention": kind, "factor": factor, "M": M, "mask": mask}
        told["scale"] = self.pick([1, 1, Fraction(-2, 3), 0])
        known = {**told, "M": self.of_tokens(MIXES, M), "mask": self.of_tokens(MASKS, mask)}
        if kind == "softmax" and mask == "matrix":
            known["mask"][0] = 1
        told |= {word: known[word].tolist() for word in ("M", "mask") if told[word] == "matrix"}
        return given | told, plain | known

    def of_tokens(self, tables: Mapping[str, Callable[..., Any]], name: str) -> np.ndarray:
        if name == "matrix":
            tokens = spans(tokens=self.N)
            return self.array(tokens, tokens)
        return table(self.N, lambda i, j: tables[name](i, j, self.n, self.N))

    def mlp(self) -> tuple[Any, Any]:
        Z, hidden = self.rows, spans(h=self.pick([1, 2]), k=1)
        shapes = {"W_1": (hidden, Z), "W_2": (Z, hidden)}
        given, plain = self.matrices(shapes | self.pick([{}, {"W_gate": (hidden, Z)}]))
        words = {"activation": self.pick(["identity", "relu"])}
        return given | words, plain | words


def heads_of(layer: Any) -> list[Any]:
    if isinstance(layer, list):
        return layer
    return layer.get("heads", [layer])


@st.composite
def cases(
    draw: Any,
    attentions: tuple[str, ...] = ("linear", "linear", "relu", "normalised"),
    most_layers: int = 3,
) -> Case:
    d, n, m = (draw(st.integers(1, 3)) for _ in range(3))
    drawing = Drawing(draw, d, n, m)
    layers, plain = [], []
    for _ in range(draw(st.integers(1, most_layers))):
        heads = [drawing.head(attentions) for _ in range(draw(st.integers(1, 2)))]
        mlp = drawing.pick([({}, {}), drawing.mlp()])
        told: Any = [given for given, _ in heads]
        if mlp[0] or draw(st.booleans()):
            told = {"heads": told, **mlp[0]}
        elif len(told) == 1 and draw(st.booleans()):
            (told,) = told
        layers.append(told)
        plain.append(([one for _, one in heads], mlp[1]))
    matrices = any(isinstance(head["M"], list) for told in layers for head in heads_of(told))
    n_is_told = matrices or draw(st.booleans())
    rows = {"x": drawing.pick(["d", d]), "y": 1, "one": 1, "free": 1}
    examples, count = spans(n=n), spans(d=d)
    X, y = drawing.array(examples, count), drawing.array(examples, spans(y=1))[:, 0]
    return Case(layers, plain, rows, X, y, drawing.array(spans(m=m), count), n_is_told)


def over(
    strategy: Any, check: Callable[[Case], str], examples: int, shrink: bool = True
) -> Counter[str]:
    """What came of the check on cases of the strategy, the same ones each time."""
    came: Counter[str] = Counter()

    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    @settings(
        max_examples=examples, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=phases,
    )  # fmt: skip
    @given(strategy)
    def run(case: Case) -> None:
        came[check(case)] += 1

    run()
    return came


def in_fractions(case: Case, attend: Any = attended) -> str:
    try:
        wanted = printed(case, attend=attend)
    except ZeroDivisionError:
        return "undefined"
    try:
        found = case.predicted("rational")
    except ZeroDivisionError:  # which the formula does not say
        found = []
    assert found == wanted
    return "zero" if not any(wanted) else "agrees"


def test_predictions_are_those_of_the_printed_formula():
    came = over(cases(), in_fractions, 300)
    assert came["agrees"] > 100, came


# -- what is planted in the formula is seen -----------------------------------------------------


def wrong(**change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The formula with some of a head's matrices changed."""

    def attend(head: Mapping[str, Any], Z: np.ndarray, n: int) -> np.ndarray:
        return attended({k: change.get(k, lambda v: v)(v) for k, v in head.items()}, Z, n)

    return attend


def readers_and_keys_swapped(head: Mapping[str, Any], Z: np.ndarray, n: int) -> np.ndarray:
    swapped = {**head, "Q": head["Q"].T} if "Q" in head else {
        **head, "W_Q": head["W_K"], "W_K": head["W_Q"]
    }  # fmt: skip
    return attended(swapped, Z, n)


PLANTED = {
    "P transposed": wrong(P=lambda P: P.T),
    "the sign of Q": wrong(Q=lambda Q: -Q),
    "the sign of W_V": wrong(W_V=lambda W: -W),
    "W_O and W_V confused": wrong(W_O=lambda W: W[::-1]),
    "readers and keys swapped": readers_and_keys_swapped,
    "M left out": wrong(M=lambda M: np.eye(len(M), dtype=int).astype(object)),
    "M transposed": wrong(M=lambda M: M.T),
    "the mask left out": wrong(mask=lambda mask: mask * 0 + 1),
    "the mask transposed": wrong(mask=lambda mask: mask.T),
    "a mask of 0 and 1": wrong(mask=lambda mask: (mask != 0).astype(int).astype(object)),
    "the scale left out": wrong(scale=lambda scale: 1),
    "1/n left out": wrong(factor=lambda factor: 1 if factor == "1/n" else factor),
    "1/N for 1/n": wrong(factor=lambda factor: "1/N" if factor == "1/n" else factor),
    "1/keys for 1/N": wrong(factor=lambda factor: "1/keys" if factor == "1/N" else factor),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_the_formula_is_seen(fault: str) -> None:
    with pytest.raises(AssertionError):
        over(cases(), lambda case: in_fractions(case, PLANTED[fault]), 300, False)


# -- softmax ------------------------------------------------------------------------------------


def in_balls(case: Case) -> str:
    with mpmath.workdps(DIGITS):
        wanted = printed(
            case, lambda e: mpmath.mpf(Fraction(e).numerator) / Fraction(e).denominator
        )
        for ball, value in zip(case.predicted("ball"), wanted, strict=True):
            middle = mpmath.mpf(ball.mid().str(DIGITS, radius=False))
            assert ball.rad() < 1e-12 * (1 + abs(value)), "a ball that says nothing"
            room = mpmath.mpf(ball.rad().str(9, radius=False)) + mpmath.mpf(10) ** (12 - DIGITS)
            assert abs(middle - value) <= room * (1 + abs(value))
    return "agrees"


def test_softmax_is_that_of_the_printed_formula():
    came = over(cases(("softmax",), most_layers=2), in_balls, 60)
    assert came["agrees"] >= 40


# -- and back -----------------------------------------------------------------------------------

SEES = {"context": "examples", "full": "all", "causal": "causal"}
OF_PROMPTS = ("form", "register", "positions", "parts", "query_parts")
DIVIDED = {"": 1, "examples": "1/n", "keys": "1/keys"}


def small(name: str) -> Any:
    """The construction at its smallest parameters."""
    made = constructions.get(name)
    return made(**{name: kind.small for name, kind in made.parameters.items()})


IN_FRACTIONS = [name for name in constructions.names() if not small(name).irrational]


def dense(slots: Any, to: Any, source: Any) -> np.ndarray:
    made = np.zeros((to.width, source.width), dtype=object)
    for at, value in slots.entries(to, source).items():
        made[at] = value
    return made


def as_matrices(witness: Any, scale: int = 1) -> Any:
    """The witness made anew of its dense matrices, those of the values times `scale`."""
    stream, layers = witness.layout, []
    for layer in witness.layer_list:
        heads = []
        for head in layer.heads:
            features = head.query.features(stream, {})
            value = dense(head.value, stream, stream)
            told = {"P": scale * value, "mask": SEES[head.keys]}
            told |= {"attention": head.attention, "null": head.null}
            told |= {"factor": DIVIDED[head.average]}
            if features.width:
                told |= {"W_Q": dense(head.query, features, stream)}
                told |= {"W_K": dense(head.key, features, stream)}
            else:
                told |= {"Q": np.zeros((stream.width, stream.width), dtype=int)}
            heads.append(told)
        made: dict[str, Any] = {"heads": heads, "norm": layer.norm}
        if (mlp := layer.mlp) is not None:
            hidden = mlp.hidden(stream)
            made |= {"W_2": dense(mlp.outer, stream, hidden), "activation": mlp.activation}
            for word, slots in (("W_1", mlp.inner), ("W_gate", mlp.gate)):
                made |= {} if slots is None else {word: dense(slots, hidden, stream)}
        layers.append(made)
    prompt = witness.prompt
    return from_matrices(
        layers,
        rows={slot.name: slot.shape for slot in stream.slots},
        d=witness.d,
        n=witness.examples,
        embedding=dense(prompt.embedding, stream, prompt.features),
        prompt={name: getattr(prompt, name) for name in OF_PROMPTS},
        read=witness.readout,
    )


def somewhere(witness: Any) -> tuple[Any, list[Fraction]]:
    """A prompt at which it predicts other numbers than 0, and the predictions."""
    n, rng = witness.examples or 3, np.random.default_rng(1)
    for _ in range(20):
        shapes = shapes_of(witness.prompt, n, 2)
        prompt = tuple(rng.integers(1, 9, shape) / 8 for shape in shapes)
        wanted = list(witness.predict(*prompt, "rational"))
        if any(wanted):
            return prompt, wanted
    raise AssertionError("only zeros")


@pytest.mark.parametrize("name", IN_FRACTIONS)
def test_a_construction_is_what_its_dense_matrices_make(name: str) -> None:
    witness = small(name)
    prompt, wanted = somewhere(witness)
    assert list(as_matrices(witness).predict(*prompt, "rational")) == wanted
    if any(layer.heads for layer in witness.layer_list):
        assert list(as_matrices(witness, scale=2).predict(*prompt, "rational")) != wanted


# -- around the layers --------------------------------------------------------------------------


@pytest.mark.parametrize("register", [False, True])
@pytest.mark.parametrize("form", ["joint", "interleaved"])
@pytest.mark.parametrize(
    "attention, factor",
    [("linear", "1/n"), ("linear", "1/keys"), ("linear", "1/N"), ("normalised", "1/N")],
)
def test_every_token_but_the_queries_is_of_the_examples(form, register, attention, factor):
    """M = "examples" is diag(I, 0) over the tokens of a prompt of any form."""
    n, m = 2, 2
    context = n * (1 if form == "joint" else 2) + int(register)
    diagonal = np.diag([1] * context + [0] * m)
    rng = np.random.default_rng(1)
    P, Q = rng.integers(-2, 3, (2, 4, 4))
    Q[3, 3] = 20  # no sum of scores is 0
    prompt = [rng.integers(-2, 3, shape) for shape in ((n, 2), n, (m, 2))]

    def predicted(M: Any) -> list[Any]:
        layer = {"P": P, "Q": Q, "M": M, "attention": attention, "factor": factor}
        witness = from_matrices(
            [layer] * 2, rows={"x": "d", "y": 1, "one": 1}, d=2, n=n, read="y",
            prompt={"form": form, "register": register},
        )  # fmt: skip
        return list(witness.predict(*prompt, "rational"))

    assert predicted("examples") == predicted(diagonal) != predicted("all")


def test_rows_begin_as_the_features_that_they_are_called() -> None:
    witness = from_matrices(
        [], rows={"position": 3, "index": 1, "x": "d", "x_query": "d", "free": 2}, d=2, read="index"
    )
    (state,) = witness.trace([[1, 2]], [3], [[4, 5]], "rational")
    assert {name: array.tolist() for name, array in state.items()} == {
        "position": [[1, 0, 0], [0, 1, 0]],
        "index": [0, 1],
        "x": [[1, 2], [4, 5]],
        "x_query": [[0, 0], [4, 5]],
        "free": [[0, 0], [0, 0]],
    }


def test_norms_and_names_go_to_the_layer() -> None:
    layer = {"P": np.eye(3), "Q": np.eye(3), "attention_norm": Norm("rms"), "name": "descend"}
    (made,) = from_matrices([layer], rows={"x": "d", "y": 1}, d=2, read="y").layer_list
    assert (made.name, made.attention_norm) == ("descend", Norm("rms"))


@pytest.mark.parametrize("tokens", ["query", "examples", "all"])
@pytest.mark.parametrize("count", [2, "d"])
def test_labels_and_predictions_may_be_vectors(tokens: str, count: Any) -> None:
    """Rows of y are as many as a label has numbers; every row of them is read out."""
    n, d, size = 3, 2, 2
    rng = np.random.default_rng(1)
    X, y, queries = (rng.integers(-2, 3, shape) for shape in ((n, d), (n, size), (1, d)))
    P, Q = rng.integers(-2, 3, (2, d + size, d + size))
    layer = {"P": P, "Q": Q, "M": "examples", "factor": "1/n"}
    read = Readout("y", -1, tokens=tokens)
    made = from_matrices([layer] * 2, rows={"x": "d", "y": count}, d=d, read=read)
    top = np.vstack([X, queries]).T
    Z = np.vstack([top, np.hstack([y.T, np.zeros((size, 1), dtype=int)])]).astype(object)
    for _ in range(2):
        M = np.diag([1] * n + [0]).astype(object)
        Z = Z + Fraction(1, n) * (P @ Z @ M @ (Z.T @ Q @ Z))
    kept = {"query": Z[d:, n:], "examples": Z[d:, :n], "all": Z[d:]}[tokens]
    assert (made.predict(X, y, queries, "rational") == -kept.T).all()
