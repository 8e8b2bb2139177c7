"""RMSprop: s ← ρ s + (1 − ρ) g², θ ← θ − η g/(√s + eps).

Source: Tieleman & Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning, 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import number

__all__ = ["RMSprop"]


@dataclass(frozen=True, kw_only=True, repr=False)
class RMSprop(Rule):
    """Steps divided by the root of a running average of squared gradients.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    rho : float
        The weight of the old average.
    eps : float
        Keeps the divisor above 0; added to the root.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.001, kw_only=False)
    rho: float = 0.9
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        number("RMSprop", "rho", self.rho, least=0, below=1)
        number("RMSprop", "eps", self.eps, above=0)

    @property
    def slots(self) -> tuple[str, ...]:
        """s, the average of squares."""
        return ("s",)

    def settings(self) -> dict[str, float]:
        """Return also 1 − rho, which float32 could not take from rho."""
        return super().settings() | {"rest": 1.0 - self.rho}

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        s: Array,
        eta: float,
        rho: float,
        rest: float,
        eps: float,
        entries: range,
    ) -> None:
        """s = rho s + rest g²; theta −= eta g/(√s + eps)"""
        zero = theta.dtype.type(0)
        for i in entries:
            d = g[i]
            s[i] = rho * s[i] + rest * d * d
            theta[i] -= eta * d / (math.sqrt(s[i]) + eps)
            g[i] = zero


examples = (RMSprop(), RMSprop(rho=0.8, eps=1e-3))
