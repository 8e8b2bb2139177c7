"""What a test reports of a model, and what knows nothing but the targets of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..losses import Quantile
from ..metrics import METRICS, OF_LABELS, Metric
from ..printing import shown
from ..probabilities.log_loss import CalibratedLogLoss

if TYPE_CHECKING:
    from ..loss import Loss
    from .fitted_model import FittedModel

__all__ = [
    "TRIVIAL",
    "as_seen_by",
    "main_metric",
    "test_metrics",
    "tested_loss",
    "trivial",
    "trivial_row",
]

TRIVIAL = "trivial_row"
"""What a model calls, in its ``about``, what `trivial_row` says."""
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


def tested_loss(model: FittedModel) -> Loss:
    """Return the loss as the test knows it: of classes, the log loss of their probabilities."""
    if not model.has_probabilities:
        return model.loss
    return CalibratedLogLoss.of(model.loss, model.calibration, len(model.task.classes))


def main_metric(model: FittedModel) -> tuple[str, str | Metric | None]:
    """Return the name of what a test tells most by, and the metric as `importance` takes it.

    None for the log loss: that is the loss of the test itself (`CalibratedLogLoss`).
    """
    task, found = model.task, test_metrics(model, np.empty(0))
    name = next(name for name in _MAIN if name in found)
    if not task.is_regression:
        return name, None if name == "log_loss" else name

    def in_units(y: Array, mean: Array) -> float:
        ordered = np.sort(mean, axis=1) if isinstance(model.loss, Quantile) else mean
        return found[name](y, task.clamp(ordered))

    return name, in_units


def as_seen_by(name: str, model: FittedModel, judged: Array) -> Array:
    """Return what a metric of this name compares with targets, of what `Model.judge` returns.

    One that compares classes gets cost × probability, since these decide.
    """
    if name in OF_LABELS and model.has_probabilities:
        return model.calibration.weighed(judged)
    return judged


def trivial_row(model: FittedModel, known: Array) -> list[float]:
    """Return what one who knows these encoded targets, but no inputs, says of every row.

    Shares of the classes, the mean, or quantiles, as `Model.judge` has them.
    """
    task = model.task
    if isinstance(model.loss, Quantile):
        return np.quantile(known, model.loss.levels).tolist()  # type: ignore[no-any-return]
    if task.is_regression:
        return [float(known.mean())]
    counts = np.bincount(known, minlength=len(task.classes))
    return (counts / len(known)).tolist()  # type: ignore[no-any-return]


def trivial(
    model: FittedModel, known: Array, rows: int, row: list[float] | None = None
) -> tuple[str, Array]:
    """Return what one who knows the training targets only says of every row: in words, (n, q).

    ``row`` is what `trivial_row` said of the targets, if they are not known any more.
    """
    task, row = model.task, trivial_row(model, known) if row is None else row
    says = "the mean"
    if not task.is_regression:
        says = f"always {shown(task.classes[int(np.argmax(row))])}"
    elif isinstance(model.loss, Quantile):
        says = "the quantiles"
    return says, np.tile(row, (rows, 1))


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
