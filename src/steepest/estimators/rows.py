"""Rows to train on or to validate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Rows"]


@dataclass
class Rows:
    """Inputs, encoded targets (n,) or (n, k), and weights or None."""

    X: Any
    y: NDArray[Any]
    w: NDArray[Any] | None

    def take(self, chosen: NDArray[Any]) -> Rows:
        """Return these rows of it."""
        return Rows(self.X[chosen], self.y[chosen], None if self.w is None else self.w[chosen])
