"""What class is predicted: the greatest cost × probability, or for two classes from a threshold on.

With a threshold t the second class is predicted where p ≥ t, which is the same as costs of t and
1 − t (Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, section 1.2). It may be
chosen on rows that were not trained on, as the one at which a metric is best there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..loss import Loss
from ..metrics import METRICS, OF_LABELS
from ..probabilities.calibration import Calibration
from ..validate import one_of
from .class_weights import class_weights, read_class_weight
from .fitted_model import gives_probabilities

if TYPE_CHECKING:
    from ..tables.task import Task

__all__ = ["check_decision", "decided"]

_WHERE = "settings"
_CANDIDATES = 200


def check_decision(
    threshold: float | str | None, cost: str | Mapping[Any, float] | None, task: Task, loss: Loss
) -> None:
    """Raise `InputError` unless a threshold, or costs, make sense for a task."""
    if threshold is None and cost is None:
        return
    what = "cost" if threshold is None else "threshold"
    if threshold is not None and cost is not None:
        raise InputError(f"{_WHERE}: give threshold or cost, not both")
    if not gives_probabilities(task, loss):
        raise InputError(f"{_WHERE}: {what} is for classes that have probabilities")
    if cost is not None:
        _costs(cost, task)
    elif len(task.classes) != 2:
        raise InputError(
            f"{_WHERE}: threshold is for two classes, and {task.name!r} has {len(task.classes)}; "
            "give cost"
        )
    elif _as_share(threshold) is None:
        one_of(_WHERE, "threshold", threshold, OF_LABELS)


def decided(
    calibration: Calibration,
    threshold: float | str | None,
    cost: str | Mapping[Any, float] | None,
    task: Task,
    held_out: tuple[Array, Array, Array | None] | None,
) -> Calibration:
    """Return a calibration with the costs that are asked for, or that a threshold stands for.

    Parameters
    ----------
    calibration : Calibration
    threshold : float or str, optional
        A probability, or the name of a metric of classes (`steepest.metrics.OF_LABELS`).
    cost : str or mapping, optional
        What it costs to miss each class.
    task : Task
    held_out : tuple, optional
        ``(q, y, weights)`` of rows that were not trained on: what the loss's mean makes of the
        outputs, the classes, and the weights or None.

    Raises
    ------
    InputError
        If a threshold is to be chosen, and there are no rows to choose it on.
    """
    if cost is not None:
        return replace(calibration, costs=_costs(cost, task))
    if threshold is None:
        return calibration
    share = _as_share(threshold)
    if share is None:
        if held_out is None:
            raise InputError(f"{_WHERE}: threshold {threshold!r} needs rows to validate on")
        q, y, weights = held_out
        share = _best(str(threshold), calibration.probabilities(q)[:, 1], y, weights)
    return calibration.with_threshold(share)


def _as_share(threshold: Any) -> float | None:
    """Return a threshold as a number; None if it is the name of a metric."""
    try:
        share = float(threshold)
    except (TypeError, ValueError):
        return None
    if not 0 < share < 1:
        raise InputError(f"{_WHERE}: threshold must be above 0 and below 1, got {threshold!r}")
    return share


def _costs(cost: str | Mapping[Any, float], task: Task) -> tuple[float, ...]:
    found = read_class_weight(cost, task.classes, "cost") if isinstance(cost, str) else cost
    return class_weights(found, task.classes, np.zeros(0, np.int64), _WHERE, "cost") or ()


def _best(name: str, p: Array, y: Array, weights: Array | None) -> float:
    """Return the threshold at which a metric is greatest; of several alike, the middle one."""
    known = np.unique(p)
    if len(known) > _CANDIDATES:
        known = np.unique(np.quantile(known, np.linspace(0, 1, _CANDIDATES)))
    candidates = (known[1:] + known[:-1]) / 2
    if not len(candidates):
        return 0.5
    scores = [METRICS[name](y, (p >= t)[:, None].astype(float), weights) for t in candidates]
    best = np.flatnonzero(np.asarray(scores) == max(s for s in scores if not math.isnan(s)))
    return float(candidates[best[len(best) // 2]])
