"""docs/guide/layers.md names all there is to build from, once, and its snippet works."""

import re
from pathlib import Path

import pytest

from steepest import layers, losses, rules, schedules

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "layers.md").read_text(encoding="utf-8")
TABLES = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("folder", "heading"),
    [
        (layers, "Layers"),
        (losses, "Losses"),
        (rules, "Update rules"),
        (schedules, "Schedules"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_everything_is_named_once(folder, heading):
    cells = re.findall(r"^\| (`.*?) \|", TABLES[heading], re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(cells))
    wanted = [
        name for name in folder.__all__ if getattr(folder, name).__module__ != "steepest.schedule"
    ]
    assert sorted(named) == sorted(wanted)


def test_snippet(capsys):
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(snippet, "layers.md", "exec"), names)
    assert names["classes"].shape == (300,)
    assert "12×12×8" in capsys.readouterr().out
