"""Dropout: y = x ⊙ mask / (1 − rate) while training, y = x when predicting; (n, p) -> (n, p).

An entry of the mask is 0 with probability ``rate``. The mask is not stored: it is a function of
(key, step, entry), so the backward pass draws the same one.

Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", JMLR 15 (2014); scaled
while training ("inverted"), so that a prediction needs no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._random import squares
from ..layer import Array, Backward, Layer, fraction

if TYPE_CHECKING:
    from ..lowering import Lowering
    from ..program import Buffer

__all__ = ["Dropout"]


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Leave out each entry with probability ``rate`` while training.

    Parameters
    ----------
    rate : float
        At least 0, below 1.
    """

    predicts_alike: ClassVar[bool] = False

    rate: float

    def __post_init__(self) -> None:
        fraction("Dropout", "rate", self.rate)

    def lower(self, low: Lowering, x: Buffer) -> tuple[Buffer, Backward]:
        """Emit forward and backward with one key; in a prediction, or at rate 0, nothing."""
        if not low.training or self.rate == 0:
            return x, lambda dy, wants_dx: dy if wants_dx else None
        n, p = x.shape
        y = low.array("y", n, p)
        names: dict[str, Any] = {"x": x, "y": y, "key": low.key(), **self.settings()}
        low.emit(self.forward, names, flops=n * p)

        def backward(dy: Buffer, wants_dx: bool) -> Buffer | None:
            if not wants_dx:
                return None
            dx = low.array("dx", n, p)
            low.emit(self.backward_x, {**names, "dy": dy, "dx": dx}, flops=n * p)
            return dx

        return y, backward

    @staticmethod
    def forward(x: Array, y: Array, rate: float, key: int, step: int, rows: range) -> None:
        """y = x ⊙ mask(step) / (1 − rate)"""
        mask(x, y, rate, key, step, rows)

    @staticmethod
    def backward_x(dy: Array, dx: Array, rate: float, key: int, step: int, rows: range) -> None:
        """dx = dy ⊙ mask(step) / (1 − rate)"""
        mask(dy, dx, rate, key, step, rows)


def mask(x: Array, y: Array, rate: float, key: int, step: int, rows: range) -> None:
    """y = x ⊙ mask(step) / (1 − rate)"""
    p = x.shape[1]
    zero, kept = x.dtype.type(0), x.dtype.type(1) / (x.dtype.type(1) - rate)
    threshold = np.int64(np.float64(rate) * 9007199254740992.0)  # rate · 2⁵³
    for i in rows:
        start = (np.uint64(step) << np.uint64(32)) + np.uint64(i) * np.uint64(p)
        for j in range(p):
            drawn = np.int64(squares(start + np.uint64(j), key) >> np.uint64(11))
            y[i, j] = x[i, j] * (zero if drawn < threshold else kept)
