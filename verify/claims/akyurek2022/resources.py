"""akyurek2022: layers and hidden units of the chains, counted and fitted as polynomials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from constructions.papers.akyurek2022 import chains as paper

from ...checks.resources import fit, grows_at_most
from ...claim import Budget, Check, CheckResult, claim


def _resources(build: Any, sizes: Any, promised: Mapping[str, str]) -> Check:
    """Layers and width of assembled transformers, fitted exactly and set against O(.)."""

    def run(budget: Budget) -> CheckResult:
        import sympy

        points, built = [], []
        for parameters in sizes:
            points.append({"d": parameters["d"], "n": parameters["examples"]})
            built.append(build(**parameters))
        details = []
        for quantity, formula in promised.items():
            counts = [getattr(witness, quantity) for witness in built]
            fitted = fit(points, counts)
            bound = sympy.sympify(formula, locals={"d": sympy.Symbol("d"), "n": sympy.Symbol("n")})
            if fitted is None or not grows_at_most(fitted, bound):
                return CheckResult(
                    False, len(points), detail=f"{quantity} = {fitted}, promised O({formula})",
                    counterexample={"sizes": {k: str(v) for k, v in points[-1].items()},
                                    quantity: counts[-1]},
                )  # fmt: skip
            details.append(f"{quantity} = {fitted}, promised O({formula})")
        return CheckResult(True, len(points), detail="; ".join(details))

    return Check("resources", run, "exact")


def _descending(dims: Sequence[int], examples: Sequence[int]) -> list[dict[str, Any]]:
    made = [{"d": d, "examples": n, "step_size": 1, "ridge": 1} for d in dims for n in examples]
    return made


def _regressing(dims: Sequence[int], examples: Sequence[int]) -> list[dict[str, Any]]:
    return [{"d": d, "examples": n, "ridge": 1} for d in dims for n in examples]


@claim(
    "akyurek2022.theorem1.resources",
    source="akyurek2022, theorem 1",
    statement=r"\text{constant number of layers, } O(d) \text{ hidden units}",
    summary="one step takes a constant number of layers and O(d) units",
    note="counted on the repaired chain; positions and the two pads are counted too",
)
def theorem1_resources() -> tuple[Check, ...]:
    sizes = _descending(range(1, 9), (1,))
    return (
        _resources(paper.akyurek2022_theorem1, sizes, {"layers": "1", "width": "d", "hidden": "d"}),
    )


@claim(
    "akyurek2022.theorem1.multistep.resources",
    source="akyurek2022, theorem 1",
    statement=r"O(n) \text{ layers, } O(n + d) \text{ hidden units}",
    summary="n steps take O(n) layers and O(n + d) units",
    note="counted on the repaired chain",
)
def theorem1_multistep_resources() -> tuple[Check, ...]:
    sizes = _descending((1, 2, 3, 5), (2, 3, 4, 6))
    promised = {"layers": "n", "width": "n + d", "hidden": "n + d"}
    return (_resources(paper.akyurek2022_theorem1, sizes, promised),)


@claim(
    "akyurek2022.theorem2.resources",
    source="akyurek2022, theorem 2",
    statement=r"\text{constant number of layers, } O(d^2) \text{ hidden units}",
    summary="ridge regression on one example takes a constant number of layers and O(d^2) units",
    note="counted on the repaired chain; positions, pads and the scratch of div are counted too",
)
def theorem2_resources() -> tuple[Check, ...]:
    build, promised = paper.akyurek2022_theorem2, {"layers": "1", "width": "d**2"}
    return (
        _resources(build, _regressing(range(1, 8), (1,)), promised),
        _resources(build, _regressing(range(2, 8), (1,)), {"hidden": "d**2"}),
    )


@claim(
    "akyurek2022.theorem2.multistep.resources",
    source="akyurek2022, theorem 2",
    statement=r"O(n) \text{ layers}",
    summary="ridge regression on n examples takes O(n) layers",
    note="counted on the repaired chain",
)
def theorem2_multistep_resources() -> tuple[Check, ...]:
    sizes = _regressing((1, 2, 3), (2, 3, 4))
    return (_resources(paper.akyurek2022_theorem2, sizes, {"layers": "n"}),)
