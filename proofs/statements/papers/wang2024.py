"""Statements of wang2024: temporal differences by linear self-attention, a matrix C a layer.

The prompt has rows phi, gamma phi' and r; here phi and gamma phi' of the examples are F and N,
stacked as rows. Only the last row is written: it holds the temporal differences, and minus a
query's value.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.theorem import theorem

F, N, r = c.letter("F", c.n, c.d), c.letter("N", c.n, c.d), c.letter("r", c.n, 1)
Q, C, w = c.letter("Q", c.m, c.d), c.letter("C", c.d, c.d), c.letter("w", c.d, 1)
NONE = c.zero(c.m, c.d)


def differences(w: Form, rewards: Form = r) -> Form:
    """r_i + gamma w^T phi'_i - w^T phi_i, or with other rewards."""
    return rewards + N @ w - F @ w


def _layer(
    argument: Argument, keys: Form, mixed: Callable[[Form], Form], rewards: Form = r,
    asked: int = 1,
) -> None:  # fmt: skip
    """One layer is w + (1/n) C keys^T mixed(differences), at examples and queries; then so are all.

    keys: what meets C^T(phi'_t - phi_t), row by row; mixed: what M makes of the values; `asked`
    is the sign of phi'_t - phi_t.
    """
    values = differences(w, rewards)
    argument.equal(r"w_0 = 0, \text{ examples: }", rewards, differences(c.zero(c.d, 1), rewards))
    argument.equal(r"w_0 = 0, \text{ query: }", c.zero(c.m, 1), -(Q @ c.zero(c.d, 1)))
    after = w + (C @ keys.T @ mixed(values)) / c.n
    for where, now, next_now, slot, should in (
        ("examples", F, N, values, differences(after, rewards)),
        ("query", Q, NONE, -(Q @ w), -(Q @ after)),
    ):
        query = asked * ((next_now - now) @ C)
        got = slot + c.head(mixed(values), keys, query) / c.n
        argument.equal(rf"\text{{one layer, {where}: }}", got, should)


def _td0(argument: Argument, asked: int) -> None:
    _layer(argument, F, lambda values: values, asked=asked)


def _residual(argument: Argument, asked: int) -> None:
    _layer(argument, F - N, lambda values: values, asked=asked)


def _traces(argument: Argument, power: int) -> None:
    """M has entries lambda^(r - c) for c <= r: (I - lambda shift) M = I, so that M F are traces.

    `power` is how many powers of lambda M has at the first entry below its diagonal.
    """
    lam = sympy.Symbol("lambda")
    k = sympy.Symbol("k", integer=True, positive=True)

    def entry(below: sympy.Expr) -> sympy.Expr:
        """M's entry so far below the diagonal, 0 or more."""
        return sympy.Integer(1) if below == 0 else lam ** (below - 1 + power)

    argument.equal(r"((I - \lambda S) M)_{r, r}:\ ", entry(sympy.Integer(0)), 1)
    argument.equal(r"((I - \lambda S) M)_{r, r - 1}:\ ",
                   entry(sympy.Integer(1)) - lam * entry(sympy.Integer(0)), 0)  # fmt: skip
    argument.equal(r"((I - \lambda S) M)_{r, r - 1 - k}:\ ", entry(k + 1) - lam * entry(k), 0)
    T = c.letter("T", c.n, c.n)
    M = c.inverse_letter(T)
    argument.let("T", r"I - \lambda S, \text{ S the shift by one example; M is its inverse}")
    argument.equal(r"E = M F:\ e_i - \lambda e_{i-1} \text{ is } \phi_i:\ ", T @ (M @ F), F)
    _layer(argument, F, lambda values: M.T @ values)
    argument.equal(r"\text{the step is with traces: }", F.T @ (M.T @ r), (M @ F).T @ r)


def _average(argument: Argument, mean: int) -> None:
    """Head 1 writes r (R - I), R = U diag(1/k), of the row r into the last; head 2 is TD(0)'s.

    The last row holds minus the differences without their rewards: its value is read with +.
    `mean` is the sign of the mean.
    """
    R = c.letter("R", c.n, c.n)
    argument.let("R", r"U \mathrm{diag}(1, \tfrac12, …), \text{ U with ones on and above its "
                 r"diagonal: } R^\top r \text{ are the means of } r_1, …, r_i")  # fmt: skip
    means = R.T @ r
    argument.equal(r"w_0 = 0:\ ", c.zero(c.n, 1), F @ c.zero(c.d, 1) - N @ c.zero(c.d, 1))
    total = r - mean * means + N @ w - F @ w
    after = w + (C @ F.T @ total) / c.n
    for where, now, next_now, slot, should in (
        ("examples", F, N, F @ w - N @ w, F @ after - N @ after),
        ("query", Q, NONE, Q @ w, Q @ after),
    ):
        query = (next_now - now) @ C
        one, two = c.head(means - r, F, query) / c.n, c.head(F @ w - N @ w, F, query) / c.n
        argument.equal(rf"\text{{one layer, {where}: }}", slot + one + two, should)


STEP = r"w_{l+1} = w_l + \tfrac1n C_l \sum_i \delta_i "
DIFFERENCE = r",\ \delta_i = r_i + \gamma w_l^\top\phi'_i - w_l^\top\phi_i,\ w_0 = 0,\ C_l"

THEOREMS = [
    theorem(
        "wang2024.td0", "wang2024.td0", STEP + r"\phi_i" + DIFFERENCE, _td0, "printed",
        "induction on k", inputs={"asked": 1},
    ),
    theorem(
        "wang2024.tdlambda", "wang2024.tdlambda",
        STEP + r"e_i,\ e_i = \textstyle\sum_{j \leq i}\lambda^{i-j}\phi_j" + DIFFERENCE,
        _traces, "printed", "induction on k", inputs={"power": 1},
    ),
    theorem(
        "wang2024.residual", "wang2024.residual", STEP + r"(\phi_i - \gamma\phi'_i)" + DIFFERENCE,
        _residual, "printed", "induction on k", inputs={"asked": 1},
    ),
    theorem(
        "wang2024.average", "wang2024.average",
        STEP + r"\phi_i,\ \delta_i = r_i - \bar r_i + w_l^\top\phi'_i - w_l^\top\phi_i,\ "
        r"\bar r_i = \tfrac1i\textstyle\sum_{j \leq i} r_j,\ w_0 = 0, C_l \text{ any}",
        _average, "printed", "induction on k", inputs={"mean": 1},
    ),
]  # fmt: skip
