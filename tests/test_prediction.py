import numpy as np
import pytest

from steepest import Dense, Network, ReLU, Squared
from steepest.data import as_weights
from steepest.prediction import Predictor


def forward(network, X):
    """The network of these tests in plain NumPy."""
    theta = network.parameters
    hidden = np.maximum(X @ theta["0.A"].T + theta["0.b"], 0)
    return hidden @ theta["2.A"].T + theta["2.b"]


@pytest.fixture(scope="module")
def network():
    return Network(Dense(64), ReLU(), Dense(3), inputs=128, dtype="float64")


@pytest.mark.parametrize("threads", [None, 1, 2])
@pytest.mark.parametrize("n", [0, 1, 7, 255, 256, 257, 1000])
def test_any_number_of_rows(network, n, threads):
    X = np.random.default_rng(n).standard_normal((n, 128))
    for _ in range(5):  # the last, shorter batch once ran on other threads than the whole ones
        np.testing.assert_allclose(
            network.predict(X, threads=threads), forward(network, X), rtol=1e-10, atol=1e-10
        )


def test_sizes_may_change_from_call_to_call(network):
    X = np.random.default_rng(0).standard_normal((600, 128))
    expected = forward(network, X)
    for n in (600, 3, 599, 1, 256, 31, 32, 33, 34, 35, 36, 600):
        np.testing.assert_allclose(network.predict(X[:n]), expected[:n], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("threads", [1, 2])
def test_evaluate_is_the_weighted_average_of_the_loss(network, threads):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((300, 128)), rng.standard_normal((300, 3))
    w = as_weights(rng.uniform(size=300), 300, "float64", "test")
    out, loss = Predictor(network, 256, threads, Squared()).evaluate(X, y, w)
    expected = forward(network, X)
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)
    assert loss == pytest.approx(np.mean(w * 0.5 * ((expected - y) ** 2).sum(axis=1)))
