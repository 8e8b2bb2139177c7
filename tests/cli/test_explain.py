"""``steepest explain``, and ``train --watch``."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.cli.explain import _rows
from steepest.errors import InputError, SteepestError
from steepest.inspection.gradients import gradient
from steepest.parameters import walk
from steepest.pipeline.model import Model


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A table with a target of either kind, and a model of each."""
    place, rng = tmp_path_factory.mktemp("explain"), np.random.default_rng(0)
    n = 300
    age, town = rng.integers(18, 90, n), rng.choice(["Here", "There", "[bold]"], n)
    score = 0.1 * age + 3.0 * (town == "Here") + rng.normal(0, 0.3, n)
    columns = {"age": age, "town": town, "noise": rng.normal(size=n)}
    columns["street"] = [f"street {k}" for k in rng.integers(0, 12, n)]
    rich = np.where(score > 6, "yes", "no").tolist()
    rich[5] = None
    pa.parquet.write_table(pa.table({**columns, "rich": rich}), place / "classes.parquet")
    pa.parquet.write_table(pa.table({**columns, "score": score}), place / "numbers.parquet")
    for name, target in (("classes", "rich"), ("numbers", "score")):
        done = CliRunner().invoke(
            app,
            ["train", str(place / f"{name}.parquet"), "--target", target, "--layers", "6,4",
             "--epochs", "12", "--batch", "16", "--lr", "0.02", "--test", "0.1",
             "-o", str(place / name), "--watch"],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        (place / f"{name}.txt").write_text(done.output)
    return place


def explain(place, name, *flags):
    arguments = ["explain", str(place / name), str(place / f"{name}.parquet"), *flags]
    return CliRunner().invoke(app, arguments)


def test_rows_go_forwards_and_then_backwards(tables):
    done = explain(tables, "classes", "--rows", "3,0", "--sample", "0")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    titles = [line for line in lines if line.startswith("row ")]
    assert [title.split(":")[0] for title in titles] == ["row 3", "row 0"]
    assert re.search(r"rich is '(yes|no)', predicted '(yes|no)' \(\d+\.\d%\), loss", titles[0])
    forwards, backwards = lines.index("forwards"), lines.index("backwards")
    steps = [line.split()[0] for line in lines[forwards + 2 : backwards]]
    network = Model.load(tables / "classes").network
    paths = [path for path, _, _ in walk(network.layer, network.input_shape) if path]
    assert set(steps[:-1]) == set(paths)
    assert [s for s in steps if "." not in s] == [*(p for p in paths if "." not in p), "ℓ"]
    back = [line.split()[0] for line in lines[backwards + 2 : lines.index("the input")]]
    assert back == [*steps[-2::-1], "x"]
    assert "\x1b" not in done.output
    towns = pa.parquet.read_table(tables / "classes.parquet").column("town").to_pylist()
    row = towns.index("[bold]")
    assert "[bold]" in explain(tables, "classes", "--rows", str(row), "--sample", "0").output
    assert not any(line.endswith(" ") for line in lines)


def test_numbers_are_those_of_the_gradient(tables):
    done = explain(tables, "numbers", "--rows", "7", "--sample", "0")
    model = Model.load(tables / "numbers")
    table = pa.parquet.read_table(tables / "numbers.parquet").slice(7, 1)
    X = model.encoder.transform(table, dtype="float32")
    found = gradient(model.network, model.loss, X, model.task.encode(table.column("score")))
    (ending,) = re.findall(r"^ℓ +Squared.* ([\d.e+-]+)$", done.output, re.M)
    assert ending == f"{found.loss:.4g}"
    assert "take score in its standard deviations" in done.output
    backwards = done.output[done.output.index("backwards") :]
    affine = [name.removesuffix(".A") for name in found.theta if name.endswith(".A")]
    assert len(affine) == 3
    for path in affine:
        line = next(line for line in backwards.splitlines() if line.startswith(f"{path} "))
        assert f"{np.linalg.norm(found.dy[path]):.4g}" in line
        both = (found.theta[f"{path}.A"], found.theta[f"{path}.b"])
        learned = np.sqrt(sum((array**2).sum() for array in both))
        assert float(line.split()[-1]) == pytest.approx(learned, rel=1e-3)
    columns = backwards[backwards.index("the input") :]
    assert {line.split()[0] for line in columns.splitlines()[2:5]} == {"age", "town", "noise"}
    assert "no slope to show: street" in columns
    assert str(table.column("age")[0].as_py()) in columns


def test_importance_of_columns(tables):
    done = explain(tables, "numbers", "--sample", "200", "--repeats", "3")
    assert done.exit_code == 0, done.output
    part = done.output[done.output.index("what it owes") :].splitlines()
    rows = [line.split() for line in part[2:5]]
    assert [row[0] for row in rows][:2] == ["age", "town"]
    assert float(rows[0][1]) > 10 * abs(float(rows[2][1]))
    assert "rmse of 200 rows is" in done.output
    slopes = [float(found) for found in re.findall(r" ([\d.]+)%", "\n".join(part))]
    assert sum(slopes) == pytest.approx(100, abs=0.3)
    street = next(line for line in part if line.startswith("street"))
    assert len(re.findall(r"\d\.\d", street)) == 2  # shuffled, ±: no slope
    assert part[-1].endswith("no slope to show: street")


def test_hardest_rows(tables):
    done = explain(tables, "classes", "--hardest", "2", "--sample", "0")
    assert done.exit_code == 0, done.output
    losses = [float(found) for found in re.findall(r"^row.*loss ([\d.e+-]+)$", done.output, re.M)]
    assert len(losses) == 2
    assert max(losses) > 0.3
    both = explain(tables, "classes", "--hardest", "1", "--rows", "0", "--sample", "0")
    assert both.output.count("forwards") == 2


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("classes", ["--rows", "300"], "no row 300; the table has 300"),
        ("classes", ["--rows", "a"], "numbers and ranges"),
        ("classes", ["--rows", "3-1"], "numbers and ranges"),
        ("classes", ["--rows", "4-6"], "row 5 has no known target"),
    ],
)
def test_rows_that_cannot_be_followed(tables, name, flags, words):
    done = explain(tables, name, *flags)
    assert isinstance(done.exception, SteepestError)
    assert words in str(done.exception)


def test_table_without_target(tables):
    place = tables / "bare.parquet"
    bare = {"age": [1], "town": ["Here"], "noise": [0.0], "street": ["street 1"]}
    pa.parquet.write_table(pa.table(bare), place)
    done = CliRunner().invoke(app, ["explain", str(tables / "classes"), str(place)])
    assert "no column 'rich'" in str(done.exception)
    pa.parquet.write_table(pa.table({**bare, "rich": ["maybe"]}), place)
    done = CliRunner().invoke(app, ["explain", str(tables / "classes"), str(place)])
    assert "no row has a known target" in str(done.exception)


def test_row_numbers():
    assert _rows("0, 4-6,2", 7) == [0, 4, 5, 6, 2]
    with pytest.raises(InputError, match="numbers and ranges"):
        _rows("", 7)


def test_training_watched(tables):
    printed = (tables / "classes.txt").read_text()
    assert "‖Δθ‖/‖θ‖" in printed
    assert "noise scale" in printed
    assert "\nepoch 1, step" in printed


@pytest.mark.parametrize(
    ("target", "flags", "name"),
    [
        ("kind", ["--label-smoothing", "0.3"], "log_loss"),  # which the test leaves out
        ("kind", ["--loss", "hinge"], "accuracy"),
        ("size", [], "rmse"),
        ("size", ["--loss", "absolute"], "rmse"),
        ("size", ["--quantiles", "0.1,0.5,0.9"], "pinball"),
    ],
)
def test_the_score_is_the_one_that_the_test_reports(tmp_path, target, flags, name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    columns = {"kind": np.where(x + rng.normal(size=400) > 0, "yes", "no"),
               "size": 1e4 * x + 1e3 * rng.normal(size=400)}  # fmt: skip
    table = pa.table({"x": x, "noise": rng.normal(size=400), target: columns[target],
                      "split": ["train"] * 250 + ["validation"] * 50 + ["test"] * 100})  # fmt: skip
    model = str(tmp_path / "model")
    pa.parquet.write_table(table, tmp_path / "all.parquet")
    pa.parquet.write_table(table.slice(300), tmp_path / "tested.parquet")
    done = CliRunner().invoke(
        app,
        ["train", str(tmp_path / "all.parquet"), "--target", target, "--layers", "4",
         "--epochs", "5", *flags, "-o", model],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (tested,) = re.findall(rf"^{name} +([\d.,]+)", done.output, re.M)
    done = CliRunner().invoke(app, ["explain", model, str(tmp_path / "tested.parquet")])
    (explained,) = re.findall(rf"^{name} of 100 rows is ([\d.e+]+);", done.output, re.M)
    assert float(explained) == pytest.approx(float(tested.replace(",", "")), rel=2e-3)
    worse = {
        row: float(by) for row, by in re.findall(r"^(x|noise) +([+-][\d.e+]+)", done.output, re.M)
    }
    assert worse["x"] > 10 * abs(worse["noise"])
