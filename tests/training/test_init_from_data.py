"""Dense layers begin with outputs of unit size, and bend inside the data."""

import numpy as np
import pytest

from steepest import Dense, Dropout, Network, ReLU, Residual, RootScale, Tanh, init_from_data
from steepest.errors import InputError

X = np.random.default_rng(0).normal(3, 5, (600, 7))


def outputs(network, layers, X):
    """Return what the first ``layers`` of a network make of X."""
    part = Network(*network.layer.layers[:layers], inputs=X.shape[1], dtype=network.dtype)
    part.theta[:] = network.theta[: part.theta.size]
    return part.predict(X)


def test_every_dense_layer_has_outputs_of_deviation_1_centred_in_the_data():
    network = Network(RootScale(), Dense(40), ReLU(), Dropout(0.5), Dense(30), Dense(3),
                      dtype="float64")  # fmt: skip
    init_from_data(network, X, seed=1)
    for layers in (2, 5, 6):
        z = outputs(network, layers, X)
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-9)
        assert (z.min(axis=0) < 0).all()
        assert (z.max(axis=0) > 0).all()
    A = network.parameters["1.A"].copy()
    init_from_data(network, X, seed=1)
    np.testing.assert_array_equal(network.parameters["1.A"], A)
    init_from_data(network, X, seed=2)
    assert (network.parameters["1.A"] != A).all()


def test_other_layers_stay_and_constant_inputs_are_no_trouble():
    network = Network(Residual(Dense(7), Tanh()), Dense(2, bias=False), inputs=7)
    inner = network.parameters["0.0.A"].copy()
    init_from_data(network, np.ones((5, 7)))
    np.testing.assert_array_equal(network.parameters["0.0.A"], inner)
    assert np.isfinite(network.theta).all()
    with pytest.raises(InputError, match="7 inputs, got 3"):
        init_from_data(network, np.ones((5, 3)))
