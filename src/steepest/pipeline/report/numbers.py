"""How far predicted numbers are from the true ones, and whether intervals hold their promise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...losses import Quantile
from .subject import Subject

__all__ = ["section"]

_POINTS = 800
_BINS = 40
_BANDS = 10


def section(subject: Subject) -> dict[str, Any] | None:
    """Return predicted and true values, residuals, and the coverage of quantiles."""
    model, rows = subject.model, subject.rows
    if rows is None or not model.task.is_regression:
        return None
    truth = model.task.decode(rows.y)
    said = np.asarray(model.task.decode(rows.outputs)).reshape(len(rows), -1)
    loss = model.loss
    levels = list(loss.levels) if isinstance(loss, Quantile) else []
    middle = said[:, int(np.argmin(np.abs(np.array(levels) - 0.5)))] if levels else said[:, 0]
    residual = truth - middle
    drawn = np.sort(subject.rng().permutation(len(rows))[:_POINTS])
    low, high = np.quantile(residual, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    counts, _ = np.histogram(np.clip(residual, edges[0], edges[-1]), edges)
    found: dict[str, Any] = {
        "rows": rows.which,
        "target": model.task.name,
        "predicted": middle[drawn].tolist(),
        "truth": truth[drawn].tolist(),
        "residuals": {"edges": edges.tolist(), "counts": counts.tolist()},
        "bias": float(residual.mean()),
        "off": [float(part) for part in np.quantile(np.abs(residual), [0.5, 0.9])],
        "bands": _bands(middle, residual),
    }
    if levels:
        found["coverage"] = [
            {"level": level, "below": float(np.mean(truth <= said[:, k]))}
            for k, level in enumerate(levels)
        ]
        found["inside"] = {
            "promised": levels[-1] - levels[0],
            "came": float(np.mean((truth >= said[:, 0]) & (truth <= said[:, -1]))),
        }
    return found


def _bands(predicted: Any, residual: Any) -> list[dict[str, float]]:
    """Return quartiles of the residual over bins of the prediction of about as many rows each."""
    order = np.argsort(predicted, kind="stable")
    found = []
    for part in np.array_split(order, min(_BANDS, len(order))):
        low, middle, high = np.quantile(residual[part], [0.25, 0.5, 0.75])
        found.append(
            {
                "at": float(predicted[part].mean()),
                "low": float(low),
                "middle": float(middle),
                "high": float(high),
                "count": len(part),
            }
        )
    return found
