"""Networks and models as folders."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ort import run

import states
import steepest
from states import Centre, CentreAll, ScaledCentre
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
    SteepestError,
    export_onnx,
)
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def network():
    layers = (Dense(8), ReLU(), Residual(LayerNorm(), Dense(8)),
              Concat(Identity(), Sequential(Dense(2), ReLU())), Dense(1))  # fmt: skip
    return Network(*layers, inputs=3, seed=4)


def test_a_network_saves_itself(network, tmp_path):
    network.save(tmp_path / "own")
    steepest.save(network, tmp_path / "same")
    for name in ("model.json", "theta.safetensors"):
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
    again = Network.load(tmp_path / "own")
    np.testing.assert_array_equal(again.theta, network.theta)
    assert repr(again) == repr(network)
    of_model = Network.load(FIXTURES / "model_schema_1")
    np.testing.assert_array_equal(
        of_model.theta, Model.load(FIXTURES / "model_schema_1").network.theta
    )


def test_a_network_finds_folders_without_any_other_import(tmp_path):
    code = (
        "import sys; from steepest.network import Network; from steepest.layers import Dense; "
        "assert 'steepest.pipeline.model' not in sys.modules; "
        f"Network(Dense(1), inputs=2).save({str(tmp_path / 'n')!r}); "
        f"print(Network.load({str(tmp_path / 'n')!r}).inputs)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


@pytest.mark.parametrize(
    ("folder", "to_save", "to_load"),
    [
        (3, "folder must be a path", "folder must be a path"),
        (None, "folder must be a path", "folder must be a path"),
        ("", "folder that we are in", "not a complete model"),
        ("a\0b", "null byte", "does not exist"),
    ],
)
def test_a_network_saved_nowhere(network, folder, to_save, to_load):
    with pytest.raises(SteepestError, match=to_save):
        network.save(folder)
    with pytest.raises(SteepestError, match=to_load):
        Network.load(folder)


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
        (lambda r: r.update(schema=6), r"of schema 6, written by a later Steepest.*up to 5"),
        (lambda r: r.pop("schema"), "its schema is None"),
        (lambda r: r.update(format="steepest network"), "of networks alone there was schema 1"),
        (lambda r: r.update(task={"name": "y"}), "has an encoder, a task and a loss"),
        (lambda r: r.update(encoder={"columns": []}), "has an encoder, a task and a loss"),
        (
            lambda r: r.update(calibration={"type": "Temperature"}),
            "a network without a task has no calibration",
        ),
        (lambda r: r.pop("calibration"), "lacks 'calibration'"),
        (lambda r: r.update(about=[]), "about must be an object"),
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
    with pytest.raises(ModelError, match=r"without an encoder, so it can't read tables; from P"):
        Model.load(folder)


def test_a_network_of_its_former_format_is_read_and_brought_up_to_date(tmp_path):
    old = steepest.load(FIXTURES / "network_schema_1")
    same = Network(Dense(4), ReLU(), LayerNorm(), Dense(2), inputs=3, seed=5)
    assert repr(old) == repr(same)
    assert np.array_equal(old.theta, same.theta)
    shutil.copytree(FIXTURES / "network_schema_1", tmp_path / "network")
    steepest.save(old, tmp_path / "network")  # over it
    record = json.loads((tmp_path / "network" / "model.json").read_text())
    assert (record["format"], record["schema"]) == ("steepest model", 5)
    assert np.array_equal(steepest.load(tmp_path / "network").theta, old.theta)


TABLE = pa.table({"x": np.linspace(0, 1, 60), "y": [k % 3 == 0 for k in range(60)]})


def test_networks_and_models_are_of_one_format_and_one_reads_the_others_network(folder, tmp_path):
    model = fit_table(TABLE, Request("y", {"layers": (4,), "epochs": 1})).model
    model.save(tmp_path / "model")
    records = [json.loads((place / "model.json").read_text()) for place in
               (folder, tmp_path / "model")]  # fmt: skip
    assert list(records[0]) == list(records[1])
    assert isinstance(steepest.load(tmp_path / "model"), Model)
    network = steepest.load_network(tmp_path / "model")
    assert np.array_equal(network.theta, model.network.theta)
    X = model.encoder.transform(TABLE, None, "float32")
    assert np.array_equal(network.predict(X), model.network.predict(X))
    assert repr(steepest.load_network(folder)) == repr(steepest.load(folder))
    with pytest.raises(InputError, match="load_network: plugins must be a list"):
        steepest.load_network(folder, plugins="states.py")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_says_nothing_of_the_number_of_threads(threads, tmp_path):
    settings = {"layers": (4,), "epochs": 1, "threads": threads}
    fit_table(TABLE, Request("y", settings)).model.save(tmp_path / "model")
    assert "threads" not in (tmp_path / "model" / "model.json").read_text()


@pytest.fixture
def stateful(tmp_path):
    network = Network(Centre(), Dense(4), Residual(ScaledCentre()), Dense(2), inputs=3)
    network.built.state[:] = np.arange(network.built.state.size) / 8
    steepest.save(network, tmp_path / "stateful")
    return network, tmp_path / "stateful"


def test_state_comes_back_to_the_last_bit(stateful):
    network, folder = stateful
    same = steepest.load(folder, plugins=[states])
    assert list(same.state) == ["0.m", "0.count", "2.0.m"]
    assert np.array_equal(same.built.state, network.built.state)
    X = np.random.default_rng(0).standard_normal((5, 3))
    assert np.array_equal(same.predict(X), network.predict(X))
    assert (folder / "state.safetensors").exists()


def test_a_network_of_shapes_comes_back_with_its_state(tmp_path):
    network = Network(CentreAll(), Dense(4), Centre(), Dense(2), inputs=(5, 3))
    network.built.state[:] = np.arange(network.built.state.size) / 8
    steepest.save(network, tmp_path / "network")
    assert json.loads((tmp_path / "network/model.json").read_text())["network"]["inputs"] == [5, 3]
    same = steepest.load(tmp_path / "network", plugins=[states])
    X = np.random.default_rng(0).standard_normal((6, 5, 3))
    assert np.array_equal(same.predict(X), network.predict(X))
    export_onnx(same, tmp_path / "n.onnx")
    found = run(tmp_path / "n.onnx", x=X.astype(np.float32))["y"]
    np.testing.assert_allclose(found, network.predict(X), rtol=1e-5, atol=1e-5)


def test_damage_to_the_state_is_found(stateful):
    network, folder = stateful
    file = folder / "state.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    with pytest.raises(ModelError, match=r"state\.safetensors is truncated or damaged"):
        steepest.load(folder, plugins=[states])
    file.unlink()
    with pytest.raises(ModelError, match=r"state\.safetensors is missing"):
        steepest.load(folder, plugins=[states])
    network.state["0.m"][0] = np.inf
    steepest.save(network, folder.with_name("other"))
    with pytest.raises(ModelError, match=r"0\.m holds a number that is not finite"):
        steepest.load(folder.with_name("other"), plugins=[states])


def test_nothing_there(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        steepest.load(tmp_path / "nothing")
