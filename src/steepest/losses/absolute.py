"""Absolute error: ℓ = Σ_k |z_k − y_k|; z (n, k), y (n, k). It estimates medians.

The derivative where z_k = y_k is taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import times
from ..loss import Array, Loss

__all__ = ["Absolute"]


@dataclass(frozen=True, repr=False)
class Absolute(Loss):
    """ℓ = Σ_k |z_k − y_k|."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    by_output: ClassVar[bool] = True

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w Σ_k |z − y|"""
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                total += abs(z[i, k] - y[i, k])
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w sign(z − y); loss = w Σ_k |z − y|"""
        zero, one = z.dtype.type(0), z.dtype.type(1)
        for i in rows:
            factor = scale * w[i]
            total = zero
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                total += abs(u)
                tie = zero * u  # 0, or NaN
                sign = one if u > zero else (-one if u < zero else tie)
                dz[i, k] = times(factor, sign)
            loss[i] = times(w[i], total)


examples = (Absolute(),)
