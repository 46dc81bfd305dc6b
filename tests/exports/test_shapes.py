"""What fits into a GPT-2 of a given shape: the table says so, and the model of that shape runs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import constructions
from constructions.exports.copies import copies
from constructions.exports.gpt2 import NoExport, checkpoint, needs
from constructions.exports.shapes import GPT2_SMALL, Shape, fitted, too_large
from verify.checks.bounds.balls import top
from verify.exports import capacity
from verify.exports.formats import REALS
from verify.exports.prompts import drawn
from verify.exports.propagation import Propagation
from verify.exports.search import bounded
from verify.exports.spectrum import PromptBox
from verify.exports.weighted_means import WeightedMeans
from verify.quality import readme

README = Path(capacity.__file__).parents[1] / "README.md"
ROWS = {f"{row.construction}, {row.computes}": row for row in capacity.exportable()}
SHAPE = Shape(layers=6, heads=9, size=6, hidden=16, positions=32)


def test_the_table_of_the_readme_is_what_is_computed():
    assert readme.block(README.read_text(encoding="utf-8"), "capacity") == capacity.markdown()


def test_the_smallest_gpt2_has_the_shape_that_transformers_gives_it():
    config = pytest.importorskip("transformers").GPT2Config()
    assert (config.n_layer, config.n_head, config.n_embd, config.n_positions) == (
        GPT2_SMALL.layers, GPT2_SMALL.heads, GPT2_SMALL.width, GPT2_SMALL.positions,
    )  # fmt: skip
    assert GPT2_SMALL.hidden == 4 * GPT2_SMALL.width  # where n_inner is not said


@pytest.mark.parametrize("name", ROWS)
def test_what_is_counted_is_what_the_checkpoint_has(name):
    for d, steps in ((1, 3), (4, 2)):
        witness = capacity.sized(ROWS[name], d, steps)
        bound = bounded(witness, PromptBox(d, 4))
        of_pairs = () if isinstance(bound, WeightedMeans) else (2, 0.1, 15.0)
        constants = bound.constants(*of_pairs, 2**12)
        least = needs(witness, copies(witness), constants.pairs)
        made = checkpoint(witness, constants)
        config = made.config
        assert (config["n_layer"], config["n_head"]) == (witness.layers, least.heads)
        assert config["n_embd"] == made.tensors["wpe.weight"].shape[1] >= least.width
        assert config["n_inner"] == made.tensors["h.0.mlp.c_fc.weight"].shape[1] == least.hidden
        read = made.tensors["h.1.attn.c_attn.weight"].reshape(-1, 3, least.heads, made_size(config))
        used = np.flatnonzero(read.any(axis=(0, 1, 2)))
        assert used.max() < least.size <= made_size(config)
        assert len(made.roles) == made.copies.count + 1


def made_size(config: dict) -> int:
    return config["n_embd"] // config["n_head"]


@pytest.mark.parametrize("name", ROWS)
def test_no_more_fits_than_the_table_says_and_what_is_short_is_named(name):
    row, n = ROWS[name], 100
    d, steps = capacity.largest_d(row), capacity.most_steps(row, 5, n)
    witness = capacity.sized(row, 5, steps + 1)
    (positions,) = too_large(witness, copies(witness), 1, n, GPT2_SMALL)
    assert positions.endswith("positions of 1024")
    wide = capacity.sized(row, d + 1, 1)
    assert too_large(wide, copies(wide), 1, 1, GPT2_SMALL) == [f"{d + 2} units of a head of 64"]


def test_a_gpt2_of_a_given_shape_runs_the_witness_and_its_other_parts_add_nothing():
    import torch

    transformers = pytest.importorskip("transformers")
    witness = constructions.build("newton", d=2, iterations=2, alpha=Fraction(1, 64))
    box = PromptBox(2, 4)
    propagation = Propagation(witness, box)
    constants = propagation.constants(4, 0.5, 18.5, 2**14)
    made = fitted(witness, constants, box.n, SHAPE)
    config = transformers.GPT2Config(**made.config)
    assert (config.n_layer, config.n_head, config.n_embd) == (6, 9, 54)
    with torch.device("meta"):
        model = transformers.GPT2Model._from_config(config, attn_implementation="eager")
    tensors = {name: torch.tensor(one).double() for name, one in made.tensors.items()}
    model.load_state_dict(tensors, strict=True, assign=True)
    X, y, queries = drawn(box, 30, 0)
    examples = np.concatenate([X, y[..., None]], axis=-1) @ made.example
    asked = queries @ made.query + made.roles[-1]
    tokens = [0 * asked, *(examples + role for role in made.roles[:-1]), asked]
    with torch.no_grad():
        inputs = torch.tensor(np.concatenate(tokens, axis=1))
        last = model.eval()(inputs_embeds=inputs).last_hidden_state[:, -1].numpy()
    off = abs(last @ made.readout - witness.predict(X, y, queries)[:, 0]).max()
    assert 0 < off <= top(propagation.error(constants, REALS))


@pytest.mark.parametrize(
    ("less", "said"),
    [
        ({"layers": 3}, "4 layers of 3"),
        ({"heads": 7}, "8 heads of 7"),
        ({"size": 2}, "3 units of a head of 2"),
        ({"hidden": 3}, "4 hidden units of 3"),
        ({"positions": 13}, "14 positions of 13"),
        ({"heads": 8, "size": 1}, "20 units of 8"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_it_takes(less, said):
    witness = constructions.build("newton", d=2, iterations=2, alpha=Fraction(1, 64))
    constants = Propagation(witness, PromptBox(2, 4)).constants(4, 0.5, 18.5, 2**14)
    with pytest.raises(NoExport, match=said):
        fitted(witness, constants, 4, replace(SHAPE, **less))
