"""[u = 0] of a score of integers is zero or the identity exactly where it is said to be."""

from itertools import product

import pytest
import sympy

from proofs.calculus import form as c
from proofs.calculus.relu_heads import where_zero
from proofs.calculus.tokens import PLACE, OutsideCalculusError, ones, places


def score(a, b, e, rows, columns):
    """The form of a i + b j + e."""
    form = a * (places(rows) @ ones(columns).T) + b * (ones(rows) @ places(columns).T)
    return form + e * (ones(rows) @ ones(columns).T)


def entries(a, b, e, rows, columns):
    return [[int(a * i + b * j + e == 0) for j in range(columns)] for i in range(rows)]


@pytest.mark.parametrize(
    "a, b, e", list(product((-2, -1, 0, 2, 3), (-2, 0, 1, 2), (-3, -1, 0, 1, 2)))
)
def test_what_is_said_of_every_n_is_so_at_each_n(a, b, e):
    try:
        found = where_zero(score(a, b, e, c.n, c.n)).normal()
    except OutsideCalculusError:
        found = None
    for n in range(1, 6):
        zero = [[0] * n for _ in range(n)]
        one = [[int(i == j) for j in range(n)] for i in range(n)]
        if found is not None:
            assert entries(a, b, e, n, n) == (one if found else zero)


@pytest.mark.parametrize(
    "first, found", [(-1, True), (0, None), (1, True), (2 * c.n + PLACE, True)]
)
def test_one_token_reads_none_of_the_even_ones_if_it_is_odd_or_after_them(first, found):
    """Token number `first` reads the tokens 2j, j < n, of its own number."""
    form = score(0, 2, -first, 1, c.n)
    if found is None:
        with pytest.raises(OutsideCalculusError, match="neither none nor one to one"):
            where_zero(form)
    else:
        assert not where_zero(form).normal()


def test_two_single_tokens_have_one_number_or_not():
    assert where_zero(score(0, 0, 0, 1, 1)) == c.identity(1)
    assert not where_zero(score(0, 0, -3, 1, 1)).normal()
    with pytest.raises(OutsideCalculusError):
        where_zero(score(0, 0, PLACE - 1, 1, 1))


def test_scores_of_the_prompt_or_between_integers_are_refused():
    with pytest.raises(OutsideCalculusError, match="depends on the prompt"):
        where_zero(c.X @ c.X.T)
    with pytest.raises(OutsideCalculusError, match="not integers"):
        where_zero(score(-1, 1, sympy.Rational(1, 2), c.n, c.n))
