"""How fast the average of θ forgets that a network for a table predicts with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..schedule import Schedule

__all__ = ["LastShare"]


@dataclass(frozen=True)
class LastShare(Schedule):
    """1 − 1/(share · total): the decay of an average over about the last ``share`` of the steps.

    A constant decay averages over as many steps of a short training as of a long one, and hardly
    leaves the first θ in one of a few dozen steps.
    """

    share: float
    total: int | None = None

    def __call__(self, steps: Array, /) -> Array:
        """Return the decay at each of ``steps``."""
        window = max(1.0, self.share * (self.total or 0))
        return np.full(np.shape(steps), 1 - 1 / window)
