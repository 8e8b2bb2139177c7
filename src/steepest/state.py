"""State: what a layer keeps from step to step beside its parameters, such as running statistics.

It belongs to the network as θ does: it is saved, kept in checkpoints, exported, and put back when a
chunk of steps diverges and with the best epoch. No gradient is taken with respect to it, and no
penalty or decay applies to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .validate import axes_of, flag, number

__all__ = ["State"]


@dataclass(frozen=True)
class State:
    """What a layer says of one array of its state."""

    shape: tuple[int, ...]
    start: float | tuple[float, ...] = 0.0
    """The value of every entry before the first step, or one for each column."""
    averaged: bool = True
    """Whether processes that train together average it, as they average gradients. If not, it must
    be the same in each of them anyway, like a number of steps."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", axes_of("State", "shape", self.shape, least=0))
        flag("State", "averaged", self.averaged)
        if isinstance(self.start, tuple):
            for value in self.start:
                number("State", "each of start", value)
        else:
            number("State", "start", self.start)
