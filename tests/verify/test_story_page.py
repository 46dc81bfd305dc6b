"""The story in a browser: one picture in three parts, eight cards, numbers of the witnesses."""

from __future__ import annotations

import html
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import browser as driver
import numpy as np
import pytest
from rounded import rounding

import constructions
from constructions.papers.fu2023.layers import theorem51
from verify import algorithms
from verify import page as explain
from verify.page.acts.cards import CARDS, Card, coloured
from verify.page.glossary import TERMS

pytestmark = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")

WIDE, PHONE = (1280, 720), (390, 844)
PICTURES = ("points", "bars", "map")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("story") / "story.html"
    explain.write_story(made)
    return made


@pytest.fixture
def still(browser, path) -> driver.Browser:
    """The story on a wide screen, for a reader who wants no motion."""
    return opened(browser, path, "reduce")


def opened(
    browser: driver.Browser, path: Path, motion: str, size: tuple[int, int] = WIDE
) -> driver.Browser:
    features = [{"name": "prefers-reduced-motion", "value": motion}]
    browser.send("Emulation.setEmulatedMedia", features=features)
    browser.size(*size)
    browser.open(path)
    return browser


def prompt(browser: driver.Browser) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = browser.js("page.story.data")
    return np.array(data["X"]), np.array(data["y"]), np.array(data["queries"])


MOVED = ("#points .error-bar", "#bars .term-bar", "#map .path-dot.done", "#map .ring")


def drawn(browser: driver.Browser) -> dict[str, str]:
    """The marks of the three pictures that a point has a part in, as markup."""
    return {
        kind: browser.js(
            f"[...document.querySelectorAll({json.dumps(kind)})].map((m) => m.outerHTML).join('')"
        )
        for kind in MOVED
    }


def box(browser: driver.Browser, selector: str) -> dict[str, float]:
    return browser.js(
        f"(({{left, top, right, bottom}}) => ({{left, top, right, bottom}}))"
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )


def press(browser: driver.Browser, selector: str) -> None:
    """A click where the element is, without scrolling to it."""
    at = box(browser, selector)
    x, y = (at["left"] + at["right"]) / 2, (at["top"] + at["bottom"]) / 2
    browser.mouse("mousePressed", x, y)
    browser.mouse("mouseReleased", x, y)


# -- first screen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_first_screen_has_the_title_three_pictures_and_the_control(browser, path, size) -> None:
    opened(browser, path, "no-preference", size)
    for selector in ("h1", *(f"#{name}" for name in PICTURES), "#play", "#step", "#back"):
        at = box(browser, selector)
        assert at["left"] >= 0 and at["top"] >= 0, selector
        assert at["right"] <= size[0] and at["bottom"] <= size[1], selector
    for name in PICTURES:  # large enough to be read
        at = box(browser, f"#{name}")
        assert at["right"] - at["left"] > 300 and at["bottom"] - at["top"] > 150, name
    assert browser.js("document.documentElement.scrollWidth") <= size[0]
    texts = browser.js(  # no mark of a picture is cut off at its sides
        "[...document.querySelectorAll('.canvas text')].map((t) => [t.textContent,"
        " t.getBoundingClientRect(), t.closest('svg').getBoundingClientRect()])"
        ".filter(([, t, s]) => t.width && s.width"
        " && (t.left < s.left - 1 || t.right > s.right + 1))"
        ".map(([text]) => text)"
    )
    assert texts == []


def test_the_page_is_small_offline_and_quiet(browser, path) -> None:
    assert path.stat().st_size < 600_000
    opened(browser, path, "reduce")
    for number in range(1, 9):
        browser.js(f"page.turnTo({number})")
        assert browser.js("document.getElementById('trouble').textContent") == ""
    browser.js("new Promise((done) => setTimeout(done, 300))")
    assert browser.errors == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests)


# -- cards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_eight_cards_are_read_by_keyboard_alone(browser, path, size) -> None:
    opened(browser, path, "reduce", size)
    for number in range(1, 9):
        if number > 1 or size == PHONE:  # there the first card lies below the first screen
            browser.key("ArrowRight")
            assert browser.js("document.activeElement.id") == f"card-{number}"
        assert browser.js("page.story.card") == number
        title, task = (box(browser, f"#card-{number} {part}") for part in ("h2", ".task"))
        assert 0 <= title["top"] and title["bottom"] <= size[1]
        assert browser.js(f"document.querySelector('#card-{number} h2').textContent")[-1] in ".:?"
        assert task["bottom"] > task["top"]
        if size == PHONE:  # what the card is about stays in sight, above it
            for shown in browser.js("document.getElementById('figure').dataset.focus").split():
                at = box(browser, f"#{shown}")
                assert at["top"] >= 0 and at["bottom"] <= title["top"] + 1
                assert at["bottom"] - at["top"] > 100
    for _ in range(2):  # from a card to its words that are explained
        browser.key("Tab")
        line = browser.js("document.activeElement.dataset.says")
        assert browser.js("document.getElementById('term-tip').textContent") == line
    browser.key("Tab")  # and to what it has to try
    assert browser.js("document.activeElement.dataset.flip") == "Q1"
    browser.js("document.activeElement.blur()")
    browser.key("ArrowLeft")
    assert browser.js("page.story.card") == 7


def inside(browser: driver.Browser, selector: str, size: tuple[int, int]) -> bool:
    """Whether all of an element is in the window, and nothing lies over it."""
    at = box(browser, selector)
    if not (0 <= at["left"] < at["right"] <= size[0] and 0 <= at["top"] < at["bottom"] <= size[1]):
        return False
    hit = browser.js(
        f"((e) => {{ const b = e.getBoundingClientRect(); return [[.5, .5], [.1, .2], [.9, .8]]"
        ".every(([s, t]) => e.contains(document.elementFromPoint(b.x + s * b.width,"
        f" b.y + t * b.height))); }})(document.querySelector({json.dumps(selector)}))"
    )
    return bool(hit)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_card_its_exercise_and_the_figure_are_seen_at_once(browser, path, number) -> None:
    opened(browser, path, "reduce")
    browser.js(f"page.goTo({number}, true)")
    browser.wait(f"page.story.card === {number}")
    seen = browser.js(  # all of the card but what is folded away and what leads on
        f"[...document.querySelectorAll('#card-{number} > :not(details, .beside)')]"
        ".map((e, i) => (e.dataset.part = i))"
    )
    assert len(seen) >= 4
    parts = [f'#card-{number} > [data-part="{i}"]' for i in seen]
    assert [part for part in ("#figure", "#play", *parts) if not inside(browser, part, WIDE)] == []
    browser.js("document.querySelector('.reading .task').style.marginTop = '600px'")
    assert not inside(browser, f"#card-{number} .task", WIDE)  # is seen


@pytest.mark.parametrize("number", range(1, 9))
def test_on_a_phone_an_exercise_is_tried_below_its_picture(browser, path, number) -> None:
    """There the title and the first lines stand below the picture, and the rest is scrolled to."""
    opened(browser, path, "reduce", PHONE)
    browser.js(f"page.goTo({number}, true)")
    assert inside(browser, f"#card-{number} h2", PHONE)
    assert inside(browser, f"#card-{number} p", PHONE)  # the first of its paragraphs
    browser.js(
        f"document.querySelector('#card-{number} .task').scrollIntoView({{block: 'end'}}),"
        " scrollBy(0, 1)"  # places are whole numbers only here
    )
    browser.wait(f"page.story.card === {number} && page.story.small")
    shown = browser.js("document.getElementById('figure').dataset.focus").split()
    wanted = [f"#card-{number} .task", "#play", "#step", *(f"#{name}" for name in shown)]
    assert [part for part in wanted if not inside(browser, part, PHONE)] == []


def test_scrolling_turns_the_figure_to_the_card(browser, path) -> None:
    opened(browser, path, "reduce")
    for number in (3, 6, 8):
        browser.js(f"document.getElementById('card-{number}').scrollIntoView()")
        browser.wait(f"page.story.card === {number}")
        at = box(browser, "#figure")
        assert at["top"] >= 0 and at["bottom"] <= WIDE[1]


def test_presented_a_card_is_a_slide_large_bare_and_turned_by_keys(browser, path) -> None:
    opened(browser, path, "reduce")
    plain = browser.js("parseFloat(getComputedStyle(document.querySelector('.card p')).fontSize)")
    letters = "document.querySelector('#bars .number').getBoundingClientRect().height"
    small = browser.js(letters)
    browser.open(path, "?present")
    seen = "[...document.querySelectorAll('.card')].filter((e) => e.offsetParent).map((e) => e.id)"
    for number in range(1, 9):
        assert browser.js(seen) == [f"card-{number}"] and browser.js("page.story.card") == number
        card = box(browser, f"#card-{number}")
        assert card["top"] >= 0 and card["bottom"] <= WIDE[1]
        full, shown = browser.js(
            f"(({{scrollHeight: a, clientHeight: b}}) => [a, b])"
            f"(document.getElementById('card-{number}'))"
        )
        assert full <= shown  # nothing of it is cut off
        browser.key("PageDown" if number % 2 else "ArrowRight")
    assert browser.js("document.documentElement.scrollHeight") == WIDE[1]
    for chrome in ("#play", "#step", ".card-links", ".task", ".onward", ".as-slides"):
        assert browser.js(f"document.querySelector('{chrome}')?.offsetParent ?? null") is None
    browser.key("PageUp")
    assert browser.js("page.story.card") == 7
    before = browser.js("page.story.layer")
    browser.key("ArrowDown")
    assert browser.js("page.story.layer") == before + 1
    browser.key("ArrowUp")
    assert browser.js("page.story.layer") == before
    browser.js("page.turnTo(1)")
    large = browser.js(
        "parseFloat(getComputedStyle(document.querySelector('.reading p')).fontSize)"
    )
    assert large > 1.1 * plain and browser.js(letters) > 1.1 * small
    assert browser.errors == []


def test_presented_on_a_phone_a_card_stands_below_its_picture(browser, path) -> None:
    opened(browser, path, "reduce", PHONE)
    browser.open(path, "?present")
    for number in range(1, 9):
        browser.js(f"page.goTo({number}, true)")
        browser.wait(f"page.story.card === {number} && page.story.small")
        shown = browser.js("document.getElementById('figure').dataset.focus").split()
        wanted = [f"#card-{number} h2", *(f"#{name}" for name in shown)]
        assert [part for part in wanted if not inside(browser, part, PHONE)] == []


CUT_OFF = """[...document.querySelectorAll('.picture-head > *, .reading .formula')].filter((e) => {
  const range = document.createRange(), {right} = (e.closest('.card') ?? e.parentElement).getBoundingClientRect();
  range.selectNodeContents(e);
  return e.offsetParent && (e.scrollWidth > e.clientWidth + 1 || range.getBoundingClientRect().right > right);
}).map((e) => e.textContent)"""  # noqa: E501


@pytest.mark.parametrize("asked", ["", "?present"])
@pytest.mark.parametrize("size", [WIDE, PHONE, (1920, 1080)])
def test_no_heading_or_formula_is_cut_off(browser, path, size, asked) -> None:
    opened(browser, path, "reduce", size)
    browser.open(path, asked)
    for number in range(1, 9):
        browser.js(f"page.goTo({number}, true)")
        browser.wait(f"page.story.card === {number}")
        assert browser.js(CUT_OFF) == [], number
    browser.js("document.querySelectorAll('.picture').forEach((e) => (e.style.width = '6rem'))")
    assert browser.js(CUT_OFF) != []  # is seen


FOCUSED = """(async () => {
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame); // it is scrolled to
  const e = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(e);
  if (e === document.body || !e.closest('.acts')) return null;
  const b = e.getBoundingClientRect(), at = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);
  const seen = b.top >= -1 && b.bottom <= innerHeight + 1 && at !== null && (e.contains(at) || at.contains(e));
  return [e.id || e.dataset.point || e.textContent, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2, seen];
})()"""  # noqa: E501


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_whatever_has_the_focus_shows_it_and_lies_under_nothing(browser, path, size) -> None:
    opened(browser, path, "reduce", size)
    met = []
    for _ in range(90):
        browser.key("Tab")
        found = browser.js(FOCUSED)
        if found is None or found in met[:1]:
            break
        met.append(found)
    assert len(met) > 40
    assert [name for name, shown, _ in met if not shown] == []
    assert [name for name, _, seen in met if not seen] == []
    browser.js("document.activeElement.blur(), document.getElementById('play').focus()")
    assert browser.js(FOCUSED)[1]
    browser.js("document.activeElement.style.outline = 'none'")
    assert not browser.js(FOCUSED)[1]  # is seen


def test_the_cards_are_read_in_ten_minutes_and_without_scripts(browser, path) -> None:
    browser.open(path, scripts=False)
    browser.send("Emulation.setScriptExecutionDisabled", value=False)
    text = browser.js("document.querySelector('.cards-column').textContent")
    assert len(text.split()) / 180 < 10  # slow reading, in words a minute
    for word in ("prompt", "weights", "token", "query", "key", "score", "value", "step size"):
        assert word in text


# -- numbers --------------------------------------------------------------------------------------


PLACE = 0.005  # a place in a drawing is written to two decimals


def half_digit(values: np.ndarray) -> np.ndarray:
    """Half of the last digit that is shown of each of these: of three, or of two where it is small
    or large; as `show` of scripts/dom.js has it."""
    size = np.abs(np.where(values == 0, 1, values))
    digits = np.where((size >= 1e-3) & (size < 1e4), 3, 2)
    return 0.5 * 10.0 ** (np.floor(np.log10(size)) - digits + 1)


def test_bars_end_to_end_are_the_step_of_the_witness(still) -> None:
    X, y, queries = prompt(still)
    made = still.js("page.story.scene")
    rate = made["parameters"]["step_size"]
    asked = np.array([*queries, [1, 0], [0, 1]])
    steps = [
        constructions.build("gradient_descent", d=2, steps=k, step_size=rate).predict(X, y, asked)
        for k in range(10)
    ]
    for k in range(9):
        (adds,) = made["adds"][k]
        allowed = rounding(k + 1, X, np.abs(adds["products"]).sum() + np.abs(steps[k]).max())
        assert (np.abs([made["asked"][k], *made["lines"][k]] - steps[k]) <= allowed).all()
        added = len(y) * np.spacing(np.abs(adds["products"]).sum())  # of one sum of n numbers
        assert abs(sum(adds["products"]) - (steps[k + 1] - steps[k])[0]) <= 2 * allowed
        assert abs(adds["total"] - sum(adds["products"])) <= added
        made_of = np.multiply(adds["scores"], adds["values"])
        assert (np.abs(made_of - adds["products"]) <= 2 * np.spacing(np.abs(made_of))).all()
    # and so they are drawn: each bar starts at the height where the one before ends
    for k in (0, 5):
        still.js(f"page.story.layer = {k}, page.recomputed(0)")
        rects = still.js(
            "[...document.querySelectorAll('#bars .term-bar, #bars .total-bar')]"
            ".map((r) => [Number(r.getAttribute('y')), Number(r.getAttribute('height'))])"
        )
        (adds,) = made["adds"][k]
        ends = np.cumsum(adds["products"])
        scale = rects[-1][1] / adds["total"]
        base = rects[-1][0] + rects[-1][1] * (adds["total"] > 0)
        for (top, height), start, end in zip(rects, [0, *ends[:-1]], ends):
            # two edges a bar, and the scale is read off a bar of two edges
            off = 2 * PLACE / abs(adds["total"])
            most = max(abs(start), abs(end))
            assert abs(height - max(0.75, abs(end - start) * abs(scale))) <= (
                2 * PLACE + off * abs(end - start)
            )
            assert abs(top - (base - max(start, end) * abs(scale))) <= 3 * PLACE + off * most


def test_the_dots_of_the_map_are_the_lines_after_each_layer(still) -> None:
    lines = np.array(still.js("page.story.scene.lines"))
    dots = np.array(
        still.js(
            "[...document.querySelectorAll('#map .path-dot')]"
            ".map((c) => [c, c].map((e, i) => Number(e.getAttribute(['cx', 'cy'][i]))))"
        )
    )
    (across, left), (up, down) = (
        np.polyfit(lines[:, i], dots[:, j], 1) for i, j in ((1, 0), (0, 1))
    )
    # what is fitted to places is off by no more than all that they are rounded by
    rounded = PLACE * len(dots) ** 0.5
    spans = np.linalg.norm(lines - lines.mean(axis=0), axis=0)
    assert across > 0 and abs(up + across) <= rounded * (1 / spans).sum()  # up is up, one scale
    fitted = np.stack([across * lines[:, 1] + left, up * lines[:, 0] + down], 1)
    assert np.abs(dots - fitted).max() <= rounded


RACE = {  # what counts layers, how many are no step, the rate and its rule, and words
    "gradient_descent": ("steps", 0, "step_size", lambda top, low: 1 / (top + low), {}),
    "newton_carried": (
        "iterations", 1, "alpha", lambda top, low: 2 / (top + low), {"start": "identity"},
    ),
    "newton": ("iterations", 2, "alpha", lambda top, low: 2 / (top**2 + low**2), {}),
    "hyperpower": ("iterations", 1, "alpha", lambda top, low: 2 / (top + low), {}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:hyperpower. rounding")  # beyond the goal
def test_the_race_is_that_of_the_witnesses(still) -> None:
    still.js("page.turnTo(6)")
    X, y, _ = prompt(still)
    low, top = np.linalg.eigvalsh(X.T @ X)
    assert abs(top / low - 100) < 1e-6
    best, units = np.linalg.lstsq(X, y, rcond=None)[0], np.eye(2)
    race = still.js("page.story.race")
    for name, (counted, others, rate, rule, words) in RACE.items():
        chosen = race[name]["parameters"][rate]  # its last digits are those of the page's S
        assert abs(chosen / rule(top, low) - 1) < 1e-10
        errors = []
        for L in range(2, 25):
            given = {counted: L - others, rate: chosen, **words}
            witness = constructions.build(name, d=2, **given)
            assert witness.layers == L
            line = witness.predict(X, y, units)
            if not errors or min(errors) > 1e-6:  # beyond, rounding takes the third order away
                apart = np.abs(race[name]["lines"][L] - line).max()
                assert apart <= rounding(L, X, np.abs(best).max(), top, low), (name, L)
            errors.append(np.linalg.norm(line - best) / np.linalg.norm(best))
        reached = next((L for L, e in enumerate(errors, 2) if e <= 1e-6), -1)
        assert race[name]["reached"] == reached, name
    ridge = race["sherman_morrison"]["parameters"]["ridge"]
    assert abs(ridge / (low / 10) - 1) < 1e-10
    witness = constructions.build(
        "sherman_morrison", d=2, examples=len(y), ridge=ridge, storage="tokens"
    )
    shown, line = race["sherman_morrison"]["lines"][-1], witness.predict(X, y, units)
    allowed = rounding(witness.layers, X, np.abs(best).max(), top + ridge, ridge)
    assert np.abs(shown - line).max() <= allowed
    exactly = (np.vectorize(Fraction, otypes=[object])(part) for part in (X, y, units))
    exact = algorithms.ridge(*exactly, Fraction(ridge)).astype(float)
    assert np.abs(shown - exact).max() <= allowed
    assert race["sherman_morrison"]["reached"] == witness.layers == 2 * len(y) + 1
    # who is ahead, and by how much
    counts = {name: one["reached"] for name, one in race.items()}
    assert counts["hyperpower"] < counts["newton_carried"] < counts["newton"] <= 24
    assert counts["gradient_descent"] == -1
    still.wait("page.story.further > 0")
    further, contraction = still.js("page.story.further"), (top - low) / (top + low)
    assert abs(further - np.log(1e-6) / np.log(contraction)) < 2  # what theory says
    shown = still.js("document.getElementById('racers').innerText")
    assert str(further) in shown and all(str(n) in shown for n in counts.values() if n > 0)


@pytest.mark.parametrize("condition", [4, 1000])
def test_the_slider_stretches_the_data_to_a_condition_number(still, condition) -> None:
    still.js("page.turnTo(6)")
    still.type("#condition", str(np.log10(condition)))
    X, y, _ = prompt(still)
    low, top = np.linalg.eigvalsh(X.T @ X)
    assert abs(top / low / condition - 1) < 1e-6
    race = still.js("page.story.race")
    assert 0 < race["hyperpower"]["reached"] < (24 if condition > 100 else 8)
    assert race["sherman_morrison"]["reached"] == 13


def test_newton_carries_its_guess_for_the_inverse(still) -> None:
    still.js("page.turnTo(7)")
    X, y, queries = prompt(still)
    S = X.T @ X
    alpha = still.js("page.story.scene.parameters.alpha")
    witness = constructions.build("newton", d=2, iterations=6, alpha=alpha)
    trace = witness.trace(X, y, np.eye(2))
    for k in range(9):
        still.js(f"page.story.layer = {k}, page.recomputed(0)")
        M = trace[k]["t"][-2:].T
        shown = still.js("[...document.querySelectorAll('#inverse td')].map((c) => c.textContent)")
        numbers = [float(text.replace("−", "-")) for text in shown]
        should = np.concatenate([M.ravel(), (S @ M).ravel()])
        apart = rounding(k + 2, X, np.abs(should).max(), *np.linalg.eigvalsh(S)[::-1])
        assert (np.abs(numbers - should) <= half_digit(should) + apart).all()
    # squared by each of six steps, of what (alpha s)^2 leaves where the start is alpha S
    left = max(abs(1 - alpha * s * s) for s in np.linalg.eigvalsh(S)) ** 2**6
    assert np.abs(np.linalg.eigvals(S @ M - np.eye(2))).max() <= left + rounding(
        6, X, 1, *np.linalg.eigvalsh(S)[::-1]
    )
    line = witness.predict(X, y, np.eye(2))
    low, top = np.linalg.eigvalsh(S)
    apart = np.abs(still.js("page.story.scene.lines[8]") - line).max()
    assert apart <= rounding(witness.layers, X, np.abs(line).max(), top, low)


def test_one_sign_of_six_mends_the_printed_proof(still) -> None:
    still.js("page.turnTo(8)")
    X, y, queries = prompt(still)
    scene = still.js("page.story.scene")
    alpha = scene["parameters"]["alpha"]

    def is_that_of_the_weights(shown: list[float], printed: bool) -> bool:
        for k, answer in enumerate(shown):
            made = theorem51(2, len(y), k, alpha, printed=printed)
            (should,), (bound,) = (f(X, y, queries) for f in (made.predict, made.rounding_bound))
            assert bound < 1e-6 * abs(should)  # and so six digits are told
            if abs(answer - should) > 2 * bound:  # each of the two is as near to the exact one
                return False
        return len(shown) == 7

    assert is_that_of_the_weights(scene["asked"], True)
    assert is_that_of_the_weights(scene["right"], False)
    assert not is_that_of_the_weights(scene["asked"], False)
    mended = []
    for name in ("Q1", "K1", "V1", "Q2", "K2", "V2"):
        still.click(f"[data-flip={name}]")
        assert still.js(f"document.querySelector('[data-flip={name}]').ariaPressed") == "true"
        if still.js("document.getElementById('verdict').className") == "mended":
            mended.append(name)
            asked = still.js("page.story.scene.asked")
            assert is_that_of_the_weights(asked, False)
            assert still.js("document.querySelectorAll('#bars .wrong').length") == 0
        else:
            assert still.js("document.querySelectorAll('#bars .wrong').length") > 0
        still.click(f"[data-flip={name}]")
    assert mended == ["V2"]


# -- what a reader does --------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [driver.Browser.drag, driver.Browser.swipe])
def test_a_point_that_is_dragged_changes_all_three_pictures(still, moved) -> None:
    still.js("page.story.layer = 3, page.recomputed(0)")
    before, data = drawn(still), prompt(still)
    moved(still, '[data-point="3"]', 20, -60)
    after = drawn(still)
    assert all(before[kind] and before[kind] != after[kind] for kind in MOVED)
    X, y, _ = prompt(still)
    assert X[3, 0] > data[0][3, 0] and y[3] > data[1][3]
    rate = still.js("page.story.scene.parameters.step_size")
    witness = constructions.build("gradient_descent", d=2, steps=8, step_size=rate)
    assert np.allclose(still.js("page.story.scene.lines[8]"), witness.predict(X, y, np.eye(2)))
    # by keyboard, too, and the card stays
    card = still.js("page.story.card")
    for key, change in [("ArrowUp", (0, 0.1)), ("ArrowLeft", (-0.1, 0))]:
        was = prompt(still)
        still.js("document.querySelector('[data-point=\"3\"]').focus()")
        still.key(key)
        now = prompt(still)
        assert np.allclose([now[0][3, 0] - was[0][3, 0], now[1][3] - was[1][3]], change)
    assert still.js("page.story.card") == card
    still.js("document.querySelector('[data-point=query]').focus()")
    still.key("ArrowLeft")
    assert np.isclose(prompt(still)[2][0, 0], 0.8)


@pytest.mark.parametrize("over", [".term-bar", ".error-bar", ".score-arc", ".point"])
def test_an_example_under_the_pointer_lights_its_arc_bar_and_error(still, over) -> None:
    mark = f'#figure {over}[data-j="4"]'
    if over == ".score-arc":  # an arc is lit by its column
        mark = '#figure .chip[data-j="4"]'
    if over == ".point":
        still.js(f"document.querySelector('{mark}').focus()")
    else:
        still.send("Input.dispatchMouseEvent", type="mouseMoved", x=1000, y=700)
        x, y = still.centre(mark)
        still.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    lit = still.js(
        "['.term-bar', '.error-bar', '.score-arc'].map((kind) =>"
        " [...document.querySelectorAll(`#figure ${kind}`)].filter((m) => m.matches('.lit'))"
        ".map((m) => [m.dataset.j, getComputedStyle(m)[kind === '.term-bar' ? 'fill' : 'stroke']]))"
    )
    assert all(len(found) == 1 and found[0][0] == "4" for found in lit)
    assert len({found[0][1] for found in lit}) == 1  # one colour
    assert "point 5" in still.js("document.getElementById('bars-caption').textContent")


def test_play_moves_the_bars_and_the_line_and_ends_at_the_last_layer(browser, path) -> None:
    opened(browser, path, "no-preference")
    browser.js(
        "window.seen = [], window.watch = setInterval(() =>"
        " seen.push(document.querySelector('#points .now-line').getAttribute('y2')), 30)"
    )
    press(browser, "#play")
    browser.wait("page.story.layer === 2")
    press(browser, "#play")  # pauses
    layer = browser.js("new Promise((done) => setTimeout(() => done(page.story.layer), 2500))")
    assert layer in (2, 3) and not browser.js("page.story.playing")
    assert len(set(browser.js("seen"))) > 6  # in between, not from one line to the next
    still = opened(browser, path, "reduce")
    press(still, "#play")
    still.wait("page.story.layer === 8 && !page.story.playing")
    assert still.js("document.getElementById('step').disabled")
    assert still.js("document.getElementById('layer-name').textContent") == "layer 8 of 8"


def test_nothing_moves_for_a_reader_who_wants_no_motion(still) -> None:
    before = still.js("page.story.pose.line")
    still.js("void page.step(1)")  # at once: no frame of it is waited for
    for _ in range(3):
        still.js("Promise.resolve()")
    assert still.js("page.story.pose.line") == still.js("page.story.scene.lines[1]") != before
    assert still.js("page.story.pose.laid")
    assert (
        still.js("getComputedStyle(document.querySelector('#bars .term-bar')).transitionDuration")
        == "0s"
    )


def test_too_large_a_step_runs_away_and_is_said_to(still) -> None:
    still.js("page.turnTo(5)")
    still.type("#rate", "1.2")
    assert "runs away" in still.js("document.getElementById('rate-text').textContent")
    lines = np.array(still.js("page.story.scene.lines"))
    best = np.array(still.js("page.story.best"))
    assert np.linalg.norm(lines[8] - best) > np.linalg.norm(lines[0] - best)


def test_a_step_takes_less_than_50_ms(still) -> None:
    times = still.js(
        "Array.from({length: 10}, () => { const from = performance.now(); page.recomputed(0);"
        " return performance.now() - from; })"
    )
    assert min(times) < 50


def test_everything_that_takes_the_focus_has_a_name(still) -> None:
    still.send("Accessibility.enable")
    for number in range(1, 9):
        still.js(f"page.turnTo({number})")
        nodes: list[dict[str, Any]] = still.send("Accessibility.getFullAXTree")["nodes"]
        reached = 0
        for node in nodes:
            focusable = any(
                p["name"] == "focusable" and p["value"].get("value")
                for p in node.get("properties", [])
            )
            role = node.get("role", {}).get("value")
            if node.get("ignored") or not (focusable or role == "image"):
                continue
            reached += 1
            assert node.get("name", {}).get("value"), (number, role)
        assert reached > 20


FAINT = """(() => {
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const luminance = (c) => [0.2126, 0.7152, 0.0722]
    .reduce((total, part, i) => total + part * linear(c[i] / 255), 0.05);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    while (e && numbers(getComputedStyle(e).backgroundColor)[3] === 0) e = e.parentElement;
    return numbers(getComputedStyle(e ?? document.body).backgroundColor);
  };
  const written = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  return [...document.querySelectorAll('.card *, .picture-head *, .control *')]
    .filter((e) => written(e) && !e.closest(':disabled')).filter((e) => {
      const pair = [numbers(getComputedStyle(e).color), ground(e)].map(luminance);
      return Math.max(...pair) / Math.min(...pair) < 4.5;
    }).map((e) => e.textContent);
})()"""


def test_no_text_is_too_faint(still) -> None:
    """Contrast of 4.5 to 1 with what lies behind."""
    assert still.js(FAINT) == []
    still.js("document.querySelector('.card p').style.color = '#999'")  # is seen
    assert still.js(FAINT) != []


def words_of_card(card: Card) -> str:
    """What is read on a card, its title left out."""
    told = coloured(" ".join((*card.text, card.extra, card.task, card.answer)))
    told = re.sub(r"<span class='unglossed'>.*?</span>|<code>.*?</code>", " ", told)
    return html.unescape(re.sub(r"<[^>]+>", "", told))


def test_every_word_of_the_glossary_that_a_card_uses_is_explained_there(still) -> None:
    marked = {
        (number, says)
        for number, says in still.js(
            "[...document.querySelectorAll('.card .term')]"
            ".map((e) => [Number(e.closest('.card').id.slice(5)), e.dataset.says])"
        )
    }
    lines = {form: term.says for term in TERMS for form in term.forms}
    forms = "|".join(map(re.escape, sorted(lines, key=len, reverse=True)))
    first: dict[str, int] = {}  # the line of a word, and the card on which it stands first
    for number, card in enumerate(CARDS, start=1):
        for word in re.findall(rf"(?<![\w−-])({forms})(?![\w−-])", words_of_card(card), re.I):
            first.setdefault(lines[word.lower()], number)
    assert len(first) >= 14
    missing = {says for says, number in first.items() if (number, says) not in marked}
    assert missing == set()


def test_the_cards_are_read_in_less_than_ten_minutes() -> None:
    read = sum(len(words_of_card(card).split()) for card in CARDS)
    assert read / 200 < 10 - len(CARDS) / 2  # half a minute to try what each asks for
