"""What MkDocs is told while it builds: generated pages, links to names, formulas as MathML."""

from __future__ import annotations

import html
import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import notebooks
import reference
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

import steepest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)\s*$)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"(?<!\[)`((?:[A-Z]\w*|[a-z]+_\w+))(\([^`]*\))?`(?!\])")


def on_config(config: Any) -> Any:
    """List the pages of the reference, and at the end of the guide what nobody has listed there."""
    listed = str(config["nav"])
    for section in config["nav"]:
        for title in section:
            if section[title] == "reference/":
                section[title] = [
                    "reference/index.md",
                    *(f"reference/{p}.md" for p in reference.PAGES),
                ]
            elif title == "Guide":
                more = [f"guide/{file.name}" for file in sorted((ROOT / "docs/guide").glob("*.md"))]
                section[title] += [page for page in more if page not in listed]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the reference, made of the public names, and the notebooks, made of the course."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    for page in notebooks.pages():
        content = notebooks.notebook(page)
        files.append(File.generated(config, f"course/{page.stem}.ipynb", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead from public names to the reference, and from source files to the project's address."""
    folder = PurePosixPath("docs", page.file.src_uri).parent

    def source(found: re.Match[str]) -> str:
        path = PurePosixPath(os.path.normpath(folder / found[2].partition("#")[0]))
        if path.parts[0] == "docs" or not (ROOT / path).exists():
            return found[0]
        address = config["repo_url"]
        return f"[{found[1]}]({address.rstrip('/')}/blob/main/{path})" if address else found[1]

    def name(found: re.Match[str]) -> str:
        if found[1] not in steepest.__all__:
            return found[0]
        return f"[{found[0]}][steepest.{found[1]}]"

    def prose(text: str) -> str:
        text = re.sub(r"\[([^\]\[]+)\]\(((?!https?:|#)[^)\s]+)\)", source, text)
        lines = text.split("\n")
        return "\n".join(
            line if line.startswith(("#", "    ", ":::")) else _NAME.sub(name, line)
            for line in lines
        )

    parts = _FENCE.split(markdown)
    text = "".join(_fence(part) if k % 2 else prose(part) for k, part in enumerate(parts))
    path = PurePosixPath(page.file.src_uri)
    if path.parent.name == "course" and ROOT / "docs" / path in notebooks.pages():
        text += f"\n[This page as a notebook]({path.stem}.ipynb)\n"
    return text


def _fence(text: str) -> str:
    """Show the name of a file above its code; what else our tests are told is not for MkDocs."""
    text = re.sub(r"^```python file=(\S+)", r'```python title="\1"', text)
    return re.sub(r"^```python solution", "```python", text)


def on_page_content(content: str, page: Any, config: Any, files: Files) -> str:
    """Write formulas as MathML, which browsers draw by themselves.

    The converter knows ``aligned`` by its other name only; GitHub knows it by this one.
    """

    def formula(found: re.Match[str]) -> str:
        display = "block" if found[1] == "div" else "inline"
        tex = html.unescape(found[2].strip()[2:-2]).replace("{aligned}", "{align*}")
        return convert(tex, display=display)

    return re.sub(r'<(div|span) class="arithmatex">(.*?)</\1>', formula, content, flags=re.DOTALL)
