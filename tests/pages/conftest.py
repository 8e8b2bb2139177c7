"""Opens pages in a real browser; ``tests/conftest.py`` says what was left out without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import PROGRAM, browser

import steepest.pages

WEB = Path(steepest.pages.__file__).parent / "web"
PLACE = "http://modules.test/"


@pytest.fixture(scope="session")
def chromium():
    if PROGRAM is None:
        pytest.skip("there is no Chromium on this machine")
    pytest.importorskip("playwright", reason="the extra test is not installed: no Playwright")
    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def modules(chromium):
    """A page that imports the modules of the pages as they are."""

    def answer(route):
        path = route.request.url.removeprefix(PLACE)
        if not path:
            route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            text = (WEB / path).read_text("utf-8")
            route.fulfill(body=text, content_type="text/javascript")

    page = chromium.new_page()
    page.route(f"{PLACE}**", answer)
    page.goto(PLACE)
    yield page
    page.close()


@pytest.fixture
def show(chromium, tmp_path):
    """Show the bytes of a page; whatever it logs, throws or asks a network for is a fault."""
    faults: list[str] = []
    pages = []

    def open_page(content: bytes, width: int = 1200, scheme: str = "light"):
        place = tmp_path / "page.html"
        place.write_bytes(content)
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        pages.append(page)
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: r.url == place.as_uri() or faults.append(r.url))
        page.goto(place.as_uri())
        page.wait_for_selector("main[data-drawn]")
        return page

    yield open_page
    for page in pages:  # what none looks at any more would go on drawing
        page.close()
    assert not faults
