"""The callback that watches gradients while a network trains."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adam,
    Concat,
    Dense,
    Dropout,
    Gradients,
    Identity,
    InputError,
    Network,
    Progress,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
    Watch,
)
from steepest.compiler.ahead import Ahead
from steepest.inspection.watch import noise_scale, verdict


def data(n=200):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 6))
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


PLAIN = (Dense(20), Tanh(), Dense(3))


def fit(watch, rule, layers=PLAIN, X=None, **more):
    own, y = data()
    network = Network(*layers, dtype="float64")
    trainer = Trainer(network, SoftmaxCrossEntropy(), rule, batch=20)
    callbacks = [] if watch is None else [watch]
    trainer.fit(own if X is None else X, y, epochs=3, callbacks=callbacks, **more)
    return network


@pytest.mark.parametrize("rule", [SGD(lr=0.1), Adam(lr=0.01, clip_norm=1.0)])
def test_training_is_not_changed_by_looking(rule):
    layers = (Dense(20), Tanh(), Dropout(0.3), Dense(3))
    watch = Watch(share=1.0, examples=16)
    watched, alone = fit(watch, rule, layers), fit(None, rule, layers)
    np.testing.assert_array_equal(watched.theta, alone.theta)
    assert {row["epoch"] for row in watch.rows} == {1, 2, 3}
    assert [row["batch"] for row in watch.noise] == [20] * 3


def test_what_a_row_says():
    """A look at all examples of a set of equal ones says what can be worked out by hand."""
    X, y = np.tile([[1.0, 2.0]], (30, 1)), np.ones((30, 1))
    network = Network(Dense(2), ReLU(), Dense(1), dtype="float64", inputs=2)
    network.parameters["0.A"][:] = [[1, 1], [-1, -1]]
    network.parameters["2.A"][:] = [[0.5, 0.5]]
    before = network.theta.copy()
    watch = Watch(examples=8)
    rows = []

    def once(progress):
        network.theta[:] = before
        watch(progress)
        rows.extend(watch.rows)
        return True

    trainer = Trainer(network, Squared(), SGD(lr=1e-3), batch=30)
    trainer.fit(X, y, epochs=1, callbacks=[once])
    at = {row["layer"]: row for row in rows}
    assert [row["layer"] for row in rows] == ["0", "1", "2"]
    # h = (3, 0), z = 1.5, ∂ℓ/∂z = 0.5
    assert at["2"]["dy"] == pytest.approx(0.5)
    assert at["1"]["dy"] == pytest.approx(0.5 * np.sqrt(0.5))
    assert at["0"]["dy"] == pytest.approx(0.25)
    assert at["2"]["dtheta"] == pytest.approx(0.5 * np.sqrt(9 + 1))
    assert at["0"]["dtheta"] == pytest.approx(0.25 * np.sqrt(1 + 4 + 1))
    assert at["0"]["update"] == pytest.approx(1e-3 * 0.25 * np.sqrt(6) / 2)
    assert (at["1"]["dead"], at["1"]["saturated"]) == (0.5, 0.0)
    assert "dtheta" not in at["1"]
    assert "dead" not in at["0"]
    noise = watch.noise[0]
    assert noise["trace"] == pytest.approx(0, abs=1e-12)  # equal examples have no noise
    assert noise["scale"] == pytest.approx(0, abs=1e-12)


def test_saturated_units():
    X, y = data()
    network = Network(Dense(4), Sigmoid(), Dense(3), dtype="float64", inputs=6)
    network.parameters["0.b"][:] = [0, 0, 20, -20]  # the slope of the last two is about 0
    watch = Watch()
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(lr=1e-6), batch=20)
    trainer.fit(X, y, epochs=1, callbacks=[watch])
    row = next(row for row in watch.rows if row["layer"] == "1")
    assert (row["dead"], row["saturated"]) == (0.0, 0.5)


def test_noise_scale_is_unbiased():
    """From the gradients of all examples: tr(Σ) is the trace of their covariance matrix."""
    (X, y), loss = data(400), SoftmaxCrossEntropy()
    network = Network(Dense(5), Tanh(), Dense(3), dtype="float64", inputs=6)
    gradients = Gradients(network, loss)
    moments = gradients.moments(X, y)
    trace = sum(v.sum() for v in moments.variance.values())
    squared = sum((m**2).sum() for m in moments.mean.values())
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        rows = rng.integers(0, 400, 16)
        one = np.mean(gradients.norms(X[rows], y[rows]).total ** 2)
        many = np.sum(gradients.mean(X[rows], y[rows]).vector ** 2)
        found.append(noise_scale(one, many, 16))
    means, errors = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(300)
    assert abs(means[0] - squared) < 4 * errors[0]
    assert abs(means[1] - trace) < 4 * errors[1]
    assert errors[0] < 0.1 * squared  # so that a bias of |G_n|², tr(Σ)/16, were seen
    assert trace / 16 > 4 * errors[0]


def test_a_trained_network_has_a_larger_noise_scale_than_an_untrained_one():
    watch = Watch(share=1.0)
    fit(watch, SGD(lr=0.5))
    scales = [row["scale"] for row in watch.noise]
    assert 0 < scales[0] < scales[-1]


@pytest.mark.parametrize(
    ("batch", "scale", "words"),
    [
        (64, 1000.0, "is small: a step is mostly noise. Of the steps, 17 times"),
        (64, 64.0, "is about right"),
        (64, 4.0, "is large: its examples mostly agree. Of the examples, 17 times"),
        (64, 0.01, "batches of about 1 save"),
        (64, np.inf, "The batch of 64 is small beside it"),
        (512, np.inf, "Draw more than the 512"),
    ],
)
def test_verdict(batch, scale, words):
    assert words in verdict(batch, scale, 256)


def test_table_and_epochs_said(capsys):
    watch = Watch(share=1.0, examples=32, say=print)
    assert str(watch) == "nothing watched yet"
    assert repr(watch) == "Watch(0 epochs watched)"
    fit(watch, SGD(lr=0.1), (Dense(8), ReLU(), Concat(Dense(4), Identity()), Dense(3)))
    printed = capsys.readouterr().out
    assert printed.count("epoch ") == 3
    assert printed.rstrip().endswith(str(watch).rstrip())
    lines = str(watch).splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == ["0", "1", "2", "2.0", "2.1", "3"]
    assert lines[-1].startswith("noise scale:")
    assert "look" in lines[0]
    assert repr(watch).startswith("Watch(3 epochs watched, ")


def test_csr_input_and_weights():
    X, _ = data()
    watch = Watch(share=1.0)
    fit(watch, SGD(lr=0.1), X=sparse.csr_matrix(X), weights=np.linspace(1, 2, 200))
    assert len(watch.noise) == 3
    assert all(np.isfinite(row["update"]) for row in watch.rows if "update" in row)


def test_one_watch_over_two_fits():
    watch, (X, y) = Watch(share=1.0), data()
    trainer = Trainer(Network(Dense(4), Dense(3)), SoftmaxCrossEntropy(), SGD(lr=0.1), batch=20)
    for _ in range(2):
        trainer.fit(X, y, epochs=1, callbacks=[watch])
    assert [row["step"] for row in watch.noise] == [10, 20]


def test_looks_keep_to_their_share():
    watch = Watch(share=1e-9)
    fit(watch, SGD(lr=0.1))
    assert sum(row["looks"] for row in watch.noise) <= 2  # the first, and one that cost nothing yet


def test_a_strict_first_look_waits_until_it_is_paid_for(monkeypatch):
    watch = Watch(share=1e-9, strict=True)
    fit(watch, SGD(lr=0.1))
    assert watch.noise == watch.rows == []
    assert watch.waits == pytest.approx(1e8)

    monkeypatch.setattr("steepest.inspection.watch._FIRST", 0.0)
    left = [math.inf, math.inf, 0, 0]
    monkeypatch.setattr(Ahead, "lacking", lambda self: left.pop(0))
    watch = Watch(share=1.0, strict=True, examples=16)
    watched, alone = fit(watch, SGD(lr=0.1)), fit(None, SGD(lr=0.1))
    assert len(left) == 1  # asked until nothing lacked
    assert watch.noise
    np.testing.assert_array_equal(watched.theta, alone.theta)


def test_lowering_for_a_strict_first_look_is_paid_for_once(monkeypatch):
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)

    def lower_in(seconds):
        glass = SimpleNamespace(ready=False, lowered=False)

        def lacking():
            if not glass.lowered:
                clock.now += seconds
                glass.lowered = True
            return 0

        glass.lacking = lacking
        return glass

    monkeypatch.setattr("steepest.inspection.watch.time", clock)
    for took, first in ((0.08, 20.0), (0.2, 40.0)):  # 0.005 of that
        watch, glass, clock.now = Watch(share=0.005, strict=True), lower_in(took), 0.0
        while not watch._may_look(glass, clock.now):
            clock.now = round(clock.now + 0.5, 1)
        assert first <= clock.now < first + 1


@pytest.mark.parametrize(
    "wrong", [{"examples": 1}, {"examples": 2.5}, {"share": 0}, {"share": 1.5}, {"share": "all"}]
)
def test_bad_settings(wrong):
    with pytest.raises(InputError, match="Watch"):
        Watch(**wrong)


def test_only_a_trainer_can_call_it():
    network = Network(Dense(1), inputs=1)
    progress = Progress(network, 1, 1, 1, 1, True, 0.0)
    with pytest.raises(InputError, match="Trainer"):
        Watch()(progress)
