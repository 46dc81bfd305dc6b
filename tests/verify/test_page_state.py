"""A page's state in a browser: what is typed, dragged, dropped, taken back, shared and saved."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import browser as driver
import numpy as np
import pytest
from rounded import rounding

import constructions
from verify.command import cli
from verify.page import write_page
from verify.page.drawn_prompt import drawn_prompt
from verify.page.lessons import lessons

pytestmark = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")

WEIGHT = "layers.1.heads.0.value.0"
TOLD = 1e-6  # of a number; where rounding may do more to it, two are not compared by its bound


@pytest.fixture
def opened(browser: driver.Browser, folder: Path) -> Iterator[Any]:
    """opened(name, rest of the address): the page, which must not complain until the test ends."""

    def opens(name: str, rest: str = "") -> driver.Browser:
        path = folder / f"{name}.html"
        if not path.exists():
            write_page(name, {}, path)
        browser.open(path, rest)
        return browser

    yield opens
    assert browser.errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in browser.requests)


def parameter(browser: driver.Browser, name: str) -> Any:
    return browser.js(f"page.app.parameters[{json.dumps(name)}]")


def said(page: driver.Browser, id: str) -> str:
    """The text of a part of the page."""
    return page.js(f"document.getElementById({json.dumps(id)}).innerText")


def of(page: driver.Browser, selector: str, what: str) -> Any:
    """A property, or the value of a call, of an element."""
    return page.js(f"document.querySelector({json.dumps(selector)}).{what}")


def arrow(page: driver.Browser, kind: str, key: str, code: int) -> None:
    page.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)


def press(browser: driver.Browser, key: str, *, control: bool = False, shift: bool = False) -> None:
    code, modifiers = ord(key.upper()), 2 * control + 8 * shift
    for kind in ("rawKeyDown", "keyUp"):
        browser.send(
            "Input.dispatchKeyEvent", type=kind, key=key, code=f"Key{key.upper()}",
            windowsVirtualKeyCode=code, modifiers=modifiers,
        )  # fmt: skip


# -- step sizes -----------------------------------------------------------------------------------

OTHER_PROMPTS = [
    ('[data-random="n"]', "32"),
    ('[data-axis="d"]', "4"),
    ('[data-random="condition"]', "400"),
    ('[data-random="seed"]', "7"),
]


@pytest.mark.parametrize(
    "name",
    ["newton", "gradient_descent", "kernel_regression", "gd_plus_plus", "chebyshev",
     "minimax_descent", "lasso", "deep_descent"],
)  # fmt: skip
def test_whatever_prompt_is_drawn_the_step_size_suits_it(opened: Any, name: str) -> None:
    page = opened(name)
    for field, value in OTHER_PROMPTS:
        page.type(field, value)
        error = page.js("[...page.app.data.y].reduce((s, v) => s + v * v, 0)")
        left = page.js("page.leftOver()")
        X = np.array(page.js("page.app.data.X"))
        assert left <= error + rounding(page.js("page.app.layers"), X, error), (field, value)
        assert "runs away" not in said(page, "controls")


def test_an_address_without_a_step_size_gets_one_that_suits(opened: Any) -> None:
    page = opened("newton", "#d=4&data=32,100,3")
    assert "It converges" in said(page, "controls")
    page = opened("newton", "#set=x1.1:50")
    assert "It converges" in said(page, "controls")
    page = opened("newton", "#alpha=0.3")  # asked for
    assert "runs away" in said(page, "controls")


def test_typed_numbers_change_a_step_size_only_where_it_would_run_away(opened: Any) -> None:
    page = opened("newton")
    start = parameter(page, "alpha")
    page.type('[data-entry="X.0.0"]', "1.05")
    assert parameter(page, "alpha") == start and "suits" not in said(page, "verdict")
    page.type('[data-entry="X.0.0"]', "6")
    assert parameter(page, "alpha") < start and "It converges" in said(page, "controls")
    assert "α = 1/6 would run away on this prompt" in said(page, "verdict")


def test_a_step_size_follows_a_point_that_is_dragged_there_and_back(opened: Any) -> None:
    page = opened("gradient_descent")
    start = parameter(page, "step_size")
    page.js("page.app.data.X[0][0] = 4, page.change()")
    page.click('[data-do="undo"]')
    page.js("document.querySelector('[data-point=\"0\"]').focus()")
    for _ in range(30):
        arrow(page, "rawKeyDown", "ArrowRight", 39)
    assert parameter(page, "step_size") < start and "It converges" in said(page, "controls")
    for _ in range(30):
        arrow(page, "rawKeyDown", "ArrowLeft", 37)
    arrow(page, "keyUp", "ArrowLeft", 37)
    assert parameter(page, "step_size") == start


def test_the_readers_own_step_size_is_kept_and_that_is_said(opened: Any) -> None:
    page = opened("newton")
    page.type('[data-scalar="alpha"]', "0.2")
    page.type('[data-entry="X.0.0"]', "6")
    assert parameter(page, "alpha") == 0.2
    assert "Your α = 0.2 is kept" in said(page, "verdict")
    assert "You chose α" in said(page, "controls")
    page.type('[data-random="n"]', "16")  # another prompt: there it would not converge
    assert "Your α = 0.2 would run away on this prompt" in said(page, "verdict")
    assert "It converges" in said(page, "controls")


# -- the verdict ----------------------------------------------------------------------------------


def test_holds_says_what_share_of_the_allowance_the_largest_gap_is(opened: Any) -> None:
    page = opened("newton", "#alpha=1&iterations=8")  # it runs away, layer by layer as it should
    verdict = said(page, "verdict")
    found = page.js("page.app.models[0].comparison")
    assert found["worst"] > 1e64 and 0 < found["share"] < 1
    assert "Holds" in verdict and "of what rounding allows" in verdict
    assert "within rounding" not in verdict
    assert f"{int(found['digits'])} digits are certain" in verdict


@pytest.mark.parametrize(
    ("name", "state"),
    [("bayes_ridge", "#noise=1e-14"), ("newton", "#iterations=8&set=x1.1:1e7&alpha=2e-28")],
)
def test_where_rounding_allows_as_much_as_the_numbers_are_nothing_is_decided(
    opened: Any, name: str, state: str
) -> None:
    page = opened(name, state)
    verdict = said(page, "verdict")
    assert "Undecided" in verdict and "not one digit is certain" in verdict
    assert "Holds" not in verdict


def test_a_weight_that_is_off_in_its_tenth_digit_is_refuted(opened: Any) -> None:
    page = opened("newton", "#layer=2")
    weight = float(page.js(f"document.querySelector('[data-weight=\"{WEIGHT}\"]').value"))
    page.type(f'[data-weight="{WEIGHT}"]', repr(weight * (1 + 1e-10)))
    assert "Refuted" in said(page, "verdict")


# -- addresses, undoing, saved states -------------------------------------------------------------


def edit_everything(page: driver.Browser) -> None:
    page.type('[data-axis="iterations"]', "4")
    page.type('[data-entry="X.0.1"]', "1/3")
    page.type('[data-entry="queries.0.0"]', "-0.25")
    page.drag('[data-point="1"]', 12, -9)
    page.type('[data-scalar="alpha"]', "1/50")
    page.js("page.go(2)")
    page.type(f'[data-weight="{WEIGHT}"]', "-49/100")
    page.click('#stream td[data-cell="t.1.2"]')


def test_the_address_carries_everything_and_is_short_where_nothing_is_changed(opened: Any) -> None:
    page = opened("newton")
    page.click('[data-go="1"]')
    assert page.js("location.hash") == "#layer=2"
    edit_everything(page)
    before, fragment = page.js("page.saved()"), page.js("location.hash")
    shown = page.js("[page.app.layer, page.app.cell.id, [...page.app.own]]")
    assert before["X"][0][1] == "1/3" and before["parameters"]["alpha"] == "1/50"
    assert before["edits"] == {WEIGHT: "-49/100"}
    page = opened("newton", fragment)
    assert page.js("page.saved()") == before
    assert page.js("[page.app.layer, page.app.cell.id, [...page.app.own]]") == shown
    assert page.js("location.hash") == fragment and len(fragment) < 200
    assert page.js("document.querySelector('[data-entry=\"X.0.1\"]').value") == "1/3"


def test_the_address_keeps_both_sides_of_a_claim(opened: Any) -> None:
    page = opened("fu2023.eq30", "#layer=1")
    page.click('[data-view="1"]')
    page.type('[data-weight="layers.0.heads.1.value.0"]', "7/3")
    page.click('[data-view="0"]')
    page.type('[data-weight="layers.0.heads.1.value.0"]', "5")
    state = page.js("[page.app.edits, page.app.side, page.app.view, page.saved()]")
    fragment = page.js("location.hash")
    assert state[0][0] and state[0][1] and state[3]["variant"] == "printed"
    page = opened("fu2023.eq30", fragment)
    assert page.js("[page.app.edits, page.app.side, page.app.view, page.saved()]") == state


def test_back_and_undo_take_an_edit_back_and_redo_makes_it_again(opened: Any) -> None:
    page = opened("newton")
    states = [page.js("page.saved()")]

    def edit(action: Any) -> None:
        page.js("window.before = JSON.stringify(page.saved())")
        action()
        # on a busy machine the browser tells the page of a mouse that moved a moment later
        page.wait("JSON.stringify(page.saved()) !== window.before")
        states.append(page.js("page.saved()"))

    edit(lambda: page.type('[data-entry="y.1"]', "2/7"))
    edit(lambda: page.drag('[data-point="0"]', -30, 20))
    page.js("page.go(2)")  # no edit
    edit(lambda: page.type(f'[data-weight="{WEIGHT}"]', "-0.4"))
    page.js("document.activeElement.blur()")
    press(page, "z", control=True)
    assert page.js("page.saved()") == states[2] and page.js("page.app.layer") == 2
    page.click('[data-do="undo"]')
    assert page.js("page.saved()") == states[1]
    press(page, "z", control=True, shift=True)
    page.click('[data-do="redo"]')
    assert page.js("page.saved()") == states[3]
    assert page.js("document.querySelector('[data-do=\"redo\"]').disabled")
    page.js("history.back()")
    page.wait("document.querySelector('[data-do=\"redo\"]').disabled === false")
    assert page.js("page.saved()") == states[2]


def test_back_to_the_beginning_is_the_page_as_it_was_opened(opened: Any) -> None:
    page = opened("newton")
    before = page.js("page.saved()")
    page.type('[data-entry="y.1"]', "9")
    page.js("history.back()")
    page.wait("page.app.data.y[1] !== 9")
    assert page.js("page.saved()") == before and page.js("location.hash") == ""


def test_a_link_into_a_step_keeps_the_prompt_in_the_verdict(opened: Any) -> None:
    page = opened("newton", "#layer=2")
    page.type('[data-entry="y.1"]', "9")
    page.type(f'[data-weight="{WEIGHT}"]', "-0.4")
    page.click("#verdict a")
    page.wait("page.app.cell !== null")
    assert page.js("page.app.data.y[1]") == 9 and "Refuted" in said(page, "verdict")


HOSTILE = [
    "#data=1e9,1,1", "#alpha=NaN", "#alpha=-1", "#alpha=1e999", "#alpha=1/0", "#layer=1e9",
    "#layer=-3&cell=t.99.99", "#layer=2&cell=__proto__.0.0", "#side=__proto__", "#side=-1",
    "#w=__proto__:1", "#w=constructor.prototype:1", f"#w={WEIGHT}:NaN", "#d=constructor",
    "#d=17&iterations=1e3", "#alpha=%E0%A4%A", "#data=counterexample7", "#X=1;2;3&y=1&q=1",
    "#X=1,2&y=1&q=1,Infinity", "#set=x9.9:1,x0.0:2,:", "#data=0,0,0", "#data=3,4,-1",
    "#data=,,&set=", "#alpha=<img src=x onerror=alert(1)>",
]  # fmt: skip


@pytest.mark.parametrize("rest", HOSTILE)
def test_a_hostile_address_does_no_harm_and_what_is_refused_is_said(opened: Any, rest: str) -> None:
    names = "Object.getOwnPropertyNames(Object.prototype).concat(Object.keys(Array.prototype))"
    clean = opened("newton").js(names)
    page = opened("newton", rest)
    assert page.js(names) == clean
    assert page.js("document.querySelectorAll('#verdict .notice').length") >= 1
    assert page.js("Number.isFinite(page.app.models[0].result.predictions[0])")
    assert page.js("document.querySelectorAll('#verdict img').length") == 0
    assert page.js("page.saved().X.length") <= 32
    page.click('[data-go="1"]')  # and the page works


@pytest.mark.parametrize(
    "rest", ["#__proto__=1&constructor=2", "#" + "a=1&" * 40000, "#%&=&=&", "#="]
)
def test_what_means_nothing_in_an_address_is_left_out(opened: Any, rest: str) -> None:
    page = opened("newton", rest)
    assert page.js("({}).constructor === Object && page.app.data.y.length") == 3


@pytest.mark.parametrize(("d", "n", "condition", "seed", "kind"), [
    (1, 1, 1, 0, {}), (1, 5, 4, 1, {}), (2, 5, 2, 9, {}), (3, 2, 100, 4294967295, {}),
    (4, 32, 1e6, 12345, {}), (3, 7, 12.5, 77, {"unit": True}), (2, 9, 3, 5, {"classes": True}),
])  # fmt: skip
def test_python_draws_the_prompts_that_the_page_draws(
    opened: Any, d: int, n: int, condition: float, seed: int, kind: dict[str, bool]
) -> None:
    page = opened("newton")
    X, y, queries = drawn_prompt(d, n, condition, seed, **kind)
    prompt = {"d": d, "parts": [["x", [d]]], "query_parts": ["x"], "targets": 1}
    given = ", ".join(map(json.dumps, (prompt, n, condition, seed, kind)))
    made = page.js(f"page.drawn({given})")
    assert [made["X"], made["y"], made["queries"]] == [X, y, queries]


def test_a_page_draws_prompts_that_its_construction_is_for() -> None:
    for name, lesson in lessons().items():
        made = constructions.get(name)
        assert lesson.unit == (made.inputs == (0, 1)) and lesson.classes == (made.outputs == (0, 1))


# what is done to a page, and by its name which
STATES: list[tuple[str, str]] = [
    ("newton", "#layer=2&data=6,9,3&d=3"),
    ("newton", f"#alpha=1/50&set=x1.2:1/3,y3:-7.5,q1.1:1/7&w={WEIGHT}:-49/100"),
    ("newton", "#w=layers.4.heads.0.value.0:2,embedding.1:1/3,layers.1.mlp.outer.0:3/2"),
    ("gradient_descent", "#steps=5&ridge=1/2&loss=mean&w=embedding.0:3/2"),
    ("sherman_morrison", "#examples=4&ridge=1/3&data=4,3,2"),
    ("chebyshev", "#X=1,2;3,4;5,1/3&y=1,0,-1&q=1/7,2"),
]  # fmt: skip


@pytest.mark.parametrize("how", ["saved", "address", "fragment"])
@pytest.mark.parametrize(("name", "rest"), STATES)
def test_witness_run_reads_a_state_saved_or_as_an_address(
    opened: Any, folder: Path, capsys: pytest.CaptureFixture[str], name: str, rest: str, how: str
) -> None:
    page = opened(name, rest)
    predicted = page.js("page.app.models[0].result.predictions[0]")
    path = folder / "state.json"
    path.write_text(json.dumps(page.js("page.saved()")))
    fragment = page.js("page.address()")
    data = {"saved": str(path), "address": f"{folder / name}.html{fragment}", "fragment": fragment}
    assert cli.main(["run", name, "--data", data[how], "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    made, bound = result["predictions"][0]["transformer"], result["rounding_bound"]
    assert abs(made - predicted) <= 2 * bound < TOLD * abs(made)  # there and here
    assert len(result["edits"]) == len(page.js("page.app.edits[0]"))


def test_edited_weights_are_run_exactly_and_differ_from_the_algorithm(
    opened: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened("newton", f"#w={WEIGHT}:-1/3")
    data = f"{folder / 'newton.html'}{page.js('page.address()')}"
    made = {}
    for numbers in ("rational", "float64"):
        call = ["run", "newton", "--data", data, "--numbers", numbers, "--json", "-"]
        assert cli.main(call) == 0
        made[numbers] = json.loads(capsys.readouterr().out)
        assert made[numbers]["edits"] == {WEIGHT: "-1/3"}
    row, bound = made["rational"]["predictions"][0], made["float64"]["rounding_bound"]
    exact, predicted = (
        Fraction(value)
        for value in (row["transformer"], page.js("page.app.models[0].result.predictions[0]"))
    )
    assert exact != Fraction(row["algorithm"])
    assert abs(exact - predicted) <= bound < TOLD * abs(exact)


def test_the_repaired_side_of_a_claim_is_run_as_repaired(
    opened: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened("fu2023.theorem5.1", "#side=1&view=one&data=counterexample0")
    predicted = page.js("page.app.models.map((m) => m.result.predictions[0])")
    assert predicted[0] != predicted[1]
    data = f"{folder / 'fu2023.theorem5.1.html'}{page.js('page.address()')}"
    assert cli.main(["run", "fu2023.theorem5.1", "--data", data, "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    made, bound = result["predictions"][0]["transformer"], result["rounding_bound"]
    assert abs(made - predicted[1]) <= 2 * bound < TOLD * abs(made)
    assert abs(made - predicted[0]) > 2 * bound


# -- fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1/3", 1 / 3), ("-0.5", -0.5), ("1e-3", 1e-3), (" 2 ", 2), ("−3/4", -0.75), ("4/2", 2)],
)  # fmt: skip
def test_a_field_takes_fractions_decimals_and_powers(opened: Any, text: str, value: float) -> None:
    page = opened("newton")
    page.type('[data-entry="y.2"]', text)
    assert page.js("page.app.data.y[2]") == value
    saved = page.js("page.saved().y[2]")
    assert (Fraction(saved) if isinstance(saved, str) else saved) == (
        Fraction(text.replace("−", "-").strip()) if "/" in text and value != 2 else value
    )


@pytest.mark.parametrize(
    ("field", "text", "word"),
    [
        ('[data-entry="y.2"]', "abc", "“abc” is no number"),
        ('[data-entry="X.1.0"]', "", "a number is needed"),
        ('[data-entry="queries.0.1"]', "0,5", "0.5"),
        ('[data-entry="y.0"]', "1/0", "divides by 0"),
        ('[data-scalar="alpha"]', "-1", "above 0"),
        ('[data-scalar="alpha"]', "1e999", "too large"),
        ('[data-scalar="alpha"]', "1e-999", "too small"),
        ('[data-random="n"]', "33", "1 to 32"),
        ('[data-random="n"]', "2.5", "no whole number"),
        ('[data-random="condition"]', "0.5", "1 to"),
        (f'[data-weight="{WEIGHT}"]', "NaN", "is no number"),
    ],
)
def test_what_is_refused_stays_in_its_field_with_the_reason_beside_it(
    opened: Any, field: str, text: str, word: str
) -> None:
    page = opened("newton", "#layer=2")
    before = page.js("[page.saved(), location.hash]")
    page.type(field, text)
    shown = page.js(
        f"(() => {{ const e = document.querySelector({json.dumps(field)});"
        " const why = document.getElementById(e.getAttribute('aria-describedby'));"
        " const a = e.getBoundingClientRect(), b = why.getBoundingClientRect();"
        " return [e.value, e.getAttribute('aria-invalid'), why.innerText, b.top - a.bottom,"
        " b.width];"
        " })()"
    )
    assert shown[0] == text and shown[1] == "true" and word in shown[2]
    assert -5 < shown[3] < 30 and shown[4] > 20
    assert word in page.js("document.getElementById('announced').textContent")
    assert page.js("[page.saved(), location.hash]") == before
    page.type('[data-entry="y.1"]', "5")  # another edit leaves it there
    assert of(page, field, "value") == text
    page.type(field, "3")
    assert of(page, field, "getAttribute('aria-invalid')") is None
    assert page.js("document.querySelectorAll('.why').length") == 0


def test_a_slider_that_is_held_stays_the_same_element(opened: Any) -> None:
    page = opened("newton")
    start = parameter(page, "alpha")
    for selector in ("#slider", '[data-slide="alpha"]'):
        assert page.js(
            f"(() => {{ const e = document.querySelector('{selector}'); e.focus();"
            " e.value = e.max; e.dispatchEvent(new Event('input', {bubbles: true}));"
            f" return e.isConnected && document.querySelector('{selector}') === e; }})()"
        )
    assert page.js("page.app.layer") == 5 and "layer 5 of 5" in said(page, "stepper")
    assert parameter(page, "alpha") == 10
    assert of(page, '[data-scalar="alpha"]', "value") == "10"
    of(page, '[data-slide="alpha"]', "dispatchEvent(new Event('change', {bubbles: true}))")
    page.click('[data-do="undo"]')
    assert parameter(page, "alpha") == start


def test_tab_goes_on_to_the_next_field_after_a_number_is_typed(opened: Any) -> None:
    page = opened("newton")
    of(page, '[data-entry="y.0"]', "focus()")
    page.js("document.activeElement.select()")
    page.send("Input.insertText", text="7")
    page.key("Tab")
    assert page.js("page.app.data.y[0]") == 7
    assert page.js("document.activeElement.dataset.entry") == "X.1.0"


# -- slides, embedding, figures -------------------------------------------------------------------


def seen(page: driver.Browser, *selectors: str) -> list[bool]:
    return [
        page.js(f"[...document.querySelectorAll({json.dumps(s)})].some((e) => e.offsetHeight > 0)")
        for s in selectors
    ]


CHROME = (
    "nav",
    "body > header",
    "footer",
    "#read",
    "#exercises",
    "#controls",
    "#table",
    "#stepper button",
)


def test_presented_it_is_large_bare_and_turned_by_keys(opened: Any) -> None:
    page = opened("newton", "?present#layer=1")
    assert not any(seen(page, *CHROME))
    assert all(seen(page, "#stream table", "#layer", "#error"))
    assert page.js("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 20
    for key, layer in (("ArrowRight", 2), ("ArrowDown", 3), ("ArrowLeft", 2), ("ArrowUp", 1)):
        page.key(key)
        assert page.js("page.app.layer") == layer
    assert page.js("document.documentElement.scrollWidth") <= 1280


def test_embedded_at_a_step_it_is_compact_and_leaves_the_page_around_alone(
    opened: Any, folder: Path, browser: driver.Browser
) -> None:
    opened("newton")
    around = folder / "around.html"
    around.write_text(
        '<!DOCTYPE html><link rel="icon" href="data:,"><p style="height:2000px">Text</p>'
        '<iframe src="newton.html?embed#layer=2&amp;set=y1:7" width="760" height="460"></iframe>'
    )
    browser.open(around)
    assert browser.js("scrollY") == 0  # the page inside does not move the one around it
    page = opened("newton", "?embed#layer=2&set=y1:7")
    assert not any(
        seen(page, "nav", "body > header", "footer", "#read", "#exercises", "#controls", "#table")
    )
    assert all(seen(page, "#stepper button", "#stream table", "#verdict", ".share"))
    assert page.js("[page.app.layer, page.app.data.y[0]]") == [2, 7]
    length = page.js("history.length")
    page.click('[data-go="1"]')
    assert page.js("[page.app.layer, history.length]") == [3, length]
    assert of(page, "a.share", "getAttribute('href')").startswith("newton.html#layer=3")


@pytest.mark.parametrize(
    "figure", ["#points", "#error svg", "#stream .board", "#layer figure.head .scroll"]
)
def test_a_figure_is_saved_as_svg_with_its_styles_and_as_png(opened: Any, figure: str) -> None:
    page = opened("newton", "#layer=3")
    shown = f"document.querySelector({json.dumps(figure)})"
    page.wait(f"{shown}.previousElementSibling.matches('.files')")
    made = page.js(f"page.figureSvg({shown})")
    root = ElementTree.fromstring(made["text"])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"var\(--| class=|<foreignObject|color\(", made["text"])
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert len(texts) > 5 or figure == "#points"
    png = base64.b64decode(
        page.js(
            f"page.figurePng({shown}).then((file) => new Promise((done) => {{"
            " const reader = new FileReader();"
            " reader.onload = () => done(reader.result.split(',')[1]);"
            " reader.readAsDataURL(file); }))"
        )
    )
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (2 * made["w"], 2 * made["h"])
    colours = page.js(
        f"page.figurePng({shown}).then(createImageBitmap).then((p) => {{"
        " const c = document.createElement('canvas'); [c.width, c.height] = [p.width, p.height];"
        " const g = c.getContext('2d'); g.drawImage(p, 0, 0); const seen = new Set();"
        " const d = g.getImageData(0, 0, p.width, p.height).data;"
        " for (let i = 0; i < d.length; i += 4) seen.add(`${d[i]},${d[i + 1]},${d[i + 2]}`);"
        " return seen.size; })"
    )
    assert colours > 10  # something is drawn


def test_a_saved_figure_carries_the_font_of_its_formulas(opened: Any, tmp_path: Path) -> None:
    page = opened("newton", "#layer=3")
    page.wait("document.querySelector('#stream .files') !== null")
    text = page.js("page.figureSvg(document.querySelector('#stream .board')).text")
    path = tmp_path / "board.svg"
    path.write_text(text, encoding="utf-8")
    page.open(path)
    page.js("document.fonts.ready")
    for domain in ("DOM", "CSS"):
        page.send(f"{domain}.enable")
    root = page.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
    found = page.send("DOM.querySelectorAll", nodeId=root, selector="text[style*='Witness Math']")
    fonts = [
        (font["familyName"], font["isCustomFont"])
        for node in found["nodeIds"]
        for font in page.send("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]
    ]
    assert len(fonts) > 4 and set(fonts) == {("STIX Two Math", True)}
    assert {"\U0001d465", "\U0001d440"} < set(text)  # x and M as a formula has them
    other = opened("newton", "#layer=3").js("page.figureSvg(document.querySelector('#error svg'))")
    assert "font-face" not in other["text"]  # which has none


def test_the_menu_of_a_figure_gives_a_file(opened: Any, tmp_path: Path) -> None:
    page = opened("newton")
    page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.wait("document.querySelector('#error .files') !== null")
    for kind in ("svg", "png"):
        page.click("#error .files summary")
        page.click(f'#error .files [data-file="{kind}"]')
        path = (
            tmp_path
            / f"newton-distance-of-the-prediction-from-least-squares-after-each-layer.{kind}"
        )
        for _ in range(200):
            if path.exists() and path.stat().st_size > 500:
                break
            page.js("new Promise((done) => setTimeout(done, 20))")
        assert path.stat().st_size > 500


# -- the reader's own table -----------------------------------------------------------------------


def drop(page: driver.Browser, name: str, text: str) -> None:
    """Drags a file onto the page."""
    page.js(
        "(() => { const dataTransfer = new DataTransfer();"
        f" dataTransfer.items.add(new File([{json.dumps(text)}], {json.dumps(name)}));"
        " const how = {bubbles: true, cancelable: true, dataTransfer};"
        " for (const kind of ['dragenter', 'dragover', 'drop'])"
        " document.body.dispatchEvent(new DragEvent(kind, how));"
        " return new Promise((done) => setTimeout(done, 30)); })()"
    )


# of every table: the header, an example, another, and the row that is asked about
TABLES = [
    ("a,b,t\n1,0,2\n0,1,-1\n1,1,\n", [1, 0]),
    ("a,b,t\n1,0,2\n0,1,-1\n1,1,5\n", [1, 0]),  # without an open row the last is asked about
    ("\ufeffa;b;t\r\n1,5;0;2\r\n0;1;-1\r\n1;1;\r\n", [1.5, 0]),
    ('"a, the first"\t"b ""x"""\tt\n1e-3\t1/3\t2\n0\t1\t-1\n\n1\t1\t?', [1e-3, 1 / 3]),
]


@pytest.mark.parametrize(("text", "first"), TABLES)
def test_a_table_that_is_dropped_runs_through_the_weights(
    opened: Any, text: str, first: list[float]
) -> None:
    page = opened("newton", "#d=4&data=9,3,1")
    X, y, queries = [first, [0, 1]], [2, -1], [[1, 1]]
    drop(page, "mine.csv", text)
    data = page.js("page.app.data")
    assert (data["X"], data["y"], data["queries"]) == (X, y, queries)
    assert "runs away" not in said(page, "controls") and "Holds" in said(page, "verdict")
    alpha = Fraction(str(parameter(page, "alpha")))
    witness = constructions.build("newton", d=2, iterations=3, alpha=alpha)
    made = page.js("page.app.models[0].result.predictions[0]")
    apart = abs(made - witness.predict(X, y, queries)[0])
    assert apart <= 2 * witness.rounding_bound(X, y, queries)[0]  # there and here
    saved, fragment = page.js("page.saved()"), page.js("location.hash")
    page.click('[data-do="undo"]')
    assert page.js("page.app.data.y.length") == 9
    page = opened("newton", fragment)
    assert page.js("page.saved()") == saved


def test_every_row_without_a_target_is_asked_about(opened: Any) -> None:
    page = opened("gradient_descent")
    drop(page, "mine.csv", "a,t\n1,2\n3,\n4,5\n6,?\n")
    assert page.js("page.app.data") == {"X": [[1], [4]], "y": [2, 5], "queries": [[3], [6]]}
    one, two = page.js("Array.from(page.app.models[0].result.predictions)")
    assert two == 2 * one and one != 0  # twice a float is exact
    assert "2 rows without a target, 2, 4, are asked about" in said(page, "table")


def test_an_address_holds_the_direction_and_the_switches_and_back_restores_them(
    opened: Any,
) -> None:
    page = opened("newton", "#layer=2")
    seen = "[page.app.direction, page.app.numbers, page.app.scores]"
    page.type('[data-do="direction"]', "v2")
    page.click('[data-do="numbers"]')
    assert page.js(seen) == ["v2", False, False]
    fragment = page.js("location.hash")
    assert "across=v2" in fragment and "numbers=0" in fragment
    page.js("history.back()")
    page.wait("page.app.numbers")
    assert page.js(seen) == ["v2", True, False]
    page = opened("newton", f"{fragment}&scores=1")
    assert page.js(seen) == ["v2", False, True]
    page = opened("newton", "#layer=2&across=x9")
    assert page.js(seen) == [None, True, False] and "direction" in said(page, "verdict")


def test_both_rates_of_a_construction_suit_a_new_prompt(opened: Any) -> None:
    page = opened("gd_plus_plus")
    page.click('[data-do="another"]')
    top = page.js("page.app.analysis.top")
    for name in ("step_size", "gamma"):
        suits, chosen = 1 / (2 * top), parameter(page, name)
        unit = 10.0 ** (math.floor(math.log10(suits)) - 2)  # down to three digits
        assert chosen == float(f"{chosen:.3g}") and suits - unit < chosen <= suits


def test_another_column_is_predicted_and_columns_are_left_out(opened: Any, tmp_path: Path) -> None:
    page = opened("newton")
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\n1,2,3\n4,5,6\n7,8,9\n")
    page.choose_file('[data-do="open"]', path)
    page.wait("page.app.table !== null")
    assert page.js("page.app.data") == {"X": [[1, 2], [4, 5]], "y": [3, 6], "queries": [[7, 8]]}
    page.type('[data-do="target"]', "a")
    assert page.js("page.app.data") == {"X": [[2, 3], [5, 6]], "y": [1, 4], "queries": [[8, 9]]}
    page.click('[data-feature="c"]')
    assert page.js("page.app.data") == {"X": [[2], [5]], "y": [1, 4], "queries": [[8]]}
    assert parameter(page, "d") == 1 and "table.csv" in page.js(
        "document.getElementById('table').innerText"
    )
    page.click('[data-feature="b"]')
    assert "one column at least" in said(page, "verdict")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,t\n1,2\nx,3\n4,5\n", "row 2, column a: “x” is no number"),
        ("a,t\n1,2\n,3\n4,5\n", "row 2, column a: nothing stands there"),
        ("a,t\n1,2,3\n", "row 1 has 3 cells, and there are 2 columns"),
        ("a,t\n1,2\n", "two rows are needed"),
        ("1,2\n3,4\n", "its first line holds numbers"),
        ("a,a\n1,2\n3,4\n", "two columns are named a"),
        ("a,\n1,2\n3,4\n", "column 2 has no name"),
        ("t\n1\n", "it has one column"),
        ("", "it is empty"),
        ('a,t\n"1,2\n', "never closed"),
        ("a,b,c,e,f,t\n" + "1,2,3,4,5,6\n" * 3, "5 columns beside the target, and the weights"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_refused_by_row_and_column(
    opened: Any, text: str, words: str
) -> None:
    page = opened("newton")
    before = page.js("[page.saved(), location.hash]")
    drop(page, "mine.csv", text)
    assert words in said(page, "verdict") and "mine.csv" in said(page, "verdict")
    assert page.js("[page.saved(), location.hash]") == before


def test_of_a_long_table_what_is_left_out_is_said(opened: Any) -> None:
    page = opened("newton")
    drop(page, "long.csv", "a,t\n" + "".join(f"{k},{2 * k}\n" for k in range(1, 61)))
    assert page.js("page.app.data.y.length") == 32
    assert "27 rows of the file are left out" in page.js(
        "document.getElementById('table').innerText"
    )


def test_a_page_that_takes_a_number_of_examples_says_so(opened: Any) -> None:
    page = opened("sherman_morrison")
    drop(page, "long.csv", "a,t\n" + "".join(f"{k},{k}\n" for k in range(1, 30)))
    assert re.search(
        r"28 examples, and the weights of this page take \d to \d", said(page, "verdict")
    )
