"""LSTM, GRU and Recurrent: what tests/layers/test_shapes.py does not ask of every layer."""

import numpy as np
import pytest

from formulas import LAYERS, NUMPY
from steepest import (
    GRU,
    LSTM,
    SGD,
    Adam,
    Concat,
    Dense,
    InputError,
    Network,
    Recurrent,
    Squared,
    Trainer,
    check,
)
from steepest.layers._recurrence.kernels import bend

RNG = np.random.default_rng(0)
CELLS = [
    LSTM(5),
    LSTM(5, reverse=True, initial="learned"),
    GRU(5),
    GRU(5, reset="before", sequences=False),
    Recurrent(5, initial="learned"),
    Recurrent(5, activation="relu", reverse=True, sequences=False),
]
every_cell = pytest.mark.parametrize("layer", CELLS, ids=repr)


def started(layer, shape, dtype="float64"):
    network = Network(layer, inputs=shape, dtype=dtype)
    network.theta += np.random.default_rng(1).normal(0, 0.3, network.theta.size).astype(dtype)
    return network


@every_cell
@pytest.mark.parametrize("n", [1, 2, 31, 33, 70])
def test_batches_beyond_those_rows_that_go_together(layer, n):
    network = started(layer, (9, 3))
    X = RNG.standard_normal((n, 9, 3))
    named = {name.removeprefix("0."): array for name, array in network.parameters.items()}
    known = LAYERS[type(layer)](layer, X, named, NUMPY)
    np.testing.assert_allclose(network.predict(X), known, rtol=0, atol=1e-13)


@pytest.mark.parametrize("units", [16, 40, 70])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_panels_of_one_vector_and_of_two(kind, units):
    """They are narrower in float64; in float32 they are of one vector where two do not fill H."""
    X, y = RNG.standard_normal((5, 4, 3)), RNG.standard_normal((5, 4, units))
    found = []
    for dtype in ("float32", "float64"):
        network = Network(kind(units), inputs=(4, 3), dtype=dtype)
        Trainer(network, Squared(), SGD(lr=0.1), batch=5).fit(X, y, epochs=2)
        found.append(network.theta)
    np.testing.assert_allclose(*found, rtol=0, atol=2e-6)


@every_cell
@pytest.mark.parametrize("T", [1, 2, 150])
def test_any_number_of_moments(layer, T):
    check(layer, RNG.standard_normal((3, T, 2)))


@every_cell
def test_bits_depend_on_no_number_of_threads(layer):
    X = RNG.standard_normal((37, 8, 17)).astype(np.float32)
    found = []
    for threads in (1, 2):
        network = Network(layer, Dense(2), inputs=(8, 17))
        trainer = Trainer(network, Squared(), Adam(), batch=20, threads=threads)
        trainer.fit(X, np.ones((37, *network.output_shape)), epochs=2)
        found.append(network.theta.copy())
    assert np.array_equal(*found)


@every_cell
def test_steps_of_momentum_free_descent_are_the_gradient(layer):
    """Plain SGD adds to θ itself, other rules to a gradient; both come to the same."""
    X, y = RNG.standard_normal((12, 6, 3)), RNG.standard_normal((12, 6, 5))
    y = y if layer.sequences else y[:, 0]
    thetas = []
    for rule in (SGD(lr=0.1), SGD(lr=0.1, clip_norm=1e9)):
        network = started(layer, (6, 3))
        Trainer(network, Squared(), rule, batch=12, sampling="full").fit(X, y, epochs=3)
        thetas.append(network.theta)
    np.testing.assert_allclose(*thetas, rtol=0, atol=1e-13)


def test_the_last_state_is_the_last_of_the_sequence():
    X = RNG.standard_normal((4, 7, 3))
    for kind in (LSTM, GRU, Recurrent):
        for reverse, end in ((False, -1), (True, 0)):
            whole, last = (
                Network(kind(5, sequences=s, reverse=reverse), inputs=(7, 3)) for s in (True, False)
            )
            np.testing.assert_array_equal(whole.predict(X)[:, end], last.predict(X))


def test_reverse_is_the_other_way_round():
    X = RNG.standard_normal((4, 7, 3))
    for kind in (LSTM, GRU, Recurrent):
        there = Network(kind(5), inputs=(7, 3), dtype="float64")
        back = Network(kind(5, reverse=True), inputs=(7, 3), dtype="float64")
        back.theta = there.theta
        found = back.predict(np.ascontiguousarray(X[:, ::-1]))[:, ::-1]
        np.testing.assert_allclose(found, there.predict(X), atol=1e-14)


def test_both_directions_by_concat():
    layer = Concat(LSTM(3), LSTM(3, reverse=True))
    assert Network(layer, inputs=(7, 2)).output_shape == (7, 6)
    check(layer, RNG.standard_normal((4, 7, 2)))


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_it_learns_what_was_said_long_ago(kind):
    X = np.random.default_rng(4).integers(0, 2, (400, 20, 1)).astype(np.float32) * 2 - 1
    y = X[:, 2, 0]
    network = Network(kind(12, sequences=False), Dense(1))
    trainer = Trainer(network, Squared(), Adam(lr=0.01), batch=50)
    history = trainer.fit(X, y, epochs=60)
    assert history["loss"][-1] < 0.05


def test_how_it_begins():
    network = Network(LSTM(6), inputs=(3, 4), dtype="float64")
    U, b = network.parameters["0.U"], network.parameters["0.b"]
    for k in range(4):
        own = U[6 * k : 6 * (k + 1)]
        np.testing.assert_allclose(own @ own.T, np.eye(6), atol=1e-12)
    assert b.tolist() == [0] * 6 + [1] * 6 + [0] * 12
    assert not network.parameters["0.c"].any()


def test_predicting_keeps_nothing_of_the_moments():
    network = Network(LSTM(8), inputs=(500, 2))
    assert max(i.nbytes for i in network.program(64).instructions) < 4 * 64 * 500 * (2 + 8) * 1.5


def test_the_program_says_what_is_computed():
    trainer = Trainer(Network(GRU(4), inputs=(5, 3)), Squared(), Adam())
    text = str(trainer.program(np.zeros((8, 5, 3)), np.zeros((8, 5, 4))))
    assert "h_t = u ⊙ h_{t−1} + (1 − u) ⊙ g" in text
    assert "back through time" in text


def test_the_bend_is_a_tanh():
    v = np.concatenate([np.linspace(-12, 12, 20001), [0, 1e-20, -1e-3, np.inf, -np.inf]])
    with np.errstate(all="ignore"):
        found = np.array([bend(np.float32(x), np.zeros(1, np.float32)) for x in v])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.tanh(v), rtol=0, atol=3e-7)
    assert np.isnan(bend(np.float32(np.nan), np.zeros(1, np.float32)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LSTM(0), "units must be"),
        (lambda: GRU(3, reset="never"), "reset must be"),
        (lambda: Recurrent(3, activation="sigmoid"), "activation must be"),
        (lambda: LSTM(3, initial="ones"), "initial must be"),
        (lambda: LSTM(3, sequences=1), "sequences must be True or False"),
        (
            lambda: GRU(3, recurrent_weights="identity"),
            "GRU: recurrent_weights must be one of .*'identity'",
        ),
        (
            lambda: Network(LSTM(3), inputs=4),
            r"\(time steps, numbers\), got \(4,\); .*Reshape\(\(4, 1\)",
        ),
        (lambda: Network(LSTM(3), inputs=(4, 4, 2)), r"\(time steps, numbers\), got \(4, 4, 2\)"),
    ],
)
def test_wrong_settings(make, match):
    with pytest.raises(InputError, match=match):
        make()
