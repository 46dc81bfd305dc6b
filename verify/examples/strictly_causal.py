"""A causal mask that sees the past but not itself: n layers are an epoch of online descent.

Online descent goes over the examples once, w <- w + eta (y_t - w^T x_t) x_t. Its residuals solve
(I + eta L) r = y, L the part of X X^T below the diagonal: example t sees what came before it, and
not itself. As L^n = 0, r = y - eta L y + ... ends after n terms, one a layer.
"""

from hypothesis import strategies as st

from constructions import from_matrices
from verify import Domain, claim, strategies


def online_descent(X, y, queries, eta):
    w = 0 * X[0]
    for x, target in zip(X, y):
        w = w + eta * (target - w @ x) * x
    return queries @ w


@claim(
    "strictly_causal",
    source="online gradient descent as a triangular system",
    statement=r"w_n^\top x,\; w_t = w_{t-1} + \eta\,(y_t - w_{t-1}^\top x_t)\, x_t,\; w_0 = 0",
    algorithm=online_descent,
    domain=Domain("one query", lambda case: len(case.queries) == 1),
    cases=lambda: strategies.prompts(
        m=st.just(1), eta=strategies.positive(), build=lambda _, d, n: {"examples": n}
    ),
)
def transformer(d, examples, eta):
    """Each layer makes of e the next term, -eta L e, and adds it up."""
    earlier = {
        "P": {("e", "e"): -eta, ("fit", "e"): eta},
        "Q": {("x", "x"): 1},
        "mask": "strictly causal",
    }
    itself = {"P": {("e", "e"): -1}, "Q": {("one", "one"): 1}, "mask": "j == t"}
    rows = {"x": "d", "e": 1, "one": 1, "fit": 1}
    start = {("x", "x"): 1, ("e", "y"): 1, ("one", "one"): 1}
    layers = [[earlier, itself]] * examples
    return from_matrices(layers, rows=rows, d=d, n=examples, embedding=start, read="fit")
