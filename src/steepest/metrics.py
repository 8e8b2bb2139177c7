"""Metrics by name: our short ones, and those of scikit-learn's scorers.

The mathematics is scikit-learn's. `METRICS` lists the names. Those of scikit-learn's scorers mean
what they mean there, so errors are negative: ``neg_mean_squared_error`` is −``mse``. ``precision``,
``recall``, ``f1`` and ``jaccard`` of more than two classes, or of two with an output each, are
averages over the classes, as with ``_macro`` behind them.

A metric is a function ``(y, prediction) -> float``; ``prediction`` is what the loss's inverse link
makes of the network's outputs: probabilities (n, classes), or the probability (n, 1) of the second
of two classes, or real predictions (n, k). Those that are listed here also take the ``weights`` of
the examples, (n,); ``max_error`` has no use for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .arrays import Array
from .errors import InputError
from .printing import shown
from .validate import function, iterated

__all__ = [
    "GREATER_IS_BETTER",
    "METRICS",
    "OF_CLASSES",
    "OF_LABELS",
    "OF_NUMBERS",
    "Metric",
    "labels",
    "metrics_named",
    "value_of",
]

Metric = Callable[..., float]
_Weights = Array | None


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


def accuracy(y: Array, prediction: Array, weights: _Weights = None) -> float:
    """Return the share of rows whose most probable class is the right one."""
    return float(np.average(labels(prediction) == _classes(y), weights=weights))


def log_loss(y: Array, prediction: Array, weights: _Weights = None) -> float:
    """Return the average of −log p of each row's class, as scikit-learn's `log_loss`.

    It is here since the best epoch is chosen by it: to check its arguments takes scikit-learn
    longer than an epoch of a small table.
    """
    p = _distributions(prediction)
    own = p[np.arange(len(p)), _classes(y)]
    return float(np.average(-np.log(np.maximum(own, np.finfo(p.dtype).eps)), weights=weights))


def _of_labels(name: str, **settings: Any) -> Metric:
    """Return a metric of scikit-learn's that compares classes."""

    def metric(y: Array, prediction: Array, weights: _Weights = None) -> float:
        from sklearn import metrics

        found = getattr(metrics, name)
        return float(found(_classes(y), labels(prediction), sample_weight=weights, **settings))

    return metric


def _averaged(name: str, average: str | None = None) -> Metric:
    """Return one of scikit-learn's that is of one class: the second of two, or an average."""

    def metric(y: Array, prediction: Array, weights: _Weights = None) -> float:
        kind = average or ("binary" if prediction.shape[1] == 1 else "macro")
        return _of_labels(name, average=kind, zero_division=0.0)(y, prediction, weights)

    return metric


def _area(how: str, average: str = "macro") -> Metric:
    """Return the area under the ROC curve, for several classes ``how`` averaged."""

    def metric(y: Array, prediction: Array, weights: _Weights = None) -> float:
        from sklearn.metrics import roc_auc_score

        own: dict[str, Any] = {"sample_weight": weights}
        if prediction.shape[1] <= 2:
            return float(roc_auc_score(_classes(y), prediction[:, -1], **own))
        own |= {"multi_class": how, "average": average, "labels": np.arange(prediction.shape[1])}
        return float(roc_auc_score(_classes(y), _distributions(prediction), **own))

    return metric


def average_precision(y: Array, prediction: Array, weights: _Weights = None) -> float:
    """Return the area under precision over recall (of several classes, their average)."""
    from sklearn.metrics import average_precision_score

    own: dict[str, Any] = {"sample_weight": weights}
    if prediction.shape[1] <= 2:
        return float(average_precision_score(_classes(y), prediction[:, -1], **own))
    one_against_the_rest = _classes(y)[:, None] == np.arange(prediction.shape[1])
    return float(average_precision_score(one_against_the_rest, prediction, **own))


def brier(y: Array, prediction: Array, weights: _Weights = None) -> float:
    """Return the average of Σ_k (p_k − [y = k])², for two classes half of it: (p − y)²."""
    p = _distributions(prediction)
    error = p - (_classes(y)[:, None] == np.arange(p.shape[1]))
    found = float(np.average(np.sum(error * error, axis=1), weights=weights))
    return found / (2 if p.shape[1] == 2 else 1)


def _of_numbers(name: str) -> Metric:
    """Return a metric of scikit-learn's that compares numbers."""

    def metric(y: Array, prediction: Array, weights: _Weights = None) -> float:
        from sklearn import metrics

        own = {"sample_weight": weights}
        return float(getattr(metrics, name)(y.reshape(len(y), -1), prediction, **own))

    return metric


def max_error(y: Array, prediction: Array, weights: _Weights = None) -> float:
    """Return the largest error."""
    return float(np.abs(y.reshape(len(y), -1) - prediction).max())


def _distributions(prediction: Array) -> Array:
    """Return (n, classes) of probabilities that add up to 1."""
    p = prediction.astype(np.float64)
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p / p.sum(axis=1, keepdims=True)


def _negative(metric: Metric) -> Metric:
    return lambda y, prediction, weights=None: -metric(y, prediction, weights)


_AVERAGES = ("macro", "micro", "weighted")
_CLASS_SCORES = {
    "f1": "f1_score",
    "jaccard": "jaccard_score",
    "precision": "precision_score",
    "recall": "recall_score",
}
_LABEL_SCORES: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": _of_labels("balanced_accuracy_score"),
    **{name: _averaged(function) for name, function in _CLASS_SCORES.items()},
    **{
        f"{name}_{average}": _averaged(function, average)
        for name, function in _CLASS_SCORES.items()
        for average in _AVERAGES
    },
    "matthews_corrcoef": _of_labels("matthews_corrcoef"),
}
_SHARE_SCORES: dict[str, Metric] = {
    "auc": _area("ovr"),
    "roc_auc": _area("ovr"),
    "roc_auc_ovr": _area("ovr"),
    "roc_auc_ovo": _area("ovo"),
    "roc_auc_ovr_weighted": _area("ovr", "weighted"),
    "roc_auc_ovo_weighted": _area("ovo", "weighted"),
    "average_precision": average_precision,
}
_NUMBER_SCORES: dict[str, Metric] = {
    "r2": _of_numbers("r2_score"),
    "explained_variance": _of_numbers("explained_variance_score"),
    "d2_absolute_error_score": _of_numbers("d2_absolute_error_score"),
}
_SHARE_ERRORS: dict[str, tuple[str, Metric]] = {
    "log_loss": ("log_loss", log_loss),
    "brier": ("brier_score", brier),
}
_NUMBER_ERRORS: dict[str, tuple[str, Metric]] = {
    "mse": ("mean_squared_error", _of_numbers("mean_squared_error")),
    "rmse": ("root_mean_squared_error", _of_numbers("root_mean_squared_error")),
    "mae": ("mean_absolute_error", _of_numbers("mean_absolute_error")),
    "median_absolute_error": ("median_absolute_error", _of_numbers("median_absolute_error")),
    "mape": ("mean_absolute_percentage_error", _of_numbers("mean_absolute_percentage_error")),
    "max_error": ("max_error", max_error),
    "poisson_deviance": ("mean_poisson_deviance", _of_numbers("mean_poisson_deviance")),
}
"""By our name: the name after ``neg_`` of scikit-learn's scorer, and the metric."""

_SCORES, _ERRORS = _LABEL_SCORES | _SHARE_SCORES | _NUMBER_SCORES, _SHARE_ERRORS | _NUMBER_ERRORS

METRICS: dict[str, Metric] = {
    **_SCORES,
    **{name: metric for name, (_, metric) in _ERRORS.items()},
    **{f"neg_{name}": _negative(metric) for name, metric in _ERRORS.values()},
}
"""By name: ours, and those of scikit-learn's scorers, whose errors are negative."""

GREATER_IS_BETTER = {name for name in METRICS if name not in _ERRORS}
OF_LABELS = tuple(_LABEL_SCORES)
"""Those that compare the classes that are predicted."""
OF_CLASSES = (
    *OF_LABELS,
    *_SHARE_SCORES,
    *_SHARE_ERRORS,
    *(f"neg_{name}" for name, _ in _SHARE_ERRORS.values()),
)
"""Those of classes: the former, and those that compare probabilities."""
OF_NUMBERS = tuple(name for name in METRICS if name not in OF_CLASSES)


def metrics_named(
    wanted: str | Metric | Iterable[str | Metric] | Mapping[str, Metric],
) -> dict[str, Metric]:
    """Return the metrics that were asked for, by name.

    A function goes by its own name.

    Raises
    ------
    InputError
        If there is none of a name, or something is neither a name nor a function.
    """
    if isinstance(wanted, Mapping):
        for name, metric in wanted.items():
            if not isinstance(name, str):
                raise InputError(f"metrics: a name must be a text, got {shown(name)}")
            function("metrics", repr(name), metric, "y", "prediction")
        return dict(wanted)
    if isinstance(wanted, str) or callable(wanted):
        wanted = [wanted]
    given = iterated(wanted)
    if given is None:
        raise InputError(f"metrics: expected names or functions in a list, got {shown(wanted)}")
    found: dict[str, Metric] = {}
    for metric in given:
        if callable(metric):
            function("metrics", "one of them", metric, "y", "prediction")
            found[getattr(metric, "__name__", repr(metric))] = metric
        elif isinstance(metric, str) and metric in METRICS:
            found[metric] = METRICS[metric]
        else:
            raise InputError(
                f"metrics: expected a name or a function (y, prediction), got {shown(metric)}; the "
                f"names are {', '.join(METRICS)}"
            )
    return found


def value_of(name: str, metric: Metric, y: Array, prediction: Array) -> float:
    """Return what a metric says, which may be anybody's.

    Raises
    ------
    InputError
        If it is no number.
    """
    value: Any = metric(y, prediction)
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError):  # of what is no number
        pass
    raise InputError(f"metrics: {name} must return a number, got {shown(value)}")
