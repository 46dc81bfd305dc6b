"""A looped transformer: one layer, run k times, is Newton's iteration for an inverse.

Every token holds t = M x and r = y - w^T x; w is corrected by M X^T (y - X w), and M <- 2M - MSM,
S = X^T X, on the way. From w = 0 and M = alpha I that is worth 2^k - 1 gradient steps.
"""

from fractions import Fraction

from hypothesis import strategies as st
from sympy import Symbol

from constructions import MLP, Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, count, formula, strategies, tied

STEP = {"w": "w + M*X.T*(y - X*w)", "M": "2*M - M*X.T*X*M"}
newton = formula("w.T*x_t", start={"w": "O", "M": "alpha*I"}, step=STEP, repeat="loops")


@claim(
    "looped_newton",
    algorithm=newton,
    cases=lambda: strategies.prompts(loops=st.integers(0, 3), alpha=strategies.positive()),
    assembled=lambda: [{"d": 3, "loops": count("loops"), "alpha": Symbol("alpha")}],
    promises=(tied(),),
    sizes=lambda: strategies.grid(d=[2], loops=[2, 3, 5], alpha=[1]),
)
def transformer(d, loops, alpha):
    """One layer, run k times, takes k steps of Newton's iteration."""
    head = Head(
        query=slot_map(("f", "t")),
        key=slot_map(("f", "x")),
        value=slot_map(("t", "t", Fraction(-1, 2)), ("r", "r", -1)),
    )
    double = MLP(slot_map(("t", "t")))  # t - M S M x / 2
    held = [(Holds("t", f"M{k}*x_t"), Holds("r", f"y_t - w{k}.T*x_t")) for k in range(1, loops + 1)]
    layers = [Layer("loop", (head,), double, holds=after) for after in held]
    prompt = Prompt(d, slot_map(("x", "x"), ("t", "x", alpha), ("r", "y")))
    given = {"loops": loops, "alpha": alpha}
    known = {"parameters": given, "definitions": tuple(newton.at(given)[0].items())}
    stream = layout(x=(d,), t=(d,), r=())
    return Witness("newton", stream, prompt, layers, Readout("r", -1), **known)
