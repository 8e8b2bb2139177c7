"""Rows to train on or to validate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Rows"]


@dataclass
class Rows:
    """Rows, prepared.

    Attributes
    ----------
    X : ndarray or CSR matrix, (n, p)
    y : ndarray, (n,) or (n, k)
        Encoded targets.
    targets : ndarray
        The same, as the loss wants them.
    w : ndarray, (n,), optional
        Weights.
    """

    X: Any
    y: NDArray[Any]
    targets: NDArray[Any]
    w: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, chosen: NDArray[Any]) -> Rows:
        """Return these rows of it."""
        w = None if self.w is None else self.w[chosen]
        return Rows(self.X[chosen], self.y[chosen], self.targets[chosen], w)
