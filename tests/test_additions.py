"""Adding costs one file: what one holds is checked, trained, saved, exported and offered by name.

The same files once as a user writes them, a plugin, and once dropped into the package's folders.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ort import columns, run
from sklearn.exceptions import ConvergenceWarning
from typer.testing import CliRunner

import steepest
from steepest import MLPRegressor, PluginError, export_onnx, plugins
from steepest.cli import app
from steepest.pipeline.fit import fit_table
from steepest.pipeline.model import Model
from steepest.pipeline.names import ACTIVATIONS, LOSSES, RULES, SCHEDULES
from steepest.pipeline.request import Request
from steepest.saved.config import from_config, to_config

ACTIVATION = '''
"""Softsign: y = x/(1 + |x|), entry by entry; (n, p) -> (n, p)."""

from dataclasses import dataclass

from steepest.layer import Layer
from steepest.onnx_form import Operator


@dataclass(frozen=True, repr=False)
class Softsign(Layer):
    """y = x/(1 + |x|)."""

    steepest_slope = 1.0
    onnx = Operator("Softsign")

    @staticmethod
    def forward(x, y, rows, units):
        """y = x/(1 + |x|)"""
        one = x.dtype.type(1)
        for i in rows:
            for j in units:
                y[i, j] = x[i, j] / (one + abs(x[i, j]))

    @staticmethod
    def backward_x(x, dy, dx, rows, units):
        """dx = dy/(1 + |x|)²"""
        one = x.dtype.type(1)
        for i in rows:
            for j in units:
                u = one + abs(x[i, j])
                dx[i, j] = dy[i, j] / (u * u)


examples = (Softsign(),)
'''
LOSS = '''
"""Log-cosh: ℓ = Σ_k log cosh(z_k − y_k)."""

from dataclasses import dataclass
from math import cosh, log, tanh

from steepest.loss import Loss


@dataclass(frozen=True)
class LogCosh(Loss):
    """ℓ = Σ_k log cosh(z_k − y_k)."""

    tasks = ("regression",)
    called = ("log_cosh",)

    @staticmethod
    def value(z, y, w, loss, rows):
        """loss = w Σ_k log cosh(z − y)"""
        for i in rows:
            total = 0.0
            for k in range(z.shape[1]):
                total += log(cosh(z[i, k] - y[i, k]))
            loss[i] = w[i] * total

    @staticmethod
    def gradient(z, y, w, loss, dz, scale, rows):
        """dz = scale w tanh(z − y); loss = w Σ_k log cosh(z − y)"""
        for i in rows:
            total = 0.0
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += log(cosh(u))
                dz[i, k] = scale * w[i] * tanh(u)
            loss[i] = w[i] * total


examples = (LogCosh(),)
'''
RULE = '''
"""RootDecay: θ ← θ − η g/√t."""

from dataclasses import dataclass
from math import sqrt

from steepest.rule import Rule


@dataclass(frozen=True, kw_only=True)
class RootDecay(Rule):
    """θ ← θ − η g/√t."""

    @staticmethod
    def step(theta, g, eta, t, entries):
        """theta −= eta g/√t"""
        for i in entries:
            theta[i] -= eta * g[i] / sqrt(t)
            g[i] = 0


examples = (RootDecay(),)
'''
SCHEDULE = '''
"""Linear: from lr straight down to 0."""

from dataclasses import dataclass

import numpy as np

from steepest.schedule import Schedule


@dataclass(frozen=True)
class Linear(Schedule):
    """η_t = lr · (1 − t/total), and 0 from there on."""

    lr: float
    total: int | None = None

    def __call__(self, steps, /):
        return self.lr * (1 - np.minimum(steps, self.total) / self.total)


examples = (Linear(0.1),)
'''
ADDITIONS = {  # by setting of the recipe: the file, the folder for it, the class, the names for it
    "activation": (ACTIVATION, "layers", "Softsign", "softsign", ACTIVATIONS),
    "loss": (LOSS, "losses", "LogCosh", "log_cosh", LOSSES["regression"]),
    "rule": (RULE, "rules", "RootDecay", "rootdecay", RULES),
    "schedule": (SCHEDULE, "schedules", "Linear", "linear", SCHEDULES),
}
each = pytest.mark.parametrize("setting", ADDITIONS)
RNG = np.random.default_rng(0)
TABLE = pa.table({"a": RNG.normal(size=200), "b": RNG.normal(size=200)})
TABLE = TABLE.append_column("y", pa.array(TABLE["a"].to_numpy() * TABLE["b"].to_numpy()))


@pytest.fixture
def plugin(setting, tmp_path):
    """A user's file with the addition; what is known of it is forgotten afterwards."""
    file = tmp_path / f"additional_{setting}.py"
    file.write_text(ADDITIONS[setting][0], encoding="utf-8")
    yield file
    sys.modules.pop(file.stem, None)
    plugins._used.pop(file.stem, None)


@each
def test_a_users_file_is_all_it_takes(setting, plugin, tmp_path):
    _, _, kind, name, names = ADDITIONS[setting]
    assert name not in names
    done = CliRunner().invoke(app, ["check", str(plugin)])
    assert done.exit_code == 0, done.output
    assert "1 of 1 are as they should be" in done.output
    assert name in list(names)
    assert names[name] is getattr(sys.modules[plugin.stem], kind)
    (thing,) = sys.modules[plugin.stem].examples
    record = to_config(thing)
    assert record["type"] == f"{plugin.stem}:{kind}"
    assert from_config(record, "layer" if setting == "activation" else setting) == thing

    settings = {setting: name, "layers": (8,), "epochs": 2}
    model = fit_table(TABLE, Request("y", settings)).model
    model.save(tmp_path / "model")
    expected = model.predict(TABLE, threads=1).column("prediction").to_numpy()
    sys.modules.pop(plugin.stem)
    plugins._used.pop(plugin.stem)
    if setting in ("activation", "loss"):  # a model has no rule and no schedule
        with pytest.raises(PluginError, match=rf"--plugin {plugin.stem}\.py"):
            Model.load(tmp_path / "model")
    again = Model.load(tmp_path / "model", plugins=[plugin])
    found = again.predict(TABLE, threads=1).column("prediction").to_numpy()
    np.testing.assert_array_equal(found, expected)

    export_onnx(again, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", **columns(again.encoder, TABLE))["prediction"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("setting", ["activation"])
def test_a_users_activation_is_offered_by_the_mlps(setting, plugin):
    X, y = np.column_stack([TABLE["a"], TABLE["b"]]), TABLE["y"].to_numpy()
    mlp = MLPRegressor(hidden_layer_sizes=(4,), activation="softsign", solver="lbfgs", max_iter=9)
    with pytest.raises(ValueError, match="'activation' parameter of MLPRegressor"):
        mlp.fit(X, y)
    plugins.use(plugin)
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, y)
    assert repr(mlp.network_.layer.layers[1]) == "Softsign()"


@pytest.mark.parametrize("setting", ["activation"])
def test_a_users_activation_acts_on_the_last_axis_of_any_shape(setting, plugin, tmp_path):
    (module,) = plugins.use(plugin)
    X = RNG.normal(size=(5, 3, 4)).astype(np.float32)
    assert steepest.check(module.examples[0], X).ok
    network = steepest.Network(module.examples[0], inputs=(3, 4))
    np.testing.assert_allclose(network.predict(X), X / (1 + np.abs(X)), rtol=1e-6)
    export_onnx(network, tmp_path / "n.onnx")
    np.testing.assert_allclose(run(tmp_path / "n.onnx", x=X)["y"], network.predict(X), rtol=1e-6)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package, with the additions in their folders and nothing else changed."""
    folder = tmp_path_factory.mktemp("copy")
    source = Path(steepest.__file__).parent
    shutil.copytree(source, folder / "steepest", ignore=shutil.ignore_patterns("__pycache__"))
    for text, where, kind, _, _ in ADDITIONS.values():
        file = folder / "steepest" / where / f"{kind.lower()}.py"
        file.write_text(text, encoding="utf-8")
    return folder


def python(package, code):
    environment = os.environ | {"PYTHONPATH": str(package), "COLUMNS": "300"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


DROPPED = """
import steepest
from steepest.checking import catalogue
from steepest.pipeline import names
from steepest.saved.config import from_config, to_config

assert steepest.__file__.startswith({folder!r})
kind = steepest.{kind}
(thing,) = [each for each in catalogue.{listed} if type(each) is kind]
assert "{kind}" in steepest.__all__
assert steepest.check(thing).ok
offered = getattr(names, "{offered}")
assert "{name}" in (offered["regression"] if isinstance(offered, dict) else offered)
assert from_config(to_config(thing), "{what}") == thing
assert to_config(thing)["type"] == "{kind}"
"""


@each
def test_a_file_in_its_folder_is_all_it_takes(setting, package):
    _, where, kind, name, _ = ADDITIONS[setting]
    what = "layer" if setting == "activation" else setting
    offered = {"activation": "ACTIVATIONS", "loss": "LOSSES"}.get(setting, f"{setting.upper()}S")
    python(package, DROPPED.format(
        folder=str(package), kind=kind, listed=where.upper(), offered=offered, name=name, what=what,
    ))  # fmt: skip


def test_the_command_line_names_what_is_in_the_folders(package):
    code = "from steepest.cli import app; app(['train', '--help'])"
    words = re.findall(r"\w+", python(package, code))
    for _, _, _, name, _ in ADDITIONS.values():
        assert name in words


def test_an_activation_in_its_folder_goes_to_onnx_and_back(package, tmp_path):
    python(package, f"""
import numpy as np, steepest
from steepest import Dense, MLPClassifier, Network, Softsign

network = Network(Dense(5), Softsign(), inputs=3)
steepest.export_onnx(network, {str(tmp_path / "n.onnx")!r})
assert repr(steepest.import_onnx({str(tmp_path / "n.onnx")!r})) == repr(network)
X = np.zeros((4, 2))
MLPClassifier((3,), "softsign", max_iter=1).fit(X, [0, 1, 0, 1])
""")  # fmt: skip
