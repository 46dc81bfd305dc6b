"""bai2023, theorem 4: ridge regression by ReLU attention, as its proof writes it down."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.numbers.reals import valued
from verify import Promise, algorithms, claim, strategies
from verify.statements import for_every

WHERE = {"kappa": "(beta + lam)/(alpha + lam)", "R": "max(B_x*B_w, B_y, 1)"}
LAYERS = "ceil(2*kappa*log(B_x*B_w/(2*eps))) + 1"


def ridge(d, examples, beta, lam, **constants):
    """L steps of w - (1/N sum (w^T x_j - y_j) x_j + lam w)/(beta + lam), then the read-out."""
    given = {"beta": beta, "lam": lam, **constants}
    R, eta = valued("R", given, WHERE), 1 / (beta + lam)
    L, share = int(valued(LAYERS, given, WHERE)) - 1, Fraction(examples + 1, examples)

    def head(query, key, value):
        return Head(slot_map(*query), slot_map(*key), slot_map(value), attention="relu",
                    keys="full", average="keys")  # fmt: skip

    gate = ("c", "one", -R), ("c", "t", R)  # below 0 at the query, where t = 0
    step = [head((("u", "w"), ("c", "one")), (("u", "x", s), ("c", "y", -s), *gate),
                 ("w", "x", -s * eta * share)) for s in (1, -1)]  # fmt: skip
    step.append(head((("c", "one"),), (("c", "one"),), ("w", "w", -eta * lam)))
    read = [head((("u", "x"),), (("u", "w", s),), ("out", "one", s)) for s in (1, -1)]
    token = slot_map(("x", "x"), ("y", "y"), ("one", "one"), ("t", "one"), ("t", "query", -1))
    layers = (Layer("step", tuple(step)),) * L + (Layer("read-out", tuple(read)),)
    return Witness("bai2023.theorem4", layout(x=(d,), y=(), w=(d,), one=(), t=(), out=()),
                   Prompt(d, token), layers, Readout("out"), examples=examples)  # fmt: skip


def region(d, examples, alpha, beta, lam, B_x, B_w, **other):
    """Prompts of two orthogonal examples: the eigenvalues of X^T X/N are |x_j|^2/2."""
    sizes = strategies.fractions(4, 3).filter(lambda a: alpha <= a * a / 2 <= beta)
    label = st.fractions(-1, 1, max_denominator=4)

    def case(a, b, y, z, q):
        prompt = [[a, 0], [0, b]], [y, z], [[q, q / 2]]
        return strategies.Case({}, *(np.array(part, dtype=object) for part in prompt))

    return st.builds(case, sizes, sizes, label, label, label)


@claim("bai2023.theorem4", statement="within eps of the ridge prediction", expected="approximates")
def theorem4():
    over = strategies.grid(d=[2], examples=[2], eps=[Fraction(1, 2), Fraction(1, 64)],
                           alpha=[Fraction(1, 2)], beta=[Fraction(2)], lam=[Fraction(1)], B_x=[2],
                           B_w=[2], B_y=[1])  # fmt: skip
    promises = (Promise("layers", LAYERS, "<="), Promise("heads", "3", "<="),
                Promise("norm", "4*R + 8/(beta + lam)", "<="))  # fmt: skip
    return for_every(
        ridge,
        promises,
        over,
        "eps",
        WHERE,
        cases=region,
        algorithm=lambda X, y, queries, lam: algorithms.ridge(X, y, queries, 2 * lam),
    )
