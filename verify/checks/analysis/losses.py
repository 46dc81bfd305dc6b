"""The expected loss of a transformer on Gaussian regression data, as a polynomial in its weights.

Examples (x_i, y_i), y_i = w·x_i + noise, and a query x_q; x ~ N(0, covariance) and w ~ N(0, prior)
are independent. The loss is E (prediction - w·x_q)². The witness is run in polynomials, its weights
being letters, and every monomial's expectation is taken exactly.

One layer of attention adds one term an example to its prediction: prediction = o + Σ_i f(x_i, y_i).
So E of a product of two such sums is that of four kinds of pairs, counted by n and n (n - 1), and n
stays a letter. A witness of another form is run at a number n of examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import mul
from typing import Any

import sympy
from flint import fmpq, fmpq_mpoly

from constructions.numbers import Unsupported
from constructions.numbers.polynomial import Polynomial
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.vocabulary import ATTENTION

from ..case import of_plain_prompts
from .moments import Expectation, GaussianVector

Matrix = Callable[[int], Any]  # of d: rows of exact numbers or sympy letters
n = sympy.Symbol("n")
SHARE = "1/n"  # the letter by which an average over the examples divides


def plain(value: Any) -> Any:
    """The expression with its letters without assumptions: a letter is known by its name."""
    value = sympy.sympify(value)
    return value.subs({letter: sympy.Symbol(letter.name) for letter in value.free_symbols})


def identity(d: int) -> sympy.Matrix:
    """The unit matrix."""
    return sympy.eye(d)


def diagonal(name: str) -> Matrix:
    """d -> diag(name1, …, named): letters for the eigenvalues."""
    return lambda d: sympy.diag(*(sympy.Symbol(f"{name}{i}") for i in range(1, d + 1)))


def symmetric(name: str) -> Matrix:
    """d -> the symmetric matrix of letters name11, name12, …"""
    return lambda d: sympy.Matrix(
        d, d, lambda i, j: sympy.Symbol(f"{name}{min(i, j) + 1}{max(i, j) + 1}")
    )


@dataclass(frozen=True)
class Regression:
    """x_1 … x_n, x_q ~ N(0, covariance), w ~ N(0, prior), y_i = w·x_i + N(0, noise), independent.

    covariance, prior: of d, rows of exact numbers or of rational functions of letters; noise: the
    variance, a number or a letter.
    """

    covariance: Matrix = identity
    prior: Matrix = identity
    noise: Any = 0

    def refuse_impossible(self, d: int) -> None:
        """Raises ValueError for what is the variance of nothing, as far as its numbers say."""
        for name in ("covariance", "prior"):
            matrix = sympy.Matrix(getattr(self, name)(d)).applyfunc(plain)
            if matrix.shape != (d, d) or matrix != matrix.T:
                raise ValueError(f"the {name} for d = {d} is no symmetric d x d matrix: {matrix}")
            if not matrix.free_symbols and not matrix.is_positive_semidefinite:
                raise ValueError(f"the {name} for d = {d} is not positive semidefinite: {matrix}")
        noise = plain(self.noise)
        if noise.is_negative:
            raise ValueError(f"a noise of variance {noise} there is not")

    def words(self, d: int) -> str:
        """The distribution in one line."""
        x, w = (sympy.Matrix(matrix(d)) for matrix in (self.covariance, self.prior))
        names = (
            "I" if matrix == sympy.eye(d) else str(matrix.tolist()).replace("'", "")
            for matrix in (x, w)
        )
        return "x ~ N(0, {}), w ~ N(0, {}), noise of variance {}".format(*names, self.noise)


@dataclass(frozen=True)
class Sum:
    """own + the sum over the examples of each(x_i, y_i), given as each of example 1 and of 2."""

    own: fmpq_mpoly
    each: tuple[fmpq_mpoly, fmpq_mpoly]

    def without(self, weights: Sequence[str]) -> Sum:
        """The same where these weights are 0."""
        zero: dict[Any, int] = dict.fromkeys(weights, 0)
        first, second = self.each
        return Sum(self.own.subs(zero), (first.subs(zero), second.subs(zero)))


class Loss:
    """E (prediction - w·x_q)² of a witness whose letters are weights, but for those of the data.

    examples: their number; None where it is to stay the letter n. Raises Unsupported for a witness
    that is no polynomial, or, with the letter n, that is not a sum over the examples.
    """

    def __init__(self, witness: Witness, data: Regression, examples: int | None = None) -> None:
        if examples is not None and (witness.examples or examples) != examples:
            raise ValueError(f"the witness was built for {witness.examples} examples")
        self.witness, self.data, self.examples = witness, data, examples
        data.refuse_impossible(witness.d)
        d, shown = witness.d, 2 if examples is None else examples
        self._entries = [[plain(e) for e in _row(sympy.Matrix(matrix(d)), i)]
                         for matrix in (data.covariance, data.prior) for i in range(d)]  # fmt: skip
        self._entries.append([plain(data.noise)])
        constants = set().union(*(e.free_symbols for row in self._entries for e in row)) | {n}
        self.letters = tuple(sorted(str(e) for e in constants))  # of the data
        self.weights = tuple(sorted(
            str(e) for e in witness.free_symbols if str(e) not in self.letters
        ))  # fmt: skip
        quotients = [e for row in self._entries for e in row if not e.is_polynomial()]
        self._quotients = {f"({e})": e for e in quotients}  # letters of the ring for them
        tokens = [f"example {t + 1}" for t in range(shown)]
        self._x = [[f"x{i + 1} of {token}" for i in range(d)] for token in (*tokens, "the query")]
        self._w = [f"w{i + 1}" for i in range(d)]
        self._noise = [f"noise of {token}" for token in tokens]
        random = [*(e for row in self._x for e in row), *self._w, *self._noise]
        taken = {*self.letters, *self.weights} & {*random, SHARE}
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))} is the name of something drawn")
        self.ring = Polynomial(
            (*self.weights, *self.letters, *self._quotients, SHARE, *random)
        )  # fmt: skip
        self.expectation = Expectation(self.ring, self._vectors(d))
        ring = self.ring
        self.target = sum(
            (ring.letter(a) * ring.letter(b) for a, b in zip(self._w, self._x[-1])), ring.element(0)
        )
        self.prediction = self._predicted()

    def _element(self, value: Any) -> fmpq_mpoly:
        name = f"({value})"
        return self.ring.letter(name) if name in self._quotients else self.ring.element(value)

    def _vectors(self, d: int) -> list[GaussianVector]:
        one, rows = self.ring.element(1), [[self._element(e) for e in r] for r in self._entries]
        x, w, noise = rows[:d], rows[d : 2 * d], rows[2 * d :]
        return [
            *(GaussianVector(tuple(letters), x, one) for letters in self._x),
            GaussianVector(tuple(self._w), w, one),
            *(GaussianVector((letter,), noise, one) for letter in self._noise),
        ]

    def entry(self, token: int, of: str | int) -> fmpq_mpoly:
        """What a drawn token carries: coordinate `of` of its x, its "y", or "one".

        Examples count from 0, the query is -1; its y is no part of its token.
        """
        if isinstance(of, int):
            return self.ring.letter(self._x[token][of])
        if of == "one":
            return self.ring.element(1)
        if of != "y" or token == -1:
            raise ValueError(f"token {token} has no {of}")
        made = sum(
            (self.ring.letter(w) * self.ring.letter(x) for w, x in zip(self._w, self._x[token])),
            self.ring.element(0),
        )
        return made if self.data.noise == 0 else made + self.ring.letter(self._noise[token])

    # -- the prediction --

    def _run(self, witness: Witness, tokens: Sequence[int]) -> fmpq_mpoly:
        """The prediction for these of the drawn examples."""
        ring = self.ring
        of_plain_prompts(witness, "an expected loss")
        X = [[ring.letter(name) for name in self._x[t]] for t in tokens]
        y = [self.entry(t, "y") for t in tokens]
        queries = [[ring.letter(name) for name in self._x[-1]]]
        (made,) = witness.predict(X, y, queries, ring)
        return made

    def _predicted(self) -> Sum:
        """The prediction; with a number of examples the whole of it is `own`."""
        zero = self.ring.element(0)
        if self.examples is not None:
            return Sum(self._run(self.witness, range(self.examples)), (zero, zero))
        summed = summing(self.witness)
        first, second, both = (self._run(summed, tokens) for tokens in ((0,), (1,), (0, 1)))
        own = first + second - both
        made = Sum(own, (first - own, second - own))
        for tokens, each in (((0,), made.each[:1]), ((0, 1), made.each)):
            at = {SHARE: Fraction(1, len(tokens)), "n": len(tokens)}
            if self._put(sum(each, own), at) != self._put(self._run(self.witness, tokens), at):
                raise Unsupported("the prediction is no sum over the examples: give their number")
        return made

    def _put(self, value: fmpq_mpoly, numbers: Mapping[str, Any]) -> fmpq_mpoly:
        return value.subs({name: self.ring.element(e).leading_coefficient()
                           for name, e in numbers.items()})  # fmt: skip

    # -- expectations --

    def product(self, a: Sum, b: Sum) -> fmpq_mpoly:
        """E[a b]."""
        mean = self.expectation
        alone = mean(a.own * b.own)
        if self.examples is not None:
            return alone
        count = self.ring.letter(n)
        pairs = mean(a.own * b.each[0]) + mean(a.each[0] * b.own) + mean(a.each[0] * b.each[0])
        return self._reduced(
            alone + count * pairs + count * (count - 1) * mean(a.each[0] * b.each[1])
        )

    def _reduced(self, value: fmpq_mpoly) -> fmpq_mpoly:
        """The same with n · 1/n = 1."""
        count, share = (self.ring.letters.index(name) for name in ("n", SHARE))
        made: dict[tuple[int, ...], Any] = {}
        for powers, coefficient in value.to_dict().items():
            both = min(powers[count], powers[share])
            fewer = list(powers)
            fewer[count] -= both
            fewer[share] -= both
            made[tuple(fewer)] = made.get(tuple(fewer), 0) + coefficient
        return self.ring.context.from_dict(made)

    @cached_property
    def error(self) -> Sum:
        """prediction - w·x_q."""
        return Sum(self.prediction.own - self.target, self.prediction.each)

    @cached_property
    def value(self) -> fmpq_mpoly:
        """The loss, a polynomial in weights, letters of the data, n and 1/n."""
        return self.product(self.error, self.error)

    @property
    def expression(self) -> Any:
        """The loss in sympy, a polynomial in the weights, rational in n and the data's letters."""
        names = sorted({*self.weights, *self.letters})
        field = sympy.QQ.frac_field(*map(sympy.Symbol, names))
        return field.to_sympy(self.at(self.value, field, {}))

    @cached_property
    def features(self) -> Mapping[str, Sum]:
        """{monomial of the weights: what it multiplies in the prediction}, the weightless one left
        out: every prediction of these layers is the rest plus a combination of them.
        """
        parts = [_by_weights(self.ring, len(self.weights), part)
                 for part in (self.prediction.own, *self.prediction.each)]  # fmt: skip
        zero = self.ring.element(0)
        powers = sorted({powers for part in parts for powers in part if any(powers)}, reverse=True)
        return {
            "*".join(
                f"{name}**{power}" if power > 1 else name
                for name, power in zip(self.weights, one)
                if power
            ): Sum(parts[0].get(one, zero), (parts[1].get(one, zero), parts[2].get(one, zero)))
            for one in powers
        }

    # -- numbers and rational functions for letters --

    def at(self, value: fmpq_mpoly, field: Any, given: Mapping[str, Any]) -> Any:
        """A polynomial of `ring` with these sympy values for letters, in a field of sympy's.

        A letter that is not given stays itself.
        """
        known = {**self._quotients, SHARE: 1 / n, **given}
        ring, terms = Polynomial(field.symbols), value.to_dict()
        letters = ring.context.gens()
        stay: list[tuple[int, int]] = []  # letters that are letters of the field, by place
        put: list[tuple[int, list[Any]]] = []  # powers of the others, as parts of one denominator
        below = ring.element(1)
        for i, powers in enumerate(zip(*terms)):
            if most := int(max(powers)):
                name = self.ring.letters[i]
                above, by = _in_field(field, known.get(name, sympy.Symbol(name)))
                if by == 1 and above in letters:
                    stay.append((i, letters.index(above)))
                    continue
                numers, denoms = (
                    list(accumulate([part] * most, mul, initial=ring.element(1)))
                    for part in (above, by)
                )
                put.append((i, list(map(mul, numers, reversed(denoms)))))
                below *= denoms[-1]
        parts: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for exponents, c in terms.items():
            monomial = [0] * len(letters)
            for i, place in stay:
                monomial[place] += int(exponents[i])
            part = parts.setdefault(tuple(int(exponents[i]) for i, _ in put), {})
            at = tuple(monomial)
            part[at] = part.get(at, 0) + c
        total = ring.element(0)
        for of, part in parts.items():
            term = ring.context.from_dict(part)
            for e, (_, made) in zip(of, put):
                term *= made[e]
            total += term
        common = total.gcd(below)
        return _to_sympy(field, total / common) / _to_sympy(field, below / common)


@lru_cache(maxsize=256)  # the same few are put into one polynomial after another
def _in_field(field: Any, value: Any) -> tuple[fmpq_mpoly, fmpq_mpoly]:
    """Numerator and denominator of a rational function."""
    made, context = field.from_sympy(value), Polynomial(field.symbols).context
    above, below = (
        context.from_dict({
            powers: fmpq(int(c.numerator), int(c.denominator)) for powers, c in part.items()
        })
        for part in (made.numer, made.denom)
    )  # fmt: skip
    return above, below


def _to_sympy(field: Any, value: fmpq_mpoly) -> Any:
    """A polynomial as an element of a field of sympy's in the same letters."""
    ring = field.field.ring
    terms = {
        tuple(map(int, powers)): sympy.QQ(int(c.p), int(c.q))
        for powers, c in value.to_dict().items()
    }
    return field.field(ring.from_dict(terms))


def _row(matrix: sympy.Matrix, i: int) -> list[Any]:
    return [matrix[i, j] for j in range(matrix.shape[1])]


def _by_weights(
    ring: Polynomial, count: int, value: fmpq_mpoly
) -> dict[tuple[int, ...], fmpq_mpoly]:
    """{powers of the first `count` letters: the rest}."""
    parts: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
    for powers, coefficient in value.to_dict().items():
        own, rest = tuple(map(int, powers[:count])), (0,) * count + tuple(powers[count:])
        parts.setdefault(own, {})[rest] = coefficient
    return {own: ring.context.from_dict(terms) for own, terms in parts.items()}


# -- layers that are sums over the examples --------------------------------------------------------

KNOWN: Mapping[type, Sequence[str]] = {
    Head: ("query", "key", "value", "attention", "keys", "average", "null", "name"),
    Layer: ("name", "heads", "mlp", "norm", "holds"),
    MLP: ("outer", "inner", "gate", "activation", "letters"),
    Prompt: ("d", "embedding", "form", "register", "positions"),
    Readout: ("slot", "coefficient"),
}


def unknown_words(part: Any) -> Iterator[tuple[str, Any]]:
    """Fields that are not the default and of which nothing is known here."""
    for one in fields(part):
        if one.name not in KNOWN[type(part)]:
            value, made = getattr(part, one.name), one.default_factory
            if value != (one.default if made is MISSING else made()):
                yield one.name, value


def summing(witness: Witness) -> Witness:
    """The same one layer with averages over the examples put off: 1/n is a letter of its weights.

    Raises Unsupported for what is not known to be a sum over the examples for every n.
    """

    def no(why: str) -> Unsupported:
        return Unsupported(f"{witness.name}: {why}, so that its number of examples is to be given")

    if witness.layers != 1:
        raise no(f"it has {witness.layers} layers, not one")
    if witness.examples is not None:
        raise no(f"it is built for {witness.examples} examples")
    (layer,), prompt = witness.layer_list, witness.prompt
    if prompt.form != "joint" or prompt.register or layer.norm:
        raise no("its prompt is not joint, has a register, or its layer a norm")
    if {block.source.partition("[")[0] for block in prompt.embedding} & {"index", "position"}:
        raise no("its tokens know their place")
    mlp = layer.mlp
    if mlp is not None and (mlp.activation != "identity" or mlp.gate is not None):
        raise no("its MLP is not linear")
    parts = (layer, prompt, witness.readout, *layer.heads, *((mlp,) if mlp is not None else ()))
    for part in parts:
        for name, value in unknown_words(part):
            raise no(f"{name} is {value!r}")
    heads = []
    for head in layer.heads:
        kind = ATTENTION[head.attention]
        if head.keys != "context" or kind.shares or kind.exponential:
            raise no(f"{head.attention} attention over {head.keys} keys is no sum")
        share = sympy.Symbol(SHARE) if head.average else 1
        value = type(head.value)(
            tuple(replace(b, coefficient=b.coefficient * share) for b in head.value)
        )
        heads.append(replace(head, average="", value=value))
    return witness.with_layers((replace(layer, heads=tuple(heads), holds=()),))
