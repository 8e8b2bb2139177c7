"""Huber's loss: ℓ = Σ_k h(z_k − y_k), h(u) = ½u² where |u| ≤ delta, delta·(|u| − ½delta) elsewhere.

z (n, k), y (n, k). Its gradient is u, cut off at ± delta, so that outliers weigh no more than that.

Source: Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.functions import times
from ..loss import Array, Loss
from ..validate import number

__all__ = ["Huber"]


@dataclass(frozen=True, repr=False)
class Huber(Loss):
    """Squared for errors up to ``delta``, straight beyond.

    Parameters
    ----------
    delta : float
        In units of the target.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    by_output: ClassVar[bool] = True

    delta: float = 1.0

    def __post_init__(self) -> None:
        number("Huber", "delta", self.delta, above=0)

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, delta: float, rows: range) -> None:
        """loss = w Σ_k h(z − y), h(u) = ½u² if |u| ≤ delta else delta·(|u| − ½delta)"""
        half = z.dtype.type(0.5)
        for i in rows:
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = abs(z[i, k] - y[i, k])
                cut = delta if u > delta else u
                total += cut * (u - half * cut)
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        delta: float,
        rows: range,
    ) -> None:
        """dz = scale w min(max(z − y, −delta), delta); loss = w Σ_k h(z − y)"""
        half = z.dtype.type(0.5)
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(z.shape[1]):
                u = z[i, k] - y[i, k]
                cut = delta if u > delta else u
                cut = -delta if cut < -delta else cut
                total += cut * (u - half * cut)
                dz[i, k] = times(factor, cut)
            loss[i] = times(w[i], total)


examples = (Huber(), Huber(0.3))
