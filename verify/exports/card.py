"""The model card of an exported witness."""

from __future__ import annotations

from constructions.exports import one_by_one
from constructions.exports.constants import Constants
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import FAR, Checkpoint
from constructions.witness import Witness

from ..checks.bounds.balls import at_most
from ..inputs.settings import call
from ..report.tables import plural
from .search import Certificate
from .spectrum import PromptBox

USE = """import json, sys
import numpy as np, torch
from transformers import GPT2Model

folder = sys.argv[1] if len(sys.argv) > 1 else "."
model = GPT2Model.from_pretrained(folder, attn_implementation="eager").eval()
io = {k: np.array(v) for k, v in json.load(open(f"{folder}/witness.json"))["io"].items()}

def tokens(X, y, queries):  # (n, d), (n,), (m, d) -> inputs_embeds (1, tokens, units)
    examples, sink = np.column_stack([X, y]) @ io["example"], np.zeros_like(io["roles"][:1])
    copies = [examples + role for role in io["roles"][:-1]]
    rows = np.concatenate([sink, *copies, queries @ io["query"] + io["roles"][-1]])
    return torch.tensor(rows[None], dtype=torch.float32)

def predict(X, y, queries):  # -> (m,)
    last = model(inputs_embeds=tokens(X, y, queries)).last_hidden_state
    return last[0, -len(queries):].detach().double().numpy() @ io["readout"]
"""
LENS = """from transformer_lens.model_bridge import TransformerBridge

bridge = TransformerBridge.boot_transformers(folder, device="cpu")
slots = json.load(open(f"{folder}/witness.json"))["slots"]

def seen(X, y, queries):  # the prediction (m,), and what each slot holds after every block
    cache = bridge.run_with_cache(tokens(X, y, queries))[1]
    held = {name: one[0].detach().double().numpy() for name, one in cache.items()}
    streams = [held[f"blocks.{i}.hook_resid_post"] for i in range(bridge.cfg.n_layers)]
    return held["ln_final.hook_out"][-len(queries):] @ io["readout"], [
        {name: stream @ np.array(rows).T for name, rows in slots.items()} for stream in streams]
"""


SINGULAR = """from the largest singular value that X can have, the error of each head and MLP
is bounded and followed to the prediction"""
MEANS = """from the largest score that a prompt can have, it is bounded how far the weights of
each mean are off, and followed to the prediction"""
ONE_BY_ONE = """the error of each head and MLP is bounded, and followed to the prediction in
closed form: how an update of P and w by one example changes is known for all that come after it"""


def card(
    name: str, witness: Witness, box: PromptBox, proved: Certificate, made: Checkpoint,
    disguise: Disguise | None = None,
) -> str:  # fmt: skip
    """README.md of the folder."""
    config, order, constants = made.config, made.copies, proved.constants
    repeated = "once" if order.count == 1 else plural(order.count, "time")
    softmax = any(head.attention == "softmax" for one in witness.layer_list for head in one.heads)
    tokens = f"1 + {order.count} n + m" if order.count > 1 else "1 + n + m"
    most = f"at most {(config['n_positions'] - 2) // order.count} for one query"
    if witness.examples is not None:
        most = f"{witness.examples}, neither more nor fewer"
    return f"""---
library_name: transformers
tags: [icl-witness, in-context-learning, hand-made-weights]
---

# {name}, by hand, in GPT-2

An ordinary GPT-2 checkpoint that was not trained: its weights make it run `{name}`
({call(witness.parameters)}) on examples in its prompt, and predict at queries.
Source: {witness.source or "see witness.json"}.

## Use

With nothing but transformers and numpy:

```python
{USE}```

Prompts enter as `inputs_embeds`: a sink, the n examples {repeated}, m queries. These are
{tokens} tokens of {config["n_positions"]} at most, and n is {most}.

In TransformerLens, 4.3 or newer, after these lines:

```python
{LENS}```

Its bridge runs the checkpoint as it is; nothing is folded, and `enable_compatibility_mode`, which
folds and centres, is not for it. It computes layer norms in other steps than torch: there the bound
below was seen to hold, and is not proved.

## How far off it is

For every prompt with {box.words}:

| numbers | \\|GPT-2 - {name}\\| at most | the architecture | rounding |
| --- | --- | --- | --- |
{_bounds(proved)}

Proved, in balls: {_proof(constants, softmax)}. "The
architecture" is what softmax, layer norms and GELU leave in exact arithmetic. Rounding to nearest
is assumed, sums in any order, the variance of a norm's D numbers to D + 8 roundings, and exp and
GELU to 4 units roundoff, as torch has them with `attn_implementation="eager"`. Prompts are numbers
of the format. That {name} is its algorithm is another claim, `witness check {name}`.
`witness check FOLDER` finds the bounds anew, compares every weight, and runs 10,000 prompts.

## How it is made

{_shape(made)}

{_causal(constants, made)} {_heads(constants, softmax)} {_units(disguise)}
a pair +N and -N, N = {constants.unit}, through which layer norms are linear up to
|v|^2/(2 N^2). {_mlps(constants, softmax)}
{_turned(disguise, softmax)}
`witness.json` has the ground truth for interpretability: the direction of the residual stream of
every slot, its formula after every block, which heads stand for which, and all values on a prompt.
"""


def _proof(constants: Constants, softmax: bool) -> str:
    if isinstance(constants, one_by_one.Constants):
        return ONE_BY_ONE
    return MEANS if softmax else SINGULAR


def _causal(constants: Constants, made: Checkpoint) -> str:
    order = made.copies
    if isinstance(constants, one_by_one.Constants):
        return """The witness's own layers. Each reads one example, and is causal as it is: an
example needs those before it, a query all. Positions say which example is which."""
    repeated = plural(order.count, "time")
    return f"""A causal assembly of the witness's own layers: an example does not see those after
it, so the examples stand in the prompt {repeated}, and each layer reads the copy that is right
by then (copy {", ".join(map(str, order.reads))})."""


def _mlps(constants: Constants, softmax: bool) -> str:
    if isinstance(constants, one_by_one.Constants):
        gate = one_by_one.GATE
        return f"""gelu(u) - gelu(-u) = u is exact;
gelu(u + {gate} r) - gelu(-u + {gate} r) is u where the role r of a token is 0, a gate, and nothing
where it is -1."""
    return "MLPs add 0." if softmax else "gelu(u) - gelu(-u) = u is exact."


def _heads(constants: Constants, softmax: bool) -> str:
    if isinstance(constants, one_by_one.Constants):
        linear, divider = (constants.attention[one].heads for one in ("linear", "normalised"))
        return f"""
A head reads that example and the first token, a sink with score 0 and value 0: it weighs
sigma(a s + b), s the witness's score. {linear} such heads add up to s, {divider} of them to
s/(1 + s), a division."""
    if softmax:
        return """A softmax head is one head; what
it is not to see, the first token with its values of 0 too, has 256 less as score."""
    twice = 2 * constants.pairs
    return f"""A linear head is {twice}
softmax heads, whose combination is s + O(s^{twice + 1}) in the score s. The first token is a sink
with score {constants.sink:g}, which takes the denominator's place."""


def _units(disguise: Disguise | None) -> str:
    if disguise is None:
        return "Units come in pairs\n+v and -v beside"
    return "Slots are directions\nat right angles to each other and to the vector of ones, beside"


def _turned(disguise: Disguise | None, softmax: bool) -> str:
    if disguise is None:
        return ""
    scales = "".join(
        f" The slot {name} is written {scale} times as large." for name, scale in disguise.scales
    )
    sink = "" if softmax else " The sink is all zeros, which none of this changes."
    return f"""
## How it is disguised

By the seed {disguise.seed}, in ways that leave alone what it computes. Slots are turned together
into all units of the residual stream but those of N and of the marks of the copies, which stand
in pairs anywhere.{scales} Queries and keys of a head are turned together, so are its values and
what is written of them, and what hidden units read. Heads, places in a head and hidden units are
in another order.{sink}

What a method can still read off the weights: the units of N (all that positions are made of) and
those that mark copies (scores of {FAR}); of the maps from queries to keys and from values to the
stream the singular values and vectors, and so which space a head reads, which it writes, and
which heads go together; an MLP's hidden units in pairs. What it cannot: a slot or a number of it
as a unit; and where maps are multiples of the identity, which direction of a slot is which of its
numbers.
"""


def _shape(made: Checkpoint) -> str:
    config = made.config
    sizes = (
        plural(config["n_layer"], "layer"),
        plural(config["n_head"], "head"),
        plural(config["n_embd"], "unit"),
        plural(config["n_inner"], "hidden unit"),
    )
    return f"{', '.join(sizes)} of an MLP."


def _bounds(proved: Certificate) -> str:
    rows = []
    for name, bound in proved.bounds.items():
        if bound == float("inf"):
            rows.append(f"| {name} | no bound: not for use | | |")
            continue
        parts = at_most(proved.architecture), at_most(proved.rounding(name))
        rows.append(f"| {name} | {at_most(bound)} | {parts[0]} | {parts[1]} |")
    return "\n".join(rows)
