"""What a NAME on the command line stands for: a witness, or the transformer of a claim."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructions.parameters import REQUIRED, Parameter

from ..claim import Budget, Claim, NoClaimError, builtin, load_file
from .claim_files import file_of, split
from .errors import WrongCall
from .settings import kind, kind_of
from .where_raised import refusal

if TYPE_CHECKING:
    from constructions.witness import Witness

    from ..strategies import Case


@dataclass(frozen=True)
class Subject:
    """A builder of witnesses with a name; `claim` is what it is checked by, if known.

    file: the user's file that the claim is from; alike: the claim's other variants.
    """

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    claim: Claim | None = None
    file: str | None = None
    alike: tuple[Claim, ...] = ()

    def defaults(self, needed: Iterable[str]) -> dict[str, Any]:
        """Values for parameters that have no example of their own: those of a claim's case."""
        if self.file is None and all(
            kind(self.signature.parameters[key]).small is not REQUIRED for key in needed
        ):
            return {}
        known = self.claim or next((c for c in builtin(self.name) if c.id == self.name), None)
        return example(known) if known is not None else {}

    def case(self, d: int, n: int, parameters: Mapping[str, Any]) -> Case | None:
        """A case of a user's claim of that size with these parameters; None where none is found."""
        known = self.claim if self.file is not None else None
        for one in _cases(known) if known is not None else ():
            if one.d == d and len(one.X) == n and dict(one.parameters) == dict(parameters):
                return one
        return None

    def answered(self, case: Case) -> Case:
        """The case; where the claim's algorithm refuses such a prompt, that of the claim's own with
        these parameters which has the fewest zeros, if there is one."""
        from ..checks.case import InexactReference, reference

        claim = self.claim
        if claim is None or claim.algorithm is None or claim.cases is None:
            return case
        try:
            reference(claim.algorithm, case, Fraction, ...)
        except InexactReference:
            return case
        except ValueError:
            own = [one for one in _cases(claim) if one.parameters == case.parameters]
            return max(own, key=lambda one: sum(x != 0 for x in one.X.flat), default=case)
        return case

    def outside(self, case: Case) -> str:
        """The words of the claim's domain where the case is not in it; "" where it is."""
        domain = self.claim.domain if self.claim is not None else None
        return domain.words if domain is not None and not domain.contains(case) else ""

    def refuse_no_regression(self, what: str) -> None:
        """Raises WrongCall where a construction's prompts are no examples (x, y), which `what` asks
        for."""
        other = getattr(self.function, "other_prompts", "")
        if other:
            raise WrongCall(f"{self.name}: its prompts have {other}; {what} examples (x, y)")

    @property
    def title(self) -> str:
        """What a page or a saved prompt calls it: a claim of a file by its id."""
        return self.claim.id if self.file is not None and self.claim is not None else self.name

    @property
    def source(self) -> str:
        """Where values that nobody set are from, before "set others"; "" of what is built in."""
        return "as in a case of the claim; " if self.file is not None else ""

    @cached_property
    def of_cases(self) -> dict[str, Any]:
        """Parameters of a case of a user's claim; none of what is built in, which suits data."""
        return example(self.claim) if self.file is not None and self.claim is not None else {}

    def build(self, parameters: Mapping[str, Any]) -> Witness:
        """The witness with these parameters. Raises WrongCall where they do not fit."""
        from ..checks.case import witness_of

        try:
            return witness_of(self.function, parameters)
        except (TypeError, ValueError, ArithmeticError) as error:
            if self.file is not None:
                raise WrongCall(refusal(self.file, error, self.function)) from None
            message = " ".join(str(error).split())
            prefix = "" if message.startswith(self.name) else f"{self.name}: "
            raise WrongCall(prefix + message) from None


def subject(name: str, variant: str | None = None) -> Subject:
    """What NAME, CLAIM or FILE.py[:CLAIM] builds. Raises WrongCall.

    Of a claim with several variants it is the one asked for, else the first that has a
    transformer.
    """
    import constructions

    file = file_of(name)
    if file is None and name in constructions.names() and variant in (None, "improved"):
        made = constructions.get(name)
        claims = builtin(made.claim) if made.claim else ()
        of_paper = next((c for c in claims if c.id == made.claim), None)
        return Subject(name, made, constructions.signature(name), of_paper)
    found = variants(name, variant)
    with_witness = [c for c in found if c.witness is not None]
    if not with_witness:
        raise WrongCall(
            f"{name} is a statement without a transformer; `witness check {name}` tests it"
        )
    chosen = with_witness[0]
    assert chosen.witness is not None
    built_in = constructions.signature(name) if name in constructions.names() else None
    signature = signature_of(chosen, built_in)
    return Subject(name, chosen.witness, signature, chosen, file, tuple(found))


def variants(name: str, variant: str | None = None) -> list[Claim]:
    """The variants of the one claim that CLAIM or FILE.py[:CLAIM] names. Raises WrongCall."""
    if file_of(name) is not None:
        found = _one_of_file(name, variant)
    else:
        found = [c for c in builtin(name) if c.id == name and variant in (None, c.variant)]
    if not found:
        raise WrongCall(unknown(name, "witness or claim", variant))
    return found


def _one_of_file(name: str, variant: str | None) -> list[Claim]:
    """The variants of the one claim that FILE.py[:CLAIM] names. Raises WrongCall."""
    found = [one.claim for one in choose([name], variant or "all")]
    ids = list(dict.fromkeys(one.id for one in found))
    if len(ids) > 1:
        raise WrongCall(
            f"{name} has {len(ids)} claims: {', '.join(ids)}; name one, as {file_of(name)}:{ids[0]}"
        )
    return found


def example(claim: Claim) -> dict[str, Any]:
    """Parameters that the claim is checked with: of its counted sizes one with d = 2 if there is
    one, else of its first case, if possible one without a 0 and with d = 2, or of the middle of
    its first box."""
    if claim.sizes is not None and (sizes := list(claim.sizes())):
        return dict(next((one for one in sizes if one.get("d") == 2), sizes[0]))
    if claim.cases is None and claim.boxes:
        box = claim.boxes[0]
        return box.lettered(lambda name: sum(box.ranges()[name]) / 2)

    def awkward(case: Case) -> tuple[bool, bool, int]:
        zero = any(value == 0 for value in case.parameters.values() if isinstance(value, Real))
        return zero, case.parameters.get("d") != 2, len(case.X)

    cases = sorted(_cases(claim), key=awkward)
    return dict(cases[0].parameters) if cases else {}


def _cases(claim: Claim) -> list[Case]:
    """A few of the claim's cases."""
    if claim.cases is None:
        return []
    from ..hunt import drawn

    return drawn(claim.cases, Budget(cases=8), claim.domain)


def signature_of(claim: Claim, known: inspect.Signature | None = None) -> inspect.Signature:
    """The builder's parameters, each with its kind.

    A builder that says of a parameter neither a kind nor a default is given it by the claim's
    cases: what is whole in every case is a whole number. One that takes **parameters has those of
    `known`, else those of its cases, of which those of its example are needed.
    """
    assert claim.witness is not None
    stated = inspect.signature(claim.witness)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in stated.parameters.values())
    if takes_any and known is not None:
        return known
    bare = [p for p in stated.parameters.values() if p.annotation is p.empty]
    if not takes_any and all(p.default is not p.empty for p in bare):
        return _said_by_defaults(stated)
    drawn = _drawn_kinds(claim)
    if takes_any:
        needed, alone = example(claim), inspect.Parameter.KEYWORD_ONLY
        made = [
            inspect.Parameter(
                name,
                alone,
                annotation=taken,
                default=inspect.Parameter.empty if name in needed else None,
            )
            for name, taken in drawn.items()
        ]
        return inspect.Signature(made)
    made = [
        parameter.replace(annotation=drawn[name])
        if parameter in bare and parameter.default is parameter.empty and name in drawn
        else parameter
        for name, parameter in stated.parameters.items()
    ]
    return _said_by_defaults(stated.replace(parameters=made))


def _said_by_defaults(stated: inspect.Signature) -> inspect.Signature:
    made = [
        parameter.replace(annotation=kind_of(parameter.default))
        if parameter.annotation is parameter.empty
        and parameter.default not in (parameter.empty, None)
        else parameter
        for parameter in stated.parameters.values()
    ]
    return stated.replace(parameters=made)


def _drawn_kinds(claim: Claim) -> dict[str, Parameter]:
    """What each parameter of the claim's cases is, d first."""
    values: dict[str, list[Any]] = {}
    for parameters in (example(claim), *(case.parameters for case in _cases(claim))):
        for name, value in parameters.items():
            values.setdefault(name, []).append(value)
    return {
        name: kind_of(next((v for v in seen if not isinstance(v, int)), seen[0]))
        for name, seen in values.items()
    }


def claim_of(name: str) -> str:
    """The id of the claim that a name stands for: of a construction without a claim of its own that
    of a paper, else the name."""
    import constructions

    return (constructions.get(name).claim if name in constructions.names() else "") or name


def unknown(name: str, what: str, variant: str | None = None) -> str:
    """One line for a name that is not known."""
    import constructions

    claims = builtin()
    variants = [c.variant for c in claims if c.id == name]
    if variants and variant is not None:
        return f"{name} has no {variant} variant; it has {' and '.join(variants)}"
    witnesses = () if what == "claim" else constructions.names()
    known = (*witnesses, *dict.fromkeys(c.id for c in claims))
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "`witness list --claims` names all"
    return f"unknown {what} {name!r}; {hint}"


# -- claims -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """A claim to check, and the user's file that it comes from, if any."""

    claim: Claim
    file: str | None = None


def choose(names: Sequence[str], variant: str = "all", only: bool = False) -> list[Chosen]:
    """Claims by id, by paper ("fu2023" for all "fu2023.…"), from Python files, or of what
    `witness export` wrote; no names: all built-in ones. Each once, in order. Raises WrongCall.

    only: of an id that claim alone, not "fu2023.eq21.mean" with "fu2023.eq21".
    """
    if not names:
        made = [Chosen(c) for c in builtin() if variant in ("all", c.variant)]
        if not made:
            raise WrongCall(f"there is no claim with variant {variant}")
        return made
    made = []
    for name in names:
        if split(name) is not None:
            found = _of_file(name, only)
        elif Path(name).exists() and (exported := _of_export(name)):
            found = exported
        else:
            id = claim_of(name)
            found = [Chosen(c) for c in builtin(id) if is_named(c, id, only)]
            if not found and name.endswith((".onnx", ".safetensors", ".pt2")):
                raise WrongCall(f"there is no file {name}")
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


def _of_export(name: str) -> list[Chosen]:
    """The claim of what `witness export` wrote; none of anything else. Raises WrongCall."""
    from ..exports.folder import claims_of, is_export
    from ..exports.graph_claims import claims_of_graph, graph_file

    if is_export(name):
        return [Chosen(one) for one in claims_of(name)]
    file = graph_file(name)
    return [] if file is None else [Chosen(one) for one in claims_of_graph(file)]


def is_named(claim: Claim, id: str, only: bool = False) -> bool:
    """Whether an id is that of the claim, or what its id begins with."""
    return claim.id == id or (not only and claim.id.startswith(f"{id}."))


def _of_file(name: str, only: bool = False) -> list[Chosen]:
    """The claims of FILE.py, or those that FILE.py:CLAIM names. Raises WrongCall."""
    parts = split(name)
    assert parts is not None
    file, id = parts
    try:
        claims = load_file(file)
    except NoClaimError as error:
        raise WrongCall(" ".join(str(error).split())) from None
    except OSError as error:
        raise WrongCall(f"{file}: cannot be read: {error.strerror}") from None
    if id is None:
        return [Chosen(one, file) for one in claims]
    found = [Chosen(one, file) for one in claims if is_named(one, id, only)]
    if not found:
        raise WrongCall(f"{file} has no claim {id!r}; it has {', '.join(c.id for c in claims)}")
    return found
