"""Half the Poisson deviance: ℓ = Σ_k exp(z_k) − y_k z_k + y_k log y_k − y_k, with 0 log 0 = 0.

z (n, k), the logarithm of a rate; y (n, k), counts of at least 0. It differs from `Poisson` by what
makes it 0 where exp(z) = y; the gradient is the same.

Source: McCullagh & Nelder, "Generalized linear models", 2nd edition, 1989, section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..kernels.functions import exp, times
from ..loss import Array
from ..losses.poisson import Poisson

__all__ = ["PoissonDeviance"]


@dataclass(frozen=True, repr=False)
class PoissonDeviance(Poisson):
    """ℓ = Σ_k exp(z_k) − y_k z_k + y_k log y_k − y_k."""

    @staticmethod
    def value(  # type: ignore[override]  # it asks for no ``full``
        z: Array, y: Array, w: Array, loss: Array, rows: range
    ) -> None:
        """loss = w Σ_k (exp(z) − y ⊙ z + y log y − y)"""
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                t = y[i, k]
                least = t * z.dtype.type(math.log(t)) - t if t > 0 else t
                total += exp(z[i, k], z) - times(t, z[i, k]) + least
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(  # type: ignore[override]
        z: Array, y: Array, w: Array, loss: Array, dz: Array, scale: float, rows: range
    ) -> None:
        """dz = scale w (exp(z) − y); loss = w Σ_k (exp(z) − y ⊙ z + y log y − y)"""
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                e, t = exp(z[i, k], z), y[i, k]
                least = t * z.dtype.type(math.log(t)) - t if t > 0 else t
                total += e - times(t, z[i, k]) + least
                dz[i, k] = times(factor, e - t)
            loss[i] = times(w[i], total)
