"""Metrics by name. The mathematics is scikit-learn's.

A metric is a function ``(y, prediction) -> float``; ``prediction`` is what the loss's inverse link
makes of the network's outputs: probabilities (n, classes), or the probability (n, 1) of the second
of two classes, or real predictions (n, k).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

__all__ = ["GREATER_IS_BETTER", "METRICS", "Metric", "labels", "metrics_named"]

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]


def labels(prediction: Array) -> Array:
    """Return the most probable class of each row."""
    if prediction.shape[1] == 1:
        return np.asarray(prediction[:, 0] > 0.5, np.int64)
    if prediction.shape[1] == 2:  # a sixth of the time of argmax
        return np.asarray(prediction[:, 1] > prediction[:, 0], np.int64)
    return np.asarray(prediction.argmax(axis=1))


def _classes(y: Array) -> Array:
    """Return targets as class numbers."""
    if y.ndim == 2 and y.shape[1] > 1:
        return np.asarray(y.argmax(axis=1))
    return np.asarray(y).reshape(len(y)).astype(np.int64)


def accuracy(y: Array, prediction: Array) -> float:
    """Return the share of rows whose most probable class is the right one."""
    return float(np.mean(labels(prediction) == _classes(y)))


def balanced_accuracy(y: Array, prediction: Array) -> float:
    """Return the average over classes of the share found."""
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(_classes(y), labels(prediction)))


def f1(y: Array, prediction: Array) -> float:
    """Return the F1 score: of the second class, or the classes' average."""
    from sklearn.metrics import f1_score

    average = "binary" if prediction.shape[1] == 1 else "macro"
    return float(f1_score(_classes(y), labels(prediction), average=average, zero_division=0.0))


def auc(y: Array, prediction: Array) -> float:
    """Return the area under the ROC curve (one against the rest, averaged, for several classes)."""
    from sklearn.metrics import roc_auc_score

    if prediction.shape[1] <= 2:
        return float(roc_auc_score(_classes(y), prediction[:, -1]))
    numbers = np.arange(prediction.shape[1])
    return float(roc_auc_score(_classes(y), prediction, multi_class="ovr", labels=numbers))


def log_loss(y: Array, prediction: Array) -> float:
    """Return the average negative log-likelihood, in nats."""
    from sklearn.metrics import log_loss as score

    p = prediction.astype(np.float64)
    p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p / p.sum(axis=1, keepdims=True)
    return float(score(_classes(y), p, labels=np.arange(p.shape[1])))


def r2(y: Array, prediction: Array) -> float:
    """Return the coefficient of determination."""
    from sklearn.metrics import r2_score

    return float(r2_score(_real(y), prediction))


def rmse(y: Array, prediction: Array) -> float:
    """Return the root of the mean squared error."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(_real(y), prediction))


def mae(y: Array, prediction: Array) -> float:
    """Return the mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(_real(y), prediction))


def _real(y: Array) -> Array:
    return y.reshape(len(y), -1)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "auc": auc,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "log_loss": log_loss,
    "mae": mae,
    "r2": r2,
    "rmse": rmse,
}

GREATER_IS_BETTER = {"accuracy", "auc", "balanced_accuracy", "f1", "r2"}


def metrics_named(wanted: Iterable[str | Metric] | Mapping[str, Metric]) -> dict[str, Metric]:
    """Return the metrics that were asked for, by name.

    A function goes by its own name.
    """
    if isinstance(wanted, Mapping):
        return dict(wanted)
    found: dict[str, Metric] = {}
    for metric in wanted:
        if callable(metric):
            found[getattr(metric, "__name__", repr(metric))] = metric
        elif metric in METRICS:
            found[metric] = METRICS[metric]
        else:
            raise InputError(
                f"metrics: there are {', '.join(METRICS)}, or give a function (y, prediction); "
                f"got {metric!r}"
            )
    return found
