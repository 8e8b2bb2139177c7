"""The learning rates of a fit, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rule import Rule
from ..schedules import ReduceOnPlateau, for_steps, values_of

__all__ = ["rates_of"]

Array = NDArray[Any]


def rates_of(rule: Rule, total: int) -> Callable[[Array, list[float]], Array]:
    """Return the learning rates as a function of steps, and of the values monitored so far."""
    schedule = rule.lr
    if not callable(schedule):
        return lambda steps, _: np.full(steps.size, schedule)
    schedule = for_steps(schedule, total)

    def rates(steps: Array, monitored: list[float]) -> Array:
        found = values_of(schedule, steps)
        if isinstance(schedule, ReduceOnPlateau):
            found = found * schedule.scale(monitored)
        return found

    return rates
