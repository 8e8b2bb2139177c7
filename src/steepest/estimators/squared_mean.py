"""Squared error as scikit-learn's MLP reports it: ℓ = 1/(2k) Σ_k (z_k − y_k)²; z (n, k), y (n, k).

Its gradient is nevertheless that of ½ Σ_k (z_k − y_k)²: the number of outputs k divides what is
shown, and what the stopping rule sees, but not the steps. For one output it is `Squared`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.functions import times
from ..loss import Array, Loss

__all__ = ["SquaredMean"]


@dataclass(frozen=True, repr=False)
class SquaredMean(Loss):
    """ℓ = 1/(2k) Σ_k (z_k − y_k)², with steps along the gradient of k·ℓ."""

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w/(2k) Σ_k (z − y)²"""
        share = z.dtype.type(0.5) / z.dtype.type(z.shape[1])
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += u * u
            loss[i] = times(w[i], share * total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w (z − y); loss = w/(2k) Σ_k (z − y)²"""
        share = z.dtype.type(0.5) / z.dtype.type(z.shape[1])
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += u * u
                dz[i, k] = factor * u
            loss[i] = times(w[i], share * total)
