"""Every command and snippet of the README works."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from steepest.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_snippets(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for snippet in blocks("python"):
        exec(compile(snippet, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert "validation_loss" in printed
    assert "one step" in printed
    assert namespace["found"].theta["0.A"].shape == (64, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, few_people):
    """A folder that holds some of the data under the path that the README names."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(few_people.parent)
    return folder


def test_commands(folder, monkeypatch):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    setups = [part for part in parts if "venv .venv" in part or "pip install" in part]
    runs = [part for part in parts if part not in setups]
    # Setting up a new environment is what .ci/run does; here it is this one.
    assert len(setups) == 4
    assert [part.split()[0] for part in runs].count(".venv/bin/steepest") == 4
    monkeypatch.chdir(folder)
    for command in runs:
        program, *words = shlex.split(command)
        if program == ".venv/bin/python":  # the tests: these here
            assert words == ["-m", "pytest", "-n", "2"]
            continue
        assert program == ".venv/bin/steepest"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, f"{command}\n{done.output}"
        if " train " in command:
            assert "accuracy" in done.stdout
    assert (folder / "predictions.csv").read_text().startswith("prediction")
    assert (folder / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_every_file_it_names_exists():
    quoted = re.findall(r"`((?:src|docs|data|benchmarks|examples)/[\w./]*)`", README)
    linked = re.findall(r"\]\((?!https?:)([\w./]+)", README)
    assert quoted
    assert linked
    for name in quoted + linked:
        assert (ROOT / name).exists(), name
