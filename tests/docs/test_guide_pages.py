"""The snippets of guide pages that have no tests of their own.

Fenced ones stand by themselves. Indented ones need a model, rows or a package of somebody else,
and the tests have these ready. JavaScript is run by tests/pages/test_guide.py, and what needs MPI
or Dask by test_scale_page.py. No test runs `pip`, `tensorboard`, and `steepest train` on a
large file.
"""

import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from steepest import Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, TabularClassifier, Trainer
from steepest.cli import app
from thorough import THOROUGH

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = ("deploy", "frameworks", "larger_than_memory", "tune")
NOT_RUN = ("pip ", "const ", "import * as ", "steepest train ", "tensorboard ")


def read(name):
    return (GUIDE / f"{name}.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", PAGES)
def test_snippets(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    snippets = re.findall(r"```python\n(.*?)```", read(name), re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, name, "exec"), namespace)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model of people, and a table of them."""
    folder, rng = tmp_path_factory.mktemp("guide"), np.random.default_rng(0)
    people = pd.DataFrame(
        {"age": rng.integers(18, 90, 300).astype(float), "town": rng.choice(["Here", "There"], 300)}
    )
    rich = np.where(people["age"] > 50, "yes", "no")
    fitted = TabularClassifier(settings={"epochs": 2, "layers": (8,)}).fit(people, rich)
    fitted.model_.save(folder / "model")
    target = fitted.model_.task.name
    people.assign(**{target: rich}).to_csv(folder / "new_rows.csv", index=False)
    return folder, people.assign(**{target: rich})


def prepared(name, table):
    """Return what the indented snippets of a page begin with."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    found = {"X": X, "y": y, "X_test": X, "y_test": y, "table": table, "frame": table}
    network = Network(Dense(4), ReLU(), Dense(2))
    found["trainer"] = Trainer(network, SoftmaxCrossEntropy(), Adam(lr=0.01))
    if name == "frameworks":
        if not THOROUGH:
            pytest.skip("PyTorch takes seconds to import; ORACLES=1 runs this")
        torch = pytest.importorskip("torch")
        layers = torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)
        module = torch.nn.Sequential(*layers)
        found |= {"module": module, "Network": Network, "Dense": Dense, "ReLU": ReLU}
        torch.onnx.export(module, (torch.zeros(1, 20),), "net.onnx", dynamo=False)
    return found


@pytest.mark.parametrize("name", ["deploy", "frameworks", "notebooks", "report"])
@pytest.mark.filterwarnings("ignore")  # of packages of others
def test_indented_snippets(name, place, monkeypatch):
    folder, table = place
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["steepest"])
    namespace = prepared(name, table)
    text = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
    blocks = re.findall(r"(?:^    .*\n|(?<=\n)\n(?=    ))+", text, re.MULTILINE)
    run = 0
    for block in (re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in blocks):
        if not block or block.startswith(NOT_RUN):
            continue
        run += 1
        if block.startswith("steepest "):
            done = CliRunner().invoke(app, block.split()[1:])
            assert done.exit_code == 0, done.output
        else:
            exec(compile(block, name, "exec"), namespace)
    assert run


@pytest.mark.filterwarnings("ignore")  # of packages of others
def test_a_search_by_optuna():
    """The extra of the oracles has it: it needs a dozen packages, for one snippet."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    page = read("tune")
    (search,) = re.findall(r"(?<=With Optuna:\n\n)(?:    .*\n|\n(?=    ))+", page)
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, 60)
    known = {
        "people": pd.DataFrame({"age": age, "town": rng.choice(["Here", "There"], 60)}),
        "rich": np.where(age > 50, "yes", "no"),
        "TabularClassifier": TabularClassifier,
    }
    fewer = textwrap.dedent(search).replace("n_trials=30", "n_trials=2")
    assert fewer != textwrap.dedent(search)
    exec(compile(fewer, "tune", "exec"), known)
