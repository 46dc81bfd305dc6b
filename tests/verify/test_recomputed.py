"""Every refuted claim has a test that computes its counterexample again; those of few lines here.

Plain numbers alone: nothing of what builds, runs or checks transformers is used.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from found import dot, numbers

from verify import engine
from verify.claim import Budget, builtin

F = Fraction
CLAIMS = {claim.key: claim for claim in builtin()}
REFUTED = {claim.id for claim in CLAIMS.values() if claim.expected == "refuted"}


def marked(path: Path) -> set[str]:
    """The claims that tests of a file compute again, as their marks say."""
    calls = (
        decorator
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "recomputes"
    )
    return {one.value for call in calls for one in call.args if isinstance(one, ast.Constant)}


def recomputed() -> set[str]:
    return set().union(*map(marked, Path(__file__).parent.glob("test_*.py")))


def test_every_refuted_claim_is_computed_again_by_hand():
    assert REFUTED - recomputed() == set()
    assert recomputed() - REFUTED == set()  # a mark of nothing


def test_one_without_a_test_would_be_missed(tmp_path):
    path = tmp_path / "test_none.py"
    path.write_text('@pytest.mark.recomputes("fu2023.eq21")\ndef test_it(): pass\n')
    assert marked(path) == {"fu2023.eq21"}
    path.write_text("def test_it(): refutation('fu2023.eq21')\n")
    assert marked(path) == set()


@cache
def verdict(id: str) -> Any:
    made = engine.run(CLAIMS[id, "printed"], Budget(quick=True)).verdict
    assert made.name == "refuted"
    return made


def shown(id: str) -> dict[str, Any]:
    return verdict(id).counterexample


def solved(A: list[list[F]], b: list[F]) -> list[F]:
    """A^-1 b, by elimination."""
    rows = [[*row, right] for row, right in zip(A, b, strict=True)]
    for k in range(len(rows)):
        at = next(i for i in range(k, len(rows)) if rows[i][k])
        rows[k], rows[at] = rows[at], rows[k]
        rows[k] = [e / rows[k][k] for e in rows[k]]
        for i in range(len(rows)):
            if i != k and rows[i][k]:
                rows[i] = [e - rows[i][k] * p for e, p in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def ridge(X: list[list[F]], y: list[F], strength: Any) -> list[F]:
    columns = list(zip(*X))
    gram = [[dot(a, b) + strength * (i == j) for j, b in enumerate(columns)]
            for i, a in enumerate(columns)]  # fmt: skip
    return solved(gram, [dot(a, y) for a in columns])


def descended(X: list[list[F]], y: list[F], rate: F, steps: int) -> list[F]:
    """Gradient descent on half the sum of squares."""
    w = [F(0)] * len(X[0])
    for _ in range(steps):
        off = [dot(w, x) - label for x, label in zip(X, y, strict=True)]
        w = [e - rate * dot(off, column) for e, column in zip(w, zip(*X), strict=True)]
    return w


# -- measured models ------------------------------------------------------------------------------


@pytest.mark.recomputes("akyurek2022.phases")
def test_what_the_grid_calls_ridge_regression_are_thirteen_gradient_steps():
    import constructions

    found = shown("akyurek2022.phases")
    X, y, (query,) = (numbers(found[part]) for part in ("X", "y", "queries"))
    assert found["nearest of the figure's"][2] == "Ridge(0.5)"
    assert found["nearest with more steps"][2] == "13 steps of GD(0.01)"
    three = constructions.build("deep_descent", d=20, layers=3, alpha=F(1, 50))
    (made,) = three.predict(X, y, [query], "rational")
    assert made == dot(descended(X, y, F(1, 50), 13), query) != dot(ridge(X, y, F(1, 2)), query)


@pytest.mark.recomputes("akyurek2022.probe.absent")
def test_what_no_probe_tells_apart_is_least_squares_of_both():
    found = shown("akyurek2022.probe.absent")
    X, (query,) = numbers(found["X"]), numbers(found["queries"])
    for y, said in (("y", "prediction"), ("y with the same pooled states", "prediction with them")):
        assert [dot(ridge(X, numbers(found[y]), 0), query)] == numbers(found[said])
    assert found["prediction"] != found["prediction with them"]


@pytest.mark.recomputes("fu2023.readout")
def test_the_read_out_is_least_squares_where_the_model_is_not():
    found = shown("fu2023.readout")
    X, y, queries = (numbers(found[part]) for part in ("X", "y", "queries"))
    w = ridge(X, y, 0)
    assert [dot(w, query) for query in queries] == numbers(found["algorithm"])
    made = numbers(found["prediction"])
    assert all(a != b for a, b in zip(made, numbers(found["algorithm"]), strict=True))


# -- giannou2023: a computer without its clamp ----------------------------------------------------

PLACES = 2**240


def rounded(value: F) -> F:
    return F(round(value * PLACES), PLACES)


def power(x: F) -> F:
    """exp(x), to within a part in 10^60 or so."""
    halvings = max(0, x.numerator.bit_length() - x.denominator.bit_length() + 4)
    small, term, total = x / 2**halvings, F(1), F(1)
    for k in range(1, 60):
        term = rounded(term * small / k)
        total += term
    for _ in range(halvings):
        total = rounded(total * total)
    return total


def relu(x: F) -> F:
    return max(x, F(0))


def bits(value: int, size: int) -> list[F]:
    return [F(2 * (value >> i & 1) - 1) for i in reversed(range(size))]


def sums(words: list[list[F]], more: int) -> list[F]:
    """Bits of the sum of words of bits, and of `more`, by the ReLUs of the construction."""
    size = len(words[0])
    made = [F(0)] * size
    for i in range(1, size + 1):
        s = sum(F(2 ** (j - 1), 2) * word[size - j] for word in words for j in range(1, i + 1))
        s += len(words) * F(2**i - 1, 2) + more
        M = 2 ** (i - 1)
        for sign, bias in ((1, -M), (-1, 2 * M - 1), (1, -3 * M)):
            made[size - i] += 2 * (relu(sign * s + bias + 1) - relu(sign * s + bias))
        made[size - i] -= 3
    return made


class Computer:
    """The nine layers, column by column; the scratchpad is the last one."""

    def __init__(self, memory: list[int], commands: list[list[int]], word: int, address: int):
        empty, self.word, self.address = [F(0)] * word, word, address
        self.memory = [bits(value, word) for value in memory] + [empty] * len(commands)
        no_command = [F(0)] * (3 * address)
        self.commands = [no_command] * len(memory)
        self.commands += [[b for at in one for b in bits(at, address)] for one in commands]
        self.positions = [bits(t, address) for t in range(1, len(self.memory) + 1)]
        self.counter, self.pointers = bits(len(memory) + 1, address), no_command

    def shares(self, query: list[F], pointer: list[F], temperature: F) -> list[F]:
        """Of all columns, and of the scratchpad, whose key is the pointer."""
        powers = [power(temperature * dot(query, key)) for key in (*self.positions, pointer)]
        return [rounded(one / sum(powers)) for one in powers]

    def reads(self, pointer: list[F], table: list[list[F]], held: list[F], t: F) -> list[F]:
        *shares, own = self.shares(pointer, pointer, t)
        found = [dot(shares, column) for column in zip(*table)]
        return [rounded(2 * (b + own * e) - e) for b, e in zip(found, held, strict=True)]

    def loop(self, temperature: F) -> None:
        k, empty = self.address, [F(0)] * self.word
        self.pointers = self.reads(self.counter, self.commands, self.pointers, temperature)
        a, b, c = (self.pointers[i * k : (i + 1) * k] for i in range(3))
        first, second = (self.reads(at, self.memory, empty, temperature) for at in (a, b))
        negative = sums([[2 * relu(-e) - 1 for e in first]], 1)
        second = [rounded(e) for e in sums([negative, second], 0)]
        after = []
        for position, old in zip(self.positions, self.memory, strict=True):
            *shares, own = self.shares(position, b, temperature)
            found = [dot(shares, column) for column in zip(*self.memory)]
            after.append([rounded(2 * (g + own * s) - e)
                          for g, s, e in zip(found, second, old, strict=True)])  # fmt: skip
        self.memory = after
        flag = relu(second[0]) + relu(1 - self.word - sum(second))
        following = sums([self.counter], 1)
        self.counter = [
            rounded(relu(new + flag - 1) - relu(-new + flag - 1)
                    + relu(old - flag) - relu(-old - flag))
            for new, old in zip(c, following, strict=True)
        ]  # fmt: skip


@pytest.mark.recomputes("giannou2023.subleq.unclamped")
def test_without_the_clamp_the_seventh_command_leaves_a_wrong_bit():
    """Its softmax in fractions of 240 binary places, loop after loop, beside whole numbers."""
    found = shown("giannou2023.subleq.unclamped")
    word, commands, where = found["bits"], found["commands"], verdict(
        "giannou2023.subleq.unclamped"
    ).first_difference  # fmt: skip
    memory, counter, address = list(found["memory"]), len(found["memory"]) + 1, 4
    computer, off = Computer(memory, commands, word, address), []
    for _ in range(found["loops"]):
        computer.loop(F(found["temperature"]))
        a, b, c = commands[counter - len(memory) - 1]
        half = 2 ** (word - 1)
        memory[b - 1] = (memory[b - 1] - memory[a - 1] + half) % (2 * half) - half
        counter = c if memory[b - 1] <= 0 else counter + 1
        wanted = [bits(value, word) for value in memory] + [[F(0)] * word] * len(commands)
        gaps = [[abs(p - q) for p, q in zip(*rows, strict=True)]
                for rows in zip(computer.memory, wanted, strict=True)]  # fmt: skip
        off.append(max(map(max, gaps)))
    assert [f"{float(one):.1e}" for one in off] == [f"{float(one):.1e}" for one in found["off"]]
    assert off[-2] < 1 < off[-1] and where["layer"] == 9 * (found["loops"] - 1) + 6
    bit = int(where["slot"].removeprefix("memory[").rstrip("]"))
    made = computer.memory[where["token"]][bit]
    assert f"{float(made):.2f}" == where["is"] and made > 0 > F(where["should"])


# -- giannou2024 ----------------------------------------------------------------------------------


@pytest.mark.recomputes("giannou2024.logistic")
def test_one_newton_iteration_from_the_identity_is_a_quarter_off():
    found = shown("giannou2024.logistic")
    mu, p, x = F(found["mu"]), F(1, 2), (F(0), F(10, 7))  # p at x_1 = 0
    hessian, gradient = (p * (1 - p) + mu, mu), (-p + mu * x[0], mu * x[1])
    direction = [g / h for g, h in zip(gradient, hessian, strict=True)]
    made = [(2 - h) * g for g, h in zip(gradient, hessian, strict=True)]
    assert (found["X_0"], found["x"]) == ("1 times the identity", "(0, 10/7)")
    assert direction == numbers(found["direction"])
    assert made == numbers(found["13 layers give"])
    gap = [a - b for a, b in zip(made, direction, strict=True)]
    assert 16 * dot(gap, gap) > dot(direction, direction)


# -- kim2024 --------------------------------------------------------------------------------------


@pytest.mark.recomputes("kim2024.head.population")
def test_one_example_has_not_the_second_moment_of_all():
    found = shown("kim2024.head.population")
    X, y, ((query,),) = (numbers(found[part]) for part in ("X", "y", "queries"))
    ((covariance,),) = numbers(found["parameters"]["covariance"])
    assert len(X) == 1 and X[0][0] ** 2 != covariance
    head = dot([x for (x,) in X], y) / len(X) / covariance * query
    assert ([head], [ridge(X, y, 0)[0] * query]) == (
        numbers(found["prediction"]), numbers(found["algorithm"]),
    )  # fmt: skip
    assert found["prediction"] != found["algorithm"]


@pytest.mark.recomputes("kim2024.head.fixed")
def test_one_example_of_another_size_asks_for_another_matrix():
    found = shown("kim2024.head.fixed")
    (x,), (other,), y = numbers(found["X"]), numbers(found["other X"]), F(1)
    gamma = (y / x) / (y * x)  # y x Gamma = y / x
    assert found["needs"] == f"Gamma = {gamma}"
    assert (y * other * gamma, y / other) == (F(found["there"]), F(found["least squares"]))
    assert found["there"] != found["least squares"]


# -- shen2023 -------------------------------------------------------------------------------------


@pytest.mark.recomputes("shen2023.order.online")
def test_one_example_after_the_other_is_ridge_regression_in_every_order():
    found = shown("shen2023.order.online")
    assert found["claim"] == "recursive_least_squares"
    examples = [([F(1), F(2)], F(3)), ([F(0), F(-1)], F(1)), ([F(2), F(1)], F(-2))]

    def passed(order: Sequence[int]) -> list[F]:
        P, w = [[F(1), F(0)], [F(0), F(1)]], [F(0), F(0)]
        for i in order:
            x, target = examples[i]
            Px = [dot(row, x) for row in P]
            divisor = 1 + dot(x, Px)
            error = target - dot(w, x)
            w = [e + p * error / divisor for e, p in zip(w, Px, strict=True)]
            P = [[e - Px[i] * Px[j] / divisor for j, e in enumerate(row)]
                 for i, row in enumerate(P)]  # fmt: skip
        return w

    whole = ridge([x for x, _ in examples], [target for _, target in examples], 1)
    assert passed((0, 1, 2)) == passed((2, 0, 1)) == passed((1, 2, 0)) == whole


@pytest.mark.recomputes("shen2023.order.causal")
def test_one_causal_layer_reads_every_example_from_the_query():
    found = shown("shen2023.order.causal")
    assert (found["layers"], found["d"]) == ("1", "1")
    examples, query, rate = [(F(1), F(3)), (F(-2), F(1)), (F(5), F(2))], F(7), F(found["step_size"])

    def predicted(order: Sequence[int]) -> F:
        """The query is the last token: no example is masked for it."""
        return sum((rate * examples[i][1] * examples[i][0] * query for i in order), start=F(0))

    assert predicted((0, 1, 2)) == predicted((2, 1, 0)) == predicted((1, 0, 2))


# -- yang2024 -------------------------------------------------------------------------------------


@pytest.mark.recomputes("yang2024.ridge.prompts")
def test_which_token_is_labelled_changes_ridge_and_not_the_only_share():
    found = shown("yang2024.ridge.prompts")
    f1, f2, f3, tau, y = (F(found[k]) for k in ("f(v_1)", "f(v_2)", "f(v_3)", "tau", "y"))
    first, second = (f3 * f * y / (f * f + tau) for f in (f1, f2))
    assert first == F(found["ridge at v_3 with v_1 labelled"])
    assert second == F(found["with v_2 labelled"]) != first


@pytest.mark.recomputes("yang2024.ridge.heads")
def test_labels_count_with_both_signs_and_shares_with_one():
    found = shown("yang2024.ridge.heads")
    *seen, (f,) = numbers(found["features"])
    coefficients = [f * w for w in (
        ridge(seen, [F(int(i == j)) for j in range(len(seen))], F(found["noise"]))[0]
        for i in range(len(seen))
    )]  # fmt: skip
    said = " + ".join(f"({c}) y_{i}" for i, c in enumerate(coefficients, start=1))
    assert said == found["ridge is"] and min(coefficients) < 0 < max(coefficients)


@pytest.mark.recomputes("yang2024.ridge.noise")
def test_the_number_of_examples_in_place_of_that_of_features_leaves_a_slope():
    found = shown("yang2024.ridge.noise")
    *seen, (f,) = numbers(found["features"])
    N, m, tau, values = found["N"], 1, F(found["tau"]), [one for (one,) in seen]
    square = dot(values, values)
    A = [f * one / (square + N * tau) for one in values]  # f F^T (F F^T + N tau)^-1, one feature
    slope = [a * m * tau + one * (dot(A, values) - f) for a, one in zip(A, values, strict=True)]
    assert slope == numbers(found["half the gradient"]) != [0, 0]


@pytest.mark.recomputes("yang2024.ridge.directions")
def test_one_example_has_no_slope_about_its_mean_and_ridge_has_one():
    found = shown("yang2024.ridge.directions")
    ((x,),), ((y,),), ((query,),) = (numbers(found[k]) for k in ("X", "y", "queries"))
    layer = (x - x) * y * query  # a step on centred examples
    assert layer - x * y * query / (x * x + 1) == F(found["coefficient of eps^0"]) != 0
