"""Gradient descent by a paper's matrices. Edit it into your own claim; as it stands, it holds.

witness check matrices.py    the verdict, with a counterexample where it is wrong
witness show matrices.py     the weights; then trace, prove, run, explain -o page.html
"""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import from_matrices
from verify import claim, formula, strategies

# What shall be computed, without a transformer: from X (n, d), y (n, 1) and a query x_t (d, 1).
# Code will do too, f(X, y, queries, steps, eta) -> one number a query; but nothing is proved of it.
descent = formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta/n*X.T*(X*w-y)"}, repeat="steps")


@claim(
    "matrices.descent",
    source="my draft, theorem 1",
    statement=r"-[Z_k]_{d+1, n+1} = w_k^\top x,\ Z \mapsto Z + \tfrac1n P Z M Z^\top Q Z",
    algorithm=descent,
    # the parameters below, d apart: drawn for the cases that are tried,
    cases=lambda: strategies.prompts(steps=st.integers(0, 3), eta=strategies.positive()),
    domain=strategies.ANY,
    # and those with which it is proved, for every prompt and d: eta is a letter
    assembled=lambda: [{"d": 3, "steps": k, "eta": Symbol("eta")} for k in range(4)],
)
def transformer(d, steps, eta):
    """k layers with these matrices are k gradient steps."""
    layer = {
        # by blocks (to, from) of the rows x and y, or whole: d + 1 rows of d + 1 numbers
        "P": {("y", "y"): 1},
        "Q": {("x", "x"): -eta},
        "M": "examples",  # diag(I_n, 0)
        "factor": "1/n",
        # what a row holds after layer {k}, in the algorithm's quantities: says where it goes wrong
        "holds": {"y": "y_t - w{k}.T*x_t"},
    }
    known, _ = descent.at({"steps": steps, "eta": eta})
    rows, last = {"x": "d", "y": 1}, {"y": -1}  # the prediction is minus the query's y
    given = {"parameters": {"eta": eta}, "definitions": known}
    return from_matrices([layer] * steps, rows=rows, d=d, read=last, **given)
