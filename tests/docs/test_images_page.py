"""Every snippet of docs/guide/images.md works, and what it says of pictures is so."""

import re
from pathlib import Path

from steepest.images.files import SUFFIXES

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "images.md").read_text(encoding="utf-8")


def test_snippets(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(snippet, "images.md", "exec"), names)
    assert names["model"].augment.flip
    assert float(capsys.readouterr().out.splitlines()[0]) > 0.9


def test_every_suffix_is_named():
    assert all(suffix in PAGE for suffix in SUFFIXES)
