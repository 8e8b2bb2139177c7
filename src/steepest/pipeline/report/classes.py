"""Which classes are taken for which, and how far the probabilities can be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Array
from .subject import Rows, Subject

__all__ = ["section"]

_CLASSES, _CURVES = 20, 6  # shown: of the confusions, and as curves
_TAKEN = 12  # pairs of classes that are taken for each other
_POINTS = 200
_BINS = 10
_THRESHOLDS = np.linspace(0, 1, 101)


def section(subject: Subject) -> dict[str, Any] | None:
    """Return confusions, precision and recall; with probabilities also curves and calibration."""
    model, rows = subject.model, subject.rows
    if rows is None or model.task.is_regression:
        return None
    task = model.task
    labels = [str(label) for label in task.classes]
    found: dict[str, Any] = {"rows": rows.which, "target": task.name, **_confusions(rows, labels)}
    if not model.has_probabilities:
        return found
    counts = np.bincount(rows.y, minlength=len(labels))
    wanted = [1] if len(labels) == 2 else [int(k) for k in np.argsort(-counts)[:_CURVES]]
    curves = [_curve(rows, k, labels[k]) for k in wanted if 0 < counts[k] < len(rows)]
    found |= {"curves": curves, "calibration": _calibration(rows, len(labels) == 2)}
    if len(labels) == 2:
        found["thresholds"] = _thresholds(rows)
    return found


def _confusions(rows: Rows, labels: list[str]) -> dict[str, Any]:
    """Return counts by true and predicted class, and the scores of each class."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    numbers = np.arange(len(labels))
    table = confusion_matrix(rows.y, rows.said, labels=numbers)
    scores = precision_recall_fscore_support(
        rows.y, rows.said, labels=numbers, zero_division=np.nan
    )
    shown = np.sort(np.argsort(-table.sum(axis=1), kind="stable")[:_CLASSES])
    names = ("precision", "recall", "f1", "count")
    return {
        "labels": [labels[k] for k in shown],
        "more": len(labels) - len(shown),
        "confusions": table[np.ix_(shown, shown)].tolist(),
        "totals": table.sum(axis=1)[shown].tolist(),
        "taken": _taken(table, labels),
        "scores": [
            {
                "label": label,
                **{name: float(column[k]) for name, column in zip(names, scores, strict=True)},
            }
            for k, label in enumerate(labels)
        ],
    }


def _taken(table: NDArray[np.int64], labels: list[str]) -> list[dict[str, Any]]:
    """Return the pairs of classes of which most rows of the first are taken for the second."""
    wrong = table - np.diag(np.diag(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_TAKEN]
    pairs = [divmod(int(k), len(labels)) for k in order]
    return [
        {
            "true": labels[true],
            "said": labels[said],
            "count": int(wrong[true, said]),
            "share": float(wrong[true, said] / table[true].sum()),
        }
        for true, said in pairs
        if wrong[true, said]
    ]


def _curve(rows: Rows, k: int, label: str) -> dict[str, Any]:
    """Return one class against the others: the ROC curve, and precision over recall."""
    from sklearn.metrics import (
        average_precision_score,
        precision_recall_curve,
        roc_auc_score,
        roc_curve,
    )

    truth, p = rows.y == k, rows.shares[:, k]
    false, true, _ = roc_curve(truth, p)
    precision, recall, _ = precision_recall_curve(truth, p)
    return {
        "label": label,
        "auc": float(roc_auc_score(truth, p)),
        "average_precision": float(average_precision_score(truth, p)),
        "share": float(truth.mean()),
        "roc": _thinned(false, true),
        "pr": _thinned(recall[::-1], precision[::-1]),
    }


def _thinned(x: Array, y: Array) -> list[list[float]]:
    """Return at most so many points of a curve, its ends among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
    return [x[kept].round(5).tolist(), y[kept].round(5).tolist()]


def _calibration(rows: Rows, binary: bool) -> dict[str, Any]:
    """Return what was said and what came, in bins of about as many rows each.

    Of two classes it is about the second, of several about the one that was predicted. The error is
    Σ_b n_b/n |said_b − came_b| (Naeini, Cooper & Hauskrecht, "Obtaining well calibrated
    probabilities using Bayesian binning", AAAI 2015, with bins of equal counts).
    """
    said = rows.shares[:, 1] if binary else rows.shares.max(axis=1)
    came = rows.y == (1 if binary else rows.shares.argmax(axis=1))
    bins = np.array_split(np.argsort(said, kind="stable"), min(_BINS, len(said)))
    means = [(float(said[b].mean()), float(came[b].mean()), len(b)) for b in bins if len(b)]
    error = sum(n * abs(p - c) for p, c, n in means) / len(said)
    said_list, came_list, counts = map(list, zip(*means, strict=True))
    return {
        "said": said_list,
        "came": came_list,
        "count": counts,
        "error": error,
        "mean_said": float(said.mean()),
        "mean_came": float(came.mean()),
        "about": "second" if binary else "predicted",
    }


def _thresholds(rows: Rows) -> dict[str, Any]:
    """Return how many rows of either class are above each threshold."""
    p, truth = rows.shares[:, 1], rows.y == 1
    yes, no = np.sort(p[truth]), np.sort(p[~truth])
    return {
        "at": _THRESHOLDS.round(2).tolist(),
        "true_positives": (len(yes) - np.searchsorted(yes, _THRESHOLDS)).tolist(),
        "false_positives": (len(no) - np.searchsorted(no, _THRESHOLDS)).tolist(),
        "positives": len(yes),
        "negatives": len(no),
    }
