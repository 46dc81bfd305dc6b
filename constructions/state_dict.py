"""A trained self-attention's weights as layers of matrices, which `from_matrices` takes.

    from_matrices(layers_from("lsa.safetensors", M="examples", factor="1/n"), rows=…, read=…)

Layouts are recognised by the names of their tensors, any prefix before them:
  layers.0.P, layers.0.Q (or W_Q, W_K, W_V, W_O, W_1, W_2, W_gate), layers.0.heads.1.P, with
    ".weight" or without: matrices as papers write them; no layers.0 where there is one layer.
  layers.0.heads.0.query, key, value, layers.0.mlp.inner, gate, outer: what `to_torch()` saves.
  in_proj_weight, out_proj.weight: torch.nn.MultiheadAttention.
  q_proj.weight, k_proj.weight, v_proj.weight, o_proj.weight (or out_proj.weight).
  allparam (layers, heads, 2, d, d): the published code of ahn2023.
Whatever else is in the file is refused by name. Nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

from proofs.exact import Exact

from .block_matrices import Rows, nested, rows_of
from .files import read_safetensors
from .parameters import whole

MATRICES = ("P", "Q", "W_Q", "W_K", "W_V", "W_O", "W_1", "W_2", "W_gate")
OURS = {
    "query": "W_Q",
    "key": "W_K",
    "value": "P",
    "inner": "W_1",
    "gate": "W_gate",
    "outer": "W_2",
}
OF_AN_MLP = ("W_1", "W_2", "W_gate")
TORCH = {"in_proj_weight": "in", "out_proj.weight": "W_O", "o_proj.weight": "W_O"} | {
    f"{one.lower()}_proj.weight": f"W_{one}" for one in "QKV"
}
BIASES = (
    "in_proj_bias",
    "out_proj.bias",
    "o_proj.bias",
    "q_proj.bias",
    "k_proj.bias",
    "v_proj.bias",
)
KNOWN = "layers.0.P, layers.0.heads.0.query, in_proj_weight, q_proj.weight, allparam"

Tensors = Mapping[str, Any]
Layers = tuple[dict[str, Any], ...]


def layers_from(
    weights: str | Path | Tensors,
    *,
    names: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    heads: int = 1,
    activation: str | None = None,
    **of_each_head: Any,
) -> Layers:
    """The layers of a safetensors file, or of a state_dict, floats taken exactly.

    names: {"block{l}.to_q.weight": "W_Q"} for names of one's own, {l} and {h} standing for the
    numbers of layer and head, "W_Q^T" for what is stored transposed. ignore: tensors to leave out.
    of_each_head: M, mask, factor, attention, scale as `from_matrices` has them. Torch's projections
    are those of `heads` together; their attention is softmax, their scale 1/sqrt of a head's size.

    Raises ValueError with one line that names a tensor.
    """
    tensors = read_safetensors(weights)[0] if isinstance(weights, (str, Path)) else dict(weights)
    left_out = set(ignore)
    if missing := sorted(left_out - set(tensors)):
        raise ValueError(f"ignore: there is no tensor {missing[0]!r}")
    tensors = {name: tensor for name, tensor in tensors.items() if name not in left_out}
    if names is not None:
        found = _by_names(tensors, names)
    elif any(name.endswith("allparam") for name in tensors):
        return _ahn2023(tensors, of_each_head)
    elif any(name.endswith(tuple(TORCH)) for name in tensors):
        return _torch(tensors, whole("heads", heads), of_each_head)
    else:
        found = _by_names(tensors, None)
    if heads != 1:
        raise ValueError(
            "heads is of torch's projections; here the names say which heads there are"
        )
    return tuple(_layer(one, activation, of_each_head) for one in found)


# -- matrices by their names ------------------------------------------------------------------

Place = tuple[int, int | None]  # number of layer, of head
Found = dict[int | None, dict[str, Rows]]  # the matrices of one layer by head, None: its own


def _by_names(tensors: Tensors, names: Mapping[str, str] | None) -> list[Found]:
    """The matrices of each layer."""
    role = _papers if names is None else _of_ones_own(names)
    found: dict[int, Found] = {}
    for name, tensor in tensors.items():
        told = role(name)
        if told is None:
            known = KNOWN if names is None else ", ".join(names)
            raise ValueError(
                f"the tensor {name!r} has no place here; what is known is called {known}; "
                f"--name {name}=P (in Python names=) says which matrix one is, --ignore (ignore=) "
                "leaves one out"
            )
        (layer, head), matrix = told
        stored = rows_of(name, tensor)
        turned = matrix.endswith("^T")
        at = found.setdefault(layer, {}).setdefault(head, {})
        if matrix.removesuffix("^T") in at:
            raise ValueError(f"the tensor {name!r} is a second {matrix} of layer {layer}")
        at[matrix.removesuffix("^T")] = tuple(zip(*stored)) if turned else stored
    if not found:
        raise ValueError("there is no tensor to make layers of")
    _counted("the layers", found)
    for number, heads in found.items():
        _counted(f"the heads of layer {number}", [h for h in heads if h is not None])
    return [found[number] for number in range(len(found))]


def _counted(what: str, numbers: Iterable[int]) -> None:
    """Raises ValueError unless they are 0, 1, 2, …"""
    if (known := sorted(numbers)) != list(range(len(known))):
        raise ValueError(f"{what} are numbered {known}, which does not go up from 0")


def _papers(name: str) -> tuple[Place, str] | None:
    """The place and the role of "prefix.layers.0.heads.1.P.weight"; any other number is unknown."""
    words = name.removesuffix(".weight").split(".")
    role, head, layer = words.pop(), None, 0
    if words[-1:] == ["mlp"]:
        words.pop()
    if words[-2:-1] == ["heads"] and words[-1].isdecimal():
        *words, _, number = words
        head = int(number)
    if words[-2:-1] == ["layers"] and words[-1].isdecimal():
        *words, _, number = words
        layer = int(number)
    role = OURS.get(role, role)
    known = role in MATRICES and not any(word.isdecimal() for word in words)
    return ((layer, head), role) if known else None


def _of_ones_own(names: Mapping[str, str]) -> Callable[[str], tuple[Place, str] | None]:
    patterns = []
    for pattern, matrix in names.items():
        if matrix.removesuffix("^T") not in MATRICES:
            raise ValueError(f"names: {matrix!r} is no matrix; there are {', '.join(MATRICES)}")
        text = re.escape(pattern)
        for letter in "lh":
            text = text.replace(re.escape(f"{{{letter}}}"), rf"(?P<{letter}>\d+)")
        patterns.append((re.compile(text), matrix))

    def role(name: str) -> tuple[Place, str] | None:
        for pattern, matrix in patterns:
            if match := pattern.fullmatch(name):
                at = match.groupdict()
                return (int(at.get("l", 0)), int(at["h"]) if "h" in at else None), matrix
        return None

    return role


def _layer(found: Found, activation: str | None, of_each_head: Mapping[str, Any]) -> dict[str, Any]:
    """One layer: heads that are numbered, or the one that is not."""
    own = dict(found.get(None, {}))
    layer: dict[str, Any] = {word: own.pop(word) for word in OF_AN_MLP if word in own}
    if layer:
        layer |= {} if activation is None else {"activation": activation}
    heads = [found[number] for number in sorted(n for n in found if n is not None)]
    heads = [own, *heads] if own else heads
    return layer | {"heads": [{**head, **of_each_head} for head in heads]}


# -- layouts of their own ---------------------------------------------------------------------


def _ahn2023(tensors: Tensors, of_each_head: Mapping[str, Any]) -> Layers:
    """allparam[l, h, 0] is P on x, beside 1 on y; allparam[l, h, 1] is Q on x, 0 elsewhere.

    In the code the reader stands on the left, z_t^T Q z_j: its Q is the paper's transposed.
    """
    (name, tensor), *others = sorted(tensors.items(), key=lambda one: "allparam" not in one[0])
    for other, _ in others:
        raise ValueError(f"the tensor {other!r} has no place beside {name}")
    shape = tuple(tensor.shape)
    if len(shape) != 5 or shape[2] != 2 or shape[3] != shape[4]:
        raise ValueError(f"{name} has shape {shape}, not (layers, heads, 2, d, d)")
    words = {"M": "examples", "factor": "1/n", **of_each_head}

    def padded(block: Any, corner: int, where: str) -> Rows:
        rows = rows_of(where, block)
        zeros = (0,) * len(rows)
        return (*((*row, 0) for row in rows), (*zeros, corner))

    return tuple(
        {
            "heads": [
                {
                    "P": padded(P, 1, f"{name}[{number}, {h}, 0]"),
                    "Q": tuple(zip(*padded(Q, 0, f"{name}[{number}, {h}, 1]"))),
                    **words,
                }
                for h, (P, Q) in enumerate(layer)
            ]
        }
        for number, layer in enumerate(nested(tensor))
    )


def _torch(tensors: Tensors, heads: int, of_each_head: Mapping[str, Any]) -> Layers:
    """Projections of all heads together, a layer for each prefix, by the numbers in it."""
    made: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        ending = next(
            (e for e in (*TORCH, *BIASES) if re.search(rf"(^|\.){re.escape(e)}$", name)), None
        )
        if ending is None:
            raise ValueError(
                f"the tensor {name!r} has no place beside the projections of attention; "
                "`ignore` leaves tensors out"
            )
        if ending in BIASES:
            if any(nested(tensor)):
                raise ValueError(
                    f"the tensor {name!r} is a bias that is not 0; it has no place here"
                )
            continue
        made.setdefault(name.removesuffix(ending), {})[TORCH[ending]] = rows_of(name, tensor)
    words = {"attention": "softmax", **of_each_head}
    if words["attention"] != "softmax" and "scale" not in words:
        raise ValueError(
            f"scale is needed: what the scores of {words['attention']} attention are multiplied by"
        )
    return tuple(
        {"heads": [{**head, **words} for head in _projections(prefix, made[prefix], heads)]}
        for prefix in sorted(made, key=_numbered)
    )


def _projections(prefix: str, found: dict[str, Any], heads: int) -> Iterator[dict[str, Any]]:
    if "in" in found:
        rows = found.pop("in")
        size = len(rows) // 3
        found |= {f"W_{one}": rows[i * size : (i + 1) * size] for i, one in enumerate("QKV")}
    for word in ("W_Q", "W_K", "W_V", "W_O"):
        if word not in found:
            raise ValueError(f"{prefix or 'the attention'}: there is no projection {word}")
    size = len(found["W_Q"])
    if size % heads or any(len(found[f"W_{one}"]) != size for one in "KV"):
        raise ValueError(
            f"{prefix or 'the attention'}: projections of {size} rows are not {heads} equal heads"
        )
    each = size // heads
    for h in range(heads):
        rows = slice(h * each, (h + 1) * each)
        yield {
            "W_Q": found["W_Q"][rows],
            "W_K": found["W_K"][rows],
            "W_V": found["W_V"][rows],
            "W_O": tuple(row[rows] for row in found["W_O"]),
            "scale": _root(each),
        }


def _root(size: int) -> Exact:
    """1 / sqrt(size), a fraction where it is one."""
    if isqrt(size) ** 2 == size:
        return Fraction(1, isqrt(size))
    import sympy

    return 1 / sympy.sqrt(size)


def _numbered(prefix: str) -> list[Any]:
    """The numbers in a prefix, by which layers are in order."""
    return [int(part) for part in re.findall(r"\d+", prefix)]
