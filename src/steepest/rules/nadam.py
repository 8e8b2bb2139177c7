"""NAdam: Adam with Nesterov's momentum, which looks ahead to the average of the next step.

    μ_t = β₁ (1 − ½ 0.96^(t ψ)),  p_t = μ_1 μ_2 ⋯ μ_t
    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
    θ ← θ − η [(1 − μ_t)/(1 − p_t) g + μ_{t+1}/(1 − p_{t+1}) m] / (√v̂ + eps),  v̂ = v/(1 − β₂ᵗ)

Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, in PyTorch's form
(Algorithm 2 with the schedule of its section 3, whose ψ is ``momentum_decay``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..rule import Array, Slot
from ..schedules import Schedule
from ..validate import number
from ._moments import Moments

__all__ = ["NAdam"]


@dataclass(frozen=True, kw_only=True, repr=False)
class NAdam(Moments):
    """Adam's steps along a gradient that looks one step ahead.

    Parameters
    ----------
    momentum_decay : float
        ψ, by which μ_t nears β₁.
    """

    lr: float | Schedule = field(default=0.002, kw_only=False)
    momentum_decay: float = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        number("NAdam", "momentum_decay", self.momentum_decay, least=0)

    @property
    def memory(self) -> Mapping[str, Slot]:
        """M, v, and p_t with the three weights of the step."""
        return {**super().memory, "product": Slot((3,))}

    @staticmethod
    def begin(product: Array, t: int, rest1: float, momentum_decay: float) -> None:
        """product = (p_t, (1 − μ_t)/(1 − p_t), μ_{t+1}/(1 − p_{t+1})), from the last p"""
        kind, beta1, psi = product.dtype.type, 1.0 - np.float64(rest1), np.float64(momentum_decay)
        now = beta1 * (1.0 - 0.5 * 0.96 ** (np.float64(t) * psi))
        ahead = beta1 * (1.0 - 0.5 * 0.96 ** (np.float64(t + 1) * psi))
        p = now if t == 1 else np.float64(product[0]) * now
        product[0] = kind(p)
        product[1] = kind((1.0 - now) / (1.0 - p))
        product[2] = kind(ahead / (1.0 - p * ahead))

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        m: Array,
        v: Array,
        product: Array,
        eta: float,
        t: int,
        beta1: float,
        beta2: float,
        rest1: float,
        rest2: float,
        eps: float,
        entries: range,
    ) -> None:
        """theta −= eta (product₁ g + product₂ m)/(√(v/(1 − beta2ᵗ)) + eps); m, v average g, g²"""
        zero = theta.dtype.type(0)
        root = math.sqrt(1.0 - (1.0 - np.float64(rest2)) ** np.float64(t))
        size, least = theta.dtype.type(eta * root), theta.dtype.type(eps * root)
        along, before = size * product[1], size * product[2]
        for i in entries:
            d = g[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * d * d
            theta[i] -= (along * d + before * m[i]) / (math.sqrt(v[i]) + least)
            g[i] = zero


examples = (NAdam(), NAdam(eps=0.1, momentum_decay=0.3))
