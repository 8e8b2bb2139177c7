"""The options of ``steepest train``: made of settings that are declared once."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.errors import InputError
from steepest.pipeline import fit, recipe
from steepest.pipeline.recipe import Recipe
from steepest.settings import Setting


@pytest.fixture
def table(tmp_path):
    x = np.random.default_rng(0).standard_normal(80)
    pa.csv.write_csv(pa.table({"x": x, "z, w": x**2, "y": 2 * x + 1}), tmp_path / "t.csv")
    return tmp_path / "t.csv"


def train(table, *flags):
    """Run the command; return the recipe that the model was trained by, and all that was said."""
    place = table.parent / "model"
    quick = "--layers", "4", "--epochs", "1", "-o", str(place)
    done = CliRunner().invoke(app, ["train", str(table), "--target", "y", *quick, *flags])
    if done.exception is not None:
        raise done.exception
    return json.loads((place / "model.json").read_text("utf-8"))["about"]["recipe"], done


def test_few_rows_train_a_bag_and_are_told_to(table):
    place, said = table.parent / "model", "8 networks over folds of the rows, the default here"

    def trained(*flags):
        command = ["train", str(table), "--target", "y", "--layers", "4", "-o", str(place), *flags]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        return done.output, json.loads((place / "model.json").read_text("utf-8"))["about"]

    report = table.parent / "report.html"
    output, about = trained("--report", str(report))
    assert f"{said} (--quality 1 has one)" in output
    assert "64 rows to train, each to validate in one of 8 folds; " in output
    assert "--quality 3 would take about" in output
    assert "--quality 4 would" not in output
    assert about["recipe"]["folds"] == 8
    assert about["rows"] == {"train": 64, "validation": 0, "test": 16}
    assert "network" in report.read_text("utf-8")
    for flags in (["--watch"], ["--quality", "1"]):
        output, about = trained(*flags)
        assert said not in output
        assert about["recipe"]["folds"] == 0
    assert "--quality 2 would take about" in output


def test_every_field_of_the_recipe_is_an_option(table):
    options = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "120"}).output
    for name in Recipe.names():
        assert f"--{name.replace('_', '-')} " in options
    assert "--products" not in options


def test_a_new_field_is_an_option_with_no_other_edit(table, monkeypatch):
    @dataclass(frozen=True)
    class Longer(Recipe):
        warmth: Annotated[float, Setting("The training", "How warm it may get.")] = 0.5
        steps: Annotated[tuple[int, ...], Setting("The network", "The steps of a stair.")] = (1, 2)

    for module in (recipe, fit):
        monkeypatch.setattr(module, "Recipe", Longer)
    options = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "120"}).output
    assert "How warm it may get. [default: 0.5]" in options
    assert "The steps of a stair. [default: 1,2]" in options
    assert train(table)[0].items() >= {"warmth": 0.5, "steps": [1, 2]}.items()
    found, _ = train(table, "--warmth", "0.75", "--steps", "3,4,5")
    assert found.items() >= {"warmth": 0.75, "steps": [3, 4, 5]}.items()
    (table.parent / "c.toml").write_text("warmth = 0.25\nsteps = [6]\n")
    found, _ = train(table, "--config", str(table.parent / "c.toml"))
    assert found.items() >= {"warmth": 0.25, "steps": [6]}.items()


def test_the_command_line_goes_before_the_file_even_with_a_default(table):
    (table.parent / "c.toml").write_text(
        'seed = 5\nlr = 0.5\nlayers = [3, 2]\nlayer-norm = true\nignore = ["z, w"]\n'
    )
    config = "--config", str(table.parent / "c.toml")
    found, done = train(table, *config, "--seed", "0")
    assert found.items() >= {"seed": 0, "lr": 0.5, "layers": [4], "layer_norm": True}.items()
    assert "1 column becomes" in done.output
    assert train(table, *config, "--no-layer-norm")[0]["layer_norm"] is False


def test_a_column_whose_name_has_a_comma_can_be_ignored(table):
    _, done = train(table, "--ignore", "z, w")
    assert "1 column becomes" in done.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ignore = 3", "ignore must be a list, got 3"),
        ("ignore = [3]", "ignore must be names of columns, got"),
        ("test = 'some'", "test must be a number of at least 0 and below 1, got 'some'"),
        ("time_limit = -1", "time_limit must be a number above 0, got -1"),
        ("layers = [4, 'x']", "layers must be a whole number of at least 1, got 'x'"),
        ("layers = true", "layers must be a list, got True"),
        ("quantiles = 0.5", "levels must be"),
        ("task = 5", "task must be one of classification, regression, got 5"),
        ("target = 5", "target must be the name of a column, got 5"),
        ("products = 'bfloat16'\nmatmul_dtype = 'bfloat16'", "products is the former name"),
    ],
)
def test_values_of_another_type_are_told(table, text, words):
    (table.parent / "c.toml").write_text(text)
    arguments = ["train", str(table), "--config", str(table.parent / "c.toml")]
    done = CliRunner().invoke(app, [*arguments, *["--target", "y"] * ("target" not in text)])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)


def test_a_former_name_is_taken_and_the_present_one_is_said(table):
    (table.parent / "c.toml").write_text("products = 'bfloat16'\n")
    for flags, where in (
        (["--products", "bfloat16"], "train"),
        (["--config", str(table.parent / "c.toml")], "c.toml"),
    ):
        found, done = train(table, *flags)
        assert found["matmul_dtype"] == "bfloat16"
        assert f"{where}: products is called matmul_dtype now" in done.output
    _, done = train(table, "--matmul-dtype", "bfloat16")
    assert "products" not in done.output


def test_a_former_name_is_said_on_the_standard_error(table):
    options = "--target", "y", "--products", "bfloat16", "--epochs", "1", "--layers", "4"
    command = [sys.executable, "-m", "steepest", "train", str(table), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "products" not in done.stdout
    assert done.stderr == (
        "steepest: train: products is called matmul_dtype now; the former name goes with the next "
        "release\n"
    )
