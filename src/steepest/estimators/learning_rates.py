"""The learning rate from epoch to epoch, and what happens when progress ends.

``constant``, ``invscaling`` and ``adaptive`` are scikit-learn's; any schedule of
`steepest.schedules` may stand in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schedules import ReduceOnPlateau, Schedule, for_steps, values_of

__all__ = ["Adaptive", "InverseScaling", "Pace", "Scheduled"]

Array = NDArray[Any]


class Pace:
    """A constant learning rate."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = float(learning_rate)

    def begin(self, total: int) -> None:
        """Prepare for a fit of ``total`` steps at most."""

    def rates(self, steps: Array, monitored: Callable[[], Sequence[float]]) -> Array:
        """Return the learning rates of ``steps``; ``monitored`` gives the epochs' values so far."""
        return np.full(steps.size, self.learning_rate)

    def epoch_ended(self, seen: int) -> None:
        """Hear that ``seen`` examples have been seen since the first fit."""

    def stopped(self) -> str:
        """Hear that progress has ended; return what is done about it.

        The answer is ``"Stopping."`` if training should end.
        """
        return STOP


STOP = "Stopping."


class InverseScaling(Pace):
    """η = η₀/(t + 1)^power after t examples, from the second epoch on."""

    def __init__(self, learning_rate: float, power: float) -> None:
        super().__init__(learning_rate)
        self._first, self._power = float(learning_rate), power

    def epoch_ended(self, seen: int) -> None:
        self.learning_rate = self._first / (seen + 1) ** self._power


class Adaptive(Pace):
    """A fifth of the learning rate whenever progress ends, until it is at most 10⁻⁶."""

    def stopped(self) -> str:
        if self.learning_rate <= 1e-6:
            return STOP
        self.learning_rate /= 5.0
        return f"Setting learning rate to {self.learning_rate:f}"


class Scheduled(Pace):
    """A schedule: η as a function of the step."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(getattr(schedule, "lr", np.nan))
        self._given = self._schedule = schedule

    def begin(self, total: int) -> None:
        self._schedule = for_steps(self._given, total)

    def rates(self, steps: Array, monitored: Callable[[], Sequence[float]]) -> Array:
        found = values_of(self._schedule, steps)
        if isinstance(self._schedule, ReduceOnPlateau):
            found = found * self._schedule.scale(monitored())
        self.learning_rate = float(found[-1])
        return found
