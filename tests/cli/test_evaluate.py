"""``steepest evaluate``, and what ``train`` and ``show`` have of honest probabilities."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.errors import InputError
from steepest.pipeline.model import Model


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


TRAIN = ("--layers", "8", "--epochs", "6")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("evaluate"), np.random.default_rng(0)
    x, town = rng.normal(size=600), rng.choice(["Ayr", "Bonn"], 600)
    rare = np.where(x + rng.normal(size=600) > 1.5, "yes", "no")
    table = pa.table({"x": x, "town": town, "y": rare})
    pa.parquet.write_table(table, place / "table.parquet")
    done = run(
        "train", place / "table.parquet", "--target", "y", *TRAIN, "--class-weight", "yes=4",
        "--monitor", "auc", "-o", place / "model",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return place


def test_it_prints_tables_or_json(place):
    done = run("evaluate", place / "model", place / "table.parquet", "--by", "town", "--bins", 4)
    assert done.exit_code == 0, done.output
    for text in ("600 rows, to predict 'y'", "trivial (always 'no')", "log_loss", "came true"):
        assert text in done.output
    assert "it is ↓, predicted →" in done.output
    done = run("evaluate", place / "model", place / "table.parquet", "--json", "--by", "town")
    found = json.loads(done.output)
    expected = Model.load(place / "model").evaluate(
        pa.parquet.read_table(place / "table.parquet"), by="town"
    )
    assert found == json.loads(json.dumps(expected.to_dict()))


def test_a_column_that_lacks_is_named(place):
    done = run("evaluate", place / "model", place / "table.parquet", "--by", "colour")
    assert "no column 'colour'" in str(done.exception)


def test_class_weights_and_the_monitor_are_kept_and_shown(place):
    model = Model.load(place / "model")
    assert model.calibration.weights == model.calibration.costs == (1.0, 4.0)
    assert "auc" in model.about["history"]
    shown = run("show", place / "model").output
    assert "class weights undone: no 1, yes 4" in shown
    assert "predicts 'yes' from a probability of 0.2 on" in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("perhaps=2", "class_weight names 'perhaps'; the classes are no, yes"),
        ("yes", "class_weight must be balanced, or like yes=5,no=1"),
        ("yes=much", "the weight of yes is 'much'"),
        ("yes=0", "each of class_weight must be a number above 0"),
    ],
)
def test_class_weights_that_are_none_are_refused(place, text, message):
    done = run("train", place / "table.parquet", "--target", "y", "--class-weight", text)
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
    done = run("train", place / "table.parquet", "--target", "x", "--class-weight", "balanced")
    assert "class_weight is for classes" in str(done.exception)


def test_out_of_core_it_is_the_same(place):
    done = run(
        "train", place / "table.parquet", "--target", "y", "--layers", "8", "--epochs", "20",
        "--class-weight", "balanced", "--memory", "1MB", "--monitor", "brier",
        "-o", place / "blocks",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    model = Model.load(place / "blocks")
    assert "brier" in model.about["history"]
    assert model.calibration.weights[1] > 2 * model.calibration.weights[0]
    table = pa.parquet.read_table(place / "table.parquet")
    rate = np.mean(np.array(table.column("y")) == "yes")
    assert model.predict_proba(table)[:, 1].mean() == pytest.approx(rate, abs=0.04)
