"""Adam: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², θ ← θ − η m̂/(√v̂ + eps).

m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) undo that m and v begin at 0.

Source: Kingma & Ba, "Adam: A method for stochastic optimization", ICLR 2015, arXiv:1412.6980,
Algorithm 1, and the form at the end of its section 2, which adds its eps (there ε̂) to √v.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..rule import Array
from ..settings import OFF
from ..validate import flag
from ._moments import Moments

__all__ = ["Adam"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Adam(Moments):
    """Steps along the averaged gradient, divided by the root of the averaged square.

    Parameters
    ----------
    epsilon_hat : bool
        Add eps to √v and not to √v̂, as scikit-learn does.
    amsgrad : bool
        Divide by the root of the largest v so far (Reddi, Kale & Kumar, "On the convergence of Adam
        and beyond", ICLR 2018, arXiv:1904.09237), corrected as v is.
    """

    epsilon_hat: bool = False
    amsgrad: bool = field(default=False, metadata=OFF)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(type(self).__name__, "epsilon_hat", self.epsilon_hat)
        flag(type(self).__name__, "amsgrad", self.amsgrad)

    @property
    def slots(self) -> tuple[str, ...]:
        """M and v, the averages of g and g², and the largest v so far."""
        return ("m", "v", "most") if self.amsgrad else ("m", "v")

    @property
    def kernel(self) -> Callable[..., None]:
        return type(self).step_amsgrad if self.amsgrad else type(self).step

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

    @staticmethod
    def step_amsgrad(
        theta: Array,
        g: Array,
        m: Array,
        v: Array,
        most: Array,
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
        """theta −= eta · m/(1 − beta1ᵗ) / (√(most/(1 − beta2ᵗ)) + eps); most = max(most, v)"""
        zero = theta.dtype.type(0)
        old1, old2, power = 1.0 - np.float64(rest1), 1.0 - np.float64(rest2), np.float64(t)
        root = math.sqrt(1.0 - old2**power)
        size = theta.dtype.type(np.float64(eta) * root / (1.0 - old1**power))
        least = eps if epsilon_hat > 0 else theta.dtype.type(eps * root)
        for i in entries:
            d = g[i]
            m[i] = beta1 * m[i] + rest1 * d
            square = beta2 * v[i] + rest2 * d * d
            v[i] = square
            top = most[i]
            top = square if square > top else top
            most[i] = top
            theta[i] -= size * m[i] / (math.sqrt(top) + least)
            g[i] = zero


examples = (
    Adam(),
    Adam(amsgrad=True, beta2=0.5),
    Adam(eps=0.1),
    Adam(eps=0.1, epsilon_hat=True),
    Adam(beta1=0.0, beta2=0.5),
)
