"""Adam: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², θ ← θ − η m̂/(√v̂ + eps).

m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) undo that m and v begin at 0.

Source: Kingma & Ba, "Adam: A method for stochastic optimization", ICLR 2015, arXiv:1412.6980,
Algorithm 1, and the form at the end of its section 2, which adds its eps (there ε̂) to √v.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import flag, number

__all__ = ["Adam"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adam(Rule):
    """Steps along the averaged gradient, divided by the root of the averaged square.

    Parameters
    ----------
    lr : float or callable
        η, or a schedule.
    beta1, beta2 : float
        The weights of the old averages.
    eps : float
        Keeps the divisor above 0.
    epsilon_hat : bool
        Add eps to √v and not to √v̂, as scikit-learn does.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.001, kw_only=False)
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    epsilon_hat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "beta1", self.beta1, least=0, below=1)
        number(type(self).__name__, "beta2", self.beta2, least=0, below=1)
        number(type(self).__name__, "eps", self.eps, above=0)
        flag(type(self).__name__, "epsilon_hat", self.epsilon_hat)

    @property
    def slots(self) -> tuple[str, ...]:
        """M and v, the averages of g and g²."""
        return ("m", "v")

    def settings(self) -> dict[str, float]:
        """Return also 1 − beta1 and 1 − beta2, which float32 could not take from beta1 and beta2.

        As 1 − 0.999 they would be off by 1 in 80,000.
        """
        return super().settings() | {"rest1": 1.0 - self.beta1, "rest2": 1.0 - self.beta2}

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
        epsilon_hat: float,
        entries: range,
    ) -> None:
        """theta −= eta · m/(1 − beta1ᵗ) / (√(v/(1 − beta2ᵗ)) + eps); m, v average g, g²"""
        zero = theta.dtype.type(0)
        old1, old2, power = 1.0 - np.float64(rest1), 1.0 - np.float64(rest2), np.float64(t)
        root = math.sqrt(1.0 - old2**power)  # η m̂/(√v̂ + eps) = η' m/(√v + eps root)
        size = theta.dtype.type(np.float64(eta) * root / (1.0 - old1**power))
        least = eps if epsilon_hat > 0 else theta.dtype.type(eps * root)
        for i in entries:
            d = g[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * d * d
            theta[i] -= size * m[i] / (math.sqrt(v[i]) + least)
            g[i] = zero


examples = (
    Adam(),
    Adam(eps=0.1),
    Adam(eps=0.1, epsilon_hat=True),
    Adam(beta1=0.0, beta2=0.5),
)
