"""Whole networks against central differences, for every way that a program can compute them."""

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SELU,
    SGD,
    Average,
    Concat,
    Dense,
    Dropout,
    Embedding,
    Gradients,
    Identity,
    LayerNorm,
    Network,
    Parallel,
    Parametric,
    Periodic,
    Residual,
    RootScale,
    Scale,
    Sequential,
    SiLU,
    SoftmaxCrossEntropy,
    Softplus,
    Squared,
    Tanh,
    Trainer,
)
from steepest.arrays import as_weights
from steepest.lowering.predict import Predictor

RNG = np.random.default_rng(3)
CODES = Parallel((3, Identity()), (2, Embedding(5, 3)))
NETWORKS = {
    "few units": (Dense(5), Tanh(), Dense(3)),
    "many units": (Dense(20), Tanh(), Dense(17), Tanh(), Dense(3)),
    "few after many": (Dense(33), SiLU(), Dense(4), SiLU(), Dense(18), SiLU(), Dense(3)),
    "no bias": (Dense(20, bias=False), Tanh(), Dense(3, bias=False)),
    "norm and scale": (Scale(), Dense(20), LayerNorm(), Softplus(), Dense(3)),
    "residual": (Dense(6), Residual(Dense(17), Tanh(), Dense(6)), Dense(3)),
    "ensemble of table networks": (
        Concat(
            Sequential(Periodic(5), Scale(), RootScale(), Dense(17), Parametric(SELU()), Dense(3)),
            Sequential(Periodic(4, 3), Parametric(Parametric(Tanh())), Dense(3)),
        ),
        Average(2),
    ),
    "concat": (Concat(Identity(), Dense(4), Sequential(Dense(18), Tanh())), Dense(3)),
    "parallel": (CODES, Dense(8), Tanh(), Dense(3)),
    "nested": (
        Dense(8),
        Residual(Concat(Residual(Dense(8), Tanh()), Identity()), LayerNorm(), Dense(8)),
        Parallel((3, Dense(4)), (5, Sequential(Identity(), Dense(17)))),
        Dense(3),
    ),
}


def data(n):
    X = np.hstack([RNG.standard_normal((n, 3)), RNG.integers(0, 5, (n, 2))])
    return X, RNG.standard_normal((n, 3)), RNG.uniform(0.5, 2, n)


def gradient(layers, theta, X, y, w, loss, rule, threads):
    """Return ∇_θ of the average loss, from one step of ``rule`` at θ."""
    network = Network(*layers, inputs=X.shape[1], dtype="float64")
    network.theta[:] = theta
    trainer = Trainer(network, loss, rule, batch=X.shape[0], sampling="full", threads=threads)
    trainer.fit(X, y, weights=w, epochs=1)
    return (theta - network.theta) / rule.lr


def differences(layers, theta, X, y, w, loss):
    network = Network(*layers, inputs=X.shape[1], dtype="float64")
    predictor = Predictor(network.built, 256, 1, loss)
    targets = loss.targets(y, network.outputs, "float64")
    weights = as_weights(w, len(y), "float64", "test")
    found = np.empty_like(theta)
    for k in range(theta.size):
        sides = []
        for h in (1e-6, -1e-6):
            network.theta[:] = theta
            network.theta[k] += h
            sides.append(predictor.evaluate(X, targets, weights)[1])
        found[k] = (sides[0] - sides[1]) / 2e-6
    return found


def start(layers, inputs):
    network = Network(*layers, inputs=inputs, dtype="float64")
    return network.theta + 0.1 * np.random.default_rng(1).standard_normal(network.theta.size)


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_is_that_of_the_differences(name, n):
    layers, loss = NETWORKS[name], Squared()
    X, y, w = data(n)
    theta = start(layers, 5)
    expected = differences(layers, theta, X, y, w, loss)
    for rule in (SGD(lr=0.25), SGD(lr=0.25, momentum=0.5)):  # fused, and through a buffer
        for threads in (1, 2):
            found = gradient(layers, theta, X, y, w, loss, rule, threads)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_fused_and_buffered_gradients_agree_closely():
    layers, (X, y, w) = NETWORKS["many units"], data(9)
    theta = start(layers, 5)
    fused, buffered = (
        gradient(layers, theta, X, y, w, Squared(), rule, 1)
        for rule in (SGD(lr=0.25), SGD(lr=0.25, momentum=0.5))
    )
    np.testing.assert_allclose(fused, buffered, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["many units", "no bias", "few after many"])
@pytest.mark.parametrize("threads", [1, 2])
def test_fused_and_buffered_steps_lead_the_same_way(name, threads):
    layers, (X, y, w) = NETWORKS[name], data(4)
    ends = []
    for rule in (SGD(lr=0.05), SGD(lr=0.05, clip_norm=1e9)):
        network = Network(*layers, inputs=5, dtype="float64")
        trainer = Trainer(network, Squared(), rule, batch=1, threads=threads)
        trainer.fit(X, y, weights=w, epochs=3)
        ends.append(network.theta)
    np.testing.assert_allclose(*ends, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("units", [4, 20])
@pytest.mark.parametrize("n", [1, 6])
def test_csr_input_is_the_same_as_dense_input(units, n):
    layers = (Dense(units), Tanh(), Dense(3))
    X = RNG.standard_normal((n, 30)) * (RNG.random((n, 30)) < 0.2)
    _, y, w = data(n)
    theta = start(layers, 30)
    for rule in (SGD(lr=0.25), SGD(lr=0.25, momentum=0.5)):
        for threads in (1, 2):
            found = [
                gradient(layers, theta, inputs, y, w, Squared(), rule, threads)
                for inputs in (X, sparse.csr_matrix(X))
            ]
            np.testing.assert_allclose(found[1], found[0], rtol=1e-10, atol=1e-13)


def test_dense_network_against_plain_numpy():
    layers, (X, _, _) = (Dense(20), Tanh(), Dense(3)), data(8)
    y = RNG.integers(0, 3, 8)
    theta = start(layers, 5)
    found = gradient(layers, theta, X, y, None, SoftmaxCrossEntropy(), SGD(lr=0.5), 1)

    network = Network(*layers, inputs=5, dtype="float64")
    network.theta[:] = theta
    P = {name: view.copy() for name, view in network.parameters.items()}
    h = np.tanh(X @ P["0.A"].T + P["0.b"])
    z = h @ P["2.A"].T + P["2.b"]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    dz = (p / p.sum(axis=1, keepdims=True) - np.eye(3)[y]) / 8
    dh = dz @ P["2.A"] * (1 - h**2)
    network.theta[:] = found
    for name, expected in {
        "2.A": dz.T @ h, "2.b": dz.sum(axis=0), "0.A": dh.T @ X, "0.b": dh.sum(axis=0),
    }.items():  # fmt: skip
        np.testing.assert_allclose(network.parameters[name], expected, rtol=1e-9, atol=1e-12)


def test_average_of_one_example_gradients_is_the_full_gradient():
    layers, (X, y, _) = NETWORKS["many units"], data(11)
    theta = start(layers, 5)
    full = gradient(layers, theta, X, y, None, Squared(), SGD(lr=0.25), 1)
    ones = [
        gradient(layers, theta, X[k : k + 1], y[k : k + 1], None, Squared(), SGD(lr=0.25), 1)
        for k in range(11)
    ]
    np.testing.assert_allclose(np.mean(ones, axis=0), full, rtol=1e-10, atol=1e-12)


def test_dropout_goes_back_through_the_mask_it_went_forward_with():
    layers = (Dropout(0.5), Dense(3, bias=False))
    X, y = np.ones((1, 40)), np.zeros((1, 3))
    theta = start(layers, 40)
    found = gradient(layers, theta, X, y, None, Squared(), SGD(lr=0.5), 1).reshape(3, 40)
    kept = found[0] != 0
    assert 5 < kept.sum() < 35
    x = np.where(kept, 2.0, 0.0)
    z = theta.reshape(3, 40) @ x
    np.testing.assert_allclose(found, np.outer(z, x), rtol=1e-9, atol=1e-12)


def test_what_is_printed_is_a_table_of_norms():
    network = Network(Dense(64), Tanh(), Residual(Dense(64)), Dense(3), inputs=20, dtype="float64")
    X, y = RNG.standard_normal((50, 20)), RNG.integers(3, size=50)
    gradients = Gradients(network, SoftmaxCrossEntropy())
    found = gradients.mean(X, y)
    lines = repr(found).splitlines()
    assert len(lines) == 11
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    norm = f"{np.linalg.norm(found.theta['2.0.A']):.4g}"
    assert rows["2.0"] == ["A", "64×64", norm, f"{np.linalg.norm(found.dy['2.0']):.4g}"]
    assert lines[-1].split() == [f"{np.linalg.norm(found.vector):.4g}"]
    norms = gradients.norms(X, y)
    last = repr(norms).splitlines()[-1].split()
    assert last[0] == "all"
    assert last[-1] == f"{norms.total.max():.4g}"
    moments = gradients.moments(X, y)
    row = repr(moments).splitlines()[2].split()
    assert row[:4] == ["0", "A", "64×20", f"{np.linalg.norm(moments.mean['0.A']):.4g}"]
    assert row[4] == f"{moments.variance['0.A'].mean():.4g}"
    assert repr(gradients).startswith("Gradients(Network(Dense(64)")
