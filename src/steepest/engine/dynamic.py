"""Steps that need nothing of one another: each is run by whichever thread is free first.

So threads meet nowhere, and one that the machine slows down takes fewer steps. Each thread has
programs of its own, with memory of their own. The same comes out whoever runs a step. (The products
of such programs are our own, so BLAS has no threads to be kept from.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.atomics import call, fetch_add, load, store
from .driver import Control, span
from .operands import Buffer
from .program import Program
from .team import Team

__all__ = ["DynamicRun", "Worker", "take"]

_STEPS = 5  # the place of their number among a worker's integers


@dataclass(frozen=True)
class Worker:
    """What one thread runs: a program for whole batches, and one for the last, shorter one.

    Both are for a single thread. In ``step`` they find the number of the step.
    """

    whole: Program
    short: Program | None
    step: Buffer


class DynamicRun:
    """Steps that are run on as many threads as there are ``workers``, as often as one likes.

    Attributes
    ----------
    lacked : float
        For how many seconds of the last run the thread that had least of a core had none.
    """

    def __init__(self, workers: Sequence[Worker], control: Control) -> None:
        self._control = control
        self._programs = [p for w in workers for p in (w.whole, w.short) if p is not None]
        self._words = np.array(
            [
                (*span(w.whole), *span(w.short), w.step.words()[0], 0, control.address, 0)
                for w in workers
            ],
            np.int64,
        )
        self._team = Team(len(workers))

    def __call__(self, steps: int) -> None:
        """Run steps 0, …, ``steps`` − 1, each once."""
        self._control.reset()
        self._words[:, _STEPS] = steps
        with self._team as team:
            team.run(take, self._words, self._control.stop, wait_for_all=False)
        self._control.check(self._programs)

    @property
    def lacked(self) -> float:
        return self._team.lacked


def take(words: int, thread: int, threads: int) -> int:
    """Run steps that no thread has taken yet, one after the other; return how many were run.

    Of each thread there are eight integers at ``words``. The rows of a step lie at the addresses
    from the first up to the second; those of the last step, where it is shorter, from the third up
    to the fourth. The fifth points to the number of the step, for this thread; the sixth is how
    many steps there are; and the seventh points to the count of steps taken, the stop flag, and the
    row whose kernel failed.
    """
    words += 64 * thread
    short, step = load(words + 16), load(words + 32)
    steps, control = load(words + 40), load(words + 48)
    done = 0
    number = fetch_add(control, 1)
    while number < steps and load(control + 8) == 0:
        store(step, number)
        row, end = load(words), load(words + 8)
        if short != 0 and number == steps - 1:
            row, end = short, load(words + 24)
        while row < end:
            if call(load(row), row, 0, 1) != 0:
                store(control + 16, row)
                store(control + 8, 1)
                return done
            row += 8 * load(row + 8)
        done += 1
        number = fetch_add(control, 1)
    return done
