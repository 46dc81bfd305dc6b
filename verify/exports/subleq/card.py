"""The model card of a GPT-2 that runs SUBLEQ."""

from __future__ import annotations

from constructions.exports.language_model import LanguageModel
from constructions.exports.subleq import END, text

from ...checks.bounds.balls import at_most
from .certificate import Certificate, at_least
from .listing import PER_COMMAND, example, memory, written

USE = """import sys
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel

folder = sys.argv[1] if len(sys.argv) > 1 else "."
tokenizer = AutoTokenizer.from_pretrained(folder)
model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()

def run(program):  # its text -> the text of its run, up to the end or to the last position
    ids = torch.tensor([tokenizer(program).input_ids])
    assert tokenizer.unk_token_id not in ids, "a word is none of this machine"
    left = model.config.n_positions - ids.shape[1]
    if left == 0 or ids[0, -1] == model.config.eos_token_id:
        return ""
    said = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                          max_new_tokens=left)
    return tokenizer.decode(said[0, ids.shape[1]:])

def memory(text):  # what each address holds at the end of a text
    words = text.split()
    return {at[1:]: int(word[1:]) for at, word in zip(words, words[1:]) if at[0] == "@"}
"""

LENS = """from transformer_lens.model_bridge import TransformerBridge

bridge = TransformerBridge.boot_transformers(folder, device="cpu")

def seen(text):  # (words, vocabulary) logits, and a cache of what is held and looked at
    logits, cache = bridge.run_with_cache(torch.tensor([tokenizer(text).input_ids]))
    return logits[0], cache
"""


def card(d: int, address: int, model: LanguageModel, proved: Certificate) -> str:
    """README.md of the folder."""
    config = model.config
    program = example(d, address)
    before = program.tokens()
    after = program.run(config["n_positions"])
    text_of_all = written([*before, *after])
    half, end = 2 ** (d - 1), text(END)
    margin, code = at_least(proved.margin), at_most(proved.code)
    shape = (
        f"{config['n_layer']} layers, {config['n_head']} heads, {config['n_embd']} units and "
        f"{config['n_inner']} hidden units"
    )
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [icl-witness, hand-made-weights, subleq]
---

# A computer, by hand, in GPT-2

An ordinary GPT-2 checkpoint that was not trained: it continues a program of SUBLEQ by what the
program does. SUBLEQ has one command, of which all others can be made: (a, b, c) takes mem[a] off
mem[b], and goes to c if that is at most 0, else to the next command. That a transformer can do it
is shown by giannou2023 (arXiv:2301.13196): by one that is looped and overwrites its input. This one
is causal; its loop is the generation of text. It has {shape}.

## Use

With nothing but transformers:

```python
{USE}```

A program is a text:

| | |
| --- | --- |
| `@1 =3` | mem[1] is 3; words are from {-half} to {half - 1}, and wrap around |
| `7: a1 b2 c9` | at 7 stands the command (1, 2, 9); addresses are from 1 to {2**address - 1} |
| `>7` | go to 7: the last word of a program, from which the model goes on |
| `-1 @2 =2 >8` | the run, for each command: take mem[1] off mem[2], which becomes 2; go to 8 |
| `{end}` | the end; it also comes after the largest address |

`run(program)` of

    {written(before)}

is

    {written(after)}

and `memory` of both together is {memory(text_of_all)}.

In TransformerLens, 4.3 or newer, after these lines:

```python
{LENS}```

Its bridge runs the checkpoint as it is; `enable_compatibility_mode`, which folds and centres, is
not for it. It computes layer norms in other steps than torch: the proof below does not speak of
it, and it was seen to say the same.

A text has up to {config["n_positions"]} words, {PER_COMMAND} of them for each command that is run.
No two commands have one label; what is read is written before, and where it goes there is a
command, or {end}. Commands stand apart from memory: `@7` may be written where `7:` stands, whose
command stays what it is.

## Why it is right

Proved, for every program, every memory, and any number of commands, in float32: the logit of the
right word is above that of any other by at least {margin}; what the last state holds of it, -1, 0
or 1, is off by at most {code}. Each word is chosen anew, so that no error is handed on.
Rounding to nearest is assumed, sums in any order, the variance of a norm's numbers to
{config["n_embd"] + 8} roundings, exp and GELU to 4 units roundoff, as torch has them with
`attn_implementation="eager"`. Scores are up to 10^6: other formats than float32 and float64 are not
for it. `witness check FOLDER` proves it anew, compares
every weight, and runs 10,000 commands of programs that are drawn.

## How it is made

Nothing is overwritten, as a causal model cannot: memory is the list of what was written, in the
program and in the run alike, and the latest word behind an address is what it holds.

1. Each token looks back: to the latest `@` or label, whose it is; to the latest `>`, the command
   that is executed; to the latest `-`. The MLP adds 1 to the counter, and compares a word with 0.
2. After `>` it fetches the a of that command, after `-` its b, after a word its c; after `@` two
   words of memory. The MLP subtracts, branches, and puts the next token in the place of this one;
   the tied embedding reads it there.

The position is one number, which scores add, so that of equal keys the latest is chosen. Units
come in pairs +v and -v beside a pair +N and -N, through which layer norms are linear up to
|v|^2/(2 N^2). GELUs have large arguments, none near 0, where they are max(x, 0).

`witness.json` has the ground truth for interpretability: the directions of every slot, what it
means, and on a text what it holds after every block, and where each head looks.
"""
