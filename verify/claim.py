"""Claims, verdicts and the checks that lead from one to the other: the vocabulary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from difflib import get_close_matches
from functools import update_wrapper, wraps
from inspect import Parameter, Signature, signature, unwrap
from numbers import Rational
from pathlib import Path
from types import FrameType
from typing import Any, Concatenate, Literal, ParamSpec

from .box import Box
from .report.latex_text import stated

Strength = Literal["proved", "derived", "exact", "enclosed", "tested"]
Kind = str
Variant = Literal["printed", "repaired", "improved"]

VARIANTS: tuple[Variant, ...] = ("printed", "repaired", "improved")
# what a check of a kind may call its evidence: code that ran cases cannot call itself a proof
ALLOWED: dict[Kind, tuple[Strength, ...]] = {
    "exact": ("exact",),
    "steps": ("exact",),
    "annotations": ("exact",),
    "symbolic": ("exact",),
    "identity": ("exact",),
    "numeric": ("tested",),
    "enclosure": ("enclosed", "tested"),
    "proof": ("derived",),
    "kernel": ("proved",),
    "resources": ("exact",),
}
KINDS = tuple(ALLOWED)
QUANTITIES = (
    "layers", "width", "heads", "hidden", "weights", "norm", "distinct_layers", "period"
)  # fmt: skip
RELATIONS = ("=", "<=", "O")


# -- verdicts ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What the evidence says of a claim. Not a boolean: `if verdict` raises TypeError."""

    name = "verdict"

    def __bool__(self) -> bool:
        raise TypeError(
            f"a verdict ({self.name}) is not true or false; use isinstance(verdict, Holds) "
            "or verdict.name"
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Holds(Verdict):
    """Equal in exact arithmetic on every input tried; `strengths` says what else is known."""

    strengths: tuple[Strength, ...] = ()
    name = "holds"


@dataclass(frozen=True)
class Approximates(Verdict):
    """Not equal, but near. enclosed: within `bound` for every input of `box`.

    tested: `bound` is the largest error seen, of the inputs that were tried; there is no box.
    """

    bound: float = float("inf")
    detail: str = ""
    box: str = ""
    strength: Strength = "enclosed"
    name = "approximates"


@dataclass(frozen=True)
class Refuted(Verdict):
    """Wrong on `counterexample`, from `first_difference` (layer, slot, token) on.

    `strengths` are those of the checks that found it wrong.
    """

    counterexample: Mapping[str, Any] | None = None
    first_difference: Mapping[str, Any] | None = None
    strengths: tuple[Strength, ...] = ()
    name = "refuted"


@dataclass(frozen=True)
class IllPosed(Verdict):
    """The printed shapes, indices or side conditions do not fit; `where` says which.

    `misfit` says it as data where it can be drawn: as `operations.IllPosed` has it.
    """

    where: str = ""
    misfit: Mapping[str, Any] | None = None
    name = "ill-posed"


@dataclass(frozen=True)
class Undecided(Verdict):
    """The evidence does not settle it; `why` says what is missing."""

    why: str = ""
    name = "undecided"


@dataclass(frozen=True)
class Broken(Verdict):
    """The claim's own code failed: nothing can be said. No claim can expect it.

    `where` is "file, line 12", `why` the error.
    """

    where: str = ""
    why: str = ""
    name = "broken"


VERDICTS = ("holds", "approximates", "refuted", "ill-posed", "undecided")


def is_as_expected(verdict: str, expected: str) -> bool:
    """Whether a verdict, by name, is what is expected, or more: what is equal is near too."""
    return verdict == expected or (verdict, expected) == ("holds", "approximates")


# -- checks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    """How far checks go: seed, number of Hypothesis cases, and which expensive parts to run."""

    seed: int = 0
    cases: int = 60
    quick: bool = False
    coq: bool = False  # run the kernel checks too


@dataclass(frozen=True)
class Object:
    """What a piece of evidence speaks of, and what a claim is about: they have to be the same.

    witness: digest of the transformers, with letters for their parameters where they have some;
    formula: text of the algorithm; statement: of a theorem that is about no transformer.
    """

    witness: str = ""
    formula: str = ""
    statement: str = ""


@dataclass(frozen=True)
class CheckResult:
    """What one check found. passed is None where it was not run or could not decide.

    box: the inputs, in words, for all of which `bound` holds; an enclosure without it counts as
    tested. about: the object that the evidence speaks of; None: the claim's own, which it ran.
    domain: from which inputs cases were drawn, in words. own: of a check of the claim's own, which
    is of a part of its statement.
    """

    passed: bool | None
    cases: int = 0
    max_error: float | None = None
    bound: float | None = None
    detail: str = ""
    counterexample: Mapping[str, Any] | None = None
    first_difference: Mapping[str, Any] | None = None
    kind: str = ""
    strength: str = ""
    seconds: float = 0.0
    box: str = ""
    about: Object | None = None
    domain: str = ""
    own: bool = False

    def __post_init__(self) -> None:
        if self.passed not in (True, False, None) or type(self.passed) not in (bool, type(None)):
            raise ValueError(f"passed must be True, False or None, not {self.passed!r}")
        for name in ("max_error", "bound"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, (int, float)):
                raise ValueError(f"{name} must be a number or None, not {value!r}")

    def named(self, **fields: Any) -> CheckResult:
        """The same result with some fields set."""
        return replace(self, **fields)


class Differs(Exception):
    """Raised by a check on a case in which the claim is wrong; `found` is the check's result.

    max_error, bound: how far off it is, and what is allowed; cases: how many were run, this one
    included.
    """

    def __init__(
        self,
        detail: str,
        counterexample: Mapping[str, Any] | None = None,
        first_difference: Mapping[str, Any] | None = None,
        max_error: float | None = None,
        bound: float | None = None,
        cases: int = 1,
    ) -> None:
        super().__init__(detail)
        self.found = CheckResult(
            False, cases, max_error, bound, detail, counterexample, first_difference
        )


@dataclass(frozen=True)
class Check:
    """One way to test a claim.

    `transformer`: it runs a transformer, so that theorems about other objects say nothing of it.
    Raises ValueError for a strength that a check of this kind cannot have.
    """

    kind: Kind
    run: Callable[[Budget], CheckResult]
    strength: Strength
    transformer: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ALLOWED:
            raise ValueError(f"kind must be one of {', '.join(ALLOWED)}, not {self.kind!r}")
        if self.strength not in ALLOWED[self.kind]:
            raise ValueError(
                f"a check of kind {self.kind} gives evidence of strength "
                f"{' or '.join(ALLOWED[self.kind])}, not {self.strength!r}"
            )


Given = ParamSpec("Given")


def check(
    kind: Kind, strength: Strength, transformer: bool = True
) -> Callable[[Callable[Concatenate[Budget, Given], CheckResult]], Callable[Given, Check]]:
    """Turns a function that looks for evidence, look(budget, *given), into look(*given) -> Check.

    It returns what it found; on a case in which the claim is wrong it raises Differs.
    """

    def decorate(
        look: Callable[Concatenate[Budget, Given], CheckResult],
    ) -> Callable[Given, Check]:
        @wraps(look)
        def made(*given: Given.args, **named: Given.kwargs) -> Check:
            def run(budget: Budget) -> CheckResult:
                try:
                    return look(budget, *given, **named)
                except Differs as failure:
                    return failure.found

            return Check(kind, run, strength, transformer)

        return made

    return decorate


@dataclass(frozen=True)
class Promise:
    """A resource that a paper promises, as a formula in the witness's parameters.

    quantity: "layers", "width", "heads", "hidden", "weights", "distinct_layers" (those that are not
    tied to another one), "period" (the least p such that all layers p apart are tied), or "norm",
    the parameter norm, which only `for_every` counts. formula: "k + 8" must be met exactly
    (relation "=") or not be exceeded ("<="); relation "O" compares the fitted polynomial's leading
    term with that of the formula.
    """

    quantity: str
    formula: str
    relation: Literal["=", "<=", "O"] = "="

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(
                f"a promise is about {', '.join(QUANTITIES)}, not about {self.quantity!r}"
            )
        if self.relation not in RELATIONS:
            raise ValueError(
                f"a promise's relation is one of {', '.join(RELATIONS)}, not {self.relation!r}"
            )


def tied(body: str = "1") -> Promise:
    """The promise that layers are one loop: each has the weights of the one `body` before it."""
    return Promise("period", body)


@dataclass(frozen=True)
class Domain:
    """The inputs that a claim speaks of: a test of a case, and the same in words.

    Cases are drawn inside it, a counterexample stays inside it, and the report prints the words.
    """

    words: str
    contains: Callable[[Any], bool]

    def __post_init__(self) -> None:
        if not self.words.strip():
            raise ValueError("a domain needs words")


# -- claims -----------------------------------------------------------------------------------


class Builder:
    """A claim's function from parameters to a witness, and how often it was asked for one.

    Evidence for the claim is about what it builds: a check that never asked has none.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.asked = 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.asked += 1
        return self.__wrapped__(*given, **named)  # type: ignore[attr-defined]


# fields of a claim that say something of its witness, whichever variant it is
OF_A_WITNESS = (
    "algorithm",
    "formula",
    "cases",
    "box",
    "within",
    "domain",
    "floats",
    "promises",
    "sizes",
    "theorems",
)


# of these, what is checked on the claim that the two are equal
OF_EQUALITY = ("formula", "domain", "floats", "assembled", "symbolic")


@dataclass(frozen=True)
class Claim:
    """One statement, and how to test it.

    Either `witness` builds a transformer from the parameters of a case, which shall predict what
    `algorithm` does on `cases`; or `checks` says how to test it; or both: then it may take the
    builder, checks(witness), and look at what that builds.

    What is said: `statement`, in LaTeX if it has a command of it (a backslash), else in words;
    `source`, where it is printed; `summary`, one line, the function's docstring unless given;
    `note`, more of it. `variant` is "printed", "repaired" or "improved", and `repair` what is
    changed there. `reading`, of a printed claim, says in words how its source is read where it does
    not print this statement: "with natural logarithms". It is empty where the statement is as
    printed. `expected` is the verdict without which `witness check` ends with status 1: "holds",
    "approximates" (to hold is enough), "refuted", "ill-posed" or "undecided". If it is not given,
    it is "approximates" where an error is claimed (`within`, not 0) of boxes alone, else "holds".

    What it is compared with: `algorithm` is code, or a Formula (verify.formula); with `formula`
    beside code the claim is about the formula, and the code is compared with it. `cases` makes a
    strategy that draws prompts and parameters, and `floats` one for the comparison in floats, where
    that needs another. `domain` is where the claim is made: cases outside are not drawn, and only
    with a domain are counterexamples made smaller row by row. `box` (one or several,
    verify.box.Box) asks for a proved bound on the difference for every input of it; without `cases`
    nothing is said of equality, and `within` is the error that is claimed there.

    What is proved, and counted: `assembled` are parameter sets, with letters (`verify.matrix`,
    `vector`, `count`, sympy's), at which the witness itself is proved to predict the formula.
    `symbolic` is one small size, n included, for letters in the prompt. `theorems` names related
    theorems of `proofs`: they are listed and are evidence of nothing. `promises` are the resources,
    counted over `sizes`: parameter sets for the builder.
    """

    id: str
    statement: str = ""
    source: str = ""
    summary: str = ""
    variant: Variant = "printed"
    expected: str = ""
    witness: Callable[..., Any] | None = None
    algorithm: Callable[..., Any] | None = None
    formula: Any = None  # verify.formulas.Formula
    cases: Callable[[], Any] | None = None
    domain: Domain | None = None
    floats: Callable[[], Any] | None = None
    checks: Callable[..., Check | Iterable[Check]] | None = None
    promises: tuple[Promise, ...] = ()
    sizes: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    theorems: tuple[str, ...] = ()
    assembled: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    repair: str = ""
    reading: str = ""
    note: str = ""
    symbolic: Mapping[str, Any] | None = None
    box: Box | tuple[Box, ...] | None = None
    within: Any = None

    def __post_init__(self) -> None:
        if not self.id or not isinstance(self.id, str):
            raise ValueError("a claim needs an id")
        if not self.expected:
            near = self.cases is None and self.within is not None and self.within != 0
            object.__setattr__(self, "expected", "approximates" if near else "holds")
        if self.expected not in VERDICTS:
            raise ValueError(f"{self.id}: expected must be one of {', '.join(VERDICTS)}")
        if self.variant not in VARIANTS:
            raise ValueError(f"{self.id}: variant must be one of {', '.join(VARIANTS)}")
        if not isinstance(self.reading, str) or self.reading and not self.reading.strip():
            raise ValueError(f"{self.id}: reading says in words how the source is read")
        if self.reading and self.variant != "printed":
            raise ValueError(
                f"{self.id}: a reading is of what is printed, and this claim is {self.variant}"
            )
        if self.witness is not None and (
            self.algorithm is None or (self.cases is None and not self.boxes)
        ):
            raise ValueError(
                f"{self.id}: a witness needs an algorithm, and cases or a box to be checked on"
            )
        if self.witness is None and self.checks is None:
            raise ValueError(f"{self.id}: a claim needs a witness or checks")
        if self.witness is not None and not isinstance(self.witness, Builder):
            object.__setattr__(self, "witness", Builder(self.witness))
        self._nothing_unchecked()
        formula = self.formula or self.algorithm
        if hasattr(formula, "at"):
            object.__setattr__(self, "formula", formula)
        elif self.formula is not None:
            raise ValueError(f"{self.id}: formula must be made by verify.formula")

        for name in ("cases", "floats", "sizes", "assembled", "checks", "algorithm"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                write = "f(X, y, queries, …)" if name == "algorithm" else f"{name}=lambda: …"
                raise ValueError(
                    f"{self.id}: {name} is a function, not {type(value).__name__}: write {write}"
                )

    def _nothing_unchecked(self) -> None:
        """Raises ValueError for what no check would ever look at."""
        if self.witness is None:
            for name in (*OF_A_WITNESS, "assembled", "symbolic"):
                if getattr(self, name):
                    raise ValueError(
                        f"{self.id}: {name} without a witness is checked by nothing; a function "
                        "that builds a witness needs an `algorithm` too"
                    )
        if self.promises and self.sizes is None:
            raise ValueError(f"{self.id}: promises need sizes at which they are counted")
        if self.domain is not None and not isinstance(self.domain, Domain):
            raise ValueError(f"{self.id}: domain must be a Domain(words, contains)")
        if not all(isinstance(one, Box) for one in self.boxes):
            raise ValueError(f"{self.id}: box must be a Box(d, n, …), or several")
        if self.cases is None and self.witness is not None:
            for name in OF_EQUALITY:
                if getattr(self, name):
                    raise ValueError(f"{self.id}: {name} is about equality, which needs cases")
        if self.within is not None:
            if not self.boxes:
                raise ValueError(f"{self.id}: within needs the box on which it is claimed")
            if self.cases is not None:
                raise ValueError(f"{self.id}: cases claim equality; leave them out for within")
            if not isinstance(self.within, Rational | float) or not float(self.within) >= 0:
                raise ValueError(
                    f"{self.id}: within must be a number from 0 on, not {self.within!r}"
                )

    def own_checks(self) -> tuple[Check, ...]:
        """What `checks` makes, given the claim's builder if it asks for one."""
        if self.checks is None:
            return ()
        takes = signature(self.checks, follow_wrapped=False).parameters.values()
        asked = any(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in takes)
        made = self.checks(self.witness) if asked else self.checks()
        return (made,) if isinstance(made, Check) else tuple(made)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes on which the difference is to be bounded."""
        if self.box is None:
            return ()
        return tuple(self.box) if isinstance(self.box, (tuple, list)) else (self.box,)

    @property
    def key(self) -> tuple[str, str]:
        """What tells two claims apart."""
        return self.id, self.variant


_registry: dict[tuple[str, str], Claim] = {}
_while_loading: tuple[Claim, ...] = ()  # the built-in claims, while a file's are apart
_from_files: dict[tuple[str, str], Claim] = {}  # apart, as they may be named like built-in ones
_registered_by: dict[tuple[str, str], str] = {}  # the file whose own lines registered a claim last


def register(made: Claim) -> Claim:
    """Adds a claim. Raises ValueError if its id and variant are taken by another."""
    known = _registry.get(made.key)
    if known is not None and _origin(known) != _origin(made):
        raise ValueError(f"claim {made.id} ({made.variant}) is already registered")
    _registry[made.key] = made
    _registered_by[made.key] = _running_file()
    return made


def _running_file() -> str:
    """The file whose own lines are running: of the callers' modules the innermost one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" and not code.co_filename.startswith("<"):
            return code.co_filename
        frame = frame.f_back
    return ""


def _origin(made: Claim) -> Any:
    function = unwrap(made.witness or made.checks)  # type: ignore[arg-type]
    code = getattr(function, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else function


def claim(id: str, **fields: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a claim by decorating the function that makes its witness, or its checks.

    With `algorithm` the function is a builder of witnesses: f(**parameters) -> Witness. Without,
    it takes nothing and returns a check or several. Raises ValueError for a field that there is
    not, or that does not fit the others.
    """

    for name in fields:
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(FIELDS)}"
            raise ValueError(f"{id}: a claim has no field {name!r}; {hint}")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        summary = fields.pop("summary", None) or _first_line(function)
        summary = summary or stated(fields.get("statement", ""))
        if "algorithm" not in fields:
            register(Claim(id=id, checks=function, summary=summary, **fields))
            return function
        builder = function if isinstance(function, Builder) else Builder(function)
        register(Claim(id=id, witness=builder, summary=summary, **fields))
        return builder

    return decorate


def repair(id: str, by: str, **changed: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the repair of a printed claim, as `claim` does; `by` says what is changed.

    The fields that are not given are those of the printed claim: statement, source, summary, and
    what is said of its witness. Raises KeyError without a printed claim.
    """
    printed = _registry[id, "printed"]
    names = ("statement", "source", *(OF_A_WITNESS if printed.witness is not None else ()))
    fields = {name: getattr(printed, name) for name in names} | changed

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        fields.setdefault("summary", _first_line(function) or printed.summary)
        return claim(id, variant="repaired", repair=by, **fields)(function)

    return decorate


FIELDS = tuple(
    one.name for one in dataclass_fields(Claim) if one.name not in ("id", "witness", "checks")
) + ("checks",)
# what `help` shows: the fields, which stand in Claim alone
claim.__doc__ = f"{claim.__doc__}\n    The fields are those of Claim:\n\n    {Claim.__doc__}"
claim.__signature__ = Signature(  # type: ignore[attr-defined]
    [
        Parameter("id", Parameter.POSITIONAL_OR_KEYWORD, annotation="str"),
        *(
            Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
            for one in dataclass_fields(Claim)
            if one.name in FIELDS
        ),
    ]
)


def _first_line(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().split("\n")[0]


def registered() -> tuple[Claim, ...]:
    """Every claim of the modules loaded so far, in order of registration, then of users' files."""
    return (*_registry.values(), *_from_files.values())


def builtin(named: str = "") -> tuple[Claim, ...]:
    """Every built-in claim; a user's file may ask for them while it is loaded.

    With an id, those of its paper, or of none where the id does not begin with a paper's name: no
    other modules are loaded for it.
    """
    if _while_loading:
        return _while_loading
    from importlib import import_module

    modules = modules_of_claims(named.partition(".")[0])
    for module in modules:
        register_all = getattr(import_module(module), "register_all", None)
        if register_all is not None:  # of what has been added since
            register_all()
    made: dict[str, list[Claim]] = {module: [] for module in modules}
    for one in _registry.values():
        if (module := _module(one)) in made:
            made[module].append(one)
    return tuple(one for some in made.values() for one in some)


OURS = "ours"  # claims of no paper


def modules_of_claims(paper: str = "") -> list[str]:
    """The modules of claims, by name: those of a paper, or of none; all if "" is asked for."""
    from pkgutil import iter_modules

    from . import claims

    of_papers = [one.name for one in iter_modules(claims.__path__)]
    roots = [name for name in of_papers if name.startswith(paper)] or [OURS]
    found = []
    for root in roots:
        folder = [str(Path(path) / root) for path in claims.__path__]
        name = f"{claims.__name__}.{root}"
        found += [f"{name}.{one.name}" for one in iter_modules(folder)] or [name]
    return sorted(found)


def _module(made: Claim) -> str:
    return getattr(made.witness or made.checks, "__module__", "")


def failing() -> dict[str, dict[str, Claim]]:
    """{id: {variant: claim}} of the claims that are expected to fail as printed."""
    by_id: dict[str, dict[str, Claim]] = {}
    for claim in builtin():
        by_id.setdefault(claim.id, {})[claim.variant] = claim
    return {
        name: variants
        for name, variants in by_id.items()
        if "printed" in variants and variants["printed"].expected in ("refuted", "ill-posed")
    }


class NoClaimError(ValueError):
    """A file or a name that is no claim."""


def load_file(path: str | Path) -> tuple[Claim, ...]:
    """The claims that a user's Python file registers; loaded again, they replace the earlier ones.

    They may be named like built-in claims, which stay what they are. The file may import what
    stands beside it; claims that are registered there are those of the other file. Raises
    NoClaimError with one line.
    """
    import runpy

    from .inputs.claim_files import neighbours
    from .inputs.where_raised import of_user, refusal

    global _registry, _while_loading
    path = Path(path)
    if not path.is_file():
        raise NoClaimError(f"{path}: there is no such file")
    of_user(path)
    _while_loading = builtin()  # now, so that none of them is registered while the file runs
    before, _registry = _registry, {}
    try:
        with neighbours(path):
            runpy.run_path(str(path), run_name=f"claim_file_{path.stem}")
    except (Exception, SystemExit) as error:
        raise NoClaimError(refusal(path, error)) from None
    finally:
        found, _registry = _registry, before
        _while_loading = ()
    by = _registered_by
    own = {key: made for key, made in found.items() if by.get(key) == str(path)}
    if not own:
        others = ", ".join(sorted({Path(by[key]).name for key in found}))
        hint = "decorate a function with @verify.claim(id)"
        hint = f"those of {others}, which it imports, are that file's" if others else hint
        raise NoClaimError(f"{path} registers no claim; {hint}")
    _from_files.update(own)
    return tuple(own.values())
