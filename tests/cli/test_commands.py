"""The commands in real processes."""

import gzip
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import states
from states import Centre
from steepest import Dense, Network, ReLU
from steepest.cli import app
from steepest.errors import InputError, ModelError, SteepestError, TableError
from steepest.pipeline import folders
from steepest.pipeline.model import Model

ROOT = Path(__file__).parents[2]
CENSUS = ROOT / "data" / "census_income.parquet"


def steepest(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "steepest", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
        check=False,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of the census, trained by the command with its defaults."""
    place = tmp_path_factory.mktemp("census") / "model"
    done = steepest("train", CENSUS, "--target", "income", "-o", place)
    assert done.returncode == 0, done.stderr
    return place, done.stdout


def test_census_with_no_other_flag_reaches_its_accuracy(model):
    place, printed = model
    accuracy = next(line for line in printed.splitlines() if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) >= 0.865
    assert float(accuracy.split()[2]) == pytest.approx(0.7638, abs=1e-3)  # the trivial predictor
    assert "'split'" in printed
    assert "\x1b" not in printed
    assert sorted(path.name for path in place.iterdir()) == [
        "README.md",
        "encoder.safetensors",
        "model.json",
        "theta.safetensors",
    ]


def test_it_prints_what_the_readme_shows(model):
    """Up to its times and the last digits of what the network learned."""
    page = (ROOT / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    lines, printed = shown.splitlines(), model[1].splitlines()
    assert printed[:4] == lines[:4]
    begin = [
        [word for line in text if not (word := line.split()[0])[0].isdigit()]
        for text in (printed, lines)
    ]
    assert begin[0] == begin[1]
    for name in ("accuracy", "log_loss", "auc"):
        found, expected = (
            next(line.split()[1:] for line in text if line.startswith(name))
            for text in (printed, lines)
        )
        assert float(found[0]) == pytest.approx(float(expected[0]), abs=0.003)
        assert found[1:] == expected[1:]


def test_predict_gives_a_row_for_a_row(model, tmp_path):
    place, _ = model
    table = pa.parquet.read_table(CENSUS).slice(0, 1001)
    pa.parquet.write_table(table, tmp_path / "some.parquet")
    whole = steepest("predict", place, tmp_path / "some.parquet", "--proba")
    assert whole.returncode == 0, whole.stderr
    lines = whole.stdout.splitlines()
    assert lines[0] == "prediction,proba_<=50K,proba_>50K"
    assert len(lines) == 1002
    blocks = steepest("predict", place, tmp_path / "some.parquet", "--proba", "--rows", 100)
    assert blocks.stdout == whole.stdout
    for name in ("out.parquet", "out.csv.gz", "out.tsv"):
        run("predict", place, tmp_path / "some.parquet", "-o", tmp_path / name)
    assert pa.parquet.read_table(tmp_path / "out.parquet").num_rows == 1001
    with gzip.open(tmp_path / "out.csv.gz", "rt") as file:
        assert len(file.readlines()) == 1002
    assert len((tmp_path / "out.tsv").read_text().splitlines()) == 1002


def test_predict_meets_odd_values_and_drops_no_row(model, tmp_path):
    place, _ = model
    table = pa.parquet.read_table(CENSUS).slice(0, 3).to_pylist()
    table[0]["workclass"] = "Never heard of 🦉"
    table[1]["age"] = "old"
    table[2]["age"] = None
    names = list(table[0])
    rows = [",".join("" if row[n] is None else str(row[n]) for n in names) for row in table]
    (tmp_path / "odd.csv").write_text("\n".join([",".join(names), *rows]) + "\n")
    done = steepest("predict", place, tmp_path / "odd.csv", "--keep")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.splitlines()[0].endswith("prediction")
    assert "workclass" in done.stderr
    assert "age" in done.stderr
    lacking = pa.parquet.read_table(CENSUS).slice(0, 3).drop_columns(["age"])
    pa.csv.write_csv(lacking, tmp_path / "lacking.csv")
    done = steepest("predict", place, tmp_path / "lacking.csv", "-o", tmp_path / "none.csv")
    assert done.returncode == 2
    assert "age" in done.stderr
    assert not (tmp_path / "none.csv").exists()


def test_export_writes_a_file_that_others_run(model, tmp_path):
    done = steepest("export", model[0], tmp_path / "m.onnx")
    assert done.returncode == 0, done.stderr
    assert "14 columns to 'income'" in done.stdout
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert len(session.get_inputs()) == 14
    assert [output.name for output in session.get_outputs()] == ["prediction", "probabilities"]
    done = steepest("export", model[0], tmp_path / "m.pt")
    assert done.returncode == 2
    assert ".onnx" in done.stderr


def test_show_tells_all(model):
    done = steepest("show", model[0])
    assert done.returncode == 0, done.stderr
    told = ["binary classification", "scores on", "accuracy", "trained on", "epoch", "columns",
            "occupation", "average of 8 networks", "Dense(128"]  # fmt: skip
    places = [done.stdout.index(word) for word in told]
    assert places == sorted(places)  # what an owner wants comes first
    assert "FLOPs" not in done.stdout


def test_show_has_the_program_behind_a_flag(model):
    done = steepest("show", model[0], "--program", "--batch", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("predict: batch 3, ")
    for word in ("= y0.0.2 A0.0.3ᵀ + b0.0.3", "FLOPs"):
        assert word in done.stdout


def test_a_damaged_model_is_told(model, tmp_path):
    place, _ = model
    for name in ("model.json", "theta.safetensors", "encoder.safetensors"):
        for what in ("missing", "truncated"):
            copy = tmp_path / f"{name}-{what}"
            copy.mkdir()
            for file in place.iterdir():
                content = file.read_bytes()
                if file.name == name and what == "truncated":
                    content = content[: len(content) // 2]
                if file.name != name or what == "truncated":
                    (copy / file.name).write_bytes(content)
            with pytest.raises(SteepestError, match=re.escape(name)):
                run("show", copy)
    done = steepest("show", copy)
    assert done.returncode == 2
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_settings_from_a_file_and_flags(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(300)
    pa.csv.write_csv(pa.table({"x": x, "y": 2 * x + 1}), tmp_path / "line.csv")
    (tmp_path / "settings.toml").write_text(
        'target = "y"\nlayers = [8]\nepochs = 3\nlr = 0.01\nrule = "sgd"\nschedule = "constant"\n'
    )
    done = steepest("train", tmp_path / "line.csv", "--config", tmp_path / "settings.toml",
                    "--epochs", 7, "--activation", "tanh")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1-8-1" not in done.stdout  # the column and its rank are two inputs
    assert "2-8-1" in done.stdout
    assert "tanh" in done.stdout
    assert "sgd, lr 0.01 (constant)" in done.stdout
    assert "7 epochs" in done.stdout
    (tmp_path / "settings.toml").write_text("leyers = [8]\n")
    with pytest.raises(SteepestError, match=r"leyers.*layers"):
        run("train", tmp_path / "line.csv", "--config", tmp_path / "settings.toml")


def test_help_and_version():
    assert "train" in CliRunner().invoke(app, ["--help"]).output
    assert "--target" in CliRunner().invoke(app, ["train", "--help"]).output
    assert steepest("--version").stdout == f"steepest {version('steepest')}\n"
    assert steepest("nonsense").returncode == 2


def test_quantiles(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    table = pa.table({"x": x, "y": 3 * x + rng.normal(size=400)})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    place = tmp_path / "model"
    small = "--target", "y", "--epochs", 30, "--layers", 8, "-o", place, "--threads", 1
    done = steepest("train", tmp_path / "t.parquet", *small, "--quantiles", "0.1,0.9")
    assert done.returncode == 0, done.stderr
    pinball = next(line for line in done.stdout.splitlines() if line.startswith("pinball")).split()
    assert float(pinball[1]) < float(pinball[2])
    done = steepest("predict", place, tmp_path / "t.parquet")
    assert done.stdout.splitlines()[0] == "quantile_0.1,quantile_0.9"
    found = np.loadtxt(done.stdout.splitlines()[1:], delimiter=",")
    assert (found[:, 0] <= found[:, 1]).all()
    assert 0.6 < np.mean((found[:, 0] <= table["y"]) & (table["y"] <= found[:, 1])) < 0.95
    run("explain", place, tmp_path / "t.parquet", "--sample", 0)
    assert "predicted {'quantile_0.1': " in capsys.readouterr().out
    with pytest.raises(SteepestError, match="a model of quantiles has no ONNX form"):
        run("export", place, tmp_path / "m.onnx")
    with pytest.raises(SteepestError, match="levels must be increasing"):
        run("train", tmp_path / "t.parquet", *small, "--quantiles", "0.9,0.1")
    levels = "--quantiles", "0.1,0.9", "--memory", "100MB"
    run("train", tmp_path / "t.parquet", *small, *levels)
    assert "pinball" in capsys.readouterr().out


def run(*words):
    """Run a command in this process."""
    app(list(map(str, words)), standalone_mode=False)


SOME = ("--epochs", 3, "--layers", 8, "--threads", 1)


def make(path, rows, header):
    lines = [";".join(header), *(";".join(row) for row in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    return path


def test_how_a_table_is_written_is_said_by_options(tmp_path, capsys):
    x = np.random.default_rng(0).standard_normal(200).round(3)
    rows = [(f"{v:.3f}".replace(".", ","), f"0{1 + k % 9}/0{1 + k % 7}/2024",
             "kein" if k % 9 == 0 else str(k % 60), "größer" if v > 0 else "kleiner")
            for k, v in enumerate(x)]  # fmt: skip
    table = make(tmp_path / "t.csv", rows, ("größe", "tag", "zahl", "y"))
    written = ("--encoding", "latin-1", "--delimiter", ";")
    run("train", table, "--target", "y", *SOME, "-o", tmp_path / "m", *written, "--decimal", ",",
        "--date-format", "%d/%m/%Y", "--missing", "kein")  # fmt: skip
    encoder = Model.load(tmp_path / "m").encoder
    assert {name: kind.label for name, kind in encoder.columns.items()} == {
        "größe": "number", "tag": "moment", "zahl": "number",
    }  # fmt: skip
    run("predict", tmp_path / "m", table, *written, "-o", tmp_path / "p.csv")
    run("explain", tmp_path / "m", table, *written, "--sample", 0)
    assert capsys.readouterr().err == ""
    headless = make(tmp_path / "h.csv", rows[1:], rows[0])
    run("train", headless, "--target", "x3", *SOME, "--no-header", *written, "-o", tmp_path / "m")
    run("predict", tmp_path / "m", headless, "--no-header", *written, "-o", tmp_path / "p.csv")
    assert len((tmp_path / "p.csv").read_text("utf-8").split()) == 201


def test_kept_columns_are_never_replaced(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("prediction,proba_no,y\n" + "".join(
        f"{k % 17},{k},{'yes' if k % 17 > 8 else 'no'}\n" for k in range(100)))  # fmt: skip
    run("train", table, "--target", "y", *SOME, "-o", tmp_path / "m")
    run("predict", tmp_path / "m", table, "--keep", "--proba", "-o", tmp_path / "p.csv")
    found = pa.csv.read_csv(tmp_path / "p.csv")
    assert found.column_names == [
        "prediction", "proba_no", "y", "prediction_", "proba_no_", "proba_yes",
    ]  # fmt: skip
    assert found.select(["prediction", "proba_no", "y"]).equals(pa.csv.read_csv(table))


def test_a_network_that_python_saved_is_shown_checked_and_exported(tmp_path, capsys):
    folder = tmp_path / "network"
    network = Network(Centre(), Dense(4), ReLU(), Dense(2), inputs=3)
    network.built.state[:] = [0.5, 1, 2, 9]
    folders.save(network, folder)
    plugin = ("--plugin", states.__file__)
    run("show", folder, *plugin)
    shown = capsys.readouterr().out
    assert "a network without an encoder: it takes arrays of 3 numbers, no tables" in shown
    assert "network: 26 parameters, 4 numbers of state\n" in shown
    assert "Centre()" in shown
    run("show", folder, "--program", *plugin)
    assert "y0 = x − m0" in capsys.readouterr().out
    run("check", folder, *plugin, "--quiet")
    run("export", folder, tmp_path / "n.onnx", *plugin)
    assert f"a network of 3 inputs written to {tmp_path / 'n.onnx'}" in capsys.readouterr().out
    X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(tmp_path / "n.onnx").run(None, {"x": X})
    np.testing.assert_allclose(found, network.predict(X), rtol=1e-5, atol=1e-6)
    table = make(tmp_path / "t.csv", ["123"], "abc")
    for command in ("predict", "explain"):
        with pytest.raises(ModelError, match="holds a network without an encoder, so it can't"):
            run(command, folder, table, *plugin)


def test_the_model_is_written_before_the_scores(tmp_path, monkeypatch):
    def fail(*_):
        raise TableError("no scores")

    monkeypatch.setattr("steepest.pipeline.fit.score_fit", fail)
    with pytest.raises(TableError, match="no scores"):
        run("train", CENSUS, "--target", "income", *SOME, "--ignore", "split", "-o", tmp_path / "m")
    assert Model.load(tmp_path / "m").task.name == "income"


def test_the_standard_input_is_read_once(monkeypatch):
    with pytest.raises(InputError, match="--memory reads the table twice"):
        run("train", "-", "--target", "y", "--memory", "1GB")
