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
    "gradient_descent": ({"steps": 3, "step_size": Fraction(1, 48)}, Fraction(3, 10**4)),
    "newton": ({"iterations": 3, "alpha": Fraction(1, 577)}, Fraction(1, 10**3)),
    "momentum": (
        {"steps": 3, "step_size": Fraction(1, 16), "momentum": Fraction(1, 2)},
        Fraction(8, 10**4),
    ),
    "chebyshev": ({"steps": 3, "lowest": 12, "highest": 24}, Fraction(5, 10**4)),
    "functional_descent": ({"steps": 3, "rate": Fraction(1, 24)}, Fraction(3, 10**4)),
    "kernel_regression": (  # softmax attention
        {"steps": 3, "step_size": Fraction(1, 8), "kernel": "exponential"},
        Fraction(8, 10**6),
    ),
    "sherman_morrison": (
        {"examples": N, "ridge": 4, "storage": "tokens"},
        Fraction(6, 10**4),
    ),
}


@lru_cache
def exported(name: str) -> Export:
    """The export, its constants found by search."""
    return _export(name, EXPORTS[name][0])


def _export(name: str, parameters: Mapping[str, Any]) -> Export:
    from ...exports.folder import export
    from ...exports.spectrum import PromptBox

    return export(name, constructions.build(name, d=D, **parameters), PromptBox(D, N))


@check("enclosure", "enclosed")
def _is_bounded(budget: Budget, name: str) -> CheckResult:
    """The certified error in float32 is at most what is claimed, and the model as it runs is within
    what is certified."""
    from ...exports.folder import within_bound
    from ...exports.running import assembled

    made, claimed = exported(name), EXPORTS[name][1]
    bound = made.certificate.bounds["float32"]
    if not bound <= claimed:
        raise Differs(f"the bound is {at_most(bound)}", {"claimed": str(claimed)}, bound=bound)
    seen = within_bound(budget, assembled(made.checkpoint), made)
    detail = f"the architecture costs at most {at_most(made.certificate.architecture)}"
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


def _checks(name: str) -> Callable[[], tuple[Check, ...]]:
    def checks() -> tuple[Check, ...]:
        return (_is_bounded(name),)

    return checks


def _so_many(given: Mapping[str, Any]) -> str:
    return "=" if "examples" in given else r"\le"


for _name, (_given, _claimed) in EXPORTS.items():
    register(
        Claim(
            id=f"gpt2.{_name}",
            variant="improved",
            source="witness",
            statement=rf"|\text{{GPT-2 in float32}} - \text{{{_name}}}| \le "
            rf"\tfrac{{{_claimed.numerator}}}{{{_claimed.denominator}}},\ "
            rf"d = {D},\ n {_so_many(_given)} {N},\ |X_{{ij}}|, |y_i|, |x_i| \le 1",
            summary=f"An ordinary GPT-2 runs {_name}, up to an error that is proved.",
            expected="approximates",
            checks=_checks(_name),
        )
    )
