"""Adamax: Adam by the largest gradient: m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + eps).

    θ ← θ − η/(1 − β₁ᵗ) m/u

Source: Kingma & Ba, "Adam: A method for stochastic optimization", ICLR 2015, arXiv:1412.6980,
Algorithm 2; eps as in PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..rule import Array
from ..schedules import Schedule
from ._moments import Moments

__all__ = ["Adamax"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adamax(Moments):
    """Steps along the averaged gradient, divided by the largest of late."""

    lr: float | Schedule = field(default=0.002, kw_only=False)

    @property
    def slots(self) -> tuple[str, ...]:
        """M, the average of g, and u, the largest of late."""
        return ("m", "u")

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        m: Array,
        u: Array,
        eta: float,
        t: int,
        beta1: float,
        beta2: float,
        rest1: float,
        eps: float,
        entries: range,
    ) -> None:
        """m = beta1 m + rest1 g; u = max(beta2 u, |g| + eps); theta −= eta/(1 − beta1ᵗ) m/u"""
        zero = theta.dtype.type(0)
        size = theta.dtype.type(eta / (1.0 - (1.0 - np.float64(rest1)) ** np.float64(t)))
        for i in entries:
            d = g[i]
            m[i] = beta1 * m[i] + rest1 * d
            old, new = beta2 * u[i], abs(d) + eps
            new = old if old > new else new
            u[i] = new
            theta[i] -= size * m[i] / new
            g[i] = zero


examples = (Adamax(), Adamax(beta2=0.5, eps=0.1))
