"""By how much the score of the key that a head means is above that of any other key.

A score is bilinear in what the token that asks and the key hold: a number for their kinds, a number
for each bit of the one's pointer that agrees with the other's owner, and a multiple of the key's
place. So the least difference to another key is known, whatever the bits are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from constructions.exports.gpt2 import POSITIONS
from constructions.exports.language_model import head_weights
from constructions.exports.subleq import KINDS
from proofs.layer import Head
from proofs.stream import Layout

from ...checks.bounds.balls import ball
from ..formats import FLOAT32, FUNCTION, Format
from ..head_error import Reading
from ..spectrum import NoCertificate

SURE = arb(2) ** -60  # all keys that are not meant weigh less together

# by how much a mean, whose shares come out as a little more than 1, may be above all that it is of
MEAN = FLOAT32.gamma(POSITIONS + 16)


@dataclass(frozen=True)
class Asks:
    """Tokens of a kind mean the latest key of some kinds, whose owner is what they point at.

    Keys are of all kinds but `absent` ones. unique: no two of one kind have one owner.
    """

    kind: str
    meant: Sequence[str]
    absent: Sequence[str] = ()
    unique: bool = False


@dataclass(frozen=True)
class Choice:
    """kinds: what a pair of kinds adds to the score, (asking, key); bits: what each bit of the
    pointer adds that agrees (none without a pointer); later: what all positions add."""

    kinds: np.ndarray
    bits: np.ndarray
    later: float

    def gap(self, asks: Asks) -> float:
        """By how much the key that is meant is above any other."""
        names = np.array(list(KINDS))
        row, meant = self.kinds[list(KINDS).index(asks.kind)], np.isin(names, asks.meant)
        low, high = row[meant].min(), row[meant].max()
        others = row[~meant & ~np.isin(names, asks.absent)].max(initial=-np.inf)
        gaps = [low - others - self.later]
        if len(self.bits):
            gaps.append(low - high + 2 * self.bits.min() - self.later)
        if not asks.unique:
            gaps.append(low - high + self.later / POSITIONS)
        return float(min(gaps))


def choice(head: Head, stream: Layout, pointer: str) -> Choice:
    """How a head chooses whose pointer is that slot, "" for none.

    Raises NoCertificate where it scores anything else.
    """
    query, key, _ = head_weights(head, stream)
    score = query.T @ key
    kind, owner, (place,), (one,) = (
        list(stream.rows(name)) for name in ("kind", "owner", "place", "one")
    )
    kinds, later = score[np.ix_(kind, kind)] + score[one, kind], float(score[one, place])
    asking = list(stream.rows(pointer)) if pointer else []
    bits = score[asking, owner[: len(asking)]]
    score[np.ix_([*kind, one], kind)] = 0
    score[one, place] = 0
    score[asking, owner[: len(asking)]] = 0
    if score.any() or (bits <= 0).any() or later < 0:
        raise NoCertificate(f"{head.name}: a score of other things than kind, owner and place")
    return Choice(kinds, bits, later)


def copies(head: Head, stream: Layout, source: str, slot: str) -> None:
    """Raises NoCertificate where the head writes anything else than source to slot."""
    *_, value = head_weights(head, stream)
    value[list(stream.rows(slot)), list(stream.rows(source))] -= 1
    if value.any():
        raise NoCertificate(f"{head.name} copies something else than {source} to {slot}")


def copied(
    head: Head, stream: Layout, source: str, gap: float, off: Mapping[str, arb], form: Format
) -> arb:
    """What a unit that a head copies is off by; off: a unit of each slot, as it is read.

    Raises NoCertificate where what is not meant weighs too much.
    """
    query, key, _ = head_weights(head, stream)
    units = [off[slot.name] for slot in stream.slots for _ in range(slot.size)]
    size = wrong = arb(0)
    for asking, offered in zip(query, key, strict=True):
        (q, e), (k, f) = (_sum(row, units, form) for row in (asking, offered))
        size += (q + e) * (k + f)
        wrong += (q + e) * (k + f) - q * k
    wrong += size * form.gamma(len(query) + 8)  # of the sum, and of the division by 8
    sure = ball(gap) - 2 * wrong - 2 * form.unit * size
    rest = POSITIONS * (-sure).exp() * (1 + FUNCTION * form.unit) + POSITIONS * form.least
    if not bool(rest < SURE):
        raise NoCertificate(
            f"{head.name}: the key that is meant is not far enough above the others"
        )
    return off[source] + 3 * rest + form.gamma(16) * (1 + off[source])


def _sum(row: np.ndarray, units: Sequence[arb], form: Format) -> tuple[arb, arb]:
    """What a sum of units is at most, and off by; half of each unit of a pair is read."""
    used = [int(u) for u in np.flatnonzero(row)]
    size = sum((abs(ball(row[u])) for u in used), arb(0))
    wrong = sum((abs(ball(row[u])) * units[u] for u in used), arb(0))
    return size, wrong + form.gamma(2 * len(used) + 2) * (size + wrong)


def reading(read: Reading, errors: Mapping[str, arb]) -> dict[str, arb]:
    """What a unit of each slot is off by when it is read through a norm; `one` is a bias.

    Both units of a pair hold a mean too, which cancels, but is rounded with them: the sums here
    count two roundings more than they have, of forty at most, which is more than that.
    """
    if not bool(read.common < arb(2) ** -8):
        raise NoCertificate("a norm's mean is too large")
    return {
        name: arb(0) if name == "one" else off + read.relative * (1 + off) + read.absolute
        for name, off in errors.items()
    }
