"""bai2023's layers against its definitions 1, 2 and B.1 with dense matrices, in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from constructions.papers import bai2023

HALF, EIGHTH = Fraction(1, 2), Fraction(1, 8)


def matrix(rows, columns, **entries):
    """A matrix of fractions; entries maps a name to ((row, column), value)."""
    made = np.full((rows, columns), Fraction(0), dtype=object)
    for (i, j), value in entries.values():
        made[i, j] += value
    return made


def attend(H, heads, weight):
    """h_i + sum_m sum_j weight(i, j) relu(<Q h_i, K h_j>) V h_j on the columns of H."""
    after = H.copy()
    for Q, K, V in heads:
        asked, met, read = Q @ H, K @ H, V @ H
        for i in range(H.shape[1]):
            for j in range(H.shape[1]):
                score = max(asked[:, i] @ met[:, j], 0)
                after[:, i] = after[:, i] + read[:, j] * (weight(i, j) * score)
    return after


def places(d):
    """x, y, w, one, t in a token of definition (3)."""
    return range(d), d, range(d + 1, 2 * d + 1), 2 * d + 1, 2 * d + 2


def printed_heads(d, N, eta, R, ridge):
    """Q h = [a w; b; e; -R], K h = [x; y'; 1; 1 - t], V h = -(N + 1)/N eta c x in the rows of w."""
    x, y, w, one, t = places(d)
    size, heads = 2 * d + 3, []
    for c, a in ((2, HALF), (-2, -HALF)):
        Q, K, V = (matrix(size, size) for _ in range(3))
        for i in range(d):
            Q[i, w[i]], K[i, x[i]] = a, Fraction(1)
            V[w[i], x[i]] = -Fraction(N + 1, N) * eta * c
        Q[d, one], Q[d + 2, one] = -a, -R
        K[d, y], K[d + 1, one], K[d + 2, one], K[d + 2, t] = map(Fraction, (1, 1, 1, -1))
        heads.append((Q, K, V))
    Q, V = matrix(size, size), matrix(size, size)
    Q[0, one] = Fraction(1)
    for i in w:
        V[i, i] = -eta * ridge
    return [*heads, (Q, Q, V)]


def printed_readout(d):
    x, y, w, one, _ = places(d)
    size, heads = 2 * d + 3, []
    for sign in (1, -1):
        Q, K, V = (matrix(size, size) for _ in range(3))
        for i in range(d):
            Q[i, x[i]], K[i, w[i]] = Fraction(1), Fraction(sign)
        V[y, one] = Fraction(sign)
        heads.append((Q, K, V))
    return heads


@pytest.fixture(params=[(1, 1), (2, 3), (3, 2)])
def prompt(request):
    """X (N, d), y (N,), one query, w0 (d,)."""
    d, N = request.param
    rng = np.random.default_rng(d)
    made = (rng.integers(-3, 4, shape) for shape in ((N, d), N, (1, d), d))
    return [np.array([Fraction(int(v)) for v in a.ravel()]).reshape(a.shape) for a in made]


def test_layers_are_the_printed_matrices(prompt):
    X, y, query, w0 = prompt
    N, d = X.shape
    eta, R, ridge = EIGHTH, Fraction(50), Fraction(1, 3)
    H = np.full((2 * d + 3, N + 1), Fraction(0), dtype=object)
    H[:d], H[d, :N], H[2 * d + 1], H[2 * d + 2, :N] = np.vstack([X, query]).T, y, 1, 1
    H[d + 1 : 2 * d + 1] = w0[:, None]
    H = H * Fraction(1)
    for heads in [printed_heads(d, N, eta, R, ridge)] * 2 + [printed_readout(d)]:
        H = attend(H, heads, lambda i, j: Fraction(1, N + 1))
    state = bai2023.descent(d, N, 2, eta, R, ridge, tuple(w0)).trace(X, y, query, "rational")[-1]
    assert (state["w"].T == H[d + 1 : 2 * d + 1]).all()
    assert (state["y"].ravel() == H[d]).all()


def test_the_decoder_weighs_tokens_as_definition_b1_and_its_change(prompt):
    """The w of token i is moved by sum_{j <= i} relu(...) V h_j, over (i - 1) v 1."""
    X, y, query, _ = prompt
    N, d = X.shape
    witness = bai2023.decoder(d, N, 1, EIGHTH, Fraction(50), "1")
    before, after = witness.trace(X, y, query, "rational")[-2:]
    H = np.full((2 * d + 3, 2 * N + 1), Fraction(0), dtype=object)
    H[:d], H[d], H[2 * d + 1] = before["x"].T, before["y"].ravel(), Fraction(1)
    H[2 * d + 2] = before["t"].ravel()
    weight = [[Fraction(j <= i, max(i, 1)) for j in range(2 * N + 1)] for i in range(2 * N + 1)]
    heads = printed_heads(d, N, EIGHTH, Fraction(50), 0)
    share = Fraction(N, N + 1)  # of the encoder's value, which the decoder is given without
    heads = [(Q, K, V * share) for Q, K, V in heads]
    H = attend(H, heads, lambda i, j: weight[i][j])
    assert (after["w"].T == H[d + 1 : 2 * d + 1]).all()


@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("N", [1, 2, 40])
def test_two_layers_put_x_into_the_token_of_its_y(N, covariate):
    X = np.array([[Fraction(j + 1), Fraction(-j, 3)] for j in range(N)])
    y = np.array([Fraction(2 * j + 1, 7) for j in range(N)])
    query = np.array([[Fraction(5), Fraction(-2)]])
    made = bai2023.conversion(2, covariate).trace(X, y, query, "rational")[-1]
    assert (made["x"][1::2] == X).all() and (made["x"][0:-1:2] == X).all()
    assert (made["x"][-1] == query[0]).all()
    assert made["t"].ravel().tolist() == [0, 1] * N + [0]
    assert not made["s"].any()


@pytest.mark.parametrize("units", ["soft_units", "shrink_units", "clip_units"])
def test_both_readings_of_an_mlp_are_one_operator(units):
    made = getattr(bai2023, units)
    points = np.array([[Fraction(v, 4)] for v in range(-9, 10)])
    skip, alone = (
        bai2023.proximal(1, made(Fraction(5, 4), skip), skip).predict(
            points[:1], [0], points, "rational"
        )
        for skip in (True, False)
    )
    assert (skip == alone).all()
