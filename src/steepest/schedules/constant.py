"""Constant: η_t = lr."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["Constant"]


@dataclass(frozen=True, repr=False)
class Constant(BaseSchedule):
    """η_t = lr."""

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return np.full(np.shape(steps), float(self.lr))


examples = (Constant(0.1),)
