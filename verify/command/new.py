"""witness new: a claim file that runs as it stands, to be edited into one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

SLOTS = '''\
"""Gradient descent by linear attention. Edit it into your own claim; as it stands, it holds.

    witness check {file}    the verdict, with a counterexample where it is wrong
    witness show {file}     the weights; then trace, prove, run, explain -o page.html
"""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, formula, strategies

# What shall be computed, without a transformer: from X (n, d), y (n, 1) and a query x_t (d, 1).
# Code will do too, f(X, y, queries, steps, eta) -> one number a query; but nothing is proved of it.
descent = formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta*X.T*(X*w - y)"}, repeat="steps")


@claim(
    "{stem}.descent",
    source="my draft, theorem 1",
    statement=r"k \\text{ layers take } k \\text{ gradient steps from } 0",
    algorithm=descent,
    # the parameters below, d apart: drawn for the cases that are tried,
    cases=lambda: strategies.prompts(steps=st.integers(0, 3), eta=strategies.positive()),
    # and those with which it is proved, for every prompt and d: eta is a letter
    assembled=lambda: [{"d": 3, "steps": k, "eta": Symbol("eta")} for k in range(4)],
)
def transformer(d, steps, eta):
    """k layers of linear attention are k gradient steps."""
    # the stream of a token: its x, its y (0 at a query), and p, which is predicted so far
    stream = layout(x=(d,), y=(), p=())
    # a token t adds up, over the examples j, its score with j times the value of j:
    head = Head(
        query=slot_map(("score", "x")),  # score <x_t, x_j>
        key=slot_map(("score", "x")),
        value=slot_map(("p", "y", eta), ("p", "p", -eta)),  # p <- eta y - eta p
    )
    # what the slots hold after a layer, in the algorithm's own quantities: says where it goes wrong
    quantities, _ = descent.at({"steps": steps, "eta": eta})
    held = [Holds("p", f"w{k}.T*x_t") for k in range(1, steps + 1)]
    layers = [Layer("step", (head,), holds=(after,)) for after in held]
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    known = {"parameters": {"eta": eta}, "definitions": tuple(quantities.items())}
    return Witness("descent", stream, prompt, layers, Readout("p"), **known)
'''
MATRICES = '''\
"""Gradient descent by a paper's matrices. Edit it into your own claim; as it stands, it holds.

    witness check {file}    the verdict, with a counterexample where it is wrong
    witness show {file}     the weights; then trace, prove, run, explain -o page.html
"""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import from_matrices
from verify import claim, formula, strategies

# What shall be computed, without a transformer: from X (n, d), y (n, 1) and a query x_t (d, 1).
# Code will do too, f(X, y, queries, steps, eta) -> one number a query; but nothing is proved of it.
descent = formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta/n*X.T*(X*w-y)"}, repeat="steps")


@claim(
    "{stem}.descent",
    source="my draft, theorem 1",
    statement=r"-[Z_k]_{d+1, n+1} = w_k^\\top x,\\ Z \\mapsto Z + \\tfrac1n P Z M Z^\\top Q Z",
    algorithm=descent,
    # the parameters below, d apart: drawn for the cases that are tried,
    cases=lambda: strategies.prompts(steps=st.integers(0, 3), eta=strategies.positive()),
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
    return from_matrices(
        [layer] * steps, rows={"x": "d", "y": 1}, d=d, read={"y": -1},
        parameters={"eta": eta}, definitions=known,
    )
'''
# what a new file can start from
STARTS = {"slots": SLOTS, "matrices": MATRICES}


def new(
    path: Annotated[
        str, typer.Argument(metavar="FILE.py", help="The file to write; it must not be there.")
    ],
    start: Annotated[
        str,
        typer.Option("--from", metavar="|".join(STARTS), help="What the transformer is made of."),
    ] = "slots",
) -> None:
    """Write a commented claim file that runs, to be edited into a claim of your own."""
    from ..inputs.errors import WrongCall
    from ..inputs.files import check_writable, write

    if start not in STARTS:
        raise WrongCall(f"--from takes {' or '.join(STARTS)}, not {start!r}")
    file = Path(path)
    if file.suffix != ".py" or not re.fullmatch(r"[A-Za-z0-9_.-]+", file.stem):
        raise WrongCall(f"{path}: a claim file is named like my_claim.py")
    if file.exists() or file.is_symlink():
        raise WrongCall(f"{path} is there already; nothing is overwritten")
    check_writable(path)
    text = STARTS[start].replace("{file}", file.name).replace("{stem}", file.stem)
    write(path, text)
    typer.echo(f"wrote {path}; next: witness check {path}", err=True)
