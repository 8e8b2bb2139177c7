"""Networks and models as folders."""

import json
import subprocess
import sys

import numpy as np
import pytest

import steepest
from steepest import (
    Concat,
    Dense,
    Identity,
    InputError,
    LayerNorm,
    Model,
    ModelError,
    Network,
    PluginError,
    ReLU,
    Residual,
    Sequential,
)


@pytest.fixture
def network():
    layers = (Dense(8), ReLU(), Residual(LayerNorm(), Dense(8)),
              Concat(Identity(), Sequential(Dense(2), ReLU())), Dense(1))  # fmt: skip
    return Network(*layers, inputs=3, seed=4)


@pytest.fixture
def folder(network, tmp_path):
    steepest.save(network, tmp_path / "network")
    return tmp_path / "network"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_comes_back_to_the_last_bit(dtype, tmp_path):
    network = Network(Dense(8), ReLU(), Dense(1), inputs=3, dtype=dtype, seed=np.int64(7))
    network.theta[:] = np.random.default_rng(0).standard_normal(network.theta.size)
    steepest.save(network, str(tmp_path / "network"))
    same = steepest.load(str(tmp_path / "network"))
    assert repr(same) == repr(network)
    assert same.seed == 7
    assert np.array_equal(same.theta, network.theta)
    X = np.random.default_rng(1).standard_normal((5, 3))
    assert np.array_equal(same.predict(X), network.predict(X))


def test_layers_in_layers_come_back(network, folder):
    same = steepest.load(folder)
    assert same.layers == network.layers
    assert np.array_equal(same.theta, network.theta)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "theta.safetensors"]


def test_a_folder_is_replaced_and_nothing_else_is(network, folder, tmp_path):
    network.theta[:] = 1
    steepest.save(network, folder)
    assert (steepest.load(folder).theta == 1).all()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(ModelError, match="is not a model folder"):
        steepest.save(network, folder)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ModelError, match="is not a model folder"):
        steepest.save(network, file)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("thing", "error", "message"),
    [
        (Network(Dense(1)), ModelError, "train it, or build it, first"),
        (Network(Dense(1, weights=lambda rng, shape: np.ones(shape)), inputs=2), ModelError,
         "can't be saved; use one of the names"),
        ({"a": 1}, InputError, "expected a Network, like trainer.network, or a Model"),
        (Network, InputError, "expected a Network"),
    ],
)  # fmt: skip
def test_what_can_not_be_saved(thing, error, message, tmp_path):
    with pytest.raises(error, match=message):
        steepest.save(thing, tmp_path / "network")
    assert list(tmp_path.iterdir()) == []


def edit(folder, change):
    file = folder / "model.json"
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(schema=2), "of schema 2, this Steepest reads 1"),
        (lambda r: r.pop("schema"), "lacks 'schema'"),
        (lambda r: r.update(format="steepest plan"), "does not describe a Steepest model"),
        (lambda r: r["files"].clear(), "must say what it knows of theta.safetensors"),
        (lambda r: r["files"]["theta.safetensors"].update(bytes=1), "describes other content"),
        (lambda r: r["network"].update(inputs=4), "does not fit model.json"),
        (lambda r: r["network"].update(inputs="3"), "must be whole numbers"),
        (lambda r: r["network"].update(inputs=10**12), "damaged|memory"),
        (lambda r: r["network"].update(dtype="int8"), "float32 or float64"),
        (lambda r: r["network"].update(layers=[]), "at least one layer"),
        (lambda r: r["network"].update(layers=[{"type": "os"}]), "no layer 'os'"),
        (lambda r: r.update(network=None), "damaged"),
    ],
)
def test_what_is_wrong_in_a_record_is_named(folder, change, message):
    edit(folder, change)
    with pytest.raises(ModelError, match=message):
        steepest.load(folder)


def test_damage_to_the_parameters_is_found(folder, network):
    theta = folder / "theta.safetensors"
    whole = theta.read_bytes()
    theta.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="truncated or damaged"):
        steepest.load(folder)
    theta.unlink()
    with pytest.raises(ModelError, match=r"theta\.safetensors is missing"):
        steepest.load(folder)
    network.theta[0] = np.nan
    steepest.save(network, folder.with_name("other"))
    with pytest.raises(ModelError, match="not finite"):
        steepest.load(folder.with_name("other"))


def test_a_layer_of_ones_own_needs_its_file(tmp_path, monkeypatch):
    file = tmp_path / "my_own_folders_layer.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        "from steepest import ReLU\n"
        "@dataclass(frozen=True)\n"
        "class Own(ReLU):\n"
        "    pass\n"
    )
    script = (
        "import sys, steepest\n"
        "from steepest import Dense, Network, plugins\n"
        "(module,) = plugins.use('my_own_folders_layer.py')\n"
        "steepest.save(Network(Dense(2), module.Own(), inputs=2), 'network')\n"
        "print(steepest.load('network').layers[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.stdout == "Own()\n", done.stderr
    with pytest.raises(PluginError, match="needs the plugin 'my_own_folders_layer'"):
        steepest.load(tmp_path / "network")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert type(steepest.load(tmp_path / "network", plugins=[file]).layers[1]).__name__ == "Own"


def test_a_network_is_no_model_and_says_so(folder):
    with pytest.raises(ModelError, match=r"holds a network alone; steepest\.load returns it"):
        Model.load(folder)


def test_nothing_there(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        steepest.load(tmp_path / "nothing")
