"""Every snippet of docs/guide/probabilities.md works."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "probabilities.md"


def test_snippets(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(snippet, PAGE.name, "exec"), names)
    said, came = map(float, capsys.readouterr().out.splitlines()[0].split())
    assert abs(said - came) < 0.015
