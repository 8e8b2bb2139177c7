"""Draw the pictures of README and docs: pages as they are, in a real browser.

    python scripts/pictures.py

writes docs/pictures/*.png. It needs Playwright's Python driver, Chromium and Pillow, and takes half
a minute. Run it when a page looks different.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from steepest.pipeline.fit import fit_table
from steepest.pipeline.playground import play_page, play_toys
from steepest.pipeline.report import Known, report
from steepest.pipeline.request import Request
from steepest.tables.files import read_table

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "docs" / "pictures"
sys.path.insert(0, str(ROOT / "tests" / "pages"))

from browser import browser  # noqa: E402  (it finds the browser of this machine)


def click(page: Any, *names: str) -> None:
    """Press buttons of a page, one after the other."""
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()


def network(page: Any) -> None:
    """Two moons, told apart."""
    page.select_option("#rule", "Adam")
    click(page, *["One epoch"] * 25)
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, 0)")


def instruction(page: Any) -> None:
    """The gradient of a layer's parameters."""
    page.select_option("#batch", "4")
    click(page, *["One epoch"] * 2, *["One instruction"] * 8)
    page.evaluate("document.querySelector('#step').scrollIntoView()")
    page.evaluate("document.querySelector('.bar-of-buttons').style.position = 'static'")


def descent(page: Any) -> None:
    """Gradients around their mean, and ways down."""
    click(page, *["One epoch"] * 8)
    page.evaluate("document.querySelector('.bar-of-buttons').style.position = 'static'")
    page.evaluate("document.querySelector('#expectation').scrollIntoView()")
    page.wait_for_timeout(2000)
    page.evaluate("document.querySelector('#expectation').scrollIntoView()")


def answer(page: Any) -> None:
    """The first lines of a report."""
    page.wait_for_timeout(500)


def census() -> bytes:
    """Return a report on a model of the census."""
    table = read_table(ROOT / "data" / "census_income.parquet")
    fit = fit_table(table, Request("income", {"epochs": 8}))
    return report(fit.model, Known(fit.tested, "test rows", data=fit.data, notes=fit.notes))


def main() -> None:
    """Write all pictures."""
    toys, about = play_page(play_toys()), census()
    pictures: list[tuple[str, bytes, str, int, Callable[[Any], None]]] = [
        ("playground", toys, "light", 760, network),
        ("playground_dark", toys, "dark", 760, network),
        ("instruction", toys, "light", 820, instruction),
        ("descent", toys, "light", 860, descent),
        ("report", about, "light", 900, answer),
    ]
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        for name, content, scheme, height, prepare in pictures:
            file = Path(folder) / f"{name}.html"
            file.write_bytes(content)
            page = chromium.new_page(
                viewport={"width": 1280, "height": height}, color_scheme=scheme
            )
            page.goto(file.as_uri())
            prepare(page)
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            image.save(PLACE / f"{name}.png", optimize=True)
            page.close()
            print(PLACE / f"{name}.png")


if __name__ == "__main__":
    main()
