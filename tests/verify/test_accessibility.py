"""The accessibility checker axe-core finds nothing wrong with a page, by day and by night."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import browser as driver
import pytest

from verify import page as explain
from verify.page import pages
from verify.page.site import folder as site

pytest.importorskip("axe_core_python", reason="the checker axe-core is not installed")
pytestmark = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")

# an ill-posed claim, one refuted beside its repair, one that is a sum of bumps
CLAIMS = ("fu2023.eq38", "fu2023.eq30", "cheng2024.prop1.exponential")
TEXTS = ("tutorial", "glossary", "found")
PAGES = ("index", "story", "newton", "kernel_regression", *CLAIMS, *TEXTS)
FOUND = (
    "axe.run().then((found) => found.violations.map((broken) =>"
    " [broken.id, broken.nodes[0].html.slice(0, 160), broken.nodes[0].failureSummary]))"
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accessible")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.constructions, "names", lambda: ("newton", "kernel_regression"))
        patch.setattr(site, "statements", lambda: CLAIMS)
        explain.write_all(folder)
    return folder


def violations(browser: driver.Browser, page: Path, mode: str) -> list[list[str]]:
    """What the checker finds on a page; the story is looked at on every card."""
    features = {"prefers-color-scheme": mode, "prefers-reduced-motion": "reduce"}
    browser.send(
        "Emulation.setEmulatedMedia",
        features=[{"name": name, "value": value} for name, value in features.items()],
    )
    browser.size(1280, 720)
    browser.open(page)
    browser.js(resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8") + ";1")
    if page.stem != "story":
        return browser.js(FOUND)
    return [
        found for card in range(1, 9) for found in browser.js(f"page.goTo({card}, false), {FOUND}")
    ]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_the_checker_finds_nothing(written: Path, browser: driver.Browser, name, mode) -> None:
    assert violations(browser, written / f"{name}.html", mode) == []


def test_the_checker_finds_a_picture_without_a_name(
    written: Path, browser: driver.Browser, tmp_path: Path
) -> None:
    page = tmp_path / "newton.html"
    text = (written / "newton.html").read_text("utf-8")
    page.write_text(text.replace("<main>", '<main><img src="data:,">', 1), "utf-8")
    assert [found[0] for found in violations(browser, page, "light")] == ["image-alt"]
