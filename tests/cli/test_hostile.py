"""Models of strangers at the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.pipeline.model import Model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model_schema_1"


@pytest.fixture
def model(tmp_path):
    Model.load(FIXTURE).save(tmp_path / "m")
    return tmp_path / "m"


def test_control_characters_do_not_reach_the_terminal(model):
    record = json.loads((model / "model.json").read_text("utf-8"))
    record["encoder"]["columns"][0]["name"] = "red\x1b[31m\x07\u202e"
    record["task"] |= {"name": "\x1b]0;title\x07", "reason": "\x1b[2J\x9b"}
    (model / "model.json").write_text(json.dumps(record), "utf-8")
    done = CliRunner().invoke(app, ["show", str(model)])
    assert done.exit_code == 0, done.output
    assert not set("\x1b\x07\x9b\u202e") & set(done.output)
    assert r"red\x1b[31m\x07\u202e: number" in done.output


def test_a_python_file_in_a_model_folder_is_not_run(model, monkeypatch):
    (model / "a_strangers_layers.py").write_text("raise SystemExit('run')")
    record = json.loads((model / "model.json").read_text("utf-8"))
    record["network"]["layers"][0]["type"] = "a_strangers_layers:Slope"
    (model / "model.json").write_text(json.dumps(record), "utf-8")
    monkeypatch.chdir(model)
    for arguments in (["show", "."], ["check", "."], ["predict", ".", "model.json"]):
        done = CliRunner().invoke(app, arguments)
        assert "needs the plugin 'a_strangers_layers'" in str(done.exception)
