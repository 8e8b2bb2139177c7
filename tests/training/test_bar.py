"""What is shown of a training: a bar on a terminal, else a line now and then."""

import io
import re
import sys

import pytest

from steepest import Dense, Network
from steepest.compiler import waiting
from steepest.training.bar import Bar, describe, showing
from steepest.training.progress import Progress


def progress(**more):
    known = {"network": Network(Dense(1)), "epoch": 2, "epochs": 20, "step": 30, "steps": 200,
             "epoch_ended": False, "loss": 0.12345, "examples_per_second": 52_000.0}  # fmt: skip
    return Progress(**known | more)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return what makes the standard error a terminal of 80 columns, and returns it."""

    def make():
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "80")
        return sys.stderr

    return make


def shown_by(err):
    """Return the last line with something in it, without the terminal's codes."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err.getvalue())
    return [line for line in re.split(r"[\r\n]+", plain) if line.strip()][-1]


def test_news():
    assert describe(progress()) == "epoch 2 of 20, loss 0.1235"
    row = {"loss": 0.12, "validation_loss": 0.25}
    assert describe(progress(row=row)) == "epoch 2 of 20, loss 0.1235, validation 0.25"


def test_a_terminal_gets_a_bar_that_fits_into_80_columns(terminal):
    err = terminal()
    with Bar() as bar:
        bar(progress(row={"validation_loss": 0.25}))
    last = shown_by(err)
    assert "epoch 2 of 20, loss 0.1235, validation 0.25" in last
    assert "52,000 rows/s" in last
    assert len(last) <= 80


def test_it_says_that_kernels_are_compiled(terminal):
    err = terminal()
    with Bar():
        waiting.listener()(12, 40)
    last = shown_by(err)
    assert "compiling kernels, once: 12 of 40" in last
    assert "nan" not in err.getvalue()
    assert "rows/s" not in last
    assert isinstance(waiting.listener(), waiting.Line)


def test_a_bar_may_leave_nothing_behind(terminal):
    err = terminal()
    with Bar(leaves=False) as bar:
        bar(progress())
    assert err.getvalue().rstrip().endswith("\x1b[2K")  # the line is cleared


def test_elsewhere_there_is_a_line_now_and_then(capsys):
    with Bar(every=0.0) as bar:
        waiting.listener()(12, 40)
        bar(progress())
    assert capsys.readouterr().err.splitlines() == [
        "compiling kernels, once: 12 of 40",
        "epoch 2 of 20, loss 0.1235, 52,000 rows/s",
    ]


@pytest.mark.parametrize(("leaves", "lines"), [(True, 1), (False, 0)])
def test_elsewhere_a_short_training_gets_one_line_or_none(capsys, leaves, lines):
    with Bar(every=1e9, leaves=leaves) as bar:
        waiting.listener()(12, 40)
        bar(progress(epoch=1))
        bar(progress())
    said = capsys.readouterr().err.splitlines()
    assert said == ["epoch 2 of 20, loss 0.1235, 52,000 rows/s"][:lines]


def test_nothing_is_shown_if_nobody_asks(capsys):
    with showing(verbose=False) as callbacks:
        assert callbacks == ()
    with showing(verbose=True) as (bar,):
        bar(progress())
    assert "epoch 2 of 20" in capsys.readouterr().err


def test_a_notebook_without_widgets_gets_lines_and_no_warning(monkeypatch, capsys, recwarn):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("steepest.training.bar.find_spec", lambda name: None)
    with Bar(every=0.0) as bar:
        bar(progress())
    assert capsys.readouterr().err == "epoch 2 of 20, loss 0.1235, 52,000 rows/s\n"
    assert not recwarn.list
