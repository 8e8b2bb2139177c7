"""The validation set: what the network makes of rows that it does not train on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..loss import Loss
from ..lowering.predict import Predictor
from ..metrics import Metric, value_of
from ..network import Network
from ..ranks.together import ALONE, Ranks

__all__ = ["Validation"]


_AT_ONCE = 64 * 512  # rows between two looks for Ctrl-C


class Validation:
    """Evaluates the loss and metrics on rows that were held out.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : (X, y, w)
        Prepared inputs, targets and weights.
    metrics : mapping of str to callable
    threads : int, optional
    where : str
        What to begin a warning with.
    ranks : Ranks
        Each has rows of its own; the metrics are those of all.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        data: tuple[Any, Array, Array],
        metrics: Mapping[str, Metric],
        threads: int | None,
        where: str = "Trainer.fit",
        ranks: Ranks = ALONE,
    ) -> None:
        self._where, self._ranks = where, ranks
        self._loss, self._data, self._metrics = loss, data, metrics
        self._predictor = Predictor(network.built, 512, threads, loss)

    def evaluate(self, between: Callable[[], None] | None = None) -> tuple[float, dict[str, float]]:
        """Return the loss, and the metrics by name; call ``between`` now and then."""
        X, y, w = self._data
        own = []
        for start in range(0, len(y), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            z, loss = self._predictor.evaluate(X[part], y[part], w[part])
            own.append((z, y[part], loss * len(z)))
            if between is not None:
                between()
        found = self._ranks.gather_at_first(own)
        return self._ranks.first_does(lambda: self._judged([part for of in found for part in of]))

    def _judged(self, parts: list[tuple[Array, Array, float]]) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics, of outputs, targets and sums of losses."""
        z, y = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        loss = sum(part[2] for part in parts) / len(y)
        if not np.isfinite(loss):
            _warn_of_overflow(z, self._where)
        rows = z.reshape(-1, z.shape[-1])
        prediction, y = self._loss.mean(rows), y.reshape(len(rows), *y.shape[z.ndim - 1 :])
        found = {
            name: value_of(name, metric, y, prediction) for name, metric in self._metrics.items()
        }
        return float(loss), found


def _warn_of_overflow(z: Array, where: str) -> None:
    odd = np.flatnonzero(~np.isfinite(z.reshape(len(z), -1)).all(axis=1))
    what = f"the outputs for its row {odd[0]} are not" if len(odd) else "the outputs are"
    text = f"{where}: the loss on held-out rows is not finite; {what}; is the data out of scale?"
    warnings.warn(text, RuntimeWarning, stacklevel=2)
