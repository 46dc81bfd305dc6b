"""What every export of a witness says: in witness.json, fractions as text, and as a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from constructions.exports.read import OtherTensors
from constructions.witness import Witness

from ..checks.bounds.balls import at_most
from ..claim import CheckResult, Differs
from .search import Certificate

SCHEMA = "witness-export/1"


def as_json(value: Any) -> Any:
    """What `from_json` reads."""
    if isinstance(value, (tuple, list)):
        return [as_json(entry) for entry in value]
    return value if value is None or isinstance(value, (str, bool, int)) else str(value)


def from_json(value: Any) -> Any:
    """A parameter."""
    if isinstance(value, list):
        return tuple(from_json(entry) for entry in value)
    if isinstance(value, str):
        try:
            return number(value)
        except ValueError:
            return value
    return value


def number(text: Any) -> Fraction:
    """A fraction from its text. Raises ValueError."""
    return Fraction(str(text))


def as_read(read: Callable[[], int]) -> str:
    """What is said of tensors that are read back, when `read` returns how many numbers they have.

    Raises Differs with the first that is another.
    """
    try:
        numbers = read()
    except OtherTensors as other:
        raise Differs(str(other), other.shown) from None
    return f"its tensors, all {numbers:,} numbers, are read as the witness's layers"


@dataclass(frozen=True)
class OfWitness:
    """A witness as a checkpoint, with its certificate; box: the prompts of which that is."""

    name: str
    witness: Witness
    box: Any
    certificate: Certificate
    checkpoint: Any

    @property
    def statement(self) -> str:
        """What is claimed of the model, in LaTeX."""
        return rf"|\text{{GPT-2}} - \text{{{self.name}}}| \le {self._bound}"

    @property
    def summary(self) -> str:
        return f"GPT-2 with these weights is {self.name} up to {self._bound}"

    @property
    def _bound(self) -> str:
        return at_most(self.certificate.bounds["float32"])

    def tensors_read(self) -> str:
        """How the tensors are known to be the layers of which the bound is proved.

        Raises Differs with the first that is not.
        """
        raise NotImplementedError

    def proved(self) -> CheckResult:
        """What the certificate says, of tensors that are what it is about."""
        form, proved = "float32", self.certificate
        detail = (
            f"the architecture costs at most {at_most(proved.architecture)}, rounding in {form} "
            f"at most {at_most(proved.rounding(form))}; {self.tensors_read()}"
        )
        return CheckResult(True, bound=proved.bounds[form], detail=detail, box=self.box.words)

    def said(self, **more: Any) -> dict[str, Any]:
        """The fields of witness.json that every export has; more: of this one, after its digest."""
        return {
            "schema": SCHEMA,
            "to": "gpt2",
            "name": self.name,
            "parameters": {k: as_json(v) for k, v in self.witness.parameters.items()},
            "digest": self.witness.digest,
            **more,
            "bounds": {
                "architecture": self.certificate.architecture,
                "with_rounding_in": self.certificate.bounds,
            },
        }
