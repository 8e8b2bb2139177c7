"""ASGD: gradient descent whose rate falls, and the average of all θ from some step on.

    η_t = η/(1 + λ η (t − 1))^α,  θ ← θ − η_t (g + λ θ)
    a ← a + (θ − a)/max(1, t − 1 − start)       the θ to predict with

Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
Optim. 30 (1992); the rate as in Bottou, "Stochastic gradient descent tricks", 2012, and PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..rule import Array, Rule, Slot
from ..schedules import Schedule
from ..validate import number

__all__ = ["ASGD"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ASGD(Rule):
    """Averaged gradient descent.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    shrinkage : float
        λ, of the rate and of θ (PyTorch's ``lambd``).
    power : float
        α, by which the rate falls.
    start : float
        After how many steps the average begins; until then it is θ itself (PyTorch's ``t0``).
    """

    lr: float | Schedule = field(default=0.01, kw_only=False)
    shrinkage: float = 1e-4
    power: float = 0.75
    start: float = 1e6

    def __post_init__(self) -> None:
        super().__post_init__()
        for what in ("shrinkage", "power", "start"):
            number("ASGD", what, getattr(self, what), least=0)

    @property
    def memory(self) -> Mapping[str, Slot]:
        return {"a": Slot(is_theta=True)}

    @property
    def predicts(self) -> str:
        return "a"

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        a: Array,
        eta: float,
        t: int,
        shrinkage: float,
        power: float,
        start: float,
        entries: range,
    ) -> None:
        """theta −= η_t (g + shrinkage theta); a += (theta − a)/max(1, t − 1 − start)"""
        zero, done, rate = theta.dtype.type(0), np.float64(t - 1), np.float64(eta)
        fall = (1.0 + np.float64(shrinkage) * rate * done) ** np.float64(power)
        size = theta.dtype.type(rate / fall)
        weight = theta.dtype.type(1.0 / max(1.0, done - np.float64(start)))
        shrink = size * shrinkage
        for i in entries:  # apart: a sum of three terms may be rounded in more ways than one
            theta[i] -= shrink * theta[i]
        for i in entries:
            theta[i] -= size * g[i]
            g[i] = zero
        if weight == 1:
            for i in entries:
                a[i] = theta[i]
        else:
            for i in entries:
                a[i] += weight * (theta[i] - a[i])


examples = (ASGD(), ASGD(shrinkage=0.1, start=2.0))
