"""Cosine: from lr down to ``floor`` along half a cosine, after a linear rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["Cosine"]


@dataclass(frozen=True, repr=False)
class Cosine(BaseSchedule):
    """From lr down to ``floor`` along half a cosine, after a linear rise over ``warmup`` steps.

    Source: Loshchilov & Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, equation 5.
    """

    total: int | None = None
    warmup: int = 0
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("warmup", least=0, whole=True)
        self._check("floor", least=0, most=self.lr)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        t = np.asarray(steps, np.float64)
        wave = 0.5 * (1 + np.cos(np.pi * self._progress(t, self.warmup)))
        rise = self.lr * (t + 1) / max(self.warmup, 1)
        return np.where(t < self.warmup, rise, self.floor + (self.lr - self.floor) * wave)


examples = (Cosine(0.1), Cosine(0.1, warmup=10, floor=0.01))
