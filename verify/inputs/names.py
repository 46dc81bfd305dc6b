"""What a NAME on the command line stands for: a witness, or the transformer of a claim."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructions.parameters import REQUIRED

from ..claim import Budget, Claim, NoClaimError, builtin, load_file
from .errors import WrongCall
from .settings import kind, kind_of

if TYPE_CHECKING:
    from constructions.witness import Witness

    from ..strategies import Case


@dataclass(frozen=True)
class Subject:
    """A builder of witnesses with a name; `claim` is what it is checked by, if known."""

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    claim: Claim | None = None

    def defaults(self, needed: Iterable[str]) -> dict[str, Any]:
        """Values for parameters that have no example of their own: those of a claim's case."""
        if all(kind(self.signature.parameters[key]).small is not REQUIRED for key in needed):
            return {}
        known = self.claim or next((c for c in builtin() if c.id == self.name), None)
        return example(known) if known is not None else {}

    def build(self, parameters: Mapping[str, Any]) -> Witness:
        """The witness with these parameters. Raises WrongCall where they do not fit."""
        try:
            return self.function(**parameters)
        except (TypeError, ValueError, ArithmeticError) as error:
            message = " ".join(str(error).split())
            prefix = "" if message.startswith(self.name) else f"{self.name}: "
            raise WrongCall(prefix + message) from None


def subject(name: str, variant: str | None = None) -> Subject:
    """The witness `name`, or the one that the claim `name` builds. Raises WrongCall."""
    import constructions

    if name in constructions.names() and variant in (None, "improved"):
        return Subject(name, constructions.get(name), constructions.signature(name))
    found = [c for c in builtin() if c.id == name and variant in (None, c.variant)]
    if not found:
        raise WrongCall(unknown(name, "witness or claim", variant))
    with_witness = [c for c in found if c.witness is not None]
    if not with_witness:
        raise WrongCall(
            f"{name} is a statement without a transformer; `witness check {name}` tests it"
        )
    chosen = with_witness[0]
    assert chosen.witness is not None
    signature = inspect.signature(chosen.witness)
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        if name in constructions.names():
            signature = constructions.signature(name)
        else:
            signature = _signature_of(chosen)
    return Subject(name, chosen.witness, signature, chosen)


def example(claim: Claim) -> dict[str, Any]:
    """Parameters that the claim is checked with: of its counted sizes one with d = 2 if there is
    one, else of its first case, or of the middle of its first box."""
    if claim.sizes is not None and (sizes := list(claim.sizes())):
        return dict(next((one for one in sizes if one.get("d") == 2), sizes[0]))
    if claim.cases is None and claim.boxes:
        box = claim.boxes[0]
        return box.lettered(lambda name: sum(box.ranges()[name]) / 2)
    cases = sorted(_cases(claim), key=lambda case: (case.parameters.get("d") != 2, len(case.X)))
    return dict(cases[0].parameters) if cases else {}


def _cases(claim: Claim) -> list[Case]:
    """A few of the claim's cases."""
    if claim.cases is None:
        return []
    from ..hunt import hunt

    found: list[Case] = []
    hunt(claim.cases(), found.append, Budget(cases=8), claim.domain)
    return found


def _signature_of(claim: Claim) -> inspect.Signature:
    """A signature for a builder that takes **parameters, from those of its cases.

    What is whole in every case is a whole number.
    """
    values: dict[str, list[Any]] = {}
    for parameters in (example(claim), *(case.parameters for case in _cases(claim))):
        for name, value in parameters.items():
            values.setdefault(name, []).append(value)
    made = []
    for name, seen in values.items():
        value = next((v for v in seen if not isinstance(v, int)), seen[0])
        made.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind_of(value))
        )
    return inspect.Signature(made)


def unknown(name: str, what: str, variant: str | None = None) -> str:
    """One line for a name that is not known."""
    import constructions

    claims = builtin()
    variants = [c.variant for c in claims if c.id == name]
    if variants and variant is not None:
        return f"{name} has no {variant} variant; it has {' and '.join(variants)}"
    known = (*constructions.names(), *dict.fromkeys(c.id for c in claims))
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "`witness list --claims` names all"
    return f"unknown {what} {name!r}; {hint}"


# -- claims -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """A claim to check, and the user's file that it comes from, if any."""

    claim: Claim
    file: str | None = None


def choose(names: Sequence[str], variant: str = "all") -> list[Chosen]:
    """Claims by id, by paper ("fu2023" for all "fu2023.…"), or from Python files; no names: all
    built-in ones. Each once, in order. Raises WrongCall.
    """
    if not names:
        made = [Chosen(c) for c in builtin() if variant in ("all", c.variant)]
        if not made:
            raise WrongCall(f"there is no claim with variant {variant}")
        return made
    made = []
    for name in names:
        if name.endswith(".py"):
            try:
                found = [Chosen(c, name) for c in load_file(name)]
            except NoClaimError as error:
                raise WrongCall(" ".join(str(error).split())) from None
            except OSError as error:
                raise WrongCall(f"{name}: cannot be read: {error.strerror}") from None
        else:
            found = [Chosen(c) for c in builtin() if c.id == name or c.id.startswith(f"{name}.")]
            if not found and ("/" in name or Path(name).exists()):
                raise WrongCall(f"{name} is no claim file; a file of claims ends in .py")
        kept = [one for one in found if variant in ("all", one.claim.variant)]
        if not kept:
            if found:
                have = " and ".join(dict.fromkeys(one.claim.variant for one in found))
                raise WrongCall(f"{name} has no {variant} variant; it has {have}")
            raise WrongCall(unknown(name, "claim"))
        made += [one for one in kept if one not in made]
    return made
