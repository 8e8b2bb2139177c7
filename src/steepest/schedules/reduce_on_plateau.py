"""ReduceOnPlateau: lr falls by a factor when the monitored value stops falling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["ReduceOnPlateau"]


@dataclass(frozen=True, repr=False)
class ReduceOnPlateau(BaseSchedule):
    """lr times ``factor`` for every ``patience`` epochs in which the monitored value didn't fall.

    As a function of the step it is constant; at the end of an epoch the trainer asks `scale` for
    the factor that applies from then on.

    Parameters
    ----------
    lr : float
    factor : float
        Between 0 and 1.
    patience : int
        Epochs without improvement before a reduction.
    threshold : float
        By how much a value must fall below the best one to count as an improvement.
    floor : float
        The learning rate never goes below this.
    """

    factor: float = 0.5
    patience: int = 5
    threshold: float = 1e-4
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", above=0, most=1)
        self._check("patience", least=1, whole=True)
        self._check("threshold", least=0)
        self._check("floor", least=0, most=self.lr)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return np.full(np.shape(steps), float(self.lr))

    def scale(self, history: Sequence[float]) -> float:
        """Return the factor of lr after epochs with the monitored values ``history``."""
        best, waited, factor = math.inf, 0, 1.0
        for value in history:
            if value < best - self.threshold:
                best, waited = value, 0
            else:
                waited += 1
            if waited >= self.patience:
                factor, waited = factor * self.factor, 0
        return max(factor, self.floor / self.lr)


examples = (ReduceOnPlateau(0.1),)
