"""What the schedules share: η, the number of steps, and their checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..schedule import Schedule
from ..settings import Shown
from ..validate import number

__all__ = ["BaseSchedule"]


@dataclass(frozen=True, repr=False)
class BaseSchedule(Shown, Schedule, ABC):
    """A schedule that begins at ``lr``.

    One that stretches over the fit has a field ``total``, the number of its steps. Where it is
    None, the trainer fills it in (`steepest.schedule.for_steps`).
    """

    lr: float

    def __post_init__(self) -> None:
        self._check("lr", above=0)
        if getattr(self, "total", None) is not None:
            self._check("total", least=1, whole=True)

    @abstractmethod
    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""

    def _progress(self, steps: Array, start: float = 0.0) -> Array:
        """Return the part of the steps from ``start`` to ``total`` that is over, 0 to 1."""
        total = getattr(self, "total", None)
        if total is None:
            raise InputError(f"{type(self).__name__}: total, the number of steps, is not known yet")
        done = (np.asarray(steps, np.float64) - start) / max(total - start, 1)
        progress: Array = np.clip(done, 0.0, 1.0)
        return progress

    def _check(self, what: str, **bounds: Any) -> None:
        number(type(self).__name__, what, getattr(self, what), **bounds)
