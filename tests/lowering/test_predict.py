import numpy as np
import pytest
from scipy import sparse

from steepest import LSTM, Dense, Identity, InputError, Network, ReLU, SoftmaxCrossEntropy, Squared
from steepest.arrays import as_weights
from steepest.lowering.predict import Predictor


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


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_threads_are_a_count(network, threads):
    with pytest.raises(InputError, match="threads must be a whole number of at least 1"):
        network.predict(np.zeros((3, 128)), threads=threads)


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
    out, loss = Predictor(network.built, 256, threads, Squared()).evaluate(X, y, w)
    expected = forward(network, X)
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)
    assert loss == pytest.approx(np.mean(w * 0.5 * ((expected - y) ** 2).sum(axis=1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_are_the_same_whoever_makes_them(dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 20)).astype(dtype)
    y, w = rng.integers(0, 2, 3000), rng.uniform(size=3000).astype(dtype)
    network = Network(Dense(32), ReLU(), Dense(2), inputs=20, dtype=dtype)
    once = network.predict(X, threads=1)
    evaluated = Predictor(network.built, 256, 2, SoftmaxCrossEntropy()).evaluate(X, y, w)
    for _ in range(5):
        np.testing.assert_array_equal(network.predict(X, threads=2), once)
        again = Predictor(network.built, 256, 2, SoftmaxCrossEntropy()).evaluate(X, y, w)
        np.testing.assert_array_equal(again[0], once)
        assert again[1] == evaluated[1]


@pytest.mark.parametrize("layers", [(Identity(),), (ReLU(),), (ReLU(), Identity())])
def test_the_rows_are_read_where_they_lie_and_left_alone(layers):
    X = np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32)
    before = X.copy()
    z = Network(*layers, inputs=3).predict(X, threads=2)
    assert not np.shares_memory(z, X)
    np.testing.assert_array_equal(z, np.maximum(before, 0) if ReLU() in layers else before)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_in_csr_form(network, threads):
    X = np.random.default_rng(0).standard_normal((600, 128))
    X[np.abs(X) < 1] = 0
    z = network.predict(sparse.csr_matrix(X), threads=threads)
    np.testing.assert_allclose(z, forward(network, X), rtol=1e-10, atol=1e-10)


def test_real_targets_and_a_last_shorter_block_count_by_rows():
    X = np.random.default_rng(0).standard_normal((1001, 4)).astype(np.float32)
    network = Network(Dense(2), inputs=4)
    y = np.zeros((1001, 2), np.float32)
    z, loss = Predictor(network.built, 100, 2, Squared()).evaluate(X, y, np.ones(1001, np.float32))
    assert loss == pytest.approx(0.5 * float(np.mean((z**2).sum(axis=1))), rel=1e-6)


def test_few_rows_are_shared_where_they_are_much_work():
    def blocks(width, n):
        network = Network(Dense(width), ReLU(), Dense(width), Dense(3), inputs=width)
        threads, batch = Predictor(network.built, 256, 2)._division(n)
        assert threads == min(2, -(-n // batch))
        return -(-n // batch)

    assert [blocks(600, n) for n in (1, 63, 64, 65, 191, 192)] == [1, 1, 2, 2, 2, 2]
    assert [blocks(16, n) for n in (64, 191, 192)] == [1, 1, 1]


def test_few_long_sequences_are_shared():
    network = Network(LSTM(64), inputs=(100, 32))
    found = [Predictor(network.built, 256, 2)._division(n) for n in (1, 2, 7, 32)]
    assert found == [(1, 1), (1, 2), (2, 4), (2, 16)]


def test_fewer_threads_take_part_where_more_do_not_pay(network):
    X = np.random.default_rng(0).standard_normal((1000, 128))
    predictor, told = Predictor(network.built, 256, 2), []
    expected, team = predictor.outputs(X), predictor._teams[2]
    team.took = lambda rows, seconds, lacked: told.append(rows)
    for threads in (1, 2, 1):
        team.threads = threads
        assert np.array_equal(predictor.outputs(X), expected)
    assert told == [1000, 1000, 1000]


def test_without_targets_nothing_unwritten_is_read(monkeypatch):
    def garbage(*shape):
        return np.full(*shape[:1], 0x7F800001, np.uint32).view(np.float32)  # a signalling NaN

    network = Network(Dense(3), inputs=2)
    monkeypatch.setattr(np, "empty", garbage)
    z = network.predict(np.ones((5, 2), np.float32))  # pytest makes an error of any warning
    assert np.isfinite(z).all()
