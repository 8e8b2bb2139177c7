"""Threads that run one compiled function together, the caller's own among them.

Helpers wait in compiled code, without Python's lock, and look into a box of eight integers each:
what a caller posts there they run at once. When nothing has come for as long as a thread is patient
at a barrier, a helper sleeps. To wake up takes it some 50 µs, more than a small prediction.

=============  ===================================================================================
``TICKET``     0 if something is posted. Whoever adds to it first has it: the helper, who runs it,
               or the caller, who takes back what nobody has begun.
``DONE``       whether nothing is left to wait for
``SERVED``     whether the helper looks here, or has been asked to
``FUNCTION``   where the function is that was posted
``ARGUMENTS``  what is given to it: where it finds its arguments,
``THREAD``     the number of the thread,
``THREADS``    and how many there are
=============  ===================================================================================
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned
from ..compiler.store import driver_address
from ..kernels.atomics import call, fetch_add, load, store, yield_core
from ..system.cores import keep_to, other_cores, spins_for
from ..system.forks import call_in_forked
from ..system.threads import Calling, started

__all__ = ["Team", "entry"]


_PATIENCE = 6  # times that of a thread at a barrier: about half a millisecond


class _Box(IntEnum):
    TICKET = 0
    DONE = 1
    SERVED = 2
    FUNCTION = 3
    ARGUMENTS = 4
    THREAD = 5
    THREADS = 6


_SIZE = 64  # bytes of a box: a cache line
_DONE, _SERVED, _FUNCTION, _ARGUMENTS, _THREAD, _THREADS = (
    8 * int(_Box[name]) for name in ("DONE", "SERVED", "FUNCTION", "ARGUMENTS", "THREAD", "THREADS")
)


def serve(box: int, patience: int) -> int:
    """Run what is posted in ``box``, until nothing has come for ``patience`` looks."""
    looks = 0
    while looks < patience:
        looks += 1
        if load(box) == 0 and answer(box):
            looks = 0
    store(box + _SERVED, 0)
    answer(box)  # whoever posted before he could see that
    return 0


def answer(box: int) -> bool:
    """Run what is posted in ``box``, if it is there to be taken; return whether it was."""
    if load(box) != 0 or fetch_add(box, 1) != 0:
        return False
    call(load(box + _FUNCTION), load(box + _ARGUMENTS), load(box + _THREAD), load(box + _THREADS))
    store(box + _DONE, 1)
    return True


def post(boxes: int, threads: int, function: int, arguments: int) -> int:
    """Post a call in the boxes of all ``threads`` but the caller's; return how many don't look."""
    asleep = 0
    for thread in range(1, threads):
        box = boxes + _SIZE * (thread - 1)
        store(box + _FUNCTION, function)
        store(box + _ARGUMENTS, arguments)
        store(box + _THREAD, thread)
        store(box + _THREADS, threads)
        store(box + _DONE, 0)
        store(box, 0)
        asleep += load(box + _SERVED) == 0
    return asleep


def lead(boxes: int, threads: int, function: int, arguments: int, waits: int, patience: int) -> int:
    """Run the caller's part of what was posted, if there is a ``function``; end with the others.

    Unless the caller ``waits`` for all, those that have not begun by then have nothing to do.
    """
    if function != 0:
        call(function, arguments, 0, threads)
    for thread in range(1, threads):
        box = boxes + _SIZE * (thread - 1)
        if waits == 0 and fetch_add(box, 1) == 0:
            store(box + _DONE, 1)
        else:
            looks = 0
            while load(box + _DONE) == 0:
                looks += 1
                if looks > patience:
                    yield_core()
    return 0


class _Helpers:
    """Helpers that work for one team at a time, and their boxes."""

    def __init__(self, number: int) -> None:
        self._helpers = started(number)
        self._boxes = aligned(_SIZE // 8 * number, np.int64).reshape(number, -1)
        self._boxes[:, [_Box.TICKET, _Box.DONE]] = 1
        self._cores: set[int] = set()
        self.boxes = int(self._boxes.ctypes.data)

    def __len__(self) -> int:
        return len(self._helpers)

    def keep_to(self, cores: set[int]) -> None:
        """Have all run on these cores."""
        if cores != self._cores:
            for helper in self._helpers:
                keep_to(cores, helper.native)
            self._cores = cores

    def wake(self, number: int, patience: int) -> None:
        """Have those among the first ``number`` that don't look into their boxes do so."""
        for k in range(number):
            if not self._boxes[k, _Box.SERVED]:
                self._boxes[k, _Box.SERVED] = 1
                self._helpers[k].ask(entry(serve, 2), self.boxes + _SIZE * k, _PATIENCE * patience)

    def seconds(self, number: int) -> list[float]:
        """Return for how many seconds each of the first ``number`` has had a core."""
        return [self._helpers[k].seconds() for k in range(number)]

    def end(self) -> None:
        for helper in self._helpers:
            helper.end()


_waiting: dict[int, _Helpers] = {}
"""For the next team, by their number: starting them takes longer than a small program. What several
teams at once need beyond that ends with them."""
call_in_forked(_waiting.clear)


class Team:
    """So many threads. A context manager: it holds them.

    Parameters
    ----------
    threads : int
        The caller's own counts.

    Attributes
    ----------
    threads : int
    lacked : float
        For how many seconds of the last run the thread that had least of a core had none; 0 for the
        caller's thread alone.

    Raises
    ------
    ThreadError
        On entering, if the operating system starts no more.
    """

    def __init__(self, threads: int) -> None:
        self.threads, self.lacked = threads, 0.0
        self._helpers: _Helpers | None = None  # as many as were ever needed
        self._calling, self._held = Calling(), False

    def __enter__(self) -> Team:
        self._hold(self.threads)
        self._calling.__enter__()
        self._held = True
        return self

    def __exit__(self, *exception: Any) -> None:
        self._held = False
        self._calling.__exit__()
        self._release()

    def resize(self, threads: int) -> None:
        """Be so many threads from now on.

        Raises
        ------
        ThreadError
            If the operating system starts no more; then it is as many as before.
        """
        if self._held:
            self._hold(threads)
        self.threads = threads

    def _hold(self, threads: int) -> None:
        if threads - 1 > (0 if self._helpers is None else len(self._helpers)):
            helpers = _waiting.pop(threads - 1, None) or _Helpers(threads - 1)
            self._release()
            self._helpers = helpers

    def _release(self) -> None:
        helpers, self._helpers = self._helpers, None
        if helpers is not None and _waiting.setdefault(len(helpers), helpers) is not helpers:
            helpers.end()

    def run(
        self,
        function: Callable[[int, int, int], int],
        arguments: NDArray[np.int64],
        stop: Callable[[], None],
        *,
        wait_for_all: bool = True,
    ) -> None:
        """Run ``function``, compiled, once on each thread.

        It gets the address of ``arguments``, the number of the thread, and how many there are. If
        the caller is interrupted before all have begun, ``stop`` must make the others end. Without
        ``wait_for_all``, a thread that has not begun when the caller's has ended has nothing to do:
        for want of a core it may be milliseconds late.
        """
        self.lacked = 0.0
        at = int(arguments.ctypes.data)
        if self.threads == 1:
            entry(function, 3)(at, 0, 1)
            return
        if self._helpers is None:
            with self:
                self.run(function, arguments, stop, wait_for_all=wait_for_all)
                return
        helpers, others, patience = self._helpers, self.threads - 1, spins_for(self.threads)
        call_, boxes = entry(function, 3).address, helpers.boxes
        helpers.keep_to(other_cores(others))
        began, before = time.perf_counter(), [time.thread_time(), *helpers.seconds(others)]
        try:
            if entry(post, 4)(boxes, self.threads, call_, at):
                helpers.wake(others, patience)
            entry(lead, 6)(boxes, self.threads, call_, at, wait_for_all, patience)
        except BaseException:
            stop()
            entry(lead, 6)(boxes, self.threads, 0, 0, False, patience)
            raise
        after = [time.thread_time(), *helpers.seconds(others)]
        least = min(b - a for a, b in zip(before, after, strict=True))
        self.lacked = max(0.0, time.perf_counter() - began - least)


class _Entry:
    """A function of integers, as compiled."""

    def __init__(self, function: Callable[..., int], count: int) -> None:
        self.address = driver_address(function, count)
        # ctypes lets go of Python's lock during the call, so threads run at once.
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * count)
        self._function = kind(self.address)

    def __call__(self, *arguments: int) -> int:
        result = (ctypes.c_int64 * 2)()  # Numba returns a status, and the value through a pointer
        at = ctypes.addressof(result)
        self._function(at, at + 8, *arguments)
        return int(result[0])


@functools.cache
def entry(function: Callable[..., int], count: int) -> _Entry:
    """Return ``function``, of ``count`` integers, as compiled."""
    return _Entry(function, count)
