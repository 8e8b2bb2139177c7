"""Whoever waits for kernels to be compiled is told how many there are."""

import io
import sys
import types

import pytest

from steepest.compiler import waiting
from steepest.compiler.store import kernel_addresses


def kernels(*names):
    """Return new kernels, which no process has compiled."""
    module = types.ModuleType("made")
    for name in names:
        exec(f"def {name}(a):\n    a[0] += {float(len(name))}\n", module.__dict__)
    return [(vars(module)[name], ("f1",), "float64") for name in names]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "store"))


@pytest.mark.usefixtures("store")
def test_a_listener_hears_how_far_it_has_come():
    heard = []
    first, second = kernels("first", "second")
    with waiting.listening(lambda *news: heard.append(news)):
        addresses = kernel_addresses([first, second, first])
        assert heard == [(0, 2), (1, 2), (2, 2)]
        assert addresses[0] == addresses[2] != addresses[1]
        assert kernel_addresses([second, first]) == addresses[1::-1]
    assert len(heard) == 3  # those that are compiled are no news


def test_on_a_terminal_there_is_a_line_in_the_end_and_no_more(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    line = waiting.Line(after=0.0)
    for done in range(3):
        line(done, 2)
    said = sys.stderr.getvalue()
    assert said.split("\r")[1:] == [
        "steepest: compiling kernels, once: 0 of 2",
        "steepest: compiling kernels, once: 1 of 2",
        "steepest: compiling kernels, once: 2 of 2\n",
    ]


def test_what_is_soon_done_is_not_told(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    line = waiting.Line(after=1e9)
    line(0, 1)
    line(1, 1)
    assert sys.stderr.getvalue() == ""


@pytest.mark.usefixtures("store")
def test_nothing_is_written_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(waiting, "listener", lambda: waiting.Line(after=0.0))
    kernel_addresses(kernels("third"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    kernel_addresses(kernels("fourth"))
    assert "compiling kernels, once: 0 of 1" in sys.stderr.getvalue()
