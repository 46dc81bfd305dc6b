"""M, a mask and a factor as papers write them, as what a head has for them.

In Z + factor · P Z M (Zᵀ Q Z) the matrix M (tokens, tokens) is a product: the value of key c
becomes sum_r M(r, c) value_r. A mask multiplies scores one by one, as Zᵀ Q Z has them: rows are
keys, columns readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proofs.exact import Exact, exact
from proofs.prompt import Prompt
from proofs.rule import Rule, rule
from proofs.vocabulary import ATTENTION

from .block_matrices import entry, is_number, nested, rows_of
from .parameters import typed

MASKS = {
    "all": "full",
    "examples": "context",
    "causal": "causal",
    "strictly causal": "strictly causal",
}
SAME = "r == c"  # the identity


def seen(
    given: Mapping[str, Any], where: str, kind: str, prompt: Prompt, n: int | None
) -> tuple[dict[str, Any], Exact]:
    """Fields of a head with this M, mask and factor, and a number that multiplies its values.

    Raises ValueError in one line.
    """
    shares = ATTENTION[kind].shares
    keys, mask = _mask(given.get("mask", "all"), f"{where}: mask")
    mix = _mix(given.get("M", "all"), f"{where}: M", n)
    number, average, text = _factor(given.get("factor", 1), f"{where}: factor")
    if shares and average == "keys":
        raise ValueError(f"{where}: factor 1/keys, but weights of {kind} attention are shares")
    if shares and average:
        average, text = "", "1/n"
    whole = mask is None or mask.matrix is None  # it says nothing of how many columns there are
    if mix == "examples":
        if keys == "full" and whole and not shares and average != "keys":
            keys = "context"
        mix = None if keys == "context" else rule(f"({SAME}) * (r < {context_size(prompt)})")
    if mix is not None and keys == "context":  # M mixes the values of all tokens
        keys, mask = "full", rule(f"j < {context_size(prompt)}")
    if text == "1/N" and keys == "full" and mask is None and not shares:
        average, text = "keys", ""
    if text:
        mix = _times(mix, text, f"{where}: factor", n)
    return {"keys": keys, "average": average, "mask": mask, "mix": mix}, number


def context_size(prompt: Prompt) -> str:
    """How many tokens are no queries, in n."""
    tokens = prompt.tokens(1, 1)
    first = 1 if prompt.register else 0
    step = len(tokens.context) - first
    text = "n" if step == 1 else f"{step}*n"
    return f"{text} + {first}" if first else text


def _mask(given: Any, what: str) -> tuple[str, Rule | None]:
    """The keys, and by which rule (t, j) they are seen."""
    if isinstance(given, str) and given in MASKS:
        return MASKS[given], None
    made = _rule(given, what, ("t", "j", "n", "N"), ", ".join(map(repr, MASKS)))
    if made.matrix is not None:
        made = Rule(matrix=tuple(zip(*made.matrix)))  # (keys, readers) as (readers, keys)
    return "full", made


def _mix(given: Any, what: str, n: int | None) -> Any:
    """None for the identity, "examples", or the rule (r, c)."""
    if isinstance(given, str) and given in ("all", "examples"):
        return None if given == "all" else given
    if isinstance(given, str) and given in MASKS:
        raise ValueError(
            f"{what} stands in Z M (Zᵀ Q Z), a product; which scores a token sees is said by "
            f"mask={given!r}"
        )
    return _rule(given, what, ("r", "c", "n", "N"), "'all', 'examples'")


def _rule(given: Any, what: str, variables: tuple[str, ...], names: str) -> Rule:
    """A rule, its text, or a square matrix of all tokens."""
    if isinstance(given, Rule) or isinstance(given, str):
        try:
            made = rule(given)
            made.check(variables, what)
        except ValueError as error:
            raise ValueError(f"{what} is {names}, a matrix, or a rule; {error}") from None
    elif is_number(nested(given)):
        raise ValueError(f"{what} is {names}, a matrix, or a rule, not {given!r}")
    else:
        rows = [nested(row) for row in nested(given)]
        counted = [
            [int(e) if isinstance(e, bool) else e for e in row] if isinstance(row, list) else row
            for row in rows
        ]
        made = Rule(matrix=rows_of(what, counted))
    if made.matrix is not None and len(made.matrix) != len(made.matrix[0]):
        size = f"{len(made.matrix)} x {len(made.matrix[0])}"
        raise ValueError(f"{what} is {size}; it must have a row and a column for each token")
    return made


def _factor(given: Any, what: str) -> tuple[Exact, str, str]:
    """(number, average, formula in n and N)."""
    if not isinstance(given, str):
        return entry(what, given), "", ""
    try:
        return exact(typed(given)), "", ""
    except ValueError:
        pass
    text = "".join(given.split())
    if text in ("1/n", "1/keys"):
        return 1, "examples" if text == "1/n" else "keys", ""
    try:
        rule(text).check(("n", "N"), what)
    except ValueError as error:
        raise ValueError(f"{what} is a number, 1/keys, or a formula in n and N; {error}") from None
    return 1, "", text


def _times(mix: Rule | None, text: str, what: str, n: int | None) -> Rule:
    """The mix (the identity for None) times a formula in n and N."""
    if mix is None or mix.matrix is None:
        constants = () if mix is None else mix.constants
        return Rule(f"({SAME if mix is None else mix.text}) * ({text})", constants)
    if n is None and rule(text).uses("n"):
        raise ValueError(f"{what} {text} with an M that is a matrix: say n, or a number")
    by = rule(text).value(n=n, N=len(mix.matrix))
    return replace(mix, matrix=tuple(tuple(exact(by * e) for e in row) for row in mix.matrix))
