"""Lines for terminals."""

import sys

from steepest.cli import _printing
from steepest.cli._printing import folded


def test_lines_are_folded_for_a_terminal_only(monkeypatch):
    text = "  name: " + "word " * 30
    assert folded(text, 4) == text
    monkeypatch.setattr(_printing, "width", lambda: 40)
    lines = folded(text, 4).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[0].startswith("  name: word")
    assert all(line.startswith("    word") for line in lines[1:])
    assert folded("  short", 4) == "  short"


def test_the_width_is_that_of_the_terminal(monkeypatch):
    assert _printing.width() is None
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "72")
    assert _printing.width() == 72
