"""Trained linear self-attention from a file, without its gauge.

A layer Z + factor sum_h P_h Z M (Z^T Q_h Z), M = diag(I_n, 0), adds to a token z

    row i:  sum over k, a <= b of T[i, k, a, b] G_ab z_k,    G = sum_j z_j z_j^T,

over its examples j. T is all that the layer does: weights with the same T are one layer, whatever
the scale that P and Q of a head share, their signs, the maps between W_Q and W_K or W_V and W_O,
the order and number of heads, and the part of P and Q that is antisymmetric in a and b.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from constructions import Witness, from_matrices, layers_from
from constructions.files import read_safetensors
from constructions.numbers import Unsupported

from ...checks.boxes.moments import Moments, g_name, refuse_others

LAYERS = 2  # of more the polynomial is too long: of three it has degree 13 in G
REST = "rest"

Coefficients = Mapping[tuple[int, int, int, int], Fraction]  # (i, k, a, b), a <= b: not 0


class NoWeightsError(ValueError):
    """A file without weights that can be snapped. The message is one line."""


def said(file: str | Path) -> dict[str, Any]:
    """What a file's metadata says of how it is to be read: some of n, d, factor and read.

    `witness train` writes it: "settings", with d and n, and "read_as". Raises NoWeightsError.
    """
    path = Path(file)
    if not path.is_file():
        raise NoWeightsError(f"{file}: there is no such file")
    try:
        metadata = read_safetensors(path)[1]
        settings, read_as = (json.loads(metadata.get(k, "{}")) for k in ("settings", "read_as"))
    except ValueError as error:
        raise NoWeightsError(" ".join(str(error).split())) from None
    made = {name: settings[name] for name in ("n", "d") if name in (settings or {})}
    if factor := ((read_as or {}).get("layers") or {}).get("factor"):
        made["factor"] = factor
    if read := ((read_as or {}).get("read") or {}).get("y"):
        made["read"] = read
    return made


@dataclass(frozen=True)
class Reading:
    """How the weights are to be read, which they do not say themselves.

    d: numbers in an input (rows from d + 1 on begin as 0); n: examples; factor: "1/n" or a number;
    read: the prediction is that multiple, 1 or -1, of the query's y. heads, scale: of torch's
    projections. names, ignore: of tensors, as `layers_from` has them.
    """

    n: int
    d: int | None = None
    factor: str = "1/n"
    read: int = -1
    heads: int = 1
    scale: str | None = None
    names: Mapping[str, str] | None = None
    ignore: tuple[str, ...] = ()

    @property
    def per(self) -> str:
        """The factor of the snapped layers: what is a number goes into the rates."""
        return "1/n" if self.factor == "1/n" else "1"

    @property
    def times(self) -> int:
        """What the coefficients of a layer are to be multiplied by to be rates."""
        return self.n if self.per == "1/n" else 1

    @property
    def of_layers(self) -> dict[str, Any]:
        """What `layers_from` is told."""
        told: dict[str, Any] = {"M": "examples", "factor": self.factor}
        if self.heads != 1:
            told["heads"] = self.heads
        if self.scale is not None:
            told["scale"] = self.scale
        if self.names is not None:
            told["names"] = self.names
        if self.ignore:
            told["ignore"] = self.ignore
        return told


@dataclass(frozen=True)
class Trained:
    """A trained network, and what it computes.

    told: to `layers_from`. prediction: a polynomial in the letters of `moments`; layers: the
    coefficients of each; weights: how many numbers are in the file; unit: their spacing, relative.
    """

    file: Path
    reading: Reading
    told: Mapping[str, Any]
    d: int
    width: int
    witness: Witness
    moments: Moments
    prediction: Any
    layers: tuple[Coefficients, ...]
    weights: int
    unit: Fraction

    @property
    def n(self) -> int:
        return self.reading.n


def read(file: str | Path, reading: Reading) -> Trained:
    """The network of a safetensors file. Raises NoWeightsError."""
    path = Path(file)
    try:
        return _read(path, reading)
    except (Unsupported, ValueError, TypeError) as error:
        message = " ".join(str(error).split())
        named = message if message.startswith(str(file)) else f"{file}: {message}"
        raise NoWeightsError(named) from None


def _read(path: Path, reading: Reading) -> Trained:
    every, told = read_safetensors(path)[0], reading.of_layers
    tensors = [tensor for name, tensor in every.items() if name not in reading.ignore]
    layers = layers_from(path, **told, attention="linear")
    if any("W_Q" in head for layer in layers for head in layer["heads"]):
        told["attention"] = "linear"
    if len(layers) > LAYERS:
        raise Unsupported(f"{len(layers)} layers; what is snapped has one or two")
    width = _width(layers[0])
    d = width - 1 if reading.d is None else reading.d
    if not 0 < d < width:
        raise Unsupported(f"tokens have {width} numbers, too few for d = {d} and a y")
    rows = {"x": d, "y": 1} | ({REST: width - d - 1} if width > d + 1 else {})
    witness = from_matrices(layers, rows=rows, d=d, read={"y": reading.read})
    refuse_others(witness)
    moments = Moments.at(d, reading.n)
    prediction = moments.of_witness(witness).polynomial
    if prediction is None:
        raise Unsupported("the prediction is no polynomial")
    return Trained(
        path,
        reading,
        told,
        d,
        width,
        witness,
        moments,
        prediction,
        tuple(coefficients(layer, width, reading.n) for layer in layers),
        sum(tensor.numel() for tensor in tensors),
        max(map(_unit, tensors)),
    )


def _width(layer: Mapping[str, Any]) -> int:
    """How many numbers a token has. Raises Unsupported where the layer has no head."""
    if not layer["heads"]:
        raise Unsupported("a layer without attention")
    head = layer["heads"][0]
    for name in ("Q", "W_Q", "P", "W_V"):
        if name in head:
            return len(head[name][0])
    raise Unsupported(f"a head with {', '.join(head)} and no Q or W_Q")


def _unit(tensor: Any) -> Fraction:
    import torch

    return Fraction(torch.finfo(tensor.dtype).eps) if tensor.is_floating_point() else Fraction(0)


def coefficients(layer: Mapping[str, Any], width: int, n: int) -> Coefficients:
    """T of a layer on tokens of `width` numbers, each of which may be anything."""
    alone = from_matrices([layer], rows={"x": width - 1, "y": 1}, read="y", d=width - 1)
    moments = Moments.at(width - 1, n)
    after = moments.states(alone)[-1]  # of the basis vectors, which are the examples
    rows = np.concatenate([after[name].reshape(width + 1, -1) for name in ("x", "y")], axis=1)
    names = moments.letters.context.names()
    places = {g_name(a, b): (a, b) for a in range(width) for b in range(a, width)}
    made: dict[tuple[int, int, int, int], Fraction] = {}
    for k, i in np.ndindex(width, width):
        entry = moments.letters.element(rows[k, i])
        polynomial = entry.polynomial
        assert polynomial is not None  # linear in G, as one layer is
        terms = polynomial.to_dict()
        for exponents, c in terms.items():
            for name, e in zip(names, exponents):
                if e:
                    made[i, k, *places[name]] = Fraction(int(c.p), int(c.q))
    return made
