"""Squared error: ℓ = ½ Σ_k (z_k − y_k)²; z (n, k), y (n, k). It estimates means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import times
from ..loss import Array, Loss

__all__ = ["Squared"]


@dataclass(frozen=True, repr=False)
class Squared(Loss):
    """ℓ = ½ Σ_k (z_k − y_k)²."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    by_output: ClassVar[bool] = True

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w ½ Σ_k (z − y)²"""
        half = z.dtype.type(0.5)
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += u * u
            loss[i] = times(w[i], half * total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w (z − y); loss = w ½ Σ_k (z − y)²"""
        half = z.dtype.type(0.5)
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += u * u
                dz[i, k] = times(factor, u)
            loss[i] = times(w[i], half * total)


examples = (Squared(),)
