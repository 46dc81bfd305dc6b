"""In-context selection between two ridge strengths by their error on held-out examples.

Statement: both ridge regressions are fitted to the first n - v examples, side by side; the one
with the smaller sum of squared errors on the last v examples predicts. The choice is exact: with
D the difference of the two sums, normalised attention gives relu(-D) / (relu(D) + relu(-D)), which
is 1 or 0. A tie has no answer, and is refused (ZeroDivisionError) in every arithmetic.

2(n - v) + 3 layers: 2 per fitted example (recursive_least_squares), then the validation
errors, their sums, the choice.
"""

from typing import Any

from proofs.exact import as_text
from proofs.formula import rename

from ... import notation as n
from .recursive_least_squares import absorb, stage


@n.construction(
    parameters={
        "examples": n.Examples(least=2),
        "validation": n.Whole(example=1),
        "ridges": n.Numbers(size=2, above=0, example=(1, 2)),
    },
    steps=lambda values: values["examples"] - values["validation"],
    source="ridge selected by held-out error",
    states=r"\text{of two ridge regressions on the first } n - v \text{ examples, the one with "
    r"the smaller squared error on the last } v",
    computes="the better of two ridges on the last example",
    related=("recursive_least_squares",),
    tends_to="selected",
)
def selection(examples: int, validation: int, ridges: Any) -> n.Parts:
    """The better of two ridge strengths on held-out examples, chosen exactly, in context."""
    if validation >= examples:
        raise ValueError(f"validation must be less than examples = {examples}, not {validation}")
    fitted = examples - validation
    held_out = range(fitted, examples)

    mask = n.bilinear(
        {f"{r}*{t}": (r, f"position[{t}]") for r in ("rA", "rB") for t in held_out},
        *((f"v{k}", f"r{k}*{t}", 1) for k in "AB" for t in held_out),
    )
    sums = tuple(
        n.Head(
            query=n.slot_map(("f", "one")),
            key=n.slot_map(("f", f"v{k}")),
            value=n.slot_map(("D", f"v{k}", sign)),
            name=f"validation error {k}",
        )
        for k, sign in (("A", 1), ("B", -1))
    )
    split = n.MLP(
        inner=n.slot_map(("A worse", "D"), ("A better", "D", -1)),
        outer=n.slot_map(("lose", "A worse"), ("win", "A better")),
        activation="relu",
    )
    choose = n.Head(
        query=n.slot_map(("win", "win"), ("lose", "lose")),
        key=n.slot_map(("win", "position[0]"), ("lose", f"position[{fitted}]")),
        value=n.slot_map(("A", "position[0]")),  # one there: the weight of the winner A
        attention="normalised",
        name="winner",
    )
    final = n.bilinear(
        {"A*rA": ("A", "rA"), "A*rB": ("A", "rB"), "rB": ("one", "rB")},
        ("p", "A*rA", -1), ("p", "A*rB", 1), ("p", "rB", -1),
    )  # fmt: skip
    error = {k: [f"(y{t + 1} - w{k}{fitted}.T*x{t + 1})" for t in held_out] for k in "AB"}
    loss = "+".join(f"{a}*{a} - {b}*{b}" for a, b in zip(error["A"], error["B"]))
    query = (
        n.Holds("rA", f"-wA{fitted}.T*x_t", "query"),
        n.Holds("rB", f"-wB{fitted}.T*x_t", "query"),
    )
    end = (
        n.Layer("validation", mlp=mask, holds=query),
        n.Layer("sums", sums, split, holds=(*query, n.Holds("D", "D", "query"))),
        n.Layer("choice", (choose,), final, holds=query),
    )
    strengths = dict(zip("AB", ridges))
    both = {name: _pass(name, fitted, f"({as_text(ridge)})") for name, ridge in strengths.items()}
    return n.Parts(
        stage(fitted, strengths, examples, vA="", vB="", D="", win="", lose="", A="", p=""),
        n.Readout("p"),
        step=lambda i: absorb(i, fitted, tuple(strengths)),
        end=end,
        also=(*both["A"], *both["B"], ("D", loss)),
    )


def _pass(name: str, examples: int, ridge: str) -> list[tuple[str, str]]:
    """The quantities of one of the two passes, under its name."""
    made, _ = n.references.sherman_morrison({"examples": examples})
    new = {k: f"{k[0]}{name}{k[1:]}" for k in made} | {"ridge": ridge}
    return [(new[k], rename(formula, new)) for k, formula in made.items()]
