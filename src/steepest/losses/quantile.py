"""Quantile loss, several levels at once: ℓ = Σ_k Σ_l ρ_l(y_k − z_kl), ρ_l(u) = max(l·u, (l − 1)·u).

y (n, k), z (n, k·L): the outputs for the L levels of target 1, then those of target 2, and so on.
Output z_kl estimates the quantile of target k at level l. The derivative at u = 0 is taken to be 0.

Source: Koenker & Bassett, "Regression quantiles", Econometrica 46 (1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..kernels.functions import times
from ..loss import Array, Loss, real_targets
from ..printing import shown
from ..validate import plain

__all__ = ["Quantile"]


@dataclass(frozen=True, repr=False)
class Quantile(Loss):
    """The pinball loss, summed over ``levels``.

    Parameters
    ----------
    levels : tuple of float
        Between 0 and 1, increasing.
    """

    tasks: ClassVar[tuple[str, ...]] = ()  # they have a setting of their own
    by_output: ClassVar[bool] = True

    levels: tuple[float, ...] = (0.05, 0.5, 0.95)

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", plain(self.levels))
        levels = np.asarray(self.levels, dtype=object)
        good = levels.ndim == 1 and len(levels) > 0
        good = good and all(isinstance(v, int | float) and 0 < v < 1 for v in levels)
        if not good or any(np.diff(np.asarray(levels, np.float64)) <= 0):
            raise InputError(
                "Quantile: levels must be increasing numbers between 0 and 1, "
                f"got {shown(self.levels)}"
            )
        object.__setattr__(self, "levels", tuple(float(v) for v in levels))

    def targets(self, y: Array, q: int, dtype: str) -> Array:
        """Return (n, k); a network needs an output for each target and level."""
        y = real_targets(self, y, dtype)
        wanted = y.shape[1] * len(self.levels)
        if q != wanted:
            raise InputError(
                f"Quantile: targets of shape {y.shape} at {len(self.levels)} levels need a network "
                f"with {wanted} outputs; this one has {q}"
            )
        return y

    def outputs(self, y: Array) -> int:
        """Return k·L."""
        return super().outputs(y) * len(self.levels)

    @staticmethod
    def value(z: Array, y: Array, w: Array, loss: Array, levels: Array, rows: range) -> None:
        """loss = w Σ_k Σ_l max(l·(y − z), (l − 1)·(y − z)), l in levels"""
        one, n_levels = z.dtype.type(1), levels.shape[0]
        for i in rows:
            total = z.dtype.type(0)
            for k in range(y.shape[1]):
                for m in range(n_levels):
                    u = y[i, k] - z[i, k * n_levels + m]
                    total += levels[m] * u if u > 0 else (levels[m] - one) * u
            loss[i] = times(w[i], total)

    @staticmethod
    def gradient(
        z: Array,
        y: Array,
        w: Array,
        loss: Array,
        dz: Array,
        scale: float,
        levels: Array,
        rows: range,
    ) -> None:
        """dz = scale w ([y < z] − l), l in levels, or 0 where y = z; loss = w Σ_k Σ_l ρ_l(y − z)"""
        zero, one, n_levels = z.dtype.type(0), z.dtype.type(1), levels.shape[0]
        for i in rows:
            factor = scale * w[i]
            total = z.dtype.type(0)
            for k in range(y.shape[1]):
                for m in range(n_levels):
                    level = levels[m]
                    u = y[i, k] - z[i, k * n_levels + m]
                    total += level * u if u > zero else (level - one) * u
                    tie = zero * u  # 0, or NaN
                    slope = -level if u > zero else (one - level if u < zero else tie)
                    dz[i, k * n_levels + m] = times(factor, slope)
            loss[i] = times(w[i], total)


examples = (Quantile(), Quantile((0.1, 0.5, 0.8)))
