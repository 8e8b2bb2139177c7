"""Schedule-Free AdamW: steps from an average, without a schedule that must know when to end.

    y = (1 − β₁) z + β₁ x                      where the gradient g is taken: the θ to train
    v ← β₂ v + (1 − β₂) g²,  d = g/(√v̂ + eps) + decay · y,  v̂ = v/(1 − β₂ᵗ)
    z ← z − η d
    x ← (1 − c) x + c z                        the θ to predict with

c = w_t/(w_1 + … + w_t) with w_t = tʳ η_mᵖ, where η_m is the largest η so far: x is the average of
z. x, y and z begin at the same place.

Source: Defazio, Yang, Mehta, Mishchenko, Khaled & Cutkosky, "The road less scheduled", NeurIPS
2024, arXiv:2405.15682, Algorithm 1; w_t as in the authors' package ``schedulefree``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..rule import Array, Slot
from ..schedules import Schedule
from ..validate import number
from ._moments import Moments

__all__ = ["ScheduleFreeAdamW"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ScheduleFreeAdamW(Moments):
    """AdamW whose average of θ takes the place of a schedule; a constant η is meant.

    Parameters
    ----------
    beta1 : float
        Where the gradient is taken, from z at 0 to the average x near 1.
    weight_power : float
        p: the weight of a step in the average grows with η to this power, so that the steps of a
        warm-up weigh little.
    weight_growth : float
        r: later steps weigh more, by tʳ.
    """

    called: ClassVar[tuple[str, ...]] = ("schedule_free_adamw",)

    decays_itself: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.0025, kw_only=False)
    weight_power: float = 2.0
    weight_growth: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("ScheduleFreeAdamW", "weight_power", self.weight_power, least=0)
        number("ScheduleFreeAdamW", "weight_growth", self.weight_growth, least=0)

    @property
    def memory(self) -> Mapping[str, Slot]:
        """V, x, z, and (Σ w, what its rounding left, c, η_m)."""
        place, weights = Slot(is_theta=True), Slot((4,), restarts=True)
        return {"v": Slot(), "x": place, "z": place, "weights": weights}

    @property
    def predicts(self) -> str:
        return "x"

    @staticmethod
    def begin(
        weights: Array, eta: float, t: int, weight_power: float, weight_growth: float
    ) -> None:
        """weights = (Σ w, its rest, w/Σ w, max eta), w = t^weight_growth max eta^weight_power"""
        kind = weights.dtype.type
        most = max(np.float64(weights[3]), np.float64(eta))
        w = np.float64(t) ** np.float64(weight_growth) * most ** np.float64(weight_power)
        total = np.float64(weights[0]) + np.float64(weights[1]) + w
        weights[0] = kind(total)
        weights[1] = kind(total - np.float64(weights[0]))
        weights[2] = kind(w / total) if total > 0.0 else kind(0.0)
        weights[3] = kind(most)

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        v: Array,
        x: Array,
        z: Array,
        weights: Array,
        eta: float,
        t: int,
        beta1: float,
        beta2: float,
        rest2: float,
        eps: float,
        weight_decay: float,
        entries: range,
    ) -> None:
        """z −= eta (g/(√(v/(1 − beta2ᵗ)) + eps) + weight_decay theta); theta = z + beta1 (x − z)"""
        zero, c = theta.dtype.type(0), weights[2]
        root = math.sqrt(1.0 - (1.0 - np.float64(rest2)) ** np.float64(t))
        size, least = theta.dtype.type(eta * root), theta.dtype.type(eps * root)
        shrink = eta * weight_decay
        if shrink > zero:  # apart: a sum of three terms may be rounded in more ways than one
            for i in entries:
                z[i] -= shrink * theta[i]
        for i in entries:
            d = g[i]
            v[i] = beta2 * v[i] + rest2 * d * d
            z[i] -= size * d / (math.sqrt(v[i]) + least)
            x[i] += c * (z[i] - x[i])
            theta[i] = z[i] + beta1 * (x[i] - z[i])
            g[i] = zero


examples = (
    ScheduleFreeAdamW(),
    ScheduleFreeAdamW(eps=0.1, beta1=0.8, weight_growth=1.0, weight_decay=0.1),
)
