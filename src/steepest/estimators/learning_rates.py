"""The learning rate from epoch to epoch, and what happens when progress ends.

``constant``, ``invscaling`` and ``adaptive`` are scikit-learn's; any schedule of
`steepest.schedules` may stand in their place.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..schedule import Schedule
from ..training.learning_rates import Monitored, rates_of

__all__ = ["STOP", "Adaptive", "InverseScaling", "LearningRate", "Scheduled"]


STOP = "Stopping."


class LearningRate:
    """A constant learning rate.

    Attributes
    ----------
    now : float
        The learning rate of the last step, or of the next one.
    """

    def __init__(self, first: float) -> None:
        self.now = float(first)

    def begin(self, total: int) -> None:
        """Prepare for a fit of ``total`` steps at most."""

    def rates(self, steps: Array, monitored: Monitored) -> Array:
        """Return the learning rates of ``steps``."""
        return np.full(steps.size, self.now)

    def epoch_ended(self, seen: int) -> None:
        """Hear that ``seen`` examples have been seen since the first fit."""

    def progress_ended(self) -> str:
        """Hear that progress has ended; return what is done about it.

        The answer is `STOP` if training should end.
        """
        return STOP


class InverseScaling(LearningRate):
    """η = η₀/(t + 1)^power after t examples, from the second epoch on."""

    def __init__(self, first: float, power: float) -> None:
        super().__init__(first)
        self._first, self._power = float(first), power

    def epoch_ended(self, seen: int) -> None:
        self.now = self._first / (seen + 1) ** self._power


class Adaptive(LearningRate):
    """A fifth of the learning rate whenever progress ends, until it is at most 10⁻⁶."""

    def progress_ended(self) -> str:
        if self.now <= 1e-6:
            return STOP
        self.now /= 5.0
        return f"Setting learning rate to {self.now:f}"


class Scheduled(LearningRate):
    """A schedule: η as a function of the step, stretched over ``total`` steps."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(getattr(schedule, "lr", np.nan))
        self._schedule, self._total = schedule, 0

    def begin(self, total: int) -> None:
        self._total = total

    def rates(self, steps: Array, monitored: Monitored) -> Array:
        found = rates_of(self._schedule, self._total)(steps, monitored)
        self.now = float(found[-1])
        return found
