"""Every index pattern of up to three letters does in floats what its 0/1 matrix says."""

from itertools import product

import pytest
import torch

from constructions.numbers.floats import DTYPES, Floats
from proofs.slotmap import Block

SIZES = {"i": 2, "j": 3}
SIDES = ["".join(letters) for count in range(4) for letters in product("ij", repeat=count)]


@pytest.mark.parametrize("numbers", sorted(DTYPES))
@pytest.mark.parametrize("left", SIDES)
def test_a_pattern_is_its_matrix(numbers, left):
    system = Floats(numbers)
    for right in SIDES:
        block = Block("to", "from", 1, f"{left}<-{right}")
        destination = tuple(SIZES[letter] for letter in left)
        source = tuple(SIZES[letter] for letter in right)
        rows = torch.arange(1, 1 + 4 * torch.Size(source).numel(), dtype=system.dtype)
        rows = rows.reshape(2, 2, -1) % 7  # sums are exact in every format
        matrix = torch.zeros(torch.Size(destination).numel(), rows.shape[-1])
        for i, j, value in block.entries(destination, source):
            matrix[i, j] += float(value)
        made = system.pattern(rows, block, destination, source)
        assert torch.equal(made.float(), rows.float() @ matrix.T), f"{left}<-{right}"
