import pickle

import numpy as np
import pytest

from steepest import (
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePool,
    GroupNorm,
    Identity,
    InputError,
    Network,
    Parallel,
    Parametric,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sum,
)
from steepest.errors import LayerInputError


def network(**options):
    return Network(Dense(20), ReLU(), Dense(3), **({"inputs": 4} | options))


def test_parameters_are_views_by_name():
    net = network()
    shapes = {name: view.shape for name, view in net.parameters.items()}
    assert shapes == {"0.A": (20, 4), "0.b": (20,), "2.A": (3, 20), "2.b": (3,)}
    assert net.theta.size == 163
    assert net.theta.ctypes.data % 64 == 0
    for view in net.parameters.values():
        assert np.shares_memory(view, net.theta)
    X = np.ones((2, 4))
    before = net.predict(X)
    net.parameters["2.b"][...] += 1
    np.testing.assert_allclose(net.predict(X), before + 1, rtol=1e-6)


def test_the_seed_decides_the_beginning():
    assert np.array_equal(network(seed=1).theta, network(seed=1).theta)
    assert not np.array_equal(network(seed=1).theta, network(seed=2).theta)
    bound = np.sqrt(6 / 24)
    assert abs(network().parameters["0.A"]).max() <= bound


def test_own_initialiser():
    net = Network(Dense(3, weights=lambda rng, shape: np.full(shape, 7.0)), inputs=2)
    assert net.parameters["0.A"].tolist() == [[7.0, 7.0]] * 3
    with pytest.raises(InputError, match="shape"):
        Network(Dense(3, weights=lambda rng, shape: np.zeros(5)), inputs=2)
    with pytest.raises(InputError, match="glorot_uniform"):
        Dense(3, weights="nonsense")


def test_inputs_in_any_form():
    pandas = pytest.importorskip("pandas")
    net = network()
    X = np.random.default_rng(0).standard_normal((6, 4))
    expected = net.predict(X)
    for form in (X.astype("float32"), np.asfortranarray(X), X.tolist(), pandas.DataFrame(X)):
        np.testing.assert_allclose(net.predict(form), expected, rtol=1e-5)
    assert net.predict(X[::-1]).tolist() == expected[::-1].tolist()
    assert net.predict(np.zeros((0, 4))).shape == (0, 3)


def test_pickling_keeps_the_parameters():
    net = network(dtype="float64")
    net.theta[:] = np.arange(net.theta.size)
    same = pickle.loads(pickle.dumps(net))
    assert np.array_equal(same.theta, net.theta)
    X = np.ones((3, 4))
    assert np.array_equal(same.predict(X), net.predict(X))


def test_dropout_is_not_there_when_predicting():
    net = Network(Dense(20), Dropout(0.9), Dense(3), inputs=4)
    assert "mask" not in str(net.program())
    X = np.ones((50, 4))
    assert np.array_equal(net.predict(X), net.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense: units"),
        (lambda: Dense(-3), "Dense: units"),
        (lambda: Dropout(1.0), "Dropout"),
        (lambda: Network(), "at least one layer"),
        (lambda: Network(Dense), "expected layers"),
        (lambda: Network(Dense(2), inputs=0), "inputs"),
        (lambda: Network(Dense(2), dtype="int8"), "dtype"),
        (lambda: Network(Residual(Dense(3)), inputs=4), r"end them with Dense\(4\)"),
        (lambda: Network(Parallel((2, Dense(2))), inputs=3), "has 3"),
        (lambda: Network(Parallel(Dense(2)), inputs=3), "pairs"),
        (lambda: network().predict(np.ones((2, 5))), "built for 4 inputs"),
        (lambda: network().predict(np.ones(4)), "reshape"),
        (lambda: network().predict([[np.nan] * 4]), "row 0"),
        (lambda: Network(Embedding(3, 2), inputs=1).predict([[0], [3]]), "3"),
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "inputs", "message"),
    [
        (
            (Dense(4), Conv2D(3, 3)),
            (10,),
            r"layer 1: Conv2D: .*got \(4,\); put Reshape\(\(heig",
        ),
        ((Conv2D(3, 3),), (9, 8), r"layer 0: Conv2D: .*got \(9, 8\); put Reshape\(\(9, 8, 1\)\)"),
        (
            (ReLU(), Residual(ReLU(), Conv2D(3, 3))),
            (9, 9, 3),
            "layer 1: Residual: .*keep the sha",
        ),
        ((ReLU(), Residual(Conv2D(3, 3), GroupNorm(2))), (9, 9, 3), "layer 1.1: GroupNorm: 3 chan"),
        ((Concat(ReLU(), Sequential(ReLU(), Reshape((5,)))),), (4,), "layer 0.1.1: Reshape: "),
        ((Parallel((2, ReLU()), (2, Reshape((5,)))),), (4,), "layer 0.1: Reshape: "),
        ((Sum(ReLU(), Reshape((5,))),), (4,), "layer 0.1: Reshape: "),
        ((Parametric(Reshape((5,))),), (4,), "layer 0.0: Reshape: "),
    ],
)
def test_what_a_layer_cannot_take_is_told_with_its_path(layers, inputs, message):
    with pytest.raises(LayerInputError, match=f"^{message}"):
        Network(*layers, inputs=inputs)


def test_channels_in_front_are_no_matter_of_reshaping():
    net = Network(GlobalAveragePool(), inputs=(5, 4, 3))
    X = np.ones((2, 3, 5, 4))
    with pytest.raises(InputError, match=r"np.moveaxis\(X, 1, -1\) has that shape"):
        net.predict(X)
    assert net.predict(np.moveaxis(X, 1, -1)).shape == (2, 3)


def test_it_prints_as_a_table():
    net = Network(Concat(Identity(), Sequential(Dense(2), ReLU())), Dense(3), inputs=4)
    text = str(net)
    assert "0.1.0  Dense(2)" in text
    assert text.splitlines()[-1].split() == ["31"]


def test_layers_and_summary():
    layers = (Dense(20), ReLU(), Dense(3))
    net = Network(*layers)
    assert net.layers == layers
    assert net.summary().splitlines()[-1] == "not built: it has not met any data yet"
    assert "1      ReLU()" in net.summary()
    net.build(4)
    assert net.summary() == str(net)
    assert net.summary().splitlines()[1].split() == ["0", "Dense(20)", "4", "20", "100"]


@pytest.mark.parametrize("name", ["parameters", "theta", "outputs"])
def test_before_it_is_built_it_says_so(name):
    with pytest.raises(InputError, match="not built yet, so it has no parameters"):
        getattr(Network(Dense(20)), name)


def test_a_summary_without_what_is_within():
    net = Network(Concat(Identity(), Sequential(Dense(2), ReLU())), Dense(3), inputs=4)
    lines = net.summary(nested=False, width=12).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["0", "1"]
    assert "Concat(Iden…" in lines[1]
    assert lines[1].split()[-3:] == ["4", "6", "10"]
    assert lines[-1].split() == ["31"]
