"""Calibration on rows that were not trained on, where it helps."""

import numpy as np
import pytest

from steepest.probabilities.calibrate import FEWEST, calibrate, settle
from steepest.probabilities.calibration import UNCHANGED, Calibration


def drawn(power, shifts, n=3000, seed=0):
    """Return what a network says whose logarithms ought to be scaled and shifted, and classes."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((n, len(shifts))) * 2
    q = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p = Calibration(power=power, shifts=tuple(shifts)).probabilities(q)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return q, y


@pytest.mark.parametrize("power", [0.4, 1.8])
def test_it_finds_the_power(power):
    found = calibrate(UNCHANGED, *drawn(power, [0.0, 0.0, 0.0]))
    assert found.power == pytest.approx(power, rel=0.1)


def test_it_finds_shifts():
    q, y = drawn(0.7, [1.0, 0.0, -1.0])
    found = calibrate(UNCHANGED, q, y)
    assert found.power == pytest.approx(0.7, rel=0.1)
    np.testing.assert_allclose(np.subtract(found.shifts, found.shifts[1]), [1, 0, -1], atol=0.2)
    two = calibrate(UNCHANGED, *drawn(0.5, [0.0, 1.0]))
    assert two.shifts[1] - two.shifts[0] == pytest.approx(1, abs=0.2)


def test_what_is_calibrated_is_left_alone():
    kept = sum(calibrate(UNCHANGED, *drawn(1.0, [0.0, 0.0], 100, s)) == UNCHANGED for s in range(8))
    assert kept >= 6


def test_few_rows_are_not_gone_by():
    q, y = drawn(0.2, [0.0, 0.0], FEWEST - 1)
    assert calibrate(UNCHANGED, q, y) == UNCHANGED
    assert calibrate(UNCHANGED, np.full((100, 2), np.nan), np.arange(100) % 2) == UNCHANGED


def test_a_row_of_weight_3_is_three_rows():
    q, y = drawn(0.5, [0.5, 0.0], 400)
    w = np.ones(400)
    w[:50] = 3
    weighted = calibrate(UNCHANGED, q, y, w)
    times = w.astype(int)
    repeated = calibrate(UNCHANGED, np.repeat(q, times, axis=0), np.repeat(y, times))
    assert weighted.power == pytest.approx(repeated.power, rel=0.02)


def test_what_undoes_the_training_stays():
    before = Calibration.of_training(0.1, (1.0, 2.0, 1.0), 1000)
    found = calibrate(before, *drawn(0.5, [0.0] * 3))
    assert found.power != 1
    assert (found.label_smoothing, found.weights, found.costs) == (0.1, *[(1.0, 2.0, 1.0)] * 2)


def test_a_class_that_no_row_is_of():
    q, y = drawn(0.5, [0.0] * 3)
    kept = y < 2
    found = calibrate(UNCHANGED, q[kept], y[kept])
    assert np.isfinite(found.probabilities(q)).all()


def test_it_is_right_on_average_over_the_rows_that_were_trained_on():
    q, y = drawn(1.0, [1.5, 0.0, -0.5])
    w = np.random.default_rng(1).uniform(0.5, 2, len(y))
    found = settle(UNCHANGED, (q, y, w))
    shares = np.bincount(y, w) / w.sum()
    np.testing.assert_allclose(np.average(found.probabilities(q), 0, w), shares, atol=2e-3)
    assert found.power == 1
    assert sum(found.shifts) == pytest.approx(0)
    wrong = q[:, ::-1], y, None
    assert settle(UNCHANGED, (q, y, w), (q, y, None)) == found
    assert settle(UNCHANGED, (q, y, w), (wrong[0], 2 - y, None)) == UNCHANGED
    then = calibrate(found, *drawn(2.0, [1.5, 0.0, -0.5]))
    p, logits = then.probabilities(q), np.log(q)
    logits = then.power * logits + then.shifts
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-9)
    np.testing.assert_allclose(then.power, 2, rtol=0.1)
