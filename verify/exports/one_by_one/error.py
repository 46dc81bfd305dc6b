"""The error of an exported `sherman_morrison` (tokens) for every prompt of a box.

Token t holds z_t = P x_t and r_t = y_t - w^T x_t. The i-th example divides g_i = z_i/(1 + s_i),
s_i = x_i^T z_i, and (y_i - w^T x_i)/(1 + s_i), and every later token takes these off, times
x_i^T z_t. What the export adds to that is noise: nu_i in z_t and nu'_i in r_t after the i-th
example, gamma_i in g_i and gamma'_i in the divided residual. Products of errors are noise too.

How far noise reaches is known in closed form, from the state before a step to that after the m-th,
since one update after the other is what all of them do at once (P_i and w_i after i examples):

- nu_i in z_t moves z_t by P_m P_i^-1 nu_i and r_t by c^T nu_i, c = P_i^-1 (w_m - w_i), the sum of
  x_k rho_k over i < k <= m, rho being the residuals of w_m;
- an error e in z_j before the j-th example moves the z_t of another token by P_m P_(j-1)^-1 e times
  h_j = x_j^T P_m x_t, and r_t by (w_m - w_(j-1))^T P_(j-1)^-1 e times h_j;
- gamma_j moves z_t by (1 + s_j) P_m P_j^-1 gamma_j times h_j, r_t by (1 + s_j) c^T gamma_j times
  h_j with i = j, and gamma'_j moves r_t by (1 + s_j) gamma'_j h_j; nu' in r_j does by nu' h_j.

The h_j of all examples together are small: their squares add up to x_t^T P_m X^T X P_m x_t, at most
|x_t|²/(4 ridge). So no error grows from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

import constructions
from constructions.exports.gpt2 import FAR, Checkpoint
from constructions.exports.one_by_one import GATE, Constants, checkpoint, room_for, schedule
from constructions.weights import Weights
from proofs.exact import exact

from ...checks.bounds.balls import ball
from .. import spectrum
from ..formats import FUNCTION, Format
from ..head_error import Reading, unseen
from ..propagation import INFINITE, reading
from ..spectrum import NoCertificate, PromptBox, refuse_rounded
from .fits import Fit, fit_error, rounding_error

NAME = "sherman_morrison"
MARGIN = Fraction(1, 512)  # scores may be beyond those of the witness by this share
SMALL = arb(1) / 32  # what is off is less than that, or nothing is said
ROOT = arb(1) / 3  # sqrt(s)/(1 + s)^2 is nowhere above 0.3248


@dataclass(frozen=True)
class Sizes:
    """How large things are that the witness holds on the box; ridge is `k`.

    x: |x_t| of an example, q: of a query, y: of one target.
    """

    n: int
    d: int
    k: arb
    x: arb
    q: arb
    y: arb
    known: dict[tuple[str, int, int], arb] = field(default_factory=dict, repr=False, compare=False)

    @property
    def t(self) -> arb:
        """Of any token."""
        return self.x.max(self.q)

    @property
    def own(self) -> arb:
        """s_i."""
        return self.x**2 / self.k

    @property
    def z(self) -> arb:
        return self.t / self.k

    @property
    def divided(self) -> arb:
        """|z_i|/(1 + s_i), since |P x|² <= x^T P x / ridge."""
        return 1 / (2 * self.k.sqrt())

    @property
    def r(self) -> arb:
        """|r_t| of any token: |w_i| <= |y| / (2 sqrt(ridge))."""
        return self.y + self.t * self.y * arb(self.n).sqrt() / (2 * self.k.sqrt())

    def turned(self, i: int, m: int) -> arb:
        """|P_m P_i^-1|: of the way there and back, or 1 and what the examples between take off."""
        return self._once("turned", self._turned, i, m)

    def _once(self, what: str, find: Callable[[int, int], arb], i: int, m: int) -> arb:
        """A search for constants asks the same again and again."""
        if (what, i, m) not in self.known:
            self.known[what, i, m] = find(i, m)
        return self.known[what, i, m]

    def _turned(self, i: int, m: int) -> arb:
        if i == m:
            return arb(1)
        back = ((self.k + i * self.x**2) / self.k).sqrt()
        return back.min(1 + arb(m - i).sqrt() * self.x / (2 * self.k.sqrt()))

    def pulled(self, i: int, m: int) -> arb:
        """|P_i^-1 (w_m - w_i)|, the sum of x_k rho_k over i < k <= m, |rho| <= |y|.

        Or all of that sum, ridge w_m, without the first i; or from the prior that the first i are.
        """
        return self._once("pulled", self._pulled, i, m)

    def _pulled(self, i: int, m: int) -> arb:
        if i == m:
            return arb(0)
        y, later = self.y * arb(m).sqrt(), self.x * arb(m - i).sqrt()
        first = self.k.sqrt() * y / 2 + self.x * arb(i).sqrt() * y
        w = self.y * arb(i).sqrt() / (2 * self.k.sqrt())
        prior = (self.k + i * self.x**2).sqrt() / 2 * arb(m - i).sqrt() * (self.y + self.x * w)
        return (later * y).min(first).min(prior)

    def pulled_through(self, i: int, j: int, m: int) -> arb:
        """|P_i^-1 (w_m - w_j)|, i <= j <= m."""
        return (self.pulled(j, m) * self.turned(i, j)).min(self.pulled(i, m) + self.pulled(i, j))


@dataclass
class Noise:
    """Of every example so far.

    shared: of what is taken off a token, the same for z_t and r_t: times g and the divided
    residual; of_score: of that, times x_i^T z_t; divided: of g and the divided residual, times
    1 + s. z, r, g, residual: nu, nu', gamma, gamma', of each number for itself.
    """

    shared: list[arb] = field(default_factory=list)
    of_score: list[arb] = field(default_factory=list)
    divided: list[arb] = field(default_factory=list)
    z: list[arb] = field(default_factory=list)
    r: list[arb] = field(default_factory=list)
    g: list[arb] = field(default_factory=list)
    residual: list[arb] = field(default_factory=list)

    def reaches(self, sizes: Sizes, token: arb) -> tuple[arb, arb]:
        """What z_t and r_t are off by after all examples so far, |x_t| <= token."""
        m, once, y = len(self.z), 1 / (2 * sizes.k.sqrt()), sizes.y
        shared = self.taken(sizes, m, token)
        z, r = once * shared, y * arb(m).sqrt() * shared
        z += sum((sizes.turned(i, m) * self.z[i - 1] for i in range(1, m + 1)), arb(0))
        r += sum((sizes.pulled(i, m) * self.z[i - 1] for i in range(1, m + 1)), arb(0))
        r += sum(self.r, arb(0))
        to_z, to_r = [], []
        for j in range(1, m + 1):
            before, shared = range(1, j), self.taken(sizes, j - 1, sizes.x)
            to_z.append(
                once * shared
                + sum((sizes.turned(i, m) * self.z[i - 1] for i in before), arb(0))
                + (1 + sizes.own) * sizes.turned(j, m) * self.g[j - 1]
            )
            to_r.append(
                y * (arb(m).sqrt() + 2 * arb(j - 1).sqrt()) * shared
                + sum((sizes.pulled_through(i, j - 1, m) * self.z[i - 1] + self.r[i - 1]
                       for i in before), arb(0))
                + (1 + sizes.own) * (sizes.pulled(j, m) * self.g[j - 1] + self.residual[j - 1])
            )  # fmt: skip
        divided, share = spectrum.largest(self.divided), token * once
        z += share * (once * divided + _norm(to_z))
        return z, r + share * (y * arb(m).sqrt() * divided + _norm(to_r))

    def taken(self, sizes: Sizes, m: int, token: arb) -> arb:
        """The norm of all that the first m examples take off a token in error, |x_t| <= token.

        The squares of x_i^T P_(i-1) x_t, each over 1 + s_i, are what x_t^T P x_t loses.
        """
        scores = ((1 + sizes.own) / sizes.k).sqrt() * token
        scores = scores.min(arb(m).sqrt() * sizes.x * token / sizes.k)
        return _norm(self.shared[:m]) + spectrum.largest(self.of_score[:m]) * scores


@dataclass(frozen=True)
class Heads:
    """What the heads of one kind are off by.

    shared: of the function of the score, the same for all numbers of a value, as `fits.py` counts
    it; of_score: of that, times the score; each: of every number for itself, in proportion;
    absolute: what is left where it is 0.
    """

    shared: arb
    of_score: arb
    each: arb
    absolute: arb


class OneByOne:
    """One witness on one box. Raises NoExport, or NoCertificate where it is another one."""

    def __init__(self, weights: Weights, box: PromptBox) -> None:
        self.weights, self.box = weights, box
        schedule(weights)
        refuse_rounded(weights)
        if not _is_sherman_morrison(weights):
            raise NoCertificate(f"{weights.name}: nothing bounds it as a GPT-2")
        ridge = weights.parameters["ridge"]
        if box.n != weights.prompt.positions:
            raise NoCertificate(f"{weights.name} takes {weights.prompt.positions} examples, "
                                f"not {box.n}")  # fmt: skip
        self.widths: dict[Any, int] = {}
        self.rounded: dict[Any, tuple[arb, arb]] = {}  # a search asks the same again and again
        root = arb(box.d).sqrt()
        self.sizes = Sizes(
            box.n, box.d, ball(exact(ridge)),
            ball(box.x) * root, ball(box.query) * root, ball(box.y),
        )  # fmt: skip

    def largest(self, attention: str) -> Fraction:
        """No score is above this where the error is bounded."""
        of = self.sizes.own if attention == "normalised" else self.sizes.x * self.sizes.z
        return Fraction(float(of.upper())) * (1 + 2 * MARGIN)

    def error(self, constants: Constants, form: Format, fit: Fit = fit_error) -> arb:
        """|exported - witness| at most, for every prompt of the box; infinite if not bounded.

        It is as `fit` says how far sums of sigmoids are off.
        """
        sizes, noise, read = self.sizes, Noise(), self._read(constants, form)
        if not bool(2 * sizes.z.max(sizes.r).max(sizes.t) + 2 < GATE):
            return INFINITE  # a gate would let something through
        divide = self.divides(constants, form, fit)
        update = self._heads(constants, "linear", form, read, fit)
        for _ in range(sizes.n):
            off = noise.reaches(sizes, sizes.t)
            if not self._step(noise, off, divide, update, form, read):
                return INFINITE
        _, r = noise.reaches(sizes, sizes.q)
        last = (1 + read.relative) * (1 + form.unit) ** 3 - 1
        found = (r + last * (sizes.r + r) + read.absolute * (1 + last)).upper()
        return found if found.is_finite() else INFINITE

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        """The export, in floats of a kind."""
        return checkpoint(self.weights, constants, kind=kind)

    def divides(self, constants: Constants, form: Format, fit: Fit = fit_error) -> Heads:
        """What the heads that divide are off by."""
        return self._heads(constants, "normalised", form, self._read(constants, form), fit)

    def _read(self, constants: Constants, form: Format) -> Reading:
        """What any number of a token is read with."""
        sizes = self.sizes
        held = sizes.t**2 + sizes.x**2 + (sizes.z + 1) ** 2 * 2 + (sizes.r + 1) ** 2 * 2
        return reading(self._width(constants), constants.unit, held + 2 + sizes.n, form)

    def _width(self, constants: Constants) -> int:
        heads = tuple(sorted((k, v.heads) for k, v in constants.attention.items()))
        if heads not in self.widths:
            self.widths[heads] = room_for(self.weights, constants).width
        return self.widths[heads]

    # -- one example ------------------------------------------------------------------------------

    def _step(
        self, noise: Noise, off: tuple[arb, arb], divide: Heads, update: Heads, form: Format,
        read: Reading,
    ) -> bool:  # fmt: skip
        """The noise of one more example; off: of z_t and r_t before. Whether it is small.

        The gated copies are gx = (1 + e) x + a, gz = (1 + e) (z + off_z) + b, gr alike with c: e is
        what the layer norm of their token is off by, the same for all of them.
        """
        sizes, (off_z, off_r), u = self.sizes, off, form.unit
        x, z, r, own = sizes.x, sizes.x / sizes.k, sizes.r, sizes.own
        if not bool(off_z + off_r < SMALL):
            return False
        e = read.relative
        a, b, c = (
            self._copied(size, entries, divide, form, read)
            for size, entries in ((x, sizes.d), (z + off_z, sizes.d), (r + off_r, 1))
        )
        # what the score is off by, but for what off_z makes of it
        twice = (1 + e) ** 2 - 1
        score = (own + x * off_z) * twice + (1 + e) * (x * b + a * (z + off_z)) + a * b
        moved = score + x * off_z
        if not bool(2 * moved < ball(MARGIN) * own) or not bool(a + b + c < SMALL):
            return False
        noise.divided.append((1 + own) * e + divide.shared + score)
        squares = moved / (1 - moved)
        for size, wrong, copied, made in ((z, off_z, b, noise.g), (r, off_r, c, noise.residual)):
            # of first order in `wrong` and in off_z is what `reaches` follows; this is all else
            more, whole = wrong + e * (size + wrong) + copied, (1 + e) * (size + wrong) + copied
            made.append(
                copied + e * wrong + squares * (more + moved * whole) + 2 * divide.shared * more
                + divide.each * whole + divide.absolute + u * (size + SMALL)
            )  # fmt: skip
        # what g and the divided residual are off by in all
        of_g = off_z * (1 + own.sqrt() * ROOT) + sizes.divided * noise.divided[-1] + noise.g[-1]
        of_residual = off_r + r * (x * off_z + noise.divided[-1]) + noise.residual[-1]
        of_score, asked = update.of_score + e, sizes.z + off_z
        score = a * asked + of_score * x * off_z
        off_score = score + x * (e * sizes.z + off_z)
        if not bool(2 * off_score < ball(MARGIN) * x * sizes.z):
            return False
        if not bool(of_g + of_residual < SMALL):
            return False
        noise.of_score.append(of_score)
        noise.shared.append(update.shared + score)
        off_score += noise.shared[-1] + of_score * x * sizes.z
        for size, wrong, held, made in (
            (sizes.divided, of_g, sizes.z, noise.z),
            (r, of_residual, r, noise.r),
        ):
            made.append(
                wrong * off_score + update.each * (size + wrong) + update.absolute
                + u * (held + SMALL)
            )  # fmt: skip
        return True

    def _copied(
        self, size: arb, entries: int, divide: Heads, form: Format, read: Reading
    ) -> arb:  # fmt: skip
        """What a gated copy of a vector up to `size` is off by, but for the factor of the norm.

        Each number: two units and two of a role added up, GELU, four hidden units added up. What
        was there before is cleared: what a shut gate left, and what heads made of it.
        """
        u, root = form.unit, arb(entries).sqrt()
        relative = (1 + u) ** 10 * (1 + form.gamma(3)) * (1 + 2 * FUNCTION * u)
        relative = relative * (1 + form.gamma(6)) * (1 + read.relative) - 1 - read.relative
        common = form.gamma(3) * (1 + GATE) * read.common
        absolute = (read.absolute + 2 * common) * (1 + relative) + 16 * form.least
        # GELU of -GATE/2 at most, and its rounding
        shut = 2 * (GATE * (-arb(GATE)).exp() + 2 * FUNCTION * u * 2 * GATE)
        asks = 2 * arb(self.sizes.d).sqrt() * self.sizes.x  # to what score one number is worth
        value = size + SMALL
        cleared = read.relative + relative + u
        left = cleared * (shut * (1 + asks * value) + (2 * divide.shared + divide.each) * value)
        left = 2 * (left + absolute + cleared * divide.absolute)
        small = bool(2 * cleared * (1 + asks * value) < 1)
        if not (small and bool(asks * (shut + left) < ball(MARGIN) * self.sizes.own.min(1))):
            return INFINITE
        return relative * size + root * (absolute + left) + u * (size + SMALL)

    def _heads(
        self, constants: Constants, attention: str, form: Format, read: Reading, fit: Fit
    ) -> Heads:
        """How far heads are off whose scores are within MARGIN of those of the witness."""
        sizes, u, made = self.sizes, form.unit, constants.attention[attention]
        high = self.largest(attention)
        low = -high * MARGIN if attention == "normalised" else -high
        query, key = (one * (1 + ball(MARGIN)) for one in (sizes.z, sizes.x))
        if attention == "normalised":
            query = (sizes.x / sizes.k) * (1 + ball(MARGIN))
        steepest = max(abs(slope) for slope in made.slopes)
        farthest = max(abs(offset) for offset in made.offsets)
        if not bool(ball(steepest) * query * key + ball(farthest) < FAR / 4):
            return Heads(*(INFINITE,) * 4)  # what is not to be seen would be
        root = arb(sizes.d).sqrt()
        sums = root * (query + key)
        # numbers that are read are the same for all heads, products and sums are not
        apart = (1 + u) ** 20 - 1  # of two numbers, that the norm's factor is not
        scaled, twice = (1 + read.relative) ** 2 / (1 + u) ** 20 - 1, (1 + read.relative) ** 2 - 1
        absolute = read.absolute * (1 + read.relative) * sums + read.absolute**2 * sizes.d
        margin = ball(MARGIN * high)
        if not (bool(2 * (twice * query * key + absolute) < margin) and bool(8 * margin < 1)):
            return Heads(*(INFINITE,) * 4)
        lost = form.gamma(3) * read.common * sums + form.least * (8 * (sizes.d + 2) + 2 * sums)
        asked = made, attention, form, self._width(constants), constants.unit
        if asked not in self.rounded:
            self.rounded[asked] = rounding_error(
                made, attention, low, high, form, sizes.d, query * key * (1 + twice), 2 * margin,
                read.relative + read.absolute + form.least, lost,
            )  # fmt: skip
        own, weighed = self.rounded[asked]
        shared = absolute + fit(made, attention, low, high) + own
        if attention == "normalised":
            of_score, most = arb(0), arb(1)
            shared += ball(high) * (twice + (1 + ball(high)) * read.relative)
        else:
            of_score, most = scaled + read.relative * (1 + twice), ball(high)
            shared += apart * query * key
        # what the score is off by moves what an error counts
        shared = shared * (1 + read.relative) ** 2 * (1 + 4 * margin)
        most += shared + ball(high) * of_score
        each = (weighed * form.gamma(made.heads + 3) + most * form.gamma(12)) * (1 + read.relative)
        absolute = most * (read.absolute + 2 * u * read.common) * root
        absolute += 16 * form.least * root + weighed * unseen() * GATE * root
        return Heads(shared, of_score, each, absolute)


def _norm(of: Sequence[arb]) -> arb:
    return sum((one**2 for one in of), arb(0)).sqrt()


def _is_sherman_morrison(weights: Weights) -> bool:
    """Whether what the bound is about is what these weights are."""
    try:
        built = constructions.build(NAME, **weights.parameters)
    except (TypeError, ValueError):
        return False
    return built.digest == weights.digest and weights.parameters["storage"] == "tokens"
