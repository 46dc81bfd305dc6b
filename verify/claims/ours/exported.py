"""Witnesses as GPT-2: each export, up to an error that is proved for every prompt of a box.

What `witness export NAME --to gpt2` writes with these parameters, without the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import constructions

from ...checks.bounds.balls import at_most
from ...claim import Budget, Check, CheckResult, Claim, Differs, check, register

if TYPE_CHECKING:
    from ...exports.folder import Export

D, N = 3, 8
# parameters that suit the largest prompts of the box, and the error that is claimed
EXPORTS: Mapping[str, tuple[Mapping[str, Any], Fraction]] = {
    "gradient_descent": ({"steps": 3, "step_size": Fraction(1, 48)}, Fraction(22, 10**5)),
    "newton": ({"iterations": 3, "alpha": Fraction(1, 577)}, Fraction(8, 10**4)),
    "momentum": (
        {"steps": 3, "step_size": Fraction(1, 16), "momentum": Fraction(1, 2)},
        Fraction(6, 10**4),
    ),
    "chebyshev": ({"steps": 3, "lowest": 12, "highest": 24}, Fraction(4, 10**4)),
    "functional_descent": ({"steps": 3, "rate": Fraction(1, 24)}, Fraction(2, 10**4)),
    "kernel_regression": (  # softmax attention
        {"steps": 3, "step_size": Fraction(1, 8), "kernel": "exponential"},
        Fraction(8, 10**6),
    ),
    "sherman_morrison": (
        {"examples": N, "ridge": 4, "storage": "tokens"},
        Fraction(6, 10**4),
    ),
}
# that the tensors are those of which the bound is proved
READ = "every number of its tensors is read, by products of its matrices, as the witness's layers"
SEED = 1  # of `--disguise`, whose bound is the same for every seed
DISGUISED: Mapping[str, Fraction] = {"newton": Fraction(3, 10**3)}


@lru_cache
def exported(name: str) -> Export:
    """The export, its constants found by search."""
    return _export(name, EXPORTS[name][0])


@lru_cache
def disguised(name: str) -> Export:
    """The same, disguised."""
    return _export(name, EXPORTS[name][0], SEED)


def _export(name: str, parameters: Mapping[str, Any], seed: int | None = None) -> Export:
    from ...exports.folder import export
    from ...exports.search import disguise_of
    from ...exports.spectrum import PromptBox

    witness, box = constructions.build(name, d=D, **parameters), PromptBox(D, N)
    disguise = None if seed is None else disguise_of(witness, box, seed)
    return export(name, witness, box, disguise=disguise)


@check("enclosure", "enclosed")
def _is_bounded(budget: Budget, name: str, turned: bool = False) -> CheckResult:
    """The certified error in float32 is at most what is claimed, and the model as it runs is within
    what is certified."""
    from ...exports.folder import within_bound
    from ...exports.running import assembled

    made = disguised(name) if turned else exported(name)
    claimed = DISGUISED[name] if turned else EXPORTS[name][1]
    bound = made.certificate.bounds["float32"]
    if not bound <= claimed:
        raise Differs(f"the bound is {at_most(bound)}", {"claimed": str(claimed)}, bound=bound)
    seen = within_bound(budget, assembled(made.checkpoint), made)
    detail = f"the architecture costs at most {at_most(made.certificate.architecture)}"
    detail = f"{detail}; {made.tensors_read()}"
    return replace(seen, detail=detail, box=made.box.words, domain="")


# beside the claims: softmax attention at step size 1, and steps of which the bound is far
FURTHER: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("kernel_regression", {"steps": 1, "step_size": 1, "kernel": "exponential"}),
    ("kernel_regression", {"steps": 3, "step_size": 1, "kernel": "exponential"}),
    ("gradient_descent", {"steps": 6, "step_size": Fraction(1, 48)}),
    ("sherman_morrison", {"examples": N, "ridge": 1, "storage": "tokens"}),
)


def markdown() -> str:
    """The table of exports: what they take, their bounds, and what is seen when they run."""
    from ...exports.folder import within_bound
    from ...exports.running import assembled
    from ...inputs.settings import call
    from ...report import tables

    lines = []
    for name, parameters in (*((name, given) for name, (given, _) in EXPORTS.items()), *FURTHER):
        made = exported(name) if parameters is EXPORTS[name][0] else _export(name, parameters)
        config, found = made.checkpoint.config, made.certificate
        seen = within_bound(Budget(), assembled(made.checkpoint), made)
        bound = found.bounds["float32"]
        assert seen.max_error is not None
        lines.append((
            f"`{name}`, {call(parameters)}",
            f"{config['n_layer']}, {config['n_head']}, {config['n_embd']}",
            at_most(bound), at_most(found.architecture), at_most(seen.max_error),
            f"{bound / seen.max_error:.0f} times",
        ))  # fmt: skip
    return tables.markdown(
        ("", "layers, heads, units", "bound in float32", "in exact arithmetic",
         "largest error of 10,000 prompts", "the bound is"), lines,
    )  # fmt: skip


def to_disguise() -> list[str]:
    """Of these exports those with a disguise: heads that read one example each have none."""
    return [name for name, (given, _) in EXPORTS.items() if "examples" not in given]


def markdown_disguised() -> str:
    """The table of the same exports disguised: what it costs."""
    from ...exports.folder import within_bound
    from ...exports.running import assembled
    from ...report import tables

    lines = []
    for name in to_disguise():
        plain, made = exported(name), disguised(name)
        config, found = made.checkpoint.config, made.certificate
        seen = within_bound(Budget(), assembled(made.checkpoint), made)
        bound = found.bounds["float32"]
        assert seen.max_error is not None
        lines.append((
            f"`{name}`", f"{config['n_layer']}, {config['n_head']}, {config['n_embd']}",
            at_most(plain.certificate.bounds["float32"]), at_most(bound),
            at_most(found.architecture), at_most(seen.max_error),
            f"{bound / seen.max_error:.0f} times",
        ))  # fmt: skip
    return tables.markdown(
        ("", "layers, heads, units", "bound undisguised", "bound", "in exact arithmetic",
         "largest error of 10,000 prompts", "the bound is"), lines,
    )  # fmt: skip


def _checks(name: str, turned: bool = False) -> Callable[[], tuple[Check, ...]]:
    def checks() -> tuple[Check, ...]:
        return (_is_bounded(name, turned),)

    return checks


def _claim(id: str, name: str, claimed: Fraction, summary: str, turned: bool = False) -> Claim:
    so_many = "=" if "examples" in EXPORTS[name][0] else r"\le"
    return Claim(
        id=id,
        variant="improved",
        source="witness",
        statement=rf"|\text{{GPT-2 in float32}} - \text{{{name}}}| \le "
        rf"\tfrac{{{claimed.numerator}}}{{{claimed.denominator}}},\ "
        rf"d = {D},\ n {so_many} {N},\ |X_{{ij}}|, |y_i|, |x_i| \le 1",
        summary=summary,
        expected="approximates",
        note=READ,
        checks=_checks(name, turned),
    )


for _name, (_, _claimed) in EXPORTS.items():
    _summary = f"An ordinary GPT-2 runs {_name}, up to an error that is proved."
    register(_claim(f"gpt2.{_name}", _name, _claimed, _summary))
for _name, _claimed in DISGUISED.items():
    _summary = f"So does one whose weights are turned at random, {_name}, with no slot on an axis."
    register(_claim(f"gpt2.{_name}.disguised", _name, _claimed, _summary, turned=True))


# -- SUBLEQ, a language model -----------------------------------------------------------------

SUBLEQ, CODE = {"d": 5, "address": 4}, Fraction(1, 100)


@check("enclosure", "enclosed")
def _runs_programs(budget: Budget, parameters: Mapping[str, int], claimed: Fraction) -> CheckResult:
    """What is certified is at most what is claimed, and the model as it runs is within it."""
    from ...exports.running import speaker
    from ...exports.subleq import export, running

    made = export.export(**parameters)
    found, bound = made.proved(), made.certificate.code
    if not bound <= claimed:
        raise Differs(f"the bound is {at_most(bound)}", {"claimed": str(claimed)}, bound=bound)
    seen = running.agrees(budget, speaker(made.checkpoint), made.checkpoint, made.certificate)
    return replace(seen, detail=f"{found.detail}; {seen.detail}", box=found.box)


register(
    Claim(
        id="gpt2.subleq",
        variant="improved",
        source="witness",
        statement=rf"|\text{{GPT-2's last state}} - \text{{code of the next token}}| \le "
        rf"\tfrac{{{CODE.numerator}}}{{{CODE.denominator}}}: \text{{ what it says after a "
        r"program of SUBLEQ is its run; words of 5 bits, addresses of 4}",
        summary="An ordinary GPT-2 continues a program of SUBLEQ by its run: it is a computer.",
        expected="approximates",
        note=READ,
        checks=lambda: (_runs_programs(SUBLEQ, CODE),),
    )
)
