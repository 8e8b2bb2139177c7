"""Step: η_t = lr · factor^⌊t / every⌋."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["Step"]


@dataclass(frozen=True, repr=False)
class Step(BaseSchedule):
    """η_t = lr · factor^⌊t / every⌋."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("every", least=1, whole=True)
        self._check("factor", above=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr * self.factor ** np.floor(np.asarray(steps, np.float64) / self.every)


examples = (Step(0.1, 10),)
