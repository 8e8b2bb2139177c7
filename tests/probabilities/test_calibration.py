"""From what a network says of classes to probabilities and a class."""

import numpy as np
import pytest
from scipy.optimize import minimize

from steepest import Logistic, SoftmaxCrossEntropy
from steepest.errors import InputError, ModelError
from steepest.probabilities.calibration import UNCHANGED, Calibration

RNG = np.random.default_rng(0)


def minimiser(loss, p, w):
    """Return the mean at the outputs of the least expected loss, where classes have shares p."""
    K = len(p)
    q = 1 if isinstance(loss, Logistic) else K
    y = np.arange(K) if q > 1 else np.arange(K, dtype=float)[:, None]
    _, gradient = loss.kernels(y)
    each = np.empty(K)

    def expected(z):
        rows, dz = np.tile(z, (K, 1)), np.empty((K, q))
        gradient(rows, y, p * w, each, dz, 1.0, loss.label_smoothing, range(K))
        return each.sum(), dz.sum(axis=0)

    found = minimize(expected, np.zeros(q), jac=True, tol=1e-14)
    return loss.mean(found.x[None])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_it_inverts_what_the_loss_of_smoothed_weighted_classes_is_least_at(smoothing, classes):
    p, w = RNG.dirichlet(np.ones(classes)), RNG.uniform(0.2, 5, classes)
    losses = [SoftmaxCrossEntropy(smoothing)] + [Logistic(smoothing)] * (classes == 2)
    for loss in losses:
        q = minimiser(loss, p, w)
        found = Calibration(smoothing, tuple(w)).probabilities(q)
        np.testing.assert_allclose(found, p[None], atol=1e-5)
        if smoothing or classes > 1:
            assert np.abs(Calibration().probabilities(q) - p).max() > 1e-3


def test_no_probability_is_below_the_least():
    q = np.array([[0.02, 0.98], [0.05, 0.95], [0.5, 0.5]])
    found = Calibration.of_training(0.1, None, 1000).probabilities(q)
    np.testing.assert_allclose(found[:2], [[1e-3, 1]] * 2 / np.float64(1.001))
    np.testing.assert_allclose(found[2], [0.5, 0.5])
    assert Calibration.of_training(0.0, None, 1000) == UNCHANGED


def test_the_default_changes_nothing():
    q = RNG.random((5, 1)).astype(np.float32)
    p = UNCHANGED.probabilities(q)
    np.testing.assert_array_equal(p, np.hstack([1 - q.astype(float), q.astype(float)]))
    np.testing.assert_array_equal(UNCHANGED.classes(p), q[:, 0] >= 0.5)


def test_powers_and_shifts():
    p = RNG.dirichlet(np.ones(3), 4)
    found = Calibration(power=2.0, shifts=(0.0, 1.0, -1.0)).probabilities(p)
    logits = 2 * np.log(p) + [0, 1, -1]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_costs_decide():
    p = np.array([[0.75, 0.25], [0.85, 0.15], [0.2, 0.8]])
    assert Calibration().classes(p).tolist() == [0, 0, 1]
    assert Calibration().with_threshold(0.2).classes(p).tolist() == [1, 0, 1]
    three = np.array([[0.5, 0.3, 0.2]])
    assert Calibration(costs=(1.0, 1.0, 3.0)).classes(three).tolist() == [2]
    assert Calibration.of_training(0, (1.0, 9.0), 10).classes(p).tolist() == [1, 1, 1]


def test_a_record_comes_back_and_a_damaged_one_does_not():
    made = Calibration(0.1, (1.0, 2.0), 1e-3, 1.5, (0.5, 0.0), (1.0, 3.0))
    assert Calibration.from_dict(made.to_dict()) == made
    for change in (
        {"power": 0.0},
        {"label_smoothing": 1.0},
        {"weights": [1.0, -1.0]},
        {"shifts": [1e9, 0.0]},
        {"costs": "much"},
        {"colour": 1},
    ):
        with pytest.raises(ModelError):
            Calibration.from_dict(made.to_dict() | change)
    with pytest.raises(ModelError):
        Calibration.from_dict([])
    with pytest.raises(ModelError, match="2 weights for 3 classes"):
        made.check_classes(3)
    with pytest.raises(InputError):
        Calibration(power=-1)
