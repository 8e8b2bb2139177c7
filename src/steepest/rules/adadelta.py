"""Adadelta: steps in the unit of θ, without a learning rate but for a factor.

    s ← ρ s + (1 − ρ) g²,  d = √(w + eps)/√(s + eps) g
    w ← ρ w + (1 − ρ) d²,  θ ← θ − η d

Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv:1212.5701, Algorithm 1,
where η is 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import number

__all__ = ["Adadelta"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adadelta(Rule):
    """Steps as large as those before, by the averages of their squares and of the gradients'.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    rho : float
        The weight of the old averages.
    eps : float
        Lets the first steps be taken, and keeps the divisor above 0.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=1.0, kw_only=False)
    rho: float = 0.9
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Adadelta", "rho", self.rho, least=0, below=1)
        number("Adadelta", "eps", self.eps, above=0)

    @property
    def slots(self) -> tuple[str, ...]:
        """s and w, the averages of the squares of gradients and of steps."""
        return ("s", "w")

    def settings(self) -> dict[str, float]:
        """Return also 1 − rho, which float32 could not take from rho."""
        return super().settings() | {"rest": 1.0 - self.rho}

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        s: Array,
        w: Array,
        eta: float,
        rho: float,
        rest: float,
        eps: float,
        entries: range,
    ) -> None:
        """s = rho s + rest g²; d = √(w + eps)/√(s + eps) g; w = rho w + rest d²; theta −= eta d"""
        zero = theta.dtype.type(0)
        for i in entries:
            d = g[i]
            s[i] = rho * s[i] + rest * d * d
            d *= math.sqrt(w[i] + eps) / math.sqrt(s[i] + eps)
            w[i] = rho * w[i] + rest * d * d
            theta[i] -= eta * d
            g[i] = zero


examples = (Adadelta(), Adadelta(rho=0.8, eps=1e-3))
