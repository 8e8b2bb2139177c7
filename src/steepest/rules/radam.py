"""RAdam: Adam whose first steps, of which the variance is not known yet, are along m alone.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
    ρ = 2/(1 − β₂) − 1,  ρ_t = ρ − 2 t β₂ᵗ/(1 − β₂ᵗ)
    θ ← θ − η m̂ r √(1 − β₂ᵗ)/(√v + eps)   where ρ_t > 5, else θ ← θ − η m̂
    r = √[(ρ_t − 4)(ρ_t − 2) ρ / ((ρ − 4)(ρ − 2) ρ_t)],  m̂ = m/(1 − β₁ᵗ)

Source: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020,
arXiv:1908.03265, Algorithm 2; eps and the bound of 5 as in PyTorch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..rule import Array
from ._moments import Moments

__all__ = ["RAdam"]


@dataclass(frozen=True, kw_only=True, repr=False)
class RAdam(Moments):
    """Adam's steps, rectified while few gradients have been seen."""

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        m: Array,
        v: Array,
        eta: float,
        t: int,
        beta1: float,
        beta2: float,
        rest1: float,
        rest2: float,
        eps: float,
        entries: range,
    ) -> None:
        """theta −= eta m/(1 − beta1ᵗ) r √(1 − beta2ᵗ)/(√v + eps); m, v average g, g²"""
        zero, one = theta.dtype.type(0), theta.dtype.type(1)
        power = np.float64(t)
        left = 1.0 - (1.0 - np.float64(rest2)) ** power
        full = 2.0 / np.float64(rest2) - 1.0
        known = full - 2.0 * power * (1.0 - left) / left
        rate = np.float64(eta) / (1.0 - (1.0 - np.float64(rest1)) ** power)
        plain = known <= 5.0
        if not plain:
            rate *= math.sqrt(
                left * (known - 4.0) * (known - 2.0) * full / ((full - 4.0) * (full - 2.0) * known)
            )
        size = theta.dtype.type(rate)
        for i in entries:
            d = g[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * d * d
            divisor = one if plain else math.sqrt(v[i]) + eps
            theta[i] -= size * m[i] / divisor
            g[i] = zero


examples = (RAdam(), RAdam(beta2=0.8, eps=0.1))
