"""Steps that need nothing of one another: each is run by whichever thread is free first.

So threads meet nowhere, and one that the machine slows down takes fewer steps. Each thread has
programs of its own, with memory of their own. The same comes out whoever runs a step. (The products
of such programs are our own, so BLAS has no threads to be kept from.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..kernels.atomics import call, fetch_add, load, store
from ..system.threads import Team
from .driver import Control, entry, span
from .operands import Buffer
from .program import Program

__all__ = ["Worker", "run", "take"]


@dataclass(frozen=True)
class Worker:
    """What one thread runs: a program for whole batches, and one for the last, shorter one.

    Both are for a single thread. In ``step`` they find the number of the step.
    """

    whole: Program
    short: Program | None
    step: Buffer


def run(workers: Sequence[Worker], steps: int, control: Control) -> float:
    """Run steps 0, …, ``steps`` − 1, each once, on as many threads as there are ``workers``.

    Returns
    -------
    float
        For how many seconds the thread that had least of a core had none.
    """
    driver = entry(take, 7)
    control.reset()

    def part(thread: int) -> int:
        worker = workers[thread]
        at = int(worker.step.words()[0])
        return driver(*span(worker.whole), *span(worker.short), at, steps, control.address)

    with Team(len(workers)) as team:
        team.run(part, control.stop, wait_for_all=False)
    control.check([p for worker in workers for p in (worker.whole, worker.short) if p is not None])
    return team.lacked


def take(
    whole: int, whole_end: int, short: int, short_end: int, step: int, steps: int, control: int
) -> int:
    """Run steps that no thread has taken yet, one after the other; return how many were run.

    The rows lie at the addresses from ``whole`` up to ``whole_end``; those of the last step, where
    it is shorter, from ``short`` to ``short_end``. ``step`` points to the number of the step, for
    this thread; ``control`` to the count of steps taken, the stop flag, and the row whose kernel
    failed.
    """
    done = 0
    number = fetch_add(control, 1)
    while number < steps and load(control + 8) == 0:
        store(step, number)
        row, end = whole, whole_end
        if short != 0 and number == steps - 1:
            row, end = short, short_end
        while row < end:
            if call(load(row), row, 0, 1) != 0:
                store(control + 16, row)
                store(control + 8, 1)
                return done
            row += 8 * load(row + 8)
        done += 1
        number = fetch_add(control, 1)
    return done
