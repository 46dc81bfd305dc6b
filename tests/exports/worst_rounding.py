"""GPT-2 in which every rounding is a choice, and the choice that is worst for one prediction.

An operation is off by as much as verify/exports/formats.py allows, with a sign and a share of its
own, a number between -1 and 1. The derivative of the prediction by all of these says which way each
has to go; then the model runs with all of them at that end. What is computed alike is rounded
alike: the empty units of a norm, units that are copies of one number, the score of the sink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from verify.exports.formats import FUNCTION

U = 2.0**-24
Tensors = Mapping[str, np.ndarray]


class Roundings:
    """Of a run, one tensor for each operation, in the order in which they are made; 0 at first."""

    def __init__(self, chosen: Sequence[torch.Tensor] | None = None) -> None:
        self.made: list[torch.Tensor] = []
        self.chosen = chosen

    def of(self, *shape: int) -> torch.Tensor:
        """As many of them as this shape has numbers."""
        if self.chosen is None:
            one = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        else:
            one = self.chosen[len(self.made)]
            assert one.shape == shape
        self.made.append(one)
        return one

    def rounded(self, result: torch.Tensor, where: torch.Tensor | None = None) -> torch.Tensor:
        """The result of an operation, off by half of its last place at most, where it rounds."""
        size = half_a_place(result)
        return result + self.of(*result.shape) * (size if where is None else size * where)

    def off(self, result: torch.Tensor, units: float) -> torch.Tensor:
        """The result of a function, off by so many units relatively."""
        return result * (1 + units * U * self.of(*result.shape))

    def added(self, total: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
        """Their sum, in which the larger is not moved by more than the smaller is."""
        both = total + term
        return both + self.of(*both.shape) * by_adding(total, term)

    def of_scores(self, heads: int, length: int) -> torch.Tensor:
        """For (heads, queries, keys), one number for the sink, which is the first key."""
        sink, others = self.of(1, 1, 1), self.of(heads, length, length - 1)
        return torch.cat([sink.expand(heads, length, 1), others], dim=-1)


def half_a_place(numbers: torch.Tensor) -> torch.Tensor:
    """What rounding them to nearest can do: u times the power of two below."""
    _, exponents = torch.frexp(numbers.detach())
    return torch.where(nonzero(numbers), U * 2.0 ** (exponents - 1), 0.0)


def by_adding(total: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
    """What rounding their sum to nearest can do: each of the two is a number of the format."""
    smaller = torch.minimum(total.detach().abs(), term.detach().abs())
    return torch.minimum(half_a_place(total + term), smaller)


def nonzero(numbers: torch.Tensor) -> torch.Tensor:
    return numbers.detach() != 0


def product(
    roundings: Roundings, tokens: torch.Tensor, weight: np.ndarray, bias: np.ndarray | None = None
) -> torch.Tensor:
    """tokens (T, D) @ weight (D, E) + bias, its terms added one after the other.

    Columns that are alike are computed once if there is one order only in which they can be: of two
    terms at most, times powers of two.
    """
    bias = np.zeros(weight.shape[1]) if bias is None else bias
    one_order = ((weight != 0).sum(0) <= 2) & _are_powers_of_two(weight).all(0)
    known: dict[Any, int] = {}
    columns = []
    for e, (column, offset) in enumerate(zip(weight.T, bias)):
        columns.append(known.setdefault((column.tobytes(), offset) if one_order[e] else e, e))
    unlike = sorted(set(columns))
    total = torch.zeros(len(tokens), len(unlike), dtype=torch.float64)
    for terms in _one_by_one(weight[:, unlike]):
        rows, factors = zip(*terms)
        rounds = torch.tensor(~_are_powers_of_two(np.array(factors)), dtype=torch.float64)
        term = roundings.rounded(tokens[:, list(rows)] * torch.tensor(factors), rounds)
        total = roundings.added(total, term)
    total = roundings.added(total, torch.tensor(bias[unlike]).expand_as(total))
    return total[:, [unlike.index(e) for e in columns]]


def _one_by_one(weight: np.ndarray) -> list[list[tuple[int, float]]]:
    """The first weight that is not 0 of each column, then the second, …: (row, weight)."""
    columns = [[(int(row), column[row]) for row in np.flatnonzero(column)] for column in weight.T]
    most = max(map(len, columns), default=0)
    return [[one[k] if k < len(one) else (0, 0.0) for one in columns] for k in range(most)]


def _are_powers_of_two(numbers: np.ndarray) -> Any:
    return (np.frexp(abs(numbers))[0] == 0.5) | (numbers == 0)


def norm(roundings: Roundings, tokens: torch.Tensor, gain: float, epsilon: float) -> torch.Tensor:
    """The layer norm of tokens (T, D) without a bias; units that are 0 are alike."""
    held, width = nonzero(tokens).double(), tokens.shape[1]
    total = tokens[:, 0]
    for unit in range(1, width):
        total = roundings.added(total, tokens[:, unit])
    mean = roundings.rounded(total / width)
    centred = roundings.rounded(tokens - mean[:, None], held)
    variance = roundings.off((centred**2).mean(-1), width + 8)
    scaling = roundings.rounded(roundings.rounded(roundings.rounded(variance + epsilon) ** -0.5))
    return roundings.rounded(roundings.rounded(centred * scaling[:, None], held) * gain, held)


def attended(
    roundings: Roundings, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Causal softmax attention, (heads, T, size) each; the sink is the first token."""
    heads, length, size = queries.shape
    scores = torch.zeros(heads, length, length, dtype=torch.float64)
    for feature in range(size):
        term = queries[:, :, None, feature] * keys[:, None, :, feature]
        term = term + half_a_place(term) * roundings.of_scores(heads, length)
        off = by_adding(scores, term) * roundings.of_scores(heads, length)
        scores = scores + term + off
    scores = scores * size**-0.5
    scores = scores + half_a_place(scores) * roundings.of_scores(heads, length)
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    largest = scores.masked_fill(~seen, -torch.inf).amax(-1, keepdim=True)
    below = roundings.rounded(scores - largest, (scores.detach() != largest.detach()).double())
    risen = torch.exp(below.masked_fill(~seen, -torch.inf))
    risen = torch.where(below.detach() == 0, risen, roundings.off(risen, FUNCTION))
    total = risen[..., 0]
    for key in range(1, length):
        total = roundings.added(total, risen[..., key])
    weights = roundings.rounded(risen / total[..., None])
    made = torch.zeros_like(values)
    for key in range(length):
        term = weights[..., key, None] * values[:, None, key]
        made = roundings.added(made, roundings.rounded(term, nonzero(term).double()))
    return made


def run(
    tensors: Tensors, config: Mapping[str, Any], inputs: np.ndarray, roundings: Roundings
) -> torch.Tensor:
    """The last hidden state (T, D) of inputs_embeds (T, D)."""
    held = {name: one.astype(float) for name, one in tensors.items()}
    heads, epsilon = config["n_head"], config["layer_norm_epsilon"]

    def normed(name: str, stream: torch.Tensor) -> torch.Tensor:
        (gain,) = set(held[f"{name}.weight"])
        assert not held[f"{name}.bias"].any()
        return norm(roundings, stream, gain, epsilon)

    stream = torch.tensor(inputs + held["wpe.weight"][: len(inputs)])
    for number in range(config["n_layer"]):
        attention, mlp = f"h.{number}.attn", f"h.{number}.mlp"
        weight, bias = (held[f"{attention}.c_attn.{part}"] for part in ("weight", "bias"))
        joined = product(roundings, normed(f"h.{number}.ln_1", stream), weight, bias)
        split = (one.unflatten(-1, (heads, -1)).transpose(0, 1) for one in joined.chunk(3, dim=-1))
        mixed = attended(roundings, *split).transpose(0, 1).flatten(1)
        written = product(roundings, mixed, held[f"{attention}.c_proj.weight"])
        stream = roundings.added(stream, written)
        if held[f"{mlp}.c_fc.weight"].any():
            read = normed(f"h.{number}.ln_2", stream)
            hidden = product(roundings, read, held[f"{mlp}.c_fc.weight"])
            off = FUNCTION * U * roundings.of(*hidden.shape) * hidden.detach().abs()
            hidden = torch.nn.functional.gelu(hidden, approximate="tanh") + off
            written = product(roundings, hidden, held[f"{mlp}.c_proj.weight"])
            stream = roundings.added(stream, written)
    return normed("ln_f", stream)


def worst(
    tensors: Tensors, config: Mapping[str, Any], inputs: np.ndarray, readout: np.ndarray
) -> tuple[float, float]:
    """The least and the largest prediction of the last token that roundings were found for."""
    direction, first = torch.tensor(readout), Roundings()
    predicted = run(tensors, config, inputs, first)[-1] @ direction
    slopes = torch.autograd.grad(predicted, first.made, allow_unused=True)
    ends = []
    for sign in (-1, 1):
        chosen = [
            torch.zeros_like(one) if slope is None else sign * slope.sign()
            for one, slope in zip(first.made, slopes)
        ]
        with torch.no_grad():
            ends.append(float(run(tensors, config, inputs, Roundings(chosen))[-1] @ direction))
    return ends[0], ends[1]
