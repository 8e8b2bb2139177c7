"""What a test reports of a model, and what knows nothing but the targets of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..losses import Quantile
from ..metrics import METRICS, Metric

if TYPE_CHECKING:
    from ..loss import Loss
    from .fitted_model import FittedModel

__all__ = ["main_metric", "test_metrics", "trivial"]

_MAIN = ("log_loss", "accuracy", "rmse", "pinball")


def test_metrics(model: FittedModel, targets: Array) -> dict[str, Metric]:
    """Return the metrics of a model by name, each in the target's units.

    Parameters
    ----------
    model : FittedModel
    targets : ndarray, (n,)
        The encoded targets to test on; without rows of every class some metrics are left out.
    """
    task = model.task
    if isinstance(model.loss, Quantile):
        return {"pinball": _scaled(_pinball(model.loss), task.deviation)}
    if task.is_regression:
        errors = {name: _scaled(METRICS[name], task.deviation) for name in ("rmse", "mae")}
        return {"r2": METRICS["r2"], **errors}
    names = ["accuracy"]
    if model.has_probabilities:
        names += ["log_loss", *["auc"] * (len(np.unique(targets)) == len(task.classes))]
    return {name: METRICS[name] for name in names}


def main_metric(model: FittedModel) -> tuple[str, str | Metric]:
    """Return the name of what a test tells most by, and the metric as `importance` takes it."""
    task, found = model.task, test_metrics(model, np.empty(0))
    name = next(name for name in _MAIN if name in found)
    if not task.is_regression:
        return name, name

    def in_units(y: Array, mean: Array) -> float:
        ordered = np.sort(mean, axis=1) if isinstance(model.loss, Quantile) else mean
        return found[name](y, task.clamp(ordered))

    return name, in_units


def trivial(model: FittedModel, known: Array, rows: int) -> tuple[str, Array]:
    """Return what one who knows the training targets only says of every row: in words, (n, q)."""
    task = model.task
    if isinstance(model.loss, Quantile):
        return "the quantiles", np.tile(np.quantile(known, model.loss.levels), (rows, 1))
    if task.is_regression:
        return "the mean", np.full((rows, 1), known.mean())
    shares = np.bincount(known, minlength=len(task.classes)) / len(known)
    says = f"always {task.classes[int(shares.argmax())]!r}"
    return says, np.tile(shares[1:] if task.outputs == 1 else shares, (rows, 1))


def _scaled(metric: Metric, factor: float) -> Metric:
    return lambda y, prediction: metric(y, prediction) * factor


def _pinball(loss: Loss) -> Metric:
    """Return the average of a quantile loss over its levels."""

    def pinball(y: Array, prediction: Array) -> float:
        from sklearn.metrics import mean_pinball_loss

        assert isinstance(loss, Quantile)
        found = zip(loss.levels, prediction.T, strict=True)
        return float(np.mean([mean_pinball_loss(y, z, alpha=level) for level, z in found]))

    return pinball
