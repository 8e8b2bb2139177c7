"""The epochs that an estimator runs: lowered once, for data of one kind, run in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..loss import Loss
from ..network import Network
from ..sampling import InOrder
from ..training.chunks import Chunks
from ..training.descent import Descent
from ..training.learning_rates import Monitored
from ..training.run import TrainingRun
from .optimizer import Optimizer
from .rows import Rows
from .shuffling import Given, Shuffle

__all__ = ["EpochSettings", "Epochs"]


_CHUNK_SECONDS = 0.1
_FIRST_CHUNK = 64


@dataclass(frozen=True)
class EpochSettings:
    """How epochs are run.

    Attributes
    ----------
    batch : int
    shuffle : bool
    threads : int, optional
    seed : int
        Of dropout.
    """

    batch: int
    shuffle: bool
    threads: int | None
    seed: int


class Epochs:
    """One network, loss and optimizer on data of one kind.

    A batch is averaged by the weights in it, as in scikit-learn.

    Attributes
    ----------
    sizes : ndarray (m,)
        How many examples each step of an epoch sees.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        rows: Rows,
        settings: EpochSettings,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._kind = _kind(rows, settings)
        self._sampler = Given() if settings.shuffle else InOrder()
        data = rows.X, rows.targets, _weights(rows, network.dtype)
        descent = Descent(
            loss,
            optimizer.rule,
            self._sampler,
            settings.batch,
            settings.seed,
            per_weight=rows.w is not None,
        )
        self._run = TrainingRun(
            network,
            descent,
            data,
            slots=optimizer.slots,
            step=optimizer.step,
            threads=settings.threads,
        )
        self.engine, self.sizes = self._run.engine, self._run.epoch_sizes
        rates = optimizer.rate.rates
        self._chunks = Chunks(self._run, rates, seconds=_CHUNK_SECONDS, first=_FIRST_CHUNK)

    def serve(
        self, network: Network, optimizer: Optimizer, rows: Rows, settings: EpochSettings
    ) -> bool:
        """Return whether these can go on with such rows; take them up then."""
        same = self._network is network and self._optimizer is optimizer
        if not same or self._kind != _kind(rows, settings):
            return False
        self._run.exchange(rows.X, rows.targets, _weights(rows, network.dtype))
        return True

    def begin(self, epochs: int) -> None:
        """Prepare for a fit of so many epochs at most, which schedules stretch over."""
        total = epochs * self.sizes.size
        self._optimizer.rate.begin(total)
        self._run.stretch(total)

    def shuffle(self, shuffle: Shuffle) -> None:
        """Take the order of the next epoch."""
        if isinstance(self._sampler, Given):
            self._sampler.order.set(shuffle.draw())

    def take(self, most: int, monitored: Monitored) -> tuple[Array, Array]:
        """Take a chunk of steps, ``most`` at most; return losses and learning rates.

        A loss may overflow while the parameters do not: the chunk then ends after that step.
        """
        losses, rates = self._chunks.run(monitored, most)
        self._optimizer.step = self._run.step
        return losses, rates[: losses.size]


def _kind(rows: Rows, settings: EpochSettings) -> tuple[Any, ...]:
    """Return what must be the same for a run to take other rows."""
    return len(rows), type(rows.X), rows.targets.shape, rows.w is None, settings


def _weights(rows: Rows, dtype: str) -> Array | None:
    return None if rows.w is None else np.ascontiguousarray(rows.w, dtype)
