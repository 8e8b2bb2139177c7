"""RMSprop: s ← ρ s + (1 − ρ) g², θ ← θ − η g/(√s + eps).

Centred, the divisor is √(s − a²) + eps, where a averages g as s does g²; with momentum, the
quotient is added up in v ← μ v + g/(…), and θ ← θ − η v.

Sources: Tieleman & Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning, 2012;
Graves, "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850, equations 38
to 41, for the centred form with momentum, which is PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Array, Rule
from ..schedules import Schedule
from ..settings import OFF
from ..validate import flag, number

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
    momentum : float
        μ, the fraction of the last sum of steps that is kept.
    centred : bool
        Divide by the root of the variance of g instead of its average square.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.001, kw_only=False)
    rho: float = 0.9
    eps: float = 1e-8
    momentum: float = field(default=0.0, metadata=OFF)
    centred: bool = field(default=False, metadata=OFF)

    def __post_init__(self) -> None:
        super().__post_init__()
        number("RMSprop", "rho", self.rho, least=0, below=1)
        number("RMSprop", "eps", self.eps, above=0)
        number("RMSprop", "momentum", self.momentum, least=0, below=1)
        flag("RMSprop", "centred", self.centred)

    @property
    def slots(self) -> tuple[str, ...]:
        """s, the average of squares; a, of g, and v, the sum of steps, where they are wanted."""
        return ("s", "a", "v") if self.momentum or self.centred else ("s",)

    @property
    def kernel(self) -> Callable[..., None]:
        whole = self.momentum or self.centred
        return type(self).step_centred_momentum if whole else type(self).step

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

    @staticmethod
    def step_centred_momentum(
        theta: Array,
        g: Array,
        s: Array,
        a: Array,
        v: Array,
        eta: float,
        rho: float,
        rest: float,
        eps: float,
        momentum: float,
        centred: float,
        entries: range,
    ) -> None:
        """v = momentum v + g/(√(s − a²) + eps); theta −= eta v; s, a average g², g"""
        zero = theta.dtype.type(0)
        for i in entries:
            d = g[i]
            s[i] = rho * s[i] + rest * d * d
            a[i] = rho * a[i] + rest * d
            mean = centred * a[i]
            left = s[i] - mean * mean
            left = left if left > zero else zero
            v[i] = momentum * v[i] + d / (math.sqrt(left) + eps)
            theta[i] -= eta * v[i]
            g[i] = zero


examples = (
    RMSprop(),
    RMSprop(rho=0.8, eps=1e-3),
    RMSprop(eps=1e-3, momentum=0.5),
    RMSprop(eps=1e-3, momentum=0.5, centred=True),
)
