"""What is written into Coq: each witness with the Coq names of its parameters, and its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import constructions
from proofs.letters import Matrix
from proofs.references import Statement

from .terms import Rows

if TYPE_CHECKING:
    from constructions.witness import Witness

Builder = Callable[..., "Witness"]


@dataclass(frozen=True)
class Source:
    """One witness to write down as `name`: `repeat` counts its repeated layers, from `least`.

    `fixed` are the parameters that stay, `symbols` maps the real parameters to Coq variables;
    `vector` names a parameter of d numbers, a Coq column vector. `witness` is a construction, or a
    builder of constructions.papers. Of a witness without `repeat` that is not `whole` (its
    embedding or its read-out has no word in Layer.v) only the layers are written.

    knows_n: its weights depend on n, a natural number in Coq. matrix: a parameter of d x d numbers
    that the layers do not depend on, in place of d. open: parameters that are any d x d matrices,
    and what they are called in Coq; layers hold them, or minus them. one_token: causal heads are
    written as they are at one token, whose context is what it sees.
    """

    name: str
    witness: str
    repeat: str | None = None
    least: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    vector: str | None = None
    whole: bool = True
    knows_n: bool = False
    matrix: str | None = None
    one_token: bool = False
    open: Mapping[str, str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The construction or the paper that it is of."""
        return self.witness.partition(".")[0]

    @property
    def builder(self) -> Builder:
        """What makes the witness."""
        module, _, function = self.witness.rpartition(".")
        if not module:
            return constructions.get(self.witness)
        made: Builder = getattr(import_module(f"constructions.papers.{module}"), function)
        return made

    @property
    def reference(self) -> Callable[[Mapping[str, Any]], Statement] | None:
        """What a construction computes, as a formula; a builder of a paper says none."""
        return getattr(self.builder, "reference", None)

    def parameters(self, d: int, repeats: int, n: int) -> dict[str, Any]:
        """What the builder is called with."""
        identity = tuple(tuple(int(i == j) for j in range(d)) for i in range(d))
        made = {**self.fixed, **letters_of(self, d)}
        made |= {self.matrix: identity} if self.matrix else {"d": d}
        made |= {self.repeat: repeats} if self.repeat else {}
        made |= {name: Matrix(coq).at(d) for name, coq in self.open.items()}
        return made | ({"examples": n} if self.knows_n else {})

    def explicit(self, d: int) -> dict[Rows, tuple[str, str]]:
        """What its explicit matrices are called in Coq (`terms.Writer`)."""
        made: dict[Rows, tuple[str, str]] = {}
        if self.vector:
            made[(letters_of(self, d)[self.vector],)] = (f"(Row {self.vector})", "Scalar")
        for coq in self.open.values():
            rows = Matrix(coq).at(d)
            made[rows] = (f"(Apply {coq})", "Vector")
            made[tuple(tuple(-e for e in row) for row in rows)] = (f"(Apply (- {coq}))", "Vector")
        return made

    @property
    def variables(self) -> str:
        """The sentences that declare its parameters in Coq."""
        made = "Variables (F : fieldType) (d : nat).\n"
        made += "Variable n : nat.\n" if self.knows_n else ""
        made += "".join(f"Variable {coq} : F.\n" for coq in self.symbols.values())
        made += "".join(f"Variable {coq} : 'M[F]_d.\n" for coq in self.open.values())
        return made + (f"Variable {self.vector} : 'cV[F]_d.\n" if self.vector else "")


@dataclass(frozen=True)
class TokenSource(Source):
    """Layers on whole tokens (x, y) of dx + dy = d numbers, their matrices made of blocks.

    W0 (dy, dx) is open; dx and dy take turns at being the smaller one.
    """

    def parameters(self, d: int, repeats: int, n: int) -> dict[str, Any]:
        return {**self.fixed, **letters_of(self, d), "W0": self._start(d), "examples": n}

    def explicit(self, d: int) -> dict[Rows, tuple[str, str]]:
        W0, (dx, dy) = self._start(d), self._sizes(d)

        def rows(unit: int, below: Rows, last: int) -> Rows:
            """unit * I and zeros above; `below` and last * I under them."""
            above = [[unit * (i == j) for j in range(d)] for i in range(dx)]
            under = [[*below[i], *(last * (i == j) for j in range(dy))] for i in range(dy)]
            return tuple(map(tuple, above + under))

        return {
            rows(1, ((0,) * dx,) * dy, 0): ("(Apply (block_mx 1%:M 0 0 0))", "Vector"),
            rows(0, W0, -1): ("(Apply (block_mx 0 0 W0 (- 1%:M)))", "Vector"),
        }

    @property
    def variables(self) -> str:
        made = "Variables (F : fieldType) (dx dy n : nat).\nLet d := (dx + dy)%N.\n"
        made += "".join(f"Variable {coq} : F.\n" for coq in self.symbols.values())
        return made + "Variable W0 : 'M[F]_(dy, dx).\n"

    def _sizes(self, d: int) -> tuple[int, int]:
        dx = (1, d - 1, d // 2)[d % 3]
        return dx, d - dx

    def _start(self, d: int) -> Rows:
        import sympy

        dx, dy = self._sizes(d)
        return tuple(tuple(sympy.Symbol(f"W0_{i}_{j}") for j in range(dx)) for i in range(dy))


def _sources() -> tuple[Source, ...]:
    descent = [
        Source(
            f"gradient_descent_{loss}{'_ridge' * ridge}{'_zero' * (not start)}",
            "gradient_descent",
            "steps",
            fixed={"loss": loss},
            symbols={"step_size": "eta"} | ({"ridge": "lambda"} if ridge else {}),
            vector="w0" if start else None,
        )
        for loss in ("sum", "mean")
        for ridge in (False, True)
        for start in (True, False)
    ]
    newton = [
        Source(
            "newton" + suffix,
            "newton",
            "iterations",
            fixed={"attention": attention, "prompt": prompt},
            symbols={"alpha": "alpha"},
        )
        for suffix, attention, prompt in (
            ("", "linear", "joint"),
            ("_relu", "relu", "joint"),
            ("_interleaved", "linear", "interleaved"),
            ("_relu_interleaved", "relu", "interleaved"),
        )
    ]
    passes = [
        Source(
            f"sherman_morrison_{storage}",
            "sherman_morrison",
            "examples",
            least=1,
            fixed={"storage": storage},
            symbols={"ridge": "lambda"},
        )
        for storage in ("matrix", "tokens")
    ]
    third = Source("hyperpower", "hyperpower", "iterations", symbols={"alpha": "alpha"})
    return (*descent, *newton, *passes, third, *_papers())


def _papers() -> Iterator[Source]:
    for printed, variant in ((True, "printed"), (False, "repaired")):
        fixed = {"printed": printed}
        yield Source(f"fu2023_eq21_{variant}", "fu2023.statements.eq21", fixed=fixed)
        layers = Source("", "", fixed=fixed, whole=False, knows_n=True)
        yield replace(
            layers,
            name=f"fu2023_eq24_{variant}",
            witness="fu2023.statements.eq24",
            symbols={"alpha": "alpha"},
        )
        yield replace(
            layers,
            name=f"fu2023_eq30_{variant}",
            witness="fu2023.statements.eq30",
            matrix="T",
        )
        yield replace(
            layers,
            name=f"fu2023_remarkB6_{variant}",
            witness="fu2023.statements.remark_b6",
            matrix="T",
            one_token=True,
        )
    yield Source("fu2023_lemmaB3", "fu2023.statements.lemma_b3", whole=False, knows_n=True)
    yield TokenSource(
        "vonoswald2022_prop1",
        "vonoswald2022.prop1_blocks",
        symbols={"step_size": "eta"},
        whole=False,
        knows_n=True,
    )
    descent = Source("", "", symbols={"step_size": "eta"}, vector="w0", knows_n=True)
    yield replace(
        descent, name="vonoswald2022_ksteps", witness="vonoswald2022.ksteps", repeat="steps"
    )
    yield replace(
        descent,
        name="vonoswald2022_gdpp",
        witness="vonoswald2022.gdpp",
        repeat="layers",
        symbols={"step_size": "eta", "gamma": "gamma"},
    )
    yield Source("ahn2023_eq8", "ahn2023.descent", open={"A0": "A"})
    yield Source("ahn2023_eq11", "ahn2023.transforming", open={"A0": "A", "B0": "B"})
    yield Source(
        "bai2023_step",
        "bai2023.step_of_all_tokens",
        symbols={"scale": "rate", "R": "R"},
        whole=False,
    )


SOURCES = _sources()
# where the weights are seen to be one term: dimensions, and numbers of steps beyond the least
WRITTEN = tuple(range(2, 13))
STEPS = range(6)
PRIME = 101  # the number of examples for which weights that know it are built


def letters_of(source: Source, d: int) -> dict[str, Any]:
    """The parameters of a source that are letters, as its theory calls them."""
    import sympy

    given: dict[str, Any] = {name: sympy.Symbol(coq) for name, coq in source.symbols.items()}
    if source.vector:
        given[source.vector] = sympy.symbols(f"{source.vector}_:{d}")
    return given


def witness_of(
    source: Source, build: Builder | None, d: int, repeats: int, n: int = PRIME
) -> Witness:
    """The witness of a source; `build` replaces how it is assembled."""
    return (build or source.builder)(**source.parameters(d, repeats, n))


def statement_of(source: Source, parameters: Mapping[str, Any], repeats: int) -> Statement:
    """The formula of a source with its witness's parameters: definitions, and the prediction."""
    assert source.repeat is not None and source.reference is not None
    return source.reference({**parameters, source.repeat: repeats})
