"""Numbers that follow a schedule from step to step, such as a dropout rate that falls.

Each schedule has a table of the values of one chunk of steps. Python fills it before the chunk
runs, and an instruction of the program reads from it what holds at the current step.
"""

from __future__ import annotations

import numpy as np

from ..emitter import Emitter
from ..engine.arena import Arena
from ..engine.operands import Buffer
from ..errors import InputError
from ..schedule import Schedule, for_steps, values_of
from ..schedules import ReduceOnPlateau

__all__ = ["ScheduledValues", "values_of"]


class ScheduledValues:
    """The schedules of a run, other than the learning rate's, and their values.

    Parameters
    ----------
    arena : Arena
        Gives memory.
    begin : Buffer
        Where the number of the first step of the chunk lies.
    chunk : int
        The most steps of a chunk.

    Attributes
    ----------
    total : int or None
        The number of steps that schedules stretch over if they don't say so themselves; None if
        nobody knows.
    """

    def __init__(self, arena: Arena, begin: Buffer, chunk: int) -> None:
        self._arena, self._begin, self._chunk = arena, begin, chunk
        self._tables: dict[tuple[Schedule, float], tuple[Buffer, Buffer]] = {}
        self.total: int | None = 1

    def lower(self, low: Emitter, schedule: Schedule, below: float) -> Buffer:
        """Emit what reads the value of the current step; return where that lies.

        Raises
        ------
        InputError
            If the schedule is more than a function of the step.
        """
        if isinstance(schedule, ReduceOnPlateau):
            raise InputError(f"{schedule!r} is for learning rates only: it looks at the losses")
        if (schedule, below) not in self._tables:
            name = f"s{len(self._tables)}"
            self._tables[schedule, below] = (
                self._arena.array(f"{name}[t]", self._chunk),
                self._arena.array(name, 1),
            )
        table, value = self._tables[schedule, below]
        low.emit(follow, {"t0": self._begin, "table": table, "value": value}, nbytes=0)
        return Buffer(value.name, (), "f", value.block)

    def fill(self, first: int, size: int) -> None:
        """Write the values of the steps of a chunk."""
        steps = np.arange(first, first + size)
        for (schedule, below), (table, _) in self._tables.items():
            known = schedule if self.total is None else for_steps(schedule, self.total)
            table.array[:size] = values_of(known, steps, below)


def follow(step, t0, table, value):  # type: ignore[no-untyped-def]
    """value ← table"""
    value[0] = table[step - t0]
