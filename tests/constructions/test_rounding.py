"""The bound on rounding is above every error, small where floats can tell; no warning is late."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from functools import partial
from typing import Any

import awkward
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from witnesses import cases

import constructions
from constructions import PrecisionWarning
from constructions.numbers import floats
from constructions.numbers.ball import Ball, precision
from constructions.numbers.base import Unsupported
from constructions.numbers.floats import Floats
from constructions.rounding import bounded, bounds, norm_error, running_error
from constructions.rounding.norm_error import NormError
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout
from verify.checks.symbolic import shapes_of

FORMATS = ("float64", "float32", "bfloat16", "float16")
ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}


def quietly(witness: Any, *prompt: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        return np.asarray(witness.predict(*prompt), dtype=float)


def warned(witness: Any, *prompt: Any) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        witness.predict(*prompt)
    return any(issubclass(one.category, PrecisionWarning) for one in caught)


def exact(witness: Any, X: Any, y: Any, queries: Any) -> list[Any]:
    """The predictions as balls far narrower than any float format, or else as fractions."""
    for bits in (512, 4096):
        try:
            balls = np.ravel(witness.predict(X, y, queries, Ball(bits))).tolist()
        except ZeroDivisionError:
            continue
        several = witness.readout.tokens != "query"  # numbers of one size, of which some are 0
        sizes = [float(abs(b).abs_upper()) for b in balls]
        sizes = [max(sizes)] * len(sizes) if several else sizes
        if all(float(b.rad()) <= 1e-30 * size for b, size in zip(balls, sizes)):
            return balls
    try:
        exactly = witness.predict(X, y, queries, "rational")
        return [Fraction(value) for value in np.ravel(exactly)]
    except Unsupported:
        raise ZeroDivisionError("no balls enclose it: a layer norm of equal entries") from None


def error(value: float, want: Any) -> float:
    """At most |value - want|, to within a part in 2^50."""
    if not math.isfinite(value):
        return math.inf
    if isinstance(want, Fraction):
        off = abs(Fraction(value) - want)
        return float(off) if off < 10**308 else math.inf
    with precision(4096):
        return float(abs(want - value).abs_lower())


def errors(witness: Any, prompt: Any, numbers: str) -> np.ndarray:
    got = quietly(witness, *prompt, numbers)
    off = [error(float(a), b) for a, b in zip(got.ravel(), exact(witness, *prompt), strict=True)]
    return np.array(off)


def ways(witness: Any, prompt: Any, numbers: str) -> dict[str, np.ndarray]:
    """Every way to a bound, also where `rounding_bound` would not take it."""
    prompts = bounds.Floats(numbers).prompts(*prompt, witness)
    given = witness, prompts, bounds.taken(prompts)
    made = {"norms": bounds.norm_bound(*given), "back": bounds.back_bound(*given)[0]}
    if bounds._entries(witness, prompts) < 1500:
        made["noises"] = bounds.noise_bound(*given)[0]
    return {way: bound.numpy() for way, bound in made.items()}


def assert_bounded(witness: Any, prompt: Any, numbers: str) -> str:
    """Every prediction is within its bound, and not off by half of its digits without a word.

    Returns what came of it.
    """
    try:
        got = quietly(witness, *prompt, numbers)
    except (ZeroDivisionError, ValueError) as undefined:
        assert isinstance(undefined, ZeroDivisionError) or "finite" in str(undefined)
        return "undefined"
    try:
        off = errors(witness, prompt, numbers)
    except ZeroDivisionError:
        assert warned(witness, *prompt, numbers)
        return "undefined"
    for way, bound in ways(witness, prompt, numbers).items():
        known = np.isfinite(bound)
        assert (off[known] * (1 - 2.0**-40) <= bound[known]).all(), (way, off, bound)
    bound = np.ravel(witness.rounding_bound(*prompt, numbers))
    known = np.isfinite(bound)
    assert (off[known] * (1 - 2.0**-40) <= bound[known]).all(), (off, bound)
    size = np.abs(got).max()
    lost = off > math.sqrt(ROUNDOFF[numbers]) * size
    assert not lost.any() or warned(witness, *prompt, numbers), (off, size)
    if not known.all():
        return "infinite"
    return "useful" if bound.max() <= math.sqrt(ROUNDOFF[numbers]) * size else "large"


# -- whatever the witness and the prompt -------------------------------------------------------


@pytest.mark.parametrize("name", constructions.names())
def test_no_prediction_is_off_by_more_than_its_bound(name):
    came = []
    for seed in range(16):
        rng = np.random.default_rng([seed, *name.encode()])
        numbers = str(rng.choice(FORMATS))
        n = 1 if name.startswith("akyurek") else int(rng.integers(2, 5))
        m = 1 if name.startswith("akyurek") else int(rng.integers(1, 4))
        witness, prompt = awkward.case(name, rng, n, m, numbers)
        came.append(assert_bounded(witness, prompt, numbers))
    if not name.startswith("akyurek"):
        assert "useful" in came


@pytest.mark.parametrize("steps", [8, 26, 27, 40])
def test_after_any_number_of_newton_steps_norms_tell_and_nothing_dearer_runs(steps, monkeypatch):
    rng = np.random.default_rng(steps)
    witness = constructions.build("newton", d=16, iterations=steps, alpha=0.25)
    X, y, queries = rng.standard_normal((64, 16)) / 8, rng.standard_normal(64), np.eye(2, 16)
    bound = ways(witness, (X, y, queries), "float64")["norms"]
    assert (errors(witness, (X, y, queries), "float64") <= bound).all()
    for dearer in ("quick_bound", "distances"):
        monkeypatch.setattr(bounds, dearer, None)
    assert not warned(witness, X, y, queries)


@pytest.mark.parametrize("seed", range(20))
def test_norms_bound_what_a_step_carries_and_are_met_where_it_carries_most(seed):
    rng = np.random.default_rng(seed)
    system = NormError("float64")
    M, P, e = torch.from_numpy(rng.standard_normal((3, 4, 4)))
    if seed < 2:
        M, P = torch.eye(4).double() * (0.5, 1.0)[seed], torch.eye(4).double()
    E = float(rng.choice([1e-6, 0.1]))
    e = e / torch.linalg.matrix_norm(e) * E
    c, s = (2, -1) if seed < 2 else (int(rng.integers(-3, 4)) or 1, Fraction(-1, 2))
    old = bounded.Bounded(M, None, E)
    product = system.summed_products(bounded.Bounded(P), old)
    bound = system.add_product(c, old, old, product, s).norm
    moved = c * e + float(s) * ((M + e) @ P @ (M + e) - M @ P @ M)
    assert float(torch.linalg.matrix_norm(moved)) <= bound
    if seed < 2:  # e / 2 + e / 2, and nothing but e e
        assert bound <= (1.2 * E, 0)[seed] + 9 * E**2 + 1e-12


def step_by_rows(rng, rows, columns, kind):
    """N (rows, columns), P (columns, rows), V (3, columns), and whole numbers c, s, for
    c N + s (N P) N and c V + s (V P) N: of no pattern; or P N is symmetric, as in Newton's steps,
    and the residual halved; or N P = 0 and P N is large."""
    N, P = rng.standard_normal((rows, columns)), rng.standard_normal((columns, rows))
    V, c, s = rng.standard_normal((3, columns)), int(rng.integers(1, 4)), -int(rng.integers(1, 3))
    if kind == "Newton's":
        N, c, s = np.linalg.pinv(P) / 2, 2, -1
    if kind == "nilpotent":
        N, P = 9 * np.eye(rows, columns), np.eye(columns, rows, -rows)
    return torch.from_numpy(N), torch.from_numpy(P), torch.from_numpy(V), c, s


def carried_by(c, s, N, P, added) -> tuple[float, float]:
    """The largest that e -> c e + s ((e P) N + added e) makes of an e of size 1, for e as large as
    N and with no `added` for one row; by the matrix of the map."""
    rows, columns = N.shape
    of_one = c * torch.eye(columns).double() + s * (P @ N)
    whole = torch.kron(torch.eye(rows).double(), of_one.mT.contiguous())
    whole = whole + s * torch.kron(added, torch.eye(columns).double())
    return tuple(float(torch.linalg.matrix_norm(one, 2)) for one in (whole, of_one))


@pytest.mark.parametrize("wide", [bounded.WIDE, 2])  # from which nothing of columns^2 is made
@pytest.mark.parametrize("kind", ["any", "Newton's", "nilpotent"])
@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (4, 4), (3, 8), (6, 3)])
def test_norms_bound_what_steps_with_examples_as_rows_carry(rows, columns, kind, wide, monkeypatch):
    for module in (bounded, norm_error):
        monkeypatch.setattr(module, "WIDE", wide)
    if kind == "nilpotent" and columns < 2 * rows:
        return
    rng = np.random.default_rng([rows, columns])
    N, P, V, c, s = step_by_rows(rng, rows, columns, kind)
    of_matrix, of_rows = carried_by(c, s, N, P, N @ P)
    E = 1e-9  # beside which what is of second order, and what is rounded, is nothing
    system, factor = NormError("float64"), bounded.Bounded(P)
    old, queries = bounded.Bounded(N, None, E), bounded.Bounded(V, None, E)
    stepped = system.add_product(c, old, system.summed_products(old, factor), old, s)
    assert of_matrix * E <= stepped.norm
    still = bounded.Bounded(N, None, 1e-40)
    system.summed_products(still, factor)  # as the step of N does
    still = system.add_product(c, queries, system.summed_products(queries, factor), still, s)
    moving = system.add_product(c, queries, system.summed_products(queries, factor), old, s)
    assert of_rows * E <= still.norm
    most = abs(s) * float(torch.linalg.matrix_norm(V @ P, 2))
    assert max(of_rows, most) * E <= moving.norm
    if kind == "Newton's":  # e, or 2 e where nothing of P is: the bounds are met
        assert stepped.norm <= (1.5 if rows < columns else 1.1) * of_matrix * E
        assert still.norm <= 1.1 * 2 * E


def test_what_is_of_another_order_is_not_left_out(monkeypatch):
    """P N is no zero where N P is one: without its departure from normality its norm is missed."""
    for module in (bounded, norm_error):
        monkeypatch.setattr(module, "WIDE", 2)
    N, P, _, c, s = step_by_rows(np.random.default_rng(0), 2, 4, "nilpotent")
    of_matrix, _ = carried_by(c, s, N, P, N @ P)
    system, old = NormError("float64"), bounded.Bounded(N, None, 1e-9)
    product = system.summed_products(old, bounded.Bounded(P))
    assert of_matrix * 1e-9 <= system.add_product(c, old, product, old, s).norm
    old.beside = None
    monkeypatch.setattr(NormError, "_departure", lambda *_: 0.0)
    product = system.summed_products(old, bounded.Bounded(P))
    assert of_matrix * 1e-9 > system.add_product(c, old, product, old, s).norm


def wide_matrices() -> dict[str, torch.Tensor]:
    """Matrices of 140 rows and more: of no pattern, symmetric, of both signs, of low rank, of one
    large entry, of all sizes that squares of floats have."""
    rng = np.random.default_rng(0)
    any_, tall = rng.standard_normal((140, 140)), rng.standard_normal((300, 140))
    turn = np.linalg.qr(any_)[0]
    signs = turn * np.where(np.arange(140) % 2, -1.0, 1.0 - 1e-9) @ turn.T
    spike = np.zeros((140, 140))
    spike[3, 3] = 1
    made = {
        "any": any_, "tall": tall, "flat": tall.T, "gram": tall.T @ tall, "one": np.eye(140),
        "both signs": (signs + signs.T) / 2, "rank 1": np.ones((140, 140)), "spike": spike,
        "below": -tall.T @ tall, "nearly": np.eye(140) + 1e-9 * any_,
        "sizes": tall * 10.0 ** rng.uniform(-50, 50, 140),
    }  # fmt: skip
    return {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in made.items()}


@pytest.mark.parametrize("estimated", [1.0, 0.9, 0.1, 1e-6])
@pytest.mark.parametrize("name", wide_matrices())
def test_the_norm_of_a_large_matrix_is_certified_not_estimated(name, estimated, monkeypatch):
    """Whatever Lanczos's steps make of it: what is too small is refused, and taken larger."""
    a, estimate = wide_matrices()[name], bounded._estimated
    monkeypatch.setattr(bounded, "_estimated", lambda *given: estimate(*given) * estimated)
    norm = float(np.linalg.norm(a.numpy(), 2)) * (1 - 1e-12)
    found = bounded.certified(a)
    assert found is None or norm <= found
    assert bounded.spectral(a) >= norm
    if estimated == 1:
        assert found is not None and found <= 1.15 * norm


def test_the_norm_of_a_large_matrix_would_be_too_small_without_its_certificate(monkeypatch):
    a, estimate = wide_matrices()["any"], bounded._estimated
    monkeypatch.setattr(bounded, "_estimated", lambda *given: estimate(*given) * 0.1)
    decompose = torch.linalg.cholesky_ex
    decided = partial(torch.eye, dtype=torch.float64)
    monkeypatch.setattr(torch.linalg, "cholesky_ex", lambda a: decompose(decided(len(a))))
    assert bounded.certified(a) < float(np.linalg.norm(a.numpy(), 2))


@pytest.mark.parametrize(
    "name", ["gram", "one", "both signs", "below", "nearly", "rank 1", "spike"]
)
@pytest.mark.parametrize("columns", [32, 128])
def test_what_a_matrix_is_turned_into_is_certified_without_being_made(name, columns, monkeypatch):
    monkeypatch.setattr(bounded, "COLUMNS", columns)  # one block and several
    a = wide_matrices()[name]
    for shift, c in ((1.5, -1.0), (-0.5, 1e-3), (0.0, 3.0)):
        turned = shift * np.eye(140) + c * a.numpy()
        norm = float(np.linalg.norm(turned, 2)) * (1 - 1e-12)
        found = bounded.certified_shifted(a, bounded.asymmetry(a), shift, c)
        assert norm <= found <= 1.15 * norm + 1e-12


def definite(columns: int, monkeypatch: Any) -> list[bool]:
    """Whether each of a few matrices is found to be definite just above and just below where its
    least eigenvalue turns positive; without a word of it where it is not."""
    monkeypatch.setattr(bounded, "COLUMNS", columns)
    made = []
    for name in ("gram", "both signs", "below", "nearly"):
        a = wide_matrices()[name]
        eigenvalues = np.linalg.eigvalsh((a + a.mT).numpy() / 2)
        for c in (1.0, -1.0):
            least, size = (c * eigenvalues).min(), np.abs(eigenvalues).max()
            made += [
                bounded._is_positive(a, -least + 1e-9 * size, c),
                not bounded._is_positive(a, -least - 1e-9 * size, c),
            ]
    return made


@pytest.mark.parametrize("columns", [1, 32, 128, 500])
def test_a_decomposition_by_blocks_decides_as_the_least_eigenvalue_does(columns, monkeypatch):
    assert all(definite(columns, monkeypatch))


def test_a_block_from_which_those_before_are_not_taken_off_is_seen(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "addmm_", lambda self, *_, **__: self)
    assert not all(definite(32, monkeypatch))


@pytest.mark.parametrize("columns", [1, 50, 500])
def test_how_far_a_matrix_is_from_its_transpose_is_bounded_by_blocks(columns, monkeypatch):
    monkeypatch.setattr(bounded, "COLUMNS", columns)
    a = wide_matrices()["nearly"]
    off = float(torch.linalg.matrix_norm(a - a.mT)) / 2
    assert off * (1 - 1e-12) <= bounded.asymmetry(a) <= off * 1.001
    assert bounded.asymmetry(wide_matrices()["any"]) is None


def test_a_bound_is_the_same_where_iterates_are_written_over(monkeypatch):
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((200, 140)) / 14, rng.standard_normal(200), np.eye(3, 140)
    witness = constructions.build("newton", d=140, iterations=6, alpha=0.15)
    prompts = Floats("float64").prompts(X, y, queries, witness)
    given = witness, prompts, bounds.taken(prompts)
    apart = bounds.norm_bound(*given).numpy()
    monkeypatch.setattr(floats, "LARGE", 1)
    assert np.allclose(bounds.norm_bound(*given).numpy(), apart, rtol=1e-9, atol=0)


def test_a_dear_prompt_is_bounded_by_norms_and_nothing_dearer_runs(monkeypatch):
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((400, 140)) / 20, rng.standard_normal(400), np.eye(1, 140)
    witness = constructions.build("newton", d=140, iterations=12, alpha=0.15)
    exact = witness.predict(X, y, queries, "ball")
    close = witness.rounding_bound(X, y, queries)
    monkeypatch.setattr(bounds, "DEAR", 10**6)
    for dearer in ("quick_bound", "noise_bound", "beside_bound"):
        monkeypatch.setattr(bounds, dearer, None)
    bound = witness.rounding_bound(X, y, queries)
    off = abs(float(exact[0].mid()) - quietly(witness, X, y, queries, "float64")[0])
    assert off <= bound[0] and close[0] <= bound[0] <= 1e-6


@settings(
    max_examples=300, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(cases(), st.integers(0, 2**32), st.sampled_from(FORMATS))
def test_nor_with_any_word_of_the_vocabulary(case, seed, numbers):
    rng = np.random.default_rng(seed)
    prompt = [np.array(part, dtype=float) for part in case.prompt]
    if seed % 2:
        prompt = [p * rng.uniform(0.5, 1.5, p.shape) * 10.0 ** rng.uniform(-3, 3) for p in prompt]
    assert_bounded(case.witness, prompt, numbers)


@pytest.mark.parametrize("numbers", FORMATS)
def test_a_layer_norm_of_equal_entries_is_warned_of(numbers):
    embedding, read = slot_map(("x", "x"), ("y", "y")), MLP(outer=slot_map(("y", "x[0]")))
    stream = layout(x=(1,), y=())
    layer = Layer("layer norm", mlp=read, norm=True)
    witness = Witness("equal", stream, Prompt(1, embedding), (layer,), Readout("y"))
    prompt = [np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1))]
    assert assert_bounded(witness, prompt, numbers) == "undefined"


@pytest.mark.parametrize("system", FORMATS)
def test_the_error_of_a_batch_is_within_the_bound(witness, batch, system):
    got = quietly(witness, *batch, system)
    want = witness.predict(*batch, "rational").astype(float)
    bound = witness.rounding_bound(*batch, system)
    assert ((np.abs(got - want) <= bound) | np.isinf(bound)).all()  # what overflowed is no number


def test_a_batch_has_the_bounds_of_its_prompts(witness, batch):
    together = witness.rounding_bound(*batch, "float32")
    alone = [witness.rounding_bound(*one, "float32") for one in zip(*batch)]
    # sums in another order: what is noted of the values differs as they do, more after inverses
    assert (together <= 2 * np.array(alone)).all() and (alone <= 2 * together).all()


@pytest.mark.parametrize("large", [0, 5, 10**9])
def test_a_bound_whose_arrays_are_not_kept_is_no_smaller(large, witness, batch, monkeypatch):
    """By Cauchy and Schwarz for arrays of more numbers; entry by entry, so equal, for others."""
    prompts = Floats("float32").prompts(*batch, witness)
    parts = bounds.taken(prompts)
    monkeypatch.setattr(bounds, "LARGE", 10**9)
    kept, _ = bounds.back_bound(witness, prompts, parts)
    monkeypatch.setattr(bounds, "LARGE", 0)
    monkeypatch.setattr(running_error, "LARGE", large)
    streamed, _ = bounds.back_bound(witness, prompts, parts)
    assert (kept <= streamed * (1 + 1e-9)).all()
    assert large < 10**9 or (streamed <= kept * (1 + 1e-9)).all()


def test_the_bound_is_small(witness, batch):
    exact = np.abs(witness.predict(*batch, "rational").astype(float)).max()
    assert (witness.rounding_bound(*batch) <= 1e-10 * exact).all()


def test_the_bound_shrinks_with_the_format(witness, batch):
    coarse, fine = (witness.rounding_bound(*batch, s) for s in ("float32", "float64"))
    assert (fine < coarse * 1e-7).all()


def test_the_bound_does_not_hang_on_whether_gradients_are_on(witness, batch):
    one = [part[0] for part in batch]
    with torch.no_grad():
        without = witness.rounding_bound(*one)
    with torch.inference_mode():
        assert (witness.rounding_bound(*one) == without).all()
    assert (witness.rounding_bound(*one) == without).all()


@pytest.mark.parametrize("numbers", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sherman_morrison", {"examples": 40, "ridge": 1.0}),
        ("newton", {"iterations": 14, "alpha": 1e-4}),
        ("gradient_descent", {"steps": 40, "step_size": 1e-3}),
    ],
)
def test_every_way_to_a_bound_holds(name, parameters, numbers):
    """Noises, the pass back, and the pass back beside balls: of a deep witness of some size."""
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((40, 8)), rng.standard_normal(40), np.eye(8)[:2]
    witness = constructions.build(name, d=8, **parameters)
    off = errors(witness, (X, y, queries), numbers)
    prompt = X, y, queries
    prompts = bounds.Floats(numbers).prompts(*prompt, witness)
    beside = bounds.beside_bound(witness, prompts, bounds.taken(prompts), 1024).numpy()
    for way, bound in (ways(witness, prompt, numbers) | {"beside": beside}).items():
        assert (off <= bound).all(), way
    size = np.abs(quietly(witness, *prompt, numbers)).max()
    assert beside.max() < 1e5 * ROUNDOFF[numbers] * size


# -- where a bound of first order was none -----------------------------------------------------


def newton_at_the_kink() -> tuple[Any, Any]:
    witness = constructions.build(
        "newton", d=1, iterations=1, alpha=Fraction(1, 2), attention="relu"
    )
    return witness, ([[1.0]], [1e300], [[5e-324], [1.0]])


def columns_of_two_scales() -> tuple[Any, Any]:
    """The prediction is off by 15, where a bound of first order says 0.006."""
    rng = np.random.default_rng(49)
    scales = np.array([1, 10 ** (rng.integers(2, 6) * 0 + rng.uniform(3, 7.5))])
    X, y = rng.standard_normal((2, 2)) * scales, rng.standard_normal(2)
    witness = constructions.build("sherman_morrison", d=2, examples=2, ridge=1)
    return witness, (X, y, scales[None])


def below_the_smallest_float() -> tuple[Any, Any]:
    witness = constructions.build("gradient_descent", d=1, steps=1, step_size=1)
    return witness, ([[1e-200]], [1e-150], [[1e300]])


def near_a_tie(apart: float) -> tuple[Any, Any]:
    """Two ridge strengths whose errors on the held-out example differ by about `apart`."""
    witness = constructions.build("selection", d=1, examples=2, validation=1, ridges=[1, 3])
    # w = 1/2 and 1/4 after x = y = 1: the errors at x = 8 are equal for y = 3
    return witness, ([[1.0], [8.0]], [1.0, 3.0 + apart], [[1.0]])


@pytest.mark.parametrize(
    "instance", [newton_at_the_kink, columns_of_two_scales, below_the_smallest_float]
)
def test_the_bound_holds_where_rounding_is_not_small(instance):
    witness, prompt = instance()
    assert (errors(witness, prompt, "float64") <= witness.rounding_bound(*prompt)).all()


def test_floats_cannot_decide_near_a_tie():
    witness, prompt = near_a_tie(1e-15)
    assert witness.rounding_bound(*prompt)[0] > 0.1
    witness, prompt = near_a_tie(0.5)
    assert witness.rounding_bound(*prompt)[0] < 1e-13


def test_an_inverse_of_what_may_be_zero_has_no_bound():
    witness = constructions.build("sherman_morrison", d=1, examples=2, ridge=Fraction(1, 10**14))
    assert math.isinf(witness.rounding_bound([[1.0], [1.0]], [1.0, 1.0], [[1.0]], "float16")[0])


@pytest.mark.parametrize("numbers", ["float64", "float16"])
def test_zeros_have_no_error_and_no_warning(witness, numbers):
    zeros = tuple(np.zeros(shape) for shape in shapes_of(witness.prompt, 4, 1))
    try:
        (got,) = quietly(witness, *zeros, numbers)
    except ZeroDivisionError:
        assert witness.name == "selection"  # of two equal errors
        return
    if witness.name == "logistic":
        assert got == 0.5
        return
    assert got == 0
    assert witness.rounding_bound(*zeros, numbers)[0] == 0
    assert not warned(witness, *zeros, numbers)


# -- the bound is seen to need each of its parts ------------------------------------------------


def exceeded(instance: Any, numbers: str = "float64") -> bool:
    witness, prompt = instance()
    return bool((errors(witness, prompt, numbers) > witness.rounding_bound(*prompt, numbers)).any())


def without_second_order(monkeypatch):
    made = running_error.EntryError.made

    def first_order(self, value, carried, first, second=None, *given, **more):
        return made(self, value, carried, first, None, *given, **more)

    monkeypatch.setattr(running_error.EntryError, "made", first_order)


def of_first_order(monkeypatch):
    """Also magnitudes, and what is divided by, as they are computed."""
    without_second_order(monkeypatch)
    monkeypatch.setattr(bounded.Bounded, "reach", bounded.Bounded.magnitude)
    monkeypatch.setattr(torch, "sub", lambda a, b, alpha: a)


def without_underflow(monkeypatch):
    monkeypatch.setattr(bounded, "smallest", lambda dtype: 0.0)
    monkeypatch.setattr(running_error, "SMALLEST", 0.0)


@pytest.mark.parametrize(
    ("instance", "numbers", "without"),
    [
        (newton_at_the_kink, "float64", without_second_order),
        (columns_of_two_scales, "float64", of_first_order),
        (below_the_smallest_float, "float64", without_underflow),
    ],
)
def test_a_bound_that_leaves_something_out_is_exceeded(monkeypatch, instance, numbers, without):
    assert not exceeded(instance, numbers)
    without(monkeypatch)
    assert exceeded(instance, numbers)


# -- the warning -------------------------------------------------------------------------------

TINY_RIDGE = Fraction(1, 10**14)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sherman_morrison", {}),
        ("sherman_morrison", {"storage": "tokens"}),
        ("recursive_least_squares", {}),
        ("paired_least_squares", {}),
    ],
)
@pytest.mark.parametrize(("numbers", "ridge"), [("float64", TINY_RIDGE),
                                                ("float32", Fraction(1, 10**6))])  # fmt: skip
def test_a_pass_over_the_examples_warns_at_a_ridge_that_floats_do_not_see(
    name, parameters, numbers, ridge
):
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((4, 2)), rng.standard_normal(4), rng.standard_normal((1, 2))
    witness = constructions.build(name, d=2, examples=4, ridge=ridge, **parameters)
    off = errors(witness, (X, y, queries), numbers)
    assert off > 1e-2
    assert warned(witness, X, y, queries, numbers)


@pytest.mark.parametrize(
    "name", ["sherman_morrison", "recursive_least_squares", "paired_least_squares"]
)
def test_what_one_large_example_swallows_is_warned_of(name):
    witness = constructions.build(name, d=1, examples=1, ridge=1)
    prompt = [[1e8]], [1.0], [[1e8]]
    if errors(witness, prompt, "float64") > 0.5:
        assert warned(witness, *prompt, "float64")


def test_a_prediction_of_zero_by_underflow_is_warned_of():
    witness, prompt = below_the_smallest_float()
    assert errors(witness, prompt, "float64") > 1e-50
    assert quietly(witness, *prompt, "float64")[0] == 0
    assert warned(witness, *prompt, "float64")


def test_rounding_of_the_prompt_itself_counts():
    """float32 takes up 1 + 1e-9 as 1: the difference of two examples is lost."""
    witness = constructions.build("gradient_descent", d=1, steps=1, step_size=1)
    prompt = np.array([[1.0 + 1e-9], [-1.0]]), np.array([1.0, 1.0]), np.array([[1.0]])
    assert not warned(witness, *prompt, "float64")
    assert warned(witness, *prompt, "float32")


def test_nothing_is_warned_of_that_balls_find_right():
    """Bounds through 40 inverses are large, the error is not."""
    rng = np.random.default_rng(0)
    witness = constructions.build("sherman_morrison", d=8, examples=40, ridge=1)
    prompt = rng.standard_normal((40, 8)), rng.standard_normal(40), rng.standard_normal((1, 8))
    assert not warned(witness, *prompt, "float64")


def test_what_is_too_large_to_be_bounded_is_warned_of(monkeypatch):
    """Nothing is held for a pass back, and no balls run: what is not known is said."""
    rng = np.random.default_rng(0)
    witness = constructions.build("sherman_morrison", d=8, examples=40, ridge=1)
    prompt = rng.standard_normal((40, 8)), rng.standard_normal(40), rng.standard_normal((1, 8))
    for limit in ("HELD", "ENTRIES", "CHEAP_BALLS"):
        monkeypatch.setattr(bounds, limit, 0)
    with pytest.warns(PrecisionWarning, match="by any amount; numbers='rational' or 'ball'"):
        witness.predict(*prompt)


@pytest.mark.parametrize("batch_of", [1, 3])
def test_a_warning_that_is_ignored_is_not_computed(monkeypatch, witness, batch, batch_of):
    prompt = [part[:batch_of] for part in batch]
    monkeypatch.setattr(bounds, "lost", lambda *given: pytest.fail("a bound was computed"))
    quietly(witness, *prompt, "float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        witness.predict(*prompt)


def test_filters_decide_in_their_order():
    ignored = bounds.ignored
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert not ignored(PrecisionWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        assert ignored(PrecisionWarning)
        warnings.filterwarnings("ignore", message="other", category=PrecisionWarning)
        assert ignored(PrecisionWarning)
        warnings.filterwarnings("error", module="mine", category=PrecisionWarning)
        assert not ignored(PrecisionWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        assert not ignored(PrecisionWarning)
        warnings.simplefilter("always")
        assert not ignored(PrecisionWarning)


@pytest.mark.parametrize("iterations", [70, 90, 110, 130])
def test_newton_on_rank_deficient_data_warns_before_it_is_wrong(iterations):
    rng = np.random.default_rng(3)
    X, y, queries = rng.standard_normal((3, 5)), rng.standard_normal(3), rng.standard_normal((2, 5))
    alpha = np.linalg.norm(X, 2) ** -4
    w = constructions.build("newton", d=5, iterations=iterations, alpha=alpha)
    got = quietly(w, X, y, queries)
    right = queries @ np.linalg.pinv(X) @ y
    good = np.abs(got - right).max() <= 1e-7 * np.abs(right).max()
    assert good or warned(w, X, y, queries)


def test_the_warning_carries_the_bound_and_says_what_to_do():
    X, y, queries = np.array([[1.0, 0.1]]), np.array([1.0]), np.array([[0.3, -1.0]])
    w = constructions.build("newton", d=2, iterations=120, alpha=0.9)
    with pytest.warns(
        PrecisionWarning, match=r"may have moved a prediction by \S+; numbers='rational' or 'ball'"
    ):
        w.predict(X, y, queries)


def test_few_iterations_do_not_warn(witness, batch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        witness.predict(*batch)


def test_an_overflow_warns():
    w = constructions.build("gradient_descent", d=1, steps=400, step_size=1e3)
    with pytest.warns(PrecisionWarning, match="overflowed"):
        w.predict([[10.0]], [1.0], [[1.0]])


def test_a_literal_construction_in_float32_warns_where_it_is_off():
    w = constructions.build("akyurek2022_theorem1", d=2, step_size=Fraction(1, 8), examples=1)
    with pytest.warns(PrecisionWarning, match="numbers='ball' can tell"):
        w.predict([[0.3, 0.7]], [0.9], [[0.5, 0.2]], "float32")


# -- what the formats are ------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", FORMATS)
def test_one_operation_rounds_no_more_than_its_bound(numbers):
    """Sums and products of many terms, on the formats' own ranges, against fractions."""
    rng = np.random.default_rng(1)
    for terms in (1, 2, 7, 100, 300):
        X = rng.standard_normal((terms, 1)) * 10.0 ** rng.uniform(-2, 2, (terms, 1))
        y = rng.standard_normal(terms)
        witness = constructions.build("gradient_descent", d=1, steps=1, step_size=Fraction(1, 3))
        for scale in (1, 1e-3, awkward.SUBNORMAL[numbers] * 50):
            assert_bounded(witness, (X, y * scale, [[1.0]]), numbers)


def sums_with_an_outer_product() -> tuple[Any, list[tuple[float, Fraction]]]:
    """old, a, b; and each entry of old - a b where floats multiply and add at once, and where they
    round the product, each beside the exact one. Of most the sum is nearly 0."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((8, 1)), rng.standard_normal((1, 8))
    old = a * b * (1 + rng.integers(0, 3, (8, 8)) * 2.0 ** -rng.integers(1, 53, (8, 8)))
    runs = []
    for (i, j), start in np.ndenumerate(old):
        exactly = Fraction(start) - Fraction(a[i, 0]) * Fraction(b[0, j])
        runs += [(float(exactly), exactly), (start - a[i, 0] * b[0, j], exactly)]
    return [torch.from_numpy(part) for part in (old, a, b)], runs


def off_by_more_than_the_bound(kind: Any) -> float:
    """How far, in the norm that `kind` bounds."""
    arrays, runs = sums_with_an_outer_product()
    system = kind("float64")
    with system.working():
        old, a, b = (system.given(part, None) for part in arrays)
        made = system.add_product(1, old, a, b, -1)
    off = np.array([[float(abs(Fraction(value) - want)) for value, want in runs]]).reshape(-1, 2)
    if made.error is None:
        return float(np.linalg.norm(off, axis=0).max() - made.norm)
    return float((off - made.error.detach().reshape(-1, 1).numpy()).max())


OUTER = (NormError, running_error.RunningError, running_error.NoiseError)


@pytest.mark.parametrize("kind", OUTER)
def test_bounds_hold_whether_or_not_floats_multiply_and_add_at_once(kind):
    assert off_by_more_than_the_bound(kind) <= 0


@pytest.mark.parametrize("kind", OUTER)
def test_a_bound_that_counts_one_rounding_of_the_two_is_exceeded(kind, monkeypatch):
    """As if every processor multiplied and added at once."""
    product = kind.product

    def exactly(self, a, b, c):
        made = product(self, a, b, c)
        made.error = made.norm = made.noises = None
        return made

    monkeypatch.setattr(kind, "product", exactly)
    assert off_by_more_than_the_bound(kind) > 0


def test_more_than_a_half_format_can_add_up_has_no_bound():
    """300 terms added one by one in bfloat16 may round off everything: infinite, not wrong."""
    witness = constructions.build("kernel_regression", d=1, steps=1, step_size=Fraction(1, 900),
                                  kernel="exponential")  # fmt: skip
    X, y = np.linspace(-1, 1, 300)[:, None], np.ones(300)
    assert_bounded(witness, (X, y, [[0.5]]), "bfloat16")


def test_what_an_exponential_lost_below_float64_is_in_its_bound():
    """exp(-760) is 0 in float64; the score is -697.07, the rounding of two products being lost."""
    witness = Witness(
        "exponential", layout(p=(3,), one=(), o=()),
        Prompt(3, slot_map(("p", "x"), ("one", "one"))),
        (Layer("l", (Head(slot_map(("f", "p")), slot_map(("f", "p")),
                          slot_map(("o", "one", 10**300)), "exponential"),)),),
        Readout("o"),
    )  # fmt: skip
    key = ["0x1.a2b6de3a54e72p+30", "0x1.3602b0347173ep+30", "0x1p0"]
    query = ["0x1.e1dd425c79e15p+29", "-0x1.4569f8b4680a2p+30", "-0x1.7cp9"]
    prompt = [[*map(float.fromhex, key)]], [0.0], [[*map(float.fromhex, query)]]
    (ball,) = witness.predict(*prompt, "ball")
    assert abs(ball - float(quietly(witness, *prompt)[0])) > 1e-4
    assert abs(ball - float(quietly(witness, *prompt)[0])) < witness.rounding_bound(*prompt)[0]


@pytest.mark.parametrize(
    "added, noises",
    [
        ([[[1.0, 2.0]], [[3.0, 4.0]]], [[[[1, 0]], [[3, 0]]], [[[0, 2]], [[0, 4]]]]),
        ([[[1.0, 0.0]], [[3.0, 0.0]]], [[[[1, 0]], [[3, 0]]]]),
        ([[[1.0, 0.0]], [[0.0, 4.0]]], [[[[1, 0]], [[0, 0]]], [[[0, 0]], [[0, 4]]]]),
    ],
)
def test_each_entry_that_rounds_in_some_prompt_is_a_noise_of_its_own(added, noises):
    """Of two prompts of one token; the noises before it stay the first ones."""
    system = running_error.NoiseError("float64", (2,))
    before = system._with_its_own(None, torch.ones(2, 1, 2, dtype=torch.float64))
    made = system._with_its_own(before, torch.tensor(added, dtype=torch.float64))
    assert made.tolist() == before.tolist() + noises
    assert system.count == len(made)
