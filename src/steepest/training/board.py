"""The board: what Python and the compiled steps of a chunk tell one another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..kernels.atomics import store
from ..lowering.scheduled import ScheduledValues

__all__ = ["CHUNK", "Board", "record", "tick"]


CHUNK = 4096
"""The most steps between which Python looks up."""


class Board:
    """Numbers that Python writes before a chunk of steps, and those that it reads afterwards.

    Parameters
    ----------
    arena : Arena
        Gives memory.
    flag : int
        The address of the word by which a step stops the run.
    step : int
        The number of the next step.

    Attributes
    ----------
    step : Buffer
        t, the number of the step; each step adds 1.
    eta, minus_eta : Buffer
        η_t and −η_t.
    count : Buffer
        t + 1.
    epoch : Buffer
        (2,): the first step of the fit, and which epoch the order in memory is for.
    scheduled : ScheduledValues
        Numbers that follow schedules; their ``total`` is to be set before the first step.
    """

    def __init__(self, arena: Arena, flag: int, step: int) -> None:
        self.step = Buffer.number("t")
        self.step.array[()] = step
        self._begin = Buffer.number("t0")  # the first step of the chunk
        self._rates, self._losses = arena.array("rates", CHUNK), arena.array("losses", CHUNK)
        self.eta, self.minus_eta = arena.array("η", 1), arena.array("−η", 1)
        self.count = arena.array("count", 1, kind="i")
        self.epoch = arena.array("epoch", 2, kind="i")
        self.scheduled = ScheduledValues(arena, self._begin, CHUNK)
        self._flag = flag

    @property
    def ticks(self) -> dict[str, Any]:
        """The operands of the kernel that begins a step."""
        return {
            "t0": self._begin,
            "rates": self._rates,
            "eta": self.eta,
            "minus_eta": self.minus_eta,
            "count": self.count,
        }

    @property
    def records(self) -> dict[str, Any]:
        """The operands of the kernel that ends a step, but for the losses of its examples."""
        return {"t0": self._begin, "losses": self._losses, "flag": self._flag}

    def write(self, rates: Array) -> None:
        """Write down the learning rates of the next steps, and all else that they read."""
        first = int(self.step.array)
        self._begin.array[()] = first
        self._rates.array[: rates.size] = rates
        self.scheduled.fill(first, rates.size)

    def losses(self, done: int) -> Array:
        """Return the losses of the chunk's first ``done`` steps, float64."""
        return self._losses.array[:done].astype(np.float64)


def tick(step, t0, rates, eta, minus_eta, count):  # type: ignore[no-untyped-def]
    """η ← η_t"""
    count[0] = step + 1
    eta[0] = rates[step - t0]
    minus_eta[0] = -rates[step - t0]


def record(step, t0, loss, penalty, losses, flag):  # type: ignore[no-untyped-def]
    """losses[t] ← the average of loss, plus penalty; stop if it is not finite"""
    total = 0.0
    for i in range(loss.shape[0]):
        total += loss[i]
    total /= loss.shape[0]
    for k in range(penalty.shape[0]):
        total += penalty[k]
    losses[step - t0] = total
    if not math.isfinite(total):
        store(flag, 1)
