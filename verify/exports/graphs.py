"""A witness as one file for other programs, and its card: ONNX, torch.export, safetensors.

A file says itself what it is, in its metadata. Before it is written it is run on prompts that are
drawn, by the lines that its card prints where these predict; it is within the witness's own
rounding bound of the exact prediction on all of them, or it is not written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import constructions
from constructions.exports.gpt2 import NoExport
from constructions.numbers.ball import Ball
from constructions.witness import Witness

from ..checks.bounds.balls import at_most
from ..checks.symbolic import shapes_of
from ..inputs.settings import call
from .parameters import as_json, from_json

SCHEMA = "witness-graph/1"
NUMBERS = ("float64", "float32")
EXAMPLES = 8  # of a prompt, where nothing says how many
SIZES = ((12, 4, 1), (6, 1, 2), (12, 7, 3))  # prompts, examples and queries of what is drawn
OWN_SEEDS = (1, 2)
BITS = 1024  # of the exact prediction: norms of tokens that are nearly constant lose hundreds
Prompts = dict[str, np.ndarray]

ONNX = """session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["witness"])

def predict(**prompts):  # {call}
    given = {{name: np.asarray(one, about["numbers"]) for name, one in prompts.items()}}
    return session.run(["prediction"], given)[0]
"""
TORCH = """said = {{"witness": ""}}
model = torch.export.load(path, extra_files=said).module()
about = json.loads(said["witness"])

def predict(**prompts):  # {call}
    form = getattr(torch, about["numbers"])
    return model(**{{name: torch.as_tensor(one, dtype=form) for name, one in prompts.items()}})
"""
SAFETENSORS = """with safe_open(path, "np") as file:
    tensors = {{name: file.get_tensor(name) for name in file.keys()}}
    about, wiring = (json.loads(file.metadata()[name]) for name in ("about", "witness"))
text = json.dumps(wiring, sort_keys=True, separators=(",", ":"))
assert hashlib.sha256(text.encode()).hexdigest() == about["digest"]
"""
# what stands where the lines do not predict: for code of one's own
WIRING = """
## What the tensors do

`wiring` is the witness, exact: what each matrix is made of, and these words. A token is a row of
numbers, the columns of `embedding` in the order of `about["features"]`; tokens T (tokens, columns).

    h = T @ embedding.T                                     # the residual stream
    for each layer l:
        h = h + the sum of its heads i, all of the same h:  # read through attention_norm, if any
            scores = (h @ query.T) @ (seen @ key.T).T       # layers.l.heads.i.query, key, value
            weights = attention(scores)                     # keys say what is seen
            weights @ (seen @ value.T)                      # average: divided by n, or by the keys
        h = h + (activation(h @ inner.T) * (h @ gate.T)) @ outer.T
                                                            # layers.l.mlp; without inner: h itself
    prediction = h @ readout.T                              # at the queries, or where readout says

seen are tokens before the queries (keys: context), all (full), those up to one's own (causal) or
before it. attention: linear takes the scores themselves, relu their positive part, exponential
their exp; normalised and softmax divide by the sum (null: plus 1). Masks, mixes, norms and
encodings of a token's number are in `wiring` too, where there are any; `layout` names h's units.
"""


@dataclass(frozen=True)
class Form:
    """A kind of file. lines: those that load it, `path`, and predict; packages: what is needed to
    write and run it; more: what it says of itself beside the rest."""

    name: str
    file: str
    packages: tuple[str, ...]
    imports: str
    lines: str
    written: Callable[..., bytes]
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        return Path(self.file).suffix

    def use(self, inputs: Mapping[str, Any]) -> str:
        """The card's lines for what goes in, {name: axes}."""
        axes = ", ".join(f"{name} ({', '.join(map(str, one))})" for name, one in inputs.items())
        return self.lines.format(call=axes)

    def script(self, inputs: Mapping[str, Any]) -> str:
        """A script whose first argument is the path of the file."""
        path = f'path = sys.argv[1] if len(sys.argv) > 1 else "{self.file}"'
        return f"import json, sys\n{self.imports}\n\n{path}\n{self.use(inputs)}"

    def predictor(self, path: str, inputs: Mapping[str, Any]) -> Callable[..., np.ndarray]:
        """`predict` of the card's lines. Raises NoExport where a package is missing."""
        self.needs()
        if "predict" not in self.lines:
            from constructions.run.dense import TransformerModule

            return _in_numbers(TransformerModule.load(path))
        scope: dict[str, Any] = {"path": path}
        try:
            exec(f"import json\n{self.imports}\n{self.use(inputs)}", scope)
        except Exception as error:
            if type(error).__module__.startswith("onnxruntime"):
                words = " ".join(str(error).split())
                raise NoExport(f"onnxruntime does not run it: {words}") from None
            raise
        return _in_numbers(scope["predict"])

    def needs(self) -> None:
        """Raises NoExport where a package is missing."""
        from importlib.util import find_spec

        missing = [one for one in self.packages if find_spec(one) is None]
        if missing:
            raise NoExport(
                f"--to {self.name} needs {missing[0]}: pip install 'icl-witness[export]'"
            )


def _in_numbers(predict: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The same from arrays to arrays of float64."""
    import torch

    def made(**prompts: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(predict(**prompts), dtype=np.float64)

    return made


def forms() -> dict[str, Form]:
    """The kinds of files by name."""
    from constructions.exports.graph import OPSET, as_onnx, as_safetensors, as_torch

    onnx = ("onnx", "onnxscript", "onnxruntime")
    every = (
        Form("onnx", "model.onnx", onnx, "import numpy as np, onnxruntime", ONNX, as_onnx,
             {"opset": OPSET}),
        Form("torch", "model.pt2", (), "import torch", TORCH, as_torch),
        Form("safetensors", "model.safetensors", (), "import hashlib\nfrom safetensors import "
             "safe_open", SAFETENSORS, as_safetensors),
    )  # fmt: skip
    return {one.name: one for one in every}


@dataclass(frozen=True)
class Made:
    """A file's content, what it says of itself, and how far off it was on prompts that were drawn.

    error, bound: the largest distance from the exact prediction, and of the witness's own bounds.
    """

    form: Form
    content: bytes
    about: Mapping[str, Any]
    tried: int
    error: float
    bound: float

    @property
    def open(self) -> str:
        """What may be any number."""
        axes = {axis for one in self.about["inputs"].values() for axis in one}
        named = [axis for axis in ("batch", "n", "m") if axis in axes]
        return f"any {', '.join(named)}"

    @property
    def checked(self) -> bool:
        """Whether `witness check` takes the file: it builds the construction anew."""
        return self.form.name != "torch" and self.about["name"] in constructions.names()

    @property
    def found(self) -> str:
        """What was seen on the prompts that were drawn."""
        return (
            f"off by at most {at_most(self.error)} on {self.tried} drawn prompts; the witness's "
            f"own rounding bound is {at_most(self.bound)} there"
        )


def export(
    to: str,
    name: str,
    parameters: Mapping[str, Any],
    witness: Witness,
    numbers: str,
    n: int | None = None,
) -> Made:
    """A witness, built of these parameters, as a file; for prompts of n examples where it cannot be
    for any number of them.

    Raises NoExport, also where the file is not within the witness's rounding bound.
    """
    import torch

    from constructions.exports.graph import shapes

    form = forms()[to]
    form.needs()
    if witness.free_symbols:
        letters = ", ".join(sorted(map(str, witness.free_symbols)))
        raise NoExport(f"{name}: the letters {letters} have no numbers")
    n = witness.examples or n or _examples(name, parameters)
    module = witness.to_torch(getattr(torch, numbers))
    about = {
        "schema": SCHEMA,
        "to": to,
        "name": name,
        "parameters": {key: as_json(value) for key, value in parameters.items()},
        "digest": witness.digest,
        "source": witness.source,
        "numbers": numbers,
        **form.more,
        "inputs": shapes(witness, n, 1),
        "features": {slot.name: slot.size for slot in witness.prompt.features.slots if slot.size},
    }
    content = form.written(module, n, about)
    return _run_once(form, content, about, witness)


@dataclass(frozen=True)
class Tried:
    """A batch of prompts: how far off predictions (batch, m) were from the exact ones, and the
    witness's own bounds."""

    prompts: Prompts
    off: np.ndarray
    bound: np.ndarray


def tried(
    form: Form, path: str, about: Mapping[str, Any], witness: Witness, seed: int = 0
) -> Iterator[Tried]:
    """What a file does on prompts that are drawn, run by its card's lines. Raises NoExport."""
    predict = form.predictor(path, about["inputs"])
    for prompts in drawn(witness, about, seed):
        bound = np.asarray(witness.rounding_bound(**prompts, numbers=about["numbers"]))
        exact = witness.predict(**prompts, numbers=Ball(BITS))
        made = predict(**prompts).reshape(exact.shape)
        off = [float(abs(one - float(f)).upper()) for one, f in zip(exact.ravel(), made.ravel())]
        yield Tried(prompts, np.array(off).reshape(exact.shape), bound)


def _run_once(form: Form, content: bytes, about: Mapping[str, Any], witness: Witness) -> Made:
    """Raises NoExport where a prediction is beyond the bound."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / form.file
        path.write_bytes(content)
        batches = list(tried(form, str(path), about, witness))
    for one in batches:
        if not np.isfinite(one.bound).all():
            raise NoExport(
                f"{about['name']}: nothing bounds what rounding in {about['numbers']} does to a "
                "drawn prompt, so that no file can be told from a wrong one"
            )
        if not (one.off <= one.bound).all():
            raise NoExport(
                f"{about['name']}: run as {form.name} it is off by {one.off.max():.2g}, beyond the "
                f"bound that rounding has, {one.bound.max():.2g}"
            )
    count = sum(len(one.off) for one in batches)
    error, bound = (max(float(a.max()) for a in each)
                    for each in zip(*((one.off, one.bound) for one in batches)))  # fmt: skip
    return Made(form, content, about, count, error, bound)


def _examples(name: str, parameters: Mapping[str, Any]) -> int:
    """How many a construction's own prompts have, 8 where it has none of its own."""
    parts = next(_own(name, parameters), None)
    return EXAMPLES if parts is None else len(parts[0])


def _own(name: str, parameters: Mapping[str, Any], seed: int = 0) -> Iterator[tuple[Any, Any, Any]]:
    """Prompts that a construction draws itself, if it does."""
    made = constructions.get(name) if name in constructions.names() else None
    if made is not None and made.sample is not None:
        values = made.values(**parameters)
        yield from (made.sample(values, seed + one) for one in OWN_SEEDS)


def drawn(witness: Witness, about: Mapping[str, Any], seed: int = 0) -> Iterator[Prompts]:
    """Batches of prompts of several sizes, in numbers of float32; those that a construction draws
    itself where they have the file's sizes."""
    n, m = (about["inputs"].get(name, (0, 1))[1] for name in ("X", "queries"))
    parameters = {key: from_json(value) for key, value in about["parameters"].items()}
    own = [one for one in _own(about["name"], parameters, seed) if n in ("n", len(one[0]))]
    for parts in own:
        yield _named(about, [np.asarray(one, dtype=float)[None] for one in parts])
    random = np.random.default_rng(seed)
    for batch, examples, asked in () if own else SIZES:
        of = examples if n == "n" else n, asked if m == "m" else m
        sizes = shapes_of(witness.prompt, *of)
        drew = [random.uniform(-1, 1, (batch, *size)).astype(np.float32) for size in sizes]
        yield _named(about, [one.astype(float) for one in drew])


def _named(about: Mapping[str, Any], parts: Sequence[np.ndarray]) -> Prompts:
    every = dict(zip(("X", "y", "queries"), parts))
    return {name: every[name] for name in about["inputs"]}


# -- the card -----------------------------------------------------------------------------------


def card(made: Made, witness: Witness) -> str:
    """README.md of a folder."""
    about, form = made.about, made.form
    axes = "\n".join(
        f"| `{name}` | {', '.join(map(str, one))} |" for name, one in about["inputs"].items()
    )
    return f"""# {about["name"]}, as {form.file}

`{about["name"]}` ({call(about["parameters"])}) as a transformer whose weights were not trained:
{witness.layers} layers, {witness.width} units, in {about["numbers"]}.
{f"Source: {witness.source}." if witness.source else ""}

## Use

Without the package that wrote it:

```python
{form.script(about["inputs"])}```

| goes in | axes |
| --- | --- |
{axes}

{made.open[0].upper()}{made.open[1:]}, from 1 on. What comes out is `prediction`. Numbers that are
not finite are not refused.
{"" if "predict" in form.lines else WIRING}
## How far off it is

Seen: {made.found}.
That bound, `Witness.rounding_bound`, is each prompt's own, for sums in any order; none was passed.
`about` has the construction, its parameters and the digest of its weights.
"""
