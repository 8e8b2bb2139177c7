"""Every snippet of docs/guide/gradients_from_outside.md works."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "gradients_from_outside.md"


def test_snippets():
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        before = names.get("y")
        exec(compile(snippet, PAGE.name, "exec"), names)
        if before is None:
            assert np.abs(names["dy"]).max() < 0.2 / 64
    assert names["trainer"].step == 301
    assert names["front"].step == names["behind"].step == 1


def test_the_examples_are_there():
    for path in re.findall(r"\]\((\.\./[^)]*)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / path).is_file()
