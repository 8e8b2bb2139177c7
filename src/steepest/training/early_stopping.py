"""Early stopping: which epoch is the best, and for how long there has been no better one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..arrays import Array

__all__ = ["EarlyStopping", "ToleranceStopping"]


class EarlyStopping:
    """Judges every epoch by one column of the history, and keeps θ of the best one.

    An epoch is better if its value is; NaN is the worst value. Of equally good epochs the first
    counts, and θ of the last is kept.

    Parameters
    ----------
    monitor : str
        The column.
    patience : float
        How many epochs without a better one are enough.
    greater : bool
        Whether greater values are better.

    Attributes
    ----------
    best : (float, int), optional
        The best value so far, with its sign changed if greater is better; and its epoch, from 1.
    theta : ndarray, optional
        The parameters that are kept.
    waited : int
        Epochs without progress, up to now.
    """

    def __init__(self, monitor: str, patience: float, *, greater: bool = False) -> None:
        self.monitor, self.patience, self.greater = monitor, patience, greater
        self.best: tuple[float, int] | None = None
        self.theta: Array | None = None
        self.waited = 0

    def judge(self, row: Mapping[str, float], epoch: int, theta: Array) -> None:
        """Hear how an epoch went, and what the parameters are at its end."""
        value = self._value(row)
        if math.isnan(value):
            value = math.inf
        if self.best is None or value < self.best[0]:
            self.best, self.waited, self.theta = (value, epoch), 0, theta.copy()
            return
        self.waited += 1
        if value == self.best[0]:
            self.theta = theta.copy()

    @property
    def out(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience

    def go_back(self, best: tuple[float, int], theta: Array, epochs: int) -> None:
        """Go back to where ``best`` and ``theta`` were the best of so many epochs."""
        self.best, self.theta, self.waited = best, theta, epochs - best[1]

    def restore(self, theta: Array) -> None:
        """Put the best epoch's parameters into ``theta``, if an epoch was judged."""
        if self.theta is not None:
            theta[:] = self.theta

    def _value(self, row: Mapping[str, float]) -> float:
        value = row[self.monitor]
        return -value if self.greater else value


class ToleranceStopping(EarlyStopping):
    """scikit-learn's rule: progress is a value better than the best one by ``tol``.

    The best value moves with every better epoch, by however little; NaN is never the best, and does
    not count as an epoch without progress. Of equally good epochs the first is kept.

    Parameters
    ----------
    monitor : str
    patience : float
        The most epochs in a row without progress; with one more, patience has run out.
    greater : bool
    tol : float
    theta : ndarray, optional
        The parameters to keep until an epoch is judged; None if none are to be kept at all.
    """

    def __init__(
        self, monitor: str, patience: float, *, greater: bool, tol: float, theta: Array | None
    ) -> None:
        super().__init__(monitor, patience, greater=greater)
        self.tol = tol
        self.best: tuple[float, int] = math.inf, 0
        self.theta = None if theta is None else theta.copy()

    def judge(self, row: Mapping[str, float], epoch: int, theta: Array) -> None:
        """Hear how an epoch went, and what the parameters are at its end."""
        value = self._value(row)
        self.waited = self.waited + 1 if value > self.best[0] - self.tol else 0
        if value < self.best[0]:
            self.best = value, epoch
            if self.theta is not None:
                self.theta = theta.copy()

    @property
    def out(self) -> bool:
        """Whether patience has run out."""
        return self.waited > self.patience
