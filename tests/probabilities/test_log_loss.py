"""The log loss of calibrated probabilities, and its gradient."""

import numpy as np
import pytest

from steepest import Dense, Logistic, Network, SoftmaxCrossEntropy
from steepest.inspection.gradients import Gradients
from steepest.probabilities.calibration import Calibration
from steepest.probabilities.log_loss import CalibratedLogLoss

RNG = np.random.default_rng(0)
PLAIN = Calibration()
FULL = Calibration(0.1, (1.0, 3.0, 0.5), 0.02, 1.4, (0.3, 0.0, -0.5))
TWO = Calibration(0.2, (1.0, 3.0), 0.02, 0.7, (0.3, -0.2))


@pytest.mark.parametrize(
    ("loss", "calibration", "width"),
    [
        (SoftmaxCrossEntropy(), PLAIN, 3),
        (SoftmaxCrossEntropy(0.1), FULL, 3),
        (Logistic(0.2), TWO, 1),
        (Logistic(), PLAIN, 1),
    ],
)
def test_it_is_the_log_loss_and_its_gradient_the_slope(loss, calibration, width):
    classes, n = max(2, width), 40
    z, y = 2 * RNG.standard_normal((n, width)), RNG.integers(0, classes, n)
    w = RNG.random(n)
    made = CalibratedLogLoss.of(loss, calibration, classes)
    own, found = made.settings(), np.empty(n)

    def losses(z):
        made.value(z, y, w, found, **own, rows=range(n))
        return found.copy()

    p = calibration.probabilities(loss.mean(z))
    np.testing.assert_allclose(losses(z), -w * np.log(p[np.arange(n), y]), rtol=1e-9)
    dz, again, h = np.empty((n, width)), np.empty(n), 1e-6
    made.gradient(z, y, w, again, dz, 0.5, **own, rows=range(n))
    np.testing.assert_allclose(again, losses(z), rtol=1e-12)
    for k in range(width):
        step = h * (np.arange(width) == k)
        slope = (losses(z + step) - losses(z - step)) / (2 * h)
        np.testing.assert_allclose(dz[:, k], 0.5 * slope, atol=1e-8)


def test_it_is_compiled():
    network = Network(Dense(3), inputs=2, dtype="float64")
    made = CalibratedLogLoss.of(SoftmaxCrossEntropy(), FULL, 3)
    X, y = RNG.standard_normal((5, 2)), RNG.integers(0, 3, 5)
    found = Gradients(network, made).mean(X, y).losses
    p = FULL.probabilities(made.mean(network.predict(X)))
    np.testing.assert_allclose(found, -np.log(p[np.arange(5), y]), rtol=1e-9)
