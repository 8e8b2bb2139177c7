"""OneCycle: half a cosine up to lr, then one down to nearly nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["OneCycle"]


@dataclass(frozen=True, repr=False)
class OneCycle(BaseSchedule):
    """Half a cosine up from lr/start to lr, then one down to lr/start/end.

    ``warmup`` is the part of the steps that goes up. Source: Smith & Topin, "Super-convergence",
    2018, arXiv:1708.07120, with cosines for the straight lines.
    """

    total: int | None = None
    warmup: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("warmup", least=0, most=1)
        self._check("start", least=1)
        self._check("end", least=1)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        done = self._progress(steps)
        low, last = self.lr / self.start, self.lr / self.start / self.end
        up = 0.5 * (1 - np.cos(np.pi * np.clip(done / max(self.warmup, 1e-12), 0, 1)))
        down = (done - self.warmup) / max(1 - self.warmup, 1e-12)
        down = 0.5 * (1 + np.cos(np.pi * np.clip(down, 0, 1)))
        rise, fall = low + (self.lr - low) * up, last + (self.lr - last) * down
        return np.where(done < self.warmup, rise, fall)


examples = (OneCycle(0.1),)
