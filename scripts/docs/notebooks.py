"""The notebooks of the course, made of its pages."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

COURSE = Path(__file__).parents[2] / "docs" / "course"


def pages() -> list[Path]:
    """Return the pages that have code."""
    return [page for page in sorted(COURSE.glob("*.md")) if "```python" in page.read_text("utf-8")]


def notebook(page: Path) -> str:
    """Return a page of the course as a notebook: its prose and its code, cell by cell.

    Pictures come along inside the cells, so a notebook needs no other file.
    """
    text = re.sub(r"<details markdown>.*?</details>", "", page.read_text("utf-8"), flags=re.DOTALL)
    parts = re.split(r"```(python|sh)(?: file=(\S+))?\n(.*?)```\n?", text, flags=re.DOTALL)
    cells = []
    for prose, language, file, code in zip(
        *(_every_fourth(parts, k) for k in range(4)), strict=True
    ):
        if prose.strip():
            cells.append({"cell_type": "markdown", **_source(_with_pictures(prose, page))})
        if code:
            begin = f"%%writefile {file}\n" if file else ""
            shell = (
                "".join(f"!{line}\n" for line in code.splitlines()) if language == "sh" else code
            )
            more = {"execution_count": None, "outputs": []}
            cells.append({"cell_type": "code", **_source(begin + shell.rstrip()), **more})
    for k, cell in enumerate(cells):
        cell["id"] = f"cell-{k}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _every_fourth(parts: list[str], first: int) -> list[str]:
    """Return prose, languages, files or code; after the last prose there is none."""
    return parts[first::4] + ([""] if first else [])


def _source(text: str) -> dict[str, object]:
    return {"metadata": {}, "source": text.strip("\n").splitlines(keepends=True)}


def _with_pictures(prose: str, page: Path) -> str:
    """Put the SVG of a picture in the place of its link."""

    def picture(found: re.Match[str]) -> str:
        return (page.parent / found[2]).read_text("utf-8").partition("?>")[2].strip()

    return re.sub(r"!\[([^\]]*)\]\(([\w./]+\.svg)\)", picture, prose)


def run(file: Path) -> None:
    """Run a notebook in a folder of its own; raise if a cell does, or if no exercise is marked."""
    import nbformat
    from nbclient import NotebookClient

    here = str(Path(sys.executable).parent)  # where `steepest` is
    document = nbformat.read(file, as_version=4)
    nbformat.validate(document)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(document, timeout=600, resources={"metadata": {"path": folder}})
        client.execute(env={**os.environ, "PATH": os.pathsep.join((here, os.environ["PATH"]))})
    said = json.dumps([cell.get("outputs", []) for cell in document.cells])
    if "0 of 1 are as they should be" not in said:
        raise SystemExit(f"{file.name}: steepest check did not mark the exercise")
