"""How good the model is, beside what knows nothing and beside a linear model."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from ...arrays import Array
from ...losses import Hinge
from ...metrics import GREATER_IS_BETTER, Metric
from ..scores import as_seen_by, test_metrics, trivial
from .linear import linear_outputs
from .subject import Subject

__all__ = ["section"]

_RESAMPLES = 200
_LEVEL = 0.95
_LABELS = {
    "accuracy": "share of rows that it gets right",
    "log_loss": "log loss of the probabilities",
    "auc": "area under the ROC curve",
    "r2": "share of the variance explained (R²)",
    "rmse": "root of the mean squared error",
    "mae": "mean absolute error",
    "pinball": "pinball loss of the quantiles",
}


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the scores on the rows with 95 % intervals; without rows, those of the model's test.

    The intervals are percentiles over 200 resamples of the rows (Efron & Tibshirani, "An
    introduction to the bootstrap", 1993, chapter 13): they say how far other rows of the same kind
    would move a score, not how far another training would.
    """
    model, rows = subject.model, subject.rows
    if rows is None:
        return _as_tested(subject)
    metrics = test_metrics(model, rows.y)
    compared: dict[str, Array] = {}
    fitted = None
    says = model.about.get("trivial_says", "")
    data = subject.known.data
    if data is not None:
        says, compared["trivial"] = trivial(model, data.y, len(rows))
        linear = linear_outputs(model, data, rows.X, subject.known.seed)
        if linear is not None:
            compared["linear"], fitted = linear
    found = []
    for name, metric in metrics.items():
        outputs = as_seen_by(name, model, rows.outputs)
        low, high = _interval(metric, rows.y, outputs, subject.rng())
        beside = {who: metric(rows.y, said) for who, said in compared.items()}
        if data is None and name in model.about.get("trivial", {}):
            beside["trivial"] = model.about["trivial"][name]
        found.append(
            {
                "name": name,
                "label": _LABELS.get(name, name),
                "better": "higher" if name in GREATER_IS_BETTER else "lower",
                "value": metric(rows.y, outputs),
                "low": low,
                "high": high,
                **beside,
            }
        )
    return {
        "rows": rows.which,
        "scores": found,
        "trivial": says,
        "fitted": fitted,
        "sure": not model.task.is_regression and not isinstance(model.loss, Hinge),
        "level": _LEVEL,
        "target": model.task.name,
    }


def _as_tested(subject: Subject) -> dict[str, Any] | None:
    """Return what the model itself says of its test."""
    about = subject.model.about
    if not about.get("metrics"):
        return None
    tested = about.get("rows", {}).get("test")
    return {
        "rows": "the test rows" if tested is None else f"{tested:,} test rows",
        "scores": [
            {
                "name": name,
                "label": _LABELS.get(name, name),
                "better": "higher" if name in GREATER_IS_BETTER else "lower",
                "value": value,
                "trivial": about.get("trivial", {}).get(name),
            }
            for name, value in about["metrics"].items()
        ],
        "trivial": about.get("trivial_says", ""),
        "level": _LEVEL,
        "target": subject.model.task.name,
    }


def _interval(
    metric: Metric, y: Array, outputs: Array, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a score over resamples of the rows.

    Resamples in which the score is not defined, for want of a class, do not count.
    """
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for _ in range(_RESAMPLES):
            drawn = rng.integers(0, len(y), len(y))
            with suppress(ValueError):
                found.append(metric(y[drawn], outputs[drawn]))
    found = [score for score in found if np.isfinite(score)]
    if not found:
        return np.nan, np.nan
    tail = 100 * (1 - _LEVEL) / 2
    low, high = np.percentile(found, [tail, 100 - tail])
    return float(low), float(high)
