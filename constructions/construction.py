"""A construction: one value that knows an algorithm's layers, parameters, reference and region.

    @construction(parameters={…}, proved=(…), region="alpha < 2/top**2", …)
    def newton(alpha, attention, prompt) -> Parts: …

The decorated function says what the transformer is made of: a start, a step that is repeated, an
end. The dimension d stays a letter; calling the construction puts it in and gives the witness.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from proofs import references
from proofs.formula import rename
from proofs.layer import Holds, Layer, Readout
from proofs.prompt import X_ALONE, Fields, Prompt
from proofs.vocabulary import Form

from .parameters import Parameter, Whole, with_dimension
from .witness import Witness

if TYPE_CHECKING:
    from proofs.template import Induction, Stage, Template
    from proofs.theorem import Theorem

Values = Mapping[str, Any]
Statement = tuple[dict[str, str], str]


@dataclass(frozen=True)
class Parts:
    """What a witness is made of, for every d: start, then the step k = 1, 2, …, then the end.

    `step` is one layer or several in which {k} stands for the number of the step, or gives those
    of step k. `names` say what the letters of the layers' annotations are after step k: {"T":
    "M{k}"}, or give that for k. `also` are further quantities in which the annotations are written.
    """

    stage: Stage
    readout: Readout
    start: tuple[Layer, ...] = ()
    step: tuple[Layer, ...] | Callable[[int], Sequence[Layer]] = ()
    end: tuple[Layer, ...] = ()
    names: Mapping[str, str] | Callable[[int], Mapping[str, str]] = field(default_factory=dict)
    also: tuple[tuple[str, str], ...] = ()
    form: Form = "joint"

    @classmethod
    def of(cls, proved: Induction, readout: Readout, **parameters: Any) -> Parts:
        """Those of an induction, numbers (or letters) put in for its parameters."""
        parts = proved.parts()
        start, step, end = (tuple(chain(*(one.at(**parameters) for one in part))) for part in parts)
        return cls(proved.stage, readout, start, step, end, proved.names)

    def prompt(self, d: int) -> Prompt:
        """That of all witnesses of dimension d."""
        if d not in self._prompts:
            self._prompts[d] = replace(self.stage.prompt, d=d, form=self.form)
        return self._prompts[d]

    @cached_property
    def _prompts(self) -> dict[int, Prompt]:
        """What `prompt` has made."""
        return {}

    def layers(self, steps: int) -> tuple[Layer, ...]:
        """All layers, the step taken `steps` times."""
        start = (self.numbered(layer, 0) for layer in self.start)
        taken = (self._of_step(k) for k in range(1, steps + 1))
        return (*start, *chain(*taken), *(self.numbered(layer, steps) for layer in self.end))

    def _of_step(self, k: int) -> tuple[Layer, ...]:
        """The layers of step k, which witnesses of other d and of more steps have in common."""
        if k not in self._steps:
            layers = self.step(k) if callable(self.step) else self.step
            self._steps[k] = tuple(self.numbered(layer, k) for layer in layers)
        return self._steps[k]

    @cached_property
    def _steps(self) -> dict[int, tuple[Layer, ...]]:
        """What `_of_step` has made."""
        return {}

    def numbered(self, layer: Layer, k: int) -> Layer:
        """The layer as that of step k."""
        given = self.names(k) if callable(self.names) else self.names
        names = tuple((letter, name.replace("{k}", str(k))) for letter, name in given.items())

        def of_step(held: Holds) -> Holds:
            text = _renamed(held.expression.replace("{k}", str(k)), names)
            return held if text == held.expression else replace(held, expression=text)

        name, holds = layer.name.replace("{k}", str(k)), tuple(map(of_step, layer.holds))
        same = name == layer.name and holds == layer.holds
        return layer if same else replace(layer, name=name, holds=holds)

    def each_layer(self, change: Callable[[Layer], Layer]) -> Parts:
        """The same with every layer changed."""
        step = self.step
        if callable(step):
            of = step

            def changed(k: int) -> Sequence[Layer]:
                return [change(layer) for layer in of(k)]

            return replace(self._ends(change), step=changed)
        return replace(self._ends(change), step=tuple(change(layer) for layer in step))

    def _ends(self, change: Callable[[Layer], Layer]) -> Parts:
        start, end = (tuple(change(layer) for layer in part) for part in (self.start, self.end))
        return replace(self, start=start, end=end)


@lru_cache(maxsize=4096)
def _renamed(text: str, names: tuple[tuple[str, str], ...]) -> str:
    """`rename`, of which the same few annotations are asked for every prompt."""
    return rename(text, dict(names))


@lru_cache(maxsize=128, typed=True)  # one for every d, where d is not among what is given
def _kept(parts: Callable[..., Parts | Witness], **given: Any) -> Parts | Witness:
    """What the function makes, which is not changed afterwards."""
    return parts(**given)


@dataclass(frozen=True)
class Construction:
    """An algorithm as a transformer. Called with its parameters it gives the witness.

    steps: the parameter that counts how often the step is taken, the first whole number if none is
    named; or a function of the values. reference: (parameters) -> definitions and prediction, by
    default its namesake in proofs.references; None where formulas cannot say them. region: where it
    converges, "alpha < 2/top**2", in the largest eigenvalue `top` of S = X^T X, the number n of
    examples and the parameters; "" where nothing is known. left: what is left of the error in the
    direction of an eigenvalue s. rate: that of its steps w - rate X^T (X w - y), "2*step_size",
    where it makes such. All three may be functions of the values that give the text. suited:
    {parameter: value for data} in top, the smallest eigenvalue `least` that is not 0, and n.

    tends_to: the limit of its algorithm, by its name in verify.tables.limits, with its strength, a
    formula in the parameters and n, where it has one: "ridge: noise/prior"; of the values, or not.
    inputs: (low, high) where the entries of x have to lie for it to be the algorithm, if anywhere.
    fields: the parts of x that its prompts have, or of the values which; targets: how many numbers
    a y, both as in Prompt. sample: of the values, and a seed, X, y and queries that are one of its
    prompts, where not every one of such parts is. outputs: (low, high) where targets have to lie.
    states: the claim in LaTeX, by default what is proved last. equals: the independent reference,
    by its name in verify.algorithms or itself: (X, y, queries, parameters) -> predictions.
    claim: that of a paper which speaks of it, by its id, where it states none.
    computes: its line in the table of costs, without which it has none; lines of other choices are
    those of OneOf. paper: what a paper takes for it; "k + 8 layers, O(d) units" is a promise that
    its claim is held to.
    outside_calculus: it has activations, or attention, that cannot be run in letters; or, of the
    values, whether it has.
    related: ids of theorems about it that are no theorems of its layers. expand: letters for the
    iterates forget what they have in common, so that a proof has to put in what defines them.
    """

    name: str
    parts: Callable[..., Parts | Witness]
    parameters: Mapping[str, Parameter]
    steps: str | Callable[[Values], int]
    source: str
    reference: Callable[[Values], Statement | None] | None = None
    region: str | Callable[[Values], str] = ""
    left: str | Callable[[Values], str] = ""
    rate: str | Callable[[Values], str] = ""
    suited: Mapping[str, str] = field(default_factory=dict)
    tends_to: str | Callable[[Values], str] = "nothing"
    inputs: tuple[int, int] | None = None
    outputs: tuple[int, int] | None = None
    fields: Fields | Callable[[Values], Fields] = X_ALONE
    targets: int = 1
    sample: Callable[..., tuple[Any, Any, Any]] | None = None
    proved: tuple[Template | Induction | Theorem, ...] = ()
    states: str = ""
    equals: str | Callable[..., Any] = ""
    computes: str = ""
    paper: str = ""
    related: tuple[str, ...] = ()
    expand: bool = False
    outside_calculus: bool | Callable[[Values], bool] = False
    claim: str = ""

    def __call__(self, *given: Any, **named: Any) -> Witness:
        """The witness. Raises TypeError or ValueError on parameters that do not fit."""
        values = self.values(*given, **named)
        parts = self.of(values)
        if isinstance(parts, Witness):
            return parts
        d = values["d"]
        steps = self.steps(values) if callable(self.steps) else values[self.steps]
        return Witness(
            name=self.name,
            layout=parts.stage.layout.at(d),
            prompt=parts.prompt(d),
            layer_list=tuple(layer.at(d) for layer in parts.layers(steps)),
            readout=parts.readout,
            parameters=values,
            definitions=self.definitions(values, parts),
            examples=parts.stage.examples,
            source=self.source,
        )

    def theorems(self) -> tuple[Theorem, ...]:
        """What is proved of the layers, for every n and d."""
        from proofs.theorem import Theorem

        return tuple(
            one if isinstance(one, Theorem) else one.theorem(self.name) for one in self.proved
        )

    def values(self, *given: Any, **named: Any) -> dict[str, Any]:
        """Every parameter as the construction works with it, defaults put in."""
        bound = self.signature.bind(*given, **named)
        bound.apply_defaults()
        d = self.parameters["d"].taken("d", bound.arguments["d"], 0)
        made = {
            name: parameter.taken(name, bound.arguments[name], d)
            for name, parameter in self.parameters.items()
        }
        for name, parameter in self.parameters.items():
            parameter.agree(name, made)
        return made

    def of(self, values: Values) -> Parts | Witness:
        """The parts at these values, with the letter d for the dimension; or all of a witness that
        is compiled as a whole."""
        given = {name: values[name] for name in self._takes}
        try:
            hash(tuple(given.values()))
        except TypeError:  # of a list, say
            return self.parts(**given)
        return _kept(self.parts, **given)

    def runs_in_letters(self, values: Values) -> bool:
        """Whether the calculus knows all that it does at these values, and its algorithm."""
        beyond = self.outside_calculus
        known = self.reference is not None and self.reference(values) is not None
        return known and not (beyond(values) if callable(beyond) else beyond)

    @property
    def is_regression(self) -> bool:
        """Whether its prompts are examples (x, y) of a function, and x to predict at."""
        return not self.other_prompts

    @property
    def other_prompts(self) -> str:
        """What its prompts have that those of a regression have not; "" of one."""
        fields = self.fields_at({name: one.small for name, one in self.parameters.items()})
        parts = [part.name for part in fields.parts.slots] if fields != X_ALONE else []
        said = [f"{' and '.join(parts)} in place of x"] if parts else []
        said += [f"{self.targets} targets" if self.targets else "no y"] if self.targets != 1 else []
        return ", ".join(said)

    def fields_at(self, values: Values) -> Fields:
        """The parts of x in its prompts at these values."""
        return self.fields(values) if callable(self.fields) else self.fields

    @cached_property
    def _takes(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.parts).parameters)

    def definitions(self, values: Values, parts: Parts) -> tuple[tuple[str, str], ...]:
        """The reference's quantities and those of the annotations."""
        stated = self.reference(values) if self.reference is not None else None
        known = stated[0] if stated is not None else {}
        return tuple({**known, **dict(parts.also)}.items())

    def converges(self, values: Values) -> str:
        """The region where it converges, at these values."""
        return self.region(values) if callable(self.region) else self.region

    def leaves(self, values: Values) -> str:
        """What is left of the error in the direction of s, at these values."""
        return self.left(values) if callable(self.left) else self.left

    def rate_of_steps(self, values: Values) -> str:
        """The rate of its steps, at these values."""
        return self.rate(values) if callable(self.rate) else self.rate

    def limit(self, values: Values) -> str:
        """What the algorithm tends to, at these values."""
        return self.tends_to(values) if callable(self.tends_to) else self.tends_to

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters as those of a function; the annotation of each is the Parameter."""
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=parameter.default,
                    annotation=parameter,
                )
                for name, parameter in self.parameters.items()
            ],
            return_annotation="Witness",
        )

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return inspect.getdoc(self.parts) or ""


REGISTERED: dict[str, Construction] = {}


def construction(
    *, parameters: Mapping[str, Parameter], **fields: Any
) -> Callable[[Callable[..., Parts | Witness]], Construction]:
    """Makes a construction of the function that says its parts, and registers it by its name.

    `fields` are those of Construction. A parameter d is put in front where there is none.
    """

    def decorate(parts: Callable[..., Parts | Witness]) -> Construction:
        name = parts.__name__
        said: dict[str, Any] = {"reference": getattr(references, name, None)} | fields
        if "steps" not in fields:
            whole = (k for k, kind in parameters.items() if k != "d" and isinstance(kind, Whole))
            said["steps"] = next(whole)
        if "states" not in fields and fields.get("proved"):
            said["states"] = fields["proved"][-1].statement
        known = with_dimension(parameters)
        made = Construction(name=name, parts=parts, parameters=known, **said)
        REGISTERED[made.name] = made
        return made

    return decorate
