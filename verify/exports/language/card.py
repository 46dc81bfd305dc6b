"""The model card of an exported language model."""

from __future__ import annotations

from constructions.exports.language_model import LanguageModel
from constructions.witness import Witness

from ...checks.bounds.balls import at_most
from ...inputs.settings import call
from ...report.tables import plural
from ..search import Certificate
from .certificate import Texts

USE = """import sys
import torch
from transformers import GPT2LMHeadModel

folder = sys.argv[1] if len(sys.argv) > 1 else "."
model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()

def logits(words):  # token ids -> (tokens, logits), the first line after the beginning alone
    with torch.no_grad():
        return model(torch.tensor([[0, *words]])).logits[0].double().numpy()

def predict(words):  # what followed the last word when it came before, 0 where it did not
    return int(logits(words)[-1].argmax())
"""
LENS = """from transformer_lens.model_bridge import TransformerBridge

bridge = TransformerBridge.boot_transformers(folder, device="cpu")

def patterns(words):  # of every block, what each head attends to: (heads, tokens, tokens)
    cache = bridge.run_with_cache(torch.tensor([[0, *words]]))[1]
    return [cache[f"blocks.{i}.attn.hook_pattern"][0].numpy() for i in range(bridge.cfg.n_layers)]
"""


def card(
    name: str, witness: Witness, texts: Texts, proved: Certificate, made: LanguageModel
) -> str:
    """README.md of the folder."""
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [icl-witness, in-context-learning, induction-head, hand-made-weights]
---

# {name}, by hand, in GPT-2

An ordinary GPT-2 language model that was not trained: its weights make it run `{name}`
({call(witness.parameters)}): after every word the one that followed it when it came
last. Source: {witness.source or "see witness.json"}.

## Use

With nothing but transformers:

```python
{USE}```

Token 0 begins a text, and stands nowhere else in it; tokens 1 to {texts.d} are the words. A text
has up to {texts.length} tokens. The logits after a word are near 1 at the token that followed the
last earlier occurrence of that word, and near 0 at all others; where there is none they are near 1
at token 0.
`model.generate` goes on with what was there, and stops with token 0 at a word that is new.

In TransformerLens, 4.3 or newer, after these lines:

```python
{LENS}```

Its bridge runs the checkpoint as it is; nothing is folded, and `enable_compatibility_mode`, which
folds and centres, is not for it.

## How far off it is

For every {texts.words}, at every token of it:

| numbers | \\|logit - 0 or 1\\| at most | the architecture | rounding | the largest is right |
| --- | --- | --- | --- | --- |
{_bounds(proved)}

Proved, in balls: of all keys that a token sees both heads choose one, and the scores of the others
are below its own by different multiples of {witness.parameters["sharpness"]}, whichever words are
alike; that is read off the layers. There are no ties: of several earlier occurrences the last has
the highest score. "The architecture" is what softmax and layer norms leave in exact arithmetic.
Rounding to nearest is assumed, sums in any order, the variance of a norm's D numbers to D + 8
roundings, and exp to 4 units roundoff, as torch has them with `attn_implementation="eager"`.
`witness check FOLDER` finds the bounds anew, compares every weight, and runs 10,000 texts.

## How it is made

{_shape(made)}
In the first layer head 0 writes the word before into every token; in the second head 0 looks for
it, and copies the word that stands there. The other heads, and the MLPs, write nothing. Positions
are learned ones: a token's number and its parity, by which the first head finds the token before.
Units come in pairs +v and -v beside a pair +N and -N, N = {proved.constants.unit}, through which
layer norms are linear up to |v|^2/(2 N^2). The head of the language model is not tied to the
embedding.

`witness.json` has the ground truth for interpretability: the direction of the residual stream of
every slot, what it holds after every block, which heads are which and what they attend to, and all
of it on a text.
"""


def _shape(made: LanguageModel) -> str:
    config = made.config
    sizes = plural(config["n_layer"], "layer"), plural(config["n_embd"], "unit")
    return f"{sizes[0]}, {plural(config['n_head'], 'head')} of {made.room.size} units, {sizes[1]}."


def _bounds(proved: Certificate) -> str:
    rows = []
    for name, bound in proved.bounds.items():
        if bound == float("inf"):
            rows.append(f"| {name} | no bound: not for use | | | |")
            continue
        parts = at_most(bound), at_most(proved.architecture), at_most(proved.rounding(name))
        right = "always" if bound < 1 / 2 else "not proved"
        rows.append(f"| {name} | {' | '.join(parts)} | {right} |")
    return "\n".join(rows)
