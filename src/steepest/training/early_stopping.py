"""Early stopping: which epoch is the best, and for how long there has been no better one.

What is kept of an epoch are the vectors of its network, by name: ``theta``, and ``state``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..arrays import Array
from ..errors import InputError
from ..metrics import GREATER_IS_BETTER

__all__ = ["EarlyStopping", "ToleranceStopping", "check_monitor", "stopping_by"]


class EarlyStopping:
    """Judges every epoch by one column of the history, and keeps the network of the best one.

    An epoch is better if its value is; NaN is the worst value. Of equally good epochs the first
    counts, and the network of the last is kept.

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
    kept : dict of str to ndarray, optional
        What is kept of the network.
    waited : int
        Epochs without progress, up to now.
    """

    def __init__(self, monitor: str, patience: float, *, greater: bool = False) -> None:
        self.monitor, self.patience, self.greater = monitor, patience, greater
        self.best: tuple[float, int] | None = None
        self.kept: dict[str, Array] | None = None
        self.waited = 0

    def judge(self, row: Mapping[str, float], epoch: int, vectors: Mapping[str, Array]) -> None:
        """Hear how an epoch went, and what the network's vectors are at its end."""
        value = self._value(row)
        if math.isnan(value):
            value = math.inf
        if self.best is None or value < self.best[0]:
            self.best, self.waited, self.kept = (value, epoch), 0, _copies(vectors)
            return
        self.waited += 1
        if value == self.best[0]:
            self.kept = _copies(vectors)

    @property
    def out(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience

    def go_back(self, best: tuple[float, int], kept: Mapping[str, Array], epochs: int) -> None:
        """Go back to where ``best`` and ``kept`` were the best of so many epochs."""
        self.best, self.kept, self.waited = best, dict(kept), epochs - best[1]

    def restore(self, vectors: Mapping[str, Array]) -> None:
        """Put the best epoch's network into these vectors, if an epoch was judged."""
        if self.kept is not None:
            for name, vector in vectors.items():
                vector[:] = self.kept[name]

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
    vectors : mapping of str to ndarray, optional
        The network to keep until an epoch is judged; None if none is to be kept at all.
    """

    def __init__(
        self,
        monitor: str,
        patience: float,
        *,
        greater: bool,
        tol: float,
        vectors: Mapping[str, Array] | None,
    ) -> None:
        super().__init__(monitor, patience, greater=greater)
        self.tol = tol
        self.best: tuple[float, int] = math.inf, 0
        self.kept = None if vectors is None else _copies(vectors)

    def judge(self, row: Mapping[str, float], epoch: int, vectors: Mapping[str, Array]) -> None:
        """Hear how an epoch went, and what the network's vectors are at its end."""
        value = self._value(row)
        self.waited = self.waited + 1 if value > self.best[0] - self.tol else 0
        if value < self.best[0]:
            self.best = value, epoch
            if self.kept is not None:
                self.kept = _copies(vectors)

    @property
    def out(self) -> bool:
        """Whether patience has run out."""
        return self.waited > self.patience


def _copies(vectors: Mapping[str, Array]) -> dict[str, Array]:
    return {name: vector.copy() for name, vector in vectors.items()}


def stopping_by(monitor: str, patience: int | None) -> EarlyStopping | None:
    """Return what stops a fit by a column of its history; None without ``patience``."""
    if patience is None:
        return None
    return EarlyStopping(monitor, patience, greater=monitor in GREATER_IS_BETTER)


def check_monitor(monitor: str, patience: int | None, metrics: list[str], held_out: bool) -> None:
    """Raise an `InputError` if early stopping has nothing to go by."""
    known = ["loss", *(["validation_loss", *metrics] if held_out else [])]
    if metrics and not held_out:
        raise InputError("Trainer.fit: metrics need a validation set; give `validation`")
    if patience is not None and monitor not in known:
        raise InputError(
            f"Trainer.fit: can't monitor {monitor!r}; there are {', '.join(known)}"
            + ("" if held_out else "; early stopping needs `validation`")
        )
