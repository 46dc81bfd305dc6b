"""The algorithms themselves, step by step: what an assembled witness must compute.

Each gives, from the witness's parameters, the definitions of the algorithm's quantities in
order, and the prediction at a query x_t, in the language of the layers' annotations. They
replace the definitions that the witness brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Statement = tuple[dict[str, str], str]


def gradient_descent(parameters: Mapping[str, Any]) -> Statement:
    """w_k = w_{k−1} − η∇L(w_{k−1}), L summed or averaged over the examples."""
    made, steps = {}, parameters["steps"]
    for k in range(1, steps + 1):
        w = f"w{k - 1}"
        if parameters["loss"] == "sum":
            gradient = f"2*(X.T*X*{w} - X.T*y) + 2*ridge*{w}"
        else:
            gradient = f"(X.T*X*{w} - X.T*y)/n + ridge*{w}"
        made[f"w{k}"] = f"{w} - step_size*({gradient})"
    return made, f"w{steps}.T*x_t"


def newton(parameters: Mapping[str, Any]) -> Statement:
    """M_0 = αS, M_k = 2M_{k−1} − M_{k−1} S M_{k−1}, prediction xᵀM_k Xᵀy."""
    made, last = {"S": "X.T*X", "M0": "alpha*S"}, parameters["iterations"]
    for k in range(1, last + 1):
        made[f"M{k}"] = f"2*M{k - 1} - M{k - 1}*S*M{k - 1}"
    return made | {f"w{last}": f"M{last}*X.T*y"}, f"w{last}.T*x_t"


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
    made, last = {"w0": "O"}, (3 ** parameters["layers"] - 1) // 2
    for k in range(1, last + 1):
        made[f"w{k}"] = f"w{k - 1} - alpha*(X.T*X*w{k - 1} - X.T*y)"
    return made, f"w{last}.T*x_t"


REFERENCES: dict[str, Callable[[Mapping[str, Any]], Statement]] = {
    "gradient_descent": gradient_descent,
    "newton": newton,
    "newton_carried": newton,
    "deep_descent": deep_descent,
    "hyperpower": hyperpower,
    "sherman_morrison": sherman_morrison,
    "recursive_least_squares": sherman_morrison,
    "paired_least_squares": sherman_morrison,
    "bayes_ridge": bayes_ridge,
    "momentum": momentum,
}
