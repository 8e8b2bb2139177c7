"""Probabilities come true, whatever the training did to its targets."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from sklearn.metrics import log_loss

from steepest import TabularClassifier
from steepest.pipeline.model import Model

N = 4000


def events(rate, seed=0):
    """Return rows, events of this rate, and their true probabilities."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((2 * N, 3))
    lin = 1.5 * X[:, 0]
    b = brentq(lambda b: (1 / (1 + np.exp(-(lin + b)))).mean() - rate, -20, 20)
    p = 1 / (1 + np.exp(-(lin + b)))
    return X, (rng.random(2 * N) < p).astype(int), p


def classifier(**parameters):
    settings = {"layers": (16,), "epochs": 10}
    return TabularClassifier(settings=settings, n_threads=1, **parameters)


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_the_mean_of_the_probabilities_is_the_rate_of_the_event(rate, weight):
    X, y, true = events(rate)
    q = classifier(class_weight=weight).fit(X[:N], y[:N]).predict_proba(X[N:])[:, 1]
    noise = np.sqrt(2 * rate * (1 - rate) / N)  # of the rates in training and test
    assert abs(q.mean() - y[N:].mean()) < 3 * noise
    trivial = log_loss(y[N:], np.full(N, y[:N].mean()))
    truth = log_loss(y[N:], true[N:])
    part = 0.7 if rate > 0.01 else 1.0  # of 20 events there is little to learn
    assert truth - 0.005 < log_loss(y[N:], q) < truth + part * (trivial - truth)


def test_class_weights_are_costs(tmp_path):
    X, y, _ = events(0.1)
    model = classifier(class_weight={0: 1.0, 1: 4.0}).fit(X[:N], y[:N])
    p, said = model.predict_proba(X[N:]), model.predict(X[N:])
    np.testing.assert_array_equal(said, p[:, 1] * 4 >= p[:, 0])
    assert said.mean() > 1.5 * (p[:, 1] > 0.5).mean()
    columns = [f"x{k}" for k in range(3)]
    model.model_.save(tmp_path / "model")
    loaded, frame = Model.load(tmp_path / "model"), pd.DataFrame(X[N:], columns=columns)
    np.testing.assert_array_equal(loaded.predict_proba(frame), p)
    np.testing.assert_array_equal(loaded.predict(frame), said)


def test_a_class_may_not_weigh_nothing():
    X, y, _ = events(0.5)
    for weight in ({0: 0.0, 1: 1.0}, {0: 1.0, 1: float("nan")}):
        with pytest.raises(ValueError, match="each of class_weight must be a number above 0"):
            classifier(class_weight=weight).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="class_weight names 7; the classes are"):
        classifier(class_weight={7: 2.0}).fit(X[:50], y[:50])
