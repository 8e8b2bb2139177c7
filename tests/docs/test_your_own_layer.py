"""The tutorial in docs/guide/your_own_layer.md: its files, its snippets and its commands work."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from ort import run
from typer.testing import CliRunner

from steepest import Network, check, export_onnx, load, plugins, save
from steepest.cli import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guide" / "your_own_layer.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, few_people):
    """A folder with the files that the tutorial writes, and the tables that it names."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, code in re.findall(
        r"^```python file=(\S+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE
    ):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(code + "\n")
    (folder / "census.parquet").symlink_to(few_people)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2))
    houses = pa.table({"a": x[:, 0], "b": x[:, 1], "price": x @ [1.0, -2.0]})
    pa.csv.write_csv(houses, folder / "houses.csv")
    return folder


def steepest(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "steepest", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_snippet(folder, monkeypatch, capsys):
    monkeypatch.syspath_prepend(folder)
    namespace = {}
    for snippet in blocks("python"):
        exec(compile(snippet, "your_own_layer.md", "exec"), namespace)
    losses = namespace["history"]["loss"]
    assert losses[-1] < 0.7 * losses[0]
    printed = capsys.readouterr().out
    assert "LowRank(64, rank=8)" in printed
    assert "WRONG" not in printed


def test_commands(folder, monkeypatch):
    monkeypatch.chdir(folder)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == [
        "check", "train", "predict", "show", "export", "check", "train",
    ]  # fmt: skip
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}"
    assert (folder / "predictions.csv").read_text().startswith("prediction")


def test_toml_and_a_model_that_names_what_it_needs(folder):
    (folder / "settings.toml").write_text(blocks("toml")[0])
    done = steepest(folder, "train", "houses.csv", "--target", "price", "--plugin", "my_layers.py",
                    "--config", "settings.toml", "--epochs", 2, "-o", "houses")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "-128-my_layers:LowRank-1," in done.stdout
    done = steepest(folder, "predict", "houses", "houses.csv")
    assert done.returncode == 2
    assert "--plugin my_layers.py" in done.stderr
    checked = steepest(folder, "check", "houses", "--plugin", "my_layers.py")
    assert checked.returncode == 0, checked.stdout
    assert "LowRank(64, rank=8)" in checked.stdout


def test_formulas(folder):
    """Against NumPy, as the tutorial's text gives them."""
    (module,) = plugins.use(folder / "my_layers.py")
    X = np.random.default_rng(0).standard_normal((6, 4))
    network = Network(module.Slope(), module.LowRank(3, rank=2), inputs=4, dtype="float64")
    s, U, V, b = (network.parameters[k] for k in ("0.s", "1.U", "1.V", "1.b"))
    s[:], b[:] = [0.1, 0.2, 0.3, -0.4], [1, 2, 3]
    expected = np.where(X > 0, X, s * X) @ (U @ V).T + b
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["Slope", "LowRank", "MeanOverTime"])
def test_on_examples_of_two_axes(folder, tmp_path, name):
    """The same files, unchanged: checked, saved and loaded, and in ONNX Runtime."""
    (module,) = plugins.use(folder / "my_layers.py")
    layer = next(each for each in module.examples if type(each).__name__ == name)
    X = np.random.default_rng(0).standard_normal((5, 3, 4)).astype(np.float32)
    check(layer, X)
    network = Network(layer, inputs=(3, 4))
    network.theta += np.linspace(-1, 1, network.theta.size).astype(np.float32)
    found = network.predict(X)
    if name == "MeanOverTime":
        np.testing.assert_allclose(found, X.mean(axis=1), rtol=1e-5)
    else:
        rows = Network(layer, inputs=4)
        rows.theta[:] = network.theta
        np.testing.assert_allclose(found, rows.predict(X.reshape(15, 4)).reshape(5, 3, -1))
    save(network, tmp_path / "network")
    np.testing.assert_array_equal(load(tmp_path / "network").predict(X), found)
    if name != "LowRank":  # which has no form
        export_onnx(network, tmp_path / "n.onnx")
        np.testing.assert_allclose(run(tmp_path / "n.onnx", x=X)["y"], found, rtol=1e-5)


def test_the_form_in_onnx(folder, tmp_path):
    (module,) = plugins.use(folder / "my_layers.py")
    network = Network(module.Slope(), inputs=4)
    network.theta[:] = [0.1, 0.2, 0.3, -0.4]
    X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    export_onnx(network, tmp_path / "n.onnx")
    np.testing.assert_allclose(run(tmp_path / "n.onnx", x=X)["y"], network.predict(X), rtol=1e-6)
