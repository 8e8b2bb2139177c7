"""Threads beside the caller's own, what time they have had, and how many of them there may be."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ThreadError
from .cores import core_count
from .forks import call_in_forked

__all__ = ["Calling", "Helper", "room_for_threads", "started"]


class Helper:
    """A thread that does what it is asked to, one thing after the other; it ends with the process.

    Attributes
    ----------
    native : int
        What the operating system calls it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "steepest")
        self._clock: int | None = None
        self.native = self._pool.submit(self._begin).result()

    def _begin(self) -> int:
        if sys.platform == "linux":  # neither macOS nor Windows has such clocks
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        return threading.get_native_id()

    def ask(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have it call ``function`` when it has done what it was asked before."""
        self._pool.submit(function, *arguments)

    def seconds(self) -> float:
        """Return for how many seconds it has had a core; the time of day where nobody can say."""
        if sys.platform == "linux" and self._clock is not None:
            return time.clock_gettime(self._clock)
        return time.perf_counter()

    def end(self) -> None:
        """Wait until it has done what it was asked, and ended."""
        self._pool.shutdown()


def started(threads: int) -> list[Helper]:
    """Return so many helpers, all of which run.

    Raises
    ------
    ThreadError
        If the operating system starts no more; then there are none.
    """
    helpers: list[Helper] = []
    try:
        while len(helpers) < threads:
            helpers.append(Helper())
    except RuntimeError as error:  # what Python raises if the system gives it none
        for helper in helpers:
            helper.end()
        raise ThreadError(
            f"{threads} threads beside the caller's can't be started: {error}. Ask for fewer by "
            "threads=, or have the limit of processes and threads raised"
        ) from error
    return helpers


_callers: dict[int, int] = {}  # of each Python thread, in how many calls it is
call_in_forked(_callers.clear)


class Calling:
    """While it is entered, the calling thread counts as one that works, or has others work."""

    def __enter__(self) -> None:
        caller = threading.get_ident()
        _callers[caller] = _callers.get(caller, 0) + 1

    def __exit__(self, *exception: Any) -> None:
        caller = threading.get_ident()
        _callers[caller] = _callers.get(caller, 1) - 1
        if not _callers[caller]:
            del _callers[caller]


def room_for_threads() -> float:
    """Return how many threads may work for the calling one beside those of other callers.

    Fits and predictions of several Python threads at once would each take all cores otherwise. For
    a single one there is no bound.
    """
    others = len(_callers) - (threading.get_ident() in _callers)
    return core_count() // (1 + others) if others else math.inf
