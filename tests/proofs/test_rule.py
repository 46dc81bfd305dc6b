"""Rules: a number for every pair of tokens, exactly, in a language that is closed."""

from __future__ import annotations

from fractions import Fraction

import plain
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from proofs.layer import Head, Layer, Norm
from proofs.rule import Rule, rule
from proofs.slotmap import slot_map

TOKENS = range(4)
names = st.sampled_from(["t", "j", "n", "N", "half", "2", "0.25", "1"])
formulas = st.recursive(
    names,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+ - * / // % < <= == != > >= and or".split()), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda one: f"-{one}"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"abs({one})"),
        inner.map(lambda one: f"{one}**2"),
        st.tuples(inner, inner, inner).map(lambda three: f"({' < '.join(three)})"),
        st.tuples(inner, inner).map(lambda two: f"min({two[0]}, {two[1]}, n)"),
    ),
    max_leaves=6,
)


@given(formulas)
def test_a_rule_is_what_python_makes_of_it_in_fractions(text):
    constants = {"half": Fraction(1, 2)} if "half" in text else {}
    one = rule(text, **constants)
    for t in TOKENS:
        for j in TOKENS:
            at = {"t": t, "j": j, "n": 3, "N": 5}
            try:
                wanted = plain.rule(one, at, plain.FRACTIONS)
            except ZeroDivisionError:
                with pytest.raises(ValueError, match="divides by 0"):
                    one.value(**at)
            else:
                assert one.value(**at) == wanted


def test_values_are_exact():
    decay = rule("decay**(t - j) * (j <= t)", decay=Fraction(1, 2))
    assert decay.table(("t", "j"), range(3), range(2), 1, 3) == (
        (1, 0), (Fraction(1, 2), 1), (Fraction(1, 4), Fraction(1, 2))
    )  # fmt: skip
    assert rule("cos(pi * t / 3)").value(t=1) == Fraction(1, 2)
    assert rule("2**(1/2) * sin(pi / t)").value(t=4) == 1
    assert rule("letter**2 * t", letter=sympy.Symbol("a")).value(t=3) == 3 * sympy.Symbol("a") ** 2
    assert rule(((1, 0.5), (0, 1))).matrix == ((1, Fraction(1, 2)), (0, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "'x' is not known; there are t, j"),
        ("t if j else 1", "not known"),
        ("__import__(t)", "not known"),
        ("t.real", "not known"),
        ("(lambda t, j)", "no formula"),
        ("1e3 * t", "'1e3' is not known"),
        ("0x1", "not known"),
        ("True", "not known"),
        ("sin(t, j)", "not known"),
        ("min()", "not known"),
        ("t; j", "';' is no part"),
        ("j <=", "no formula"),
        ("", "text or a matrix"),
        ("2**2**2**t * (t > 4)", "too large"),
        ("1 / (t - 5)", "divides by 0 at t = 5"),
    ],
)
def test_what_is_no_rule_is_refused_by_name(text, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        rule(text).table(("t", "j"), range(5, 6), range(2), 1, 2)


def test_constants_are_numbers_with_names_of_their_own():
    for constants, said in (
        ({"t": 1}, "'t' is no name"),
        ({"unused": 1}, "has no 'unused'"),
        ({"half": "1/2"}, "must be a number"),
    ):
        with pytest.raises((ValueError, TypeError), match=said):
            rule("t * j * half" if "half" in constants else "t * j", **constants)
    with pytest.raises(ValueError, match="of different lengths"):
        Rule(matrix=((1, 0), (1,)))
    with pytest.raises(ValueError, match="2 x 2, where 3 tokens"):
        rule(((1, 0), (0, 1))).table(("t", "j"), range(3), range(2), 1, 3)


def test_a_head_takes_rules_in_numbers_that_it_has():
    maps = slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("y", "y"))
    with pytest.raises(ValueError, match="the mask of a head, rule 'r <= t': there is no 'r'"):
        Head(*maps, mask=rule("r <= t"))
    with pytest.raises(ValueError, match="there is no 't' here, but r, c, n, N"):
        Head(*maps, mix=rule("r == t"))
    with pytest.raises(ValueError, match="is a Rule, not 'j < t'"):
        Head(*maps, mask="j < t")


def test_a_norm_says_where_it_does_not_fit():
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("y", "y")))
    assert Layer("one", (head,), None).norms() == {}
    for wrong, said in (
        (lambda: Norm("batch"), "unknown norm 'batch'; there are layer, rms"),
        (lambda: Norm(epsilon=-1), "at least 0, not -1"),
        (lambda: Norm(gain=(("x", 1), ("x", 2))), "names a slot twice"),
        (lambda: Layer("a", (), attention_norm=Norm()), "attention_norm without heads"),
        (lambda: Layer("a", (head,), norm=Norm()), "norm without an MLP"),
        (lambda: Layer("a", (head,), after_mlp=True), "after_mlp is a Norm or None"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()


@pytest.mark.parametrize("text", ["(-1)**(1/2)", "(t - 1)**(1/2)", "(t - 8)**(j / 3)"])
def test_a_power_that_is_no_real_number_is_refused(text):
    with pytest.raises(ValueError, match="of a rule is no real number"):
        rule(text).value(t=0, j=1)
