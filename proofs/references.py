"""The algorithms themselves, step by step: formulas that a claim may give as what is computed.

Each gives, from the parameters, the definitions of the algorithm's quantities in order, and the
prediction at a query x_t, in the language of the layers' annotations. Nothing here is taken from a
witness: every name is the prompt's, a parameter, or defined before. A claim has the formula that
it gives (verify.formulas), never one that only has its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proofs.letters import Each, is_matrices

Statement = tuple[dict[str, str], str]


def gradient_descent(parameters: Mapping[str, Any]) -> Statement:
    """w_k = w_{k−1} − η∇L(w_{k−1}) from w_0 (zero, if not given), L summed, or averaged."""
    made, steps = _from_zero(parameters), parameters["steps"]
    ridge = "ridge" if "ridge" in parameters else "0"
    for k in range(1, steps + 1):
        w = f"w{k - 1}"
        if parameters["loss"] == "sum":
            gradient = f"2*(X.T*X*{w} - X.T*y) + 2*{ridge}*{w}"
        else:
            gradient = f"(X.T*X*{w} - X.T*y)/n + {ridge}*{w}"
        made[f"w{k}"] = f"{w} - step_size*({gradient})"
    return made, f"w{steps}.T*x_t"


def _from_zero(parameters: Mapping[str, Any]) -> dict[str, str]:
    """w_0 = 0, unless it is a parameter."""
    return {} if parameters.get("w0") is not None else {"w0": "O"}


def newton(parameters: Mapping[str, Any]) -> Statement:
    """M_0 = αS, M_k = 2M_{k−1} − M_{k−1} S M_{k−1}, prediction xᵀM_k Xᵀy."""
    made, last = {"S": "X.T*X", "M0": "alpha*S"}, parameters["iterations"]
    for k in range(1, last + 1):
        made[f"M{k}"] = f"2*M{k - 1} - M{k - 1}*S*M{k - 1}"
    return made | {f"w{last}": f"M{last}*X.T*y"}, f"w{last}.T*x_t"


def newton_carried(parameters: Mapping[str, Any]) -> Statement:
    """Newton's iteration from M_0 = αS ("gram") or αI ("identity")."""
    made, prediction = newton(parameters)
    first = "alpha*S" if parameters["start"] == "gram" else "alpha*I"
    return made | {"M0": first}, prediction


def hyperpower(parameters: Mapping[str, Any]) -> Statement:
    """M_0 = αI, M_k = M(3I − 3SM + (SM)²) with M = M_{k−1}, prediction xᵀM_k Xᵀy."""
    made, last = {"S": "X.T*X", "M0": "alpha*I"}, parameters["iterations"]
    for k in range(1, last + 1):
        m = f"M{k - 1}"
        made[f"M{k}"] = f"3*{m} - 3*{m}*S*{m} + {m}*S*{m}*S*{m}"
    return made | {f"w{last}": f"M{last}*X.T*y"}, f"w{last}.T*x_t"


def sherman_morrison(parameters: Mapping[str, Any]) -> Statement:
    """P_0 = I/λ, w_0 = 0 and one update per example; w_n is ridge (`sherman_morrison.ridge`)."""
    made, last = {"P0": "I/ridge", "w0": "O"}, parameters["examples"]
    for i in range(1, last + 1):
        p, x = f"P{i - 1}", f"x{i}"
        made[f"P{i}"] = f"{p} - {p}*{x}*{x}.T*{p}/(1 + {x}.T*{p}*{x})"
        made[f"w{i}"] = f"w{i - 1} + P{i}*{x}*(y{i} - {x}.T*w{i - 1})"
    return made, f"w{last}.T*x_t"


def bayes_ridge(parameters: Mapping[str, Any]) -> Statement:
    """Ridge with λ = σ²/τ²: mean wᵀx, variance σ² xᵀPx (akyurek2022, eq. 19)."""
    made, mean = sherman_morrison(parameters)
    last = parameters["examples"]
    variance = f"noise*(x_t.T*P{last}*x_t)"
    return {"ridge": "noise/prior", **made}, mean if parameters["output"] == "mean" else variance


def momentum(parameters: Mapping[str, Any]) -> Statement:
    """v_k = μ v_{k−1} − η∇L(w_{k−1}), w_k = w_{k−1} + v_k, L = ½ Σ (wᵀx − y)²."""
    made, last = {"w0": "O", "v0": "O"}, parameters["steps"]
    for k in range(1, last + 1):
        w, v = f"w{k - 1}", f"v{k - 1}"
        made[f"v{k}"] = f"momentum*{v} - step_size*(X.T*X*{w} - X.T*y)"
        made[f"w{k}"] = f"{w} + v{k}"
    return made, f"w{last}.T*x_t"


def deep_descent(parameters: Mapping[str, Any]) -> Statement:
    """(3^L − 1)/2 gradient steps of size α on ½ Σ (wᵀx − y)² from zero."""
    made, last = {"w0": "O"}, descent_steps(parameters["layers"])
    for k in range(1, last + 1):
        made[f"w{k}"] = f"w{k - 1} - alpha*(X.T*X*w{k - 1} - X.T*y)"
    return made, f"w{last}.T*x_t"


def descent_steps(layers: int) -> int:
    """The gradient steps that so many layers of linear attention can make: 0, 1, 4, 13, 40, …"""
    return (3**layers - 1) // 2


def gd_plus_plus(parameters: Mapping[str, Any]) -> Statement:
    """GD++: U_k = U_{k−1}(I − γUᵀU), and a gradient step on the data U_k = X Q_k, mapped back.

    η = step_size and γ, or step_size1 and gamma1 in the first step where they are lists.
    """

    def rates(name: str) -> list[str]:
        several = isinstance(parameters[name], tuple)
        return [f"{name}{k}" if several else name for k in range(1, parameters["steps"] + 1)]

    return _transforming(rates("step_size"), rates("gamma"))


def minimax_descent(parameters: Mapping[str, Any]) -> Statement:
    """GD++ with both step sizes 4·9^(k−1)/(3ℓ) in step k."""
    rates = [f"{4 * 9 ** (k - 1)}/(3*largest)" for k in range(1, parameters["layers"] + 1)]
    return _transforming(rates, rates)


def _transforming(steps: list[str], gammas: list[str]) -> Statement:
    made = {"w0": "O", "Q0": "I", "U0": "X"}
    for k, (eta, gamma) in enumerate(zip(steps, gammas), start=1):
        w, q, u = f"w{k - 1}", f"Q{k - 1}", f"U{k - 1}"
        made[f"w{k}"] = f"{w} - {eta}*{q}*{u}.T*(X*{w} - y)"
        made[f"Q{k}"] = f"{q} - {gamma}*{q}*{u}.T*{u}"
        made[f"U{k}"] = f"X*Q{k}"
    return made, f"w{len(steps)}.T*x_t"


def chebyshev(parameters: Mapping[str, Any]) -> Statement:
    """The semi-iteration (Golub, Varga): θ, δ the middle and half the length of the interval,

    ρ_1 = δ/θ, ρ_{k+1} = 1/(2θ/δ − ρ_k), w_1 = w_0 − ∇L(w_0)/θ,
    w_{k+1} = w_k + ρ_{k+1}ρ_k (w_k − w_{k−1}) − (2ρ_{k+1}/δ)∇L(w_k), L = ½ Σ (wᵀx − y)².
    """
    made, last = {"w0": "O"}, parameters["steps"]
    made |= {"theta": "(highest + lowest)/2", "delta": "(highest - lowest)/2"}
    made |= {"rho1": "delta/theta", "w1": "w0 - (X.T*X*w0 - X.T*y)/theta"}
    for k in range(1, last):
        made[f"rho{k + 1}"] = f"1/(2*theta/delta - rho{k})"
        made[f"w{k + 1}"] = (
            f"w{k} + rho{k + 1}*rho{k}*(w{k} - w{k - 1}) - 2*rho{k + 1}/delta*(X.T*X*w{k} - X.T*y)"
        )
    return made, f"w{last}.T*x_t"


def preconditioned(parameters: Mapping[str, Any]) -> Statement:
    """w_k = w_{k−1} − ηP_k∇L(w_{k−1}), L = ½ Σ (wᵀx − y)², or that over n.

    P_k = preconditioner, or preconditioner1 in the first step where there is a list of them.
    """
    made, last = {"w0": "O"}, parameters["steps"]
    several = _is_per_step(parameters["preconditioner"])
    over = "/n" if parameters.get("loss") == "mean" else ""
    for k in range(1, last + 1):
        P = f"preconditioner{k}" if several else "preconditioner"
        made[f"w{k}"] = f"w{k - 1} - step_size*{P}*X.T*(X*w{k - 1} - y){over}"
    return made, f"w{last}.T*x_t"


def _is_per_step(value: Any) -> bool:
    """Whether a parameter that may be a matrix for all steps is a list of one for each."""
    return isinstance(value, Each) or is_matrices(value)


def temporal_differences(parameters: Mapping[str, Any]) -> Statement:
    """w_k = w_{k−1} + C_k Σ δ_i e_i / n, δ_i = r_i + γ w^T φ'_i − w^T φ_i; C1 in the first step
    where C is a list; e_i = φ_i, or φ_i − γ φ'_i ("residual")."""
    made, last, several = {"w0": "O"}, parameters["steps"], _is_per_step(parameters["C"])
    along = "(phi - gamma*phi_next)" if parameters["method"] == "residual" else "phi"
    for k in range(1, last + 1):
        w, C = f"w{k - 1}", f"C{k}" if several else "C"
        made[f"w{k}"] = f"{w} + {C}*{along}.T*(y + gamma*phi_next*{w} - phi*{w})/n"
    return made, f"w{last}.T*phi_t"


def functional_descent(parameters: Mapping[str, Any]) -> Statement | None:
    """f_k = f_{k−1} + r_k Σ_j (y_j − f_{k−1}(x_j)) h(⟨x_j, ·⟩) from 0, h the identity or the ReLU:
    then f_k is the sum of a_j h(⟨x_j, ·⟩). None for the exponential, which the language lacks.

    r_k = rate, or rate1 in the first step where it is a list.
    """
    attention, several = parameters["attention"], isinstance(parameters["rate"], (tuple, Each))
    if attention == "exponential":
        return None
    linear, last = attention == "linear", parameters["steps"]
    made = {"w0": "O"} if linear else {"K": "relu(X*X.T)", "a0": "y - y"}
    for k in range(1, last + 1):
        rate = f"rate{k}" if several else "rate"
        if linear:
            made[f"w{k}"] = f"w{k - 1} + {rate}*X.T*(y - X*w{k - 1})"
        else:
            made[f"a{k}"] = f"a{k - 1} + {rate}*(y - K*a{k - 1})"
    return made, f"w{last}.T*x_t" if linear else f"relu(X*x_t).T*a{last}"


def kernel_regression(parameters: Mapping[str, Any]) -> Statement | None:
    """f_k = f_{k−1} − η Σ_j (f_{k−1}(x_j) − y_j) K(x_j, ·) from 0, f_k the sum of a_j K(x_j, ·).

    K is the scalar product of x, or of ReLU features; None for the exponential kernel, which the
    language cannot say.
    """
    kernel, last = parameters["kernel"], parameters["steps"]
    if kernel == "exponential":
        return None
    data, own = "X", "x_t"
    if kernel == "relu":
        given = parameters.get("offsets") is not None
        data = f"relu(X*features.T{' + offsets.T' if given else ''})"
        own = f"relu(features*x_t{' + offsets' if given else ''})"
    made = {"PHI": data, "a0": "y - y"}
    for k in range(1, last + 1):
        made[f"a{k}"] = f"a{k - 1} + step_size*(y - PHI*(PHI.T*a{k - 1}))"
    return made, f"({own}).T*PHI.T*a{last}"


def lasso(parameters: Mapping[str, Any]) -> Statement:
    """ISTA: v_k a gradient step on Σ (wᵀx − y)², w_k = soft(v_k, ηλ), from zero."""
    made, last = {"w0": "O"}, parameters["steps"]
    for k in range(1, last + 1):
        made[f"v{k}"] = f"w{k - 1} - 2*step_size*X.T*(X*w{k - 1} - y)"
        made[f"w{k}"] = f"relu(v{k} - step_size*penalty) - relu(-v{k} - step_size*penalty)"
    return made, f"w{last}.T*x_t"


def logistic(parameters: Mapping[str, Any]) -> Statement:
    """w_k = w_{k−1} − ηXᵀ(s(Xw_{k−1}) − y) from zero, s the interpolated sigmoid: s(w_kᵀx)."""
    from proofs.weights.piecewise_linear import as_formula, sigmoid_table

    table, last = sigmoid_table(parameters["pieces"], parameters["reach"]), parameters["steps"]
    made = {"w0": "O"}
    for k in range(1, last + 1):
        made[f"p{k - 1}"] = as_formula(table, f"X*w{k - 1}")
        made[f"w{k}"] = f"w{k - 1} - step_size*X.T*(p{k - 1} - y)"
    return made, as_formula(table, f"w{last}.T*x_t")
