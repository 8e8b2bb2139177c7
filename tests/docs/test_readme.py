"""Every command and snippet of the README works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(command, folder):
    """Run a line of the README with this interpreter in place of the environment it sets up."""
    words = shlex.split(command)
    program = {".venv/bin/steepest": ["-m", "steepest"], ".venv/bin/python": []}[words[0]]
    return subprocess.run(
        [sys.executable, *program, *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


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


def test_commands(folder):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    setups = [part for part in parts if "venv .venv" in part or "pip install" in part]
    runs = [part for part in parts if part not in setups]
    # Setting up a new environment is what .ci/run does; here it is this one.
    assert len(setups) == 4
    assert [part.split()[0] for part in runs].count(".venv/bin/steepest") == 4
    for command in runs:
        collect = " --collect-only -q tests/training/test_history.py" if "pytest" in command else ""
        done = run(command + collect, ROOT if collect else folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
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
