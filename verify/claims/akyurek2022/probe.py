"""akyurek2022, section 5: what is inferred from what a probe of hidden states decodes.

The measurements of trained models are the paper's, and nothing is said against them. The inferences
are run both ways at d = 20 with 40 examples, on models whose computation is known.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import constructions
from constructions.papers.akyurek2022 import frozen
from constructions.witness import Witness

from ...checks.readings import probe, prompts
from ...claim import Budget, Check, CheckResult, Differs, check, claim
from ...strategies import Case, as_text
from . import PAPER

D, N = 20, 40
INTERVENE = "no symbol mends it: whether a model uses what is decoded, only an intervention tells"


def moment(case: Case) -> np.ndarray:
    """X^T y."""
    return case.X.T @ case.y


# -- decoded, and not computed ------------------------------------------------------------------


def decoder(d: int, seed: int = 0) -> np.ndarray | None:
    """The linear map (d, features) that takes the features of (x, y) to x y, for every x and y.

    By comparing coefficients of quadratic forms; None where the features do not span them.
    """
    from flint import fmpq_mat

    left, right = (prompts.rational(side).tolist() for side in frozen.weights(d, seed)[0])
    pairs = [(i, j) for i in range(d + 1) for j in range(i, d + 1)]
    forms = [
        [a[i] * b[j] + (a[j] * b[i] if i != j else 0) for a, b in zip(left, right, strict=True)]
        for i, j in pairs
    ]
    wanted = [[int(pair == (k, d)) for k in range(d)] for pair in pairs]
    try:
        solved = fmpq_mat(forms).solve(fmpq_mat(wanted))
    except ZeroDivisionError:
        return None
    rows = [[prompts.fraction(solved[i, k]) for i in range(solved.nrows())] for k in range(d)]
    return np.array(rows, dtype=object)


@check("exact", "exact", transformer=False)
def decoded_is_computed(
    budget: Budget, model: Witness | None = None, weights: np.ndarray | None = None
) -> CheckResult:
    """What is decoded from a deep layer, and not from the input, some token has computed."""
    model = model or frozen.frozen(D)
    weights = decoder(D) if weights is None else weights
    if weights is None:
        return CheckResult(None, detail="the random features do not span the quadratic forms")
    cases = [prompts.gaussian(seed, D, N) for seed in (0, 1)]
    place = model.layout.rows("features")
    for case in cases:
        (last,) = probe.states(model, case, [len(model.layer_list)])
        if (weights @ last.sum(axis=0)[place] != moment(case)).any():
            return CheckResult(None, detail="the premise is not met: the probe does not decode it")
    case, other = cases
    (floor,), without = probe.affine_floor(model, case, moment, layers=[0])
    if floor is None or floor < without:
        return CheckResult(None, detail="the premise is not met: the input may be decoded as well")
    told = _tokens_that_see_more_than_one(model, case)
    same, *moved = (
        model.predict(X, y, case.queries, "rational")
        for X, y in ((case.X, case.y), (case.X, other.y), (other.X, other.y))
    )
    if told or any((same != prediction).any() for prediction in moved):
        return CheckResult(
            True, len(cases), detail=f"computed: {told or 'predictions'} depend on the examples"
        )
    raise Differs(
        "X^T y is decoded exactly after the last layer by a linear probe with equal attention; no "
        "token's state depends on two examples, and the prediction on none",
        case.to_json()
        | {
            "prediction": as_text(same.tolist()),
            "X^T y": as_text(moment(case).tolist()),
            "other y": as_text(other.y.tolist()),
            "X^T y with them": as_text((case.X.T @ other.y).tolist()),
            "prediction with them": as_text(moved[0].tolist()),
        },
    )


def _tokens_that_see_more_than_one(model: Witness, case: Case) -> list[int]:
    """Tokens whose state, in some layer, changes with a y that is not of their own example."""
    before = probe.states(model, case)
    changed = []
    for j in (0, 1):  # tokens of all other examples must stay
        y = case.y.copy()
        y[j] = y[j] + 1
        after = probe.states(model, Case(case.parameters, case.X, y, case.queries))
        changed.append(
            {
                token
                for a, b in zip(before, after, strict=True)
                for token in np.flatnonzero((a != b).any(axis=1)).tolist()
            }
        )
    tokens = model.prompt.tokens(len(case.X), len(case.queries))
    own = [{tokens.x[j], tokens.x[j] + 1} for j in (0, 1)]  # x_j and y_j
    return sorted({*(changed[0] - own[0]), *(changed[1] - own[1])})


@claim(
    "akyurek2022.probe",
    source=f"{PAPER}, section 5",
    statement=r"\text{what a probe decodes from a deep layer, and not from the input, the model "
    r"computes}",
    expected="refuted",
    note="the inference is refuted, not the measurement. The probe's own attention sums over the "
    "tokens: of frozen random features of single examples it makes X^T y, with an attention of "
    f"equal weights and a linear map, in a model that cannot learn from its prompt. {INTERVENE}",
)
def probe_printed() -> tuple[Check, ...]:
    """What a probe decodes deep in a model, and not at its input, the model computes."""
    return (decoded_is_computed(),)


# -- computed, and not decoded ------------------------------------------------------------------

ROOT = 4  # singular value of X: M_0 = alpha S is the inverse of S = 16 I at alpha = 1/16^2


def _newton() -> Witness:
    return constructions.build("newton", d=D, iterations=2, alpha=Fraction(1, ROOT**4))


def attentions(tokens: int) -> dict[str, list[Fraction]]:
    """Position attentions of a probe."""
    rng = np.random.default_rng(0)
    return {
        "equal": [Fraction(1, tokens)] * tokens,
        "the query's token": [Fraction(int(t == tokens - 1)) for t in range(tokens)],
        "the last example": [Fraction(int(t == tokens - 2)) for t in range(tokens)],
        "drawn": [Fraction(int(w), 100) for w in rng.integers(1, 100, tokens)],
    }


def answers(case: Case) -> list[Fraction]:
    """What least squares predicts."""
    return list(case.queries @ prompts.least_squares(case))


@check("exact", "exact", transformer=False)
def absent_is_not_computed(budget: Budget, model: Witness | None = None) -> CheckResult:
    """What no probe decodes from any layer, the model does not predict with."""
    model = model or _newton()
    case = prompts.with_spectrum(0, [ROOT] * D, N, 1)
    for name, target in (("X^T y", moment), ("w_OLS", prompts.least_squares)):
        floors, without = probe.affine_floor(model, case, target)
        for layer, floor in enumerate(floors):
            if floor is None or floor < without:
                said = f"a linear probe of layer {layer} may decode {name}"
                return CheckResult(None, detail=f"the premise is not met: {said}")
    tried = attentions(N + 1)
    found = probe.same_pooled(model, case, list(tried.values()), prompts.least_squares)
    others = [other for other in found if other is not None]
    if len(others) < len(tried):
        sees = [said for said, other in zip(tried, found, strict=True) if other is None]
        detail = f"the premise is not met: attention ({', '.join(sees)}) may decode w_OLS"
        return CheckResult(None, detail=detail)
    for one in (*(flipped for _, flipped in probe.flipped(case)), *others):
        if model.predict(one.X, one.y, one.queries, "rational").tolist() != answers(one):
            return CheckResult(None, detail="the model's prediction is not least squares here")
    other = others[0]
    raise Differs(
        "the prediction is least squares exactly; over four prompts no linear probe of any layer "
        "errs less on X^T y or w_OLS than the guess 0, and no function at all of a state pooled by "
        f"attention ({', '.join(tried)}) tells two prompts of different w_OLS",
        case.to_json()
        | {
            "prediction": as_text(answers(case)),
            "y with the same pooled states": as_text(other.y.tolist()),
            "prediction with them": as_text(answers(other)),
        },
    )


@claim(
    "akyurek2022.probe.absent",
    source=f"{PAPER}, section 5",
    statement=r"\text{what no probe decodes from any layer, the model does not compute}",
    expected="refuted",
    note="the inference is refuted, not the measurement. Newton's witness holds x and M x in each "
    "token, and w = M X^T y in none. w changes sign with all x and with all y, as no slot does: on "
    "data with these symmetries, such as the paper's, no linear probe beats the guess 0. Two slots "
    "depend on y: an attention makes two numbers of them, of which no function tells the 20 of w. "
    + INTERVENE,
)
def absent_printed() -> tuple[Check, ...]:
    """What no probe decodes from any layer is not computed."""
    return (absent_is_not_computed(),)
