"""A training run that an estimator holds: lowered once, run an epoch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..loss import Loss
from ..network import Network
from ..sampling import InOrder
from ..training.board import CHUNK
from ..training.run import TrainingRun
from ..training.step import Descent
from .optimizer import Optimizer
from .shuffling import Given, Shuffle

__all__ = ["Session"]

Array = NDArray[Any]

_CHUNK_SECONDS = 0.1


class Session:
    """One network, loss and optimizer on data of one shape.

    Parameters
    ----------
    X, y, w
        Prepared, as `steepest.training.run.TrainingRun` wants them. A batch is averaged by the
        weights in it, as in scikit-learn.
    batch : int
    shuffle : bool
    threads : int, optional
    seed : int
        Of dropout.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        X: Any,
        y: Array,
        w: Array | None,
        *,
        batch: int,
        shuffle: bool,
        threads: int | None,
        seed: int,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self._sampler = Given() if shuffle else InOrder()
        descent = Descent(
            loss, optimizer.rule, self._sampler, batch, seed, per_weight=w is not None
        )
        self._run = TrainingRun(
            network,
            descent,
            (X, y, w),
            slots=optimizer.slots,
            step=optimizer.step,
            threads=threads,
        )
        self.per_epoch, self.engine = self._run.per_epoch, self._run.engine
        self.exchange, self.threads = self._run.exchange, self._run.threads
        self.examples, self._chunk = X.shape[0], 64
        self._sizes = np.full(self.per_epoch, batch, np.float64)
        if self._run.short is not None:
            self._sizes[-1] = self._run.short.batch

    def begin(self, total: int) -> None:
        """Prepare for a fit of ``total`` steps at most, which schedules stretch over."""
        self.optimizer.pace.begin(total)
        self._run.stretch(total)

    def epoch(
        self,
        shuffle: Shuffle | None,
        monitored: Callable[[], Sequence[float]],
        look: Callable[[float], bool],
    ) -> float | None:
        """See every example once.

        Parameters
        ----------
        shuffle : Shuffle, optional
            Gives the order; needed if the session shuffles.
        monitored : callable
            Gives the epochs' values so far, to schedules that ask how training goes.
        look : callable
            Called between chunks with the average loss so far; True ends the epoch early.

        Returns
        -------
        float or None
            The objective, averaged over the epoch; None if a parameter is no longer finite.
        """
        if shuffle is not None and isinstance(self._sampler, Given):
            self._sampler.order.set(shuffle.draw())
        losses = np.empty(0)
        while losses.size < self.per_epoch:
            size = min(self._chunk, CHUNK, self.per_epoch - losses.size)
            steps = np.arange(self._run.step, self._run.step + size)
            rates = self.optimizer.pace.rates(steps, monitored)
            began = time.perf_counter()
            losses = np.concatenate([losses, self._run.run(rates)])
            took = time.perf_counter() - began
            self._chunk = max(1, min(4 * size, int(size * _CHUNK_SECONDS / max(took, 1e-9))))
            self.optimizer.step = self._run.step
            # A loss may overflow while the parameters do not; training then goes on.
            if not np.isfinite(losses[-1]) and not np.isfinite(self.network.theta).all():
                return None
            if losses.size < self.per_epoch and look(self._average(losses)):
                break
        return self._average(losses)

    def _average(self, losses: Array) -> float:
        sizes = self._sizes[: losses.size]
        return float(losses @ sizes / sizes.sum())
