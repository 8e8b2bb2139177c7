"""One sweep for the update of a step and the forward pass of the next: the same bits as two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from helpers import run_kernel
from steepest import (
    SGD,
    Adam,
    Concat,
    Dense,
    Dropout,
    Layer,
    Network,
    ReLU,
    Residual,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
    training,
)
from steepest.errors import DivergenceError, KernelError
from steepest.layers import _dense_single
from steepest.sampling import SAMPLERS
from steepest.schedules import Step
from steepest.training import TrainingRun

RNG = np.random.default_rng(0)
PLAIN, SMALL = SGD(lr=0.05), (Dense(16), ReLU(), Dense(2))


def lowered(layers, n=7, p=5, rule=PLAIN, sampling="shuffled", dtype="float32", **more):
    """Return a run on random data, and its network."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, p)).astype(dtype)
    X = more.pop("as_form", np.asarray)(X)
    network = Network(*layers, inputs=p, dtype=dtype)
    loss, y = Squared(), rng.standard_normal((n, network.outputs)).astype(dtype)
    slots = {name: np.zeros_like(network.theta) for name in rule.slots}
    w = rng.random(n).astype(dtype) if more.pop("weighted", False) else None
    settings = {"batch": 1, "threads": 1, "seed": 3, "step": 0} | more
    return TrainingRun(
        network, loss, rule, SAMPLERS[sampling], X, y, w, slots=slots, **settings
    ), network


def trained(run, chunks):
    """Run chunks of so many steps; return the losses."""
    run.signals.total = sum(chunks)
    with run.engine:
        rates = 0.05 / (1 + np.arange(sum(chunks)))
        parts = np.split(rates, np.cumsum(chunks)[:-1])
        return np.concatenate([run.run(part) for part in parts])


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 9), p=st.integers(1, 40), q=st.integers(16, 90),
    dtype=st.sampled_from(["float32", "float64"]),
    sampling=st.sampled_from(["shuffled", "sequential", "uniform"]),
    weighted=st.booleans(), bias=st.booleans(), drops=st.booleans(),
    chunks=st.lists(st.integers(1, 12), min_size=1, max_size=5),
)  # fmt: skip
def test_steps_are_the_same_to_the_bit(
    n, p, q, dtype, sampling, weighted, bias, drops, chunks
):  # fmt: skip
    rate = Step(0.4, every=2, factor=0.9)
    layers = [Dense(q, bias=bias), *([Dropout(rate)] if drops else []), Tanh(), Dense(3)]
    found = []
    for turned in (True, False):
        run, network = lowered(layers, n, p, dtype=dtype, sampling=sampling, weighted=weighted)
        assert run.engine.turned is not None
        if not turned:
            run.engine.turned = None
        losses = trained(run, chunks)
        found.append((losses, network.theta.copy(), run.step, run.finite(hidden=True)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2:] == found[1][2:] == (sum(chunks), True)


def test_steps_are_those_of_a_plain_reference():
    run, network = lowered([Dense(20), Tanh(), Dense(2)], 6, 9, sampling="sequential",
                           dtype="float64")  # fmt: skip
    X, Y, _ = run.data
    A, b, C, c = (network.parameters[k].copy() for k in ("0.A", "0.b", "2.A", "2.b"))
    losses = trained(run, [5, 8])
    expected = []
    for t in range(13):
        x, eta = X[t % 6], 0.05 / (1 + t)
        y = np.tanh(A @ x + b)
        dz = C @ y + c - Y[t % 6]
        expected.append(0.5 * np.sum(dz**2))
        dy = (C.T @ dz) * (1 - y**2)
        C, c = C - eta * np.outer(dz, y), c - eta * dz
        A, b = A - eta * np.outer(dy, x), b - eta * dy
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.A"], A, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.b"], b, rtol=1e-10)


@pytest.mark.parametrize("q", [1, 7, 16, 70, 131])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sweep_is_an_update_and_a_forward_pass(q, dtype):
    def draw(*shape):
        return RNG.standard_normal(shape).astype(dtype)

    p = 13
    one = {"x": draw(1, p), "ahead": draw(1, p), "dy": draw(1, q), "dAt": draw(p, q),
           "db": draw(q), "b": draw(q), "y": draw(1, q), "alpha": -0.3}  # fmt: skip
    two, plain = ({k: np.copy(v) if k != "alpha" else v for k, v in one.items()} for _ in "ab")
    run_kernel(_dense_single.sweep, dtype, True, **one)
    run_kernel(_dense_single.backward_theta, dtype, True, **two)
    two["x"], two["At"] = two["ahead"], two["dAt"]
    run_kernel(_dense_single.forward, dtype, True, **two)
    run_kernel(_dense_single.sweep, dtype, False, **plain)
    for name in ("x", "dAt", "db", "y"):
        np.testing.assert_array_equal(one[name], two[name])
        tolerance = 1e-4 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(one[name], plain[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("turns", "layers", "more"),
    [
        (True, [Dense(16), Dense(2)], {}),
        (True, [Residual(Dense(16), ReLU(), Dense(5))], {}),
        (False, [Dense(15), Dense(2)], {}),  # stored row after row
        (False, [Dropout(0.5), Dense(16)], {}),  # not on the input itself
        (False, [Concat(Dense(16), Dense(16))], {}),  # the first forward pass, not the last update
        (False, [Dense(16), Dense(2)], {"batch": 2}),
        (False, [Dense(16), Dense(2)], {"batch": 3}),  # the last batch is of one row
        (False, [Dense(16), Dense(2)], {"threads": 2}),
        (False, [Dense(16), Dense(2)], {"rule": Adam()}),
        (False, [Dense(16), Dense(2)], {"rule": SGD(l2=0.1)}),
        (False, [Dense(16), Dense(2)], {"as_form": sparse.csr_matrix}),
    ],
)
def test_which_programs_are_turned(turns, layers, more):
    run, _ = lowered(layers, **more)
    assert (run.engine.turned is not None) == turns


def fitted(X, y, layers=SMALL, lr=0.1, **more):
    trainer = Trainer(Network(*layers), SoftmaxCrossEntropy(), SGD(lr=lr), batch=1)
    try:
        trainer.fit(X, y, **more)
        error = ""
    except (DivergenceError, KernelError) as caught:
        error = str(caught)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history.rows]
    return trainer.network.theta, rows, trainer.step, error


def test_a_whole_fit_is_the_same(monkeypatch, tmp_path):
    X = RNG.standard_normal((60, 6))
    y = (X[:, 0] > 0).astype(int)
    ways = {
        "plain": {"epochs": 6},
        "watched": {"epochs": 6, "validation": 0.3, "patience": 2},
        "kept": {"epochs": 6, "checkpoint": tmp_path},
    }
    turned = {name: fitted(X, y, **more) for name, more in ways.items()}
    monkeypatch.setattr(training, "turn", lambda *_: None)
    ways["kept"]["checkpoint"] = tmp_path / "again"
    for name, more in ways.items():
        theta, *others = fitted(X, y, **more)
        np.testing.assert_array_equal(theta, turned[name][0])
        assert others == list(turned[name][1:])


@pytest.mark.parametrize("lr", [1e3, 1e18, 1e38])
def test_divergence_is_found_at_the_same_step(monkeypatch, lr):
    X, y = RNG.standard_normal((50, 6)), RNG.integers(0, 2, 50)
    theta, *others = fitted(X, y, lr=lr, epochs=40)
    monkeypatch.setattr(training, "turn", lambda *_: None)
    expected, *unturned = fitted(X, y, lr=lr, epochs=40)
    np.testing.assert_array_equal(theta, expected)
    assert others == unturned
    assert np.isfinite(theta).all()


class Picky(Layer):
    """Raises at what is below −2."""

    @staticmethod
    def forward(x, y):
        """y = x"""
        for j in range(x.shape[1]):
            if x[0, j] < -2:
                raise ValueError
            y[0, j] = x[0, j]

    @staticmethod
    def backward_x(dy, dx):
        """dx = dy"""
        for j in range(dx.shape[1]):
            dx[0, j] = dy[0, j]


def test_a_kernel_that_raises_in_the_middle_is_named():
    X, y = 3 * RNG.standard_normal((50, 6)), RNG.integers(0, 2, 50)
    *_, error = fitted(X, y, [Dense(16), Picky(), Dense(2)], epochs=5)
    assert "1 Picky" in error
