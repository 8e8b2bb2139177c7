"""Calibration: on the rows that were trained on, in the large; on others, where it helps.

In the large, probabilities ought to be as high on average as their classes are frequent. Where the
biases of the last layer have settled, they are so over the training rows. They seldom have at the
best epoch, so `settle` does it for them: its shifts are those of the least log loss over these.

On rows that were not trained on, `calibrate` tries two families: a power of the probabilities,
which is temperature scaling, and a power with a shift for each class. Its parameters are those of
the least log loss, with a normal prior of deviation 1 on the logarithm of the power and each shift,
so that few rows don't carry them away. What a family is worth is decided by cross-fitting: each
fifth of the rows is predicted with parameters of the other four. A family is used if it lowers the
log loss by more than the standard error of that difference.

`steepest.probabilities.calibration` has the formula and the sources.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .calibration import Calibration

__all__ = ["FEWEST", "calibrate", "settle"]

FEWEST = 50
"""Rows below which nothing is calibrated."""
_MOST = 10_000
_FOLDS = 5
_POWER, _SHIFT = np.log(20.0), 10.0
_TINY = 1e-30

Real = NDArray[np.float64]
Rows = tuple[Array, Array, Array | None]


def calibrate(
    calibration: Calibration, q: Array, y: Array, weights: Array | None = None
) -> Calibration:
    """Return a calibration with the power and the shifts that these rows ask for.

    Parameters
    ----------
    calibration : Calibration
        What undoes the training's smoothing and weights.
    q : ndarray (n, K) or (n, 1)
        What the loss's mean makes of the outputs for rows that were not trained on. Of many, 10,000
        are used.
    y : ndarray (n,)
        Their classes, by number.
    weights : ndarray (n,), optional
        Of the rows.

    Returns
    -------
    Calibration
        The one given, if nothing helps or there are fewer rows than `FEWEST`.
    """
    if len(y) < FEWEST or not np.isfinite(q).all():
        return calibration
    logs, y, w = _prepared(calibration, q, y, weights)
    before, folds = _losses(logs, y, np.zeros(1)), _folds(y)
    best, worth = None, 0.0
    for size in (1, 1 + logs.shape[1]):
        found = _fit(logs, y, w, np.zeros(size))
        after = np.empty(len(y))
        for fold in range(_FOLDS):
            out = folds == fold
            after[out] = _losses(logs[out], y[out], _fit(logs[~out], y[~out], w[~out], found))
        gain = w * (before - after)
        error = gain.std() / np.sqrt(len(y))
        if gain.mean() - error > worth:
            best, worth = found, gain.mean() - error
    if best is None:
        return calibration
    return _with(calibration, best)


def settle(
    calibration: Calibration,
    trained: Rows,
    held_out: Rows | None = None,
) -> Calibration:
    """Return a calibration with the shifts that make probabilities right on average.

    Parameters
    ----------
    calibration : Calibration
    trained : tuple
        ``(q, y, weights)`` of rows that were trained on, as of `calibrate`.
    held_out : tuple, optional
        The same of others; where they speak against the shifts, by more than the standard error of
        the difference of their log losses, there are none.
    """
    if not np.isfinite(trained[0]).all():
        return calibration
    logs, y, w = _prepared(calibration, *trained)
    found = _fit(logs, y, w, np.zeros(1 + logs.shape[1]), power=0.0)
    if held_out is not None and np.isfinite(held_out[0]).all():
        logs, y, w = _prepared(calibration, *held_out)
        gain = w * (_losses(logs, y, np.zeros(1)) - _losses(logs, y, found))
        if gain.mean() < -gain.std() / np.sqrt(len(y)):
            return calibration
    return _with(calibration, found)


def _with(calibration: Calibration, found: Real) -> Calibration:
    """Return a calibration with a power and shifts applied to what it gives."""
    power, given = float(np.exp(found[0])), calibration.shifts
    shifts = power * np.asarray(given) if given else np.zeros(0)
    if len(found) > 1:
        shifts = found[1:] + (shifts if given else 0)
    if len(shifts):
        shifts = shifts - shifts.mean()  # only their differences count
    return replace(calibration, power=calibration.power * power, shifts=tuple(shifts.tolist()))


def _prepared(
    calibration: Calibration, q: Array, y: Array, weights: Array | None
) -> tuple[Real, Array, Real]:
    """Return log p, classes and weights of a mean of 1; of many rows, some drawn at random."""
    if len(y) > _MOST:
        drawn = np.sort(np.random.default_rng(0).permutation(len(y))[:_MOST])
        q, y, weights = q[drawn], y[drawn], None if weights is None else weights[drawn]
    w = np.ones(len(y)) if weights is None else np.asarray(weights / weights.mean(), np.float64)
    return np.log(np.maximum(calibration.probabilities(q), _TINY)), y, w


def _folds(y: Array) -> Array:
    """Return a fold for each row, each class spread evenly over them."""
    order = np.lexsort((np.random.default_rng(0).random(len(y)), y))
    folds = np.empty(len(y), np.int64)
    folds[order] = np.arange(len(y)) % _FOLDS
    return folds


def _scaled(logs: Real, parameters: Real) -> Real:
    """Return the logarithms of p^a e^b, less those of the sums, of parameters (log a, b)."""
    logits = logs * np.exp(parameters[0])
    if len(parameters) > 1:
        logits = logits + parameters[1:]
    logits = logits - logits.max(axis=1, keepdims=True)
    found: Real = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def _losses(logs: Real, y: Array, parameters: Real) -> Real:
    """Return −log p_y of each row."""
    found: Real = -_scaled(logs, parameters)[np.arange(len(y)), y]
    return found


def _fit(logs: Real, y: Array, w: Real, start: Real, power: float = _POWER) -> Real:
    """Return the parameters of the least penalised loss, from these on; |log a| ≤ ``power``."""
    from scipy.optimize import minimize

    n = len(y)

    def loss(parameters: Real) -> tuple[float, Real]:
        scaled = _scaled(logs, parameters)
        value = float(w @ -scaled[np.arange(n), y] + 0.5 * parameters @ parameters)
        slope = np.exp(scaled)
        slope[np.arange(n), y] -= 1
        slope *= w[:, None]
        gradient = parameters.copy()
        gradient[0] += np.exp(parameters[0]) * np.sum(slope * logs)
        gradient[1:] += slope.sum(axis=0)[: len(parameters) - 1]
        return value / n, gradient / n

    bounds: Any = [(-power, power)] + [(-_SHIFT, _SHIFT)] * (len(start) - 1)
    found: Real = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
