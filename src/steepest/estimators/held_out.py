"""The rows that early stopping scores: a fraction, a splitter's choice, or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import HasMethods

from ..arrays import Array
from ..errors import InputError
from ..lowering.predict import Predictor
from ..metrics import Metric, metrics_named
from .fitted import Fitted
from .rows import Rows

__all__ = ["HeldOut", "Splitter", "split_rows"]


def split_rows(
    rows: Rows, split: Any, strata: Array, stratify: Array | None, random_state: Any
) -> tuple[Rows, Rows]:
    """Return the rows to train on, and those to score after every epoch.

    Parameters
    ----------
    rows : Rows
    split : float or splitter
        A fraction is drawn as scikit-learn draws it. Of a splitter the last split counts: for
        `sklearn.model_selection.TimeSeriesSplit` that is the newest rows.
    strata, stratify : ndarray
        What a splitter goes by; what a fraction is stratified by, if by anything.
    random_state : RandomState
    """
    n = len(rows)
    if hasattr(split, "split"):
        kept, out = list(split.split(np.empty((n, 1)), strata))[-1]
    else:
        kept, out = train_test_split(
            np.arange(n), random_state=random_state, test_size=split, stratify=stratify
        )
    if len(out) < 2:
        raise InputError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    rows, held_out = rows.take(kept), rows.take(out)
    _check_weights(rows, "for training")
    return rows, held_out


def _check_weights(rows: Rows, which: str) -> None:
    if rows.w is not None and not rows.w.any():
        raise InputError(
            f"all {len(rows.w)} rows {which} have weight 0, so nothing can be said of them; leave "
            "out rows of weight 0, or choose the rows to hold out with eval_set"
        )


class Splitter(HasMethods):
    """The constraint of an argument that takes a splitter: texts have a method ``split`` too."""

    def __init__(self) -> None:
        super().__init__(["split"])

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, str | bytes) and super().is_satisfied_by(val)


class HeldOut:
    """Scores the network on held-out rows after every epoch.

    Parameters
    ----------
    fitted : Fitted
    rows : Rows
    score : callable
        Gives the score of outputs, encoded targets, weights, and the loss; the greater, the better.
    metrics : iterable of str or callable, or mapping, optional
    threads : int, optional
    """

    def __init__(
        self,
        fitted: Fitted,
        rows: Rows,
        score: Callable[[Array, Array, Array | None, float], float],
        metrics: Iterable[str | Metric] | Mapping[str, Metric] | None,
        threads: int | None,
    ) -> None:
        _check_weights(rows, "held out")
        network = fitted.network
        self._rows, self._loss, self._score = rows, fitted.loss, score
        w = np.ones(len(rows)) if rows.w is None else rows.w / rows.w.mean()
        self._w = np.ascontiguousarray(w, network.dtype)
        self._predictor = Predictor(network.built, 512, threads, fitted.loss)
        self._metrics = metrics_named(() if metrics is None else metrics)

    def evaluate(self) -> dict[str, float]:
        """Return the loss, the score and the metrics; loss and score are NaN if an output is."""
        rows = self._rows
        z, loss = self._predictor.evaluate(rows.X, rows.targets, self._w)
        if not np.isfinite(z).all():
            return {"validation_loss": float("nan"), "validation_score": float("nan")}
        score, mean = self._score(z, rows.y, rows.w, loss), self._loss.mean(z)
        found = {name: float(metric(rows.targets, mean)) for name, metric in self._metrics.items()}
        return {"validation_loss": loss, "validation_score": score, **found}
