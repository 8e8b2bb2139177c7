"""The snippets of docs/guide/text.md work."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "text.md").read_text(encoding="utf-8")


def test_snippets(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(snippet, "text.md", "exec"), names)
    assert "yes" in capsys.readouterr().out
