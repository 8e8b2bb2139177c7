"""CosLog4: η_t = lr · ½ (1 − cos(2π log₂(1 + 15 t/total)))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["CosLog4"]


@dataclass(frozen=True, repr=False)
class CosLog4(BaseSchedule):
    """η_t = lr · ½ (1 − cos(2π log₂(1 + 15 t/total))): four waves, each twice as long.

    Source: Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024,
    arXiv:2407.04491, section 3.
    """

    total: int | None = None

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        waves = np.log2(1 + 15 * self._progress(steps))
        rates: Array = self.lr * 0.5 * (1 - np.cos(2 * np.pi * waves))
        return rates


examples = (CosLog4(0.1),)
