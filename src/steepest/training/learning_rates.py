"""The learning rates of a fit, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..arrays import Array
from ..schedule import Schedule, for_steps, values_of
from ..schedules import ReduceOnPlateau

__all__ = ["Monitored", "Rates", "rates_of"]

Monitored = Callable[[], Sequence[float]]
"""Gives the epochs' values so far, to schedules that ask how training goes."""
Rates = Callable[[Array, Monitored], Array]
"""Gives the learning rates of the steps of these numbers."""


def rates_of(lr: float | Schedule, total: int | None) -> Rates:
    """Return the learning rates of a fit whose last step is number ``total`` - 1, if known."""
    if not callable(lr):
        return lambda steps, _: np.full(steps.size, lr)
    schedule = lr if total is None else for_steps(lr, total)

    def rates(steps: Array, monitored: Monitored) -> Array:
        found = values_of(schedule, steps)
        if isinstance(schedule, ReduceOnPlateau):
            found = found * schedule.scale(monitored())
        return found

    return rates
