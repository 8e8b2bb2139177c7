"""Models of strangers at the command line."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from steepest import TableError
from steepest.cli import app, run
from steepest.pipeline.model import Model
from steepest.tables.files import TableWriter

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


NAMES = ["a\x1b[31m", "b\u202e", "c\nsteepest: done", "id\x07"]
TARGET = "t\x1b]0;title\x07"


@pytest.fixture
def table(tmp_path):
    """A table whose names, classes and values are hostile; "d" has stray ones."""
    n, x = 120, np.linspace(-1, 1, 120)
    columns = {
        NAMES[0]: x,
        NAMES[1]: [f"v\x1b{k % 3}" for k in range(n)],
        NAMES[2]: x**2,
        NAMES[3]: [f"id{k}\x1b[1m" for k in range(n)],
        "d": [f"{k}" if k % 50 else "odd\x1b[2J" for k in range(n)],
        TARGET: np.where(x > 0, "yes\x1b[2J\nsteepest: done", "no\x9b\x08"),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_no_command_prints_control_characters_of_a_table(table, capsys, monkeypatch):
    model = table.with_name("m")
    small = ("--epochs", 1, "--layers", 4, "--threads", 1)
    whole = ("train", table, "--target", TARGET, *small)
    for words in (
        (*whole, "-o", model),
        (*whole, "--memory", "10MB"),
        ("show", model),
        ("explain", model, table),
        ("train", table, "--target", "nothing", *small),
        ("train", table, "--target", NAMES[3], *small),
        ("train", table, "--target", TARGET, *small, "--ignore", "x\x1b"),
    ):
        words = list(map(str, words))
        monkeypatch.setattr(sys, "argv", ["steepest", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code in (0, 2, None), words
        printed = "".join(capsys.readouterr())
        assert printed.strip(), words
        assert not set("\x1b\x07\x08\r\x9b\u202e") & set(printed), words
        assert "\nsteepest: done" not in printed, words


def test_predictions_are_exact_in_a_pipe_and_harmless_on_a_terminal(capfdbinary, monkeypatch):
    found = pa.table({"prediction": ["no\x1b[1m"]})
    for terminal, shown in ((False, b"no\x1b[1m"), (True, rb"no\x1b[1m")):
        monkeypatch.setattr(sys.stdout.buffer, "isatty", lambda answer=terminal: answer)
        with TableWriter(None) as writer:
            writer.write(found)
        assert capfdbinary.readouterr().out == b"prediction\n" + shown + b"\n"


def test_a_python_file_in_a_model_folder_is_not_run(model, monkeypatch):
    (model / "a_strangers_layers.py").write_text("raise SystemExit('run')")
    record = json.loads((model / "model.json").read_text("utf-8"))
    record["network"]["layers"][0]["type"] = "a_strangers_layers:Slope"
    (model / "model.json").write_text(json.dumps(record), "utf-8")
    monkeypatch.chdir(model)
    for arguments in (["show", "."], ["check", "."], ["predict", ".", "model.json"]):
        done = CliRunner().invoke(app, arguments)
        assert "needs the plugin 'a_strangers_layers'" in str(done.exception)


def test_no_command_writes_where_it_reads_or_where_there_is_no_folder(table, model):
    """Before anything is computed."""
    train = ("train", table, "--target", TARGET, "--report")
    for words in (
        ("predict", model, table, "-o"),
        ("report", model, table, "-o"),
        ("play", table, "--output"),
        train,
    ):
        before = table.read_bytes()
        for out, said in ((table, "it is also read"), (table.parent / "no" / "t.csv", "no")):
            done = CliRunner().invoke(app, list(map(str, (*words, out))))
            assert isinstance(done.exception, OSError | TableError), (words, done.output)
            assert said in str(done.exception)
        assert table.read_bytes() == before
