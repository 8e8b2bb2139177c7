"""Every snippet and command of docs/guide/gradients.md works."""

import re
import shlex
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from steepest.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "gradients.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_python_snippets(capsys):
    names = {}
    for snippet in blocks("python"):
        exec(compile(snippet, "gradients.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "noise scale" in printed
    assert "prediction" in printed
    assert names["each"]["0.A"].shape == (64, 32, 20)
    assert names["moments"].variance["0.A"].shape == (32, 20)
    assert names["norms"].layers["0"].shape == (2000,)
    assert len(names["found"].permutation) == 2
    assert np.isfinite(names["found"].gradient).all()


def test_shapes_that_comments_state():
    names, checked = {}, 0
    for line in "".join(blocks("python")).splitlines():
        exec(compile(line, "gradients.md", "exec"), names)
        stated = re.match(r"((?:found|norms|each)\S*)  # .*?(\(\d+,[\d, ]*\))", line)
        if stated:
            value = eval(stated[1], names)
            assert value.shape == eval(stated[2]), line
            checked += 1
        if "['2', '1', '0']" in line:
            assert list(names["found"].dy) == ["2", "1", "0"]
    assert checked == 6


def test_commands(few_people, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(few_people.parent)
    monkeypatch.chdir(tmp_path)
    for line in "".join(blocks("sh")).splitlines():
        words = shlex.split(line)
        assert words[0] == "steepest"
        more = ["--epochs", "1"] if words[1] == "train" else ["--sample", "200"]
        done = CliRunner().invoke(app, [*words[1:], *more])
        assert done.exit_code == 0, (line, done.output)
