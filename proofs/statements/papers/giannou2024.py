"""Statements of giannou2024: products of matrices that stand in the tokens, for every d."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, Z
from proofs.theorem import Theorem, theorem

Values = Mapping[str, Any]
I = c.identity(c.d)  # noqa: E741
X0 = c.letter("X_0", c.d, c.d)
A = c.letter("A", c.d, c.d)
SYMMETRIC = c.letter("A", c.d, c.d, symmetric=True)
STEP = {"again": 1, "minus": -1}


def product(value: Form, key: Form, query: Form) -> Form:
    """What a head adds whose tokens hold the columns of these matrices: value (keyᵀ query)."""
    return c.head(value.T, key.T, query.T).T


def next_iterate(weights: Values, transposed: Form) -> Form:
    added = weights["again"] * product(X0, I, I) + weights["minus"] * product(X0, transposed, X0)
    return X0 + added


def _any_matrix(argument: Argument, weights: Values) -> None:
    transposed = weights["copy"] * product(I, A, I)
    argument.equal(r"\text{layer 1, the zeros: } ", transposed, A.T)
    argument.equal(
        r"\text{layer 2, } X_0 + X_0(I^\top I) - X_0((A^\top)^\top X_0):\ ",
        next_iterate(weights, transposed),
        X0 @ (2 * I - A @ X0),
    )
    argument.equal(
        r"\text{and the zeros again: } ",
        transposed + weights["clear"] * product(transposed, I, I),
        c.zero(c.d, c.d),
    )


def _symmetric(argument: Argument, weights: Values) -> None:
    argument.equal(
        r"X_0 + X_0(I^\top I) - X_0(A^\top X_0):\ ",
        next_iterate(weights, SYMMETRIC),
        X0 @ (2 * I - SYMMETRIC @ X0),
    )
    argument.differ(
        r"\text{with } A \neq A^\top:\ ", next_iterate(weights, A), X0 @ (2 * I - A @ X0)
    )


def _turned(argument: Argument, kept: bool) -> None:
    """Tokens H O for H, O orthogonal: a layer of any weights gives f(H) O."""
    O = c.letter("O", c.d, c.d)  # noqa: E741
    K, Q, V = (c.letter(name, c.d, c.d) for name in ("K", "Q", "V"))  # of one head of any weights
    turned = product(V @ O, K @ O, Q @ O)
    outer = O @ O.T
    argument.equal(
        r"V H O (K H O)^\top Q H O = (V H (K H)^\top Q H) O:\ ",
        c.rewrite(turned, outer, I) if kept else turned,
        product(V, K, Q) @ O,
    )
    argument.note(
        r"\text{and an MLP acts on each token, so that a permutation } O \text{ goes through it}"
    )
    newton = X0 @ O @ (2 * I - A @ O @ X0 @ O)
    argument.differ(
        r"X_0 O(2I - A O X_0 O) \neq X_0(2I - A X_0)\,O:\ ",
        newton,
        X0 @ (2 * I - A @ X0) @ O,
    )


def _by_tokens(argument: Argument, weights: Values) -> None:
    """Token t holds N x_t with N = 2⁻ᵗ M: what a head subtracts is N S N x_t."""
    M, power = c.letter("M", c.d, c.d), sympy.Symbol("p")  # p = 2^t
    now = M / power
    for where, rows in (("example", X), ("test", Z)):
        held = rows @ now.T
        argument.equal(
            rf"\text{{{where}: }} (2M - MSM)/2^{{t+1}}:\ ",
            held + weights["minus"] * power / 2 * c.head(X @ now.T, X, held),
            rows @ (2 * M - M @ S @ M).T / (2 * power),
        )


THEOREMS: list[Theorem] = [
    theorem(
        "giannou2024.lemma4.1", "giannou2024.lemma4.1",
        r"[X_0; A; I; 0] \mapsto [X_0; A; I; A^\top] \mapsto [X_0(2I - AX_0); A; I; 0]",
        _any_matrix, "printed", "identity", {**STEP, "copy": 1, "clear": -1},
    ),
    theorem(
        "giannou2024.lemma4.1.symmetric", "giannou2024.lemma4.1.symmetric",
        r"A = A^\top:\ [X_0; A; I] \mapsto [X_0(2I - AX_0); A; I]",
        _symmetric, "printed", "identity", STEP,
    ),
    theorem(
        "giannou2024.lemma4.1.alone", "giannou2024.lemma4.1.alone",
        r"f(HO) = f(H)\,O \text{ for a permutation } O \text{ and any weights, but } "
        r"X_0 O(2I - A O X_0 O) \neq X_0(2I - A X_0)\,O",
        _turned, "printed", "impossibility", None, {"kept": True},
    ),
    theorem(
        "giannou2024.theorem4.2.few", "giannou2024.theorem4.2.few",
        r"2^{-t}M_t x \mapsto 2^{-t}M_t x - 2^{t-1}\,2^{-t}M_t S\,2^{-t}M_t x = 2^{-t-1}M_{t+1} x,"
        r"\; M_{t+1} = 2M_t - M_t S M_t",
        _by_tokens, "repaired", "induction on k", {"minus": -1},
    ),
]  # fmt: skip
