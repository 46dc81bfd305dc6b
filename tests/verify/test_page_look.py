"""How pages look: plots, colours, words that are explained, light and dark, wide and narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import browser as driver
import numpy as np
import pytest

import constructions
from verify import page as explain
from verify.page import build, glossary, latex, readable, report_page, story

in_browser = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")
PAGE = Path(build.__file__).parent
DARK, LIGHT = "dark", "light"
LINES = {form: term.says for term in glossary.TERMS for form in term.forms}


@pytest.fixture(scope="module")
def browser() -> Iterator[driver.Browser]:
    made = driver.Browser()
    made.send("Emulation.setFocusEmulationEnabled", enabled=True)
    made.send("DOM.enable")
    made.send("CSS.enable")
    yield made
    made.close()


def open_page(browser, folder, name, fragment="#layer=1", size=(1280, 720), **media) -> None:
    path = folder / f"{name}.html"
    if not path.exists():
        explain.write_page(name, {}, path)
    browser.size(*size)
    features = [{"name": f"prefers-{k.replace('_', '-')}", "value": v} for k, v in media.items()]
    browser.send("Emulation.setEmulatedMedia", features=features)
    browser.open(path, fragment)


def put(browser, X, y, queries, **parameters) -> None:
    """Gives the page a prompt and parameters, as its controls and tables do."""
    given = {
        "X": np.asarray(X).tolist(),
        "y": np.asarray(y).tolist(),
        "queries": np.asarray(queries).tolist(),
    }
    browser.js(
        f"Object.assign(page.app.parameters, {json.dumps(parameters)}),"
        f"page.app.data = {json.dumps(given)}, page.change(false)"
    )


def prompt(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + d)
    return rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=(1, d))


def press(browser, key: str, code: int) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                     windowsVirtualKeyCode=code)  # fmt: skip


# -- colours ------------------------------------------------------------------------------------


def variables(mode: str) -> dict[str, str]:
    """The colours of the style sheet at day or night."""
    text = build.resource("styles/base.css")
    day, night = re.findall(r":root \{(.*?)\}", text, re.S)
    found = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6});")
    return dict(found.findall(day)) | (dict(found.findall(night)) if mode == DARK else {})


def luminance(colour: np.ndarray) -> float:
    parts = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(parts @ [0.2126, 0.7152, 0.0722])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(a: np.ndarray, b: np.ndarray) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


READ_ON = [
    *product(("ink", "soft", "query", "key", "value", "written", "bad", "good"), ("paper", "card")),
    *product(("on-role",), ("query", "key", "value", "written", "soft")),
    *product(("ink",), ("field", "button", "button-hover", "touched", "bad-ground")),
    ("bad", "bad-ground"),
    ("paper", "ink"),
    ("nought", "zero"),
    *product(("cell-ink",), ("zero", "negative", "positive", "no-number")),
]


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_text_stands_out_from_its_ground_by_four_and_a_half_to_one(mode) -> None:
    colours = {name: rgb(value) for name, value in variables(mode).items()}
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in READ_ON}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}
    for end, share in product(("negative", "positive"), np.linspace(0, 1, 21)):
        ground = share * colours[end] + (1 - share) * colours["zero"]
        assert contrast(colours["cell-ink"], ground) >= 4.5
    # and borders of fields, which carry no text, by three to one
    assert all(contrast(colours["edge"], colours[g]) >= 3 for g in ("paper", "card", "field"))


def test_every_colour_is_a_variable() -> None:
    day_and_night = re.compile(r":root \{.*?\}", re.S)
    literal = re.compile(r"(?<![\w&-])#(?:[0-9a-f]{6}|[0-9a-f]{3})\b(?!\w)|\brgba?\(\d", re.I)
    for file in [*PAGE.glob("styles/*.css"), *PAGE.glob("scripts/**/*.js")]:
        text = day_and_night.sub("", file.read_text(encoding="utf-8"))
        assert literal.findall(text) == [], file.name


# of everything that is read: the text's colour beside the ground that it stands on
CONTRASTS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parts = (css) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const found = parts(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility({visibilityProperty: true}) || e.closest(':disabled, script, style, option, svg')) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => x - y);
    seen += 1;
    if ((b + 0.05) / (a + 0.05) < 4.5) poor.push([node.data.trim().slice(0, 30), e.className, (b + 0.05) / (a + 0.05)]);
  }
  return {seen, poor};
})()"""  # noqa: E501


@in_browser
@pytest.mark.parametrize("mode", [LIGHT, DARK])
@pytest.mark.parametrize("name", ["newton", "akyurek2022.theorem1.sign"])
def test_everything_on_a_page_can_be_read_by_day_and_by_night(browser, folder, name, mode) -> None:
    open_page(browser, folder, name, "#layer=2", color_scheme=mode)
    found = browser.js(CONTRASTS)
    assert found["seen"] > 200 and found["poor"] == []
    paper = browser.js("getComputedStyle(document.body).backgroundColor")
    assert (luminance(np.array(re.findall(r"\d+", paper), float) / 255) < 0.1) == (mode == DARK)
    assert browser.errors == []


@in_browser
def test_colours_are_scaled_per_slot_and_the_scale_is_said(browser, folder) -> None:
    open_page(browser, folder, "newton", "#layer=3")
    X, y, query = [[100, 0], [0, 100], [30, 50]], [1, -2, 1], [[1, 1]]
    put(browser, X, y, query, alpha=1e-9, d=2)
    said = browser.js(
        "Object.fromEntries([...document.querySelectorAll('#stream th[scope=rowgroup]')]"
        ".map((th) => [th.querySelector('b').textContent,"
        " th.querySelector('.most')?.textContent ?? null]))"
    )
    assert (said["x"], said["y"], said["p"]) == ("±100", "±2", None)
    full = browser.js(
        "Object.fromEntries(['x', 'y', 't'].map((slot) => [slot, Math.max(...[...document"
        ".querySelectorAll(`#stream td[data-cell^='${slot}.']`)]"
        ".map((td) => Number(/tone-?(\\d+)/.exec(td.className)[1])))]))"
    )
    assert full == {"x": 32, "y": 32, "t": 32}  # the deepest tone of each slot


# -- plots --------------------------------------------------------------------------------------

# values of everything in a plot, from its places and from two ticks of each axis
READ = """(panel) => {
  const svg = document.querySelector(panel + ' svg'), box = (e) => e.getBoundingClientRect();
  const value = (t) => {
    const raised = t.querySelector('tspan');
    if (!raised) return Number(t.textContent.replace('−', '-'));
    return Number(raised.textContent.replace('−', '-'));
  };
  const ticks = [...svg.querySelectorAll('.tick')], lines = [...svg.querySelectorAll('.axes .grid')];
  const up = lines.filter((l) => l.getAttribute('y1') === l.getAttribute('y2'));
  const across = lines.filter((l) => l.getAttribute('x1') === l.getAttribute('x2'));
  const named = (kind) => ticks.filter((t) => t.getAttribute('text-anchor') === kind).map(value);
  const scale = (places, values) => (place) => values[0] + (place - places[0]) * (values[values.length - 1] - values[0]) / (places[places.length - 1] - places[0]);
  const x = scale(across.map((l) => Number(l.getAttribute('x1'))), named('middle'));
  const y = scale(up.map((l) => Number(l.getAttribute('y1'))), named('end'));
  const circles = (kind) => [...svg.querySelectorAll(`circle.${kind}`)].map((c) => [x(Number(c.getAttribute('cx'))), y(Number(c.getAttribute('cy')))]);
  return {x: named('middle'), y: named('end'), names: [...svg.querySelectorAll('.axis-name')].map((t) => t.textContent),
    points: circles('point'), predicted: circles('predicted:not(.asked-here)'), asked: circles('asked-here'), dots: circles('dot'),
    paths: [...svg.querySelectorAll('path')].map((p) => p.getAttribute('class')), residuals: svg.querySelectorAll('.residual').length,
    legend: [...document.querySelectorAll(panel + ' .key-list li')].map((li) => li.textContent.trim()),
    across: document.querySelector(panel + ' select')?.value ?? 'x'};
}"""  # noqa: E501


def read_plot(browser, panel: str = "#plot") -> dict[str, Any]:
    return browser.js(f"({READ})({json.dumps(panel)})")


def choose(browser, key: str) -> None:
    browser.type("#plot select", key)


@in_browser
@pytest.mark.parametrize("d", [1, 2, 4])
def test_points_stand_where_the_ticks_of_the_axes_say(browser, folder, d) -> None:
    open_page(browser, folder, "gradient_descent")
    X, y, query = prompt(6, d)
    put(browser, X, y, query, d=d, step_size=0.01)
    values, vectors = np.linalg.eigh(X.T @ X)
    w = np.linalg.lstsq(X, y, rcond=None)[0]
    along = {"x": np.ones(1)} if d == 1 else {"x2": np.eye(d)[1], "v1": vectors[:, -1], "w": w}
    for key, u in along.items():
        if d > 1:
            choose(browser, key)
        plot = read_plot(browser)
        places, targets = np.array(plot["points"]).T
        spans = np.ptp(X @ u), np.ptp(y)
        sign = np.sign((X @ u) @ places)  # an eigenvector has two
        assert np.abs(sign * places - X @ u).max() < 0.01 * spans[0]
        assert np.abs(targets - y).max() < 0.01 * spans[1]
        assert len(plot["x"]) >= 3 and len(plot["y"]) >= 3 and plot["names"][1] == "y"
    assert plot["names"][0] == ("x" if d == 1 else "wᵀx")


@in_browser
def test_off_a_line_every_example_has_its_own_prediction_and_no_curve(browser, folder) -> None:
    open_page(browser, folder, "gradient_descent", "#layer=2")
    X, y, query = prompt(6, 3)
    parameters = {"d": 3, "steps": 3, "step_size": 0.02}
    put(browser, X, y, query, **parameters)
    assert read_plot(browser)["across"] == "w"  # where least squares is the diagonal
    assert read_plot(browser)["paths"] == ["least-squares"]
    choose(browser, "x1")
    plot = read_plot(browser)
    assert plot["paths"] == [] and plot["residuals"] == 6
    assert not any("least squares" in words for words in plot["legend"])
    two_layers = constructions.build("gradient_descent", **{**parameters, "steps": 2})
    should = two_layers.predict(X, y, np.vstack([X, query]))
    shown = np.array(plot["predicted"] + plot["asked"])
    assert np.abs(shown[:, 1] - should).max() < 0.01 * np.ptp(y)


@in_browser
def test_along_a_line_with_all_examples_the_predictor_is_drawn(browser, folder) -> None:
    open_page(browser, folder, "gradient_descent", "#layer=2")
    put(browser, [[1, 1], [-1, 1], [0, 1]], [3, -1, 2], [[0.5, 1]], d=2)
    plot = read_plot(browser)
    assert plot["across"] == "x1"
    assert plot["paths"] == ["least-squares", "own", "current"]
    assert "least squares" in plot["legend"] and "predicted after layer 2" in plot["legend"]


ANSWERS = [
    name
    for name in constructions.names()
    if constructions.get(name).is_regression and build.lesson_of(name).goal == "answer"
]


@in_browser
@pytest.mark.parametrize("name", ANSWERS)
def test_least_squares_is_not_drawn_where_it_is_not_what_is_sought(browser, folder, name) -> None:
    open_page(browser, folder, name, "#layer=2")
    plot = read_plot(browser)
    assert "least-squares" not in plot["paths"] and plot["residuals"] == 0
    assert not any("least squares" in words for words in plot["legend"])
    assert browser.errors == []


def test_some_constructions_seek_something_else_than_least_squares() -> None:
    assert {"lasso", "logistic", "kernel_regression", "bayes_ridge"} <= set(ANSWERS)


@in_browser
@pytest.mark.parametrize("key", ["x2", "v1", "w"])
def test_a_dragged_example_stays_under_the_pointer(browser, folder, key) -> None:
    open_page(browser, folder, "gradient_descent")
    X, y, query = prompt(6, 2)
    put(browser, X, y, query, d=2)
    choose(browser, key)
    before = browser.centre("[data-point='2']")
    browser.drag("[data-point='2']", 24, -18)
    after = browser.js(
        "(() => { const b = document.querySelector('[data-point=\"2\"]').getBoundingClientRect();"
        " const f = document.querySelector('#points').getBoundingClientRect();"
        " return [b.x + b.width / 2 - f.x, f.width]; })()"
    )
    moved = np.array(browser.js("page.app.data.X"))
    assert np.abs(np.delete(moved, 2, 0) - np.delete(X, 2, 0)).max() == 0
    if key == "x2":
        assert moved[2, 0] == X[2, 0] and moved[2, 1] > X[2, 1]
    assert browser.js("page.app.data.y[2]") > y[2] and before is not None and after is not None


# how far apart the lowest and the highest line across the errors are
PIXELS = """(() => {
  const lines = [...document.querySelectorAll('#error .axes .grid')];
  const up = lines.filter((l) => l.getAttribute('y1') === l.getAttribute('y2'));
  const places = up.map((l) => Number(l.getAttribute('y1')));
  return Math.max(...places) - Math.min(...places);
})()"""


@in_browser
def test_errors_stand_on_a_logarithmic_axis_with_powers_of_ten(browser, folder) -> None:
    open_page(browser, folder, "gradient_descent")
    plot = read_plot(browser, "#error")
    shown = browser.js(
        "[...document.querySelectorAll('#error circle.dot title')].map((t) => t.textContent)"
    )
    said = [float(text.split(": ")[1].replace("−", "-")) for text in shown]
    layers, exponents = np.array(plot["dots"]).T
    assert list(layers.round()) == list(range(len(said))) and len(said) > 2
    # three digits are said, two below 0.001; a place is written to one decimal
    half = np.where(np.array(said) < 1e-3, 0.05, 0.005)
    decade = 0.05 * (plot["y"][-1] - plot["y"][0]) / browser.js(PIXELS)
    assert (np.abs(exponents - np.log10(said)) <= np.log10(1 + half) + decade).all()
    assert all(isinstance(v, int) or v == int(v) for v in plot["y"])
    assert plot["names"] == ["layer", "error"]


# -- width ------------------------------------------------------------------------------------

IN_SIGHT = """(() => {
  const scroll = document.querySelector('#stream .scroll'), outer = scroll.getBoundingClientRect();
  const inside = (e) => { const b = e.getBoundingClientRect(); return b.left >= outer.left - 1 && b.right <= outer.right + 1; };
  const names = [...scroll.querySelectorAll('tbody th')], query = [...scroll.querySelectorAll('.asks')];
  const top = (e) => { const b = e.getBoundingClientRect(); return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2)?.closest('th,td') === e; };
  return [scroll.scrollWidth > scroll.clientWidth, names.every(inside), query.length > 5 && query.every(inside), top(query[0]), top(names[0])];
})()"""  # noqa: E501


@in_browser
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)])
def test_a_wide_prompt_keeps_the_slots_names_and_the_query_in_sight(browser, folder, size) -> None:
    open_page(browser, folder, "newton", "#layer=2", size)
    X, y, query = prompt(32, 4)
    put(browser, X, y, query, d=4, alpha=1e-4)
    browser.js("document.querySelector('#stream').scrollIntoView(), scrollBy(0, -120)")
    for share in (0, 0.5, 1):
        browser.js(
            "(() => { const s = document.querySelector('#stream .scroll');"
            f" s.scrollLeft = {share} * (s.scrollWidth - s.clientWidth); }})()"
        )
        assert browser.js(IN_SIGHT) == [True] * 5
    assert browser.js("document.documentElement.scrollWidth") <= size[0]


@in_browser
@pytest.mark.parametrize("size", [(1280, 900), (1920, 1080)])
def test_cells_and_heads_are_legible_with_32_examples(browser, folder, size) -> None:
    open_page(browser, folder, "newton", "#layer=2", size)
    X, y, query = prompt(32, 4)
    put(browser, X, y, query, d=4, alpha=1e-4)
    cells = browser.js(
        "[...document.querySelectorAll('#stream td[data-cell], #stream thead th')]"
        ".map((e) => [parseFloat(getComputedStyle(e).fontSize), e.closest('td,th').scrollWidth"
        " - e.closest('td,th').clientWidth])"
    )
    assert len(cells) > 300
    assert min(size for size, _ in cells) >= 11 and max(over for _, over in cells) <= 1
    # names above and beside the scores: those that are written do not run into one another
    apart = browser.js(
        "['thead th', 'tbody th'].map((kind) => { const text = [...document.querySelectorAll("
        "`#layer table.stream ${kind}`)].filter((e) => e.textContent).map((e) => { const r ="
        " document.createRange(); r.selectNodeContents(e); return r.getBoundingClientRect(); });"
        " return [text.length, text.slice(1).every((b, i) => kind[0] === 't' && kind[1] === 'h'"
        " ? b.left >= text[i].right : b.top >= text[i].bottom - 2)]; })"
    )
    assert all(count >= 8 and fine for count, fine in apart)
    named = "[...document.querySelectorAll('#layer table.stream th')].map((e) => e.ariaLabel)"
    assert browser.js(named).count("example 17") == 2  # whoever cannot see has all names


@in_browser
def test_a_screen_of_1920_is_used(browser, folder) -> None:
    open_page(browser, folder, "newton", size=(1920, 1080))
    wide = browser.js(
        "['#lab', '.column:nth-child(1)', '.column:nth-child(3)']"
        ".map((s) => document.querySelector(s).getBoundingClientRect().width)"
    )
    assert wide[0] > 1800 and wide[1] > 380 and wide[2] > 420
    assert browser.js("document.documentElement.scrollWidth") <= 1920


# formulas and captions that are cut off, choices of which the end lies under their arrow
CUT = """(() => {
  const all = (kind) => [...document.querySelectorAll(kind)], canvas = document.createElement('canvas').getContext('2d');
  const over = all('.definitions li, .picture-part figcaption, .picture-layer, .picture-now').filter((e) => e.scrollWidth > e.clientWidth + 1);
  const narrow = all('select').filter((e) => {
    const {font, paddingLeft} = getComputedStyle(e);
    canvas.font = font;
    return e.clientWidth && canvas.measureText(e.selectedOptions[0].text).width + 2 * parseFloat(paddingLeft) + 16 > e.clientWidth;
  });
  return [...over, ...narrow].map((e) => e.selectedOptions?.[0].text ?? e.textContent);
})()"""  # noqa: E501
# what is seen of a figure's text and lies under the sign by which the figure is saved
UNDER = """[...document.querySelectorAll('.files')].flatMap((menu) => {
  const sign = menu.querySelector('summary').getBoundingClientRect(), range = document.createRange();
  return [...menu.parentElement.querySelectorAll('th, td, figcaption, text')].filter((e) => {
    range.selectNodeContents(e);
    const inside = e.closest('.scroll')?.getBoundingClientRect() ?? {left: -1e9, right: 1e9};
    return !menu.contains(e) && e.textContent.trim() && [...range.getClientRects()].some((b) => b.width
      && Math.min(b.right, inside.right) > sign.left + 2 && Math.max(b.left, inside.left) < sign.right - 2
      && b.bottom > sign.top + 3 && b.top < sign.bottom - 3);
  }).map((e) => e.textContent);
})"""  # noqa: E501


@in_browser
@pytest.mark.parametrize("name", constructions.names())
def test_nothing_is_cut_off_and_nothing_lies_under_the_sign_to_save_a_figure(
    browser, folder, name
) -> None:
    for size in ((390, 844), (1280, 720), (1920, 1080)):
        open_page(browser, folder, name, size=size)
        browser.wait("document.querySelector('.files') !== null")
        browser.js("document.querySelectorAll('.example').forEach((e) => e.scrollIntoView())")
        assert browser.js(CUT) == []
        assert browser.js(UNDER) == []
        open_page(browser, folder, name, "?present", size)
        assert browser.js(CUT) == []


@in_browser
def test_what_is_cut_off_or_covered_is_seen(browser, folder) -> None:
    open_page(browser, folder, "lasso", size=(1920, 1080))
    browser.wait("document.querySelector('.example .files') !== null")
    browser.js(
        "(() => { const style = document.createElement('style'); style.textContent ="
        " '.definitions { columns: auto 9rem; } .controls select { width: 2rem; min-width: 0; }"
        " .head > figcaption + .files details { top: 0; }'; document.body.append(style); })()"
    )
    assert any("relu" in one for one in browser.js(CUT))
    assert any(one.isdecimal() for one in browser.js(CUT))
    assert browser.js(UNDER) != []


# -- words ------------------------------------------------------------------------------------


def test_a_term_has_one_line_and_one_place() -> None:
    forms = [form for term in glossary.TERMS for form in term.forms]
    assert len(set(forms)) == len(forms)
    assert all(0 < len(term.says) <= 130 and term.says[-1] == "." for term in glossary.TERMS)
    wanted = "prompt token slot query key value score head layer witness ridge eigenvalue"
    more = {"residual stream", "read-out", "step size", "condition number"}
    assert {*wanted.split(), *more} <= set(LINES)
    listed = glossary.glossary_list()
    assert all(f'id="term-{term.key}"' in listed for term in glossary.TERMS)


WORDS = """<body><section><h2>Slots</h2><p>A slot, <a href="#">a slot</a>, <code>slot</code> and
slots. <math><mi>ridge</mi></math></p><section><p>A slot in a part.</p></section></section>
<section><p>Slots; headless eigen, Step
Sizes of a pre-token</p></section></body>"""


@in_browser
def test_a_term_is_marked_once_a_section_and_not_in_headings_links_formulas_or_code(
    browser, tmp_path
) -> None:
    path = tmp_path / "words.html"
    page = f'<!DOCTYPE html><html><head><meta charset="utf-8"></head>{WORDS}</html>'
    path.write_text(glossary.glossed_page(page), encoding="utf-8")
    browser.open(path)
    marked = browser.js(
        "[...document.querySelectorAll('.term')].map((e) =>"
        " [e.textContent, e.dataset.says, e.closest('p')?.parentElement.localName])"
    )
    assert [word for word, *_ in marked] == ["slot", "Slots", "Step\nSizes"]
    assert [line for _, line, _ in marked] == [LINES["slot"]] * 2 + [LINES["step size"]]
    assert {parent for *_, parent in marked} == {"section"}
    text = browser.js(
        "document.querySelector('.tip').remove(), document.body.textContent.replace(/\\s+/g, '')"
    )
    assert text == re.sub(r"<[^>]*>|\s", "", WORDS)  # nothing else is changed
    assert browser.errors == []


APART = """[...document.querySelectorAll('.term')].flatMap((term) => {
  const {top, bottom} = term.getBoundingClientRect(), text = term.closest('p').textContent;
  const walker = document.createTreeWalker(term.closest('p'), NodeFilter.SHOW_TEXT), range = document.createRange();
  const places = [];
  for (let node; (node = walker.nextNode());) if (!term.contains(node)) for (let i = 0; i < node.length; i++) {
    range.setStart(node, i); range.setEnd(node, i + 1);
    if (/[,()]/.test(node.data[i])) places.push(range.getBoundingClientRect());
  }
  return places.filter((b) => b.top > bottom - 2 || b.bottom < top + 2).length ? [text] : [];
})"""  # noqa: E501


@in_browser
def test_no_line_begins_with_what_closes_a_term_or_ends_with_what_opens_it(
    browser, tmp_path
) -> None:
    path = tmp_path / "narrow.html"
    made = "".join(  # at one of these widths the word fits, and its comma or its bracket does not
        f'<section><p style="width: {width}px">some words of a line (ridge), and</p></section>'
        for width in range(60, 260)
    )
    look = f'<meta charset="utf-8"><style>{build.style(("styles/base.css",))}</style>'
    page = f"<!DOCTYPE html><html><head>{look}</head><body>{made}</body></html>"
    path.write_text(glossary.glossed_page(page), encoding="utf-8")
    browser.open(path)
    assert browser.js("document.querySelectorAll('.term').length") == 200
    assert browser.js(APART) == []
    browser.js("document.querySelectorAll('.unbroken').forEach((e) => (e.className = ''))")
    assert browser.js(APART) != []  # is seen


@in_browser
def test_a_term_explains_itself_to_keyboard_and_pointer(browser, folder) -> None:
    open_page(browser, folder, "newton", "")
    tip = "((t) => (t.hidden ? null : t.textContent))(document.querySelector('#term-tip'))"
    assert browser.js(tip) is None
    for _ in range(40):
        browser.key("Tab")
        if browser.js("document.activeElement.classList.contains('term')"):
            break
    word = browser.js("document.activeElement.textContent")
    line = browser.js("document.activeElement.dataset.says")
    assert line == LINES[word.lower()] == browser.js(tip)
    described = browser.js("document.activeElement.getAttribute('aria-describedby')")
    assert browser.js(f"document.getElementById('{described}').getAttribute('role')") == "tooltip"
    press(browser, "Escape", 27)
    assert browser.js(tip) is None
    browser.js("document.activeElement.blur()")
    # the pointer may go from the word onto its line, which stays within the window
    x, y = browser.centre(".prose .term")
    browser.mouse("mouseMoved", x, y)
    browser.wait("!document.querySelector('#term-tip').hidden")
    box = browser.js(
        "(() => { const b = document.querySelector('#term-tip').getBoundingClientRect();"
        " return [b.left, b.top, b.right, b.bottom]; })()"
    )
    assert box[0] >= 0 and box[1] >= 0 and box[2] <= 1280 and box[3] <= 720
    browser.mouse("mouseMoved", (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    browser.js("new Promise((done) => setTimeout(done, 350))")
    assert browser.js(tip) is not None
    press(browser, "Escape", 27)
    assert browser.js(tip) is None
    browser.mouse("mouseMoved", x, y)
    browser.mouse("mouseMoved", 1270, 5)
    browser.wait("document.querySelector('#term-tip').hidden")
    assert browser.errors == []


@in_browser
def test_words_that_the_script_writes_are_explained_too(browser, folder) -> None:
    open_page(browser, folder, "newton", "#layer=2")
    for panel in ("#layer", "#stream"):
        said = browser.js(
            f"[...document.querySelectorAll('{panel} .term')].map((e) => e.dataset.says)"
        )
        assert said and set(said) <= set(LINES.values())
    browser.js("page.change(), page.change()")
    controls = browser.js(
        "[...document.querySelectorAll('#controls .term')].map((e) => [e.dataset.says, e.tabIndex])"
    )
    wanted = [LINES[word] for word in ("step size", "condition number", "eigenvalue")]
    assert {line: 0 for line in wanted}.items() <= dict(controls).items()
    assert len(controls) == len(dict(controls))
    split = "document.querySelectorAll('#controls label > .term').length"
    assert browser.js(split) == 0  # a name stays one piece


# -- counting, names ---------------------------------------------------------------------------

FROM_NOUGHT = re.compile(r"\b(?:token|entry|example|query|layer) 0\b|\[0\]|\[\d+,0\]|\[0,\d")
IDENTIFIERS = re.compile(r"<-|\b[a-z]+_[a-z]+\b|&lt;|</?[a-z]+>|undefined|\b[a-z]+\(;")


@pytest.mark.parametrize("name", constructions.names())
def test_the_finished_example_counts_from_one_and_shows_no_identifiers(name) -> None:
    witness, chosen = build.shown(name, {})
    lesson = build.with_example(name, build.lesson_of(name), witness, chosen)
    made = story.given(witness, lesson) + story.story(witness, lesson)
    text = re.sub(r"<[^>]*>", " ", re.sub(r"<math.*?</math>", " ", made, flags=re.S))
    assert FROM_NOUGHT.findall(text) == []
    assert IDENTIFIERS.findall(text) == []


# all text of the instrument, and all that only a screen reader says
SAID = """[...document.querySelectorAll('#lab *')].flatMap((e) => [
  ...['title', 'aria-label', 'aria-valuetext'].map((name) => e.getAttribute(name) ?? ''),
  ...(e.closest('math, #controls, #stepper') ? [] : [...e.childNodes]
    .filter((node) => node.nodeType === 3).map((node) => node.data)),
]).join('\\n')"""


@in_browser
@pytest.mark.parametrize(
    "name", ["bayes_ridge", "akyurek2022_theorem2", "sherman_morrison", "akyurek2022.theorem1.sign"]
)
def test_the_instrument_counts_from_one_and_shows_no_identifiers(browser, folder, name) -> None:
    open_page(browser, folder, name)
    for k in range(browser.js("page.app.layers") + 1):
        browser.js(f"page.go({k}, false)")
        said = browser.js(SAID).replace("layer 0", "")  # the embedding, before the first layer
        assert FROM_NOUGHT.findall(said) == []
        assert IDENTIFIERS.findall(said) == []
    assert browser.errors == []


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (
            "first wrong in layer 6 (aff(; (4, 5), W1 = 1)), slot g, entry 2, token 1: is -1",
            "first wrong in layer 6 (add), slot g, entry 2, token 1: is -1",
        ),
        (
            "first wrong in layer 1 (), slot phi_next, token 1: is 2",
            "first wrong in layer 1, slot φ′, token 1: is 2",
        ),
        ("token 1 sees no key", "token 1 sees no key"),
        (None, ""),
    ],
)  # fmt: skip
def test_a_finding_has_the_terminals_tokens_and_names_operations_by_words(said, read) -> None:
    assert readable.finding({"finding": said}) == read


@in_browser
@pytest.mark.parametrize(("width", "lines"), [(390, 2), (1280, 1)])
def test_what_a_curve_of_predictions_shows_is_said_within_the_picture(
    browser, folder, width, lines
) -> None:
    """On a telephone in two lines, on a height that has room for the curve."""
    open_page(browser, folder, "ahn2023.lemma1", size=(width, 3600))
    inside = browser.js(
        "[...document.querySelectorAll('.picture svg .axis-name')].filter((one) => "
        "/prediction, if|dashed/.test(one.textContent)).map((one) => { const box = one.getBBox(); "
        "return box.x + box.width <= one.ownerSVGElement.viewBox.baseVal.width; })"
    )
    assert inside == [True] * lines and browser.errors == []


def test_tokens_that_hold_the_same_are_named_together() -> None:
    assert readable.ranges(["example 1", "example 2", "example 3", "query"]) == "example 1–3, query"
    assert readable.ranges(["example 1", "example 3"]) == "example 1, example 3"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (None, ""), ("<-", ""), ("<-i", "summed"), ("i<-", "repeated"), ("i<-i", "entry by entry"),
        ("i<-ij", "summed over the second index"), ("j<-ij", "summed over the first index"),
        ("ij<-j", "repeated in every row"), ("ij<-i", "repeated in every column"),
        ("ii<-", "on the diagonal"), ("ij<-ji", "transposed"),
    ],
)  # fmt: skip
def test_a_pattern_is_said_in_words(pattern, words) -> None:
    assert readable.pattern_words(pattern) == words


# -- font, motion -----------------------------------------------------------------------------


def test_the_font_of_formulas_is_small_and_comes_with_its_licence() -> None:
    assert (PAGE / "fonts/stix-two-math.woff2").stat().st_size < 60_000
    assert "SIL OPEN FONT LICENSE" in (PAGE / "fonts/OFL.txt").read_text(encoding="utf-8")
    assert "url(" not in re.sub(r'url\("data:font/woff2;base64,[\w+/=]+"\)', "", build.style())


@in_browser
@pytest.mark.parametrize("name", ["newton", "sherman_morrison", "akyurek2022.theorem1.sign"])
def test_every_letter_of_every_formula_is_of_the_font_that_the_page_carries(
    browser, folder, name
) -> None:
    open_page(browser, folder, name)
    root = browser.send("DOM.getDocument")["root"]["nodeId"]
    nodes = browser.send("DOM.querySelectorAll", nodeId=root, selector="math")["nodeIds"]
    assert len(nodes) > 10
    fonts = {
        (font["familyName"], font["isCustomFont"])
        for node in nodes
        for font in browser.send("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]
    }
    assert fonts == {("STIX Two Math", True)}
    assert all(url.startswith(("file:", "data:")) for url in browser.requests)


@in_browser
def test_nothing_moves_for_whoever_wants_that(browser, folder) -> None:
    open_page(browser, folder, "newton", reduced_motion="reduce")
    moving = browser.js(
        "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
        " return s.transitionDuration.split(', ').some((t) => parseFloat(t) > 0)"
        " || s.animationName !== 'none' || s.scrollBehavior === 'smooth'; }).length"
    )
    assert moving == 0 and browser.js("document.getAnimations().length") == 0


# -- other pages ------------------------------------------------------------------------------


@in_browser
def test_reports_and_the_index_explain_their_words_too(browser, tmp_path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page.frame("A report", "It is refuted.", "<p>The ridge.</p>"))
    browser.open(path)
    said = browser.js("[...document.querySelectorAll('.term')].map((e) => e.dataset.says)")
    assert said == [LINES["refuted"], LINES["ridge"]]


@pytest.mark.parametrize(
    ("latex_", "drawn"), [(r"\mathbb{R}", "ℝ"), (r"\mathcal{N}", "𝒩"), (r"\mathcal{L}", "ℒ")]
)
def test_letters_of_other_alphabets_are_drawn_by_every_browser(latex_, drawn) -> None:
    made = latex.statement(latex_)
    assert f"<mi>{drawn}</mi>" in made and "mathvariant" not in made
