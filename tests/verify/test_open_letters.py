"""Claims whose parameters are vectors, matrices and numbers of steps, proved for all of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import strategies as st

import constructions
from constructions import Block, Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.parts import bilinear
from proofs.calculus import form as c
from proofs.letters import Count, Matrix, arrays, diagonal_rows
from proofs.rule import rule
from verify import Claim, count, diagonal, engine, formula, matrix, strategies, vector
from verify.checks import proof
from verify.claim import Budget, load_file
from verify.formulas import Formula

FEW = Budget(cases=12)
EXAMPLE = Path(proof.__file__).parents[1] / "examples" / "slots.py"
STEPS = st.integers(0, 3)
x = slot_map(("f", "x"))


def turned(rows: Any) -> Any:
    return tuple(zip(*rows))


def minus(a: Any, b: Any) -> Any:
    return tuple(tuple(p - q for p, q in zip(r, s)) for r, s in zip(a, b))


def descent(key: Any, d: int, steps: int, **head: Any) -> Witness:
    """w' = w - K X^T (X w - y) in every layer, if `key` is K; of layer k if it depends on k."""
    layers = []
    for k in range(steps):
        here = key(k) if callable(key) else key
        slots = slot_map(Block("f", "x", -1, matrix=here))
        layers.append(Layer(f"step {k}", (Head(x, slots, slot_map(("r", "r")), **head),)))
    prompt = Prompt(d, slot_map(("x", "x"), ("r", "y")))
    return Witness("descent", layout(x=(d,), r=()), prompt, tuple(layers), Readout("r", -1))


def claim(make: Any, algorithm: Any, opened: Any, n: Any = None, **drawn: Any) -> Claim:
    return Claim(
        "mine",
        witness=make,
        algorithm=formula(algorithm) if isinstance(algorithm, str) else algorithm,
        cases=lambda: strategies.prompts(d=st.integers(1, 3), n=n or st.integers(1, 3), **drawn),
        assembled=lambda: [{"d": 3, **opened}],
    )


def found(made: Claim) -> Any:
    return proof.run(made, FEW)


def proved(made: Claim) -> bool:
    return found(made).passed is True


def steps_of(step: str) -> Formula:
    return formula("w.T*x_t", start={"w": "O"}, step={"w": step}, repeat="steps")


# -- matrices and vectors ----------------------------------------------------------------------

PRECONDITIONED = steps_of("w - A*X.T*(X*w - y)")
KEYS = {
    "A": (lambda A, d: A, True),
    "the transpose of its transpose": (lambda A, d: turned(turned(A)), True),
    "A + A - A": (lambda A, d: minus(minus(A, minus(A, A)), minus(A, A)), True),
    "transposed": (lambda A, d: turned(A), False),
    "its symmetric part": (
        lambda A, d: minus(A, tuple(tuple((p - q) / 2 for p, q in zip(r, s))
                                    for r, s in zip(A, turned(A)))), False),
    "a sign": (lambda A, d: minus(minus(A, A), A), False),
    "one entry": (lambda A, d: ((*A[0][:-1], 0), *A[1:]), False),
    "transposed from d = 12 on": (lambda A, d: A if d < 12 else turned(A), False),
}  # fmt: skip


@pytest.mark.parametrize("steps", [2, count("steps")], ids=["two steps", "every number"])
@pytest.mark.parametrize("key", KEYS)
def test_a_matrix_that_need_not_be_symmetric_is_told_from_its_transpose(key, steps):
    made, right = KEYS[key]

    def build(d: int, steps: int, A: Any) -> Witness:
        return descent(made(A, d), d, steps)

    drawn = {"A": strategies.matrix(), "steps": STEPS if isinstance(steps, Count) else 2}
    mine = claim(build, PRECONDITIONED, {"A": matrix("A"), "steps": steps}, **drawn)
    assert proved(mine) == right, found(mine).detail
    verdict = engine.run(mine, FEW).verdict
    if right:
        assert verdict.name == "holds" and "derived" in verdict.strengths
    else:
        assert "derived" not in getattr(verdict, "strengths", ())


@pytest.mark.parametrize(
    ("declared", "drawn", "says"),
    [
        ({"symmetric": True}, {"symmetric": True}, "any symmetric A"),
        ({"positive_definite": True}, {"positive_definite": True}, "any positive definite A"),
        ({"symmetric": True}, {}, None),
        ({"positive_definite": True}, {"symmetric": True}, None),
        ({}, {"symmetric": True}, None),
    ],
)
def test_what_is_declared_is_used_and_asked_of_every_case(declared, drawn, says):
    """A transposed key is right of symmetric matrices: of those that are declared, and drawn."""

    def build(d: int, steps: int, A: Any) -> Witness:
        return descent(turned(A), d, steps)

    opened = {"A": matrix("A", **declared), "steps": 1}
    made = found(claim(build, PRECONDITIONED, opened, A=strategies.matrix(**drawn), steps=1))
    if says is not None:
        assert made.passed and says in made.detail
    else:
        assert not made.passed
        assert "are not of these" in made.detail if declared else "≠" in made.detail


# -- diagonal matrices -------------------------------------------------------------------------

TWO_STEPS = "w - P*X.T*(X*w - y)"


@pytest.mark.parametrize("steps", [2, count("steps")], ids=["two steps", "every number"])
@pytest.mark.parametrize(
    ("key", "right"),
    [
        (lambda P, d: P, True),
        (lambda P, d: turned(P), True),
        (lambda P, d: minus(minus(P, P), minus(P, P)), False),
        (lambda P, d: minus(P, diagonal_rows((1,) * d)), False),
        (lambda P, d: diagonal_rows([P[i][i] for i in reversed(range(d))]), False),
    ],
    ids=["P", "transposed", "none", "P - I", "the other way round"],
)  # fmt: skip
def test_a_diagonal_matrix_is_its_own_transpose_and_nothing_else(key, right, steps):
    def build(d: int, steps: int, P: Any) -> Witness:
        return descent(key(P, d), d, steps)

    drawn = {"P": strategies.diagonal(), "steps": STEPS if isinstance(steps, Count) else 2}
    mine = claim(build, steps_of(TWO_STEPS), {"P": diagonal("P"), "steps": steps}, **drawn)
    made = found(mine)
    assert (made.passed is True) == right, made.detail
    assert not right or "any diagonal P" in made.detail
    verdict = engine.run(mine, FEW).verdict
    assert verdict.name == ("holds" if right else "refuted")


@pytest.mark.parametrize(
    ("A", "B", "commute"),
    [(diagonal, diagonal, True), (diagonal, matrix, False), (matrix, diagonal, False)],
)
def test_diagonal_matrices_commute_with_each_other_and_with_no_others(A, B, commute):
    """sum_j y_j <x_j, B A x> as x^T B A X^T y, where x^T A^T B^T X^T y is meant."""
    opened = {"A": A("A"), "B": B("B")}
    drawn = {name: strategies.diagonal() if isinstance(one, Matrix) and one.diagonal
             else strategies.matrix() for name, one in opened.items()}  # fmt: skip
    turned_round = claim(whitened, "x_t.T*B.T*A.T*X.T*y", opened, **drawn)
    assert proved(turned_round) == commute
    assert proved(claim(whitened, "x_t.T*A.T*B.T*X.T*y", opened, **drawn))


def test_a_diagonal_matrix_and_its_inverse_cancel_across_others():
    a, b = (c.letter(name, c.d, c.d, diagonal=True) for name in "PQ")
    undone = c.inverse_letter(a)
    assert a @ b @ undone == b and (a @ b).T == b @ a
    x = c.letter("W", c.d, c.d)
    assert a @ x @ b != b @ x @ a and a @ x @ undone != x


def test_a_case_that_is_not_diagonal_is_not_of_these():
    def build(d: int, steps: int, P: Any) -> Witness:
        return descent(P, d, steps)

    mine = claim(build, steps_of(TWO_STEPS), {"P": diagonal("P"), "steps": 1},
                 P=strategies.matrix(), steps=1)  # fmt: skip
    made = found(mine)
    assert made.passed is None and "are not of these, such as d = " in made.detail
    off = ((Fraction(1), Fraction(1)), (Fraction(0), Fraction(1)))
    assert diagonal("P").why_not(off, {}) == "P is not diagonal"


def test_an_inverse_is_declared_as_diagonal_as_its_matrix():
    with pytest.raises(ValueError, match="not declared alike"):
        arrays({"P": matrix("P", symmetric=True), "Q": diagonal("Q", inverse="P")})
    assert set(arrays({"P": diagonal("P"), "Q": diagonal("Q", inverse="P")})) == {"P", "Q"}
    assert repr(diagonal("P")) == "Matrix(name='P', diagonal=True)"


def test_a_start_that_is_named_like_its_parameter_is_refused_in_a_line():
    started = formula("w.T*x_t", start={"w": "w0"}, step={"w": "w"}, repeat=1)
    with pytest.raises(ValueError, match="w0 = 'w0' is defined by itself; .* another name"):
        started.at({"w0": (1, 2)})


def whitened(d: int, A: Any, B: Any) -> Witness:
    """sum_j y_j <x_j, B A x>: A where tokens are embedded, B in the query."""
    query, key = slot_map(Block("f", "u", matrix=B)), slot_map(("f", "x"))
    return Witness(
        "whitened", layout(x=(d,), u=(d,), y=(), p=()),
        Prompt(d, slot_map(("x", "x"), Block("u", "x", matrix=A), ("y", "y"))),
        (Layer("sum", (Head(query, key, slot_map(("p", "y"))),)),), Readout("p"),
    )  # fmt: skip


ANY_TWO = {"A": matrix("A"), "B": matrix("B")}
A_AND_INVERSE = {"A": matrix("A"), "B": matrix("B", inverse="A")}


@pytest.mark.parametrize(
    ("build", "stated", "opened", "right"),
    [
        (whitened, "x_t.T*A.T*B.T*X.T*y", ANY_TWO, True),
        (whitened, "x_t.T*B.T*A.T*X.T*y", ANY_TWO, False),
        (whitened, "x_t.T*X.T*y", ANY_TWO, False),
        (whitened, "x_t.T*X.T*y", A_AND_INVERSE, True),
        (whitened, "x_t.T*B*A*X.T*y", A_AND_INVERSE, True),
        (whitened, "x_t.T*B.T*A*X.T*y", A_AND_INVERSE, False),
    ],
)  # fmt: skip
def test_products_and_inverses_are_those_of_the_letters(build, stated, opened, right):
    def pair(drawn: Any, d: int, n: int) -> Any:
        return {"B": inverse(drawn["A"]) if opened is A_AND_INVERSE else drawn["B"]}

    made = claim(build, stated, opened, A=strategies.matrix(invertible=True),
                 B=strategies.matrix(), build=pair)  # fmt: skip
    assert proved(made) == right, found(made).detail


def inverse(rows: Any) -> Any:
    made = sympy.Matrix(rows).inv()
    return tuple(tuple(Fraction(int(e.p), int(e.q)) for e in made.row(i)) for i in range(made.rows))


def test_a_product_in_one_block_is_refused_by_name():
    def build(d: int, A: Any) -> Witness:
        square = tuple(
            tuple(sum(A[i][k] * A[k][j] for k in range(d)) for j in range(d)) for i in range(d)
        )
        return descent(square, d, 1)

    made = claim(build, "x_t.T*A*A*X.T*y", {"A": matrix("A")}, A=strategies.matrix())
    assert found(made).passed is False and "no sum of letters" in found(made).detail


def test_an_inverse_is_asked_of_every_case():
    made = claim(whitened, "x_t.T*X.T*y", A_AND_INVERSE,
                 A=strategies.matrix(invertible=True), B=strategies.matrix())  # fmt: skip
    assert found(made).passed is None and "are not of these" in found(made).detail


def held_matrix(source: Any) -> Any:
    """w^T A x at a query: the register holds A, or what `source` makes of it, and sends it."""

    def build(d: int, A: Any, w: Any) -> Witness:
        flat = tuple((entry,) for row in source(A) for entry in row)
        send = Head(slot_map(("f", "query")), slot_map(("f", "mark")), slot_map(("P", "P")))
        product = bilinear({"h": ("P", "ij<-ij", "x", "ij<-j")}, ("u", "h", 1, "i<-ij"), d=d)
        read = Layer("read", mlp=constructions.MLP(slot_map(Block("p", "u", matrix=(w,)))))
        embedding = slot_map(("x", "x"), ("query", "query"), ("mark", "register"),
                             Block("P", "register", matrix=flat))  # fmt: skip
        return Witness(
            "held", layout(x=(d,), query=(), mark=(), P=(d, d), u=(d,), p=()),
            Prompt(d, embedding, register=True),
            (Layer("send", (send,), product), read), Readout("p"),
        )  # fmt: skip

    return build


@pytest.mark.parametrize(("source", "right"), [(lambda A: A, True), (turned, False)])
def test_a_slot_may_hold_a_matrix_that_is_a_letter(source, right):
    opened = {"n": 2, "A": matrix("A"), "w": vector("w")}
    made = claim(held_matrix(source), "w.T*A*x_t", opened, st.integers(1, 2),
                 A=strategies.matrix(), w=strategies.vector())  # fmt: skip
    assert proved(made) == right, found(made).detail


@pytest.mark.parametrize(("stated", "right"), [("n*w.T*x_t", True), ("w.T*x_t", False)])
def test_a_vector_of_letters_may_be_what_a_token_carries(stated, right):
    def build(d: int, w: Any) -> Witness:
        column = tuple((entry,) for entry in w)
        head = Head(x, slot_map(("f", "c")), slot_map(("p", "one")))
        embedding = slot_map(("x", "x"), ("one", "one"), Block("c", "one", matrix=column))
        return Witness("mean", layout(x=(d,), c=(d,), one=(), p=()), Prompt(d, embedding),
                       (Layer("sum", (head,)),), Readout("p"))  # fmt: skip

    made = claim(build, stated, {"w": vector("w")}, w=strategies.vector())
    assert proved(made) == right, found(made).detail


def test_letters_that_do_not_fit_are_refused():
    for wrong, says in (
        (lambda: matrix("X"), "part of the prompt"),
        (lambda: matrix("A B"), "no name"),
        (lambda: matrix("A", "k"), 'size "d" or "n"'),
    ):
        with pytest.raises(ValueError, match=says):
            wrong()
    for opened, says in (
        ({"A": matrix("B")}, "not its own"),
        ({"A": matrix("A"), "B": matrix("B", inverse="C")}, "no open matrix"),
        ({"A": matrix("A", symmetric=True), "B": matrix("B", inverse="A")}, "declared alike"),
    ):
        made = claim(lambda d, A, B=None: descent(A, d, 1), "x_t.T*A*X.T*y", opened)
        with pytest.raises(ValueError, match=says):
            proof.prove(made, {"d": 3, **opened})


# -- every number of steps -------------------------------------------------------------------------

TIED = {
    "tied": (lambda A, d, k: A, True),
    "another step 7": (lambda A, d, k: turned(A) if k == 7 else A, False),
    "another step 7 at d = 6": (lambda A, d, k: turned(A) if (d, k) == (6, 7) else A, False),
    "another first step": (lambda A, d, k: minus(A, turned(A)) if k == 0 else A, False),
}


@pytest.mark.parametrize("key", TIED)
def test_layers_that_are_not_tied_are_no_induction(key):
    made, right = TIED[key]

    def build(d: int, steps: int, A: Any) -> Witness:
        return descent(lambda k: made(A, d, k), d, steps)

    opened = {"A": matrix("A"), "steps": count("steps")}
    mine = claim(build, PRECONDITIONED, opened, A=strategies.matrix(), steps=STEPS)
    assert proved(mine) == right
    assert right or "not tied" in found(mine).detail


@pytest.mark.parametrize(
    ("stated", "right"),
    [
        (PRECONDITIONED, True),
        (steps_of("w - A.T*X.T*(X*w - y)"), False),
        (steps_of("w - A*X.T*(X*w - y)/n"), False),
        (formula("2*w.T*x_t", start={"w": "O"}, step={"w": "w - A*X.T*(X*w - y)"},
                 repeat="steps"), False),
        (formula("w.T*x_t", start={"w": "X.T*y"}, step={"w": "w - A*X.T*(X*w - y)"},
                 repeat="steps"), False),
        # right where it is looked at, and nowhere else
        (formula("w.T*x_t + (steps - 1)*x_t.T*x_t", start={"w": "O"},
                 step={"w": "w - A*X.T*(X*w - y)"}, repeat="steps"), False),
        (Formula("late", lambda given: (
            lambda defined, last: (defined | ({"w9": "O"} if "w9" in defined else {}), last)
         )(*PRECONDITIONED.at(given))), False),
    ],
)  # fmt: skip
def test_an_induction_is_about_the_very_formula(stated, right):
    opened = {"A": matrix("A"), "steps": count("steps")}
    mine = claim(lambda d, steps, A: descent(A, d, steps), stated, opened,
                 A=strategies.matrix(), steps=STEPS)  # fmt: skip
    made = proof.prove(mine, {"d": 3, **opened})
    assert made.proved == right, made.failed


INDUCTIONS = {
    "gradient_descent": ("steps", {"step_size": sympy.Symbol("eta"), "w0": vector("w0")}),
    "newton": ("iterations", {"alpha": sympy.Symbol("alpha")}),
    "newton_carried": ("iterations", {"alpha": sympy.Symbol("alpha")}),
    "hyperpower": ("iterations", {"alpha": sympy.Symbol("alpha")}),
    "momentum": ("steps", {"step_size": sympy.Symbol("eta"), "momentum": sympy.Symbol("mu")}),
    "gd_plus_plus": ("steps", {"step_size": sympy.Symbol("eta"), "gamma": sympy.Symbol("g")}),
    "preconditioned": (
        "steps", {"step_size": sympy.Symbol("eta"), "preconditioner": matrix("preconditioner")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INDUCTIONS)
def test_constructions_are_proved_for_every_number_of_steps(name):
    from dataclasses import replace

    from verify.formulas import reference

    steps, opened = INDUCTIONS[name]
    given = {"d": 3, steps: count(steps), **opened}

    def proof_with(change: Any) -> Any:
        def build(**values: Any) -> Witness:
            made = constructions.build(name, **values)
            return made.with_layers(tuple(map(change, made.layer_list)))

        return proof.prove(claim(build, reference(name), {}), given)

    def wrong(layer: Any) -> Any:
        head, *others = layer.heads
        blocks = tuple(replace(b, coefficient=-b.coefficient) for b in head.value)
        return replace(layer, heads=(replace(head, value=slot_map(*blocks)), *others))

    made = proof_with(lambda layer: layer)
    assert made.proved, made.failed
    assert not proof_with(wrong).proved


# -- mixes, masks ------------------------------------------------------------------------------

TRACES = steps_of("w - C*X.T*M.T*(X*w - y)")
MIXES = {
    "M": (lambda M: M, True),
    "transposed": (turned, False),
    "a sign": (lambda M: minus(minus(M, M), M), False),
    "transposed for nine examples": (lambda M: turned(M) if len(M) == 9 else M, False),
}


@pytest.mark.parametrize(("quick", "reach"), [(True, proof.NEAR), (False, proof.REACH)])
def test_up_to_which_d_the_builder_was_seen_is_said(quick, reach):
    """And it was: one that is another from the next d on is not noticed, one from there on is."""
    (mine,) = load_file(str(EXAMPLE))
    budget = replace(FEW, quick=quick)
    assert f", d = 1 to {reach}," in proof.run(mine, budget).detail
    build = mine.witness

    def other(last: int) -> Claim:
        return replace(
            mine,
            witness=lambda d, steps, eta: build(d=d, steps=steps, eta=eta * (1 if d < last else 2)),
        )

    assert proof.run(other(reach + 1), budget).passed
    assert proof.run(other(reach), budget).passed is False


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_may_be_any_matrix_for_every_number_of_examples(mix):
    """TD(lambda) has M(r, c) = lambda^(c - r) for r <= c; the proof is about any M."""
    made, right = MIXES[mix]

    def build(d: int, steps: int, C: Any, M: Any) -> Witness:
        return descent(C, d, steps, mix=rule(made(M)))

    def traces(drawn: Any, d: int, n: int) -> Any:
        decay = drawn["M"]
        return {"M": tuple(tuple(decay ** (c - r) if r <= c else Fraction(0) for c in range(n))
                           for r in range(n))}  # fmt: skip

    opened = {"C": matrix("C"), "M": matrix("M", "n"), "steps": count("steps")}
    mine = claim(build, TRACES, opened, C=strategies.matrix(), steps=STEPS,
                 M=strategies.positive(), build=traces)  # fmt: skip
    assert proved(mine) == right, found(mine).detail
    assert not right or "n = 1 to 24" in found(mine).detail


def decaying(given: Any) -> Any:
    """e_n = sum_j decay^(n - j) y_j x_j, j from 1 on."""
    made, n = {"e0": "O"}, given["examples"]
    for i in range(1, n + 1):
        made[f"e{i}"] = f"decay*e{i - 1} + x{i}*y{i}"
    return made, f"decay*e{n}.T*x_t"


@pytest.mark.parametrize(
    ("mask", "right"),
    [("decay**(n - j)", True), ("-decay**(n - j)", False), ("decay**(n - j - 1)", False),
     ("decay**(n - j) * (j > 0)", False)],
)  # fmt: skip
def test_a_weighted_mask_is_proved_for_numbers_of_examples(mask, right):
    def build(d: int, decay: Any, examples: int) -> Witness:
        head = Head(x, x, slot_map(("p", "y")), mask=rule(mask, decay=decay))
        return Witness("decay", layout(x=(d,), y=(), p=()),
                       Prompt(d, slot_map(("x", "x"), ("y", "y"))),
                       (Layer("sum", (head,)),), Readout("p"), examples=examples)  # fmt: skip

    opened = {"examples": 3, "decay": sympy.Symbol("decay")}
    mine = claim(build, Formula("decaying", decaying), opened, decay=strategies.positive(),
                 build=lambda drawn, d, n: {"examples": n})  # fmt: skip
    assert proved(mine) == right, found(mine).detail


@pytest.mark.parametrize(
    ("keys", "n", "right"),
    [("strictly causal", 3, True), ("causal", 3, True), ("strictly causal", None, False)],
)
def test_tokens_that_are_told_apart_need_a_number_of_examples(keys, n, right):
    """A query has no target: whether it sees itself makes no difference."""

    def build(d: int) -> Witness:
        head = Head(x, x, slot_map(("p", "y")), keys=keys)
        return Witness("sum", layout(x=(d,), y=(), p=()),
                       Prompt(d, slot_map(("x", "x"), ("y", "y"))),
                       (Layer("sum", (head,)),), Readout("p"))  # fmt: skip

    mine = claim(build, "x_t.T*X.T*y", {} if n is None else {"n": n})
    assert proved(mine) == right, found(mine).detail
    assert ("n = 1 to 3" if right else "not told apart") in found(mine).detail
    longer = claim(build, "x_t.T*X.T*y", {"n": 2})
    assert found(longer).passed is None and "are not of these" in found(longer).detail


# -- letters are letters of one parameter, and stand for what is assumed of them -------------------


def scaled(d: int, K: Any) -> Witness:
    """sum_j y_j <x_j, K x>, of a number or a matrix K."""
    key = slot_map(Block("f", "x", matrix=K) if isinstance(K, tuple) else Block("f", "x", K))
    return Witness("scaled", layout(x=(d,), y=(), p=()),
                   Prompt(d, slot_map(("x", "x"), ("y", "y"))),
                   (Layer("sum", (Head(x, key, slot_map(("p", "y"))),)),),
                   Readout("p"))  # fmt: skip


def cornered(d: int, A: Any, c: Any) -> Witness:
    return scaled(d, ((c, *A[0][1:]), *A[1:]))


NUMBERS = st.fractions(-2, 2, max_denominator=3)
SAME = sympy.Symbol("a")


@pytest.mark.parametrize(
    ("build", "stated", "opened", "drawn"),
    [
        (lambda d, a, b: scaled(d, b), "a*x_t.T*X.T*y", {"a": SAME, "b": SAME},
         {"a": NUMBERS, "b": NUMBERS}),
        (cornered, "x_t.T*A*X.T*y", {"A": matrix("A"), "c": sympy.Symbol("A_0_0")},
         {"A": strategies.matrix(), "c": NUMBERS}),
        (lambda d, A, A_5: scaled(d, A), "x_t.T*A*X.T*y",
         {"A": matrix("A"), "A_5": vector("A_5")},
         {"A": strategies.matrix(), "A_5": strategies.vector()}),
    ],
    ids=["one letter for two numbers", "an entry of a matrix", "a row of a matrix, from d = 6 on"],
)  # fmt: skip
def test_parameters_that_share_a_letter_are_not_proved_for_all_their_values(
    build, stated, opened, drawn
):
    result = found(claim(build, stated, opened, **drawn))
    assert result.passed is False and "stands for a part of" in result.detail


@pytest.mark.parametrize(
    ("drawn", "right"), [(strategies.positive(), True), (st.integers(-2, 0), False)]
)
def test_what_is_assumed_of_a_letter_is_said_and_asked_of_every_case(drawn, right):
    """|a| = a, but for negative numbers."""
    opened = {"a": sympy.Symbol("a", positive=True)}
    result = found(claim(lambda d, a: scaled(d, abs(a)), "a*x_t.T*X.T*y", opened, a=drawn))
    assert (result.passed is True) == right and "any positive a" in result.detail


def test_a_letter_is_not_proved_by_one_of_the_same_name_of_which_more_is_assumed():
    mine = Claim(
        "mine", witness=lambda d, a: scaled(d, abs(a)), algorithm=formula("a*x_t.T*X.T*y"),
        cases=lambda: strategies.prompts(d=st.just(1), a=NUMBERS),
        assembled=lambda: [{"d": 3, "a": sympy.Symbol("a", positive=True)},
                           {"d": 3, "a": sympy.Symbol("a")}],
    )  # fmt: skip
    assert found(mine).passed is False
