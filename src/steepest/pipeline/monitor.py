"""What the best epoch is chosen by: a metric of the rows held out, as the model predicts them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..loss import Loss
from ..losses import Quantile
from ..metrics import METRICS, OF_CLASSES, OF_LABELS, OF_NUMBERS, Metric, metrics_named
from ..probabilities.calibration import UNCHANGED, Calibration
from ..validate import one_of
from .fitted_model import gives_probabilities

if TYPE_CHECKING:
    from ..tables.task import Task

__all__ = ["LOSS", "MONITORS", "Monitor", "check_monitor", "make_monitor"]

LOSS = "validation_loss"
MONITORS = (LOSS, *METRICS)


@dataclass(frozen=True)
class Monitor:
    """What a history says of the rows held out, and which of it chooses the epoch.

    Attributes
    ----------
    name : str
        The column of the history.
    metrics : dict of str to callable
        All of the columns but the loss; they see honest probabilities.
    """

    name: str
    metrics: dict[str, Metric]


def check_monitor(name: str | None, task: Task, loss: Loss) -> str:
    """Return what the epoch is chosen by, in words of the history.

    The default is proper: what is least, or greatest, where the prediction is the truth. Of classes
    it is the log loss; of numbers the loss of the training, which is their squared error unless
    another was asked for.

    Raises
    ------
    InputError
        If the metric says nothing of such a task.
    """
    proba = gives_probabilities(task, loss)
    if name is None:
        return "log_loss" if proba else LOSS
    known = OF_NUMBERS if task.is_regression else OF_CLASSES if proba else OF_LABELS
    one_of("settings", f"monitor for {task.kind}", name, [LOSS, *known])
    if name != LOSS and isinstance(loss, Quantile):
        raise InputError(
            f"settings: monitor must be {LOSS!r} where quantiles are predicted, got {name!r}"
        )
    return name


def make_monitor(
    wanted: str | None,
    task: Task,
    loss: Loss,
    calibration: Calibration,
    held_out: tuple[Any, ...] | None,
    metrics: Iterable[str | Metric] | Mapping[str, Metric] = (),
) -> Monitor:
    """Return what is evaluated after every epoch.

    Parameters
    ----------
    wanted : str, optional
        What is to choose the epoch: a name of `MONITORS`.
    task, loss
    calibration : Calibration
        What undoes smoothing and class weights of this training.
    held_out : tuple, optional
        ``(X, y)`` or ``(X, y, weights)``, the weights without those of the classes.
    metrics
        Others that the history is to have.

    Raises
    ------
    InputError
        If there is nothing to evaluate it on, or it can't be computed there.
    """
    name, own = check_monitor(wanted, task, loss), metrics_named(metrics)
    if held_out is None:
        if wanted is not None:
            raise InputError(
                f"settings: monitor {wanted!r} needs rows to validate on, and got none"
            )
        return Monitor(LOSS, own)
    if not gives_probabilities(task, loss):
        calibration = UNCHANGED
    found = {key: _honest(metric, calibration, key in OF_LABELS) for key, metric in own.items()}
    if name != LOSS:
        y, weights = held_out[1], (*held_out, None)[2]
        metric = METRICS[name]

        def weighted(y: Array, prediction: Array) -> float:
            return metric(y, prediction, weights)

        found[name] = _honest(weighted, calibration, name in OF_LABELS)
        _try(name, found[name], y, task)
    return Monitor(name, found)


def _honest(metric: Metric, calibration: Calibration, of_labels: bool) -> Metric:
    """Return a metric of what a model with this calibration would predict.

    One that compares classes gets cost × probability in place of probabilities.
    """
    if calibration == UNCHANGED:
        return metric

    def honest(y: Array, q: Array) -> float:
        p = calibration.probabilities(q)
        if of_labels:
            p = calibration.weighed(p)
        return metric(y, p[:, -q.shape[1] :])

    return honest


def _try(name: str, metric: Metric, y: Array, task: Task) -> None:
    """Raise `InputError` if a metric can't be computed on rows with these targets."""
    classes = len(task.classes)
    guess = np.full((len(y), task.outputs), 0.0 if task.is_regression else 1 / classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value, why = metric(y, guess), "it is not finite there"
        except ValueError as error:
            value, why = np.nan, str(error)
    if not np.isfinite(value):
        raise InputError(
            f"settings: monitor {name!r} can't be computed on the {len(y)} rows to validate on: "
            f"{why}; hold out more rows, or choose another monitor"
        )
