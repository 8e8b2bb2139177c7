"""Every snippet of docs/guide/ladder.md works."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "ladder.md"


def test_snippets(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(snippet, PAGE.name, "exec"), names)
    assert "quality 2 takes about" in capsys.readouterr().out
    assert len(names["model"].histories_) == 4
