"""Adagrad: s ← s + g², θ ← θ − η g/(√s + eps); s begins at 0, or at a number given.

Source: Duchi, Hazan & Singer, "Adaptive subgradient methods", JMLR 12 (2011), the diagonal form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..rule import Array, Rule, Slot
from ..schedules import Schedule
from ..settings import OFF
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
    initial : float
        What s begins at (PyTorch's ``initial_accumulator_value``).
    lr_decay : float
        Divides η by 1 + (t − 1) lr_decay in step t = 1, 2, …, as in PyTorch.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.01, kw_only=False)
    eps: float = 1e-10
    initial: float = field(default=0.0, metadata=OFF)
    lr_decay: float = field(default=0.0, metadata=OFF)

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Adagrad", "eps", self.eps, above=0)
        number("Adagrad", "initial", self.initial, least=0)
        number("Adagrad", "lr_decay", self.lr_decay, least=0)

    @property
    def slots(self) -> tuple[str, ...]:
        """s, the sum of squares."""
        return ("s",)

    @property
    def memory(self) -> Mapping[str, Slot]:
        return {"s": Slot(begins=self.initial)}

    @property
    def rests(self) -> bool:
        return True

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        s: Array,
        eta: float,
        t: int,
        eps: float,
        lr_decay: float,
        entries: range,
    ) -> None:
        """s += g²; theta −= eta g/(√s + eps)"""
        zero, one = theta.dtype.type(0), theta.dtype.type(1)
        eta /= one + theta.dtype.type(t - 1) * lr_decay
        for i in entries:
            d = g[i]
            s[i] += d * d
            theta[i] -= eta * d / (math.sqrt(s[i]) + eps)
            g[i] = zero


examples = (Adagrad(), Adagrad(initial=0.5, lr_decay=0.5))
