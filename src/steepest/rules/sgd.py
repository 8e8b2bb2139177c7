"""SGD: θ ← θ − η g; with momentum v ← μ v − η g, θ ← θ + v.

Plain SGD needs no g: the layers themselves add −η ∂ℓ/∂θ to θ (`steepest.training.step`). Kernels
leave zeros in g, to which the next backward pass adds.

Sources: Robbins & Monro, "A stochastic approximation method", Ann. Math. Statist. 22 (1951);
Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in deep
learning", ICML 2013, equations 1 to 4; for Nesterov's, our θ is their θ + μ v.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import InputError
from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import flag, number

__all__ = ["SGD"]


@dataclass(frozen=True, kw_only=True, repr=False)
class SGD(Rule):
    """Gradient descent, with momentum if asked for.

    Parameters
    ----------
    momentum : float
        μ, the fraction of the last step that is kept.
    nesterov : bool
        θ ← θ + μ v − η g, with the new v: θ is the point ahead, where the gradient is wanted.
    """

    lr: float | Schedule = field(default=0.01, kw_only=False)
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        number("SGD", "momentum", self.momentum, least=0, most=1)
        flag("SGD", "nesterov", self.nesterov)
        if self.nesterov and self.momentum == 0:
            raise InputError("SGD: nesterov needs a momentum above 0")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v",) if self.momentum else ()

    @property
    def fuses(self) -> bool:
        return self.momentum == 0 and self.plain

    @property
    def kernel(self) -> Callable[..., None]:
        if not self.momentum:
            return type(self).step
        return type(self).step_nesterov if self.nesterov else type(self).step_momentum

    @staticmethod
    def step(theta: Array, g: Array, eta: float, entries: range) -> None:
        """theta −= eta g"""
        for i in entries:
            theta[i] -= eta * g[i]
            g[i] = 0

    @staticmethod
    def step_momentum(
        theta: Array, g: Array, v: Array, eta: float, momentum: float, entries: range
    ) -> None:
        """v = momentum v − eta g; theta += v"""
        for i in entries:
            v[i] = momentum * v[i] - eta * g[i]
            theta[i] += v[i]
            g[i] = 0

    @staticmethod
    def step_nesterov(
        theta: Array, g: Array, v: Array, eta: float, momentum: float, entries: range
    ) -> None:
        """v = momentum v − eta g; theta += momentum v − eta g"""
        for i in entries:
            push = eta * g[i]
            v[i] = momentum * v[i] - push
            theta[i] += momentum * v[i] - push
            g[i] = 0


examples = (SGD(), SGD(momentum=0.9), SGD(momentum=0.8, nesterov=True))
