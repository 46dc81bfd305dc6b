"""The induction head: its own error for every text, and that of GPT-2 with its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

import constructions

from ... import algorithms
from ...checks.bounds.balls import at_most, ball, top
from ...claim import Budget, CheckResult, Differs, check, claim
from .exported import READ

if TYPE_CHECKING:
    from ...exports.language.export import TextExport

CLAIMED = Fraction(1, 10**8)  # of the witness
IN_GPT2 = Fraction(6, 10**6)
VOCABULARIES, LENGTHS = (1, 2, 3, 8), (3, 4, 16, 64)
EVERY = {1: 5, 2: 5, 3: 4}  # words of a vocabulary: of texts, all of which are run
D, LENGTH = 8, 32
Builder = Callable[..., Any]
OWN: Builder = constructions.get("induction_head")


@check("enclosure", "enclosed")
def bounded(budget: Budget, build: Builder = OWN) -> CheckResult:
    """What is predicted is 0 or 1 but for what other keys have of two softmaxes: for every text,
    as the scores of its layers are different whole multiples of the sharpness."""
    from ...exports.language.certificate import Retrieval
    from ...exports.spectrum import NoCertificate

    worst, seen = 0.0, 0.0
    for d, length in product(VOCABULARIES, LENGTHS):
        witness = build(d=d, length=length)
        try:
            off = top(Retrieval(witness).own_error())
        except NoCertificate as error:
            raise Differs(str(error), {"d": d, "length": length}) from None
        if not off <= CLAIMED:
            raise Differs(f"the bound is {at_most(off)}", {"d": d, "length": length}, bound=off)
        after, shown = missed(witness, (0, 0))
        if not after <= off:
            raise Differs(f"off by {after:.3g}", {"d": d, "length": length, **shown}, bound=off)
        worst, seen = max(worst, off), max(seen, after)
    numbers = ", ".join(map(str, VOCABULARIES))
    box = f"text of up to {LENGTHS[-1]} tokens, of {numbers} words after a beginning; no rounding"
    return CheckResult(True, len(VOCABULARIES) * len(LENGTHS), seen, worst, box=box)


@check("numeric", "tested")
def every_text(budget: Budget, build: Builder = OWN) -> CheckResult:
    """Every short text, in balls: what is predicted is what followed the last time."""
    worst, count = 0.0, 0
    for d, words in texts():
        count += 1
        off, shown = missed(build(d=d, length=2 + len(words)), words)
        if not off <= CLAIMED:
            raise Differs(f"off by {off:.3g}", shown, max_error=off, cases=count)
        worst = max(worst, off)
    domain = "every text: " + ", ".join(f"up to {n} of {d} words" for d, n in EVERY.items())
    return CheckResult(True, count, worst, float(CLAIMED), domain=domain)


def missed(witness: Any, words: Sequence[int]) -> tuple[float, dict[str, Any]]:
    """How far a prediction is off at most, after a text, and what it is and should be."""
    from ...checks.bounds.balls import precision

    X = np.eye(witness.d, dtype=int)[list(words)].astype(object)
    given = X[:-1], np.zeros((len(X) - 1, 0), dtype=object), X[-1:]
    with precision(128):
        predicted = witness.predict(*given, numbers="ball")[0]
        wanted = algorithms.induction_head(*given)[0]
        off = max(top(p - ball(w)) for p, w in zip(predicted, wanted, strict=True))
    shown = {"text": [word + 1 for word in words], "is": [str(p) for p in predicted],
             "should be": [str(w) for w in wanted]}  # fmt: skip
    return off, shown


def texts() -> Iterator[tuple[int, tuple[int, ...]]]:
    """(d, words) of every short text of at least one word, the shortest first."""
    for d, most in EVERY.items():
        for n in range(2, most + 1):
            yield from ((d, words) for words in product(range(d), repeat=n))


@claim(
    "induction_head",
    variant="improved",
    source="witness",
    statement=r"\text{two causal softmax heads predict the word that followed the last earlier "
    r"occurrence of a word, or none, up to } 10^{-8},\ \beta = 20",
    expected="approximates",
)
def induction_head() -> Any:
    """Two heads predict what followed the last earlier occurrence of a word, for every text."""
    return bounded(), every_text()


@lru_cache
def exported() -> TextExport:
    """What `witness export induction_head --to gpt2 --set length=32` writes, without the files."""
    from ...exports.language.export import export

    return export("induction_head", constructions.build("induction_head", d=D, length=LENGTH))


@check("enclosure", "enclosed")
def bounded_in_gpt2(budget: Budget) -> CheckResult:
    """The certified error in float32 is at most what is claimed, and the model as it runs is within
    what is certified."""
    from ...exports.language.export import within_bound
    from ...exports.running import speaker

    made = exported()
    bound = made.certificate.bounds["float32"]
    if not bound <= IN_GPT2:
        raise Differs(f"the bound is {at_most(bound)}", {"claimed": str(IN_GPT2)}, bound=bound)
    seen = within_bound(budget, speaker(made.checkpoint), made)
    detail = f"the architecture costs at most {at_most(made.certificate.architecture)}"
    detail = f"{detail}; {made.tensors_read()}"
    return replace(seen, detail=detail, box=made.box.words, domain="")


@claim(
    "gpt2.induction_head",
    variant="improved",
    source="witness",
    statement=r"\text{GPT-2 in float32, from token ids: a logit is 1 for the word that followed "
    r"the last earlier occurrence of a word, 0 for others, up to } \tfrac{6}{10^6},"
    rf"\ d = {D},\ \text{{texts of up to }} {LENGTH}",
    expected="approximates",
    note=READ,
)
def in_gpt2() -> Any:
    """An ordinary GPT-2 is an induction head: its largest logit is right, for every text."""
    return (bounded_in_gpt2(),)
