"""Chunks: how many steps are taken before Python looks up.

Python costs microseconds a chunk and nothing a step, so a chunk is as long as lets callbacks and
Ctrl-C wait a moment and no longer.
"""

from __future__ import annotations

import time

import numpy as np

from ..arrays import Array
from ..ranks.together import ALONE, Ranks
from .learning_rates import Monitored, Rates
from .run import TrainingRun

__all__ = ["Chunks", "next_size"]


def next_size(size: int, took: float, aim: float) -> int:
    """Return the steps that take ``aim`` seconds, if ``size`` steps took ``took``.

    At most four times as many, since a short time is measured badly.
    """
    return max(1, min(4 * size, int(size * aim / max(took, 1e-9))))


class Chunks:
    """Takes the steps of a run in chunks; plans each by what the one before took.

    Parameters
    ----------
    run : TrainingRun
    rates : callable
        Gives the learning rates (`steepest.training.learning_rates.rates_of`).
    seconds : float
        That a chunk is to take.
    first : int
        Steps of the first one.
    ranks : Ranks
        Who take them together; the first one says how many.
    """

    def __init__(
        self,
        run: TrainingRun,
        rates: Rates,
        *,
        seconds: float,
        first: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self._run, self._rates, self._seconds = run, rates, seconds
        self._planned, self._ranks = first, ranks

    def run(self, monitored: Monitored, *limits: int) -> tuple[Array, Array]:
        """Take a chunk of steps, no more than any of ``limits``; return losses and learning rates.

        There are fewer losses than learning rates if the last loss is not finite.
        """
        size = self._run.whole_chunk(min(self._planned, self._run.most_steps, *limits))
        rates = self._rates(np.arange(self._run.step, self._run.step + size), monitored)
        began = time.perf_counter()
        losses = self._run.run(rates)
        planned = next_size(size, time.perf_counter() - began, self._seconds)
        self._planned = self._ranks.first(planned)
        return losses, rates
