"""The links of a built site: where each leads, and that nothing is fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
}


class _Page(HTMLParser):
    """What a page has: names to jump to, links, and files that it asks for."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names: set[str] = {"", "__search"}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.names.add(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.append(value or "")
            elif (tag, name) in _FETCHED and ("rel", "canonical") not in attrs:
                self.fetched.append(value or "")


def faults(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere and each file that another server has."""
    pages = {file: _Page(file) for file in sorted(site.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        where = file.relative_to(site)
        for link in (*page.links, *page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.fetched and parts.scheme != "data":
                    found.append(f"{where} fetches {link} from another server")
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if where.name == "404.html":
                target = site / unquote(parts.path).lstrip("/")
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file():
                found.append(f"{where} links to {link}, which is not there")
            elif target in pages and unquote(parts.fragment) not in pages[target].names:
                found.append(f"{where} links to {link}: the page has no such place")
    sheets = {file: file.read_text("utf-8") for file in site.rglob("*.css")}
    return found + [
        f"{file.relative_to(site)} fetches something from another server"
        for file, text in sheets.items()
        if "url(http" in text.replace("'", "").replace('"', "")
    ]
