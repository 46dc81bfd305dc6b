"""The picture that a construction's page opens with, in a browser and beside Python's numbers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import browser as driver
import numpy as np
import pytest
from rounded import EPS, rounding

import constructions
from constructions.parameters import OneOf
from verify import page as explain
from verify.page import build
from verify.page.lesson import Lesson
from verify.page.pictures import CAPTIONS, picture_of
from verify.page.shared import held_in

pytestmark = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")

NAMES = constructions.names()
SCREENS = [(1280, 720), (390, 844)]
RAW = re.compile(r"[_`{}<>]|\w\(;")  # identifiers, markup and calls that were meant for machines


def lesson_parameters(name: str) -> dict[str, Any]:
    return {key: build._exact(v) for key, v in build.lesson_of(name).parameters.items()}


def drawn(kind: str) -> list[str]:
    """Constructions whose picture is of this kind."""
    return [name for name in NAMES if _picture(name) == kind]


def _picture(name: str) -> str:
    lesson = build.lesson_of(name)
    return picture_of(lesson, constructions.build(name, **lesson_parameters(name))).kind


def open_page(browser: driver.Browser, folder: Path, name: str) -> Lesson:
    open_at(browser, folder, name, 720)
    return build.lesson_of(name)


def at_layer(browser: driver.Browser, k: int) -> None:
    browser.js(f"page.go({k}, false)")


def data(browser: driver.Browser, field: str) -> list[list[float]]:
    """The numbers that the drawn marks stand for, in their order."""
    found = browser.js(
        f"[...document.querySelectorAll('#picture [data-{field}]')].map((e) => e.dataset.{field})"
    )
    return [[float(number) for number in text.split()] for text in found]


def prompt_of(lesson: Lesson) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array(lesson.X, dtype=float),
        np.array(lesson.y, dtype=float),
        np.array(lesson.queries, dtype=float),
    )


def in_python(name: str, queries: Any = None) -> tuple[Any, Any, Any]:
    """The witness of a page, its layers' streams on the lesson's prompt, its tokens."""
    witness = constructions.build(name, **lesson_parameters(name))
    lesson = build.with_example(name, build.lesson_of(name), witness, lesson_parameters(name))
    X, y, asked = prompt_of(lesson)
    queries = asked if queries is None else np.array(queries, dtype=float)
    return (
        witness,
        witness.trace(X, y, queries),
        witness.prompt.tokens(len(y), len(queries)),
    )


# -- the first screen -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_on_the_first_screen_and_moves_with_every_layer(
    browser, folder, name
) -> None:
    open_page(browser, folder, name)
    assert (folder / f"{name}.html").stat().st_size < 600_000
    for width, height in SCREENS:
        browser.size(width, height)
        browser.js(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        box = browser.js(
            "(() => { const b = document.getElementById('picture').getBoundingClientRect();"
            " return [b.left, b.top, b.right, b.bottom, document.documentElement.scrollWidth]; })()"
        )
        assert box[0] >= 0 and box[1] > 0 and box[2] <= width and box[3] <= height
        assert box[4] <= width  # nothing hangs out
        sizes = browser.js(
            "[...document.querySelectorAll('#picture svg')].map((e) =>"
            " [e.clientWidth, e.clientHeight, e.getAttribute('aria-label').length])"
        )
        assert len(sizes) == 2
        assert all(w > 150 and h > 119 and said > 10 for w, h, said in sizes)
        assert "play" in browser.js("document.querySelector('#picture button').innerText")
    seen = set()
    for k in range(browser.js("page.app.layers") + 1):
        at_layer(browser, k)
        assert f"layer {k} of" in browser.js("document.getElementById('picture-bar').innerText")
        seen.add(browser.js("document.getElementById('picture-figure').innerHTML"))
    assert len(seen) == browser.js("page.app.layers") + 1
    assert "NaN" not in "".join(seen) and "undefined" not in "".join(seen)
    assert browser.errors == []


@pytest.mark.parametrize("name", NAMES)
def test_titles_are_sentences_and_every_layer_has_a_text(browser, folder, name) -> None:
    lesson = open_page(browser, folder, name)
    assert len(lesson.title.split()) >= 4 and lesson.title.lower() != name.replace("_", " ")
    made, parameters = constructions.get(name), lesson_parameters(name)
    choices = [parameters]
    for key, parameter in made.parameters.items():
        if isinstance(parameter, OneOf):
            choices += [{**parameters, key: word} for word in parameter.of]
    for chosen in choices:
        try:
            witness = constructions.build(name, **chosen)
        except ValueError:  # words that do not go together
            continue
        for layer in ("embedding", *(layer.name for layer in witness.layer_list)):
            assert lesson.layer_text(layer), layer
            assert not RAW.search(re.sub(r"</?\w+>", "", lesson.titled(layer))), layer
    texts = "#picture, header, #read .prose p, #read .step > p:first-of-type, #read h3, #stepper"
    shown = browser.js(f"[...document.querySelectorAll('{texts}')].map((e) => e.innerText)")
    for text in shown:
        assert not RAW.search(text), text


def test_play_goes_through_the_layers_and_stops(browser, folder) -> None:
    open_page(browser, folder, "gelu_product")
    history = browser.js("history.length")
    pressed = "document.querySelector('#picture .play').getAttribute('aria-pressed')"
    browser.click("#picture .play")  # from the last layer: begins again
    assert browser.js("page.app.layer") == 0 and browser.js(pressed) == "true"
    browser.wait("page.app.layer === 1")
    browser.wait(f"{pressed} === 'false'")
    browser.click("#picture [data-picture='-1']")
    assert browser.js("page.app.layer") == 0
    assert browser.js("history.length") == history  # looking at a picture fills no history


def test_the_picture_follows_the_data(browser, folder) -> None:
    open_page(browser, folder, "gradient_descent")
    at_layer(browser, 4)
    before = data(browser, "w")
    browser.js("page.app.data.y[0] = -5, page.change(false)")
    assert data(browser, "w") != before


def test_a_picture_is_no_taller_than_what_is_in_it(browser, folder) -> None:
    try:
        browser.size(1280, 1600)
        open_page(browser, folder, "subleq")
        heights = set()
        for k in range(browser.js("page.app.layers") + 1):
            at_layer(browser, k)
            heights.add(browser.js("document.querySelector('#picture svg').clientHeight"))
        assert len(heights) == 1 and heights.pop() <= 14 + 52 * 10  # ten rows of numbers
    finally:
        browser.size(1280, 720)


# -- points that are moved -------------------------------------------------------------------------

POINTS = ("examples", "selection", "kernel", "basis")
STEP_SIZES = {"alpha", "step_size"}


def prediction_is_pythons(browser: driver.Browser, name: str) -> None:
    """The page's prediction, in its picture too, and its table are of the prompt as it is now."""
    now = browser.js("page.app.data")
    X, y, queries = (np.array(now[part], dtype=float) for part in ("X", "y", "queries"))
    parameters = lesson_parameters(name)
    steps = STEP_SIZES & parameters.keys()  # they follow the prompt
    parameters |= {key: browser.js(f"page.app.parameters.{key}") for key in steps}
    made = constructions.build(name, **parameters)
    at_layer(browser, made.layers)
    apart = np.abs(np.ravel(data(browser, "prediction")) - made.predict(X, y, queries))
    assert (apart <= 2 * made.rounding_bound(X, y, queries)).all()  # there and here
    typed = browser.js("[...document.querySelectorAll('#table [data-entry]')].map((e) => e.value)")
    rows = [*np.column_stack([X, y]).ravel(), *queries.ravel()]
    assert [float(text) for text in typed] == rows


@pytest.mark.parametrize("name", [name for kind in POINTS for name in drawn(kind)])
def test_a_point_of_the_picture_is_moved_and_all_follows(browser, folder, name) -> None:
    open_page(browser, folder, name)

    def keys(point: str, *_: float) -> None:
        browser.js(f'document.querySelector("{point}").focus()')
        for key in ("ArrowRight", "ArrowUp"):
            browser.key(key)

    for which, moved in product(("0", "query"), (browser.drag, browser.swipe, keys)):
        point = f"#picture [data-example='{which}']"
        x = "page.app.data.queries[0]" if which == "query" else f"page.app.data.X[{which}]"
        browser.centre(point)  # in sight
        before, scrolled = browser.js(f"[{x}, page.app.data.y[0]]"), browser.js("scrollY")
        moved(point, 24, -60)
        after = browser.js(f"[{x}, page.app.data.y[0]]")
        assert after[0] != before[0]
        assert (after[1] > before[1]) == (which == "0")  # the query has no y to be moved to
        if name == "kernel_regression":  # its inputs have one length
            assert np.linalg.norm(after[0]) == pytest.approx(1)
        assert browser.js("scrollY") == scrolled  # a finger moves the point, not the page
        assert browser.js("document.activeElement.dataset.example") == which
    prediction_is_pythons(browser, name)
    now, fragment = browser.js("[page.app.data, location.hash]")
    browser.open(folder / f"{name}.html", fragment)
    assert browser.js("page.app.data") == now  # the address carries what was moved
    assert browser.errors == []


@pytest.mark.parametrize("d", [1, 3, 4])
@pytest.mark.parametrize(
    "name", ["gradient_descent", "newton", "bayes_ridge", "lasso", "hyperpower"]
)
def test_other_dimensions_have_pictures_too(browser, folder, name, d) -> None:
    open_page(browser, folder, name)
    offered = "page.app.models[0].witness.prompt.d"
    browser.js(
        f"(() => {{ const e = document.querySelector('[data-axis=d]'); e.value = '{d}';"
        " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    assert browser.js(offered) == d
    for k in range(browser.js("page.app.layers") + 1):
        at_layer(browser, k)
        assert browser.js("document.querySelectorAll('#picture svg').length") == 2
        assert "NaN" not in browser.js("document.getElementById('picture-figure').innerHTML")
    assert browser.errors == []


@pytest.mark.parametrize("fragment", ["#layer=1", "?present#layer=1"])
@pytest.mark.parametrize("name", ["logistic", "newton"])
def test_on_a_phone_nothing_in_the_bar_is_cut_off(browser, folder, name, fragment) -> None:
    open_page(browser, folder, name)
    browser.size(390, 844)
    try:
        browser.open(folder / f"{name}.html", fragment)
        cut = "(e) => e.scrollWidth > Math.ceil(e.getBoundingClientRect().width)"
        bar = "[...document.querySelectorAll('.picture-bar > *')]"
        assert browser.js(f"{bar}.length") == 5 and not browser.js(f"{bar}.some({cut})")
    finally:
        browser.size(1280, 720)


@pytest.mark.parametrize("name", ["gradient_descent", "newton"])
def test_what_runs_away_is_said_to_do_so(browser, folder, name) -> None:
    open_page(browser, folder, name)
    browser.js("Object.assign(page.app.parameters, {step_size: 40, alpha: 40}), page.change(false)")
    at_layer(browser, 4)
    said = browser.js("document.getElementById('picture-figure').textContent")
    assert "it runs away" in said
    assert browser.errors == []


# -- the numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", drawn("descent"))
def test_the_path_is_that_of_the_weights_and_the_bars_make_the_step(browser, folder, name) -> None:
    lesson = open_page(browser, folder, name)
    d = len(lesson.X[0])
    witness, streams, tokens = in_python(name, np.eye(d))
    slot, factor = witness.readout.slot, float(witness.readout.coefficient)
    if lesson.picture is not None and "slot" in lesson.picture.options:
        slot, factor = lesson.picture.options["slot"], 1.0
    for k in range(1, witness.layers + 1):
        at_layer(browser, k)
        path = np.array(data(browser, "w"))
        assert len(path) == witness.layers + 1
        w = factor * streams[k][slot][list(tokens.queries)].ravel()
        _, asked, places = in_python(name)
        at = places.queries[0]
        before, after = (factor * asked[layer][slot][at].item() for layer in (k - 1, k))
        adds = np.ravel(data(browser, "add"))
        scale = np.abs(adds).sum() + abs(before) + abs(after) + np.abs(w).max()
        allowed = rounding(k, np.array(lesson.X), scale)
        assert np.abs(np.array(_now(browser)) - w).max() <= allowed
        assert abs(adds.sum() - (after - before)) <= allowed
        assert abs(data(browser, "step")[0][0] - (after - before)) <= allowed


@pytest.mark.parametrize("name", drawn("descent"))
def test_only_a_step_that_remembers_keeps_something(browser, folder, name) -> None:
    lesson = open_page(browser, folder, name)
    for k in range(1, browser.js("page.app.layers") + 1):
        at_layer(browser, k)
        more = k > 1 and name in ("momentum", "chebyshev")
        assert len(data(browser, "add")) == len(lesson.y) + more


def test_momentum_adds_a_gradient_step_to_what_is_kept(browser, folder) -> None:
    lesson = open_page(browser, folder, "momentum")
    X, y, (query,) = prompt_of(lesson)
    w = v = np.zeros(2)
    for k in range(1, 6):
        at_layer(browser, k)
        adds = [add for (add,) in data(browser, "add")]
        should = [*(0.25 * (X @ query) * (y - X @ w)), *([0.5 * query @ v] if k > 1 else [])]
        assert np.abs(np.subtract(adds, should)).max() <= rounding(k, X, np.abs(y).sum())
        v = 0.5 * v - 0.25 * X.T @ (X @ w - y)
        w = w + v


def _now(browser: driver.Browser) -> list[float]:
    text = browser.js("document.querySelector('#picture .dot.now').dataset.w")
    return [float(number) for number in text.split()]


def test_gradient_descents_path_is_that_of_the_formula(browser, folder) -> None:
    lesson = open_page(browser, folder, "gradient_descent")
    X, y, _ = prompt_of(lesson)
    w = np.zeros(2)
    for k in range(5):
        at_layer(browser, k)
        assert np.abs(np.array(_now(browser)) - w).max() <= rounding(k + 1, X, np.abs(y).sum())
        w = w - 2 / 8 * X.T @ (X @ w - y)


@pytest.mark.parametrize(
    ("name", "order"), [("newton", 2), ("newton_carried", 2), ("hyperpower", 3)]
)
def test_bars_of_an_inverse_are_its_errors_and_grow_by_the_order(
    browser, folder, name, order
) -> None:
    lesson = open_page(browser, folder, name)
    X, _, _ = prompt_of(lesson)
    values, vectors = np.linalg.eigh(X.T @ X)
    witness, streams, tokens = in_python(name, vectors.T)
    left = np.array(data(browser, "left")).reshape(witness.layers + 1, 2)
    for k in range(witness.layers + 1):
        m = np.sum(streams[k]["t"][list(tokens.queries)] * vectors.T, axis=1)
        assert np.abs(left[k] - (1 - values * m)[::-1]).max() <= rounding(
            k + 1, X, 1, *values[::-1]
        )
    grows = left[2] - np.abs(left[1]) ** order  # the second layer's step is of that order
    assert np.abs(grows).max() <= order * rounding(3, X, 1, *values[::-1])


@pytest.mark.parametrize("name", drawn("examples"))
def test_after_every_example_the_fit_is_ridge_on_those_read(browser, folder, name) -> None:
    lesson = open_page(browser, folder, name)
    X, y, (query,) = prompt_of(lesson)
    parameters = lesson_parameters(name)
    ridge = float(parameters.get("ridge") or parameters["noise"] / parameters["prior"])
    together = 2 if name == "paired_least_squares" else 1
    for i in range(1, math.ceil(len(y) / together) + 1):
        at_layer(browser, 2 * i)
        read = min(len(y), together * i)
        A = X[:read].T @ X[:read] + ridge * np.eye(2)
        w = np.linalg.solve(A, X[:read].T @ y[:read])
        least, largest = np.linalg.eigvalsh(A)
        allowed = rounding(2 * i, X, np.abs(w).max(), largest, least)
        assert np.abs(np.array(_now(browser)) - w).max() <= allowed
        apart = abs(data(browser, "prediction")[0][0] - query @ w)
        assert apart <= allowed * np.abs(query).sum()
        reading = browser.js("document.querySelectorAll('#picture .example-dot.reading').length")
        assert reading == together


def test_bumps_add_up_to_kernel_smoothing(browser, folder) -> None:
    lesson = open_page(browser, folder, "kernel_regression")
    assert browser.js("page.app.parameters.kernel") == "exponential"
    X, y, (query,) = prompt_of(lesson)
    scores = np.exp(np.vstack([X, query]) @ X.T * 8)
    W = scores / scores.sum(axis=1, keepdims=True)
    f = np.zeros(len(y) + 1)
    for k in range(1, lesson.parameters["steps"] + 1):
        at_layer(browser, k)
        adds = W[-1] * (y - f[:-1])
        allowed = rounding(k, X, 8 * np.abs(y).sum())  # 8: an exponent's error is one of its power
        assert np.abs(np.ravel(data(browser, "add")) - adds).max() <= allowed
        f = f + W @ (y - f[:-1])
        assert abs(data(browser, "prediction")[0][0] - f[-1]) <= allowed


def test_spline_weights_are_those_of_gradient_descent_on_splines(browser, folder) -> None:
    lesson = open_page(browser, folder, "spline_regression")
    X, y, _ = prompt_of(lesson)
    knots = np.linspace(0, 1, 3)
    B = np.maximum(0, 1 - np.abs(X - knots) * 2)  # hats
    shares = np.zeros(3)
    for step in range(14):
        if step in (1, 4, 13):
            at_layer(browser, {1: 2, 4: 3, 13: 4}[step])
            apart = np.abs(np.ravel(data(browser, "share")) - shares).max()
            assert apart <= rounding(step, B, np.abs(y).sum())
        shares = shares - 0.25 * B.T @ (B @ shares - y)


def test_the_candidate_with_the_smaller_held_out_error_is_chosen(browser, folder) -> None:
    lesson = open_page(browser, folder, "selection")
    X, y, _ = prompt_of(lesson)
    losses, allowed = [], []
    for ridge in (1, 0.25):
        A = X[:2].T @ X[:2] + ridge * np.eye(2)
        w = np.linalg.solve(A, X[:2].T @ y[:2])
        losses.append(((X[2:] @ w - y[2:]) ** 2).sum())
        size = np.abs(X[2:]) @ np.abs(w) + np.abs(y[2:])  # of what is subtracted, then squared
        allowed.append(rounding(7, X, 2 * (size**2).sum(), *np.linalg.eigvalsh(A)[::-1]))
    at_layer(browser, 7)
    assert (np.abs(np.ravel(data(browser, "loss")) - losses) <= allowed).all()
    won = browser.js("[...document.querySelectorAll('#picture .won')].map((e) => e.dataset.loss)")
    assert [float(loss) for loss in won] == [min(np.ravel(data(browser, "loss")))]
    assert np.argmin(losses) == np.argmin(data(browser, "loss"))


def test_coefficients_pass_the_soft_threshold(browser, folder) -> None:
    lesson = open_page(browser, folder, "lasso")
    X, y, _ = prompt_of(lesson)
    eta, penalty, w = 1 / 8, 2, np.zeros(2)
    for k in range(1, 5):
        at_layer(browser, k)
        v = w - 2 * eta * X.T @ (X @ w - y)
        w = np.sign(v) * np.maximum(np.abs(v) - eta * penalty, 0)
        allowed = rounding(k, X, np.abs(y).sum())
        assert np.abs(np.ravel(data(browser, "before")) - v).max() <= allowed
        assert np.abs(np.ravel(data(browser, "after")) - w).max() <= allowed
    assert w[1] == 0 != w[0]  # the page opens with a coefficient that vanishes


def test_the_product_and_what_it_misses(browser, folder) -> None:
    lesson = open_page(browser, folder, "gelu_product")
    (u, v) = lesson.queries[0]
    made = constructions.build("gelu_product", **lesson_parameters("gelu_product"))
    apart = np.abs(data(browser, "made")[0] - made.predict(*prompt_of(lesson)))
    assert (apart <= 2 * made.rounding_bound(*prompt_of(lesson))).all()  # there and here
    assert data(browser, "truth")[0] == [u * v] != data(browser, "made")[0]


@pytest.mark.parametrize("name", drawn("written"))
def test_the_map_of_writing_says_how_far_each_layer_moves_each_slot(browser, folder, name) -> None:
    open_page(browser, folder, name)
    witness, streams, _ = in_python(name)
    slots = [slot.name for slot in witness.layout.slots]
    before = [{s: np.zeros_like(streams[0][s]) for s in slots}, *streams]
    moved = np.array(
        [[np.abs(now[s] - was[s]).max() for now, was in zip(streams, before)] for s in slots]
    )
    shown = np.array(data(browser, "change")).reshape(-1, witness.layers + 1)
    moves = moved[moved.max(axis=1) > 0]
    assert shown.shape == moves.shape
    scale = np.maximum(moves.max(axis=1, keepdims=True), 1)
    assert (np.abs(shown - moves) / scale).max() < 1e-6


def test_the_algorithms_answer_is_drawn_beside_what_the_layers_predict(browser, folder) -> None:
    path = folder / "ahn2023.lemma1.html"
    explain.write_page("ahn2023.lemma1", {}, path)
    browser.size(1280, 900)
    browser.open(path)
    at_layer(browser, 1)
    assert browser.js("document.querySelector('#picture .own').dataset.own") == "1"  # and not 0
    assert ticks(browser)[0] == ["0", "0.5", "1"]
    assert browser.js(OUTSIDE) == []


# -- axes of any picture --------------------------------------------------------------------------

UP = """[...document.querySelectorAll('#picture svg')].map((svg) =>
  [...svg.querySelectorAll('.axes text.tick[text-anchor=end]')].map((e) => e.textContent))"""
# what of the words, dots and bars of a picture lies beyond its edges; a line of words is higher
# than their ink, by a few pixels
OUTSIDE = """[...document.querySelectorAll('#picture svg')].flatMap((svg) => {
  const all = svg.getBoundingClientRect();
  const seen = [...svg.querySelectorAll('text,circle:not(.grip),rect,.own')]
    .filter((e) => !e.closest('clipPath,[clip-path]'));
  return seen.filter((e) => {
    const box = e.getBoundingClientRect(), room = e.tagName === 'text' ? 5 : 1;
    const across = box.left < all.left - 1 || box.right > all.right + 1;
    return across || box.top < all.top - room || box.bottom > all.bottom + room;
  }).map((e) => e.outerHTML);
})"""


def ticks(browser: driver.Browser) -> list[list[str]]:
    """The labels of the upright axes, from the bottom up; of the parts that have one."""
    return [labels for labels in browser.js(UP) if labels]


def value_of(label: str) -> float:
    return float(label.replace("−", "-"))


def open_at(browser, folder, name: str, height: int) -> None:
    """The page of a construction or a claim, 1280 wide."""
    path = folder / f"{name}.html"
    if not path.exists():
        explain.write_page(name, {}, path)
    browser.size(1280, height)
    browser.open(path)


@pytest.mark.parametrize("name", [*NAMES, "ahn2023.lemma1", "vonoswald2022.prop1"])
def test_labels_of_axes_grow_and_what_is_drawn_lies_inside(browser, folder, name) -> None:
    open_at(browser, folder, name, 720)
    for k in range(min(4, browser.js("page.app.layers")) + 1):
        at_layer(browser, k)
        assert browser.js(OUTSIDE) == []
        for labels in ticks(browser):
            values = [value_of(label) for label in labels if not label.startswith("10")]
            assert values == sorted(set(values)), labels
    assert browser.errors == []


@pytest.mark.parametrize("name", ["ahn2023.lemma1", "gradient_descent", "newton"])
def test_the_axes_of_a_prompt_of_zeros_say_numbers_that_one_can_read(browser, folder, name) -> None:
    open_at(browser, folder, name, 900)
    browser.js(
        "page.app.data = { ...page.app.data, X: page.app.data.X.map((x) => x.map(() => 0)),"
        " y: page.app.data.y.map(() => 0) }, page.change(false), page.go(1, false)"
    )
    for labels in ticks(browser):
        assert not any("e" in label for label in labels), labels
    assert browser.js(OUTSIDE) == []


# -- words that are looked for --------------------------------------------------------------------


def test_arcs_are_the_attention_of_the_two_heads(browser, folder) -> None:
    open_page(browser, folder, "induction_head")
    text, length, beta = " abaca", 16, 20  # after the beginning

    def attention(k: int, t: int) -> np.ndarray:
        scores = [
            j - (-1) ** (t + j) if k == 1 else
            j + length * (j == 0 or text[j - 1] == text[t])
            for j in range(t + 1)
        ]  # fmt: skip
        weights = np.exp(beta * (np.array(scores, dtype=float) - max(scores)))
        return weights / weights.sum()

    for k, readers in ((1, range(1, 6)), (2, [5])):
        at_layer(browser, k)
        arcs = data(browser, "look")
        assert {int(t) for t, _, _ in arcs} == set(readers)
        for t, j, weight in arcs:
            # an exponent of at most so much: its error is a share of its power
            allowed = 4 * EPS * beta * 2 * length
            assert abs(weight - attention(k, int(t))[int(j)]) <= allowed
        for t in readers:  # no arc is left out that could be seen
            assert sum(w for reader, _, w in arcs if reader == t) > 0.98
            strongest = max((w, int(j)) for reader, j, w in arcs if reader == t)[1]
            assert strongest == (t - 1 if k == 1 else 4)


def test_a_word_is_changed_by_pointer_and_by_key_and_another_follows(browser, folder) -> None:
    open_page(browser, folder, "induction_head")
    at_layer(browser, 2)

    def said() -> tuple[str, str]:
        titles = browser.js(
            "[...document.querySelectorAll('#picture figcaption')].map((e) => e.innerText)"
        )
        return titles[0], titles[1]

    def text() -> str:
        rows = browser.js("[...page.app.data.X, ...page.app.data.queries]")
        return "".join("abc"[row.index(1)] for row in rows)

    def predicted() -> int:
        rows, query = (np.array(browser.js(f"page.app.data.{p}")) for p in ("X", "queries"))
        made = constructions.build("induction_head", **lesson_parameters("induction_head"))
        prompt = rows, np.zeros((len(rows), 0)), query
        answer = made.predict(*prompt)
        apart = np.abs(np.ravel(data(browser, "next")) - np.ravel(answer))
        assert (apart <= 2 * np.ravel(made.rounding_bound(*prompt))).all()  # there and here
        return int(np.argmax(answer))

    assert text() == "abaca" and said() == (
        "“a” looks most at word 4: “c”, after “a”",
        "The prediction: c",
    )
    assert predicted() == 3
    browser.click("#picture [data-word='X.2']")  # a b b c a: of a only the first is left
    assert text() == "abbca" and said() == (
        "“a” looks most at word 2: “b”, after “a”",
        "The prediction: b",
    )
    assert predicted() == 2
    browser.js("document.querySelector(\"#picture [data-word='X.0']\").focus()")
    browser.key("Enter")  # b b b c a: a is new
    assert text() == "bbbca" and said()[1] == "The prediction: nothing"
    assert "beginning" in said()[0] and predicted() == 0
    assert browser.js("document.activeElement.dataset.word") == "X.0"
    heads = browser.js("[...document.querySelectorAll('#table tbody th')].map((e) => e.innerText)")
    assert [head[-1] for head in heads] == list(text())
    before = browser.js("page.app.layer")
    browser.key("ArrowLeft")  # arrows still go through the layers
    assert browser.js("page.app.layer") == before - 1
    browser.js("page.app.data.X[0] = [0.5, 0.5, 0], page.change(false)")  # no word
    assert browser.js("document.querySelector(\"#picture [data-word='X.0']\").textContent") == "·"
    assert browser.errors == []


def test_weights_that_are_broken_look_elsewhere(browser, folder) -> None:
    open_page(browser, folder, "induction_head")
    browser.js("page.app.parameters.sharpness = 0.25, page.change(false)")
    at_layer(browser, 2)
    weights = [weight for _, _, weight in data(browser, "look")]
    assert len(weights) > 3 and max(weights) < 0.98
    assert max(data(browser, "next"))[0] < 0.9


# -- which picture -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("newton", "inverse"), ("hyperpower", "inverse"), ("gradient_descent", "descent"),
        ("preconditioned", "descent"), ("sherman_morrison", "examples"),
        ("recursive_least_squares", "examples"), ("lasso", "written"),
        ("akyurek2022_theorem1", "written"),
    ],
)  # fmt: skip
def test_a_lesson_that_names_no_picture_gets_what_the_annotations_say(name, kind) -> None:
    lesson = replace(build.lesson_of(name), picture=None)
    picture = picture_of(lesson, constructions.build(name, **lesson_parameters(name)))
    assert picture.kind == kind and picture.caption == CAPTIONS[kind]


def test_every_kind_of_picture_is_drawn_by_a_script() -> None:
    drawn_by = "".join(build.resource(file) for file in build.SCRIPTS if "pictures/" in file)
    assert set(re.findall(r"^PICTURES\.(\w+) =", drawn_by, flags=re.M)) == set(CAPTIONS)


def test_a_construction_without_a_lesson_says_what_its_layers_write(monkeypatch) -> None:
    monkeypatch.setattr(build, "lessons", dict)
    lesson = build.lesson_of("newton")
    assert lesson.title.startswith("k Newton iterations") and lesson.lead
    for layer in constructions.build("newton", **lesson_parameters("newton")).layer_list:
        assert "writes" in lesson.layer_text(layer.name)
    assert json.dumps(lesson.to_json())


# -- claims -------------------------------------------------------------------------------------

OF_CLAIMS = {
    "vonoswald2022.ksteps": "descent",
    "hyperpower.steps": "inverse",
    "cheng2024.prop1.exponential": "kernel",
    "akyurek2022.theorem1.sign": "written",
}


@pytest.mark.parametrize(("name", "kind"), OF_CLAIMS.items())
def test_the_page_of_a_claim_opens_with_the_picture_that_suits_its_transformer(
    browser, folder, name, kind
) -> None:
    path = folder / f"{name}.html"
    explain.write_page(name, {}, path)
    browser.size(1280, 720)
    browser.open(path)
    assert held_in(path.read_text())["picture"]["kind"] == kind
    for k in range(browser.js("page.app.layers") + 1):
        at_layer(browser, k)
        parts = browser.js(
            "[...document.querySelectorAll('#picture svg')]"
            ".map((e) => e.querySelectorAll('*').length)"
        )
        assert len(parts) == 2 and parts[0] > 20
    bottom = browser.js("document.getElementById('picture').getBoundingClientRect().bottom")
    if kind == "descent":  # w as the examples of the page give it, in one step
        w = data(browser, "w")
        answer = browser.js("page.app.models[0].result.predictions[0]")
        query = browser.js("page.app.data.queries[0]")
        assert np.dot(w[-1], query) == pytest.approx(answer) and bottom <= 720
    assert browser.errors == []
