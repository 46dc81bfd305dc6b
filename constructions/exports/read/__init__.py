"""The tensors of an exported GPT-2, read as heads and MLPs of the witness: every number of them.

A bound of what an export errs by is proved of heads that score <K x, Q x'> and add V x, times
factors. That its tensors are these is seen here (`tensors.py`): of examples that stand in the
prompt in copies (`pairs.py`), the same in other coordinates (`turned.py`), of examples that are
read one after the other (`one_by_one.py`), and of token ids (`language.py`).

No matrix, embedding or schedule is asked of the writer. What both have is what the bound is proved
of as well: the witness, as the calculus reads its blocks, the free constants, the fixed ones (what
hides a key, closes a gate, is added to a variance), and the coefficients of a linear head's pairs.
These are seen to fulfil the equations that define them, and the copies that layers read, which a
checkpoint names, to be right where they are read.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...weights import Weights
from .. import gpt2, one_by_one
from ..constants import Constants
from ..language_model import LanguageModel
from .language import Language
from .one_by_one import OneByOne
from .pairs import Pairs
from .tensors import OtherTensors
from .turned import Turned

__all__ = ["OtherTensors", "read_back", "read_back_language"]


def read_back(
    weights: Weights, constants: Constants, made: gpt2.Checkpoint, disguised: bool = False
) -> int:
    """How many numbers the tensors have, all of which are right.

    Raises OtherTensors with the first that is not.
    """
    if isinstance(constants, one_by_one.Constants):
        return OneByOne(weights, made, constants.unit, constants=constants).check()
    kind = Turned if disguised else Pairs
    return kind(weights, made, constants.unit, constants=constants).check()


def read_back_language(
    made: LanguageModel, unit: int, said: Mapping[str, np.ndarray] | None = None, one: str = ""
) -> int:
    """The same of a model that reads token ids.

    unit: N; said: {field of a prompt: (tokens, size)}, what tokens say of themselves, None for a
    beginning and one-hot words; one: the slot that holds N, if any does.
    """
    return Language(made.witness, made, unit, said=said, one=one).check()
