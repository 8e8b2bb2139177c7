"""The order of the examples: drawn by Python before each epoch, as scikit-learn draws it.

Steepest's own `Shuffled` draws inside the compiled loop. Here the order comes from the estimator's
``random_state``, draw for draw as in scikit-learn, so that the same seed gives the same fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..emitter import Emitter
from ..engine.operands import Buffer, Handle
from ..sampling import Sampler, take_rows

__all__ = ["Given", "Shuffle"]


def _handle() -> Handle:
    return Handle("order", "i", 1)


@dataclass(frozen=True, eq=False)
class Given(Sampler):
    """Every row once an epoch, in the order that ``order`` holds when the epoch begins."""

    scattered = True
    order: Handle = field(default_factory=_handle)

    def lower(
        self, low: Emitter, n: int, batch: int, per_epoch: int, epoch: Buffer, chosen: Buffer
    ) -> None:
        names = {"epoch": epoch, "per_epoch": per_epoch, "order": self.order}
        low.emit(take_rows, {**names, "batch": batch, "i": chosen}, nbytes=8 * batch)


class Shuffle:
    """Draws the orders of successive epochs: each shuffles the one before."""

    def __init__(self, n: int, random_state: np.random.RandomState) -> None:
        self._order, self._random_state = np.arange(n), random_state

    def draw(self) -> Array:
        """Return the order of the next epoch."""
        moves = np.arange(len(self._order))
        self._random_state.shuffle(moves)
        self._order = self._order[moves]
        return self._order
