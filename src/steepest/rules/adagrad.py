"""Adagrad: s ← s + g², θ ← θ − η g/(√s + eps).

Source: Duchi, Hazan & Singer, "Adaptive subgradient methods", JMLR 12 (2011), the diagonal form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import number

__all__ = ["Adagrad"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adagrad(Rule):
    """Steps divided by the root of the sum of all squared gradients so far.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    eps : float
        Keeps the divisor above 0.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.01, kw_only=False)
    eps: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Adagrad", "eps", self.eps, above=0)

    @property
    def slots(self) -> tuple[str, ...]:
        """s, the sum of squares."""
        return ("s",)

    @staticmethod
    def step(theta: Array, g: Array, s: Array, eta: float, eps: float, entries: range) -> None:
        """s += g²; theta −= eta g/(√s + eps)"""
        zero = theta.dtype.type(0)
        for i in entries:
            d = g[i]
            s[i] += d * d
            theta[i] -= eta * d / (math.sqrt(s[i]) + eps)
            g[i] = zero


examples = (Adagrad(),)
