"""The printed layers of vonoswald2022 against the same matrices written out in torch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from examples import fractions

from constructions.papers.vonoswald2022 import gdpp, ksteps, prop1_blocks
from verify import algorithms


@pytest.fixture
def numbers():
    """X (4, 3), y (4,), one query (1, 3), w0 (3,)."""
    rng = np.random.default_rng(5)
    X, y, query = (rng.integers(-3, 4, shape) for shape in ((4, 3), 4, (1, 3)))
    return X, y, query, (1, -2, 3)


def self_attention(e, heads, n):
    """e_j + sum_h P_h V_h K_h^T q_{h,j}, keys and values over the first n of the tokens e."""
    after = e.clone()
    for W_Q, W_K, W_V, P in heads:
        keys, values = e[:n] @ W_K.T, e[:n] @ W_V.T
        after += (e @ W_Q.T) @ keys.T @ values @ P.T
    return after


def printed_head(W0, eta, n):
    dy, dx = W0.shape
    W_K = torch.zeros(dx + dy, dx + dy, dtype=torch.float64)
    W_K[:dx, :dx] = torch.eye(dx)
    W_V = torch.zeros(dx + dy, dx + dy, dtype=torch.float64)
    W_V[dx:, :dx], W_V[dx:, dx:] = W0, -torch.eye(dy)
    return W_K, W_K, W_V, eta / n * torch.eye(dx + dy, dtype=torch.float64)


def tokens(X, y, query, w0):
    """(x_j, y_j) and the query as (x, -w0.x)."""
    context = np.hstack([X, y[:, None]])
    asked = np.hstack([query, -(query @ np.array(w0))[:, None]])
    return torch.tensor(np.vstack([context, asked]), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 3])
def test_k_layers_are_the_printed_matrices_in_torch(numbers, k):
    X, y, query, w0 = numbers
    e = tokens(X, y, query, w0)
    for _ in range(k):
        e = self_attention(e, [printed_head(torch.tensor([w0]), 0.25, 4)], 4)
    witness = ksteps(3, 4, k, Fraction(1, 4), w0)
    state = witness.trace(X.astype(float), y.astype(float), query.astype(float))[-1]
    assert np.allclose(np.hstack([state["x"], state["y"][:, None]]), e, rtol=1e-9)


def test_gdpp_is_two_heads_on_the_same_tokens_in_torch(numbers):
    X, y, query, w0 = numbers
    gamma = 0.125
    e = tokens(X, y, query, w0)
    W_K = torch.diag(torch.tensor([1.0, 1, 1, 0], dtype=torch.float64))
    curvature = (W_K, W_K, -gamma * W_K, torch.eye(4, dtype=torch.float64))
    for _ in range(2):
        e = self_attention(e, [printed_head(torch.tensor([w0]), 0.25, 4), curvature], 4)
    witness = gdpp(3, 4, 2, Fraction(1, 4), Fraction(1, 8), w0)
    state = witness.trace(X.astype(float), y.astype(float), query.astype(float))[-1]
    assert np.allclose(np.hstack([state["x"], state["y"][:, None]]), e, rtol=1e-9)


def test_blocks_with_two_targets_are_one_gradient_step_of_autograd(numbers):
    X, _, query, _ = numbers
    rng = np.random.default_rng(6)
    Y, W0 = rng.integers(-3, 4, (4, 2)), rng.integers(-2, 3, (2, 3))
    W = torch.tensor(W0, dtype=torch.float64, requires_grad=True)
    x, target = (torch.tensor(part, dtype=torch.float64) for part in (X, Y))
    loss = ((x @ W.T - target) ** 2).sum() / (2 * len(X))
    (gradient,) = torch.autograd.grad(loss, W)
    updated = (W - 0.5 * gradient).detach().numpy()
    entered = np.concatenate([query[0], -(W0 @ query[0])])[None].astype(float)
    witness = prop1_blocks(tuple(map(tuple, W0.tolist())), 4, Fraction(1, 2))
    state = witness.trace(np.hstack([X, Y]).astype(float), np.zeros(4), entered)[-1]["e"]
    assert np.allclose(-state[-1, 3:], updated @ query[0])
    assert np.allclose(state[:4, 3:], Y - X @ (updated - W0).T)


def test_gdpp_without_the_second_head_is_gradient_descent(numbers):
    X, y, query, w0 = map(fractions, numbers)
    made = gdpp(3, 4, 3, Fraction(1, 7), 0, tuple(w0)).predict(X, y, query, "rational")
    expected = algorithms.gradient_descent(X, y, query, 3, Fraction(1, 7), w0=w0, loss="mean")
    assert list(made) == list(expected)
