"""Data of a page, in which what occurs again is written once, are read as they were written."""

from __future__ import annotations

import json
import math

import browser as driver
import pytest
from hypothesis import given
from hypothesis import strategies as st

import constructions
from verify.page import build, pages
from verify.page.shared import held_in, shared, whole

LIMIT = 600_000  # bytes of a page
TEXTS = st.sampled_from(["", "@", "@0", "@:0", "@@1", "@:", "\0", "</script>", "a long text", "ü"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    LEAVES, lambda some: st.lists(some) | st.dictionaries(TEXTS | st.text(), some), max_leaves=30
)
REPEATED = {
    "long": [{"query": "@0", "key": [1, True, -0.0, "@:0"]}] * 3 + [["@:0", "@0"]] * 3,
    "other": [{"query": 1.5, "key": None}, {}, [], ["@@"], {"@0": "@1"}],
}


def signature(name: str) -> set[str]:
    """The parameters of a construction."""
    return set(constructions.get(name).parameters)


@given(VALUES)
def test_what_is_written_is_read_again(value) -> None:
    for data in (value, [value, value, {"again": value}]):
        read = whole(shared(data))
        assert json.dumps(read) == json.dumps(data)  # 1 is not 1.0, nor True, nor -0.0 0.0


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_a_script_cannot_read_is_no_data(number) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        shared([number])


@pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", ["", "akyurek2022_theorem2"])
def test_a_script_reads_the_same(browser, name) -> None:
    data = held_in(pages.html_of(name, {})) if name else REPEATED
    reader = build.resource("scripts/shared.js")
    made = browser.js(f"(() => {{ {reader}; return JSON.stringify(whole({shared(data)})); }})()")
    # a script knows one kind of number
    assert json.loads(made) == json.loads(json.dumps(data))


@pytest.mark.parametrize(
    "name", [name for name in constructions.names() if "examples" in signature(name)]
)
def test_a_page_for_sixteen_examples_is_small_enough_to_be_sent(name) -> None:
    assert len(pages.html_of(name, {"examples": 16}).encode()) < LIMIT
