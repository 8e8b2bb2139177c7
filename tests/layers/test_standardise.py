"""Standardise: a fixed mean and scale."""

import numpy as np

from steepest import SGD, Dense, Gradients, Network, Squared, Standardise, Trainer

RNG = np.random.default_rng(0)


def network():
    made = Network(Standardise(), Dense(1), inputs=(4, 3), dtype="float64")
    made.state["0.mean"][:] = [1, 2, 3]
    made.state["0.scale"][:] = [0.5, 2, -1]
    return made


def test_outputs_and_gradients():
    X, made = RNG.normal(size=(6, 4, 3)), network()
    A, b, scale = made.parameters["1.A"], made.parameters["1.b"], made.state["0.scale"]
    z = ((X - made.state["0.mean"]) * scale) @ A.T + b
    np.testing.assert_allclose(made.predict(X), z, rtol=1e-12)
    y = RNG.normal(size=(6, 4, 1))
    expected = (z - y) / 24 * A[0] * scale
    np.testing.assert_allclose(Gradients(made, Squared()).mean(X, y).dx, expected, rtol=1e-9)


def test_no_training_changes_it():
    made = network()
    Trainer(made, Squared(), SGD(0.01)).fit(RNG.normal(size=(9, 4, 3)), np.zeros((9, 4, 1)))
    assert made.state["0.mean"].tolist() == [1, 2, 3]
    assert made.state["0.scale"].tolist() == [0.5, 2, -1]
