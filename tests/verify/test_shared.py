"""Data of a page, in which what occurs again is written once, are read as they were written."""

from __future__ import annotations

import json
import math

import browser as driver
import pytest
from hypothesis import given
from hypothesis import strategies as st

import constructions
from verify import pool
from verify.page import build, pages
from verify.page.shared import held_in, shared, whole

LIMIT = 600_000  # bytes of a page
LARGER = {"d": 4, "examples": 16}
# a spline is of one number, and a matrix among the parameters comes with its size
OF_ONE_SIZE = ("spline_regression", "preconditioned", "temporal_differences")
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


def sizes_of(name: str) -> list[dict[str, int]]:
    """Its lesson's sizes, and four dimensions with sixteen examples, where it takes them."""
    several = {key: size for key, size in LARGER.items() if key in signature(name)}
    return [{}, several] if several and name not in OF_ONE_SIZE else [{}]


@pytest.mark.parametrize(
    ("name", "sizes"), [(name, sizes) for name in constructions.names() for sizes in sizes_of(name)]
)
def test_a_page_is_small_enough_to_be_sent(name, sizes) -> None:
    with pool.one_thread():
        assert len(pages.html_of(name, sizes).encode()) < LIMIT
