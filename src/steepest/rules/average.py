"""The exponential moving average of θ, which a network can predict with: θ̄ ← ema θ̄ + (1 − ema) θ.

θ̄ is θ itself after the first step, so no bias is left of where it began.

Sources: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
Optim. 30 (1992); as in PyTorch's ``swa_utils.get_ema_multi_avg_fn`` and Keras's ``use_ema``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..schedule import Schedule, for_steps, values_of
from ..schedules import ReduceOnPlateau

__all__ = ["Rest", "count_average", "follow_average"]


@dataclass(frozen=True)
class Rest:
    """1 − a schedule: what float32 could not take from 0.999 exactly."""

    schedule: Schedule

    def __post_init__(self) -> None:
        if isinstance(self.schedule, ReduceOnPlateau):
            raise InputError(f"ema: {self.schedule!r} is for learning rates only")

    def for_steps(self, total: int) -> Rest:
        """Return it as it is for a fit of ``total`` steps."""
        return Rest(for_steps(self.schedule, total))

    def __call__(self, steps: Array, /) -> Array:
        """Return the values at ``steps``."""
        return np.asarray(1.0 - values_of(self.schedule, steps, below=1.0))


def count_average(averaged: Array) -> None:
    """averaged += 1"""
    averaged[0] += averaged.dtype.type(1)


def follow_average(
    theta: Array, average: Array, averaged: Array, rest: float, entries: range
) -> None:
    """average += rest (theta − average); at first average = theta"""
    if averaged[0] == averaged.dtype.type(1):
        for i in entries:
            average[i] = theta[i]
    else:
        for i in entries:
            average[i] += rest * (theta[i] - average[i])
