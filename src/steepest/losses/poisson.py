"""Poisson loss: ℓ = Σ_k exp(z_k) − y_k z_k for the logarithm z of a rate and a count y ≥ 0.

z (n, k), y (n, k). It is −log of the Poisson probability of y but for log y!, which has no z in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import exp, times
from ..loss import Array, Loss
from ..onnx_form import OnnxGraph

__all__ = ["Poisson"]


@dataclass(frozen=True, repr=False)
class Poisson(Loss):
    """ℓ = Σ_k exp(z_k) − y_k z_k; targets are at least 0."""

    tasks: ClassVar[tuple[str, ...]] = ()  # targets are scaled to mean 0

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return (n, k), all of it at least 0."""
        y = super().targets(y, q, dtype)
        if (y < 0).any():
            row, column = (int(index) for index in np.argwhere(y < 0)[0])
            raise InputError(
                f"Poisson: targets must be at least 0; row {row} has {y[row, column]:g}"
            )
        return y

    def mean(self, z: Array) -> Array:
        """Return exp(z), the rates."""
        with np.errstate(over="ignore"):
            return np.exp(z)

    def onnx(self, g: OnnxGraph) -> str:
        return g.op("Exp", g.x)

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, rows: range) -> None:
        """loss = w Σ_k (exp(z) − y ⊙ z)"""
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                total += exp(z[i, k], z) - times(y[i, k], z[i, k])
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w (exp(z) − y); loss = w Σ_k (exp(z) − y ⊙ z)"""
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                e = exp(z[i, k], z)
                total += e - times(y[i, k], z[i, k])
                dz[i, k] = times(factor, e - y[i, k])
            loss[i] = times(w[i], total)


examples = (Poisson(),)
