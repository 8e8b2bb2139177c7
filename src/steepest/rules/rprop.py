"""Rprop: every parameter has a step of its own, and the gradient gives the sign only.

    s ← s · grow where g has the sign of the last one, s · shrink where it has the other
    θ ← θ − sign(g) s, but where the sign has changed: there θ stays, and g counts as 0 next time

s lies between two bounds, and begins at η. It is meant for gradients of all examples.

Source: Riedmiller & Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
algorithm", IEEE International Conference on Neural Networks 1993, in the form without going back,
which is PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..errors import InputError
from ..rule import Array, Rule
from ..schedules import Schedule
from ..validate import number

__all__ = ["Rprop"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Rprop(Rule):
    """Steps by the signs of gradients.

    Parameters
    ----------
    lr : float or callable
        What the steps begin at: η of the first step.
    shrink, grow : float
        By which a step is multiplied where the sign changes, and where it stays.
    least, most : float
        The bounds of a step.
    """

    adaptive: ClassVar[bool] = True

    lr: float | Schedule = field(default=0.01, kw_only=False)
    shrink: float = 0.5
    grow: float = 1.2
    least: float = 1e-6
    most: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Rprop", "shrink", self.shrink, above=0, below=1)
        number("Rprop", "grow", self.grow, above=1)
        number("Rprop", "least", self.least, above=0)
        number("Rprop", "most", self.most, above=0)
        if self.least > self.most:
            raise InputError(f"Rprop: least is {self.least:g}, above most, {self.most:g}")

    @property
    def slots(self) -> tuple[str, ...]:
        """s, the steps, and the last gradient."""
        return ("s", "last")

    @staticmethod
    def step(
        theta: Array,
        g: Array,
        s: Array,
        last: Array,
        eta: float,
        shrink: float,
        grow: float,
        least: float,
        most: float,
        entries: range,
    ) -> None:
        """s = shrink s or grow s, by the signs of g and last; theta −= s sign(g)"""
        zero, one = theta.dtype.type(0), theta.dtype.type(1)
        for i in entries:
            d, size = g[i], s[i]
            agree = d * last[i]
            size = size if size > zero else eta
            size *= grow if agree > zero else (shrink if agree < zero else one)
            size = least if size < least else size
            size = most if size > most else size
            d = zero if agree < zero else d
            sign = one if d > zero else (-one if d < zero else zero)
            theta[i] -= sign * size
            s[i] = size
            last[i] = d
            g[i] = zero


examples = (Rprop(), Rprop(shrink=0.3, grow=1.5, most=0.06))
