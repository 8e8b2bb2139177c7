"""Exponential: η_t = lr · rate^t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["Exponential"]


@dataclass(frozen=True, repr=False)
class Exponential(BaseSchedule):
    """η_t = lr · rate^t."""

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", above=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr * self.rate ** np.asarray(steps, np.float64)


examples = (Exponential(0.1, 0.99),)
