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
from ..settings import OFF
from ..validate import flag, number
from ._momentum import step_dampened, step_momentum, step_nesterov

__all__ = ["SGD"]


@dataclass(frozen=True, kw_only=True, repr=False)
class SGD(Rule):
    """Gradient descent, with momentum if asked for.

    Parameters
    ----------
    momentum : float
        μ, the fraction of the last step that is kept.
    dampening : float
        v ← μ v − (1 − dampening) η g, but for the first step, which is −η g, as in PyTorch.
    nesterov : bool
        θ ← θ + μ v − η g, with the new v: θ is the point ahead, where the gradient is wanted.
    """

    lr: float | Schedule = field(default=0.01, kw_only=False)
    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = field(default=0.0, metadata=OFF)

    def __post_init__(self) -> None:
        super().__post_init__()
        number("SGD", "momentum", self.momentum, least=0, most=1)
        flag("SGD", "nesterov", self.nesterov)
        number("SGD", "dampening", self.dampening, least=0, most=1)
        if self.nesterov and self.momentum == 0:
            raise InputError("SGD: nesterov needs a momentum above 0")
        if self.dampening and (self.nesterov or self.momentum == 0):
            raise InputError("SGD: dampening needs a momentum above 0, and no nesterov")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("v",) if self.momentum else ()

    @property
    def fuses(self) -> bool:
        return self.momentum == 0 and self.plain

    @property
    def rests(self) -> bool:
        return self.momentum == 0

    @property
    def kernel(self) -> Callable[..., None]:
        if not self.momentum:
            return type(self).step
        if self.dampening:
            return step_dampened
        return step_nesterov if self.nesterov else step_momentum

    def settings(self) -> dict[str, float]:
        """Return also 1 − dampening, which float32 could not take from dampening."""
        return super().settings() | {"undampened": 1.0 - self.dampening}

    @staticmethod
    def step(theta: Array, g: Array, eta: float, entries: range) -> None:
        """theta −= eta g"""
        for i in entries:
            theta[i] -= eta * g[i]
            g[i] = 0


examples = (
    SGD(),
    SGD(momentum=0.9),
    SGD(momentum=0.8, nesterov=True),
    SGD(momentum=0.9, dampening=0.3),
    SGD(ema=0.9),
)
