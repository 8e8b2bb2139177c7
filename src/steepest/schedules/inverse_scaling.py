"""InverseScaling: η_t = lr / (t + 1)^power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Array
from ._base import BaseSchedule

__all__ = ["InverseScaling"]


@dataclass(frozen=True, repr=False)
class InverseScaling(BaseSchedule):
    """η_t = lr / (t + 1)^power.

    With ½ < power ≤ 1 the conditions of Robbins & Monro (1951) hold: Σ η_t = ∞, Σ η_t² < ∞.
    """

    called: ClassVar[tuple[str, ...]] = ("inverse",)

    power: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("power", least=0)

    def __call__(self, steps: Array, /) -> Array:
        """Return the learning rates of ``steps``."""
        return self.lr / (np.asarray(steps, np.float64) + 1) ** self.power


examples = (InverseScaling(0.1),)
