"""FlatCosine: η_t = lr for a part of the steps, then half a cosine down to 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["FlatCosine"]


@dataclass(frozen=True, repr=False)
class FlatCosine(BaseSchedule):
    """η_t = lr for the part ``flat`` of the steps, then half a cosine down to 0.

    Good for other numbers too: ``Dropout(FlatCosine(0.15))``.
    """

    total: int | None = None
    flat: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("flat", least=0, most=1)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        fall = (self._progress(steps) - self.flat) / max(1 - self.flat, 1e-12)
        return self.lr * 0.5 * (1 + np.cos(np.pi * np.clip(fall, 0, 1)))


examples = (FlatCosine(0.1),)
