"""The printed layers of fu2023 against the same matrices written out in torch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from examples import fractions

from constructions.papers.fu2023.layers import theorem51
from constructions.papers.fu2023.statements import eq24, eq30, lemma_b3, remark_b6
from verify import algorithms

relu = torch.nn.functional.relu


@pytest.fixture
def numbers():
    """X (4, 3), y (4,), T (3, 3) of small integers."""
    rng = np.random.default_rng(3)
    return rng.integers(-3, 4, (4, 3)), rng.integers(-3, 4, 4), rng.integers(-2, 3, (3, 3))


def blocks(a, b, c, d):
    """[[a I, b I], [c I, d I]] at d = 3."""
    eye = torch.eye(3, dtype=torch.float64)
    return torch.cat([torch.cat([a * eye, b * eye], 1), torch.cat([c * eye, d * eye], 1)])


def attention(h, heads, divide, causal=False):
    """h_t + (1/divide) sum_m sum_j ReLU(<Q_m h_t, K_m h_j>) V_m h_j; h (tokens, units)."""
    after = h.clone()
    for Q, K, V in heads:
        weights = relu((h @ Q.T) @ (h @ K.T).T)
        weights = weights.tril() if causal else weights
        after += (weights / divide) @ (h @ V.T)
    return after


def held(witness, X, y, queries, *slots):
    state = witness.trace(X.astype(float), y.astype(float), queries.astype(float))[-1]
    columns = [state[slot] if state[slot].ndim == 2 else state[slot][:, None] for slot in slots]
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("printed", [True, False])
def test_eq24_is_the_printed_matrices_in_torch(numbers, printed):
    X, y, _ = numbers
    n, alpha = 4, 0.25
    h = torch.tensor(np.hstack([X, X]), dtype=torch.float64)  # after mov: x below itself
    J, sign = blocks(1, 0, 0, 0), 1 if printed else -1
    V = n * alpha * J
    h = attention(h, [(J, J, V), (J, -J, sign * V)], n)
    h = h + h @ blocks(0, -1, 0, 0).T  # aff: minus x
    witness = eq24(3, n, Fraction(1, 4), printed)
    assert np.allclose(held(witness, X, y, np.zeros((1, 3)), "top", "x")[:n], h, atol=1e-12)


@pytest.mark.parametrize("printed", [True, False])
def test_eq30_is_the_printed_matrices_in_torch(numbers, printed):
    X, y, T = numbers
    n = 4
    h = torch.tensor(np.hstack([X @ T.T, X]), dtype=torch.float64)
    G, J = blocks(0, -n / 2, 0, 0), blocks(1, 0, 0, 0)
    h = attention(h, [(G, J, J), (G, -J, J if printed else -J)], n)
    h = h + h @ J.T
    witness = eq30(tuple(map(tuple, T.tolist())), n, printed)
    assert np.allclose(held(witness, X, y, np.zeros((1, 3)), "top", "x")[:n], h, atol=1e-9)


@pytest.mark.parametrize("printed", [True, False])
def test_remark_b6_is_the_causal_layer_in_torch(numbers, printed):
    X, y, T = numbers
    h = torch.tensor(np.hstack([X @ T.T, X]), dtype=torch.float64)
    G, J = blocks(0, -0.5, 0, 0), blocks(1, 0, 0, 0)
    seen = torch.arange(1, 5, dtype=torch.float64)[:, None]
    h = attention(h, [(G, J, J), (G, -J, J if printed else -J)], seen, causal=True)
    witness = remark_b6(tuple(map(tuple, T.tolist())), 4, printed)
    assert np.allclose(held(witness, X, y, np.zeros((1, 3)), "top", "x")[:4], h, atol=1e-9)


def test_lemma_b3_is_the_printed_projection_in_torch(numbers):
    X, y, _ = numbers
    n = 4
    h = torch.zeros(n, 7, dtype=torch.float64)
    h[:, :3], h[:, 3] = torch.tensor(X), 1
    P, V = torch.zeros(7, 7, dtype=torch.float64), torch.zeros(7, 7, dtype=torch.float64)
    P[3, 3] = 1
    V[4:, :3] = n * torch.eye(3)
    after = attention(h, [(P, P, V), (P, -P, V)], n)
    witness = lemma_b3(3, n)
    assert np.allclose(held(witness, X, y, np.zeros((1, 3)), "h", "one", "sum")[:n], after)
    assert np.allclose(after[:, 4:], torch.tensor(X.sum(0), dtype=torch.float64))


def test_x_test_among_the_keys_gives_newton_on_the_leaked_gram_matrix(numbers):
    X, y, T = map(fractions, numbers)
    x, alpha, k = T[0], Fraction(1, 50), 2
    leaked = X.T @ X + np.outer(x, x)
    M = algorithms.newton_matrix(leaked, k, alpha * leaked)
    made = theorem51(3, 4, k, alpha, printed=False, test="units of x")
    (prediction,) = made.predict(X, y, x[None], "rational")
    assert prediction == x @ M @ X.T @ y
    assert prediction != algorithms.newton(X, y, x[None], k, alpha)[0]


@pytest.mark.parametrize("wrong", [{"test": "elsewhere"}, {"labels": "x"}, {"keys": "causal"}])
def test_an_unknown_reading_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        theorem51(1, 1, 1, 1, **wrong)
