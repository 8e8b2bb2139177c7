"""The snippets of docs/guide/sequences.md work."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "sequences.md").read_text(encoding="utf-8")


def test_snippets(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(snippet, "sequences.md", "exec"), names)
    assert "sea shells" in capsys.readouterr().out
