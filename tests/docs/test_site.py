"""What builds the site: its check of links, its notebooks. scripts/check.py builds the site."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


links, notebooks = load("links"), load("notebooks")

GOOD = '<a id="here"></a><a href="#here">a</a><a href="other.html#there">b</a><img src="a.svg">'


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (GOOD, None),
        ('<a href="https://elsewhere.org/page">a</a>', None),
        ('<a href="gone.html">a</a>', "links to gone.html, which is not there"),
        ('<a href="other.html#gone">a</a>', "other.html#gone: the page has no such place"),
        ('<a href="#gone">a</a>', "#gone: the page has no such place"),
        ('<img src="https://elsewhere.org/a.png">', "fetches https://elsewhere.org/a.png"),
        ('<script src="//elsewhere.org/a.js"></script>', "fetches //elsewhere.org/a.js"),
    ],
)
def test_faults_of_links(tmp_path, page, said):
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "other.html").write_text('<h2 id="there">x</h2>')
    (tmp_path / "a.svg").write_text("<svg/>")
    found = links.faults(tmp_path)
    assert (said in found[0] and len(found) == 1) if said else not found


def test_style_sheets_fetch_nothing(tmp_path):
    (tmp_path / "a.css").write_text('body { background: url("https://elsewhere.org/a.png") }')
    assert links.faults(tmp_path) == ["a.css fetches something from another server"]


@pytest.mark.parametrize("page", notebooks.pages(), ids=lambda page: page.stem)
def test_notebooks_have_the_page(page):
    cells = json.loads(notebooks.notebook(page))["cells"]
    text = ["".join(cell["source"]) for cell in cells]
    assert text[0].startswith("# ")
    assert any(source.startswith(f"%%writefile {page.stem}.py\n") for source in text)
    assert f"!steepest check {page.stem}.py" in text
    assert sum("<svg" in source for source in text) == 1
    assert not any("Solution" in source for source in text)
